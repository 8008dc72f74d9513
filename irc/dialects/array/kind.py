"""What a row of an irregular net computes, besides its sum of weighted inputs."""

from __future__ import annotations

from irc.ir.attributes import Attribute, Form

AGGREGATIONS = ("sum", "product", "max", "min", "mean", "maxabs", "median")
"""How a neuron joins its weighted inputs."""


class Kind(Attribute):
    """An activation, its parameter (None where it takes none), and how the weighted inputs are put together.

    Text: ``#array.kind<relu, sum>``, ``#array.kind<relu_leaky, 0.1, max>``; the aggregation may be left out if it is
    sum.
    """

    __slots__ = ("activation", "parameter", "aggregation")
    name = "array.kind"
    activation: str
    parameter: float | None
    aggregation: str

    @classmethod
    def normalise(cls, activation, parameter=None, aggregation="sum"):
        if aggregation not in AGGREGATIONS:
            raise ValueError(f"there is no aggregation '{aggregation}'; there are {', '.join(AGGREGATIONS)}")
        return (activation, None if parameter is None else float(parameter), aggregation)

    def body(self, form: Form) -> str:
        parameter = [] if self.parameter is None else [repr(self.parameter)]
        return ", ".join([self.activation, *parameter, self.aggregation])

    @classmethod
    def parse_body(cls, body: str) -> Kind:
        activation, *rest = (part.strip() for part in body.split(","))
        if not activation.isidentifier() or len(rest) > 2:
            raise ValueError("expected an activation, then its parameter and an aggregation, if any")
        parameter = None
        if rest and rest[0] not in AGGREGATIONS:
            try:
                parameter = float(rest[0])
            except ValueError:
                raise ValueError(f"'{rest[0]}' is neither a number nor one of {', '.join(AGGREGATIONS)}") from None
            rest = rest[1:]
        if len(rest) > 1:
            raise ValueError(f"unexpected '{rest[1]}' after the aggregation")
        return cls(activation, parameter, *rest)
