"""What goes through rows more than once is one group and one loop over the rows, and means what it meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.backend.jit import Library, compile_library
from irc.backend.target import host
from irc.checking import compare
from irc.dialects.array import Fused
from irc.dialects.builtin import ModuleOp
from irc.dialects.loop import Alloc, For
from irc.interpreter import Interpreter
from irc.ir.verifier import verify
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module

GRADIENTS = "autodiff,canonicalize,cse,dce"


def after(text: str, pipeline: str) -> ModuleOp:
    module = parse_module(text)
    PassManager(parse_pipeline(pipeline)).run(module)
    return module


def lowered(text: str, prepare: str = "canonicalize") -> ModuleOp:
    """The loops, which must mean what the text means."""
    before = after(text, prepare)
    loops = before.clone()
    PassManager(parse_pipeline("fuse,lower-array")).run(loops)
    verify(loops)
    mismatch = compare(before, loops)
    assert mismatch is None, str(mismatch)
    return loops


def native(text: str, prepare: str = "canonicalize") -> Library:
    module = after(text, prepare)
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP])), PassContext(host())).run(module)
    return compile_library(module)


def groups(module: ModuleOp) -> list[list[str]]:
    return [[inner.name for inner in op.body.block] for op in module.walk() if isinstance(op, Fused)]


def passes_over_rows(module: ModuleOp, name: str = "f") -> list[int]:
    """For each outermost loop of a function, how many loops it has directly inside."""
    function = module.function(name)
    return [sum(isinstance(op, For) for op in loop.body.block) for loop in function.entry if isinstance(loop, For)]


def allocations(module: ModuleOp, name: str = "f") -> list[str]:
    return [str(op.buffer.type) for op in module.function(name).walk() if isinstance(op, Alloc)]


SOFTMAX = """
func.func @f(%x: tensor<B x N x f32>) -> tensor<B x N x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x N x f32>
  %mb = array.broadcast %m dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %d = arith.subf %x, %mb : tensor<B x N x f32>
  %e = math.exp %d : tensor<B x N x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x N x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %y = arith.divf %e, %sb : tensor<B x N x f32>
  func.return %y : tensor<B x N x f32>
}"""
LOG_SUM_EXP = """
func.func @f(%x: tensor<B x N x f32>) -> tensor<B x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x N x f32>
  %mb = array.broadcast %m dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %d = arith.subf %x, %mb : tensor<B x N x f32>
  %e = math.exp %d : tensor<B x N x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x N x f32>
  %l = math.log %s : tensor<B x f32>
  %y = arith.addf %l, %m : tensor<B x f32>
  func.return %y : tensor<B x f32>
}"""
LAYER_NORM = """
func.func @f(%x: tensor<B x 24 x f32>, %g: tensor<24xf32>, %b: tensor<24xf32>) -> tensor<B x 24 x f32> {
  %s = array.reduce sum %x dims [1] : tensor<B x 24 x f32>
  %k = array.full 0.041666668 : f32 to tensor<B x f32>
  %mean = arith.mulf %s, %k : tensor<B x f32>
  %mb = array.broadcast %mean dims [0] : tensor<B x f32> to tensor<B x 24 x f32>
  %d = arith.subf %x, %mb : tensor<B x 24 x f32>
  %q = arith.mulf %d, %d : tensor<B x 24 x f32>
  %v = array.reduce sum %q dims [1] : tensor<B x 24 x f32>
  %var = arith.mulf %v, %k : tensor<B x f32>
  %eps = array.full 1.0e-5 : f32 to tensor<B x f32>
  %ve = arith.addf %var, %eps : tensor<B x f32>
  %r = math.rsqrt %ve : tensor<B x f32>
  %rb = array.broadcast %r dims [0] : tensor<B x f32> to tensor<B x 24 x f32>
  %n = arith.mulf %d, %rb : tensor<B x 24 x f32>
  %gb = array.broadcast %g dims [1] : tensor<24xf32> to tensor<B x 24 x f32>
  %bb = array.broadcast %b dims [1] : tensor<24xf32> to tensor<B x 24 x f32>
  %ng = arith.mulf %n, %gb : tensor<B x 24 x f32>
  %y = arith.addf %ng, %bb : tensor<B x 24 x f32>
  func.return %y : tensor<B x 24 x f32>
}"""


@pytest.mark.parametrize(
    ("text", "forward", "joint"),
    [(SOFTMAX, [3], [5]), (LOG_SUM_EXP, [2], [4]), (LAYER_NORM, [3], [4])],
    ids=["softmax", "log-sum-exp", "layer norm"],
)
def test_passes_over_each_row(text, forward, joint):
    """One loop over the rows, forward and for value and gradients together, with few passes in it. (The loops without
    others inside clear what is accumulated.)
    """
    loops = lowered(text, GRADIENTS)
    assert [n for n in passes_over_rows(loops) if n] == forward
    assert [n for n in passes_over_rows(loops, "f_vjp") if n] == joint


@pytest.mark.parametrize("text", [SOFTMAX, LOG_SUM_EXP, LAYER_NORM], ids=["softmax", "log-sum-exp", "layer norm"])
def test_nothing_of_full_size_is_allocated(text):
    loops = lowered(text, GRADIENTS)
    assert not allocations(loops)
    assert not [kind for kind in allocations(loops, "f_vjp") if "B x" in kind]


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True, initial=-np.inf))
    return e / e.sum(1, keepdims=True)


def log_sum_exp(x):
    m = x.max(1, initial=-np.inf)
    return m + np.log(np.exp(x - m[:, None]).sum(1))


LIBRARIES: dict[tuple[str, int], Library] = {}


def library(text: str, columns: int) -> Library:
    """Compiled with gradients; ``columns``: a size known to the compiler, or 0."""
    if (text, columns) not in LIBRARIES:
        sized = text.replace("N x", f"{columns} x") if columns else text
        LIBRARIES[text, columns] = native(sized, GRADIENTS)
    return LIBRARIES[text, columns]


def bound(x: np.ndarray) -> float:
    """A relative bound in f32: of x - max and the exponential, of a sum of N terms, and of the rest."""
    spread = float(np.ptp(x)) if x.size else 0.0
    return (spread + x.shape[1] + 10) * 2.0**-23


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 40), columns=st.integers(1, 100), known=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_softmax_of_any_size(rows, columns, known, seed):
    columns = min((c for c in (3, 10, 16, 33, 64) if c >= columns), default=64) if known else columns
    rng = np.random.default_rng(seed)
    x, dy = (rng.normal(0, 4, (rows, columns)).astype(np.float32) for _ in range(2))
    compiled = library(SOFTMAX, columns if known else 0)
    wanted = softmax(x.astype(np.float64))
    slope = wanted * (dy - (wanted * dy).sum(1, keepdims=True))
    reach = np.abs(wanted * dy) + wanted * np.abs(wanted * dy).sum(1, keepdims=True)
    (y,) = compiled.function("f").call([x])
    np.testing.assert_array_less(np.abs(y - wanted), bound(x) * wanted + 1e-37)
    y, dx = compiled.function("f_vjp").call([x, dy])
    np.testing.assert_array_less(np.abs(y - wanted), bound(x) * wanted + 1e-37)
    # what the maximum's gradient adds at one place is 0 but for the rounding errors of the whole row
    allowed = 4 * bound(x) * (reach + reach.sum(1, keepdims=True))
    np.testing.assert_array_less(np.abs(dx - slope), allowed + 1e-37)


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 40), columns=st.integers(1, 100), seed=st.integers(0, 2**32 - 1))
def test_log_sum_exp_of_any_size(rows, columns, seed):
    x = np.random.default_rng(seed).normal(0, 4, (rows, columns)).astype(np.float32)
    (y,) = library(LOG_SUM_EXP, 0).function("f").call([x])
    wanted = log_sum_exp(x.astype(np.float64))
    np.testing.assert_array_less(np.abs(y - wanted), bound(x) + 2.0**-22 * np.abs(wanted))


@pytest.mark.parametrize("rows", [0, 1, 7, 64])
def test_layer_norm_with_gradients(rows):
    rng = np.random.default_rng(rows)
    x, dy = (rng.normal(0, 2, (rows, 24)).astype(np.float32) for _ in range(2))
    g, b = (rng.normal(1, 1, 24).astype(np.float32) for _ in range(2))
    wide = after(LAYER_NORM, GRADIENTS)
    wanted = Interpreter(wide).call("f_vjp", [x, g, b, dy])
    got = library(LAYER_NORM, 0).function("f_vjp").call([x, g, b, dy])
    for a, e in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-4)


def test_no_columns_give_the_neutral_numbers():
    (y,) = native(LOG_SUM_EXP).function("f").call([np.zeros((2, 0), np.float32)])
    np.testing.assert_array_equal(y, [-np.inf, -np.inf])


def test_nan_and_infinity_stay_in_their_rows():
    x = np.zeros((4, 40), np.float32)
    x[1, 7], x[2, 3] = np.nan, -np.inf
    (y,) = native(SOFTMAX).function("f").call([x])
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2, 3]]).all() and y[2, 3] == 0


ARGMAX = """
func.func @f(%x: tensor<B x N x f32>) -> (tensor<B x N x f32>, tensor<B x i32>) {
  %t = math.tanh %x : tensor<B x N x f32>
  %a = array.argmax %t axis 1 : tensor<B x N x f32>
  %ab = array.broadcast %a dims [0] : tensor<B x i32> to tensor<B x N x i32>
  %i = array.iota axis 1 : tensor<B x N x i32>
  %here = arith.cmpi eq, %i, %ab : tensor<B x N x i32>
  %z = array.full 0.0 : f32 to tensor<B x N x f32>
  %y = arith.select %here, %t, %z : tensor<B x N x i1>, tensor<B x N x f32>
  func.return %y, %a : tensor<B x N x f32>, tensor<B x i32>
}"""


def test_an_argmax_takes_the_first_of_equals_and_of_nans():
    loops = lowered(ARGMAX)
    assert passes_over_rows(loops) == [3]
    x = np.tile(np.array([1, 3, 2, 3, 0], np.float32), (3, 20))
    x[1, 50], x[1, 70] = np.nan, np.nan
    x[2] = -np.inf
    y, place = native(ARGMAX).function("f").call([x])
    np.testing.assert_array_equal(place, [1, 50, 0])
    assert y[0, 1] == np.tanh(np.float32(3)) and np.count_nonzero(y[0]) == 1


def test_what_a_matrix_product_of_the_rows_gives_comes_after_the_group():
    """%z needs the product, which needs the group: it has the group's shape, but stands in a group of its own."""
    text = """
func.func @f(%x: tensor<B x 32 x f32>, %w: tensor<32x32xf32>) -> tensor<B x 32 x f32> {
  %s = array.reduce sum %x dims [1] : tensor<B x 32 x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x 32 x f32>
  %y = arith.divf %x, %sb : tensor<B x 32 x f32>
  %p = array.contract "bi,ij->bj" %y, %w : tensor<B x 32 x f32>, tensor<32x32xf32>
  %z = arith.mulf %p, %y : tensor<B x 32 x f32>
  %t = math.tanh %z : tensor<B x 32 x f32>
  func.return %t : tensor<B x 32 x f32>
}"""
    first, second = groups(after(text, "fuse"))
    assert first == ["array.reduce", "array.broadcast", "arith.divf", "array.yield"]
    assert second[-3:] == ["arith.mulf", "math.tanh", "array.yield"]
    lowered(text)


def test_what_the_product_reads_comes_before_the_group():
    """%t is read by the group and by the product that the group reads, so it cannot be inside."""
    text = """
func.func @f(%x: tensor<B x 32 x f32>, %w: tensor<32x32xf32>) -> tensor<B x 32 x f32> {
  %t = math.tanh %x : tensor<B x 32 x f32>
  %p = array.contract "bi,ij->bj" %t, %w : tensor<B x 32 x f32>, tensor<32x32xf32>
  %q = arith.mulf %p, %t : tensor<B x 32 x f32>
  %s = array.reduce sum %q dims [1] : tensor<B x 32 x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x 32 x f32>
  %y = arith.divf %q, %sb : tensor<B x 32 x f32>
  func.return %y : tensor<B x 32 x f32>
}"""
    assert groups(after(text, "fuse")) == [
        ["arith.mulf", "array.reduce", "array.broadcast", "arith.divf", "array.yield"]
    ]
    lowered(text)


def test_sums_over_rows_are_told_from_numbers_of_rows():
    """In a square both have one shape. %t is complete only after all rows, so %u cannot be computed with them."""
    text = """
func.func @f(%x: tensor<32x32xf32>) -> (tensor<32x32xf32>, tensor<32xf32>, tensor<32xf32>) {
  %s = array.reduce sum %x dims [1] : tensor<32x32xf32>
  %sb = array.broadcast %s dims [0] : tensor<32xf32> to tensor<32x32xf32>
  %y = arith.divf %x, %sb : tensor<32x32xf32>
  %t = array.reduce sum %y dims [0] : tensor<32x32xf32>
  %u = arith.addf %t, %s : tensor<32xf32>
  func.return %y, %t, %u : tensor<32x32xf32>, tensor<32xf32>, tensor<32xf32>
}"""
    assert groups(after(text, "fuse")) == [
        ["array.reduce", "array.broadcast", "arith.divf", "array.reduce", "array.yield"]
    ]
    lowered(text)


def test_numbers_spread_for_others_are_not_written_by_the_group():
    """The product reads the spread sums: it gets a spread of its own, made from one number for each row."""
    text = """
func.func @f(%x: tensor<B x 32 x f32>, %w: tensor<32x5xf32>) -> (tensor<B x 32 x f32>, tensor<B x 5 x f32>) {
  %s = array.reduce sum %x dims [1] : tensor<B x 32 x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x 32 x f32>
  %y = arith.divf %x, %sb : tensor<B x 32 x f32>
  %p = array.contract "bi,ij->bj" %sb, %w : tensor<B x 32 x f32>, tensor<32x5xf32>
  func.return %y, %p : tensor<B x 32 x f32>, tensor<B x 5 x f32>
}"""
    (group,) = [op for op in after(text, "fuse").walk() if isinstance(op, Fused)]
    assert [str(r.type) for r in group.results] == ["tensor<B x f32>", "tensor<B x 32 x f32>"]
    lowered(text)


def test_rows_of_several_dimensions():
    text = """
func.func @f(%x: tensor<A x B x 3 x N x f32>) -> (tensor<A x B x 3 x N x f32>, tensor<f32>) {
  %m = array.reduce max %x dims [2, 3] : tensor<A x B x 3 x N x f32>
  %mb = array.broadcast %m dims [0, 1] : tensor<A x B x f32> to tensor<A x B x 3 x N x f32>
  %d = arith.subf %x, %mb : tensor<A x B x 3 x N x f32>
  %e = math.exp %d : tensor<A x B x 3 x N x f32>
  %s = array.reduce sum %e dims [2, 3] : tensor<A x B x 3 x N x f32>
  %sb = array.broadcast %s dims [0, 1] : tensor<A x B x f32> to tensor<A x B x 3 x N x f32>
  %y = arith.divf %e, %sb : tensor<A x B x 3 x N x f32>
  %t = array.reduce sum %y dims [0, 1, 2, 3] : tensor<A x B x 3 x N x f32>
  func.return %y, %t : tensor<A x B x 3 x N x f32>, tensor<f32>
}"""
    assert len(groups(after(text, "fuse"))) == 1
    lowered(text)
    x = np.random.default_rng(0).normal(0, 2, (3, 5, 3, 37)).astype(np.float32)
    y, total = native(text).function("f").call([x])
    wanted = softmax(x.reshape(15, -1).astype(np.float64))
    np.testing.assert_allclose(y.reshape(15, -1), wanted, rtol=bound(x.reshape(15, -1)))
    np.testing.assert_allclose(total, 15, rtol=1e-5)


def test_given_memory_is_not_written_while_rows_are_still_read():
    """%x gives its memory to %y, and is read by a later pass than the first that could write there."""
    text = SOFTMAX.replace("%x: tensor<B x N x f32>", "%x: tensor<B x N x f32> {irc.donated = 0 : i64}", 1).replace(
        "%y = arith.divf %e, %sb", "%z = arith.divf %e, %sb : tensor<B x N x f32>\n  %y = arith.mulf %z, %x"
    )
    x = np.random.default_rng(0).normal(0, 2, (5, 37)).astype(np.float32)
    wanted = softmax(x.astype(np.float64)) * x
    native(text).function("f").call([x])
    np.testing.assert_allclose(x, wanted, rtol=bound(x))


@pytest.mark.parametrize("kind", ["sum", "product", "max", "min"])
@pytest.mark.parametrize("element", ["f32", "f64", "i32"])
@pytest.mark.parametrize("dims", ["1", "0, 1"])
def test_a_reduction_along_rows_is_carried_in_vectors(kind, element, dims):
    result = "tensor<B x T>" if dims == "1" else "tensor<T>"
    text = f"""
func.func @f(%x: tensor<B x N x T>) -> {result} {{
  %s = array.reduce {kind} %x dims [{dims}] : tensor<B x N x T>
  func.return %s : {result}
}}""".replace("T>", f"{element}>")
    lowered(text)
    rng = np.random.default_rng(0)
    dtype = {"f32": np.float32, "f64": np.float64, "i32": np.int32}[element]
    x = rng.integers(1, 3, (3, 45)).astype(dtype)
    x[:, 0] = -1
    combine = {"sum": np.sum, "product": np.prod, "max": np.max, "min": np.min}[kind]
    axes = tuple(int(d) for d in dims.split(", "))
    wanted = combine(x, axis=axes, dtype=dtype) if kind in ("sum", "product") else combine(x, axis=axes)
    (got,) = native(text).function("f").call([x])
    np.testing.assert_array_equal(got, wanted)
