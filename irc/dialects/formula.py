"""A block of elementwise ops as a formula that a person can read: ``x > 0 ? x : 0.1 * x``."""

from __future__ import annotations

from irc.dialects import arith, math
from irc.dialects.constants import number_of
from irc.ir.operation import Block, Operation, Value
from irc.ir.traits import PURE

_CHOICE, _COMPARISON, _SUM, _PRODUCT, _SIGN, _ATOM = range(6)
"""How strongly operators bind, the weakest first."""

_INFIX: dict[type[Operation], tuple[str, int]] = {
    arith.AddF: ("+", _SUM),
    arith.SubF: ("-", _SUM),
    arith.MulF: ("*", _PRODUCT),
    arith.DivF: ("/", _PRODUCT),
}
_CALLS: dict[type[Operation], str] = {
    arith.MaximumF: "max",
    arith.MinimumF: "min",
    math.AbsF: "abs",
    math.PowF: "pow",
}
_RELATIONS = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def formula(block: Block) -> str:
    """What the block's terminator gives, in terms of its arguments.

    What is used several times gets a name: ``e / (1 + e) where e = exp(x)``.
    """
    writer = _Writer(block)
    shown = ", ".join(writer.text(v)[0] for v in block.terminator.operands)
    return shown if not writer.definitions else f"{shown} where {', '.join(writer.definitions)}"


class _Writer:
    def __init__(self, block: Block):
        self.names: dict[Value, str] = {a: a.name_hint or f"x{a.index}" for a in block.arguments}
        self.definitions: list[str] = []
        for op in block:  # in order, so that a definition stands after those it uses
            if PURE in op.traits and len(op.results) == 1 and len(op.result.uses) > 1 and op.operands:
                name = self._fresh(op.result)
                self.definitions.append(f"{name} = {self.text(op.result)[0]}")
                self.names[op.result] = name

    def _fresh(self, value: Value) -> str:
        taken = set(self.names.values())
        candidates = [value.name_hint] if value.name_hint else []
        candidates += list("tuvabcd") + [f"t{i}" for i in range(len(taken) + 1)]
        return next(c for c in candidates if c not in taken)

    def text(self, value: Value) -> tuple[str, int]:
        """The value's text, and how strongly its outermost operator binds."""
        known = self.names.get(value)
        if known is not None:
            return known, _ATOM
        number = number_of(value)
        if number is not None:
            return f"{number:.17g}" if float(f"{number:g}") != number else f"{number:g}", _SIGN if number < 0 else _ATOM
        op = value.defining_op()
        assert op is not None
        return self._op(op)

    def _within(self, value: Value, strength: int) -> str:
        text, own = self.text(value)
        return text if own >= strength else f"({text})"

    def _op(self, op: Operation) -> tuple[str, int]:
        infix = _INFIX.get(type(op))
        if infix is not None:
            sign, strength = infix
            # a - (b + c): the right side binds more strongly, unless the order of evaluation is the same
            lhs, rhs = (self._within(v, strength + i) for i, v in enumerate(op.operands))
            return f"{lhs} {sign} {rhs}", strength
        if isinstance(op, arith.NegF):
            return f"-{self._within(op.source, _SIGN)}", _SIGN
        if isinstance(op, arith.Select):
            parts = [self._within(v, _COMPARISON) for v in op.operands]
            return f"{parts[0]} ? {parts[1]} : {parts[2]}", _CHOICE
        if isinstance(op, arith.CmpF):
            lhs, rhs = (self._within(v, _SUM) for v in op.operands)
            word = op.word[1:]
            return f"{lhs} {_RELATIONS.get(word, word)} {rhs}", _COMPARISON
        name = _CALLS.get(type(op)) or op.name.partition(".")[2]
        if name == "broadcast":  # written shapes add nothing to a formula
            return self.text(op.operands[0])
        if name == "reduce":
            name = op.attributes["kind"].value  # type: ignore[attr-defined]
        return f"{name}({', '.join(self.text(v)[0] for v in op.operands)})", _ATOM
