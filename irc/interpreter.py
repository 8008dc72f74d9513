"""The reference semantics: runs a module of any level with NumPy, op by op.

How values are held:

- tensor, vector: an array of the dtype :meth:`Interpreter.dtype` gives for its element type;
- float and integer: a NumPy scalar of that dtype; index: a Python int;
- buffer: a :class:`Buffer`, which ops write to.

Modes: ``declared`` computes in the declared types and rounds each result; ``float64`` computes all floats in float64,
as an oracle; ``bounded`` is float64 with a :class:`Bounded` error bound beside each value that rounding touches
(``irc.error_bounds``). Two programs that mean the same agree, in bounded mode, if |v1 - v2| <= e1 + e2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from irc.arrays import require_memory
from irc.binding import bind_symbols
from irc.error_bounds import unit_roundoff
from irc.ir.attributes import ArrayAttr, Attribute, DenseAttr, DictAttr, FloatAttr, IntegerAttr, StringAttr
from irc.ir.diagnostics import Error, fail
from irc.ir.dimensions import evaluate
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.symbols import lookup
from irc.ir.traits import DELAYED, GRAPH_REGION, MOVEMENT, RAW, TERMINATOR
from irc.ir.types import IndexType, ScalarType, ShapedType, Type

MODES = ("declared", "float64", "bounded")


class Bounded:
    """A float64 value, and a bound of its distance from exact arithmetic. Exact values are held without one.

    For i1 the bound is 1.0 where rounding decides the value, for integers the distance of possible values.
    """

    __slots__ = ("error", "value")

    def __init__(self, value: Any, error: Any):
        self.value = value
        self.error = error

    def __repr__(self) -> str:
        return f"Bounded({self.value!r}, {self.error!r})"


def value_of(held: Any) -> Any:
    """The number or array, without its error bound."""
    return held.value if isinstance(held, Bounded) else held


def error_of(held: Any) -> Any:
    """The error bound; None for exact values."""
    return held.error if isinstance(held, Bounded) else None


def part_of(held: Any, index: int) -> Any:
    """Number ``index`` of an array along its first axis, with its error bound."""
    error = error_of(held)
    return held[index] if error is None else Bounded(held.value[index], np.broadcast_to(error, held.value.shape)[index])


def stacked(parts: Sequence[Any], shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Arrays side by side along a new first axis, with their error bounds, as an array of ``shape``."""
    values = np.array([value_of(p) for p in parts], dtype).reshape(shape)
    if all(error_of(p) is None for p in parts):
        return values
    errors = [np.broadcast_to(0.0 if (e := error_of(p)) is None else e, shape[1:]) for p in parts]
    return Bounded(values, np.stack(errors))


class Buffer:
    """Memory: an array that is written in place, and in bounded mode the errors of its elements (None: exact).

    ``terms`` is for accumulations and ``views`` for arenas (``irc.dialects.loop.memory``).
    """

    __slots__ = ("error", "terms", "value", "views")

    def __init__(self, value: np.ndarray, error: np.ndarray | None = None):
        self.value = value
        self.error = error
        self.terms: np.ndarray | None = None
        self.views: list[Any] = []


class Detached:
    """The values that no gradient goes through (``array.detach``): those of the first run hold in later ones too.

    So finite differences see what gradients see.
    """

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._next: int | None = None

    def again(self) -> None:
        """Another run begins, in which they are as they were."""
        self._next = 0

    def value(self, value: Any) -> Any:
        """What the next one of them is, ``value`` if this is the first run."""
        if self._next is None:
            self._values.append(value)
            return value
        self._next += 1
        return self._values[self._next - 1]


class Interpreter:
    """Runs functions of ``module``. Ops see it as the ``context`` of their ``eval`` and ``bound``.

    ``symbols`` are sizes known beforehand; others follow from the arguments of each call.
    """

    def __init__(
        self, module: Operation | None = None, mode: str = "declared", symbols: Mapping[str, int] | None = None
    ):
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        self.module = module
        self.mode = mode
        self.bounded = mode == "bounded"
        self.symbols: dict[str, int] = dict(symbols or {})
        self._given = dict(self.symbols)
        self.detached: Detached | None = None
        self._batch: tuple[int, ...] | None = None
        self.parameters: Any = None  # the flat parameter vector of the net that runs; neurons name parts of it
        self.delayed: Mapping[Value, Any] = {}  # in a net that runs over time: the values of the step before
        self._values: dict[Value, Any] = {}
        self._expected: dict[Type, tuple[np.dtype | None, tuple[int, ...] | None]] = {}

    # -- what ops ask --------------------------------------------------------------------------------------------

    def dtype(self, type: Type) -> np.dtype:
        """The dtype in which values of the type's elements are held."""
        element = type.element
        if element.is_float and self.mode != "declared":
            return np.dtype(np.float64)
        return element.compute  # type: ignore[attr-defined]

    def round(self, array: Any, type: Type) -> Any:
        """Numbers rounded to the element type; in float64 the identity."""
        element: Any = type.element
        if self.mode != "declared" and element.is_float:
            return np.asarray(array, np.float64)[()]
        if element.name != "bf16" and getattr(array, "dtype", None) == element.compute:
            return array[()]  # NumPy's own operations have rounded it
        return element.round_array(array)[()]

    def unit(self, type: Type) -> float:
        """The unit roundoff of the declared element type: the relative error of one rounding."""
        return unit_roundoff(type)

    def shape(self, type: Any) -> tuple[int, ...]:
        """The sizes of a shaped type. Raises :class:`irc.Error` for a symbol that has no value."""
        try:
            shape = tuple(evaluate(d, self.symbols) for d in type.shape)
        except KeyError as error:
            fail(f"the size {error.args[0]} in {type} does not follow from the arguments; give it in 'symbols'")
        if min(shape, default=0) < 0:
            fail(f"a value of type {type} would have the shape {shape}")
        require_memory(prod(shape), 8, f"a value of type {type}")
        return shape

    def constant(self, attribute: Attribute) -> Any:
        """The value that a constant attribute (of type float, integer or dense) is."""
        if isinstance(attribute, DenseAttr):
            element = attribute.type.element
            array = attribute.array
            if element.name == "bf16":
                array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
            return array.astype(self.dtype(element), copy=False)
        assert isinstance(attribute, (FloatAttr, IntegerAttr))
        if isinstance(attribute.type, IndexType):
            return attribute.value
        return self.dtype(attribute.type).type(attribute.value)

    def run(self, region: Region, arguments: Sequence[Any]) -> list[Any]:
        """Run a region of one block; gives the operands of its terminator, as held."""
        return self.run_block(region.block, arguments)

    def run_block(self, block: Block, arguments: Sequence[Any]) -> list[Any]:
        """Like :meth:`run`, for the block itself, which may stand alone."""
        values = self._values
        for argument, value in zip(block.arguments, arguments, strict=True):
            values[argument] = value
        parent = block.parent_op
        ops = in_order(block) if parent is not None and GRAPH_REGION in parent.traits else block
        for op in ops:
            operands = [] if DELAYED in op.traits else [values[v] for v in op._operands]
            if TERMINATOR in op.traits:
                return operands
            for result, value in zip(op.results, self._apply(op, operands), strict=True):
                values[result] = value
        return []

    def held(self, value: Value) -> Any:
        """What a value of the region that ran last was."""
        return self._values[value]

    @contextmanager
    def batched(self, *sizes: int) -> Iterator[None]:
        """For a while, values have these leading axes besides what their types say (nets are written per sample)."""
        saved = self._batch
        self._batch = sizes
        try:
            yield
        finally:
            self._batch = saved

    # -- calls ---------------------------------------------------------------------------------------------------

    def call(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """Call a function of the module; arguments and results as held.

        Arguments may also be lists and arrays of other dtypes, which are converted. Those with an attribute
        ``irc.data`` may be left out. Raises :class:`irc.Error`, also where shapes contradict the types.
        """
        function = lookup(self.module, name) if self.module is not None else None
        if function is None:
            fail(f"there is no function @{name}")
        with np.errstate(all="ignore"):
            if type(function).eval is not Operation.eval:
                return list(self._evaluate(function, list(arguments)))
            return self._call(function, name, arguments)

    def _call(self, function: Operation, name: str, arguments: Sequence[Any]) -> list[Any]:
        if not function.regions or not function.regions[0].blocks:
            fail(f"@{name} has no body", function.location)
        block = function.regions[0].blocks[0]
        saved = self.symbols, self._values, self._expected, self._batch
        self.symbols, self._values, self._expected, self._batch = dict(self._given), {}, {}, None
        try:
            given = complete_arguments(function, arguments)
            held = [self._hold(v, a.type, argument_name(a)) for v, a in zip(given, block.arguments, strict=True)]
            self.symbols = self._bind(function, block, held)
            for value, argument in zip(held, block.arguments, strict=True):
                self._check(value, argument.type, argument_name(argument), function)
            results = self.run_block(block, held)
            return results
        finally:
            self.symbols, self._values, self._expected, self._batch = saved

    def _bind(self, function: Operation, block: Block, held: Sequence[Any]) -> dict[str, int]:
        symbols = {**self._given, **bound_symbols(function)}
        for position, name in enumerate(size_arguments(function)):
            size = int(held[position])
            if symbols.setdefault(name, size) != size:
                fail(f"size {name} is {symbols[name]}, but the argument says {size}", function.location)
        shapes = []
        for value, argument in zip(held, block.arguments, strict=True):
            dims = getattr(argument.type, "shape", None)
            array = value.value if isinstance(value, (Bounded, Buffer)) else value
            if dims is not None and isinstance(array, np.ndarray):
                shape = array.shape[: len(dims)] if isinstance(value, Buffer) else array.shape
                shapes.append((argument_name(argument), tuple(dims), shape))
        return bind_symbols(shapes, symbols, function.location)

    def _hold(self, value: Any, type: Type, name: str) -> Any:
        """An argument as the interpreter holds it."""
        if isinstance(value, (Bounded, Buffer)):
            return value
        if isinstance(value, Attribute):
            value = self.constant(value)
        if isinstance(type, IndexType):
            return int(value)
        if isinstance(type, (ScalarType, ShapedType)):
            try:
                array = np.asarray(value)
            except ValueError:
                fail(f"{name}: the rows have different lengths")
            if array.dtype.kind not in "fiub":
                fail(f"{name}: dtype {array.dtype} is not supported; expected real numbers")
            return self.round(array, type) if isinstance(type, ScalarType) else np.asarray(self.round(array, type))
        return Buffer(np.asarray(value)) if hasattr(type, "shape") else value

    # -- one op --------------------------------------------------------------------------------------------------

    def _apply(self, op: Operation, operands: list[Any]) -> Sequence[Any]:
        if RAW in op.traits or not self.bounded:
            results = self._evaluate(op, operands)
            return [self._check(v, r.type, op.name, op) for v, r in zip(results, op.results, strict=True)]
        errors = [error_of(v) for v in operands]
        values = [value_of(v) for v in operands]
        outputs = self._evaluate(op, values)
        checked = [self._check(v, r.type, op.name, op) for v, r in zip(outputs, op.results, strict=True)]
        if all(e is None for e in errors) and not any(r.type.element.is_float for r in op.results):
            return checked
        bounds = self._bounds(op, values, errors, checked)
        return [_with_error(v, e) for v, e in zip(checked, bounds, strict=True)]

    def _evaluate(self, op: Operation, operands: Sequence[Any]) -> Sequence[Any]:
        try:
            return op.eval(self, *operands)
        except NotImplementedError:
            fail(f"{op.name} has no reference semantics", op.location)
        except Error:
            raise
        except ValueError as error:
            fail(f"{op.name}: {error}", op.location)

    def _bounds(self, op: Operation, values: list[Any], errors: list[Any], results: list[Any]) -> Sequence[Any]:
        if MOVEMENT in op.traits:
            if all(e is None for e in errors):
                return [None] * len(results)
            # The data moves, and its errors likewise; indices and masks stay what they are.
            moved = {r.type.element for r in op.results}
            parts = [
                (np.zeros(np.shape(v)) if e is None else np.broadcast_to(e, np.shape(v)))
                if operand.type.element in moved
                else v
                for operand, v, e in zip(op.operands, values, errors, strict=True)
            ]
            return op.eval(self, *parts)
        try:
            return op.bound(self, values, errors, results)
        except NotImplementedError:
            fail(f"{op.name} has no rule for error bounds", op.location)
        except Error:
            raise
        except ValueError as error:
            fail(f"{op.name}: {error}", op.location)

    def _check(self, value: Any, type: Type, what: str, op: Operation) -> Any:
        """The value in the form its type asks for; an error where dtype or shape differ from the type."""
        held = value.value if isinstance(value, (Bounded, Buffer)) else value
        expected = self._expected.get(type)
        if expected is None:
            dtype = self.dtype(type) if isinstance(type.element, ScalarType) else None
            shape = self.shape(type) if isinstance(type, ShapedType) else None
            expected = self._expected[type] = (dtype, shape)
        dtype, shape = expected
        if shape is not None:
            if not isinstance(held, np.ndarray):
                held = value = np.asarray(held)
            if held.shape != shape and not (self._batch is not None and held.shape == (*self._batch, *shape)):
                fail(f"{what} gave shape {held.shape} for {type}, which is {shape}", op.location)
        elif isinstance(type, ScalarType):
            if isinstance(type, IndexType) and not isinstance(held, np.ndarray):
                return value if isinstance(value, Bounded) else int(held)
            if isinstance(held, np.ndarray) and held.ndim == 0:
                held = value = held[()]
            if not isinstance(held, (np.ndarray, np.generic)):
                held = value = dtype.type(held)  # type: ignore[union-attr]
            if held.shape != () and held.shape != self._batch:
                fail(f"{what} gave an array of shape {held.shape} for {type}", op.location)
        else:
            return value
        if held.dtype != dtype:
            fail(f"{what} gave {held.dtype} for {type}, which is held as {dtype}", op.location)
        return value


def _with_error(value: Any, error: Any) -> Any:
    if error is None:
        return value
    error = np.asarray(error, np.float64)
    if error.shape != np.shape(value):
        error = np.broadcast_to(error, np.shape(value))
    if not error.any():
        return value
    return Bounded(value, np.where(np.isnan(error), np.inf, error)[()])


def in_order(block: Block) -> list[Operation]:
    """The ops of a graph region with definitions before uses, otherwise as they stand; the terminator last.

    What a delayed op reads may come after it. Raises :class:`irc.Error` for a cycle.
    """
    order: list[Operation] = []
    state: dict[Operation, bool] = {}  # False: begun, True: placed
    for start in block:
        stack = [start]
        while stack:
            op = stack[-1]
            if state.get(op):
                stack.pop()
                continue
            state[op] = False
            needed = () if DELAYED in op.traits else op.operands
            sources = [s for v in needed if (s := v.defining_op()) is not None and s.parent is block]
            waiting = [s for s in sources if not state.get(s)]
            if not waiting:
                state[op] = True
                order.append(op)
                stack.pop()
                continue
            for source in waiting:
                if state.get(source) is False:
                    fail(f"{source.name} depends on itself", source.location)
            stack.append(waiting[0])
    last = block.last
    if last is not None:
        order.remove(last)
        order.append(last)
    return order


# -- functions as they are declared ----------------------------------------------------------------------------------


def argument_attributes(function: Operation) -> list[DictAttr]:
    """The attributes of each argument of a function or net."""
    given = function.attributes.get("arg_attrs")
    block = function.regions[0].blocks[0]
    if isinstance(given, ArrayAttr):
        return list(given)
    return [DictAttr({})] * len(block.arguments)


def argument_name(argument: Value) -> str:
    """What to call an argument in a message."""
    return f"%{argument.name_hint}" if argument.name_hint else f"argument {argument.index}"  # type: ignore[attr-defined]


def bound_symbols(function: Operation) -> dict[str, int]:
    """The symbols that ``irc.symbols`` of the function binds to numbers."""
    given = function.attributes.get("irc.symbols")
    return {k: v.value for k, v in given.items()} if isinstance(given, DictAttr) else {}


def size_arguments(function: Operation) -> list[str]:
    """The symbols that the first arguments of a loop-level function are, by ``irc.symbols_args``."""
    given = function.attributes.get("irc.symbols_args")
    return [v.value for v in given if isinstance(v, StringAttr)] if isinstance(given, ArrayAttr) else []


def complete_arguments(function: Operation, arguments: Sequence[Any]) -> list[Any]:
    """The arguments with those bound by ``irc.data`` filled in, if the caller left them out."""
    data = [attributes.get("irc.data") for attributes in argument_attributes(function)]
    given = list(arguments)
    if len(given) == len(data):
        return given
    free = sum(d is None for d in data)
    if len(given) != free:
        name = function.attributes["sym_name"]
        also = f" (or {len(data)} with the bound ones)" if free != len(data) else ""
        fail(f"@{name.value} takes {free} arguments{also}, got {len(given)}", function.location)  # type: ignore[attr-defined]
    rest = iter(given)
    return [next(rest) if d is None else d for d in data]
