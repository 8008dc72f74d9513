"""``array.scan``: the steps become the turns of a loop, in order; a step is lowered as if it stood alone.

What is carried lives in the memory of the result, where the initial value is copied first. A step writes the next
value there at once if nothing needs the old one any more, else to memory of its own, and copies it at the end. Parts of
arrays, those that are read and those that are written, are the memory of the whole (``loop.part``):

    last = initial
    for t = 0 to T
      x_t, y_t = part xs[t], part ys[t]
      the step, from last and x_t, to next and y_t
      last = next
"""

from __future__ import annotations

from collections.abc import Sequence

from irc.dialects.array import Scan
from irc.ir.operation import Value
from irc.passes.lower_array.donation import computed_in_place
from irc.passes.lower_array.functions import write_all
from irc.passes.lower_array.lowering import Lowering


def lower_scan(lowering: Lowering, op: Scan) -> None:
    """Lower one scan, and what is in its region."""
    targets = [lowering.buffer(result) for result in op.results]
    carried, stacked = targets[: len(op.initial)], targets[len(op.initial) :]
    for first, target in zip(op.initial, carried, strict=True):
        lowering.copy(lowering[first], target)
    carries, parts, shared = op.inner
    lowering.values.update(zip(carries, carried, strict=True))
    lowering.values.update((inner, lowering[outer]) for inner, outer in zip(shared, op.shared, strict=True))
    steps = lowering.size(op.length)
    *ops, end = op.body.block

    def turn(t: Value, _: list[Value]) -> Sequence[Value]:
        at = t if op.reverse is None else lowering.subtract(lowering.subtract(steps, lowering.index(1)), t)
        for inner, whole in zip(parts, op.scanned, strict=True):
            lowering[inner] = lowering.part(lowering[whole], at)
        places = [*carried, *(lowering.part(whole, at) for whole in stacked)]
        for number, (value, place) in enumerate(zip(end.operands, places, strict=True)):
            if number >= len(carries) or computed_in_place(value, carries[number]):
                lowering.homes.setdefault(value, place)
                if number < len(carries):
                    lowering.reused.add(value)
        for inner_op in ops:
            lowering.lower(inner_op)
        write_all(lowering, end.operands, places)
        return []

    saved, here = lowering.steady, (lowering.builder.block, lowering.builder.anchor)
    assert here[0] is not None
    lowering.steady = {lowering[outer]: here for outer in op.shared} | saved  # the loop will stand behind this place
    lowering.loop(steps, turn, counter="t")
    lowering.steady = saved
