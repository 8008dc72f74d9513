"""Functions and calls: from values to buffers that the caller passes.

The arguments of a lowered function are the sizes it needs (one index per symbol, ``irc.symbols_args``), its arguments
as buffers (numbers stay numbers), data that the array-level body held as constants, and a buffer for each result
(``irc.output``), unless it takes that of an argument (``irc.donated``). It returns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from irc.backend.target import Target
from irc.dialects.func import CallOp, FuncOp, ReturnOp
from irc.dialects.loop import BufferType, Size, memory_of
from irc.ir.attributes import ArrayAttr, DenseAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.dimensions import symbol, symbols_of
from irc.ir.operation import Operation, Value
from irc.ir.symbols import is_private, references_in
from irc.ir.types import FunctionType, ShapedType, TensorType, Type, index
from irc.passes.lower_array.donation import computed_in_place, donated_arguments
from irc.passes.lower_array.lowering import Lowering, buffer_type, shape_of

SYMBOLS = "irc.symbols_args"


@dataclass
class Interface:
    """What a caller of a lowered function has to pass besides the arguments it knows: sizes, and constant data.

    ``donates``: some results take the memory of arguments.
    """

    symbols: list[str]
    constants: list[DenseAttr] = field(default_factory=list)
    donates: bool = False


def callees_first(functions: Iterable[FuncOp]) -> list[FuncOp]:
    """The functions in an order in which each comes after those it calls. Raises :class:`irc.Error` on recursion."""
    by_name = {function.symbol: function for function in functions}
    done: dict[str, FuncOp] = {}
    for name in by_name:
        path = [(name, iter(sorted(references_in(by_name[name]) & set(by_name))))] if name not in done else []
        while path:
            at, pending = path[-1]
            following = next((callee for callee in pending if callee not in done), None)
            if following is None:
                done[at] = by_name[at]
                path.pop()
            elif any(following == above for above, _ in path):
                fail(f"@{following} calls itself; array programs have no recursion", by_name[following].location)
            else:
                path.append((following, iter(sorted(references_in(by_name[following]) & set(by_name)))))
    return list(done.values())


def lower_function(
    function: FuncOp,
    interfaces: dict[str, Interface],
    lower_op: Callable[[Lowering, Operation], None],
    target: Target,
    prepared: bool = False,
) -> Interface:
    """Replace an array-level function by a loop-level one in its place.

    ``interfaces``: of the functions it calls. ``prepared``: no call changes the parameters.
    """
    if function.is_declaration or len(function.body.blocks) != 1:
        fail(f"@{function.symbol} must have a body of one block", function.location)
    donated = donated_arguments(function)
    interface = Interface(_symbols(function, interfaces), donates=bool(donated))
    inputs = [_lowered_type(t) for t in function.type.inputs]
    outputs = [_lowered_type(t, result=True) for t in function.type.results]
    new = FuncOp.of(
        function.symbol,
        [index] * len(interface.symbols) + inputs,
        [],
        attributes={k: v for k, v in function.attributes.items() if k not in FuncOp.spec.attributes},
        location=function.location,
    )
    if is_private(function):
        new.sym_visibility = function.sym_visibility
    new.attributes[SYMBOLS] = ArrayAttr(interface.symbols)
    block = new.entry
    names = _Names()
    lowering = Lowering(block, function.location, target)
    for name, argument in zip(interface.symbols, block.arguments, strict=False):
        argument.name_hint = names.unique(name)
        lowering.sizes[symbol(name)] = argument
    for argument, old in zip(block.arguments[len(interface.symbols) :], function.arguments, strict=True):
        argument.location = old.location  # type: ignore[misc]
        argument.name_hint = names.unique(old.name_hint or "arg")
        lowering[old] = argument
    attributes: list[dict[str, Any]] = [{} for _ in interface.symbols] + [
        dict(function.arg_attributes(i).entries) for i in range(len(inputs))
    ]

    if prepared:
        first = lowering.builder.create(Size, dimension="1")  # unused: what follows from parameters comes before it
        for argument in function.arguments:
            if function.arg_attr(argument.index, "irc.param") is not None:
                lowering.steady[lowering[argument]] = block, first
    returned = function.entry.terminator
    _constant_arguments(lowering, function, interface, interfaces, attributes, names)
    targets = []
    for number, (value, type) in enumerate(zip(returned.operands, outputs, strict=True)):
        if number in donated:
            targets.append(lowering[donated[number]])
            if computed_in_place(value, donated[number]):
                lowering.homes.setdefault(value, targets[-1])
                lowering.reused.add(value)
            continue
        place = block.add_argument(type, returned.location, names.unique(value.name_hint or "result"))
        attributes.append(dict(function.res_attributes(number).entries) | {"irc.output": number})
        targets.append(place)
        if value.defining_op() is not None and isinstance(value.type, TensorType):
            lowering.homes.setdefault(value, place)

    def lower(op: Operation) -> None:
        lowering.builder.location = op.location
        if isinstance(op, CallOp):
            _lower_call(lowering, op, interfaces[op.callee.value])
        else:
            lower_op(lowering, op)

    lowering.lower = lower
    for op in function.entry:
        if op is not returned:
            lower(op)
    lowering.builder.location = returned.location
    write_all(lowering, returned.operands, targets)
    lowering.builder.create(ReturnOp, [])
    lowering.finish()
    new.attributes["function_type"] = FunctionType([a.type for a in block.arguments], [])
    new.set_arg_attributes(attributes)
    Builder.before(function).insert(new)
    function.erase()
    return interface


class _Names:
    """Distinct names for arguments: callers of native code see them."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def unique(self, base: str) -> str:
        name, number = base, 0
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name


def _lowered_type(type: Type, result: bool = False) -> Type:
    if isinstance(type, TensorType):
        return buffer_type(type)
    return BufferType((), type) if result else type


def _symbols(function: FuncOp, interfaces: dict[str, Interface]) -> list[str]:
    """The symbols in the function's types, those of its arguments first, and of the functions it calls."""
    found: dict[str, None] = {}
    values = [*function.arguments, *(r for op in function.walk() if op is not function for r in op.results)]
    for value in values:
        if isinstance(value.type, ShapedType):
            for dim in shape_of(value):
                found.update(dict.fromkeys(sorted(symbols_of(dim))))
    for name in sorted(references_in(function) & set(interfaces)):
        found.update(dict.fromkeys(interfaces[name].symbols))
    return list(found)


# -- constant data -----------------------------------------------------------------------------------------------

DIRECT = 16
"""Constant arrays up to this many elements are written element by element; longer ones become bound arguments."""


def lower_constant(lowering: Lowering, op: Operation) -> None:
    """A constant array of unequal elements: small ones are stored, large ones are an argument already."""
    data = op.attributes["value"]
    if op.results[0] in lowering.values:
        return
    assert isinstance(data, DenseAttr)
    buffer = lowering.buffer(op.results[0])
    for position, value in _elements(data):
        number = lowering.constant(value, data.type.element)
        lowering.store(number, buffer, [lowering.index(i) for i in position])


def _elements(data: DenseAttr) -> Iterator[tuple[tuple[int, ...], float]]:
    for position in np.ndindex(data.array.shape):
        yield position, data.type.element.from_storage(data.array[position])


def is_data(op: Operation) -> bool:
    """Whether the op is a constant array whose elements differ."""
    value = op.attributes.get("value")
    return bool(op.results) and isinstance(value, DenseAttr) and not value.is_splat()


def _constant_arguments(
    lowering: Lowering,
    function: FuncOp,
    interface: Interface,
    interfaces: dict[str, Interface],
    attributes: list[dict[str, Any]],
    names: _Names,
) -> None:
    """Bound arguments for the large constants of this function, and of those it calls."""
    for op in function.walk():
        wanted: list[DenseAttr] = []
        data = op.attributes.get("value")
        if is_data(op) and isinstance(data, DenseAttr) and data.array.size > DIRECT:
            wanted = [data]
        elif isinstance(op, CallOp):
            wanted = interfaces[op.callee.value].constants
        for data in wanted:
            if data not in interface.constants:
                interface.constants.append(data)
                argument = lowering.block.add_argument(buffer_type(data.type), op.location, names.unique("data"))
                attributes.append({"irc.data": data})
                lowering.data[data] = argument
        if is_data(op) and wanted:
            lowering.values[op.results[0]] = lowering.data[wanted[0]]


# -- calls and returns -------------------------------------------------------------------------------------------


def _lower_call(lowering: Lowering, op: CallOp, interface: Interface) -> None:
    if interface.donates:
        fail(f"{op.callee} overwrites arguments (irc.donated), so only native code may call it", op.location)
    sizes = [lowering.size(symbol(name)) for name in interface.symbols]
    data = [lowering.data[constant] for constant in interface.constants]
    arguments = [lowering[value] for value in op.operands]
    targets: list[Value] = []
    for result in op.results:
        if isinstance(result.type, TensorType):
            targets.append(lowering.buffer(result))
        else:
            targets.append(lowering.alloc(BufferType((), result.type)))
    lowering.builder.create(CallOp, [*sizes, *arguments, *data, *targets], result_types=[], callee=op.callee)
    for result, target in zip(op.results, targets, strict=True):
        if not isinstance(result.type, TensorType):
            lowering[result] = lowering.load(target)


def write_all(lowering: Lowering, values: Sequence[Value], targets: Sequence[Value]) -> None:
    """Values to the memory where they are wanted, all at once. Those that are not computed in their place already
    (arguments, numbers, the same value twice) are copied there; arguments that another result is about to overwrite are
    put aside before."""
    overwritten = {target for value, target in zip(values, targets, strict=True) if lowering[value] is not target}
    aside: dict[Value, Value] = {}
    for value, target in zip(values, targets, strict=True):
        held = lowering[value]
        if memory_of(held) in overwritten and held is not target and held not in aside:
            aside[held] = lowering.alloc(held.type)  # type: ignore[arg-type]
            lowering.copy(held, aside[held])
    for value, target in zip(values, targets, strict=True):
        held = lowering[value] if lowering[value] is target else aside.get(lowering[value], lowering[value])
        if not isinstance(value.type, TensorType):
            lowering.store(held, target)
        elif held is not target:
            lowering.copy(held, target)
