"""Short calls: a kernel of a net called through a function of Python that is machine code itself.

The slow way (:meth:`irc.backend.entry.Function.call`) takes some microseconds, which is longer than a small net runs.
It gives the GIL free, so other threads go on; here the GIL is held. So this is for calls that are over in about 200 µs
- Python itself lets a thread keep it for 5 ms -, with arrays that need no conversion; for all others the answer is
None, and the caller goes the slow way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from irc.arrays import aligned_zeros
from irc.backend import cpython
from irc.backend.address import address_of
from irc.backend.emit_entry import (
    BOOLEAN,
    CAPACITY,
    NDARRAY,
    TEAM,
    UNKNOWN,
    WORKSPACE,
    call_arrays,
    record_places,
    solutions,
)
from irc.backend.entry import Function
from irc.backend.pool import team_address
from irc.binding import bind_symbols
from irc.dialects.loop.types import BufferType
from irc.ir.diagnostics import Error
from irc.ir.dimensions import evaluate, symbols_of

Straight = tuple[Any, tuple[int, ...], np.dtype]
"""A function of Python that is machine code, from one array to one; shape and dtype of the latter."""
SHORT = 1 << 18
"""The most work of a short call, in the units of :meth:`NativeCall._is_short`: about a nanosecond each, or less."""
WORKSPACE_BYTES = 1 << 16
"""The workspace of short calls where its size depends on the call; one that does not is taken as large as it is."""


class NativeCall:
    """A kernel with its parameters and bound arrays, for short calls. Make one with :func:`native_call`.

    Several threads may call it: the GIL is held, so one workspace is enough. It keeps the machine code alive.
    ``threads``: how many it may use; None where that makes no difference.
    """

    def __init__(
        self,
        function: Function,
        entry: Any,
        parameters: Mapping[str, np.ndarray],
        known: Mapping[str, int],
        room: int,
        threads: int | None,
    ):
        self._function = function
        self._entry = entry
        self._parameters = parameters
        self._known = known
        self._room = room
        self._threads = threads
        self._dtypes = [a.dtype for a in function.signature.outputs()]
        self._shapes: dict[tuple[tuple[int, ...], ...], list[tuple[tuple[int, ...], np.dtype]] | None] = {}

    def serves(self, threads: int | None) -> bool:
        """Whether a call may be one of this: if it does not ask for another number of threads."""
        return threads is None or self._threads is None or threads == self._threads

    def __call__(self, inputs: Sequence[Any], out: Sequence[Any] | None = None) -> Sequence[np.ndarray] | None:
        """The results, in ``out`` or in new arrays; None if this call is none for here: nothing has been done then.

        ``inputs``: what the caller gives, without the parameters.
        """
        shapes = []
        for value in inputs:
            if type(value) is not np.ndarray:
                return None
            shapes.append(value.shape)
        key = tuple(shapes)
        try:
            outputs = self._shapes[key]
        except KeyError:
            outputs = self._learn(key, inputs)
        if outputs is None:
            return None
        results = [np.empty(shape, dtype) for shape, dtype in outputs] if out is None else out
        return results if self._entry(*inputs, *results) else None

    def straight(self, shape: tuple[int, ...]) -> Straight | None:
        """For calls with one array of this shape, that there has been one of, and one result: all that they need."""
        outputs = self._shapes.get((shape,))
        return (self._entry, *outputs[0]) if outputs is not None and len(outputs) == 1 else None

    def _learn(self, key: tuple[tuple[int, ...], ...], inputs: Sequence[Any]) -> Any:
        """The shapes and dtypes of the results; None where a call with these shapes is wrong, or long."""
        outputs = None
        signature = self._function.signature
        if len(inputs) == len(call_arrays(signature)) - len(self._dtypes):
            given = iter(inputs)
            arrays = [self._parameters[a.name] if a.parameter else next(given) for a in signature.by_role("input")]
            try:
                plan = self._function.plan(arrays)
            except Error:
                plan = None  # the slow way says what is wrong
            moved = 0 if plan is None else sum(v.size for v in inputs) + sum(map(prod, plan.outputs))
            if plan is not None and plan.workspace <= self._room and self._is_short(plan.symbols, moved):
                outputs = list(zip(plan.outputs, self._dtypes, strict=True))
        if len(self._shapes) >= Function.PLANS:
            self._shapes.clear()
        self._shapes[key] = outputs
        return outputs

    def _is_short(self, symbols: Mapping[str, int], moved: int) -> bool:
        """An estimate: each parameter and each number of the topology is used once for sixteen samples, and all that
        comes in and goes out is touched.
        """
        samples = 1
        for name, size in symbols.items():
            samples *= 1 if name in self._known else size
        held = sum(a.size for a in (*self._parameters.values(), *self._function.bound.values()))
        return max(held, 1) * (samples // 16 + 1) + moved <= SHORT


def native_call(function: Function, parameters: Mapping[str, np.ndarray], threads: int = 1) -> NativeCall | None:
    """The function for short calls; None where this Python or the function does not allow it.

    ``parameters``: the arrays that every call uses, by the arguments' names, of exact dtype, contiguous and aligned.
    ``threads``: on so many at most, where loops have enough to do.
    """
    signature = function.signature
    team = team_address(threads) if signature.team else 0
    address = function.owner.entry_address(signature.name, team != 0) if cpython.AVAILABLE else None
    bound = function.bound
    if address is None or any(a.flags.writeable for a in bound.values()):
        return None
    held = {**bound, **parameters}
    arguments = [a for a in signature.arguments if a.name in held]
    if any(held[a.name].dtype != a.dtype or (a.is_written and not held[a.name].flags.writeable) for a in arguments):
        return None
    shapes = [(a.name, a.shape, held[a.name].shape) for a in arguments]
    try:
        known = bind_symbols(shapes, signature.symbols)
    except Error:  # each call says so
        return None
    solved = {name for name, _, _ in solutions(signature)}
    sizes = {a.name for a in signature.by_role("symbol")}
    if sizes - solved - set(known):
        return None
    free = symbols_of(signature.workspace) - set(known)
    room = WORKSPACE_BYTES if free else evaluate(signature.workspace, known)
    workspace = aligned_zeros(max(room, 1), np.dtype(np.uint8))
    places, words = record_places(signature)
    record = np.zeros(words, np.int64)
    record[NDARRAY], record[BOOLEAN] = id(np.ndarray), cpython.bool_address()
    record[WORKSPACE], record[CAPACITY] = address_of(workspace), room
    record[TEAM] = team
    for argument in signature.arguments:
        place = places[argument.name]
        if argument.role == "symbol":
            record[place] = known.get(argument.name, UNKNOWN)
        elif argument.name in held:
            array = held[argument.name]
            record[place] = address_of(array)
            if argument.parameter:
                record[place + 1] = address_of(array) + array.nbytes
        elif isinstance(argument.type, BufferType) and argument.role != "workspace":
            record[place] = id(argument.dtype)
    record.flags.writeable = False
    dtypes = [a.dtype for a in signature.arguments if a.role != "workspace"]
    keep = (function.owner.code(team != 0), workspace, held, dtypes)
    entry = cpython.python_function(signature.name, address, record, keep)
    return NativeCall(function, entry, parameters, known, room, threads if signature.team else None)
