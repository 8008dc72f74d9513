"""``irc cache``: where native code is kept between processes, and how much of it; and to throw it away."""

from __future__ import annotations

import argparse
from typing import TextIO

from irc.backend.object_cache import ObjectCache, user_directory
from irc.ir.diagnostics import fail
from irc.tools.command_line import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """The command's arguments."""
    parser.add_argument("--directory", metavar="DIRECTORY", help="another cache than the user's own")
    parser.add_argument("--clear", action="store_true", help="remove all entries")


def run(arguments: argparse.Namespace, stdout: TextIO) -> None:
    """Show the cache, or clear it. Raises :class:`irc.Error` where there can be none."""
    directory = arguments.directory or user_directory()
    if directory is None:
        fail("this user has no home directory, so there is no cache")
    cache = ObjectCache(directory)
    if arguments.clear:
        stdout.write(f"{cache.directory}\n  removed: {cache.clear()}\n")
        return
    entries, size = cache.size()
    stdout.write(f"{cache.directory}\n  entries: {entries}\n  bytes: {size} of at most {cache.limit}\n")
