"""Forks: the child has only the thread that forked. A lock that another thread held just then would never be free in
the child.

So our own locks are made by :func:`lock`: in a child they are free. And a process forks only while no other thread is
inside LLVM, whose lock and state are not ours to mend: see :func:`wait_for_llvm`.
"""

from __future__ import annotations

import os
from functools import cache
from threading import Lock
from weakref import WeakSet

import llvmlite.binding as llvm

_LOCKS: WeakSet[Lock] = WeakSet()


def lock() -> Lock:
    """A new lock, free in a child made by fork. What it guards must make sense whenever another thread may run."""
    _watch()
    made = Lock()
    _LOCKS.add(made)
    return made


@cache
def wait_for_llvm() -> None:
    """From now on, let forks wait until no other thread is in a call of LLVM: at most one function's compilation."""
    guard = getattr(llvm.ffi.lib, "_lock", None)  # llvmlite has no public name for it
    if guard is not None and hasattr(os, "register_at_fork"):
        os.register_at_fork(before=guard.__enter__, after_in_parent=guard.__exit__, after_in_child=guard.__exit__)


@cache
def _watch() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_free)


def _free() -> None:
    for held in _LOCKS:  # as Python's own modules do; release() refuses one whose holder did not yet have the GIL
        held._at_fork_reinit()  # type: ignore[attr-defined]
