"""Ops that a training step reads differently: what is normalised by statistics, and what is left out at random.

Everywhere else they are their first operand. The pass ``enter-training`` writes out what they are in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irc.dialects.array.syntax import ArrayOp, only, tensor
from irc.ir.attributes import Attribute, FloatAttr, IntegerAttr
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_TENSOR
from irc.ir.operation import Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE
from irc.ir.types import Type


class _InTraining(ArrayOp):
    """An op that outside of training is its first operand."""

    traits = frozenset({PURE})

    def fold(self) -> Sequence[Value | Attribute] | None:
        return [self.operands[0]]

    def eval(self, context: Any, *operands: Any) -> Sequence[Any]:
        return [operands[0]]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [errors[0]]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        return [only(gradients), *[None] * (len(self.operands) - 1)]


class Running(_InTraining):
    """A running statistic, which is a part of a parameter; in training that of the batch.

        %m = array.running %before, %now, %seen {momentum = 0.1 : f64} : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>

    Outside of training it is ``before``, a slice of a parameter. In training it is ``now``, and after the step the
    parameter holds ``(1 - momentum) * before + momentum * seen`` in the place of ``before``.
    """

    name = "array.running"
    before = operand(FLOAT_TENSOR, "the statistic as the parameter holds it")
    now = operand(FLOAT_TENSOR, "that of the batch")
    seen = operand(FLOAT_TENSOR, "what of the batch the running statistic takes in")
    output = result(FLOAT_TENSOR)
    momentum = attr(FloatAttr, "the weight of what is taken in, from 0 to 1")

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        first, *others = operand_types
        if any(other is not first for other in others):
            raise ValueError(f"expected three tensors of one type, got {', '.join(map(str, operand_types))}")
        return [tensor(first)]

    def verify(self) -> None:
        _part(self.momentum, "momentum")


class Dropout(_InTraining):
    """The operand; in training with elements set to 0 at random, and the others scaled by 1 / (1 - p).

        %y = array.dropout %x stream 0 {p = 0.5 : f64} : tensor<B x 8 x f32>

    Each element is set to 0 with the probability ``p``. ``stream`` tells the ops of a function apart: their numbers
    have nothing to do with each other.
    """

    name = "array.dropout"
    source = operand(FLOAT_TENSOR)
    output = result(FLOAT_TENSOR)
    stream = attr(IntegerAttr, "the number of its stream of random numbers")
    p = attr(FloatAttr, "the probability of 0, from 0 to 1")
    words = ("stream",)

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [tensor(operand_types[0])]

    def verify(self) -> None:
        _part(self.p, "p")
        if not 0 <= self.stream.value < 2**31:
            raise ValueError(f"stream must be an integer from 0 to {2**31 - 1}, not {self.stream.value}")
        if not self.source.type.rank:
            raise ValueError("needs a tensor whose first dimension is that of the samples, not a single number")


def _part(given: FloatAttr, what: str) -> None:
    """ValueError unless a number lies from 0 to 1."""
    if not 0 <= given.value <= 1:
        raise ValueError(f"{what} must be a number from 0 to 1, not {given.value}")
