"""Calls with ``threads=``: which numbers are taken, nets that run side by side, the GIL, the end of the process, and
processes that came from one with a pool.
"""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import irc
from irc import layers
from irc.backend import pool
from irc.backend.jit import compile_library
from irc.backend.machine_code import MachineCode, object_code
from irc.backend.pool import GRAIN, team_address
from irc.backend.target import host
from irc.text.parser import parse_module
from support.callers import call_at_once
from support.teams import SHARE, team_of, watched_team

WIDE = layers.Sequential(layers.Linear(300), layers.tanh, layers.Linear(200), input_shape=[150])
DEEP = layers.Sequential(layers.Linear(200), layers.relu, layers.Linear(200), layers.relu, input_shape=[150])
X = np.random.default_rng(0).standard_normal((60, 150), np.float32)


def bits(array):
    return np.ascontiguousarray(array).view(np.uint32)


@pytest.fixture(scope="module")
def net():
    with irc.compile(WIDE, seed=1) as made:
        yield made


@pytest.mark.parametrize("threads", [0, -1, 1.5, 2.0, "2", True, [2], np.float32(2), np.array([2, 3])])
def test_what_is_no_number_of_threads_is_refused_wherever_it_is_given(net, threads):
    said = "threads must be an integer from 1 on"
    with pytest.raises(irc.Error, match=said):
        irc.compile(WIDE, threads=threads)
    with pytest.raises(irc.Error, match=said):
        net.run(X, threads=threads)
    with pytest.raises(irc.Error, match=said):
        net.vjp(X, np.ones((60, 200), np.float32), threads=threads)
    with pytest.raises(irc.Error, match=said):
        net.threads = threads
    assert net.threads == 1


@pytest.mark.parametrize("threads", [2, 100, 10**6, 2**31, 2**63, 10**30, np.int64(2), np.uint8(255)])
def test_more_threads_than_processors_are_as_many_as_there_are(net, threads):
    wanted = net.run(X)
    with irc.compile(WIDE, seed=1, threads=threads) as other:
        for _ in range(4):  # from the third on it is a short call, where it is short
            np.testing.assert_array_equal(bits(other.run(X)), bits(wanted))
    np.testing.assert_array_equal(bits(net.run(X, threads=threads)), bits(wanted))


def test_one_thread_never_asks_for_a_pool(net, monkeypatch):
    monkeypatch.setattr(pool, "_record", lambda count: pytest.fail("asked for a pool"))
    for _ in range(4):
        net.run(X, threads=1)
        net.vjp(X, np.ones((60, 200), np.float32))


def test_loops_of_a_call_are_shared_if_several_threads_may():
    with irc.compile(WIDE, seed=1) as net, watched_team() as shared:
        net.run(X)
        assert not shared.parts
        net.run(X, threads=2)
        assert max(shared.parts) > 1


def test_different_nets_on_several_threads():
    """One has the pool; who finds it busy works alone."""
    nets = [irc.compile(model, seed=1, threads=2) for model in (WIDE, DEEP)]
    wanted, wrong = [net.run(X, threads=1) for net in nets], []

    def hammer(place):
        for turn in range(60):
            at = (place + turn) % 2
            if not np.array_equal(bits(nets[at].run(X)), bits(wanted[at])):
                wrong.append(place)

    call_at_once(hammer)
    for net in nets:
        net.close()
    assert not wrong


COPIES = """
func.func @f(%N: index, %x: !loop.buffer<N x f32>, %y: !loop.buffer<N x f32> {irc.output = 0})
    attributes {irc.symbols_args = ["N"], irc.team} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel work "1000*N" {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.store %v, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}"""
MEETING = """
; In place of the pool: say that native code is here, and stay until told to go on, or a long time has passed.
define void @share(ptr %team, ptr %function, ptr %context, i64 %turns, i64 %work, i1 %nested) {
entry:
  %here = getelementptr i64, ptr %team, i64 2
  %go = getelementptr i64, ptr %team, i64 3
  store atomic i64 1, ptr %here seq_cst, align 8
  br label %wait
wait:
  %n = phi i64 [ 0, %entry ], [ %next, %yield ]
  %told = load atomic i64, ptr %go seq_cst, align 8
  %yes = icmp ne i64 %told, 0
  br i1 %yes, label %done, label %look
look:
  %next = add i64 %n, 1
  %late = icmp ugt i64 %next, 20000000
  br i1 %late, label %late.at, label %yield
yield:
  %r = call i32 @sched_yield()
  br label %wait
late.at:
  store atomic i64 2, ptr %here seq_cst, align 8
  ret void
done:
  ret void
}
declare i32 @sched_yield()"""


@pytest.mark.skipif(sys.platform != "linux", reason="calls sched_yield")
def test_long_calls_give_the_gil_free():
    """Python runs in another thread while native code waits for what it does there."""
    code = MachineCode(host(), object_code(MEETING, host(), {}), ["share"])
    with compile_library(parse_module(COPIES)) as library, team_of(code.address("share")) as words:
        function = library.function("f")
        call = threading.Thread(target=function.call, args=([np.zeros(1000, np.float32)], None, 2))
        call.start()
        while words[2] == 0:
            pass
        words[3] = 1
        call.join()
        assert words[2] == 1


SLOW = """
declare i32 @usleep(i32)
; A part: count it, and take longer than anybody looks out for.
define void @part(ptr %context, i64 %part) {
  %count = getelementptr i64, ptr %context, i64 3
  %r = call i32 @usleep(i32 1000)
  %before = atomicrmw add ptr %count, i64 1 seq_cst
  ret void
}"""


@pytest.mark.skipif(not team_address(2), reason="there are no threads to share loops")
def test_a_caller_that_waits_long_is_woken_when_all_parts_are_done():
    """It and the workers sleep meanwhile: also when the last part ends just as it lies down, or none is left for it."""
    code = MachineCode(host(), object_code(SLOW, host(), {}), ["part"])
    share = SHARE(ctypes.c_int64.from_address(team_address(2)).value)
    for turns in (2, 3, 5, 2, 3):
        context = (ctypes.c_int64 * 4)()
        share(team_address(2), code.address("part"), ctypes.addressof(context), turns, GRAIN * turns, False)
        assert list(context) == [turns, turns, 1, turns]


def test_the_pool_has_one_copy_though_threads_ask_for_it_at_once():
    """Else there would be twice the workers, and teams whose memory is gone."""
    script = """
import sys, threading
sys.setswitchinterval(1e-6)
from irc.backend import pool
made, found, pool_text = [], [], pool.pool_text
pool.pool_text = lambda target: made.append(1) or pool_text(target)
threads = [threading.Thread(target=lambda: found.append(pool.team_address(2))) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(set(found)) == 1 and len(found) == 8 and len(made) <= 1, (found, made)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)


ENDING = """
import atexit, sys, threading
import numpy as np
import irc
from irc import layers
from irc.backend import pool
net = irc.compile(layers.Sequential(layers.Linear(300), layers.tanh, layers.Linear(200), input_shape=[150]), threads=2)
x = np.ones((BATCH, 150), np.float32)
atexit.register(lambda: print(net.run(x).shape))
def forever():
    while True:
        net.run(x)
net.run(x)
for _ in range(2):
    threading.Thread(target=forever, daemon=True).start()
net.run(x)
"""


@pytest.mark.parametrize("batch", [60, 1000])
def test_a_process_ends_while_threads_work(batch):
    """Workers that are awake, and threads of Python that never end, do not keep it, nor crash it; calls at the very end
    still work. 1000 samples run in chunks, 60 share loops.
    """
    script = ENDING.replace("BATCH", str(batch))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, f"({batch}, 200)\n"), done.stderr


def _on_two_threads(net, batch):
    return net.run(np.resize(X, (batch, 150)), threads=2)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("batch", [60, 1000])
def test_processes_of_multiprocessing_have_pools_of_their_own(net, batch):
    wanted = _on_two_threads(net, batch)
    with multiprocessing.get_context("fork").Pool(2, _remember, (net,)) as processes:
        for found in processes.map_async(_of_remembered, [batch] * 6).get(100):
            np.testing.assert_array_equal(bits(found), bits(wanted))


_remembered = []


def _remember(net):
    _remembered.append(net)


def _of_remembered(batch):
    return _on_two_threads(_remembered[-1], batch)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_process_of_one_processor_has_no_team():
    script = "import os\nfrom irc.backend.pool import team_address\nassert team_address(5) == 0"
    one = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\n"
    subprocess.run([sys.executable, "-c", one + script], check=True, timeout=100)


LENET = layers.Sequential(
    layers.Conv2D(20, 5),
    layers.relu,
    layers.MaxPool2D(2),
    layers.Conv2D(50, 5),
    layers.relu,
    layers.MaxPool2D(2),
    layers.Flatten(),
    layers.Linear(10),
    input_shape=[1, 28, 28],
)
CONVOLUTION = layers.Sequential(layers.Conv2D(64, 3, padding=1), input_shape=[64, 56, 56])
MOST_OF_IT = 4
"""Parts of the loops that do most of the work: enough for two threads, if one is held up."""


@pytest.mark.parametrize(("model", "batch", "loops"), [(LENET, 32, 4), (LENET, 1, 1), (CONVOLUTION, 1, 1)])
def test_convolutions_of_few_samples_are_shared(model, batch, loops):
    """A batch of 32 is two vectors of samples, and one sample is none: rows, columns and filters are shared instead."""
    x = np.random.default_rng(0).standard_normal((batch, *model.input_shape), np.float32)
    with irc.compile(model, seed=1) as net, watched_team() as shared:
        wanted = net.run(x)
        np.testing.assert_array_equal(bits(net.run(x, threads=2)), bits(wanted))
        assert sum(parts >= MOST_OF_IT for parts in shared.parts) >= loops, shared.parts


def test_gradients_of_convolutions_are_shared():
    x = np.random.default_rng(0).standard_normal((32, 1, 28, 28), np.float32)
    dy = np.random.default_rng(1).standard_normal((32, 10), np.float32)
    with irc.compile(LENET, seed=1) as net, watched_team() as shared:
        wanted = net.vjp(x, dy)[1]
        found = net.vjp(x, dy, threads=2)[1]
        np.testing.assert_array_equal(bits(found.params.flat), bits(wanted.params.flat))
        np.testing.assert_array_equal(bits(found.x), bits(wanted.x))
        assert sum(parts >= MOST_OF_IT for parts in shared.parts) >= 8, shared.parts
