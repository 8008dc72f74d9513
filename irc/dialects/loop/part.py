"""``loop.part``: one place along the first dimension of a buffer, as a buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.dialects.loop.memory import BUFFER
from irc.dialects.loop.types import BufferType
from irc.interpreter import Buffer
from irc.ir.attributes import Attribute
from irc.ir.constraints import INDEX
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation
from irc.ir.spec import operand, result
from irc.ir.traits import PURE, RAW
from irc.ir.types import Type


class Part(Operation):
    """What lies at one place along the first dimension, as a buffer: ``loop.part %x[%t] : !loop.buffer<T x B x f32>``.

    It is the same memory: what is written to the part is written to the whole.
    """

    name = "loop.part"
    whole = operand(BUFFER)
    place = operand(INDEX)
    part = result(BUFFER)
    traits = frozenset({PURE, RAW})
    assembly = "$whole `[` $place `]` attr-dict `:` type($whole)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        whole = operand_types[0]
        if not isinstance(whole, BufferType) or not whole.rank:
            raise ValueError(f"expected a buffer with a dimension, got {whole}")
        return [whole.with_shape(whole.shape[1:])]

    def eval(self, context: Any, whole: Any, place: int) -> Sequence[Any]:
        size = whole.value.shape[0]
        if not 0 <= place < size:
            fail(f"loop.part: there is no place {place} in {self.whole.type}, its size is {size}", self.location)
        if not context.bounded:
            return [Buffer(whole.value[place, ...])]
        if whole.error is None:
            whole.error = np.zeros(whole.value.shape)
        if whole.terms is None:
            whole.terms = np.zeros((3, *whole.value.shape))
        part = Buffer(whole.value[place, ...], whole.error[place, ...])
        part.terms = whole.terms[:, place, ...]
        return [part]
