"""Pooling at array level: values against plain loops and JAX, derivatives, error bounds, ties, and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irc.ir.diagnostics import Error
from irc.text.parser import parse_module
from support.convolutions import Case, forward, random_case
from support.gate import pass_gate
from support.gradients import check_bounds, check_vjp, differentiated, run

CASES = [random_case(seed, kind) for seed in range(12) for kind in ("max", "mean")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pooling_is_its_definition(case):
    (x,) = case.arguments(2)
    (found,) = run(parse_module(case.text()), "f", [x])
    np.testing.assert_allclose(found, forward(case, x), rtol=1e-12)


@pytest.mark.parametrize("case", CASES[:8], ids=str)
def test_values_and_gradients_are_those_of_jax(case):
    def pool(x):
        lowest, join = (-jnp.inf, jax.lax.max) if case.kind == "max" else (0.0, jax.lax.add)
        padding = [(0, 0), (0, 0), *((p, p) for p in case.padding)]
        pooled = jax.lax.reduce_window(x, lowest, join, (1, 1, *case.kernel), (1, 1, *case.stride), padding)
        return pooled if case.kind == "max" else pooled / (case.kernel[0] * case.kernel[1])

    x = case.arguments(3)[0].astype(np.float32)
    value, pull_back = jax.vjp(pool, jnp.asarray(x))
    dy = np.random.default_rng(1).normal(size=value.shape).astype(np.float32)
    found = run(differentiated(case.text()), "f_vjp", [x, dy])
    for got, want in zip(found, [value, *pull_back(dy)], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES[:8], ids=str)
def test_derivatives_and_bounds(case):
    module = differentiated(case.text())
    arguments = case.arguments(2)
    check_vjp(module, arguments)
    dy = np.random.default_rng(2).normal(size=run(module, "f", arguments)[0].shape)
    check_bounds(module, "f", arguments)
    check_bounds(module, "f_vjp", [*arguments, dy])
    again = differentiated(module.to_text(), of=("f_vjp",))
    check_vjp(again, [*arguments, dy], name="f_vjp")
    pass_gate(again)


def test_of_equal_values_the_first_takes_the_gradient():
    case = Case((2, 2), (2, 2), (2, 2), kind="max")
    _, dx = run(differentiated(case.text()), "f_vjp", [np.full((1, 1, 2, 2), 3.0), np.ones((1, 1, 1, 1))])
    assert dx[0, 0].tolist() == [[1, 0], [0, 0]]


def test_windows_that_overlap_add_their_gradients():
    case = Case((1, 3), (1, 2), kind="max")
    _, dx = run(differentiated(case.text()), "f_vjp", [np.array([[[[1.0, 5.0, 2.0]]]]), np.array([[[[10.0, 1.0]]]])])
    assert dx[0, 0].tolist() == [[0, 11, 0]]


def test_padding_is_never_the_largest_but_counts_in_a_mean():
    x = np.full((1, 1, 2, 2), -4.0)
    largest = Case((2, 2), (2, 2), (1, 1), (1, 1), kind="max")
    (found,) = run(parse_module(largest.text()), "f", [x])
    assert (found == -4).all()
    (found,) = run(parse_module(Case((2, 2), (2, 2), (1, 1), (1, 1), kind="mean").text()), "f", [x])
    assert found[0, 0].tolist() == [[-1, -2, -1], [-2, -4, -2], [-1, -2, -1]]


def test_nan_is_the_greatest_of_all():
    x = np.array([[[[1.0, np.nan], [np.inf, 2.0]]]])
    _, dx = run(differentiated(Case((2, 2), (2, 2), kind="max").text()), "f_vjp", [x, np.ones((1, 1, 1, 1))])
    assert dx[0, 0].tolist() == [[0, 1], [0, 0]]


X = "tensor<B x 4 x 5 x 5 x f32>"
WRONG = {
    "kind": ("median %x kernel [2, 2]", "there is no pooling"),
    "no kernel": ("max %x", "expected 'kernel'"),
    "padding": ("max %x kernel [3, 3] padding [2, 0]", r"padding must be at most half of the kernel"),
    "kernel": ("max %x kernel [6, 1]", "a kernel of 6x1 is larger than its input, 5x5"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_does_not_fit(what):
    op, message = WRONG[what]
    with pytest.raises(Error, match=message) as caught:
        parse_module(f"func.func @f(%x: {X}) {{\n  %y = array.pool2d {op} : {X}\n  func.return\n}}")
    assert caught.value.diagnostics[0].line == 2
