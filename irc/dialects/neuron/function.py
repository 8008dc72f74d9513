"""The activation that an op's attributes name, and its values in the interpreter.

The definitions are blocks of primitives (``irc.dialects.activations``); running such a block gives the value, its error
bound and, for the derivative's block, the same for the slope.
"""

from __future__ import annotations

import math
from typing import Any

from irc.dialects.activations import ACTIVATIONS, Activation
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.attributes import FloatAttr, StringAttr
from irc.ir.operation import Block, Operation
from irc.ir.types import Type


def activation_of(op: Operation) -> Activation:
    """What ``activation`` and ``parameter`` of ``op`` mean. ValueError for an unknown name, an unsuitable parameter."""
    name, parameter = op.attributes["activation"], op.attributes.get("parameter")
    assert isinstance(name, StringAttr)
    found = ACTIVATIONS.get(name.value)
    if found is None:
        raise ValueError(f"unknown activation {name.value}; known are: {' '.join(ACTIVATIONS)}")
    if not isinstance(parameter, FloatAttr):
        return found.with_parameter(None)
    if not math.isfinite(parameter.value):
        raise ValueError(f"the parameter of {name.value} must be a finite number, not {parameter.value}")
    return found.with_parameter(parameter.value)


def neuron_activation(op: Operation) -> Activation:
    """Like :func:`activation_of`; ValueError for one that acts on a whole layer."""
    found = activation_of(op)
    if found.whole_layer:
        raise ValueError(f"{found.name} acts on a whole layer, and cannot be the activation of one neuron")
    return found


def apply(context: Any, block: Block, z: Any) -> Any:
    """The value of a definition of one argument at ``z``."""
    return value_of(context.run_block(block, [z])[0])


def apply_bound(context: Any, block: Block, z: Any, error: Any) -> Any:
    """The error bound of :func:`apply` where ``z`` is off by at most ``error``. Only in bounded mode."""
    return error_of(context.run_block(block, [Bounded(z, error)])[0])


def value(context: Any, op: Operation, z: Any, kind: Type) -> Any:
    """f(z) of the activation of ``op``."""
    return apply(context, activation_of(op).function(kind), z)


def slope(context: Any, op: Operation, z: Any, kind: Type) -> Any:
    """f'(z) of the activation of ``op``."""
    return apply(context, activation_of(op).derivative(kind), z)
