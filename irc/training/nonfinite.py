"""Where a number first stopped being finite: the reference interpreter runs the batch again and looks at each value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron import Dag
from irc.interpreter import Interpreter, value_of
from irc.ir.attributes import ArrayAttr, python_value
from irc.ir.diagnostics import Error
from irc.ir.locations import name_of
from irc.ir.operation import Operation
from irc.passes.autodiff import Autodiff
from irc.passes.enter_training import EnterTraining
from irc.passes.explode_neurons import ExplodeNeurons
from irc.passes.lower_neuron import LowerNeuron
from irc.passmanager import PassContext
from irc.training.data import Data
from irc.training.losses import Loss
from irc.training.recipes import LossGradient, loss_words
from irc.training.trainable import Trainable

MOST_EDGES = 100_000
"""Larger irregular nets are not taken apart into neurons: the interpreter would take minutes."""


class Watching(Interpreter):
    """Remembers the first op of the module that makes a number that is not finite of numbers that are."""

    def __init__(self, module: Operation):
        super().__init__(module)
        self._own = set(module.walk())  # not the definition of an activation, which a neuron runs
        self.found: tuple[Operation, np.ndarray] | None = None

    def _apply(self, op: Operation, operands: list[Any]) -> Sequence[Any]:
        results = super()._apply(op, operands)
        if self.found is None and op in self._own and not op.regions and all(map(_finite, operands)):
            bad = next((np.asarray(value_of(v)) for v in results if not _finite(v)), None)
            if bad is not None:
                self.found = op, bad
        return results


def _finite(held: Any) -> bool:
    array = value_of(held)
    return not isinstance(array, (np.ndarray, np.generic)) or array.dtype.kind != "f" or bool(np.isfinite(array).all())


def where_not_finite(
    net: Trainable, data: Data, loss: Loss, states: Sequence[np.ndarray] = (), key: np.ndarray | None = None
) -> str:
    """In words: the neuron, layer or op that first is not finite for a batch, or what else is wrong. ``states`` are
    those in which a recurrent net begins, ``key`` is that of the step's random numbers, if it has some.
    """
    *inputs, target = data.batch(0, len(data))
    forward = net.forward
    y, *_ = forward.function.call(forward.prepare([*inputs, *states], net.params.flat))
    parameters = _by_argument(net)
    if not np.isfinite(net.params.flat).all():
        index = int(np.argmin(np.isfinite(net.params.flat)))
        return f"parameter {_parameter_name(net, index)} is {net.params.flat[index]}"
    if not np.isfinite(y).all():
        row = int(np.argwhere(~np.isfinite(y))[0][0])
        rows = slice(0, row + 1) if states else slice(row, row + 1)
        found = _watch(_in_neurons(net), net.name, [a[rows] for a in inputs], parameters, states)
        return f"first not finite is {found}" if found else "an output of the net is not finite"
    module = net.module.clone()
    recipe = LossGradient(loss_words(loss), ("params",))
    name = recipe.function(module, net.name)
    for p in [EnterTraining((net.name,)), *recipe.passes(module, net.name, [LowerNeuron(), Autodiff()])]:
        p.run(module, PassContext())
    keys = [] if key is None else [key]
    last = [*states, *keys, np.ones((), net.dtype), *map(np.zeros_like, states), *_statistics(module, name, net.dtype)]
    found = _watch(module, name, [*inputs, target], parameters, last)
    return f"the outputs are finite; in the loss and its gradient, first not finite is {found or 'a gradient'}"


def _statistics(module: ModuleOp, name: str, dtype: np.dtype) -> list[np.ndarray]:
    """Zeros like the running statistics that a function gives, behind all else that is no gradient."""
    function = module.function(name)
    assert isinstance(function, FuncOp)
    places = [python_value(function.arg_attr(a.index, "irc.running") or ArrayAttr([])) for a in function.arguments]
    types: Any = [function.type.results[number] for of_argument in places for _, number in of_argument]
    return [np.zeros(type.shape, dtype) for type in types]


def _in_neurons(net: Trainable) -> ModuleOp:
    """The program, with irregular nets as single neurons where that is possible."""
    module: Any = net.module.clone()
    edges = sum(op.sources.array.size for op in module.walk() if isinstance(op, Dag))
    if edges <= MOST_EDGES:
        taken_apart = module.clone()
        try:
            ExplodeNeurons().run(taken_apart, PassContext())
        except Error:  # not everything has a form as single neurons
            return module
        return taken_apart
    return module


def _by_argument(net: Trainable) -> list[np.ndarray]:
    """The parameters as the entry's own arguments: a net has one vector, a function may have several arrays."""
    kernel = net.forward
    parts = kernel.parts(net.params.flat)
    return [parts[a.name] for a in kernel.arguments if a.parameter]


def _watch(
    module: Operation, name: str, inputs: Sequence[Any], parameters: Sequence[Any], last: Sequence[Any] = ()
) -> str | None:
    """What :class:`Watching` finds, in words."""
    watching = Watching(module)
    try:
        watching.call(name, _in_order(module, name, inputs, parameters, last))
    except Error:
        pass  # what was found before counts
    if watching.found is None:
        return None
    op, value = watching.found
    number = value[~np.isfinite(value)].reshape(-1)[0]
    neuron = name_of(op.location) or next((r.name_hint for r in op.results if r.name_hint), None)
    if neuron is None:
        return f"a result of '{op.name}', which is {number}"
    what = f"neuron {neuron}" if op.name.startswith("neuron.") else f"{neuron}, a result of '{op.name}'"
    return f"{what}, which is {number}"


def _in_order(
    module: Operation, name: str, inputs: Sequence[Any], parameters: Sequence[Any], last: Sequence[Any]
) -> list[Any]:
    """Inputs and parameters in the order of the function's arguments, without those that are bound."""
    function = module.function(name)  # type: ignore[attr-defined]
    marks = function.attributes.get("arg_attrs")
    if function.name == "neuron.net" or marks is None:
        return [*inputs, *parameters, *last]
    given, weights = iter([*inputs, *last]), iter(parameters)
    return [next(weights if "irc.param" in m else given) for m in marks if "irc.data" not in m]


def _parameter_name(net: Trainable, index: int) -> str:
    for name, entry in net.params.table.items():
        if entry.offset <= index < entry.offset + entry.size:
            return f"'{name}'"
    return str(index)
