"""Dropout, which does nothing to a net that is not in training."""

from __future__ import annotations

from collections.abc import Sequence

from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import Layer
from irc.layers.neuron_form import NetWriter
from irc.layers.value import Applied, Misfit, Spec


class Dropout(Layer):
    """``Dropout(p)``: what comes in, as PyTorch's ``Dropout`` in ``eval`` mode. Training runs the same function."""

    kind = "Dropout"

    def __init__(self, p: float = 0.5, name: str | None = None):
        self.p = arguments.number(p, "p of Dropout", 0.0, 1.0)
        self.name = arguments.name(name, "Dropout")

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        if inputs[0].integer:
            raise Misfit(f"takes real numbers, but {inputs[0]} came in")
        return [inputs[0]]

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return inputs[0].is_static

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        return [writer[applied.operands[0]]]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        return [writer[applied.operands[0]]]
