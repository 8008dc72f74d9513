"""``irc``: run a net on data, show what it is made of, or convert it to another form.

    irc run nn00.nal --input "1,2,3,4"
    irc show nn00.nal --svg nn00.svg
    irc convert nn00.nal nn00.nel
    irc profile nn00.nal --batch 1000 --backward
    irc cache --clear

Exit status: 0, 1 on a diagnostic, 2 on misuse.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import TextIO

import numpy as np

from irc.compiler import compile
from irc.files import write_atomically
from irc.frontends.sources import read_source
from irc.ir.diagnostics import Error, fail
from irc.ir.locations import Source
from irc.model import Net
from irc.recurrence import ROWS
from irc.tools import cache, convert, profile
from irc.tools.command_line import (
    CommandParser,
    add_source_arguments,
    add_structure_argument,
    run_command,
    run_console,
    source_keywords,
)
from irc.tools.report import report


def _parser() -> CommandParser:
    parser = CommandParser(prog="irc", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=CommandParser)
    numbers = 'numbers: a .npy, .csv or .txt file, - for standard input, or rows such as "1,2,3;4,5,6"'

    run = commands.add_parser("run", help="run a net, forward or backward, on data")
    run.add_argument("file", help="a net (.nel, .nal, .nam, .mdl, .network, .npy, .npz, .json) or IR text (.mlir)")
    run.add_argument("--input", action="append", required=True, metavar="X", help=f"{numbers}; once for each input")
    run.add_argument("--params", metavar="P", help=f"the flat parameter vector, as {numbers}")
    run.add_argument("--vjp", metavar="DY", help=f"also the gradients, for this gradient of the output; {numbers}")
    run.add_argument("--seed", type=int, default=0, help="of parameters that the file leaves open")
    run.add_argument("--rows", default="steps", choices=ROWS, help="of a recurrent net: steps, or streams at each step")
    run.add_argument("-o", "--output", metavar="FILE", help="write the output to a .npy, .csv or .txt file")
    add_structure_argument(run)
    add_source_arguments(run)

    show = commands.add_parser("show", help="sizes, levels, and the graph as a picture")
    show.add_argument("file", help="a net (.nel, .nal, .nam, .mdl, .network, .npy, .npz, .json) or IR text (.mlir)")
    show.add_argument("--svg", metavar="FILE", help="draw the graph into this file")
    show.add_argument("--seed", type=int, default=0, help="of parameters that the file leaves open")
    add_structure_argument(show)
    add_source_arguments(show)

    convert.add_arguments(commands.add_parser("convert", help="write a net in another form"))
    profile.add_arguments(commands.add_parser("profile", help="the time of each kernel, and the machine's limits"))
    cache.add_arguments(commands.add_parser("cache", help="the user's cache of native code: show it, clear it"))
    return parser


def _read_numbers(text: str, stdin: TextIO, what: str) -> np.ndarray:
    """Numbers from a file, standard input, or the command line itself; always a matrix."""
    try:
        if text == "-":
            return _rows(stdin.read(), "<stdin>")
        suffix = Path(text).suffix.lower()
        if suffix == ".npy":
            with open(text, "rb") as file:
                return np.load(file, allow_pickle=False)
        if suffix in (".csv", ".txt"):
            return _rows(read_source(text).text, text)
        return _rows(text.replace(";", "\n"), f"<{what}>")
    except OSError as error:
        fail(f"cannot read '{text}': {error.strerror or error}")
    except (ValueError, EOFError) as error:
        if isinstance(error, Error):
            raise
        fail(f"'{text}' is not a NumPy array file: {error}")


def _rows(text: str, name: str) -> np.ndarray:
    """Rows of numbers, separated by commas or blanks."""
    source = Source(text, name)
    rows: list[list[float]] = []
    offset = 0
    for line in text.split("\n"):
        content = line.split("#")[0].replace(",", " ")
        row: list[float] = []
        for word in content.split():
            try:
                row.append(float(word))
            except ValueError:
                fail(f"expected a number, got '{word}'", source.location(offset + line.find(word)))
        if row and rows and len(row) != len(rows[0]):
            fail(f"this row has {len(row)} numbers, the first has {len(rows[0])}", source.location(offset))
        if row:
            rows.append(row)
        offset += len(line) + 1
    if not rows:
        fail("there are no numbers", source.location(0))
    return np.array(rows)


def _samples(rows: np.ndarray, shape: Sequence[int | None]) -> np.ndarray:
    """Rows of numbers as samples of this shape, where one size at most follows from the rows; else as they are."""
    sizes = [-1 if size is None else size for size in shape[1:]]
    known = prod(size for size in sizes if size >= 0)
    if rows.ndim != 2 or len(sizes) < 2 or sizes.count(-1) > 1 or not known:
        return rows
    left_over = rows.shape[1] % known if -1 in sizes else rows.shape[1] - known
    return rows if left_over else rows.reshape(len(rows), *sizes)


def _format(array: np.ndarray) -> str:
    digits = 17 if array.dtype == np.float64 else 9
    rows = np.atleast_2d(array) if array.size else array.reshape(0, 1)
    return "".join(",".join(f"{v:.{digits}g}" for v in row.reshape(-1)) + "\n" for row in rows)


def _write(path: str, array: np.ndarray) -> None:
    if path.lower().endswith(".npy"):
        buffer = io.BytesIO()
        np.save(buffer, array)
        write_atomically(path, buffer.getvalue())
    elif path.lower().endswith((".csv", ".txt")):
        write_atomically(path, _format(array))
    else:
        fail(f"cannot tell the format of '{path}'; use .npy, .csv or .txt")


def _compile(arguments: argparse.Namespace) -> Net:
    keywords = source_keywords(arguments)
    return compile(Path(arguments.file), structure=arguments.structure, seed=arguments.seed, **keywords)


def _run(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> None:
    with _compile(arguments) as net:
        if arguments.params:
            net.params.flat = _read_numbers(arguments.params, stdin, "params").reshape(-1)
        inputs = [_read_numbers(text, stdin, "input") for text in arguments.input]
        over_time = net.has_state or arguments.rows == "streams"
        if not over_time and len(inputs) == len(net.forward.shapes):
            inputs = [_samples(rows, shape) for rows, shape in zip(inputs, net.forward.shapes, strict=True)]
        if arguments.vjp is None:
            y = net.run(*inputs, rows=arguments.rows)
            results = y if isinstance(y, tuple) else (y,)
        else:
            dy = _read_numbers(arguments.vjp, stdin, "vjp")
            if not over_time:
                dy = _samples(dy, net.forward.known_shape(net.forward.signature.outputs()[0]))
            y, gradients = net.vjp(inputs[0] if len(inputs) == 1 else tuple(inputs), dy, rows=arguments.rows)
            results = y if isinstance(y, tuple) else (y,)
        if arguments.output:
            _write(arguments.output, results[0])
        else:
            stdout.writelines(_format(result) for result in results)
        if arguments.vjp is not None:
            for name in gradients.params:
                stdout.write(f"D{name} = {_format(np.asarray(gradients.params[name]))}")


def _show(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> None:
    with _compile(arguments) as net:
        stdout.write(report(net))
        if arguments.svg:
            write_atomically(arguments.svg, net.svg())


def _convert(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> None:
    convert.run(arguments)


def _profile(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> None:
    profile.run(arguments, stdout)


def _cache(arguments: argparse.Namespace, stdin: TextIO, stdout: TextIO) -> None:
    cache.run(arguments, stdout)


_COMMANDS: dict[str, Callable[[argparse.Namespace, TextIO, TextIO], None]] = {
    "run": _run,
    "show": _show,
    "convert": _convert,
    "profile": _profile,
    "cache": _cache,
}


def main(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Run the command with these streams; returns the exit status."""

    def command(arguments: argparse.Namespace) -> int:
        _COMMANDS[arguments.command](arguments, stdin, stdout)
        return 0

    return run_command(_parser(), argv, stdout, stderr, command)


def main_cli() -> int:
    """The console script."""
    return run_console(main)


if __name__ == "__main__":
    sys.exit(main_cli())
