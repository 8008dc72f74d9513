"""What the text forms share: reading a file, its lines with their offsets, and how a diagnostic quotes a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from irc.ir.diagnostics import fail
from irc.ir.locations import Source

BLANKS = " \t\r\f\v"
_HEXADECIMAL = re.compile("[0-9a-fA-F]+")
_BOM = "\ufeff"


def read_source(path: str | PathLike[str]) -> Source:
    """The text of the file ``path`` (UTF-8, with or without a byte-order mark).

    Raises Error for a file that cannot be read, or that is not text (the first byte at fault is located).
    """
    name = str(path)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        fail(f"cannot read {shown(name, 200)}: {reason[:1].lower()}{reason[1:]}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        source = Source(data.decode("utf-8", "replace"), name)
        offset = len(data[: error.start].decode("utf-8"))
        fail(f"not a text file: byte 0x{data[error.start]:02x} is not UTF-8", source.location(offset))
    source = Source(text.removeprefix(_BOM), name)
    check_text(source)
    return source


def check_text(source: Source) -> None:
    """Raise one Error, located, for a text with a NUL in it: binary data, about which further messages say nothing."""
    at = source.text.find("\0")
    if at >= 0:
        fail("not a text file: it has a NUL character", source.location(at))


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Every line: the offset at which it begins, and its text without blanks (and carriage return) at its end."""
    offset = 0
    for line in source.text.split("\n"):
        yield offset, line.rstrip(BLANKS)
        offset += len(line) + 1


def hexadecimal(text: str) -> int | None:
    """The value of a hexadecimal number of any width (ASCII digits, either case), or None where it is not one."""
    return int(text, 16) if _HEXADECIMAL.fullmatch(text) else None


def shown(text: str, limit: int = 24) -> str:
    """``text`` in quotes, escaped, and shortened to ``limit`` characters: fit for a message."""
    return repr(text if len(text) <= limit else text[:limit] + "...")


def stem(source: Source, default: str = "net") -> str:
    """The name of the net in ``source``: its file's name without directory and extension."""
    if source.name.startswith("<"):
        return default
    return Path(source.name).stem or default
