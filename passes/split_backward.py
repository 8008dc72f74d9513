"""Cuts a derivative in two: a forward function that also gives what has to be kept, and a backward function that uses
it.

``@f_vjp(args, cotangents) -> (results, gradients)`` stays, and ``@f_fwd(args) -> (results, saved)`` and
``@f_bwd(saved, args, cotangents) -> gradients`` are added; the backward function takes only those arguments that it
needs. What does not depend on a cotangent belongs to the forward half; where the backward half needs such a value, it
is either kept (saved) or computed again. ``save=all`` keeps every such value. ``save=min`` keeps as little as
possible: elementwise and movement ops are computed again where that makes the kept values smaller, found as a minimum
cut; arguments cost nothing.

Before:

```mlir
func.func @f_vjp(%x: f32, %dz: f32) -> (f32, f32) attributes {irc.vjp_of = "f", irc.wrt = [0 : i64]} {
  %y = math.exp %x : f32
  %z = math.exp %y : f32
  %dy = arith.mulf %dz, %z : f32
  %dx = arith.mulf %dy, %y : f32
  func.return %z, %dx : f32, f32
}
```

After:

```mlir
func.func @f_vjp(%x: f32, %dz: f32) -> (f32, f32) attributes {irc.vjp_of = "f", irc.wrt = [0 : i64]} {
  %y = math.exp %x : f32
  %z = math.exp %y : f32
  %dy = arith.mulf %dz, %z : f32
  %dx = arith.mulf %dy, %y : f32
  func.return %z, %dx : f32, f32
}
func.func @f_fwd(%x: f32) -> f32 attributes {irc.forward_of = "f", irc.saved = 0 : i64} {
  %y = math.exp %x : f32
  %z = math.exp %y : f32
  func.return %z : f32
}
func.func @f_bwd(%x: f32, %dz: f32) -> f32
    attributes {irc.arguments = [0 : i64], irc.backward_of = "f", irc.saved = 0 : i64} {
  %y = math.exp %x : f32
  %z = math.exp %y : f32
  %dy = arith.mulf %dz, %z : f32
  %dx = arith.mulf %dy, %y : f32
  func.return %dx : f32
}
```
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.attributes import ArrayAttr, IntegerAttr, StringAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.dimensions import evaluate, product, symbols_of
from irc.ir.operation import Operation, Value
from irc.ir.symbols import symbols_of as module_symbols
from irc.ir.symbols import unique_name
from irc.ir.traits import ELEMENTWISE, MOVEMENT, PURE, has
from irc.ir.types import ShapedType, Type
from irc.passmanager import Pass, PassContext, Signature

TYPICAL_SIZE = 64
"""What an unknown size counts when values are weighed against each other."""


@dataclass(frozen=True)
class SplitBackward(Pass):
    """Add a forward and a backward function to each derivative."""

    name = "split-backward"
    signature = Signature.EXTENDED
    save: str = "min"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        if self.save not in ("min", "all"):
            fail(f"split-backward: save must be min or all, not '{self.save}'")
        done = {f.attributes[key] for f in module_symbols(module) for key in ("irc.forward_of",) if key in f.attributes}
        for function in list(module_symbols(module)):
            of = function.attributes.get("irc.vjp_of")
            if of is not None and of not in done and isinstance(function, FuncOp):
                _Split(module, function, of.value, self.save, context).run()  # type: ignore[attr-defined]


class _Split:
    """One derivative that is being cut."""

    def __init__(self, module: ModuleOp, joint: FuncOp, of: str, save: str, context: PassContext):
        self.module = module
        self.joint = joint
        self.of = of
        self.save = save
        self.context = context
        gradients = len(joint.attributes["irc.wrt"])  # type: ignore[arg-type]
        returned = joint.entry.terminator.operands
        self.results = returned[: len(returned) - gradients]
        self.gradients = returned[len(returned) - gradients :]
        floats = sum(v.type.element.is_float for v in self.results)
        self.arguments = joint.arguments[: len(joint.arguments) - floats]
        self.cotangents = joint.arguments[len(joint.arguments) - floats :]

    def run(self) -> None:
        saved = self._saved()
        forward = self._function("fwd", list(self.arguments), [*self.results, *saved])
        forward.attributes |= {"irc.forward_of": StringAttr(self.of), "irc.saved": IntegerAttr(len(saved))}
        needed = self._needed_arguments(set(saved))
        backward = self._function("bwd", [*saved, *needed, *self.cotangents], list(self.gradients))
        backward.attributes |= {
            "irc.backward_of": StringAttr(self.of),
            "irc.saved": IntegerAttr(len(saved)),
            "irc.arguments": ArrayAttr([a.index for a in needed]),  # type: ignore[attr-defined]
        }
        builder = Builder.after(self.joint)
        builder.insert(forward)
        builder.insert(backward)
        self.context.count("functions split")
        self.context.count("values saved", len(saved))

    # -- what to save --------------------------------------------------------------------------------------------

    def _saved(self) -> list[Value]:
        """Values of the forward half that the backward half takes, in text order."""
        backward = self._backward_ops()
        wanted = {v for op in backward for v in op.operands if self._is_forward(v, backward)}
        wanted |= {v for v in self.gradients if self._is_forward(v, backward)}
        if self.save == "all":
            chosen = {v for v in wanted if not self._is_free(v)}
        else:
            chosen = _smallest_cut(wanted)
        return [r for op in self.joint.entry for r in op.results if r in chosen]

    def _backward_ops(self) -> set[Operation]:
        """The ops that depend on a cotangent."""
        late: set[Value] = set(self.cotangents)
        found: set[Operation] = set()
        for op in self.joint.entry:
            if op is not self.joint.entry.last and any(v in late for v in op.operands):
                found.add(op)
                late.update(op.results)
        return found

    def _is_forward(self, value: Value, backward: set[Operation]) -> bool:
        op = value.defining_op()
        return op is not None and op not in backward

    def _is_free(self, value: Value) -> bool:
        """Whether the value is computed from nothing."""
        op = value.defining_op()
        return op is not None and has(op, PURE) and not op.operands

    def _needed_arguments(self, saved: set[Value]) -> list[Value]:
        """The arguments that the gradients need, where the saved values are given."""
        seen: set[Value] = set()
        work = list(self.gradients)
        while work:
            value = work.pop()
            if value in seen or value in saved:
                continue
            seen.add(value)
            op = value.defining_op()
            work += op.operands if op is not None else ()
        return [a for a in self.arguments if a in seen]

    # -- making the halves ---------------------------------------------------------------------------------------

    def _function(self, suffix: str, inputs: list[Value], outputs: list[Value]) -> FuncOp:
        """A function of ``inputs`` that computes ``outputs`` by the joint function's ops."""
        joint = self.joint
        attributes = {k: v for k, v in joint.attributes.items() if k == "irc.symbols"}
        function = FuncOp.of(
            unique_name(self.module, f"{self.of}_{suffix}"),
            [v.type for v in inputs],
            [v.type for v in outputs],
            attributes=attributes,
            location=joint.location,
        )
        function.set_arg_attributes(joint.arg_attributes(v.index) if v in joint.arguments else {} for v in inputs)
        mapping: dict[Value, Value] = {}
        for value, argument in zip(inputs, function.arguments, strict=True):
            argument.name_hint, argument.location = value.name_hint, value.location  # type: ignore[misc]
            mapping[value] = argument
        for op in self._needed_ops(inputs, outputs):
            function.entry.append(op.clone(mapping))
        for value, argument in zip(inputs, function.arguments, strict=True):
            mapping[value] = argument  # a saved result of an op with another result that is needed as well
        builder = Builder.at_end(function.entry, joint.entry.terminator.location)
        builder.create(ReturnOp, [mapping[v] for v in outputs])
        return function

    def _needed_ops(self, inputs: Iterable[Value], outputs: Iterable[Value]) -> list[Operation]:
        given = set(inputs)
        needed = {v for v in outputs if v not in given}
        ops = []
        for op in reversed(self.joint.entry):
            if any(r in needed for r in op.results):
                ops.append(op)
                needed.update(v for v in op.operands if v not in given)
        return ops[::-1]


def _smallest_cut(wanted: set[Value]) -> set[Value]:
    """The cheapest values from which, with the arguments, all ``wanted`` can be computed by cheap ops.

    A minimum vertex cut: each value is an edge from its "in" to its "out" node that is as wide as the value is large.
    What a costly op gives is a source; a cheap op connects its operands with its results; what is wanted flows out.
    The cut nearest to what is wanted is taken: of equally small ones, it computes least again.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(("source", "sink"))
    order: dict[Value, int] = {}
    work = list(wanted)
    while work:
        value = work.pop()
        op = value.defining_op()
        if op is None or value in order:  # arguments are at hand
            continue
        order[value] = len(order)
        if _is_cheap(op):
            work += op.operands
    for value, number in order.items():
        graph.add_edge((number, "in"), (number, "out"), capacity=_bytes(value.type))
        if value in wanted:
            graph.add_edge((number, "out"), "sink")
        op = value.defining_op()
        assert op is not None
        if not _is_cheap(op):
            graph.add_edge("source", (number, "in"))
            continue
        for operand in op.operands:
            if operand in order:
                graph.add_edge((order[operand], "out"), (number, "in"))
    _, (far, near) = nx.minimum_cut(graph, "source", "sink")  # ``near`` is what can still reach the sink
    return {v for v, n in order.items() if (n, "in") in far and (n, "out") in near}


def _is_cheap(op: Operation) -> bool:
    """Whether computing it again costs about as much as reading it back."""
    return has(op, PURE) and not op.regions and (has(op, ELEMENTWISE) or has(op, MOVEMENT) or not op.operands)


def _bytes(type: Type) -> int:
    """About how large a value is."""
    if not isinstance(type, ShapedType):
        return type.element.bytes  # type: ignore[attr-defined]
    size = product(type.shape)
    return type.element.bytes * evaluate(size, dict.fromkeys(symbols_of(size), TYPICAL_SIZE))
