"""Delayed edges in the forms of graphs that have them: .nel, networkx, edits, unions, and the way back from a net."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import irc
from irc.emit.graph import graph_of
from irc.emit.nel import nel
from irc.frontends import edit
from irc.frontends.build import graph_to_module
from irc.frontends.nel import parse
from irc.frontends.networkx import from_networkx, to_networkx
from irc.frontends.union import union
from irc.interpreter import Interpreter
from irc.ir.locations import Source
from irc.ir.types import f64
from irc.ir.verifier import verify
from support.nets import FOLDER

TEXT = """N 04
net "r"
outputs 03
02 : tanh
03 : sigmoid bias=0.5
00 02 w=0.5
02 02 w=0.25 delay=1
03 02 w=-1.0 delay=1
02 03 w=2.0
01 03 w=0.75 delay=1
"""


def read(text: str = TEXT):
    return parse(Source(text, "r.nel"))


def equations(x: np.ndarray) -> np.ndarray:
    """The net of TEXT, step by step."""
    found, before, n2, n3 = [], 0.0, 0.0, 0.0
    for a, b in x:
        n2 = np.tanh(0.5 * a + 0.25 * n2 - n3)
        n3 = 1 / (1 + np.exp(-(2 * n2 + 0.75 * before + 0.5)))
        before = b
        found.append([n3])
    return np.array(found)


@pytest.mark.parametrize("form", ["nodes", "dag"])
def test_a_delayed_edge_carries_the_value_of_the_step_before(form):
    graph = read()
    module = graph_to_module(graph, form, f64)
    verify(module)
    x = np.random.default_rng(0).normal(size=(6, 2))
    state = np.zeros((1, 3))
    y, last = Interpreter(module).call("r", [x[:, None], graph.initial, state])
    np.testing.assert_allclose(y[:, 0], equations(x), rtol=1e-14)
    assert last.shape == (1, 3)
    with irc.compile(module) as net:
        np.testing.assert_allclose(net.run(x), equations(x), rtol=1e-13)
        assert list(net.state) == ["n01", "n02", "n03"]
        assert list(net.params) == ["w0002", "w0202", "w0302", "w0203", "w0103", "b03"]
    assert nel(graph_of(module.body.first)) == nel(graph)


def test_nel_reads_back_as_it_was_written():
    assert nel(read()) == TEXT
    assert nel(read(TEXT.replace("00 02 w=0.5\n", "00 02 delay=0 w=0.5\n"))) == TEXT


def test_networkx_has_the_delay_as_an_attribute():
    g = to_networkx(read())
    assert g.edges["n03", "n02"]["delay"] == 1 and "delay" not in g.edges["n00", "n02"]
    assert nel(from_networkx(g)) == TEXT


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("03 02 w=-1.0 delay=1", "03 02 w=-1.0", "cycle: n02 -> n03 -> n02; a net must be feed-forward, but for edges"),
        ("02 02 w=0.25 delay=1", "02 02 w=0.25", "cycle: n02 -> n02"),
        ("delay=1\n03", "delay=2\n03", "a delay is 0 or 1 step; for more, put identity neurons in between"),
        ("delay=1\n03", "delay=x\n03", "expected a number of steps"),
        ("02 03 w=2.0", "02 03 w=2.0\n02 03 delay=1", "edge n02 -> n03 is given twice"),
        ("outputs 03\n", "", "every neuron feeds another one: say which are outputs"),
    ],
)
def test_what_is_wrong_in_a_text(old, new, message):
    assert old in TEXT
    with pytest.raises(irc.Error, match=message):
        read(TEXT.replace(old, new))


@pytest.mark.parametrize("delay", [2, -1, 0.5, True, "1"])
def test_delays_that_networkx_cannot_mean(delay):
    g = nx.DiGraph([("x", "a")])
    g.edges["x", "a"]["delay"] = delay
    with pytest.raises(irc.Error, match="the delay of edge x -> a is 0 or 1, not"):
        from_networkx(g)


@pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
@pytest.mark.parametrize("name", ["small", "gated", "lstm"])
def test_models_go_through_graphs(name, tmp_path):
    """Merges become neurons with weights that are 1 at first; in networkx, parameters lose their places."""
    net = irc.compile(FOLDER / f"{name}.mdl", dtype="float64", seed=1)
    x = np.random.default_rng(0).normal(size=(4, net.input_size))
    wanted = net.run(x)
    irc.convert(net, tmp_path / "m.nel", lossy=True)
    for source in (irc.to_networkx(net, lossy=True), tmp_path / "m.nel"):
        np.testing.assert_allclose(irc.compile(source, dtype="float64").run(x), wanted, rtol=1e-12, atol=1e-12)


def test_forms_without_delays_say_what_they_would_lose():
    for form in (".nam", "an adjacency matrix", ".nal"):
        with pytest.raises(irc.Error, match="the delay of 3 edges") as caught:
            irc.to_array(read()) if "matrix" in form else irc.convert(TEXT, f"/nowhere/r{form}", options=None)
        assert form.strip(".") in str(caught.value)


def test_edits_keep_delays():
    graph = edit.add_edge(read(), "n03", "n03", 0.125, delayed=True)
    assert np.flatnonzero(graph.delayed).tolist() == [1, 2, 4, 5]
    graph = edit.remove_edge(graph, "n03", "n02")
    assert np.flatnonzero(graph.delayed).tolist() == [1, 3, 4]
    graph = edit.remove_neuron(edit.add_neuron(graph, "m", sources={"n00": 1.0}), "m")
    assert np.flatnonzero(graph.delayed).tolist() == [1, 3, 4]
    assert edit.add_edge(parse(Source("N 03\n00 02\n", "f.nel")), "n01", "n02").delayed is None


def test_a_population_of_recurrent_nets_and_others():
    """Each net of it computes what it computes alone."""
    straight = parse(Source("N 03\n00 02 w=1.0\n01 02 w=-1.0\n02 : tanh\n", "s.nel"))
    together = union([read(), straight], shared_inputs=True)
    x = np.random.default_rng(0).normal(size=(5, 2))
    with irc.compile(graph_to_module(together, dtype=f64)) as net:
        y = net.run(x)
    np.testing.assert_allclose(y, np.column_stack([equations(x), np.tanh(x[:, 0] - x[:, 1])]), rtol=1e-12)


def test_what_no_graph_says():
    text = """
    neuron.net @n(%x: f32) -> f32 parameters 0 {{
      %d = neuron.delay {source} {initial} : f32
      %e = neuron.delay %d : f32
      %y = neuron.node tanh(%x + {used})
      neuron.output {output} : f32
    }}
    """
    for source, initial, used, output, message in (
        ("%y", "{initial = 0.5}", "%d", "%y", "a delay starts at 0.5; in a graph delays start at 0"),
        ("%y", "", "%e", "%y", "a delay of a delay is no edge of a graph"),
        ("%y", "", "%d", "%d", "an output is delayed, not an edge"),
    ):
        written = text.format(source=source, initial=initial, used=used, output=output)
        if used != "%e":
            written = written.replace("%e = neuron.delay %d : f32", "")
        with irc.compile(irc.parse(written)) as net, pytest.raises(irc.Error, match=message):
            net.graph(lossy=True)
