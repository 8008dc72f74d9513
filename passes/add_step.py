"""The training step as a function: loss, gradients, and new parameters.

For ``@f_loss(inputs, target, parameters, ...) -> loss`` and its derivative by the parameters, made by ``autodiff``,
this adds ``@f_step(inputs, target, parameters, moments, steps, lr, ...) -> (loss, parameters, moments, steps)``.
Moments are the arrays that the optimiser keeps (see ``irc.training.optimizers``), one of each kind for each parameter;
``steps`` counts the steps done, for optimisers that need it; ``lr`` is the rate of this step. The state of a recurrent
function goes on from step to step, as a value: no gradient comes back from the next step. Running statistics
(``irc.running``, see ``enter-training``) are set to what they are next; the optimiser does not touch them. The key of
random numbers stands behind ``lr``. What changes is donated
(``irc.donated``): native code updates it in place. If the loss or a gradient is not finite, the loss given is NaN, and
nothing else changes.

``optimizer`` is a name, with settings behind it: ``optimizer=sgd;momentum=0.9``; ``of`` names the function of the loss,
the default is the only one that has ``irc.loss_of`` and a derivative.

Before, with `add-step{optimizer=sgd}`:

```mlir
func.func @f_loss(%x: tensor<B x f32>, %target: tensor<B x f32>, %w: tensor<B x f32> {irc.param = "w"}) -> tensor<f32>
    attributes {irc.loss_of = "f"} {
  %e = arith.subf %x, %w : tensor<B x f32>
  %loss = array.reduce sum %e dims [0] : tensor<B x f32>
  func.return %loss : tensor<f32>
}
func.func @f_loss_vjp(%x: tensor<B x f32>, %target: tensor<B x f32>, %w: tensor<B x f32> {irc.param = "w"},
                      %dloss: tensor<f32>) -> (tensor<f32>, tensor<B x f32>)
    attributes {irc.vjp_of = "f_loss", irc.wrt = [2 : i64]} {
  %e = arith.subf %x, %w : tensor<B x f32>
  %loss = array.reduce sum %e dims [0] : tensor<B x f32>
  %de = array.broadcast %dloss dims [] : tensor<f32> to tensor<B x f32>
  %dw = arith.negf %de : tensor<B x f32>
  func.return %loss, %dw : tensor<f32>, tensor<B x f32>
}
```

After:

```mlir
func.func @f_loss(%x: tensor<B x f32>, %target: tensor<B x f32>, %w: tensor<B x f32> {irc.param = "w"}) -> tensor<f32>
    attributes {irc.loss_of = "f"} {
  %e = arith.subf %x, %w : tensor<B x f32>
  %loss = array.reduce sum %e dims [0] : tensor<B x f32>
  func.return %loss : tensor<f32>
}
func.func @f_loss_vjp(%x: tensor<B x f32>, %target: tensor<B x f32>, %w: tensor<B x f32> {irc.param = "w"},
                      %dloss: tensor<f32>) -> (tensor<f32>, tensor<B x f32>)
    attributes {irc.vjp_of = "f_loss", irc.wrt = [2 : i64]} {
  %e = arith.subf %x, %w : tensor<B x f32>
  %loss = array.reduce sum %e dims [0] : tensor<B x f32>
  %de = array.broadcast %dloss dims [] : tensor<f32> to tensor<B x f32>
  %dw = arith.negf %de : tensor<B x f32>
  func.return %loss, %dw : tensor<f32>, tensor<B x f32>
}
func.func @f_step(%x: tensor<B x f32>, %target: tensor<B x f32>,
                  %w: tensor<B x f32> {irc.donated = 1 : i64, irc.param = "w"}, %lr: tensor<f32>)
    -> (tensor<f32>, tensor<B x f32>) attributes {irc.optimizer = ["sgd"], irc.step_of = "f"} {
  %one = array.full 1.0 : f32 to tensor<f32>
  %loss, %dw = func.call @f_loss_vjp(%x, %target, %w, %one)
    : (tensor<B x f32>, tensor<B x f32>, tensor<B x f32>, tensor<f32>) -> (tensor<f32>, tensor<B x f32>)
  %zero = array.full 0.0 : f32 to tensor<f32>
  %0 = arith.mulf %loss, %zero : tensor<f32>
  %1 = array.full 0.0 : f32 to tensor<B x f32>
  %2 = arith.mulf %dw, %1 : tensor<B x f32>
  %3 = array.reduce sum %2 dims [0] : tensor<B x f32>
  %doubt = arith.addf %0, %3 : tensor<f32>
  %4 = array.broadcast %lr dims [] : tensor<f32> to tensor<B x f32>
  %5 = arith.mulf %4, %dw : tensor<B x f32>
  %6 = arith.subf %w, %5 : tensor<B x f32>
  %7 = array.broadcast %doubt dims [] : tensor<f32> to tensor<B x f32>
  %8 = array.full 0.0 : f32 to tensor<B x f32>
  %9 = arith.cmpf oeq, %7, %8 : tensor<B x f32>
  %new_w = arith.select %9, %6, %w : tensor<B x i1>, tensor<B x f32>
  %10 = arith.addf %loss, %doubt : tensor<f32>
  func.return %10, %new_w : tensor<f32>, tensor<B x f32>
}
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import splat
from irc.dialects.func import CallOp, FuncOp, ReturnOp
from irc.ir.attributes import StringAttr, SymbolRefAttr, attribute, python_value
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.operation import BlockArgument, Operation, Value
from irc.ir.symbols import is_private, unique_name
from irc.ir.types import TensorType, Type, i64
from irc.passmanager import Pass, PassContext, Signature
from irc.training.optimizers import Optimizer, optimizer_text, parse_optimizer, sound_or_old, update

DONATED, STEP_OF, LOSS_OF = "irc.donated", "irc.step_of", "irc.loss_of"


@dataclass(frozen=True)
class AddStep(Pass):
    """Add the training step of a loss."""

    name = "add-step"
    signature = Signature.EXTENDED
    optimizer: tuple[str, ...] = ("sgd",)
    of: str = ""

    def run(self, module: ModuleOp, context: PassContext) -> None:
        optimizer = parse_optimizer(self.optimizer)
        loss, derivative = self._pair(module)
        Builder.after(derivative).insert(_Step(module, loss, derivative, optimizer).function)
        context.count("steps added")

    def _pair(self, module: ModuleOp) -> tuple[FuncOp, FuncOp]:
        """The function of the loss, and its derivative by exactly its parameters. Raises :class:`irc.Error`."""
        functions = [op for op in module.functions if isinstance(op, FuncOp)]
        found = [
            (loss, derivative)
            for loss in functions
            for derivative in functions
            if self.of in ("", loss.symbol)
            and LOSS_OF in loss.attributes
            and derivative.attributes.get("irc.vjp_of") == StringAttr(loss.symbol)
            and python_value(derivative.attributes["irc.wrt"]) == _parameters(loss)
            and not is_private(derivative)
        ]
        if len(found) != 1:
            names = ", ".join(f"@{loss.symbol}" for loss, _ in found) or "none"
            fail(
                "add-step: which loss? There must be one function (option of) that add-loss made and of which autodiff "
                f"made a derivative by its parameters (wrt=params); found {names}"
            )
        return found[0]


def _parameters(function: FuncOp) -> list[int]:
    """The numbers of the arguments that are parameters."""
    return [a.index for a in function.arguments if "irc.param" in function.arg_attributes(a.index)]


class _Step:
    """Builds one step. ``function`` is the result."""

    def __init__(self, module: Operation, loss: FuncOp, derivative: FuncOp, optimizer: Optimizer):
        self.optimizer = optimizer
        self.types: list[Type] = []
        self.names: list[str | None] = []
        self.marks: list[dict[str, Any]] = []
        self.results = 1  # the loss comes first
        own = [dict(loss.arg_attributes(a.index).entries) for a in loss.arguments]
        parameters = [a for a in loss.arguments if "irc.param" in own[a.index]]
        bound = [a for a in loss.arguments if "irc.data" in own[a.index]]
        keys = [a for a in loss.arguments if "irc.key" in own[a.index]]
        running = [python_value(own[a.index].pop("irc.running", attribute([]))) for a in parameters]
        places: dict[Value, int] = {}
        for a in loss.arguments:
            if a not in parameters and a not in bound and a not in keys:
                places[a] = self._argument(a.type, a.name_hint, own[a.index], donated="irc.state" in own[a.index])
        for a in parameters:
            places[a] = self._argument(a.type, a.name_hint, own[a.index], donated=True)
        moments = [
            [self._argument(a.type, f"{name}_{a.name_hint or a.index}", {}, donated=True) for a in parameters]
            for name in optimizer.moments
        ]
        number = loss.type.results[0]
        counter = TensorType([], i64)
        steps = self._argument(counter, "steps", {}, donated=True) if optimizer.counts else None
        lr = self._argument(number, "lr", {})
        for a in (*keys, *bound):
            places[a] = self._argument(a.type, a.name_hint, own[a.index])
        self.function = self._function(module, loss)
        self._body(loss, derivative, places, parameters, running, moments, steps, lr)

    def _argument(self, type: Type, name: str | None, marks: dict[str, Any], donated: bool = False) -> int:
        """One more argument; its number. What is donated is a result, too."""
        self.types.append(type)
        self.names.append(name)
        if donated:
            marks = {**marks, DONATED: self.results, **({"irc.state": self.results} if "irc.state" in marks else {})}
        self.marks.append(marks)
        self.results += donated
        return len(self.types) - 1

    def _function(self, module: Operation, loss: FuncOp) -> FuncOp:
        of = loss.attributes[LOSS_OF]
        changing = [type for type, marks in zip(self.types, self.marks, strict=True) if DONATED in marks]
        function = FuncOp.of(
            unique_name(module, f"{python_value(of)}_step"),
            self.types,
            [loss.type.results[0], *changing],
            attributes={k: v for k, v in loss.attributes.items() if k in ("irc.symbols", "irc.loss")}
            | {STEP_OF: of, "irc.optimizer": attribute(list(optimizer_text(self.optimizer)))},
            location=loss.location,
        )
        function.set_arg_attributes(self.marks)
        for argument, name in zip(function.arguments, self.names, strict=True):
            argument.name_hint = name
        return function

    def _body(
        self,
        loss: FuncOp,
        derivative: FuncOp,
        places: dict[Value, int],
        parameters: list[BlockArgument],
        running: list[list[list[int]]],
        moments: list[list[int]],
        steps: int | None,
        lr: int,
    ) -> None:
        """The call of the derivative, the update, and the results in the order of their numbers. ``running`` lists, for
        each parameter, [first element, number of the result of the loss that replaces it].
        """
        given = self.function.arguments
        b = Builder.at_end(self.function.entry, loss.location)
        mean_type, *next_types = loss.type.results
        cotangents = [splat(b, 1.0, mean_type), *(splat(b, 0.0, type) for type in next_types if type.element.is_float)]
        operands = [*(given[places[a]] for a in loss.arguments), *cotangents]
        callee = SymbolRefAttr(derivative.symbol)
        call = b.create(CallOp, operands, callee=callee, result_types=derivative.type.results)
        mean, gradients = call.results[0], call.results[1 + len(next_types) :]
        mean.name_hint = "loss"
        for a, gradient in zip(parameters, gradients, strict=True):
            gradient.name_hint = f"d{a.name_hint}" if a.name_hint else None
        kept = [[given[kind[number]] for kind in moments] for number in range(len(parameters))]
        old = [given[places[a]] for a in parameters]
        counted = None if steps is None else given[steps]
        replaced = [[(begin, call.results[number]) for begin, number in parts] for parts in running]
        new = update(b, self.optimizer, mean, old, gradients, kept, given[lr], counted, replaced)
        by_kind = [values[kind] for kind in range(len(moments)) for values in new.moments]
        states = [given[places[a]] for a in loss.arguments if "irc.state" in loss.arg_attributes(a.index)]
        next_states = call.results[1 : 1 + len(states)]
        kept_states = [sound_or_old(b, new.doubt, *pair) for pair in zip(next_states, states, strict=True)]
        changed = [*kept_states, *new.parameters, *by_kind, *([] if new.steps is None else [new.steps])]
        donated = [a for a, marks in zip(given, self.marks, strict=True) if DONATED in marks]
        for value, argument in zip(changed, donated, strict=True):
            value.name_hint = f"new_{argument.name_hint}" if argument.name_hint else None
        b.create(ReturnOp, [new.loss, *changed])
