"""What layers on grids [channels, rows, columns] share: their pattern of edges says what fits and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irc.layers import arguments
from irc.layers.function import Layer
from irc.layers.value import Misfit, Spec

Grid = tuple[int, int, int]


class Patterned(Layer):
    """A layer that is one pattern of edges on a grid. ``in_shape`` and ``in_channels`` are what it was told to take."""

    has_edges = True
    in_shape: Any = None
    in_channels: int | None = None

    def make(self, grid: Grid) -> Any:
        """The pattern on a grid. ValueError for one that does not fit."""
        raise NotImplementedError

    def pattern(self, given: Spec) -> Any:
        """The pattern on what comes in. Raises :class:`Misfit`."""
        if given.rank != 3 or given.integer or not given.is_static:
            raise Misfit(f"takes a grid [channels, rows, columns] of known sizes, but {given} came in")
        if self.in_shape is not None and given.shape != self.in_shape:
            raise Misfit(f"was told of the input {Spec(self.in_shape)}, but {given} came in")
        if self.in_channels is not None and given.shape[0] != self.in_channels:
            raise Misfit(f"takes {self.in_channels} channels, but {given} came in, which has {given.shape[0]}")
        try:
            return self.make(given.shape)  # type: ignore[arg-type]  # its three sizes are numbers
        except ValueError as error:
            raise Misfit(f"{error} ({given} came in)") from None

    def expected(self, position: int) -> Spec | None:
        return None if self.in_shape is None else Spec(self.in_shape)

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        return [inputs[0].with_shape(self.pattern(inputs[0]).result_grid)]

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return True

    def _size(self, given: Any, what: str) -> int:
        return arguments.size(given, f"{what} of {self.kind}")

    def _pair(self, given: Any, what: str, least: int = 1) -> tuple[int, int]:
        return arguments.pair(given, f"{what} of {self.kind}", least)


def leading_shape(kind: str, sizes: Sequence[Any], in_shape: Any) -> tuple[Any, list[Any]]:
    """The shape of the input, if it is given by name or stands first, and the other arguments."""
    given = list(sizes)
    if given and isinstance(given[0], (tuple, list)) and len(given[0]) == 3:
        if in_shape is not None:
            arguments.refuse(kind, "the shape of its input once, not first and by name too")
        in_shape, *given = given
    return None if in_shape is None else arguments.shape(in_shape, f"in_shape of {kind}"), given
