"""What has been compiled, kept on disk: a process that begins need not compile again what another has compiled.

An entry is found by its key, which tells all that decides its content, and by the compiler that made it. So an entry
is never out of date: it is right, or nobody asks for it. What is read is checked; what is damaged is removed and made
anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from irc.backend.compiler_identity import compiler_identity
from irc.files import write_atomically
from irc.ir.diagnostics import Error, fail

LIMIT = 256 << 20
"""The most bytes that a cache holds, if it is not told otherwise; some ten thousand nets."""

_HEADER = struct.Struct(">8s32sQ32s")
"""The begin of a file: what it is, its name, the number of bytes that follow, and their SHA-256."""
_MAGIC = b"irc-kept"
_ENTRY = re.compile(r"[0-9a-f]{64}\.irc")
_TEMPORARY = re.compile(r"\.[0-9a-f]{64}\.irc\..+")
_ABANDONED = 3600
"""After so many seconds nobody writes to a temporary file any more: its process has been killed."""


class ObjectCache:
    """Bytes by key, in files of a directory that no other user can write to. Raises :class:`irc.Error` for another one.

    Any number of threads and processes may use one directory: an entry is moved to its place when it is whole. Where
    nothing can be read or written (a full disk, a directory that is read-only) there are just no entries; so it is,
    too, where it is not known which compiler this is (see :mod:`irc.backend.compiler_identity`). Entries that were not
    used for the longest time go when there are more than ``limit`` bytes.
    """

    def __init__(self, directory: str | os.PathLike, limit: int = LIMIT):
        if not isinstance(directory, (str, os.PathLike)) or not os.fspath(directory):
            fail(f"the directory of a cache must be a path, not {directory!r:.80}")
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            fail(f"the limit of a cache must be a number of bytes, not {limit!r:.80}")
        self.directory = Path(directory).absolute()
        self.limit = int(limit)
        self._until_trim = 0
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.directory.stat()
        except (OSError, ValueError) as error:  # ValueError: of what cannot be a path
            fail(f"'{directory}' cannot be a cache: {getattr(error, 'strerror', None) or error}")
        if hasattr(os, "geteuid"):  # elsewhere, what lies below the user's profile is the user's
            if found.st_uid != os.geteuid():
                fail(f"'{directory}' cannot be a cache of native code: it belongs to another user")
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                fail(f"'{directory}' cannot be a cache of native code: other users can write there; try chmod go-w")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectCache) and (self.directory, self.limit) == (other.directory, other.limit)

    def __hash__(self) -> int:
        return hash((self.directory, self.limit))

    def get(self, key: str) -> bytes | None:
        """The content of an entry; None if there is none that is whole."""
        name = _name(key)
        if name is None:
            return None
        path = self.directory / f"{name}.irc"
        try:
            data = path.read_bytes()
        except OSError:
            return None
        content = _checked(data, name)
        if content is None:
            _remove(path)
        else:
            with suppress(OSError):
                os.utime(path)  # when it was used last
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep an entry. Whoever puts the same key puts the same content."""
        name = _name(key)
        if name is None or len(content) > self.limit // 4:
            return
        header = _HEADER.pack(_MAGIC, bytes.fromhex(name), len(content), hashlib.sha256(content).digest())
        try:
            write_atomically(self.directory / f"{name}.irc", header + content, scratch=True)
        except Error:
            return
        self._until_trim -= len(header) + len(content)
        if self._until_trim < 0:
            self._trim()
            self._until_trim = self.limit // 16

    def size(self) -> tuple[int, int]:
        """How many entries there are, and how many bytes they are."""
        sizes = [found.st_size for _, found in self._files(_ENTRY)]
        return len(sizes), sum(sizes)

    def clear(self) -> int:
        """Remove all entries, and nothing else that may be in the directory; gives their number."""
        for path, _ in self._files(_TEMPORARY):
            _remove(path)
        return sum(_remove(path) for path, _ in list(self._files(_ENTRY)))

    def _files(self, names: re.Pattern) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            with os.scandir(self.directory) as files:
                found = [file for file in files if names.fullmatch(file.name)]
        except OSError:
            return
        for file in found:
            try:
                yield Path(file.path), file.stat(follow_symlinks=False)
            except OSError:  # another process has removed it
                continue

    def _trim(self) -> None:
        """Make room for a while: scanning at each entry would take longer than to compile a small net."""
        for path, found in self._files(_TEMPORARY):
            if found.st_mtime < time.time() - _ABANDONED:
                _remove(path)
        entries = sorted(self._files(_ENTRY), key=lambda entry: entry[1].st_mtime)
        total = sum(found.st_size for _, found in entries)
        if total <= self.limit:
            return
        for path, found in entries:
            if total <= self.limit * 3 // 4:
                break
            _remove(path)
            total -= found.st_size


def user_directory() -> Path | None:
    """Where the user's own cache is: below ``XDG_CACHE_HOME`` if that is set, else where the system has its caches."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):  # the XDG specification: others are to be ignored
        return Path(given, "irc-compiler")
    local = os.environ.get("LOCALAPPDATA", "")
    try:
        if sys.platform == "win32":
            return Path(local, "irc-compiler", "Cache") if os.path.isabs(local) else None
        place = Path("Library", "Caches") if sys.platform == "darwin" else Path(".cache")
        return Path.home() / place / "irc-compiler"
    except RuntimeError:  # a user without a home
        return None


def user_cache() -> ObjectCache | None:
    """The user's own cache; None where there cannot be one."""
    directory = user_directory()
    try:
        return None if directory is None else ObjectCache(directory)
    except Error:
        return None


def _name(key: str) -> str | None:
    """The name of an entry's file; None where it is not known which compiler this is."""
    compiler = compiler_identity()
    return None if compiler is None else hashlib.sha256(f"{compiler}\0{key}".encode()).hexdigest()


def _checked(data: bytes, name: str) -> bytes | None:
    """The content of a file; None if it is not the file that was written under this name."""
    if len(data) < _HEADER.size:
        return None
    magic, written, length, digest = _HEADER.unpack_from(data)
    content = data[_HEADER.size :]
    whole = magic == _MAGIC and written.hex() == name and length == len(content)
    return content if whole and hashlib.sha256(content).digest() == digest else None


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
