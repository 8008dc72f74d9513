"""What a program is: values, operations, blocks and regions.

An operation has operands, results, attributes, regions and successors. Values are SSA: each has one definition and
knows its uses. Programs are mutable in place; attributes and types are not. The five classes refer to each other and
so share this file. Each op is a subclass of :class:`Operation` that says all there is to know about it
(``irc.ir.spec``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from irc.ir.attributes import Attribute
from irc.ir.locations import UNKNOWN, Location
from irc.ir.types import Type

if TYPE_CHECKING:
    from irc.ir.builder import Builder
    from irc.ir.rewriting import Pattern
    from irc.ir.spec import Spec
    from irc.ir.traits import Trait


class Value:
    """Something computed: an op's result or a block's argument.

    ``uses`` holds the pairs (operation, operand index) that read it, in order of creation. ``name_hint`` is the name it
    had in the source; names have no meaning.
    """

    __slots__ = ("name_hint", "type", "uses")

    def __init__(self, type: Type, name_hint: str | None = None):
        self.type = type
        self.uses: dict[tuple[Operation, int], None] = {}
        self.name_hint = name_hint

    @property
    def owner(self) -> Operation | Block:
        """The operation or the block that defines the value."""
        raise NotImplementedError

    @property
    def users(self) -> list[Operation]:
        """The operations that read the value, each once."""
        return list(dict.fromkeys(op for op, _ in self.uses))

    @property
    def location(self) -> Location:
        """Where the value is defined."""
        raise NotImplementedError

    def replace_by(self, other: Value) -> None:
        """Let every use read ``other`` instead; ``other`` inherits the name if it has none."""
        if other is self:
            return
        for op, index in self.uses:
            op._operands[index] = other
            other.uses[(op, index)] = None
        self.uses = {}
        if other.name_hint is None:
            other.name_hint = self.name_hint

    def defining_op(self) -> Operation | None:
        """The operation whose result this is; None for a block argument."""
        return None


class OpResult(Value):
    """Result number ``index`` of ``op``."""

    __slots__ = ("index", "op")

    def __init__(self, type: Type, op: Operation, index: int):
        self.type = type
        self.uses = {}
        self.name_hint = None
        self.op = op
        self.index = index

    @property
    def owner(self) -> Operation:
        return self.op

    @property
    def location(self) -> Location:
        return self.op.location

    def defining_op(self) -> Operation:
        return self.op


class BlockArgument(Value):
    """Argument number ``index`` of ``block``."""

    __slots__ = ("block", "index", "location")

    def __init__(self, type: Type, block: Block, index: int, location: Location = UNKNOWN):
        super().__init__(type)
        self.block = block
        self.index = index
        self.location = location  # type: ignore[misc]

    @property
    def owner(self) -> Block:
        return self.block


class Operation:
    """The base of all ops. A subclass declares the op's fields, traits, text form and rules; see ``irc.ir.spec``."""

    __slots__ = ("_operands", "attributes", "location", "next", "parent", "prev", "regions", "results", "successors")

    name: ClassVar[str] = ""
    spec: ClassVar[Spec]
    traits: ClassVar[frozenset[Trait]] = frozenset()
    assembly: ClassVar[str | None] = None
    """The pretty form (``irc.text.assembly``); None where ``parse`` and ``print`` are written by hand or absent."""
    canonical_patterns: ClassVar[tuple[Pattern, ...]] = ()
    """Rewrites (``irc.ir.rewriting``) that bring the op to its preferred form; ``canonicalize`` runs them."""

    def __init__(
        self,
        operands: Sequence[Value] = (),
        result_types: Sequence[Type] = (),
        attributes: Mapping[str, Attribute] | None = None,
        regions: Iterable[Region] = (),
        successors: Sequence[Block] = (),
        location: Location = UNKNOWN,
    ):
        self.parent: Block | None = None
        self.prev: Operation | None = None
        self.next: Operation | None = None
        self.location = location
        self._operands = [*operands]
        index = 0
        for value in operands:
            value.uses[self, index] = None
            index += 1
        results: list[OpResult] = []
        for type in result_types:
            results.append(OpResult(type, self, len(results)))
        self.results = results
        self.attributes: dict[str, Attribute] = {**attributes} if attributes else {}
        # Most ops have neither: they share the empty tuple, which spares the collector two lists an op.
        self.regions: Sequence[Region] = [*regions] if regions else ()
        for region in self.regions:
            region.parent = self
        self.successors: Sequence[Block] = [*successors] if successors else ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        from irc.ir.spec import Spec

        cls.spec = Spec.of(cls)

    @classmethod
    def build(
        cls,
        *operands: Value | Sequence[Value],
        result_types: Sequence[Type] | None = None,
        regions: Iterable[Region] = (),
        successors: Sequence[Block] = (),
        location: Location = UNKNOWN,
        **attributes: Any,
    ):
        """Make the op from its declared fields.

        Operands in order, a sequence for each variadic one; attributes by name, Python values converted. Result types
        come from :meth:`infer` unless given.
        """
        return cls.spec.build(cls, operands, result_types, regions, successors, location, attributes)

    # -- what a subclass may define ------------------------------------------------------------------------------

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        """Result types from operand types and attributes. Raises ValueError that says what does not fit.

        An op that defines it must have exactly these types: builder, parser and verifier all call it.
        """
        raise NotImplementedError

    def verify(self) -> None:
        """Check what types and traits do not say. Raises ValueError."""

    def fold(self) -> Sequence[Value | Attribute] | None:
        """What the results are known to be: an existing value or a constant attribute each; None if nothing is
        known.
        """
        return None

    def eval(self, context: Any, *operands: Any) -> Sequence[Any]:
        """The reference semantics: the results for these operands; see ``irc.interpreter`` for what values look
        like.
        """
        raise NotImplementedError

    def bound(
        self, context: Any, operands: Sequence[Any], errors: Sequence[Any], results: Sequence[Any]
    ) -> Sequence[Any]:
        """Bounds of the results' absolute errors, given the operands' bounds; see ``irc.interpreter``."""
        raise NotImplementedError

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        """The reverse-mode rule: from the gradients of the results (None: zero) those of the operands."""
        raise NotImplementedError

    # -- operands and results ------------------------------------------------------------------------------------

    @property
    def operands(self) -> tuple[Value, ...]:
        """All operands, in order."""
        return tuple(self._operands)

    @operands.setter
    def operands(self, values: Sequence[Value]) -> None:
        for index, value in enumerate(self._operands):
            del value.uses[(self, index)]
        self._operands = list(values)
        for index, value in enumerate(self._operands):
            value.uses[(self, index)] = None

    def set_operand(self, index: int, value: Value) -> None:
        """Let operand ``index`` be ``value``."""
        del self._operands[index].uses[(self, index)]
        self._operands[index] = value
        value.uses[(self, index)] = None

    @property
    def result(self) -> OpResult:
        """The op's only result."""
        (only,) = self.results
        return only

    # -- position ------------------------------------------------------------------------------------------------

    @property
    def parent_op(self) -> Operation | None:
        """The operation in whose region this one stands."""
        return self.parent.parent_op if self.parent else None

    def ancestors(self) -> Iterator[Operation]:
        """The operations around this one, innermost first."""
        at = self.parent_op
        while at is not None:
            yield at
            at = at.parent_op

    def walk(self) -> Iterator[Operation]:
        """This operation and all in its regions, in text order. The current one may be erased on the way."""
        yield self
        for region in self.regions:
            for block in region.blocks:
                op = block.first
                while op is not None:
                    following = op.next
                    yield from op.walk()
                    op = following

    def detach(self) -> None:
        """Take the op out of its block; it stays whole."""
        block = self.parent
        if block is None:
            return
        if self.prev:
            self.prev.next = self.next
        else:
            block.first = self.next
        if self.next:
            self.next.prev = self.prev
        else:
            block.last = self.prev
        self.parent = self.prev = self.next = None

    def erase(self) -> None:
        """Remove the op and all in its regions. Its results must have no uses outside of it."""
        self.detach()
        self.drop()
        if any(result.uses for result in self.results):
            raise ValueError(f"{self.name} is erased while its results are in use")

    def drop(self) -> None:
        """Forget all operands, here and in the regions (before the op goes away)."""
        for region in self.regions:
            for block in region.blocks:
                for op in block:
                    op.drop()
        for index, value in enumerate(self._operands):
            value.uses.pop((self, index), None)
        self._operands = []

    def replace_by(self, values: Sequence[Value]) -> None:
        """Let every use of the results read ``values``, and erase the op."""
        for result, value in zip(self.results, values, strict=True):
            result.replace_by(value)
        self.erase()

    # -- copies --------------------------------------------------------------------------------------------------

    def clone(self, mapping: dict[Value, Value] | None = None, blocks: dict[Block, Block] | None = None) -> Self:
        """A copy with its regions. Operands are looked up in ``mapping``, to which the new results are added."""
        mapping = {} if mapping is None else mapping
        blocks = {} if blocks is None else blocks
        new = type(self).__new__(type(self))
        Operation.__init__(
            new,
            [mapping.get(v, v) for v in self._operands],
            [r.type for r in self.results],
            self.attributes,
            (),
            [blocks.get(s, s) for s in self.successors],
            self.location,
        )
        for old_result, new_result in zip(self.results, new.results, strict=True):
            mapping[old_result] = new_result
            new_result.name_hint = old_result.name_hint
        new.regions = [Region() for _ in self.regions] if self.regions else ()
        for region, copy in zip(self.regions, new.regions, strict=True):
            copy.parent = new
            region.clone_into(copy, mapping, blocks)
        return new

    def __str__(self) -> str:
        from irc.text.printer import print_operation  # only for people who debug; the arrow text -> ir stays

        return print_operation(self)

    def __repr__(self) -> str:
        return f"<{self.name} at {id(self):#x}>"


class Block:
    """A sequence of operations with arguments; the last may be a terminator. A doubly linked list: edits cost O(1)."""

    __slots__ = ("arguments", "first", "last", "parent")

    def __init__(self, argument_types: Sequence[Type] = (), locations: Sequence[Location] | None = None):
        places = locations or [UNKNOWN] * len(argument_types)
        self.arguments = [BlockArgument(t, self, i, places[i]) for i, t in enumerate(argument_types)]
        self.first: Operation | None = None
        self.last: Operation | None = None
        self.parent: Region | None = None

    def __iter__(self) -> Iterator[Operation]:
        op = self.first
        while op is not None:
            following = op.next
            yield op
            op = following

    def __reversed__(self) -> Iterator[Operation]:
        op = self.last
        while op is not None:
            before = op.prev
            yield op
            op = before

    @property
    def parent_op(self) -> Operation | None:
        """The operation whose region holds the block."""
        return self.parent.parent if self.parent else None

    @property
    def terminator(self) -> Operation:
        """The last operation. Raises ValueError in an empty block."""
        if self.last is None:
            raise ValueError("the block is empty")
        return self.last

    def append(self, op: Operation) -> None:
        """Put ``op`` at the end."""
        assert op.parent is None
        op.parent = self
        op.prev = self.last
        if self.last is None:
            self.first = op
        else:
            self.last.next = op
        self.last = op

    def insert_before(self, anchor: Operation, op: Operation) -> None:
        """Put ``op`` before ``anchor``, which stands in this block."""
        assert op.parent is None and anchor.parent is self
        op.parent = self
        op.next = anchor
        op.prev = anchor.prev
        if anchor.prev is None:
            self.first = op
        else:
            anchor.prev.next = op
        anchor.prev = op

    def add_argument(self, type: Type, location: Location = UNKNOWN, name_hint: str | None = None) -> BlockArgument:
        """Append an argument."""
        argument = BlockArgument(type, self, len(self.arguments), location)
        argument.name_hint = name_hint
        self.arguments.append(argument)
        return argument

    def erase_argument(self, index: int) -> None:
        """Remove an argument without uses."""
        if self.arguments[index].uses:
            raise ValueError("the argument is in use")
        del self.arguments[index]
        for i, argument in enumerate(self.arguments):
            argument.index = i


class Region:
    """A list of blocks inside an operation; the first is the entry."""

    __slots__ = ("blocks", "parent")

    def __init__(self, blocks: Iterable[Block] = ()):
        self.parent: Operation | None = None
        self.blocks: list[Block] = []
        for block in blocks:
            self.append(block)

    def append(self, block: Block) -> Block:
        """Put ``block`` at the end."""
        block.parent = self
        self.blocks.append(block)
        return block

    @property
    def block(self) -> Block:
        """The only block."""
        (only,) = self.blocks
        return only

    def clone_into(self, target: Region, mapping: dict[Value, Value], blocks: dict[Block, Block]) -> None:
        """Append copies of the blocks to ``target``. Uses before definitions (graph regions) are mended at the end."""
        for block in self.blocks:
            copy = Block([a.type for a in block.arguments], [a.location for a in block.arguments])
            for old, new in zip(block.arguments, copy.arguments, strict=True):
                mapping[old] = new
                new.name_hint = old.name_hint
            blocks[block] = copy
            target.append(copy)
        late: list[Operation] = []
        for block in self.blocks:
            for op in block:
                cloned = op.clone(mapping, blocks)
                blocks[block].append(cloned)
                late.append(cloned)
        for op in late:
            for index, value in enumerate(op._operands):
                if mapping.get(value, value) is not value:
                    op.set_operand(index, mapping[value])


def walk_post_order(op: Operation, visit: Callable[[Operation], None]) -> None:
    """Visit the operations inside ``op``, innermost first, then ``op`` itself."""
    for region in op.regions:
        for block in region.blocks:
            for inner in block:
                walk_post_order(inner, visit)
    visit(op)
