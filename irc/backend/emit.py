"""Loop level to LLVM IR text: one LLVM function per ``func.func``, structured control flow as blocks with phis.

The C function of ``@f`` is ``irc.f``: sizes as 64-bit integers, numbers by value, buffers as pointers that do not
overlap what the function writes. Text is made directly: building LLVM's objects from Python costs fifty times as
much.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from irc.backend import emit_arith, emit_memory, emit_parallel, emit_tiles
from irc.backend.emitter import Emitter, is_tile, llvm_type
from irc.backend.target import Target
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.dialects.loop.control import For, If, Yield
from irc.dialects.loop.types import BufferType
from irc.dialects.marks import has_team
from irc.interpreter import size_arguments
from irc.ir.diagnostics import Error, fail
from irc.ir.operation import Operation
from irc.ir.symbols import lookup
from irc.ir.types import ScalarType, Type, VectorType


def emit_module(module: ModuleOp, target: Target, team: bool = True) -> str:
    """The module's functions as LLVM IR text. Raises :class:`irc.Error` for what has no native form.

    ``team``: loops that threads may share can be; else no function knows of a team, and all loops run in place. What is
    called several times stays one function, however LLVM is told to optimise: it was made to be there once.
    """
    calls = Counter(op.callee.value for op in module.walk() if isinstance(op, CallOp))
    declarations: set[str] = set()
    functions = []
    for op in _functions(module):
        attributes = "nounwind noinline" if calls[op.symbol] > 1 else "nounwind"
        functions.append(_function(op, target, declarations, team, attributes))
    return "\n".join([*sorted(declarations), "", *functions])


def require_native(module: ModuleOp) -> None:
    """Raise :class:`irc.Error` for a function, or a number in it, that has no native form: before code is made."""
    for function in _functions(module):
        _parameter_types(function)
        for op in function.walk():
            for result in op.results:
                if isinstance(result.type, (ScalarType, VectorType)):
                    _llvm_type(result.type.scalar if isinstance(result.type, VectorType) else result.type, op)


def _functions(module: ModuleOp) -> Iterator[FuncOp]:
    for op in module.regions[0].block:
        if not isinstance(op, FuncOp):
            fail(f"'{op.name}' has no native form; only functions of the loop level have", op.location)
        yield op


def _parameter_types(op: FuncOp) -> list[str]:
    """What a function takes, in LLVM's types."""
    if op.function_type.results:
        fail(f"function '{op.sym_name.value}' returns values; lower it to the loop level first", op.location)
    for type in op.function_type.inputs:
        if not isinstance(type, (BufferType, ScalarType)):
            fail(f"native functions take buffers, numbers and sizes, not {type}", op.location)
    return [_llvm_type(type, op) for type in op.function_type.inputs]


def _llvm_type(type: Type, op: Operation) -> str:
    try:
        return llvm_type(type)
    except ValueError as error:
        fail(str(error), op.location)


_UNUSUAL = re.compile("[^A-Za-z0-9_.]+")


def native_name(name: str) -> str:
    """The name of a function's machine code: apart from all names of the C library, and ASCII without NUL, as linkers
    want it. Other bytes are ``%`` and two hexadecimal digits.
    """
    return "irc." + _UNUSUAL.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "surrogatepass")), name)


def _function(op: FuncOp, target: Target, declarations: set[str], team: bool, attributes: str) -> str:
    name = native_name(op.sym_name.value)
    e = Emitter(target, declarations, name, team)
    arguments = op.body.block.arguments
    parameters = []
    for argument, kind in zip(arguments, _parameter_types(op), strict=True):
        e.names[argument] = e.fresh(argument.name_hint or "arg")
        extra = " noalias" if isinstance(argument.type, BufferType) else ""
        parameters.append(f"{kind}{extra} {e.names[argument]}")
    e.symbols = {name: e.names[argument] for name, argument in zip(size_arguments(op), arguments, strict=False)}
    if team and has_team(op.attributes):
        e.team = emit_parallel.TEAM
        parameters.append(f"ptr {e.team}")
    e.start("start")
    _operations(e, op.body.block)
    head = f"define void @{_quoted(name)}({', '.join(parameters)}) {attributes} {{"
    return "\n".join([*e.functions, head, "entry:", *e.entry, "  br label %start", *e.lines, "}", ""])


def _quoted(name: str) -> str:
    return '"' + "".join(c if c.isalnum() or c in "._" else f"\\{b:02X}" for c in name for b in c.encode()) + '"'


def _operations(e: Emitter, ops: Iterable[Operation]) -> None:
    for op in ops:
        rule = emit_tiles.rule(op, RULES) if _has_tiles(op) else RULES.get(op.name)
        if rule is None:
            fail(f"'{op.name}' has no native form", op.location)
        try:
            rule(e, op)
        except Error:
            raise
        except ValueError as error:
            fail(f"{op.name}: {error}", op.location)


def _has_tiles(op: Operation) -> bool:
    """Whether a result or operand is a tile, but for loops and branches, which carry anything."""
    return not op.regions and any(is_tile(v.type) for v in (*op.results, *op.operands)) and not isinstance(op, Yield)


def _return(e: Emitter, op: Operation) -> None:
    e.line("ret void")


def _yield(e: Emitter, op: Operation) -> None:
    """The surrounding op reads the operands itself."""


def _call(e: Emitter, op: Operation) -> None:
    assert isinstance(op, CallOp)
    callee = lookup(op, op.callee.value)
    given = [e.typed(v) for v in op.operands]
    if e.teams and callee is not None and has_team(callee.attributes):
        given.append(f"ptr {e.team or 'null'}")
    e.line(f"call void @{_quoted(native_name(op.callee.value))}({', '.join(given)})")


def _for(e: Emitter, op: Operation) -> None:
    """before -> head (phis, test) -> body ... -> head; head -> exit. The results are the phis of the head."""
    assert isinstance(op, For)
    step = e.names[op.step]
    if step.startswith("%"):  # a step below one would never end
        step = e.value(e.intrinsic("smax", "i64", [("i64", step), ("i64", "1")]))
    bounds = emit_parallel.Bounds(e.names[op.lower], e.names[op.upper], step)
    if op.work is not None and e.team is not None:
        emit_parallel.emit_shared(e, op, bounds, _turns)
    else:
        is_chunk = op.chunked is not None and e.in_shared_loop
        _turns(e, op, emit_parallel.chunk(e, bounds) if is_chunk else bounds)


def _turns(e: Emitter, op: For, bounds: emit_parallel.Bounds) -> None:
    """The turns of a loop between bounds."""
    before, head, body, done = e.block, e.label("for"), e.label("body"), e.label("done")
    e.line(f"br label %{head}")
    e.start(head)
    counter = e.fresh(op.induction.name_hint or "i")
    following = e.fresh("next")
    at_phis = len(e.lines)
    starts = [e.held(value) for value in op.initial]
    carried = [[e.fresh(a.name_hint or "carried") for _ in start] for a, start in zip(op.inner, starts, strict=True)]
    e.names[op.induction] = counter
    for inner, names in zip(op.inner, carried, strict=True):
        e.hold(inner, names)
    more = e.value(f"icmp slt i64 {counter}, {bounds.upper}")
    e.line(f"br i1 {more}, label %{body}, label %{done}")
    e.start(body)
    _operations(e, op.body.block)
    e.line(f"{following} = add nsw i64 {counter}, {bounds.step}")
    e.line(f"br label %{head}")
    phis = [f"  {counter} = phi i64 [ {bounds.lower}, %{before} ], [ {following}, %{e.block} ]"]
    for names, start, end in zip(carried, starts, op.body.block.terminator.operands, strict=True):
        for name, (kind, first), (_, last) in zip(names, start, e.held(end), strict=True):
            phis.append(f"  {name} = phi {kind} [ {first}, %{before} ], [ {last}, %{e.block} ]")
    e.lines[at_phis:at_phis] = phis
    e.start(done)
    for result, names in zip(op.results, carried, strict=True):
        e.hold(result, names)


def _if(e: Emitter, op: Operation) -> None:
    assert isinstance(op, If)
    then, otherwise, done = e.label("then"), e.label("else"), e.label("done")
    has_else = bool(op.otherwise.blocks)
    e.line(f"br {e.typed(op.condition)}, label %{then}, label %{otherwise if has_else else done}")
    ends = []
    for label, side in ((then, op.then), (otherwise, op.otherwise)):
        if side.blocks:
            e.start(label)
            _operations(e, side.block)
            ends.append((e.block, [e.held(v) for v in side.block.terminator.operands]))
            e.line(f"br label %{done}")
    e.start(done)
    for number, result in enumerate(op.results):
        names = []
        for part, (kind, _) in enumerate(ends[0][1][number]):
            sources = ", ".join(f"[ {values[number][part][1]}, %{block} ]" for block, values in ends)
            names.append(e.value(f"phi {kind} {sources}", result.name_hint))
        e.hold(result, names)


def _clock(e: Emitter, op: Operation) -> None:
    """A counter may be read before what stands before it is done, unless a fence is between."""
    if e.target.triple.startswith(("aarch64", "arm64")):  # there LLVM's own counter is not for programs
        e.line(e.call("@llvm.aarch64.isb", "void", [("i32", "15")], ""))
        read = e.call("@llvm.read_volatile_register.i64", "i64", [("metadata", '!{!"CNTVCT_EL0"}')], "")
    else:
        if e.target.triple.startswith("x86_64"):
            e.line(e.call("@llvm.x86.sse2.lfence", "void", [], ""))
        read = e.call("@llvm.readcyclecounter", "i64", [], "")
    e.names[op.results[0]] = e.value(read)


RULES = {
    **emit_arith.RULES,
    **emit_memory.RULES,
    "func.return": _return,
    "func.call": _call,
    "loop.clock": _clock,
    "loop.yield": _yield,
    "loop.for": _for,
    "loop.if": _if,
}
"""By name of the op."""
