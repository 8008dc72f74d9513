"""The loss as a function: what training makes small.

``@f(inputs, parameters, ...) -> y`` gets a companion ``@f_loss(inputs, target, parameters, ...) -> loss`` that calls it
and gives the mean of the row losses (see ``irc.training.losses``). ``target`` is like ``y``. Bound data stay bound. The
state of a recurrent function (``irc.state``) stands behind the target, and what it is next, behind the loss.
Without the option ``loss``, a name or ``name;parameter``, the loss is what the function says of itself
(``irc.loss``); ``of`` names the functions, the default is every public one that is not itself a loss or a derivative.
Where ``enter-training`` made a companion ``@f_training``, the loss calls that. What its running statistics are next
stands behind the states, and the key of its random numbers comes last.

Before, with `add-loss{loss=mae}`:

```mlir
func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<2x4xf32> {irc.param = "w"}) -> tensor<B x 4 x f32> {
  %y = array.contract "bi,io->bo" %x, %w : tensor<B x 2 x f32>, tensor<2x4xf32>
  func.return %y : tensor<B x 4 x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<2x4xf32> {irc.param = "w"}) -> tensor<B x 4 x f32> {
  %y = array.contract "bi,io->bo" %x, %w : tensor<B x 2 x f32>, tensor<2x4xf32>
  func.return %y : tensor<B x 4 x f32>
}
func.func @f_loss(%x: tensor<B x 2 x f32>, %target: tensor<B x 4 x f32>, %w: tensor<2x4xf32> {irc.param = "w"})
    -> tensor<f32> attributes {irc.loss = ["mae"], irc.loss_of = "f"} {
  %y = func.call @f(%x, %w) : (tensor<B x 2 x f32>, tensor<2x4xf32>) -> tensor<B x 4 x f32>
  %0 = arith.subf %y, %target : tensor<B x 4 x f32>
  %1 = math.absf %0 : tensor<B x 4 x f32>
  %2 = array.reduce sum %1 dims [1] : tensor<B x 4 x f32>
  %3 = array.full 4.0 : f32 to tensor<B x f32>
  %row_losses = arith.divf %2, %3 : tensor<B x f32>
  %4 = array.reduce sum %row_losses dims [0] : tensor<B x f32>
  %5 = array.size "B" : index
  %6 = arith.index_cast %5 : index to i64
  %7 = arith.sitofp %6 : i64 to f32
  %8 = array.broadcast %7 dims [] : f32 to tensor<f32>
  %loss = arith.divf %4, %8 : tensor<f32>
  func.return %loss : tensor<f32>
}
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp, ReturnOp
from irc.ir.attributes import StringAttr, SymbolRefAttr, attribute, python_value
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error, fail
from irc.ir.operation import Operation, Value
from irc.ir.symbols import is_private, unique_name
from irc.ir.types import TensorType
from irc.passmanager import Pass, PassContext, Signature
from irc.training.losses import Loss, find_loss, loss_attribute, loss_of_attribute, mean_loss

LOSS, LOSS_OF, STATE = "irc.loss", "irc.loss_of", "irc.state"
TRAINING_OF, RUNNING, KEY = "irc.training_of", "irc.running", "irc.key"


@dataclass(frozen=True)
class AddLoss(Pass):
    """Add to each function its loss."""

    name = "add-loss"
    signature = Signature.EXTENDED
    loss: tuple[str, ...] = ()
    of: tuple[str, ...] = ()

    def run(self, module: ModuleOp, context: PassContext) -> None:
        in_training = {op.attributes.get(TRAINING_OF): op for op in module.functions if isinstance(op, FuncOp)}
        for function in self._functions(module):
            called = in_training.get(StringAttr(function.symbol), function)
            added = _with_loss(module, called, function.symbol, self._loss(function))
            Builder.after(called).insert(added)
            context.count("losses added")

    def _functions(self, module: ModuleOp) -> list[FuncOp]:
        """Those that ``of`` names. Raises :class:`irc.Error`."""
        functions = [op for op in module.functions if isinstance(op, FuncOp) and not op.is_declaration]
        by_name = {op.symbol: op for op in functions}
        for name in self.of:
            if name not in by_name:
                fail(f"add-loss: there is no function of arrays @{name}; there are {', '.join(by_name) or 'none'}")
        made = ("irc.vjp_of", LOSS_OF, TRAINING_OF)
        public = [op for op in functions if not is_private(op) and not any(key in op.attributes for key in made)]
        return [by_name[name] for name in self.of] if self.of else public

    def _loss(self, function: FuncOp) -> Loss:
        """The loss to add, of the option or of the function."""
        if self.loss:
            name, *parameter = self.loss
            try:
                return find_loss((name, *map(float, parameter)))
            except ValueError as error:
                raise error if isinstance(error, Error) else Error(f"add-loss: '{parameter[0]}' is no number") from None
        if LOSS not in function.attributes:
            fail(f"add-loss: @{function.symbol} says no loss (irc.loss); give the option loss", function.location)
        return loss_of_attribute(function.attributes[LOSS])


def _with_loss(module: Operation, function: FuncOp, of: str, loss: Loss) -> FuncOp:
    """The function of inputs, target, and all other arguments, to the mean loss of what ``function`` gives; it is the
    loss of ``@of``.
    """
    marks = [dict(function.arg_attributes(a.index).entries) for a in function.arguments]
    inputs = [a for a in function.arguments if not {"irc.param", "irc.data", STATE, KEY} & marks[a.index].keys()]
    states = [a for a in function.arguments if STATE in marks[a.index]]
    others = [*states, *(a for a in function.arguments if a not in inputs and a not in states)]
    following = [python_value(marks[a.index][STATE]) for a in states]  # numbers of the results behind the loss
    for number, a in enumerate(states):
        marks[a.index][STATE] = attribute(1 + number)
    for mark in marks:
        if RUNNING in mark:
            places = python_value(mark[RUNNING])
            begin = 1 + len(following)
            mark[RUNNING] = attribute([[place, begin + number] for number, (place, _) in enumerate(places)])
            following += [number for _, number in places]
    output = _output(function, following)
    y_type = function.type.results[output]
    added = FuncOp.of(
        unique_name(module, f"{of}_loss"),
        [*(a.type for a in inputs), y_type, *(a.type for a in others)],
        [TensorType([], y_type.element), *(function.type.results[number] for number in following)],
        attributes={k: v for k, v in function.attributes.items() if k == "irc.symbols"}
        | {LOSS: loss_attribute(loss), LOSS_OF: StringAttr(of)},
        location=function.location,
    )
    added.set_arg_attributes([*(marks[a.index] for a in inputs), {}, *(marks[a.index] for a in others)])
    target = added.arguments[len(inputs)]
    target.name_hint = "target"
    rest = [a for a in added.arguments if a is not target]
    values: dict[Value, Value] = dict(zip([*inputs, *others], rest, strict=True))
    for old, new in values.items():
        new.name_hint, new.location = old.name_hint, old.location  # type: ignore[misc]
    builder = Builder.at_end(added.entry, function.location)
    arguments = [values[a] for a in function.arguments]
    callee = SymbolRefAttr(function.symbol)
    call = builder.create(CallOp, arguments, callee=callee, result_types=function.type.results)
    for result, value in zip(call.results, function.entry.terminator.operands, strict=True):
        result.name_hint = value.name_hint
    y = call.results[output]
    y.name_hint = y.name_hint or "y"
    loss_value = mean_loss(builder, loss, y, target)
    builder.create(ReturnOp, [loss_value, *(call.results[number] for number in following)])
    return added


def _output(function: FuncOp, others: Sequence[int]) -> int:
    """The number of the result that the loss is a loss of: the only one that is not among ``others``, states and
    statistics. Raises :class:`irc.Error`.
    """
    results = function.type.results
    found = [number for number in range(len(results)) if number not in others]
    types = [results[number] for number in found]
    if len(types) != 1 or not isinstance(types[0], TensorType) or not types[0].element.is_float:
        shown = ", ".join(map(str, results)) or "nothing"
        fail(
            f"a loss is for functions with one result, a tensor of floats; @{function.symbol} gives {shown}",
            function.location,
        )
    return found[0]
