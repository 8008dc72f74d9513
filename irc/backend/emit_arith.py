"""The rules for ``arith`` and ``math``: one LLVM instruction, intrinsic or library call each, on numbers and vectors.

Additions, subtractions and multiplications of floats carry ``contract``: LLVM may fuse a multiplication into the
addition after it, the only liberty it gets with rounding.
"""

from __future__ import annotations

from collections.abc import Callable

from irc.backend.emitter import Emitter, constant, llvm_type, mangled
from irc.ir.operation import Operation
from irc.ir.types import VectorType

Rule = Callable[[Emitter, Operation], None]

_BINARY = {
    "arith.addf": "fadd contract",
    "arith.subf": "fsub contract",
    "arith.mulf": "fmul contract",
    "arith.divf": "fdiv",
    "arith.remf": "frem",
    "arith.addi": "add",
    "arith.subi": "sub",
    "arith.muli": "mul",
    "arith.andi": "and",
    "arith.ori": "or",
    "arith.xori": "xor",
}
_SHIFTS = {"arith.shli": "shl", "arith.shrsi": "ashr", "arith.shrui": "lshr"}
_CASTS = {
    "arith.extf": "fpext",
    "arith.truncf": "fptrunc",
    "arith.extsi": "sext",
    "arith.extui": "zext",
    "arith.trunci": "trunc",
    "arith.sitofp": "sitofp",
    "arith.uitofp": "uitofp",
    "arith.bitcast": "bitcast",
}
_INTRINSICS = {
    "arith.maximumf": "maximum",
    "arith.minimumf": "minimum",
    "arith.maxnumf": "maximumnum",
    "arith.minnumf": "minimumnum",
    "arith.maxsi": "smax",
    "arith.minsi": "smin",
    "arith.maxui": "umax",
    "arith.minui": "umin",
    "math.absf": "fabs",
    "math.sqrt": "sqrt",
    "math.floor": "floor",
    "math.ceil": "ceil",
    "math.round": "round",
    "math.roundeven": "roundeven",
    "math.trunc": "trunc",
    "math.copysign": "copysign",
}
_LIBRARY = {
    "math.exp": "exp",
    "math.exp2": "exp2",
    "math.expm1": "expm1",
    "math.log": "log",
    "math.log2": "log2",
    "math.log10": "log10",
    "math.log1p": "log1p",
    "math.sin": "sin",
    "math.cos": "cos",
    "math.tan": "tan",
    "math.tanh": "tanh",
    "math.sinh": "sinh",
    "math.cosh": "cosh",
    "math.erf": "erf",
    "math.powf": "pow",
}
"""Functions of the C library; vectors go lane by lane."""
_FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip
_INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")


def _constant(e: Emitter, op: Operation) -> None:
    e.names[op.result] = constant(op.attributes["value"])


def _binary(instruction: str) -> Rule:
    def rule(e: Emitter, op: Operation) -> None:
        a, b = op.operands
        e.define(op, f"{instruction} {e.typed(a)}, {e.names[b]}")

    return rule


def _shift(instruction: str) -> Rule:
    def rule(e: Emitter, op: Operation) -> None:
        # LLVM leaves a shift by the width or more undefined, where we want it to shift everything out.
        a, b = op.operands
        kind, width = llvm_type(a.type), a.type.element.width  # type: ignore[attr-defined]
        inside = e.value(f"icmp ult {e.typed(b)}, {_splat(op, width)}")
        limited = e.value(f"select {_bool(op)} {inside}, {e.typed(b)}, {kind} {_splat(op, width - 1)}")
        shifted = e.value(f"{instruction} {e.typed(a)}, {limited}")
        if instruction == "ashr":
            e.names[op.result] = shifted
        else:
            e.define(op, f"select {_bool(op)} {inside}, {kind} {shifted}, {kind} zeroinitializer")

    return rule


def _splat(op: Operation, number: int) -> str:
    kind = op.results[0].type
    return f"splat ({llvm_type(kind.element)} {number})" if isinstance(kind, VectorType) else str(number)


def _bool(op: Operation) -> str:
    kind = op.results[0].type
    return f"<{kind.shape[0]} x i1>" if isinstance(kind, VectorType) else "i1"


def _cast(instruction: str) -> Rule:
    def rule(e: Emitter, op: Operation) -> None:
        (source,) = op.operands
        e.define(op, f"{instruction} {e.typed(source)} to {llvm_type(op.result.type)}")

    return rule


def _index_cast(e: Emitter, op: Operation) -> None:
    (source,) = op.operands
    old, new = source.type.element.width, op.result.type.element.width  # type: ignore[attr-defined]
    if old == new:
        e.names[op.result] = e.names[source]
    else:
        e.define(op, f"{'sext' if old < new else 'trunc'} {e.typed(source)} to {llvm_type(op.result.type)}")


def _float_to_integer(e: Emitter, op: Operation) -> None:
    (source,) = op.operands
    to, of = llvm_type(op.result.type), llvm_type(source.type)
    name = f"@llvm.{op.name.removeprefix('arith.')}.sat.{mangled(to)}.{mangled(of)}"
    e.define(op, e.call(name, to, [(of, e.names[source])], ""))


def _intrinsic(base: str) -> Rule:
    def rule(e: Emitter, op: Operation) -> None:
        kind = llvm_type(op.result.type)
        e.define(op, e.intrinsic(base, kind, [(llvm_type(v.type), e.names[v]) for v in op.operands]))

    return rule


def _library(base: str) -> Rule:
    def rule(e: Emitter, op: Operation) -> None:
        kind = op.result.type
        scalar = llvm_type(kind.element)
        name = f"@{base}{'f' if scalar == 'float' else ''}"

        def call(arguments: list[str]) -> str:
            return e.call(name, scalar, [(scalar, a) for a in arguments], " nounwind willreturn memory(none)")

        if not isinstance(kind, VectorType):
            e.define(op, call([e.names[v] for v in op.operands]))
            return
        vector, whole = llvm_type(kind), "poison"
        for lane in range(kind.shape[0]):  # type: ignore[arg-type]
            parts = [e.value(f"extractelement {e.typed(v)}, i64 {lane}") for v in op.operands]
            whole = e.value(f"insertelement {vector} {whole}, {scalar} {e.value(call(parts))}, i64 {lane}")
        e.names[op.result] = whole

    return rule


def _negate(e: Emitter, op: Operation) -> None:
    e.define(op, f"fneg {e.typed(op.operands[0])}")


def _compare(instruction: str, predicates: tuple[str, ...]) -> Rule:
    def rule(e: Emitter, op: Operation) -> None:
        a, b = op.operands
        predicate = predicates[op.attributes["predicate"].value]  # type: ignore[attr-defined]
        e.define(op, f"{instruction} {predicate} {e.typed(a)}, {e.names[b]}")

    return rule


def _select(e: Emitter, op: Operation) -> None:
    condition, a, b = op.operands
    e.define(op, f"select {e.typed(condition)}, {e.typed(a)}, {e.typed(b)}")


def _fma(e: Emitter, op: Operation) -> None:
    kind = llvm_type(op.result.type)
    # Without the instruction llvm.fma would be a library call per lane.
    base = "fma" if e.target.fma else "fmuladd"
    e.define(op, e.intrinsic(base, kind, [(kind, e.names[v]) for v in op.operands]))


def _reciprocal_root(e: Emitter, op: Operation) -> None:
    kind = llvm_type(op.result.type)
    root = e.value(e.intrinsic("sqrt", kind, [(kind, e.names[op.operands[0]])]))
    one = "0x3FF0000000000000"
    ones = f"splat ({llvm_type(op.result.type.element)} {one})" if isinstance(op.result.type, VectorType) else one
    e.define(op, f"fdiv {kind} {ones}, {root}")


def _divide(e: Emitter, op: Operation) -> None:
    """Integer division and remainder without the processor's traps: x / 0 is 0, x rem 0 is x, and MIN / -1 wraps."""
    a, b = op.operands
    kind, flag = llvm_type(a.type), _bool(op)
    signed = op.name not in ("arith.divui", "arith.remui")
    zero = e.value(f"icmp eq {e.typed(b)}, {_splat(op, 0)}")
    trap = zero
    if signed:
        trap = e.value(f"or {flag} {zero}, {e.value(f'icmp eq {e.typed(b)}, {_splat(op, -1)}')}")
    safe = e.value(f"select {flag} {trap}, {kind} {_splat(op, 1)}, {kind} {e.names[b]}")
    quotient = e.value(f"{'sdiv' if signed else 'udiv'} {e.typed(a)}, {safe}")
    if signed:
        minus = e.value(f"sub {kind} {_splat(op, 0)}, {e.names[a]}")
        quotient = e.value(f"select {flag} {trap}, {kind} {minus}, {kind} {quotient}")
    quotient = e.value(f"select {flag} {zero}, {kind} {_splat(op, 0)}, {kind} {quotient}")
    product = e.value(f"mul {kind} {quotient}, {e.names[b]}")
    remainder = e.value(f"sub {e.typed(a)}, {product}")
    if op.name in ("arith.remsi", "arith.remui"):
        e.names[op.result] = remainder
        return
    if op.name in ("arith.divsi", "arith.divui"):
        e.names[op.result] = quotient
        return
    inexact = e.value(f"icmp ne {kind} {remainder}, {_splat(op, 0)}")
    opposite = e.value(f"icmp slt {kind} {e.value(f'xor {e.typed(a)}, {e.names[b]}')}, {_splat(op, 0)}")
    divisible = e.value(f"icmp ne {e.typed(b)}, {_splat(op, 0)}")
    if op.name == "arith.ceildivsi":
        opposite = e.value(f"xor {flag} {opposite}, {'splat (i1 true)' if flag != 'i1' else 'true'}")
    rounds = e.value(f"and {flag} {e.value(f'and {flag} {inexact}, {opposite}')}, {divisible}")
    step = -1 if op.name == "arith.floordivsi" else 1
    moved = e.value(f"add {kind} {quotient}, {_splat(op, step)}")
    e.define(op, f"select {flag} {rounds}, {kind} {moved}, {kind} {quotient}")


DIVISIONS = ("divsi", "divui", "remsi", "remui", "floordivsi", "ceildivsi")

RULES: dict[str, Rule] = {
    "arith.constant": _constant,
    **{name: _binary(instruction) for name, instruction in _BINARY.items()},
    **{name: _shift(instruction) for name, instruction in _SHIFTS.items()},
    **{name: _cast(instruction) for name, instruction in _CASTS.items()},
    **{name: _intrinsic(base) for name, base in _INTRINSICS.items()},
    **{name: _library(base) for name, base in _LIBRARY.items()},
    **{f"arith.{name}": _divide for name in DIVISIONS},
    "arith.negf": _negate,
    "arith.cmpf": _compare("fcmp", _FLOAT_PREDICATES),
    "arith.cmpi": _compare("icmp", _INTEGER_PREDICATES),
    "arith.select": _select,
    "arith.index_cast": _index_cast,
    "arith.fptosi": _float_to_integer,
    "arith.fptoui": _float_to_integer,
    "math.fma": _fma,
    "math.rsqrt": _reciprocal_root,
}
"""By name of the op."""
