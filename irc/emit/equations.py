"""A net as equations that a person can read, and ``irc.emit.equation_text`` can evaluate.

    f04(z) = relu(z)
    n04 = f04( +n00*w0004 +n01*w0104)

and, backward, printed from the net of gradients that ``autodiff`` made:

    z04 = ( +n00*w0004 +n01*w0104)
    g04(d) = d*relu'(z04)
    d04 = g04( +d08*w0408 +d09*w0409)
    Dw0004 = n00*d04

``DLY_n0c`` is the gradient of the loss by output n0c, ``d`` that by a neuron's z, ``D`` that by a parameter or an
input; for a batch the D of parameters are to be summed over the samples. ``max'[1](a, b)`` is the derivative of max
by its term 1. ``n04[t-1]`` is the value of n04 one step before; at the first step it is what the header says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from irc.dialects.activations import Activation
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Delay, Delta, Merge, Net, Node, Share
from irc.dialects.neuron.function import activation_of
from irc.dialects.neuron.net import COTANGENT, OUTPUT
from irc.emit.names import EquationNames, before
from irc.interpreter import in_order
from irc.ir.diagnostics import counted, fail
from irc.ir.operation import Operation, Value
from irc.ir.symbols import symbol_name
from irc.passes.autodiff import VJP_OF, Autodiff
from irc.passes.explode_neurons import ExplodeNeurons
from irc.passmanager import PassManager


def single_neurons(net: Net) -> Net:
    """A copy of the net without groups. Raises Error where a layer has no form as single neurons."""
    module = ModuleOp.of([net.clone()])
    PassManager([ExplodeNeurons()]).run(module)
    found = module.body.first
    assert isinstance(found, Net)
    return found


def gradient_net(net: Net) -> Net:
    """The net of gradients of a net of single neurons, as the pass makes it."""
    copy = net.clone()
    copy.attributes.pop("sym_visibility", None)  # autodiff leaves private nets out
    module = ModuleOp.of([copy])
    PassManager([Autodiff()]).run(module)
    return next(op for op in module.body if isinstance(op, Net) and VJP_OF in op.attributes)


def equations(net: Net, backward: bool = False) -> str:
    """The equations of a net; with ``backward``, of its gradients too."""
    neurons = single_neurons(net)
    forward = EquationPrinter(neurons)
    if not backward:
        return _text(forward.header(), forward.forward())
    printer = EquationPrinter(gradient_net(neurons), forward.names.numbered)
    return _text(forward.header(), printer.forward(), printer.backward())


def _text(*parts: Iterator[str]) -> str:
    """Lines of parts, blank lines between."""
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts)


def _primed(activation: Activation) -> str:
    """The name of the derivative: ``relu'``, ``relu_leaky'<0.1>``."""
    return str(activation).replace(activation.name, f"{activation.name}'", 1)


class EquationPrinter:
    """Writes the ops of a net of single neurons, or of a net of gradients, as equations."""

    def __init__(self, net: Net, numbered: bool | None = None):
        self.net = net
        self.names = EquationNames(net, numbered)
        self.ops = in_order(net.block)[:-1]
        self.deltas = [op for op in net.block if isinstance(op, Delta)]
        self._before = {op.z for op in self.deltas}
        self._backward = _backward_ops(net, self.ops)

    def is_forward(self, op: Operation) -> bool:
        """Whether the op is a neuron of the net itself, not a part of its gradient."""
        return op not in self._backward and op.results[0] not in self._before

    # -- parts of the text ---------------------------------------------------------------------------------------

    def header(self) -> Iterator[str]:
        """What the net is, and the formulas of its activations, as comments."""
        net, names = self.net, self.names
        sizes = ((len(net.arguments), "input"), (len(net.outputs), "output"), (net.parameter_count, "parameter"))
        yield f"# net {symbol_name(net)}: {', '.join(counted(number, what) for number, what in sizes)}"
        yield f"# inputs: {' '.join(names.value(a) for a in net.arguments)}"
        yield f"# outputs: {' '.join(names.value(v) for v in net.outputs)}"
        begins = {names.value(op.value): op.initial.value for op in net.delays}
        for name, initial in begins.items():
            yield f"# {name} is {initial:g} at the first step"
        functions = {str(a): a for op in self.ops if isinstance(op, Node) for a in [activation_of(op)]}
        for name, activation in functions.items():
            yield f"# {name}(x) = {activation.formula}"

    def forward(self) -> Iterator[str]:
        """The neurons' functions, then the neurons."""
        ops = [op for op in self.ops if self.is_forward(op)]
        for op in ops:
            if isinstance(op, Node):
                yield f"{self.names.function(op.value)}(z) = {activation_of(op)}(z)"
        for op in ops:
            if op.results[0] not in self.names.late:
                yield self.equation(op)

    def backward(self) -> Iterator[str]:
        """The derivatives of the functions, what they are taken at, and all gradients, outputs first."""
        used = {_primed(a): a for delta in reversed(self.deltas) for a in [activation_of(delta)]}
        for name, activation in used.items():
            yield f"# {name}(x) = {activation.derivative_formula}"
        for delta in reversed(self.deltas):
            slope = _primed(activation_of(delta))
            yield f"{self.names.gradient_function(delta.value)}(d) = d*{slope}({self.names.value(delta.z)})"
        for delta in reversed(self.deltas):
            before = delta.z.defining_op()
            assert before is not None
            yield self.equation(before)
        for op in self.net.block:
            if op in self._backward and not self._is_inlined(op):
                yield self.equation(op)

    # -- one equation --------------------------------------------------------------------------------------------

    def equation(self, op: Operation) -> str:
        """``name = expression``."""
        name = self.names.value(op.results[0])
        if isinstance(op, Node):
            return f"{name} = {self.names.function(op.value) if self.is_forward(op) else ''}{self._aggregate(op)}"
        if isinstance(op, Delta):
            single = len(op.terms) == 1 and op.weights.values[0] < 0
            body = f"({self._operand(op.terms[0])})" if single else self._sum(op.terms, op.weights, None)
            return f"{name} = {self.names.gradient_function(op.value)}{body}"
        if isinstance(op, Merge):
            return f"{name} = {self._merge(op)}"
        if isinstance(op, Delay):
            source, steps = self.names.undelayed(op.source)
            return f"{name} = {self.names.value(source)}{before(steps + 1)}"
        fail(f"'{op.name}' cannot be written as an equation", op.location)

    def _aggregate(self, op: Node) -> str:
        if op.aggregation.value == "sum":
            return self._sum(op.terms, op.weights, op.bias_index)
        bias = "" if op.bias_index is None else f" +{self.names.parameter(op.bias_index)}"
        return f"( {op.aggregation.value}({self._list(op.terms, op.weights)}){bias})"

    def _sum(self, terms: Sequence[Value], weights: Sequence[int], bias: int | None) -> str:
        """``( +n00*w0004 +n01)``; every term is a blank, a plus and a product."""
        shown = [f" +{self._term(v, w)}" for v, w in zip(terms, weights, strict=True)]
        if bias is not None:
            shown.append(f" +{self.names.parameter(bias)}")
        return f"({''.join(shown)})"

    def _list(self, terms: Sequence[Value], weights: Sequence[int]) -> str:
        return ", ".join(self._term(v, w) for v, w in zip(terms, weights, strict=True))

    def _term(self, value: Value, weight: int) -> str:
        product = self._operand(value)
        return product if weight < 0 else f"{product}*{self.names.parameter(weight)}"

    def _merge(self, op: Merge) -> str:
        operands = [self._operand(v) for v in op.sources]
        if op.kind.value == "average":
            return f"mean({', '.join(operands)})"
        return ("*" if op.kind.value == "multiply" else " + ").join(operands)

    def _is_inlined(self, op: Operation | None) -> bool:
        """Whether the op is written where it is used: shares, and the products of a sum, which have no names."""
        if isinstance(op, Share):
            return True
        return isinstance(op, Merge) and op in self._backward and op.value.name_hint is None

    def _operand(self, value: Value) -> str:
        """A value's name, or what gives the value if that has no name."""
        op = value.defining_op()
        if not self._is_inlined(op):
            return self.names.value(value)
        if isinstance(op, Share):
            return f"{op.aggregation.value}'[{op.index.value}]({self._list(op.terms, op.weights)})"
        assert isinstance(op, Merge)
        return self._merge(op)


def _backward_ops(net: Net, ops: Sequence[Operation]) -> set[Operation]:
    """The ops that gradients flow through: from cotangents and shares on, and those that give gradients out."""
    kinds = net.kinds_of_arguments()
    flowing: set[Value] = {a for a, kind in zip(net.arguments, kinds, strict=True) if kind == COTANGENT}
    found: set[Operation] = set()
    for op in ops:
        if isinstance(op, (Delta, Share)) or any(v in flowing for v in op.operands):
            found.add(op)
            flowing.update(op.results)
    for value, kind in zip(net.outputs, net.kinds_of_results(), strict=True):
        source = value.defining_op()
        if kind != OUTPUT and source is not None:
            found.add(source)
    return found
