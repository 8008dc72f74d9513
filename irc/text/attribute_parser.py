"""Reads types, attributes and locations: MLIR's builtin ones, those of the dialects, and aliases of them.

Texts that were read once are remembered, since programs repeat few types and attributes.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from math import isinf
from typing import TypeVar

import numpy as np

from irc.ir.attributes import (
    UNIT,
    ArrayAttr,
    Attribute,
    DenseArrayAttr,
    DenseAttr,
    DictAttr,
    FloatAttr,
    StringAttr,
    SymbolRefAttr,
)
from irc.ir.dialect import Context
from irc.ir.locations import UNKNOWN, FileLocation, Location, NameLocation, Source
from irc.ir.types import SCALARS, FunctionType, ScalarType, ShapedType, TensorType, Type, VectorType, f64, i64
from irc.text.dense import float_of_bits, from_bytes, integer_of, parse_elements, parse_number
from irc.text.lexer import NUMBER, STRING, WORD, Cursor, pattern
from irc.text.shapes import parse_shape

# One level of nested angle brackets is in all types of ours, and the body must not run into another line.
_type_text = pattern(rf"(!?{WORD}(?:<(?:[^<>\n]++|<[^<>\n]*+>)*+>)?)").match
_flat_dict = pattern(r"(\{[^{}\"/\n]*+\})").match
_alias = pattern(rf"([#!])({WORD})").match
_signed = pattern(rf"(-?)({NUMBER})").match
_key = pattern(rf"(?:({WORD}|\d++)|({STRING}))").match
_blob = pattern(rf"(?:({WORD})|({STRING}))").match
T = TypeVar("T")
AttributeClass = type[Attribute]
_SHAPED: dict[str, type[ShapedType]] = {"tensor": TensorType, "vector": VectorType}


class AttributeParser(Cursor):
    """A cursor that reads types and attributes."""

    def __init__(self, source: Source, context: Context):
        super().__init__(source)
        self.context = context
        self.attribute_aliases: dict[str, Attribute] = {}
        self.type_aliases: dict[str, Type] = {}
        self.location_aliases: dict[str, Location] = {}
        self.resources: dict[str, bytes] = {}
        self._types: dict[str, Type] = dict(SCALARS)
        self._dicts: dict[str, dict[str, Attribute]] = {}

    # -- types ---------------------------------------------------------------------------------------------------

    def type(self) -> Type:
        """Take a type."""
        match = _type_text(self.text, self.at)
        if match is not None:
            known = self._types.get(match[1])
            if known is not None:
                self.at = match.end()
                return known
        start = self.at
        found = self._type()
        if match is not None and match.end() == self.at:
            self._types[match[1]] = found
        elif match is None and not self.text.startswith("(", start):
            self._types[self.text[start : self.at].strip()] = found
        return found

    def _type(self) -> Type:
        if self.sees("("):
            return self.function_type()
        place = self.at
        match = _alias(self.text, self.at)
        if match is not None and match[1] == "!":
            self.at = match.end()
            return self._dialect_type(match[2], place)
        word = self.optional_keyword()
        if word in SCALARS:
            return SCALARS[word]
        if word in _SHAPED:
            body, offset = self.bracketed("<", ">")
            return self.checked(lambda: _SHAPED[word](*self._shape(body)), offset)
        if word is None:
            self.expected("a type")
        self.fail(f"unknown type '{word}'; builtin types are {', '.join([*SCALARS, *_SHAPED])}", place)

    def _shape(self, body: str) -> tuple:
        shape, element = parse_shape(body)
        if not isinstance(element, ScalarType):
            raise ValueError(f"elements cannot be of type {element}")
        return shape, element

    def _dialect_type(self, name: str, place: int) -> Type:
        if name in self.type_aliases:
            return self.type_aliases[name]
        cls = self.context.type(name)
        if cls is None:
            self.fail(f"unknown type '!{name}'{self._hint(name, 'types', self.type_aliases)}", place)
        body, offset = self.bracketed("<", ">") if self.sees("<") else ("", place)
        return self.checked(lambda: cls.parse_body(body), offset)  # type: ignore[return-value]

    def _hint(self, name: str, kind: str, aliases: dict) -> str:
        dialect = self.context.dialect(name.partition(".")[0])
        known = [*aliases, *(cls.name for cls in getattr(dialect, kind, ()))]
        near = difflib.get_close_matches(name[:100], known, 1)
        return f"; did you mean '{near[0]}'?" if near else ""

    def checked(self, make: Callable[[], T], place: int) -> T:
        """What ``make`` gives; its ValueError becomes an error at ``place``."""
        try:
            return make()
        except ValueError as error:
            self.fail(str(error), self.skip(place))

    def types_until(self, closing: str) -> list[Type]:
        """Take ``type, type, ... closing``."""
        if self.accept(closing):
            return []
        types = [self.type()]
        while self.accept(","):
            types.append(self.type())
        self.expect(closing)
        return types

    def results(self) -> list[Type]:
        """Take the types behind ``->``: one, or several in round brackets."""
        return self.types_until(")") if self.accept("(") else [self.type()]

    def function_type(self) -> FunctionType:
        """Take ``(inputs) -> results``."""
        self.enter()
        self.expect("(")
        inputs = self.types_until(")")
        self.expect("->")
        results = self.results()
        self.depth -= 1
        return FunctionType(inputs, results)

    # -- attributes ----------------------------------------------------------------------------------------------

    def attribute(self) -> Attribute:
        """Take an attribute; a type is one too."""
        start = self.text[self.at : self.at + 1]
        if start == "-" or start.isdigit():
            return self._number()
        if start == '"':
            return StringAttr(self.string())
        if start == "@":
            return SymbolRefAttr(self.symbol_name())
        if start == "#":
            return self._named()
        if start in "[{" and start:
            self.enter()
            nested = self._array() if start == "[" else DictAttr(self.attr_dict())
            self.depth -= 1
            return nested
        for word, read in _KEYWORDS.items():
            if self.accept(word):
                return read(self)
        if not start.isalpha() and start not in ("!", "(", "_"):
            self.expected("an attribute")
        return self.type()

    def _number(self) -> Attribute:
        place = self.at
        match = _signed(self.text, self.at)
        if match is None:
            self.expected("a number")
        self.at = match.end()
        digits = match[2]
        value = self.number_value(digits, place)
        signed = -value if match[1] else value
        type = self.type() if self.accept(":") else f64 if isinstance(value, float) else i64
        if not isinstance(type, ScalarType):
            self.fail(f"a number cannot be of type {type}", place)
        if not type.is_float:
            if isinstance(value, float):
                self.fail(f"{match[1]}{digits} is no integer, but its type is {type}", place)
            return self.checked(lambda: integer_of(signed, type), place)  # type: ignore[arg-type]
        if isinstance(value, float):
            with np.errstate(over="ignore"):
                if isinf(type.round(signed)):
                    self.fail(f"{match[1]}{digits} is too large for {type}", place)
            return FloatAttr(signed, type)
        if not digits.startswith("0x") or match[1]:
            self.fail(f"a number of type {type} needs a point: {match[1]}{digits}.0", place)
        return FloatAttr(self.checked(lambda: float_of_bits(value, type), place), type)

    def _array(self) -> ArrayAttr:
        self.expect("[")
        values: list[Attribute] = []
        if not self.accept("]"):
            values.append(self.attribute())
            while self.accept(","):
                values.append(self.attribute())
            self.expect("]")
        return ArrayAttr(values)

    def _named(self) -> Attribute:
        place = self.at
        match = _alias(self.text, self.at)
        if match is None:
            self.expected("an attribute")
        self.at = match.end()
        name = match[2]
        if name in self.attribute_aliases:
            return self.attribute_aliases[name]
        cls = self.context.attribute(name)
        if cls is None:
            self.fail(f"unknown attribute '#{name}'{self._hint(name, 'attributes', self.attribute_aliases)}", place)
        return self.attribute_body(cls, place) if self.sees("<") else self.checked(lambda: cls.parse_body(""), place)

    def attribute_body(self, cls: AttributeClass, place: int | None = None) -> Attribute:
        """Take ``<...>``, the body of a dialect attribute of a known class."""
        body, offset = self.bracketed("<", ">")
        return self.checked(lambda: cls.parse_body(body), offset)

    def _dense_array(self) -> Attribute:
        body, offset = self.bracketed("<", ">")
        name, colon, numbers = body.partition(":")
        element = SCALARS.get(name.strip())
        if element is None:
            self.fail(f"unknown element type '{name.strip()[:40]}'", offset)
        texts = [part.strip() for part in numbers.split(",")] if numbers.strip() else []
        if colon and not texts:
            self.fail("expected numbers behind the colon", offset)

        def values() -> list:
            stored = (parse_number(text, element) for text in texts)
            return [element.from_storage(v) for v in stored] if element.is_float else list(stored)

        return DenseArrayAttr(self.checked(values, offset), element)

    def _dense(self) -> DenseAttr:
        body, offset = self.bracketed("<", ">")
        self.expect(":")
        type = self._shaped()
        return self.checked(lambda: parse_elements(body, type), offset)

    def _shaped(self) -> ShapedType:
        place = self.at
        type = self.type()
        if not isinstance(type, (TensorType, VectorType)):
            self.fail(f"elements are of a tensor or a vector, not of {type}", place)
        return type

    def _dense_resource(self) -> DenseAttr:
        place = self.at
        self.expect("<")
        match = _blob(self.text, self.at)
        if match is None:
            self.expected("the name of a resource")
        name = match[1] or match[2][1:-1]
        self.at = match.end()
        self.expect(">")
        self.expect(":")
        type = self._shaped()
        if name == "__elided__":
            self.fail("the data were left out of this text; print it without --elide", place)
        if name not in self.resources:
            self.fail(f"the text has no resource '{name}'", place)
        return self.checked(lambda: from_bytes(self.resources[name], type), place)

    def attr_dict(self) -> dict[str, Attribute]:
        """Take ``{name = attribute, ...}`` if it comes next; else there are no attributes."""
        flat = _flat_dict(self.text, self.at)
        if flat is not None:
            known = self._dicts.get(flat[1])
            if known is not None:
                self.at = flat.end()
                return dict(known)
        elif not self.accept("{"):
            return {}
        if flat is not None:
            self.expect("{")
        entries: dict[str, Attribute] = {}
        if not self.accept("}"):
            self._entry(entries)
            while self.accept(","):
                self._entry(entries)
            self.expect("}")
        if flat is not None and flat.end() == self.at:
            self._dicts[flat[1]] = dict(entries)
        return entries

    def _entry(self, entries: dict[str, Attribute]) -> None:
        place = self.at
        match = _key(self.text, self.at)
        if match is None:
            self.expected("the name of an attribute")
        name = match[1] or self.string()
        if match[1]:
            self.at = match.end()
        if name in entries:
            self.fail(f"the attribute '{name}' is given twice", place)
        if not name:
            self.fail("the name of an attribute is empty", place)
        entries[name] = self.attribute() if self.accept("=") else UNIT

    # -- locations -----------------------------------------------------------------------------------------------

    def optional_location(self) -> Location | str | None:
        """Take ``loc(...)`` if it comes next. An alias that is not known yet (they may follow) is given as its name."""
        if not self.accept("loc"):
            return None
        self.expect("(")
        match = _alias(self.text, self.at)
        if match is not None and match[1] == "#" and match[2] not in self.location_aliases:
            self.at = match.end()
            self.expect(")")
            return match[2]
        found = self._location()
        self.expect(")")
        return found

    def _location(self) -> Location:
        """The text inside ``loc(...)``. Of a fused location the first part counts, of a call site the callee."""
        self.enter()
        found = self._location_body()
        self.depth -= 1
        return found

    def _location_body(self) -> Location:
        match = _alias(self.text, self.at)
        if match is not None and match[1] == "#":
            if match[2] not in self.location_aliases:
                self.fail(f"unknown location '#{match[2]}'")
            self.at = match.end()
            return self.location_aliases[match[2]]
        if self.accept("unknown"):
            return UNKNOWN
        if self.accept("fused"):
            if self.sees("<"):
                self.bracketed("<", ">")
            self.expect("[")
            parts = [self._location()]
            while self.accept(","):
                parts.append(self._location())
            self.expect("]")
            return parts[0]
        if self.accept("callsite"):
            self.expect("(")
            callee = self._location()
            self.expect("at")
            self._location()
            self.expect(")")
            return callee
        name = self.string() if self.sees_string() else self.expected("a location")
        if self.accept(":"):
            line = self.integer()
            self.expect(":")
            return FileLocation(name, line, self.integer())
        if self.accept("("):
            child = self._location()
            self.expect(")")
            return NameLocation(name, child)
        return NameLocation(name)


def _constant(value: bool) -> Callable[[AttributeParser], Attribute]:
    attribute = integer_of(int(value), SCALARS["i1"])
    return lambda parser: attribute


_KEYWORDS: dict[str, Callable[[AttributeParser], Attribute]] = {
    "true": _constant(True),
    "false": _constant(False),
    "unit": lambda parser: UNIT,
    "dense": AttributeParser._dense,
    "array": AttributeParser._dense_array,
    "dense_resource": AttributeParser._dense_resource,
}
