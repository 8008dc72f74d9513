"""Applied functions as array ops: values become tensors with the batch in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from math import prod
from typing import Any

from irc.dialects.arith import AddF, DivF
from irc.dialects.array import Broadcast, Detach, Reduce, Reshape, Running, Slice
from irc.dialects.array.sizes import size_as_float
from irc.dialects.array.syntax import sizes_attribute, tensor
from irc.dialects.constants import splat
from irc.ir.builder import Builder
from irc.ir.dimensions import product, symbol
from irc.ir.operation import Operation
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType, Type, i32
from irc.layers.function import Layer, Weight
from irc.layers.value import Spec, Value

BATCH = symbol("B")

Offsets = Mapping[tuple[Layer, str], tuple[int, Weight]]
"""Where each tensor of parameters begins in the flat vector, and what it is."""


class ArrayWriter:
    """Writes array ops with ``builder``. ``flat`` is the vector of parameters."""

    def __init__(self, builder: Builder, flat: IrValue, offsets: Offsets, element: Type):
        self.builder = builder
        self.flat = flat
        self.element = element
        self._offsets = offsets
        self._made: dict[Value, IrValue] = {}
        self._weights: dict[tuple[Layer, str], IrValue] = {}
        self._followed: dict[tuple[Layer, str], IrValue] = {}
        self._streams = count()

    def __getitem__(self, value: Value) -> IrValue:
        return self._made[value]

    def __setitem__(self, value: Value, made: IrValue) -> None:
        self._made[value] = made

    def type_of(self, spec: Spec) -> TensorType:
        """The type of a value with the batch in front."""
        return TensorType([BATCH, *spec.shape], i32 if spec.integer else self.element)

    def value(self, cls: type[Operation], *operands: Any, **options: Any) -> IrValue:
        """The only result of a new op."""
        return self.builder.value(cls, *operands, **options)

    def weight(self, layer: Layer, name: str) -> IrValue:
        """A tensor of parameters of a layer."""
        if (layer, name) not in self._weights:
            begin, weight = self._offsets[layer, name]
            part = self.part(self.flat, begin, TensorType([prod(weight.shape)], self.element))
            self._weights[layer, name] = self.reshaped(part, TensorType(weight.shape, self.element))
        return self._weights[layer, name]

    def followed(self, layer: Layer, name: str) -> IrValue:
        """What a statistic of a layer is in training when all that is written so far has been done: its parameter, or
        what :meth:`follow` took in last.
        """
        if (layer, name) not in self._followed:
            self._followed[layer, name] = self.value(Detach, self.weight(layer, name))
        return self._followed[layer, name]

    def follow(self, layer: Layer, name: str, now: IrValue, seen: IrValue, momentum: float) -> IrValue:
        """A statistic: in training ``now``, and of ``seen`` a part ``momentum`` is taken in; else the parameter."""
        before = self.value(Detach, self.weight(layer, name))
        self._followed[layer, name] = seen
        return self.value(Running, before, now, seen, momentum=momentum)

    def part(self, vector: IrValue, begin: int, type: TensorType) -> IrValue:
        """A part of a vector."""
        return self.value(Slice, vector, offsets=sizes_attribute([begin]), result_types=[type])

    def reshaped(self, value: IrValue, type: TensorType) -> IrValue:
        """The same elements as ``type``."""
        return value if value.type is type else self.value(Reshape, value, result_types=[type])

    def add(self, left: IrValue, right: IrValue) -> IrValue:
        """The sum of two tensors of one type."""
        return self.value(AddF, left, right)

    def along(self, value: IrValue, type: Type, *axes: int) -> IrValue:
        """``value`` repeated to ``type``; its own dimensions are ``axes`` of that, counted from the end if negative."""
        dims = sorted(axis % tensor(type).rank for axis in axes)
        return self.value(Broadcast, value, dims=dims, result_types=[type])

    def new_stream(self) -> int:
        """The number of one more stream of random numbers."""
        return next(self._streams)

    def full(self, number: float, type: Type) -> IrValue:
        """A tensor full of one number."""
        return splat(self.builder, number, type)

    def mean(self, value: IrValue, axes: Sequence[int]) -> IrValue:
        """The mean along ``axes`` (the batch is axis 0)."""
        total = self.value(Reduce, value, kind="sum", dims=list(axes))
        return self.value(DivF, total, self.number(value, axes, total.type))

    def number(self, value: IrValue, axes: Sequence[int], type: Type) -> IrValue:
        """How many places ``axes`` of ``value`` have together, everywhere in ``type``."""
        places = product([value.type.shape[axis] for axis in axes])  # type: ignore[attr-defined]
        return size_as_float(self.builder, places, type)
