"""Nodes, layers and dags mean the same, and so do the array programs they become."""

from __future__ import annotations

import numpy as np
import pytest

from irc.dialects.neuron import Dag, Merge, Node
from irc.frontends.build import graph_to_module
from irc.ir.builder import Builder
from irc.ir.types import f32, f64
from irc.ir.verifier import verify
from irc.text.parser import parse_module
from support.nets import SAMPLES, after, agree, call, net_of, random_data, random_graph, sample_module


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_mean_the_same_as_nodes_dag_and_arrays(name):
    nodes, dag = sample_module(name, "nodes"), sample_module(name, "dag")
    net = net_of(nodes)
    x, w, _ = random_data(net, 0)
    wanted = call(nodes, net.sym_name.value, [x, w])
    for module in (dag, after(nodes, "lower-neuron"), after(dag, "lower-neuron"), after(dag, "explode-neurons")):
        assert np.allclose(call(module, net.sym_name.value, [x, w]), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_random_nets_agree_within_error_bounds(seed):
    graph = random_graph(seed)
    nodes = graph_to_module(graph, "nodes", f32)
    verify(nodes)
    dag = graph_to_module(graph, "dag", f32)
    verify(dag)
    name = graph.name
    x, w, _ = random_data(net_of(nodes), seed)
    arguments = [x.astype(np.float32), w.astype(np.float32)]
    wanted = call(nodes, name, arguments, "bounded")
    agree(call(nodes, name, arguments), wanted)  # what float32 gives lies within the bound of what float64 gives
    for module in (dag, after(dag, "explode-neurons"), after(nodes, "group-neurons"), after(nodes, "lower-neuron")):
        verify(module)
        agree(call(module, name, arguments, "bounded"), wanted)
        agree(call(module, name, arguments), wanted)


@pytest.mark.parametrize("seed", range(10))
def test_grouping_undoes_exploding(seed):
    dag = graph_to_module(random_graph(seed), "dag", f64)
    again = after(after(dag, "explode-neurons"), "group-neurons")
    assert any(isinstance(op, Dag) for op in again.walk())
    x, w, _ = random_data(net_of(dag), seed)
    name = net_of(dag).sym_name.value
    assert np.array_equal(call(dag, name, [x, w]), call(again, name, [x, w]))


def test_exploding_keeps_names_and_parameter_indices():
    wanted, found = sample_module("rnn.nam", "nodes"), after(sample_module("rnn.nam", "dag"), "explode-neurons")
    assert found.to_text() == wanted.to_text()  # type: ignore[attr-defined]


LAYERS = """
neuron.net @f(%x: tensor<3xf64>) -> tensor<2xf64> parameters 17 {
  %h = neuron.layer tanh(%x*w[0:12] + w[12:16]) #neuron.dense<3, 4> : f64
  %s = neuron.layer relu_leaky<0.2>(%h*w[0:4]) #neuron.one_to_one<4> : f64
  %y = neuron.layer identity(%s) #neuron.dense<4, 2> : f64
  neuron.output %y : tensor<2xf64>
}
"""


def test_layers_mean_the_same_as_their_neurons():
    module = parse_module(LAYERS)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=17)
    h = np.tanh(x @ w[:12].reshape(4, 3).T + w[12:16]) * w[:4]
    wanted = np.where(h > 0, h, 0.2 * h).sum(1)[:, None].repeat(2, 1)
    for passes in (
        "cse",
        "explode-neurons",
        "explode-neurons,group-neurons",
        "lower-neuron",
        "explode-neurons,lower-neuron",
    ):
        changed = after(module, passes)
        assert np.allclose(call(changed, "f", [x, w]), wanted, rtol=1e-14)
        agree(call(changed, "f", [x, w], "bounded"), wanted)
    exploded = after(module, "explode-neurons")
    assert sum(isinstance(op, Node) for op in exploded.walk()) == 10


def test_softmax_acts_on_the_layer_of_each_sample():
    text = """
    neuron.net @f(%x: tensor<3xf32>) -> tensor<3xf32> parameters 0 {
      %y = neuron.layer softmax(%x) #neuron.one_to_one<3>
      neuron.output %y : tensor<3xf32>
    }
    """
    module = parse_module(text)
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    wanted = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    w = np.zeros(0, np.float32)
    assert np.allclose(call(module, "f", [x, w]), wanted, rtol=1e-6)
    assert np.allclose(call(after(module, "lower-neuron"), "f", [x, w]), wanted, rtol=1e-6)


def test_dag_among_other_ops():
    """A dag that is not the whole net keeps its graph in the code."""
    nodes = sample_module("nn02.nam", "dag", f32)
    net = net_of(nodes)
    output = net.block.terminator
    total = Builder.before(output).value(Merge, list(output.operands), kind="average")
    output.operands = [total, output.operands[0]]
    verify(nodes)
    x, w, _ = random_data(net, 0)
    name = net.sym_name.value
    wanted = call(nodes, name, [x, w], "float64")
    for passes in ("lower-neuron", "explode-neurons", "explode-neurons,lower-neuron"):
        assert np.allclose(call(after(nodes, passes), name, [x, w], "float64"), wanted, rtol=1e-12)


def test_net_is_called_from_a_function():
    text = """
    neuron.net private @f(%a: f32, %b: f32) -> f32 parameters 2 {
      %c = neuron.node relu(%a*w[0] + %b*w[1])
      neuron.output %c : f32
    }
    func.func @main(%x: tensor<B x 2 x f32>, %w: tensor<2xf32>) -> tensor<B x 1 x f32> {
      %y = neuron.call @f(%x, %w) : (tensor<B x 2 x f32>, tensor<2xf32>) -> tensor<B x 1 x f32>
      func.return %y : tensor<B x 1 x f32>
    }
    """
    module = parse_module(text)
    x, w = np.array([[1, 2], [-1, -2]], np.float32), np.array([3, 4], np.float32)
    for passes in ("cse", "lower-neuron", "group-neurons,lower-neuron"):
        assert call(after(module, passes), "main", [x, w]).tolist() == [[11.0], [0.0]]


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_any_batch(samples):
    module = sample_module("nn00.nal", "nodes", f32)
    x, w, _ = random_data(net_of(module), 0, samples)
    for passes in ("cse", "group-neurons", "lower-neuron", "group-neurons,lower-neuron"):
        assert call(after(module, passes), "nn00", [x, w]).shape == (samples, 2)
