"""``neuron.delay``: a value of the step before. It is the only way round a cycle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from irc.ir.attributes import FloatAttr
from irc.ir.constraints import FLOAT_LIKE
from irc.ir.operation import Block, Operation
from irc.ir.spec import attr, operand, result
from irc.ir.traits import DELAYED, PURE, RAW, SAME_TYPE, HasParent
from irc.ir.types import TensorType


class Delay(Operation):
    """At each step what its operand was at the step before; at the first one ``initial``.

        %h1 = neuron.delay %h {initial = 0.5} : tensor<4xf32>

    The operand may stand behind the delay, and may depend on it. A net with delays runs over time (see ``neuron.net``):
    the values of its delays are its state, one column for each neuron, in the order of the delays.
    """

    name = "neuron.delay"
    source = operand(FLOAT_LIKE, "what the value is at the next step")
    value = result(FLOAT_LIKE, "the value of the step before")
    initial = attr(FloatAttr, "the value at the first step, the same for all neurons of a vector", default=0.0)
    traits = frozenset({PURE, RAW, SAME_TYPE, DELAYED, HasParent("neuron.net")})
    assembly = "$source attr-dict `:` type($value)"

    @property
    def width(self) -> int:
        """How many columns of the state it is."""
        size = self.value.type.shape[0] if isinstance(self.value.type, TensorType) else 1
        assert isinstance(size, int)  # the net's verifier sees to it
        return size

    def verify(self) -> None:
        if not math.isfinite(self.initial.value):
            raise ValueError(f"the initial value must be a finite number, not {self.initial.value}")

    def eval(self, context: Any, *_: Any) -> Any:
        return [context.delayed[self.value]]


def delays_of(block: Block) -> Iterator[Delay]:
    """The delays of a net, in order."""
    return (op for op in block if isinstance(op, Delay))
