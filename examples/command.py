"""What the command lines of the examples share: numbers and files are looked at before anything is learnt."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import irc

PICTURES = (".pdf", ".png", ".svg")


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows the text of an example as it stands, and takes no option but in full."""
    raw = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=raw, allow_abbrev=False)


def positive(text: str) -> int:
    """An integer from 1 on."""
    return _integer(text, 1)


def natural(text: str) -> int:
    """An integer from 0 on."""
    return _integer(text, 0)


def figure(text: str) -> str:
    """A file for a picture, which can be drawn and written."""
    path = Path(text)
    if path.suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"'{text}' must end in one of {', '.join(PICTURES)}")
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' cannot be written: there is no directory '{path.parent}'")
    if find_spec("matplotlib") is None:
        raise argparse.ArgumentTypeError("a picture needs matplotlib: pip install 'irc-compiler[train]'")
    return text


def _integer(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number < 2**31:
        raise argparse.ArgumentTypeError(f"must be an integer from {least} on, not '{text}'")
    return number


@contextmanager
def errors_end(parser: argparse.ArgumentParser) -> Iterator[None]:
    """What is wrong with a file or net ends the process: its message, and the exit status 2."""
    try:
        yield
    except irc.Error as error:
        parser.exit(2, f"{error}\n")
