"""``array.scan``: a step repeated over time, with carried values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from irc.dialects.array.fused import Yield
from irc.dialects.array.syntax import same_dimension, tensor
from irc.interpreter import part_of, stacked, value_of
from irc.ir.attributes import DenseArrayAttr, UnitAttr
from irc.ir.builder import Builder
from irc.ir.constraints import TENSOR
from irc.ir.dimensions import Dimension
from irc.ir.operation import Block, BlockArgument, Operation, OpResult, Value
from irc.ir.rewriting import Pattern, Rewriter
from irc.ir.spec import SEGMENTS, attr, operands, region, results
from irc.ir.traits import ISOLATED, PURE, RAW, SINGLE_BLOCK, has
from irc.ir.types import TensorType, Type, format_results, i32

Pullback = Callable[[Block, Sequence[Value], Sequence[Value | None], Sequence[Value]], Sequence[Value]]
"""``pullback(block, outputs, cotangents, targets)`` appends to a block what computes the gradients of ``targets``."""

_WORDS = ("carry", "over", "with")


class Scan(Operation):
    """Runs its region once for each step, in order; values are carried from step to step.

        %last, %ys = array.scan carry (%h = %h0 : tensor<B x 4 x f32>) over (%x = %xs : tensor<T x B x 4 x f32>)
            with (%u = %u0 : tensor<4xf32>) -> (tensor<B x 4 x f32>, tensor<T x B x 4 x f32>) {
          %b = array.broadcast %u dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
          %a = arith.mulf %h, %b : tensor<B x 4 x f32>
          %next = arith.addf %a, %x : tensor<B x 4 x f32>
          array.yield %next, %a : tensor<B x 4 x f32>, tensor<B x 4 x f32>
        }

    ``carry``: values that begin as the operands; ``array.yield`` gives first what they are at the next step, and the
    first results are what they are after the last. ``over``: arrays of which each step sees its part along the first
    axis. ``with``: values that are the same at every step. What else the region yields is stacked along a new first
    axis. ``reverse``: the last step runs first; parts keep their places. With no step, the carried values stay as they
    are.
    """

    name = "array.scan"
    initial = operands(TENSOR, "what the carried values are at first")
    scanned = operands(TENSOR, "what each step sees its part of")
    shared = operands(TENSOR, "what is the same at every step")
    outputs = results(TENSOR, "the carried values in the end, then what is stacked")
    reverse = attr(UnitAttr, "from the last step to the first", optional=True)
    body = region("one step: carried values, parts and shared values come in")
    traits = frozenset({PURE, ISOLATED, SINGLE_BLOCK, RAW})

    @property
    def groups(self) -> tuple[Sequence[Value], Sequence[Value], Sequence[Value]]:
        """The operands that are carried, scanned, and shared."""
        return self.initial, self.scanned, self.shared

    @property
    def inner(self) -> tuple[list[BlockArgument], list[BlockArgument], list[BlockArgument]]:
        """The arguments of the region: carried, parts, and shared."""
        arguments, carried, parts = self.body.block.arguments, len(self.initial), len(self.scanned)
        return arguments[:carried], arguments[carried : carried + parts], arguments[carried + parts :]

    @property
    def stacked(self) -> list[OpResult]:
        """The results that have a part for each step."""
        return self.results[len(self.initial) :]

    @property
    def length(self) -> Dimension:
        """The number of steps. ValueError where nothing says it."""
        for value in (*self.scanned, *self.stacked):
            if value.type.shape:
                return value.type.shape[0]
        raise ValueError("nothing says how many steps there are: scan over an array, or yield something to be stacked")

    def verify(self) -> None:
        length = self.length
        for value in (*self.scanned, *self.stacked):
            if not value.type.rank:
                raise ValueError(f"{value.type} has no axis of steps")
            same_dimension(value.type.shape[0], length, f"the steps of {value.type}")
        block = self.body.block
        inside = [a.type for a in block.arguments]
        carried = [v.type for v in self.initial]
        wanted = [*carried, *(part_type(v.type) for v in self.scanned), *(v.type for v in self.shared)]
        if inside != wanted:
            raise ValueError(f"the region's arguments are {_list(inside)}, but for these operands {_list(wanted)}")
        if not isinstance(block.last, Yield):
            raise ValueError("the region must end with array.yield")
        kept = [r.type for r in self.results[: len(carried)]]
        if kept != carried:
            raise ValueError(f"the first results are {_list(kept)}, but {_list(carried)} are carried")
        given, steps = [v.type for v in block.last.operands], [part_type(r.type) for r in self.stacked]
        if given != [*carried, *steps]:
            raise ValueError(f"yields {_list(given)}, but carries {_list(carried)} and stacks {_list(steps)}")

    def eval(self, context: Any, *held: Any) -> Sequence[Any]:
        count, parts = len(self.initial), len(self.scanned)
        carried, scanned, shared = list(held[:count]), held[count : count + parts], held[count + parts :]
        shapes = [context.shape(r.type) for r in self.stacked]
        steps = value_of(scanned[0]).shape[0] if scanned else shapes[0][0]
        found: list[list[Any]] = [[None] * steps for _ in shapes]
        for step in reversed(range(steps)) if self.reverse is not None else range(steps):
            given = context.run(self.body, [*carried, *(part_of(v, step) for v in scanned), *shared])
            carried = given[:count]
            for rows, row in zip(found, given[count:], strict=True):
                rows[step] = row
        kinds = [context.dtype(r.type) for r in self.stacked]
        return [*carried, *(stacked(rows, *kind) for rows, *kind in zip(found, shapes, kinds, strict=True))]

    def vjp_of_region(
        self, builder: Builder, gradients: Sequence[Value | None], wanted: Sequence[bool], pullback: Pullback
    ) -> tuple[Operation, list[Value | None]]:
        """The reverse-mode rule of an op with a region: the op that stands in for this one, and the gradients of those
        operands that are ``wanted``.
        """
        from irc.dialects.array.scan_gradient import gradient  # it builds scans, so it stands above this file

        return gradient(self, builder, gradients, wanted, pullback)

    # -- text ----------------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        attributes: dict[str, Any] = {"reverse": UnitAttr()} if parser.accept_keyword("reverse") else {}
        arguments: list[Any] = []
        groups: list[list[Value]] = []
        for word in _WORDS:
            groups.append([])
            if not parser.accept_keyword(word):
                continue
            parser.expect("(")
            while not parser.sees(")"):
                argument = parser.operand()
                parser.expect("=")
                source = parser.operand()
                parser.expect(":")
                place, kind = parser.location, parser.type()
                groups[-1].append(parser.resolve(source, kind))
                if word == "over" and not (isinstance(kind, TensorType) and kind.rank):
                    parser.fail(f"{kind} has no axis of steps", place)
                arguments.append((argument.name, part_type(kind) if word == "over" else kind, argument.location))
                if not parser.accept(","):
                    break
            parser.expect(")")
        parser.expect("->")
        types = parser.results()
        body = parser.region(arguments)
        return cls.build(
            *groups,
            result_types=types,
            regions=[body],
            location=parser.op_location,
            **attributes,
            **parser.attr_dict(),
        )

    def print(self, printer: Any) -> None:
        """See the class."""
        parts = ["reverse"] if self.reverse is not None else []
        printer.write(" ".join(parts))
        for word, outer, inner in zip(_WORDS, self.groups, self.inner, strict=True):
            if not outer:
                continue
            printer.write(f"{' ' if parts else ''}{word} (")
            parts.append(word)
            for position, (argument, value) in enumerate(zip(inner, outer, strict=True)):
                printer.write(", " if position else "")
                printer.value(argument)
                printer.write(" = ")
                printer.value(value)
                printer.write(" : ")
                printer.type(value.type)
            printer.write(")")
        printer.write(" -> " + format_results(tuple(r.type for r in self.results), printer.form))
        printer.region(self.body, arguments=False)
        printer.attr_dict(self, exclude=("reverse", "operandSegmentSizes"))


def part_type(type: Type) -> TensorType:
    """What one step sees of an array. ValueError for what is no tensor."""
    return TensorType(tensor(type).shape[1:], type.element)


def stacked_type(length: Dimension, type: Type) -> TensorType:
    """The parts of all steps side by side. ValueError for what is no tensor."""
    return TensorType([length, *tensor(type).shape], type.element)


def isolate(block: Block) -> list[Value]:
    """Make arguments of all values that a block uses from outside, behind its others; gives these values in order."""
    inside = {*block.arguments, *(result for op in block for result in op.results)}
    outer: dict[Value, Value] = {}
    for op in block:
        for index, value in enumerate(op.operands):
            if value not in inside:
                if value not in outer:
                    outer[value] = block.add_argument(value.type, value.location, value.name_hint)
                op.set_operand(index, outer[value])
    return list(outer)


def outside(value: Value) -> Value:
    """What a value that all steps share is outside of its scan, and of those around it; else the value itself."""
    while isinstance(value, BlockArgument) and isinstance(scan := value.owner.parent_op, Scan):
        shared = scan.inner[2]
        if value not in shared:
            break
        value = scan.shared[shared.index(value)]
    return value


def inside(value: Value, block: Block) -> Value:
    """A value from outside as a block sees it: let all scans around the block share it."""
    scan = block.parent_op
    if not isinstance(scan, Scan) or scan.parent is None:
        return value
    value = inside(value, scan.parent)
    if value not in scan.shared:
        initial, scanned, shared = map(len, scan.groups)
        scan.operands = (*scan.operands, value)
        scan.attributes[SEGMENTS] = DenseArrayAttr([initial, scanned, shared + 1], i32)
        block.add_argument(value.type, value.location, value.name_hint)
    return scan.inner[2][list(scan.shared).index(value)]


class _Prune(Pattern):
    """Parts and shared values that the region does not read do not come in; what nobody reads is not stacked."""

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        assert isinstance(op, Scan)
        kept = [[k for k, a in enumerate(group) if a.uses] for group in op.inner[1:]]
        stacked = [k for k, r in enumerate(op.stacked) if r.uses]
        if not kept[0] and not stacked:  # something has to say how many steps there are
            kept[0] = list(range(len(op.scanned)))[:1]
            stacked = [] if kept[0] else [0]
        if [*map(len, kept), len(stacked)] == [len(op.scanned), len(op.shared), len(op.stacked)]:
            return False
        count, block = len(op.initial), op.body.block
        kinds = zip(op.inner[1:], kept, strict=True)
        gone = [a for group, numbers in kinds for k, a in enumerate(group) if k not in numbers]
        groups = [list(op.initial), *([g[k] for k in numbers] for g, numbers in zip(op.groups[1:], kept, strict=True))]
        results = [*range(count), *(count + k for k in stacked)]
        block.terminator.operands = [block.terminator.operands[k] for k in results]
        for argument in reversed(gone):
            block.erase_argument(argument.index)
        body, op.regions = op.body, ()  # the new op takes it over
        types = [op.results[k].type for k in results]
        marks: dict[str, Any] = {} if op.reverse is None else {"reverse": None}
        new = rewriter.create(Scan, *groups, result_types=types, regions=[body], **marks)
        place = dict(zip(results, new.results, strict=True))
        rewriter.replace(op, [place.get(k, r) for k, r in enumerate(op.results)])
        return True


class _Merge(Pattern):
    """Of two scans that carry the same, through the same values, the first also stacks what the second does: what is
    computed for a loss and what is kept for its gradient are then computed once.
    """

    def rewrite(self, op: Operation, rewriter: Rewriter) -> bool:
        assert isinstance(op, Scan)
        for other in _later_alike(op):
            mapping = _equal_steps(op, other)
            if mapping is None:
                continue
            block, count = op.body.block, len(op.initial)
            end, their_end = block.terminator, other.body.block.terminator
            with rewriter.at(block, end):
                for inner in other.body.block:
                    if inner is not their_end and inner.results[0] not in mapping:
                        rewriter.insert(inner.clone(mapping))
            yielded = [*end.operands, *(mapping[v] for v in their_end.operands[count:])]
            end.operands = yielded
            types = [*(r.type for r in op.results), *(r.type for r in other.stacked)]
            body, op.regions = op.body, ()  # the new op takes it over
            marks: dict[str, Any] = {} if op.reverse is None else {"reverse": None}
            new = rewriter.create(Scan, *op.groups, result_types=types, regions=[body], **marks)
            rewriter.replace(other, [*new.results[:count], *new.results[len(op.results) :]])
            rewriter.replace(op, new.results[: len(op.results)])
            return True
        return False


def _later_alike(scan: Scan) -> list[Scan]:
    """The scans behind this one in its block that begin with the same carried values and read nothing else than it."""
    users = {user for value in scan.initial[:1] for user in value.users}
    found, at = [], scan.next
    while at is not None and users:
        if at in users and isinstance(at, Scan) and (at.reverse is None) == (scan.reverse is None):
            pairs = zip(at.groups[1:], scan.groups[1:], strict=True)
            if tuple(at.initial) == tuple(scan.initial) and all(set(a) <= set(b) for a, b in pairs):
                found.append(at)
        at = at.next
    return found


def _equal_steps(scan: Scan, other: Scan) -> dict[Value, Value] | None:
    """Which values of a step of ``other`` are values of a step of ``scan``, if what they carry is the same.

    It begins alike, and where it is alike in one step it is so in the next: the ends are compared as if the beginnings
    were equal. None otherwise.
    """
    mapping: dict[Value, Value] = {}
    for theirs, inner, ours, places in zip(other.groups, other.inner, scan.groups, scan.inner, strict=True):
        mapping |= {a: places[list(ours).index(outer)] for outer, a in zip(theirs, inner, strict=True)}
    mapping |= zip(other.inner[0], scan.inner[0], strict=True)  # one value may be carried twice
    known = {_key(op, {}): op for op in scan.body.block if has(op, PURE) and not op.regions}
    for op in other.body.block:
        match = known.get(_key(op, mapping))
        if match is not None:
            mapping |= zip(op.results, match.results, strict=True)
    count = len(scan.initial)
    ends = [mapping.get(v) for v in other.body.block.terminator.operands[:count]]
    return mapping if ends == list(scan.body.block.terminator.operands[:count]) else None


def _key(op: Operation, mapping: Mapping[Value, Value]) -> tuple:
    operands = tuple(mapping.get(v, v) for v in op.operands)
    return type(op), operands, tuple(sorted(op.attributes.items())), tuple(r.type for r in op.results)


Scan.canonical_patterns = (_Prune(), _Merge())


def _list(types: Sequence[Any]) -> str:
    return f"({', '.join(map(str, types))})"
