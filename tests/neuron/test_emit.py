"""Equations, matrices and pictures of nets."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.dialects.neuron import parameter_names
from irc.emit import ncc
from irc.emit.dot import dot
from irc.emit.equation_text import parse_equations
from irc.emit.equations import equations
from irc.emit.names import EquationNames
from irc.emit.svg import svg
from irc.frontends.build import graph_to_module
from irc.frontends.networkx import from_networkx
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.types import f64
from support.nets import SAMPLES, after, net_of, random_data, random_graph, sample_module

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> str:
    return (GOLDEN / name).read_text()


@pytest.mark.parametrize("form", ["nodes", "dag"])
def test_ncc_forms_are_what_ncc_printed(form):
    nal, nam = net_of(sample_module("nn00.nal", form)), net_of(sample_module("nn00.nam", form))
    assert ncc.forward(nal) == golden("nn00.nal.fwd.txt")
    assert ncc.forward(nam, inputs=True) == golden("nn00.nam.fwd-all.txt")
    assert ncc.matrix(nam) == golden("nn00.nam.matrix.txt")
    assert ncc.historical_backward(nal) == golden("nn00.nal.bwd-ncc.txt")


def evaluated(net, x, w, dy, backward=True) -> dict[str, np.ndarray]:
    """All values of the net's equations."""
    names = EquationNames(net)
    values = dict(zip(parameter_names(net), w, strict=True))
    values |= {names.plain(a): x[:, i] for i, a in enumerate(net.arguments)}
    if backward:
        values |= {f"DLY_{names.plain(o)}": dy[:, i] for i, o in enumerate(net.outputs)}
    found = parse_equations(equations(net, backward)).evaluate(values)
    return {**values, **{k: np.broadcast_to(v, (len(x),)) for k, v in found.items()}}


def check_equations(module, seed: int) -> None:
    """The equations, evaluated, give the interpreter's numbers, forward and backward."""
    net = net_of(module)
    x, w, dy = random_data(net, seed)
    y, dx, dw = Interpreter(after(module, "autodiff")).call(f"{net.sym_name.value}_vjp", [x, w, dy])
    values, names = evaluated(net, x, w, dy), EquationNames(net)
    for i, output in enumerate(net.outputs):
        assert np.allclose(values[names.plain(output)], y[:, i], rtol=1e-12, atol=1e-12)
    for i, argument in enumerate(net.arguments):
        assert np.allclose(values[f"D{names.plain(argument)}"], dx[:, i], rtol=1e-12, atol=1e-12)
    for i, parameter in enumerate(parameter_names(net)):
        assert np.allclose(values[f"D{parameter}"].sum(), dw[i], rtol=1e-11, atol=1e-11)
    assert evaluated(net, x, w, dy, backward=False).keys() <= values.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_equations_of_samples(name):
    check_equations(sample_module(name, "nodes"), 1)


@pytest.mark.parametrize("seed", range(30))
def test_equations_of_random_nets(seed):
    check_equations(graph_to_module(random_graph(seed), "nodes", f64), seed)


def test_backward_lines():
    text = equations(net_of(sample_module("nn00.nal")), backward=True)
    lines = text.splitlines()
    for line in (
        "d0c = g0c(DLY_n0c)",
        "d04 = g04( +d08*w0408 +d09*w0409)",
        "Dw0004 = n00*d04",
        "g04(d) = d*relu'(z04)",
        "z04 = ( +n00*w0004 +n01*w0104)",
        "Dn00 = ( +d04*w0004 +d05*w0005)",
    ):
        assert line in lines
    assert golden("nn00.nal.fwd.txt") in text
    assert lines.index("d0c = g0c(DLY_n0c)") < lines.index("d04 = g04( +d08*w0408 +d09*w0409)")


def labelled():
    """A net whose labels are everything but plain names."""
    graph = networkx.DiGraph()
    graph.add_edge("first input", "a+b", weight=0.5)
    graph.add_edge("1", "a+b", weight=-1.5, param="shared one")
    graph.add_edge("1", 'say "hi"\\', param="shared one")
    graph.add_edge("a+b", "d", weight=2.0)
    graph.add_edge('say "hi"\\', "d", weight=1.0)
    graph.add_edge("d", "max", weight=1.0)
    graph.nodes["a+b"].update(activation=("relu_leaky", 0.3), bias=0.25)
    graph.nodes["d"].update(activation="tanh", aggregation="max")
    return graph_to_module(from_networkx(graph), "nodes", f64)


def test_labels_are_used_and_read_back():
    module = labelled()
    text = equations(net_of(module), backward=True)
    assert '"f_a+b"(z) = relu_leaky<0.3>(z)' in text
    assert '"Dshared one" = "1"*"d_a+b" + "1"*"d_say \\"hi\\"\\\\"' in text
    check_equations(module, 0)
    assert "first input" in svg(net_of(module))
    ElementTree.fromstring(svg(net_of(module)))


WRONG = {
    "x = ": "expected a name, got the end of the line",
    "x = 1 +": "expected a name",
    "x = (1": r"expected '\)'",
    "x = 1 2": "expected an operator or the end of the line, got '2'",
    "x == 1": "expected a name, got '='",
    "= 1": "expected a name, got '='",
    "x = 1\nx = 2": "'x' is defined twice",
    "f(z) = z\nf(z) = z": "function 'f' is defined twice",
    "relu(z) = z": "is known already",
    "f(z) = g(z)": "there is no activation 'g'",
    "x = relu(1, 2)": "takes one argument",
    "x = max()": "write max",
    "x = max'[2](1, 2)": "there is no term 2",
    "x = relu<1>(2)": "takes no parameter",
    "x = softmax(2)": "whole layer",
    "x = " + "(" * 1000: "nested more than 100",
    "x = " + "-" * 1000 + "1": "nested more than 100",
    'x = "open': "expected a name",
    "x = y": "'y' has no value here",
    "x = f(1)": "there is no function 'f'",
    "y = 1\nx = given": "",
}


@pytest.mark.parametrize("text", WRONG)
def test_errors_have_places(text):
    if not WRONG[text]:
        parse_equations(text).evaluate({"given": 1})
        return
    with pytest.raises(Error, match=WRONG[text]) as caught:
        parse_equations(text).evaluate({})
    assert caught.value.diagnostics[0].line in (1, 2)


def test_values_of_unequal_length_are_an_error():
    with pytest.raises(Error, match="'x' cannot be evaluated"):
        parse_equations("x = a + b").evaluate({"a": np.zeros(2), "b": np.zeros(3)})


def test_expressions():
    text = """
    # a comment
    f(z) = 2*z - 1    # and another
    a = f(3)
    b = -a + 4/2*3
    c = max(a, b, 2) + max'[0](a, b) + mean(1, 2) + product'[1](3, 4, 5)
    d = f() + ()
    e = relu'(1) + relu'(-1) + relu_leaky<0.5>(-2) + relu_leaky'<0.5>(-2)
    """
    found = parse_equations(text).evaluate({})
    assert [float(found[n]) for n in "abcde"] == [5.0, 1.0, 5 + 1 + 1.5 + 15, -1.0, 1 + 0 - 1 + 0.5]


PIECES = [*"x()+-*/=,1'#\n \"\0\u00e9", "n00", "relu", "max", "<0.1>", "[1]", "2.5e3", '"a b"', "f(z) = "]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_gives_equations_or_a_diagnostic(text):
    try:
        parse_equations(text).evaluate({"x": 1.0, "n00": np.ones(2)})
    except Error as error:
        assert error.diagnostics


@pytest.mark.parametrize("name", SAMPLES)
def test_pictures(name):
    net = net_of(sample_module(name))
    picture = svg(net)
    assert picture == svg(net)
    root = ElementTree.fromstring(picture)
    circles = [c for c in root.iter("{http://www.w3.org/2000/svg}circle") if c.get("r") == "15"]
    graph = dot(net)
    edges = sum(1 for line in graph.splitlines() if "->" in line)
    paths = list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert len(paths) == edges == net.parameter_count
    assert len({(c.get("cx"), c.get("cy")) for c in circles}) == len(circles)
