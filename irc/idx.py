"""Arrays in the idx format, in which MNIST and its relatives are kept.

A file is 0, 0, the kind of its elements, the number n of dimensions, n sizes (unsigned, 32 bits), and the elements in
row-major order; all numbers are big-endian. It may be packed with gzip, whatever its name.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

from irc.arrays import require_memory, shown
from irc.ir.diagnostics import counted, fail

KINDS = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
"""The kinds of elements, by the third byte, as NumPy calls them."""


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array of an idx file, or of one packed with gzip; its dtype is the file's, in this machine's byte order.

    Raises :class:`irc.Error` for a file that cannot be read, is not in this format, or is shorter or longer than it
    says.
    """
    if not isinstance(path, (str, os.PathLike)):
        fail(f"path must be that of a file, not {type(path).__name__}")
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not packed:
                return _read(file, str(name))
            with gzip.open(file) as unpacked:
                return _read(unpacked, str(name))  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        _fail(str(name), f"what gzip packed is cut off or damaged ({error})")
    except OSError as error:
        fail(f"cannot read '{name}': {error.strerror or error}")


def _read(file: BinaryIO, name: str) -> np.ndarray:
    """The array of an open file, which is read no further than it says, and one byte."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in KINDS or not magic[3]:
        begins = f"it begins with {magic.hex(' ')}" if magic else "it is empty"
        kinds = ", ".join(f"{kind:02x}" for kind in KINDS)
        _fail(name, f"{begins}; an idx file begins with 00 00, a kind ({kinds}), and the number of dimensions")
    rank = magic[3]
    header = file.read(4 * rank)
    if len(header) < 4 * rank:
        sizes = f"{counted(rank, 'dimension')} take {4 * rank} bytes, {len(header)} are there"
        _fail(name, f"it ends within its header: {sizes}")
    shape = struct.unpack(f">{rank}I", header)
    dtype = np.dtype(KINDS[magic[2]]).newbyteorder(">")
    require_memory(math.prod(shape), dtype.itemsize, f"the array {shown(shape)} of '{name}'")
    size = math.prod(shape) * dtype.itemsize
    data = _at_most(file, size + 1)
    if len(data) != size:
        there = f"{len(data)} are there" if len(data) < size else "there are more"
        _fail(name, f"{shown(shape)} of {dtype.name} take {size} bytes behind the header, {there}")
    try:
        return np.ndarray(shape, dtype, data).astype(dtype.newbyteorder("="))
    except ValueError as error:  # of too many dimensions, or of none and too large others
        _fail(name, f"NumPy has no array {shown(shape)}: {error}")


def _at_most(file: BinaryIO, size: int) -> bytes:
    """So many bytes, or all that there are. What a damaged header says is not allocated before it is there."""
    parts = []
    while size and (part := file.read(min(size, 1 << 24))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _fail(name: str, why: str) -> NoReturn:
    fail(f"cannot read '{name}' as an idx file: {why}")
