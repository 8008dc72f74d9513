"""Whether two programs are the same: ops, types, attributes and the flow of values, but not names and places."""

from __future__ import annotations

from irc.ir.operation import Block, Operation, Value


def equal(a: Operation, b: Operation) -> bool:
    """Whether two ops, with all in their regions, are the same program."""
    return difference(a, b) is None


def difference(a: Operation, b: Operation) -> str | None:
    """What first differs between two ops and all inside them, in words with places; None if nothing does.

    Values from outside must be the same objects. An attribute with its default's value equals an absent one.
    """
    return _Comparison().operation(a, b)


class _Comparison:
    def __init__(self) -> None:
        self.values: dict[Value, Value] = {}
        self.blocks: dict[Block, Block] = {}

    def operation(self, a: Operation, b: Operation) -> str | None:
        """Compare shapes first, with the values each defines, then who uses which."""
        pairs: list[tuple[Operation, Operation]] = []
        found = self.shape(a, b, pairs)
        if found is not None:
            return found
        for x, y in pairs:
            for index, (v, w) in enumerate(zip(x.operands, y.operands, strict=True)):
                if self.values.get(v, v) is not w:
                    return _at(x, y, f"operand {index} is another value")
            for v_block, w_block in zip(x.successors, y.successors, strict=True):
                if self.blocks.get(v_block, v_block) is not w_block:
                    return _at(x, y, "a successor is another block")
        return None

    def shape(self, a: Operation, b: Operation, pairs: list[tuple[Operation, Operation]]) -> str | None:
        if type(a) is not type(b):
            return _at(a, b, f"'{a.name}' against '{b.name}'")
        for what, x, y in (
            ("operands", a.operands, b.operands),
            ("results", a.results, b.results),
            ("regions", a.regions, b.regions),
            ("successors", a.successors, b.successors),
        ):
            if len(x) != len(y):
                return _at(a, b, f"{len(x)} {what} against {len(y)}")
        found = _attributes(a, b)
        if found is not None:
            return _at(a, b, found)
        for index, (v, w) in enumerate(zip(a.results, b.results, strict=True)):
            if v.type is not w.type:
                return _at(a, b, f"result {index} is of type {v.type} against {w.type}")
            self.values[v] = w
        pairs.append((a, b))
        for x_region, y_region in zip(a.regions, b.regions, strict=True):
            if len(x_region.blocks) != len(y_region.blocks):
                return _at(a, b, f"{len(x_region.blocks)} blocks against {len(y_region.blocks)}")
            for x_block, y_block in zip(x_region.blocks, y_region.blocks, strict=True):
                self.blocks[x_block] = y_block
                found = self.block(a, b, x_block, y_block, pairs)
                if found is not None:
                    return found
        return None

    def block(
        self, a: Operation, b: Operation, x: Block, y: Block, pairs: list[tuple[Operation, Operation]]
    ) -> str | None:
        x_types, y_types = [v.type for v in x.arguments], [v.type for v in y.arguments]
        if x_types != y_types:
            shown = [", ".join(map(str, types)) for types in (x_types, y_types)]
            return _at(a, b, f"a block's arguments are ({shown[0]}) against ({shown[1]})")
        self.values.update(zip(x.arguments, y.arguments, strict=True))
        first, second = x.first, y.first
        while first is not None and second is not None:
            found = self.shape(first, second, pairs)
            if found is not None:
                return found
            first, second = first.next, second.next
        if first is not None:
            return _at(first, b, f"'{first.name}' stands where the other block ends")
        if second is not None:
            return _at(a, second, f"the block ends where the other has '{second.name}'")
        return None


def _attributes(a: Operation, b: Operation) -> str | None:
    first = a.spec.without_defaults(a.attributes)
    second = b.spec.without_defaults(b.attributes)
    for name in sorted({*first, *second}):
        x, y = first.get(name), second.get(name)
        if x is not y:
            return f"attribute '{name}' is {_shown(x)} against {_shown(y)}"
    return None


def _shown(value) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _at(a: Operation, b: Operation, what: str) -> str:
    """``what``, with the places of both ops."""
    places = [f"{at.file}:{at.line}:{at.column}" for op in (a, b) if (at := op.location.file_location()) is not None]
    return f"{what} ({' and '.join(places)})" if places else what
