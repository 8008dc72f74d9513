"""The pass vectorize: the widened loop computes what the scalar one does, in the reference semantics and natively."""

import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.backend.target import TARGETS, host
from irc.dialects.loop import For
from irc.interpreter import Buffer, Interpreter
from irc.ir.verifier import verify
from irc.passes.licm import Licm
from irc.passes.plan_memory import PlanMemory
from irc.passes.vectorize import Vectorize
from irc.passmanager import PassContext
from irc.text.parser import parse_module

HEAD = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
"""

ROWS = """
func.func @f(%B: index, %N: index, %E: index, %x: !loop.buffer<B x 2 x f32>, %w: !loop.buffer<E x f32>,
             %offsets: !loop.buffer<N + 1 x i32>, %sources: !loop.buffer<E x i32>,
             %y: !loop.buffer<B x f32> {irc.output = 0 : i64}, %dw: !loop.buffer<E x f32> {irc.output = 1 : i64})
    attributes {irc.symbols_args = ["B", "N", "E"]} {""" + HEAD + """
  loop.for %k = %c0 to %E step %c1 {
    loop.store %zero, %dw[%k] : f32, !loop.buffer<E x f32>
    loop.yield
  }
  loop.for %b = %c0 to %B step %c1 parallel vectorize {
    %values = loop.alloc : !loop.buffer<N + 2 x f32>
    loop.for %i = %c0 to %c2 step %c1 {
      %v = loop.load %x[%b, %i] : !loop.buffer<B x 2 x f32>
      loop.store %v, %values[%i] : f32, !loop.buffer<N + 2 x f32>
      loop.yield
    }
    loop.for %n = %c0 to %N step %c1 {
      %n1 = arith.addi %n, %c1 : index
      %n2 = arith.addi %n, %c2 : index
      %o0 = loop.load %offsets[%n] : !loop.buffer<N + 1 x i32>
      %o1 = loop.load %offsets[%n1] : !loop.buffer<N + 1 x i32>
      %begin = arith.index_cast %o0 : i32 to index
      %end = arith.index_cast %o1 : i32 to index
      %z = loop.for %e = %begin to %end step %c1 iter_args(%acc = %zero) -> (f32) {
        %s = loop.load %sources[%e] : !loop.buffer<E x i32>
        %source = arith.index_cast %s : i32 to index
        %u = loop.load %values[%source] : !loop.buffer<N + 2 x f32>
        %we = loop.load %w[%e] : !loop.buffer<E x f32>
        %p = arith.mulf %u, %we : f32
        %next = arith.addf %acc, %p : f32
        loop.accumulate %p, %dw[%e] : f32, !loop.buffer<E x f32>
        loop.yield %next : f32
      }
      %r = arith.maximumf %z, %zero : f32
      loop.store %r, %values[%n2] : f32, !loop.buffer<N + 2 x f32>
      loop.accumulate %z, %values[%n2] : f32, !loop.buffer<N + 2 x f32>
      loop.yield
    }
    %last = arith.addi %N, %c1 : index
    %out = loop.load %values[%last] : !loop.buffer<N + 2 x f32>
    loop.store %out, %y[%b] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  func.return
}"""


def vectorized(text, lanes=8):
    """The module after the pass, and the pass's statistics."""
    module = parse_module(text)
    context = PassContext(TARGETS["avx2"])
    Vectorize(lanes).run(module, context)
    verify(module)
    return module, context.statistics


def rows(batch, seed=0):
    rng = np.random.default_rng(seed)
    offsets = np.array([0, 2, 2, 5, 9], np.int32)
    sources = np.array([0, 1, 0, 1, 2, 2, 3, 4, 4], np.int32)
    w = rng.normal(size=9).astype(np.float32)
    return [rng.normal(size=(batch, 2)).astype(np.float32), w, offsets, sources]


@pytest.mark.parametrize("batch", [0, 1, 3, 8, 21])
def test_private_memory_inner_loops_and_accumulation(batch):
    inputs = rows(batch)
    sizes = [batch, 4, 9]
    expected = [np.zeros(batch, np.float32), np.zeros(9, np.float32)]
    Interpreter(parse_module(ROWS)).call("f", [*sizes, *inputs, *expected])
    module, statistics = vectorized(ROWS)
    assert statistics == {"loops vectorized": 1}
    found = [np.zeros(batch, np.float32), np.zeros(9, np.float32)]
    Interpreter(module).call("f", [*sizes, *inputs, *found])
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-5)
    context = PassContext(host())
    PlanMemory().run(module, context)
    Licm().run(module, context)
    verify(module)
    with compile_library(module) as library:
        native = library.function("f").call(inputs)
    np.testing.assert_allclose(native[0], expected[0], rtol=1e-5, atol=1e-6)  # multiply-adds are fused
    np.testing.assert_allclose(native[1], expected[1], rtol=1e-5, atol=1e-5)


def test_error_bounds_cover_both_orders():
    inputs = rows(13)
    results = []
    for module in (parse_module(ROWS), vectorized(ROWS)[0]):
        outputs = [Buffer(np.zeros(13)), Buffer(np.zeros(9))]
        held = [Buffer(a.astype(np.float64)) if a.dtype == np.float32 else a for a in inputs]
        Interpreter(module, "bounded").call("f", [13, 4, 9, *held, *outputs])
        results.append(outputs)
    for before, after in zip(*results, strict=True):
        assert before.error is not None and after.error is not None
        assert (np.abs(before.value - after.value) <= before.error + after.error).all()


def elementwise(body, arguments="%x: !loop.buffer<N x f32>", marks="parallel vectorize", carried="", after=""):
    """A module with one marked loop over N."""
    return f"""
func.func @f(%N: index, {arguments}, %y: !loop.buffer<N x f32> {{irc.output = 0 : i64}},
             %t: !loop.buffer<2 x f32> {{irc.output = 1 : i64}}) attributes {{irc.symbols_args = ["N"]}} {{{HEAD}
  {carried}loop.for %i = %c0 to %N step %c1 {marks} {{
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    {body}
  }}
  {after}
  func.return
}}"""


BRANCH = """%p = arith.cmpf ogt, %v, %zero : f32
    %r = loop.if %p -> (f32) {
      %d = arith.addf %v, %v : f32
      loop.yield %d : f32
    } else {
      loop.yield %zero : f32
    }
    loop.store %r, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield"""
UNIFORM_BRANCH = """%p = arith.cmpi sgt, %N, %c2 : index
    %r = loop.if %p -> (f32) {
      %d = arith.addf %v, %v : f32
      loop.yield %d : f32
    } else {
      loop.yield %zero : f32
    }
    loop.if %p {
      loop.store %r, %y[%i] : f32, !loop.buffer<N x f32>
      loop.yield
    }
    loop.yield"""
COUNTER = """%n = arith.index_cast %i : index to i32
    %f = arith.sitofp %n : i32 to f32
    %r = arith.addf %v, %f : f32
    loop.store %r, %y[%i] : f32, !loop.buffer<N x f32>
    loop.accumulate %zero, %t[%c0] : f32, !loop.buffer<2 x f32>
    loop.yield"""
REDUCTIONS = elementwise(
    """%s = arith.addf %a, %v : f32
    %q = arith.maximumf %v, %m : f32
    loop.yield %s, %q : f32, f32""",
    carried="%sum, %most = ",
    marks="vectorize iter_args(%a = %zero, %m = %zero) -> (f32, f32)",
    after="""loop.store %sum, %t[%c0] : f32, !loop.buffer<2 x f32>
  loop.store %most, %t[%c1] : f32, !loop.buffer<2 x f32>""",
)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 19])
@pytest.mark.parametrize(
    "text",
    [elementwise(BRANCH), elementwise(UNIFORM_BRANCH), elementwise(COUNTER), REDUCTIONS],
    ids=["branch", "uniform branch", "counter as data", "carried reductions"],
)
def test_loop_forms(text, n):
    x = np.random.default_rng(n).normal(size=n).astype(np.float32)
    module, statistics = vectorized(text)
    assert statistics == {"loops vectorized": 1}
    assert not any(isinstance(op, For) and op.vectorize for op in module.walk())
    results = []
    for version in (parse_module(text), module):
        y, t = np.zeros(n, np.float32), np.zeros(2, np.float32)
        Interpreter(version).call("f", [n, x, y, t])
        results.append((y, t))
    y, t = np.zeros(n, np.float32), np.zeros(2, np.float32)
    with compile_library(module) as library:
        library.function("f").call([x], [y, t])
    results.append((y, t))
    for got in results[1:]:
        np.testing.assert_allclose(got[0], results[0][0], rtol=1e-6)
        np.testing.assert_allclose(got[1], results[0][1], rtol=1e-5)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("loop.store %v, %t[%c0] : f32, !loop.buffer<2 x f32>\nloop.yield", "different values are stored"),
        (
            "%j = arith.muli %i, %c2 : index\n%u = loop.load %x[%j] : !loop.buffer<N x f32>\nloop.yield",
            "an index is not the loop's counter",
        ),
        ("loop.for %j = %c0 to %i step %c1 {\nloop.yield\n}\nloop.yield", "bounds of an inner loop"),
        (
            """%p = arith.cmpf ogt, %v, %zero : f32
               loop.if %p {
                 loop.store %v, %y[%i] : f32, !loop.buffer<N x f32>
                 loop.yield
               }
               loop.yield""",
            "a branch that differs",
        ),
    ],
)
def test_what_does_not_fit_stays_scalar(body, reason):
    text = elementwise(body)
    module, statistics = vectorized(text)
    (message,) = statistics
    assert reason in message
    assert module.to_text() == parse_module(text).to_text()


def test_inner_loop_is_widened_where_the_outer_does_not_fit():
    text = elementwise("""loop.for %j = %c0 to %i step %c1 parallel vectorize {
      %u = loop.load %x[%j] : !loop.buffer<N x f32>
      loop.store %u, %y[%j] : f32, !loop.buffer<N x f32>
      loop.yield
    }
    loop.yield""")
    module, statistics = vectorized(text)
    assert statistics["loops vectorized"] == 1 and len(statistics) == 2


def test_lanes_follow_the_target():
    for name, lanes in (("avx512", 32), ("avx2", 16), ("neon", 8)):
        module = parse_module(elementwise(COUNTER))
        Vectorize().run(module, PassContext(TARGETS[name]))
        assert f"vector<{lanes}xf32>" in module.to_text()
