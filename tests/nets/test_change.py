"""Nets that change: neurons and edges come and go, everything else keeps its weight."""

import numpy as np
import pytest

import irc
from irc.frontends import edit

SOURCE = "N 05\n00\n01\n02 02 00,01\n03 01 00,02\n04 00 02,03\n"
X = np.random.default_rng(0).standard_normal((6, 2))


@pytest.fixture
def net():
    with irc.compile(SOURCE, dtype="float64", seed=4) as made:
        yield made


def test_an_edge_of_weight_zero_changes_nothing(net):
    with net.with_graph(edit.add_edge(net.graph(), "n00", "n04", 0.0)) as other:
        assert np.array_equal(other.run(X), net.run(X))
        assert other.params["w0004"] == 0 and len(other.params) == len(net.params) + 1


def test_adding_and_removing_an_edge_gives_the_same_net(net):
    graph = edit.remove_edge(edit.add_edge(net.graph(), "n00", "n04", 0.5), "n00", "n04")
    with net.with_graph(graph) as other:
        assert np.array_equal(other.run(X), net.run(X)) and dict(other.params) == dict(net.params)


def test_weights_stay_with_their_names_as_they_are_now(net):
    net.params["w0203"] = 7.5
    with net.with_graph(edit.remove_edge(net.graph(), "n00", "n03")) as other:
        assert other.params["w0203"] == 7.5 and "w0003" not in other.params
        for name in other.params:
            assert other.params[name] == net.params[name]


def test_a_neuron_between_two_others(net):
    graph = edit.add_neuron(net.graph(), "n05", "tanh", bias=0.25, sources={"n01": 2.0}, targets={"n04": -1.0})
    with net.with_graph(graph) as other:
        expected = net.run(X) - np.tanh(2 * X[:, 1:] + 0.25)
        np.testing.assert_allclose(other.run(X), expected, rtol=1e-13, atol=1e-15)
        with other.with_graph(edit.remove_neuron(other.graph(), "n05")) as back:
            assert np.array_equal(back.run(X), net.run(X))


def test_a_new_weight_that_is_not_given_is_drawn(net):
    with net.with_graph(edit.add_edge(net.graph(), "n01", "n03")) as other:
        assert 0 < abs(other.params["w0103"]) <= 1 / np.sqrt(3)


def test_another_source_takes_over_the_weights_of_equal_names(net):
    with net.with_graph("N 04\n00\n01\n02 02 00,01\n03 00 02\n") as other:
        assert other.params["w0002"] == net.params["w0002"] and other.params["w0203"] == net.params["w0203"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: edit.add_edge(g, "n04", "n02"), "cycle: n02 -> .*n04 -> n02"),
        (lambda g: edit.add_edge(g, "n02", "n00"), "input n00 has an edge into it"),
        (lambda g: edit.add_edge(g, "n00", "n02"), "edge n00 -> n02 is given twice"),
        (lambda g: edit.add_edge(g, "n00", "n09"), "there is no neuron 'n09'"),
        (lambda g: edit.remove_edge(g, "n00", "n04"), "there is no edge n00 -> n04"),
        (lambda g: edit.remove_neuron(g, "n04"), "neuron n04 is an output"),
        (lambda g: edit.add_neuron(g, "n03"), "there is a neuron n03 already"),
        (lambda g: edit.add_neuron(g, "n05", aggregation="mode"), "unknown aggregation 'mode'"),
        (lambda g: edit.add_neuron(g, "n05", "cosine"), "unknown activation 'cosine'"),
        (lambda g: edit.add_neuron(g, "n05", aggregation="max"), "n05 has no in-edges: their max is not defined"),
    ],
)
def test_what_cannot_be_changed_is_an_error(net, change, message):
    with pytest.raises(irc.Error, match=message):
        change(net.graph())
