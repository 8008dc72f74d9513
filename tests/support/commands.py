"""Runs command lines of our tools in-process: pipelines as RUN lines and console examples write them.

A shell costs 0.3 s a test, nearly all of it interpreter start and imports; in-process a test takes milliseconds. What
is understood is the part of the shell that such lines need: words and quotes, ``|``, ``2>&1`` and a leading ``not``.
Anything else is an error, so that no line silently means something different under lit.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TextIO

from support.filecheck import main as filecheck_main

Main = Callable[[list[str], TextIO, TextIO, TextIO], int]
"""A tool's entry: arguments (without the program's name), stdin, stdout, stderr; returns the exit code."""

TOOLS = {"irc-opt": "irc.tools.irc_opt", "irc": "irc.tools.irc"}
"""Our executables, and the modules whose ``main`` is behind them."""


class CheckFailure(AssertionError):
    """A command that failed (or, under ``not``, did not), or a test that is not sound."""


class CommandError(Exception):
    """A command line that this runner does not understand."""


@dataclass(frozen=True)
class Command:
    """One command of a pipeline: ``negated`` by ``not``, ``merge_stderr`` by ``2>&1``."""

    arguments: tuple[str, ...]
    negated: bool = False
    merge_stderr: bool = False

    @property
    def program(self) -> str:
        """The program's name."""
        return self.arguments[0]

    def __str__(self) -> str:
        return ("not " if self.negated else "") + shlex.join(self.arguments)


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code and texts (``stderr`` is empty where it was merged into ``stdout``)."""

    code: int
    stdout: str
    stderr: str


def parse_pipeline(text: str) -> list[Command]:
    """The commands of a line such as ``not irc-opt a.mlir 2>&1 | filecheck a.mlir``.

    Raises :class:`CommandError` for an unknown program and for shell syntax beyond words, ``|`` and ``2>&1``.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>()`")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError as error:
        raise CommandError(f"{error}: {text}") from None
    commands, current = [], []
    for word in [*words, "|"]:
        if word == "|":
            commands.append(_command(current, text))
            current = []
        else:
            current.append(word)
    return commands


def _command(words: list[str], text: str) -> Command:
    merge = words[-3:] == ["2", ">&", "1"]
    words = words[:-3] if merge else words
    negated = words[:1] == ["not"]
    words = words[1:] if negated else words
    if not words:
        raise CommandError(f"empty command: {text}")
    for word in words:
        if set(word) & set("|&;<>()`") == set(word):
            raise CommandError(f"shell syntax beyond words, '|' and '2>&1': {word!r} in: {text}")
    if words[0] not in (*TOOLS, "filecheck"):
        raise CommandError(f"unknown program {words[0]!r} (known: {', '.join(TOOLS)}, filecheck) in: {text}")
    return Command(tuple(words), negated, merge)


def run_command(command: Command, stdin: str = "") -> Outcome:
    """Run one command on the text ``stdin``."""
    main: Main = filecheck_main if command.program == "filecheck" else import_module(TOOLS[command.program]).main
    stdout = io.StringIO()
    stderr = stdout if command.merge_stderr else io.StringIO()
    code = main(list(command.arguments[1:]), io.StringIO(stdin), stdout, stderr)
    return Outcome(code, stdout.getvalue(), "" if command.merge_stderr else stderr.getvalue())


def run_pipeline(commands: Sequence[Command]) -> str:
    """Run the commands, each on the output of the one before, and return the last output.

    Every command must succeed (fail, under ``not``), as in a shell with ``pipefail``; else :class:`CheckFailure`, with
    what the command said and was given.
    """
    text = ""
    for command in commands:
        outcome = run_command(command, text)
        if (outcome.code != 0) != command.negated:
            report = [f"exit code {outcome.code} from: {command}", outcome.stderr]
            for what, shown in (("output", outcome.stdout), ("input", text)):
                report += [f"--- its {what} ---", shown] if shown else []
            raise CheckFailure("\n".join(report))
        text = outcome.stdout
    return text
