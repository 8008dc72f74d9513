"""A child made by fork can use nets, whatever other threads of its parent were about."""

import os
import signal
import threading
import time

import llvmlite.binding as llvm
import numpy as np
import pytest

import irc
from irc.backend.forks import lock

NAL = "N 3\n00\n01\n02 03 00,01\n"
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def child_says(what) -> bool:
    """Whether ``what`` is true in a child; one that hangs is killed."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if what() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def while_another_thread(does, what) -> bool:
    """The child's answer, made by fork when ``does(inside, over)`` has set ``inside`` in a thread of its own."""
    inside, over = threading.Event(), threading.Event()
    other = threading.Thread(target=does, args=(inside, over))
    other.start()
    inside.wait()
    try:
        return child_says(what)
    finally:
        over.set()
        other.join()


def test_a_lock_that_a_thread_holds_is_free_in_the_child():
    held = lock()

    def hold(inside, over):
        with held:
            inside.set()
            over.wait()

    assert while_another_thread(hold, lambda: held.acquire(timeout=1))


def test_a_lock_that_threads_wait_for_is_free_in_the_child():
    """One of them may have it already, and wait for the interpreter: then nobody can release it."""
    held = lock()
    stop = threading.Event()

    def take():
        while not stop.is_set():
            with held:
                sum(range(100))

    others = [threading.Thread(target=take) for _ in range(3)]
    for other in others:
        other.start()
    found = [child_says(lambda: held.acquire(timeout=5)) for _ in range(30)]
    stop.set()
    for other in others:
        other.join()
    assert all(found)


def test_a_fork_waits_for_a_thread_that_is_inside_llvm():
    """Its lock would never be free in the child, and its state half changed."""
    irc.compile(NAL).close()  # from the first code on
    left = []

    def compile_slowly(inside, over):
        with llvm.ffi.lib._lock:
            inside.set()
            time.sleep(0.3)
            left.append(True)

    def works():
        with irc.compile(NAL, structure="code", cache=False) as net:
            return bool(left) and net.run(np.ones((2, 2))).shape == (2, 1)

    assert while_another_thread(compile_slowly, works)
