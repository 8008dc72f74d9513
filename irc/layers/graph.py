"""GCN: a layer of a graph convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import Contract
from irc.ir.operation import Value as IrValue
from irc.layers.array_form import ArrayWriter
from irc.layers.linear import Linear
from irc.layers.value import Applied, Misfit, Spec


class GCN(Linear):
    """``GCN(out_features)`` or ``GCN(in_features, out_features)``: A X W^T + b.

    Called with the features X [nodes, in_features] and the matrix A [nodes, nodes] by which nodes see each other
    (Kipf and Welling 2017 take the normalised adjacency matrix with loops). Parameters are those of ``Linear``.
    """

    kind = "GCN"
    takes = (2, 2)

    def expected(self, position: int) -> Spec | None:
        return None

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        features, matrix = inputs
        if features.rank != 2 or matrix.shape != (features.shape[0],) * 2 or matrix.integer:
            shown = f"{features} and {matrix} came in"
            raise Misfit(f"takes features [nodes, features] and a matrix [nodes, nodes], but {shown}")
        return super().infer(features)

    def has_neuron_form(self, *inputs: Spec) -> bool:
        return False

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        features, matrix = (writer[value] for value in applied.operands)
        seen = writer.value(Contract, matrix, features, equation="bnm,bmf->bnf")
        y = writer.value(Contract, seen, writer.weight(self, "weight"), equation="bnf,of->bno")
        return [writer.add(y, writer.along(writer.weight(self, "bias"), y.type, -1)) if self.bias else y]
