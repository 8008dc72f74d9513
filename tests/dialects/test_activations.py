"""Activations: values, derivatives, parameters and formulas, all from one definition."""

import math

import numpy as np
import pytest

from irc.dialects.activations import ACTIVATIONS, ALIASES
from irc.error_bounds import magnitude
from irc.interpreter import Interpreter, error_of, value_of
from irc.ir.dimensions import symbol
from irc.ir.types import TensorType, VectorType, f32, f64
from irc.ir.verifier import verify

NEURONS = [a for a in ACTIVATIONS.values() if not a.whole_layer]
XS = np.array([-30.0, -5.0, -2.0, -1.1, -0.3, -1e-3, 1e-3, 0.2, 0.7, 0.9, 3.0, 8.0, 25.0])

_phi = np.vectorize(lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))))
REFERENCE = {
    "identity": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.where(x > 0, x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * _phi(x),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "relu_leaky": lambda x: np.where(x > 0, x, 0.1 * x),
    "relu_parametric": lambda x: np.where(x > 0, x, 0.25 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "binary_step": lambda x: (x >= 0) * 1.0,
    "neat_sigmoid": lambda x: 1 / (1 + np.exp(-np.clip(5 * x, -60, 60))),
    "neat_tanh": lambda x: np.tanh(2.5 * x),
    "neat_sin": lambda x: np.sin(np.clip(5 * x, -60, 60)),
    "neat_gauss": lambda x: np.exp(-5 * np.clip(x, -3.4, 3.4) ** 2),
    "neat_softplus": lambda x: 0.2 * np.log1p(np.exp(np.clip(5 * x, -60, 60))),
    "neat_clamped": lambda x: np.clip(x, -1, 1),
    "neat_inv": lambda x: 1 / x,
    "neat_log": lambda x: np.log(np.maximum(1e-7, x)),
    "neat_exp": lambda x: np.exp(np.clip(x, -60, 60)),
    "neat_abs": np.abs,
    "neat_hat": lambda x: np.maximum(0, 1 - np.abs(x)),
    "neat_square": lambda x: x**2,
    "neat_cube": lambda x: x**3,
}
UNBOUNDED = {"neat_square": lambda x: 2 * x, "neat_cube": lambda x: 3 * x * x, "neat_inv": lambda x: -1 / x**2}
"""Derivatives that have no limit, or reach it slowly."""


@pytest.mark.parametrize("activation", NEURONS, ids=str)
def test_values(activation):
    np.testing.assert_allclose(activation.evaluate(XS), REFERENCE[activation.name](XS), rtol=1e-12, atol=1e-12)
    assert activation.evaluate(np.float32([[1, 2]])).dtype == np.float32
    assert activation.evaluate([]).shape == (0,)


@pytest.mark.parametrize("activation", NEURONS, ids=str)
def test_derivatives_agree_with_differences(activation):
    step = 1e-6
    wanted = (activation.evaluate(XS + step) - activation.evaluate(XS - step)) / (2 * step)
    np.testing.assert_allclose(activation.evaluate(XS, derivative=True), wanted, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", NEURONS, ids=str)
def test_finite_far_away(activation, dtype):
    far = np.array([-1e4, -1e3, -100, 100, 1e3, 1e4], dtype)
    assert np.isfinite(activation.evaluate(far)).all()
    slopes = activation.evaluate(far, derivative=True)
    assert np.isfinite(slopes).all()
    if activation.name in UNBOUNDED:
        np.testing.assert_allclose(slopes, UNBOUNDED[activation.name](far), rtol=1e-6)
        return
    limits = np.array([-1, 0, 1e-4, 1e-3, 1e-2, 0.1, 0.25, 1, 1.0507009873554805])  # some of log's slopes 1/x
    assert np.isclose(slopes[:, None], limits, rtol=1e-6).any(axis=1).all()


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("relu", 0, 0),
        ("relu_leaky", 0, 0.1),
        ("elu", 0, 1),
        ("binary_step", 1, 0),
        ("sigmoid", 0.5, 0.25),
        ("tanh", 0, 1),
        ("neat_sigmoid", 0.5, 1.25),
        ("neat_softplus", 0.2 * math.log(2), 0.5),
        ("neat_inv", 0, 0),
        ("neat_log", math.log(1e-7), 0),
        ("neat_abs", 0, 0),
        ("neat_hat", 1, 0),
    ],
)
def test_at_zero(name, value, slope):
    assert ACTIVATIONS[name].evaluate(0.0) == value
    assert ACTIVATIONS[name].evaluate(0.0, derivative=True) == slope
    assert ACTIVATIONS[name].evaluate(-0.0) == value


def test_parameters():
    leaky = ACTIVATIONS["relu_leaky"]
    assert leaky.evaluate(-2.0) == -0.2
    assert leaky.evaluate(-2.0, parameter=0.5) == -1.0
    assert leaky.with_parameter(0.5).evaluate(-2.0) == -1.0
    assert leaky.with_parameter(0.5).with_parameter(None) == leaky
    assert ACTIVATIONS["swish"].evaluate(1.0, 2.0) == pytest.approx(1 / (1 + math.exp(-2)))
    assert ACTIVATIONS["elu"].evaluate(-1.0, 3.0) == pytest.approx(3 * math.expm1(-1))
    assert str(leaky) == "relu_leaky<0.1>"
    with pytest.raises(ValueError, match="tanh takes no parameter"):
        ACTIVATIONS["tanh"].with_parameter(1.0)
    with pytest.raises(ValueError, match="finite"):
        leaky.function(f32, math.nan)


def test_softmax_acts_on_rows():
    softmax = ACTIVATIONS["softmax"]
    x = np.array([[1.0, 2.0, 3.0], [1e4, 0.0, -1e4]])
    e = np.exp(x - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(softmax.evaluate(x), e / e.sum(axis=1, keepdims=True))
    with pytest.raises(ValueError, match="whole layer"):
        softmax.derivative(f32)
    with pytest.raises(ValueError, match="acts on the last dimension of a tensor"):
        softmax.function(f32)


def test_codes_and_names():
    codes = {a.code: n for n, a in ACTIVATIONS.items() if a.code is not None}
    assert codes == {0: "identity", 1: "sigmoid", 2: "tanh", 3: "relu", 4: "silu", 5: "gelu", 6: "swish"}
    assert [n for n, a in ACTIVATIONS.items() if a.flat] == ["binary_step"]
    assert not set(ALIASES) & set(ACTIVATIONS)


@pytest.mark.parametrize("activation", NEURONS, ids=str)
@pytest.mark.parametrize("kind", [f64, VectorType((8,), f32), TensorType((symbol("B"), 3), f32)], ids=str)
def test_blocks_are_sound_for_every_type(activation, kind):
    for block in (activation.function(kind), activation.derivative(kind)):
        verify(block.parent_op)
        assert block.arguments[0].type is block.terminator.operands[0].type is kind
    assert activation.function(kind) is activation.function(kind)


@pytest.mark.parametrize(
    ("name", "formula", "slope"),
    [
        ("identity", "x", "1"),
        ("tanh", "tanh(x)", "1 - t * t where t = tanh(x)"),
        ("relu", "max(0, x)", "0 >= x ? 0 : 1"),
        ("relu_leaky", "x > 0 ? x : 0.1 * x", "(t ? 1 : 0) + (t ? 0 : 1) * 0.1 where t = x > 0"),
        ("binary_step", "x >= 0 ? 1 : 0", "0"),
        ("elu", "x > 0 ? x : expm1(min(x, 0))", None),
        ("sigmoid", "(t ? 1 : e) / (1 + e) where t = x >= 0, e = exp(t ? -x : x)", None),
        ("softmax", "e / sum(e) where e = exp(x - max(x))", None),
    ],
)
def test_formulas(name, formula, slope):
    assert ACTIVATIONS[name].formula == formula
    assert slope is None or ACTIVATIONS[name].derivative_formula == slope


@pytest.mark.parametrize("activation", NEURONS, ids=str)
@pytest.mark.parametrize("derivative", [False, True])
def test_error_bounds_hold(activation, derivative):
    block = (activation.derivative if derivative else activation.function)(f32)
    xs = np.random.default_rng(6).uniform(-6, 6, 200).astype(np.float32)
    with np.errstate(all="ignore"):
        results = {}
        for mode in ("declared", "float64", "bounded"):
            interpreter = Interpreter(mode=mode)
            with interpreter.batched(len(xs)):
                (results[mode],) = interpreter.run_block(block, [xs.astype(interpreter.dtype(f32))])
    oracle, bounded = np.asarray(results["float64"]), results["bounded"]
    error = magnitude(error_of(bounded))
    assert (np.abs(results["declared"] - oracle) <= error).all()
    assert np.array_equal(value_of(bounded), oracle)
    assert np.median(error) < 1e-5  # and they say something


@pytest.mark.parametrize("type", [f32, f64], ids=str)
@pytest.mark.parametrize("activation", [a for a in NEURONS if a.slope is not None], ids=str)
def test_a_derivative_by_value_has_the_bits_of_the_derivative(activation, type):
    """So it makes no difference which of them a kernel takes."""
    special = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, -1e-30, 9.2, -9.2, 40.0]
    x = np.append(XS, special).astype(type.storage)
    interpreter = Interpreter()
    with interpreter.batched(*x.shape):
        (slope,) = interpreter.run_block(activation.derivative_by_value(type), [activation.evaluate(x)])
    np.testing.assert_array_equal(np.broadcast_to(slope, x.shape), activation.evaluate(x, derivative=True))
