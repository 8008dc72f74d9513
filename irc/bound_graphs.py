"""Native code trusts the graph of an irregular net. So each one is checked where it becomes native code.

``array.dag`` takes its graph as operands. Before ``lower-array`` they must be known, as an argument's ``irc.data`` or
as a constant, and so must be the width of the input and the number of parameters that their indices point into.
"""

from __future__ import annotations

import numpy as np

from irc.dialects.array import Dag, DagGrad, check_topology
from irc.dialects.array.scan import outside
from irc.dialects.array.topology import transposed
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.interpreter import bound_symbols
from irc.ir.attributes import DenseAttr
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, evaluate, symbols_of
from irc.ir.operation import BlockArgument, Operation, Value
from irc.passmanager import Instrument, Pass

_GRAPH = ("offsets", "sources", "weights", "biases", "segments", "outputs")


class SoundGraphs(Instrument):
    """Stops a pipeline before it lowers an ``array.dag`` whose graph is unknown or unsound: :class:`irc.Error`."""

    def before(self, p: Pass, module: ModuleOp) -> None:
        if p.name == "lower-array":
            check_graphs(module)


def check_graphs(module: Operation) -> None:
    """Raise :class:`irc.Error` unless every ``array.dag`` and ``array.dag_grad`` of the module has a sound graph."""
    for op in module.walk():
        if isinstance(op, (Dag, DagGrad)):
            inputs, parameters = _size(op, op.x.type.shape[1], "inputs"), _size(op, op.w.type.shape[0], "parameters")
            graph = [_data(op, value, name) for value, name in zip(op.operands[2:8], _GRAPH, strict=True)]
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
                given = [_data(op, value, "graph by source").array for value in op.by_source]
                if not all(map(np.array_equal, given, wanted)):
                    fail(f"'{op.name}': the graph by source is another graph", op.location)


def _data(op: Operation, value: Value, name: str) -> DenseAttr:
    """What an operand is, by the argument that binds it or the constant that makes it."""
    data = None
    value = outside(value)
    if isinstance(value, BlockArgument) and isinstance(function := value.owner.parent_op, FuncOp):
        data = function.arg_attr(value.index, "irc.data")
    elif (source := value.defining_op()) is not None:
        data = source.attributes.get("value")
    if not isinstance(data, DenseAttr):
        fail(
            f"'{op.name}': its {name} are not known: native code runs only graphs that are checked before; bind them "
            "with irc.data at an argument of this function, or as a constant",
            op.location,
        )
    return data


def _size(op: Operation, dimension: Dimension, what: str) -> int:
    function = op.parent_op
    while function is not None and not isinstance(function, FuncOp):
        function = function.parent_op
    symbols = bound_symbols(function) if function is not None else {}
    unknown = symbols_of(dimension) - set(symbols)
    if unknown:
        fail(
            f"'{op.name}': the number of its {what}, {dimension}, is not known: give {', '.join(sorted(unknown))} in "
            "irc.symbols of the function",
            op.location,
        )
    return evaluate(dimension, symbols)
