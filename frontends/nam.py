"""``.nam``, neural adjacency matrices of 0 and 1: row = source, column = target, an empty column is an input.

Three layouts, told apart by their looks:

    0011         plain          abcd       letters        nnnn      digits: column labels are read
    0011                       a0011                    i:0011      downwards, rows are label|bits
    0000                       b0011                    j:0101
    0000                       c0000                   -------
                               d0000                   n00|0011  ...

Blank lines, code fences, rules (of ``-`` or ``=``) and lines that begin with ``#`` or ``%`` do not count.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.frontends.graph import Graph, raise_in_order
from irc.frontends.ndarray import matrix_graph
from irc.frontends.text import BLANKS, check_text, lines, shown, stem
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.locations import Source

_SKIPPED = re.compile(r"[ \t\r\f\v]*(?:|[#%].*|```.*|[-=]+)")
_NOT_A_BIT = re.compile("[^01]")


@dataclass(slots=True)
class _Row:
    """A row of the matrix: its label (None in the plain layout), its bits, and where both begin in the text."""

    label: str | None
    bits: str
    offset: int
    bits_offset: int


def parse(source: Source, *, act: Any = "relu", out_act: Any = None, outputs: Any = None) -> Graph:
    """The net of a ``.nam`` text in any of its layouts.

    ``act`` is the activation of all neurons but inputs, ``out_act`` that of outputs, if another; ``outputs`` are names
    or numbers of neurons (None: every neuron without out-edges).
    Raises Error with all that is wrong in the text: characters, widths, labels, cycles.
    """
    check_text(source)
    diagnostics = Diagnostics()
    kept = [(offset, line) for offset, line in lines(source) if not _SKIPPED.fullmatch(line)]
    if not kept:
        fail("the file is empty: expected an adjacency matrix, rows of 0 and 1", source.location(0))
    if any("|" in line for _, line in kept):
        rows = _digit_rows(kept, source, diagnostics)
    elif kept[0][1].strip(BLANKS).isalpha():
        rows = _letter_rows(kept, source, diagnostics)
    else:
        rows = [_Row(None, bits, at, at) for bits, at in (_stripped(line, offset) for offset, line in kept)]
    matrix = _matrix(rows, source, diagnostics)
    target, edge_source = np.nonzero(matrix.T)
    bits_offsets = np.array([row.bits_offset for row in rows], dtype=np.int64)
    return matrix_graph(
        len(rows),
        edge_source,
        target,
        act,
        out_act,
        outputs,
        diagnostics,
        name=stem(source),
        labels=None if rows[0].label is None else tuple(row.label or "" for row in rows),
        origin=source,
        neuron_offsets=np.array([row.offset for row in rows], dtype=np.int64),
        edge_offsets=bits_offsets[edge_source] + target,
    )


def _stripped(line: str, offset: int) -> tuple[str, int]:
    """A line without the blanks before it, and where it begins then."""
    text = line.lstrip(BLANKS)
    return text, offset + len(line) - len(text)


def _letter_rows(kept: list[tuple[int, str]], source: Source, diagnostics: Diagnostics) -> list[_Row]:
    """A header of N letters, then rows of one letter and N bits."""
    header, header_offset = _stripped(kept[0][1], kept[0][0])
    rows = []
    for number, (offset, line) in enumerate(kept[1:]):
        text, at = _stripped(line, offset)
        if number < len(header) and text[0] != header[number]:
            message = f"row label {shown(text[0])} does not match column label {shown(header[number])}"
            diagnostics.error(message, source.location(at))
        rows.append(_Row(text[0], text[1:], at, at + 1))
    if len(rows) != len(header):
        message = f"the header has {len(header)} labels, but {len(rows)} rows follow"
        diagnostics.error(message, source.location(header_offset))
    if not rows:
        diagnostics.raise_errors()
    return rows


def _digit_rows(kept: list[tuple[int, str]], source: Source, diagnostics: Diagnostics) -> list[_Row]:
    """Optional header lines, whose columns read downwards are labels, then rows ``label|bits``."""
    header: list[tuple[int, str]] = []
    rows: list[_Row] = []
    for offset, line in kept:
        label, bar, bits = line.partition("|")
        if bar:
            text, at = _stripped(label, offset)
            rows.append(_Row(text.rstrip(BLANKS), bits, at, offset + len(label) + 1))
        elif rows:
            diagnostics.error("expected a row: label|bits", source.location(_stripped(line, offset)[1]))
        else:
            header.append((offset, line))
    if header:
        _check_header(header, rows, kept, source, diagnostics)
    return rows


def _check_header(
    header: list[tuple[int, str]],
    rows: list[_Row],
    kept: list[tuple[int, str]],
    source: Source,
    diagnostics: Diagnostics,
) -> None:
    """The labels of columns must be those of rows, in order. Columns begin where the bits of the first row do."""
    start = rows[0].bits_offset - kept[len(header)][0]
    width = max(len(line) for _, line in header) - start
    if width != len(rows):
        message = f"the header has {max(width, 0)} columns, but there are {len(rows)} rows"
        diagnostics.error(message, source.location(header[0][0]))
        return
    for column, row in enumerate(rows):
        letters = [line[start + column : start + column + 1] for _, line in header]
        label = "".join(letter or " " for letter in letters).strip(BLANKS)
        if label != row.label:
            message = f"row label {shown(row.label or '')} does not match column label {shown(label)}, read downwards"
            diagnostics.error(message, source.location(row.offset))


def _matrix(rows: list[_Row], source: Source, diagnostics: Diagnostics) -> np.ndarray:
    """The bits, N x N (bool). A wrong character counts as 0, so that checks go on; a wrong shape raises Error."""
    for row in rows:
        for match in _NOT_A_BIT.finditer(row.bits):
            message = f"expected 0 or 1, not {shown(match[0])}"
            diagnostics.error(message, source.location(row.bits_offset + match.start()))
    widths = [len(row.bits) for row in rows]
    times = Counter(widths)
    usual = max(times, key=lambda width: (times[width], width == len(rows)))
    for row, width in zip(rows, widths, strict=True):
        if width != usual:
            message = f"ragged matrix: this row has {width} columns, others have {usual}"
            diagnostics.error(message, source.location(row.bits_offset))
    if usual != len(rows):
        message = f"the matrix is not square: {len(rows)} rows, {usual} columns"
        diagnostics.error(message, source.location(rows[0].offset))
    if set(widths) != {len(rows)}:
        raise_in_order(diagnostics)
    text = "".join(row.bits for row in rows).encode("ascii", "replace")
    return (np.frombuffer(text, dtype=np.uint8) == ord("1")).reshape(len(rows), len(rows))
