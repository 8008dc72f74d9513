"""Rewriting by patterns: one worklist driver for all of them.

A pattern looks at one op and either leaves it alone or replaces it. The driver applies patterns, folds, and removes
dead pure ops until nothing changes. Patterns state their algebra in their docstring, and never rewrite to something
worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from irc.ir.attributes import Attribute
from irc.ir.builder import Builder
from irc.ir.operation import Operation, Value
from irc.ir.traits import CONSTANT, GRAPH_REGION, PURE, READS, WRITES, has

Op = TypeVar("Op", bound=Operation)
Materialise = Callable[[Builder, Attribute, Value], Value | None]


class Pattern:
    """A rewrite of ops of class ``root`` (None: of any op)."""

    root: type[Operation] | None = None

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        """Replace ``op`` through the rewriter and return True, or leave everything as it is and return False."""
        raise NotImplementedError


class Rewriter(Builder):
    """A builder before the matched op, which tells the driver what changed."""

    def __init__(self, driver: _Driver):
        super().__init__()
        self._driver = driver

    def insert(self, op: Op) -> Op:
        super().insert(op)
        self._driver.push(op)
        return op

    def replace(self, op: Operation, values: Sequence[Value]) -> None:
        """Let ``values`` stand for the results of ``op``, and erase it."""
        for result in op.results:
            for user in result.users:
                self._driver.push(user)
        for old, new in zip(op.results, values, strict=True):
            if old.name_hint and new.name_hint is None:
                new.name_hint = old.name_hint
        sources = [v.defining_op() for v in op.operands]
        op.replace_by(values)
        self._driver.forget(op)
        for source in sources:
            if source is not None:
                self._driver.push(source)

    def erase(self, op: Operation) -> None:
        """Remove an op whose results are not in use."""
        self.replace(op, []) if not op.results else self._erase_unused(op)

    def _erase_unused(self, op: Operation) -> None:
        sources = [v.defining_op() for inner in op.walk() for v in inner.operands]
        for inner in op.walk():
            self._driver.forget(inner)
        around = op.parent_op
        op.erase()
        if around is not None and around.canonical_patterns:  # it may take in less now
            self._driver.push(around)
        for source in sources:
            if source is not None:
                self._driver.push(source)

    def changed(self, op: Operation) -> None:
        """Say that ``op`` was edited in place."""
        self._driver.push(op)
        for result in op.results:
            for user in result.users:
                self._driver.push(user)


def is_dead(op: Operation) -> bool:
    """Whether nothing would be missed without ``op``: it writes nothing, and none of its results is used."""
    harmless = has(op, PURE) or (has(op, READS) and not has(op, WRITES))
    return harmless and not any(r.uses for r in op.results)


class _Driver:
    def __init__(self, patterns: Iterable[Pattern], materialise: Materialise | None, canonical: bool):
        self.canonical = canonical
        self.by_root: dict[type[Operation], list[Pattern]] = {}
        self.any: list[Pattern] = []
        for pattern in patterns:
            if pattern.root is None:
                self.any.append(pattern)
            else:
                self.by_root.setdefault(pattern.root, []).append(pattern)
        self.materialise = materialise
        self.work: list[Operation] = []
        self.waiting: set[Operation] = set()
        self.erased: set[Operation] = set()
        self.changes = 0

    def push(self, op: Operation) -> None:
        if op not in self.waiting and op.parent is not None:
            self.waiting.add(op)
            self.work.append(op)

    def forget(self, op: Operation) -> None:
        self.waiting.discard(op)
        self.erased.add(op)

    def run(self, root: Operation) -> int:
        ops = [op for op in root.walk() if op is not root]
        self.work = ops[::-1]
        self.waiting = set(ops)
        rewriter = Rewriter(self)
        while self.work:
            op = self.work.pop()
            if op not in self.waiting:
                continue
            self.waiting.discard(op)
            if op.parent is None or op in self.erased:
                continue
            rewriter.block, rewriter.anchor, rewriter.location = op.parent, op, op.location
            if self.step(op, rewriter):
                self.changes += 1
        return self.changes

    def step(self, op: Operation, rewriter: Rewriter) -> bool:
        in_graph = op.parent_op is not None and has(op.parent_op, GRAPH_REGION)
        if op.results and not in_graph and is_dead(op):  # in a graph it is a neuron: dce removes it, and says so
            rewriter.erase(op)
            return True
        if self.materialise is not None and self.fold(op, rewriter):
            return True
        own = op.canonical_patterns if self.canonical else ()
        for pattern in (*own, *self.by_root.get(type(op), ()), *self.any):
            if pattern.rewrite(op, rewriter):
                return True
        return False

    def fold(self, op: Operation, rewriter: Rewriter) -> bool:
        if has(op, CONSTANT) or not has(op, PURE):
            return False
        known = op.fold()
        if known is None:
            return False
        values: list[Value] = []
        for result, what in zip(op.results, known, strict=True):
            if isinstance(what, Attribute):
                assert self.materialise is not None
                value = self.materialise(rewriter, what, result)
                if value is None:
                    return False
                values.append(value)
            else:
                values.append(what)
        rewriter.replace(op, values)
        return True


def rewrite(
    root: Operation,
    patterns: Iterable[Pattern] = (),
    materialise: Materialise | None = None,
    canonical: bool = False,
) -> int:
    """Apply patterns to all ops inside ``root`` until none applies; returns the number of changes.

    ``materialise(builder, attribute, result)`` makes the constant op for a folded result; without it nothing is folded.
    With ``canonical``, each op's own ``canonical_patterns`` apply as well.
    """
    return _Driver(patterns, materialise, canonical).run(root)
