"""Populations: many nets in one call, each as it is alone."""

import networkx
import numpy as np
import pytest

import irc
from irc.frontends.networkx import from_networkx
from support.random_nets import random_net


def net(seed, inputs=3):
    """A small random net whose number of inputs is given."""
    generator = np.random.default_rng(seed)
    count = inputs + int(generator.integers(2, 7))
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(inputs))
    for node in range(inputs, count):
        graph.add_node(node, activation=str(generator.choice(["tanh", "sigmoid", "gelu"])), bias=0.5)
        for source in {node - 1, int(generator.integers(node)), int(generator.integers(inputs))}:
            graph.add_edge(source, node)
    for node in range(inputs):  # every input is used, so that each net has as many
        if not graph.out_degree(node):
            graph.add_edge(node, count - 1)
    return graph


GRAPHS = [net(seed) for seed in range(7)]


def test_every_net_gives_what_it_gives_alone():
    x = np.random.default_rng(0).standard_normal((5, 3))
    with irc.compile(GRAPHS, dtype="float64", seed=3) as population:
        together = population.run(x)
        outputs, gradients = population.vjp(x, [np.ones_like(y) for y in together])
        total = 0
        for number, graph in enumerate(GRAPHS):
            with irc.compile(graph, dtype="float64", seed=3) as alone:
                y, gradient = alone.vjp(x, np.ones_like(together[number]))
                assert dict(population[number]) == dict(alone.params)
                np.testing.assert_allclose(together[number], y, rtol=1e-12)
                assert np.array_equal(outputs[number], together[number])
                np.testing.assert_allclose(gradients[number].params.flat, gradient.params.flat, rtol=1e-11, atol=1e-14)
                total = total + gradient.x
        np.testing.assert_allclose(gradients[0].x, total, rtol=1e-11)  # the input is shared: its gradient is the sum


def test_nets_may_have_inputs_of_their_own():
    graphs = [net(1, 2), net(2, 4)]
    xs = [np.random.default_rng(k).standard_normal((4, n)) for k, n in enumerate((2, 4))]
    with irc.compile(graphs, inputs="separate", dtype="float64") as population:
        ys, gradients = population.vjp(xs, [np.ones_like(y) for y in population.run(xs)])
        for x, y, gradient, graph in zip(xs, ys, gradients, graphs, strict=True):
            with irc.compile(graph, dtype="float64") as alone:
                expected, own = alone.vjp(x, np.ones_like(y))
                np.testing.assert_allclose(y, expected, rtol=1e-12)
                np.testing.assert_allclose(gradient.x, own.x, rtol=1e-11)


def test_parameters_of_one_net_can_be_changed():
    x = np.ones((1, 3))
    with irc.compile(GRAPHS) as population:
        before = population.run(x)
        population[2].flat = np.zeros_like(population[2].flat)
        after = population.run(x)
        assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [k != 2 for k in range(7)]
        assert "population of 7 nets" in repr(population) and len(list(population)) == 7


def test_unequal_inputs_are_an_error_that_names_the_nets():
    with pytest.raises(irc.Error, match=r"graph 1 \(.*\) has 4 inputs, graph 0 \(.*\) has 2; .* inputs='separate'"):
        irc.compile([net(1, 2), net(2, 4)])


@pytest.mark.parametrize("wrong", [np.ones((2, 2)), [np.ones((2, 2))], [np.ones((2, 2)), np.ones((3, 4))]])
def test_separate_inputs_must_be_one_matrix_for_each_net(wrong):
    with irc.compile([net(1, 2), net(2, 4)], inputs="separate") as population, pytest.raises(irc.Error, match="x"):
        population.run(wrong)


def test_an_unknown_choice_of_inputs_is_an_error():
    with pytest.raises(irc.Error, match="inputs must be 'shared' or 'separate'"):
        irc.compile(GRAPHS, inputs="none")


def test_ir_is_no_member_of_a_population():
    with pytest.raises(irc.Error, match="takes graphs, not IR"):
        irc.compile([irc.parse("module {\n}\n"), GRAPHS[0]])


def test_rows_of_numbers_are_still_a_matrix():
    with irc.compile([[0, 1], [0, 0]]) as one:
        assert one.input_size == 1


def test_random_nets_side_by_side():
    graphs = [from_networkx(random_net(seed)) for seed in range(4)]
    with irc.compile(graphs, inputs="separate", dtype="float64") as population:
        xs = [np.random.default_rng(k).standard_normal((3, len(g.inputs))) for k, g in enumerate(graphs)]
        for graph, x, y in zip(graphs, xs, population.run(xs), strict=True):
            with irc.compile(graph, dtype="float64") as alone:
                np.testing.assert_allclose(y, alone.run(x), rtol=1e-9, atol=1e-12)
