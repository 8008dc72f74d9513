"""The patterns that the edges of a ``neuron.layer`` follow."""

from __future__ import annotations

import re
from math import prod
from typing import ClassVar

import numpy as np

from irc.ir.attributes import Attribute, Form


class Edges(Attribute):
    """The base of the patterns: how many inputs, outputs, weights and biases, and which edge has which weight.

    Weights are a tensor of ``weight_shape``, numbered from the layer's first parameter, biases from the first bias.
    Edges that share a weight have equal numbers. ``fan_in``: how many edges a neuron has that has them all.
    ``aggregations``: how the neurons may join their inputs.
    """

    __slots__ = ()
    inputs: int
    outputs: int
    weight_shape: tuple[int, ...]
    fan_in: int
    aggregations: ClassVar[tuple[str, ...]] = ("sum",)

    @property
    def weight_count(self) -> int:
        """The number of weights."""
        return prod(self.weight_shape)

    @property
    def bias_count(self) -> int:
        """The number of biases: one for each neuron, if the pattern does not share them."""
        return self.outputs

    def bias_numbers(self) -> np.ndarray:
        """The number of the bias of each neuron (int64)."""
        return np.arange(self.outputs)

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Source, target and number of the weight of each edge (int64), by target, then source."""
        raise NotImplementedError

    def in_degrees(self) -> np.ndarray:
        """The number of edges into each neuron (int64)."""
        return np.full(self.outputs, self.fan_in)

    def aggregate(self, how: str, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """What the neurons of each sample make of the weighted inputs: (samples, inputs) to (samples, outputs)."""
        raise NotImplementedError


def positive_integers(body: str, names: str) -> list[int]:
    """The positive integers of an attribute's text. ValueError if it is not ``names``, separated by commas."""
    parts = [part.strip() for part in body.split(",")]
    if len(parts) != len(names.split(", ")) or not all(re.fullmatch(r"\d{1,9}", p) and int(p) for p in parts):
        raise ValueError(f"expected <{names}> with positive integers, got <{body}>")
    return [int(part) for part in parts]


class Dense(Edges):
    """``#neuron.dense<inputs, outputs>``: every input to every output; the weights are a matrix [outputs, inputs]."""

    __slots__ = ("inputs", "outputs")
    name: ClassVar[str] = "neuron.dense"

    @property
    def weight_shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Outputs and inputs."""
        return self.outputs, self.inputs

    @property
    def fan_in(self) -> int:  # type: ignore[override]
        """The number of edges into a neuron."""
        return self.inputs

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target, source = np.divmod(np.arange(self.weight_count), self.inputs)
        return source, target, np.arange(self.weight_count)

    def aggregate(self, how: str, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return values @ weights.reshape(self.weight_shape).T

    def body(self, form: Form) -> str:
        return f"{self.inputs}, {self.outputs}"

    @classmethod
    def parse_body(cls, body: str) -> Dense:
        return cls(*positive_integers(body, "inputs, outputs"))


class OneToOne(Edges):
    """``#neuron.one_to_one<k>``: an edge from input i to output i."""

    __slots__ = ("size",)
    name: ClassVar[str] = "neuron.one_to_one"
    fan_in: ClassVar[int] = 1  # type: ignore[misc]
    size: int

    @property
    def inputs(self) -> int:  # type: ignore[override]
        """The number of inputs."""
        return self.size

    @property
    def outputs(self) -> int:  # type: ignore[override]
        """The number of outputs."""
        return self.size

    @property
    def weight_shape(self) -> tuple[int]:  # type: ignore[override]
        """One for each edge."""
        return (self.size,)

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        every = np.arange(self.size)
        return every, every, every

    def aggregate(self, how: str, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return values * weights

    def body(self, form: Form) -> str:
        return str(self.size)

    @classmethod
    def parse_body(cls, body: str) -> OneToOne:
        return cls(*positive_integers(body, "size"))
