"""Where a thing came from: the file, line and column that every op and every diagnostic carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from irc.ir.attributes import quote


class Source:
    """A text and its name. Knows its lines, so that a diagnostic can show the one at fault.

    ``name`` is a path, or a bracketed label such as ``<string>`` for text that has no file.
    """

    __slots__ = ("_starts", "name", "text")

    def __init__(self, text: str, name: str = "<string>"):
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def line_starts(self) -> list[int]:
        """Offsets at which the lines begin."""
        if self._starts is None:
            starts = [0]
            find, at = self.text.find, 0
            while (at := find("\n", at) + 1) > 0:
                starts.append(at)
            self._starts = starts
        return self._starts

    def line(self, number: int) -> str | None:
        """The text of line ``number`` (from 1), without its end, or None where there is no such line."""
        starts = self.line_starts()
        if not 1 <= number <= len(starts):
            return None
        begin = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[begin:end].rstrip("\r")

    def location(self, offset: int) -> FileLocation:
        """The location of the character at ``offset``."""
        from bisect import bisect_right

        starts = self.line_starts()
        line = bisect_right(starts, offset)
        return FileLocation(self.name, line, offset - starts[line - 1] + 1, self)


@dataclass(frozen=True, slots=True)
class Location:
    """The unknown location, and the base of the known ones. Text form: ``loc(unknown)``."""

    def file_location(self) -> FileLocation | None:
        """The innermost file position, if there is one."""
        return None

    def body(self) -> str:
        """The text between the brackets of ``loc(...)``."""
        return "unknown"

    def __str__(self) -> str:
        return f"loc({self.body()})"


@dataclass(frozen=True, slots=True)
class FileLocation(Location):
    """A position in a text: line and column count from 1. ``source`` is the text itself, where it is at hand."""

    file: str = ""
    line: int = 0
    column: int = 0
    source: Source | None = field(default=None, compare=False, repr=False)

    def file_location(self) -> FileLocation:
        return self

    def body(self) -> str:
        return f"{quote(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class NameLocation(Location):
    """A name (a neuron's, a layer's) and where it stands."""

    name: str = ""
    child: Location = field(default_factory=Location)

    def file_location(self) -> FileLocation | None:
        return self.child.file_location()

    def body(self) -> str:
        inner = self.child.body()
        return quote(self.name) if inner == "unknown" else f"{quote(self.name)}({inner})"


UNKNOWN = Location()


def name_of(location: Location) -> str | None:
    """The name a location carries (of a neuron or a layer), or None."""
    return location.name if isinstance(location, NameLocation) else None
