"""Linear: every output is a weighted sum of all inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irc.dialects.array import Contract
from irc.dialects.neuron import Dense
from irc.ir.operation import Value as IrValue
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import KAIMING, ZERO, Layer, Weight, initial
from irc.layers.neuron_form import NetWriter
from irc.layers.value import Applied, Misfit, Spec


class Linear(Layer):
    """``Linear(out_features)`` or ``Linear(in_features, out_features)``: x W^T + b along the last dimension.

    Parameters: ``weight`` [out_features, in_features], which starts by ``init``, and ``bias`` [out_features], zero.
    """

    kind = "Linear"
    has_edges = True
    spellings = {"numinput": "in_features", "numoutput": "out_features", "units": "out_features"}

    def __init__(
        self,
        *sizes: int,
        in_features: int | None = None,
        out_features: int | None = None,
        bias: bool = True,
        init: Any = None,
        name: str | None = None,
    ):
        given = list(sizes)
        if given and out_features is None:
            out_features = given.pop()
        if given and in_features is None:
            in_features = given.pop()
        if given or out_features is None:
            takes = "(out_features) or (in_features, out_features)"
            arguments.refuse(self.kind, f"{takes}, such as {self.kind}(500) or {self.kind}(800, 500)")
        if isinstance(in_features, (tuple, list)) and len(in_features) == 1:  # the shape of a vector
            (in_features,) = in_features
        self.in_features = None if in_features is None else arguments.size(in_features, f"in_features of {self.kind}")
        self.out_features = arguments.size(out_features, f"out_features of {self.kind}")
        self.bias = arguments.switch(bias, f"bias of {self.kind}")
        self.init = initial(init, KAIMING)
        self.name = arguments.name(name, self.kind)

    def expected(self, position: int) -> Spec | None:
        return None if self.in_features is None else Spec((self.in_features,))

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        if given.integer or not given.rank:
            raise Misfit(f"takes a vector of numbers, but {given} came in")
        features = given.shape[-1]
        if not isinstance(features, int):
            raise Misfit(f"takes a number of features that is known, but {given} came in")
        if self.in_features is not None and features != self.in_features:
            flat = "; flatten it first" if given.rank > 1 and given.size == self.in_features else ""
            raise Misfit(f"takes {self.in_features} features, but {given} came in, which has {features}{flat}")
        return [given.with_shape([*given.shape[:-1], self.out_features])]

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        features = inputs[0].shape[-1]
        assert isinstance(features, int)
        weight = Weight("weight", (self.out_features, features), self.init)
        return [weight, Weight("bias", (self.out_features,), ZERO)] if self.bias else [weight]

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return inputs[0].rank == 1

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        source = applied.operands[0]
        features = source.known.shape[0]
        bias = writer.parameters(self, "bias") if self.bias else None
        return [writer.layer(applied, Dense(features, self.out_features), writer.parameters(self, "weight"), bias)]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        x = writer[applied.operands[0]]
        letters = "abcdefgh"[: applied.operands[0].known.rank]  # the batch, and all dimensions but the last
        y = writer.value(Contract, x, writer.weight(self, "weight"), equation=f"{letters}i,oi->{letters}o")
        if self.bias:
            y = writer.add(y, writer.along(writer.weight(self, "bias"), y.type, -1))
        return [y]
