"""Functions of one neuron's value, and softmax, which is one of a vector's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irc.dialects.activations import ACTIVATIONS, Activation
from irc.dialects.neuron import OneToOne
from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import Function, only
from irc.layers.neuron_form import NetWriter
from irc.layers.place import fail
from irc.layers.value import Applied, Misfit, Spec, Value, apply


class Activate(Function):
    """An activation of ``irc.dialects.activations``, applied to each element, or along the last dimension (softmax)."""

    activation: Activation

    def __init__(self, activation: Activation):
        self.activation = activation
        self.kind = activation.name  # type: ignore[misc]  # one class for many kinds

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        if given.integer:
            raise Misfit(f"takes real numbers, but {given} came in")
        if self.activation.whole_layer and not given.rank:
            raise Misfit(f"takes a vector, but {given} came in")
        return [given]

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return inputs[0].is_static and (inputs[0].rank == 1 or not self.activation.whole_layer)

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        (source,) = applied.operands
        if writer.has_activation(source):
            return [writer[source]]
        return [writer.layer(applied, OneToOne(source.known.size), activation=self.activation)]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        x = writer[applied.operands[0]]
        return [writer.builder.inline(self.activation.function(x.type), [x])[0]]


def activate(x: Value, name: str, parameter: float | None = None) -> Value:
    """The activation ``name`` of each element (of the last dimension: softmax), with its parameter if it takes one."""
    if name not in ACTIVATIONS:
        arguments.refuse("activate", f"one of {', '.join(ACTIVATIONS)}")
    return only(apply(activation(name, parameter), x))


def activation(name: str, parameter: float | None = None) -> Activate:
    """The function that :func:`activate` applies."""
    found = ACTIVATIONS[name]
    try:
        return Activate(found if parameter is None else found.with_parameter(parameter))
    except ValueError as error:
        fail(str(error))


def relu(x: Value) -> Value:
    """max(0, x)."""
    return activate(x, "relu")


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return activate(x, "sigmoid")


def tanh(x: Value) -> Value:
    """The hyperbolic tangent."""
    return activate(x, "tanh")


def softmax(x: Value) -> Value:
    """exp(x) / sum exp(x) along the last dimension."""
    return activate(x, "softmax")


def gelu(x: Value) -> Value:
    """x Phi(x), with the normal distribution function."""
    return activate(x, "gelu")


def silu(x: Value) -> Value:
    """x sigmoid(x)."""
    return activate(x, "silu")


def selu(x: Value) -> Value:
    """The self-normalising unit of Klambauer and others (2017)."""
    return activate(x, "selu")


def swish(x: Value, beta: float = 1.0) -> Value:
    """x sigmoid(beta x)."""
    return activate(x, "swish", arguments.number(beta, "beta of swish"))


def elu(x: Value, alpha: float = 1.0) -> Value:
    """x above 0, alpha (exp(x) - 1) below."""
    return activate(x, "elu", arguments.number(alpha, "alpha of elu"))


def leaky_relu(x: Value, negative_slope: float = 0.01) -> Value:
    """x above 0, negative_slope x below."""
    return activate(x, "relu_leaky", arguments.number(negative_slope, "negative_slope of leaky_relu"))


def identity(x: Any) -> Any:
    """x."""
    return x
