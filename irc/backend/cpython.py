"""Machine code as functions of Python: what CPython and NumPy keep where in memory, and one way in.

A built-in function of Python is four words in memory (``PyMethodDef``) and a C function ``f(self, arguments, count)``,
called without making a tuple (``METH_FASTCALL``). So machine code becomes a function that costs Python no more than
``len``. It finds what it needs in array objects at fixed offsets, which NumPy's binary interface promises. Whether all
that holds here is tried out at import; other Pythons than CPython, debug and free-threaded builds use ``ctypes``.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from typing import Any

import numpy as np

HEAD = 16
"""Bytes of the head of every object: reference count and type."""
TYPE, DATA, RANK, SHAPE, DESCR, FLAGS = 8, HEAD, HEAD + 8, HEAD + 16, HEAD + 40, HEAD + 48
"""Offsets in an array object: type, address of the elements, rank (int), address of the shape, dtype, flags (int)."""
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
"""Flags of arrays."""
WARN_ON_WRITE = 0x8000_0000
"""The flag of arrays that may be written, with a warning."""
_FASTCALL = 0x80


class _MethodDef(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


def python_function(name: str, address: int, record: np.ndarray, keep: object) -> Any:
    """A built-in function: a call ``f(a, b)`` runs ``address(record, [a, b], 2)``, the GIL held.

    ``keep`` lives as long as the function does: what owns the machine code, and what the record points to.
    """
    definition = _MethodDef(name.encode(), address, _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    # The function's "module" may be any object. It is the last thing the function lets go.
    return make(ctypes.addressof(definition), record, (definition, keep))


def bool_address() -> int:
    """The address of ``PyBool_FromLong``: how machine code returns True and False in any version."""
    address = ctypes.cast(ctypes.pythonapi.PyBool_FromLong, ctypes.c_void_p).value
    assert address is not None
    return address


def try_out() -> bool:
    """Whether machine code can be called as a function of Python here."""
    if sys.implementation.name != "cpython" or object.__basicsize__ != HEAD or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if hasattr(sys, "gettotalrefcount") or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    return _arrays_as_expected() and _call_as_expected()


def _arrays_as_expected() -> bool:
    read_only = np.zeros((2, 3), np.float32)
    read_only.flags.writeable = False
    misaligned = np.frombuffer(bytes(17), np.uint8)[1:].view(np.float64)
    samples: list[np.ndarray] = [
        np.zeros(3), read_only, read_only.T, np.zeros((2, 2), np.int32)[1:], misaligned, np.zeros((0, 2), np.bool_),
        np.zeros(()), np.zeros(8, np.int8)[::2],
    ]  # fmt: skip
    return all(_as_expected(array) for array in samples)


def _as_expected(array: np.ndarray) -> bool:
    at = id(array)
    word, number = ctypes.c_size_t.from_address, ctypes.c_int.from_address
    if word(at + TYPE).value != id(np.ndarray) or word(at + DATA).value != array.ctypes.data:
        return False
    if number(at + RANK).value != array.ndim or word(at + DESCR).value != id(array.dtype):
        return False
    shape = word(at + SHAPE).value
    if word(at + SHAPE + 8).value != shape + 8 * array.ndim:  # the strides stand behind the sizes
        return False
    if any(ctypes.c_ssize_t.from_address(shape + 8 * axis).value != size for axis, size in enumerate(array.shape)):
        return False
    wanted = C_CONTIGUOUS * array.flags.c_contiguous + ALIGNED * array.flags.aligned + WRITEABLE * array.flags.writeable
    return number(at + FLAGS).value & (C_CONTIGUOUS | ALIGNED | WRITEABLE | WARN_ON_WRITE) == wanted


def _call_as_expected() -> bool:
    """A function whose code is Python's own: it reports what arrived."""
    record = np.zeros(1, np.int64)
    arguments = (record, "second")

    def code(own: int, given: int, count: int) -> bool:
        words = ctypes.c_size_t * 2
        return (own, count) == (id(record), 2) and list(words.from_address(given)) == [id(a) for a in arguments]

    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t)
    callback = kind(code)
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    return python_function("trial", address, record, callback)(*arguments) is True


AVAILABLE: bool = try_out()
"""Whether it can; the tests set it to False, and all calls go through ``ctypes``."""
