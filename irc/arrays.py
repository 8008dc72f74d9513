"""Arrays at the boundary: whatever a caller has, as the contiguous array that native code needs, or a clear error."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from irc.ir.diagnostics import Error

_NUMPY = ("__array__", "__array_interface__", "__array_struct__")
"""By these, and by buffers, NumPy itself reads the arrays of others."""
_REFUSALS = (AttributeError, BufferError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""By these, other libraries say that an array of theirs cannot be read."""


def as_array(value: Any, name: str, wanted: str = "an array") -> np.ndarray:
    """``value`` as a NumPy array, in the memory that it has if it is an array: what NumPy reads, and DLPack's arrays.

    Raises :class:`irc.Error` for ragged lists, and for what cannot be read.
    """
    try:
        if hasattr(value, "__dlpack__") and not any(hasattr(value, protocol) for protocol in _NUMPY):
            return np.from_dlpack(value)
        return np.asarray(value)
    except _REFUSALS as error:
        if isinstance(error, ValueError) and isinstance(value, (list, tuple)):
            raise Error(f"{name}: the rows have different lengths; expected {wanted}") from None
        raise Error(f"{name}: NumPy cannot read a {type(value).__name__} as an array: {error}") from None


def as_input(value: Any, dtype: np.dtype, shape: Sequence[int | None], name: str, hint: str = "") -> np.ndarray:
    """``value`` as a C-contiguous, aligned array of ``dtype``; copied only where needed.

    ``shape`` gives the sizes that are known; None stands for any. Real numbers and booleans of every kind are taken,
    from whatever :func:`as_array` reads.
    ``hint`` is told to who gives another number of dimensions. Raises :class:`irc.Error` for ragged lists, other
    dtypes, and wrong rank or width.
    """
    if type(value) is np.ndarray and value.dtype == dtype and value.ndim == len(shape):  # the usual case, fast
        flags = value.flags
        fits = flags.c_contiguous and flags.aligned
        for have, want in zip(value.shape, shape, strict=True):
            fits = fits and (want is None or have == want)
        if fits:
            return value
    if np.ma.is_masked(value) or (isinstance(value, (list, tuple)) and any(map(np.ma.is_masked, value))):
        raise Error(f"{name}: some elements are masked; give them values with {name}.filled(...)")
    array = as_array(value, name, f"an array of shape {shown(shape)}")
    if array.dtype.kind not in "fiub":
        raise Error(f"{name}: dtype {array.dtype} is not supported; expected real numbers ({dtype})")
    if array.ndim != len(shape):
        if array.ndim == 1 and len(shape) == 2 and shape[1] in (None, array.size):
            hint = f"one sample is {name}[None, :]"
        found = f"expected {len(shape)} dimensions {shown(shape)}, got {array.ndim} {shown(array.shape)}"
        raise Error(f"{name}: {found}{'; ' if hint else ''}{hint}")
    for axis, (have, want) in enumerate(zip(array.shape, shape, strict=True)):
        if want is not None and have != want:
            detail = f"expected shape {shown(shape)}, got {shown(array.shape)}"
            raise Error(f"{name}: dimension {axis} must be {want}, got {have} ({detail})")
    if dtype.kind == "i" and array.dtype != dtype:
        _require_whole(array, dtype, name)
    result = np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
    return result if result.flags.aligned else result.copy()


def _require_whole(array: np.ndarray, dtype: np.dtype, name: str) -> None:
    """Error unless ``dtype``, which is of integers, can hold all the numbers."""
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f":  # the least integer is a float, a power of two; the largest would be rounded up
        array = array.astype(np.promote_types(array.dtype, np.float64), copy=False)
        with np.errstate(invalid="ignore"):
            fits = (array >= limits.min) & (array < -float(limits.min)) & (np.trunc(array) == array)
    else:
        fits = (array >= limits.min) & (array <= limits.max)
    if not fits.all():
        raise Error(f"{name} takes integers ({dtype}), but {array[~fits].flat[0]} is among the numbers")


def require_below(array: np.ndarray, below: int | None, name: str) -> None:
    """Error unless the integers lie from 0 to below ``below``, where that is not None."""
    if below is None or not array.size or (array.min() >= 0 and array.max() < below):
        return
    wrong = array[(array < 0) | (array >= below)].flat[0]
    raise Error(f"{name}: {wrong} is outside of 0 to {below - 1}")


def as_samples(value: Any, own: Sequence[int | None], other: Sequence[int] | None) -> Any:
    """Samples of the shape ``other`` (images as rows, say, or the other way round) in their ``own``, not copied;
    anything else, and for None, as it is.
    """
    if other is None or None in own:
        return value
    array = as_array(value, "x") if isinstance(value, (list, tuple)) else value
    shape = getattr(array, "shape", None)
    if not isinstance(shape, tuple) or shape[1:] != tuple(other):
        return value
    return array.reshape(shape[0], *own)


def samples_hint(other: Sequence[int] | None) -> str:
    """What to tell who gives samples that have neither their own shape nor the ``other`` one."""
    return "" if other is None else f"samples may also have the shape {shown(other)}"


def as_given(samples: np.ndarray, value: Any, other: Sequence[int] | None) -> np.ndarray:
    """Samples in the shape of ``value``, where :func:`as_samples` gave its own another shape; else as they are."""
    return samples if as_samples(value, samples.shape[1:], other) is value else samples.reshape(-1, *other or ())


def check_output(out: Any, dtype: np.dtype, shape: Sequence[int], name: str = "out") -> np.ndarray:
    """Check that ``out`` can be written by native code as it is. Raises :class:`irc.Error`."""
    if not isinstance(out, np.ndarray):
        raise Error(f"{name} must be a NumPy array, got {type(out).__name__}")
    if out.dtype != dtype or out.dtype.byteorder not in "=|":
        raise Error(f"{name} must have dtype {dtype}, got {out.dtype}")
    if out.shape != tuple(shape):
        raise Error(f"{name} must have shape {shown(shape)}, got {shown(out.shape)}")
    if not out.flags.writeable:
        raise Error(f"{name} is read-only")
    if not (out.flags.c_contiguous and out.flags.aligned):
        raise Error(f"{name} must be C-contiguous and aligned")
    return out


def shown(shape: Sequence[int | None]) -> str:
    """A shape as text; a free size is an asterisk."""
    return "(" + ", ".join("*" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"


def aligned_zeros(shape: int | Sequence[int], dtype: np.dtype, alignment: int = 64) -> np.ndarray:
    """Zeros whose first byte lies on a multiple of ``alignment``."""
    dtype = np.dtype(dtype)
    size = math.prod([shape] if isinstance(shape, int) else shape) * dtype.itemsize
    raw = np.zeros(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size].view(dtype).reshape(shape)


def require_memory(elements: int, itemsize: int, what: str) -> None:
    """Raise :class:`irc.Error` for an array that this machine could never hold, before anything is allocated."""
    if elements * itemsize > machine_memory():
        raise Error(f"{what} would take {elements * itemsize:.3g} bytes; this machine has {machine_memory():.3g}")


@cache
def machine_memory() -> int:
    """The machine's memory in bytes, or what no machine has where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 46
