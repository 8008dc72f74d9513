"""The type of memory at loop level."""

from __future__ import annotations

import re
from collections.abc import Iterable

from irc.ir.attributes import Form
from irc.ir.dimensions import Dimension, parse_dimension
from irc.ir.types import SCALARS, ScalarType, Type, VectorType

ROW_MAJOR = "row_major"
_LEADING_NUMBER = re.compile(r"\s*(\d+)\s*x\s*")
_SEPARATOR = re.compile(r"\s+x\s+")
_VECTOR = re.compile(r"vector\s*<((?:\s*\d+\s*x)+)\s*([a-z]\w*)\s*>")


class BufferType(Type):
    """Memory that holds numbers, or machine vectors, in a shape: ``!loop.buffer<B x 4 x f32>``.

    ``layout`` says in which order (``row_major``: the last index runs fastest), ``space`` in which memory (empty: main
    memory). Both are words, printed only where they are not the usual ones: ``!loop.buffer<4 x f32, row_major,
    scratch>``. A buffer of no dimensions holds one element.
    """

    __slots__ = ("shape", "element", "layout", "space")
    name = "loop.buffer"
    shape: tuple[Dimension, ...]
    element: ScalarType | VectorType
    layout: str
    space: str

    @classmethod
    def normalise(cls, shape: Iterable[Dimension], element: Type, layout: str = ROW_MAJOR, space: str = ""):
        if not isinstance(element, (ScalarType, VectorType)):
            raise ValueError(f"a buffer holds numbers or vectors, not {element}")
        return (tuple(shape), element, layout, space)

    @property
    def scalar(self) -> ScalarType:
        """The type of the numbers held."""
        return self.element.scalar if isinstance(self.element, VectorType) else self.element

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every dimension is a number."""
        return all(isinstance(d, int) for d in self.shape)

    @property
    def element_bytes(self) -> int:
        """Size of one element in memory."""
        lanes = 1
        if isinstance(self.element, VectorType):
            for size in self.element.shape:
                assert isinstance(size, int)
                lanes *= size
        return lanes * self.scalar.bytes

    @property
    def bytes(self) -> Dimension:
        """Size of the whole in memory, as a formula of the symbols."""
        total: Dimension = self.element_bytes
        for size in self.shape:
            total = total * size
        return total

    def with_shape(self, shape: Iterable[Dimension]) -> BufferType:
        """The same kind of buffer with another shape."""
        return BufferType(tuple(shape), self.element, self.layout, self.space)

    def with_element(self, element: Type) -> BufferType:
        """The same shape of other elements."""
        return BufferType(self.shape, element, self.layout, self.space)

    def body(self, form: Form) -> str:
        words = [self.layout, self.space] if self.space else [self.layout] if self.layout != ROW_MAJOR else []
        return ", ".join([" x ".join([*map(str, self.shape), str(self.element)]), *words])

    @classmethod
    def parse_body(cls, body: str) -> BufferType:
        """Read ``B x 4 x f32, layout, space``; numbers may also stand close, as in ``8x4xf32``."""
        contents, *words = (part.strip() for part in body.split(","))
        if len(words) > 2 or not all(word.isidentifier() for word in words):
            raise ValueError("expected a layout and a space, each one word, after the element type")
        shape: list[Dimension] = []
        while match := _LEADING_NUMBER.match(contents) or _SEPARATOR.search(contents):
            number = match.group(1) if match.re is _LEADING_NUMBER else contents[: match.start()]
            shape.append(parse_dimension(number))
            contents = contents[match.end() :]
        return cls(shape, _element(contents.strip()), *words)


def _element(text: str) -> Type:
    if text in SCALARS:
        return SCALARS[text]
    if (match := _VECTOR.fullmatch(text)) and match.group(2) in SCALARS:
        return VectorType([int(n) for n in re.findall(r"\d+", match.group(1))], SCALARS[match.group(2)])
    raise ValueError(f"'{text}' is not the type of an element of a buffer")


def lanes_of(type: Type) -> int | None:
    """The number of lanes of a one-dimensional vector type; None for a scalar."""
    if isinstance(type, VectorType) and type.rank == 1:
        return type.shape[0]  # type: ignore[return-value]
    return None


def is_buffer(type: Type) -> bool:
    """Whether ``type`` is a buffer."""
    return isinstance(type, BufferType)
