"""Memory planning: every ``loop.alloc`` gets a place in one workspace, which the caller passes.

Two allocations share a place when one is dead before the other begins, and one is provably at least as large for all
sizes. Life ends with the last use, or, for uses inside a loop, with that loop. Places are multiples of 64 bytes
apart, so every vector access to them is aligned. Memory allocated in a loop is used anew in each turn. What a called
function needs is a part of the caller's workspace. ``irc.workspace_bytes`` is the size, a formula of the function's
symbols.

Before:

```mlir
func.func @f(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %zero = arith.constant 0 : index
  %a = loop.alloc : !loop.buffer<N x f32>
  %v = loop.load %x[%zero] : !loop.buffer<N x f32>
  loop.store %v, %a[%zero] : f32, !loop.buffer<N x f32>
  func.return
}
```

After:

```mlir
func.func @f(%N: index, %x: !loop.buffer<N x f32>,
             %workspace: !loop.buffer<64*((N + 15) floordiv 16) x i8> {irc.workspace})
    attributes {irc.symbols_args = ["N"], irc.workspace_bytes = "64*((N + 15) floordiv 16)"} {
  %at = loop.size "0" : index
  %zero = arith.constant 0 : index
  %a = loop.view %workspace[%at] : !loop.buffer<64*((N + 15) floordiv 16) x i8> to !loop.buffer<N x f32>
  %v = loop.load %x[%zero] : !loop.buffer<N x f32>
  loop.store %v, %a[%zero] : f32, !loop.buffer<N x f32>
  func.return
}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.dialects.loop import Alloc, BufferType, Part, Size, Span, View
from irc.interpreter import size_arguments
from irc.ir.attributes import StringAttr, python_value
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, at_least, ceildiv, parse_dimension, product, substitute
from irc.ir.operation import Operation, Value
from irc.ir.symbols import lookup
from irc.ir.types import FunctionType, i8
from irc.passes._sizes import size_of
from irc.passmanager import Pass, PassContext, Signature

ALIGNMENT = 64
WORKSPACE = "irc.workspace_bytes"


@dataclass(frozen=True)
class PlanMemory(Pass):
    """Give every allocation a place in one workspace."""

    name = "plan-memory"
    signature = Signature.EXTENDED

    def run(self, module: ModuleOp, context: PassContext) -> None:
        done: set[Operation] = set()

        def plan(function: FuncOp, active: tuple[Operation, ...]) -> None:
            """Callees first: callers provide what they need."""
            if function in done or function.is_declaration:
                return
            if function in active:
                fail(f"@{function.symbol} calls itself, so its workspace has no size", function.location)
            for op in list(function.walk()):
                callee = lookup(op, op.callee.value) if isinstance(op, CallOp) else None
                if isinstance(callee, FuncOp):
                    assert isinstance(op, CallOp)
                    plan(callee, (*active, function))
                    if WORKSPACE in callee.attributes and len(op.operands) < len(callee.type.inputs):
                        _provide(op, callee)
            if WORKSPACE not in function.attributes:
                _plan(function, context)
            done.add(function)

        for op in module.functions:
            if isinstance(op, FuncOp):
                plan(op, ())


def _provide(call: CallOp, callee: FuncOp) -> None:
    """Allocate a callee's workspace before the call: its formula in the caller's sizes."""
    names = size_arguments(callee)
    sizes = {name: _size_of(value, call) for name, value in zip(names, call.operands, strict=False)}
    needed = substitute(parse_dimension(python_value(callee.attributes[WORKSPACE])), sizes)
    wanted = callee.type.inputs[-1]
    if BufferType((needed,), i8) is not wanted:
        # The callee's type names its own symbols, so the call cannot be typed in the caller's.
        fail(
            f"@{callee.symbol} needs a workspace of {needed} bytes here, but its type says {wanted}; "
            "inline it or specialize its sizes",
            call.location,
        )
    room = Builder.before(call).value(Alloc, result_types=[wanted])
    call.operands = (*call.operands, room)


def _size_of(value: Value, call: CallOp) -> Dimension:
    """An index value as a formula of the caller's symbols."""
    size = size_of(value, call)
    if size is None:
        fail("the size passed to this call is not a formula of the function's sizes", call.location)
    return size


@dataclass
class _Slot:
    """A place in the workspace, and the position at which its last user dies."""

    size: Dimension
    free_from: int
    users: list[Alloc] = field(default_factory=list)


def _plan(function: FuncOp, context: PassContext) -> None:
    """Share slots between allocations whose lives do not overlap, then lay the slots out one after the other."""
    spans = _positions(function)
    slots: list[_Slot] = []
    requested: Dimension = 0
    allocs = [op for op in function.walk() if isinstance(op, Alloc)]
    for op in allocs:
        size = _place_size(op.buffer.type)
        requested = requested + size
        begin, end = spans[op][0], _last_use(op, spans)
        slot = _best(slots, size, begin)
        if slot is None:
            slot = _Slot(size, 0)
            slots.append(slot)
        elif not at_least(slot.size, size):
            slot.size = size
        slot.free_from = end
        slot.users.append(op)
    if not slots:
        return
    total: Dimension = 0
    for slot in slots:
        total = total + slot.size
    arena = BufferType((total,), i8)
    attributes = [function.arg_attributes(number) for number in range(len(function.arguments))]
    workspace = function.entry.add_argument(arena, function.location, "workspace")
    function.attributes["function_type"] = FunctionType((*function.type.inputs, arena), function.type.results)
    function.set_arg_attributes([*attributes, {"irc.workspace": None}])
    offset: Dimension = 0
    top = Builder(function.entry, function.entry.first, function.location)
    places = []  # all of them first: what stands at the top may be an allocation
    for slot in slots:
        places.append(top.value(Size, dimension=str(offset)))
        places[-1].name_hint = "at"
        offset = offset + slot.size
    for slot, at in zip(slots, places, strict=True):
        for op in slot.users:
            view = Builder.before(op).value(View, workspace, at, result_types=[op.buffer.type])
            view.name_hint = op.buffer.name_hint
            op.replace_by([view])
    function.attributes[WORKSPACE] = StringAttr(str(total))
    context.count("allocations", len(allocs))
    context.count("places", len(slots))
    context.statistics[f"@{function.symbol} bytes"] = str(total)
    context.statistics[f"@{function.symbol} bytes without sharing"] = str(requested)


def _place_size(type: BufferType) -> Dimension:
    """A buffer's bytes, rounded up to the alignment. Counted in elements where these divide it: a simpler formula."""
    if ALIGNMENT % type.element_bytes == 0:
        return ALIGNMENT * ceildiv(product(type.shape), ALIGNMENT // type.element_bytes)
    return ALIGNMENT * ceildiv(type.bytes, ALIGNMENT)


def _best(slots: list[_Slot], size: Dimension, begin: int) -> _Slot | None:
    """A free slot of comparable size: one that is large enough, else one that may grow."""
    free = [s for s in slots if s.free_from < begin]
    large = [s for s in free if at_least(s.size, size)]
    small = [s for s in free if at_least(size, s.size)]
    exact = [s for s in large if s.size == size]
    return next(iter(exact or large or small), None)


def _positions(function: FuncOp) -> dict[Operation, tuple[int, int]]:
    """For each op, where it begins and where it ends, counted in text order."""
    spans: dict[Operation, tuple[int, int]] = {}
    count = 0

    def visit(ops: Iterator[Operation]) -> None:
        nonlocal count
        for op in ops:
            count += 1
            begin = count
            for region in op.regions:
                for block in region.blocks:
                    visit(iter(block))
            count += 1
            spans[op] = (begin, count)

    visit(iter(function.entry))
    return spans


def _last_use(op: Alloc, spans: dict[Operation, tuple[int, int]]) -> int:
    """Where the last op of the allocation's own block ends that uses it or a part of it, itself or inside."""
    last = spans[op][1]
    for user in _users(op.buffer):
        while user.parent is not op.parent:
            parent = user.parent_op
            assert parent is not None
            user = parent
        last = max(last, spans[user][1])
    return last


def _users(buffer: Value) -> Iterator[Operation]:
    """The ops that use a buffer, or a part or span of it."""
    for user in buffer.users:
        yield user
        if isinstance(user, (Part, Span)):
            yield from _users(user.results[0])
