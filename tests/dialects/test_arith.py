"""The arith dialect: text, what each op computes, folds, gradients and error bounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.dialects import arith
from irc.dialects.arith import FLOAT_PREDICATES, INTEGER_PREDICATES, FastMathAttr, OverflowAttr
from irc.dialects.constants import materialise
from irc.interpreter import Interpreter, error_of, value_of
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_LIKE
from irc.ir.diagnostics import Error
from irc.ir.equality import difference
from irc.ir.rewriting import rewrite
from irc.ir.traits import COMMUTATIVE
from irc.ir.types import SCALARS, TensorType, VectorType, bf16, f16, f32, f64, i1, i8, i32, i64, index
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.elementwise import (
    SHAPES,
    SPECIAL,
    check_bound,
    check_gradient,
    fold,
    function_of,
    gradients,
    run,
    same_bits,
)
from support.mlir import accepts

BINARY = [c for c in arith.DIALECT.operations if len(c.spec.operands) == 2 and c not in (arith.CmpF, arith.CmpI)]
FLOAT_BINARY = [c for c in BINARY if c.spec.operands[0].constraint is FLOAT_LIKE]
INTEGER_BINARY = [c for c in BINARY if c not in FLOAT_BINARY]

EVERY_OP = """
func.func @f(%a: f32, %b: f32, %i: i32, %j: i32, %t: i1, %n: index, %v: vector<4 x f32>, %x: tensor<B x 3 x f32>) {
  %c0 = arith.constant 2.500000e+00 : f32
  %c1 = arith.constant true
  %c2 = arith.constant dense<[1, 2]> : tensor<2xi32>
  %c3 = arith.constant -3 : index
  %0 = arith.addf %a, %b : f32
  %1 = arith.subf %v, %v fastmath<nnan, ninf> : vector<4xf32>
  %2 = arith.mulf %x, %x fastmath<fast> : tensor<B x 3 x f32>
  %3 = arith.divf %a, %b : f32
  %4 = arith.remf %a, %b : f32
  %5 = arith.negf %a : f32
  %6 = arith.maximumf %a, %b : f32
  %7 = arith.minimumf %a, %b : f32
  %8 = arith.maxnumf %a, %b : f32
  %9 = arith.minnumf %a, %b : f32
  %10 = arith.cmpf ogt, %a, %b : f32
  %11 = arith.cmpf ult, %x, %x fastmath<nnan> : tensor<B x 3 x f32>
  %12 = arith.cmpi sle, %n, %n : index
  %13 = arith.select %t, %x, %x : tensor<B x 3 x f32>
  %14 = arith.select %11, %x, %x : tensor<B x 3 x i1>, tensor<B x 3 x f32>
  %15 = arith.addi %i, %j overflow<nsw, nuw> : i32
  %16 = arith.subi %i, %j : i32
  %17 = arith.muli %i, %j : i32
  %18 = arith.divsi %i, %j : i32
  %19 = arith.divui %i, %j : i32
  %20 = arith.remsi %i, %j : i32
  %21 = arith.remui %i, %j : i32
  %22 = arith.floordivsi %i, %j : i32
  %23 = arith.ceildivsi %i, %j : i32
  %24 = arith.maxsi %i, %j : i32
  %25 = arith.minsi %i, %j : i32
  %26 = arith.maxui %i, %j : i32
  %27 = arith.minui %i, %j : i32
  %28 = arith.andi %t, %t : i1
  %29 = arith.ori %i, %j : i32
  %30 = arith.xori %i, %j : i32
  %31 = arith.shli %i, %j overflow<nsw> : i32
  %32 = arith.shrsi %i, %j : i32
  %33 = arith.shrui %i, %j : i32
  %34 = arith.extf %a : f32 to f64
  %35 = arith.truncf %34 : f64 to bf16
  %36 = arith.extsi %i : i32 to i64
  %37 = arith.extui %t : i1 to i32
  %38 = arith.trunci %i overflow<nsw> : i32 to i8
  %39 = arith.sitofp %i : i32 to f32
  %40 = arith.uitofp %t : i1 to f32
  %41 = arith.fptosi %x : tensor<B x 3 x f32> to tensor<B x 3 x i64>
  %42 = arith.fptoui %a : f32 to i32
  %43 = arith.bitcast %a : f32 to i32
  %44 = arith.index_cast %n : index to i64
  func.return
}
"""


def test_text_reads_back_and_stock_mlir_reads_it():
    module = parse_module(EVERY_OP)
    pretty, generic = print_module(module), print_module(module, generic=True)
    for line in EVERY_OP.strip().splitlines()[1:-1]:
        assert line.strip() in pretty
    assert {op.name for op in module.walk()} >= {c.name for c in arith.DIALECT.operations}
    assert print_module(parse_module(generic)) == pretty == print_module(parse_module(pretty))
    assert difference(module, parse_module(accepts(generic))) is None


def test_flags():
    assert str(FastMathAttr(["nnan", "reassoc"])) == "#arith.fastmath<reassoc, nnan>"
    assert FastMathAttr(["fast"]) is FastMathAttr(FastMathAttr.KNOWN)
    assert FastMathAttr.parse_body("none") is FastMathAttr() is arith.NO_FASTMATH
    assert OverflowAttr.parse_body("nuw, nsw").flags == ("nsw", "nuw")
    with pytest.raises(ValueError, match="unknown flag 'quick'; the flags are reassoc"):
        FastMathAttr(["quick"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%0 = arith.addf %a, %i : f32", "%i is of type i32, but is used as f32"),
        ("%0 = arith.addf %i, %i : i32", "must be a float, or a vector or tensor of floats, got i32"),
        ("%0 = arith.cmpf gt, %a, %a : f32", "unknown predicate 'gt'; the predicates are false, oeq"),
        ("%0 = arith.cmpi oeq, %i, %i : i32", "unknown predicate 'oeq'"),
        ("%0 = arith.cmpf ogt, %a, %a fastmath<fst> : f32", "fst"),
        ("%0 = arith.select %i, %a, %a : i32, f32", "condition"),
        ("%0 = arith.extf %a : f32 to f16", "f16 is not wider than f32"),
        ("%0 = arith.trunci %i : i32 to i64", "i64 is not narrower than i32"),
        ("%0 = arith.bitcast %a : f32 to i64", "cannot read the bits of f32 as i64"),
        ("%0 = arith.extsi %i : i32 to index", "index is converted by arith.index_cast"),
        ("%0 = arith.index_cast %i : i32 to i64", "one side must be index"),
        ('%0 = arith.constant "x"', "expected a number"),
    ],
)
def test_wrong_programs_are_refused(line, message):
    with pytest.raises(Error) as caught:
        parse_module(f"func.func @f(%a: f32, %i: i32) {{\n  {line}\n  return\n}}")
    assert message in str(caught.value)
    assert caught.value.diagnostics[0].line == 2


# -- what ops compute --------------------------------------------------------------------------------------------------


def test_results_are_rounded_to_the_declared_type():
    assert run(function_of(arith.AddF, [f32, f32]), 1.0, 2.0**-24) == np.float32(1.0)
    assert run(function_of(arith.AddF, [f32, f32]), 1.0, 2.0**-24, mode="float64") == 1.0 + 2.0**-24
    assert run(function_of(arith.AddF, [bf16, bf16]), 1.0, 2.0**-7 + 2.0**-8) == np.float32(1.0 + 2.0**-6)
    assert run(function_of(arith.MulF, [f16, f16]), 300.0, 300.0) == np.inf


@pytest.mark.parametrize("cls", FLOAT_BINARY)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_agree_with_scalars(cls, shape):
    kind = SHAPES[shape](f32)
    module, single = function_of(cls, [kind, kind]), function_of(cls, [f32, f32])
    sizes = tuple(getattr(kind, "shape", ()))
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, *sizes)).astype(np.float32)
    found = np.asarray(run(module, a, b))
    wanted = [run(single, x, y) for x, y in zip(np.ravel(a), np.ravel(b), strict=True)]
    assert same_bits(found.reshape(-1), np.array(wanted, np.float32))


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("cls", "a", "b", "wanted"),
    [
        (arith.MaximumF, 0.0, -0.0, 0.0),
        (arith.MaximumF, -0.0, 0.0, 0.0),
        (arith.MaximumF, -0.0, -0.0, -0.0),
        (arith.MaximumF, NAN, 1.0, NAN),
        (arith.MaximumF, 1.0, NAN, NAN),
        (arith.MinimumF, 0.0, -0.0, -0.0),
        (arith.MinimumF, -0.0, 0.0, -0.0),
        (arith.MinimumF, 1.0, NAN, NAN),
        (arith.MaxNumF, 1.0, NAN, 1.0),
        (arith.MaxNumF, NAN, NAN, NAN),
        (arith.MinNumF, NAN, -2.0, -2.0),
        (arith.DivF, 1.0, 0.0, INF),
        (arith.DivF, 1.0, -0.0, -INF),
        (arith.DivF, 0.0, 0.0, NAN),
        (arith.RemF, -5.5, 2.0, -1.5),
        (arith.RemF, 5.5, -2.0, 1.5),
        (arith.RemF, 1.0, 0.0, NAN),
        (arith.SubF, INF, INF, NAN),
    ],
)
def test_special_floats(cls, a, b, wanted):
    assert same_bits(run(function_of(cls, [f32, f32]), a, b), np.float32(wanted))
    assert same_bits(run(function_of(cls, [f64, f64]), a, b), np.float64(wanted))


def test_negation_changes_the_sign_of_zero_and_nan():
    module = function_of(arith.NegF, [f32])
    assert np.signbit(run(module, 0.0))
    assert np.signbit(run(module, math.nan)) != np.signbit(np.float32(math.nan))


@pytest.mark.parametrize("predicate", FLOAT_PREDICATES)
def test_float_predicates(predicate):
    module = function_of(arith.CmpF, [f64, f64], predicate=predicate)
    relations = {"eq": "==", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "ne": "!="}
    for a in SPECIAL:
        for b in SPECIAL:
            unordered = a != a or b != b
            if predicate in ("true", "false"):
                wanted = predicate == "true"
            elif predicate in ("ord", "uno"):
                wanted = unordered == (predicate == "uno")
            elif unordered:
                wanted = predicate[0] == "u"
            else:
                wanted = eval(f"a {relations[predicate[1:]]} b", {"a": a, "b": b})
            assert run(module, a, b) == wanted, (predicate, a, b)


WIDTHS = {"i1": i1, "i8": i8, "i32": i32, "i64": i64, "index": index}


def _signed(value, width):
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def _unsigned(value, width):
    return value & ((1 << width) - 1)


def _towards_zero(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


REFERENCE = {
    arith.AddI: lambda a, b, w: a + b,
    arith.SubI: lambda a, b, w: a - b,
    arith.MulI: lambda a, b, w: a * b,
    arith.DivSI: lambda a, b, w: _towards_zero(a, b) if b else 0,
    arith.RemSI: lambda a, b, w: a - b * _towards_zero(a, b) if b else a,
    arith.DivUI: lambda a, b, w: _unsigned(a, w) // _unsigned(b, w) if b else 0,
    arith.RemUI: lambda a, b, w: _unsigned(a, w) % _unsigned(b, w) if b else a,
    arith.FloorDivSI: lambda a, b, w: a // b if b else 0,
    arith.CeilDivSI: lambda a, b, w: -(-a // b) if b else 0,
    arith.MaxSI: lambda a, b, w: max(a, b),
    arith.MinSI: lambda a, b, w: min(a, b),
    arith.MaxUI: lambda a, b, w: max(_unsigned(a, w), _unsigned(b, w)),
    arith.MinUI: lambda a, b, w: min(_unsigned(a, w), _unsigned(b, w)),
    arith.AndI: lambda a, b, w: a & b,
    arith.OrI: lambda a, b, w: a | b,
    arith.XOrI: lambda a, b, w: a ^ b,
    arith.ShLI: lambda a, b, w: a << _unsigned(b, w) if _unsigned(b, w) < w else 0,
    arith.ShRSI: lambda a, b, w: a >> min(_unsigned(b, w), w),
    arith.ShRUI: lambda a, b, w: _unsigned(a, w) >> _unsigned(b, w) if _unsigned(b, w) < w else 0,
}


def test_every_integer_op_has_a_reference():
    assert set(REFERENCE) == set(INTEGER_BINARY)


@given(st.sampled_from(sorted(WIDTHS)), st.data())
def test_integers_are_those_of_python_wrapped(name, data):
    kind = WIDTHS[name]
    low, high = -(1 << (kind.width - 1)), (1 << (kind.width - 1)) - 1
    edges = st.sampled_from([low, low + 1 if kind.width > 1 else low, -1, 0, high])
    number = st.one_of(edges, st.integers(low, high), st.integers(max(low, -3), min(high, 40)))
    cls = data.draw(st.sampled_from(sorted(REFERENCE, key=lambda c: c.name)))
    a, b = data.draw(number), data.draw(number)
    wanted = _signed(REFERENCE[cls](a, b, kind.width), kind.width)
    given_ = [bool(v & 1) if kind is i1 else v for v in (a, b)]
    found = run(function_of(cls, [kind, kind]), *given_)
    assert _signed(int(found), kind.width) == wanted, (cls.name, name, a, b)
    folded = fold(cls, given_, [kind, kind])
    assert folded == found
    assert type(folded) is type(found)


@pytest.mark.parametrize("predicate", INTEGER_PREDICATES)
def test_integer_predicates(predicate):
    module = function_of(arith.CmpI, [i8, i8], predicate=predicate)
    relations = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    sign = relations[predicate if predicate in relations else predicate[1:]]
    for a in (-128, -1, 0, 1, 127):
        for b in (-128, -1, 0, 1, 127):
            x, y = (_unsigned(v, 8) for v in (a, b)) if predicate[0] == "u" else (a, b)
            assert run(module, a, b) == eval(f"{x} {sign} {y}")


@pytest.mark.parametrize(
    ("cls", "source", "target", "value", "wanted"),
    [
        (arith.ExtF, f16, f64, 1.5, 1.5),
        (arith.TruncF, f64, f32, 0.1, float(np.float32(0.1))),
        (arith.TruncF, f32, bf16, 1.00390625, 1.0),
        (arith.TruncF, f64, f16, 1e6, INF),
        (arith.ExtSI, i8, i64, -3, -3),
        (arith.ExtSI, i1, i32, True, -1),
        (arith.ExtUI, i8, i64, -3, 253),
        (arith.ExtUI, i1, i32, True, 1),
        (arith.TruncI, i32, i8, 300, 44),
        (arith.TruncI, i32, i1, 2, False),
        (arith.SIToFP, i32, f32, 2**24 + 1, 2.0**24),
        (arith.SIToFP, i1, f32, True, -1.0),
        (arith.UIToFP, i1, f32, True, 1.0),
        (arith.UIToFP, i64, f64, -1, 2.0**64),
        (arith.SIToFP, i64, bf16, 257, 256.0),
        (arith.SIToFP, i32, bf16, (1 << 30) + (1 << 22) + 1, float((1 << 30) + (1 << 23))),
        (arith.FPToSI, f32, i32, -2.9, -2),
        (arith.FPToSI, f64, i64, 1e300, 2**63 - 1),
        (arith.FPToSI, f64, i64, -INF, -(2**63)),
        (arith.FPToSI, f32, i32, NAN, 0),
        (arith.FPToSI, f32, i8, 200.0, 127),
        (arith.FPToUI, f32, i8, 200.0, -56),
        (arith.FPToUI, f64, i64, 2.0**63, -(2**63)),
        (arith.FPToUI, f64, i64, 1e30, -1),
        (arith.FPToUI, f64, i32, -1.0, 0),
        (arith.IndexCast, index, i32, 2**32 + 5, 5),
        (arith.IndexCast, i8, index, -4, -4),
        (arith.Bitcast, f32, i32, 1.0, 0x3F800000),
        (arith.Bitcast, i32, f32, 0x40490FDB, float(np.float32(math.pi))),
        (arith.Bitcast, f64, i64, -0.0, -(2**63)),
        (arith.Bitcast, bf16, f16, 1.0, float(np.uint16(0x3F80).view(np.float16))),
    ],
)
def test_conversions(cls, source, target, value, wanted):
    module = function_of(cls, [source], result_types=[target])
    found = run(module, value)
    assert found == wanted
    assert fold(cls, [value], [source], result_types=[target]) == found


def test_select_takes_one_condition_or_one_for_each_element():
    kind = TensorType((2,), f32)
    each = function_of(arith.Select, [TensorType((2,), i1), kind, kind])
    whole = function_of(arith.Select, [i1, kind, kind])
    a, b = np.float32([1, 2]), np.float32([3, 4])
    assert run(each, [True, False], a, b).tolist() == [1, 4]
    assert run(whole, False, a, b).tolist() == [3, 4]


def test_constants_of_every_type():
    for name, kind in SCALARS.items():
        text = {"i1": "true", "index": "7 : index"}.get(name, f"{7 if kind.is_integer else 7.0} : {name}")
        module = parse_module(f"func.func @f() -> {name} {{ %c = arith.constant {text}\n return %c : {name} }}")
        assert run(module) == (True if name == "i1" else 7)
    module = parse_module(
        "func.func @f() -> tensor<2xbf16> { %c = arith.constant dense<[1.5, -2.0]> : tensor<2xbf16>\n"
        " return %c : tensor<2xbf16> }"
    )
    assert run(module).tolist() == [1.5, -2.0]


# -- folds -------------------------------------------------------------------------------------------------------------

floats = st.one_of(st.sampled_from(SPECIAL), st.floats(width=32), st.floats(-4, 4, width=16))


KINDS = st.sampled_from([f32, f64, f16, bf16])


@given(st.sampled_from(FLOAT_BINARY), KINDS, st.sampled_from(sorted(SHAPES)), floats, floats)
def test_folds_have_the_bits_of_eval(cls, kind, shape, a, b):
    type = SHAPES[shape](kind)
    sizes = tuple(getattr(type, "shape", ()))
    wanted = run(function_of(cls, [type, type]), np.full(sizes, a), np.full(sizes, b))
    assert same_bits(fold(cls, [a, b], [type, type]), wanted)


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("arith.addf %x, %minus_zero", True),
        ("arith.addf %minus_zero, %x", True),
        ("arith.addf %x, %zero", False),
        ("arith.subf %x, %zero", True),
        ("arith.subf %x, %minus_zero", False),
        ("arith.subf %x, %x", False),
        ("arith.mulf %x, %one", True),
        ("arith.mulf %one, %x", True),
        ("arith.mulf %x, %zero", False),
        ("arith.divf %x, %one", True),
        ("arith.divf %x, %x", False),
        ("arith.maximumf %x, %x", True),
    ],
)
@pytest.mark.parametrize("kind", ["f32", "tensor<B x f32>"])
def test_identities_that_hold_for_every_float(line, folded, kind):
    make = "array.full {0} : f32 to " + kind if "tensor" in kind else "arith.constant {0} : f32"
    constants = "\n".join(
        f"%{n} = {make.format(v)}" for n, v in (("zero", "0.0"), ("minus_zero", "-0.0"), ("one", "1.0"))
    )
    body = f"{constants}\n%y = {line} : {kind}\nreturn %y : {kind}"
    module = parse_module(f"func.func @f(%x: {kind}) -> {kind} {{\n{body}\n}}")
    given_ = [np.float32(SPECIAL)] if "tensor" in kind else np.float32(SPECIAL)
    before = [run(module, x) for x in given_]
    rewrite(module, (), materialise, canonical=True)
    assert (len(list(module.function("f").entry)) == 1) == folded
    assert all(same_bits(run(module, x), y) for x, y in zip(given_, before, strict=True))


def test_select_folds():
    text = """func.func @f(%c: i1, %x: f32, %y: f32) -> (f32, f32, f32) {
      %t = arith.constant true
      %z = arith.constant 0.0 : f32
      %z2 = arith.constant 0.0 : f32
      %a = arith.select %t, %x, %y : f32
      %b = arith.select %c, %x, %x : f32
      %d = arith.select %c, %z, %z2 : f32
      return %a, %b, %d : f32, f32, f32
    }"""
    module = parse_module(text)
    rewrite(module, (), materialise, canonical=True)
    assert "select" not in print_module(module)


def test_relu_keeps_its_gradient_when_constants_move():
    # maximumf is not commutative here: at a tie the first operand gets the gradient
    assert COMMUTATIVE not in arith.MaximumF.traits
    assert COMMUTATIVE in arith.AddF.traits


# -- gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cls", FLOAT_BINARY)
def test_gradients(cls, shape):
    kind = SHAPES[shape](f64)
    rng = np.random.default_rng(2)
    sizes = tuple(getattr(kind, "shape", ()))
    a, b = rng.normal(size=sizes), rng.uniform(0.6, 2.0, size=sizes)
    check_gradient(cls, [a, b], kind)


def test_gradient_of_a_tie_goes_to_the_first():
    for cls in (arith.MaximumF, arith.MinimumF):
        assert [float(g) for g in gradients(function_of(cls, [f64, f64]), [1.0, 1.0], np.float64(3))] == [3.0, 0.0]


def test_gradient_of_negation_and_conversion():
    check_gradient(arith.NegF, [np.float64(0.3)])
    text = """func.func @f(%x: f32, %g: f64) -> f64 {
      %y = arith.extf %x : f32 to f64
      return %y : f64
    }"""
    module = parse_module(text)
    op = module.function("f").entry.first
    (g,) = op.vjp(Builder.after(op), [module.function("f").arguments[1]])
    assert g.type is f32
    assert arith.FPToSI.build(module.function("f").arguments[0], result_types=[i32]).vjp(None, [None]) == [None]


# -- error bounds ------------------------------------------------------------------------------------------------------


@given(st.sampled_from(FLOAT_BINARY), st.sampled_from([f32, f16, bf16]), floats, floats)
def test_bounds_of_exact_operands(cls, kind, a, b):
    check_bound(function_of(cls, [kind, kind]), float(kind.round(a)), float(kind.round(b)))


PROGRAMS = [
    "%t = arith.mulf %a, %b : f32\n%u = arith.subf %t, %c : f32\n%r = arith.divf %u, %b : f32",
    "%t = arith.addf %a, %b : f32\n%u = arith.subf %t, %a : f32\n%r = arith.mulf %u, %u : f32",
    "%t = arith.divf %a, %c : f32\n%u = arith.mulf %t, %c : f32\n%r = arith.subf %u, %a : f32",
    "%t = arith.mulf %a, %b : f32\n%p = arith.cmpf ogt, %t, %c : f32\n%r = arith.select %p, %t, %c : f32",
    "%t = arith.mulf %a, %a : f32\n%u = arith.maximumf %t, %b : f32\n%r = arith.minimumf %u, %c : f32",
    "%t = arith.mulf %a, %b : f32\n%i = arith.fptosi %t : f32 to i32\n%r = arith.sitofp %i : i32 to f32",
    "%t = arith.divf %a, %b : f32\n%r = arith.remf %t, %c : f32",
    "%t = arith.mulf %a, %b : f32\n%p = arith.cmpf oeq, %t, %c : f32\n%i = arith.extui %p : i1 to i32\n"
    "%r = arith.sitofp %i : i32 to f32",
    "%t = arith.extf %a : f32 to f64\n%u = arith.mulf %t, %t : f64\n%r = arith.truncf %u : f64 to f32",
]


@given(st.sampled_from(PROGRAMS), *[st.floats(-8, 8, width=32)] * 3)
def test_bounds_of_programs(program, a, b, c):
    module = parse_module(f"func.func @f(%a: f32, %b: f32, %c: f32) -> f32 {{\n{program}\nreturn %r : f32\n}}")
    check_bound(module, a, b, c)


def test_bounds_of_uncertain_choices():
    module = parse_module(
        """func.func @f(%a: f32, %b: f32, %c: f32) -> (i1, f32) {
      %t = arith.mulf %a, %b : f32
      %p = arith.cmpf ogt, %t, %c : f32
      %big = arith.constant 100.0 : f32
      %r = arith.select %p, %big, %c : f32
      return %p, %r : i1, f32
    }"""
    )
    a = float(np.float32(0.1))
    condition, chosen = Interpreter(module, "bounded").call("f", [a, 10.0, 1.0])
    assert error_of(condition) == 1.0
    assert error_of(chosen) >= 99.0
    condition, chosen = Interpreter(module, "bounded").call("f", [a, 10.0, 2.0])
    assert error_of(condition) is None
    assert value_of(chosen) == 2.0


def test_overflow_of_the_declared_type_makes_the_bound_infinite():
    assert error_of(run(function_of(arith.MulF, [f32, f32]), 1e30, 1e30, mode="bounded")) == math.inf
    assert error_of(run(function_of(arith.MulF, [f64, f64]), 1e30, 1e30, mode="bounded")) < 1e46


def test_certain_truth_decides():
    module = parse_module(
        """func.func @f(%a: f32, %b: f32, %t: i1) -> (i1, i1) {
      %u = arith.mulf %a, %b : f32
      %v = arith.cmpf ogt, %u, %b : f32
      %and = arith.andi %v, %t : i1
      %or = arith.ori %v, %t : i1
      return %and, %or : i1, i1
    }"""
    )
    for certain in (True, False):
        both, either = Interpreter(module, "bounded").call("f", [1.0, 3.0, certain])
        assert (error_of(both) is None) == (not certain)
        assert (error_of(either) is None) == certain


def test_vectors_of_one_number_fold_to_dense():
    kind = VectorType((4,), i32)
    assert fold(arith.AddI, [2, 3], [kind, kind]).tolist() == [5] * 4
