"""The names by which a net's equations call its values, functions and parameters."""

from __future__ import annotations

import re

from irc.dialects.neuron import Delay, Net, parameter_names
from irc.dialects.neuron.names import Naming
from irc.ir.operation import Operation, Value

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


def late_values(net: Net) -> dict[Value, tuple[Value, int]]:
    """The delays that are told as another value some steps before: that value, and the steps.

    Delays of delays add up. A delay stands for itself if it is part of a ring of delays, or if another one of the same
    value begins with another number.
    """
    found: dict[Value, tuple[Value, int]] = {}
    initial: dict[tuple[Value, int], float] = {}
    done: set[Value] = set()
    for first in net.delays:
        chain: list[Delay] = []
        op: Operation | None = first
        while isinstance(op, Delay) and op.value not in done:
            done.add(op.value)
            chain.append(op)
            op = op.source.defining_op()
        if op in chain:  # it is the first of a ring, and the rest of the chain is that ring
            del chain[chain.index(op) :]
        for op in reversed(chain):
            source, steps = found.get(op.source, (op.source, 0))
            if initial.setdefault((source, steps + 1), op.initial.value) == op.initial.value:
                found[op.value] = (source, steps + 1)
    return found


def before(steps: int) -> str:
    """What stands behind the name of a value of so many steps before: ``[t-1]``; nothing for the same step."""
    return f"[t-{steps}]" if steps else ""


class EquationNames:
    """Names for the values of a net of single neurons: those that the values have, made unique.

    Parameters keep their names; a value whose name is taken gets a number behind it. Delays are
    called after what they delay, ``n02[t-1]``, where they can be (see :func:`late_values`, which is ``late``).
    ``numbered`` is as in :class:`Naming`; a net of gradients has it from the net it is the gradient of.
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
        self.late = late_values(net)

    def undelayed(self, value: Value) -> tuple[Value, int]:
        """A value that has a name of its own, and how many steps before ``value`` is that."""
        return self.late.get(value, (value, 0))

    def plain(self, value: Value) -> str:
        """The name of a value, as it is."""
        source, steps = self.undelayed(value)
        return f"{self._names[source]}{before(steps)}"

    def value(self, value: Value) -> str:
        """The name of a value, in quotes where it needs them."""
        source, steps = self.undelayed(value)
        return f"{quoted(self._names[source])}{before(steps)}"

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
