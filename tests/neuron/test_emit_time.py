"""Equations, matrices and pictures of nets with delays, and of nets whose layers are more than neurons side by side."""

from xml.etree import ElementTree

import numpy as np
import pytest

from irc.dialects.neuron import Net, parameter_names
from irc.emit import ncc
from irc.emit.dot import dot
from irc.emit.equation_text import parse_equations
from irc.emit.equations import equations, single_neurons
from irc.emit.names import EquationNames
from irc.emit.svg import svg
from irc.frontends import mdl
from irc.frontends.sources import SourceOptions, load_module
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.locations import Source
from irc.ir.types import f64
from irc.text.parser import parse_module
from support.nets import FOLDER, net_of

ECHO = """N 04
net "echo"
outputs 03
00 02 w=1.0
02 02 w=0.5 delay=1
03 02 w=0.25 delay=1
02 03 w=1.0
01 03 w=-1.0 delay=1
02 : tanh
03 : identity
"""
SVG = "{http://www.w3.org/2000/svg}"


def echo() -> Net:
    return net_of(load_module(ECHO, SourceOptions(dtype="float64")))


def model(name: str) -> Net:
    return net_of(load_module(FOLDER / f"{name}.mdl", SourceOptions(dtype="float64")))


def net(body: str) -> Net:
    """A net of one input and one output, y."""
    return net_of(parse_module(f"neuron.net @n(%x: f32) -> f32 parameters 2 {{\n{body}\nneuron.output %y : f32\n}}"))


def dashed(picture: str) -> int:
    """The number of edges that are dashed."""
    root = ElementTree.fromstring(picture)
    edges = next(g for g in root.iter(f"{SVG}g"))
    return sum(path.get("stroke-dasharray") is not None for path in edges.iter(f"{SVG}path"))


def test_a_value_of_the_step_before_is_written_with_its_time():
    lines = equations(echo()).splitlines()
    assert "# n01[t-1] is 0 at the first step" in lines
    assert "n02 = f02( +n00*w0002 +n02[t-1]*w0202 +n03[t-1]*w0302)" in lines
    assert "n03 = f03( +n02*w0203 +n01[t-1]*w0103)" in lines
    assert "before" not in equations(echo())  # a delay is no neuron with a name of its own


def test_delays_of_delays_add_up():
    text = equations(
        net("""
        %d = neuron.delay %x {initial = 0.5} : f32
        %e = neuron.delay %d {initial = 0.25} : f32
        %y = neuron.node tanh(%d*w[0] + %e*w[1])
        """)
    )
    assert "# x[t-1] is 0.5 at the first step\n# x[t-2] is 0.25 at the first step\n" in text
    assert "y = f_y( +x[t-1]*w_x_y +x[t-2]*w_x_y_2)" in text


def test_delays_that_begin_differently_are_told_apart():
    text = equations(
        net("""
        %d = neuron.delay %x {initial = 0.5} : f32
        %e = neuron.delay %x {initial = 0.25} : f32
        %y = neuron.node tanh(%d*w[0] + %e*w[1])
        """)
    )
    assert "# x[t-1] is 0.5 at the first step\n# e is 0.25 at the first step\n" in text
    assert "e = x[t-1]\n" in text and "y = f_y( +x[t-1]*w_x_y +e*w_x_y_2)" in text


def test_a_ring_of_delays_goes_round():
    ring = net("""
        %d = neuron.delay %e {initial = 0.5} : f32
        %e = neuron.delay %d : f32
        %y = neuron.node tanh(%x*w[0] + %d*w[1])
        """)
    assert "d = e[t-1]\n" in equations(ring) and "e = d[t-1]\n" in equations(ring)
    assert dashed(svg(ring)) == 2


def test_an_output_may_be_of_the_step_before():
    delayed = net_of(
        parse_module("""neuron.net @n(%x: f64) -> f64 parameters 0 {
          %d = neuron.delay %x : f64
          neuron.output %d : f64
        }""")
    )
    assert "# outputs: x[t-1]" in equations(delayed)
    assert ncc.forward(delayed) == ""
    assert dashed(svg(delayed)) == 1 and 'style="dashed"' in dot(delayed)


@pytest.mark.parametrize("source", [echo, lambda: model("lstm"), lambda: model("gated")])
def test_equations_evaluated_step_by_step_are_the_net(source):
    over_time = single_neurons(source())
    names, read = EquationNames(over_time), parse_equations(equations(over_time))
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3, len(over_time.arguments))), rng.normal(size=over_time.parameter_count)
    state = np.zeros((3, len(over_time.delays)))
    y, _ = Interpreter(over_time.parent_op).call(over_time.sym_name.value, [x, w, state])
    before = {f"{name}[t-{steps}]": np.zeros(3) for name, steps in read.delayed}
    for row, wanted in zip(x, y, strict=True):
        given = dict(zip(parameter_names(over_time), w, strict=True))
        given |= {names.plain(a): row[:, k] for k, a in enumerate(over_time.arguments)}
        values = {**given, **read.evaluate({**given, **before})}
        found = np.stack([values[names.plain(v)] for v in over_time.outputs], 1)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        before = {f"{name}[t-1]": values[name] for name, _ in read.delayed}


@pytest.mark.parametrize("text", ["x = y[t]", "x = y[t+1]", "x = y[t-0]", "x = y[t-1", "f(z) = z[t-1]", "x = y[s-1]"])
def test_times_that_are_none(text):
    with pytest.raises(Error):
        parse_equations(text)


def test_the_matrix_has_the_time_too():
    assert "+n02[t-1]*w0202" in ncc.matrix(echo()) and "+n01[t-1]*w0103" in ncc.matrix(echo())


def test_an_edge_of_the_same_step_and_one_of_the_step_before_share_a_cell():
    both = net("%d = neuron.delay %x : f32\n%y = neuron.node tanh(%x*w[0] + %d*w[1])")
    assert "+x*w_x_y+x[t-1]*w_x_y_2" in ncc.matrix(both)


def test_backward_forms_say_that_gradients_go_back_through_time():
    with pytest.raises(Error, match="Run lower-neuron before autodiff") as caught:
        equations(model("lstm"), backward=True)
    assert len(caught.value.diagnostics) == 1 and caught.value.diagnostics[0].line == 3
    with pytest.raises(Error, match="ncc's backward lines know no time"):
        ncc.historical_backward(echo())


def test_edges_from_the_step_before_are_dashed():
    picture, graph = svg(echo()), dot(echo())
    assert dashed(picture) == 3 and "of the step before" in picture
    ElementTree.fromstring(picture)
    lines = [line for line in graph.splitlines() if "->" in line]
    assert len(lines) == 5 and sum('style="dashed"' in line for line in lines) == 3
    assert '  2 -> 2 [label="w0202 [t-1]", style="dashed", constraint="false"];' in lines


def test_nets_without_delays_have_no_dashes():
    still = net_of(mdl.parse(Source("/xavier,zero/ (x, 2) (y, 2, <tanh>, <mse>)", "m.mdl"), dtype=f64))
    assert "dash" not in svg(still) + dot(still)


@pytest.mark.parametrize(("name", "vertices", "late"), [("big", 12, 1), ("merge-legal", 10, 1), ("readme-split", 7, 0)])
def test_layers_that_are_no_neurons_are_drawn_as_layers(name, vertices, late):
    drawn = model(name)
    circles = [c for c in ElementTree.fromstring(svg(drawn)).iter(f"{SVG}circle") if c.get("r") == "15"]
    graph = dot(drawn)
    assert len(circles) == vertices == graph.count("neurons")
    assert dashed(svg(drawn)) == late == graph.count("dashed")
    assert "softmax, " in svg(drawn) and "softmax\\n" in graph


def test_a_net_of_too_many_neurons_is_drawn_as_its_layers():
    wide = net_of(mdl.parse(Source("/xavier,zero/ (x, 2) (h, 6000, <tanh>) (y, 2, <tanh>, <mse>)", "m.mdl")))
    assert "h: tanh, 6000 neurons" in svg(wide)
