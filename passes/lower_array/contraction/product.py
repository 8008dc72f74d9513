"""What a contraction is: operands, letters and sizes; and ways to reach its elements as tiles."""

from __future__ import annotations

from dataclasses import dataclass, field

from irc.dialects.loop import LoadTile, Mask, StoreTile
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import ScalarType, VectorType, i1
from irc.passes.lower_array.lowering import Lowering, shape_of

At = dict[str, Value]
"""The position of each letter that is fixed."""


@dataclass(frozen=True)
class Operand:
    """A buffer, and the letter of each of its dimensions."""

    buffer: Value
    letters: str


@dataclass
class Product:
    """``out = sum of a * b``, where the last letter of the result is not in ``a`` unless it is in both.

    ``rows``: letters of ``a`` and the result, ``columns``: of ``b`` and the result, ``both``: of all three, ``summed``:
    of the operands alone; the first three in the order of the result.
    """

    lowering: Lowering
    a: Operand
    b: Operand
    out: Operand
    sizes: dict[str, Dimension] = field(init=False)

    def __post_init__(self) -> None:
        last = self.out.letters[-1:]
        if last and last in self.a.letters and last not in self.b.letters:
            self.a, self.b = self.b, self.a
        self.sizes = {}
        for operand in (self.a, self.b):
            self.sizes.update(zip(operand.letters, shape_of(operand.buffer), strict=True))
        a, b, result = self.a.letters, self.b.letters, self.out.letters
        self.rows = [letter for letter in result if letter in a and letter not in b]
        self.columns = [letter for letter in result if letter in b and letter not in a]
        self.both = [letter for letter in result if letter in a and letter in b]
        self.summed = [letter for letter in dict.fromkeys(a + b) if letter not in result]

    @property
    def element(self) -> ScalarType:
        """The type of the numbers."""
        element = self.out.buffer.type.element
        assert isinstance(element, ScalarType)
        return element

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

    def mask(self, count: Value, columns: int) -> Value:
        """The first ``count`` columns."""
        return self.lowering.make(Mask, count, result_types=[VectorType((1, columns), i1)])

    def zeros(self, rows: int, columns: int) -> Value:
        """A tile of zeros."""
        return self.lowering.constant(0, VectorType((rows, columns), self.element))


def _places(operand: Operand, shape: tuple[int, int], down: str | None, across: str | None) -> dict[str, int]:
    found = {}
    if down is not None and shape[0] > 1:
        found["down"] = operand.letters.index(down)
    if across is not None:
        found["across"] = operand.letters.index(across)
    return found
