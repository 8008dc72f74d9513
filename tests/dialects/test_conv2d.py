"""Convolutions at array level: values against plain loops and JAX, derivatives, error bounds, layouts, and errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irc.ir.diagnostics import Error
from irc.text.parser import parse_module
from support.convolutions import Case, forward, random_case
from support.gate import pass_gate
from support.gradients import check_bounds, check_vjp, differentiated, run

CASES = [random_case(seed) for seed in range(30)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_convolution_is_the_sum_of_its_definition(case):
    x, w = case.arguments(2)
    (found,) = run(parse_module(case.text()), "f", [x, w])
    np.testing.assert_allclose(found, forward(case, x, w), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", CASES[:8], ids=str)
def test_values_and_gradients_are_those_of_jax(case):
    def convolve(x, w):
        return jax.lax.conv_general_dilated(
            x,
            w,
            case.stride,
            [(p, p) for p in case.padding],
            rhs_dilation=case.dilation,
            feature_group_count=case.groups,
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )

    arguments = [a.astype(np.float32) for a in case.arguments(3)]
    value, pull_back = jax.vjp(convolve, *map(jnp.asarray, arguments))
    dy = np.random.default_rng(1).normal(size=value.shape).astype(np.float32)
    found = run(differentiated(case.text()), "f_vjp", [*arguments, dy])
    for got, want in zip(found, [value, *pull_back(dy)], strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("case", CASES[:8], ids=str)
def test_derivatives_and_bounds(case):
    module = differentiated(case.text())
    arguments = case.arguments(2)
    check_vjp(module, arguments)
    dy = np.random.default_rng(2).normal(size=run(module, "f", arguments)[0].shape)
    check_bounds(module, "f", arguments)
    check_bounds(module, "f_vjp", [*arguments, dy])


@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_the_derivative_of_the_derivative(case):
    """Each of the three ops is linear in its operands, so differentiation leads from each to the other two."""
    module = differentiated(differentiated(case.text()).to_text(), of=("f_vjp",))
    arguments = case.arguments(2)
    dy = np.random.default_rng(3).normal(size=run(module, "f", arguments)[0].shape)
    check_vjp(module, [*arguments, dy], name="f_vjp")


@pytest.mark.parametrize("layout", ["chwb", "bhwc", "wbch"])
def test_a_layout_is_the_order_of_the_dimensions_alone(layout):
    usual, other = random_case(7), random_case(7, layout=layout)
    x, w = usual.arguments(2)
    dy = np.random.default_rng(4).normal(size=(2, usual.filters, *usual.counts))
    wanted = run(differentiated(usual.text()), "f_vjp", [x, w, dy])
    found = run(differentiated(other.text()), "f_vjp", [other.arrange(x), w, other.arrange(dy)])
    for got, want, images in zip(found, wanted, (True, True, False), strict=True):
        np.testing.assert_allclose(got, other.arrange(want) if images else want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_stock_mlir_takes_the_ops(seed):
    pass_gate(differentiated(random_case(seed, layout=("bchw", "chwb")[seed % 2]).text()))


X, W = "tensor<B x 4 x 5 x 5 x f32>", "tensor<6x4x3x3xf32>"
WRONG = {
    "rank": ("%x, %w", "tensor<B x 4 x 25 x f32>", W, "images must have dimensions bchw"),
    "unknown size": ("%x, %w", "tensor<B x 4 x H x 5 x f32>", W, "all but the batch of known sizes"),
    "filters": ("%x, %w", X, "tensor<6x4x9xf32>", "filters must be"),
    "channels": ("%x, %w", X, "tensor<6x3x3x3xf32>", "4 channels need filters of 4"),
    "groups": ("%x, %w groups 3", X, W, "cannot be cut into 3 groups"),
    "kernel": ("%x, %w", X, "tensor<6x4x6x3xf32>", "a kernel of 6x3 is larger than its input, 5x5"),
    "dilated": ("%x, %w dilation [3, 1]", X, W, "a kernel of 3x3, with its dilation 7x3, is larger than its input"),
    "stride": ("%x, %w stride [0, 1]", X, W, r"stride must be two integers from 1 on, not \[0, 1\]"),
    "padding": ("%x, %w padding [1]", X, W, "padding must be two integers from 0 on"),
    "layout": ('%x, %w {layout = "bcwx"}', X, W, "layout must name b, c, h and w"),
    "element": ("%x, %w", X, "tensor<6x4x3x3xf64>", "must have one element type"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_does_not_fit(what):
    op, x, w, message = WRONG[what]
    text = f"func.func @f(%x: {x}, %w: {w}) {{\n  %y = array.conv2d {op} : {x}, {w}\n  func.return\n}}"
    with pytest.raises(Error, match=message) as caught:
        parse_module(text)
    assert caught.value.diagnostics[0].line == 2


def test_the_result_of_a_transposed_convolution_must_be_one_that_gives_its_maps():
    y, w, x = "tensor<B x 4 x 3 x 3 x f32>", "tensor<4x2x3x3xf32>", "tensor<B x 2 x 9 x 7 x f32>"
    op = f"array.conv2d_transpose %y, %w stride [2, 2] : {y}, {w} to {x}"
    with pytest.raises(Error, match="feature maps of tensor<B x 2 x 9 x 7 x f32>: 3 is not 4"):
        parse_module(f"func.func @f(%y: {y}, %w: {w}) {{\n  %x = {op}\n  func.return\n}}")


def test_an_odd_image_is_possible_where_the_stride_leaves_cells_out():
    """8 and 7 rows give the same number of positions, so the type of the transposed convolution's result decides."""
    for rows in (7, 8):
        case = Case((rows, 7), (3, 3), (2, 2))
        assert case.counts == (3, 3)
        check_vjp(differentiated(case.text()), case.arguments(1))
