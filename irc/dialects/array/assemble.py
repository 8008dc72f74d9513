"""Sums of parts with zeros around them: parts that do not overlap are joined, not added.

    pad(a, low 0, high 5) + pad(b, low 3, high 0)  -->  concat(a, zeros, b)

Each gradient of a slice is such a part, so that of a vector of all parameters is written once, not once for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array.pieces import Concat, Pad
from irc.dialects.array.syntax import sizes
from irc.dialects.constants import splat
from irc.ir.builder import Builder
from irc.ir.operation import Value


def assembled(builder: Builder, parts: Sequence[Value]) -> list[Value]:
    """As few arrays as are found, whose sum is that of ``parts``. Each part is the result of an ``array.pad``."""
    pads = [part.defining_op() for part in parts]
    axes = {axis for pad in pads if isinstance(pad, Pad) for axis in _padded(pad)}
    if len(parts) < 2 or len(axes) != 1:
        return list(parts)
    (axis,) = axes
    if not all(isinstance(pad, Pad) and _is_known(pad, axis) for pad in pads):
        return list(parts)
    rounds: list[list[Pad]] = []
    for pad in sorted(pads, key=lambda pad: _begin(pad, axis)):  # type: ignore[arg-type]
        assert isinstance(pad, Pad)
        room = next((r for r in rounds if _end(r[-1], axis) <= _begin(pad, axis)), None)
        if room is None:
            rounds.append(room := [])
        room.append(pad)
    return [_joined(builder, row, axis) for row in rounds]


def _joined(builder: Builder, pads: list[Pad], axis: int) -> Value:
    if len(pads) == 1:
        return pads[0].result
    pieces: list[Value] = []
    at = 0
    whole = pads[0].output.type

    def zeros(count: int) -> None:
        if count:
            shape = [*whole.shape[:axis], count, *whole.shape[axis + 1 :]]
            pieces.append(splat(builder, 0.0, whole.with_shape(shape)))

    for pad in pads:
        zeros(_begin(pad, axis) - at)
        pieces.append(pad.source)
        at = _end(pad, axis)
    zeros(whole.shape[axis] - at)
    return builder.value(Concat, pieces, axis=axis)


def _padded(pad: Pad) -> list[int]:
    return [d for d, ends in enumerate(zip(sizes(pad.low), sizes(pad.high), strict=True)) if ends != (0, 0)]


def _is_known(pad: Pad, axis: int) -> bool:
    return all(isinstance(n, int) for n in (sizes(pad.low)[axis], pad.source.type.shape[axis], sizes(pad.high)[axis]))


def _begin(pad: Pad, axis: int) -> int:
    begin = sizes(pad.low)[axis]
    assert isinstance(begin, int)
    return begin


def _end(pad: Pad, axis: int) -> int:
    size = pad.source.type.shape[axis]
    assert isinstance(size, int)
    return _begin(pad, axis) + size
