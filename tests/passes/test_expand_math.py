"""The expansions keep the bounds of their table, by the interpreter and as native code, and every special case."""

from __future__ import annotations

import math

import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.backend.target import TARGETS, Target, host
from irc.dialects import CONTEXT
from irc.dialects.builtin import ModuleOp
from irc.interpreter import Interpreter
from irc.ir.types import SCALARS
from irc.passes.expand_math import ExpandMath
from irc.passes.expand_math.accuracy import ACCURACY, FAST, Accuracy
from irc.passmanager import PassContext, PassManager
from irc.text.parser import parse_module
from support.reference_math import WIDE, arguments, exact, ulps

FUSED, UNFUSED = TARGETS["avx512"], TARGETS["generic"]
DTYPES = {"f32": np.float32, "f64": np.float64}
STAYS = {"math.absf", "math.sqrt", "math.fma", "math.copysign"}

CASES = [(name, type, False, bound) for name, types in ACCURACY.items() for type, bound in types.items()]
CASES += [(name, type, True, bound) for name, types in FAST.items() for type, bound in types.items()]
IDS = [f"{name}-{type}{'-fast' if fast else ''}" for name, type, fast, _ in CASES]
every_case = pytest.mark.parametrize(("name", "type", "fast", "bound"), CASES, ids=IDS)


def whole_array(name: str, type: str, target: Target = FUSED, fast: bool = False) -> ModuleOp:
    """The function of tensors of any size, expanded."""
    two = name == "powf"
    module = parse_module(
        f"""
      func.func @f(%x: T{", %y: T" if two else ""}) -> T {{
        %r = math.{name} %x{", %y" if two else ""} : T
        func.return %r : T
      }}""".replace("T", f"tensor<N x {type}>")
    )
    PassManager([ExpandMath(fast)], PassContext(target)).run(module)
    return module


def native(name: str, type: str, lanes: int, fast: bool = False):
    """The function as a loop over vectors, compiled."""
    two = name == "powf"
    buffer, vector = f"!loop.buffer<N x {type}>", f"vector<{lanes}x{type}>"
    load = f"[%i] lanes {lanes} along 0 mask %m : {buffer}"
    module = parse_module(f"""
      func.func @f(%N: index, %x: {buffer}, {f"%y: {buffer}, " if two else ""}%r: {buffer} {{irc.output = 0}})
          attributes {{irc.symbols_args = ["N"]}} {{
        %c0 = arith.constant 0 : index
        %lanes = arith.constant {lanes} : index
        loop.for %i = %c0 to %N step %lanes {{
          %left = arith.subi %N, %i : index
          %m = loop.mask %left : vector<{lanes}xi1>
          %a = loop.load %x{load}
          {f"%b = loop.load %y{load}" if two else ""}
          %v = math.{name} %a{", %b" if two else ""} : {vector}
          loop.store %v, %r[%i] along 0 mask %m : {vector}, {buffer}
          loop.yield
        }}
        func.return
      }}""")
    PassManager([ExpandMath(fast)], PassContext(host())).run(module)
    return compile_library(module).function("f")


def worst(got: np.ndarray, given: tuple[np.ndarray, ...], name: str, bound: Accuracy) -> tuple[float, tuple]:
    """The largest error where the bound is promised, and for which arguments."""
    with np.errstate(all="ignore"):
        wanted = exact(name, *given)
        error = ulps(got, wanted)
        promised = ~(np.abs(given[0]) > bound.up_to) | np.isinf(given[0])
        if bound.flushes:
            promised &= ~((np.abs(wanted) < 1.4143 * np.finfo(got.dtype).smallest_normal) & (got == 0))
    error = np.where(promised, error, 0)
    at = int(np.argmax(error))
    return float(error[at]), tuple(a[at] for a in given)


def needs_reference(type: str) -> None:
    if type == "f64" and np.finfo(WIDE).nmant < 63:
        pytest.skip("long double is no wider than float64 here")


@pytest.mark.parametrize("target", [FUSED, UNFUSED], ids=["fma", "no fma"])
@every_case
def test_bound_holds_by_the_interpreter(name, type, fast, bound, target):
    needs_reference(type)
    given = arguments(name, type, per_exponent=8 if type == "f32" else 1, count=4000)
    (got,) = Interpreter(whole_array(name, type, target, fast)).call("f", given)
    error, at = worst(got, given, name, bound)
    assert error <= bound.ulps, f"{name}{at}"


@every_case
def test_bound_holds_natively(name, type, fast, bound):
    needs_reference(type)
    given = arguments(name, type, per_exponent=20 if type == "f32" else 4, count=20000)
    (got,) = native(name, type, host().lanes(SCALARS[type]), fast).call(given)
    error, at = worst(got, given, name, bound)
    assert error <= bound.ulps, f"{name}{at}"


INF, NAN = math.inf, math.nan
SPECIAL_CASES = {
    "exp": [(INF, INF), (-INF, 0.0), (0.0, 1.0), (-0.0, 1.0), (1e30, INF), (-1e30, 0.0)],
    "exp2": [(INF, INF), (-INF, 0.0), (0.0, 1.0), (10.0, 1024.0), (-3.0, 0.125), (-149.0, 2.0**-149)],
    "expm1": [(INF, INF), (-INF, -1.0), (0.0, 0.0), (-0.0, -0.0), (-100.0, -1.0)],
    "log": [(INF, INF), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (-INF, NAN), (1.0, 0.0)],
    "log2": [(INF, INF), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (-INF, NAN), (8.0, 3.0), (2.0**-140, -140.0)],
    "log10": [(INF, INF), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (-INF, NAN), (1.0, 0.0), (1000.0, 3.0)],
    "log1p": [(INF, INF), (-1.0, -INF), (-2.0, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "tanh": [(INF, 1.0), (-INF, -1.0), (20.0, 1.0), (-20.0, -1.0), (0.0, 0.0), (-0.0, -0.0)],
    "sinh": [(INF, INF), (-INF, -INF), (1000.0, INF), (-1000.0, -INF), (0.0, 0.0), (-0.0, -0.0)],
    "cosh": [(INF, INF), (-INF, INF), (1000.0, INF), (0.0, 1.0), (-0.0, 1.0)],
    "sin": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "cos": [(INF, NAN), (-INF, NAN), (0.0, 1.0), (-0.0, 1.0)],
    "tan": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "erf": [(INF, 1.0), (-INF, -1.0), (10.0, 1.0), (-10.0, -1.0), (0.0, 0.0), (-0.0, -0.0)],
    "rsqrt": [(INF, 0.0), (0.0, INF), (-0.0, -INF), (-1.0, NAN), (4.0, 0.5)],
}  # fmt: skip
"""Arguments and results, exactly."""


def assert_same(got: np.ndarray, wanted: np.ndarray) -> None:
    """Equal numbers, signs of zeros included; NaN equals NaN."""
    np.testing.assert_array_equal(got, wanted)
    zeros = wanted == 0
    np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(wanted[zeros]))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("type", ["f32", "f64"])
@pytest.mark.parametrize("name", SPECIAL_CASES)
def test_special_cases(name, type, fast):
    cases = [*SPECIAL_CASES[name], (NAN, NAN)]
    if fast:
        cases = [(x, y) for x, y in cases if not 0 < abs(y) < 2.0**-125]
    given, wanted = (np.array(values, DTYPES[type]) for values in zip(*cases, strict=True))
    for target in (FUSED, UNFUSED):
        assert_same(Interpreter(whole_array(name, type, target, fast)).call("f", [given])[0], wanted)
    assert_same(native(name, type, 8, fast).call([given])[0], wanted)


@pytest.mark.parametrize("type", ["f32", "f64"])
def test_special_cases_of_powers(type):
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, INF, -INF, NAN]
    base, exponent = (np.array(v, DTYPES[type]) for v in zip(*[(b, e) for b in numbers for e in numbers], strict=True))

    def power(b: float, e: float) -> float:
        try:
            return math.pow(b, e)
        except ValueError:  # Python raises where C gives NaN or, for a zero base, infinity
            return NAN if b else (math.copysign(INF, b) if e % 2 == 1 else INF)

    wanted = np.array([power(float(b), float(e)) for b, e in zip(base, exponent, strict=True)], DTYPES[type])
    (interpreted,) = Interpreter(whole_array("powf", type)).call("f", [base, exponent])
    (compiled,) = native("powf", type, 4).call([base, exponent])
    for got in (interpreted, compiled):
        assert ulps(got, wanted).max() <= 1
        np.testing.assert_array_equal(np.signbit(got[wanted == 0]), np.signbit(wanted[wanted == 0]))


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_beyond_the_reduced_range_waves_stay_bounded(name):
    for type, dtype in DTYPES.items():
        x = np.ldexp(np.linspace(1, 2, 1000), 60).astype(dtype)
        (y,) = native(name, type, 8).call([np.concatenate([x, -x])])
        assert (np.abs(y) <= 1).all()


@pytest.mark.parametrize("target", [FUSED, UNFUSED], ids=["fma", "no fma"])
@pytest.mark.parametrize("name", ACCURACY)
def test_no_library_call_is_left(name, target):
    for type in ("f16", "bf16", "f32", "f64"):
        left = {op.name for op in whole_array(name, type, target).walk() if op.name.startswith("math.")}
        assert left <= STAYS - (set() if target.fma else {"math.fma"})


def test_every_function_is_within_what_its_op_allows():
    for name, types in ACCURACY.items():
        op = next(op for op in CONTEXT.dialect("math").operations if op.name == f"math.{name}")
        assert all(bound.ulps <= op.ulps for bound in types.values()), name


@pytest.mark.parametrize("type", ["f16", "bf16"])
@pytest.mark.parametrize("name", ["exp", "tanh", "log", "sin"])
def test_narrow_floats_are_rounded_from_f32(name, type):
    x = np.linspace(-8, 8, 1001)
    plain = parse_module(f"""
      func.func @f(%x: tensor<N x {type}>) -> tensor<N x {type}> {{
        %r = math.{name} %x : tensor<N x {type}>
        func.return %r : tensor<N x {type}>
      }}""")
    (wanted,) = Interpreter(plain).call("f", [x])
    (got,) = Interpreter(whole_array(name, type)).call("f", [x])
    ordinary = np.isfinite(wanted)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    np.testing.assert_allclose(got[ordinary], wanted[ordinary], rtol=2.0 ** (-10 if type == "f16" else -7), atol=1e-7)


def test_scalars_natively():
    module = parse_module("""
      func.func @f(%N: index, %x: !loop.buffer<N x f32>, %r: !loop.buffer<N x f32> {irc.output = 0})
          attributes {irc.symbols_args = ["N"]} {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        loop.for %i = %c0 to %N step %c1 {
          %a = loop.load %x[%i] : !loop.buffer<N x f32>
          %v = math.tanh %a : f32
          loop.store %v, %r[%i] : f32, !loop.buffer<N x f32>
          loop.yield
        }
        func.return
      }""")
    PassManager([ExpandMath()], PassContext(host())).run(module)
    x = np.linspace(-5, 5, 101, dtype=np.float32)
    (got,) = compile_library(module).function("f").call([x])
    assert ulps(got, np.tanh(x.astype(WIDE))).max() <= ACCURACY["tanh"]["f32"].ulps


@pytest.mark.slow
@every_case
def test_bound_holds_for_a_sweep_of_all_floats(name, type, fast, bound):
    if type != "f32" or name == "powf":
        pytest.skip("all floats are too many")
    function = native(name, type, 16, fast)
    for start in range(0, 2**32, 2**30):
        x = np.arange(start, start + 2**30, 1009, dtype=np.uint32).view(np.float32)
        error, at = worst(function.call([x])[0], (x,), name, bound)
        assert error <= bound.ulps, f"{name}{at}"
