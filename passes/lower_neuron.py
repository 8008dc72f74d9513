"""From nets of neurons to functions of whole arrays: adds the batch.

A net becomes a function ``(x: tensor<B x I>, w: tensor<P> {irc.param}) -> tensor<B x O>``. A node becomes elementwise
work on tensors over the batch, its weights broadcast and its activation written out; a dense layer a contraction; a
layer on a grid a convolution or pooling of images; a dag ``array.dag``. Where a dag is the whole net, its graph is a
set of arguments bound to data (``irc.data``) and its sizes are symbols bound to numbers (``irc.symbols``), so that the
code does not depend on the graph. A net of gradients takes the cotangents as a third argument and gives ``(y, dx,
dw)``, with ``dw`` summed over the batch.

A net with delays becomes a function ``(x: tensor<T x B x I>, w, state: tensor<B x K> {irc.state}) -> (y: tensor<T x B x
O>, state)``: the net of one step is the region of an ``array.scan`` that carries the state, the values of the delays.

Before:

```mlir
neuron.net @f(%n00: f32, %n01: f32) -> f32 parameters 2 {
  %n02 = neuron.node relu(%n00*w[0] + %n01*w[1])
  neuron.output %n02 : f32
}
```

After:

```mlir
func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<2xf32> {irc.param = "w"}) -> tensor<B x 1 x f32> {
  %n00, %n01 = array.unstack %x axis 1 : tensor<B x 2 x f32>
  %0:2 = array.unstack %w axis 0 : tensor<2xf32>
  %1 = array.broadcast %0#0 dims [] : tensor<f32> to tensor<B x f32>
  %2 = arith.mulf %n00, %1 : tensor<B x f32>
  %3 = array.broadcast %0#1 dims [] : tensor<f32> to tensor<B x f32>
  %4 = arith.mulf %n01, %3 : tensor<B x f32>
  %5 = arith.addf %2, %4 : tensor<B x f32>
  %6 = array.full 0.000000e+00 : f32 to tensor<B x f32>
  %n02 = arith.maximumf %6, %5 : tensor<B x f32>
  %7 = array.stack %n02 axis 1 : tensor<B x f32>
  func.return %7 : tensor<B x 1 x f32>
}
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from irc.dialects import arith, array
from irc.dialects.array.choice import CHOICES
from irc.dialects.array.columns import index_table, pick_columns
from irc.dialects.array.scan import isolate, part_type, stacked_type
from irc.dialects.array.syntax import sizes_attribute, tensor
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import splat
from irc.dialects.func import CallOp, FuncOp, ReturnOp
from irc.dialects.neuron import Call, Dag, Delay, Delta, Dense, Gather, Layer, Merge, Net, Node, OneToOne, Share
from irc.dialects.neuron.dag import GRAPH
from irc.dialects.neuron.edges import Edges
from irc.dialects.neuron.function import activation_of
from irc.dialects.neuron.names import shown_name
from irc.dialects.neuron.net import COTANGENT, INPUT, INPUT_GRADIENT, OUTPUT, PARAMETER_GRADIENT, width
from irc.dialects.neuron.registers import registers_of
from irc.interpreter import in_order
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, symbol
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.symbols import is_private, references_in, symbol_name
from irc.ir.types import TensorType, i32
from irc.passes._choices import chosen, share_of_choice
from irc.passes._grids import aggregated, grid_shape
from irc.passmanager import Pass, PassContext, Signature, require_legal

BATCH = symbol("B")
SAMPLE_SHAPE = "irc.sample_shape"
"""Of a net, and of the argument that is its input: what else than rows of numbers the samples may be."""
STATE = "state"
"""What the state is called: the argument, what is carried, and the result."""


@dataclass(frozen=True)
class LowerNeuron(Pass):
    """Make a function of whole arrays of each net."""

    name = "lower-neuron"
    signature = Signature.BATCHED

    def run(self, module: ModuleOp, context: PassContext) -> None:
        called = references_in(module)
        for net in list(module.body):
            if isinstance(net, Net):
                dag = _whole_dag(net) if symbol_name(net) not in called else None
                function = _lower_dag_net(net, dag) if dag is not None else _NetLowering(net).run()
                Builder.before(net).insert(function)
                net.erase()
                context.count("nets lowered")
        for op in list(module.walk()):
            if isinstance(op, Call):
                call = Builder.before(op).create(
                    CallOp, op.operands, callee=op.callee, result_types=[r.type for r in op.results]
                )
                op.replace_by(call.results)
        require_legal(module, lambda op: not op.name.startswith("neuron."), self.name)


def _carried(net: Net) -> dict:
    """What the net says of itself beyond its own declared attributes stays with the function.

    The gradients of a net of gradients are one for each neuron and parameter; its function's are by x and by w.
    """
    own = (*Net.spec.attributes, "sym_visibility", SAMPLE_SHAPE)
    carried: dict = {k: v for k, v in net.attributes.items() if k not in own}
    if "irc.wrt" in carried:
        carried["irc.wrt"] = [0, 1]
    return carried


def _parameter_marks(net: Net) -> dict:
    """The attributes of the argument that is the net's flat parameter vector."""
    return {"irc.param": "w"} if net.tensors is None else {"irc.param": "w", "irc.tensors": net.tensors}


# -- a net that is one dag -------------------------------------------------------------------------------------------


def _whole_dag(net: Net) -> Dag | None:
    """The only op of the net, if it is a dag of exactly the net's arguments and results."""
    dag = net.block.first
    if not isinstance(dag, Dag) or dag.next is not net.block.last:
        return None
    same = list(dag.sources_in) == list(net.arguments) and list(net.outputs) == list(dag.results)
    return dag if same else None


def _lower_dag_net(net: Net, dag: Dag) -> FuncOp:
    """A function whose graph is bound data and whose sizes are symbols."""
    graph, element = dag.topology, dag.element
    inputs, parameters, rows, edges, segments, outputs = (symbol(name) for name in "IPRESO")
    shapes: dict[str, list[Dimension]] = {
        "offsets": [rows + 1],
        "sources": [edges],
        "weights": [edges],
        "biases": [rows],
        "segments": [segments, 3],
        "outputs": [outputs],
    }
    function = FuncOp.of(
        symbol_name(net),
        [
            TensorType([BATCH, inputs], element),
            TensorType([parameters], element),
            *(TensorType(shapes[name], i32) for name in GRAPH),
        ],
        [TensorType([BATCH, outputs], element)],
        private=is_private(net),
        attributes={
            **_carried(net),
            "irc.symbols": {
                "I": dag.input_count,
                "P": net.parameter_count,
                "R": dag.row_count,
                "E": graph.sources.size,
                "S": len(graph.segments),
                "O": graph.outputs.size,
            },
        },
        location=net.location,
    )
    function.set_arg_attributes([{}, _parameter_marks(net), *({"irc.data": dag.attributes[name]} for name in GRAPH)])
    for argument, hint in zip(function.arguments, ("x", "w", *GRAPH), strict=True):
        argument.name_hint = hint
    builder = Builder.at_end(function.entry, dag.location)
    y = builder.value(array.Dag, *function.arguments, **dag.array_attributes)
    y.name_hint = "y"
    builder.create(ReturnOp, [y])
    return function


# -- all others ------------------------------------------------------------------------------------------------------


class _NetLowering:
    """One net. ``values`` are what its values became: tensors with the batch in front. ``columns``: for those that are
    part of a matrix, the matrix and the first column.
    """

    def __init__(self, net: Net):
        self.net = net
        self.element = net.element
        type = net.batched_type()
        private = is_private(net)
        self.function = FuncOp.of(
            symbol_name(net),
            type.inputs,
            type.results,
            private=private,
            attributes=_carried(net),
            location=net.location,
        )
        marks: dict = {"irc.state": 1, "irc.registers": registers_of(net)} if net.has_state else {}
        rows = {SAMPLE_SHAPE: net.attributes[SAMPLE_SHAPE]} if SAMPLE_SHAPE in net.attributes else {}
        self.function.set_arg_attributes([rows, _parameter_marks(net), *[marks] * (len(type.inputs) - 2)])
        for argument, hint in zip(self.function.arguments, ("x", "w", STATE if net.has_state else "dy"), strict=False):
            argument.name_hint = hint
        # what all steps share is computed outside of the scan; a net without delays has just one place
        self.outside = Builder.at_end(self.function.entry, net.location)
        self.builder = Builder.at_end(Block(), net.location) if net.has_state else self.outside
        self.values: dict[Value, Value] = {}
        self.columns: dict[Value, tuple[Value, int]] = {}
        self._parameters: list[Value] | None = None
        self._broadcast: dict[int, Value] = {}

    def run(self) -> FuncOp:
        """The function."""
        if self.net.has_state:
            self.outside.create(ReturnOp, self._over_time())
            return self.function
        x, _, *rest = self.function.arguments
        kinds = self.net.kinds_of_arguments()
        for kind, source in zip((INPUT, COTANGENT), [x, *rest], strict=False):
            self._split(source, [a for a, k in zip(self.net.arguments, kinds, strict=True) if k == kind])
        self.builder.create(ReturnOp, self._step())
        return self.function

    def _step(self) -> list[Value]:
        """All ops of the net; the results for a batch."""
        *ops, output = in_order(self.net.block)
        for op in ops:
            with self.builder.located(op.location):
                self._lower(op)
        self.builder.location = output.location
        return self._results(output)

    def _over_time(self) -> list[Value]:
        """A scan over the steps, with the net of one step in its region; gives the outputs and the last state."""
        xs, _, first = self.function.arguments
        block = self.builder.block
        assert block is not None
        state, x = (block.add_argument(t, self.net.location) for t in (first.type, part_type(xs.type)))
        state.name_hint, x.name_hint = STATE, "x"
        self._split(x, self.net.arguments)
        self._split(state, [op.value for op in self.net.delays])
        y = self._step()
        after = self._join([op.source for op in self.net.delays])
        self.builder.create(array.Yield, [after, *y])
        shared = isolate(block)
        outputs = [stacked_type(tensor(xs.type).shape[0], v.type) for v in y]
        scan = self.outside.create(
            array.Scan, [first], [xs], shared, result_types=[first.type, *outputs], regions=[Region([block])]
        )
        scan.results[0].name_hint, scan.results[1].name_hint = STATE, "y"
        return [scan.results[1], scan.results[0]]

    def type_of(self, value: Value) -> TensorType:
        """The type of a value with the batch in front."""
        inner = value.type.shape if isinstance(value.type, TensorType) else ()
        return TensorType([BATCH, *inner], self.element)

    def make(self, cls: type[Operation], *operands: Value) -> Value:
        """An op of ``arith`` or ``math``."""
        return self.builder.value(cls, *operands)

    # -- arguments and parameters --------------------------------------------------------------------------------

    def _split(self, source: Value, arguments: Sequence[Value]) -> None:
        """Give each argument its columns of ``source``."""
        begin = 0
        for argument in arguments:
            self.columns[argument] = source, begin
            begin += width(argument.type)
        if len(arguments) == 1 and isinstance(arguments[0].type, TensorType):
            self.values[arguments[0]] = source
            return
        if arguments and all(a.type.is_float for a in arguments):
            parts = self.builder.create(array.Unstack, source, axis=1).results
            for argument, part in zip(arguments, parts, strict=True):
                part.name_hint = argument.name_hint
                self.values[argument] = part
            return
        for argument in arguments:
            self.values[argument] = self._columns(*self.columns[argument], width(argument.type), argument)

    def _columns(self, source: Value, begin: int, count: int, value: Value) -> Value:
        part = pick_columns(self.builder, [(source, begin, count)], np.arange(count))
        if value.type.is_float:
            part = self.builder.value(array.Reshape, part, result_types=[self.type_of(value)])
        part.name_hint = value.name_hint
        return part

    def parameter(self, index: int) -> Value:
        """A parameter, once for each sample."""
        if index not in self._broadcast:
            if self._parameters is None:
                unstacked = self.builder.create(array.Unstack, self.function.arguments[1], axis=0)
                self._parameters = list(unstacked.results)
            self._broadcast[index] = self.builder.value(
                array.Broadcast, self._parameters[index], dims=[], result_types=[TensorType([BATCH], self.element)]
            )
        return self._broadcast[index]

    def parameters(self, used: np.ndarray, shape: Sequence[int]) -> Value:
        """Some parameters, by their indices (-1: the number 1), in a shape."""
        flat = self.function.arguments[1]
        if not np.array_equal(used, np.arange(used[0], used[0] + len(used))):
            if (used < 0).any():
                one = splat(self.outside, 1.0, TensorType([1], self.element))
                flat = self.outside.value(array.Concat, [flat, one], axis=0)
                used = np.where(used < 0, self.net.parameter_count, used)
            return self.outside.value(array.Gather, flat, index_table(self.outside, used.reshape(shape)), axis=0)
        kind = TensorType([len(used)], self.element)
        part = self.outside.value(array.Slice, flat, offsets=sizes_attribute([int(used[0])]), result_types=[kind])
        if len(shape) == 1:
            return part
        return self.outside.value(array.Reshape, part, result_types=[TensorType(shape, self.element)])

    # -- ops -----------------------------------------------------------------------------------------------------

    def _lower(self, op: Operation) -> None:
        if isinstance(op, Delay):  # a part of the state
            return
        if isinstance(op, Dag):
            self._dag(op)
            return
        if isinstance(op, Gather):
            self._split(self._picked(op.sources, op.picks), op.results)
            return
        if isinstance(op, Node):
            value = self._node(op)
        elif isinstance(op, Delta):
            back = self.aggregate("sum", self.terms(op.terms, op.weights))
            slope = activation_of(op).derivative(self.type_of(op.value))
            value = self.make(arith.MulF, self.inline(slope, self.values[op.z]), back)
        elif isinstance(op, Share):
            value = self._share(op)
        elif isinstance(op, Merge):
            how = {"add": "sum", "multiply": "product", "average": "mean"}[op.kind.value]
            value = self.aggregate(how, [self.values[v] for v in op.sources])
        elif isinstance(op, Layer):
            value = self._layer(op)
        else:
            fail(f"lower-neuron: there is no rule for '{op.name}' ({shown_name(op.results[0])})", op.location)
        if value.name_hint is None:
            value.name_hint = op.results[0].name_hint
        self.values[op.results[0]] = value

    def terms(self, values: Sequence[Value], weights: Sequence[int]) -> list[Value]:
        """Each value times its weight."""
        return [
            self.values[v] if w < 0 else self.make(arith.MulF, self.values[v], self.parameter(w))
            for v, w in zip(values, weights, strict=True)
        ]

    def aggregate(self, how: str, terms: Sequence[Value]) -> Value:
        """Join terms, left to right."""
        if not terms:
            return splat(self.builder, 0.0, TensorType([BATCH], self.element))
        if how in CHOICES:
            return chosen(self.builder, how, terms)
        step = arith.MulF if how == "product" else arith.AddF
        joined = reduce(lambda a, b: self.make(step, a, b), terms)
        if how == "mean":
            joined = self.make(arith.DivF, joined, splat(self.builder, float(len(terms)), joined.type))
        return joined

    def inline(self, block: Block, argument: Value) -> Value:
        """Write an activation, or its derivative, out."""
        return self.builder.inline(block, [argument])[0]

    def _node(self, op: Node) -> Value:
        z = self.aggregate(op.aggregation.value, self.terms(op.terms, op.weights))
        if op.bias_index is not None:
            bias = self.parameter(op.bias_index)
            z = self.make(arith.AddF, z, bias) if op.terms else bias
        return self.inline(activation_of(op).function(z.type), z)

    def _share(self, op: Share) -> Value:
        """See :class:`Share`."""
        terms, at, how = self.terms(op.terms, op.weights), op.index.value, op.aggregation.value
        type = self.type_of(op.value)
        one = splat(self.builder, 1.0, type)
        if how == "mean":
            return self.make(arith.DivF, one, splat(self.builder, float(len(terms)), type))
        if how in CHOICES:
            return share_of_choice(self.builder, how, terms, at)
        others = terms[:at] + terms[at + 1 :]
        return self.aggregate("product", others) if others else one

    def _layer(self, op: Layer) -> Value:
        edges, x = op.edges, self.values[op.source]
        weights, biases = op.weight_indices, op.bias_indices
        vectors = self.type_of(op.value)
        type = grid_shape(edges, vectors)
        if isinstance(edges, OneToOne):
            z = x if weights is None else self.make(arith.MulF, x, self._rows(weights, type))
        else:
            matrix = self._matrix_of(edges, weights)
            if isinstance(edges, Dense):
                z = self.builder.value(array.Contract, x, matrix, equation="bi,oi->bo")
            else:
                z = aggregated(self.builder, edges, op.aggregation.value, x, matrix)
        if biases is not None:
            z = self.make(arith.AddF, z, self._rows(biases, type))
        activation = activation_of(op)
        if activation.whole_layer:
            z, type = self._reshaped(z, vectors), vectors
        return self._reshaped(self.inline(activation.function(type), z), vectors)

    def _matrix_of(self, edges: Edges, weights: np.ndarray | None) -> Value | None:
        """The weights of a layer as a tensor; ones where it has no parameters for them, None if it has no weights."""
        if not edges.weight_count:
            return None
        if weights is None:
            return splat(self.outside, 1.0, TensorType(edges.weight_shape, self.element))
        return self.parameters(weights, edges.weight_shape)

    def _reshaped(self, value: Value, type: TensorType) -> Value:
        return value if value.type is type else self.builder.value(array.Reshape, value, result_types=[type])

    def _rows(self, used: np.ndarray, type: TensorType) -> Value:
        """A part of the parameters, once for each sample, and each cell of a grid."""
        part = self.parameters(used, [len(used)])
        return self.builder.value(array.Broadcast, part, dims=[1], result_types=[type])

    def _dag(self, op: Dag) -> None:
        """A dag among other ops: its graph is a constant of the function."""
        graph = [index_table(self.outside, a) for a in op.topology]
        x = self._join(op.sources_in)
        y = self.builder.value(array.Dag, x, self.function.arguments[1], *graph, **op.array_attributes)
        self._split(y, op.results)

    # -- results -------------------------------------------------------------------------------------------------

    def _join(self, values: Sequence[Value]) -> Value:
        """Values side by side, as one matrix."""
        return self._picked(values, np.arange(sum(width(v.type) for v in values)))

    def _picked(self, values: Sequence[Value], picks: np.ndarray) -> Value:
        """Columns of values side by side, as one matrix: whole matrices where they are, the rest by copying."""
        if not len(picks):
            return splat(self.builder, 0.0, TensorType([BATCH, 0], self.element))
        whole = {self.columns[v][0] if v in self.columns else None for v in values}
        if all(v.type.is_float for v in values) and (None in whole or len(whole) > 1):
            return self.builder.value(array.Stack, [self.values[values[n]] for n in picks.tolist()], axis=1)
        parts = [(*self.columns.get(v, (self._matrix(v), 0)), width(v.type)) for v in values]
        return pick_columns(self.builder, parts, picks)

    def _matrix(self, value: Value) -> Value:
        """What became of a value, as a matrix also where it is a single neuron."""
        if not value.type.is_float or value in self.columns:
            return self.values[value]
        matrix = TensorType([BATCH, 1], self.element)
        return self.builder.value(array.Reshape, self.values[value], result_types=[matrix])

    def _results(self, op: Operation) -> list[Value]:
        kinds = self.net.kinds_of_results()
        groups: dict[str, list[Value]] = {OUTPUT: [], INPUT_GRADIENT: [], PARAMETER_GRADIENT: []}
        for value, kind in zip(op.operands, kinds, strict=True):
            groups[kind].append(value)
        results = [self._join(groups[OUTPUT])]
        if self.net.is_gradient:
            results.append(self._join(groups[INPUT_GRADIENT]))
            found = [self.values[value] for value in groups[PARAMETER_GRADIENT]]
            sums = [self.builder.value(array.Reduce, v, kind="sum", dims=[0]) for v in found]
            nothing = TensorType([0], self.element)
            results.append(self.builder.value(array.Stack, sums, axis=0) if sums else splat(self.builder, 0.0, nothing))
        return results
