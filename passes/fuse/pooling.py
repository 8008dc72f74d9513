"""What is masked after the gradient of a max-pooling is masked before it, on an array of its windows alone."""

from __future__ import annotations

from irc.dialects import arith
from irc.dialects.array import Pool2d, Pool2dGradient, Reduce
from irc.dialects.array.images import layout_of
from irc.dialects.constants import number_of, splat
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation, Value
from irc.ir.rewriting import is_dead


def mask_windows(block: Block) -> None:
    """With y the images, p = max-pooling of y, and s(g) the gradient by the images of a gradient g of p:

        select(compare(c, y), 0, s(g))   -->  s(select(compare(c, p), 0, g))
        sum over positions of s(g)       -->  sum over windows of g

    c is a number. A window's gradient goes to one cell, whose value is the window's largest, p. So the derivative of
    relu in front of a pooling, and the gradient of its bias, are computed from as many numbers as there are windows.
    """
    seen: dict[Operation, None] = {}
    for op in list(block):
        seen[op] = None
        if isinstance(op, arith.Select):
            gradient, pooled = _masked(op), None
            if gradient is not None:
                pooled = next((p for p in gradient.images.users if _is_pooling(p, gradient) and p in seen), None)
            if gradient is not None and pooled is not None:
                _mask(op, gradient, pooled.results[0])
        elif isinstance(op, Reduce):
            _sum_windows(op)


def _masked(op: arith.Select) -> Pool2dGradient | None:
    """The gradient of a max-pooling that alone the op reads, and masks where a number compares so to its images."""
    condition, gradient = (op.operands[n].defining_op() for n in (0, 2))
    if not (isinstance(gradient, Pool2dGradient) and gradient.kind.value == "max" and _is_zero(op.operands[1])):
        return None
    if not (isinstance(condition, arith.CmpF) and condition.rhs is gradient.images):
        return None
    alone = len(gradient.gradient.uses) == 1 and gradient.parent is op.parent
    return gradient if alone and number_of(condition.lhs) is not None else None


def _is_zero(value: Value) -> bool:
    return number_of(value) == 0


def _is_pooling(op: Operation, gradient: Pool2dGradient) -> bool:
    return isinstance(op, Pool2d) and op.attributes == gradient.attributes and op.parent is gradient.parent


def _mask(op: arith.Select, gradient: Pool2dGradient, pooled: Value) -> None:
    condition = op.operands[0].defining_op()
    assert isinstance(condition, arith.CmpF)
    number, builder, type = number_of(condition.lhs), Builder.before(op), gradient.pooled.type
    assert number is not None
    holds = builder.value(arith.CmpF, splat(builder, number, type), pooled, predicate=condition.predicate)
    given = builder.value(arith.Select, holds, splat(builder, 0, type), gradient.pooled)
    spread = Pool2dGradient([gradient.images, given], [op.results[0].type], gradient.attributes, location=op.location)
    spread.results[0].name_hint = op.results[0].name_hint
    op.replace_by([builder.insert(spread).results[0]])
    for unused in (gradient, condition):
        if is_dead(unused):
            unused.erase()


def _sum_windows(op: Reduce) -> None:
    gradient = op.source.defining_op()
    if op.kind.value == "sum" and isinstance(gradient, Pool2dGradient) and gradient.kind.value == "max":
        layout = layout_of(gradient.attributes)
        if {layout.index("h"), layout.index("w")} <= set(op.axes):
            op.operands = [gradient.pooled]
