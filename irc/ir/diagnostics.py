"""What is wrong and where: one diagnostic class, one exception, one collector for many errors of a file."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from irc.ir.locations import UNKNOWN, Location


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: ``severity`` is "error", "warning" or "note"; notes may follow it."""

    message: str
    location: Location = UNKNOWN
    severity: str = "error"
    notes: tuple[Diagnostic, ...] = ()

    @property
    def file(self) -> str | None:
        """The file's name, or None where the place is unknown."""
        at = self.location.file_location()
        return at.file if at else None

    @property
    def line(self) -> int | None:
        """Line, from 1, or None."""
        at = self.location.file_location()
        return at.line if at else None

    @property
    def column(self) -> int | None:
        """Column, from 1, or None."""
        at = self.location.file_location()
        return at.column if at else None

    def render(self) -> str:
        """``file:line:column: severity: message``, the source line, and a caret under the place."""
        at = self.location.file_location()
        head = f"{at.file}:{at.line}:{at.column}: " if at else ""
        lines = [f"{head}{self.severity}: {self.message}"]
        text = at.source.line(at.line) if at and at.source else None
        if at and text is not None:
            shown, caret = _window(text, at.column)
            lines += [f"    {shown}", f"    {caret}"]
        lines += [note.render() for note in self.notes]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()


_WIDTH = 160


def _window(text: str, column: int) -> tuple[str, str]:
    """The part of a line around ``column`` that fits a terminal, and the caret line under it.

    Control characters become U+FFFD and tabs single blanks, so that the caret stays under its character.
    """
    start = max(0, column - 1 - _WIDTH // 2) if len(text) > _WIDTH else 0
    part = text[start : start + _WIDTH]
    shown = "".join(" " if c == "\t" else c if c.isprintable() else "\ufffd" for c in part)
    prefix = "..." if start else ""
    suffix = "..." if start + _WIDTH < len(text) else ""
    return prefix + shown + suffix, " " * (len(prefix) + column - 1 - start) + "^"


class Error(ValueError):
    """Bad input. ``diagnostics`` says what is wrong and where; ``str`` shows them all, with source lines and carets."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic] | str, location: Location = UNKNOWN):
        if isinstance(diagnostics, str):
            diagnostics = Diagnostic(diagnostics, location)
        if isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(d.render() for d in self.diagnostics))

    def __reduce__(self):
        return (type(self), (self.diagnostics,))


def counted(number: int | None, noun: str) -> str:
    """``1 input``, ``2 inputs``; an unknown number is "any number"."""
    return f"{'any number of' if number is None else number} {noun}{'' if number == 1 else 's'}"


class DiagnosticWarning(UserWarning):
    """The Python warning under which warnings of the compiler reach a caller."""


class Diagnostics:
    """Collects what a parser or a pass finds, so that all errors of a file are reported together."""

    LIMIT = 100

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def error(self, message: str, location: Location = UNKNOWN, *notes: Diagnostic) -> None:
        """Record an error. After ``LIMIT`` errors, give up and raise what there is."""
        self.found.append(Diagnostic(message, location, "error", notes))
        if len(self.found) >= self.LIMIT:
            self.found.append(Diagnostic("too many errors; stopped here", location, "note"))
            self.raise_errors()

    def warning(self, message: str, location: Location = UNKNOWN, *notes: Diagnostic) -> None:
        """Record a warning."""
        self.found.append(Diagnostic(message, location, "warning", notes))

    @property
    def has_errors(self) -> bool:
        """Whether an error was recorded."""
        return any(d.severity == "error" for d in self.found)

    def raise_errors(self) -> None:
        """Raise one :class:`Error` with all that was found, if an error is among it."""
        if self.has_errors:
            raise Error(self.found)

    def warn(self) -> None:
        """Hand the warnings to Python's ``warnings``, and forget them."""
        for diagnostic in self.found:
            if diagnostic.severity == "warning":
                warnings.warn(diagnostic.render(), DiagnosticWarning, stacklevel=3)
        self.found = [d for d in self.found if d.severity != "warning"]


def fail(message: str, location: Location = UNKNOWN, *notes: Diagnostic) -> NoReturn:
    """Raise an :class:`Error` with one diagnostic."""
    raise Error(Diagnostic(message, location, "error", notes))
