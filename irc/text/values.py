"""The names of values in IR text: where each is bound, and uses that stand before it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NoReturn

from irc.ir.diagnostics import Diagnostic
from irc.ir.dialect import Context
from irc.ir.locations import FileLocation, Source
from irc.ir.operation import Value
from irc.ir.types import Type
from irc.text.attribute_parser import AttributeParser
from irc.text.lexer import NAME, pattern

_next_results = pattern(rf"%{NAME}(?::\d+)?(?:\s*+,\s*+%{NAME}(?::\d+)?)*+\s*+=").match
_value = pattern(rf"%({NAME})(?:#(\d{{1,9}}))?").match


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


class ValueParser(AttributeParser):
    """Reads uses of values, and knows which names are bound to what."""

    def __init__(self, source: Source, context: Context):
        super().__init__(source, context)
        self._names: dict[str, list[Value]] = {}
        self._defined: list[str] = []  # the names of the current region, which end with it
        self._forward: dict[tuple[str, int], _Forward] = {}
        self._graph = True  # whether the current region is a graph
        self._several_blocks = False

    def sees_operand(self) -> bool:
        """Whether a value comes next, and not the next op's results."""
        return self.text.startswith("%", self.at) and _next_results(self.text, self.at) is None

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
                self._ambiguous(name, len(known))
            index = 0
        elif index >= len(known):
            self.fail(f"there is no {name}: %{name.name} stands for {len(known)} values", name.offset)
        value = known[index]
        if type is not None and value.type is not type:
            note = Diagnostic(f"%{name.name} is defined here", value.location, "note")
            self.fail(f"{name} is of type {value.type}, but is used as {type}", name.offset, note)
        return value

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

    def _ambiguous(self, name: Unresolved, count: int) -> NoReturn:
        self.fail(f"{name} stands for {count} values; write {name}#0 for the first", name.offset)

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
                self._ambiguous(use, len(values))
            if forward.type is not value.type:
                self.fail(f"{use} is of type {value.type}, but is used as {forward.type}", use.offset, note)
            forward.replace_by(value)

    def _check_all_defined(self) -> None:
        for forward in self._forward.values():
            self._undefined(forward.used_at)
