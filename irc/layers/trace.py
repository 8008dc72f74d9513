"""What a model was found to be: its inputs, what is applied to them in order, its outputs, and its parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from irc.ir.diagnostics import Diagnostic, fail
from irc.ir.locations import UNKNOWN, Location
from irc.layers.function import Layer, Weight
from irc.layers.value import Applied, Value

MOST_PARAMETERS = 2**31 - 1


@dataclass(frozen=True)
class Named:
    """A tensor of parameters in its place: ``label`` is its name, ``offset`` counts elements of the flat vector."""

    layer: Layer
    weight: Weight
    label: str
    offset: int

    @property
    def range(self) -> range:
        """Its part of the flat vector."""
        return range(self.offset, self.offset + prod(self.weight.shape))


class Trace:
    """The graph between ``inputs`` and ``outputs``. ``layers`` are those that the model declares, in order; they have
    names or paths. Others that are met are called by their kind and a number, such as ``linear1``.

    ``location`` is where the model stands. Raises :class:`irc.Error` for layers that are used in two ways that their
    weights cannot have both, and for two layers of one name.
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        layers: Sequence[Layer] = (),
        location: Location = UNKNOWN,
    ):
        self.name = name
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.location = location
        self.applied = self._reached()
        self.uses = self._uses()
        self.layers = self._in_order(layers)
        self.parameters = self._parameters()
        self.parameter_count = self.parameters[-1].range.stop if self.parameters else 0
        if self.parameter_count > MOST_PARAMETERS:
            fail(f"{name} has {self.parameter_count} parameters; there can be {MOST_PARAMETERS}", location)

    def weights_of(self, layer: Layer) -> list[Named]:
        """The tensors of parameters of a layer."""
        return [named for named in self.parameters if named.layer is layer]

    def _reached(self) -> list[Applied]:
        """What the outputs need, in the order in which it was applied."""
        found: set[Applied] = set()
        work = list(self.outputs)
        while work:
            value = work.pop()
            if value.source is None:
                if value not in self.inputs:
                    fail(f"{self.name} needs the input {value.name}, which is none of its inputs", value.location)
            elif value.source not in found:
                found.add(value.source)
                work += value.source.operands
        return sorted(found, key=lambda applied: applied.serial)

    def _uses(self) -> dict[Layer, list[Applied]]:
        uses: dict[Layer, list[Applied]] = {}
        for applied in self.applied:
            if isinstance(applied.function, Layer):
                uses.setdefault(applied.function, []).append(applied)
        return uses

    def _in_order(self, declared: Sequence[Layer]) -> list[Layer]:
        """The layers that are used: as they are declared, then as they are met. Those without names get some."""
        kept = [layer for layer in declared if layer in self.uses]
        found = list(dict.fromkeys([*kept, *self.uses]))
        for layer in set(found).difference(kept):
            layer.path = None  # that was in another model
        names = Counter(layer.label for layer in found if layer.label is not None)
        if names and names.most_common(1)[0][1] > 1:
            fail(f"two layers of {self.name} are called '{names.most_common(1)[0][0]}'", self.location)
        for layer in found:
            if layer.label is None:
                layer.path = next(name for name in _names(layer.kind.lower()) if name not in names)
                names[layer.path] = 1
        return found

    def _parameters(self) -> list[Named]:
        found: list[Named] = []
        offset = 0
        for layer in self.layers:
            for weight in self._weights(layer):
                found.append(Named(layer, weight, f"{layer.label}.{weight.name}", offset))
                offset = found[-1].range.stop
        return found

    def _weights(self, layer: Layer) -> Sequence[Weight]:
        """The weights of a layer, which must be the same wherever it is used."""
        first, *others = self.uses[layer]
        weights = layer.weights(*_specs(first))
        for other in others:
            if list(layer.weights(*_specs(other))) != list(weights):
                given, before = ", ".join(map(str, _specs(other))), ", ".join(map(str, _specs(first)))
                note = Diagnostic(f"{before} comes in here", first.location, "note")
                message = f"{layer.described} is used twice, so its weights are shared, but {given} comes in here"
                fail(f"{message}, and {before} at its first use", other.location, note)
        return weights


def _specs(applied: Applied) -> list:
    return [value.known for value in applied.operands]


def _names(kind: str) -> Iterator[str]:
    number = 1
    while True:
        yield f"{kind}{number}"
        number += 1
