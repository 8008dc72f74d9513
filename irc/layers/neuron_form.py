"""Applied functions as a ``neuron.net``: values become vectors, a grid in row-major order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from irc.dialects.activations import ACTIVATIONS, Activation
from irc.dialects.neuron import Layer as LayerOp
from irc.dialects.neuron import Net, Output
from irc.dialects.neuron.edges import Edges
from irc.ir.attributes import IntegerAttr
from irc.ir.builder import Builder
from irc.ir.locations import Location, NameLocation
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType, Type
from irc.layers.function import Function, Layer
from irc.layers.value import Applied, Value

Ranges = Mapping[tuple[Layer, str], range]
"""Where each tensor of parameters lies in the flat vector."""


class NetWriter:
    """Writes a group of applied functions as one net. ``ranges`` are those of the net's own parameters."""

    def __init__(self, group: Sequence[Applied], outputs: Sequence[Value], ranges: Ranges, element: Type):
        self.group = group
        self.outputs = outputs
        self.element = element
        self.builder = Builder()
        self._ranges = ranges
        self._made: dict[Value, IrValue] = {}
        self._activated = self._activations()

    def net(self, name: str, inputs: Sequence[Value], parameters: int, location: Location, **attributes: Any) -> Net:
        """The net: a function of ``inputs`` that gives the outputs."""
        arguments = [(value.name or None, self.type_of(value), value.location) for value in inputs]
        net = Net.of(name, arguments, [self.type_of(v) for v in self.outputs], parameters, location, **attributes)
        self._made.update(zip(inputs, net.arguments, strict=True))
        self.builder = Builder.at_end(net.block, location)
        for applied in self.group:
            with self.builder.located(place_of(applied)):
                made = applied.function.neuron(self, applied)
            for value, result in zip(applied.results, made, strict=True):
                self._made[value] = result
                if result.name_hint is None and isinstance(applied.function, Layer):
                    result.name_hint = applied.function.label
        self.builder.create(Output, [self[value] for value in self.outputs])
        return net

    def __getitem__(self, value: Value) -> IrValue:
        return self._made[value]

    def type_of(self, value: Value) -> TensorType:
        """The type of a value: a vector."""
        return TensorType([value.known.size], self.element)

    def parameters(self, layer: Layer, name: str) -> range:
        """Which parameters of the net a tensor of a layer is."""
        return self._ranges[layer, name]

    def has_activation(self, value: Value) -> bool:
        """Whether the layer that gives ``value`` has its activation in it already."""
        return value in self._activated

    def layer(
        self,
        applied: Applied,
        edges: Edges,
        weights: range | None = None,
        biases: range | None = None,
        activation: Activation | None = None,
        **attributes: Any,
    ) -> IrValue:
        """A ``neuron.layer`` on the only operand, with the activation that is applied to its result, if one is."""
        (source,), (result,) = applied.operands, applied.results
        chosen = activation or self._activated.get(result) or ACTIVATIONS["identity"]
        own = {"first_weight": weights, "first_bias": biases}
        first = {name: IntegerAttr(numbers.start) for name, numbers in own.items() if numbers is not None}
        parameter = {} if chosen.parameter is None else {"parameter": chosen.parameter}
        return self.builder.value(
            LayerOp, self[source], activation=chosen.name, edges=edges, **parameter, **first, **attributes
        )

    def _activations(self) -> dict[Value, Activation]:
        """The activations that become part of the layers before them: of values that nothing else reads."""
        uses = Counter(value for applied in self.group for value in applied.operands)
        uses.update(self.outputs)
        own = {value for applied in self.group if applied.function.has_edges for value in applied.results}
        found: dict[Value, Activation] = {}
        for applied in self.group:
            activation = applied.function.activation
            if activation is not None and applied.operands[0] in own and uses[applied.operands[0]] == 1:
                found[applied.operands[0]] = activation
        return found


def place_of(applied: Applied) -> Location:
    """Where an application stands, with the layer's name."""
    function: Function = applied.function
    name = function.label if isinstance(function, Layer) else None
    return NameLocation(name, applied.location) if name else applied.location
