"""Reads IR text: MLIR's generic form, and the pretty forms that the ops themselves define.

The first syntax error ends the reading. What is well-formed but wrong (types, missing attributes, dominance), the
verifier finds afterwards, all of it together. Every op carries the place where it stands in the text.
"""

from __future__ import annotations

import difflib
import gc
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from irc.dialects import CONTEXT
from irc.ir.attributes import Attribute
from irc.ir.diagnostics import Error
from irc.ir.dialect import Context
from irc.ir.locations import Location, Source
from irc.ir.operation import Block, BlockArgument, Operation, OpResult, Region
from irc.ir.traits import GRAPH_REGION, ISOLATED, SINGLE_BLOCK
from irc.ir.types import Type
from irc.ir.verifier import operand_problem
from irc.ir.verifier import verify as verify_operation
from irc.text.assembly import assembly_of
from irc.text.definitions import DefinitionParser
from irc.text.lexer import NAME, STRING, pattern
from irc.text.values import ValueParser

_results = pattern(rf"%({NAME})(?:\s*+:\s*+(\d{{1,9}}))?").match
_label = pattern(rf"\^({NAME})").match
_quoted_name = pattern(rf"({STRING})").match
_rest_of_line = re.compile(r"([^\n{]{1,160}+)\n").match
_MAX_RESULTS = 100_000
OpClass = type[Operation]


class Parser(DefinitionParser, ValueParser):
    """Reads operations. ``parse`` methods of ops get one, placed behind the op's name.

    ``op_location`` is the place of the op that is being read; ``result_names`` are the names the text gives to its
    results.
    """

    def __init__(self, source: Source, context: Context = CONTEXT):
        super().__init__(source, context)
        self.op_location: Location = source.location(0)
        self.result_names: list[str] = []
        self._blocks: dict[str, Block] = {}
        self._op_class: OpClass = Operation
        self._signatures: dict[str, tuple[list[Type], list[Type]]] = {}
        self._late_locations: list[tuple[Operation | BlockArgument, str, int]] = []

    # -- operations ----------------------------------------------------------------------------------------------

    def operation(self) -> Operation:
        """Take one operation, with its names and its location."""
        start = self.at
        location: Location = self.source.location(start)
        names: list[tuple[str, int, int]] = []
        if self.text.startswith("%", start):
            names = self._result_names()
        saved = self.op_location, self.result_names
        self.op_location = location
        self.result_names = [name for name, count, _ in names for _ in range(count)] if names else []
        text = self.text
        op = self._generic() if text.startswith('"', self.at) else self._pretty()
        self.op_location, self.result_names = saved
        op.location = location
        if text.startswith("loc", self.at):
            self._trailing_location(op)
        if names:
            self._define_results(op, names)
        return op

    def _result_names(self) -> list[tuple[str, int, int]]:
        """``%a, %b:2 =``: names, how many results each stands for, and places."""
        names: list[tuple[str, int, int]] = []
        while True:
            match = _results(self.text, self.at)
            if match is None:
                self.expected("the name of a result such as %x")
            count = int(match[2]) if match[2] else 1
            if not 1 <= count <= _MAX_RESULTS:
                self.fail(f"a name cannot stand for {count} values")
            names.append((match[1], count, self.at))
            self.at = match.end()
            if not self.accept(","):
                self.expect("=")
                return names

    def _define_results(self, op: Operation, names: list[tuple[str, int, int]]) -> None:
        results: list[OpResult] = op.results
        given = sum(count for _, count, _ in names)
        if given != len(results):
            self.fail(f"'{op.name}' has {len(results)} results, but {given} are named", names[0][2])
        begin = 0
        for name, count, place in names:
            self.define(name, results[begin : begin + count], place)
            begin += count

    def _trailing_location(self, op: Operation | BlockArgument) -> None:
        place = self.at
        given = self.optional_location()
        if isinstance(given, str):
            self._late_locations.append((op, given, place))
        elif given is not None:
            op.location = given  # type: ignore[misc]

    def _class_of(self, name: str, place: int) -> OpClass:
        cls = self.context.operation(name)
        if cls is None:
            dialect, dot, _ = name.partition(".")
            known = self.context.dialect(dialect)
            if known is None and dot:
                near = difflib.get_close_matches(dialect[:100], self.context.names, 1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(self.context.names)}"
                self.fail(f"unknown dialect '{dialect[:100]}' of op '{name[:100]}'; {hint}", place)
            names = [op.name for op in (known.operations if known else ())]
            near = difflib.get_close_matches(name[:100], names or ["builtin.module", "func.func", "func.return"], 1)
            self.fail(f"unknown op '{name[:100]}'{f'; did you mean {near[0]!r}?' if near else ''}", place)
        self._op_class = cls
        return cls

    def _pretty(self) -> Operation:
        place = self.at
        name = self.optional_keyword()
        if name is None:
            self.expected("an operation")
        if "." not in name:  # MLIR leaves out the names of these dialects
            name = "builtin.module" if name == "module" else f"func.{name}"
        cls = self._class_of(name, place)
        parse = getattr(cls, "parse", None)
        if parse is not None:
            op = self._parse_by_own_method(parse)
        elif cls.assembly is not None:
            op = assembly_of(cls).parse(self)
        else:
            self.fail(f"'{name}' has no pretty form; write it in generic form: \"{name}\"(...) : (...) -> ...", place)
        if cls.spec.defaults:
            op.attributes = cls.spec.without_defaults(op.attributes)
        return op

    def _parse_by_own_method(self, parse: Callable[[Parser], Operation]) -> Operation:
        """What ``parse`` of an op class gives. It may build an op that does not fit its declaration: an error."""
        try:
            return parse(self)
        except Error:
            raise
        except ValueError as error:
            self.fail(f"'{self._op_class.name}': {error}", self.op_location)

    def _generic(self) -> Operation:
        """``"name"(operands)[successors] <{properties}> ({regions}) {attributes} : (types) -> types``."""
        match = _quoted_name(self.text, self.at)
        if match is None:
            self.string()
            raise AssertionError("unreachable")
        cls = self._class_of(match[1][1:-1], self.at)
        self.at = match.end()
        self.expect("(")
        names = [] if self.accept(")") else self.operands_until(")")
        successors = self._successors() if self.text.startswith("[", self.at) else ()
        attributes: dict[str, Attribute] = {}
        if self.accept("<"):
            if not self.sees("{"):
                self.expected("'{'")
            attributes = self.attr_dict()
            self.expect(">")
        regions: list[Region] = []
        if self.accept("("):
            regions.append(self.region())
            while self.accept(","):
                regions.append(self.region())
            self.expect(")")
        if self.text.startswith("{", self.at):
            place = self.at
            for key, value in self.attr_dict().items():
                if key in attributes:
                    self.fail(f"the attribute '{key}' is given twice", place)
                attributes[key] = value
        inputs, results = self._signature()
        if len(inputs) != len(names):
            place = names[0].offset if names else self.at
            self.fail(f"'{cls.name}' has {len(names)} operands, but {len(inputs)} operand types", place)
        values = [self.resolve(name, type) for name, type in zip(names, inputs, strict=True)]
        return cls(values, results, cls.spec.without_defaults(attributes), regions, successors)

    def _signature(self) -> tuple[list[Type], list[Type]]:
        """``: (types) -> types``. What ends a line is remembered by its text."""
        start = self.at
        line = _rest_of_line(self.text, start)
        if line is not None:
            known = self._signatures.get(line[1])
            if known is not None:
                self.at = self.skip(line.end())
                return known
        self.expect(":")
        self.expect("(")
        inputs = self.types_until(")")
        self.expect("->")
        found = (inputs, self.results())
        if line is not None and line.end() <= self.at and not self.text[line.end() : self.at].strip():
            self._signatures[line[1]] = found
        return found

    def _successors(self) -> list[Block]:
        self.expect("[")
        found = []
        while True:
            match = _label(self.text, self.at)
            if match is None:
                self.expected("a block such as ^bb1")
            found.append(self._block_of(match[1]))
            self.at = match.end()
            if not self.accept(","):
                self.expect("]")
                return found

    def infer(self, cls: OpClass, types: Sequence[Type], attributes: dict[str, Attribute]) -> Sequence[Type]:
        """The result types of an op of a class that infers them; an error where it does not fit its declaration."""
        problem = operand_problem(cls, types, attributes)
        if problem is not None:
            self.fail(f"'{cls.name}': {problem}", self.op_location)
        try:
            return cls.infer(types, attributes)
        except ValueError as error:
            self.fail(f"'{cls.name}': {error}", self.op_location)

    # -- regions -------------------------------------------------------------------------------------------------

    def region(self, arguments: Sequence[tuple[str, Type, Location]] | None = None) -> Region:
        """Take ``{ operations }``, a region of the op that is being read; its traits say what the region may see.

        ``arguments`` are the names, types and places of the entry block's arguments, where the op's own syntax gives
        them; with None the text may begin with a label.
        """
        traits = self._op_class.traits
        saved = (self._defined, self._blocks, self._graph, self._several_blocks, self._op_class)
        place = self.op_location, self.result_names
        outer = self._names, self._forward
        if ISOLATED in traits:
            self._names, self._forward = {}, {}
        self._defined, self._blocks, self._several_blocks = [], {}, False
        self._graph = GRAPH_REGION in traits
        self.enter()
        self.expect("{")
        region = self._blocks_until_brace(arguments)
        self.depth -= 1
        if SINGLE_BLOCK in traits and not region.blocks:
            region.append(Block())
        if ISOLATED in traits:
            self._check_all_defined()
        for name in self._defined:
            del self._names[name]
        if ISOLATED in traits:
            self._names, self._forward = outer
        self._defined, self._blocks, self._graph, self._several_blocks, self._op_class = saved
        self.op_location, self.result_names = place
        return region

    def _blocks_until_brace(self, arguments: Sequence[tuple[str, Type, Location]] | None) -> Region:
        region = Region()
        block: Block | None = None
        if arguments is not None:
            block = region.append(Block())
            for name, type, location in arguments:
                self._define_argument(block, name, type, location)
        text = self.text
        while True:
            if text.startswith("}", self.at):
                self.accept("}")
                break
            if text.startswith("^", self.at):
                if block is not None:
                    self._several_blocks = True
                block = self._labelled_block(region)
                continue
            if block is None:
                block = region.append(Block())
            if self.at >= len(text):
                self.fail("the region is not closed: expected '}'")
            block.append(self.operation())
        for label, successor in self._blocks.items():
            if successor.parent is None:
                self.fail(f"there is no block ^{label} in this region")
        return region

    def _block_of(self, label: str) -> Block:
        block = self._blocks.get(label)
        if block is None:
            block = self._blocks[label] = Block()
        return block

    def _labelled_block(self, region: Region) -> Block:
        match = _label(self.text, self.at)
        if match is None:
            self.expected("a label such as ^bb0")
        block = self._block_of(match[1])
        if block.parent is not None:
            self.fail(f"the block ^{match[1]} is defined twice")
        self.at = match.end()
        region.append(block)
        if self.accept("(") and not self.accept(")"):
            while True:
                name, place = self._argument_name()
                self.expect(":")
                argument = self._define_argument(block, name, self.type(), self.source.location(place), place)
                self._trailing_location(argument)
                if not self.accept(","):
                    break
            self.expect(")")
        self.expect(":")
        return block

    def _argument_name(self) -> tuple[str, int]:
        place = self.at
        name = self.operand()
        if name.index is not None:
            self.fail("the name of an argument has no number", place)
        return name.name, place

    def argument(self) -> tuple[str, Type, Location]:
        """Take ``%name: type``, for :meth:`region`."""
        name, place = self._argument_name()
        self.expect(":")
        return name, self.type(), self.source.location(place)

    def _define_argument(
        self, block: Block, name: str, type: Type, location: Location, place: int | None = None
    ) -> BlockArgument:
        argument = block.add_argument(type, location)
        self.define(name, [argument], self.at if place is None else place)
        return argument

    # -- files ---------------------------------------------------------------------------------------------------

    def file(self) -> Operation:
        """Take a whole text: aliases, operations, resources. The module around them may be left out."""
        self.resources_ahead()
        block = Block()
        text = self.text
        while self.at < len(text):
            if text.startswith(("#", "!"), self.at):
                self.alias_definition()
            elif text.startswith("{-#", self.at):
                self.resource_section()
            else:
                block.append(self.operation())
        self._check_all_defined()
        for op, alias, place in self._late_locations:
            if alias not in self.location_aliases:
                self.fail(f"unknown location '#{alias}'", place)
            op.location = self.location_aliases[alias]  # type: ignore[misc]
        first = block.first
        if first is not None and first is block.last and first.name == "builtin.module":
            first.detach()
            return first
        region = Region([block])
        return self._class_of("builtin.module", 0)((), (), {}, [region], (), self.source.location(0))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Reading makes many objects and drops few: the collector would look through them in vain, for half the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def parse_module(
    text: str | Source, context: Context = CONTEXT, filename: str = "<string>", verify: bool = True
) -> Operation:
    """Read a module. Raises :class:`irc.ir.diagnostics.Error`: the first syntax error, or all that the verifier finds.

    ``filename`` names the text in messages, unless ``text`` is a :class:`Source`, which has a name.
    """
    source = text if isinstance(text, Source) else Source(text, filename)
    parser = Parser(source, context)
    with _collector_paused():
        try:
            module = parser.file()
        except RecursionError:
            raise Error("nested too deeply for the stack that is left", parser.location) from None
    if verify:
        verify_operation(module)
    return module
