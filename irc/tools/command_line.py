"""What the commands share: options that say how a source is read, exit statuses, warnings on standard error."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TextIO

from irc.frontends.mdl import WIDTHS
from irc.frontends.sources import MODEL_FRONTENDS, TEXT_FRONTENDS, SourceOptions
from irc.ir.diagnostics import DiagnosticWarning, Error
from irc.passes.pipelines import PIPELINES


class Misuse(Exception):
    """The command line cannot be understood."""


class _Help(Exception):
    """Help was asked for, and is the message."""


class CommandParser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{self.format_usage()}{self.prog}: {message}\n")

    def print_help(self, file: Any = None) -> None:
        raise _Help(self.format_help())


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say how a source file is to be read."""
    group = parser.add_argument_group("source")
    formats = ", ".join([*TEXT_FRONTENDS, *MODEL_FRONTENDS, "mlir"])
    group.add_argument("--format", help=f"read a text as this ({formats}) instead of going by its name and contents")
    group.add_argument("--dtype", default="float32", choices=("float32", "float64"), help="type of the net's numbers")
    group.add_argument("--act", metavar="NAME", help="activation of a matrix's neurons (default: relu)")
    group.add_argument("--out-act", metavar="NAME", help="activation of a matrix's output neurons")
    group.add_argument(
        "--outputs", metavar="A,B", help="the neurons that are outputs (default: all that feed no other)"
    )
    group.add_argument("--widths", choices=WIDTHS, help="merges of two widths in a model (default: equal)")
    group.add_argument("--strict", action="store_true", help="a branch of a model that reaches no output is an error")


def add_structure_argument(parser: argparse.ArgumentParser) -> None:
    """The option that chooses among the default pipelines."""
    what = "the graph as data, its dense blocks as layers, or each neuron as code (default: data)"
    parser.add_argument("--structure", default="data", choices=tuple(PIPELINES), help=what)


def source_keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_source_arguments` collected, as keyword arguments of :func:`irc.compile`."""
    outputs = tuple(arguments.outputs.split(",")) if arguments.outputs else None
    return {
        "format": arguments.format,
        "dtype": arguments.dtype,
        "act": arguments.act,
        "out_act": arguments.out_act,
        "outputs": outputs,
        "widths": arguments.widths,
        "strict": arguments.strict,
    }


def source_options(arguments: argparse.Namespace) -> SourceOptions:
    """The same as an object."""
    return SourceOptions(**source_keywords(arguments))


def run_command(
    parser: CommandParser,
    argv: Sequence[str],
    stdout: TextIO,
    stderr: TextIO,
    command: Callable[[argparse.Namespace], int],
) -> int:
    """Parse, run, and turn what goes wrong into text on ``stderr`` and an exit status: 1 a diagnostic, 2 misuse."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DiagnosticWarning)
        warnings.showwarning = lambda message, *_, **__: stderr.write(f"{message}\n")  # type: ignore[assignment]
        try:
            return command(parser.parse_args(argv))
        except _Help as text:
            stdout.write(str(text))
            return 0
        except Misuse as misuse:
            stderr.write(str(misuse))
            return 2
        except Error as error:
            stderr.write(f"{error}\n")
            return 1
        except MemoryError as error:
            stderr.write(f"error: there is not enough memory: {error}\n")
            return 1


def run_console(main: Callable[[Sequence[str], TextIO, TextIO, TextIO], int]) -> int:
    """A command on the streams of the process; returns the exit status. Who reads the output may leave before its end,
    as ``head`` does, and Ctrl-C may end the command: neither is a reason for a traceback.
    """
    try:
        status = main(sys.argv[1:], sys.stdin, sys.stdout, sys.stderr)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return 0
    except KeyboardInterrupt:
        return 130
