"""Calling native functions with arrays: sizes from shapes, outputs and workspace made, then one call through ctypes.

Native code trusts what it is given, so everything is checked here: dtypes, shapes against each other, contiguity,
alignment, and that nothing written (outputs, and donated inputs, which hold results afterwards) overlaps anything else.
What a bound array *says* (offsets and indices of a topology) is checked by whoever binds it.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from irc.arrays import aligned_zeros, check_output, require_memory
from irc.backend.address import address_of
from irc.backend.pool import team_address
from irc.binding import bind_symbols
from irc.dialects.array.topology import Transposed, transposed
from irc.dialects.func import FuncOp
from irc.dialects.loop.types import BufferType
from irc.dialects.marks import has_team
from irc.interpreter import bound_symbols, size_arguments
from irc.ir.attributes import Attribute, DenseAttr, IntegerAttr, StringAttr, python_value
from irc.ir.diagnostics import Error
from irc.ir.dimensions import Dimension, evaluate, parse_dimension
from irc.ir.types import ScalarType, Type, VectorType

_NUMBERS = {
    "f32": ctypes.c_float,
    "f64": ctypes.c_double,
    "i1": ctypes.c_bool,
    "i8": ctypes.c_int8,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "index": ctypes.c_int64,
}


@dataclass(frozen=True)
class Argument:
    """One argument of a native function.

    ``role``: "symbol" (a size, found from shapes), "input", "bound" (an input with a value of its own, ``data``),
    "output" or "workspace". ``output`` is the number of the result that an output holds; ``parameter``: an input that
    is one of the net's parameters. ``derived``: of a bound argument that follows from others (``irc.derived``), the
    names of these, and which part of what they give it is (see the pass transpose-graphs). ``donated``: of an input
    that is overwritten, the number of the result that it holds afterwards (-1: it is only read). ``registers``: of an
    input that is a state, the name, width and initial value of the parts of each row. ``sample_shape``: of an input,
    another shape that a caller may give each sample in. ``below``: of an input of integers, these lie from 0 to below
    it.
    """

    name: str
    role: str
    type: Type
    output: int = -1
    data: np.ndarray | None = None
    parameter: bool = False
    derived: tuple[tuple[str, ...], int] | None = None
    donated: int = -1
    registers: tuple[tuple[str, int, float], ...] = ()
    sample_shape: tuple[int, ...] | None = None
    below: int | None = None
    least_rows: int = 1
    is_key: bool = False

    @property
    def is_written(self) -> bool:
        """Whether the call writes to the array: an output, or a donated input."""
        return self.role == "output" or self.donated >= 0

    @cached_property
    def dtype(self) -> np.dtype:
        """The dtype of the array to pass."""
        scalar = self.type.scalar if isinstance(self.type, BufferType) else self.type
        assert isinstance(scalar, ScalarType)
        return scalar.storage

    @cached_property
    def shape(self) -> tuple[Dimension, ...]:
        """The shape of the array to pass; buffers of vectors have the lanes last."""
        if not isinstance(self.type, BufferType):
            return ()
        lanes = self.type.element.shape if isinstance(self.type.element, VectorType) else ()
        return (*self.type.shape, *lanes)


@dataclass(frozen=True)
class Signature:
    """How a loop-level function is called: its arguments, the sizes known beforehand, and the workspace in bytes.

    ``team``: code for a team takes one more argument, which threads share its loops (see ``irc.backend.pool``).
    """

    name: str
    arguments: tuple[Argument, ...]
    symbols: Mapping[str, int]
    workspace: Dimension
    team: bool = False

    @classmethod
    def of(cls, op: FuncOp) -> Signature:
        """Read it from the function's attributes (see ``irc.dialects.loop``)."""
        names = size_arguments(op)
        arguments: list[Argument] = []
        for number, value in enumerate(op.arguments):
            marks = argument_attributes(op, number)
            name = names[number] if number < len(names) else value.name_hint or f"argument {number}"
            if any(a.name == name for a in arguments):
                name = f"{name} (argument {number})"
            arguments.append(_argument(name, number < len(names), value.type, marks))
        formula = op.attributes.get("irc.workspace_bytes", IntegerAttr(0))
        workspace = parse_dimension(formula.value) if isinstance(formula, StringAttr) else formula.value  # type: ignore[attr-defined]
        return cls(op.sym_name.value, tuple(arguments), bound_symbols(op), workspace, has_team(op.attributes))

    def by_role(self, role: str) -> list[Argument]:
        """The arguments of a role, in order."""
        return [a for a in self.arguments if a.role == role]

    def outputs(self) -> list[Argument]:
        """The outputs in the order of the results they hold. Results that donated inputs hold are not among them."""
        return sorted(self.by_role("output"), key=lambda a: a.output)


def argument_attributes(op: FuncOp, number: int) -> Mapping[str, Attribute]:
    """The attributes of a function's argument."""
    return dict(op.arg_attributes(number).items())


def _argument(name: str, is_symbol: bool, type: Type, marks: Mapping[str, Attribute]) -> Argument:
    if is_symbol:
        return Argument(name, "symbol", type)
    if "irc.workspace" in marks:
        return Argument(name, "workspace", type)
    if "irc.output" in marks:
        return Argument(name, "output", type, output=python_value(marks["irc.output"]))
    data = marks.get("irc.data")
    if isinstance(data, DenseAttr):
        derived = None
        if "irc.derived" in marks:
            *names, part = python_value(marks["irc.derived"])
            derived = (tuple(names), part)
        return Argument(name, "bound", type, data=data.array, derived=derived)
    donated = python_value(marks["irc.donated"]) if "irc.donated" in marks else -1
    registers = tuple(map(tuple, python_value(marks["irc.registers"]))) if "irc.registers" in marks else ()
    sample_shape = tuple(python_value(marks["irc.sample_shape"])) if "irc.sample_shape" in marks else None
    return Argument(
        name,
        "input",
        type,
        parameter="irc.param" in marks,
        donated=donated,
        registers=registers,
        sample_shape=sample_shape,
        below=python_value(marks["irc.below"]) if "irc.below" in marks else None,
        least_rows=python_value(marks["irc.least_rows"]) if "irc.least_rows" in marks else 1,
        is_key="irc.key" in marks,
    )


class Owner(Protocol):
    """What keeps the machine code: a ``Library``."""

    def code(self, team: bool = False) -> object | None:
        """The machine code, for one thread or for a team, in memory while anyone holds this object; None when it has
        been closed."""

    def address(self, name: str, team: bool = False) -> int:
        """Where the machine code of a function is."""

    def entry_address(self, name: str, team: bool = False) -> int | None:
        """Where the way into a function from Python is; None if it has none."""


@dataclass(frozen=True)
class Plan:
    """All that follows from the shapes of the inputs: the ``symbols``, the shapes of the ``outputs``, the bytes of the
    ``workspace``.

    ``values`` are the native arguments, with those filled in that are the same in each call: sizes and bound arrays.
    """

    symbols: Mapping[str, int]
    values: list[Any]
    outputs: list[tuple[int, ...]]
    workspace: int


class Function:
    """A native function, called with arrays. ``bound`` replaces the values of bound arguments, by name.

    Several threads may call it: each call has a workspace of its own, kept for the next call. The machine code is made
    at the first.
    """

    PLANS = 256

    def __init__(self, signature: Signature, owner: Owner, bound: Mapping[str, np.ndarray] | None = None):
        self.owner = owner
        self._inputs = signature.by_role("input")
        self._outputs = signature.outputs()
        self._bound = signature.by_role("bound")
        self._donated = [place for place, a in enumerate(self._inputs) if a.is_written]
        place_of = {a.name: place for place, a in enumerate(signature.arguments)}
        self._places = [place_of[a.name] for a in (*self._inputs, *self._outputs)]
        self._workspace_places = [place_of[a.name] for a in signature.by_role("workspace")]
        self._natives: dict[bool, Callable[..., None]] = {}
        self._set(signature, bound or {})

    def _set(self, signature: Signature, bound: Mapping[str, np.ndarray]) -> None:
        """What belongs to the bound arrays; all else a function shares with those bound from it."""
        self.signature = signature
        self._workspaces: list[tuple[np.ndarray, int]] = []
        self._plans: dict[tuple[tuple[int, ...], ...], Plan] = {}
        values = {a.name: a.data for a in self._bound}
        for name, array in bound.items():
            if name not in values:
                known = ", ".join(values) or "none"
                raise Error(f"{signature.name} has no bound argument '{name}'; it has {known}")
            values[name] = array
        values.update(_derived(signature, values, bound))
        self.bound = {a.name: _checked(a, values[a.name]) for a in self._bound}
        self._addresses = {name: address_of(array) for name, array in self.bound.items()}

    def bind(self, bound: Mapping[str, np.ndarray], symbols: Mapping[str, int] | None = None) -> Function:
        """The same code with other bound arrays: another topology, for example. They must not change afterwards.

        What follows from them is made anew. ``symbols``: sizes that were known beforehand and are others now.
        """
        signature = self.signature
        if symbols is not None:
            signature = replace(signature, symbols={**signature.symbols, **symbols})
        derived = {a.name for a in self._bound if a.derived is not None}
        kept = {name: array for name, array in self.bound.items() if name not in derived}
        function = copy(self)
        function._set(signature, {**kept, **bound})
        return function

    def call(
        self, inputs: Sequence[Any], out: Sequence[np.ndarray] | None = None, threads: int = 1
    ) -> list[np.ndarray]:
        """The results for these inputs (arrays, or numbers for scalar arguments), in ``out`` or in new arrays.

        Arrays must be of the exact dtype, C-contiguous and aligned. Donated inputs are overwritten by results.
        Loops with much to do run on up to ``threads`` threads; the results are the same. Raises :class:`irc.Error`.
        """
        given, plan = self.checked(inputs)
        outputs = self.outputs(plan, given, out)
        self.run(given, outputs, threads)
        return outputs

    def checked(self, inputs: Sequence[Any]) -> tuple[list[np.ndarray], Plan]:
        """The inputs as native code reads them, and what follows from their shapes. Raises :class:`irc.Error`."""
        if len(inputs) != len(self._inputs):
            names = ", ".join(a.name for a in self._inputs)
            raise Error(f"{self.signature.name} takes {len(self._inputs)} inputs ({names}), got {len(inputs)}")
        given = [_checked(a, value) for a, value in zip(self._inputs, inputs, strict=True)]
        if self._donated:
            self._check_donated(given)
        return given, self.plan(given)

    def outputs(
        self, plan: Plan, given: Sequence[np.ndarray], out: Sequence[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Arrays for the results: ``out``, if results can be written there, or new ones. Raises :class:`irc.Error`."""
        if out is None:
            return [np.empty(s, a.dtype) for a, s in zip(self._outputs, plan.outputs, strict=True)]
        return self._check_outputs(plan, given, out)

    def run(self, given: Sequence[np.ndarray], outputs: Sequence[np.ndarray], threads: int = 1) -> None:
        """Only the native call: for arrays that :meth:`checked` and :meth:`outputs` gave, or equal rows of them all."""
        team = team_address(threads) if self.signature.team else 0  # none where threads have nothing to share
        code = self.owner.code(team != 0)  # held during the call: another thread may close the owner meanwhile
        native = None if code is None else self._natives.get(team != 0) or self._native(team != 0)
        if native is None:
            raise Error(f"{self.signature.name}: the native code has been closed")
        plan = self.plan(given)
        values = plan.values.copy()
        if team:
            values.append(team)
        for place, array in zip(self._places, (*given, *outputs), strict=True):
            values[place] = address_of(array) if values[place] is None else array.item()
        if not self._workspace_places:
            native(*values)
            return
        workspace = self._workspace(plan.workspace)
        for place in self._workspace_places:
            values[place] = workspace[1]
        native(*values)
        self._workspaces.append(workspace)

    def _native(self, team: bool) -> Callable[..., None] | None:
        """The machine code, as ctypes calls it; None when it has been closed."""
        try:
            address = self.owner.address(self.signature.name, team)
        except ValueError:
            return None
        kinds: list[Any] = [
            ctypes.c_void_p if isinstance(a.type, BufferType) else _NUMBERS[str(a.type)]
            for a in self.signature.arguments
        ]
        if team:
            kinds.append(ctypes.c_void_p)
        native = ctypes.CFUNCTYPE(None, *kinds)(address)
        self._natives[team] = native
        return native

    def sizes(self, given: Mapping[str, np.ndarray]) -> dict[str, int]:
        """The function's symbols, found from the shapes of the arrays; all shapes are checked against them."""
        known = {**self.bound, **given}
        arguments = [a for a in self.signature.arguments if a.role in ("input", "bound")]
        shapes = [(a.name, a.shape, np.shape(known[a.name])) for a in arguments]
        symbols = bind_symbols(shapes, self.signature.symbols)
        for argument in self.signature.by_role("symbol"):
            if argument.name not in symbols:
                raise Error(
                    f"{self.signature.name}: the size '{argument.name}' does not follow from the shapes of the inputs"
                )
        return symbols

    def plan(self, given: Sequence[np.ndarray]) -> Plan:
        """What follows from the shapes of all inputs. Remembered: finding sizes takes longer than running a small net.

        Raises :class:`irc.Error` where shapes contradict each other.
        """
        key = tuple([v.shape for v in given])
        found = self._plans.get(key)
        if found is None:
            symbols = self.sizes({a.name: v for a, v in zip(self._inputs, given, strict=True)})
            shapes = [tuple(evaluate(d, symbols) for d in a.shape) for a in self._outputs]
            workspace = evaluate(self.signature.workspace, symbols)
            for argument, shape in zip(self._outputs, shapes, strict=True):
                if any(n < 0 for n in shape):
                    raise Error(f"{argument.name}: its shape would be {shape} with these inputs")
                require_memory(math.prod(shape), argument.dtype.itemsize, f"{argument.name}, of shape {shape},")
            require_memory(workspace, 1, "the workspace")
            values: list[Any] = [None if isinstance(a.type, BufferType) else 0 for a in self.signature.arguments]
            for place, argument in enumerate(self.signature.arguments):
                if argument.role == "symbol":
                    values[place] = symbols[argument.name]
                elif argument.role == "bound":
                    values[place] = self._addresses[argument.name]
            found = Plan(symbols, values, shapes, workspace)
            if len(self._plans) >= self.PLANS:
                self._plans.clear()
            self._plans[key] = found
        return found

    def _check_donated(self, given: Sequence[np.ndarray]) -> None:
        """Donated arrays can be written, and none overlaps another array."""
        for place in self._donated:
            name, array = self._inputs[place].name, given[place]
            if not array.flags.writeable:
                raise Error(f"{name} is overwritten, but the array is read-only")
            others = [(a.name, given[n]) for n, a in enumerate(self._inputs) if n != place]
            for other_name, other in [*others, *self.bound.items()]:
                if np.may_share_memory(array, other):
                    raise Error(f"{name} is overwritten, but it overlaps {other_name} in memory")

    def _check_outputs(self, plan: Plan, given: Sequence[np.ndarray], out: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The caller's arrays, if results can be written there and none overlaps another array."""
        if len(out) != len(self._outputs):
            raise Error(f"{self.signature.name} has {len(self._outputs)} results, got {len(out)} arrays to hold them")
        others = list(zip([a.name for a in self._inputs], given, strict=True)) + list(self.bound.items())
        for argument, array, shape in zip(self._outputs, out, plan.outputs, strict=True):
            check_output(array, argument.dtype, shape, argument.name)
            for name, other in others:
                if np.may_share_memory(array, other):
                    raise Error(f"the array for {argument.name} overlaps {name} in memory")
            others.append((argument.name, array))
        return list(out)

    def _workspace(self, needed: int) -> tuple[np.ndarray, int]:
        """Memory of at least ``needed`` bytes, and its address."""
        try:
            workspace = self._workspaces.pop()  # atomic, so no two threads get the same
        except IndexError:
            workspace = None
        if workspace is None or workspace[0].size < needed:
            memory = aligned_zeros(max(needed, 1), np.dtype(np.uint8))
            workspace = (memory, address_of(memory))
        return workspace


def _derived(
    signature: Signature, values: Mapping[str, Any], replaced: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Bound arrays made anew, as one that they follow from has been replaced and they have not."""
    found = {}
    made: dict[tuple[str, ...], Transposed] = {}
    for argument in signature.by_role("bound"):
        if argument.derived is None or argument.name in replaced or not replaced.keys() & set(argument.derived[0]):
            continue
        names, part = argument.derived
        if names not in made:
            shapes = [(a.name, a.shape, np.shape(values[a.name])) for a in signature.arguments if a.name in names]
            places = evaluate(_length_by_source(signature, names), bind_symbols(shapes, signature.symbols))
            offsets, sources, weights = (values[name] for name in names)
            made[names] = transposed(offsets, sources, weights, neurons=places - 1)
        found[argument.name] = array = made[names][part]
        array.flags.writeable = False
    return found


def _length_by_source(signature: Signature, names: tuple[str, ...]) -> Dimension:
    """The length of the first array of a graph by source, where the edges of each neuron begin: one more than neurons.
    """
    (first,) = [a for a in signature.by_role("bound") if a.derived == (names, 0)]
    return first.shape[0]


def _checked(argument: Argument, value: Any) -> np.ndarray:
    """An array that native code can read as it is. Raises :class:`irc.Error`."""
    if isinstance(argument.type, ScalarType):
        if np.ndim(value) != 0:
            raise Error(f"{argument.name}: expected a number, got an array of shape {np.shape(value)}")
        return np.asarray(value, argument.dtype)
    if not isinstance(value, np.ndarray):
        raise Error(f"{argument.name}: expected an array, got {type(value).__name__}")
    if value.dtype != argument.dtype:
        raise Error(f"{argument.name}: expected dtype {argument.dtype}, got {value.dtype}")
    flags = value.flags
    if not (flags.c_contiguous and flags.aligned):
        raise Error(f"{argument.name}: the array must be C-contiguous and aligned")
    return value
