"""``irc convert``: a net in one form as a file in another, without losing anything silently."""

from __future__ import annotations

import argparse
from pathlib import Path

from irc.conversion import convert
from irc.emit.writers import WRITERS
from irc.tools.command_line import CommandParser, add_source_arguments, source_options


def add_arguments(parser: CommandParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", help="a net (.nel, .nal, .nam, .mdl, .network, .npy, .npz, .json) or IR text (.mlir)")
    parser.add_argument("output", help=f"the file to write; by its ending one of {', '.join(WRITERS)}")
    parser.add_argument("--to", metavar="FORMAT", help="write this format instead of going by the ending")
    parser.add_argument("--lossy", action="store_true", help="leave out what the format cannot hold")
    add_source_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Convert."""
    options = source_options(arguments)
    convert(Path(arguments.file), arguments.output, format=arguments.to, lossy=arguments.lossy, options=options)
