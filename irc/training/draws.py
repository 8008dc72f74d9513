"""Random numbers as IR: each follows from a key and its own place alone, so neither order nor threads matter.

The key of a step is ``tensor<3xi32>``: the seed (its lower half, its upper half) and the number of the step. A number
is a hash of it, of the number of its stream, its row, and its place within the row, taken in one after the other,

    h = 0x9E3779B9;  for each of these numbers k: h = mix(h xor k)

where ``mix`` is the finalizer of MurmurHash3 (Appleby, 2011), a bijection of 32 bits each of whose bits depends on all
bits that go in.
"""

from __future__ import annotations

from irc.dialects.arith import AddI, CmpI, IndexCast, MulF, MulI, Select, ShRUI, XOrI
from irc.dialects.array import Broadcast, Iota, Reshape, Size, Slice
from irc.dialects.array.syntax import sizes_attribute
from irc.dialects.constants import splat
from irc.ir.builder import Builder
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import TensorType, i32

KEY = TensorType([3], i32)
"""The type of the key of a step."""
START = 0x9E3779B9
"""What the hash begins with: 2^32 divided by the golden ratio."""


def dropped(b: Builder, x: Value, p: float, key: Value, stream: int) -> Value:
    """``x`` with each element set to 0 with the probability ``p``, and all others scaled by 1 / (1 - p).

    An element stays where its 32 random bits, as an unsigned number, are at least p 2^32, rounded. The first dimension
    of ``x`` is that of the rows.
    """
    type: TensorType = x.type  # type: ignore[assignment]
    nothing = splat(b, 0.0, type)
    least = round(p * 2**32)
    if least == 2**32:
        return b.value(MulF, x, nothing)
    drawn = bits(b, key, stream, type.shape)
    stays = b.value(CmpI, drawn, splat(b, _signed(least), drawn.type), predicate="uge")
    factor = b.value(Select, stays, splat(b, 1 / (1 - p), type), nothing)
    return b.value(MulF, x, factor)


def bits(b: Builder, key: Value, stream: int, shape: tuple[Dimension, ...]) -> Value:
    """32 random bits for each element of ``shape``, whose first dimension is that of the rows."""
    number = TensorType([], i32)
    parts = [b.value(Slice, key, offsets=sizes_attribute([n]), result_types=[TensorType([1], i32)]) for n in range(3)]
    h = splat(b, _signed(START), number)
    for word in (*(b.value(Reshape, part, result_types=[number]) for part in parts), splat(b, stream, number)):
        h = _taken_in(b, h, word)
    rows = TensorType(shape[:1], i32)
    h = _taken_in(b, b.value(Broadcast, h, dims=[], result_types=[rows]), b.value(Iota, axis=0, result_types=[rows]))
    if len(shape) == 1:
        return h
    everywhere = TensorType(shape, i32)
    return _taken_in(b, b.value(Broadcast, h, dims=[0], result_types=[everywhere]), _places(b, everywhere))


def _places(b: Builder, type: TensorType) -> Value:
    """The number of each element within its row, in row-major order, modulo 2^32."""
    place = b.value(Iota, axis=1, result_types=[type])
    for axis in range(2, type.rank):
        before = b.value(MulI, place, _size(b, type.shape[axis], type))
        place = b.value(AddI, before, b.value(Iota, axis=axis, result_types=[type]))
    return place


def _size(b: Builder, size: Dimension, type: TensorType) -> Value:
    if isinstance(size, int):
        return splat(b, size, type)
    number = b.value(IndexCast, b.value(Size, dim=str(size)), result_types=[i32])
    return b.value(Broadcast, number, dims=[], result_types=[type])


def _taken_in(b: Builder, h: Value, number: Value) -> Value:
    """The hash with one more number."""
    return _mix(b, b.value(XOrI, h, number))


def _mix(b: Builder, h: Value) -> Value:
    """MurmurHash3's finalizer."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = b.value(MulI, _folded(b, h, shift), splat(b, _signed(factor), h.type))
    return _folded(b, h, 16)


def _folded(b: Builder, h: Value, shift: int) -> Value:
    """``h xor (h >> shift)``."""
    return b.value(XOrI, h, b.value(ShRUI, h, splat(b, shift, h.type)))


def _signed(bits: int) -> int:
    """The number of i32 that has these 32 bits."""
    return bits - 2**32 if bits >= 2**31 else bits
