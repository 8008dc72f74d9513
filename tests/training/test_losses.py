"""Losses: value and gradient against formulas written down again, finite differences, and JAX.

Each formula here is of one row, in NumPy's words, so that JAX can differentiate it too.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.ir.types import TensorType, f32, f64
from irc.ir.verifier import verify
from irc.passes.autodiff import Autodiff
from irc.passmanager import PassContext
from irc.training.evaluation import batch_loss, decided
from irc.training.losses import LOSSES, find_loss, loss_attribute, loss_of_attribute, mean_loss
from support.gradients import check_bounds, run

FORMULAS = {
    "mse": lambda np, y, t, p: np.mean((t - y) ** 2),
    "mae": lambda np, y, t, p: np.mean(np.abs(t - y)),
    "mape": lambda np, y, t, p: np.mean(np.abs(t - y) / np.maximum(np.abs(t), 1e-7)),
    "huber": lambda np, y, t, p: np.sum(
        np.where(np.abs(t - y) <= p, (t - y) ** 2 / 2, p * np.abs(t - y) - p * p / 2)
    ),
    "huber_modified": lambda np, y, t, p: np.sum(
        np.where(t * y > -p, np.maximum(0, 1 - t * y) ** 2, (1 + p) * (1 - p - 2 * t * y))
    ),
    "hinge": lambda np, y, t, p: np.sum(np.maximum(0, 1 - t * y)),
    "cross_entropy": lambda np, y, t, p: -np.sum(t * np.log(np.maximum(y, 1e-7))),
    "softmax_cross_entropy": lambda np, y, t, p: np.sum(t * (np.log(np.sum(np.exp(y))) - y)),
    "sigmoid_cross_entropy": lambda np, y, t, p: -np.sum(
        t * np.log(1 / (1 + np.exp(-y))) + (1 - t) * np.log(1 - 1 / (1 + np.exp(-y)))
    ),
}
PARAMETERS = [(name, p) for name in LOSSES for p in (None, 0.3, 2.4) if p is None or LOSSES[name].default is not None]


def module_of(loss, shape, element=f64):
    """``@f(y, target) -> loss``, and its derivative."""
    type = TensorType(shape, element)
    function = FuncOp.of("f", [type, type], [TensorType([], element)])
    builder = Builder.at_end(function.entry)
    builder.create(ReturnOp, [mean_loss(builder, loss, *function.arguments)])
    module = ModuleOp.of([function])
    Autodiff().run(module, PassContext())
    verify(module)
    return module


def data(name, shape, seed=0):
    """Outputs and targets as the loss wants them."""
    rng = np.random.default_rng(seed)
    y, t = rng.normal(size=shape) * 2, rng.normal(size=shape)
    if name in ("hinge", "huber_modified"):
        t = np.sign(t)
    elif name == "cross_entropy":
        y, t = (np.exp(a) / np.exp(a).sum(-1, keepdims=True) for a in (y, t))
    elif name == "softmax_cross_entropy":
        t = np.exp(t) / np.exp(t).sum(-1, keepdims=True)
    elif name == "sigmoid_cross_entropy":
        t = (t > 0).astype(float)
    return y, t


def test_every_loss_has_a_formula_here():
    assert FORMULAS.keys() == LOSSES.keys()


@pytest.mark.parametrize(("name", "p"), PARAMETERS)
@pytest.mark.parametrize("shape", [(1, 1), (4, 7)])
def test_value_and_gradient_are_those_of_the_formula(name, p, shape):
    loss = find_loss(name if p is None else (name, p))
    y, t = data(name, shape)
    module = module_of(loss, shape)
    parameter = loss.default if p is None else p

    with jax.enable_x64(True):

        def mean(y, t):
            return jnp.mean(jax.vmap(lambda y, t: FORMULAS[name](jnp, y, t, parameter))(y, t))

        expected, (dy, dt) = jax.value_and_grad(mean, (0, 1))(y, t)
        expected, dy, dt = np.asarray(expected), np.asarray(dy), np.asarray(dt)
    by_rows = np.mean([FORMULAS[name](np, row, target, parameter) for row, target in zip(y, t, strict=True)])
    value, by_y, by_t = run(module, "f_vjp", [y, t, np.ones(())])
    np.testing.assert_allclose(value, by_rows, rtol=1e-13)
    np.testing.assert_allclose(expected, by_rows, rtol=1e-13)
    np.testing.assert_allclose(by_y, dy, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(by_t, dt, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("name", "p"), PARAMETERS)
def test_gradient_is_that_of_finite_differences(name, p):
    loss = find_loss(name if p is None else (name, p))
    y, t = data(name, (4, 3), seed=1)
    module = module_of(loss, (4, 3))
    direction = np.random.default_rng(2).normal(size=y.shape)
    h = 1e-6
    up, down = (run(module, "f", [y + s * h * direction, t])[0] for s in (1, -1))
    _, by_y, _ = run(module, "f_vjp", [y, t, np.ones(())])
    np.testing.assert_allclose(np.sum(by_y * direction), (up - down) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_single_precision_lies_within_its_bounds(name):
    check_bounds(module_of(find_loss(name), (6, 4), f32), "f", data(name, (6, 4)))


@pytest.mark.parametrize("name", LOSSES)
def test_native_value_lies_within_its_bounds(name):
    """A sum of n terms errs by at most about n roundings of the largest partial sum; n is 8 x 5 here."""
    y, t = (a.astype(np.float32) for a in data(name, (8, 5)))
    rows = [FORMULAS[name](np, *(a.astype(float) for a in row), LOSSES[name].default) for row in zip(y, t, strict=True)]
    terms = np.mean(np.abs(rows)) + np.abs(y).sum() / 8
    assert abs(batch_loss(find_loss(name), y, t) - np.mean(rows)) <= 50 * 2.0**-24 * terms


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30), st.sampled_from([0.0, 1.0]))
def test_logits_of_any_size_do_not_overflow(a, b, t):
    y, target = np.array([[a, b]]), np.array([[t, 1 - t]])
    for name in ("softmax_cross_entropy", "sigmoid_cross_entropy"):
        value, by_y, _ = run(module_of(find_loss(name), (1, 2)), "f_vjp", [y, target, np.ones(())])
        assert np.isfinite(value) and value >= -1e-9 * (abs(a) + abs(b)) and np.all(np.abs(by_y) <= 1)


def test_sigmoid_cross_entropy_has_its_gradient_at_zero():
    """Written with max(y, 0) and |y| the gradient would be -t there: both corners give 0 at 0."""
    module = module_of(find_loss("sigmoid_cross_entropy"), (1, 2))
    _, by_y, _ = run(module, "f_vjp", [np.zeros((1, 2)), np.array([[0.0, 1.0]]), np.ones(())])
    assert by_y.tolist() == [[0.5, -0.5]]


def test_corners_follow_the_conventions():
    """sign(0) = 0 in mae; a hinge that is just met has no gradient."""
    y = np.array([[1.0, 2.0]])
    assert run(module_of(find_loss("mae"), (1, 2)), "f_vjp", [y, y, np.ones(())])[1].tolist() == [[0, 0]]
    met = run(module_of(find_loss("hinge"), (1, 1)), "f_vjp", [np.ones((1, 1)), np.ones((1, 1)), np.ones(())])
    assert met[0] == 0 and met[1] == 0


def test_huber_modified_is_smooth_where_its_parts_meet():
    for p in (0.3, 1.0, 2.4):
        module, t = module_of(find_loss(("huber_modified", p)), (1, 1)), np.ones((1, 1))
        sides = [run(module, "f_vjp", [np.full((1, 1), -p + s), t, np.ones(())]) for s in (1e-9, -1e-9)]
        for above, below in zip(*sides, strict=True):
            np.testing.assert_allclose(above, below, rtol=1e-7)


@pytest.mark.parametrize("shape", [(), (4,), (4, 3), (5, 4, 3)])
def test_rows_are_all_but_the_last_dimension(shape):
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=shape), rng.normal(size=shape)
    rows = [a.reshape(-1, shape[-1] if len(shape) > 1 else 1) for a in (y, t)]
    (value,) = run(module_of(find_loss("huber"), shape), "f", [y, t])
    each = [FORMULAS["huber"](np, *row, 1.0) for row in zip(*rows, strict=True)]
    np.testing.assert_allclose(value, np.mean(each), rtol=1e-14)


def test_decisions():
    """Outputs of bits are logits, which decide at 0; their targets, 0 and 1, decide at 1/2."""
    y = np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])
    assert decided(find_loss("cross_entropy"), y).tolist() == [1, 0]
    y = np.array([[-0.1, 0.2]])
    for loss, targets in (("sigmoid_cross_entropy", [[0.0, 1.0]]), ("hinge", [[-1.0, 1.0]])):
        assert decided(find_loss(loss), y).tolist() == [[0, 1]]
        assert decided(find_loss(loss), np.array(targets), is_target=True).tolist() == [[0, 1]]


def test_a_net_carries_its_loss_as_an_attribute():
    for words in ("mse", ("huber_modified", 2.4)):
        assert loss_of_attribute(loss_attribute(find_loss(words))) == find_loss(words)
    assert str(find_loss(("huber_modified", 2.4))) == "huber_modified<2.4>"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mee", "there is no loss 'mee'; did you mean 'mse'"),
        ("zzz", "there is no loss 'zzz'; the losses are mse, mae"),
        (("mse", 2.0), "loss mse takes no parameter"),
        (("huber", 0.0), "must be greater than 0"),
        (("huber", float("nan")), "must be a finite number"),
        (("huber", "2"), "must be a finite number, not '2'"),
        (("huber", 1.0, 2.0), "a name and a parameter"),
        (7, "a loss is a name"),
        ((), "a loss is a name"),
    ],
)
def test_wrong_losses_are_refused(given, message):
    with pytest.raises(Error, match=message):
        find_loss(given)
