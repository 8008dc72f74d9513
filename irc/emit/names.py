"""The names by which a net's equations call its values, functions and parameters."""

from __future__ import annotations

import re

from irc.dialects.neuron import Net, parameter_names
from irc.dialects.neuron.names import Naming
from irc.ir.operation import Value

_BARE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(name: str) -> str:
    """A name as equations write it: in double quotes unless it is an identifier."""
    if _BARE.fullmatch(name):
        return name
    return '"' + "".join(_ESCAPES.get(c, c) for c in name) + '"'


def unquoted(text: str) -> str:
    """The inverse of :func:`quoted`."""
    if not text.startswith('"'):
        return text
    back = {escaped[1]: plain for plain, escaped in _ESCAPES.items()}
    return re.sub(r"\\(.)", lambda m: back.get(m[1], m[1]), text[1:-1])


class EquationNames:
    """Names for the values of a net of single neurons: those that the values have, made unique.

    Parameters keep their names; a value whose name is taken gets a number behind it. ``numbered`` is as in
    :class:`Naming`; a net of gradients has it from the net it is the gradient of.
    """

    def __init__(self, net: Net, numbered: bool | None = None):
        self._parameters = parameter_names(net)
        values = [*net.arguments, *(r for op in net.block for r in op.results)]
        given = Naming(v.name_hint for v in values) if net.is_gradient else Naming.of(values)
        delayed = {op.value for op in net.delays}  # called after what they delay, so no numbers
        own = Naming.of([v for v in values if v not in delayed]) if delayed else given
        self.numbered = own.numbered if numbered is None else numbered
        unique = Naming([*self._parameters, *given.names]).names[len(self._parameters) :]
        self._names = dict(zip(values, unique, strict=True))

    def plain(self, value: Value) -> str:
        """The name of a value, as it is."""
        return self._names[value]

    def value(self, value: Value) -> str:
        """The name of a value, in quotes where it needs them."""
        return quoted(self._names[value])

    def parameter(self, index: int) -> str:
        """The name of a parameter, likewise."""
        return quoted(self._parameters[index])

    def function(self, value: Value) -> str:
        """The name of a neuron's function: ``f04`` of ``n04``, ``f_a`` of the label ``a``."""
        name = self._names[value]
        return quoted(f"f{name[1:]}" if self.numbered else f"f_{name}")

    def gradient_function(self, delta: Value) -> str:
        """The name of a delta's function: ``g04`` of ``d04``, ``g_a`` of ``d_a``."""
        return quoted(f"g{self._names[delta][1:]}")
