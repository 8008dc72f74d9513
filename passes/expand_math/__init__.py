"""Functions of ``math`` as polynomials: no call of the C library is left, and vectors stay vectors.

A library call per lane is 6 to 30 times slower than these formulas, which have no branches: every case is computed, and
``arith.select`` chooses. Each formula is a few lines in the file of its family (``exponential``, ``logarithm``, ...);
``accuracy`` says how precise they are. ``absf``, ``sqrt``, ``fma``, ``floor``, ``copysign`` and the like stay as they
are. 1 + erf(x / sqrt(2)) and 1 + tanh(x), which gelu wants, are functions of their own, precise where the sums would
cancel. f16 and bf16 are computed in f32. With ``fast``, exp and exp2 give 0 instead of denormals, tanh of f32 is one
ratio of polynomials, and 1 + tanh(x) is a sum.

Before:

```mlir
func.func @f(%x: vector<4xf32>) -> vector<4xf32> {
  %y = math.rsqrt %x : vector<4xf32>
  func.return %y : vector<4xf32>
}
```

After:

```mlir
func.func @f(%x: vector<4xf32>) -> vector<4xf32> {
  %0 = math.sqrt %x : vector<4xf32>
  %1 = arith.constant dense<1.000000e+00> : vector<4xf32>
  %y = arith.divf %1, %0 : vector<4xf32>
  func.return %y : vector<4xf32>
}
```
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects import math as mathematics
from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import Number, number_of
from irc.dialects.loop import Splat
from irc.ir.attributes import FloatAttr
from irc.ir.operation import Operation, Value
from irc.ir.rewriting import Pattern, Rewriter, rewrite
from irc.ir.types import ShapedType, Type, f32
from irc.passes.expand_math import error_function, exponential, hyperbolic, logarithm, power, trigonometric
from irc.passes.expand_math.terms import FORMATS, Floats, Term
from irc.passmanager import Pass, PassContext

Formula = Callable[..., Term]


@dataclass(frozen=True)
class ExpandMath(Pass):
    """Spell out functions of mathematics in arithmetic.

    ``fast``: cheaper variants with bounds of their own (``irc.passes.expand_math.accuracy``).
    """

    name = "expand-math"
    fast: bool = False

    def run(self, module: ModuleOp, context: PassContext) -> None:
        fused = context.target.fma
        patterns: list[Pattern] = [
            ExpandSum(mathematics.Erf, _times_root_half, error_function.one_plus_erf, fused),
        ]
        if not self.fast:  # the fast tanh is faster than this
            patterns.append(ExpandSum(mathematics.TanH, lambda x: x, hyperbolic.one_plus_tanh, fused))
        patterns += [Expand(op, formula, fused) for op, formula in formulas(self.fast).items()]
        context.count("functions expanded", rewrite(module, patterns))


def formulas(fast: bool) -> dict[type[Operation], Formula]:
    """How each op is computed: a function of :class:`Floats` and a term for each operand."""
    return {
        mathematics.Exp: lambda f, x: exponential.exp(f, x, fast),
        mathematics.Exp2: lambda f, x: exponential.exp2(f, x, fast),
        mathematics.ExpM1: exponential.expm1,
        mathematics.Log: logarithm.log,
        mathematics.Log2: logarithm.log2,
        mathematics.Log10: logarithm.log10,
        mathematics.Log1P: logarithm.log1p,
        mathematics.TanH: lambda f, x: hyperbolic.tanh(f, x, fast),
        mathematics.SinH: hyperbolic.sinh,
        mathematics.CosH: hyperbolic.cosh,
        mathematics.Sin: trigonometric.sin,
        mathematics.Cos: trigonometric.cos,
        mathematics.Tan: trigonometric.tan,
        mathematics.Erf: error_function.erf,
        mathematics.PowF: power.powf,
        mathematics.RSqrt: power.rsqrt,
    }


class Expand(Pattern):
    """f(x) becomes what ``formula`` makes of x; narrow floats go by way of f32."""

    def __init__(self, root: type[Operation], formula: Formula, fused: bool):
        self.root = root
        self.formula = formula
        self.fused = fused

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        type = op.results[0].type
        wide = type if type.element in FORMATS else _in_f32(type)
        operands = op.operands
        if wide is not type:
            operands = tuple(rewriter.value(arith.ExtF, v, result_types=[wide]) for v in operands)
        floats = Floats(rewriter, wide, self.fused)
        result: Value = self.formula(floats, *map(floats.term, operands)).value
        if wide is not type:
            result = rewriter.value(arith.TruncF, result, result_types=[type])
        rewriter.replace(op, [result])
        return True


class ExpandSum(Pattern):
    """1 + f(x) becomes what ``formula`` makes of x: one function, where the sum would cancel and lose a small result.

    ``argument`` gives x for the operand of f, or None where the formula is not about that.
    """

    def __init__(self, root: type[Operation], argument: Callable[[Value], Value | None], formula: Formula, fused: bool):
        self.root = root
        self.argument = argument
        self.formula = formula
        self.fused = fused

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        x = self.argument(op.operands[0])
        sums = op.results[0].users
        if x is None or x.type.element not in FORMATS or not all(_is_one_plus(user, op.results[0]) for user in sums):
            return False
        floats = Floats(rewriter, x.type, self.fused)
        result = self.formula(floats, floats.term(x)).value
        for user in list(sums):
            rewriter.replace(user, [result])
        return True


def _times_root_half(value: Value) -> Value | None:
    """x, of a value x sqrt(1/2)."""
    op = value.defining_op()
    if isinstance(op, arith.MulF):
        root_half = FloatAttr(math.sqrt(0.5), op.result.type.element).value
        for x, factor in (op.operands, reversed(op.operands)):
            if _number(factor) == root_half:
                return x
    return None


def _is_one_plus(op: Operation, value: Value) -> bool:
    return isinstance(op, arith.AddF) and any(v is not value and _number(v) == 1.0 for v in op.operands)


def _number(value: Value) -> Number | None:
    """The number in all lanes, if it is known."""
    op = value.defining_op()
    return number_of(op.source if isinstance(op, Splat) else value)


def _in_f32(type: Type) -> Type:
    return type.with_element(f32) if isinstance(type, ShapedType) else f32
