"""The parameters of a net: their names, and what their start values are scaled by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from irc.dialects.neuron.dag import Dag
from irc.dialects.neuron.gather import Gather
from irc.dialects.neuron.layer import Layer
from irc.dialects.neuron.names import Naming, neuron_name
from irc.dialects.neuron.net import Net, width
from irc.dialects.neuron.node import Node
from irc.ir.operation import OpResult, Value
from irc.ir.types import TensorType


def parameter_names(net: Net) -> list[str]:
    """A unique name for each parameter, in flat order: those of the net, or such as follow from its edges.

    One of a tensor is named by its place in it, ``a.weight[0,1]``; else a weight by the first edge that uses it,
    ``w<i><j>`` (``w_<label>_<label>``), a bias ``b<j>``; parameters of layers without labels, and those that nothing
    uses, are ``p<index>``, the index in hexadecimal.
    """
    if net.names is not None:
        return [name.value for name in net.names]
    names = [""] * net.parameter_count
    tensors = net.parameter_tensors
    for tensor in tensors:
        names[tensor.offset : tensor.offset + tensor.size] = tensor.element_names()
    for name, index in _uses(net):
        names[index] = names[index] or name
    width = max(2, len(f"{max(len(names) - 1, 0):x}"))
    labels = [tensor.label for tensor in tensors if tensor.shape]
    made = [name or f"p{index:0{width}x}" for index, name in enumerate(names)]
    return Naming([*labels, *made]).names[len(labels) :]


def _uses(net: Net) -> Iterator[tuple[str, int]]:
    """Each edge's and bias's name with its parameter index."""
    delayed = {op.value: op.source for op in net.delays}
    values = (*net.arguments, *(r for op in net.block for r in op.results))
    neurons = [v for v in values if v.type.is_float and v not in delayed]
    naming = Naming.of(neurons)
    called = dict(zip(neurons, naming.names, strict=True))
    for value in delayed:  # an edge from the step before is named after the neuron, too
        if value.type.is_float:
            called[value] = called.get(_source(value, delayed)) or neuron_name(value) or "v"
    for op in net.block:
        if isinstance(op, Node):
            for source, index in zip(op.terms, op.weights, strict=True):
                if index >= 0:
                    yield naming.edge("w", called[source], called[op.value]), index
            if op.bias_index is not None:
                yield naming.belonging("b", called[op.value]), op.bias_index
        elif isinstance(op, Dag):
            yield from op.named_uses()
        elif isinstance(op, Layer) and op.labels is not None:
            yield from op.named_uses(_element_names(op.source, called))


def _source(value: Value, delayed: dict[Value, Value]) -> Value:
    """What a value is the delay of, several steps back if need be. Delays that delay each other have no source."""
    seen = set()
    while value in delayed and value not in seen:
        seen.add(value)
        value = delayed[value]
    return value


def _element_names(value: Value, called: dict[Value, str]) -> list[str]:
    """The names of the neurons of a value: a float's is in ``called``; a vector's are labels, or made from its own."""
    if value in called:
        return [called[value]]
    op = value.defining_op()
    if isinstance(op, Layer) and op.labels is not None:
        return [label.value for label in op.labels]
    if isinstance(op, (Dag, Gather)) and isinstance(value, OpResult):
        begin = sum(width(r.type) for r in op.results[: value.index])
        if isinstance(op, Dag):
            names, picked = op.neuron_names(), op.topology.outputs
        else:
            names, picked = [name for v in op.sources for name in _element_names(v, called)], op.picks
        return [names[n] for n in picked[begin : begin + width(value.type)].tolist()]
    assert isinstance(value.type, TensorType)
    return [f"{neuron_name(value) or 'v'}_{n}" for n in range(width(value.type))]


def parameter_fan_in(net: Net) -> np.ndarray:
    """For each parameter (int64) the largest fan-in of its users: it scales the draw of the start value.

    A bias has its neuron's fan-in; a parameter that nothing uses has 0. The form and order of the net do not matter.
    """
    fan_in = np.zeros(net.parameter_count, np.int64)
    for op in net.block:
        if isinstance(op, Node):
            own = [index for index in op.weights if index >= 0]
            used = np.array(own if op.bias_index is None else [*own, op.bias_index], np.int64)
            np.maximum.at(fan_in, used, len(op.terms))
        elif isinstance(op, (Dag, Layer)):
            np.maximum.at(fan_in, *op.fan_in())
    return fan_in
