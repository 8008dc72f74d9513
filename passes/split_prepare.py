"""Cuts what follows from the parameters alone out of a function, to be computed once for many calls.

``@f`` stays. ``@f_prepare(parameters) -> arrays`` computes what depends on parameters and constants only, such as
weights packed for a matrix product; ``@f_prepared`` is the rest of ``@f``, with these arrays as arguments bound to data
(zeros, until someone binds what ``@f_prepare`` gave). A function from whose parameters nothing follows is left alone.

The pass works on loops. What is cut out are whole buffers: those that are written by ops that read parameters,
constants and other such buffers, and nothing else. With ``lower-array{prepared=true}`` there are more of them, as
products then pack their weights before everything else.

Before:

```mlir
func.func @f(%x: !loop.buffer<4 x f32>, %w: !loop.buffer<4 x f32> {irc.param = "w"}, %y: !loop.buffer<4 x f32>
    {irc.output = 0 : i64}) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %e = loop.alloc : !loop.buffer<4 x f32>
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %1 = loop.load %w[%i] : !loop.buffer<4 x f32>
    %2 = math.exp %1 : f32
    loop.store %2, %e[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %1 = loop.load %x[%i] : !loop.buffer<4 x f32>
    %2 = loop.load %e[%i] : !loop.buffer<4 x f32>
    %3 = arith.mulf %1, %2 : f32
    loop.store %3, %y[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}
```

After:

```mlir
func.func @f(
    %x: !loop.buffer<4 x f32>,
    %w: !loop.buffer<4 x f32> {irc.param = "w"},
    %y: !loop.buffer<4 x f32> {irc.output = 0 : i64}) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %e = loop.alloc : !loop.buffer<4 x f32>
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %w[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %e[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %x[%i] : !loop.buffer<4 x f32>
    %1 = loop.load %e[%i] : !loop.buffer<4 x f32>
    %2 = arith.mulf %0, %1 : f32
    loop.store %2, %y[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}
func.func @f_prepare(%w: !loop.buffer<4 x f32> {irc.param = "w"}, %e: !loop.buffer<4 x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %w[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %e[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}
func.func @f_prepared(
    %x: !loop.buffer<4 x f32>,
    %w: !loop.buffer<4 x f32> {irc.param = "w"},
    %y: !loop.buffer<4 x f32> {irc.output = 0 : i64},
    %e: !loop.buffer<4 x f32> {irc.data = dense<0.000000e+00> : tensor<4xf32>})
    attributes {irc.prepare = "f_prepare", irc.prepared_of = "f", irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %x[%i] : !loop.buffer<4 x f32>
    %1 = loop.load %e[%i] : !loop.buffer<4 x f32>
    %2 = arith.mulf %0, %1 : f32
    loop.store %2, %y[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import dense_splat, number_attribute
from irc.dialects.func import FuncOp, ReturnOp
from irc.dialects.loop import Accumulate, Alloc, BufferType, Store, StoreTile, memory_of
from irc.ir.attributes import ArrayAttr, Attribute, StringAttr
from irc.ir.builder import Builder
from irc.ir.operation import Operation, Value
from irc.ir.symbols import is_private, unique_name
from irc.ir.traits import PURE, READS, WRITES, has
from irc.ir.types import FunctionType, ScalarType, TensorType
from irc.passes.lower_array.functions import SYMBOLS
from irc.passmanager import Pass, PassContext, Signature

PREPARED_OF = "irc.prepared_of"
"""Of ``@f_prepared``: the name of ``@f``."""
PREPARE = "irc.prepare"
"""Of ``@f_prepared``: the name of ``@f_prepare``."""


@dataclass(frozen=True)
class SplitPrepare(Pass):
    """Add to each function with parameters one that prepares them, and one for which they are prepared."""

    name = "split-prepare"
    signature: ClassVar[Signature] = Signature.EXTENDED

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for function in list(module.functions):
            if not isinstance(function, FuncOp) or function.is_declaration or SYMBOLS not in function.attributes:
                continue
            if not is_private(function) and _split(module, function):
                context.count("functions split")


class _Cut:
    """What can be cut out of a function: ``kept``, the allocations that the rest reads, and ``moved``, the ops of its
    block that write these or what they need.
    """

    def __init__(self, function: FuncOp):
        self.parameters = [a for a in function.arguments if function.arg_attr(a.index, "irc.param") is not None]
        self.ops = list(function.entry)
        self.touched = {op: _touched(op) for op in self.ops}
        found = {op.buffer for op in self.ops if isinstance(op, Alloc) and _is_static(op.buffer.type)}
        while True:
            known = found | set(self.parameters)
            bad = {b for op in self.ops if not self._follows(op, known) for b in self.touched[op][1]} & found
            if not bad:
                break
            found -= bad
        self.moved = [op for op in self.ops if self.touched[op][1] and set(self.touched[op][1]) <= found]
        moved = set(self.moved)
        read = {b for op in self.ops if op not in moved for b in self.touched[op][0]}
        written = {b for op in moved for b in self.touched[op][1]}
        self.kept = [op.buffer for op in self.ops if isinstance(op, Alloc) and op.buffer in written & read]

    def _follows(self, op: Operation, known: set[Value]) -> bool:
        """Whether all that an op does follows from ``known`` buffers and from constants, and changes none but these."""
        read, written = self.touched[op]
        if written and not (set(read) <= known and set(written) <= known - set(self.parameters)):
            return False
        return all(self._is_constant(value, known) for value in _from_outside(op))

    def _is_constant(self, value: Value, known: set[Value]) -> bool:
        if isinstance(value.type, BufferType):
            return memory_of(value) in known
        op = value.defining_op()
        if op is None or not _only_computes(op) or not _has_no_sizes(op):
            return False
        return all(self._is_constant(operand, known) for operand in op.operands)


def _only_computes(op: Operation) -> bool:
    """Whether the op changes nothing, so that it may be done again elsewhere, or left out."""
    return bool(op.results) and not op.regions and (has(op, PURE) or (has(op, READS) and not has(op, WRITES)))


def _has_no_sizes(op: Operation) -> bool:
    """Whether the op is no size of the call (``loop.size`` of a formula)."""
    dimension = op.attributes.get("dimension")
    return not isinstance(dimension, StringAttr) or dimension.value.isdigit()


def _is_static(type: object) -> bool:
    if not isinstance(type, BufferType) or not isinstance(type.element, ScalarType):
        return False
    return all(isinstance(size, int) for size in type.shape)


def _touched(op: Operation) -> tuple[list[Value], list[Value]]:
    """The memory that an op of a function's block reads, and that it writes; of what is not known, both."""
    read: list[Value] = []
    written: list[Value] = []
    for inner in op.walk():
        buffers = [memory_of(v) for v in inner.operands if isinstance(v.type, BufferType)]
        if isinstance(inner, (Store, StoreTile)):
            written += buffers
        elif isinstance(inner, Accumulate):
            read += buffers
            written += buffers
        elif has(inner, READS):
            read += buffers
        elif not has(inner, PURE) and not inner.regions:
            read += buffers
            written += buffers
    own = {a.buffer for a in op.walk() if isinstance(a, Alloc) and a is not op}
    return [b for b in read if b not in own], [b for b in written if b not in own]


def _from_outside(op: Operation) -> Iterator[Value]:
    """The values that an op, or one inside it, reads and that are defined in the function's block."""
    for inner in op.walk():
        for value in inner.operands:
            owner = value.owner
            block = owner.parent if isinstance(owner, Operation) else owner
            if block is op.parent:
                yield value


def _split(module: ModuleOp, function: FuncOp) -> bool:
    """Add the two functions; False where there is nothing to prepare."""
    rest = function.clone()
    cut = _Cut(rest)
    if not cut.kept:
        return False
    names = [unique_name(module, f"{function.symbol}_{what}") for what in ("prepare", "prepared")]
    builder = Builder.after(function)
    rest.attributes["sym_name"] = StringAttr(names[1])
    rest.attributes |= {PREPARED_OF: StringAttr(function.symbol), PREPARE: StringAttr(names[0])}
    builder.insert(_cut_out(rest, cut, names[0]))
    builder.insert(rest)
    return True


def _cut_out(function: FuncOp, cut: _Cut, name: str) -> FuncOp:
    """Take what can be prepared out of a function; gives the function that prepares it."""
    outputs = [buffer.type for buffer in cut.kept]
    prepare = FuncOp.of(
        name,
        [*(p.type for p in cut.parameters), *outputs],
        [],
        attributes={SYMBOLS: ArrayAttr([])},
        location=function.location,
    )
    given: list[dict[str, Attribute]] = [dict(function.arg_attributes(p.index).entries) for p in cut.parameters]
    prepare.set_arg_attributes([*given, *({"irc.output": number} for number in range(len(outputs)))])
    mapping: dict[Value, Value] = dict(zip([*cut.parameters, *cut.kept], prepare.arguments, strict=True))
    for old, new in mapping.items():
        new.name_hint = old.name_hint
    moved = set(cut.moved)
    for op in cut.ops:
        wanted = op in moved or _only_computes(op) or isinstance(op, Alloc)
        if wanted and not any(r in mapping for r in op.results) and all(v in mapping for v in _from_outside(op)):
            prepare.entry.append(op.clone(mapping))
    Builder.at_end(prepare.entry, function.location).create(ReturnOp, [])
    _erase_unused(prepare)
    attributes = [dict(function.arg_attributes(a.index).entries) for a in function.arguments]
    for op in reversed(cut.moved):
        op.erase()
    for buffer in cut.kept:
        type = TensorType(buffer.type.shape, buffer.type.element)
        zeros = dense_splat(number_attribute(0, type.element), type)
        argument = function.entry.add_argument(buffer.type, function.location, buffer.name_hint or "prepared")
        attributes.append({"irc.data": zeros})
        alloc = buffer.defining_op()
        assert alloc is not None
        alloc.replace_by([argument])
    function.attributes["function_type"] = FunctionType([a.type for a in function.arguments], [])
    function.set_arg_attributes(attributes)
    _erase_unused(function)
    return prepare


def _erase_unused(function: FuncOp) -> None:
    for op in reversed(list(function.entry)):
        if not any(r.uses for r in op.results) and (_only_computes(op) or isinstance(op, Alloc)):
            op.erase()
