"""A net as equations that a person can read, and ``irc.emit.equation_text`` can evaluate.

    f04(z) = relu(z)
    n04 = f04( +n00*w0004 +n01*w0104)

and, backward, printed from the net of gradients that ``autodiff`` made:

    z04 = ( +n00*w0004 +n01*w0104)
    g04(d) = d*relu'(z04)
    d04 = g04( +d08*w0408 +d09*w0409)
    Dw0004 = n00*d04

``DLY_n0c`` is the gradient of the loss by output n0c, ``d`` that by a neuron's z, ``D`` that by a parameter or an input; for a
batch the D of parameters are to be summed over the samples. ``max'[1](a, b)`` is the derivative of max by its term 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Delta, Merge, Net, Node, Share
from irc.dialects.neuron.function import activation_of
from irc.dialects.neuron.net import OUTPUT
from irc.emit.names import EquationNames
from irc.interpreter import in_order
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation, Value
from irc.ir.symbols import symbol_name
from irc.passes.autodiff import VJP_OF, Autodiff
from irc.passes.explode_neurons import ExplodeNeurons
from irc.passmanager import PassManager


def single_neurons(net: Net) -> Net:
    """A copy of the net without groups. Raises Error where a layer has no form as single neurons."""
    module = ModuleOp.of([net.clone()])  # type: ignore[list-item]
    PassManager([ExplodeNeurons()]).run(module)
    found = module.body.first
    assert isinstance(found, Net)
    return found


def gradient_net(net: Net) -> Net:
    """The net of gradients of a net of single neurons, as the pass makes it."""
    module = ModuleOp.of([net.clone()])  # type: ignore[list-item]
    PassManager([Autodiff()]).run(module)
    return next(op for op in module.body if isinstance(op, Net) and VJP_OF in op.attributes)


def equations(net: Net, backward: bool = False) -> str:
    """The equations of a net; with ``backward``, of its gradients too."""
    neurons = single_neurons(net)
    names = EquationNames(neurons)
    if not backward:
        return "\n".join([*_header(neurons, neurons, names), *_forward(neurons, names)]) + "\n"
    gradient = gradient_net(neurons)
    names = EquationNames(gradient, names.numbered)
    lines = [*_header(neurons, gradient, names), *_forward(gradient, names), "", *_backward(gradient, names)]
    return "\n".join(lines) + "\n"


def forward_lines(net: Net) -> list[tuple[Node | Merge, str]]:
    """Each computed neuron of a net of single neurons, and its equation, in topological order."""
    names = EquationNames(net)
    return [(op, equation(op, names)) for op in in_order(net.block)[:-1] if isinstance(op, (Node, Merge))]


# -- parts of the text -----------------------------------------------------------------------------------------------


def _header(net: Net, shown: Net, names: EquationNames) -> Iterator[str]:
    count = len(net.arguments)
    yield f"# net {symbol_name(net)}: {count} inputs, {len(net.outputs)} outputs, {net.parameter_count} parameters"
    if count:
        yield f"# inputs: {' '.join(names.value(a) for a in shown.arguments[:count])}"
    yield f"# outputs: {' '.join(names.value(v) for v in shown.outputs[: len(net.outputs)])}"
    functions = {str(a): a for op in shown.block if isinstance(op, Node) and (a := activation_of(op)).name != "identity"}
    for name, activation in functions.items():
        yield f"# {name}(x) = {activation.formula}"


def _forward(net: Net, names: EquationNames) -> Iterator[str]:
    ops = [op for op in in_order(net.block)[:-1] if is_forward(op)]
    for op in ops:
        if isinstance(op, Node):
            yield f"{names.function(op.value)}(z) = {activation_of(op)}(z)"
    yield ""
    for op in ops:
        yield equation(op, names)


def _backward(net: Net, names: EquationNames) -> Iterator[str]:
    deltas = [op for op in net.block if isinstance(op, Delta)]
    for op in reversed(deltas):
        activation = activation_of(op)
        function = activation.name if activation.parameter is None else str(activation)
        slope = function.replace(activation.name, f"{activation.name}'", 1)
        yield f"{names.gradient_function(op.value)}(d) = d*{slope}({names.value(op.z)})"
    yield ""
    for op in reversed(deltas):
        before = op.z.defining_op()
        assert before is not None
        yield equation(before, names)
    yield ""
    inner = {op.z for op in deltas}
    for op in net.block:
        if op.results and not is_forward(op) and op.results[0] not in inner and not isinstance(op, Share):
            yield equation(op, names)


def is_forward(op: Operation) -> bool:
    """Whether an op of a net of gradients is a neuron of the net itself."""
    if isinstance(op, Node) and op.activation.value == "identity":
        return not _is_pre_activation(op) and not _is_gradient(op)
    return isinstance(op, Node) or (isinstance(op, Merge) and not _is_of_gradients(op))


def _is_pre_activation(op: Node) -> bool:
    return any(isinstance(user, Delta) and index == 0 for user, index in op.value.uses)


def _is_gradient(op: Operation) -> bool:
    """Whether the op gives a gradient that is a result of the net, or depends on one."""
    net = op.parent_op
    assert isinstance(net, Net)
    kinds = net.kinds_of_results()
    uses = [index for result in op.results for user, index in result.uses if user is net.block.last]
    return any(kinds[index] != OUTPUT for index in uses) or _is_of_gradients(op)


def _is_of_gradients(op: Operation) -> bool:
    """Whether something that flows backward enters the op."""
    net = op.parent_op
    assert isinstance(net, Net)
    cotangents = {a for a, kind in zip(net.arguments, net.kinds_of_arguments(), strict=True) if kind != "input"}
    seen: set[Value] = set()
    work = list(op.operands)
    while work:
        value = work.pop()
        source = value.defining_op()
        if value in cotangents or isinstance(source, (Delta, Share)):
            return True
        if source is not None and value not in seen:
            seen.add(value)
            work += source.operands
    return False


# -- one equation ----------------------------------------------------------------------------------------------------


def equation(op: Operation, names: EquationNames) -> str:
    """``name = expression`` of an op of a net of single neurons."""
    name = names.value(op.results[0])
    if isinstance(op, Node):
        function = names.function(op.value) if is_forward(op) else ""
        body = _aggregate(op, names)
        return f"{name} = {function}{body}"
    if isinstance(op, Delta):
        single = len(op.terms) == 1 and op.weights.values[0] < 0
        body = f"({_operand(op.terms[0], names)})" if single else _sum(op.terms, op.weights, None, names)
        return f"{name} = {names.gradient_function(op.value)}{body}"
    if isinstance(op, Merge):
        return f"{name} = {_merge(op, names)}"
    fail(f"'{op.name}' cannot be written as an equation", op.location)


def _aggregate(op: Node, names: EquationNames) -> str:
    if op.aggregation.value == "sum":
        return _sum(op.terms, op.weights, op.bias_index, names)
    bias = "" if op.bias_index is None else f" +{names.parameter(op.bias_index)}"
    return f"( {op.aggregation.value}({_list(op.terms, op.weights, names)}){bias})"


def _sum(terms: Sequence[Value], weights: Sequence[int], bias: int | None, names: EquationNames) -> str:
    """``( +n00*w0004 +n01)``; every term is a blank, a plus and a product."""
    shown = [f" +{_term(v, w, names)}" for v, w in zip(terms, weights, strict=True)]
    if bias is not None:
        shown.append(f" +{names.parameter(bias)}")
    return f"({''.join(shown)})"


def _list(terms: Sequence[Value], weights: Sequence[int], names: EquationNames) -> str:
    return ", ".join(_term(v, w, names) for v, w in zip(terms, weights, strict=True))


def _term(value: Value, weight: int, names: EquationNames) -> str:
    product = _operand(value, names)
    return product if weight < 0 else f"{product}*{names.parameter(weight)}"


def _merge(op: Merge, names: EquationNames) -> str:
    factors = [_operand(v, names) for v in op.sources]
    if op.kind.value == "average":
        return f"mean({', '.join(factors)})"
    if op.kind.value == "multiply":
        return "*".join(factors)
    return " + ".join(factors)


def _operand(value: Value, names: EquationNames) -> str:
    """A value's name; what has none in the source, a share or a product, is written out."""
    op = value.defining_op()
    if isinstance(op, Share):
        return f"{op.aggregation.value}'[{op.index.value}]({_list(op.terms, op.weights, names)})"
    return names.value(value)
