"""The kernels of irregular nets: every block width and tail, by source and by target, one sample, memory in bounds."""

from dataclasses import replace

import numpy as np
import pytest

import irc
from irc.backend.target import host
from irc.dialects.array import DagGrad
from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends.activation import Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.ir.attributes import DenseAttr
from irc.ir.diagnostics import Error
from irc.ir.types import f32, f64
from irc.model import JOINT
from irc.passes.pipelines import ONE_SAMPLE_PIPELINES
from irc.passmanager import PassContext, PassManager
from support.canaries import fenced_call

BATCHES = (0, 1, 2, 15, 16, 17, 63, 64, 65, 79, 128, 131)


def random_graph(aggregations, seed=0, inputs=3, rows=25, shared=4):
    """Several edges share a parameter; some rows have a bias; smooth activations, so that values can be compared."""
    rng = np.random.default_rng(seed)
    pairs = [(s, inputs + r) for r in range(rows) for s in sorted(rng.permutation(inputs + r)[: rng.integers(1, 5)])]
    source, target = np.array(pairs).T
    neurons, edges = inputs + rows, len(pairs)
    parameter = np.where(rng.random(edges) < 0.2, rng.integers(0, shared, edges), np.arange(edges) + shared)
    _, parameter = np.unique(parameter, return_inverse=True)
    count = int(parameter.max()) + 1
    biased = rng.random(neurons) < 0.4
    biased[:inputs] = False
    bias = np.where(biased, count + np.cumsum(biased) - 1, -1)
    return Graph(
        source=source,
        target=target,
        parameter=parameter,
        bias=bias,
        activations=(Activation("tanh"), Activation("sigmoid"), Activation("identity")),
        activation=rng.integers(0, 3, neurons),
        aggregation=np.array([AGGREGATIONS.index(a) for a in rng.choice(aggregations, neurons)]),
        is_input=np.arange(neurons) < inputs,
        outputs=np.array([neurons - 1, 0, inputs + 2, neurons - 2]),
        parameter_count=count + int(biased.sum()),
        initial=rng.standard_normal(count + int(biased.sum())),
    )


def oracle(graph):
    """A function from inputs and parameters to the outputs, in float64. Finite differences of it need no formula."""

    def values(x, w):
        n = np.zeros((len(x), graph.neuron_count))
        n[:, : graph.inputs.size] = x
        for neuron in range(graph.inputs.size, graph.neuron_count):
            edges = slice(graph.offsets[neuron], graph.offsets[neuron + 1])
            terms = n[:, graph.source[edges]] * w[graph.parameter[edges]]
            how = graph.aggregation_of(neuron)
            z = {"sum": terms.sum, "mean": terms.mean, "product": terms.prod}[how](1)
            z = z + (w[graph.bias[neuron]] if graph.bias[neuron] >= 0 else 0.0)
            f = {"tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "identity": lambda v: v}
            n[:, neuron] = f[graph.activation_of(neuron).name](z)
        return n[:, graph.outputs]

    return values


def check_native(net, graph, samples, dtype=np.float32):
    """Values against float64, gradients against finite differences, and nothing written around any array."""
    rng = np.random.default_rng(samples)
    kernel = net._kernel(JOINT)
    x, dy = (rng.standard_normal((samples, size)) for size in (net.input_size, net.output_size))
    arrays = kernel.prepare((x.astype(dtype), dy.astype(dtype)), net.params.flat)
    y, dx, dw = (o.astype(np.float64) for o in fenced_call(kernel.function, arrays))
    values, w = oracle(graph), net.params.flat.astype(np.float64)
    x = x.astype(dtype).astype(np.float64)
    dy = dy.astype(dtype).astype(np.float64)
    close = {"rtol": 2e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-8, "atol": 1e-9}
    np.testing.assert_allclose(y, values(x, w), **close)
    if not samples:
        assert not dw.any()
        return
    step = 1e-6
    for direction in range(3):
        along_x, along_w = (np.random.default_rng(direction).standard_normal(a.shape) for a in (x, w))
        up, down = (values(x + s * along_x, w + s * along_w) for s in (step, -step))
        wanted = float(((up - down) / (2 * step) * dy).sum())
        found = float((dx * along_x).sum() + (dw * along_w).sum())
        scale = np.abs(dx * along_x).sum() + np.abs(dw * along_w).sum()
        assert abs(found - wanted) <= (3e-5 if dtype == np.float32 else 1e-7) * scale


@pytest.mark.parametrize("aggregations", [["sum"], ["sum", "mean"], ["sum", "product", "mean"]], ids="-".join)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_batch(aggregations, dtype):
    graph = random_graph(aggregations)
    with irc.compile(graph_to_module(graph, form="dag", dtype=f32 if dtype == np.float32 else f64)) as net:
        for samples in BATCHES:
            check_native(net, graph, samples, dtype)


@pytest.mark.parametrize("block", [1, 2, 8])
def test_other_block_widths(block):
    graph = random_graph(["sum", "mean"], 3)
    with irc.compile(graph_to_module(graph, form="dag"), target=replace(host(), block=block)) as net:
        for samples in (1, 31, 64, 130):
            check_native(net, graph, samples)


@pytest.mark.parametrize("aggregations", [["sum"], ["sum", "product", "mean"]], ids="-".join)
def test_one_sample(aggregations):
    graph = random_graph(aggregations, 5)
    joint = ONE_SAMPLE_PIPELINES["data"][1]
    with irc.compile(graph_to_module(graph, form="dag"), passes=joint) as net:
        check_native(net, graph, 1)
        assert "vector<" not in net.dump(after="vectorize").partition("dag")[2].replace("vector<16xi1>", "")
        two = [np.zeros((2, size), np.float32) for size in (net.input_size, net.output_size)]
        with pytest.raises(Error, match="dimension 0 must be 1, got 2"):
            net.vjp(*two)


def test_both_ways_back_agree():
    graph = random_graph(["sum", "mean"], 7)
    module = graph_to_module(graph, form="dag")
    by_source = irc.compile(module)
    without = ",".join(str(p) for p in by_source._program.passes(True) if p.name != "transpose-graphs")
    by_target = irc.compile(module, passes=without)
    by_target.params.flat[...] = by_source.params.flat
    rng = np.random.default_rng(0)
    for samples in (1, 64, 70):
        x, dy = rng.standard_normal((samples, 3), np.float32), rng.standard_normal((samples, 4), np.float32)
        (y, g), (y2, g2) = by_source.vjp(x, dy), by_target.vjp(x, dy)
        np.testing.assert_array_equal(y, y2)
        np.testing.assert_allclose(g.x, g2.x, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(g.params.flat, g2.params.flat, rtol=1e-4, atol=1e-4)


def test_a_wrong_graph_by_source_is_refused():
    module = graph_to_module(random_graph(["sum"], 9), form="dag")
    passes = irc.compile(module)._program.passes(True)
    cut = next(i for i, p in enumerate(passes) if p.name == "lower-array")
    PassManager(passes[:cut], PassContext(host())).run(module)
    (grad,) = [op for op in module.walk() if isinstance(op, DagGrad)]
    function, place = grad.parent_op, grad.by_source[1].index
    data = function.arg_attr(place, "irc.data")
    function.set_arg_attr(place, "irc.data", DenseAttr(data.array[::-1].copy(), data.type))
    with pytest.raises(Error, match="the graph by source is another graph"):
        irc.compile(module, passes=",".join(map(str, passes[cut:])), entry=function.symbol)


def test_weighted_says_that_no_edge_has_weight_one():
    graph = random_graph(["sum"], 2)
    text = irc.compile(graph_to_module(graph, form="dag")).dump(after="lower-neuron")
    assert "{weighted}" in text


@pytest.mark.parametrize(("activation", "buffers"), [("tanh", 2), ("identity", 2), ("sigmoid", 3)])
def test_slopes_are_kept_only_where_they_do_not_follow_from_the_values(activation, buffers):
    """What is not kept is not read again: with 1e5 edges that is a fifth of a gradient's time."""
    graph = replace(random_graph(["sum"]), activations=(Activation(activation),), activation=np.zeros(28, np.int64))
    with irc.compile(graph_to_module(graph, form="dag")) as net:
        backward = net.dump(after="lower-array").partition("_vjp(")[2]
        assert backward.count("loop.alloc") == buffers
        check_native(net, graph, 65)
