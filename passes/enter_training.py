"""Functions as they are in training: statistics of the batch, and elements left out at random.

``@f(inputs, parameters) -> y`` in which an ``array.running`` or ``array.dropout`` stands gets a companion
``@f_training(inputs, parameters, key) -> (y, statistics)``, and stays as it is. In the companion running statistics are
those of the batch; their next values are results, and ``irc.running`` of a parameter says which part of it each
replaces. Elements are dropped by random numbers that follow from ``key`` (``irc.key``; see ``irc.training.draws``),
which is an argument if there is something to drop. No gradient comes from the next values. ``add-loss`` makes the loss
of ``@f`` of its companion, if there is one.

``of`` names the functions, the default is all public ones.

Before:

```mlir
func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<5xf32> {irc.param = "w"}) -> tensor<B x 2 x f32> {
  %before = array.slice %w offsets [3] : tensor<5xf32> to tensor<2xf32>
  %now = array.reduce max %x dims [0] : tensor<B x 2 x f32>
  %scale = array.running %before, %now, %now {momentum = 0.25 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  %0 = array.broadcast %scale dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.divf %x, %0 : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<5xf32> {irc.param = "w"}) -> tensor<B x 2 x f32> {
  %before = array.slice %w offsets [3] : tensor<5xf32> to tensor<2xf32>
  %now = array.reduce max %x dims [0] : tensor<B x 2 x f32>
  %scale = array.running %before, %now, %now {momentum = 0.25 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  %0 = array.broadcast %scale dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.divf %x, %0 : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}
func.func @f_training(%x: tensor<B x 2 x f32>, %w: tensor<5xf32> {irc.param = "w", irc.running = [[3 : i64, 1 : i64]]})
    -> (tensor<B x 2 x f32>, tensor<2xf32>) attributes {irc.training_of = "f"} {
  %before = array.slice %w offsets [3] : tensor<5xf32> to tensor<2xf32>
  %now = array.reduce max %x dims [0] : tensor<B x 2 x f32>
  %0 = array.full 0.75 : f32 to tensor<2xf32>
  %1 = arith.mulf %0, %before : tensor<2xf32>
  %2 = array.full 0.25 : f32 to tensor<2xf32>
  %3 = arith.mulf %2, %now : tensor<2xf32>
  %4 = arith.addf %1, %3 : tensor<2xf32>
  %5 = array.broadcast %now dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.divf %x, %5 : tensor<B x 2 x f32>
  %next = array.detach %4 : tensor<2xf32>
  func.return %y, %next : tensor<B x 2 x f32>, tensor<2xf32>
}
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from irc.dialects.arith import AddF, MulF
from irc.dialects.array import Detach, Dropout, Reshape, Running, Slice
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import splat
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.attributes import UNIT, StringAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension
from irc.ir.operation import BlockArgument, Operation, Value
from irc.ir.symbols import is_private, symbol_table, unique_name
from irc.ir.types import TensorType
from irc.passmanager import Pass, PassContext, Signature
from irc.training.draws import KEY, dropped

Place = tuple[BlockArgument, int, int]
"""A part of a parameter that is a vector: from an element on, so many."""


@dataclass(frozen=True)
class EnterTraining(Pass):
    """Add to each function what it is in training, where that is something else."""

    name = "enter-training"
    signature = Signature.EXTENDED
    of: tuple[str, ...] = ()

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for function in self._functions(module):
            if any(isinstance(op, (Dropout, Running)) for op in function.walk()):
                Builder.after(function).insert(_Training(module, function).function)
                context.count("functions in training added")

    def _functions(self, module: ModuleOp) -> list[FuncOp]:
        """Those that ``of`` names; a net of neurons is the same in training. Raises :class:`irc.Error`."""
        table = symbol_table(module)
        for name in self.of:
            if name not in table:
                fail(f"enter-training: there is no function @{name}; there are {', '.join(table) or 'none'}")
        chosen = [table[name] for name in self.of] or [op for op in module.functions if not is_private(op)]
        return [op for op in chosen if isinstance(op, FuncOp) and "irc.training_of" not in op.attributes]


class _Training:
    """Builds one companion. ``function`` is the result."""

    def __init__(self, module: Operation, old: FuncOp):
        self.values: dict[Value, Value] = {}
        self.next: dict[Place, Value] = {}  # what each statistic is after the step, as far as it is known
        draws = any(isinstance(op, Dropout) for op in old.entry)
        self.function = FuncOp.of(
            unique_name(module, f"{old.symbol}_training"),
            [*(a.type for a in old.arguments), *([KEY] if draws else [])],
            [],
            attributes={k: v for k, v in old.attributes.items() if k == "irc.symbols"}
            | {"irc.training_of": StringAttr(old.symbol)},
            location=old.location,
        )
        for before, after in zip(old.arguments, self.function.arguments, strict=False):
            after.name_hint, after.location = before.name_hint, before.location  # type: ignore[misc]
            self.values[before] = after
        self.builder = Builder.at_end(self.function.entry, old.location)
        marks: list[dict[str, Any]] = [dict(old.arg_attributes(a.index).entries) for a in old.arguments]
        if draws:
            self.function.arguments[-1].name_hint = "key"
            marks.append({"irc.key": UNIT})
        self._body(old, marks)
        self.function.set_arg_attributes(marks)

    def _body(self, old: FuncOp, marks: list[dict[str, Any]]) -> None:
        for op in old.entry:
            with self.builder.located(op.location):
                if isinstance(op, Dropout):
                    key = self.function.arguments[-1]
                    kept = dropped(self.builder, self.values[op.source], op.p.value, key, op.stream.value)
                    kept.name_hint = op.result.name_hint
                    self.values[op.result] = kept
                elif isinstance(op, Running):
                    self._run_on(op, marks)
                elif op is not old.entry.last:
                    _require_flat(op)
                    self.builder.insert(op.clone(self.values))
        results = [self.values[value] for value in old.entry.terminator.operands]
        for (argument, begin, size), value in self.next.items():
            vector = TensorType([size], value.type.element)
            if value.type is not vector:
                value = self.builder.value(Reshape, value, result_types=[vector])
            marks[argument.index].setdefault("irc.running", []).append([begin, len(results)])
            results.append(self.builder.value(Detach, value))
            results[-1].name_hint = "next"
        self.builder.create(ReturnOp, results)
        self.function.attributes["function_type"] = type(old.type)(
            [a.type for a in self.function.arguments], [value.type for value in results]
        )

    def _run_on(self, op: Running, marks: list[dict[str, Any]]) -> None:
        """A statistic that is met twice in a step goes on twice."""
        b, momentum = self.builder, op.momentum.value
        place = _place(op, marks)
        for other in self.next:
            if other != place and other[0] is place[0] and _overlap(other, place):
                fail("enter-training: two running statistics share a part of a parameter, but not all", op.location)
        before, seen = self.next.get(place, self.values[op.before]), self.values[op.seen]
        kept = b.value(MulF, splat(b, 1 - momentum, before.type), before)
        self.next[place] = b.value(AddF, kept, b.value(MulF, splat(b, momentum, seen.type), seen))
        self.values[op.result] = self.values[op.now]


def _place(op: Running, marks: list[dict[str, Any]]) -> Place:
    """The part of a parameter that a statistic is. Raises :class:`irc.Error` for one that is none."""
    value: Value = op.before
    begin: Any = 0
    size: Any = None
    while isinstance(source := value.defining_op(), (Detach, Reshape, Slice)):
        if isinstance(source, Slice):
            if source.source.type.rank != 1:
                break
            size = _shape(value)[0] if size is None else size
            begin = begin + source.starts()[0]
        value = source.operands[0]
    if isinstance(value, BlockArgument) and len(_shape(value)) == 1 and "irc.param" in marks[value.index]:
        size = _shape(value)[0] if size is None else size
        if isinstance(begin, int) and isinstance(size, int):
            return value, begin, size
    what = "a part, of a known size and place, of a parameter that is a vector"
    fail(f"enter-training: a running statistic must be {what}", op.location)


def _shape(value: Value) -> tuple[Dimension, ...]:
    """The shape of a tensor."""
    return value.type.shape  # type: ignore[attr-defined]


def _overlap(a: Place, b: Place) -> bool:
    return a[1] < b[1] + b[2] and b[1] < a[1] + a[2]


def _require_flat(op: Operation) -> None:
    """Error where a region holds what is something else in training."""
    for inner in op.walk():
        if isinstance(inner, (Dropout, Running)):
            fail(f"enter-training: '{inner.name}' inside of '{op.name}' has no form in training", inner.location)
