"""Finds exact dense blocks in irregular nets and makes them dense layers, which become matrix products.

A block is a set of neurons with the same in-set, in the same order, of one activation, summing, all with or all without
a bias. It becomes a ``neuron.layer`` if it has ``min`` edges; by default if it pays: if its sources are all inputs, or
another layer, as they are, so that nothing must be gathered. The rest stays ``neuron.dag``, cut in stages where a block
stands between. A net of nodes that has such a block is grouped first. Edges and parameter indices stay exactly as
they are, whatever the indices, so ``explode-neurons`` gives back the same neurons.

The pass is not in the default pipelines: there the graph of an irregular net is data, and a new graph needs no new
code. ``irc.compile(..., structure="recover")`` puts it in.

Before, with `recover-structure{min=4}`:

```mlir
neuron.net @f(%n00: f32, %n01: f32) -> (f32, f32) parameters 6 {
  %n02 = neuron.node relu(%n00*w[0] + %n01*w[1] + w[4])
  %n03 = neuron.node relu(%n00*w[2] + %n01*w[3] + w[5])
  neuron.output %n02, %n03 : f32, f32
}
```

After:

```mlir
neuron.net @f(%n00: f32, %n01: f32) -> (f32, f32) parameters 6 {
  %0 = neuron.gather (%n00, %n01) {indices = dense<[0, 1]> : tensor<2xi32>} : (f32, f32) -> tensor<2xf32>
  %1 = neuron.layer relu(%0*w[0:4] + w[4:6]) #neuron.dense<2, 2> {labels = ["n02", "n03"]}
  %n02, %n03 = neuron.gather (%1) {indices = dense<[0, 1]> : tensor<2xi32>} : (tensor<2xf32>) -> (f32, f32)
  neuron.output %n02, %n03 : f32, f32
}
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.dialects.array.topology import Topology
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Dag, Dense, Gather, Layer, Net
from irc.dialects.neuron.blocks import Block, dense_blocks
from irc.dialects.neuron.net import width
from irc.dialects.neuron.rows import segments_of
from irc.ir.attributes import ArrayAttr, FloatAttr
from irc.ir.builder import Builder
from irc.ir.operation import Value
from irc.ir.types import TensorType
from irc.passes.group_neurons import graph_of_nodes, group, inputs_of_nodes, is_of_nodes
from irc.passmanager import Pass, PassContext

LEAST_EDGES = 256
"""From so many edges on a block pays whose sources are all inputs, or another layer, as they are. One whose sources
must be gathered does not for batches, at any size that was measured: docs/performance.md.
"""


@dataclass(frozen=True)
class RecoverStructure(Pass):
    """Make a dense layer of each exact dense block of at least ``min`` edges; 0: of each that pays, as measured."""

    name = "recover-structure"
    min: int = 0

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for net in module.body:
            if isinstance(net, Net):
                for dag, blocks in blocks_of(net, self.min):
                    context.count("blocks made layers", len(blocks))
                    context.count("edges in layers", sum(block.edge_count for block in blocks))
                    _Recovery(dag, blocks).run()


def blocks_of(net: Net, least: int) -> list[tuple[Dag, list[Block]]]:
    """The dags of a net that have blocks (see :func:`_found`), with these. Nodes with a block are grouped."""
    if is_of_nodes(net):
        graph, kinds, nodes = graph_of_nodes(net)
        if not _found(graph, kinds, len(inputs_of_nodes(net)), least):
            return []
        group(net, graph, kinds, nodes)
    dags = [op for op in net.block if isinstance(op, Dag)]
    found = [(dag, _found(dag.topology, tuple(dag.kinds), dag.input_count, least)) for dag in dags]
    return [(dag, blocks) for dag, blocks in found if blocks]


def _found(graph: Topology, kinds: Sequence[Any], inputs: int, least: int) -> list[Block]:
    """The blocks of at least ``least`` edges; 0: those that pay."""
    found = dense_blocks(graph, kinds, least or LEAST_EDGES)
    while not least:
        whole = {np.arange(inputs).tobytes(), *((inputs + block.rows).tobytes() for block in found)}
        paying = [block for block in found if block.sources.astype(np.int64).tobytes() in whole]
        if len(paying) == len(found):
            break
        found = paying  # what read a block that has gone must now be gathered
    return found


def count_blocks(net: Net, least: int = 0) -> tuple[int, int]:
    """How many blocks the pass would find in a net, and how many edges they have; the net stays as it is."""
    if is_of_nodes(net):
        graph, kinds, _ = graph_of_nodes(net)
        found = _found(graph, kinds, len(inputs_of_nodes(net)), least)
    else:
        found = [block for _, blocks in blocks_of(net, least) for block in blocks]
    return len(found), sum(block.edge_count for block in found)


class _Recovery:
    """One dag. ``owner`` and ``place`` say of each neuron which of ``values`` it is in, and where."""

    def __init__(self, dag: Dag, blocks: Sequence[Block]):
        self.dag = dag
        self.blocks = blocks
        self.graph = dag.topology
        self.names = dag.neuron_names()
        self.builder = Builder.before(dag)
        self.builder.location = dag.location
        self.inputs = dag.input_count
        self.block_of_row = np.full(dag.row_count, -1)
        for number, block in enumerate(blocks):
            self.block_of_row[block.rows] = number
        self.values: list[Value] = []
        self.owner = np.full(self.inputs + dag.row_count, -1)
        self.place = np.empty_like(self.owner)
        begin = 0
        for value in dag.sources_in:
            self._define(value, np.arange(begin, begin + width(value.type)))
            begin += width(value.type)

    def run(self) -> None:
        """Put layers and what is left of the dag in its place."""
        stage_of_row = self._stages()
        stage_of_block = [int(stage_of_row[block.rows[0]]) for block in self.blocks]
        rest = self.block_of_row < 0
        used = self._used_between(stage_of_row)
        for stage in range(int(stage_of_row.max()) + 1):
            rows = np.flatnonzero(rest & (stage_of_row == stage))
            if len(rows):
                self._dag(rows, used)
            for block, at in zip(self.blocks, stage_of_block, strict=True):
                if at == stage:
                    self._layer(block)
        self.dag.replace_by(self._gathered(self.graph.outputs, [r.type for r in self.dag.results]))

    def _define(self, value: Value, neurons: np.ndarray) -> None:
        self.owner[neurons] = len(self.values)
        self.place[neurons] = np.arange(len(neurons))
        self.values.append(value)

    def _stages(self) -> np.ndarray:
        """For each row the number of the stage that computes it: first the rest of the stage, then its blocks.

        A row of the rest stands a stage behind the blocks that it reads; all else is in one stage with what it reads.
        """
        offsets, sources = self.graph.offsets.tolist(), self.graph.sources.tolist()
        ready = [0] * self.inputs  # the first stage whose rest can read the neuron
        stages: list[int] = []
        of_block: dict[int, int] = {}
        blocks = self.block_of_row.tolist()
        in_stage = [0] * self.inputs
        for row, block in enumerate(blocks):
            edges = sources[offsets[row] : offsets[row + 1]]
            if block < 0:
                stage = max([ready[s] for s in edges], default=0)
            else:
                stage = of_block[block] if block in of_block else max(in_stage[s] for s in edges)
                of_block[block] = stage
            stages.append(stage)
            in_stage.append(stage)
            ready.append(stage if block < 0 else stage + 1)
        return np.array(stages)

    def _used_between(self, stage_of_row: np.ndarray) -> np.ndarray:
        """For each row whether something but the rest of its own stage reads it."""
        used = np.zeros(self.inputs + len(stage_of_row), bool)
        used[self.graph.outputs] = True
        for block in self.blocks:
            used[block.sources] = True
        target = np.repeat(np.arange(len(stage_of_row)), np.diff(self.graph.offsets))
        source = self.graph.sources - self.inputs
        inner = (source >= 0) & (self.block_of_row[target] < 0)
        source, target = source[inner], target[inner]
        used[self.inputs + source[stage_of_row[source] != stage_of_row[target]]] = True
        return used[self.inputs :]

    def _layer(self, block: Block) -> None:
        edges = self.graph.offsets[block.rows].astype(np.int64)[:, None] + np.arange(len(block.sources))
        attributes = Layer.parameter_attributes(self.graph.weights[edges].reshape(-1), self.graph.biases[block.rows])
        if block.kind.parameter is not None:
            attributes["parameter"] = FloatAttr(block.kind.parameter)
        made = self.builder.value(
            Layer,
            self._vector(block.sources),
            activation=block.kind.activation,
            edges=Dense(len(block.sources), len(block.rows)),
            labels=ArrayAttr([self.names[self.inputs + row] for row in block.rows.tolist()]),
            **attributes,
        )
        self._define(made, self.inputs + block.rows)

    def _dag(self, rows: np.ndarray, used: np.ndarray) -> None:
        """A dag of some rows, with the neurons that something else reads as its results."""
        graph, fan_in = self.graph, np.diff(self.graph.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(fan_in)])
        edges = np.repeat(graph.offsets[rows] - offsets[:-1], fan_in) + np.arange(offsets[-1])
        sources = graph.sources[edges]
        own = self.inputs + rows
        outside = self._with_neighbours(np.setdiff1d(sources, own))
        number = np.full(len(self.owner), -1)
        number[np.concatenate([outside, own])] = np.arange(len(outside) + len(own))
        kind_of_row = np.repeat(graph.segments[:, 2], graph.segments[:, 1] - graph.segments[:, 0])[rows]
        kinds, kind_of_row = np.unique(kind_of_row, return_inverse=True)
        outputs = own[used[rows]]
        segments = segments_of(kind_of_row)
        topology = Topology(
            offsets, number[sources], graph.weights[edges], graph.biases[rows], segments, number[outputs]
        )
        made = self.builder.value(
            Dag,
            [self._vector(outside)] if len(outside) else [],
            result_types=[TensorType([len(outputs)], self.dag.element)],
            kinds=ArrayAttr([self.dag.kinds[kind] for kind in kinds.tolist()]),
            labels=ArrayAttr([self.names[n] for n in [*outside.tolist(), *own.tolist()]]),
            **Dag.graph_attributes(topology),
        )
        self._define(made, outputs)

    def _with_neighbours(self, neurons: np.ndarray) -> np.ndarray:
        """The neurons in the order of the values they are in, with all others of these values, if those are not more.

        Values taken whole need not be gathered; but a dag copies all that it is given. The net's inputs are one value.
        """
        value = np.where(self.owner < len(self.dag.sources_in), np.minimum(self.owner, 0), self.owner)
        whole = np.flatnonzero(np.isin(value, value[neurons]))
        found = whole if len(whole) <= 2 * len(neurons) else neurons
        return found[np.lexsort([self.place[found], self.owner[found]])]

    def _vector(self, neurons: np.ndarray) -> Value:
        """Neurons side by side in one value: the value that they are, or gathered."""
        owner = self.values[self.owner[neurons[0]]]
        same = (self.owner[neurons] == self.owner[neurons[0]]).all()
        whole = isinstance(owner.type, TensorType) and owner.type.shape[0] == len(neurons)
        if same and whole and np.array_equal(self.place[neurons], np.arange(len(neurons))):
            return owner
        (vector,) = self._gathered(neurons, [TensorType([len(neurons)], self.dag.element)])
        return vector

    def _gathered(self, neurons: np.ndarray, types: Sequence) -> Sequence[Value]:
        owners, which = np.unique(self.owner[neurons], return_inverse=True)
        sources = [self.values[n] for n in owners.tolist()]
        begins = np.cumsum([0, *(width(v.type) for v in sources[:-1])])
        return Gather.of(self.builder, sources, begins[which] + self.place[neurons], types)
