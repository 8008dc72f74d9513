"""The derivative of ``array.scan``: another scan, through the same steps the other way.

With c the carried values, x the parts, z the shared values, and (c', y) = step(c, x, z):

    forward:    as before; c as it comes into each step is stacked, and so are the results of contractions
    backward:   dc and the sums dz are carried; a step computes (c', y) again from these, x and z, and pulls (dc, dy)
                back

So what is kept of the forward pass is what is carried and what is dear to compute again, T times; and the gradient goes
through all steps.

A part of dz that is a contraction at each step, such as the gradient of a matrix of weights, is one contraction of
all steps instead: sum_t (a_t, b_t) = (a, b) with one more letter t that is summed over, likewise a sum over dimensions.
So a step stacks a_t and b_t, which are narrow, in place of adding to dz, which is as large as the weights.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import partial, reduce
from string import ascii_letters

from irc.dialects.arith import AddF
from irc.dialects.array.contract import Contract, Equation
from irc.dialects.array.fused import Yield
from irc.dialects.array.reduce import Reduce
from irc.dialects.array.scan import Pullback, Scan, part_type, stacked_type
from irc.dialects.constants import splat
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation, OpResult, Region, Value


def gradient(
    scan: Scan, builder: Builder, gradients: Sequence[Value | None], wanted: Sequence[bool], pullback: Pullback
) -> tuple[Scan, list[Value | None]]:
    """See :meth:`Scan.vjp_of_region`. The scan that stands in is inserted before ``scan``, the other by ``builder``."""
    kept = [op.output for op in scan.body.block if isinstance(op, Contract)]
    forward = _with_kept(scan, kept)
    of_scanned, of_shared = len(scan.initial), len(scan.initial) + len(scan.scanned)
    carried = [k for k, v in enumerate(scan.initial) if v.type.element.is_float]
    sliced = [k for k, v in enumerate(scan.scanned) if v.type.element.is_float and wanted[of_scanned + k]]
    shared = [k for k, v in enumerate(scan.shared) if v.type.element.is_float and wanted[of_shared + k]]
    given = [k for k in range(len(scan.initial), len(scan.results)) if gradients[k] is not None]

    block, ends = Block(), scan.body.block.terminator.operands
    carries, parts, commons = scan.inner
    cotangents: list[Value | None] = [None] * len(scan.results)
    for k in carried:
        cotangents[k] = block.add_argument(carries[k].type, scan.location, _gradient_name(ends[k]))
    sums = [block.add_argument(commons[k].type, scan.location, _gradient_name(commons[k])) for k in shared]
    mapping: dict[Value, Value] = {a: block.add_argument(a.type, a.location, a.name_hint) for a in carries}
    known = [block.add_argument(v.type, v.location, v.name_hint) for v in kept]
    mapping |= {a: block.add_argument(a.type, a.location, a.name_hint) for a in parts}
    for k in given:
        cotangents[k] = block.add_argument(part_type(scan.results[k].type), scan.location, _gradient_name(ends[k]))
    mapping |= {a: block.add_argument(a.type, a.location, a.name_hint) for a in commons}
    for op in scan.body.block:
        if op is not scan.body.block.last:
            block.append(op.clone(mapping))

    targets = [*(carries[k] for k in carried), *(commons[k] for k in shared), *(parts[k] for k in sliced)]
    found = pullback(block, [mapping.get(v, v) for v in ends], cotangents, [mapping[a] for a in targets])
    for value, argument in zip(kept, known, strict=True):
        mapping[value].replace_by(argument)  # only now: gradients went through the contraction
    uses = found[len(carried) : len(carried) + len(shared)]
    arrays = [*forward.results[len(scan.results) :], *scan.scanned]
    arrays += [g for g in gradients[len(scan.initial) :] if g is not None]
    varying = block.arguments[len(carried) + len(shared) :][: len(arrays)]
    whole: dict[Value, Value] = dict(zip(varying, arrays, strict=True))
    fixed = {mapping[a] for a in commons}
    terms = {k: _terms(use, fixed) for k, use in zip(shared, uses, strict=True)}
    by_step = found[len(carried) + len(shared) :]
    read = (v for ops in terms.values() for op in ops for v in op.operands)
    seen = dict.fromkeys(v for v in read if v not in whole and v not in by_step)
    inside = [k for k in shared if not terms[k]]
    totals = zip(shared, sums, uses, strict=True)
    with builder.at(block):
        added = [builder.value(AddF, total, use) for k, total, use in totals if not terms[k]]
        builder.create(Yield, [*found[: len(carried)], *added, *by_step, *seen])
    for k, total in reversed(list(zip(shared, sums, strict=True))):
        if terms[k]:
            block.erase_argument(total.index)

    first = [gradients[k] or splat(builder, 0.0, scan.initial[k].type) for k in carried]
    first += [splat(builder, 0.0, scan.shared[k].type) for k in inside]
    types = [*(v.type for v in first), *(scan.scanned[k].type for k in sliced)]
    backward = builder.create(
        Scan,
        first,
        arrays,
        list(scan.shared),
        result_types=[*types, *(stacked_type(scan.length, v.type) for v in seen)],
        regions=[Region([block])],
        **({} if scan.reverse is not None else {"reverse": None}),
    )
    whole |= zip([*by_step, *seen], backward.results[len(first) :], strict=True)
    result: list[Value | None] = [None] * len(scan.operands)
    places = [*carried, *(of_shared + k for k in inside), *(of_scanned + k for k in sliced)]
    for place, value in zip(places, backward.results, strict=False):
        result[place] = value
    for k, ops in terms.items():
        if ops:
            first_sum, *others = (_of_all_steps(builder, op, [whole[v] for v in op.operands]) for op in ops)
            result[of_shared + k] = reduce(partial(builder.value, AddF), others, first_sum)
    return forward, result


def _terms(value: Value, fixed: Set[Value]) -> list[Operation]:
    """The contractions and sums that a value is the sum of, if all they read may differ between steps; else none."""
    op = value.op if isinstance(value, OpResult) else None
    if isinstance(op, AddF):
        sides = [_terms(operand, fixed) for operand in op.operands]
        return [term for side in sides for term in side] if all(sides) else []
    is_sum = isinstance(op, Contract) or (isinstance(op, Reduce) and op.kind.value == "sum")
    return [op] if op is not None and is_sum and fixed.isdisjoint(op.operands) else []


def _of_all_steps(builder: Builder, op: Operation, operands: Sequence[Value]) -> Value:
    """The sum over all steps of what ``op`` is at one; ``operands`` are those of all steps."""
    if isinstance(op, Reduce):
        return builder.value(Reduce, *operands, kind="sum", dims=[0, *(d + 1 for d in op.axes)])
    assert isinstance(op, Contract)
    lhs, rhs, out = op.parts
    step = next(c for c in ascii_letters if c not in lhs + rhs)
    return builder.value(Contract, *operands, equation=str(Equation(step + lhs, step + rhs, out)))


def _with_kept(scan: Scan, kept: Sequence[Value]) -> Scan:
    """The same scan once more, before it, which also stacks each carried value as it comes into the steps, and values
    that are ``kept``.
    """
    region = Region()
    mapping: dict[Value, Value] = {}
    scan.body.clone_into(region, mapping, {})
    carries = region.block.arguments[: len(scan.initial)]
    more = [*carries, *(mapping[v] for v in kept)]
    region.block.terminator.operands = [*region.block.terminator.operands, *more]
    types = [*(r.type for r in scan.results), *(stacked_type(scan.length, v.type) for v in more)]
    made = Builder.before(scan).insert(Scan(scan.operands, types, scan.attributes, [region], (), scan.location))
    for result, old in zip(made.results, scan.results, strict=False):
        result.name_hint = old.name_hint
    for result, value in zip(made.results[len(scan.results) :], more, strict=True):
        result.name_hint = f"{value.name_hint}s" if value.name_hint else None
    return made


def _gradient_name(value: Value) -> str | None:
    return f"d{value.name_hint}" if value.name_hint else None
