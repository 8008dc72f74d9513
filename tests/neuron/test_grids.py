"""Layers on grids: convolutions and poolings are neurons with edges, and mean the same taken apart and as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from irc.calling import callables
from irc.dialects.neuron import Conv2d, ConvTranspose2d, Dag, Node, Pool2d, parameter_fan_in
from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.text.parser import parse_module
from support.gate import pass_gate
from support.gradients import check_vjp
from support.nets import after, agree, call, net_of, sample_module

SMALL = """
neuron.net @f(%x: tensor<50xf32>) -> tensor<4xf32> parameters 103 {
  %a = neuron.layer tanh(%x*w[0:36] + w[36:40]) #neuron.conv2d<2x5x5, 4, 3x3, stride 2x2, padding 1x1, groups 2>
  %b = neuron.layer identity(max(%a)) #neuron.pool2d<4x3x3, 2x2, stride 1x1>
  %c = neuron.layer tanh(%b*w[40:56] + w[dense<[56, 57, 56, 58]> : tensor<4xi32>])
    #neuron.conv_transpose2d<4x2x2, 4, 2x2, stride 2x2, output_padding 1x1, groups 4>
  %d = neuron.layer tanh(mean(%c)) #neuron.pool2d<4x5x5, 3x3, stride 2x2, padding 1x1>
  %e = neuron.layer identity(max(%d)) #neuron.pool2d<4x3x3, 3x3>
  neuron.output %e : tensor<4xf32>
}
"""
PATTERNS = [
    Conv2d((1, 4, 4), 2, (3, 3)),
    Conv2d((2, 5, 3), 4, (2, 3), (2, 1), (1, 2), (2, 1), 2),
    Conv2d((1, 2, 2), 1, (1, 1), (1, 1), (2, 2)),
    ConvTranspose2d((2, 3, 2), 4, (3, 2), (2, 1), (1, 0), (1, 0), (1, 2), 2),
    Pool2d((2, 5, 4), (3, 2), (2, 1), (1, 1)),
    Pool2d((3, 4, 4), (2, 2)),
]


def data(seed: int = 0) -> list[np.ndarray]:
    """Inputs and parameters of ``SMALL``."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(3, 50)).astype(np.float32), rng.normal(size=103).astype(np.float32)]


@pytest.mark.parametrize("passes", ["cse", "explode-neurons", "explode-neurons,group-neurons", "lower-neuron"])
def test_all_forms_give_the_same_numbers(passes):
    module = parse_module(SMALL)
    wanted = call(module, "f", data(), "bounded")
    changed = after(module, passes)
    verify(changed)
    pass_gate(changed)
    agree(call(changed, "f", data(), "bounded"), wanted)
    agree(call(changed, "f", data()), wanted)


def test_gradients_are_those_of_the_plain_graph():
    """Weights are shared by equal parameter indices, so the graph's gradient sums over the edges of each."""
    layers = after(parse_module(SMALL), "lower-neuron,autodiff")
    graph = after(parse_module(SMALL), "explode-neurons,lower-neuron,autodiff")
    dy = np.random.default_rng(5).normal(size=(3, 4))
    found, wanted = ([np.asarray(v) for v in _run(m, [*data(), dy])] for m in (layers, graph))
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    check_vjp(layers, data())


def _run(module, arguments) -> list:
    found = next(c for c in callables(module) if c.name == "f_vjp")
    return found.float64(arguments)


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_edges_weights_and_degrees_fit_each_other(pattern):
    source, target, number = pattern.edges()
    order = np.lexsort((source, target))
    assert (order == np.arange(len(order))).all(), "edges go by target, then source"
    assert source.min(initial=0) >= 0 and source.max(initial=0) < pattern.inputs
    assert (np.bincount(target, minlength=pattern.outputs) == pattern.in_degrees()).all()
    assert number.max(initial=-1) < max(pattern.weight_count, 1)
    assert len(pattern.bias_numbers()) == (pattern.outputs if pattern.bias_count else 0)


@pytest.mark.parametrize("pattern", PATTERNS[:4], ids=str)
def test_sums_of_a_pattern_are_those_of_its_edges(pattern):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, pattern.inputs)), rng.normal(size=pattern.weight_count)
    matrix = np.zeros((pattern.outputs, pattern.inputs))
    source, target, number = pattern.edges()
    np.add.at(matrix, (target, source), w[number])
    np.testing.assert_allclose(pattern.aggregate("sum", x, w), x @ matrix.T, rtol=1e-12, atol=1e-12)


def test_the_cnn_of_the_samples_has_the_edges_of_convolutions():
    """Its blocks are 3x3 neighbourhoods on a 4x4 grid with the same padding, and three neurons that see two of them."""
    source, target, _ = Conv2d((1, 4, 4), 1, (3, 3), padding=(1, 1)).edges()
    wanted = {(n, 80 + out) for n in range(48, 80) for out in range(3)}
    for of, to in [(0, 16), (0, 32), (16, 48), (32, 64)]:
        wanted |= set(zip((source + of).tolist(), (target + to).tolist(), strict=True))
    dag = next(op for op in sample_module("cnn.nam", "dag").walk() if isinstance(op, Dag))
    graph = dag.topology
    rows = np.repeat(np.arange(len(graph.offsets) - 1), np.diff(graph.offsets)) + dag.input_count
    assert set(zip(graph.sources.tolist(), rows.tolist(), strict=True)) == wanted


def test_a_zero_neuron_stands_for_the_padding_of_a_mean():
    text = """
    neuron.net @f(%x: tensor<4xf32>) -> tensor<9xf32> parameters 0 {
      %y = neuron.layer identity(mean(%x)) #neuron.pool2d<1x2x2, 2x2, stride 1x1, padding 1x1>
      neuron.output %y : tensor<9xf32>
    }
    """
    exploded = after(parse_module(text), "explode-neurons")
    nodes = [op for op in exploded.walk() if isinstance(op, Node)]
    assert sum(not op.terms for op in nodes) == 1
    assert {len(op.terms) for op in nodes} == {0, 4}


def test_the_fan_in_of_a_weight_is_its_window():
    fan_in = parameter_fan_in(net_of(parse_module(SMALL)))
    assert set(fan_in[:40].tolist()) == {9}
    assert set(fan_in[40:59].tolist()) == {4}


@pytest.mark.parametrize(
    "text",
    [
        "#neuron.conv2d<1x28x28, 20, 5x5>",
        "#neuron.conv2d<64x56x56, 128, 3x3, stride 2x2, padding 1x1, dilation 2x2, groups 2>",
        "#neuron.conv_transpose2d<16x7x7, 8, 3x3, stride 2x2, padding 1x1, output_padding 1x1>",
        "#neuron.pool2d<20x24x24, 2x2>",
        "#neuron.pool2d<20x24x24, 3x3, stride 2x2, padding 1x1>",
    ],
)
def test_a_pattern_says_only_what_is_not_as_usual(text):
    kind = {"conv2d": Conv2d, "conv_transpose2d": ConvTranspose2d, "pool2d": Pool2d}[text[8:].partition("<")[0]]
    body = text.partition("<")[2][:-1]
    assert str(kind.parse_body(body)) == text
    assert kind.parse_body(f"{body}, padding 0x0" if "padding" not in body else body) is kind.parse_body(body)


HEAD = "neuron.net @f(%x: tensor<32xf32>) -> f32 parameters 99 {\n"
WRONG = {
    "grid": ("relu(%x*w[0:9]) #neuron.conv2d<32, 1, 3x3>", "channels x rows x columns must be positive integers"),
    "too little": ("relu(%x) #neuron.conv2d<2x4x4>", "expected <channels x rows x columns, filters, kernel>"),
    "word": ("relu(%x) #neuron.conv2d<2x4x4, 1, 3x3, strides 1x1>", "expected one of stride, padding"),
    "twice": ("relu(%x) #neuron.conv2d<2x4x4, 1, 3x3, stride 1x1, stride 1x1>", "each once"),
    "kernel": ("relu(%x) #neuron.conv2d<2x4x4, 1, 5x3>", "a kernel of 5x3 is larger than its input, 4x4"),
    "groups": ("relu(%x) #neuron.conv2d<2x4x4, 3, 3x3, groups 2>", "2 channels and 3 filters cannot be cut into 2"),
    "width": ("relu(%x) #neuron.conv2d<1x4x4, 1, 3x3>", "is used as tensor<16xf32>"),
    "weights": ("relu(%x*w[0:9]) #neuron.conv2d<2x4x4, 1, 3x3>", r"has 18 of them, not 9"),
    "biases": ("relu(%x*w[0:18] + w[18:22]) #neuron.conv2d<2x4x4, 1, 3x3>", r"has 1 of them, not 4"),
    "output padding": (
        "relu(%x) #neuron.conv_transpose2d<2x4x4, 1, 3x3, output_padding 1x0>",
        "output_padding 1 must be smaller than the stride",
    ),
    "nothing left": ("relu(%x) #neuron.conv_transpose2d<32x1x1, 1, 1x1, padding 1x1>", "nothing is left"),
    "pool of sums": ("relu(%x) #neuron.pool2d<2x4x4, 2x2>", "takes max or mean, not sum"),
    "pool with weights": ("relu(max(%x*w[0:0])) #neuron.pool2d<2x4x4, 2x2>", "has no weights"),
    "pool with biases": ("relu(max(%x) + w[0:0]) #neuron.pool2d<2x4x4, 2x2>", "has no biases"),
    "pool padding": ("relu(max(%x)) #neuron.pool2d<2x4x4, 2x2, padding 2x0>", "at most half of the kernel"),
    "dense max": ("relu(max(%x)) #neuron.dense<32, 2>", "takes sum, not max"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_and_where(what):
    layer, message = WRONG[what]
    with pytest.raises(Error, match=message) as caught:
        parse_module(f"{HEAD}  %y = neuron.layer {layer}\n  %z = neuron.node relu()\n  neuron.output %z : f32\n}}\n")
    assert caught.value.diagnostics[0].line is not None
