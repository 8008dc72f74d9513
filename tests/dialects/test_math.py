"""The math dialect: text, values against exact ones, special values, gradients and error bounds."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.dialects import math as dialect
from irc.ir.equality import difference
from irc.ir.types import bf16, f16, f32, f64
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.elementwise import SHAPES, check_bound, check_gradient, fold, function_of, gradients, run, same_bits
from support.mlir import accepts

NAN, INF = math.nan, math.inf
UNARY = [c for c in dialect.DIALECT.operations if len(c.spec.operands) == 1]
POSITIVE = {dialect.Log, dialect.Log2, dialect.Log10, dialect.Sqrt, dialect.RSqrt, dialect.Log1P}


def test_text_reads_back_and_stock_mlir_reads_it():
    lines = [f"%{i} = {c.name} %x : tensor<B x f32>" for i, c in enumerate(UNARY)]
    lines += [
        "%p = math.powf %a, %a fastmath<contract> : f32",
        "%q = math.copysign %a, %a : f32",
        "%r = math.fma %v, %v, %v : vector<4xf32>",
        "%s = math.tanh %a fastmath<fast> : f32",
    ]
    head = "func.func @f(%a: f32, %x: tensor<B x f32>, %v: vector<4xf32>)"
    module = parse_module(head + " {\n" + "\n".join(lines) + "\nfunc.return\n}")
    pretty, generic = print_module(module), print_module(module, generic=True)
    assert all(line in pretty for line in lines)
    assert {op.name for op in module.walk()} >= {c.name for c in dialect.DIALECT.operations}
    assert difference(module, parse_module(accepts(generic))) is None
    assert print_module(parse_module(pretty)) == pretty


@pytest.mark.parametrize("cls", UNARY)
def test_functions_are_those_of_the_standard_library(cls):
    word = cls.name.partition(".")[2]
    reference = {
        "absf": abs, "rsqrt": lambda x: 1 / math.sqrt(x), "roundeven": round,
        "round": lambda x: math.copysign(math.floor(abs(x) + 0.5), x), "exp2": lambda x: 2.0**x,
    }.get(word) or getattr(math, word)  # fmt: skip
    module = function_of(cls, [f64])
    for x in (0.25, 0.7, 1.0, 2.5, 3.5, 0.5, 1e-9) + (() if cls in POSITIVE else (-0.3, -2.5, -1.5)):
        assert run(module, x) == pytest.approx(reference(x), rel=4e-16, abs=0)


@pytest.mark.parametrize(
    ("cls", "x", "wanted"),
    [
        (dialect.Exp, INF, INF), (dialect.Exp, -INF, 0.0), (dialect.Exp, 1e4, INF), (dialect.ExpM1, -INF, -1.0),
        (dialect.ExpM1, -0.0, -0.0), (dialect.Log, 0.0, -INF), (dialect.Log, -1.0, NAN), (dialect.Log, INF, INF),
        (dialect.Log1P, -1.0, -INF), (dialect.Log1P, -0.0, -0.0), (dialect.Sqrt, -0.0, -0.0), (dialect.Sqrt, -1.0, NAN),
        (dialect.RSqrt, 0.0, INF), (dialect.RSqrt, INF, 0.0), (dialect.TanH, INF, 1.0), (dialect.TanH, -0.0, -0.0),
        (dialect.Erf, -INF, -1.0), (dialect.Erf, -0.0, -0.0), (dialect.Erf, NAN, NAN), (dialect.Sin, INF, NAN),
        (dialect.Cos, INF, NAN), (dialect.SinH, -INF, -INF), (dialect.CosH, -INF, INF), (dialect.AbsF, -0.0, 0.0),
        (dialect.Floor, -0.5, -1.0), (dialect.Ceil, -0.5, -0.0), (dialect.Trunc, -0.5, -0.0),
        (dialect.Round, 2.5, 3.0), (dialect.Round, -2.5, -3.0), (dialect.Round, -0.2, -0.0), (dialect.Round, NAN, NAN),
        (dialect.Round, 0.49999997, 0.0), (dialect.Round, INF, INF), (dialect.RoundEven, 2.5, 2.0),
    ],
)  # fmt: skip
def test_special_values(cls, x, wanted):
    for kind in (f32, f64):
        assert same_bits(run(function_of(cls, [kind]), x), kind.compute.type(wanted))


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        (NAN, 0.0, 1.0), (0.0, 0.0, 1.0), (0.0, -1.0, INF), (-0.0, -1.0, -INF), (-2.0, 3.0, -8.0), (-2.0, 0.5, NAN),
        (0.5, INF, 0.0), (1.0, NAN, 1.0), (INF, -1.0, 0.0),
    ],
)  # fmt: skip
def test_powers(a, b, wanted):
    assert same_bits(run(function_of(dialect.PowF, [f64, f64]), a, b), np.float64(wanted))


@pytest.mark.parametrize("kind", [f32, f16, bf16])
def test_narrow_types_are_rounded_once(kind):
    xs = np.random.default_rng(3).uniform(0.1, 5, 200)
    for cls in (dialect.Exp, dialect.TanH, dialect.Log, dialect.Sqrt):
        module = function_of(cls, [kind])
        for x in kind.round_array(xs):
            exact = type(op := module.function("f").entry.first).function(np.float64(x))
            assert run(module, x) == kind.round(exact), op.name


number = st.floats(-1e6, 1e6, width=32) | st.floats(-(2.0**-20), 2.0**-20, width=32) | st.floats(-4, 4, width=16)


@given(number, number, number)
def test_fma_rounds_once(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    assert run(function_of(dialect.Fma, [f64] * 3), a, b, c) == float(exact)
    found = run(function_of(dialect.Fma, [f32] * 3), a, b, c)
    gap = abs(Fraction(float(found)) - exact)
    for neighbour in (np.nextafter(found, np.float32(INF)), np.nextafter(found, np.float32(-INF))):
        assert gap <= abs(Fraction(float(neighbour)) - exact)


@given(st.floats(-1e8, 1e8), st.floats(-1e8, 1e8), st.floats(-1e16, 1e16))
def test_fma_of_doubles(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0 or abs(exact) > 1e-280 and abs(a * b) > 1e-200:
        assert run(function_of(dialect.Fma, [f64] * 3), a, b, c) == float(exact)


@given(st.sampled_from(UNARY), st.sampled_from([f32, f64, f16, bf16]), st.floats(-8, 8, width=16))
def test_folds_have_the_bits_of_eval(cls, kind, x):
    assert same_bits(fold(cls, [x], [kind]), run(function_of(cls, [kind]), x))


def test_x_to_the_power_of_1_folds():
    assert fold(dialect.PowF, [3.0, 1.0], [f32, f32]) == 3.0


# -- gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cls", UNARY)
def test_gradients(cls, shape):
    kind = SHAPES[shape](f64)
    x = np.random.default_rng(4).uniform(-1.2, 1.2, size=tuple(getattr(kind, "shape", ())))
    check_gradient(cls, [np.abs(x) + 0.1 if cls in POSITIVE else x], kind)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_several_operands(shape):
    kind = SHAPES[shape](f64)
    rng = np.random.default_rng(5)
    a, b, c = rng.uniform(0.2, 2.0, size=(3, *getattr(kind, "shape", ())))
    check_gradient(dialect.PowF, [a, b - 1], kind)
    check_gradient(dialect.Fma, [a, b, c], kind)
    check_gradient(dialect.CopySign, [a, -b], kind)
    check_gradient(dialect.CopySign, [-a, -b], kind)


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [(0.0, 2.0, (0, 0)), (3.0, 0.0, (0, math.log(3))), (0.0, 0.0, (0, 0)), (0.0, 1.0, (1, 0))],
)
def test_gradient_of_powers_at_zero_is_finite(a, b, wanted):
    assert gradients(function_of(dialect.PowF, [f64, f64]), [a, b], np.float64(1)) == pytest.approx(wanted)


def test_gradient_of_the_absolute_value_at_zero_is_zero():
    assert gradients(function_of(dialect.AbsF, [f64]), [0.0], np.float64(1)) == [0.0]


def test_gradient_of_the_error_function_does_not_overflow():
    assert gradients(function_of(dialect.Erf, [f64]), [1e200], np.float64(1)) == [0.0]


# -- error bounds ------------------------------------------------------------------------------------------------------


@given(st.sampled_from(UNARY), st.sampled_from([f32, f64]), st.floats(-30, 30, width=16), st.floats(-3, 3, width=16))
def test_bounds_of_functions_of_rounded_values(cls, kind, a, b):
    text = f"""func.func @f(%a: {kind}, %b: {kind}) -> {kind} {{
      %third = arith.constant 0.3333333333333333 : {kind}
      %t = arith.mulf %a, %third : {kind}
      %u = arith.addf %t, %b : {kind}
      %r = {cls.name} %u : {kind}
      return %r : {kind}
    }}"""
    check_bound(parse_module(text), a, b)


@given(st.floats(0.015625, 30, width=16), st.floats(-5, 5, width=16), st.sampled_from(["powf", "copysign"]))
def test_bounds_of_powers_of_rounded_values(a, b, word):
    text = f"""func.func @f(%a: f32, %b: f32) -> f32 {{
      %third = arith.constant 0.33333333 : f32
      %t = arith.mulf %a, %third : f32
      %u = arith.mulf %b, %third : f32
      %r = math.{word} %t, %u : f32
      return %r : f32
    }}"""
    check_bound(parse_module(text), a, b)


@given(number, number, number)
def test_bounds_of_fma(a, b, c):
    check_bound(function_of(dialect.Fma, [f32] * 3), a, b, c)
