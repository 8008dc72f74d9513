"""What kernels share that compute their result in register tiles: loops over tiles, masks, zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irc.dialects.loop import Mask
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import ScalarType, VectorType, i1
from irc.passes.lower_array.lowering import Lowering

At = dict[str, Value]
"""The positions of letters: of those that are fixed, or of all."""


class Tiler:
    """A kernel that writes its loops with ``lowering``."""

    lowering: Lowering

    @property
    def element(self) -> ScalarType:
        """The type of the numbers."""
        raise NotImplementedError

    @property
    def lanes(self) -> int:
        """How many numbers a vector holds."""
        return self.lowering.target.lanes(self.element)

    def mask(self, count: Dimension | Value, columns: int) -> Value:
        """The first ``count`` columns."""
        number = count if isinstance(count, Value) else self.lowering.size(count)
        return self.lowering.make(Mask, number, result_types=[VectorType((1, columns), i1)])

    def zeros(self, rows: int, columns: int) -> Value:
        """A tile of zeros."""
        return self.lowering.constant(0, VectorType((rows, columns), self.element))

    def steps(
        self,
        lower: Dimension,
        upper: Dimension,
        step: int,
        counter: str,
        body: Callable[[Value], None],
        parallel: bool = True,
    ) -> None:
        """``body`` for each ``step``-th position; a single known one without a loop."""
        low = self.lowering
        if isinstance(lower, int) and isinstance(upper, int) and lower < upper <= lower + step:
            body(low.index(lower))
            return

        def turn(i: Value, _: list[Value]) -> Sequence[Value]:
            body(i)
            return []

        if lower != upper:
            low.loop(
                low.size(upper),
                turn,
                lower=low.size(lower),
                step=low.index(step),
                parallel=parallel,
                counter=counter,
            )

    def reached(self, buffer: Value, letters: Sequence[str | None]) -> Value:
        """The same memory, as tiles reach it, of a buffer whose dimensions run along these letters of the result."""
        return buffer
