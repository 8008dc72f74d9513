"""A graph of neurons in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from irc.dialects.neuron.dag import Dag
from irc.dialects.neuron.delay import Delay
from irc.dialects.neuron.layer import Layer
from irc.dialects.neuron.net import OUTPUT, Net, width
from irc.dialects.neuron.node import Merge, Node
from irc.interpreter import in_order
from irc.ir.diagnostics import counted
from irc.ir.operation import Operation, Value


@dataclass(frozen=True)
class GraphFacts:
    """Counts of a net. ``depth`` is the number of edges on the longest path; ``kinds`` counts neurons by activation and
    aggregation; ``fan_in`` is the smallest, mean and largest number of edges into a computed neuron; ``state`` is how
    many numbers the delays hold.
    """

    inputs: int
    outputs: int
    neurons: int
    edges: int
    depth: int
    kinds: Counter[str]
    fan_in: tuple[int, float, int]
    state: int

    @classmethod
    def of(cls, net: Net) -> GraphFacts:
        """Count the neurons of nodes, layers and dags; each number that another op of the net gives counts as one."""
        depths: dict[Value, int] = dict.fromkeys(net.arguments, 0)
        kinds: Counter[str] = Counter()
        fan_in: list[int] = []
        for op in in_order(net.block)[:-1]:
            reached = max((depths.get(v, 0) for v in op.operands), default=0)
            if isinstance(op, Dag):
                counts, inside = _dag(op)
                fan_in += counts
                reached += inside
                for first, end, number in op.topology.segments.tolist():
                    kind = op.kinds[number]
                    kinds[_kind(kind.activation, kind.aggregation)] += end - first
            elif isinstance(op, Node):
                fan_in.append(len(op.terms))
                kinds[_kind(op.activation.value, op.aggregation.value)] += 1
                reached += 1
            elif isinstance(op, Layer):
                fan_in += op.edges.in_degrees().tolist()
                kinds[_kind(op.activation.value, op.aggregation.value)] += op.edges.outputs
                reached += 1
            elif isinstance(op, Delay):
                reached = 0
            else:
                kinds[_word(op)] += sum(width(r.type) for r in op.results)
                reached += 1
            depths.update(dict.fromkeys(op.results, reached))
        spread = (min(fan_in), float(np.mean(fan_in)), max(fan_in)) if fan_in else (0, 0.0, 0)
        return cls(
            net.input_width,
            sum(width(v.type) for v, kind in zip(net.outputs, net.kinds_of_results(), strict=True) if kind == OUTPUT),
            net.input_width + sum(kinds.values()),
            sum(fan_in),
            max(depths.values(), default=0),
            kinds,
            spread,
            sum(op.width for op in net.delays),
        )

    def lines(self) -> list[str]:
        """As text."""
        kinds = ", ".join(f"{number} {kind}" for kind, number in self.kinds.most_common())
        low, mean, high = self.fan_in
        state = [f"  a state of {counted(self.state, 'number')}: what is read a step later"] if self.state else []
        return [
            f"  {self.neurons} neurons: {counted(self.inputs, 'input')}, {kinds or 'none computed'}",
            f"  {self.edges} edges, {low} to {high} into a neuron ({mean:.1f} on average), depth {self.depth}",
            f"  {counted(self.outputs, 'output')}",
            *state,
        ]


def _kind(activation: str, aggregation: str) -> str:
    return activation if aggregation == "sum" else f"{activation} of {aggregation}"


def _word(op: Operation) -> str:
    """What numbers that are no weighted sums are called."""
    return f"merge {op.kind.value}" if isinstance(op, Merge) else op.name


def _dag(op: Dag) -> tuple[list[int], int]:
    """Edges into each row, and the longest path inside."""
    topology = op.topology
    offsets, sources = topology.offsets.tolist(), topology.sources.tolist()
    first = op.input_count
    depths = [0] * (first + op.row_count)
    for row in range(op.row_count):
        edges = sources[offsets[row] : offsets[row + 1]]
        depths[first + row] = 1 + max((depths[source] for source in edges), default=0)
    return np.diff(topology.offsets).tolist(), max(depths, default=0)
