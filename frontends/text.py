"""What the text forms share: lines with their offsets, numbers, and how a message quotes a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from irc.ir.diagnostics import fail
from irc.ir.locations import Source

BLANKS = " \t\r\f\v"
BYTE_ORDER_MARK = "\ufeff"
_HEXADECIMAL = re.compile("[0-9a-fA-F]+")


def undecodable(name: str, data: bytes, error: UnicodeDecodeError) -> NoReturn:
    """Raise the Error for a file whose bytes ``data`` are not UTF-8: it locates the first byte at fault."""
    source = Source(data.decode("utf-8", "replace"), name)
    before = data[: error.start].decode("utf-8")
    fail(f"not a text file: byte 0x{data[error.start]:02x} is not UTF-8", source.location(len(before)))


def check_text(source: Source) -> None:
    """Raise one Error, located, for a text with a NUL in it: binary data, about which more messages say nothing."""
    at = source.text.find("\0")
    if at >= 0:
        fail("not a text file: it has a NUL character", source.location(at))


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Every line: the offset at which it begins, and its text without blanks (and carriage return) at its end.

    A byte-order mark before the first line is left out.
    """
    offset = 0
    for number, line in enumerate(source.text.split("\n")):
        mark = number == 0 and line.startswith(BYTE_ORDER_MARK)
        yield offset + mark, line[mark:].rstrip(BLANKS)
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
