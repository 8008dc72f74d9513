"""What the columns of a recurrent net's state are."""

from __future__ import annotations

from irc.dialects.neuron.dag import Dag
from irc.dialects.neuron.delay import Delay
from irc.dialects.neuron.names import Naming, neuron_name
from irc.dialects.neuron.net import Net, width
from irc.ir.attributes import ArrayAttr
from irc.ir.operation import OpResult


def registers_of(net: Net) -> ArrayAttr:
    """For each register, in the order of the columns: its name, its width and its initial value.

    A register is called after what it delays. That of a vector is one, but for neurons of a dag, which have names of
    their own: then each is one.
    """
    names: list[str | None] = []
    columns: list[tuple[int, float]] = []
    for op in net.delays:
        found = _names(op)
        names += found
        columns += [(op.width // len(found), float(op.initial.value))] * len(found)
    unique = Naming(names).names
    return ArrayAttr([ArrayAttr([name, *column]) for name, column in zip(unique, columns, strict=True)])


def _names(op: Delay) -> list[str | None]:
    source = op.source.defining_op()
    if not isinstance(source, Dag) or not isinstance(op.source, OpResult):
        return [neuron_name(op.source)]
    neurons = source.neuron_names()
    begin = sum(width(result.type) for result in source.results[: op.source.index])
    return [neurons[n] for n in source.topology.outputs[begin : begin + op.width].tolist()]
