"""Constants of every type: making them, recognising them, and computing with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.interpreter import Interpreter
from irc.ir.attributes import Attribute, DenseAttr, FloatAttr, IntegerAttr
from irc.ir.builder import Builder
from irc.ir.operation import Operation, Value
from irc.ir.traits import CONSTANT
from irc.ir.types import TensorType, Type, VectorType

Number = int | float | bool


def number_attribute(number: Number, type: Type) -> FloatAttr | IntegerAttr:
    """The number as an attribute of the element type, rounded to it."""
    element = type.element
    return FloatAttr(number, element) if element.is_float else IntegerAttr(number, element)


def splat(builder: Builder, number: Number, type: Type) -> Value:
    """A constant of ``type`` whose elements are all ``number``: ``arith.constant``, or ``array.full`` for tensors."""
    found = _make(builder, number_attribute(number, type), type)
    assert found is not None
    return found


def materialise(builder: Builder, attribute: Attribute, result: Value) -> Value | None:
    """The constant op for a folded ``result``. A number stands for a tensor or vector full of it. None: impossible."""
    if result.type.element.is_float or result.type.element.is_integer:
        return _make(builder, attribute, result.type)
    return None


def _make(builder: Builder, attribute: Attribute, type: Type) -> Value | None:
    from irc.dialects.arith import Constant  # both build their gradients and folds with this file
    from irc.dialects.array.shape import Full

    if isinstance(attribute, (FloatAttr, IntegerAttr)):
        if isinstance(type, TensorType):
            return builder.value(Full, value=attribute, result_types=[type])
        if isinstance(type, VectorType):
            return builder.value(Constant, value=dense_splat(attribute, type))
        return builder.value(Constant, value=attribute)
    if isinstance(attribute, DenseAttr) and attribute.type is type:
        return builder.value(Constant, value=attribute)
    return None


def dense_splat(number: FloatAttr | IntegerAttr, type: VectorType | TensorType) -> DenseAttr:
    """A static shape full of one number."""
    stored = type.element.to_storage(np.asarray(number.value, np.float64 if type.element.is_float else None))
    return DenseAttr(np.full(tuple(type.shape), stored, type.element.storage), type)


def constant_of(value: Value) -> Attribute | None:
    """The attribute that the value is known to be: a number (for a tensor: full of it), a dense one, or None."""
    op = value.defining_op()
    if op is None or CONSTANT not in op.traits:
        return None
    return op.attributes.get("value")


def number_of(value: Value) -> Number | None:
    """The number that all elements are known to be, or None. Mind that -0.0 == 0.0: see :func:`is_number`."""
    attribute = constant_of(value)
    if isinstance(attribute, DenseAttr) and attribute.is_splat():
        return attribute.type.element.from_storage(attribute.array.reshape(-1)[0])
    return attribute.value if isinstance(attribute, (FloatAttr, IntegerAttr)) else None


def is_number(value: Value, number: Number) -> bool:
    """Whether all elements are known to be ``number``, its sign included where it is zero."""
    found = number_of(value)
    return found is not None and found == number and np.signbit(found) == np.signbit(number)


FOLD_LIMIT = 4096
"""Dense constants with more elements are not folded: the result would only make the program larger."""

_DECLARED = Interpreter()


def fold_elementwise(op: Operation) -> Sequence[Attribute] | None:
    """The results of an elementwise op of constants, by its own ``eval``; None if an operand is not constant.

    Numbers that stand for whole tensors give a number again, so symbolic shapes fold too.
    """
    known = [constant_of(v) for v in op.operands]
    if any(k is None for k in known):
        return None
    arrays = []
    dense = False
    for attribute in known:
        if isinstance(attribute, DenseAttr):
            if attribute.array.size > FOLD_LIMIT:
                return None
            dense = dense or not attribute.is_splat()
        elif not isinstance(attribute, (FloatAttr, IntegerAttr)):
            return None
        arrays.append(attribute)
    type = op.results[0].type
    with np.errstate(all="ignore"):
        result = op.eval(_DECLARED, *[_operand(a, dense) for a in arrays])[0]
    if dense:
        shaped = np.broadcast_to(np.asarray(result), tuple(type.shape))  # type: ignore[attr-defined]
        return [DenseAttr(type.element.to_storage(shaped), type)]  # type: ignore[attr-defined]
    if isinstance(type, VectorType):
        return [dense_splat(number_attribute(_python(result), type), type)]
    return [number_attribute(_python(result), type)]


def _operand(attribute: Any, dense: bool) -> Any:
    value = _DECLARED.constant(attribute)
    return value if dense or np.ndim(value) == 0 else value.reshape(-1)[0]


def _python(number: Any) -> Number:
    return number.item() if isinstance(number, (np.ndarray, np.generic)) else number
