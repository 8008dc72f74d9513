"""The rules for memory and vectors: addresses, contiguous, strided and masked accesses, reductions in a fixed tree.

Lanes that run along a dimension whose stride is one are one vector access; other strides gather and scatter.
"""

from __future__ import annotations

from irc.backend.emitter import Emitter, llvm_type, mangled, stored_type
from irc.dialects.loop.memory import Accumulate, Load, Store, View
from irc.dialects.loop.tile import LoadTile, StoreTile
from irc.dialects.loop.types import ROW_MAJOR, BufferType, lanes_of
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, parse_dimension, product
from irc.ir.operation import Operation, Value
from irc.ir.types import Type, VectorType

_COMBINE = {"sum": "fadd contract", "product": "fmul contract"}
_COMBINE_INTEGERS = {"sum": "add", "product": "mul"}
_ALL = "splat (i1 true)"
_EXTREMES = {"max": ("maximum", "smax"), "min": ("minimum", "smin")}

Access = Load | Store | Accumulate | LoadTile | StoreTile
"""The ops that name a place in a buffer: ``buffer``, ``indices``, and perhaps a ``mask``."""


def strides(type: BufferType) -> list[Dimension]:
    """How many elements apart neighbours in each dimension are, for row-major order."""
    return [product(type.shape[d + 1 :]) for d in range(type.rank)]


def emit_alloc(e: Emitter, op: Operation) -> None:
    """No rule: memory is planned before code is made."""
    fail("loop.alloc has no place in memory yet: run plan-memory first", op.location)


def emit_view(e: Emitter, op: Operation) -> None:
    """A pointer into the arena."""
    arena, offset = op.operands
    e.define(op, f"getelementptr inbounds i8, ptr {e.names[arena]}, i64 {e.names[offset]}")


def emit_part(e: Emitter, op: Operation) -> None:
    """A pointer to where the part begins."""
    whole, place = op.operands
    assert isinstance(whole.type, BufferType)
    if whole.type.layout != ROW_MAJOR:
        fail(f"{op.name}: native code for the layout '{whole.type.layout}' is not supported", op.location)
    at = e.value(f"mul nsw i64 {e.names[place]}, {e.size(strides(whole.type)[0], op)}")
    e.define(op, f"getelementptr inbounds {stored_type(whole.type.element)}, ptr {e.names[whole]}, i64 {at}")


def emit_span(e: Emitter, op: Operation) -> None:
    """A pointer to where the span begins."""
    whole, start = op.operands
    element = stored_type(whole.type.element)
    e.define(op, f"getelementptr inbounds {element}, ptr {e.names[whole]}, i64 {e.names[start]}")


def emit_size(e: Emitter, op: Operation) -> None:
    """A formula, computed once in the entry block."""
    e.names[op.results[0]] = e.size(parse_dimension(op.attributes["dimension"].value), op)  # type: ignore[attr-defined]


def address(e: Emitter, op: Access) -> str:
    """A pointer to the place that an access names."""
    type = op.buffer.type
    if type.layout != ROW_MAJOR:
        fail(f"{op.name}: native code for the layout '{type.layout}' is not supported", op.location)
    total = "0"
    for position, stride in zip(op.indices, strides(type), strict=True):
        at = e.names[position]
        if at == "0":
            continue
        width = e.size(stride, op)
        part = at if width == "1" else e.value(f"mul nsw i64 {at}, {width}")
        total = part if total == "0" else e.value(f"add nsw i64 {total}, {part}")
    base = e.names[op.buffer]
    if total == "0":
        return base
    return e.value(f"getelementptr{inbounds(op)} {stored_type(type.element)}, ptr {base}, i64 {total}")


def inbounds(op: Access) -> str:
    """A masked access may begin outside of the memory, if that lane is masked off."""
    return "" if op.mask else " inbounds"


def stride_along(e: Emitter, op: Access, dimension: int) -> str:
    """How many elements apart neighbours in a dimension are, as an operand."""
    return e.size(strides(op.buffer.type)[dimension], op)


def _lane_addresses(e: Emitter, op: Access, address: str, lanes: int, stride: str) -> str:
    """A vector of pointers, one per lane; the offsets are computed once per function."""
    offsets = e.once(f"mul nsw <{lanes} x i64> {_lane_numbers(lanes)}, {_entry_splat(e, stride, lanes)}")
    element = stored_type(op.buffer.type.element)
    return e.value(f"getelementptr{inbounds(op)} {element}, ptr {address}, <{lanes} x i64> {offsets}")


def _entry_splat(e: Emitter, scalar: str, lanes: int) -> str:
    if not scalar.startswith("%"):
        return f"splat (i64 {scalar})"
    first = e.once(f"insertelement <{lanes} x i64> poison, i64 {scalar}, i64 0")
    return e.once(f"shufflevector <{lanes} x i64> {first}, <{lanes} x i64> poison, <{lanes} x i32> zeroinitializer")


def _alignment(op: Load | Store | Accumulate) -> int:
    """What is known of an element's address: places are planned by us, other memory is aligned as NumPy does."""
    type = op.buffer.type
    if not isinstance(op.buffer.defining_op(), View) or op.lanes is not None:
        return type.scalar.bytes
    return min(64, type.element_bytes & -type.element_bytes)


def _to_memory(e: Emitter, value: str, type: Type) -> str:
    """Truth values take a byte each in memory."""
    stored = stored_type(type)
    return value if stored == llvm_type(type) else e.value(f"zext {llvm_type(type)} {value} to {stored}")


def _from_memory(e: Emitter, value: str, type: Type) -> str:
    stored = stored_type(type)
    return value if stored == llvm_type(type) else e.value(f"trunc {stored} {value} to {llvm_type(type)}")


def read(e: Emitter, address: str, type: Type, align: int) -> str:
    """What lies at ``address``, as a value of ``type``."""
    return _from_memory(e, e.value(f"load {stored_type(type)}, ptr {address}, align {align}"), type)


def write(e: Emitter, address: str, value: str, type: Type, align: int) -> None:
    """Put a value of ``type`` at ``address``."""
    e.line(f"store {stored_type(type)} {_to_memory(e, value, type)}, ptr {address}, align {align}")


def read_lanes(e: Emitter, op: Access, address: str, type: Type, stride: str, mask: str | None) -> str:
    """One element for each lane of ``type``, ``stride`` apart; masked ones are zero. ``mask``: None for none."""
    lanes, stored, align = lanes_of(type), stored_type(type), op.buffer.type.scalar.bytes
    assert lanes is not None
    if stride == "1" and mask is None:
        return read(e, address, type, align)
    if stride == "1":
        name, place = f"masked.load.{mangled(stored)}.p0", f"ptr align {align} {address}"
    else:
        pointers = _lane_addresses(e, op, address, lanes, stride)
        name, place = f"masked.gather.{mangled(stored)}.v{lanes}p0", f"<{lanes} x ptr> align {align} {pointers}"
    kind = place[: place.index(" align")]
    e.declarations.add(f"declare {stored} @llvm.{name}({kind}, <{lanes} x i1>, {stored})")
    held = f"<{lanes} x i1> {_ALL if mask is None else mask}"
    found = e.value(f"call {stored} @llvm.{name}({place}, {held}, {stored} zeroinitializer)")
    return _from_memory(e, found, type)


def write_lanes(e: Emitter, op: Access, address: str, value: str, type: Type, stride: str, mask: str | None) -> None:
    """Put one element for each lane that is not masked off, ``stride`` apart."""
    lanes, stored, align = lanes_of(type), stored_type(type), op.buffer.type.scalar.bytes
    assert lanes is not None
    if stride == "1" and mask is None:
        write(e, address, value, type, align)
        return
    value = _to_memory(e, value, type)
    if stride == "1":
        name, place = f"masked.store.{mangled(stored)}.p0", f"ptr align {align} {address}"
    else:
        pointers = _lane_addresses(e, op, address, lanes, stride)
        name, place = f"masked.scatter.{mangled(stored)}.v{lanes}p0", f"<{lanes} x ptr> align {align} {pointers}"
    kind = place[: place.index(" align")]
    e.declarations.add(f"declare void @llvm.{name}({stored}, {kind}, <{lanes} x i1>)")
    held = f"<{lanes} x i1> {_ALL if mask is None else mask}"
    e.line(f"call void @llvm.{name}({stored} {value}, {place}, {held})")


def _read(e: Emitter, op: Load | Accumulate, address: str, type: Type) -> str:
    """The elements at ``address`` as a value of ``type``; with lanes, one per lane, masked ones zero."""
    if op.lanes is None:
        return read(e, address, type, _alignment(op))
    return read_lanes(e, op, address, type, stride_along(e, op, op.lanes.value), _mask(e, op))


def _write(e: Emitter, op: Store | Accumulate, address: str, value: str, type: Type) -> None:
    """Put a value of ``type`` at ``address``; with lanes, one element per lane that is not masked off."""
    if op.lanes is None:
        write(e, address, value, type, _alignment(op))
    else:
        write_lanes(e, op, address, value, type, stride_along(e, op, op.lanes.value), _mask(e, op))


def _mask(e: Emitter, op: Load | Store | Accumulate) -> str | None:
    return e.names[op.mask[0]] if op.mask else None


def emit_load(e: Emitter, op: Operation) -> None:
    """An element or one per lane."""
    assert isinstance(op, Load)
    e.names[op.value] = _read(e, op, address(e, op), op.value.type)


def emit_store(e: Emitter, op: Operation) -> None:
    """An element or one per lane. A masked whole vector keeps what is there in the masked lanes."""
    assert isinstance(op, Store)
    place, value = address(e, op), e.names[op.value]
    if op.mask and op.lanes is None:
        kind = llvm_type(op.value.type)
        old = read(e, place, op.buffer.type.element, _alignment(op))
        value = e.value(f"select {e.typed(op.mask[0])}, {kind} {value}, {kind} {old}")
    _write(e, op, place, value, op.value.type)


def emit_accumulate(e: Emitter, op: Operation) -> None:
    """Read, add, write."""
    assert isinstance(op, Accumulate)
    place, value, type = address(e, op), e.names[op.value], op.value.type
    if op.mask and op.lanes is None:
        kind = llvm_type(type)
        value = e.value(f"select {e.typed(op.mask[0])}, {kind} {value}, {kind} zeroinitializer")
    if op.reduces:
        value, type = tree(e, value, type, "sum"), type.element
        old = read(e, place, type, _alignment(op))
    else:
        old = _read(e, op, place, type)
    add = "fadd contract" if type.element.is_float else "add"
    _write(e, op, place, e.value(f"{add} {llvm_type(type)} {old}, {value}"), type)


def tree(e: Emitter, value: str, type: Type, kind: str) -> str:
    """All lanes combined, upper half with lower half until one is left: the order of ``loop.reduce``."""
    assert isinstance(type, VectorType)
    lanes, scalar = lanes_of(type), llvm_type(type.scalar)
    assert lanes is not None
    while lanes > 1:
        whole, lanes = f"<{lanes} x {scalar}>", lanes // 2
        halves = []
        for start in (0, lanes):
            order = ", ".join(f"i32 {start + lane}" for lane in range(lanes))
            halves.append(e.value(f"shufflevector {whole} {value}, {whole} poison, <{lanes} x i32> <{order}>"))
        value = combine(e, kind, f"<{lanes} x {scalar}>", halves, type.scalar.is_float)
    return e.value(f"extractelement <1 x {scalar}> {value}, i64 0")


def combine(e: Emitter, kind: str, type: str, values: list[str], floats: bool) -> str:
    """Two vectors, lane by lane, by the op of a kind of reduction."""
    if kind in _EXTREMES:
        name = _EXTREMES[kind][0 if floats else 1]
        return e.value(e.intrinsic(name, type, [(type, v) for v in values]))
    instruction = (_COMBINE if floats else _COMBINE_INTEGERS)[kind]
    return e.value(f"{instruction} {type} {values[0]}, {values[1]}")


def emit_reduce(e: Emitter, op: Operation) -> None:
    """All lanes to one number."""
    source = op.operands[0]
    kind = op.attributes["kind"].value  # type: ignore[attr-defined]
    e.names[op.result] = tree(e, e.names[source], source.type, kind)


def splat(e: Emitter, value: str, scalar: Type, lanes: int) -> str:
    """A number in all lanes, as an operand."""
    kind = llvm_type(scalar)
    if not value.startswith("%"):
        return f"splat ({kind} {value})"
    whole = f"<{lanes} x {kind}>"
    first = e.value(f"insertelement {whole} poison, {kind} {value}, i64 0")
    return e.value(f"shufflevector {whole} {first}, {whole} poison, <{lanes} x i32> zeroinitializer")


def emit_splat(e: Emitter, op: Operation) -> None:
    """A number in all lanes."""
    (source,) = op.operands
    e.names[op.result] = splat(e, e.names[source], source.type, _lanes(op.result))


def _lanes(value: Value) -> int:
    lanes = lanes_of(value.type)
    assert lanes is not None
    return lanes


def _lane_numbers(lanes: int) -> str:
    return "<" + ", ".join(f"i64 {lane}" for lane in range(lanes)) + ">"


def emit_mask(e: Emitter, op: Operation) -> None:
    """Lane numbers compared with the count."""
    lanes = _lanes(op.result)
    count = splat(e, e.names[op.operands[0]], op.operands[0].type, lanes)
    e.define(op, f"icmp slt <{lanes} x i64> {_lane_numbers(lanes)}, {count}")


def emit_lane_ids(e: Emitter, op: Operation) -> None:
    """A constant."""
    e.names[op.result] = _lane_numbers(_lanes(op.result))


RULES = {
    "loop.alloc": emit_alloc,
    "loop.view": emit_view,
    "loop.part": emit_part,
    "loop.span": emit_span,
    "loop.size": emit_size,
    "loop.load": emit_load,
    "loop.store": emit_store,
    "loop.accumulate": emit_accumulate,
    "loop.reduce": emit_reduce,
    "loop.splat": emit_splat,
    "loop.mask": emit_mask,
    "loop.lane_ids": emit_lane_ids,
}
"""By name of the op."""
