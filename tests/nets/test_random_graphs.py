"""500 random graphs through the whole compiler: values and gradients against float64 NumPy, within running bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import irc
from irc.backend.threads import chunk_bounds
from irc.dialects.array.kind import AGGREGATIONS
from irc.dialects.neuron import Dag, Layer
from irc.frontends.activation import PARAMETERS
from irc.frontends.build import graph_to_module
from irc.frontends.dag import dag_data
from irc.frontends.graph import Graph
from irc.ir.attributes import DenseAttr
from irc.ir.types import f64
from irc.passes.pipelines import TRAINING
from support.agreement import assert_within, native
from support.graph_oracle import GraphOracle
from support.irregular import blocky_graph, irregular_graph, suitable_parameters
from support.nets import after
from support.oracle import Gradient

# Constants, dead neurons and flat activations are warned of.
pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")

NAMES = list(PARAMETERS)
GRAPHS_OF_EACH = 20
LARGEST, SMALLEST = 5000, 2


def kinds_of(group: int) -> list[tuple[str, str]]:
    """Three kinds of neuron: over all groups each activation is in three, with different aggregations."""
    names = [NAMES[(group + step) % len(NAMES)] for step in (0, 9, 17)]
    if group % 3 == 0:
        return [(name, "sum") for name in names]
    how = [AGGREGATIONS[(group + step) % len(AGGREGATIONS)] for step in (0, 3, 5)]
    return list(zip(names, how, strict=True))


def test_groups_have_every_activation_and_every_aggregation():
    kinds = [kind for group in range(len(NAMES)) for kind in kinds_of(group)]
    assert {name for name, _ in kinds} == set(NAMES) and {how for _, how in kinds} == set(AGGREGATIONS)
    assert len(NAMES) * GRAPHS_OF_EACH >= 500


def sizes(seed: int) -> tuple[int, int]:
    """Neurons and samples, both spread over magnitudes, the extremes among them; most are small, as these are quick."""
    rng = np.random.default_rng([seed, 2])
    neurons = round(SMALLEST * (LARGEST / SMALLEST) ** (rng.random() ** 1.5))
    return {0: SMALLEST, 1: LARGEST}.get(seed, neurons), round(200 ** rng.random())


class Problem:
    """A graph with parameters, a batch and a gradient of the output, in numbers that float32 holds."""

    def __init__(self, graph: Graph, samples: int, seed: int):
        rng = np.random.default_rng([seed, 3])
        self.graph = graph
        self.w = suitable_parameters(graph, seed)
        self.x = rng.normal(size=(samples, graph.inputs.size)).astype(np.float32)
        self.dy = rng.normal(size=(samples, graph.outputs.size)).astype(np.float32)

    def wanted(self, dtype: type) -> tuple[Gradient, Gradient]:
        """Output and gradients in float64, and how far native code of ``dtype`` may be from them."""
        found, bound = GraphOracle(self.graph, self.w, self.x, np.dtype(dtype)).gradient(self.dy)
        own = 2.0**-28 if dtype is np.float32 else 1.0  # the oracle rounds as well
        return found, Gradient(*(part * (1 + own) for part in bound))

    def check(self, net: irc.Net, wanted: Gradient, bound: Gradient) -> None:
        """Native code, for inference and for training, is within the bounds."""
        net.params.flat[...] = self.w
        found = native(net, self)
        assert_within(found, wanted, bound)
        assert_within(found._replace(y=net.run(self.x)), wanted, bound)

    def bits(self, net: irc.Net, threads: int) -> list[np.ndarray]:
        """The bits of all float32 results, on so many threads."""
        y, gradients = net.vjp(self.x, self.dy, threads=threads)
        results = (net.run(self.x, threads=threads), y, gradients.x, gradients.params.flat)
        return [result.view(np.uint32) for result in results]


def tightness(found: Gradient, bound: Gradient) -> float:
    """The typical bound of the parameters' gradients, relative to their mean size; 0 where all are zero."""
    size = np.abs(found.params)
    return float(np.median(bound.params[size > 0]) / size[size > 0].mean()) if size.any() else 0.0


IN_ORDER = [pytest.param(group, marks=[pytest.mark.slow] * (group >= 17)) for group in range(len(NAMES))]
"""The first nine groups have every activation already."""


@pytest.mark.parametrize("group", IN_ORDER)
def test_values_and_gradients(group):
    """The bounds must be worth something, or nothing would be compared. Even groups are of float32."""
    dtype, worth = ((np.float32, 1e-2), (np.float64, 1e-10))[group % 2]
    typical = []
    for seed in range(group, group + GRAPHS_OF_EACH * len(NAMES), len(NAMES)):
        neurons, samples = sizes(seed)
        problem = Problem(irregular_graph(seed, kinds_of(group), neurons), samples, seed)
        wanted, bound = problem.wanted(dtype)
        with irc.compile(problem.graph, dtype=dtype) as net:
            problem.check(net, wanted, bound)
        typical.append(tightness(wanted, bound))
    assert np.median(typical) < worth


SUBSET = range(1000, 1004)
"""Graphs that are small enough to become code for each neuron."""


def small_problem(seed: int) -> Problem:
    """One of these, with kinds of a group in its turn."""
    return Problem(irregular_graph(seed, kinds_of(seed * 5 % len(NAMES)), 12 + seed % 30), 1 + 7 * (seed % 3), seed)


@pytest.mark.parametrize("seed", SUBSET)
@pytest.mark.parametrize("form", ["nodes", "dag", "straight code", "recover"])
def test_every_form_is_the_same_function(seed, form):
    """A node for each neuron, one dag, code for each neuron, layers where there are dense blocks."""
    problem = small_problem(seed)
    wanted, bound = problem.wanted(np.float64)
    module = graph_to_module(problem.graph, "dag" if form == "dag" else "nodes", f64)
    straight = ",".join(p for p in TRAINING.split(",") if p != "group-neurons")
    options = {"straight code": {"passes": straight}, "recover": {"structure": "recover"}}.get(form, {})
    with irc.compile(module, **options) as net:
        problem.check(net, wanted, bound)


@pytest.mark.parametrize("seed", range(2000, 2002))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_recovered_layers(seed, dtype):
    """Dense blocks among irregular neurons become layers."""
    graph = blocky_graph(seed)
    problem = Problem(graph, 1 + 16 * (seed % 3), seed)
    wanted, bound = problem.wanted(dtype)
    with irc.compile(graph, dtype=dtype, structure="recover") as net:
        assert any(isinstance(op, Layer) for op in after(net.module, "group-neurons,recover-structure").walk())
        problem.check(net, wanted, bound)


@pytest.mark.parametrize("seed", SUBSET)
def test_edges_without_a_parameter_have_weight_one(seed):
    """No graph has them, but ``neuron.dag`` does."""
    problem = small_problem(seed)
    ones = np.random.default_rng(seed).random(problem.graph.edge_count) < 0.3
    module = graph_to_module(problem.graph, "dag", f64)
    (dag,) = [op for op in module.walk() if isinstance(op, Dag)]
    data = dag_data(problem.graph)
    edges = np.concatenate([np.arange(*problem.graph.offsets[n : n + 2]) for n in data.neurons[dag.input_count :]])
    dag.weights = DenseAttr(np.where(ones[edges], -1, dag.weights.array).astype(np.int32), dag.weights.type)
    problem.graph = replace(problem.graph, parameter=np.where(ones, -1, problem.graph.parameter))
    wanted, bound = problem.wanted(np.float64)
    with irc.compile(module) as net:
        problem.check(net, wanted, bound)


@pytest.mark.parametrize("seed", [3000, 3001])
def test_threads_change_no_bit(seed):
    """Batches of several chunks: within the bounds, and the same for one thread and two."""
    problem = Problem(irregular_graph(seed, kinds_of(seed % len(NAMES)), 4000, fan_in=9), 700, seed)
    wanted, bound = problem.wanted(np.float32)
    assert len(chunk_bounds(len(problem.x), 2 * problem.graph.edge_count)) > 1  # sources and weights, and there is more
    with irc.compile(problem.graph) as net:
        problem.check(net, wanted, bound)
        one, two = (problem.bits(net, threads) for threads in (1, 2))
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)
