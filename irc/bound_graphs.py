"""Native code trusts the graph of an irregular net. So each one is checked where it becomes native code.

``array.dag`` takes its graph as operands. Before ``lower-array`` they must be known, as an argument's ``irc.data`` or
as a constant, and so must be the width of the input and the number of parameters that their indices point into. What
a function gets from its callers must be known there, and the same in all calls.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from irc.dialects.array import Dag, DagGrad, check_topology
from irc.dialects.array.scan import outside
from irc.dialects.array.topology import transposed
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.interpreter import bound_symbols
from irc.ir.attributes import Attribute, DenseAttr
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, evaluate, symbols_of
from irc.ir.operation import BlockArgument, Operation, Value
from irc.ir.symbols import is_private
from irc.passmanager import Instrument, Pass

Calls = dict[str, list[CallOp]]
_GRAPH = ("offsets", "sources", "weights", "biases", "segments", "outputs")


class SoundGraphs(Instrument):
    """Stops a pipeline before it lowers an ``array.dag`` whose graph is unknown or unsound: :class:`irc.Error`."""

    def before(self, p: Pass, module: ModuleOp) -> None:
        if p.name == "lower-array":
            check_graphs(module)


def check_graphs(module: Operation) -> None:
    """Raise :class:`irc.Error` unless every ``array.dag`` and ``array.dag_grad`` of the module has a sound graph."""
    calls = _calls(module)
    for op in module.walk():
        if isinstance(op, (Dag, DagGrad)):
            inputs = _size(calls, op, op.x.type.shape[1], "inputs")
            parameters = _size(calls, op, op.w.type.shape[0], "parameters")
            graph = [_data(calls, op, value, name) for value, name in zip(op.operands[2:8], _GRAPH, strict=True)]
            check_topology(
                *[data.array for data in graph],
                inputs=inputs,
                parameters=parameters,
                kinds=tuple(op.kinds),
                weighted=op.weighted is not None,
                location=op.location,
            )
            if isinstance(op, DagGrad) and op.by_source:
                offsets, sources, weights, biases = (data.array for data in graph[:4])
                wanted = transposed(offsets, sources, weights, inputs + len(biases))
                given = [_data(calls, op, value, "graph by source").array for value in op.by_source]
                if not all(map(np.array_equal, given, wanted)):
                    fail(f"'{op.name}': the graph by source is another graph", op.location)


def _calls(module: Operation) -> Calls:
    """The calls of each function. Raises :class:`irc.Error` for recursion."""
    calls: Calls = {}
    for op in module.walk():
        if isinstance(op, CallOp):
            calls.setdefault(op.callee.value, []).append(op)
    callers = {name: {_function_of(call) for call in found} for name, found in calls.items()}
    for name in callers:
        reached, waiting = set(), [name]
        while waiting:
            for function in callers.get(waiting.pop(), ()):
                if function is not None and function.symbol not in reached:
                    reached.add(function.symbol)
                    waiting.append(function.symbol)
        if name in reached:
            fail(f"@{name} calls itself; array programs have no recursion", calls[name][0].location)
    return calls


def _data(calls: Calls, op: Operation, value: Value, name: str) -> DenseAttr:
    """What an operand is, by the argument that binds it or the constant that makes it, in every call."""
    found = list(_possible_data(calls, outside(value)))
    for data in found:
        if not isinstance(data, DenseAttr):
            fail(
                f"'{op.name}': its {name} are not known: native code runs only graphs that are checked before; bind "
                "them with irc.data at an argument of this function or of all that call it, or as a constant",
                op.location,
            )
        if not np.array_equal(data.array, found[0].array):  # type: ignore[union-attr]
            fail(f"'{op.name}': its {name} are not the same in all calls of this function", op.location)
    return found[0]  # type: ignore[return-value]


def _possible_data(calls: Calls, value: Value) -> Iterator[Attribute | None]:
    """Each thing that a value may be: what an argument is bound to, and what it is in calls. None: nothing is known."""
    if isinstance(value, BlockArgument) and isinstance(function := value.owner.parent_op, FuncOp):
        data, given = function.arg_attr(value.index, "irc.data"), calls.get(function.symbol, [])
        if data is not None or not is_private(function) or not given:
            yield data
        for call in given:
            yield from _possible_data(calls, outside(call.operands[value.index]))
    else:
        source = value.defining_op()
        yield None if source is None else source.attributes.get("value")


def _size(calls: Calls, op: Operation, dimension: Dimension, what: str) -> int:
    """A size by the symbols of the function around ``op``, which must be the same in every call."""
    function = _function_of(op)
    found = set() if function is None else set(_possible_sizes(calls, function, dimension))
    if function is None or None in found:
        unknown = symbols_of(dimension) - set(bound_symbols(function) if function is not None else {})
        fail(
            f"'{op.name}': the number of its {what}, {dimension}, is not known: give {', '.join(sorted(unknown))} in "
            "irc.symbols of the function",
            op.location,
        )
    if len(found) > 1:
        shown = ", ".join(map(str, sorted(found)))  # type: ignore[type-var]
        fail(f"'{op.name}': the number of its {what}, {dimension}, differs from call to call: {shown}", op.location)
    (size,) = found
    assert size is not None
    return size


def _possible_sizes(calls: Calls, function: FuncOp, dimension: Dimension) -> Iterator[int | None]:
    """What a size is by the function's own symbols, and by those of its callers: a call has the types of its callee,
    so the symbols mean the same on both sides.
    """
    symbols, given = bound_symbols(function), calls.get(function.symbol, [])
    known = symbols_of(dimension) <= set(symbols)
    if known or not is_private(function) or not given:
        yield evaluate(dimension, symbols) if known else None
    for call in given:
        caller = _function_of(call)
        if caller is None:
            yield None
        else:
            yield from _possible_sizes(calls, caller, dimension)


def _function_of(op: Operation) -> FuncOp | None:
    """The function around an op."""
    function = op.parent_op
    while function is not None and not isinstance(function, FuncOp):
        function = function.parent_op
    return function
