"""Products of arrays, summed over shared dimensions: all of dense linear algebra in one op."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from irc.dialects.array.syntax import only, tensor
from irc.error_bounds import gamma, known, magnitude
from irc.ir.attributes import Attribute, StringAttr
from irc.ir.builder import Builder
from irc.ir.constraints import TENSOR
from irc.ir.dimensions import Dimension
from irc.ir.operation import Operation, Value
from irc.ir.spec import attr, operand, result
from irc.ir.traits import PURE
from irc.ir.types import Type


class Equation(NamedTuple):
    """The parts of an einsum equation of two operands, ``lhs,rhs->out``: one letter for each dimension."""

    lhs: str
    rhs: str
    out: str

    @property
    def summed(self) -> str:
        """The letters that are summed over, in the order of the left operand."""
        return "".join(c for c in self.lhs if c not in self.out)

    def __str__(self) -> str:
        return f"{self.lhs},{self.rhs}->{self.out}"


def parse_equation(text: str) -> Equation:
    """Read ``bi,oi->bo``. ValueError where it is malformed, or a letter stands twice in one part or in one part alone.

    A letter in one part alone would be a plain sum or a broadcast, which have ops of their own.
    """
    inputs, arrow, out = text.replace(" ", "").partition("->")
    lhs, comma, rhs = inputs.partition(",")
    letters = lhs + rhs + out
    if not arrow or not comma or not all(c.isascii() and c.isalpha() for c in letters):
        raise ValueError(f"'{text}' is no equation of two operands, such as 'bi,oi->bo'")
    for part in (lhs, rhs, out):
        for letter in part:
            if part.count(letter) > 1:
                raise ValueError(f"'{letter}' stands twice in '{part}' of '{text}'")
            if letters.count(letter) < 2:
                raise ValueError(f"'{letter}' of '{text}' must stand in at least two of the operands and the result")
    return Equation(lhs, rhs, out)


class Contract(Operation):
    """``out[...] = sum of lhs[...] * rhs[...]`` over the letters that the result lacks, as ``numpy.einsum`` has it.

        %y = array.contract "bi,oi->bo" %x, %w : tensor<B x 4 x f32>, tensor<8x4xf32>       // tensor<B x 8 x f32>

    The order of the sum is free.
    """

    name = "array.contract"
    lhs = operand(TENSOR)
    rhs = operand(TENSOR)
    output = result(TENSOR)
    equation = attr(StringAttr, "one letter for each dimension: `mk,nk->mn`")
    traits = frozenset({PURE})
    assembly = "$equation $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)"

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        equation = parse_equation(attributes["equation"].value)  # type: ignore[attr-defined]
        lhs, rhs = tensor(operand_types[0]), tensor(operand_types[1])
        if lhs.element is not rhs.element:
            raise ValueError(f"operands must have one element type, got {lhs} and {rhs}")
        found: dict[str, Dimension] = {}
        for letters, given in ((equation.lhs, lhs), (equation.rhs, rhs)):
            if len(letters) != given.rank:
                raise ValueError(f"'{letters}' of '{equation}' names {len(letters)} dimensions of {given}")
            for letter, dim in zip(letters, given.shape, strict=True):
                if found.setdefault(letter, dim) != dim:
                    raise ValueError(f"'{letter}' of '{equation}' is {found[letter]} in {lhs}, but {dim} in {rhs}")
        return [lhs.with_shape(found[letter] for letter in equation.out)]

    @property
    def parts(self) -> Equation:
        """The equation, taken apart."""
        return parse_equation(self.equation.value)

    def eval(self, context: Any, lhs: Any, rhs: Any) -> Sequence[Any]:
        with np.errstate(all="ignore"):
            return [np.asarray(context.round(_einsum(self, lhs, rhs), self.output.type.element))]

    def bound(self, context: Any, operands: Any, errors: Any, results: Any) -> Sequence[Any]:
        # each output is a sum of k products:  |error| <= gamma_k * sum|a||b|  (Higham, 3.5), plus what comes in
        (lhs, rhs), element = operands, self.output.type.element
        if not element.is_float:
            return [None]
        sizes = dict(zip(self.parts.lhs, np.shape(lhs), strict=True))
        count = int(np.prod([sizes[c] for c in self.parts.summed], dtype=np.int64)) + 1
        ea, eb = (np.broadcast_to(magnitude(e), np.shape(v)) for e, v in zip(errors, operands, strict=True))
        a, b = np.abs(lhs), np.abs(rhs)
        with np.errstate(all="ignore"):
            moved = _einsum(self, ea, b + eb) + _einsum(self, a, eb)
            return [known(moved + gamma(count, context.unit(element)) * _einsum(self, a + ea, b + eb))]

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        # out = sum lhs*rhs is linear in each operand: the gradient of one is the sum of dout times the other
        if not self.output.type.element.is_float:
            return [None, None]
        lhs, rhs, out = self.parts
        return [
            builder.value(Contract, only(gradients), self.rhs, equation=f"{out},{rhs}->{lhs}"),
            builder.value(Contract, only(gradients), self.lhs, equation=f"{out},{lhs}->{rhs}"),
        ]


def _einsum(op: Contract, lhs: Any, rhs: Any) -> np.ndarray:
    return np.einsum(str(op.parts), lhs, rhs, optimize=True)
