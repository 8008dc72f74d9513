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
    """The first ``count`` lanes: lane ``l`` is true where ``l < count``: ``loop.mask %n : vector<16xi1>``."""

    name = "loop.mask"
    count = operand(INDEX)
    mask = result(MASK)
    traits = frozenset({PURE})
    assembly = "$count attr-dict `:` type($mask)"

    def eval(self, context: Any, count: int) -> Sequence[Any]:
        return [np.arange(self.mask.type.shape[0]) < count]

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
    results likewise, and so on. The number of lanes is a power of two.
    """

    name = "loop.reduce"
    source = operand(LANES)
    total = result(SCALAR)
    kind = attr(StringAttr, "sum, product, max or min")
    traits = frozenset({PURE})
    assembly = "$kind $source attr-dict `:` type($source)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return [operand_types[0].element]

    def verify(self) -> None:
        if self.kind.value not in KINDS:
            raise ValueError(f"there is no reduction '{self.kind.value}'; the kinds are {', '.join(KINDS)}")
        check_power_of_two(self.source.type)

    def eval(self, context: Any, source: np.ndarray) -> Sequence[Any]:
        values = np.asarray(source)
        combine = {"sum": np.add, "product": np.multiply, "max": np.maximum, "min": np.minimum}[self.kind.value]
        with np.errstate(all="ignore"):
            while len(values) > 1:
                half = len(values) // 2
                values = context.round(combine(values[:half], values[half:]), self.total.type)
        return [values[0]]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        (values,), (error,), n = operands, errors, len(operands[0])
        if not self.total.type.is_float:
            return [None]
        spread = np.zeros(n) if error is None else np.broadcast_to(error, (n,))
        unit = context.unit(self.total.type)
        if self.kind.value == "sum":
            return [float(spread.sum() + gamma(n, unit) * (np.abs(values) + spread).sum())]
        if self.kind.value == "product":  # of all exact factors in their intervals, the widest distance
            widest = np.prod(np.abs(values) + spread)
            return [float(widest - np.prod(np.abs(values)) + gamma(n, unit) * widest)]
        return [float(spread.max(initial=0.0))]


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
    lanes = type.shape[0]
    assert isinstance(lanes, int)
    if lanes & (lanes - 1):
        raise ValueError(f"lanes are combined in a tree, so their number must be a power of two, not {lanes}")
