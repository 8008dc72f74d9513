"""Writes ``.nal``: in-sets and function codes (see ``irc.frontends.nal``)."""

from __future__ import annotations

from irc.frontends import losses
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.frontends.nal import CODES

_CODES = {Activation.parse(name): f"{code:02x}" for code, name in enumerate(CODES)}
_LACKS = (
    losses.labels,
    losses.weights,
    losses.biases,
    losses.activations_but(_CODES.__contains__),
    losses.aggregations,
    losses.delays,
    losses.sharing,
    losses.placement,
    losses.unused,
    losses.parameter_names,
    losses.output_choice,
)


def nal(graph: Graph, lossy: bool = False) -> str:
    """The graph as text. An activation without a code becomes identity.

    Raises :class:`irc.Error` that lists what the form cannot hold, unless ``lossy``.
    """
    losses.refuse(graph, ".nal", _LACKS, lossy)
    names = [f"{neuron:0{graph.digits}x}" for neuron in range(graph.neuron_count)]
    codes = [_CODES.get(activation, "00") for activation in graph.activations]
    sources = [names[source] for source in graph.source.tolist()]
    offsets = graph.offsets.tolist()
    lines = [f"N {graph.neuron_count:0{graph.digits}x}"]
    columns = zip(names, graph.is_input.tolist(), graph.activation.tolist(), offsets, offsets[1:], strict=False)
    for name, is_input, activation, begin, end in columns:
        in_set = ",".join(sources[begin:end])
        lines.append(name if is_input else f"{name} {codes[activation]} {in_set}".rstrip())
    return "".join(f"{line}\n" for line in lines)
