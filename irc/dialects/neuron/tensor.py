"""``#neuron.tensor``: a part of a net's flat parameter vector that has a name and a shape of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from irc.initializers import INITIALIZERS
from irc.ir.attributes import ArrayAttr, Attribute, Form, quote, unescape

_STRING = r'"((?:[^"\\\n]|\\.)*+)"'
_BODY = re.compile(rf"\s*{_STRING}\s*,\s*(\d{{1,12}})\s*,\s*\[([\d,\s]*)\]\s*(?:,\s*(\w+)\s*(?:<([^<>]*)>)?\s*)?")


class Tensor(Attribute):
    """``#neuron.tensor<"a.weight", 0, [4, 8], xavier>``: ``a.weight`` is parameters 0 to 31, in the shape [4, 8].

    Last comes the initialiser, with its numbers where it takes any: ``normal<0.0, 0.1>``. Without one, start values
    are drawn by the fan-in of the neurons, as those of single parameters are.
    """

    __slots__ = ("label", "offset", "shape", "initializer", "numbers")
    name: ClassVar[str] = "neuron.tensor"
    label: str
    offset: int
    shape: tuple[int, ...]
    initializer: str | None
    numbers: tuple[float, ...]

    @classmethod
    def normalise(cls, label, offset, shape, initializer=None, numbers=()):
        shape = tuple(int(size) for size in shape)
        if not label:
            raise ValueError("a tensor of parameters needs a name")
        if any(size < 1 for size in shape) or offset < 0:
            raise ValueError(f"tensor '{label}': sizes are positive, and the offset is not negative")
        if initializer is None:
            return (label, int(offset), shape, None, ())
        rule = INITIALIZERS.get(initializer)
        if rule is None:
            raise ValueError(f"unknown initialiser {initializer}; known are: {' '.join(INITIALIZERS)}")
        if rule.matrix and len(shape) < 2:
            raise ValueError(f"{initializer} is for matrices, and '{label}' has the shape {list(shape)}")
        return (label, int(offset), shape, initializer, rule.with_defaults(numbers))

    @property
    def size(self) -> int:
        """The number of parameters."""
        return math.prod(self.shape)

    def element_names(self) -> Iterator[str]:
        """A name for each parameter, in flat order: ``a.weight[0,1]``."""
        if not self.shape:
            yield self.label
            return
        for index in np.ndindex(*self.shape):
            yield f"{self.label}[{','.join(map(str, index))}]"

    def body(self, form: Form) -> str:
        parts = [quote(self.label), str(self.offset), f"[{', '.join(map(str, self.shape))}]"]
        if self.initializer is not None:
            numbers = ", ".join(repr(number) for number in self.numbers)
            parts.append(f"{self.initializer}<{numbers}>" if numbers else self.initializer)
        return ", ".join(parts)

    @classmethod
    def parse_body(cls, body: str) -> Tensor:
        match = _BODY.fullmatch(body)
        if match is None:
            raise ValueError('expected <"name", offset, [sizes], initialiser>')
        label, offset, sizes, initializer, numbers = match.groups()
        return cls(unescape(label), int(offset), _numbers(sizes, int), initializer, _numbers(numbers or "", float))


def _numbers(text: str, kind: type) -> list:
    try:
        return [kind(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise ValueError(f"expected numbers with commas between, got '{text}'") from None


def verify_tensors(tensors: Any, parameters: int, names: Sequence[str] | None = None) -> None:
    """ValueError unless the tensors are different parts of ``parameters`` parameters, with names of their own.

    ``names``, where given, are those of all parameters; a tensor may not have that of one outside all tensors.
    """
    if not isinstance(tensors, ArrayAttr):
        raise ValueError(f"tensors must be a list of #neuron.tensor, not {tensors}")
    taken: set[str] = set()
    ends: list[tuple[int, int, str]] = []
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise ValueError(f"tensors must be #neuron.tensor, not {tensor}")
        if tensor.label in taken:
            raise ValueError(f"two parameters are called '{tensor.label}'")
        taken.add(tensor.label)
        ends.append((tensor.offset, tensor.offset + tensor.size, tensor.label))
    ends.sort()
    for (_, end, one), (begin, _, other) in zip(ends, ends[1:], strict=False):
        if begin < end:
            raise ValueError(f"tensors '{one}' and '{other}' overlap")
    if ends and ends[-1][1] > parameters:
        raise ValueError(f"tensor '{ends[-1][2]}' ends at {ends[-1][1]}, but there are {parameters} parameters")
    if names is not None:
        for number in outside(tensors, parameters).tolist():
            if names[number] in taken:
                raise ValueError(f"two parameters are called '{names[number]}'")


def outside(tensors: Sequence[Tensor] | ArrayAttr, parameters: int) -> np.ndarray:
    """The numbers (int64, ascending) of the parameters that are part of no tensor."""
    free = np.ones(parameters, bool)
    for tensor in tensors:
        free[tensor.offset : tensor.offset + tensor.size] = False
    return np.flatnonzero(free)
