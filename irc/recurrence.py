"""The state of a recurrent net: it is carried from call to call, and can be read, set, and reset.

A recurrent net takes its input over time. ``rows="steps"``: the rows of ``x`` [T, features] are consecutive steps of
one stream. ``rows="streams"``: ``x`` is [T, B, features], B streams that have nothing to do with each other, each with
a state of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from irc.arrays import as_array, as_input, check_output
from irc.backend.entry import Argument
from irc.backend.forks import lock
from irc.ir.diagnostics import Error, counted
from irc.kernel import Kernel

Call = Callable[[list[np.ndarray], "list[np.ndarray] | None"], Sequence[np.ndarray]]
"""A native function: from its inputs (without parameters), and perhaps arrays for results, to its results."""

STEPS = "steps"
ROWS = (STEPS, "streams")
"""What the rows of an input are: steps of one stream, or at each step one row for each stream."""


RANK_HINTS = {
    "steps": "with rows='streams', many streams are (steps, streams, width)",
    "streams": "with rows='steps', one stream is (steps, width)",
}
"""What to tell who gives a recurrent net an array of another number of dimensions."""


def checked_rows(rows: Any) -> str:
    """``rows``, if it is one of ROWS. Raises :class:`irc.Error` otherwise."""
    if not isinstance(rows, str) or rows not in ROWS:
        raise Error(f"rows must be one of {', '.join(ROWS)}, got {rows!r:.80}")
    return rows


class State:
    """What the delays of a net hold between two calls: registers by name, and ``flat`` [streams, columns].

    ``state["b"]`` is the register of ``b``, [streams, width], a view that can be written; ``state["b"] = 0.5`` and
    ``state.flat = array`` set it, the latter also to another number of streams. Before the first call, and after a
    reset, there is one stream; the next call then may have any number of them, which all start alike.
    """

    def __init__(self, argument: Argument):
        widths = [width for _, width, _ in argument.registers]
        ends = np.cumsum(widths).tolist()
        self._places = {
            name: slice(end - width, end) for (name, width, _), end in zip(argument.registers, ends, strict=True)
        }
        initial = np.repeat([value for *_, value in argument.registers], widths)
        self._initial = np.asarray(initial, argument.dtype)[None, :]
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the initial values."""
        self._flat = self._initial.copy()
        self._begun = False

    @property
    def begun(self) -> bool:
        """Whether these are the states of so many streams, rather than the one that any number of them starts with."""
        return self._begun

    @property
    def flat(self) -> np.ndarray:
        """All registers side by side, [streams, columns]; a row for each stream. Writable."""
        return self._flat

    @flat.setter
    def flat(self, value: Any) -> None:
        given = as_input(value, self._flat.dtype, [None, self._flat.shape[1]], "state")
        self._flat = given.copy()
        self._begun = len(given) != 1

    def __getitem__(self, name: str) -> np.ndarray:
        return self._flat[:, self._place(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        place = self._place(name)
        try:
            self._flat[:, place] = value
        except (TypeError, ValueError) as error:
            raise Error(f"state[{name!r}] is of shape {self._flat[:, place].shape}: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"<state: {', '.join(self._places)}; {counted(len(self._flat), 'stream')}>"

    def _place(self, name: str) -> slice:
        if name not in self._places:
            raise Error(f"there is no register {name!r}; there are {', '.join(self._places)}")
        return self._places[name]

    def of(self, streams: int) -> np.ndarray:
        """The state for a call with so many streams. Raises :class:`irc.Error` if it is that of another number."""
        if len(self._flat) == streams:
            return self._flat
        if self._begun:
            raise Error(
                f"the state is that of {counted(len(self._flat), 'stream')}, the input has {streams}; "
                "reset_state() begins anew"
            )
        return np.repeat(self._flat, streams, 0)

    def advance(self, flat: np.ndarray) -> None:
        """What the state is after a call."""
        self._flat, self._begun = flat, True

    def restore(self, flat: Any, begun: bool) -> None:
        """Be what another one was. Raises :class:`irc.Error` for arrays of another width."""
        self.flat = flat
        self._begun = begun


class Recurrence:
    """Calls of a recurrent net, one after the other, with its ``state``."""

    def __init__(self, forward: Kernel):
        self._x, state = forward.inputs
        self._widths = forward.width(self._x), forward.width(forward.signature.outputs()[0])
        self.state = State(state)
        self._lock = lock()

    @staticmethod
    def of(forward: Kernel) -> Recurrence | None:
        """That of a native function of an input over time and a state; None for others."""
        given = [bool(a.registers) for a in forward.inputs]
        return Recurrence(forward) if given == [False, True] else None

    def run(self, call: Call, x: Any, rows: str, out: np.ndarray | None = None) -> np.ndarray:
        """The output, by ``call``, the native function. The state goes on."""
        given = over_time(x, self._x.dtype, self._widths[0], self._x.name, rows)
        steps = rows == "steps"
        if out is None:
            return _as_rows(self._go_on(call, given, [], None)[0], steps)
        check_output(out, self._x.dtype, (*given.shape[: 1 if steps else 2], self._widths[1] or 0))
        self._go_on(call, given, [], out[:, None] if steps else out)
        return out

    def vjp(self, call: Call, x: Any, dy: Any, rows: str) -> list[np.ndarray]:
        """All results of the joint function. The state goes on; no gradient comes back from behind the last step."""
        given = over_time(x, self._x.dtype, self._widths[0], self._x.name, rows)
        cotangent = over_time(dy, self._x.dtype, self._widths[1], "dy", rows)
        return [_as_rows(a, rows == "steps") for a in self._go_on(call, given, [cotangent], None)]

    def _go_on(
        self, call: Call, x: np.ndarray, cotangents: list[np.ndarray], out: np.ndarray | None
    ) -> Sequence[np.ndarray]:
        with self._lock:
            state = self.state.of(x.shape[1])
            behind = [np.zeros_like(state)] * len(cotangents)
            results = call([x, state, *cotangents, *behind], None if out is None else [out, np.empty_like(state)])
            self.state.advance(results[1])
        return results


def over_time(value: Any, dtype: np.dtype, width: int | None, name: str, rows: str) -> np.ndarray:
    """An array [steps, streams, width] of what a user gives for a recurrent net. Raises :class:`irc.Error`."""
    steps = checked_rows(rows) == "steps"
    array = as_input(value, dtype, [None, width] if steps else [None, None, width], name, RANK_HINTS[rows])
    return array[:, None] if steps else array


def _as_rows(array: np.ndarray, steps: bool) -> np.ndarray:
    """A result over time as the caller wants it: without the axis of streams, where the rows are steps of one."""
    return array[:, 0] if steps and array.ndim == 3 else array


def single(arrays: Sequence[Any], name: str) -> Any:
    """The only array. Raises :class:`irc.Error` where there are several."""
    if len(arrays) != 1:
        raise Error(f"@{name} over time takes one array, got {len(arrays)}")
    return arrays[0]


def all_rows(value: Any, name: str) -> np.ndarray:
    """Streams over time [T, B, width] as rows, for a net to which all rows are alike. Raises :class:`irc.Error`."""
    array = as_array(value, name)
    if array.ndim != 3:
        raise Error(f"{name}: with rows='streams' expected 3 dimensions (steps, streams, width), got {array.ndim}")
    return array.reshape(-1, array.shape[2])
