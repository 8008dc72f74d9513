"""What ops on whole arrays cost by their definition: floating-point operations, and bytes that must be moved.

A multiply-add is two operations, every other elementwise operation one, functions such as tanh among them. Moved is
what a kernel reads and writes at least: each operand and each result once, or the parts of them that it takes.
"""

from __future__ import annotations

from collections.abc import Iterable

from irc.dialects.array import Contract, Dag, DagGrad, Fused, Reduce, Scan, Slice
from irc.dialects.array.conv2d import Convolution
from irc.dialects.array.pool2d import Pooling
from irc.dialects.func import CallOp, FuncOp
from irc.ir.dimensions import Dimension, product
from irc.ir.operation import Operation, Value
from irc.ir.symbols import lookup
from irc.ir.traits import ELEMENTWISE, has
from irc.ir.types import FloatType, TensorType


def operations(op: Operation) -> Dimension:
    """The floating-point operations of an op, a formula of the function's sizes."""
    if isinstance(op, Contract):
        sizes = dict(zip(op.parts.lhs, op.lhs.type.shape, strict=True))
        sizes |= zip(op.parts.rhs, op.rhs.type.shape, strict=True)
        return 2 * product(sizes.values())
    if isinstance(op, Convolution):
        return 2 * product(op.role("y").shape) * product(op.role("w").shape[1:])
    if isinstance(op, Pooling):
        taps = op.window.rows.kernel * op.window.columns.kernel
        return taps * _floats(op.pooled)  # type: ignore[attr-defined]
    if isinstance(op, Dag):  # a term of each edge; bias and activation of each row
        return op.x.type.shape[0] * (2 * _count(op.sources) + 2 * _count(op.biases))
    if isinstance(op, DagGrad):  # the same, and a product for each end of an edge
        return op.x.type.shape[0] * (6 * _count(op.sources) + 4 * _count(op.biases))
    if isinstance(op, Scan):
        return op.length * _total(op.body.block)
    if isinstance(op, Fused):
        return _total(op.body.block)
    if isinstance(op, CallOp):
        callee = lookup(op, op.callee.value)
        return _total(callee.entry) if isinstance(callee, FuncOp) and not callee.is_declaration else 0
    if isinstance(op, Reduce):
        return _floats(op.source)
    if has(op, ELEMENTWISE) and op.results:
        return (2 if op.name == "math.fma" else 1) * _floats(op.results[0])
    return 0


def moved_bytes(op: Operation) -> Dimension:
    """The bytes that an op reads and writes at least."""
    if isinstance(op, Slice):
        read = [_bytes(op.output)]
    elif isinstance(op, Fused):
        read = [_taken(inside) for inside in op.body.block.arguments]
    else:
        read = [_bytes(value) for value in dict.fromkeys(op.operands)]
    return _sum([*read, *(_bytes(result) for result in op.results)])


def _total(ops: Iterable[Operation]) -> Dimension:
    return _sum(operations(op) for op in ops)


def _sum(parts: Iterable[Dimension]) -> Dimension:
    total: Dimension = 0
    for part in parts:
        total = total + part
    return total


def _count(value: Value) -> Dimension:
    return product(value.type.shape) if isinstance(value.type, TensorType) else 0


def _floats(value: Value) -> Dimension:
    type = value.type
    return product(type.shape) if isinstance(type, TensorType) and isinstance(type.element, FloatType) else 0


def _bytes(value: Value) -> Dimension:
    return _count(value) * value.type.element.storage.itemsize if isinstance(value.type, TensorType) else 0


def _taken(value: Value) -> Dimension:
    """The bytes of an operand that a group reads: of one that it only cuts parts from, these parts."""
    users = value.users
    if users and all(isinstance(op, Slice) for op in users):
        return _sum(_bytes(op.results[0]) for op in users)
    return _bytes(value)
