"""Predicates on types, with the words an error message uses for them."""

from __future__ import annotations

from collections.abc import Callable

from irc.ir.types import FloatType, IndexType, IntegerType, ShapedType, TensorType, Type, VectorType


class Constraint:
    """A set of types: ``description`` completes "expected ...". Answers are remembered per type."""

    __slots__ = ("_known", "_predicate", "description")

    def __init__(self, description: str, predicate: Callable[[Type], bool]):
        self.description = description
        self._predicate = predicate
        self._known: dict[Type, bool] = {}

    def accepts(self, type: Type) -> bool:
        """Whether the type is in the set."""
        answer = self._known.get(type)
        if answer is None:
            answer = self._known[type] = self._predicate(type)
            if len(self._known) > 4096:
                self._known.clear()
        return answer

    def __or__(self, other: Constraint) -> Constraint:
        return Constraint(f"{self.description} or {other.description}", lambda t: self.accepts(t) or other.accepts(t))


def _element(type: Type) -> Type:
    return type.scalar if isinstance(type, ShapedType) else type


ANY = Constraint("any type", lambda t: True)
FLOAT = Constraint("a float", lambda t: isinstance(t, FloatType))
INDEX = Constraint("index", lambda t: isinstance(t, IndexType))
I1 = Constraint("i1", lambda t: str(t) == "i1")
SCALAR = Constraint("a number", lambda t: isinstance(t, (FloatType, IntegerType)))
TENSOR = Constraint("a tensor", lambda t: isinstance(t, TensorType))
VECTOR = Constraint("a vector", lambda t: isinstance(t, VectorType))
FLOAT_TENSOR = Constraint("a tensor of floats", lambda t: isinstance(t, TensorType) and t.scalar.is_float)
INTEGER_TENSOR = Constraint("a tensor of integers", lambda t: isinstance(t, TensorType) and t.scalar.is_integer)

# "Like" is MLIR's word: the scalar itself, or a vector or tensor of it.
FLOAT_LIKE = Constraint("a float, or a vector or tensor of floats", lambda t: _element(t).is_float)
INTEGER_LIKE = Constraint("an integer or index, or a vector or tensor of them", lambda t: _element(t).is_integer)
NUMBER_LIKE = Constraint(
    "a number, or a vector or tensor of numbers", lambda t: _element(t).is_float or _element(t).is_integer
)
BOOL_LIKE = Constraint("i1, or a vector or tensor of i1", lambda t: str(_element(t)) == "i1")
