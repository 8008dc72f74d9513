"""``neuron.gather``: neurons picked from values that come in, as a vector or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.neuron.columns import joined, parted
from irc.dialects.neuron.net import width
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.attributes import DenseAttr
from irc.ir.builder import Builder
from irc.ir.constraints import FLOAT_LIKE
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operands, results
from irc.ir.traits import PURE, RAW, HasParent
from irc.ir.types import TensorType, Type, i32


class Gather(Operation):
    """Neurons by number: it joins single neurons to vectors, picks from vectors, and takes vectors apart.

        %t = neuron.gather (%a, %h) {indices = dense<[0, 3, 1]> : tensor<3xi32>} : (f32, tensor<8xf32>) -> tensor<3xf32>

    The values that come in are numbered one after another, a vector with its elements; ``indices`` are the neurons
    that the results are, also one after another. Floats and vectors may be mixed on both sides. A neuron may be
    picked several times.
    """

    name = "neuron.gather"
    sources = operands(FLOAT_LIKE, "the values that come in")
    values = results(FLOAT_LIKE, "what is picked")
    indices = attr(DenseAttr, "the numbers of the neurons that are picked")
    traits = frozenset({PURE, RAW, HasParent("neuron.net")})
    assembly = "`(` $sources `)` attr-dict `:` functional-type(operands, results)"

    @classmethod
    def of(
        cls, builder: Builder, sources: Sequence[Value], indices: np.ndarray, types: Sequence[Type]
    ) -> Sequence[Value]:
        """Insert one; gives its results."""
        table = DenseAttr(np.asarray(indices, np.int32), TensorType([len(indices)], i32))
        return builder.create(cls, sources, indices=table, result_types=types).results

    @property
    def picks(self) -> np.ndarray:
        """The numbers of the neurons that are picked."""
        return self.indices.array

    def verify(self) -> None:
        if not self.results:
            raise ValueError("needs at least one result")
        types = [v.type for v in (*self.sources, *self.results)]
        element = self.results[0].type.element
        if any(t.element is not element or (isinstance(t, TensorType) and t.rank != 1) for t in types):
            raise ValueError(
                f"takes and gives floats of one type, or vectors of them, not {', '.join(map(str, types))}"
            )
        if self.indices.type.element is not i32 or self.indices.type.rank != 1:
            raise ValueError(f"indices must be a list of i32, not {self.indices.type}")
        given = sum(width(r.type) for r in self.results)
        if given != len(self.picks):
            raise ValueError(f"has {len(self.picks)} indices, but results for {given}")
        count = sum(width(v.type) for v in self.sources)
        wrong = self.picks[(self.picks < 0) | (self.picks >= count)]
        if wrong.size:
            raise ValueError(f"index {wrong[0]} is outside of 0 to {count - 1}")

    def eval(self, context: Any, *sources: Any) -> Sequence[Any]:
        x = joined(context, self.results[0].type.element, sources, self.sources)
        picked, error = value_of(x)[:, self.picks], error_of(x)
        return parted(picked if error is None else Bounded(picked, error[:, self.picks]), self.results)
