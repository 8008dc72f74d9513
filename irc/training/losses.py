"""The losses: one definition each, in primitives. Value, gradient and code follow from it.

A definition gives the loss of each row from two matrices, outputs y and targets t, both [rows, n]. The loss of a batch
is the mean over its rows (:func:`mean_loss`).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from irc.dialects.arith import AddF, CmpF, DivF, MaximumF, MulF, NegF, Select, SubF
from irc.dialects.array import Broadcast, Reduce, Reshape
from irc.dialects.array.sizes import size_as_float
from irc.dialects.constants import splat
from irc.dialects.math import AbsF, Exp, Floor, Log, Log1P
from irc.ir.attributes import Attribute, attribute, python_value
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.ir.dimensions import product
from irc.ir.operation import Value
from irc.ir.types import TensorType, Type

Definition = Callable[[Builder, Value, Value, Any], Value]

SMALLEST = 1e-7
"""What divides in ``mape`` and stands under the logarithm of ``cross_entropy`` at least."""


@dataclass(frozen=True)
class Loss:
    """A loss, with its parameter where it takes one.

    ``definition(builder, y, t, parameter)`` makes its ops; ``formula`` is the loss of a row for people. ``decides``:
    what outputs choose, if this is a loss of classification: ``"class"``, the largest output; ``"bit"``, each output
    above 0, against targets 0 and 1; ``"sign"``, the sign of each output, against targets -1 and 1. The parameter is
    greater than ``above``.
    """

    name: str
    definition: Definition
    formula: str
    default: float | None = None
    decides: str | None = None
    above: float = -math.inf
    parameter: float | None = None

    def with_parameter(self, parameter: Any) -> Loss:
        """The same with another parameter; None is the default. Raises :class:`irc.Error` if it cannot take that."""
        if parameter is None:
            return replace(self, parameter=self.default)
        if self.default is None:
            raise Error(f"loss {self.name} takes no parameter")
        if not isinstance(parameter, (int, float)) or not math.isfinite(parameter):
            raise Error(f"the parameter of loss {self.name} must be a finite number, not {parameter!r}")
        if not parameter > self.above:
            raise Error(f"the parameter of loss {self.name} must be greater than {self.above:g}, not {parameter!r}")
        return replace(self, parameter=float(parameter))

    def __str__(self) -> str:
        return self.name if self.parameter is None else f"{self.name}<{self.parameter!r}>"


def find_loss(given: Any) -> Loss:
    """The loss that a user names: ``"mse"``, ``("huber", 2.0)``, or one itself. Raises :class:`irc.Error`."""
    if isinstance(given, Loss):
        return given
    words = [given] if isinstance(given, str) else list(given) if isinstance(given, (list, tuple)) else []
    name, *parameter = words or [None]
    if not isinstance(name, str) or len(parameter) > 1:
        raise Error(f"a loss is a name, or a name and a parameter such as ('huber', 2.0), not {given!r:.80}")
    if name not in LOSSES:
        near = difflib.get_close_matches(name, LOSSES, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"the losses are {', '.join(LOSSES)}"
        raise Error(f"there is no loss '{name}'; {hint}")
    return LOSSES[name].with_parameter(*parameter or [None])


def loss_attribute(loss: Loss) -> Attribute:
    """How a net or function carries a loss, as ``irc.loss``: ``["huber", 2.0]``."""
    return attribute([loss.name] if loss.parameter is None else [loss.name, loss.parameter])


def loss_of_attribute(given: Attribute) -> Loss:
    """The loss that ``irc.loss`` says. Raises :class:`irc.Error`."""
    return find_loss(python_value(given))


def mean_loss(builder: Builder, loss: Loss, y: Value, target: Value) -> Value:
    """The loss of a batch, ``tensor<f32>``: the mean over all rows. A row is the last dimension of ``y``; outputs of
    less than two dimensions are one row, or rows of one output each.
    """
    shape = y.type.shape if isinstance(y.type, TensorType) else ()
    rows = product(shape[:-1]) if len(shape) > 1 else product(shape)
    matrix = TensorType([rows, shape[-1] if len(shape) > 1 else 1], y.type.element)
    each = loss.definition(builder, _as(builder, y, matrix), _as(builder, target, matrix), loss.parameter)
    total = builder.value(Reduce, each, kind="sum", dims=[0])
    mean = builder.value(DivF, total, size_as_float(builder, rows, total.type))
    each.name_hint, mean.name_hint = "row_losses", "loss"
    return mean


def _as(builder: Builder, value: Value, matrix: TensorType) -> Value:
    if not isinstance(value.type, TensorType):
        return builder.value(Broadcast, value, dims=[], result_types=[matrix])
    return value if value.type is matrix else builder.value(Reshape, value, result_types=[matrix])


def _sum(b: Builder, terms: Value) -> Value:
    """The sum of each row."""
    return b.value(Reduce, terms, kind="sum", dims=[1])


def _mean(b: Builder, terms: Value) -> Value:
    """The mean of each row."""
    total = _sum(b, terms)
    return b.value(DivF, total, size_as_float(b, terms.type.shape[1], total.type))  # type: ignore[attr-defined]


def _along_rows(b: Builder, values: Value, type: Type) -> Value:
    """A number of each row, for all its columns."""
    return b.value(Broadcast, values, dims=[0], result_types=[type])


# -- the definitions -------------------------------------------------------------------------------------------------


def _mse(b: Builder, y: Value, t: Value, p: Any) -> Value:
    error = b.value(SubF, y, t)
    return _mean(b, b.value(MulF, error, error))


def _mae(b: Builder, y: Value, t: Value, p: Any) -> Value:
    return _mean(b, b.value(AbsF, b.value(SubF, y, t)))


def _mape(b: Builder, y: Value, t: Value, p: Any) -> Value:
    size = b.value(MaximumF, b.value(AbsF, t), splat(b, SMALLEST, t.type))
    return _mean(b, b.value(DivF, b.value(AbsF, b.value(SubF, y, t)), size))


def _huber(b: Builder, y: Value, t: Value, p: float) -> Value:
    error = b.value(SubF, y, t)
    size, limit, half = b.value(AbsF, error), splat(b, p, y.type), splat(b, 0.5, y.type)
    near = b.value(MulF, half, b.value(MulF, error, error))
    far = b.value(MulF, limit, b.value(SubF, size, splat(b, p / 2, y.type)))
    return _sum(b, b.value(Select, b.value(CmpF, size, limit, predicate="ole"), near, far))


def _huber_modified(b: Builder, y: Value, t: Value, p: float) -> Value:
    # continued at z = -p by its tangent there: (1 + p)^2 and slope -2 (1 + p)
    margin, one = b.value(MulF, t, y), splat(b, 1.0, y.type)
    short = b.value(MaximumF, splat(b, 0.0, y.type), b.value(SubF, one, margin))
    double = b.value(MulF, splat(b, 2.0, y.type), margin)
    line = b.value(MulF, splat(b, 1 + p, y.type), b.value(SubF, splat(b, 1 - p, y.type), double))
    near = b.value(CmpF, margin, splat(b, -p, y.type), predicate="ogt")
    return _sum(b, b.value(Select, near, b.value(MulF, short, short), line))


def _hinge(b: Builder, y: Value, t: Value, p: Any) -> Value:
    short = b.value(SubF, splat(b, 1.0, y.type), b.value(MulF, t, y))
    return _sum(b, b.value(MaximumF, splat(b, 0.0, y.type), short))


def _cross_entropy(b: Builder, y: Value, t: Value, p: Any) -> Value:
    log = b.value(Log, b.value(MaximumF, splat(b, SMALLEST, y.type), y))
    return b.value(NegF, _sum(b, b.value(MulF, t, log)))


def _softmax_cross_entropy(b: Builder, y: Value, t: Value, p: Any) -> Value:
    # log(sum exp y) = s + log(sum exp(y - s)) for every s. One near the largest y keeps exp from overflow, and a whole
    # number has no gradient, so none flows through s.
    largest = b.value(Reduce, y, kind="max", dims=[1])
    shifted = b.value(SubF, y, _along_rows(b, b.value(Floor, largest), y.type))
    log = b.value(Log, _sum(b, b.value(Exp, shifted)))
    return _sum(b, b.value(MulF, t, b.value(SubF, _along_rows(b, log, y.type), shifted)))


def _sigmoid_cross_entropy(b: Builder, y: Value, t: Value, p: Any) -> Value:
    # log(1 + exp y) = max(y, 0) + log(1 + exp -|y|), written so that its derivative at 0 is 1/2
    zero = splat(b, 0.0, y.type)
    nonnegative = b.value(CmpF, y, zero, predicate="oge")
    below = b.value(Select, nonnegative, b.value(NegF, y), y)
    above = b.value(Select, nonnegative, y, zero)
    softplus = b.value(AddF, above, b.value(Log1P, b.value(Exp, below)))
    return _sum(b, b.value(SubF, softplus, b.value(MulF, y, t)))


def _loss(name: str, definition: Definition, formula: str, default: float | None = None, **more: Any) -> Loss:
    return Loss(name, definition, formula, default, parameter=default, **more)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        _loss("mse", _mse, "mean (y - t)^2"),
        _loss("mae", _mae, "mean |y - t|"),
        _loss("mape", _mape, "mean |y - t| / max(|t|, 1e-7)"),
        _loss("huber", _huber, "sum (|e| <= p ? e^2 / 2 : p (|e| - p/2)), e = y - t", 1.0, above=0.0),
        _loss(
            "huber_modified",
            _huber_modified,
            "sum (z > -p ? max(0, 1 - z)^2 : (1 + p) (1 - p - 2 z)), z = t y",
            1.0,
            above=-1.0,
            decides="sign",
        ),
        _loss("hinge", _hinge, "sum max(0, 1 - t y)", decides="sign"),
        _loss("cross_entropy", _cross_entropy, "-sum t log max(y, 1e-7)", decides="class"),
        _loss("softmax_cross_entropy", _softmax_cross_entropy, "-sum t log softmax(y)", decides="class"),
        _loss(
            "sigmoid_cross_entropy",
            _sigmoid_cross_entropy,
            "-sum (t log sigmoid(y) + (1 - t) log(1 - sigmoid(y)))",
            decides="bit",
        ),
    )
}
"""All losses by name. ``y`` are outputs, ``t`` targets, ``p`` the parameter; sums and means run over a row."""
