"""The activation of a neuron, as users write it: ``relu``, ``relu_leaky<0.1>``, or a pair ``("relu_leaky", 0.1)``."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any, NamedTuple

from irc.dialects.activations import ACTIVATIONS, ALIASES
from irc.ir.diagnostics import fail
from irc.ir.locations import UNKNOWN, Location

PARAMETERS: dict[str, float | None] = {a.name: a.default for a in ACTIVATIONS.values() if not a.whole_layer}
"""The activations that a single neuron can have, and the default of the parameter of those that take one."""

_WITH_PARAMETER = re.compile(r"\s*([^<>\s]+)\s*<([^<>]*)>\s*")


class Activation(NamedTuple):
    """A known name, and its parameter (None exactly where it takes none)."""

    name: str
    parameter: float | None = None

    def __str__(self) -> str:
        return self.name if self.parameter is None else f"{self.name}<{self.parameter!r}>"

    @classmethod
    def parse(cls, written: Any, location: Location = UNKNOWN) -> Activation:
        """What ``written`` means: a name, a name with ``<parameter>``, or a pair of both.

        Raises Error, at ``location``, for an unknown name and for a parameter that is no finite number or not taken.
        """
        name, parameter = written, None
        if isinstance(written, str) and (match := _WITH_PARAMETER.fullmatch(written)):
            name, parameter = match.groups()
            try:
                parameter = float(parameter)
            except ValueError:
                fail(f"the parameter of an activation is a number, not {parameter!r}", location)
        elif isinstance(written, (tuple, list)) and len(written) == 2:
            name, parameter = written
        if not isinstance(name, str):
            fail(f"an activation is a name, or a name and a number, not {written!r:.80}", location)
        name = ALIASES.get(name.strip(), name.strip())
        if name in ACTIVATIONS and ACTIVATIONS[name].whole_layer:
            fail(f"{name} acts on a whole layer, and cannot be the activation of one neuron", location)
        if name not in PARAMETERS:
            known = " ".join([*PARAMETERS, *ALIASES])
            fail(f"unknown activation {name!r:.80}; known are: {known}", location)
        default = PARAMETERS[name]
        if parameter is None:
            return cls(name, default)
        if default is None:
            fail(f"activation {name} takes no parameter", location)
        if not isinstance(parameter, Real) or isinstance(parameter, bool) or not math.isfinite(parameter):
            fail(f"the parameter of activation {name} is a finite number, not {parameter!r:.80}", location)
        return cls(name, float(parameter))


IDENTITY = Activation("identity")
