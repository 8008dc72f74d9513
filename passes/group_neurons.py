"""Makes one ``neuron.dag`` of the nodes of a net, so that its graph is data: a net of any topology runs on the same code.

Rows come in topological order, of several possible ones as the text has them, and neurons of one activation and aggregation
side by side where that is possible. Parameter indices stay. Delays stay too: what they give is one more input of the dag,
what they delay one more output. A net is left alone if it has fewer than ``min`` nodes, or holds anything but nodes and
delays. The opposite is ``explode-neurons``.

Before:

```mlir
neuron.net @f(%n00: f32, %n01: f32) -> f32 parameters 4 {
  %n02 = neuron.node relu(%n00*w[0] + %n01*w[1])
  %n03 = neuron.node relu(%n02*w[2] + w[3])
  neuron.output %n03 : f32
}
```

After:

```mlir
neuron.net @f(%n00: f32, %n01: f32) -> f32 parameters 4 {
  %n03 = neuron.dag (%n00, %n01) {biases = dense<[-1, 3]> : tensor<2xi32>, kinds = [#array.kind<relu, sum>], offsets = dense<[0, 2, 3]> : tensor<3xi32>, outputs = dense<3> : tensor<1xi32>, segments = dense<[[0, 2, 0]]> : tensor<1x3xi32>, sources = dense<[0, 1, 2]> : tensor<3xi32>, weights = dense<[0, 1, 2]> : tensor<3xi32>} : (f32, f32) -> f32
  neuron.output %n03 : f32
}
```
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from irc.dialects.array.kind import Kind
from irc.dialects.array.topology import Topology
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Dag, Delay, Net, Node
from irc.dialects.neuron.names import Naming, neuron_name
from irc.dialects.neuron.rows import sort_rows
from irc.interpreter import in_order
from irc.ir.attributes import ArrayAttr
from irc.ir.builder import Builder
from irc.ir.operation import Operation, Value
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class GroupNeurons(Pass):
    """Group the nodes of each net that has at least ``min`` of them."""

    name = "group-neurons"
    min: int = 1

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for net in module.body:
            if isinstance(net, Net) and is_of_nodes(net, self.min):
                context.count("neurons grouped", group(net, *graph_of_nodes(net)))


def is_of_nodes(net: Net, least: int = 1) -> bool:
    """Whether a net holds nothing but nodes, at least ``least`` of them, and delays, so that it can become one dag."""
    ops: list[Operation] = [op for op in list(net.block)[:-1] if not isinstance(op, Delay)]
    floats = all(v.type.is_float for v in inputs_of_nodes(net))
    return not net.is_gradient and floats and len(ops) >= max(least, 1) and all(isinstance(op, Node) for op in ops)


def inputs_of_nodes(net: Net) -> list[Value]:
    """The values that are no nodes: the arguments, and what the delays give."""
    return [*net.arguments, *(op.value for op in net.delays)]


def graph_of_nodes(net: Net) -> tuple[Topology, list[Kind], list[Node]]:
    """The graph of a net of nodes, its kinds of neuron, and the nodes in the order of its rows."""
    nodes = [op for op in in_order(net.block) if isinstance(op, Node)]
    inputs, wanted = inputs_of_nodes(net), _outputs(net)
    values: list[Value] = [*inputs, *(node.value for node in nodes)]
    number = {value: n for n, value in enumerate(values)}
    kinds: dict[Kind, int] = {}
    kind_of = np.full(len(values), -1)
    for node in nodes:
        parameter = None if node.parameter is None else node.parameter.value
        kind = Kind(node.activation.value, parameter, node.aggregation.value)
        kind_of[number[node.value]] = kinds.setdefault(kind, len(kinds))
    source = np.array([number[v] for node in nodes for v in node.terms], np.int64)
    target = np.repeat([number[node.value] for node in nodes], [len(node.terms) for node in nodes]).astype(np.int64)
    rows, segments = sort_rows(np.arange(len(inputs), len(values)), kind_of, source, target)

    renumbered = np.arange(len(values))
    renumbered[rows] = np.arange(len(inputs), len(values))
    ordered = [nodes[row - len(inputs)] for row in rows.tolist()]
    topology = Topology(
        offsets=np.cumsum([0, *(len(node.terms) for node in ordered)]),
        sources=renumbered[np.array([number[v] for node in ordered for v in node.terms], np.int64)],
        weights=np.array([w for node in ordered for w in node.weights], np.int64),
        biases=np.array([-1 if node.bias_index is None else node.bias_index for node in ordered]),
        segments=segments,
        outputs=renumbered[np.array([number[v] for v in wanted], np.int64)],
    )
    return topology, list(kinds), ordered


def _outputs(net: Net) -> list[Value]:
    """The values that the dag has to give: the outputs, and what the delays delay."""
    return [*net.outputs, *(op.source for op in net.delays)]


def group(net: Net, topology: Topology, kinds: list[Kind], ordered: list[Node]) -> int:
    """Put one dag in place of the nodes, which :func:`graph_of_nodes` found; gives how many they were."""
    inputs, wanted = inputs_of_nodes(net), _outputs(net)
    attributes: dict = {**Dag.graph_attributes(topology), "kinds": ArrayAttr(kinds)}
    names = Naming([neuron_name(v) for v in [*inputs, *(node.value for node in ordered)]]).names
    if names != Naming([None] * len(names)).names:
        attributes["labels"] = ArrayAttr(names)
    terminator = net.block.terminator
    builder = Builder(net.block, terminator, net.location)
    dag = builder.create(Dag, inputs, result_types=[v.type for v in wanted], **attributes)
    for result, output in zip(dag.results, wanted, strict=True):
        result.name_hint = output.name_hint
    count = len(terminator.operands)
    terminator.operands = dag.results[:count]
    for delay, result in zip(net.delays, dag.results[count:], strict=True):
        delay.operands = [result]
    for node in ordered:
        node.drop()
    for node in ordered:
        node.erase()
    return len(ordered)
