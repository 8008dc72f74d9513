"""The rules for register tiles: a tile is a list of parts, which are the registers that LLVM sees.

A part is up to one vector of f32 of the target, within one row; a tile of one column has a number for each row. So what
is one op on a tile at loop level becomes straight code here: a load, store or multiply-add for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from irc.backend.emit_memory import (
    address,
    combine,
    inbounds,
    read,
    read_lanes,
    splat,
    stride_along,
    write,
    write_lanes,
)
from irc.backend.emitter import (
    Emitter,
    is_tile,
    llvm_type,
    part_widths,
    parts_of,
    scalar_constant,
    stored_type,
)
from irc.dialects.loop.tile import LoadTile, Outer, StoreTile, Transpose, columns_of, rows_of
from irc.dialects.loop.types import lanes_of
from irc.dialects.loop.vector import Mask, Reduce, Splat
from irc.ir.attributes import DenseAttr
from irc.ir.operation import Block, Operation
from irc.ir.traits import CONSTANT, ELEMENTWISE, has
from irc.ir.types import Type

Rule = Callable[[Emitter, Operation], None]

_EVERY = "splat (i1 true)"


def rule(op: Operation, rules: Mapping[str, Rule]) -> Rule | None:
    """How an op on tiles is emitted: by a rule of this file, or, where it is elementwise, by its own for each part."""
    if op.name in RULES:
        return RULES[op.name]
    if has(op, CONSTANT):
        return _constant
    return _by_parts(rules[op.name]) if has(op, ELEMENTWISE) and op.name in rules else None


def _by_parts(rule: Rule) -> Rule:
    def apply(e: Emitter, op: Operation) -> None:
        (result,) = op.results
        kinds = [parts_of(v.type, e.target) if is_tile(v.type) else None for v in op.operands]
        e.parts[result] = []
        for number, kind in enumerate(parts_of(result.type, e.target)):
            block = Block([v.type if k is None else k[number] for v, k in zip(op.operands, kinds, strict=True)])
            for argument, value, k in zip(block.arguments, op.operands, kinds, strict=True):
                e.names[argument] = e.names[value] if k is None else e.parts[value][number]
            part = type(op)(list(block.arguments), [kind], op.attributes, location=op.location)
            part.results[0].name_hint = result.name_hint
            rule(e, part)
            e.parts[result].append(e.names[part.results[0]])

    return apply


def _constant(e: Emitter, op: Operation) -> None:
    data = op.attributes["value"]
    assert isinstance(data, DenseAttr)
    if not data.is_splat():
        raise ValueError("the elements of a constant tile must be equal")
    scalar = data.type.element
    number = scalar_constant(scalar.from_storage(data.array.reshape(-1)[0]), scalar)
    one, many = number, f"splat ({llvm_type(scalar)} {number})"
    e.parts[op.results[0]] = [
        one if lanes_of(kind) is None else many for kind in parts_of(op.results[0].type, e.target)
    ]


def _splat(e: Emitter, op: Operation) -> None:
    assert isinstance(op, Splat)
    e.parts[op.vector] = [_spread(e, e.names[op.source], kind) for kind in parts_of(op.vector.type, e.target)]


def _spread(e: Emitter, number: str, kind: Type) -> str:
    """A number in all lanes of a part."""
    lanes = lanes_of(kind)
    return number if lanes is None else splat(e, number, kind.element, lanes)


def _mask(e: Emitter, op: Operation) -> None:
    """Column numbers compared with the count; where that is known, constants."""
    assert isinstance(op, Mask)
    count, first, parts = e.names[op.count], 0, []
    for width in part_widths(op.mask.type, e.target):
        numbers = range(first, first + width)
        if not count.startswith("%"):
            active = [number < int(count) for number in numbers]
            some = ", ".join(f"i1 {str(a).lower()}" for a in active)
            parts.append(_EVERY if all(active) else f"<{some}>")
        else:
            lanes = ", ".join(f"i64 {number}" for number in numbers)
            parts.append(e.value(f"icmp slt <{width} x i64> <{lanes}>, {splat(e, count, op.count.type, width)}"))
        first += width
    e.parts[op.mask] = parts


def _places(e: Emitter, op: LoadTile | StoreTile, tile: Type) -> list[tuple[int, str, str]]:
    """For each part in order: its row, its address, and how far apart its lanes are."""
    start = address(e, op)
    element = stored_type(op.buffer.type.element)
    down = "0" if op.down is None else stride_along(e, op, op.down.value)
    across = "0" if op.across is None else stride_along(e, op, op.across.value)

    def moved(place: str, stride: str, count: int) -> str:
        if count == 0 or stride == "0":
            return place
        far = e.once(f"mul nsw i64 {stride}, {count}") if stride.startswith("%") else str(int(stride) * count)
        return e.value(f"getelementptr{inbounds(op)} {element}, ptr {place}, i64 {far}")

    found = []
    for row in range(rows_of(tile)):
        place, first = moved(start, down, row), 0
        for width in part_widths(tile, e.target):
            found.append((row, moved(place, across, first), across))
            first += width
    return found


def _load(e: Emitter, op: Operation) -> None:
    """Each part from its place; rows that are the same only once."""
    assert isinstance(op, LoadTile)
    tile, masks = op.tile.type, e.parts[op.mask[0]] if op.mask else None
    align, scalar = tile.scalar.bytes, tile.scalar
    kinds, widths = parts_of(tile, e.target), len(part_widths(tile, e.target))
    same: dict[tuple[str, int], str] = {}
    names = []
    for number, (kind, (_, place, stride)) in enumerate(zip(kinds, _places(e, op, tile), strict=True)):
        column = number % widths
        mask = None if masks is None or masks[column] == _EVERY else masks[column]
        key = (place, column)
        if key not in same:
            if stride != "0" and lanes_of(kind) is not None:
                same[key] = read_lanes(e, op, place, kind, stride, mask)
            else:
                same[key] = _spread(e, read(e, place, scalar, align), kind)
        names.append(same[key])
    e.parts[op.tile] = names


def _store(e: Emitter, op: Operation) -> None:
    """Each part to its place."""
    assert isinstance(op, StoreTile)
    tile, masks = op.tile.type, e.parts[op.mask[0]] if op.mask else None
    kinds, widths = parts_of(tile, e.target), len(part_widths(tile, e.target))
    places = _places(e, op, tile)
    for number, (kind, value, (_, place, stride)) in enumerate(zip(kinds, e.parts[op.tile], places, strict=True)):
        mask = None if masks is None or masks[number % widths] == _EVERY else masks[number % widths]
        if lanes_of(kind) is not None:
            write_lanes(e, op, place, value, kind, stride, mask)
        else:
            write(e, place, value, kind, tile.scalar.bytes)


def _outer(e: Emitter, op: Operation) -> None:
    """A multiply-add for each part; each number of the column is spread once."""
    assert isinstance(op, Outer)
    row_kinds = parts_of(op.row.type, e.target)
    base = "fma" if e.target.fma else "fmuladd"  # without the instruction llvm.fma would be a library call per lane
    names, starts = [], iter(e.parts[op.start])
    for number in e.parts[op.column]:
        spread = {kind: _spread(e, number, kind) for kind in row_kinds}
        for kind, factor in zip(row_kinds, e.parts[op.row], strict=True):
            held = llvm_type(kind)
            names.append(e.value(e.intrinsic(base, held, [(held, v) for v in (spread[kind], factor, next(starts))])))
    e.parts[op.sum] = names


def _rows(e: Emitter, names: list[str], count: int) -> list[list[str]]:
    """The parts of each row."""
    width = len(names) // count
    return [names[first : first + width] for first in range(0, len(names), width)]


def _transpose(e: Emitter, op: Operation) -> None:
    """For d = 1, 2, 4, ...: of rows r and r + d, where r has no bit d, the lanes of r that have it and the lanes of
    r + d that do not change places. Where d is at least the width of a part, whole parts do.
    """
    assert isinstance(op, Transpose)
    size, widths = rows_of(op.tile.type), part_widths(op.tile.type, e.target)
    rows, lanes = _rows(e, list(e.parts[op.source]), size), widths[0]
    kind = f"<{lanes} x {llvm_type(op.tile.type.scalar)}>"
    distance = 1
    while distance < size:
        for r in (r for r in range(size) if not r & distance):
            upper, lower = rows[r], rows[r + distance]
            if distance >= lanes:
                step = distance // lanes
                for p in (p for p in range(len(upper)) if not p & step):
                    upper[p + step], lower[p] = lower[p], upper[p + step]
                continue
            for p, (a, b) in enumerate(zip(upper, lower, strict=True)):
                first = [lane if not lane & distance else lanes + lane - distance for lane in range(lanes)]
                second = [lane + distance if not lane & distance else lanes + lane for lane in range(lanes)]
                upper[p], lower[p] = (_shuffle(e, kind, a, b, order) for order in (first, second))
        distance *= 2
    e.parts[op.tile] = [part for row in rows for part in row]


def _shuffle(e: Emitter, kind: str, a: str, b: str, order: list[int]) -> str:
    lanes = ", ".join(f"i32 {lane}" for lane in order)
    return e.value(f"shufflevector {kind} {a}, {kind} {b}, <{len(order)} x i32> <{lanes}>")


def _reduce(e: Emitter, op: Operation) -> None:
    """Each row in the tree of ``loop.reduce``; from the width of a part on, the halves of two rows share a vector.

    So n rows take about 3n instructions, where one after the other takes 3n log2(lanes).
    """
    assert isinstance(op, Reduce)
    source, floats, reduction = op.source.type, op.source.type.scalar.is_float, op.kind.value
    rows, widths = _rows(e, list(e.parts[op.source]), rows_of(source)), part_widths(source, e.target)
    lanes, scalar = widths[0], llvm_type(source.scalar)
    if columns_of(source) == 1:
        _numbers_to_row(e, op, [row[0] for row in rows])
        return
    kind, vectors = f"<{lanes} x {scalar}>", []
    for row in rows:
        while len(row) > 1:
            half = len(row) // 2
            row = [combine(e, reduction, kind, [a, b], floats) for a, b in zip(row[:half], row[half:], strict=True)]
        vectors.append(row[0])
    size = lanes  # of the groups in each vector, one for each row
    while size > 1:
        low = [lane for lane in range(2 * lanes) if lane % size < size // 2]
        high = [lane + size // 2 for lane in low]
        pairs = [(vectors[n], vectors[n + 1] if n + 1 < len(vectors) else "poison") for n in range(0, len(vectors), 2)]
        halves = [[_shuffle(e, kind, a, b, order) for order in (low, high)] for a, b in pairs]
        vectors = [combine(e, reduction, kind, pair, floats) for pair in halves]
        size //= 2
    totals, names, first = parts_of(op.total.type, e.target), [], 0
    for total in totals:
        width = lanes_of(total)
        if width is None:
            names.append(e.value(f"extractelement {kind} {vectors[0]}, i64 0"))
        elif first % lanes + width <= lanes:
            order = [first % lanes + lane for lane in range(width)]
            names.append(_shuffle(e, kind, vectors[first // lanes], "poison", order))
        else:
            pieces = [divmod(first + lane, lanes) for lane in range(width)]
            numbers = [e.value(f"extractelement {kind} {vectors[v]}, i64 {lane}") for v, lane in pieces]
            names.append(_gathered(e, total, numbers))
        first += width or 1
    e.parts[op.total] = names


def _numbers_to_row(e: Emitter, op: Reduce, numbers: list[str]) -> None:
    names, first = [], 0
    for total in parts_of(op.total.type, e.target):
        width = lanes_of(total)
        names.append(numbers[first] if width is None else _gathered(e, total, numbers[first : first + width]))
        first += width or 1
    e.parts[op.total] = names


def _gathered(e: Emitter, kind: Type, numbers: list[str]) -> str:
    """A vector of these numbers."""
    whole = "poison"
    for lane, number in enumerate(numbers):
        scalar = llvm_type(kind.element)
        whole = e.value(f"insertelement {llvm_type(kind)} {whole}, {scalar} {number}, i64 {lane}")
    return whole


RULES: dict[str, Rule] = {
    "loop.splat": _splat,
    "loop.mask": _mask,
    "loop.load_tile": _load,
    "loop.store_tile": _store,
    "loop.outer": _outer,
    "loop.transpose": _transpose,
    "loop.reduce": _reduce,
}
"""By name of the op, where it is on tiles."""
