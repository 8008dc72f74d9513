"""The words of IR text: a cursor that reads them one after another, and says what it met where it meets something else.

There is no token list. Each kind of word is one regular expression that also takes the blanks and comments behind it,
so the cursor always stands at the beginning of a word. Quantifiers are possessive: time is linear in any text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NoReturn

from irc.ir.attributes import unescape
from irc.ir.diagnostics import Diagnostic, Error
from irc.ir.locations import FileLocation, Location, Source

SKIP = r"\s*+(?://[^\n]*+\s*+)*+"
"""Blanks and comments."""
NAME = r"(?:\d++|[A-Za-z_$.-][\w$.-]*+)"
"""What follows ``%`` or ``^``."""
WORD = r"[A-Za-z_][\w$.]*+"
STRING = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
NUMBER = r"0x[0-9A-Fa-f]++|\d++(?:\.\d*+(?:[eE][-+]?\d++)?|[eE][-+]?\d++)?"

LIMIT = 100
"""How deep regions, attributes and types may nest in each other: Python's stack must hold the parser's frames."""


def pattern(text: str) -> re.Pattern[str]:
    """A word's expression, with what to skip behind it."""
    return re.compile(text + SKIP, re.ASCII)


_skip = pattern("").match
_word = pattern(f"({WORD})").match
_string = pattern(f"({STRING})").match
_number = pattern(f"(-?)({NUMBER})").match
_symbol = pattern(f"@(?:({WORD})|({STRING}))").match
_any = re.compile(rf"[%^]{NAME}|[@#!]?{WORD}|{STRING}|{NUMBER}|->|::|.", re.ASCII | re.DOTALL).match
_SHOWN = 40


@cache
def _literal(text: str):
    """The matcher of a fixed word or sign; a word must end where it ends."""
    end = r"(?![\w$])" if re.fullmatch(r"\w", text[-1], re.ASCII) else "(?!:)" if text == ":" else ""
    return pattern(re.escape(text) + end).match


class Cursor:
    """A place in a text. ``at`` is the offset of the next word."""

    def __init__(self, source: Source):
        self.source = source
        self.text = source.text
        self.depth = 0
        self.at = self.skip(self.text.startswith("\ufeff"))  # behind a byte-order mark

    def skip(self, offset: int) -> int:
        """The offset of the first word at or behind ``offset``."""
        match = _skip(self.text, offset)
        assert match is not None
        return match.end()

    @property
    def location(self) -> FileLocation:
        """Where the next word stands."""
        return self.source.location(self.at)

    def fail(self, message: str, location: Location | int | None = None, *notes: Diagnostic) -> NoReturn:
        """Raise an :class:`Error` at a location or offset, at the next word by default."""
        if location is None:
            location = self.at
        place = self.source.location(location) if isinstance(location, int) else location
        raise Error(Diagnostic(message, place, "error", notes))

    def next_word(self) -> str:
        """The next word as a message shows it."""
        match = _any(self.text, self.at)
        if match is None:
            return "the end of the text"
        shown = match.group()
        return f"'{shown[:_SHOWN]}...'" if len(shown) > _SHOWN else f"'{shown}'" if shown.isprintable() else repr(shown)

    def expected(self, what: str) -> NoReturn:
        """Raise: something else than ``what`` stands here."""
        self.fail(f"expected {what}, got {self.next_word()}")

    def enter(self) -> None:
        """Count one level of nesting; an error if that is too deep."""
        self.depth += 1
        if self.depth > LIMIT:
            self.fail(f"nested more than {LIMIT} levels deep")

    def sees(self, text: str) -> bool:
        """Whether this word or sign comes next."""
        return _literal(text)(self.text, self.at) is not None

    def accept(self, text: str) -> bool:
        """Take this word or sign if it comes next."""
        match = _literal(text)(self.text, self.at)
        if match is None:
            return False
        self.at = match.end()
        return True

    accept_keyword = accept

    def expect(self, text: str) -> None:
        """Take this word or sign; an error if it does not come next."""
        match = _literal(text)(self.text, self.at)
        if match is None:
            self.expected(f"'{text}'")
        self.at = match.end()

    def optional_keyword(self) -> str | None:
        """Take an identifier, which may contain dots, if one comes next."""
        match = _word(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[1]

    def keyword(self) -> str:
        """Take an identifier."""
        return self.optional_keyword() or self.expected("a name")

    def number(self) -> int | float:
        """Take a number: an int where it has no point and no exponent."""
        match = _number(self.text, self.at)
        if match is None:
            self.expected("a number")
        value = self.number_value(match[2], self.at)
        self.at = match.end()
        return -value if match[1] else value

    def number_value(self, digits: str, place: int) -> int | float:
        """What unsigned digits mean; ``place`` is where they stand."""
        if digits.startswith("0x"):
            return int(digits, 16)
        if not digits.isdigit():
            value = float(digits)
            if value == float("inf"):
                self.fail("the number is too large for a float", place)
            return value
        if len(digits) > 40:
            self.fail("the number is too large for an integer", place)
        return int(digits)

    def integer(self) -> int:
        """Take an integer."""
        place = self.at
        value = self.number()
        if not isinstance(value, int):
            self.fail(f"expected an integer, got {value}", place)
        return value

    def sees_string(self) -> bool:
        """Whether a string literal comes next."""
        return self.text.startswith('"', self.at)

    def string(self) -> str:
        """Take a string literal; its contents."""
        match = _string(self.text, self.at)
        if match is None:
            if self.sees_string():
                self.fail("the string is not closed on its line")
            self.expected("a string")
        place = self.at
        self.at = match.end()
        return self._unescape(match[1][1:-1], place)

    def _unescape(self, text: str, place: int) -> str:
        try:
            return unescape(text)
        except ValueError as error:
            self.fail(str(error), place)

    def symbol_name(self) -> str:
        """Take ``@name``; the name."""
        match = _symbol(self.text, self.at)
        if match is None:
            self.expected("a symbol such as @main")
        place = self.at
        self.at = match.end()
        if self.text.startswith("::", self.at):
            self.fail("nested symbol references are not supported: symbols stand directly in the module")
        return match[1] or self._unescape(match[2][1:-1], place + 1)

    def bracketed(self, opening: str, closing: str) -> tuple[str, int]:
        """Take ``opening ... closing`` with balanced brackets between; the text between, and its offset.

        Brackets inside string literals do not count, nor does the ``>`` of ``->``.
        """
        if not self.text.startswith(opening, self.at):
            self.expected(f"'{opening}'")
        start = self.at + len(opening)
        expected = [closing]
        for match in _BRACKETS.finditer(self.text, start):
            found = match.group()
            if found in _CLOSING:
                expected.append(_CLOSING[found])
                if len(expected) > LIMIT:
                    self.fail(f"nested more than {LIMIT} levels deep", match.start())
            elif found in ">)]}":
                if found != expected[-1]:
                    self.fail(f"expected '{expected[-1]}', got '{found}'", match.start())
                expected.pop()
                if not expected:
                    self.at = self.skip(match.end())
                    return self.text[start : match.start()], start
        self.fail(f"there is no '{closing}' for this '{opening}'", self.at)


_CLOSING = {"<": ">", "(": ")", "[": "]", "{": "}"}
_BRACKETS = re.compile(rf"{STRING}|->|[<>()\[\]{{}}]")
