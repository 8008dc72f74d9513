"""Groups that go through rows more than once: a softmax, a log-sum-exp, a normalisation, their gradients.

Such a group reduces each row to a number, spreads the number over the row again, and goes on. It is one loop over the
rows, and in it one pass over the row for each reduction that waits for another: the row is in the cache, and numbers of
whole rows (*narrow* values) are scalars. What a later pass needs of an earlier one (*wide* values) is computed again
where that is cheap, else kept: in the row of a result that is not written before, or in memory of one row.

    max of x                                loop.for %i = 0 to B parallel
    e = exp(x - max)                          %m = loop.for %j = 0 to N: max of x
    y = e / sum of e                          %s = loop.for %j = 0 to N: y = exp(x - m); sum of it
                                              loop.for %j = 0 to N: y = y / s
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from irc.dialects import arith
from irc.dialects.array import Argmax, Broadcast, Reduce, Stack, Yield
from irc.dialects.array.syntax import integers
from irc.dialects.loop import BufferType
from irc.dialects.math import AbsF, CopySign, Fma
from irc.ir.diagnostics import fail
from irc.ir.dimensions import product
from irc.ir.operation import Operation, Value
from irc.ir.types import TensorType, i1
from irc.passes.lower_array.lowering import COUNTERS, Lowering, shape_of, vector_dimension
from irc.passes.lower_array.nest import Point, Position, is_elementwise, is_view
from irc.passes.lower_array.reductions import REDUCTIONS

SHORT_ROW = 16
"""Rows known to be shorter than this lie side by side in the lanes of vectors; of others one is a few vectors."""

DEAR = 8
"""The cost of a function or a quotient; that of other ops, and of a load, is 1."""
KEPT = 4
"""What costs more than this is kept for later passes."""


def is_row_reduction(op: Operation, rank: int) -> bool:
    """Whether the op makes one number of each row, ``rank`` being the number of dimensions that say which row."""
    if isinstance(op, Reduce):
        return op.axes == tuple(range(rank, op.source.type.rank)) and bool(op.axes)
    return isinstance(op, Argmax) and op.axis.value == rank == op.source.type.rank - 1


def is_spread(op: Operation, rank: int) -> bool:
    """Whether the op repeats a number for each row all over the row."""
    return (
        isinstance(op, Broadcast)
        and integers(op.dims, "dims") == tuple(range(rank))
        and len(shape_of(op.output)) > rank
    )


def row_rank(ops: Sequence[Operation]) -> int | None:
    """How many dimensions say which row, for a group that reads what it reduces; None for others."""
    inside = set(ops)
    for op in ops:
        if isinstance(op, (Reduce, Argmax)):
            if any(user in inside and not isinstance(user, (Stack, Yield)) for user in op.result.users):
                return len(shape_of(op.result))
    return None


def reduced_rank(ops: Sequence[Operation], values: Sequence[Value]) -> int | None:
    """The same for a group that gives ``values`` and reduces rows (or all) without going on with that, if vectors
    should run along the rows; None for others.
    """
    reductions = [op for op in ops if isinstance(op, Reduce)]
    ranks = [len(op.kept) for op in reductions if is_row_reduction(op, len(op.kept))]
    if not ranks:
        return None
    rank, space = max(ranks), shape_of(reductions[0].source)
    length = product(space[rank:])
    fits = (
        (not isinstance(length, int) or length >= SHORT_ROW)
        and all(shape_of(op.source) == space for op in reductions)
        and all(is_row_reduction(op, rank) or op.kind.value == "sum" for op in reductions)
        and all(value.defining_op() in reductions or shape_of(value) == space for value in values)
    )
    return rank if fits else None


@dataclass(frozen=True)
class _Total:
    """A number that a pass carries along each row: ``term`` gives what an element adds to it."""

    key: Hashable
    kind: str
    first: Value
    term: Callable[[Point, Position], Value]


class RowNest:
    """The loops of such a group: ``ops`` in order, of which ``outputs`` (value, buffer) are wanted."""

    def __init__(self, lowering: Lowering, ops: Sequence[Operation], outputs: Sequence[tuple[Value, Value]], rank: int):
        self.lowering = lowering
        self.ops = list(ops)
        self.inside = set(ops)
        self.rank = rank
        self.space = next(shape_of(op.operands[0]) for op in ops if is_row_reduction(op, rank))
        self.outer, self.inner = list(range(rank)), list(range(rank, len(self.space)))
        self.stage: dict[Value, int] = {}  # of a value: the pass in which it is known, counted from 0
        for op in self.ops:
            self._place(op)
        self.wide = [(v, b) for v, b in outputs if shape_of(v) == self.space]
        self.narrow = [(v, b) for v, b in outputs if shape_of(v) == self.space[:rank] and self._is_in_rows(v)]
        rest = [(v, b) for v, b in outputs if (v, b) not in (*self.wide, *self.narrow)]
        self.sums: list[tuple[Reduce, Value]] = []
        for value, buffer in rest:
            total = value.defining_op()
            if not (isinstance(total, Reduce) and total.kind.value == "sum" and shape_of(total.source) == self.space):
                fail("a group that goes through rows gives values of rows, and sums over rows", ops[-1].location)
            self.sums.append((total, buffer))
        self.across = self._is_across()
        self.since = dict(self.stage)  # and of what comes from outside: the pass that reads it first, if it is kept
        self.kept = self._kept()

    # -- what is done when ---------------------------------------------------------------------------------------

    def _place(self, op: Operation) -> None:
        stage = max((self.stage.get(v, 0) for v in op.operands), default=0)
        if is_row_reduction(op, self.rank):
            if shape_of(op.operands[0]) != self.space:
                fail(f"'{op.name}' reduces rows of another shape than its group, {self.space}", op.location)
            stage += 2 if isinstance(op, Argmax) else 1
        self.stage.update((result, stage) for result in op.results)

    def _is_in_rows(self, value: Value) -> bool:
        """Whether a value of the shape of narrow ones is one: a sum over rows may have that shape too."""
        op = value.defining_op()
        return not isinstance(op, Reduce) or is_row_reduction(op, self.rank)

    def _is_across(self) -> bool:
        """Whether rows lie side by side in the lanes of vectors."""
        length = product(self.space[self.rank :])
        return isinstance(length, int) and length < SHORT_ROW and vector_dimension(self.space, self.outer) is not None

    def _is_wide(self, value: Value) -> bool:
        op = value.defining_op()
        return op is not None and op in self.inside and is_elementwise(op) and shape_of(value) == self.space

    def _roots(self, stage: int) -> list[Value]:
        """The wide values that the pass stores, reduces or adds up."""
        found = [v for v, _ in self.wide if self.stage.get(v, 0) == stage]
        for op in self.ops:
            if isinstance(op, (Reduce, Argmax)):
                first = self.stage.get(op.operands[0], 0)
                found += [op.operands[0]] if stage in range(first, first + 1 + isinstance(op, Argmax)) else []
        return found

    @property
    def _last(self) -> int:
        return max(self.stage.values())

    def _kept(self) -> dict[Value, tuple[Value | None, int]]:
        """The wide values that later passes read: the output in whose buffer they are (None: memory of one row), and
        the last pass that reads them.
        """
        worth = self._worth_keeping()
        last: dict[Value, int] = {}
        for stage in range(self._last + 1):
            pending, seen = self._roots(stage), set[Value]()
            while pending:
                value = pending.pop()
                if value in seen:
                    continue
                seen.add(value)
                op = value.defining_op()
                if value in worth and self.since.setdefault(value, stage) < stage:
                    last[value] = stage
                elif op is not None and op in self.inside and not isinstance(op, (Reduce, Argmax)):
                    pending += op.operands
        buffers = dict(self.wide)
        free = {} if self.across else {v: b for v, b in self.wide if v not in last}
        kept: dict[Value, tuple[Value | None, int]] = {}
        for value, stage in last.items():
            home = buffers.get(value)
            if home is None:
                host = next((v for v in free if self.stage.get(v, 0) == stage and v.type is value.type), None)
                home = free.pop(host) if host is not None else None
            kept[value] = home, stage
        return kept

    def _worth_keeping(self) -> set[Value]:
        """The wide values that are dearer to compute again than to keep."""
        # what is compared with its own maximum must be the same to the last bit
        worth = {op.source for op in self.ops if isinstance(op, Argmax) and self._is_wide(op.source)}
        if self.across:  # where memory is read element by element, which is dear
            read = {value for op in self.ops for value in op.operands if isinstance(value.type, TensorType)}
            worth |= {v for v in read if v.defining_op() not in self.inside and shape_of(v) == self.space}
        cost: dict[Value, int] = {}

        def of(value: Value) -> int:
            op = value.defining_op()
            if op not in self.inside or op is None:
                return 1
            if is_view(op):
                return 0 if is_spread(op, self.rank) else of(op.operands[0])
            return 1 if value in worth else cost.get(value, 0)

        for op in self.ops:
            if is_elementwise(op) and shape_of(op.results[0]) == self.space:
                (result,) = op.results
                cost[result] = (DEAR if _is_dear(op) else 1) + sum(of(v) for v in op.operands)
                if cost[result] > KEPT and result.type.element is not i1:
                    worth.add(result)
        return worth

    # -- building ------------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Write the loops."""
        low = self.lowering
        for buffer in dict.fromkeys(buffer for _, buffer in self.sums):
            low.clear(buffer)
        row = self.space[: self.rank]
        low.nest(row, self._row, vectorize=vector_dimension(row) if self.across else None)

    def _row(self, position: list[Value]) -> None:
        """All passes over one row."""
        low = self.lowering
        memory = {
            value: low.alloc(BufferType(self.space[self.rank :], value.type.element))
            for value, (home, _) in self.kept.items()
            if home is None
        }
        totals: dict[Hashable, Value] = {}
        known: dict[tuple, Value] = {}
        for stage in range(self._last + 1):
            here = _RowPoint(self, position, memory, stage, known)
            for op in self.ops:
                if is_elementwise(op) and shape_of(op.results[0]) == self.space[: self.rank]:
                    if self.stage[op.results[0]] == stage:
                        here.scalar(op.results[0], position)
            known = here.known
            for value, buffer in self.narrow:
                if self.stage[value] == stage:
                    low.store(here.scalar(value, position), buffer, position)
            for total, result in self._pass(stage, position, memory, known, totals).items():
                totals[total] = result
                if isinstance(total, Value):
                    known[total, *position] = result
                    result.name_hint = total.name_hint

    def _pass(
        self,
        stage: int,
        row: list[Value],
        memory: Mapping[Value, Value],
        known: Mapping[tuple, Value],
        totals: Mapping[Hashable, Value],
    ) -> dict[Hashable, Value]:
        """One pass over a row; the totals that it has found."""
        carried = self._totals(stage, totals)
        sums = [(op, b) for op, b in self.sums if self.stage.get(op.source, 0) == stage]
        along = [(op, b) for op, b in sums if set(op.axes) >= set(self.inner)]
        carried += [self._sum((op, buffer), op) for op, buffer in along]
        stored = [(v, b) for v, b in self.wide if self.stage.get(v, 0) == stage]
        keeping = [v for v in self.kept if self.since[v] == stage]
        if not carried and not sums and not stored and not keeping:
            return {}
        low = self.lowering

        def body(position: list[Value], values: Sequence[Value]) -> Sequence[Value]:
            point = _RowPoint(self, row, memory, stage, known)
            found = [
                REDUCTIONS[t.kind].combine(low, value, t.term(point, position))
                for t, value in zip(carried, values, strict=True)
            ]
            written = [(point.scalar(v, position), b, position) for v, b in stored]
            for value in keeping:
                home, _ = self.kept[value]
                if (value, home) not in stored:
                    place = (memory[value], position[self.rank :]) if home is None else (home, position)
                    written.append((point.scalar(value, position), *place))
            added = [(point.scalar(op.source, position), op, b) for op, b in sums if (op, b) not in along]
            for scalar, buffer, at in written:  # after all is read: a kept value may lie where a result goes
                low.store(scalar, buffer, at)
            for scalar, op, buffer in added:
                low.accumulate(scalar, buffer, [position[d] for d in op.kept])
            return found

        def level(depth: int, position: list[Value], values: Sequence[Value]) -> Sequence[Value]:
            if depth == len(self.inner):
                return body(position, values)
            dimension = self.inner[depth]
            return low.loop(
                low.size(self.space[dimension]),
                lambda i, inner: level(depth + 1, [*position, i], inner),
                values,
                parallel=True,
                vectorize=not self.across and dimension == self.inner[-1],
                counter=COUNTERS[dimension],
            )

        results = level(0, list(row), [t.first for t in carried])
        found: dict[Hashable, Value] = {t.key: value for t, value in zip(carried, results, strict=True)}
        for op, buffer in along:
            low.accumulate(found.pop((op, buffer)), buffer, [row[d] for d in op.kept])
        return found

    def _sum(self, key: Hashable, op: Reduce) -> _Total:
        low, kind = self.lowering, op.kind.value
        first = REDUCTIONS[kind].neutral(low, op.result.type.element)
        return _Total(key, kind, first, _elements_of(op.source))

    def _totals(self, stage: int, known: Mapping[Hashable, Value]) -> list[_Total]:
        """What the pass carries: the reductions of what it knows; for an argmax first the maximum, then its place."""
        found: list[_Total] = []
        for op in self.ops:
            if not is_row_reduction(op, self.rank):
                continue
            first = self.stage.get(op.operands[0], 0)
            if isinstance(op, Reduce) and first == stage:
                found.append(self._sum(op.result, op))
            elif isinstance(op, Argmax) and first == stage and self._maximum(op) is op:
                start = REDUCTIONS["max"].neutral(self.lowering, op.source.type.element)
                found.append(_Total(op, "max", start, _elements_of(op.source)))
            elif isinstance(op, Argmax) and first + 1 == stage:
                best = known[self._maximum(op)]
                start = REDUCTIONS["min"].neutral(self.lowering, op.result.type.element)
                found.append(_Total(op.result, "min", start, self._place_of(op, best)))
        return found

    def _maximum(self, op: Argmax) -> Hashable:
        """The key of the total that is the maximum of what an argmax looks at: that of a reduction, else its own."""
        same = (o for o in self.ops if isinstance(o, Reduce) and o.kind.value == "max" and o.source is op.source)
        return next((o.result for o in same if is_row_reduction(o, self.rank)), op)

    def _place_of(self, op: Argmax, best: Value) -> Callable[[Point, Position], Value]:
        """The place of an element that is the maximum or NaN (the greatest of all), for others a number beyond all."""
        low, element = self.lowering, op.source.type.element

        def term(point: Point, at: Position) -> Value:
            value = point.scalar(op.source, at)
            if element.is_float:
                nan = low.compare("uno", value, value)
                is_best = low.make(arith.OrI, low.compare("oeq", value, best), nan)
            else:
                is_best = low.compare("eq", value, best)
            beyond = REDUCTIONS["min"].neutral(low, op.result.type.element)
            return low.select(is_best, low.position(at[-1], op.result.type.element), beyond)

        return term


class _RowPoint(Point):
    """A row, or one position of a row, in one pass: what is known of the row is known, and what was kept is read."""

    def __init__(
        self,
        nest: RowNest,
        row: Sequence[Value],
        memory: Mapping[Value, Value],
        stage: int,
        known: Mapping[tuple, Value],
    ):
        super().__init__(nest.lowering, nest.inside)
        self.nest = nest
        self.row = list(row)
        self.memory = memory
        self.stage = stage
        self.known = dict(known)

    def _compute(self, value: Value, at: list[Value]) -> Value:
        kept = self.nest.kept.get(value)
        if kept is not None and self.nest.since[value] < self.stage and at[: len(self.row)] == self.row:
            home, _ = kept
            place = (self.memory[value], at[len(self.row) :]) if home is None else (home, at)
            return self.lowering.load(*place)
        op = value.defining_op()
        if op not in self.inside or op is None:
            return super()._compute(value, at)
        with self.lowering.builder.located(op.location):
            return super()._compute(value, at)


def _elements_of(value: Value) -> Callable[[Point, Position], Value]:
    return lambda point, at: point.scalar(value, at)


def _is_dear(op: Operation) -> bool:
    if isinstance(op, (arith.DivF, arith.RemF)):
        return True
    return op.name.startswith("math.") and not isinstance(op, (AbsF, CopySign, Fma))
