"""The pass merge-kernels: nets with equal layers have one copy of their kernels, and the numbers that they had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc import layers
from irc.backend.emit import emit_module
from irc.backend.machine_code import optimised
from irc.backend.target import host
from irc.dialects.func import CallOp
from irc.dialects.loop import For
from irc.dialects.marks import has_team
from irc.layers import LSTM, Conv2D, LayerNorm, Linear, flatten, relu, sigmoid, tanh
from irc.passes.pipelines import INFERENCE, TRAINING
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.profile import profile
from irc.text.parser import parse_module

SEPARATE = TRAINING.replace("merge-kernels,", "")
assert SEPARATE != TRAINING


class Residual(layers.Module):
    """x + activation(linear(x)), so many times over."""

    def __init__(self, count, width, activation):
        self.input_shape = [width]
        self.steps = [Linear(width) for _ in range(count)]
        self.activation = activation

    def forward(self, x):
        for step in self.steps:
            x = x + self.activation(step(x))
        return x


def stack(count, width, activation=relu):
    """Layers of one shape."""
    return layers.Sequential(*(part for _ in range(count) for part in (Linear(width), activation)), input_shape=[width])


def recurrent(count, width, activation=relu):
    return layers.Sequential(*(LSTM(width) for _ in range(count)), input_shape=["T", width])


def convolutions(count, width, activation=relu):
    parts = [part for _ in range(count) for part in (Conv2D(2, 3, padding=1), activation)]
    return layers.Sequential(*parts, flatten, input_shape=[2, width, width])


def normalised(count, width, activation=relu):
    parts = [part for _ in range(count) for part in (Linear(width), LayerNorm(), activation)]
    return layers.Sequential(*parts, input_shape=[width])


def lowered(model, pipeline=INFERENCE):
    """The module of a model at loop level."""
    with irc.compile(model) as net:
        module = net.module.clone()
    PassManager(parse_pipeline(pipeline), PassContext(host())).run(module)
    return module


def results(model, samples, passes=None, threads=1):
    """Output, gradients of the parameters and of the input, as bits."""
    shape = [3 if size == "T" else size for size in model.input_shape]
    x = np.random.default_rng(samples).standard_normal((samples, *shape), np.float32)
    with irc.compile(model, seed=1, passes=passes, threads=threads) as net:
        y = net.run(x)
        same, gradients = net.vjp(x, np.cos(y))
        return [np.ascontiguousarray(a).view(np.uint32) for a in (y, same, gradients.params.flat, gradients.x)]


@settings(max_examples=5)
@given(
    st.sampled_from([stack, Residual, recurrent, convolutions, normalised]),
    st.integers(2, 4),
    st.integers(1, 20),
    st.sampled_from([relu, tanh, sigmoid]),
    st.integers(1, 40),
)
def test_merged_kernels_compute_the_same_bits(make, count, width, activation, samples):
    model = make(count, min(width, 6) if make is convolutions else width, activation)
    for merged, separate in zip(results(model, samples), results(model, samples, SEPARATE), strict=True):
        np.testing.assert_array_equal(merged, separate)


def test_threads_share_merged_kernels_and_find_the_same_bits():
    model = stack(4, 300)
    called = {op.callee.value for op in lowered(model).walk() if isinstance(op, CallOp)}
    assert any(has_team(function.attributes) for function in lowered(model).functions if function.symbol in called)
    alone, shared = results(model, 64), results(model, 64, threads=2)
    for one, two in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("make", [stack, Residual, recurrent])
@pytest.mark.parametrize("pipeline", [INFERENCE, TRAINING], ids=["inference", "training"])
def test_more_layers_of_one_shape_are_more_calls_but_no_more_loops(make, pipeline):
    """If small kernels, which fill or copy a buffer, are merged as well."""
    all_merged = pipeline.replace("merge-kernels", "merge-kernels{min=1}")
    few, many = (lowered(make(count, 48, tanh), all_merged) for count in (4, 7))

    def count(module, kind):
        return sum(isinstance(op, kind) for op in module.walk())

    assert count(many, CallOp) > count(few, CallOp) > 0
    assert count(many, For) == count(few, For)


def test_a_profile_names_the_layers_that_a_merged_kernel_serves():
    with irc.compile(stack(4, 32)) as net:
        products = [kernel for kernel in profile(net, batch=8).kernels if "contract" in kernel.op]
    assert [kernel.names[0] for kernel in products] == ["0", "2", "4", "6"]


def test_freezing_prepares_what_merged_kernels_read():
    """The weights are packed by kernels that are merged, too."""
    x = np.random.default_rng(0).standard_normal((33, 64), np.float32)
    with irc.compile(stack(4, 64), seed=1) as net:
        frozen = net.freeze()
        np.testing.assert_allclose(frozen.run(x), net.run(x), rtol=1e-4, atol=1e-5)
        names = {function.symbol for function in frozen.program.library(False).heads.functions}
    assert {"Sequential_prepare", "Sequential_prepared", "Sequential_kernel"} <= names


CALLS = """
func.func private @twice(%a: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %0 = loop.load %a[%c0] : !loop.buffer<4 x f32>
  %1 = arith.addf %0, %0 : f32
  loop.store %1, %a[%c0] : f32, !loop.buffer<4 x f32>
  func.return
}
func.func @f(%a: !loop.buffer<4 x f32>, %b: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  func.call @twice(%a) : (!loop.buffer<4 x f32>) -> ()
  func.call @twice(%b) : (!loop.buffer<4 x f32>) -> ()
  func.return
}
"""


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_function_called_twice_stays_one(level):
    """LLVM would put one so small in place of its calls."""
    target = replace(host(), optimise=level)
    text = str(optimised(emit_module(parse_module(CALLS), target), target, {}))
    assert text.count("fadd") == 1 and text.count("call void @irc.twice") == 2
