"""Equal kernels are emitted once: a loop nest that a function has several times becomes a function, and calls of it.

A kernel is a loop of a function's own block, with all in it. Two are equal if they are the same ops in the same order,
with the same types and attributes, and each operand stands for the same: for the same op or argument inside; outside
for an equal constant, for the same formula of sizes, or for any other value of the same type. Names and places do not
count. These other values, buffers mostly, are the arguments of the new function, in the order of their first use,
behind the sizes that it needs. A constant that is only added to indices, such as where in the vector of the parameters
a layer begins, may differ, and is an argument then; one that says how often a loop turns, or what is computed, may not.

Only where it pays: a kernel of fewer than ``min`` ops stays as it is, and so does one that a function has once. Equal
ones of other functions join those that a function has several times. What cannot be a function stays too: loops with
results, with values of registers from outside, or which reach memory that they write by two values, as native code
counts on different arguments to be different memory.

Before:

```mlir
func.func @f(%B: index, %x: !loop.buffer<B x f32>, %w: !loop.buffer<16 x f32>, %a: !loop.buffer<B x f32>,
             %y: !loop.buffer<B x f32>) attributes {irc.symbols_args = ["B"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c12 = arith.constant 12 : index
  loop.for %i = %c0 to %B step %c1 parallel {
    %0 = loop.load %x[%i] : !loop.buffer<B x f32>
    %1 = arith.addi %i, %c8 : index
    %2 = loop.load %w[%1] : !loop.buffer<16 x f32>
    %3 = arith.addf %0, %2 : f32
    %4 = math.tanh %3 : f32
    loop.store %4, %a[%i] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  loop.for %i = %c0 to %B step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<B x f32>
    %1 = arith.addi %i, %c12 : index
    %2 = loop.load %w[%1] : !loop.buffer<16 x f32>
    %3 = arith.addf %0, %2 : f32
    %4 = math.tanh %3 : f32
    loop.store %4, %y[%i] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  func.return
}
```

After:

```mlir
func.func @f(
    %B: index,
    %x: !loop.buffer<B x f32>,
    %w: !loop.buffer<16 x f32>,
    %a: !loop.buffer<B x f32>,
    %y: !loop.buffer<B x f32>) attributes {irc.symbols_args = ["B"]} {
  %c8 = arith.constant 8 : index
  %c12 = arith.constant 12 : index
  func.call @f_kernel(%B, %x, %c8, %w, %a)
    : (index, !loop.buffer<B x f32>, index, !loop.buffer<16 x f32>, !loop.buffer<B x f32>) -> ()
  func.call @f_kernel(%B, %a, %c12, %w, %y)
    : (index, !loop.buffer<B x f32>, index, !loop.buffer<16 x f32>, !loop.buffer<B x f32>) -> ()
  func.return
}
func.func private @f_kernel(
    %B: index,
    %x: !loop.buffer<B x f32>,
    %offset: index,
    %w: !loop.buffer<16 x f32>,
    %a: !loop.buffer<B x f32>) attributes {irc.symbols_args = ["B"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %B step %c1 parallel {
    %0 = loop.load %x[%i] : !loop.buffer<B x f32>
    %1 = arith.addi %i, %offset : index
    %2 = loop.load %w[%1] : !loop.buffer<16 x f32>
    %3 = arith.addf %0, %2 : f32
    %4 = math.tanh %3 : f32
    loop.store %4, %a[%i] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  func.return
}
```
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import ClassVar

from irc.dialects.arith import AddI, Constant
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import constant_of
from irc.dialects.func import CallOp, FuncOp, ReturnOp
from irc.dialects.loop import BufferType, For, Size, memory_of
from irc.interpreter import bound_symbols, size_arguments
from irc.ir.attributes import Attribute, SymbolRefAttr
from irc.ir.builder import Builder
from irc.ir.dimensions import Dimension, parse_dimension, symbol, symbols_of
from irc.ir.operation import Operation, Value
from irc.ir.symbols import unique_name
from irc.ir.traits import PURE, READS, WRITES, has
from irc.ir.types import ScalarType, Type, index
from irc.passes._sizes import size_of
from irc.passmanager import Pass, PassContext, Signature


@dataclass(frozen=True)
class MergeKernels(Pass):
    """Make a function of a kernel that a function has several times, and call it. ``min``: ops that it must have."""

    name = "merge-kernels"
    signature: ClassVar[Signature] = Signature.EXTENDED
    min: int = 8

    def run(self, module: ModuleOp, context: PassContext) -> None:
        groups: dict[tuple, list[_Kernel]] = {}
        for function in module.functions:
            if not isinstance(function, FuncOp) or function.is_declaration:
                continue
            for op in function.entry:
                if isinstance(op, For) and not op.results and op.work is None:
                    kernel = _Kernel(function, op)
                    if len(kernel.ops) >= self.min and kernel.can_be_called():
                        groups.setdefault(kernel.key, []).append(kernel)
        for kernels in groups.values():
            if max(Counter(kernel.function for kernel in kernels).values()) > 1:
                _merge(module, kernels)
                context.count("functions made")
                context.count("kernels merged", len(kernels))


class _Kernel:
    """A loop of a function's block. ``outside``: what it uses from there, in the order of first use: a constant by its
    attribute (None if it may differ), a formula of sizes, or another value by its type. ``symbols``: the sizes that it
    needs. ``key``: equal for equal kernels.
    """

    def __init__(self, function: FuncOp, loop: For):
        self.function = function
        self.loop = loop
        self.ops = set(loop.walk())
        self.outside: dict[Value, Attribute | Dimension | Type | None] = {}
        self._numbers: dict[Value, tuple[bool, int]] = {}
        self._names: set[str] = set()
        shape: list[object] = []
        self._describe(loop, shape)
        known = bound_symbols(function)
        self.symbols = [name for name in size_arguments(function) if name in self._names]
        sizes = tuple((name, known.get(name)) for name in self.symbols)
        self.key = (tuple(shape), tuple(self.outside.values()), sizes)

    def _describe(self, op: Operation, shape: list[object]) -> None:
        """Append what an op is, with all in it, to ``shape``."""
        operands = tuple(map(self._reference, op.operands))
        attributes = tuple(sorted(op.spec.without_defaults(op.attributes).items()))
        shape.append((type(op), operands, attributes, self._define(op.results)))
        if isinstance(op, Size):
            self._names |= symbols_of(parse_dimension(op.dimension.value))
        for region in op.regions:
            for block in region.blocks:
                shape.append(self._define(block.arguments))
                for inner in block:
                    self._describe(inner, shape)
            shape.append(None)

    def _define(self, values: Sequence[Value]) -> tuple[Type, ...]:
        for value in values:
            self._numbers[value] = (True, len(self._numbers))
            self._need(value.type)
        return tuple(value.type for value in values)

    def _need(self, type: Type) -> None:
        if isinstance(type, BufferType):
            self._names.update(*map(symbols_of, type.shape))

    def _reference(self, value: Value) -> tuple[bool, int]:
        """Whether a value is defined inside, and its number by that, or by its first use."""
        if value not in self._numbers:
            self._numbers[value] = (False, len(self._numbers))
            self.outside[value] = self._stand_in(value)
        return self._numbers[value]

    def _stand_in(self, value: Value) -> Attribute | Dimension | Type | None:
        constant = constant_of(value)
        if constant is not None:
            return None if self._is_offset(value) else constant
        size = size_of(value, self.loop) if value.type is index else None
        if size is not None:
            self._names |= symbols_of(size)
            return size
        self._need(value.type)
        return value.type

    def _is_offset(self, value: Value) -> bool:
        """Whether a constant is only added to other indices."""
        return value.type is index and all(isinstance(op, AddI) for op in value.users if op in self.ops)

    def can_be_called(self) -> bool:
        """Whether native functions can be given all that it needs, and what it writes by one value only."""
        given = [value for value, stand_in in self.outside.items() if isinstance(stand_in, Type)]
        if not all(isinstance(value.type, (BufferType, ScalarType)) for value in given):
            return False
        memory = Counter(memory_of(value) for value in given if isinstance(value.type, BufferType))
        twice = {buffer for buffer, count in memory.items() if count > 1}
        return not any(twice.intersection(map(memory_of, op.operands)) for op in self.ops if _may_write(op))


def _may_write(op: Operation) -> bool:
    """Whether an op may write to the buffers that it is given."""
    return not op.regions and not has(op, PURE) and (has(op, WRITES) or not has(op, READS))


def _merge(module: ModuleOp, kernels: Sequence[_Kernel]) -> None:
    """Make a function of equal kernels, and call it in place of each."""
    first = kernels[0]
    rows = [list(kernel.outside) for kernel in kernels]
    differs = [len(set(map(constant_of, column))) > 1 for column in zip(*rows, strict=True)]
    stand_ins = zip(first.outside.values(), differs, strict=True)
    is_given = [isinstance(s, Type) or (s is None and is_different) for s, is_different in stand_ins]
    callee = _function(module, first, [*compress(rows[0], is_given)])
    for kernel, row in zip(kernels, rows, strict=True):
        sizes = dict(zip(size_arguments(kernel.function), kernel.function.arguments, strict=False))
        operands = [*(sizes[name] for name in kernel.symbols), *compress(row, is_given)]
        Builder.before(kernel.loop).create(CallOp, operands, callee=SymbolRefAttr(callee.symbol), result_types=[])
        kernel.loop.erase()
        for value in row:
            op = value.defining_op()
            if op is not None and has(op, PURE) and not any(result.uses for result in op.results):
                op.erase()


def _function(module: ModuleOp, kernel: _Kernel, given: Sequence[Value]) -> FuncOp:
    """The function of a kernel. Its arguments are the sizes that it needs, and what is ``given``; constants and other
    sizes are made inside.
    """
    known = {name: size for name, size in bound_symbols(kernel.function).items() if name in kernel.symbols}
    function = FuncOp.of(
        unique_name(module, f"{kernel.function.symbol}_kernel"),
        [*(index for _ in kernel.symbols), *(value.type for value in given)],
        [],
        private=True,
        attributes={"irc.symbols_args": kernel.symbols, **({"irc.symbols": known} if known else {})},
        location=kernel.loop.location,
    )
    Builder.at_end(module.regions[0].block).insert(function)
    names = [*kernel.symbols, *("offset" if constant_of(value) is not None else value.name_hint for value in given)]
    for argument, name in zip(function.arguments, names, strict=True):
        argument.name_hint = name
    sizes: dict[object, Value] = dict(zip(map(symbol, kernel.symbols), function.arguments, strict=False))
    mapping: dict[Value, Value] = dict(zip(given, function.arguments[len(sizes) :], strict=True))
    builder = Builder.at_end(function.entry, kernel.loop.location)
    for value, stand_in in kernel.outside.items():
        if value not in mapping:
            mapping[value] = sizes.get(stand_in) or _made_inside(builder, value, stand_in)
    builder.insert(kernel.loop.clone(mapping))
    builder.create(ReturnOp, [])
    return function


def _made_inside(builder: Builder, value: Value, stand_in: object) -> Value:
    """A constant, or a formula of sizes, once more."""
    constant = constant_of(value)
    if constant is not None:
        made = builder.value(Constant, value=constant)
    else:
        made = builder.value(Size, dimension=str(stand_in))
    made.name_hint = value.name_hint
    return made
