"""networkx graphs: attributes, shared parameters, what is refused."""

from __future__ import annotations

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest

from irc.frontends.networkx import from_networkx
from irc.ir.diagnostics import Error


def diamond(**attributes) -> nx.DiGraph:
    """x -> a, x -> b, a -> y, b -> y; ``attributes`` go to the edge x -> a."""
    g = nx.DiGraph(name="diamond")
    g.add_edge("x", "a", **attributes)
    g.add_edges_from([("x", "b"), ("a", "y"), ("b", "y")])
    return g


def test_plain():
    graph = from_networkx(diamond())
    assert graph.labels == ("x", "a", "b", "y") and graph.name == "diamond"
    assert graph.inputs.tolist() == [0] and graph.outputs.tolist() == [3]
    assert graph.parameter_names == ("w_x_a", "w_x_b", "w_a_y", "w_b_y")
    assert graph.initial is None
    assert {str(graph.activation_of(neuron)) for neuron in range(4)} == {"identity"}
    assert from_networkx(diamond(), act="tanh").activation_of(0).name == "identity"
    assert from_networkx(diamond(), act="tanh").activation_of(1).name == "tanh"


def test_in_sets_are_in_the_order_of_addition():
    g = nx.DiGraph([("b", "y"), ("a", "y")])
    assert from_networkx(g).parameter_names == ("w_b_y", "w_a_y")


def test_weights_and_biases():
    g = diamond(weight=np.float32(0.5))
    g.edges["b", "y"]["weight"] = Fraction(1, 4)
    g.nodes["y"]["bias"] = 2
    g.nodes["a"]["bias"] = -0.5
    graph = from_networkx(g)
    assert graph.parameter_names == ("w_x_a", "w_x_b", "w_a_y", "w_b_y", "b_a", "b_y")
    assert graph.bias.tolist() == [-1, 4, -1, 5]
    assert np.array_equal(graph.initial, [0.5, np.nan, np.nan, 0.25, -0.5, 2], equal_nan=True)


def test_a_weight_of_zero_is_an_edge():
    graph = from_networkx(diamond(weight=0))
    assert graph.edge_count == 4 and graph.initial[0] == 0


def test_node_attributes():
    g = diamond()
    nx.set_node_attributes(g, {"a": "relu_leaky<0.2>", "b": ("elu", 2), "y": "linear", "x": None}, "activation")
    nx.set_node_attributes(g, {"y": "max", "a": None}, "aggregation")
    graph = from_networkx(g)
    names = [str(graph.activation_of(neuron)) for neuron in range(4)]
    assert names == ["identity", "relu_leaky<0.2>", "elu<2.0>", "identity"]
    assert [graph.aggregation_of(neuron) for neuron in range(4)] == ["sum", "sum", "sum", "max"]


def test_shared_by_name():
    g = diamond(param="shared", weight=1.5)
    g.edges["b", "y"]["param"] = "shared"
    graph = from_networkx(g)
    assert graph.parameter.tolist() == [0, 1, 2, 0]
    assert graph.parameter_names == ("shared", "w_x_b", "w_a_y")
    assert graph.initial[0] == 1.5


def test_shared_by_number_which_is_the_place_in_the_flat_vector():
    g = diamond(param=2)
    g.edges["b", "y"]["param"] = np.int64(2)
    g.edges["a", "y"]["param"] = 0
    graph = from_networkx(g)
    assert graph.parameter.tolist() == [2, 1, 0, 2]
    assert graph.parameter_names == ("w_a_y", "w_x_b", "w_x_a")


def test_inputs_and_constants():
    g = diamond()
    g.nodes["x"]["activation"] = "relu"
    graph = from_networkx(g)
    assert graph.activation_of(0).name == "identity" and "is ignored" in graph.warnings[0].message
    g.add_edge("one", "y")
    g.nodes["one"]["bias"] = 1.0
    graph = from_networkx(g)
    assert graph.inputs.tolist() == [0] and graph.bias[4] >= 0
    assert any("constant" in warning.message for warning in graph.warnings)


def test_outputs():
    g = nx.DiGraph([(0, 2), (1, 2), (2, 3)])  # in the order of addition: 0, 2, 1, 3
    assert from_networkx(g, outputs=[2]).outputs.tolist() == [1]
    assert from_networkx(g, outputs=3).outputs.tolist() == [3]
    assert from_networkx(g, outputs="2").outputs.tolist() == [1]
    assert from_networkx(diamond(), outputs=["y", 1]).outputs.tolist() == [3, 1]
    pairs = nx.DiGraph([((0, 0), (1, 0))])
    assert from_networkx(pairs, outputs=(1, 0)).outputs.tolist() == [1]
    for outputs in ([7], ["nowhere"], [[1]], 1.5, []):
        with pytest.raises(Error):
            from_networkx(g, outputs=outputs)


def test_multigraph_without_parallel_edges():
    g = nx.MultiDiGraph([("x", "y")])
    g.edges["x", "y", 0]["weight"] = 3.0
    assert from_networkx(g).initial.tolist() == [3.0]
    g.add_edge("x", "y")
    with pytest.raises(Error, match="edge x -> y is there 2 times"):
        from_networkx(g)


@pytest.mark.parametrize(
    ("edge", "node", "message"),
    [
        ({"weight": "1"}, {}, "the weight of edge x -> a is a finite number, not '1'"),
        ({"weight": float("nan")}, {}, "the weight of edge x -> a is a finite number"),
        ({"weight": 10**400}, {}, "the weight of edge x -> a is a finite number"),
        ({"weight": 1j}, {}, "is a finite number"),
        ({"weight": True}, {}, "is a finite number"),
        ({"param": 1.5}, {}, "param of edge x -> a is a name, or a number from 0, not 1.5"),
        ({"param": ""}, {}, "param of edge x -> a"),
        ({"param": -1}, {}, "param of edge x -> a"),
        ({"param": 4}, {}, "param 0x4 is out of range"),
        ({"param": 10**5000}, {}, "out of range"),
        ({"param": "w_b_y"}, {}, "param 'w_b_y' is also the name of another parameter"),
        ({"delay": 2}, {}, "the delay of edge x -> a is 0 or 1, not 2; for more steps, put identity nodes in between"),
        ({}, {"delay": 1}, "node a has a delay"),
        ({}, {"bias": "no"}, "the bias of node a is a finite number"),
        ({}, {"bias": float("inf")}, "the bias of node a is a finite number"),
        ({}, {"activation": "rleu"}, "node a: unknown activation 'rleu'"),
        ({}, {"activation": "softmax"}, "softmax acts on a whole layer"),
        ({}, {"activation": "relu<2>"}, "relu takes no parameter"),
        ({}, {"activation": "elu<x>"}, "is a number, not 'x'"),
        ({}, {"activation": ("elu", "1")}, "is a finite number, not '1'"),
        ({}, {"activation": 3}, "an activation is a name"),
        ({}, {"aggregation": "mode"}, "unknown aggregation 'mode'"),
        ({}, {"aggregation": ["sum"]}, "unknown aggregation"),
    ],
)
def test_bad_attributes(edge, node, message):
    g = diamond(**edge)
    g.nodes["a"].update(node)
    with pytest.raises(Error, match=message) as caught:
        from_networkx(g)
    assert len(caught.value.diagnostics) == 1


def test_shared_with_different_weights():
    g = diamond(param="p", weight=1.0)
    g.edges["b", "y"].update(param="p", weight=2.0)
    with pytest.raises(Error, match=r"edge b -> y has weight 2.0, but an edge before it that shares param 'p' has 1.0"):
        from_networkx(g)


def test_bad_graphs():
    for g, message in [
        (nx.Graph([("a", "b")]), "undirected"),
        (nx.MultiGraph([("a", "b")]), "undirected"),
        (nx.DiGraph(), "at least one neuron"),
        (nx.DiGraph([("a", "a")]), "cycle: a -> a"),
        (nx.DiGraph([("x", "a"), ("a", "b"), ("b", "a")]), "cycle: a -> b -> a"),
        (nx.DiGraph([(1, "1")]), "label '1' is used for two neurons"),
        ("x", "expected a networkx.DiGraph, not str"),
    ]:
        with pytest.raises(Error, match=message):
            from_networkx(g)


def test_aggregation_of_nothing():
    g = nx.DiGraph([("x", "y"), ("c", "y")])
    g.nodes["c"].update(bias=1.0, aggregation="product")
    with pytest.raises(Error, match="neuron c has no in-edges: their product is not defined"):
        from_networkx(g)


def test_all_errors_together():
    g = diamond(weight="x")
    g.nodes["y"]["activation"] = "nope"
    g.add_edge("y", "a")
    with pytest.raises(Error) as caught:
        from_networkx(g)
    assert len(caught.value.diagnostics) == 3
