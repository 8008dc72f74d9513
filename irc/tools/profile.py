"""``irc profile``: the time of each kernel of a net, and how far it is from what the machine can do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

from irc.compiler import compile
from irc.profile import profile
from irc.tools.command_line import CommandParser, add_source_arguments, add_structure_argument, source_keywords


def add_arguments(parser: CommandParser) -> None:
    """The command's arguments."""
    parser.add_argument("file", help="a net (.nel, .nal, .nam, .mdl, .network, .npy, .npz, .json) or IR text (.mlir)")
    parser.add_argument("--batch", type=int, default=64, metavar="N", help="samples of a call (default: 64)")
    parser.add_argument("--backward", action="store_true", help="value and gradients instead of the value")
    parser.add_argument("--entry", metavar="NAME", help="the function of an IR module (default: main, or the only one)")
    parser.add_argument("--target", metavar="NAME", help="a target that runs here, instead of this machine")
    add_structure_argument(parser)
    add_source_arguments(parser)


def run(arguments: argparse.Namespace, stdout: TextIO) -> None:
    """Measure, and print the table."""
    options = {**source_keywords(arguments), "entry": arguments.entry, "target": arguments.target}
    with compile(Path(arguments.file), structure=arguments.structure, **options) as net:
        stdout.write(profile(net, arguments.batch, arguments.backward).to_text())
