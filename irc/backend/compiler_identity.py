"""Which compiler this is, exactly: what it makes of a program is decided by that, the program and the target.

A version number would not do: whoever works on the compiler changes it without a new one. So it is known by its own
source, and by what it stands on.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numpy as np

_PACKAGES = ("irc", "irc.passes", "irc.frontends")
_BEGIN = time.time()
_MARGIN = 2.0
"""Seconds. Files changed so shortly before this was imported may have been read before they were changed."""


def compiler_identity() -> str | None:
    """A hash of the compiler's source, of Python, NumPy and LLVM. None if it is unknown: the source has changed since
    the process began, so that what runs may be neither the old one nor the new one; or there is no source.

    What a process keeps for others, it must have made while this was known: ask again before it is kept.
    """
    return _identity() if _unchanged() else None


@cache
def _identity() -> str:
    versions = (sys.version, np.__version__, llvmlite.__version__, llvm.llvm_version_info)
    content = hashlib.sha256("\0".join(map(str, versions)).encode())
    for path in _sources():
        content.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return content.hexdigest()


def _unchanged() -> bool:
    """Whether all files are older than this process. The time of the last change of a file cannot be set."""
    try:
        states = [path.stat() for path in _sources()]
    except OSError:
        return False
    return bool(states) and all(max(state.st_mtime, state.st_ctime) < _BEGIN - _MARGIN for state in states)


@cache
def _sources() -> list[Path]:
    """All source files, in an order that is the same everywhere."""
    specs = [find_spec(name) for name in _PACKAGES]
    roots = [root for spec in specs if spec is not None for root in spec.submodule_search_locations or ()]
    found = {
        Path(directory, name)
        for root in roots
        for directory, _, names in os.walk(root)
        for name in names
        if name.endswith(".py")
    }
    return sorted(found)
