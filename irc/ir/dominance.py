"""Which blocks of a region come before others on every path from the entry.

The iterative algorithm of Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
"""

from __future__ import annotations

from irc.ir.operation import Block, Region


class Dominance:
    """The dominators of the blocks of a region. A block that no path reaches is dominated by all others, as in MLIR."""

    def __init__(self, region: Region):
        self._all = region.blocks
        order = _post_order(region.blocks[0]) if region.blocks else []
        number = {block: position for position, block in enumerate(order)}
        predecessors: dict[Block, list[Block]] = {block: [] for block in order}
        for block in order:
            for successor in _successors(block):
                predecessors[successor].append(block)
        self._above: dict[Block, Block] = {order[-1]: order[-1]} if order else {}
        changed = True
        while changed:
            changed = False
            for block in reversed(order[:-1]):
                known = [p for p in predecessors[block] if p in self._above]
                best = known[0]
                for other in known[1:]:
                    while best is not other:
                        while number[best] < number[other]:
                            best = self._above[best]
                        while number[other] < number[best]:
                            other = self._above[other]
                if self._above.get(block) is not best:
                    self._above[block] = best
                    changed = True

    def dominators(self, block: Block) -> list[Block]:
        """The blocks that dominate ``block``, itself first."""
        if block not in self._above:
            return [block, *(other for other in self._all if other is not block)]
        found = [block]
        while self._above[found[-1]] is not found[-1]:
            found.append(self._above[found[-1]])
        return found


def _successors(block: Block) -> list[Block]:
    """Blocks of the same region to which the last op may go (others are an error that the verifier reports)."""
    last = block.last
    return [s for s in last.successors if s.parent is block.parent] if last is not None else []


def _post_order(entry: Block) -> list[Block]:
    """The blocks that are reached, each behind those that it goes to (loops aside)."""
    order: list[Block] = []
    seen = {entry}
    work = [(entry, iter(_successors(entry)))]
    while work:
        block, rest = work[-1]
        following = next((s for s in rest if s not in seen), None)
        if following is None:
            order.append(block)
            work.pop()
        else:
            seen.add(following)
            work.append((following, iter(_successors(following))))
    return order
