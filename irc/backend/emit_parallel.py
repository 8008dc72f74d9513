"""Loops that threads share: the turns as a function of their own, called once for all of them or, by a team, in parts.

For the first loop with ``work`` in a function ``irc.f`` there are

- ``turns.1.irc.f(values from outside ..., first, end, chunk, chunks)``: the turns with counters from ``first`` to below
  ``end``; of the loop inside that is ``chunked`` one of so many chunks;
- ``part.1.irc.f(context, part)``: the same for a part of what the context says. That holds how many turns there are,
  in how many pieces they are cut and in how many chunks those inside (see ``irc.backend.pool``), then the values;
- ``work.1.irc.f(sizes ...)``: how much there is to do.

With one thread, which has no team, the first is called for all turns: there is one copy of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from irc.backend.emitter import Emitter
from irc.dialects.loop.control import For
from irc.ir.dimensions import parse_dimension
from irc.ir.operation import Value

TEAM = "%team"
"""The last argument of functions that have loops to share: the address of a team; null for one thread."""
_RANGE = ("%first", "%end", "%chunk", "%chunks")
_HEAD = ("turns", "pieces", "chunks")
"""The words that a context begins with."""

Given = Sequence[tuple[str, str]]
"""LLVM types and operands of what a function is given."""


@dataclass(frozen=True)
class Bounds:
    """The operands ``lower``, ``upper`` and ``step`` of a loop; the step is positive."""

    lower: str
    upper: str
    step: str


def emit_shared(e: Emitter, op: For, bounds: Bounds, write: Callable[[Emitter, For, Bounds], None]) -> None:
    """A loop with ``work``, in a function that has a team. ``write`` writes the turns between bounds."""
    number = f"{len(e.functions) + 1}.{e.name}"
    given, sizes = _given(e, op, bounds), _range(*e.symbols.values())
    functions = (_turns(e, op, bounds, number, given, write), _part(bounds, number, given), _work(e, op, number))
    e.functions.append("".join(functions))
    kind = _kind(given)
    context = e.fresh("context")
    e.entry.append(f"  {context} = alloca {kind}")
    alone, shared, done = e.label("alone"), e.label("shared"), e.label("done")
    e.line(f"br i1 {e.value(f'icmp eq ptr {TEAM}, null')}, label %{alone}, label %{shared}")
    e.start(alone)
    e.line(f'call void @"turns.{number}"({_listed([*given, *_range(bounds.lower, bounds.upper, "0", "1")])})')
    e.line(f"br label %{done}")
    e.start(shared)
    for place, (type, value) in enumerate(given, len(_HEAD)):
        at = e.value(f"getelementptr inbounds {kind}, ptr {context}, i32 0, i32 {place}")
        e.line(f"store {type} {value}, ptr {at}")
    share = e.value(f"load ptr, ptr {TEAM}")
    work, count = e.value(f'call i64 @"work.{number}"({_listed(sizes)})'), _count(e, bounds)
    nested = "true" if any(isinstance(o, For) and o.chunked is not None for o in op.body.block) else "false"
    e.line(f'call void {share}(ptr {TEAM}, ptr @"part.{number}", ptr {context}, i64 {count}, i64 {work}, i1 {nested})')
    e.line(f"br label %{done}")
    e.start(done)


def chunk(e: Emitter, bounds: Bounds) -> Bounds:
    """The bounds of the turns of a ``chunked`` loop that belong to a call of the function ``turns``: all of them, and
    no division, where there is one chunk.
    """
    before, several, done = e.block, e.label("several"), e.label("chunk")
    number, chunks = _RANGE[2:]
    e.line(f"br i1 {e.value(f'icmp eq i64 {chunks}, 1')}, label %{done}, label %{several}")
    e.start(several)
    count, following = _count(e, bounds), e.value(f"add i64 {number}, 1")
    turns = [e.value(f"udiv i64 {e.value(f'mul i64 {n}, {count}')}, {chunks}") for n in (number, following)]
    own = [e.value(f"add i64 {bounds.lower}, {e.value(f'mul i64 {n}, {bounds.step}')}") for n in turns]
    e.line(f"br label %{done}")
    e.start(done)
    lower, upper = (
        e.value(f"phi i64 [ {whole}, %{before} ], [ {part}, %{several} ]")
        for whole, part in zip((bounds.lower, bounds.upper), own, strict=True)
    )
    return Bounds(lower, upper, bounds.step)


def _count(e: Emitter, bounds: Bounds) -> str:
    """The number of turns: (upper - lower - 1) / step + 1, without sign, where lower is below upper."""
    some = e.value(f"icmp slt i64 {bounds.lower}, {bounds.upper}")
    width = e.value(f"sub i64 {bounds.upper}, {bounds.lower}")
    before = e.value(f"udiv i64 {e.value(f'sub i64 {width}, 1')}, {bounds.step}")
    return e.value(f"select i1 {some}, i64 {e.value(f'add i64 {before}, 1')}, i64 0")


def _given(e: Emitter, op: For, bounds: Bounds) -> Given:
    """What the turns need from outside: sizes, bounds, and all that is used inside and not made there."""
    inside: set[Value] = set()
    used: dict[Value, None] = {}
    for inner in op.walk():
        inside.update(inner.results)
        inside.update(a for region in inner.regions for block in region.blocks for a in block.arguments)
        if inner is not op:
            used.update(dict.fromkeys(inner.operands))
    found = [("i64", name) for name in (*e.symbols.values(), bounds.lower, bounds.step)]
    for value in used:
        if value not in inside:
            found += e.held(value)
    return [(type, name) for type, name in dict.fromkeys(found) if name.startswith("%")]


def _turns(
    e: Emitter, op: For, bounds: Bounds, number: str, given: Given, write: Callable[[Emitter, For, Bounds], None]
) -> str:
    """The function of the turns. Registers have the names that they have outside."""
    inner = e.inside()
    inner.start("start")
    write(inner, op, Bounds(*_RANGE[:2], bounds.step))
    inner.line("ret void")
    head = f'define internal void @"turns.{number}"({_listed([*given, *_range(*_RANGE)])}) nounwind {{'
    return "\n".join([head, "entry:", *inner.entry, "  br label %start", *inner.lines, "}", ""])


def _part(bounds: Bounds, number: str, given: Given) -> str:
    """The function of a part: piece ``p`` of ``n`` is the turns from ``p * turns / n`` to before
    ``(p + 1) * turns / n``."""
    kind = _kind(given)
    lines = [f'define internal void @"part.{number}"(ptr %context, i64 %part) nounwind {{']
    words = [*(("i64", f"%{word}") for word in _HEAD), *given]
    for place, (type, name) in enumerate(words):
        lines.append(f"  %at.{place} = getelementptr inbounds {kind}, ptr %context, i32 0, i32 {place}")
        lines.append(f"  {name} = load {type}, ptr %at.{place}")
    lines += ["  %piece = udiv i64 %part, %chunks", "  %chunk = urem i64 %part, %chunks", "  %next = add i64 %piece, 1"]
    for end, piece in zip(_RANGE[:2], ("%piece", "%next"), strict=True):
        lines += [
            f"  {end}.of = mul i64 {piece}, %turns",
            f"  {end}.turn = udiv i64 {end}.of, %pieces",
            f"  {end}.off = mul i64 {end}.turn, {bounds.step}",
            f"  {end} = add i64 {bounds.lower}, {end}.off",
        ]
    lines += [f'  call void @"turns.{number}"({_listed([*given, *_range(*_RANGE)])})', "  ret void", "}", ""]
    return "\n".join(lines)


def _work(e: Emitter, op: For, number: str) -> str:
    """The function of the formula. A product of sizes that is too large may say anything, but one thing."""
    assert op.work is not None
    inner = e.inside()
    work = inner.size(parse_dimension(op.work.value), op)
    head = f'define internal i64 @"work.{number}"({_listed(_range(*e.symbols.values()))}) nounwind {{'
    return "\n".join([head, "entry:", *inner.entry, f"  %work = freeze i64 {work}", "  ret i64 %work", "}", ""])


def _range(*operands: str) -> Given:
    return [("i64", operand) for operand in operands]


def _listed(given: Given) -> str:
    return ", ".join(f"{type} {name}" for type, name in given)


def _kind(given: Given) -> str:
    """The type of a context."""
    return "{ " + ", ".join([*("i64" for _ in _HEAD), *(type for type, _ in given)]) + " }"
