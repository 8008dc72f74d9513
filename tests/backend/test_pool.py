"""Loops that threads share: the same bits for any number of threads, each turn once, memory in bounds; forks, callers
on several threads, and the mode in which floats are computed.

A machine of one processor has no team; what is here holds there too.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc import layers
from irc.backend.jit import Library, compile_library
from irc.backend.pool import GRAIN, pool_text, team_address
from irc.backend.target import TARGETS, host
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.callers import call_at_once
from support.canaries import fenced_call

NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def bits(array):
    return np.ascontiguousarray(array).view(np.uint32)


def product(m, n, k):
    """The native product of two matrices, m x k and k x n; a size of None is a symbol."""
    m, n, k = (name if size is None else size for name, size in zip("MNK", (m, n, k), strict=True))
    a, b, c = (f"tensor<{first} x {second} x f32>" for first, second in ((m, k), (k, n), (m, n)))
    module = parse_module(f"""
func.func @f(%a: {a}, %b: {b}) -> {c} {{
  %c = array.contract "mk,kn->mn" %a, %b : {a}, {b}
  func.return %c : {c}
}}""")
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP])), PassContext(host())).run(module)
    return compile_library(module)


@pytest.fixture(scope="module")
def matrices():
    """A product of any sizes."""
    with product(None, None, None) as library:
        yield library.function("f")


def operands(m, n, k, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32) for shape in ((m, k), (k, n))]


@pytest.mark.parametrize(
    ("m", "n", "k"), [(0, 5, 5), (1, 1, 1), (1, 700, 700), (7, 64, 2000), (130, 130, 130), (257, 191, 300)]
)
def test_same_bits_for_any_number_of_threads(matrices, m, n, k):
    given = operands(m, n, k)
    (wanted,) = matrices.call(given)
    np.testing.assert_allclose(wanted, given[0].astype(np.float64) @ given[1], atol=k * 2e-6)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(bits(matrices.call(given, threads=threads)[0]), bits(wanted))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("m", "n", "k"), [(61, 130, 300), (515, 1030, 1100)])
def test_memory_stays_in_bounds(m, n, k, threads):
    """The larger product packs its operand into the workspace, and sums in several blocks."""
    with product(m, n, k) as library:
        (found,) = fenced_call(library.function("f"), operands(m, n, k), threads=threads)
        np.testing.assert_array_equal(bits(found), bits(library.function("f").call(operands(m, n, k))[0]))


COUNTED = """
func.func @f(%A: index, %B: index, %C: index, %D: index, %E: index, %F: index, %W: index,
             %y: !loop.buffer<48 x 48 x i64> {irc.output = 0})
    attributes {irc.symbols_args = ["A", "B", "C", "D", "E", "F", "W"], irc.team} {
  %one = arith.constant 1 : i64
  loop.for %i = %A to %B step %C parallel work "W" {
    loop.for %j = %D to %E step %F parallel CHUNKED{
      %old = loop.load %y[%i, %j] : !loop.buffer<48 x 48 x i64>
      %new = arith.addi %old, %one : i64
      loop.store %new, %y[%i, %j] : i64, !loop.buffer<48 x 48 x i64>
      loop.yield
    }
    loop.yield
  }
  func.return
}"""


@pytest.fixture(scope="module")
def counters():
    """Native code that counts how often each of 48 x 48 turns runs, without and with ``chunked``."""
    libraries = [compile_library(parse_module(COUNTED.replace("CHUNKED", mark))) for mark in ("", "chunked ")]
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 7, *[ctypes.c_void_p] * 2)
    yield [kind(library.address("f", team=True)) for library in libraries]
    for library in libraries:
        library.close()


steps = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(-1, 9))


@given(outer=steps, inner=steps, work=st.integers(-1, 200), threads=st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_each_turn_runs_once(counters, outer, inner, work, threads):
    """However loops are cut in parts and chunks; a step below one is one, as without threads."""
    for counter in counters:
        y = np.zeros((48, 48), np.int64)
        counter(*outer, *inner, work * GRAIN // 4, y.ctypes.data, team_address(threads))
        wanted = np.zeros_like(y)
        wanted[outer[0] : outer[1] : max(1, outer[2]), inner[0] : inner[1] : max(1, inner[2])] = 1
        np.testing.assert_array_equal(y, wanted)


def test_callers_on_several_threads(matrices):
    """One has the pool, the others work alone meanwhile."""
    given = operands(150, 150, 150)
    (wanted,) = matrices.call(given)
    wrong = []

    def hammer(_):
        for _ in range(50):
            if not np.array_equal(matrices.call(given, threads=3)[0], wanted):
                wrong.append(1)

    call_at_once(hammer)
    assert not wrong


@NEEDS_FORK
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_child_made_by_fork_has_workers_of_its_own(matrices, meanwhile):
    """Also where another thread of the parent has the pool just then, which in the child would never be free."""
    given = operands(150, 150, 150)
    (wanted,) = matrices.call(given, threads=2)
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            matrices.call(given, threads=2)

    other = threading.Thread(target=busy)
    if meanwhile:
        other.start()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            same = all(np.array_equal(matrices.call(given, threads=2)[0], wanted) for _ in range(20))
            os._exit(0 if same and _workers() == _most_workers(2) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop.set()
    if meanwhile:
        other.join()


def _workers() -> int:
    """How many threads a child of fork has besides the one that it began with: those that take no signals, since one
    that a worker took would not wake Python's main thread up.
    """
    tasks = Path("/proc/self/task")
    if not tasks.exists():
        return _most_workers(2)
    masks = [re.search("SigBlk:\\s*([0-9a-f]+)", (task / "status").read_text()) for task in tasks.iterdir()]
    taken = [signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD]
    return sum(mask is not None and all(int(mask[1], 16) >> s - 1 & 1 for s in taken) for mask in masks)


def _most_workers(threads: int) -> int:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return min(threads, processors) - 1 if pool_text(host()) else 0


def test_no_more_threads_than_processors():
    assert team_address(1) == 0
    assert team_address(10**6) == team_address(_most_workers(10**6) + 1)


SQUARES = """
func.func @f(%N: index, %x: !loop.buffer<N x f32>, %y: !loop.buffer<N x f32> {irc.output = 0})
    attributes {irc.symbols_args = ["N"], irc.team} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel work "1000*N" {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    %h = arith.mulf %v, %v : f32
    loop.store %h, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}"""


@pytest.mark.skipif(not host().triple.startswith("x86_64"), reason="sets the mode by an instruction of x86-64")
def test_workers_compute_in_the_mode_of_the_caller():
    """A library such as PyTorch may have set that tiny numbers are flushed to zero; the bits must not depend on who
    computes."""
    text = """
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @set(i32 %mode) {
  %at = alloca i32
  store i32 %mode, ptr %at
  call void @llvm.x86.sse.ldmxcsr(ptr %at)
  ret void
}"""
    machine = host().machine(jit=True)
    engine = llvm.create_lljit_compiler(host().machine(jit=True))
    builder = llvm.JITLibraryBuilder().add_object_img(machine.emit_object(llvm.parse_assembly(text)))
    tracker = builder.export_symbol("set").link(engine, "mode")
    set_mode = ctypes.CFUNCTYPE(None, ctypes.c_int32)(tracker["set"])
    x = np.full(200_000, 1e-20, np.float32)  # its square is subnormal
    usual, flushing = 0x1F80, 0x9FC0
    with compile_library(parse_module(SQUARES)) as library:
        function = library.function("f")
        for mode, is_zero in ((usual, False), (flushing, True), (usual, False)):
            set_mode(mode)
            try:
                (y,) = function.call([x], threads=2)
            finally:
                set_mode(usual)
            assert ((bits(y) == 0) == is_zero).all()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_pool_compiles_for_each_target(name):
    text = pool_text(TARGETS[name])
    assert text is not None
    parsed = llvm.parse_assembly(text)
    parsed.verify()
    machine = TARGETS[name].machine()
    parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
    assert machine.emit_object(parsed)


def test_no_pool_elsewhere():
    assert pool_text(replace(TARGETS["neon"], triple="aarch64-apple-darwin")) is None
    assert pool_text(replace(TARGETS["avx2"], triple="x86_64-pc-windows-msvc")) is None


MLP = layers.Sequential(
    layers.Linear(90), layers.tanh, layers.Linear(70), layers.relu, layers.Linear(4), input_shape=[60]
)


def test_a_function_of_arrays_runs_on_the_threads_of_the_net():
    source = """
func.func @f(%x: tensor<B x 150 x f32>, %w: tensor<150 x 90 x f32> {irc.param = "w"}) -> tensor<B x 90 x f32> {
  %y = array.contract "bi,io->bo" %x, %w : tensor<B x 150 x f32>, tensor<150 x 90 x f32>
  %z = math.tanh %y : tensor<B x 90 x f32>
  func.return %z : tensor<B x 90 x f32>
}"""
    x = np.random.default_rng(0).standard_normal((300, 150), np.float32)
    dy = np.random.default_rng(1).standard_normal((300, 90), np.float32)
    with irc.compile(parse_module(source), seed=1) as net:
        assert net.forward.signature.team
        wanted, gradients = net.run(x), net.vjp(x, dy)[1]
        for _ in range(3):  # from the second call on it may be a short one
            for threads in (2, 3):
                np.testing.assert_array_equal(bits(net.run(x, threads=threads)), bits(wanted))
                found = net.vjp(x, dy, threads=threads)[1]
                np.testing.assert_array_equal(bits(found.x), bits(gradients.x))
                np.testing.assert_array_equal(bits(found.params.flat), bits(gradients.params.flat))
            net.threads = 2
        np.testing.assert_array_equal(bits(net.run(x)), bits(wanted))


def test_training_gives_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((600, 60)), rng.integers(0, 4, 600)
    learnt = []
    for threads in (1, 2, 3):
        with irc.compile(MLP, loss="softmax_cross_entropy", seed=2, threads=threads) as net:
            net.fit(x, y, epochs=2, batch=300, optimizer=irc.Adam(1e-2), verbose=0)
            learnt.append(bits(net.params.flat).copy())
    np.testing.assert_array_equal(learnt[0], learnt[1])
    np.testing.assert_array_equal(learnt[0], learnt[2])


def test_without_a_team_loops_run_in_place():
    """A function that lacks the mark has no argument for it."""
    text = COUNTED.replace(", irc.team", "").replace("CHUNKED", "chunked ")
    with Library(parse_module(text), host()) as library:
        assert "turns.1" not in library.text() and "%team" not in library.text()
        assert not library.signatures["f"].team
