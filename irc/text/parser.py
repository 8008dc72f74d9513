"""Reads IR text: MLIR's generic form, and the pretty forms that the ops themselves define.

The first syntax error ends the reading. What is well-formed but wrong (types, missing attributes, dominance) is found by the
verifier afterwards, all of it together. Every op carries the place where it stands in the text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NoReturn

from irc.dialects import CONTEXT
from irc.ir.attributes import Attribute
from irc.ir.diagnostics import Diagnostic, Error
from irc.ir.dialect import Context
from irc.ir.locations import FileLocation, Location, Source
from irc.ir.operation import Block, BlockArgument, Operation, OpResult, Region, Value
from irc.ir.traits import GRAPH_REGION, ISOLATED, SINGLE_BLOCK
from irc.ir.types import Type
from irc.ir.verifier import verify as verify_operation
from irc.text.assembly import assembly_of
from irc.text.attribute_parser import AttributeParser
from irc.text.lexer import NAME, STRING, pattern

_value = pattern(rf"%({NAME})(?:#(\d{{1,9}}))?").match
_results = pattern(rf"%({NAME})(?:\s*+:\s*+(\d{{1,9}}))?").match
_label = pattern(rf"\^({NAME})").match
_quoted_name = pattern(rf"({STRING})").match
_rest_of_line = re.compile(r"([^\n{]{1,160}+)\n").match
_MAX_RESULTS = 100_000
OpClass = type[Operation]


class Unresolved:
    """A value that the text names: ``%name`` or ``%name#index``. Its type is not known yet."""

    __slots__ = ("index", "name", "offset", "source")

    def __init__(self, name: str, index: int | None, source: Source, offset: int):
        self.name = name
        self.index = index
        self.source = source
        self.offset = offset

    @property
    def location(self) -> FileLocation:
        """Where it is named."""
        return self.source.location(self.offset)

    def __str__(self) -> str:
        return f"%{self.name}" if self.index is None else f"%{self.name}#{self.index}"


class _Forward(Value):
    """Stands for a value until the text defines it."""

    __slots__ = ("used_at",)

    def __init__(self, type: Type, used_at: Unresolved):
        super().__init__(type)
        self.used_at = used_at


class Parser(AttributeParser):
    """Reads operations. ``parse`` methods of ops get one, placed behind the op's name.

    ``op_location`` is the place of the op that is being read, ``result_names`` are the names the text gives to its results.
    """

    def __init__(self, source: Source, context: Context = CONTEXT):
        super().__init__(source, context)
        self.op_location: Location = source.location(0)
        self.result_names: list[str] = []
        self._names: dict[str, list[Value]] = {}
        self._defined: list[str] = []  # the names of the current region, which end with it
        self._forward: dict[tuple[str, int], _Forward] = {}
        self._graph = True  # whether the current region is a graph
        self._several_blocks = False
        self._blocks: dict[str, Block] = {}
        self._op_class: OpClass = Operation
        self._signatures: dict[str, tuple[list[Type], list[Type]]] = {}
        self._late_locations: list[tuple[Operation | BlockArgument, str, int]] = []

    # -- values --------------------------------------------------------------------------------------------------

    def sees_operand(self) -> bool:
        """Whether a value comes next."""
        return self.text.startswith("%", self.at)

    def operand(self) -> Unresolved:
        """Take ``%name`` or ``%name#index``."""
        match = _value(self.text, self.at)
        if match is None:
            self.expected("a value such as %x")
        index = match[2]
        found = Unresolved(match[1], None if index is None else int(index), self.source, self.at)
        self.at = match.end()
        return found

    def operands(self) -> list[Unresolved]:
        """Take values with commas between, if one comes next."""
        if not self.sees_operand():
            return []
        found = [self.operand()]
        while self.accept(","):
            found.append(self.operand())
        return found

    def operands_until(self, closing: str) -> list[Unresolved]:
        """Take ``%a, %b, ... closing``."""
        found = self.operands()
        self.expect(closing)
        return found

    def resolve(self, name: Unresolved, type: Type | None = None) -> Value:
        """The value of a name. It must have ``type``, which may be None only where the value is defined already."""
        known = self._names.get(name.name)
        if known is None:
            return self._forward_value(name, type)
        index = name.index
        if index is None:
            if len(known) > 1:
                self.fail(f"%{name.name} stands for {len(known)} values; write %{name.name}#0 for the first", name.offset)
            index = 0
        elif index >= len(known):
            self.fail(f"there is no {name}: %{name.name} stands for {len(known)} values", name.offset)
        value = known[index]
        if type is not None and value.type is not type:
            note = Diagnostic(f"%{name.name} is defined here", value.location, "note")
            self.fail(f"{name} is of type {value.type}, but is used as {type}", name.offset, note)
        return value

    def resolve_all(self, names: Sequence[Unresolved], types: Sequence[Type]) -> list[Value]:
        """The values of names; their number must be that of the types."""
        if len(names) != len(types):
            place = names[0].offset if names else self.at
            self.fail(f"{len(names)} operands, but {len(types)} operand types", place)
        return [self.resolve(name, type) for name, type in zip(names, types, strict=True)]

    def _forward_value(self, name: Unresolved, type: Type | None) -> Value:
        if type is None:
            self._undefined(name, "its type cannot be told here, where it is not defined yet")
        forward = self._forward.get((name.name, name.index or 0))
        if forward is None:
            forward = self._forward[(name.name, name.index or 0)] = _Forward(type, name)
        elif forward.type is not type:
            note = Diagnostic(f"first used as {forward.type}", forward.used_at.location, "note")
            self.fail(f"{name} is used as {type} and as {forward.type}", name.offset, note)
        return forward

    def _undefined(self, name: Unresolved, why: str = "") -> NoReturn:
        near = difflib.get_close_matches(name.name[:100], list(self._names)[-1000:], 1)
        more = f"; {why}" if why else f"; did you mean '%{near[0]}'?" if near else ""
        self.fail(f"%{name.name} is not defined{more}", name.offset)

    def define(self, name: str, values: Sequence[Value], place: int) -> None:
        """Bind a name of the text, which stands at ``place``, to values."""
        if name in self._names:
            note = Diagnostic("defined here before", self._names[name][0].location, "note")
            self.fail(f"%{name} is defined twice", place, note)
        self._names[name] = list(values)
        self._defined.append(name)
        if not name.isdigit():
            for value in values[:1]:
                value.name_hint = name
        if self._forward:
            self._resolve_forward(name, values, place)

    def _resolve_forward(self, name: str, values: Sequence[Value], place: int) -> None:
        for index, value in enumerate(values):
            forward = self._forward.pop((name, index), None)
            if forward is None:
                continue
            use = forward.used_at
            note = Diagnostic("defined here", self.source.location(place), "note")
            if not self._graph and not self._several_blocks:
                self.fail(f"{use} is used before its definition", use.offset, note)
            if len(values) > 1 and use.index is None:
                self.fail(f"%{name} stands for {len(values)} values; write %{name}#0 for the first", use.offset, note)
            if forward.type is not value.type:
                self.fail(f"{use} is of type {value.type}, but is used as {forward.type}", use.offset, note)
            forward.replace_by(value)

    def _check_all_defined(self) -> None:
        for forward in self._forward.values():
            self._undefined(forward.used_at)

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
            op = parse(self)
        elif cls.assembly is not None:
            op = assembly_of(cls).parse(self)
        else:
            self.fail(f"'{name}' has no pretty form; write it in generic form: \"{name}\"(...) : (...) -> ...", place)
        if cls.spec.defaults:
            op.attributes = cls.spec.without_defaults(op.attributes)
        return op

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

    # -- regions -------------------------------------------------------------------------------------------------

    def region(self, arguments: Sequence[tuple[str, Type, Location]] | None = None) -> Region:
        """Take ``{ operations }``, a region of the op that is being read; its traits say what the region may see.

        ``arguments`` are the names, types and places of the entry block's arguments, where the op's own syntax gives them;
        with None the text may begin with a label.
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
        for name in self._defined:
            del self._names[name]
        if ISOLATED in traits:
            self._check_all_defined()
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
        self._read_resources()
        block = Block()
        text = self.text
        while self.at < len(text):
            if text.startswith(("#", "!"), self.at):
                self._alias_definition()
            elif text.startswith("{-#", self.at):
                self._resources()
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

    def _alias_definition(self) -> None:
        place = self.at
        is_type = self.text.startswith("!", place)
        self.at += 1
        name = self.keyword()
        aliases: dict = self.type_aliases if is_type else self.attribute_aliases
        if name in aliases or name in self.location_aliases:
            self.fail(f"the alias '{name}' is defined twice", place)
        if "." in name:
            self.fail("the name of an alias cannot contain a point", place)
        self.expect("=")
        if is_type:
            aliases[name] = self.type()
        elif self.sees("loc"):
            location = self.optional_location()
            if isinstance(location, str):
                self.fail(f"unknown location '#{location}'", place)
            assert location is not None
            self.location_aliases[name] = location
        else:
            aliases[name] = self.attribute()

    def _read_resources(self) -> None:
        """The data stand at the end of the text, and are wanted before."""
        if "{-#" not in self.text or "dense_resource" not in self.text:
            return
        begins = [m.start() for m in re.finditer(r"^\{-#", self.text, re.MULTILINE)]
        if begins:
            start, self.at = self.at, begins[-1]
            self._resources()
            self.at = start

    def _resources(self) -> None:
        """``{-# dialect_resources: { builtin: { name: "0x..." } } #-}``: 4 bytes of alignment, then the data."""
        self.expect("{-#")
        while not self.accept("#-}"):
            section = self.keyword()
            self.expect(":")
            self.expect("{")
            while not self.accept("}"):
                self.keyword()
                self.expect(":")
                self.expect("{")
                while not self.accept("}"):
                    name = self.string() if self.sees_string() else self.keyword()
                    self.expect(":")
                    place = self.at
                    data = self.string() if self.sees_string() else str(self.attribute())
                    if section == "dialect_resources":
                        self.resources[name] = self._blob(data, place)
                    self._separator()
                self._separator()
            self._separator()

    def _separator(self) -> None:
        if not self.accept(",") and not self.sees("}") and not self.sees("#-}"):
            self.expected("',' or '}'")

    def _blob(self, data: str, place: int) -> bytes:
        try:
            if data.startswith("0x") and len(data) >= 10:
                return bytes.fromhex(data[2:])[4:]
        except ValueError:
            pass
        self.fail("expected a string of hexadecimal digits: four bytes of alignment, then the data", place)


def parse_module(
    text: str | Source, context: Context = CONTEXT, filename: str = "<string>", verify: bool = True
) -> Operation:
    """Read a module. Raises :class:`irc.ir.diagnostics.Error`: the first syntax error, or all that the verifier finds.

    ``filename`` names the text in messages, unless ``text`` is a :class:`Source`, which has a name.
    """
    source = text if isinstance(text, Source) else Source(text, filename)
    parser = Parser(source, context)
    try:
        module = parser.file()
    except RecursionError:
        raise Error("nested too deeply for the stack that is left", parser.location) from None
    if verify:
        verify_operation(module)
    return module
