"""What a contraction is: operands, letters and sizes; and ways to reach its elements as tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from irc.dialects.loop import LoadTile, StoreTile
from irc.ir.dimensions import Dimension
from irc.ir.dimensions import product as times
from irc.ir.operation import Value
from irc.ir.types import ScalarType, VectorType
from irc.passes.lower_array.lowering import Lowering, shape_of
from irc.passes.lower_array.tiler import At, Tiler


@dataclass(frozen=True)
class Operand:
    """A buffer, and the letter of each of its dimensions."""

    buffer: Value
    letters: str

    @property
    def last(self) -> str:
        """The letter whose elements lie side by side; empty where there is none."""
        return self.letters[-1:]


@dataclass
class Product(Tiler):
    """``out = sum of a * b``, where the last letter of the result is not in ``a`` unless it is in both; or, ``turned``,
    the other way round, so that tiles have the result's last letter in their rows.

    ``letters``: of the result; ``place``: makes memory for it, where it is wanted as it is. ``rows``: letters of ``a``
    and the result, ``columns``: of ``b`` and the result, ``both``: of all three, ``summed``: of the operands alone; the
    first three in the order of the result.
    """

    lowering: Lowering
    a: Operand
    b: Operand
    letters: str
    place: Callable[[], Value]
    turned: bool = False
    sizes: dict[str, Dimension] = field(init=False)

    def __post_init__(self) -> None:
        last = self.letters[-1:]
        if last and last in self.a.letters and last not in self.b.letters and not self.turned:
            self.a, self.b = self.b, self.a
        self.sizes = {}
        for operand in (self.a, self.b):
            self.sizes.update(zip(operand.letters, shape_of(operand.buffer), strict=True))
        a, b, result = self.a.letters, self.b.letters, self.letters
        self.rows = [letter for letter in result if letter in a and letter not in b]
        self.columns = [letter for letter in result if letter in b and letter not in a]
        self.both = [letter for letter in result if letter in a and letter in b]
        self.summed = [letter for letter in dict.fromkeys(a + b) if letter not in result]

    @cached_property
    def out(self) -> Operand:
        """The result."""
        return Operand(self.place(), self.letters)

    @property
    def element(self) -> ScalarType:
        """The type of the numbers."""
        element = self.a.buffer.type.element
        assert isinstance(element, ScalarType)
        return element

    @property
    def row(self) -> str | None:
        """The letter along which the rows of tiles run: the longest, the last of such. None where there are no rows."""
        sizes = [(size if isinstance(size := self.sizes[letter], int) else LARGE) for letter in self.rows]
        return None if not sizes else max(zip(sizes, range(len(sizes)), self.rows, strict=True))[2]

    @property
    def column(self) -> str:
        """The letter along which the columns of tiles run."""
        return self.columns[-1]

    @property
    def outer(self) -> list[str]:
        """The letters of the result that have loops around the tiles."""
        return [letter for letter in self.letters if letter not in (self.row, self.column)]

    def size(self, letters: Sequence[str]) -> Dimension:
        """The product of the sizes of some letters."""
        return times([self.sizes[letter] for letter in letters])

    def load(
        self,
        operand: Operand,
        at: At,
        shape: tuple[int, int],
        down: str | None = None,
        across: str | None = None,
        mask: Value | None = None,
    ) -> Value:
        """A tile of an operand: its rows run along the letter ``down``, its columns along ``across``."""
        indices = [at[letter] for letter in operand.letters]
        places = _places(operand, shape, down, across)
        type = VectorType(shape, self.element)
        masks = [mask] if mask is not None else []
        return self.lowering.make(LoadTile, operand.buffer, indices, masks, result_types=[type], **places)

    def store(
        self, tile: Value, operand: Operand, at: At, down: str | None, across: str, mask: Value | None = None
    ) -> None:
        """Write a tile."""
        indices = [at[letter] for letter in operand.letters]
        places = _places(operand, tuple(tile.type.shape), down, across)  # type: ignore[attr-defined]
        masks = [mask] if mask is not None else []
        self.lowering.builder.create(StoreTile, tile, operand.buffer, indices, masks, **places)

    def each_step(
        self, letters: Sequence[str], body: Callable[[At, list[Value]], list[Value]], carried: list[Value]
    ) -> list[Value]:
        """``body`` at all positions of some letters, one after the other; the carried values after it."""

        def level(depth: int, at: At, values: list[Value]) -> list[Value]:
            if depth == len(letters):
                return body(at, values)
            letter = letters[depth]

            def turn(i: Value, inner: list[Value]) -> Sequence[Value]:
                return level(depth + 1, at | {letter: i}, inner)

            return self.lowering.loop(self.lowering.size(self.sizes[letter]), turn, values, counter=letter)

        return level(0, {}, carried)

    def nest(self, letters: Sequence[str], body: Callable[[At], None]) -> None:
        """``body`` at all positions of some letters, in any order."""

        def level(at: list[Value]) -> None:
            body(dict(zip(letters, at, strict=True)))

        self.lowering.nest([self.sizes[letter] for letter in letters], level)


def divides(count: int, size: Dimension) -> bool:
    """Whether a size is surely a multiple of ``count``."""
    return size // count * count == size


LARGE = 4096
"""What a size that is not known is taken for."""


def _places(operand: Operand, shape: tuple[int, int], down: str | None, across: str | None) -> dict[str, int]:
    found = {}
    if down is not None and shape[0] > 1:
        found["down"] = operand.letters.index(down)
    if across is not None:
        found["across"] = operand.letters.index(across)
    return found
