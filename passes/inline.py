"""Inlining: the body of a function in place of each call of it.

Callees come first, so a chain of calls becomes one body. What a callee knows of its sizes (``irc.symbols``) the caller
knows then too. Private functions that nothing calls any more go; public ones stay. Calls of nets of neurons, of
functions of several blocks, and of functions of the loop level, whose sizes are arguments, stay calls.

``only`` names functions: what they do not need goes, public or not. A pipeline that makes code of one function says so.

Before:

```mlir
func.func private @square(%x: tensor<N x f32>) -> tensor<N x f32> {
  %y = arith.mulf %x, %x : tensor<N x f32>
  func.return %y : tensor<N x f32>
}
func.func @f(%x: tensor<N x f32>) -> tensor<N x f32> {
  %a = func.call @square(%x) : (tensor<N x f32>) -> tensor<N x f32>
  %b = func.call @square(%a) : (tensor<N x f32>) -> tensor<N x f32>
  func.return %b : tensor<N x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<N x f32>) -> tensor<N x f32> {
  %a = arith.mulf %x, %x : tensor<N x f32>
  %b = arith.mulf %a, %a : tensor<N x f32>
  func.return %b : tensor<N x f32>
}
```
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.interpreter import bound_symbols
from irc.ir.attributes import StringAttr, attribute
from irc.ir.builder import Builder
from irc.ir.diagnostics import fail
from irc.ir.operation import Operation
from irc.ir.symbols import symbol_table, unused_private_symbols
from irc.passmanager import Pass, PassContext


@dataclass(frozen=True)
class Inline(Pass):
    """Put the bodies of functions in place of their calls."""

    name = "inline"
    only: tuple[str, ...] = ()

    def run(self, module: ModuleOp, context: PassContext) -> None:
        functions = {name: op for name, op in symbol_table(module).items() if isinstance(op, FuncOp)}
        done: set[FuncOp] = set()

        def inline_calls(function: FuncOp, above: tuple[FuncOp, ...]) -> None:
            """Callees first; ``above`` are the callers on the way here."""
            if function in done:
                return
            if function in above:
                fail(f"@{function.symbol} calls itself, so its calls cannot be inlined", function.location)
            for op in list(function.walk()):
                callee = functions.get(op.callee.value) if isinstance(op, CallOp) else None
                if callee is not None and len(callee.body.blocks) == 1 and "irc.symbols_args" not in callee.attributes:
                    inline_calls(callee, (*above, function))
                    _inline(op, callee, function)
                    context.count("calls inlined")
            done.add(function)

        unknown = [name for name in self.only if name not in functions]
        if unknown:
            fail(f"inline: there is no function @{unknown[0]}; there are {', '.join(functions) or 'none'}")
        for function in [functions[name] for name in self.only] or functions.values():
            inline_calls(function, ())
        if self.only:
            for op in module.functions:
                if op not in [functions[name] for name in self.only]:
                    op.attributes["sym_visibility"] = StringAttr("private")
        for symbol in unused_private_symbols(module):
            symbol.erase()


def _inline(call: Operation, callee: FuncOp, caller: FuncOp) -> None:
    """Replace one call. Sizes have the same names on both sides: a call has exactly the type of what it calls."""
    known = bound_symbols(caller)
    for name, size in bound_symbols(callee).items():
        if known.setdefault(name, size) != size:
            fail(
                f"@{callee.symbol} has {name} = {size}, but @{caller.symbol}, which calls it, has {known[name]}",
                call.location,
            )
    if known:
        caller.attributes["irc.symbols"] = attribute(known)
    values = Builder.before(call).inline(callee.entry, call.operands)
    for old, new in zip(call.results, values, strict=True):
        if old.name_hint and new not in caller.arguments:
            new.name_hint = old.name_hint
    call.replace_by(values)
