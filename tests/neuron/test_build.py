"""From graphs to nets: names, places, start values, and the form that suits the size."""

from __future__ import annotations

import networkx
import numpy as np
import pytest

from irc.dialects.neuron import Dag, Node, parameter_fan_in, parameter_names
from irc.frontends.build import graph_to_module
from irc.frontends.ndarray import from_array
from irc.frontends.networkx import from_networkx
from irc.ir.locations import NameLocation
from irc.ir.types import f32, f64
from irc.ir.verifier import verify
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.nets import after, call, net_of, random_data, random_graph, sample_graph, sample_module


def large(count: int = 80) -> np.ndarray:
    """A dense triangle of edges, whose neurons stand in reverse order."""
    return np.tril(np.ones((count, count), bool), -1)


def test_size_chooses_the_form():
    assert all(isinstance(op, Node) for op in list(net_of(sample_module("nn00.nal")).block)[:-1])
    module = graph_to_module(from_array(large()))
    assert isinstance(net_of(module).block.first, Dag)
    verify(module)
    with pytest.raises(ValueError, match="form must be"):
        graph_to_module(sample_graph("nn00.nal"), "trees")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("form", ["nodes", "dag"])
def test_names_and_fan_in_are_the_graphs(seed, form):
    graph = random_graph(seed)
    net = net_of(graph_to_module(graph, form))
    assert tuple(parameter_names(net)) == graph.parameter_names
    assert parameter_fan_in(net).tolist() == graph.parameter_fan_in.tolist()


@pytest.mark.parametrize("form", ["nodes", "dag"])
def test_names_that_follow_need_no_list(form):
    for graph in (sample_graph("nn00.nal"), sample_graph("fcn-letters.nam"), from_array(large(9))):
        net = net_of(graph_to_module(graph, form))
        assert net.names is None
        assert tuple(parameter_names(net)) == graph.parameter_names


@pytest.mark.parametrize("form", ["nodes", "dag"])
def test_names_that_a_user_chose_are_listed(form):
    graph = networkx.DiGraph()
    graph.add_edge("x", "y", param="shared")
    net = net_of(graph_to_module(from_networkx(graph), form))
    assert [name.value for name in net.names] == ["shared"]


def test_large_nets_have_no_list_of_names():
    graph = from_array(large())
    net = net_of(graph_to_module(graph))
    assert net.names is None and tuple(parameter_names(net)) == graph.parameter_names
    assert parameter_names(net_of(after(graph_to_module(graph), "explode-neurons"))) == list(graph.parameter_names)


def test_unused_parameters_and_those_of_layers_have_numbers():
    text = """
    neuron.net @f(%v: tensor<2xf32>) -> tensor<1xf32> parameters 4 {
      %y = neuron.layer relu(%v*w[1:3]) #neuron.dense<2, 1>
      neuron.output %y : tensor<1xf32>
    }
    """
    assert parameter_names(net_of(parse_module(text))) == ["p00", "p01", "p02", "p03"]
    assert parameter_fan_in(net_of(parse_module(text))).tolist() == [0, 2, 2, 0]


def test_places_are_those_of_the_file():
    for op in sample_module("nn00.nal").walk():
        if isinstance(op, Node):
            assert isinstance(op.location, NameLocation) and op.location.name == op.value.name_hint
            place = op.location.file_location()
            assert place is not None and place.source is not None
            assert place.source.line(place.line).startswith(op.location.name[1:])  # type: ignore[union-attr]


def test_initial_values():
    matrix = np.array([[0, 0.5, -2.0], [0, 0, 0.25], [0, 0, 0]])
    module = graph_to_module(from_array(matrix, act="identity"), dtype=f64)
    net = net_of(module)
    assert net.initial.array.tolist() == [0.5, -2.0, 0.25]
    x = np.array([[3.0]])
    assert call(module, net.sym_name.value, [x, net.initial.array]).tolist() == [[3 * 0.5 * 0.25 - 6]]


def equal_neurons(module):
    PassManager(parse_pipeline("cse")).run(module)
    return sum(isinstance(op, Node) for op in module.walk())


def test_neurons_of_equal_inputs_and_parameters_are_one():
    graph = networkx.DiGraph()
    for hidden in ("b", "c"):
        graph.add_edge("a", hidden, param="same")
        graph.add_edge(hidden, "d")
    assert equal_neurons(graph_to_module(from_networkx(graph))) == 2
    numbers = networkx.DiGraph()
    for hidden in ("b", "c"):
        numbers.add_edge("a", hidden, weight=0.5)  # equal numbers are a coincidence
        numbers.add_edge(hidden, "d", weight=1.0)
    assert equal_neurons(graph_to_module(from_networkx(numbers))) == 3


def test_dead_neurons_go_with_a_warning_that_names_them():
    module = graph_to_module(sample_graph("nn00.nal").with_outputs(["n0c"]), dtype=f32)
    x, w, _ = random_data(net_of(module), 0)
    wanted = call(module, "nn00", [x, w])
    context = PassContext()
    PassManager(parse_pipeline("dce"), context).run(module)
    assert [d.message for d in context.diagnostics.found] == ["neuron n0d reaches no output and is removed"]
    assert context.diagnostics.found[0].line is not None
    assert np.array_equal(call(module, "nn00", [x, w]), wanted)
