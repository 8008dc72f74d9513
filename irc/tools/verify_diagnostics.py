"""Expected diagnostics in test files: ``// expected-error {{text}}``, on the line of the error.

``@+1``, ``@-2`` after the word move the line; ``@unknown`` expects an error without a place. The text in braces must
occur in the message. ``expected-warning`` and ``expected-note`` work alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from irc.ir.diagnostics import Diagnostic
from irc.ir.locations import Source

_EXPECTED = re.compile(r"expected-(error|warning|note)(?:@([+-]\d+|unknown))?\s*\{\{(.*?)\}\}")


def compare_with_expected(source: Source, found: Iterable[Diagnostic]) -> list[str]:
    """What is expected and missing, and what is found and not expected; empty where all is as it should be.

    Notes need to be expected only if the file expects any.
    """
    expected: list[tuple[str, int | None, str]] = []
    for number, content in enumerate(source.text.split("\n"), 1):
        for severity, shift, text in _EXPECTED.findall(content):
            expected.append((severity, None if shift == "unknown" else number + int(shift or 0), text))
    actual: list[tuple[str, int | None, str]] = []
    with_notes = any(severity == "note" for severity, _, _ in expected)
    for diagnostic in found:
        actual.append((diagnostic.severity, diagnostic.line, diagnostic.message))
        if with_notes:
            placed = (note for note in diagnostic.notes if note.line is not None)  # others show the ops around
            actual += [(note.severity, note.line, note.message) for note in placed]
    problems = []
    for severity, line, text in expected:
        match = next((a for a in actual if a[0] == severity and a[1] == line and text in a[2]), None)
        if match is None:
            problems.append(f"{source.name}:{line or '?'}: expected {severity} was not found: {text}")
        else:
            actual.remove(match)
    problems += [f"{source.name}:{line or '?'}: unexpected {severity}: {text}" for severity, line, text in actual]
    return problems
