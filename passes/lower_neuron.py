"""From nets of neurons to functions of whole arrays: adds the batch.

A net becomes a function ``(x: tensor<B x I>, w: tensor<P> {irc.param}) -> tensor<B x O>``. A node becomes elementwise
work on tensors over the batch, its weights broadcast and its activation written out; a dense layer a contraction; a
dag ``array.dag``. Where a dag is the whole net, its graph is a set of arguments bound to data (``irc.data``) and its
sizes are symbols bound to numbers (``irc.symbols``), so that the code does not depend on the graph. A net of
gradients takes the cotangents as a third argument and gives ``(y, dx, dw)``, with ``dw`` summed over the batch.

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
from irc.dialects.array.syntax import sizes_attribute
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import splat
from irc.dialects.func import CallOp, FuncOp, ReturnOp
from irc.dialects.neuron import Call, Dag, Delta, Dense, Layer, Merge, Net, Node, Output, Share
from irc.dialects.neuron.dag import GRAPH
from irc.dialects.neuron.function import activation_of
from irc.dialects.neuron.names import shown_name
from irc.dialects.neuron.net import COTANGENT, INPUT, INPUT_GRADIENT, OUTPUT, PARAMETER_GRADIENT, width
from irc.interpreter import in_order
from irc.ir.attributes import DenseAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, symbol
from irc.ir.operation import Block, Operation, Value
from irc.ir.symbols import is_private, references_in, symbol_name
from irc.ir.types import TensorType, Type, i32
from irc.passmanager import Pass, PassContext, Signature, require_legal

BATCH = symbol("B")


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
    """What the net says of itself beyond its own declared attributes stays with the function."""
    return {k: v for k, v in net.attributes.items() if k not in Net.spec.attributes and k != "sym_visibility"}


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
    function.set_arg_attributes([{}, {"irc.param": "w"}, *({"irc.data": dag.attributes[name]} for name in GRAPH)])
    for argument, hint in zip(function.arguments, ("x", "w", *GRAPH), strict=True):
        argument.name_hint = hint
    builder = Builder.at_end(function.entry, dag.location)
    y = builder.value(array.Dag, *function.arguments, kinds=dag.kinds)
    y.name_hint = "y"
    builder.create(ReturnOp, [y])
    return function


# -- all others ------------------------------------------------------------------------------------------------------


class _NetLowering:
    """One net. ``values`` are what its values became: tensors with the batch in front."""

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
        self.function.set_arg_attributes([{}, {"irc.param": "w"}, *[{}] * (len(type.inputs) - 2)])
        for argument, hint in zip(self.function.arguments, ("x", "w", "dy"), strict=False):
            argument.name_hint = hint
        self.builder = Builder.at_end(self.function.entry, net.location)
        self.values: dict[Value, Value] = {}
        self._parameters: list[Value] | None = None
        self._broadcast: dict[int, Value] = {}

    def run(self) -> FuncOp:
        """The function."""
        x, _, *rest = self.function.arguments
        kinds = self.net.kinds_of_arguments()
        for kind, source in zip((INPUT, COTANGENT), [x, *rest], strict=False):
            self._split(source, [a for a, k in zip(self.net.arguments, kinds, strict=True) if k == kind])
        for op in in_order(self.net.block):
            with self.builder.located(op.location):
                self._lower(op)
        return self.function

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
        if len(arguments) == 1 and isinstance(arguments[0].type, TensorType):
            self.values[arguments[0]] = source
            return
        if arguments and all(a.type.is_float for a in arguments):
            parts = self.builder.create(array.Unstack, source, axis=1).results
            for argument, part in zip(arguments, parts, strict=True):
                part.name_hint = argument.name_hint
                self.values[argument] = part
            return
        begin = 0
        for argument in arguments:
            columns = width(argument.type)
            self.values[argument] = self._columns(source, begin, columns, argument)
            begin += columns

    def _columns(self, source: Value, begin: int, count: int, value: Value) -> Value:
        part = self.builder.value(
            array.Slice,
            source,
            offsets=sizes_attribute([0, begin]),
            result_types=[TensorType([BATCH, count], self.element)],
        )
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

    def parameters(self, used: range, shape: Sequence[int]) -> Value:
        """A part of the parameters, in a shape."""
        part = self.builder.value(
            array.Slice,
            self.function.arguments[1],
            offsets=sizes_attribute([used.start]),
            result_types=[TensorType([len(used)], self.element)],
        )
        if len(shape) == 1:
            return part
        return self.builder.value(array.Reshape, part, result_types=[TensorType(shape, self.element)])

    # -- ops -----------------------------------------------------------------------------------------------------

    def _lower(self, op: Operation) -> None:
        if isinstance(op, Output):
            self._output(op)
            return
        if isinstance(op, Dag):
            self._dag(op)
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
        step = {"product": arith.MulF, "max": arith.MaximumF, "min": arith.MinimumF}.get(how, arith.AddF)
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
        """See :class:`Share`. Term i is the first maximum if all before it are smaller and none behind it is larger."""
        terms, at, how = self.terms(op.terms, op.weights), op.index.value, op.aggregation.value
        type = self.type_of(op.value)
        one = splat(self.builder, 1.0, type)
        if how == "mean":
            return self.make(arith.DivF, one, splat(self.builder, float(len(terms)), type))
        others = terms[:at] + terms[at + 1 :]
        if how == "product":
            return self.aggregate("product", others) if others else one
        strict, weak = ("ogt", "oge") if how == "max" else ("olt", "ole")
        share = one
        zero = splat(self.builder, 0.0, type)
        for place, other in enumerate(others):
            ahead = self.builder.value(arith.CmpF, terms[at], other, predicate=strict if place < at else weak)
            share = self.make(arith.Select, ahead, share, zero)
        return share

    def _layer(self, op: Layer) -> Value:
        edges, x = op.edges, self.values[op.source]
        type = self.type_of(op.value)
        if isinstance(edges, Dense):
            shape = (edges.outputs, edges.inputs)
            ones = TensorType(shape, self.element)
            matrix = self.parameters(op.weight_range, shape) if op.weight_range else splat(self.builder, 1.0, ones)
            z = self.builder.value(array.Contract, x, matrix, equation="bi,oi->bo")
        else:
            z = self.make(arith.MulF, x, self._rows(op.weight_range, type)) if op.weight_range else x
        if op.bias_range:
            z = self.make(arith.AddF, z, self._rows(op.bias_range, type))
        return self.inline(activation_of(op).function(type), z)

    def _rows(self, used: range, type: TensorType) -> Value:
        """A part of the parameters, once for each sample."""
        part = self.parameters(used, [len(used)])
        return self.builder.value(array.Broadcast, part, dims=[1], result_types=[type])

    def _dag(self, op: Dag) -> None:
        """A dag among other ops: its graph is a constant of the function."""
        graph = [
            self.builder.value(arith.Constant, value=DenseAttr(np.asarray(a, np.int32), TensorType(a.shape, i32)))
            for a in op.topology
        ]
        x = self._join([(self.values[v], v.type) for v in op.sources_in])
        y = self.builder.value(array.Dag, x, self.function.arguments[1], *graph, kinds=op.kinds)
        self._split(y, op.results)

    # -- results -------------------------------------------------------------------------------------------------

    def _join(self, parts: Sequence[tuple[Value, Type]]) -> Value:
        """Values side by side, as one matrix."""
        if not parts:
            return splat(self.builder, 0.0, TensorType([BATCH, 0], self.element))
        if all(type.is_float for _, type in parts):
            return self.builder.value(array.Stack, [value for value, _ in parts], axis=1)
        matrices = [
            self.builder.value(array.Reshape, value, result_types=[TensorType([BATCH, 1], self.element)])
            if type.is_float
            else value
            for value, type in parts
        ]
        return matrices[0] if len(matrices) == 1 else self.builder.value(array.Concat, matrices, axis=1)

    def _output(self, op: Output) -> None:
        kinds = self.net.kinds_of_results()
        groups: dict[str, list[tuple[Value, Type]]] = {OUTPUT: [], INPUT_GRADIENT: [], PARAMETER_GRADIENT: []}
        for value, kind in zip(op.operands, kinds, strict=True):
            groups[kind].append((self.values[value], value.type))
        results = [self._join(groups[OUTPUT])]
        if self.net.is_gradient:
            results.append(self._join(groups[INPUT_GRADIENT]))
            sums = [self.builder.value(array.Reduce, v, kind="sum", dims=[0]) for v, _ in groups[PARAMETER_GRADIENT]]
            nothing = TensorType([0], self.element)
            results.append(self.builder.value(array.Stack, sums, axis=0) if sums else splat(self.builder, 0.0, nothing))
        self.builder.create(ReturnOp, results)
