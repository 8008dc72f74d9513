"""``.nal``, neural adjacency lists: per neuron its number, function code and in-set. All numbers are hexadecimal.

    % comment, or # comment
    N 0e
    00                      an input: neither code nor in-set
    04 03 00,01             neuron 4: relu of its weighted inputs 0 and 1
    05 - 00,01              no code: identity; so is "05 00,01", told by its comma
    06 03                   a code and no in-set: the constant relu(0)

Records come in any order, one for each of 0..N-1. Commas and blanks separate the members of an in-set.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.dialects.activations import ACTIVATIONS
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph, finished
from irc.frontends.text import check_text, hexadecimal, lines, shown, stem
from irc.ir.diagnostics import Diagnostic, Diagnostics
from irc.ir.locations import Location, Source

CODES = tuple(name for _, name in sorted((a.code, a.name) for a in ACTIVATIONS.values() if a.code is not None))
"""The function of each code, 00 to 06."""

_ACTIVATIONS = tuple(Activation.parse(name) for name in CODES)
_TOKEN = re.compile(r"[^ \t\r\f\v,]+|,")
_COMMENT = re.compile("[%#]")
_SHOWN_MISSING = 5


@dataclass(slots=True)
class _Record:
    """One neuron: ``code`` is None where the record has none; the legal members and their offsets, in text order."""

    offset: int
    code: int | None
    has_in_set: bool
    members: list[int]
    member_offsets: list[int]


def parse(source: Source, *, outputs: Any = None) -> Graph:
    """The net of a ``.nal`` text; ``outputs`` (names or numbers of neurons) default to every neuron without out-edges.

    Raises Error with all that is wrong in the text: syntax, ranges, missing and duplicate records, cycles.
    """
    check_text(source)
    return finished(*_Parser(source).graph(outputs))


class _Parser:
    def __init__(self, source: Source):
        self.source = source
        self.diagnostics = Diagnostics()
        self.count: int | None = None  # N, once its line has been read
        self.header_offset: int | None = None
        self.records: dict[int, _Record] = {}

    def at(self, offset: int) -> Location:
        return self.source.location(offset)

    def error(self, message: str, offset: int) -> None:
        self.diagnostics.error(message, self.at(offset))

    def graph(self, outputs: Any) -> tuple[Graph, Any, Diagnostics]:
        """The graph, not yet validated, and the further arguments of :func:`finished`."""
        for begin, line in lines(self.source):
            comment = _COMMENT.search(line)
            tokens = [(m[0], begin + m.start()) for m in _TOKEN.finditer(line[: comment.start()] if comment else line)]
            if not tokens:
                continue
            if tokens[0][0] in ("N", "n"):
                self.header(tokens)
            else:
                self.record(tokens)
        self.check_numbers()
        return self.assembled(), outputs, self.diagnostics

    def header(self, tokens: list[tuple[str, int]]) -> None:
        """``N <count>``."""
        offset = tokens[0][1]
        if self.header_offset is not None:
            note = Diagnostic("it is given here", self.at(self.header_offset), "note")
            self.diagnostics.error("a second N line", self.at(offset), note)
            return
        if self.records:
            self.error("the N line must come before all records", offset)
        self.header_offset = offset
        if len(tokens) == 1:
            self.error("expected the number of neurons (hexadecimal) after N", offset + 1)
            return
        self.count = hexadecimal(tokens[1][0])
        if self.count is None:
            self.error(f"expected the number of neurons (hexadecimal) after N, not {shown(tokens[1][0])}", tokens[1][1])
        elif len(tokens) > 2:
            self.error(f"unexpected {shown(tokens[2][0])} after the number of neurons", tokens[2][1])

    def record(self, tokens: list[tuple[str, int]]) -> None:
        """``j``, ``j code`` or ``j [code] members``, with ``-`` for no code."""
        first, offset = tokens[0]
        number = hexadecimal(first)
        if number is None:
            self.error(f"expected the number of a neuron (hexadecimal), not {shown(first)}", offset)
            return
        code, rest = self.code(tokens[1:])
        members, member_offsets = self.members(rest)
        if number in self.records:
            note = Diagnostic("its first record", self.at(self.records[number].offset), "note")
            self.diagnostics.error(f"neuron {_short(number)} has a second record", self.at(offset), note)
        else:
            self.records[number] = _Record(offset, code, bool(rest), members, member_offsets)

    def code(self, fields: list[tuple[str, int]]) -> tuple[int | None, list[tuple[str, int]]]:
        """The code, if the first of the fields after the neuron's number is one, and the fields behind it.

        A comma right behind that field makes it the first member of an in-set.
        """
        if not fields:
            return None, fields
        text, offset = fields[0]
        if len(fields) > 1 and fields[1] == (",", offset + len(text)):
            return None, fields
        if text == "-":
            return None, fields[1:]
        code = hexadecimal(text)
        if code is None:
            self.error(f"expected a function code (hexadecimal) or '-', not {shown(text)}", offset)
        elif code >= len(CODES):
            known = ", ".join(f"{number:02x} {name}" for number, name in enumerate(CODES))
            self.error(f"unknown function code {shown(text)}; known are: {known}", offset)
            code = None
        return code, fields[1:]

    def members(self, fields: list[tuple[str, int]]) -> tuple[list[int], list[int]]:
        """The numbers of an in-set, and their offsets."""
        members: list[int] = []
        offsets: list[int] = []
        separated = False  # whether a number may not be missing: after a comma
        for text, offset in fields:
            if text == ",":
                if separated or not members:
                    self.error("expected the number of a neuron before ','", offset)
                separated = True
                continue
            separated = False
            member = hexadecimal(text)
            if member is None:
                self.error(f"expected the number of a neuron (hexadecimal), not {shown(text)}", offset)
            else:
                members.append(member)
                offsets.append(offset)
        if separated and members:
            self.error("expected the number of a neuron after ','", fields[-1][1] + 1)
        return members, offsets

    def check_numbers(self) -> None:
        """Records and members against N. Never works in proportion to N, which is only what the text claims."""
        if self.header_offset is None:
            start = min((record.offset for record in self.records.values()), default=0)
            self.error("expected a line 'N <number of neurons>' before all records", start)
        if self.count is None or self.header_offset is None:
            return
        if self.count == 0:
            self.error("a net needs at least one neuron", self.header_offset)
        declared = f"N is {_short(self.count)}" + (f" ({self.count})" if 9 < self.count < 2**64 else "")
        reach = declared + (f", so the last neuron is {_short(self.count - 1)}" if self.count else "")
        for number, record in self.records.items():
            if number >= self.count:
                self.error(f"neuron {_short(number)} is out of range: {reach}", record.offset)
            for member, offset in zip(record.members, record.member_offsets, strict=True):
                if member >= self.count:
                    self.error(f"neuron {_short(member)} is out of range: {reach}", offset)
        present = sum(number < self.count for number in self.records)
        if present < self.count:
            missing = (number for number in itertools.count() if number not in self.records)
            some = [_short(next(missing)) for _ in range(min(_SHOWN_MISSING, self.count - present))]
            more = ", ..." if self.count - present > len(some) else ""
            self.error(
                f"{declared}, but {present} neurons have a record; missing: {', '.join(some)}{more}",
                self.header_offset,
            )

    def assembled(self) -> Graph:
        """The graph of all records that there are, so that its own errors are reported beside those found so far.

        Neurons without a record leave no gap: where there is an error, only names need to be right.
        """
        numbers = sorted(self.records)
        complete = numbers == list(range(len(numbers)))
        position = {number: place for place, number in enumerate(numbers)}
        count = len(numbers)
        sources: list[int] = []
        offsets: list[int] = []
        fan_in = np.zeros(count, dtype=np.int64)
        codes = np.zeros(count, dtype=np.int64)
        is_input = np.zeros(count, dtype=bool)
        neuron_offsets = np.zeros(count, dtype=np.int64)
        for place, number in enumerate(numbers):
            record = self.records[number]
            members = zip(record.members, record.member_offsets, strict=True)
            known = [(position[member], offset) for member, offset in members if member in position]
            sources += [member for member, _ in known]
            offsets += [offset for _, offset in known]
            fan_in[place] = len(known)
            codes[place] = record.code or 0
            is_input[place] = record.code is None and not record.has_in_set
            neuron_offsets[place] = record.offset
            if record.code is not None and not record.has_in_set:
                name = CODES[record.code]
                self.diagnostics.warning(
                    f"neuron {_short(number)} has a function and no in-set: it is the constant {name}(0), not an input",
                    self.at(record.offset),
                )
        return Graph.from_edges(
            count,
            np.array(sources, dtype=np.int64),
            np.repeat(np.arange(count), fan_in),
            activations=_ACTIVATIONS,
            activation=codes,
            is_input=is_input,
            name=stem(self.source),
            labels=None if complete else tuple(f"n{_short(number)}" for number in numbers),
            origin=self.source,
            neuron_offsets=neuron_offsets,
            edge_offsets=np.array(offsets, dtype=np.int64),
        )


def _short(number: int) -> str:
    """A number as the text writes it: two hexadecimal digits or more, shortened where there are very many."""
    digits = f"{number:02x}"
    return digits if len(digits) <= 16 else f"{digits[:8]}...{digits[-4:]} ({len(digits)} digits)"
