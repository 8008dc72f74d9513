"""Calling a function of any level in the interpreter, with the arrays of its batch form.

A net of neurons, the function of whole arrays that it becomes, and the loops that those become take different
arguments.
Here all are called alike: the arrays that a user gives, in order, and the results as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from irc.arrays import require_memory
from irc.backend.entry import Signature
from irc.binding import bind_symbols
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.loop.types import BufferType
from irc.dialects.neuron.net import Net
from irc.error_bounds import unit_roundoff
from irc.interpreter import (
    Bounded,
    Buffer,
    Detached,
    Interpreter,
    argument_attributes,
    bound_symbols,
    error_of,
    size_arguments,
    value_of,
)
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, evaluate, symbols_of
from irc.ir.operation import Operation
from irc.ir.symbols import is_private, symbol_name
from irc.ir.traits import BIT_PATTERNS, has
from irc.ir.types import ScalarType, Type, VectorType

ODD_SIZES = (5, 7, 3, 11, 13)
"""What sizes other than the batch are when nothing says: odd, so that no vector divides them."""


class Callable:
    """A function of a module, ready to be called.

    ``exact``: all ops of the module are defined on numbers, not on their bits, so it may be run in float64.
    """

    def __init__(self, module: ModuleOp, op: Operation):
        self.module = module
        self.op = op
        self.name = symbol_name(op) or ""
        self.exact = not any(has(inner, BIT_PATTERNS) for inner in module.walk())

    # -- what to give --------------------------------------------------------------------------------------------

    def arguments(self) -> list[tuple[Type, tuple[Dimension, ...]]]:
        """Element type and shape of each array to give."""
        if isinstance(self.op, Net):
            return [(type.element, type.shape) for type in self.op.batched_type().inputs]  # type: ignore[attr-defined]
        given = []
        for number, argument in enumerate(self.op.regions[0].blocks[0].arguments):
            marks = argument_attributes(self.op)[number]
            hidden = any(key in marks for key in ("irc.data", "irc.output", "irc.workspace"))
            if not hidden and number >= len(size_arguments(self.op)):
                type: Any = argument.type
                element = type.scalar if isinstance(type, BufferType) else type.element
                given.append((element, () if isinstance(type, ScalarType) else tuple(type.shape)))
        return given

    def inputs(self, seed: int, batch: int, kind: str) -> list[np.ndarray]:
        """Seeded arrays to call it with. ``kind``: "ordinary" (normal), "zeros", or "large" (about a hundred times as
        large). Sizes that nothing binds are ``batch`` (the first) and odd numbers (the others).
        """
        arguments = self.arguments()
        sizes = dict(bound_symbols(self.op))
        free = dict.fromkeys(s for _, shape in arguments for dim in shape for s in sorted(symbols_of(dim)))
        unknown = [s for s in free if s not in sizes]
        sizes.update(zip(unknown, [batch, *ODD_SIZES * len(unknown)], strict=False))
        generator = np.random.Generator(np.random.Philox(key=seed))
        arrays = []
        for element, shape in arguments:
            concrete = [evaluate(d, sizes) for d in shape]
            require_memory(prod(concrete), 8, f"an argument of @{self.name}, of shape {tuple(concrete)},")
            drawn = generator.standard_normal(concrete)
            scale = {"ordinary": 1.0, "zeros": 0.0, "large": 100.0}[kind]
            if element.is_float:
                arrays.append(np.asarray(element.round_array(drawn * scale), np.float64))  # type: ignore[attr-defined]
            else:
                arrays.append(np.asarray(np.abs(drawn) * 2 % 3, element.compute))  # type: ignore[attr-defined]
        return arrays

    # -- calls ---------------------------------------------------------------------------------------------------

    def declared(self, inputs: Sequence[Any]) -> list[Any]:
        """The results in the declared types: what native code gives."""
        return self._call(inputs, "declared")

    def float64(self, inputs: Sequence[Any]) -> list[Any]:
        """The results with all floats in float64."""
        return self._call(inputs, "float64")

    def bounded(self, inputs: Sequence[Any], detached: Detached | None = None) -> list[Any]:
        """The results in float64, each :class:`irc.interpreter.Bounded` by the error of the declared types.

        ``detached``: what values are that no gradient goes through, as runs before left them.
        """
        return self._call(inputs, "bounded", detached)

    @property
    def state_width(self) -> int | None:
        """The number of columns of the state of a net, 0 without delays; None for a function."""
        return sum(op.width for op in self.op.delays) if isinstance(self.op, Net) else None

    def bounded_from_start(self, x: np.ndarray, w: np.ndarray) -> list[Any]:
        """The outputs of a net for ``x`` [steps, streams, inputs] as :meth:`bounded` gives them, its state as it is at
        first. To a net without delays all rows are alike.
        """
        assert isinstance(self.op, Net)
        if not self.op.has_state:
            rows = np.reshape(x, (-1, x.shape[2]))
            return [_reshaped(y, (*x.shape[:2], -1)) for y in self.bounded([rows, w])]
        first = np.concatenate([np.full(op.width, op.initial.value) for op in self.op.delays])
        return self.bounded([x, w, np.tile(first, (x.shape[1], 1))])[:1]

    def noise(self) -> float:
        """The error of float64 as a part of the bounds that :meth:`bounded` gives."""
        units = [unit_roundoff(element) for element, _ in self.arguments() if element.is_float]
        return 2.0**-53 / max(units, default=2.0**-53)

    def _call(self, inputs: Sequence[Any], mode: str, detached: Detached | None = None) -> list[Any]:
        interpreter = Interpreter(self.module, mode)
        interpreter.detached = detached
        if isinstance(self.op, FuncOp) and any(isinstance(a.type, BufferType) for a in self.op.arguments):
            return self._call_with_buffers(interpreter, inputs)
        return interpreter.call(self.name, list(inputs))

    def _call_with_buffers(self, interpreter: Interpreter, inputs: Sequence[Any]) -> list[Any]:
        """Destination passing: sizes from shapes, buffers for inputs, results and workspace."""
        assert isinstance(self.op, FuncOp)
        signature = Signature.of(self.op)
        arrays = dict(zip((a.name for a in signature.by_role("input")), inputs, strict=True))
        arrays |= {a.name: a.data for a in signature.by_role("bound")}
        shapes = [
            (a.name, a.shape, np.shape(arrays[a.name]))
            for a in signature.arguments
            if a.name in arrays and isinstance(a.type, BufferType)
        ]
        sizes = bind_symbols(shapes, signature.symbols, self.op.location)
        values: list[Any] = []
        outputs: dict[int, Buffer] = {}
        for argument in signature.arguments:
            if argument.role == "symbol":
                if argument.name not in sizes:
                    fail(f"the size '{argument.name}' does not follow from the shapes of the inputs", self.op.location)
                values.append(sizes[argument.name])
            elif argument.role == "workspace":
                values.append(Buffer(np.zeros(evaluate(signature.workspace, sizes), np.int8)))
            elif argument.role == "output":
                outputs[argument.output] = _undefined(interpreter, argument.type, argument.shape, sizes)
                values.append(outputs[argument.output])
            elif isinstance(argument.type, BufferType):
                dtype = interpreter.dtype(argument.type.scalar)
                values.append(Buffer(np.array(arrays[argument.name], dtype)))
                if argument.donated >= 0:
                    outputs[argument.donated] = values[-1]
            else:
                values.append(arrays[argument.name])
        interpreter.call(self.name, values)
        return [_result(outputs[number]) for number in sorted(outputs)]


def _undefined(interpreter: Interpreter, type: Type, shape: Sequence[Dimension], sizes: Mapping[str, int]) -> Buffer:
    """Memory for a result: NaN, or the smallest integer, where nothing is written."""
    scalar = type.scalar if isinstance(type, (BufferType, VectorType)) else type
    dtype = interpreter.dtype(scalar)
    fill: Any = np.nan if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min
    return Buffer(np.full([evaluate(d, sizes) for d in shape], fill, dtype))


def _reshaped(held: Any, shape: tuple[int, ...]) -> Any:
    value = value_of(held).reshape(shape)
    error = error_of(held)
    return value if error is None else Bounded(value, np.broadcast_to(error, value_of(held).shape).reshape(shape))


def _result(buffer: Buffer) -> Any:
    return buffer.value if buffer.error is None else Bounded(buffer.value, buffer.error)


def callables(module: ModuleOp) -> list[Callable]:
    """The functions and nets of a module that others may call: those that are public and have a body."""
    return [
        Callable(module, op)
        for op in module.functions
        if not is_private(op) and op.regions and op.regions[0].blocks
    ]
