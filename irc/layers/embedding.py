"""Embedding: a vector for each of a number of symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from irc.dialects.arith import CmpI, Select
from irc.dialects.array import Broadcast, Gather
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import Initial, Layer, Weight, initial
from irc.layers.value import Applied, Misfit, Spec


class Embedding(Layer):
    """``Embedding(num_embeddings, embedding_dim)``: row i of ``weight`` [num_embeddings, embedding_dim] for each i.

    It takes integers, of any shape; a number outside of 0 to num_embeddings - 1 is an error. ``padding_idx`` is one
    that gives zeros and learns nothing. ``weight`` starts by ``init``, N(0, 1) if none is given.
    """

    kind = "Embedding"
    spellings: ClassVar = {
        "vocabsize": "num_embeddings",
        "embedsize": "embedding_dim",
        "inputdim": "num_embeddings",
        "outputdim": "embedding_dim",
    }

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        init: Any = None,
        name: str | None = None,
    ):
        self.num_embeddings = arguments.size(num_embeddings, "num_embeddings of Embedding")
        self.embedding_dim = arguments.size(embedding_dim, "embedding_dim of Embedding")
        self.below = self.num_embeddings
        self.padding_idx: int | None = None
        if padding_idx is not None and padding_idx != -1:  # -1 is Arraymancer's none
            self.padding_idx = arguments.size(padding_idx, "padding_idx of Embedding", 0)
            if self.padding_idx >= self.num_embeddings:
                arguments.refuse("Embedding", f"a padding_idx below {self.num_embeddings}, not {padding_idx}")
        self.init = initial(init, Initial("normal"))
        self.name = arguments.name(name, "Embedding")

    def expected(self, position: int) -> Spec | None:
        return Spec(arguments.shape(["T"], "T"), True)

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        if not given.integer:
            raise Misfit(f"takes integers, but {given} came in; an input of integers is int{Spec(given.shape)}")
        return [Spec((*given.shape, self.embedding_dim))]

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        return [Weight("weight", (self.num_embeddings, self.embedding_dim), self.init)]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        numbers = writer[applied.operands[0]]
        y = writer.value(Gather, writer.weight(self, "weight"), numbers, axis=0)
        if self.padding_idx is None:
            return [y]
        kind: TensorType = y.type  # type: ignore[assignment]
        padding = writer.full(self.padding_idx, numbers.type)
        is_padding = writer.value(CmpI, numbers, padding, predicate="eq")
        spread = TensorType(kind.shape, is_padding.type.element)
        everywhere = writer.value(Broadcast, is_padding, dims=list(range(kind.rank - 1)), result_types=[spread])
        return [writer.value(Select, everywhere, writer.full(0.0, kind), y)]
