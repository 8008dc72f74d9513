"""The tree of a text of networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from irc.frontends.network_words import Word


@dataclass(frozen=True, slots=True)
class Number:
    """A number; an integer where it is written as one."""

    value: int | float
    word: Word


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes."""

    value: str
    word: Word


@dataclass(frozen=True, slots=True)
class Name:
    """A name of anything."""

    word: Word


@dataclass(frozen=True, slots=True)
class Sequence:
    """``(a, b)`` or ``[a, b]``."""

    items: tuple[Any, ...]
    word: Word


@dataclass(frozen=True, slots=True)
class Call:
    """A step of a chain: ``(a, b, key = c)``."""

    arguments: tuple[Any, ...]
    named: tuple[tuple[Word, Any], ...]
    word: Word


@dataclass(frozen=True, slots=True)
class Dot:
    """A step of a chain: ``.name``."""

    word: Word


@dataclass(frozen=True, slots=True)
class Index:
    """A step of a chain: ``[a, _, 0..3]``."""

    parts: tuple[Any, ...]
    word: Word


@dataclass(frozen=True, slots=True)
class Range:
    """``a..b``, ``a..<b`` or ``a:b`` in an index; None where an end is left out. ``inclusive``: b belongs to it."""

    begin: Any | None
    end: Any | None
    inclusive: bool
    word: Word


@dataclass(frozen=True, slots=True)
class Chain:
    """A value, and what is done to it step by step."""

    head: Any
    steps: tuple[Call | Dot | Index, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Values joined by operations of one precedence, from left to right."""

    first: Any
    rest: tuple[tuple[Word, Any], ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """``-a``."""

    value: Any
    word: Word


@dataclass(frozen=True, slots=True)
class Assignment:
    """``a = value``, or ``(a, (b, c)) = value``, by a name or names in brackets; without them an expression alone."""

    target: Name | Sequence | None
    value: Any
    word: Word


@dataclass(frozen=True, slots=True)
class Declared:
    """A layer: its name, and the call that makes it."""

    name: Word
    made: Any


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter of ``layers``, an argument of ``forward``, or an input, with its default value or shape."""

    name: Word
    value: Any | None


@dataclass(slots=True)
class Network:
    """One network. ``inputs``: None where nothing is said of them; a nameless one is the only input."""

    name: Word
    inputs: list[Given] | None = None
    parameters: tuple[Given, ...] = ()
    layers: tuple[Declared, ...] = ()
    arguments: tuple[Given, ...] = ()
    body: tuple[Assignment, ...] = ()
    sections: dict[str, Word] | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A text: constants, then networks, each in order."""

    constants: tuple[Assignment, ...]
    networks: tuple[Network, ...]
