"""Pretty forms that an op class describes by a format, as in MLIR's declarative assembly.

    assembly = "$lhs `,` $rhs attr-dict `:` type($sum)"

``$field`` is an operand (a variadic one: any number, with commas), an attribute or a region; ``type($field)`` the types
of operands or results; `` `text` `` a literal; ``attr-dict`` the attributes that are not mentioned; ``operands`` all
operands, ``functional-type(operands, results)`` all types. ``( ... )?`` is there when its first field is (``^`` behind
the field is allowed, as in MLIR): a variadic operand that is not empty, an attribute that is present and not its
default. A unit attribute prints as nothing: its literal says it. A dialect attribute behind the empty literal is only
its body: ``fastmath<contract>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from irc.ir.attributes import UNIT, Attribute, DenseArrayAttr, StringAttr, SymbolRefAttr, UnitAttr
from irc.ir.operation import Operation, Region, Value
from irc.ir.spec import SEGMENTS, AttributeField, OperandField, RegionField, ResultField
from irc.ir.traits import SAME_TYPE
from irc.ir.types import Type, i32

if TYPE_CHECKING:
    from irc.text.parser import Parser
    from irc.text.printer import Printer
    from irc.text.values import Unresolved

_TOKEN = re.compile(
    r"\s*(?:`(?P<literal>[^`]*)`|\$(?P<field>\w+)\^?|(?P<functional>functional-type\(operands, results\))"
    r"|type\(\$?(?P<type>\w+)\)|(?P<dict>attr-dict)|(?P<operands>operands)|(?P<open>\()|(?P<close>\)\?))"
)
_TIGHT = frozenset("<>(){}[],")


class _State:
    """What the text of one op has given so far."""

    __slots__ = ("attributes", "fields", "functional", "names", "regions", "types")

    def __init__(self) -> None:
        self.fields: dict[str, list[Unresolved]] = {}
        self.names: list[Unresolved] | None = None
        self.types: dict[str, list[Type]] = {}
        self.functional: tuple[Sequence[Type], Sequence[Type]] | None = None
        self.attributes: dict[str, Attribute] = {}
        self.regions: dict[str, Region] = {}


class _Element:
    """A part of a format."""

    def parse(self, parser: Parser, state: _State) -> None:
        """Read the part."""
        raise NotImplementedError

    def print(self, printer: Printer, op: Operation) -> None:
        """Write the part."""
        raise NotImplementedError

    def begins(self, parser: Parser) -> bool:
        """Whether the text goes on with this part."""
        raise NotImplementedError

    def present(self, op: Operation) -> bool:
        """Whether there is something to write."""
        return True

    def piece(self) -> str | Callable[[Printer, Operation], str] | None:
        """What the part always writes, or a function that gives it; None where it is not that simple."""
        return None


class _Literal(_Element):
    def __init__(self, text: str):
        self.text = text
        self.loose = text[0] not in _TIGHT or text == "{"

    def parse(self, parser, state):
        parser.expect(self.text)

    def print(self, printer, op):
        if self.loose:
            printer.space()
        printer.write(self.text)

    def piece(self):
        return f" {self.text}" if self.loose else self.text

    def begins(self, parser):
        return parser.sees(self.text)


class _Operand(_Element):
    def __init__(self, field: OperandField, cls: type[Operation]):
        self.field = field
        self.name = field.name
        self.index = None if any(f.variadic for f in cls.spec.operands) else field.index

    def parse(self, parser, state):
        state.fields[self.name] = parser.operands() if self.field.variadic else [parser.operand()]

    def print(self, printer, op):
        value = getattr(op, self.name)
        if not self.field.variadic:
            printer.space()
            printer.value(value)
        elif value:
            printer.space()
            printer.values(value)

    def piece(self):
        index = self.index
        return None if index is None else lambda printer, op: f" {printer.name_of(op._operands[index])}"

    def begins(self, parser):
        return parser.sees_operand()

    def present(self, op):
        return not self.field.variadic or bool(getattr(op, self.name))


class _Operands(_Element):
    def parse(self, parser, state):
        state.names = parser.operands()

    def print(self, printer, op):
        if op._operands:
            printer.space()
            printer.values(op._operands)

    def begins(self, parser):
        return parser.sees_operand()

    def present(self, op):
        return bool(op._operands)


class _Attribute(_Element):
    def __init__(self, field: AttributeField, glued: bool):
        self.field = field
        self.name = field.name
        kind = field.kind
        self.bare = glued and isinstance(kind, type) and bool(kind.name) and not issubclass(kind, Type)

    def parse(self, parser, state):
        kind = self.field.kind
        if self.name in state.attributes:
            parser.fail(f"the attribute '{self.name}' is given twice")
        if kind is UnitAttr:
            value: Attribute = UNIT
        elif kind is StringAttr:
            value = StringAttr(parser.string())
        elif kind is SymbolRefAttr:
            value = SymbolRefAttr(parser.symbol_name())
        elif self.bare and parser.sees("<"):
            value = parser.attribute_body(kind)
        else:
            value = parser.attribute()
        state.attributes[self.name] = value

    def print(self, printer, op):
        value = getattr(op, self.name)
        if value is None or value is UNIT:
            return
        if self.bare:
            printer.write(f"<{value.body(printer.form)}>")
        else:
            printer.space()
            printer.attribute(value)

    def begins(self, parser):
        start = {SymbolRefAttr: "@", StringAttr: '"'}.get(self.field.kind)  # type: ignore[arg-type]
        return start is not None and parser.text.startswith(start, parser.at)

    def present(self, op):
        value = op.attributes.get(self.name)
        return value is not None and value is not self.field.default


class _Region(_Element):
    def __init__(self, field: RegionField):
        self.field = field

    def parse(self, parser, state):
        state.regions[self.field.name] = parser.region()

    def print(self, printer, op):
        printer.region(getattr(op, self.field.name))

    def begins(self, parser):
        return parser.sees("{")


class _TypeOf(_Element):
    def __init__(self, name: str, field: OperandField | ResultField | None, cls: type[Operation]):
        self.name = name
        self.variadic = field is None or field.variadic
        self.operand = isinstance(field, OperandField)
        fields: Sequence[Any] = cls.spec.operands if self.operand else cls.spec.results
        self.index = None if field is None or any(f.variadic for f in fields) else field.index

    def parse(self, parser, state):
        types = [parser.type()]
        while self.variadic and parser.accept(","):
            types.append(parser.type())
        state.types[self.name] = types

    def print(self, printer, op):
        values = self.values(op)
        if values:
            printer.space()
            printer.types([v.type for v in values])

    def values(self, op: Operation) -> Sequence[Value]:
        """The values whose types are meant."""
        if self.name == "operands":
            return op._operands
        if self.name == "results":
            return op.results
        values = getattr(op, self.name)
        return values if self.variadic else (values,)

    def present(self, op):
        return bool(self.values(op))

    def piece(self):
        index = self.index
        if index is None:
            return None
        if self.operand:
            return lambda printer, op: f" {printer.text_of(op._operands[index].type)}"
        return lambda printer, op: f" {printer.text_of(op.results[index].type)}"

    def begins(self, parser):
        return not parser.sees(")")


class _FunctionalType(_Element):
    def parse(self, parser, state):
        parsed = parser.function_type()
        state.functional = (parsed.inputs, parsed.results)

    def print(self, printer, op):
        printer.space()
        printer.function_type([v.type for v in op._operands], [r.type for r in op.results])

    def begins(self, parser):
        return parser.sees("(")


class _AttrDict(_Element):
    def __init__(self) -> None:
        self.elsewhere: tuple[str, ...] = ()

    def parse(self, parser, state):
        place = parser.at
        for name, value in parser.attr_dict().items():
            if name in state.attributes:
                parser.fail(f"the attribute '{name}' is given twice", place)
            state.attributes[name] = value

    def print(self, printer, op):
        if op.attributes:
            printer.attr_dict(op, self.elsewhere)

    def piece(self):
        return lambda printer, op: f" {text}" if (text := printer.attr_dict_text(op, self.elsewhere)) else ""

    def begins(self, parser):
        return parser.sees("{")


class _Group(_Element):
    def __init__(self, elements: Sequence[_Element]):
        self.elements = elements
        self.anchor = next(e for e in elements if not isinstance(e, _Literal))

    def parse(self, parser, state):
        if self.elements[0].begins(parser):
            for element in self.elements:
                element.parse(parser, state)

    def print(self, printer, op):
        if self.anchor.present(op):
            for element in self.elements:
                element.print(printer, op)


class Assembly:
    """The compiled format of one op class."""

    def __init__(self, cls: type[Operation]):
        assert cls.assembly is not None
        self.cls = cls
        self.start = f"{cls.name} "
        self.fields: dict[str, Any] = {
            **{f.name: f for f in (*cls.spec.operands, *cls.spec.results, *cls.spec.regions)},
            **cls.spec.attributes,
        }
        self.elements = self._compile(cls.assembly)
        self.template, self.pieces = self._template()
        self.same_type = SAME_TYPE in cls.traits

    def _compile(self, text: str) -> list[_Element]:
        stack: list[list[_Element]] = [[]]
        mentioned = [SEGMENTS]
        dictionary = None
        glued = False
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise TypeError(f"{self.cls.name}: cannot read the format at '{text[at:]}'")
            at = match.end()
            kind = match.lastgroup
            if kind == "literal" and not match["literal"]:
                glued = True
                continue
            if kind == "open":
                stack.append([])
                continue
            if kind == "close":
                group = _Group(stack.pop())
                stack[-1].append(group)
                continue
            if kind == "field" and isinstance(self.fields.get(match["field"]), AttributeField):
                mentioned.append(match["field"])
            element = self._element(match, glued)
            if isinstance(element, _AttrDict):
                dictionary = element
            stack[-1].append(element)
            glued = False
        if dictionary is not None:
            dictionary.elsewhere = tuple(mentioned)
        (elements,) = stack
        return elements

    def _template(self) -> tuple[str | None, list[Callable[[Printer, Operation], str]]]:
        """The whole format as one template, if no part of it is optional or varies in number: most ops, and fastest."""
        template = self.cls.name
        pieces: list[Callable[[Printer, Operation], str]] = []
        for element in self.elements:
            piece = element.piece()
            if piece is None or template.endswith(("(", "[", "<", "{")):
                return None, []
            if isinstance(piece, str):
                template += piece.replace("%", "%%")
            else:
                template += "%s"
                pieces.append(piece)
        return template, pieces

    def _element(self, match: re.Match[str], glued: bool) -> _Element:
        kind = match.lastgroup
        if kind == "literal":
            return _Literal(match["literal"].strip())
        if kind == "functional":
            return _FunctionalType()
        if kind == "dict":
            return _AttrDict()
        if kind == "operands":
            return _Operands()
        name = match[kind or 0]
        if kind == "type" and name in ("operands", "results"):
            return _TypeOf(name, None, self.cls)
        field = self.fields.get(name)
        if field is None:
            raise TypeError(f"{self.cls.name}: the format names '{name}', which is no field")
        if kind == "type":
            return _TypeOf(name, field, self.cls)
        if isinstance(field, OperandField):
            return _Operand(field, self.cls)
        if isinstance(field, AttributeField):
            return _Attribute(field, glued)
        if isinstance(field, RegionField):
            return _Region(field)
        raise TypeError(f"{self.cls.name}: '{name}' is a result; the format may only give its type")

    # -- printing ------------------------------------------------------------------------------------------------

    def print(self, printer: Printer, op: Operation) -> None:
        """Write the op: its name, then the format."""
        if self.template is not None:
            printer.write(self.template % tuple([piece(printer, op) for piece in self.pieces]))
            return
        printer.write(self.start)
        for element in self.elements:
            element.print(printer, op)
        parts = printer.parts
        if parts[-1] is self.start:
            parts[-1] = self.cls.name

    # -- parsing -------------------------------------------------------------------------------------------------

    def parse(self, parser: Parser) -> Operation:
        """Read what follows the op's name, and make the op."""
        location = parser.op_location
        state = _State()
        for element in self.elements:
            element.parse(parser, state)
        spec = self.cls.spec
        if state.names is not None:
            names = state.names
        elif len(spec.operands) == 1:
            names = state.fields.get(spec.operands[0].name, [])
        else:
            names = [name for field in spec.operands for name in state.fields.get(field.name, ())]
        operands = self._operands(parser, state, names)
        attributes = state.attributes
        if spec.segmented and SEGMENTS not in attributes:
            sizes = [len(state.fields.get(field.name, ())) for field in spec.operands]
            attributes[SEGMENTS] = DenseArrayAttr(sizes, i32)
        results = self._results(parser, state, operands)
        regions = [state.regions.get(field.name) or Region() for field in spec.regions]
        return self.cls(operands, results, attributes, regions, (), location)

    def _operands(self, parser: Parser, state: _State, names: list[Unresolved]) -> list[Value]:
        types = self._operand_types(state, len(names))
        if types is None:
            return [parser.resolve(name) for name in names]
        if len(types) != len(names):
            place = names[0].offset if names else None
            parser.fail(f"'{self.cls.name}' has {len(names)} operands, but {len(types)} operand types", place)
        return [parser.resolve(name, type) for name, type in zip(names, types, strict=True)]

    def _operand_types(self, state: _State, count: int) -> Sequence[Type] | list[Type | None] | None:
        """The types that the text gives, None for each (or altogether) where the values must tell."""
        if state.functional is not None:
            return state.functional[0]
        given = state.types
        if "operands" in given:
            return given["operands"]
        if self.same_type and given:
            (first, *_) = next(iter(given.values()))
            return [first] * count
        fields = self.cls.spec.operands
        if not any(field.name in given for field in fields):
            return None
        types: list[Type | None] = []
        for field in fields:
            known = given.get(field.name)
            types += known if known is not None else [None] * len(state.fields.get(field.name, ()))
        return types

    def _results(self, parser: Parser, state: _State, operands: list[Value]) -> Sequence[Type]:
        spec = self.cls.spec
        if state.functional is not None:
            return state.functional[1]
        given = state.types
        if "results" in given:
            return given["results"]
        if not spec.results:
            return ()
        if any(field.name in given for field in spec.results):
            return [type for field in spec.results for type in given.get(field.name, ())]
        if self.same_type and given:
            (first, *_) = next(iter(given.values()))
            return [first] * len(spec.results)
        if not spec.infers:
            if all(field.variadic for field in spec.results):
                return ()
            parser.fail(f"'{self.cls.name}': the types of the results are missing", parser.op_location)
        return parser.infer(self.cls, [v.type for v in operands], state.attributes)


_compiled: dict[type[Operation], Assembly] = {}


def assembly_of(cls: type[Operation]) -> Assembly:
    """The compiled format of an op class that has one."""
    found = _compiled.get(cls)
    if found is None:
        found = _compiled[cls] = Assembly(cls)
    return found
