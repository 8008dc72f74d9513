"""The graph itself: order, cycles, names."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.frontends.activation import Activation
from irc.frontends.ndarray import from_array
from irc.frontends.networkx import from_networkx
from irc.frontends.topology import cycles, orderable
from irc.ir.diagnostics import Error

EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda e: e[0] != e[1]), unique=True)


@given(EDGES)
def test_order_and_cycles_agree_with_networkx(edges):
    g = nx.DiGraph()
    g.add_nodes_from(range(8))
    g.add_edges_from(edges)
    source, target = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    order, found = orderable(8, source, target).tolist(), cycles(8, source, target)
    if nx.is_directed_acyclic_graph(g):
        assert order == list(nx.lexicographical_topological_sort(g))
        assert found == []
    else:
        assert len(order) < 8 and found
    seen: set[int] = set()
    for cycle in found:
        assert all(g.has_edge(i, j) for i, j in zip(cycle, cycle[1:] + cycle[:1], strict=True))
        assert cycle[0] == min(cycle) and not seen & set(cycle)
        seen |= set(cycle)


def test_order_of_a_large_graph():
    rng = np.random.default_rng(0)
    number = rng.permutation(20_000)
    ends = np.sort(rng.integers(0, 20_000, (100_000, 2)), axis=1)
    ends = ends[ends[:, 0] < ends[:, 1]]
    assert len(orderable(20_000, number[ends[:, 0]], number[ends[:, 1]])) == 20_000


def test_a_long_cycle_is_shortened():
    ring = np.roll(np.eye(200, dtype=bool), 1, axis=1)
    with pytest.raises(Error, match=r"cycle: n00 -> n01 -> .* -> n17 -> \.\.\. \(176 more\) -> n00"):
        from_array(ring)


def test_several_cycles_are_reported_together():
    with pytest.raises(Error) as caught:
        from_networkx(nx.DiGraph([("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "e")]))
    assert len(caught.value.diagnostics) == 3


def test_names_are_as_wide_as_the_largest_needs():
    topology = np.zeros((257, 257), dtype=bool)
    topology[0, 256] = True
    graph = from_array(topology)
    assert graph.neuron_name(0) == "n000"
    assert graph.parameter_names == ("w000100",)


def test_ambiguous_labels_give_unique_names():
    g = nx.DiGraph([("a_b", "c"), ("a", "b_c")])
    assert from_networkx(g).parameter_names == ("w_a_b_c", "w_a_b_c_2")


def test_arrays_are_read_only_and_with_outputs_makes_a_new_graph():
    graph = from_array([[0, 1, 1], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError):
        graph.source[0] = 1
    other = graph.with_outputs("n01")
    assert other.outputs.tolist() == [1] and graph.outputs.tolist() == [1, 2]
    with pytest.raises(Error, match="there is no neuron 'n03'; neurons are 0 to 2, by name n00 to n02"):
        graph.with_outputs(["n03"])
    with pytest.raises(Error, match="n01 is more than once"):
        graph.with_outputs(["n01", 1])


def test_topological_order_of_a_cyclic_graph_is_an_error():
    graph = from_array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    cyclic = replace(graph, source=np.array([1, 0]), target=np.array([0, 1]))
    with pytest.raises(Error, match="cycle: n00 -> n01 -> n00"):
        _ = cyclic.topological_order


def test_activation_text_reads_back():
    for written in ("relu", "swish", "elu<0.25>", ("relu_parametric", 1e-9)):
        activation = Activation.parse(written)
        assert Activation.parse(str(activation)) == activation
    assert Activation.parse("linear") == Activation("identity")
    assert Activation.parse("relu_leaky") == Activation("relu_leaky", 0.1)
