"""The derivative of ``array.scan``: another scan, through the same steps the other way.

With c the carried values, x the parts, z the shared values, and (c', y) = step(c, x, z):

    forward:    as before, and c as it comes into each step is stacked
    backward:   dc and the sums dz are carried; a step computes (c', y) again from c, x, z, and pulls (dc, dy) back

So all that is kept of the forward pass is what is carried, T times; and the gradient goes through all steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.arith import AddF
from irc.dialects.array.fused import Yield
from irc.dialects.array.scan import Pullback, Scan, part_type, stacked_type
from irc.dialects.constants import splat
from irc.ir.builder import Builder
from irc.ir.operation import Block, Region, Value


def gradient(
    scan: Scan, builder: Builder, gradients: Sequence[Value | None], wanted: Sequence[bool], pullback: Pullback
) -> tuple[Scan, list[Value | None]]:
    """See :meth:`Scan.vjp_of_region`. The scan that stands in is inserted before ``scan``, the other by ``builder``."""
    forward = _with_starts(scan)
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
    mapping: dict[Value, Value] = {a: block.add_argument(a.type, a.location, a.name_hint) for a in (*carries, *parts)}
    for k in given:
        cotangents[k] = block.add_argument(part_type(scan.results[k].type), scan.location, _gradient_name(ends[k]))
    mapping |= {a: block.add_argument(a.type, a.location, a.name_hint) for a in commons}
    for op in scan.body.block:
        if op is not scan.body.block.last:
            block.append(op.clone(mapping))

    targets = [*(carries[k] for k in carried), *(commons[k] for k in shared), *(parts[k] for k in sliced)]
    found = pullback(block, [mapping.get(v, v) for v in ends], cotangents, [mapping[a] for a in targets])
    uses = found[len(carried) : len(carried) + len(shared)]
    with builder.at(block):
        totals = [builder.value(AddF, total, use) for total, use in zip(sums, uses, strict=True)]
        builder.create(Yield, [*found[: len(carried)], *totals, *found[len(carried) + len(shared) :]])

    first = [gradients[k] or splat(builder, 0.0, scan.initial[k].type) for k in carried]
    first += [splat(builder, 0.0, scan.shared[k].type) for k in shared]
    starts = forward.results[len(scan.results) :]
    backward = builder.create(
        Scan,
        first,
        [*starts, *scan.scanned, *(g for g in gradients[len(scan.initial) :] if g is not None)],
        list(scan.shared),
        result_types=[*(v.type for v in first), *(scan.scanned[k].type for k in sliced)],
        regions=[Region([block])],
        **({} if scan.reverse is not None else {"reverse": None}),
    )
    result: list[Value | None] = [None] * len(scan.operands)
    places = [*carried, *(of_shared + k for k in shared), *(of_scanned + k for k in sliced)]
    for place, value in zip(places, backward.results, strict=True):
        result[place] = value
    return forward, result


def _with_starts(scan: Scan) -> Scan:
    """The same scan once more, before it, which also stacks each carried value as it comes into the steps."""
    region = Region()
    scan.body.clone_into(region, {}, {})
    carries = region.block.arguments[: len(scan.initial)]
    region.block.terminator.operands = [*region.block.terminator.operands, *carries]
    types = [*(r.type for r in scan.results), *(stacked_type(scan.length, a.type) for a in carries)]
    made = Builder.before(scan).insert(Scan(scan.operands, types, scan.attributes, [region], (), scan.location))
    for result, old in zip(made.results, scan.results, strict=False):
        result.name_hint = old.name_hint
    for result, carry in zip(made.results[len(scan.results) :], carries, strict=True):
        result.name_hint = f"{carry.name_hint}s" if carry.name_hint else None
    return made


def _gradient_name(value: Value) -> str | None:
    return f"d{value.name_hint}" if value.name_hint else None
