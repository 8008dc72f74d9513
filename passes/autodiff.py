"""Reverse-mode differentiation: for a function, another that gives its results and, from their gradients, its
arguments'.

``@f(args) -> results`` gets a companion ``@f_vjp(args, cotangents) -> (results, gradients)``: one cotangent for each
float result, one gradient for each argument that ``wrt`` names. The pass walks the ops once, backwards, and lets each
op's ``vjp`` turn the gradients of its results into those of its operands; where a value is used several times they
add up. It works on pure values, so there is no tape. A call is differentiated by a call of the callee's companion; an
op that repeats a region (``array.scan``) by another, which walks the region backwards.
Running the pass on ``@f_vjp`` gives second derivatives.

Which functions: those that ``of`` names; without it every public one that gives floats and is not itself a
derivative. By which arguments (``wrt``, a list with ``;`` between): ``all`` float arguments that are not bound data,
``params``, ``inputs``, or names and numbers of arguments.

Before:

```mlir
func.func @f(%x: f32, %y: f32) -> f32 {
  %z = arith.mulf %x, %y : f32
  func.return %z : f32
}
```

After:

```mlir
func.func @f(%x: f32, %y: f32) -> f32 {
  %z = arith.mulf %x, %y : f32
  func.return %z : f32
}
func.func @f_vjp(%x: f32, %y: f32, %dz: f32) -> (f32, f32, f32)
    attributes {irc.vjp_of = "f", irc.wrt = [0 : i64, 1 : i64]} {
  %z = arith.mulf %x, %y : f32
  %dx = arith.mulf %dz, %y : f32
  %dy = arith.mulf %dz, %x : f32
  func.return %z, %dx, %dy : f32, f32, f32
}
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from irc.dialects.arith import AddF
from irc.dialects.array import Pad
from irc.dialects.array.assemble import assembled
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import splat
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.attributes import ArrayAttr, DictAttr, StringAttr, SymbolRefAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.locations import name_of
from irc.ir.operation import Block, Operation, Value
from irc.ir.rewriting import is_dead
from irc.ir.symbols import is_private, symbol_name, symbol_table, symbols_of, unique_name
from irc.ir.types import Type
from irc.passmanager import Pass, PassContext, Signature

VJP_OF = "irc.vjp_of"
"""On a derivative: the name of the function it is the derivative of."""
WRT = "irc.wrt"
"""On a derivative: the numbers of the arguments whose gradients it gives, in their order."""


@dataclass(frozen=True)
class Autodiff(Pass):
    """Add to each function its reverse-mode derivative."""

    name = "autodiff"
    signature = Signature.EXTENDED
    of: tuple[str, ...] = ()
    wrt: tuple[str, ...] = ("all",)

    def run(self, module: ModuleOp, context: PassContext) -> None:
        derivatives = Derivatives(module, context)
        for function in self._targets(module):
            derivative = derivatives.of(function, _selected(function, self.wrt))
            derivative.attributes.pop("sym_visibility", None)

    def _targets(self, module: ModuleOp) -> list[Operation]:
        table = symbol_table(module)
        for name in self.of:
            if name.lstrip("@") not in table:
                fail(f"autodiff: there is no function @{name.lstrip('@')}; there are {', '.join(table)}")
        if self.of:
            return [table[name.lstrip("@")] for name in self.of]
        made = (VJP_OF, "irc.forward_of", "irc.backward_of")
        public = [f for f in symbols_of(module) if not is_private(f) and not any(k in f.attributes for k in made)]
        return [f for f in public if any(is_float(v.type) for v in _entry(f).terminator.operands)]


def is_float(type: Type) -> bool:
    """Whether values of the type have gradients."""
    return type.element.is_float


def _argument_attributes(function: Operation) -> list[DictAttr]:
    given = function.attributes.get("arg_attrs")
    return list(given) if given is not None else [DictAttr({})] * len(_entry(function).arguments)  # type: ignore[call-overload]


def _entry(function: Operation) -> Block:
    """The only block of a function. Raises :class:`irc.Error` if it has none or several."""
    blocks = function.regions[0].blocks
    if len(blocks) != 1:
        what = "no body" if not blocks else f"{len(blocks)} blocks"
        fail(f"autodiff: @{symbol_name(function)} has {what}; a derivative needs exactly one block", function.location)
    return blocks[0]


def _selected(function: Operation, wrt: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the arguments that ``wrt`` names, ascending. Raises :class:`irc.Error`."""
    arguments = _entry(function).arguments
    attributes = _argument_attributes(function)
    names = {a.name_hint: a.index for a in arguments}
    params = {i for i, a in enumerate(attributes) if "irc.param" in a}
    free = {i for i, a in enumerate(attributes) if is_float(arguments[i].type) and "irc.data" not in a}
    groups = {"all": free, "params": free & params, "inputs": free - params}
    chosen: set[int] = set()
    for word in wrt:
        if word in groups:
            chosen |= groups[word]
            continue
        name = word.lstrip("%")
        index = int(name) if name.isdigit() else names.get(name)
        if index is None or index >= len(arguments):
            fail(f"autodiff: @{symbol_name(function)} has no argument '{word}'", function.location)
        if not is_float(arguments[index].type):
            fail(f"autodiff: argument '{word}' of @{symbol_name(function)} is no float", function.location)
        chosen.add(index)
    return tuple(sorted(chosen))


class Derivatives:
    """The derivatives that a module has, by function and arguments; makes those that are asked for."""

    def __init__(self, module: ModuleOp, context: PassContext):
        self.module = module
        self.context = context
        self._made: dict[tuple[str, tuple[int, ...]], Operation] = {}
        self._begun: set[str] = set()
        self.calls: set[Operation] = set()  # those that are differentiated, so pure
        for function in symbols_of(module):
            if VJP_OF in function.attributes:
                wrt = tuple(v.value for v in function.attributes[WRT])  # type: ignore[attr-defined]
                self._made[(function.attributes[VJP_OF].value, wrt)] = function  # type: ignore[attr-defined]

    def of(self, function: Operation, wrt: tuple[int, ...]) -> Operation:
        """The derivative of a function by the arguments ``wrt``, which is made if need be, after the function.

        A function-like op with its own way (a net of neurons) has a method ``differentiate(name, wrt)`` for it.
        """
        name = symbol_name(function)
        found = self._made.get((name, wrt))
        if found is not None:
            return found
        if name in self._begun:
            fail(f"@{name} calls itself, which autodiff cannot follow", function.location)
        self._begun.add(name)
        new_name = unique_name(self.module, f"{name}_vjp")
        own = getattr(function, "differentiate", None)
        derivative = own(new_name, wrt) if own is not None else self._function(function, new_name, wrt)
        derivative.attributes |= {VJP_OF: StringAttr(name), WRT: ArrayAttr(wrt)}
        Builder.after(function).insert(derivative)
        self._begun.discard(name)
        self._made[(name, wrt)] = derivative
        self.context.count("derivatives made")
        return derivative

    def _function(self, function: Operation, name: str, wrt: tuple[int, ...]) -> FuncOp:
        entry = _entry(function)
        results = entry.terminator.operands
        floats = [v for v in results if is_float(v.type)]
        inputs = [a.type for a in entry.arguments]
        derivative = FuncOp.of(
            name,
            [*inputs, *(v.type for v in floats)],
            [*(v.type for v in results), *(inputs[i] for i in wrt)],
            private=True,
            attributes={k: v for k, v in function.attributes.items() if k == "irc.symbols"},
            location=function.location,
        )
        derivative.set_arg_attributes([*_argument_attributes(function), *[{}] * len(floats)])
        for old, new in zip(entry.arguments, derivative.arguments, strict=False):
            new.name_hint, new.location = old.name_hint, old.location  # type: ignore[misc]
        mapping: dict[Value, Value] = dict(zip(entry.arguments, derivative.arguments, strict=False))
        for op in entry:
            if op is not entry.last:
                derivative.entry.append(op.clone(mapping))
        outputs = [mapping[v] for v in results]
        walk = _ReverseWalk(self, derivative.entry, [derivative.arguments[i] for i in wrt])
        for value, cotangent in zip([mapping[v] for v in floats], derivative.arguments[len(inputs) :], strict=True):
            cotangent.name_hint = _gradient_name(value) or "dy"
            walk.add(value, cotangent)
        gradients = walk.run()
        builder = Builder.at_end(derivative.entry, entry.terminator.location)
        builder.create(ReturnOp, [*(walk.again.get(v, v) for v in outputs), *gradients])
        _erase_dead(derivative.entry, self.calls)
        return derivative


def _erase_dead(block: Block, calls: set[Operation]) -> None:
    """Remove what nothing needs, ``calls`` among it, here and in regions."""
    for op in reversed(block):
        if is_dead(op) or (op in calls and not any(r.uses for r in op.results)):
            op.erase()
            continue
        for region in op.regions:
            for inner in region.blocks:
                _erase_dead(inner, calls)


class _ReverseWalk:
    """Appends to a block the ops that compute the gradients of ``targets``."""

    def __init__(self, derivatives: Derivatives, block: Block, targets: Sequence[Value]):
        self.derivatives = derivatives
        self.targets = targets
        self.builder = Builder.at_end(block)
        self.ops = list(block)
        self.gradients: dict[Value, Value] = {}
        self.parts: dict[Value, list[Value]] = {}  # of gradients: results of pads, which are joined in the end
        self.again: dict[Value, Value] = {}  # results of ops that another one stands in for, to those of that one
        self.varied: set[Value] = set(targets)  # what depends on the targets
        for op in self.ops:
            if any(v in self.varied for v in op.operands):
                self.varied.update(r for r in op.results if is_float(r.type))

    def add(self, value: Value, gradient: Value) -> None:
        """Add to the gradient of ``value``."""
        if isinstance(gradient.defining_op(), Pad):
            self.parts.setdefault(value, []).append(gradient)
        else:
            self._add(value, gradient)

    def gradient(self, value: Value) -> Value | None:
        """The gradient of ``value``, as far as it has been added; None: it has none."""
        for part in assembled(self.builder, self.parts.pop(value, [])):
            self._add(value, part)
        return self.gradients.get(value)

    def _add(self, value: Value, gradient: Value) -> None:
        before = self.gradients.get(value)
        total = gradient if before is None else self.builder.value(AddF, before, gradient)
        if total.name_hint is None:
            total.name_hint = _gradient_name(value)
        self.gradients[value] = total

    def run(self) -> list[Value]:
        """Walk; gives the gradients of the targets."""
        for op in reversed(self.ops):
            with self.builder.located(op.location):
                given = [self.gradient(r) for r in op.results]
            if all(g is None for g in given) or not any(v in self.varied for v in op.operands):
                continue
            with self.builder.located(op.location):
                for operand, gradient in zip(op.operands, self._vjp(op, given), strict=True):
                    if gradient is not None and operand in self.varied:
                        self.add(operand, gradient)
        found = [(target, self.gradient(target)) for target in self.targets]
        return [splat(self.builder, 0.0, t.type) if gradient is None else gradient for t, gradient in found]

    def _vjp(self, op: Operation, given: Sequence[Value | None]) -> Sequence[Value | None]:
        if isinstance(op.attributes.get("callee"), SymbolRefAttr):
            return self._call(op, given)
        name = name_of(op.location)
        of_neuron = f" (neuron {name})" if name else ""
        of_region = getattr(op, "vjp_of_region", None)
        try:
            if of_region is None:
                return op.vjp(self.builder, given)
            wanted = [v in self.varied for v in op.operands]
            instead, gradients = of_region(self.builder, given, wanted, self._pull_back)
        except NotImplementedError:
            fail(f"autodiff: '{op.name}'{of_neuron} has no derivative", op.location)
        except ValueError as error:
            fail(f"autodiff: '{op.name}'{of_neuron}: {error}", op.location)
        for old, new in zip(op.results, instead.results, strict=False):
            old.replace_by(new)
            self.again[old] = new
        return gradients

    def _pull_back(
        self, block: Block, outputs: Sequence[Value], cotangents: Sequence[Value | None], targets: Sequence[Value]
    ) -> list[Value]:
        """The gradients of ``targets``, computed at the end of another block."""
        walk = _ReverseWalk(self.derivatives, block, targets)
        for value, cotangent in zip(outputs, cotangents, strict=True):
            if cotangent is not None:
                walk.add(value, cotangent)
        return walk.run()

    def _call(self, op: Operation, given: Sequence[Value | None]) -> list[Value | None]:
        """The gradients of a call's operands: a call of the callee's derivative by all its float arguments."""
        callee = symbol_table(self.derivatives.module)[op.attributes["callee"].value]  # type: ignore[attr-defined]
        wrt = tuple(i for i, v in enumerate(op.operands) if is_float(v.type))
        derivative = self.derivatives.of(callee, wrt)
        cotangents = [
            g if g is not None else splat(self.builder, 0.0, r.type)
            for r, g in zip(op.results, given, strict=True)
            if is_float(r.type)
        ]
        call = self.builder.create(
            type(op),
            [*op.operands, *cotangents],
            callee=SymbolRefAttr(symbol_name(derivative)),
            result_types=[*(r.type for r in op.results), *(op.operands[i].type for i in wrt)],
        )
        self.derivatives.calls.add(op)
        self.again.update(zip(op.results, call.results, strict=False))
        found: list[Value | None] = [None] * len(op.operands)
        for index, gradient in zip(wrt, call.results[len(op.results) :], strict=True):
            found[index] = gradient
        return found


def _gradient_name(value: Value) -> str | None:
    return f"d{value.name_hint}" if value.name_hint else None
