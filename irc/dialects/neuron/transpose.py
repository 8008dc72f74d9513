"""The gradient of a net as a net: differentiation in terms of neurons.

For neuron j with z_j the aggregate plus bias, n_j = f_j(z_j), terms t_i = w_ij * n_i and loss L:

    d_j       = dL/dz_j  = f_j'(z_j) * (DLY_j + sum over targets k of p_jk * w_jk)     DLY_j: dL/dn_j from outside
    p_jk      = d_k * (derivative of the aggregation of k by its term j; 1 in a sum)
    dL/dw_ij  = n_i * p_ij       dL/db_j = d_j       dL/dx_i = sum over targets k of p_ik * w_ik

A gradient is kept as a list of terms until it is needed, so that it becomes the terms of one ``neuron.delta``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from irc.dialects.neuron.names import Naming
from irc.dialects.neuron.net import COTANGENT, INPUT, INPUT_GRADIENT, OUTPUT, PARAMETER_GRADIENT, Net, Output
from irc.dialects.neuron.node import Delta, Merge, Node, Share
from irc.dialects.neuron.parameters import parameter_names
from irc.dialects.neuron.syntax import CONSTANT_WEIGHT
from irc.interpreter import in_order
from irc.ir.attributes import ArrayAttr, DenseArrayAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.operation import Operation, Value
from irc.ir.types import TensorType, Type, i64

_AGGREGATION_OF_MERGE = {"add": "sum", "multiply": "product", "average": "mean"}


@dataclass
class _Gradients:
    """What is known so far, in reverse: later neurons have been seen, their contributions come last."""

    values: dict[Value, list[tuple[Value, int]]] = field(default_factory=lambda: defaultdict(list))
    """For a neuron: terms (gradient, parameter index of the weight)."""
    parameters: dict[int, list[tuple[Value | None, Value]]] = field(default_factory=lambda: defaultdict(list))
    """For a parameter: factors (what it multiplies, gradient of the product); a bias multiplies nothing."""


def differentiate(net: Net, name: str) -> Net:
    """See :meth:`Net.differentiate`."""
    _require_neurons(net)
    neurons = [*net.arguments, *(r for op in net.block for r in op.results)]
    naming = Naming.of(neurons)
    called = dict(zip(neurons, naming.names, strict=True))
    kind = net.element
    names = _distinct([f"DLY_{called[v]}" for v in net.outputs])  # cse may make one neuron of two outputs
    cotangents = [(name, kind, v.location) for name, v in zip(names, net.outputs, strict=True)]
    inputs = [(called[a], a.type, a.location) for a in net.arguments]
    count, outputs = len(inputs), len(net.outputs)
    transposed = Net.of(
        name,
        [*inputs, *cotangents],
        [kind] * (outputs + count + net.parameter_count),
        net.parameter_count,
        net.location,
        names=ArrayAttr(parameter_names(net)),  # they follow from the edges of the net, not of its gradient
        tensors=net.tensors,
        initial=net.initial,
        argument_kinds=ArrayAttr([INPUT] * count + [COTANGENT] * outputs),
        result_kinds=ArrayAttr(
            [OUTPUT] * outputs + [INPUT_GRADIENT] * count + [PARAMETER_GRADIENT] * net.parameter_count
        ),
    )
    builder = Builder.at_end(transposed.block, net.location)
    mapping: dict[Value, Value] = dict(zip(net.arguments, transposed.arguments, strict=False))
    order = in_order(net.block)[:-1]
    for op in order:
        copy = builder.insert(op.clone(mapping))
        copy.result.name_hint = called[op.result]

    gradients = _Gradients()
    for output, cotangent in zip(net.outputs, transposed.arguments[count:], strict=True):
        gradients.values[mapping[output]].append((cotangent, CONSTANT_WEIGHT))
    outside = {value: list(terms) for value, terms in gradients.values.items()}
    for value in outside:
        gradients.values[value] = []
    for op in reversed(order):
        copied = mapping[op.result].defining_op()
        assert copied is not None
        terms = [*outside.get(copied.result, []), *reversed(gradients.values[copied.result])]
        if terms:
            with builder.located(op.location):
                _pull_back(builder, copied, terms, naming, gradients)
    results = [mapping[v] for v in net.outputs]
    for argument in transposed.arguments[:count]:
        terms = [*outside.get(argument, []), *reversed(gradients.values[argument])]
        with builder.located(argument.location):
            results.append(_sum(builder, terms, kind, f"D{argument.name_hint}"))
    for index, parameter in enumerate(parameter_names(net)):
        results.append(_parameter(builder, list(reversed(gradients.parameters[index])), kind, f"D{parameter}"))
    builder.create(Output, results)
    return transposed


def _distinct(names: list[str]) -> list[str]:
    return [name if name not in names[:at] else f"{name}_{names[:at].count(name) + 1}" for at, name in enumerate(names)]


def _require_neurons(net: Net) -> None:
    """Error for everything whose gradient is not a neuron."""
    if net.has_state:
        why = "its gradient comes from the next step. Run lower-neuron before autodiff"
        fail(f"'neuron.delay' has no gradient in terms of neurons: {why}", net.delays[0].location)
    diagnostics = Diagnostics()
    for op in net.block:
        if isinstance(op, (Delta, Share)):
            diagnostics.error(
                f"'{op.name}' has no derivative in terms of neurons: lower-neuron, then autodiff", op.location
            )
        elif not isinstance(op, (Node, Merge, Output)):
            diagnostics.error(
                f"'{op.name}' has no gradient in terms of neurons: run explode-neurons before", op.location
            )
    if any(isinstance(v.type, TensorType) for v in (*net.arguments, *net.outputs)):
        diagnostics.error("only nets of single numbers have a gradient net: run explode-neurons before", net.location)
    diagnostics.raise_errors()


def _pull_back(
    builder: Builder, op: Operation, terms: list[tuple[Value, int]], naming: Naming, gradients: _Gradients
) -> None:
    """From the gradient of a neuron to those of its sources and parameters."""
    if isinstance(op, Node):
        delta = _delta(builder, op, terms, naming)
        aggregation, weights = op.aggregation.value, tuple(op.weights)
        if op.bias_index is not None:
            gradients.parameters[op.bias_index].append((None, delta))
    else:
        assert isinstance(op, Merge)
        delta = _sum(builder, terms, op.value.type, naming.belonging("d", op.value.name_hint or ""))
        aggregation, weights = _AGGREGATION_OF_MERGE[op.kind.value], (CONSTANT_WEIGHT,) * len(op.operands)
    sources = op.operands
    found = []
    for index in range(len(sources)):
        part = delta
        if aggregation != "sum":
            share = builder.value(
                Share,
                sources,
                aggregation=aggregation,
                index=index,
                weights=DenseArrayAttr(weights, i64),
                result_types=[delta.type],
            )
            part = builder.value(Merge, [delta, share], kind="multiply")
            part.name_hint = naming.edge("p", sources[index].name_hint or "", op.results[0].name_hint or "")
        found.append((sources[index], weights[index], part))
    for source, weight, part in reversed(found):
        gradients.values[source].append((part, weight))
        if weight != CONSTANT_WEIGHT:
            gradients.parameters[weight].append((source, part))


def _delta(builder: Builder, op: Node, terms: Sequence[tuple[Value, int]], naming: Naming) -> Value:
    """``d = f'(z) * sum(terms)``, with a neuron of its own for z."""
    name = op.value.name_hint or ""
    kind = op.value.type
    attributes = {k: v for k, v in op.attributes.items() if k in ("weights", "aggregation", "bias")}
    z = builder.value(Node, op.terms, activation="identity", result_types=[kind], **attributes)
    z.name_hint = naming.belonging("z", name)
    parameter = {} if op.parameter is None else {"parameter": op.parameter}
    delta = builder.value(
        Delta,
        z,
        [value for value, _ in terms],
        activation=op.activation,
        weights=DenseArrayAttr([weight for _, weight in terms], i64),
        result_types=[kind],
        **parameter,
    )
    delta.name_hint = naming.belonging("d", name)
    return delta


def _sum(builder: Builder, terms: Sequence[tuple[Value, int]], kind: Type, name: str) -> Value:
    """A weighted sum as a value of its own."""
    return Node.of(builder, "identity", [v for v, _ in terms], [w for _, w in terms], type=kind, name=name)


def _parameter(builder: Builder, factors: Sequence[tuple[Value | None, Value]], kind: Type, name: str) -> Value:
    """The gradient of a parameter: the sum over its uses."""
    products = [
        gradient if source is None else builder.value(Merge, [source, gradient], kind="multiply")
        for source, gradient in factors
    ]
    if not products:
        return Node.of(builder, "identity", [], [], type=kind, name=name)
    if len(products) == 1 and factors[0][0] is not None:
        products[0].name_hint = name
        return products[0]
    total = builder.value(Merge, products, kind="add")
    total.name_hint = name
    return total
