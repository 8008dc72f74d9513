"""Which compiler this is, exactly: what it makes of a program is decided by that, the program and the target.

A version number would not do: whoever works on the compiler changes it without a new one. So it is known by the state
of its source files, and by what it stands on. The system notes when a file was last changed; nobody can set that time
back. To read the files would take longer, and tell less: Python may run older byte code than what they say now.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from functools import cache
from importlib.util import find_spec

BEGIN = time.time()
"""When the first file of the compiler was read: ``irc`` imports this module before all others of its own."""
MARGIN = 2.0
"""Seconds. Files changed so shortly before may have been read before they were changed: clocks of files are coarse."""

_PACKAGES = ("irc", "irc.passes", "irc.frontends")


def compiler_identity() -> str | None:
    """A hash of which compiler this is, with Python, NumPy and LLVM. None if it is unknown: a source file has changed
    since the process began, so that what runs may be neither the old one nor the new one; or there are no such files.

    What a process keeps for others, it must have made while this was known: ask again before it is kept.
    """
    try:
        states = [(path, os.stat(path)) for path in _sources()]
    except OSError:
        return None
    if not states or any(max(state.st_mtime, state.st_ctime) >= BEGIN - MARGIN for _, state in states):
        return None
    known = [(path, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in states]
    return hashlib.sha256(repr((_foundations(), known)).encode()).hexdigest()


@cache
def _foundations() -> tuple[str, ...]:
    """The versions of what the compiler stands on."""
    import llvmlite
    import numpy as np
    from llvmlite.binding import llvm_version_info

    return sys.version, sys.implementation.name, np.__version__, llvmlite.__version__, str(llvm_version_info)


@cache
def _sources() -> list[str]:
    """All source files, in an order that is the same everywhere."""
    specs = [find_spec(name) for name in _PACKAGES]
    roots = [root for spec in specs if spec is not None for root in spec.submodule_search_locations or ()]
    found = {
        os.path.join(directory, name)
        for root in roots
        for directory, _, names in os.walk(root)
        for name in names
        if name.endswith(".py")
    }
    return sorted(found)
