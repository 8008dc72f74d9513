"""What to call the neurons and parameters of a net: in messages, equations, matrices and pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from irc.ir.locations import NameLocation
from irc.ir.operation import Value

_NUMBERED = re.compile(r"n[0-9a-f]{2,}")


def neuron_name(value: Value) -> str | None:
    """The name that the source gave the neuron: its label, or ``n`` and its number; None where it has none."""
    location = value.location
    return location.name if isinstance(location, NameLocation) else value.name_hint


def shown_name(value: Value) -> str:
    """:func:`neuron_name`, or the op that makes the value."""
    op = value.defining_op()
    return neuron_name(value) or (op.name if op is not None else "an argument")


def numbered_name(number: int, count: int) -> str:
    """``n0c``: neuron 12 of ``count``, in hexadecimal digits as the largest number needs them, at least two."""
    width = max(2, len(f"{max(count - 1, 0):x}"))
    return f"n{number:0{width}x}"


class Naming:
    """Unique names for neurons, and for what belongs to them.

    Where all neurons are called ``n`` and a number, the rest is too: ``f04``, ``d04``, ``w0004``. Otherwise names are
    labels: ``f_a``, ``d_a``, ``w_a_b``.
    """

    def __init__(self, names: Iterable[str | None]):
        given = list(names)
        taken: set[str] = set()
        self.names: list[str] = []
        for number, name in enumerate(given):
            base = candidate = name or numbered_name(number, len(given))
            copy = 1
            while candidate in taken:
                copy += 1
                candidate = f"{base}_{copy}"
            taken.add(candidate)
            self.names.append(candidate)
        self.numbered = all(_NUMBERED.fullmatch(name) for name in self.names)

    @classmethod
    def of(cls, values: Sequence[Value]) -> Naming:
        """Names for the values of neurons, in their order."""
        return cls(neuron_name(value) for value in values)

    def belonging(self, prefix: str, name: str) -> str:
        """The name of what belongs to neuron ``name``: its function, delta, z or bias."""
        return f"{prefix}{name[1:]}" if self.numbered else f"{prefix}_{name}"

    def edge(self, prefix: str, source: str, target: str) -> str:
        """The name of what belongs to the edge between two neurons: its weight ``w0408``."""
        return f"{prefix}{source[1:]}{target[1:]}" if self.numbered else f"{prefix}_{source}_{target}"
