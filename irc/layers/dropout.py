"""Dropout, which does nothing outside of training."""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import Dropout as DropoutOp
from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import Layer
from irc.layers.neuron_form import NetWriter
from irc.layers.value import Applied, Misfit, Spec


class Dropout(Layer):
    """``Dropout(p)``: PyTorch's ``Dropout``. In training each element becomes 0 with the probability p, and the others
    are scaled by 1 / (1 - p); else it gives what comes in.
    """

    kind = "Dropout"

    def __init__(self, p: float = 0.5, name: str | None = None):
        self.p = arguments.number(p, "p of Dropout", 0.0, 1.0)
        self.name = arguments.name(name, "Dropout")

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        if inputs[0].integer:
            raise Misfit(f"takes real numbers, but {inputs[0]} came in")
        return [inputs[0]]

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return not self.p and inputs[0].is_static  # neurons leave out nothing

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        return [writer[applied.operands[0]]]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        x = writer[applied.operands[0]]
        return [writer.value(DropoutOp, x, p=self.p, stream=writer.new_stream()) if self.p else x]
