"""Libraries and calls: what is checked before native code runs, and that memory and code have an end."""

import gc
import threading

import numpy as np
import pytest

from irc.backend.jit import Library, compile_library
from irc.backend.target import TARGETS, Target, find_target, host
from irc.ir.diagnostics import Error
from irc.passes.plan_memory import PlanMemory
from irc.passmanager import PassContext
from irc.text.parser import parse_module

SCALE = """
func.func @f(%B: index, %N: index, %x: !loop.buffer<B x N x f32>, %scale: f32,
             %table: !loop.buffer<N + 1 x f32> {irc.data = dense<[1.0, 2.0, 3.0]> : tensor<3xf32>},
             %y: !loop.buffer<B x N x f32> {irc.output = 1 : i64}, %z: !loop.buffer<B x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["B", "N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %room = loop.alloc : !loop.buffer<B x f64>
  loop.for %i = %c0 to %B step %c1 {
    %t = loop.load %table[%N] : !loop.buffer<N + 1 x f32>
    loop.store %t, %z[%i] : f32, !loop.buffer<B x f32>
    loop.for %j = %c0 to %N step %c1 {
      %v = loop.load %x[%i, %j] : !loop.buffer<B x N x f32>
      %w = loop.load %table[%j] : !loop.buffer<N + 1 x f32>
      %s = arith.mulf %v, %scale : f32
      %u = arith.mulf %s, %w : f32
      %d = arith.extf %u : f32 to f64
      loop.store %d, %room[%i] : f64, !loop.buffer<B x f64>
      %e = loop.load %room[%i] : !loop.buffer<B x f64>
      %r = arith.truncf %e : f64 to f32
      loop.store %r, %y[%i, %j] : f32, !loop.buffer<B x N x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}"""


@pytest.fixture(scope="module")
def library():
    module = parse_module(SCALE)
    PlanMemory().run(module, PassContext())
    with compile_library(module) as made:
        yield made


def test_results_come_in_the_order_of_their_numbers(library):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    z, y = library.function("f").call([x, 10.0])
    assert z.tolist() == [3, 3, 3]
    np.testing.assert_array_equal(y, x * 10 * np.array([1, 2], np.float32))


def test_no_samples(library):
    z, y = library.function("f").call([np.zeros((0, 2), np.float32), 1.0])
    assert z.shape == (0,) and y.shape == (0, 2)


def test_results_in_given_arrays(library):
    x = np.ones((2, 2), np.float32)
    out = [np.empty(2, np.float32), np.empty((2, 2), np.float32)]
    results = library.function("f").call([x, 1.0], out)
    assert results[0] is out[0] and results[1] is out[1]
    assert out[1].tolist() == [[1, 2], [1, 2]]


def test_bound_arrays_can_be_replaced(library):
    f = library.function("f").bind({"table": np.array([5, 6, 7, 8], np.float32)})
    z, y = f.call([np.ones((1, 3), np.float32), 1.0])
    assert y.tolist() == [[5, 6, 7]] and z.tolist() == [8]
    with pytest.raises(Error, match="no bound argument 'tabel'; it has table"):
        library.function("f").bind({"tabel": np.zeros(3, np.float32)})


X = np.ones((2, 2), np.float32)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X], "takes 2 inputs"),
        ([X.astype(np.float64), 1.0], "expected dtype float32, got float64"),
        ([X.tolist(), 1.0], "expected an array, got list"),
        ([X[0], 1.0], "dimensions"),
        ([np.ones((2, 3), np.float32), 1.0], "expected"),
        ([np.asfortranarray(np.ones((2, 2), np.float32)), 1.0], "C-contiguous and aligned"),
        ([np.frombuffer(bytes(17), np.uint8)[1:].view(np.float32).reshape(2, 2), 1.0], "C-contiguous and aligned"),
        ([X, np.ones(2)], "expected a number"),
    ],
)
def test_bad_inputs(library, inputs, message):
    with pytest.raises(Error, match=message):
        library.function("f").call(inputs)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ([np.empty(2, np.float32)], "2 results"),
        ([np.empty(3, np.float32), np.empty((2, 2), np.float32)], "shape"),
        ([np.empty(2, np.float64), np.empty((2, 2), np.float32)], "dtype"),
        ([np.empty(2, np.float32), X], "overlaps x"),
        ([np.broadcast_to(np.float32(0), 2), np.empty((2, 2), np.float32)], "read-only"),
    ],
)
def test_bad_outputs(library, out, message):
    with pytest.raises(Error, match=message):
        library.function("f").call([X, 1.0], out)


def test_outputs_may_not_overlap_each_other(library):
    whole = np.empty(6, np.float32)
    with pytest.raises(Error, match="y overlaps z"):
        library.function("f").call([X, 1.0], [whole[:2], whole[1:5].reshape(2, 2)])


def test_a_size_that_follows_from_nothing():
    module = parse_module("""
func.func @f(%N: index, %y: !loop.buffer<N x f32> {irc.output = 0 : i64}) attributes {irc.symbols_args = ["N"]} {
  func.return
}""")
    with compile_library(module) as made, pytest.raises(Error, match="'N' does not follow"):
        made.function("f").call([])


def test_known_symbols():
    module = parse_module("""
func.func @f(%N: index, %x: !loop.buffer<N x f32>, %y: !loop.buffer<N x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["N"], irc.symbols = {N = 4 : i64}} {
  func.return
}""")
    with compile_library(module) as made, pytest.raises(Error, match="expected 4"):
        made.function("f").call([np.zeros(3, np.float32)])


def test_threads_have_workspaces_of_their_own(library):
    f = library.function("f")
    wrong = []

    def work(seed):
        x = np.random.default_rng(seed).normal(size=(500 + seed, 2)).astype(np.float32)
        for _ in range(50):
            if not np.array_equal(f.call([x, 1.0])[1], x * np.array([1, 2], np.float32)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_closed_library_refuses():
    module = parse_module("func.func @f() {\n func.return\n}")
    made = compile_library(module)
    f = made.function("f")
    assert f is made.function("f")
    with pytest.raises(ValueError, match="no function 'g'"):
        made.function("g")
    made.close()
    made.close()
    with pytest.raises(Error, match="closed"):
        f.call([])


def resident() -> int:
    """Resident memory of this process in bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.slow
def test_many_libraries_do_not_keep_memory():
    """Each engine goes with its library: of a hundred compiled and closed, less than 20 kB each stays."""
    module = parse_module(SCALE)
    PlanMemory().run(module, PassContext())

    def compile_and_run() -> None:
        with compile_library(module) as made:
            made.function("f").call([X, 1.0])

    for _ in range(20):
        compile_and_run()
    before = resident()
    for _ in range(100):
        compile_and_run()
    assert resident() - before < 100 * 20_000


def test_what_is_recorded(library):
    library.code()
    assert set(library.times) == {"emit", "parse", "verify", "optimise", "codegen", "link"}
    assert all(seconds >= 0 for seconds in library.times.values())
    assert "define void @\"irc.f\"" in library.text()
    assert "irc.f" in library.assembly()
    before = Library.compiled
    with compile_library(parse_module("func.func @f() {\n func.return\n}")) as made:
        assert Library.compiled == before
        for _ in range(2):
            made.function("f").call([])
            assert Library.compiled == before + 1


def test_fingerprints_tell_code_and_target_apart():
    one = Library(parse_module("func.func @f() {\n func.return\n}"), TARGETS["avx2"])
    same = Library(parse_module("func.func @f() {\n func.return\n}"), TARGETS["avx2"])
    other_code = Library(parse_module("func.func @g() {\n func.return\n}"), TARGETS["avx2"])
    other_target = Library(parse_module("func.func @f() {\n func.return\n}"), TARGETS["neon"])
    assert one.fingerprint() == same.fingerprint()
    assert len({one.fingerprint(), other_code.fingerprint(), other_target.fingerprint()}) == 3


def test_targets():
    assert find_target("host") is host()
    assert find_target("avx2").vector_bits == 256
    with pytest.raises(ValueError, match="there is no target 'sse9'; the targets are host, avx512"):
        find_target("sse9")
    with pytest.raises(ValueError, match="codegen level 0"):
        Target("t", "x86_64-unknown-linux-gnu", "", "", 128, 16, False, codegen=0)
