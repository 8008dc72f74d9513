"""The loop level: buffers, loops, scalar and vector accesses; arithmetic is ``arith`` and ``math``.

A function of this level gets the sizes it needs as ``index`` arguments (``irc.symbols_args`` names them in order), then
buffers, then the buffers its results go to (``irc.output``), and its workspace (``irc.workspace``). It returns nothing.
"""

from irc.dialects.loop.clock import Clock
from irc.dialects.loop.control import UNSHARED, For, If, Yield, build_for, build_if, inner_loop
from irc.dialects.loop.memory import Accumulate, Alloc, Load, Store, View
from irc.dialects.loop.part import Part
from irc.dialects.loop.span import Span, memory_of
from irc.dialects.loop.tile import LoadTile, Outer, StoreTile, Transpose
from irc.dialects.loop.types import BufferType
from irc.dialects.loop.vector import LaneIds, Mask, Reduce, Size, Splat
from irc.ir.dialect import Dialect

DIALECT = Dialect(
    "loop",
    operations=(
        *(For, If, Yield),
        *(Alloc, View, Part, Span, Load, Store, Accumulate),
        *(Splat, Mask, LaneIds, Reduce, Size),
        *(LoadTile, StoreTile, Outer, Transpose),
        Clock,
    ),
    types=(BufferType,),
    doc=__doc__ or "",
)

__all__ = [
    "DIALECT",
    "UNSHARED",
    "Accumulate",
    "Alloc",
    "BufferType",
    "Clock",
    "For",
    "If",
    "LaneIds",
    "Load",
    "LoadTile",
    "Mask",
    "Outer",
    "Part",
    "Reduce",
    "Size",
    "Span",
    "Splat",
    "Store",
    "StoreTile",
    "Transpose",
    "View",
    "Yield",
    "build_for",
    "build_if",
    "inner_loop",
    "memory_of",
]
