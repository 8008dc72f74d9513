"""The expansions keep the bounds of their table, by the interpreter and as native code, and every special case."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.backend.entry import Function
from irc.backend.jit import compile_library
from irc.backend.target import TARGETS, Target, find_target, host
from irc.dialects import CONTEXT
from irc.dialects import activations as definitions
from irc.dialects.builtin import ModuleOp
from irc.interpreter import Interpreter, error_of, value_of
from irc.ir.dimensions import symbol
from irc.ir.types import SCALARS, TensorType
from irc.passes.expand_math import ExpandMath
from irc.passes.expand_math.accuracy import ACCURACY, ACTIVATIONS, FAST, Accuracy
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support import ROOT
from support.reference_math import WIDE, arguments, exact, ulps

FUSED, UNFUSED = TARGETS["avx512"], TARGETS["generic"]
DTYPES = {"f32": np.float32, "f64": np.float64}
STAYS = {"math.absf", "math.sqrt", "math.fma", "math.copysign"}

CASES = [(name, type, False, bound) for name, types in ACCURACY.items() for type, bound in types.items()]
CASES += [(name, type, True, bound) for name, types in FAST.items() for type, bound in types.items()]
IDS = [f"{name}-{type}{'-fast' if fast else ''}" for name, type, fast, _ in CASES]
every_case = pytest.mark.parametrize(("name", "type", "fast", "bound"), CASES, ids=IDS)


def unexpanded(name: str, type: str) -> ModuleOp:
    """The function of tensors of any size."""
    two = name == "powf"
    return parse_module(
        f"""
      func.func @f(%x: T{", %y: T" if two else ""}) -> T {{
        %r = math.{name} %x{", %y" if two else ""} : T
        func.return %r : T
      }}""".replace("T", f"tensor<N x {type}>")
    )


def whole_array(name: str, type: str, target: Target = FUSED, fast: bool = False) -> ModuleOp:
    """The same, expanded."""
    module = unexpanded(name, type)
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
        promised &= ~(np.abs(wanted) < bound.down_to)
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


@functools.cache
def activation(name: str, type: str, target: str = "host") -> Function:
    """An activation by the whole pipeline, native."""
    defined = definitions.ACTIVATIONS[name].function(TensorType([symbol("N")], SCALARS[type])).parent_op
    assert defined is not None
    module = ModuleOp.of([defined.clone()])
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP])), PassContext(find_target(target))).run(module)
    return compile_library(module, find_target(target)).function(name)


ACTIVATION_CASES = [(name, type, bound) for name, types in ACTIVATIONS.items() for type, bound in types.items()]


@pytest.mark.parametrize("target", ["host", "generic"])
@pytest.mark.parametrize(("name", "type", "bound"), ACTIVATION_CASES, ids=[f"{n}-{t}" for n, t, _ in ACTIVATION_CASES])
def test_bound_of_an_activation_holds(name, type, bound, target):
    """With fused multiply-add and without."""
    needs_reference(type)
    if not find_target(target).runs_here:
        pytest.skip(f"this machine does not run {target} code")
    (x,) = arguments(name, type, per_exponent=20 if type == "f32" else 4, count=20000)
    x = x[~np.isneginf(x)]  # there x times 0 is NaN for silu and gelu, as the definition has it
    (y,) = activation(name, type, target).call([x])
    error, at = worst(y, (x,), name, bound)
    assert error <= bound.ulps, f"{name}{at}"


@pytest.mark.parametrize("target", ["host", "generic"])
def test_gelu_where_its_sum_has_few_digits_to_spare(target):
    """All rounding errors meet for small numbers just above a power of two, and far to the left."""
    if not find_target(target).runs_here:
        pytest.skip(f"this machine does not run {target} code")
    small = [np.linspace(0.93, 1.0, 20000) * 2.0**-k for k in range(3, 9)]
    x = np.concatenate([*small, np.linspace(-6.3, -5.9, 20000)]).astype(np.float32)
    (y,) = activation("gelu", "f32", target).call([x])
    error, at = worst(y, (x,), "gelu", ACTIVATIONS["gelu"]["f32"])
    assert error <= 4.0, f"gelu{at}"


@pytest.mark.parametrize("type", ["f32", "f64"])
def test_special_cases_of_activations(type):
    x = np.array([-INF, INF, 0.0, -0.0, NAN, -1e30, 1e30], DTYPES[type])
    with np.errstate(all="ignore"):
        big = DTYPES[type](1e30)
    assert_same(activation("sigmoid", type).call([x])[0], np.array([0, 1, 0.5, 0.5, NAN, 0, 1], DTYPES[type]))
    for name in ("silu", "gelu"):
        wanted = np.array([NAN, INF, 0.0, -0.0, NAN, -0.0, big], DTYPES[type])
        assert_same(activation(name, type).call([x])[0], wanted)


def test_gelu_keeps_its_left_tail():
    """1 + erf(x / sqrt(2)) has lost all its bits at -6; the product is 6e-9 there, not 0."""
    (y,) = activation("gelu", "f32").call([np.array([-6.0, -10.0], np.float32)])
    np.testing.assert_allclose(y, [-5.9195252e-09, -7.619853e-23], rtol=4 * 2.0**-23)


def test_only_the_sum_of_gelu_is_the_normal_distribution():
    """With another factor, or another addend, erf stays erf."""
    for factor, addend, special in ((0.70710678, 1.0, True), (0.7, 1.0, False), (0.70710678, 2.0, False)):
        module = parse_module(f"""
          func.func @f(%x: f32) -> f32 {{
            %c = arith.constant {factor} : f32
            %a = arith.constant {addend} : f32
            %u = arith.mulf %x, %c : f32
            %e = math.erf %u : f32
            %r = arith.addf %a, %e : f32
            func.return %r : f32
          }}""")
        PassManager([ExpandMath()], PassContext(FUSED)).run(module)
        assert any(op.name == "math.copysign" for op in module.walk()) != special
        for x in (-2.0, 0.5, 3.0):
            wanted = addend + math.erf(np.float32(x) * np.float32(factor))
            (got,) = Interpreter(module).call("f", [np.float32(x)])
            np.testing.assert_allclose(got, wanted, rtol=1e-6)


@functools.cache
def cached_native(name: str, type: str) -> Function:
    return native(name, type, host().lanes(SCALARS[type]))


@pytest.mark.parametrize("name", [name for name in ACCURACY if name != "powf"])
@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_bound_holds_for_any_numbers(name, numbers):
    x = np.array(numbers, np.float32)
    error, at = worst(cached_native(name, "f32").call([x])[0], (x,), name, ACCURACY[name]["f32"])
    assert error <= ACCURACY[name]["f32"].ulps, f"{name}{at}"


@settings(max_examples=100, deadline=None)
@given(pairs=st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=40))
def test_bound_of_powers_holds_for_any_numbers(pairs):
    x, y = (np.array(v, np.float32) for v in zip(*pairs, strict=True))
    error, at = worst(cached_native("powf", "f32").call([x, y])[0], (x, y), "powf", ACCURACY["powf"]["f32"])
    assert error <= ACCURACY["powf"]["f32"].ulps, f"powf{at}"


@pytest.mark.parametrize("name", FAST)
def test_fast_forms_are_within_what_a_check_allows(name):
    """At the worst arguments of the fast forms: where results are flushed to 0, and where tanh is least precise."""
    x = np.concatenate([np.linspace(-127, -86, 400), np.linspace(-9.1, 9.1, 3000)]).astype(np.float32)
    (bounded,) = Interpreter(unexpanded(name, "f32"), "bounded").call("f", [x])
    (got,) = Interpreter(whole_array(name, "f32", fast=True)).call("f", [x])
    assert (np.abs(got.astype(np.float64) - value_of(bounded)) <= error_of(bounded)).all()


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
    for name, types in (*ACCURACY.items(), *FAST.items()):
        op = next(op for op in CONTEXT.dialect("math").operations if op.name == f"math.{name}")
        assert all(bound.ulps <= op.ulps for bound in types.values()), name


def stated(bound: Accuracy) -> str:
    """As the page says it."""
    limits = {
        f" for \\|x\\| <= 2^{math.log2(bound.up_to):g}": math.isfinite(bound.up_to),
        "; 0 instead of denormal results": bound.flushes,
        f" for results from 2^{math.log2(bound.down_to or 1):g} on": bound.down_to > 0,
    }
    return f"{bound.ulps:g}" + "".join(text for text, holds in limits.items() if holds)


@pytest.mark.parametrize(
    ("section", "table"),
    [("accuracy", ACCURACY), ("fast", FAST), ("activations", ACTIVATIONS)],
    ids=lambda v: str(v)[:8],
)
def test_the_page_states_the_bounds(section, table):
    page = (ROOT / "docs" / "numerics.md").read_text()
    shown = page.partition(f"<!-- {section} -->\n")[2].partition(f"<!-- /{section} -->")[0].splitlines()[2:]
    wanted = [
        f"| `{name}` | " + " | ".join(stated(types[t]) if t in types else "as without" for t in DTYPES) + " |"
        for name, types in table.items()
    ]
    assert shown == wanted


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bound_of_an_activation_holds_for_a_sweep_of_all_floats(name):
    function, bound = activation(name, "f32"), ACTIVATIONS[name]["f32"]
    for start in range(0, 2**32, 2**29):
        x = np.arange(start, start + 2**29, 2003, dtype=np.uint32).view(np.float32)
        x = x[~np.isneginf(x)]
        error, at = worst(function.call([x])[0], (x,), name, bound)
        assert error <= bound.ulps, f"{name}{at}"
