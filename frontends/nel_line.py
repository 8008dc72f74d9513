"""A line of a ``.nel`` text as tokens, and how the values in it are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irc.frontends.text import hexadecimal, shown

NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
"""A decimal number."""

_FLOAT = re.compile(NUMBER)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[:,=]|[%#].*|[^\s:,="%#]+', re.ASCII)


class BadLine(Exception):
    """What is wrong with a line, and the offset of the place; what follows on the line is not read."""

    def __init__(self, message: str, offset: int):
        super().__init__(message)
        self.message = message
        self.offset = offset


class Place(NamedTuple):
    """A number that was read (of a neuron, a parameter), and its offset."""

    number: int
    offset: int


class Line:
    """The tokens of a line, taken one after another. Every method but ``accept`` raises :class:`BadLine`."""

    def __init__(self, text: str, begin: int):
        self.tokens = [(m[0], begin + m.start()) for m in _TOKEN.finditer(text) if m[0][0] not in "%#"]
        self.at = 0
        self.end = self.tokens[-1][1] + len(self.tokens[-1][0]) if self.tokens else begin

    @property
    def next(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    @property
    def offset(self) -> int:
        """Where the next token begins, or the line ends."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else self.end

    def accept(self, text: str) -> bool:
        """Take the next token if it is this."""
        found = self.next == text
        self.at += found
        return found

    def expected(self, what: str) -> BadLine:
        """The error that ``what`` should stand here."""
        return BadLine(f"expected {what}" + (f", not {shown(self.next)}" if self.next else ""), self.offset)

    def finish(self) -> None:
        """There must be nothing left."""
        if self.next:
            raise BadLine(f"unexpected {shown(self.next)}", self.offset)

    def number(self, what: str) -> Place:
        """A hexadecimal number."""
        value, offset = hexadecimal(self.next), self.offset
        if value is None:
            raise self.expected(f"{what} (hexadecimal)")
        self.at += 1
        return Place(value, offset)

    def decimal(self, what: str) -> float:
        """A finite decimal number."""
        if not _FLOAT.fullmatch(self.next):
            raise self.expected(what)
        value = float(self.next)
        if not math.isfinite(value):
            raise BadLine(f"{what} is a finite number, not {shown(self.next)}", self.offset)
        self.at += 1
        return value

    def string(self, what: str) -> str:
        """A JSON string."""
        if not self.next.startswith('"'):
            raise self.expected(f"{what} in double quotes")
        try:
            value = json.loads(self.next, strict=False)
        except json.JSONDecodeError as error:
            at = min(error.pos, len(self.next) - 1)
            raise BadLine(f"not a string: {error.msg.lower()}", self.offset + at) from None
        self.at += 1
        return value

    def numbers(self, what: str) -> Iterator[Place]:
        """Hexadecimal numbers up to the end of the line, separated by commas or blanks."""
        while self.next:
            yield self.number(what)
            if self.accept(",") and not self.next:
                raise self.expected(f"{what} (hexadecimal) after ','")

    def keys(self, known: Sequence[str], bare: Sequence[str] = ()) -> Iterator[str]:
        """The keys of ``key=value`` up to the end of the line; whoever iterates takes the values.

        Keys in ``bare`` may stand without a value: ``next_is_value`` tells.
        """
        seen: set[str] = set()
        while self.next:
            key = self.next
            if key not in known:
                raise self.expected(f"one of {' '.join(known)}")
            if key in seen:
                raise BadLine(f"{key} is given twice", self.offset)
            seen.add(key)
            self.at += 1
            if self.next != "=" and key not in bare:
                raise self.expected(f"'=' after {key}")
            yield key
