"""Vectors: making them from scalars, masks, and reducing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.error_bounds import gamma
from irc.ir.attributes import Attribute, StringAttr
from irc.ir.constraints import INDEX, SCALAR, VECTOR, Constraint
from irc.ir.dimensions import evaluate, parse_dimension
from irc.ir.operation import Operation
from irc.ir.spec import attr, operand, result
from irc.ir.traits import MOVEMENT, PURE
from irc.ir.types import Type, VectorType, i1, index

KINDS = ("sum", "product", "max", "min")
LANES = Constraint("a vector of one dimension", lambda t: isinstance(t, VectorType) and t.rank == 1)
MASK = Constraint("a vector of i1", lambda t: isinstance(t, VectorType) and t.rank == 1 and t.scalar is i1)
ANY_MASK = Constraint(
    "a vector of i1, or one row of a tile of i1",
    lambda t: isinstance(t, VectorType) and t.scalar is i1 and (t.rank == 1 or (t.rank == 2 and t.shape[0] == 1)),
)
ROWS = Constraint("a vector of one or two dimensions", lambda t: isinstance(t, VectorType) and t.rank <= 2)


class Splat(Operation):
    """A vector whose lanes are all the scalar: ``loop.splat %x : f32 to vector<16xf32>``."""

    name = "loop.splat"
    source = operand(SCALAR)
    vector = result(VECTOR)
    traits = frozenset({PURE, MOVEMENT})
    assembly = "$source attr-dict `:` type($source) `to` type($vector)"

    def verify(self) -> None:
        if self.vector.type.element is not self.source.type:
            raise ValueError(f"cannot splat {self.source.type} to {self.vector.type}")

    def eval(self, context: Any, source: Any) -> Sequence[Any]:
        return [np.full(self.vector.type.shape, source, context.dtype(self.vector.type.element))]


class Mask(Operation):
    """The first ``count`` lanes: lane ``l`` is true where ``l < count``: ``loop.mask %n : vector<16xi1>``.

    A mask of the columns of a tile has one row: ``loop.mask %n : vector<1x48xi1>``.
    """

    name = "loop.mask"
    count = operand(INDEX)
    mask = result(ANY_MASK)
    traits = frozenset({PURE})
    assembly = "$count attr-dict `:` type($mask)"

    def eval(self, context: Any, count: int) -> Sequence[Any]:
        return [np.reshape(np.arange(self.mask.type.shape[-1]) < count, self.mask.type.shape)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]


class LaneIds(Operation):
    """The numbers of the lanes, 0, 1, 2, ...: ``loop.lane_ids : vector<16xindex>``."""

    name = "loop.lane_ids"
    lanes = result(LANES)
    traits = frozenset({PURE})
    assembly = "attr-dict `:` type($lanes)"

    def verify(self) -> None:
        if self.lanes.type.element is not index:
            raise ValueError(f"lane numbers are of type index, not {self.lanes.type.element}")

    def eval(self, context: Any) -> Sequence[Any]:
        return [np.arange(self.lanes.type.shape[0], dtype=np.int64)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]


class Reduce(Operation):
    """One number from all lanes: ``loop.reduce "sum" %v : vector<16xf32>``. Kinds: sum, product, max, min.

    The order is fixed, so the bits are the same on every machine: lane ``l`` is combined with lane ``l + n/2``, the
    results likewise, and so on. The number of lanes is a power of two. Of a tile each row becomes one number, and these
    a tile of one row: ``loop.reduce "sum" %t : vector<8x16xf32>`` is a ``vector<1x8xf32>``.
    """

    name = "loop.reduce"
    source = operand(ROWS)
    total = result(SCALAR | VECTOR)
    kind = attr(StringAttr, "sum, product, max or min")
    traits = frozenset({PURE})
    assembly = "$kind $source attr-dict `:` type($source)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        source = operand_types[0]
        if isinstance(source, VectorType) and source.rank == 2:
            return [VectorType((1, source.shape[0]), source.element)]
        return [source.element]

    def verify(self) -> None:
        if self.kind.value not in KINDS:
            raise ValueError(f"there is no reduction '{self.kind.value}'; the kinds are {', '.join(KINDS)}")
        check_power_of_two(self.source.type)

    def eval(self, context: Any, source: np.ndarray) -> Sequence[Any]:
        values = np.asarray(source)
        combine = {"sum": np.add, "product": np.multiply, "max": np.maximum, "min": np.minimum}[self.kind.value]
        with np.errstate(all="ignore"):
            while values.shape[-1] > 1:
                half = values.shape[-1] // 2
                values = context.round(combine(values[..., :half], values[..., half:]), self.total.type)
        return [values[0] if values.ndim == 1 else values.T]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        (values,), (error,) = operands, errors
        if not self.total.type.element.is_float:
            return [None]
        n = np.shape(values)[-1]
        spread = np.zeros(np.shape(values)) if error is None else np.broadcast_to(error, np.shape(values))
        unit = context.unit(self.total.type)
        if self.kind.value == "sum":
            bound = spread.sum(-1) + gamma(n, unit) * (np.abs(values) + spread).sum(-1)
        elif self.kind.value == "product":  # of all exact factors in their intervals, the widest distance
            widest = np.prod(np.abs(values) + spread, -1)
            bound = widest - np.prod(np.abs(values), -1) + gamma(n, unit) * widest
        else:
            bound = spread.max(-1, initial=0.0)
        return [float(bound) if np.ndim(bound) == 0 else bound[None, :]]


class Size(Operation):
    """A size, as a number: ``loop.size "N + 1" : index``. Its symbols are the function's size arguments."""

    name = "loop.size"
    value = result(INDEX)
    dimension = attr(StringAttr, "a formula of the function's symbols")
    traits = frozenset({PURE})
    assembly = "$dimension attr-dict `:` type($value)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [index]

    def verify(self) -> None:
        parse_dimension(self.dimension.value)

    def eval(self, context: Any) -> Sequence[Any]:
        return [evaluate(parse_dimension(self.dimension.value), context.symbols)]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        return [None]


def check_power_of_two(type: Type) -> None:
    """ValueError unless the vector has 1, 2, 4, ... lanes: the trees of reductions need it."""
    assert isinstance(type, VectorType)
    lanes = type.shape[-1]
    assert isinstance(lanes, int)
    if lanes & (lanes - 1):
        raise ValueError(f"lanes are combined in a tree, so their number must be a power of two, not {lanes}")
