"""``loop.span``: elements of a buffer that follow one another, as a buffer of another shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.constants import number_of
from irc.dialects.loop.memory import BUFFER
from irc.dialects.loop.part import Part
from irc.dialects.loop.types import ROW_MAJOR
from irc.interpreter import Buffer
from irc.ir.constraints import INDEX
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value
from irc.ir.rewriting import Pattern, Rewriter
from irc.ir.spec import operand, result
from irc.ir.traits import PURE, RAW
from irc.ir.types import ScalarType


class Span(Operation):
    """The elements from one on, counted row by row, as a buffer of another shape.

        %w = loop.span %p[%n] : !loop.buffer<P x f32> to !loop.buffer<4 x 8 x f32>

    It is the same memory: what is written to the span is written to the whole. So an array is reshaped, a part of one
    used, or the parts of one computed in their places, and nothing is copied.
    """

    name = "loop.span"
    whole = operand(BUFFER)
    start = operand(INDEX)
    span = result(BUFFER)
    traits = frozenset({PURE, RAW})
    assembly = "$whole `[` $start `]` attr-dict `:` type($whole) `to` type($span)"

    def verify(self) -> None:
        whole, span = self.whole.type, self.span.type
        if whole.element is not span.element or not isinstance(span.element, ScalarType):
            raise ValueError(f"a span of {whole} cannot have elements of type {span.element}")
        if not whole.layout == span.layout == ROW_MAJOR or whole.space != span.space:
            raise ValueError(f"needs buffers that are row-major, in the same space, not {whole} and {span}")

    def eval(self, context: Any, whole: Any, start: int) -> Sequence[Any]:
        shape = tuple(context.shape(self.span.type))
        size = int(np.prod(shape, dtype=np.int64))
        if start < 0 or start + size > whole.value.size:
            fail(f"loop.span: {size} elements from {start} on do not lie in {self.whole.type}", self.location)

        def view(array: np.ndarray, *before: int) -> np.ndarray:
            flat = array.reshape(*before, -1)
            return flat[..., start : start + size].reshape((*before, *shape))

        if not context.bounded:
            return [Buffer(view(whole.value))]
        if whole.error is None:
            whole.error = np.zeros(whole.value.shape)
        if whole.terms is None:
            whole.terms = np.zeros((3, *whole.value.shape))
        span = Buffer(view(whole.value), view(whole.error))
        span.terms = view(whole.terms, 3)
        return [span]


class _SpanFromStart(Pattern):
    """span(span(x, a), 0) --> span(x, a)."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        assert isinstance(op, Span)
        inner = op.whole.defining_op()
        if not isinstance(inner, Span) or number_of(op.start) != 0:
            return False
        rewriter.replace(op, [rewriter.value(Span, inner.whole, inner.start, result_types=[op.span.type])])
        return True


Span.canonical_patterns = (_SpanFromStart(),)


def memory_of(buffer: Value) -> Value:
    """The buffer whose memory a buffer is a part or span of; itself, if it is neither."""
    op = buffer.defining_op()
    while isinstance(op, (Part, Span)):
        buffer = op.whole
        op = buffer.defining_op()
    return buffer
