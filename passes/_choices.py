"""Aggregations that choose among their terms (``irc.dialects.array.choice``), written out term by term for
``lower-neuron``: without branches, and so that gradients flow to the chosen terms alone.

The rank of a term is the number of terms before it: smaller ones, and equal ones with a smaller number. In a median
of n, ranks less than 1 away from (n - 1) / 2 are in the middle: one if n is odd, two if it is even.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from irc.dialects import arith
from irc.dialects.constants import splat
from irc.dialects.math import AbsF
from irc.ir.builder import Builder
from irc.ir.operation import Value


def chosen(builder: Builder, how: str, terms: Sequence[Value]) -> Value:
    """The aggregate of one or more terms."""
    if how == "median":
        return _median(builder, terms)
    if how != "maxabs":
        step = arith.MaximumF if how == "max" else arith.MinimumF
        return reduce(lambda a, b: builder.value(step, a, b), terms)

    def larger(a: Value, b: Value) -> Value:
        ahead = _compare(builder, "ogt", builder.value(AbsF, b), builder.value(AbsF, a))
        return builder.value(arith.Select, ahead, b, a)

    return reduce(larger, terms)


def share_of_choice(builder: Builder, how: str, terms: Sequence[Value], at: int) -> Value:
    """The derivative of :func:`chosen` by term ``at``.

    Term ``at`` is the first maximum if all before it are smaller and none behind it is larger.
    """
    kind = terms[at].type
    if how == "median":
        share = splat(builder, _share(len(terms)), kind)
        if len(terms) <= 2:
            return share
        return builder.value(arith.Select, _in_the_middle(builder, terms, at), share, splat(builder, 0.0, kind))
    zero = splat(builder, 0.0, kind)
    strict, weak = ("olt", "ole") if how == "min" else ("ogt", "oge")
    keys = [builder.value(AbsF, t) for t in terms] if how == "maxabs" else terms
    share = splat(builder, 1.0, kind)
    for place, other in enumerate(keys):
        if place != at:
            ahead = _compare(builder, strict if place < at else weak, keys[at], other)
            share = builder.value(arith.Select, ahead, share, zero)
    return share


def _compare(builder: Builder, predicate: str, a: Value, b: Value) -> Value:
    return builder.value(arith.CmpF, a, b, predicate=predicate)


def _share(count: int) -> float:
    """What each term in the middle of ``count`` counts."""
    return 1.0 if count % 2 else 0.5


def _median(builder: Builder, terms: Sequence[Value]) -> Value:
    kind, parts = terms[0].type, list(terms)
    if len(terms) > 2:
        zero = splat(builder, 0.0, kind)
        middle = [_in_the_middle(builder, terms, at) for at in range(len(terms))]
        parts = [builder.value(arith.Select, m, t, zero) for m, t in zip(middle, terms, strict=True)]
    if len(terms) % 2 == 0:
        half = splat(builder, _share(len(terms)), kind)
        parts = [builder.value(arith.MulF, part, half) for part in parts]
    return reduce(lambda a, b: builder.value(arith.AddF, a, b), parts)


def _in_the_middle(builder: Builder, terms: Sequence[Value], at: int) -> Value:
    """Whether the term is one that a median takes."""
    kind = terms[at].type
    one, zero = splat(builder, 1.0, kind), splat(builder, 0.0, kind)
    # a term before this one goes first if the two are equal, one behind it does not
    goes_first = [
        _compare(builder, "ole" if place < at else "olt", other, terms[at])
        for place, other in enumerate(terms)
        if place != at
    ]
    ones = [builder.value(arith.Select, first, one, zero) for first in goes_first]
    rank = reduce(lambda a, b: builder.value(arith.AddF, a, b), ones)
    away = builder.value(AbsF, builder.value(arith.SubF, rank, splat(builder, (len(terms) - 1) / 2, kind)))
    return _compare(builder, "olt", away, one)
