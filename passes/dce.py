"""Dead-code elimination: removes what nothing needs.

An op is dead when it writes nothing and none of its results is used; removing it may make others dead. In a net of
neurons, a neuron is dead when it reaches no output: it goes with a warning, since a person drew it (not in nets of
gradients, which ``autodiff`` made). There is one warning for each dead end, which names what leads there, too. The
delays of a net that is called stay, since its callers hold its state. Private functions that nothing calls go too.

Before:

```mlir
func.func @f(%x: f32) -> f32 {
  %dead = arith.mulf %x, %x : f32
  %y = arith.addf %x, %x : f32
  func.return %y : f32
}
```

After:

```mlir
func.func @f(%x: f32) -> f32 {
  %y = arith.addf %x, %x : f32
  func.return %y : f32
}
```
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.dialects.builtin import ModuleOp
from irc.ir.locations import name_of
from irc.ir.operation import Operation, Region
from irc.ir.rewriting import is_dead
from irc.ir.symbols import references_in, symbol_name, unused_private_symbols
from irc.ir.traits import DELAYED, GRAPH_REGION, PURE, has
from irc.passmanager import Pass, PassContext

_SHOWN = 5
"""How many of the neurons that lead to a dead end its warning names."""


@dataclass(frozen=True)
class Dce(Pass):
    """Remove dead ops and unused private functions."""

    name = "dce"

    def run(self, module: ModuleOp, context: PassContext) -> None:
        for symbol in unused_private_symbols(module):
            symbol.erase()
            context.count("functions removed")
        called = references_in(module)
        for op in list(module.walk()):
            for region in op.regions:
                if has(op, GRAPH_REGION):
                    _sweep_graph(region, context, symbol_name(op) in called)
                else:
                    _sweep(region, context)


def _sweep(region: Region, context: PassContext) -> None:
    """Backwards through each block: when an op is seen, all its users have been."""
    for block in region.blocks:
        for op in reversed(block):
            if is_dead(op):
                op.erase()
                context.count("ops removed")


def _sweep_graph(region: Region, context: PassContext, keeps_state: bool) -> None:
    """In a graph the order means nothing, so mark what the effects and the terminator reach, and remove the rest."""
    live: set[Operation] = set()
    ops = [op for block in region.blocks for op in block]
    work = [op for op in ops if not has(op, PURE) or (keeps_state and has(op, DELAYED))]
    while work:
        op = work.pop()
        if op not in live:
            live.add(op)
            inner = [value for nested in op.walk() for value in nested.operands]
            work += [source for value in inner if (source := value.defining_op()) is not None]
    dead = [op for op in ops if op not in live]
    drawn = region.parent is not None and "irc.vjp_of" not in region.parent.attributes  # derivatives nobody drew
    if drawn:
        _warn(dead, context)
    for op in dead:
        op.drop()
    for op in dead:
        op.erase()
        context.count("ops removed")


def _warn(dead: list[Operation], context: PassContext) -> None:
    """Say of each dead end that it goes, and what leads there. Of a cycle without an end the last neuron counts as one.

    What leads to several ends is named with the first of them.
    """
    unsaid = set(dead)
    for end in (*(op for op in dead if not any(r.uses for r in op.results)), *reversed(dead)):
        names: list[str] = []
        work = [end]
        while work:
            op = work.pop()
            if op not in unsaid:
                continue
            unsaid.remove(op)
            name = name_of(op.location) or next((r.name_hint for r in op.results if r.name_hint), None)
            names += [name] if name is not None else []
            work += [source for value in reversed(op.operands) if (source := value.defining_op()) is not None]
        if names:
            removed = f"neuron {names[0]} reaches no output and is removed"
            leading = f", with {', '.join(names[1 : 1 + _SHOWN])}" if names[1:] else ""
            more = f" and {len(names) - 1 - _SHOWN} more" if len(names) > 1 + _SHOWN else ""
            context.diagnostics.warning(f"{removed}{leading}{more}", end.location)
