"""Each op natively against its reference semantics, on numbers and on vectors; memory is touched only where allowed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.backend.emit import emit_module
from irc.backend.jit import Library, compile_library
from irc.backend.target import TARGETS, host
from irc.dialects import CONTEXT
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.dialects.loop import BufferType, Load, Size, Store, build_for
from irc.interpreter import Interpreter
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.ir.dimensions import symbol
from irc.ir.types import VectorType, f32, f64, i1, i8, i32, i64, index
from irc.ir.verifier import verify
from irc.text.parser import parse_module

N = symbol("N")
FLOATS, INTEGERS = (f32, f64), (i8, i32, i64, index)
LANES = 4
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, 1e-30, -1e30, np.inf, -np.inf, np.nan]


def kernel(name, operand_types, result_type, lanes=None, **attributes) -> ModuleOp:
    """@f(%N, a buffer per operand, the result's buffer): the op on each element, or on ``lanes`` at a time."""
    buffers = [BufferType((N,), t) for t in (*operand_types, result_type)]
    function = FuncOp.of("f", [index, *buffers], [], attributes={"irc.symbols_args": ["N"]})
    function.set_arg_attributes([{}] * len(buffers) + [{"irc.output": 0}])
    size, *places = function.arguments
    builder = Builder.at_end(function.entry)
    zero, step = (builder.value(Size, dimension=str(n)) for n in (0, lanes or 1))
    along = {"lanes": 0} if lanes else {}
    wide = {"width": lanes} if lanes else {}
    result = VectorType((lanes,), result_type) if lanes else result_type

    def body(i, carried):
        values = [builder.value(Load, place, [i], [], **along, **wide) for place in places[:-1]]
        op = CONTEXT.operation(name)
        computed = builder.insert(op.build(*values, result_types=[result], **attributes)).results[0]
        builder.create(Store, computed, places[-1], [i], [], **along)
        return []

    build_for(builder, zero, size, step, body)
    builder.create(ReturnOp, [])
    module = ModuleOp.of([function])
    verify(module)
    return module


def both(module, arrays, dtype):
    """The native result and the reference's."""
    expected = np.zeros(len(arrays[0]), dtype)
    Interpreter(module).call("f", [len(arrays[0]), *arrays, expected])
    with compile_library(module) as library:
        (found,) = library.function("f").call(arrays)
    return found, expected


def same_bits(found, expected):
    """Equal, signs of zeros included; any NaN is as good as any other."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind == "f":
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


def floats(type, count, seed=0):
    """Special values, and random ones of all magnitudes, in pairs that meet each other."""
    rng = np.random.default_rng(seed)
    random = rng.normal(size=400) * 10.0 ** rng.integers(-4, 4, 400)
    left = np.concatenate([np.repeat(SPECIAL, len(SPECIAL)), random])
    right = np.concatenate([np.tile(SPECIAL, len(SPECIAL)), rng.permutation(random)])
    with np.errstate(over="ignore"):
        columns = [left, right, np.roll(right, 7)][:count]
        return [c[: len(c) // LANES * LANES].astype(type.storage) for c in columns]


def integers(type, count, seed=0):
    """Small ones, extremes, and random ones, in pairs that meet each other."""
    rng = np.random.default_rng(seed)
    low, high = np.iinfo(type.storage).min, np.iinfo(type.storage).max
    special = [0, 1, -1, 2, -2, 7, -7, low, high, low + 1]
    random = rng.integers(low, high, 200, type.storage, endpoint=True)
    left = np.concatenate([np.repeat(special, len(special)), random])
    right = np.concatenate([np.tile(special, len(special)), rng.permutation(random)])
    return [c.astype(type.storage) for c in [left, right, np.roll(right, 7)][:count]]


UNARY = ["arith.negf", *(f"math.{n}" for n in "absf sqrt floor ceil round roundeven trunc".split())]
BINARY = [f"arith.{n}" for n in "addf subf mulf divf remf maximumf minimumf maxnumf minnumf".split()]
BINARY += ["math.copysign"]
FUNCTIONS = "exp exp2 expm1 log log2 log10 log1p sin cos tan tanh sinh cosh erf rsqrt".split()
INTEGER_BINARY = (
    "addi subi muli divsi divui remsi remui floordivsi ceildivsi maxsi minsi andi ori xori shli shrsi shrui".split()
)


def known(names):
    """Those of the ops that the dialects define."""
    return [n for n in names if CONTEXT.operation(n) is not None]


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("type", FLOATS, ids=str)
@pytest.mark.parametrize("name", known(UNARY + BINARY))
def test_exact_float_ops(name, type, lanes):
    count = len(CONTEXT.operation(name).spec.operands)
    arrays = floats(type, count)
    same_bits(*both(kernel(name, [type] * count, type, lanes), arrays, type.storage))


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("type", FLOATS, ids=str)
@pytest.mark.parametrize("name", known([f"math.{n}" for n in FUNCTIONS] + ["math.powf"]))
def test_functions(name, type, lanes):
    count = len(CONTEXT.operation(name).spec.operands)
    found, expected = both(kernel(name, [type] * count, type, lanes), floats(type, count), type.storage)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), ~numbers)
    np.testing.assert_array_max_ulp(found[numbers], expected[numbers], 8)


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("type", INTEGERS, ids=str)
@pytest.mark.parametrize("name", known([f"arith.{n}" for n in INTEGER_BINARY]))
def test_integer_ops(name, type, lanes):
    same_bits(*both(kernel(name, [type, type], type, lanes), integers(type, 2), type.storage))


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("predicate", range(16))
def test_float_comparisons(predicate, lanes):
    same_bits(*both(kernel("arith.cmpf", [f32, f32], i1, lanes, predicate=predicate), floats(f32, 2), np.bool_))


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("predicate", range(10))
def test_integer_comparisons(predicate, lanes):
    same_bits(*both(kernel("arith.cmpi", [i32, i32], i1, lanes, predicate=predicate), integers(i32, 2), np.bool_))


@pytest.mark.parametrize("lanes", [None, LANES])
def test_select_and_truth_values_in_memory(lanes):
    a, b = floats(f32, 2)
    condition = np.arange(len(a)) % 3 == 0
    same_bits(*both(kernel("arith.select", [i1, f32, f32], f32, lanes), [condition, a, b], np.float32))
    flags = condition[: len(a)], np.roll(condition, 1)
    for name in ("arith.andi", "arith.ori", "arith.xori"):
        same_bits(*both(kernel(name, [i1, i1], i1, lanes), list(flags), np.bool_))


CASTS = [
    ("arith.extf", f32, f64),
    ("arith.truncf", f64, f32),
    ("arith.extsi", i8, i32),
    ("arith.extsi", i1, i32),
    ("arith.extui", i1, i32),
    ("arith.extui", i8, i64),
    ("arith.trunci", i64, i32),
    ("arith.trunci", i32, i8),
    ("arith.sitofp", i32, f32),
    ("arith.sitofp", i64, f64),
    ("arith.uitofp", i8, f32),
    ("arith.uitofp", i1, f32),
    ("arith.fptosi", f32, i32),
    ("arith.fptosi", f64, i64),
    ("arith.bitcast", f32, i32),
    ("arith.bitcast", i64, f64),
    ("arith.index_cast", i32, index),
    ("arith.index_cast", index, i32),
    ("arith.index_cast", i64, index),
]


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize(("name", "source", "result"), [c for c in CASTS if CONTEXT.operation(c[0])], ids=str)
def test_casts(name, source, result, lanes):
    if source is i1:
        (values,) = [np.arange(64) % 3 == 0]
    elif source.is_float:
        (values,) = floats(source, 1)
    else:
        (values,) = integers(source, 1)
    if name.startswith("arith.fpto"):
        values = np.concatenate([np.array([2.5, -2.5, 0.0, -0.0]), np.linspace(-1e9, 1e9, 60)]).astype(source.storage)
    same_bits(*both(kernel(name, [source], result, lanes), [values], result.storage))


def test_fused_multiply_add():
    arrays = [a[144:] for a in floats(f32, 3)]
    found, expected = both(kernel("math.fma", [f32] * 3, f32), arrays, np.float32)
    np.testing.assert_array_max_ulp(found, expected, 1)


@settings(max_examples=30)
@given(st.lists(st.floats(width=32), min_size=1, max_size=40), st.floats(width=32))
def test_relu_of_sums(values, bias):
    found = RELU.function("f").call([np.array(values, np.float32), np.array([bias], np.float32)])[0]
    with np.errstate(all="ignore"):
        expected = np.maximum(np.array(values, np.float32) + np.float32(bias), np.float32(0))
    np.testing.assert_array_equal(found, expected)


RELU = compile_library(
    parse_module("""
func.func @f(%N: index, %x: !loop.buffer<N x f32>, %b: !loop.buffer<1 x f32>,
             %y: !loop.buffer<N x f32> {irc.output = 0 : i64}) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  loop.for %i = %c0 to %N step %c1 {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    %w = loop.load %b[%c0] : !loop.buffer<1 x f32>
    %s = arith.addf %v, %w : f32
    %r = arith.maximumf %s, %zero : f32
    loop.store %r, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}""")
)

CONTROL = """
func.func @f(%N: index, %x: !loop.buffer<N x 3 x f32>, %y: !loop.buffer<N x f32> {irc.output = 0 : i64},
             %best: !loop.buffer<2 x f32> {irc.output = 1 : i64}) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %three = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0 : f32
  %sum, %most = loop.for %i = %c0 to %N step %c1 iter_args(%a = %zero, %m = %low) -> (f32, f32) {
    %row = loop.for %j = %c0 to %three step %c1 iter_args(%acc = %zero) -> (f32) {
      %v = loop.load %x[%i, %j] : !loop.buffer<N x 3 x f32>
      %positive = arith.cmpf ogt, %v, %zero : f32
      %next = loop.if %positive -> (f32) {
        %twice = arith.addf %v, %v : f32
        %t = arith.addf %acc, %twice : f32
        loop.yield %t : f32
      } else {
        loop.yield %acc : f32
      }
      loop.yield %next : f32
    }
    %large = arith.cmpf ogt, %row, %most_so_far : f32
    loop.store %row, %y[%i] : f32, !loop.buffer<N x f32>
    loop.if %large {
      loop.store %row, %best[%c0] : f32, !loop.buffer<2 x f32>
      loop.yield
    }
    %a2 = arith.addf %a, %row : f32
    %m2 = arith.maximumf %m, %row : f32
    loop.yield %a2, %m2 : f32, f32
  }
  loop.store %most, %best[%c0] : f32, !loop.buffer<2 x f32>
  loop.store %sum, %best[%c1] : f32, !loop.buffer<2 x f32>
  func.return
}""".replace("%most_so_far", "%m")


@pytest.mark.parametrize("n", [0, 1, 5])
def test_nested_control_flow(n):
    module = parse_module(CONTROL)
    x = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    y, best = np.zeros(n, np.float32), np.zeros(2, np.float32)
    Interpreter(module).call("f", [n, x, y, best])
    with compile_library(module) as library:
        found = library.function("f").call([x])
    same_bits(found[0], y)
    same_bits(found[1], best)


def test_calls_between_functions():
    module = parse_module("""
func.func private @twice(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.accumulate %v, %x[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}
func.func @f(%N: index, %x: !loop.buffer<N x f32>, %y: !loop.buffer<N x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.store %v, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.call @twice(%N, %y) : (index, !loop.buffer<N x f32>) -> ()
  func.return
}""")
    with compile_library(module) as library:
        (y,) = library.function("f").call([np.array([1, 2, 3], np.float32)])
    assert y.tolist() == [2, 4, 6]


@pytest.mark.parametrize("kind", ["sum", "product", "max", "min"])
@pytest.mark.parametrize("lanes", [1, 2, 8, 16])
@pytest.mark.parametrize("type", [f32, i32], ids=str)
def test_reductions_have_the_bits_of_the_reference(kind, lanes, type):
    module = parse_module(f"""
func.func @f(%x: !loop.buffer<{lanes} x {type}>, %y: !loop.buffer<1 x {type}> {{irc.output = 0 : i64}}) {{
  %c0 = arith.constant 0 : index
  %v = loop.load %x[%c0] lanes {lanes} along 0 : !loop.buffer<{lanes} x {type}>
  %r = loop.reduce "{kind}" %v : vector<{lanes}x{type}>
  loop.store %r, %y[%c0] : {type}, !loop.buffer<1 x {type}>
  func.return
}}""")
    x = (np.random.default_rng(1).normal(size=lanes) * 100).astype(type.storage)
    same_bits(*both_static(module, x, type.storage))


def both_static(module, x, dtype):
    expected = np.zeros(1, dtype)
    Interpreter(module).call("f", [x, expected])
    with compile_library(module) as library:
        return library.function("f").call([x])[0], expected


MASKED = """
func.func @f(%N: index, %x: !loop.buffer<N x COLUMNS x f32>,
             %y: !loop.buffer<N x COLUMNS x f32> {{irc.output = 0 : i64}},
             %s: !loop.buffer<1 x f32> {{irc.output = 1 : i64}}) attributes {{irc.symbols_args = ["N"]}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant {column} : index
  %step = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  loop.store %zero, %s[%c0] : f32, !loop.buffer<1 x f32>
  loop.for %i = %c0 to %N step %step {{
    %left = arith.subi %N, %i : index
    %m = loop.mask %left : vector<8xi1>
    %v = loop.load %x[%i, %c1] lanes 8 along 0 mask %m : !loop.buffer<N x COLUMNS x f32>
    loop.store %v, %y[%i, %c1] along 0 mask %m : vector<8xf32>, !loop.buffer<N x COLUMNS x f32>
    loop.accumulate %v, %y[%i, %c1] along 0 mask %m : vector<8xf32>, !loop.buffer<N x COLUMNS x f32>
    loop.accumulate %v, %s[%c0] mask %m : vector<8xf32>, !loop.buffer<1 x f32>
    loop.yield
  }}
  func.return
}}"""


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 13])
def test_masked_lanes_touch_nothing(n, columns):
    """Contiguous and strided; canaries on both sides of every array stay as they are."""
    module = parse_module(MASKED.replace("COLUMNS", str(columns)).format(column=columns - 1))
    x, y, s = (guarded(shape) for shape in ((n, columns), (n, columns), (1,)))
    x[1][...] = np.arange(n * columns).reshape(n, columns) + 1
    y[1][...] = -5
    with compile_library(module) as library:
        library.function("f").call([x[1]], [y[1], s[1]])
    for whole, inner in (x, y, s):
        assert (whole[:64] == 77).all() and (whole[64 + inner.size :] == 77).all()
    assert (y[1][:, -1] == 2 * x[1][:, -1]).all() and (y[1][:, :-1] == -5).all()
    assert s[1][0] == x[1][:, -1].sum()


@pytest.mark.parametrize("n", [0, 3, 4])
def test_masked_parts_of_an_element(n):
    module = parse_module("""
func.func @f(%n: index, %x: !loop.buffer<4 x f32>, %y: !loop.buffer<2 x vector<4xf32>> {irc.output = 0 : i64}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = loop.mask %n : vector<4xi1>
  %v = loop.load %x[%c0] lanes 4 along 0 : !loop.buffer<4 x f32>
  loop.store %v, %y[%c1] mask %m : vector<4xf32>, !loop.buffer<2 x vector<4xf32>>
  loop.accumulate %v, %y[%c1] mask %m : vector<4xf32>, !loop.buffer<2 x vector<4xf32>>
  func.return
}""")
    x = np.array([1, 2, 4, 8], np.float32)
    expected, found = np.ones((2, 4), np.float32), np.ones((2, 4), np.float32)
    Interpreter(module).call("f", [n, x, expected])
    with compile_library(module) as library:
        library.function("f").call([n, x], [found])
    same_bits(found, expected)


def guarded(shape):
    """A canary array, and the array of ``shape`` in its middle."""
    size = int(np.prod(shape))
    whole = np.full(size + 128, 77, np.float32)
    return whole, whole[64 : 64 + size].reshape(shape)


@pytest.mark.parametrize("name", TARGETS)
def test_other_targets_compile(name):
    """Vector code, masked and strided accesses and library calls have machine code everywhere."""
    module = parse_module(MASKED.replace("COLUMNS", "3").format(column=2))
    library = Library(module, TARGETS[name])
    text = library.assembly()
    assert "irc.f" in text
    if not TARGETS[name].runs_here:
        with pytest.raises(ValueError, match="another machine"):
            library.address("f")


def test_unsupported_type_is_an_error():
    with pytest.raises(Error, match="native code for bf16 is not supported"):
        emit_module(parse_module("func.func @f(%x: bf16) {\n func.return\n}"), host())


def test_alloc_needs_a_plan():
    with pytest.raises(Error, match="run plan-memory first"):
        emit_module(parse_module("func.func @f() {\n %x = loop.alloc : !loop.buffer<4 x f32>\n func.return\n}"), host())


def test_higher_level_op_is_an_error():
    with pytest.raises(Error, match="returns values"):
        emit_module(parse_module("func.func @f(%x: f32) -> f32 {\n func.return %x : f32\n}"), host())
