"""Optimisers: several steps against their definitions, written down again in NumPy."""

import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.dialects.builtin import ModuleOp
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.types import TensorType, f32, i64
from irc.ir.verifier import verify
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module
from irc.training.optimizers import SGD, Adam, AdamW, Optimizer, optimizer_text, parse_optimizer

STEPS = 7
RATE = 0.05
OPTIMIZERS = [
    SGD(RATE),
    SGD(RATE, 0.9),
    SGD(RATE, 0.9, nesterov=True),
    SGD(RATE, 0.5, clip_norm=0.7),
    SGD(RATE, clip_value=0.2),
    Adam(RATE),
    Adam(RATE, beta1=0.0, beta2=0.5, eps=1e-3),
    Adam(RATE, clip_norm=0.5, clip_value=0.3),
    AdamW(RATE, weight_decay=0.3),
    AdamW(RATE),
]


def descend(optimizer, w, gradients):
    """The parameters after each step, in float64, by the papers."""
    velocity, m, v = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        if optimizer.clip_norm is not None:  # Pascanu, Mikolov, Bengio 2013, algorithm 1
            g = g * min(1.0, optimizer.clip_norm / np.linalg.norm(g))
        if optimizer.clip_value is not None:
            g = np.clip(g, -optimizer.clip_value, optimizer.clip_value)
        if isinstance(optimizer, SGD):  # Sutskever, Martens, Dahl, Hinton 2013, the velocity without the rate
            velocity = optimizer.momentum * velocity + g
            w = w - RATE * (g + optimizer.momentum * velocity if optimizer.nesterov else velocity)
        else:  # Kingma, Ba 2015, algorithm 1
            m = optimizer.beta1 * m + (1 - optimizer.beta1) * g
            v = optimizer.beta2 * v + (1 - optimizer.beta2) * g * g
            ratio = m / (1 - optimizer.beta1**t) / (np.sqrt(v / (1 - optimizer.beta2**t)) + optimizer.eps)
            if isinstance(optimizer, AdamW):  # Loshchilov, Hutter 2019, algorithm 2
                ratio = ratio + optimizer.weight_decay * w
            w = w - RATE * ratio
        yield w


def step_module(optimizer):
    """``@f_step`` for the loss sum(g * w): its gradient is g, whatever w is. Two parameters of different shapes."""
    text = """
func.func @f_loss(%g: tensor<N x f32>, %h: tensor<2x3xf32>, %target: tensor<1xf32>,
                  %w: tensor<N x f32> {irc.param = "w"}, %u: tensor<2x3xf32> {irc.param = "u"}) -> tensor<f32>
    attributes {irc.loss_of = "f"} {
  %0 = arith.mulf %g, %w : tensor<N x f32>
  %1 = arith.mulf %h, %u : tensor<2x3xf32>
  %2 = array.reduce sum %0 dims [0] : tensor<N x f32>
  %3 = array.reduce sum %1 dims [0, 1] : tensor<2x3xf32>
  %loss = arith.addf %2, %3 : tensor<f32>
  func.return %loss : tensor<f32>
}"""
    module = parse_module(text)
    words = ";".join(optimizer_text(optimizer))
    run(module, f"autodiff{{of=f_loss wrt=params}},add-step{{optimizer={words}}},inline{{only=f_step}}")
    return module


def run(module, passes):
    PassManager(parse_pipeline(passes)).run(module)
    verify(module)


def start(optimizer, seed=0):
    """Parameters, and what the optimiser keeps: zeros."""
    rng = np.random.default_rng(seed)
    w, u = rng.normal(size=5).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)
    kept = [np.zeros_like(a) for _ in optimizer.moments for a in (w, u)]
    return [w, u], [*kept, *([np.zeros((), np.int64)] if optimizer.counts else [])]


def gradients(seed=1):
    return np.random.default_rng(seed).normal(size=(STEPS, 11)).astype(np.float32)


def joined(parameters):
    return np.concatenate([np.ravel(p) for p in parameters]).astype(float)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: ";".join(optimizer_text(o)))
def test_steps_are_those_of_the_definition(optimizer):
    module = step_module(optimizer)
    parameters, kept = start(optimizer)
    rate = np.asarray(RATE)
    interpreter = Interpreter(module, "float64")
    for g, expected in zip(gradients(), descend(optimizer, joined(parameters), gradients().astype(float)), strict=True):
        loss, *new = interpreter.call("f_step", [g[:5], g[5:].reshape(2, 3), [0.0], *parameters, *kept, rate])
        np.testing.assert_allclose(loss, g @ joined(parameters), rtol=1e-12)
        parameters, kept = new[:2], new[2:]
        # settings such as 0.9 are constants of the program's type, f32
        np.testing.assert_allclose(joined(parameters), expected, rtol=1e-5, atol=1e-6)
    if optimizer.counts:
        assert kept[-1] == STEPS


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: ";".join(optimizer_text(o)))
def test_native_steps_happen_in_place(optimizer):
    """The arrays that are given hold the new values, and these are those of the interpreter."""
    module = step_module(optimizer)
    reference = Interpreter(module.clone())
    run(module, ",".join([*ARRAY, *LOOP]))
    parameters, kept = start(optimizer)
    same, same_kept = [a.copy() for a in parameters], [a.copy() for a in kept]
    rate = np.array(RATE, np.float32)
    with compile_library(module) as library:
        step = library.function("f_step")
        for g in gradients():
            data = [g[:5], g[5:].reshape(2, 3), np.zeros(1, np.float32)]
            (loss,) = step.call([*data, *parameters, *kept, rate])
            expected, *new = reference.call("f_step", [*data, *same, *same_kept, rate])
            same, same_kept = new[:2], new[2:]
            np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)
            for given, wanted in zip([*parameters, *kept], new, strict=True):
                # at most some four roundings a step, each of a number no larger than the largest
                np.testing.assert_allclose(given, wanted, rtol=0, atol=STEPS * 2.0**-22 * np.abs(wanted).max())


@pytest.mark.parametrize("optimizer", [SGD(RATE, 0.9), Adam(RATE), Adam(RATE, clip_norm=1.0)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_step_that_is_not_finite_changes_nothing(optimizer, bad):
    module = step_module(optimizer)
    run(module, ",".join([*ARRAY, *LOOP]))
    parameters, kept = start(optimizer)
    before = [a.copy() for a in (*parameters, *kept)]
    g = gradients()[0].copy()
    g[3] = bad
    with compile_library(module) as library:
        data = [g[:5], g[5:].reshape(2, 3), np.zeros(1, np.float32)]
        (loss,) = library.function("f_step").call([*data, *parameters, *kept, np.array(RATE, np.float32)])
    assert np.isnan(loss)
    for old, new in zip(before, (*parameters, *kept), strict=True):
        np.testing.assert_array_equal(old, new)


def test_no_copy_of_parameters_or_moments_is_made():
    """In a lowered step the only buffers like the parameters are their gradients."""
    module = step_module(Adam())
    run(module, ",".join(ARRAY))
    allocations = [op.results[0].type for op in module.walk() if op.name == "loop.alloc"]
    assert [str(t) for t in allocations if len(t.shape) == 2] == []
    assert [str(t) for t in allocations if len(t.shape) == 1] == []  # here a gradient is an argument


def test_bias_correction_is_accurate_for_means_with_long_memory():
    """1 - 0.999^1 in f32 is off by 6e-5; -expm1(log 0.999) is not."""
    optimizer = Adam(1.0, beta1=0.0, beta2=0.999, eps=0.0)
    module = step_module(optimizer)
    parameters, kept = start(optimizer)
    g = gradients()[0]
    _, w, *_ = Interpreter(module).call("f_step", [g[:5], g[5:].reshape(2, 3), [0.0], *parameters, *kept, 1.0])
    np.testing.assert_allclose(parameters[0] - w, np.sign(g[:5]), rtol=1e-6)


def test_words_of_an_optimizer_say_all_but_its_rate():
    for optimizer in OPTIMIZERS:
        again = parse_optimizer(optimizer_text(optimizer))
        assert optimizer_text(again) == optimizer_text(optimizer)
        assert type(again) is type(optimizer)
    assert optimizer_text(SGD(0.3)) == optimizer_text(SGD(lambda step: 0.1)) == ("sgd",)
    assert optimizer_text(SGD(0.3, 0.9, nesterov=True)) == ("sgd", "momentum=0.9", "nesterov=true")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "lr of sgd must be a finite number from 0, not -0.1"),
        (lambda: SGD(0.1, 1.0), "momentum of sgd must be below 1"),
        (lambda: SGD(0.1, nesterov=True), "nesterov of sgd needs a momentum"),
        (lambda: SGD(0.1, 0.9, nesterov=1), "nesterov of sgd must be True or False"),
        (lambda: Adam(beta2=1.0), "beta2 of adam must be below 1"),
        (lambda: Adam(eps=float("nan")), "eps of adam must be a finite number"),
        (lambda: AdamW(clip_norm=0.0), "clip_norm of adamw must be a number above 0"),
        (lambda: SGD("fast"), "lr of sgd must be"),
        (lambda: parse_optimizer(("sdg",)), "there is no optimizer 'sdg'; the optimizers are sgd, adam, adamw"),
        (lambda: parse_optimizer(("sgd", "beta1=0.9")), "sgd has no setting 'beta1'; its settings are"),
        (lambda: parse_optimizer(("sgd", "momentum=much")), "momentum of optimizer sgd cannot be 'much'"),
        (lambda: parse_optimizer(("sgd", "lr=0.1")), "sgd has no setting 'lr'"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(Error, match=message):
        make()


def test_every_optimizer_is_an_optimizer_and_has_a_rate():
    for optimizer in OPTIMIZERS:
        assert isinstance(optimizer, Optimizer) and optimizer.lr == RATE


def test_step_counts_in_integers():
    module = step_module(Adam())
    assert isinstance(module, ModuleOp)
    function = module.function("f_step")
    assert TensorType([], i64) in function.type.results and TensorType([], f32) in function.type.inputs
