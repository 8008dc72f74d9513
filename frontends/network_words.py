"""A text of networks as lines of words, with the lines that are indented under each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from irc.frontends.text import BYTE_ORDER_MARK
from irc.ir.diagnostics import Diagnostics
from irc.ir.locations import Source

_WORD = re.compile(
    r"""(?P<blank>[ \t\r\f\v]+|\#[^\n]*|\\\n)
      | (?P<end>\n)
      | (?P<number>(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?:'?[fi]\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<text>"(?:[^"\\\n]|\\.)*")
      | (?P<sign>\.\.<|\.\.|[-+*/]\.(?!\d)|[-+*/=.,:()\[\]@^])
      | (?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = frozenset("(["), frozenset(")]")
_OPEN_END = frozenset(("+", "-", "*", "/", "+.", "-.", "*.", "/.", "=", ",", ".", ".."))
"""Signs behind which a line goes on in the next; behind a comma only if that is indented further."""
_TAB = 8


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text: ``kind`` is number, name, text, sign, bad, or end (of a line)."""

    kind: str
    text: str
    offset: int


@dataclass(slots=True)
class Line:
    """The words of a line, an end behind them, how far it is indented, and the lines that are indented under it."""

    words: list[Word]
    indent: int
    below: list[Line] = field(default_factory=list)

    @property
    def first(self) -> Word:
        """The first word."""
        return self.words[0]


def read_lines(source: Source, diagnostics: Diagnostics) -> list[Line]:
    """The lines that are not indented, the others below them. Wrong indentation goes to ``diagnostics``."""
    top: list[Line] = []
    open_lines: list[Line] = []
    for line in _lines(source):
        while open_lines and open_lines[-1].indent >= line.indent:
            open_lines.pop()
        siblings = open_lines[-1].below if open_lines else top
        if siblings and siblings[0].indent != line.indent:
            message = "this line is indented less than the lines before it, but as none of those around it"
            diagnostics.error(message, source.location(line.first.offset))
            line.indent = siblings[0].indent
        siblings.append(line)
        open_lines.append(line)
    return top


def _lines(source: Source) -> list[Line]:
    """All lines that have words. One goes on where a bracket is open, at some signs, and before a dot."""
    found: list[Line] = []
    words: list[Word] = []
    begin, depth, following = 0, 0, -1
    text = source.text
    start = len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0
    for match in _WORD.finditer(text, start):
        kind = match.lastgroup
        assert kind is not None
        if kind == "blank":
            continue
        word = Word(kind, match[0], match.start())
        if kind == "end":
            if not words or depth or (words[-1].text in _OPEN_END and words[-1].text != ","):
                continue
            following = following if following >= match.end() else _next_word(text, match.end())
            if not _goes_on(text, begin, words[-1], following):
                found.append(Line([*words, word], _indent(text, begin)))
                words = []
            continue
        if not words:
            begin = match.start()
        depth = max(0, depth + (word.text in _OPENING) - (word.text in _CLOSING))
        words.append(word)
    if words:
        found.append(Line([*words, Word("end", "", len(text))], _indent(text, begin)))
    return found


def _goes_on(text: str, begin: int, last: Word, following: int) -> bool:
    """Whether a line from ``begin`` to the word ``last``, without an open bracket, goes on with the word behind it."""
    if text.startswith(".", following) and not text.startswith("..", following):
        return True
    return last.text == "," and _indent(text, following) > _indent(text, begin)


def _next_word(text: str, at: int) -> int:
    """Where the next word begins that is no end of a line; the end of the text where there is none."""
    while at < len(text):
        match = _WORD.match(text, at)
        assert match is not None  # the last alternative takes anything
        if match.lastgroup not in ("blank", "end"):
            return at
        at = match.end()
    return at


def _indent(text: str, at: int) -> int:
    """How far the character at ``at`` stands from the beginning of its line; a tab goes to the next multiple of 8."""
    column = 0
    for character in text[text.rfind("\n", 0, at) + 1 : at]:
        column = column // _TAB * _TAB + _TAB if character == "\t" else column + (character != BYTE_ORDER_MARK)
    return column
