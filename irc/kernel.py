"""A native function of a net: which of its arguments are parameters, and what stands where in the flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from irc.arrays import as_input, as_samples, require_below, samples_hint
from irc.backend.entry import Argument, Function, Signature
from irc.ir.diagnostics import Error, counted
from irc.ir.dimensions import evaluate, symbols_of
from irc.ir.types import ScalarType


class Kernel:
    """A native function, and which of its arguments are parameters.

    ``arguments`` are its inputs in order; ``inputs`` those that a caller gives; ``parameters`` the others, by name, and
    ``offsets`` where each begins in the flat vector.
    """

    def __init__(self, function: Function):
        self.function = function
        self.signature = function.signature
        self.arguments = self.signature.by_role("input")
        self.inputs = [a for a in self.arguments if not a.parameter]
        self.parameters = {a.name: a for a in self.arguments if a.parameter}
        self.offsets: dict[str, int] = {}
        self._shapes = {a.name: parameter_shape(a, self.signature) for a in self.parameters.values()}
        self._wanted = [_known_shape(a, self.signature) for a in self.inputs]
        self._reshapes = any(a.sample_shape is not None for a in self.inputs)
        offset = 0
        for name, shape in self._shapes.items():
            self.offsets[name] = offset
            offset += prod(shape)
        self._size = offset
        self._places = [(a.dtype.kind == "f", self.offsets.get(a.name)) for a in self.arguments]
        self._parts: tuple[np.ndarray, dict[str, np.ndarray]] | None = None

    def known_shape(self, argument: Argument) -> list[int | None]:
        """The sizes of an argument that are known beforehand; None where they are not."""
        return _known_shape(argument, self.signature)

    @property
    def shapes(self) -> list[list[int | None]]:
        """Of each of ``inputs`` the sizes that are known beforehand; None where they are not."""
        return self._wanted

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the net's numbers."""
        floats = [
            a.dtype for a in (*self.parameters.values(), *self.inputs, *self.signature.outputs()) if a.dtype.kind == "f"
        ]
        return floats[0] if floats else np.dtype(np.float32)

    def width(self, argument: Argument) -> int | None:
        """The last size of an argument; None where it is not fixed."""
        last = argument.shape[-1] if argument.shape else 1
        return evaluate(last, self.signature.symbols) if symbols_of(last) <= set(self.signature.symbols) else None

    def parts(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The parameter arguments, as parts of the flat vector. Remembered for the last vector."""
        parts = self._parts
        if parts is None or parts[0] is not flat:
            found = {}
            for name, shape in self._shapes.items():
                begin = self.offsets[name]
                found[name] = flat[begin : begin + prod(shape)].reshape(shape)
            self._parts = parts = (flat, found)
        return parts[1]

    def samples(self, given: Sequence[Any]) -> Sequence[Any]:
        """Inputs whose samples have the other shape that they may have, in their own; all else as it is."""
        if not self._reshapes or len(given) != len(self.inputs):
            return given
        each = zip(given, self._wanted, self.inputs, strict=True)
        return [as_samples(value, shape[1:], a.sample_shape) for value, shape, a in each]

    def prepare(self, given: Sequence[Any], flat: np.ndarray) -> list[Any]:
        """All arrays in the order of the arguments: parameters as parts of ``flat``, the given ones checked and
        converted.
        """
        parts = self.parts(flat)
        if len(given) != len(self.inputs):
            names = ", ".join(a.name for a in self.inputs)
            raise Error(
                f"@{self.signature.name} takes {counted(len(self.inputs), 'input')} ({names}), got {len(given)}"
            )
        values = zip(self.samples(given), self._wanted, strict=True)
        arrays: list[Any] = []
        for argument in self.arguments:
            if argument.parameter:
                arrays.append(parts[argument.name])
            else:
                value, shape = next(values)
                array = as_input(value, argument.dtype, shape, argument.name, samples_hint(argument.sample_shape))
                require_below(array, argument.below, argument.name)
                arrays.append(array)
        return arrays

    def gradients(self, results: Sequence[np.ndarray], flat: np.ndarray) -> tuple[np.ndarray, list[np.ndarray | None]]:
        """From the gradients of the float arguments: those of the parameters as a vector like ``flat``, and those of
        the inputs (None for integers).
        """
        following = iter(results)
        inputs: list[np.ndarray | None] = []
        alone = len(self.parameters) == 1 and self._size == flat.size
        vector = None if alone else np.zeros_like(flat)
        for is_float, begin in self._places:
            if not is_float:
                inputs.append(None)
            elif begin is None:
                inputs.append(next(following))
            elif vector is None:
                vector = next(following).reshape(-1)
            else:
                part = next(following).reshape(-1)
                vector[begin : begin + part.size] = part
        return np.zeros_like(flat) if vector is None else vector, inputs


def parameter_shape(argument: Argument, signature: Signature) -> tuple[int, ...]:
    """The shape of a parameter, which must follow from what is known beforehand. Raises :class:`irc.Error`."""
    if isinstance(argument.type, ScalarType):
        return ()
    try:
        return tuple(evaluate(d, signature.symbols) for d in argument.shape)
    except KeyError as error:
        raise Error(
            f"the size of parameter '{argument.name}' is not known: symbol {error} has no value; give it in irc.symbols"
        ) from None


def _known_shape(argument: Argument, signature: Signature) -> list[int | None]:
    known = signature.symbols
    return [evaluate(d, known) if symbols_of(d) <= set(known) else None for d in argument.shape]
