"""IR tests: files whose ``RUN:`` lines say what to run, and whose ``CHECK`` lines say what must come out.

    // RUN: irc-opt %s -p cse | filecheck %s
    // CHECK-LABEL: func.func @twice

lit runs the same files unchanged, with the real executables (tests/lit.cfg.py). Substitutions: ``%s`` the file, ``%S``
its directory, ``%t`` a scratch file of this test, ``%%`` a percent sign. A RUN line that ends in
a backslash goes on in the next.
"""

from __future__ import annotations

import re
from pathlib import Path

from support.commands import CheckFailure, Command, CommandError, parse_pipeline, run_pipeline
from support.filecheck import lint, options_of

RUN = re.compile(r"\bRUN:[ \t]*(.*?)[ \t]*$")
SELF_CHECKING = {"--verify-diagnostics", "--check", "--check-grad"}
"""Options of irc-opt by which a command fails when something is wrong, without FileCheck."""


class HarnessError(CheckFailure):
    """A test that cannot check what it seems to check: no RUN line, a misspelt directive, unknown shell syntax."""


def run_lines(text: str) -> list[str]:
    """The RUN lines of a file, continuation lines joined."""
    lines: list[str] = []
    going_on = False
    for line in text.splitlines():
        if not (found := RUN.search(line)):
            continue
        part = found[1].removesuffix("\\").rstrip()
        if going_on:
            lines[-1] = f"{lines[-1]} {part}"
        else:
            lines.append(part)
        going_on = found[1].endswith("\\")
    if going_on:
        raise HarnessError("the last RUN line ends in a backslash")
    return lines


def is_data(path: Path) -> bool:
    """Whether a file below tests/filecheck is not a test: what tests read lies in directories ``Inputs``."""
    return "Inputs" in path.parts or path.name.startswith(".") or path.suffix in (".py", ".pyc")


def run_file(path: Path, scratch: Path) -> None:
    """Run a test file in-process. ``scratch`` is an empty directory for ``%t``.

    Raises :class:`CheckFailure` when a command fails, :class:`HarnessError` when the file is no sound test.
    """
    path = path.resolve()
    text = path.read_text(encoding="utf-8")
    lines = run_lines(text)
    if not lines:
        raise HarnessError(f"{path}: no RUN line (files that tests read belong into a directory Inputs)")
    values = {"%s": str(path), "%S": str(path.parent), "%t": str(scratch / f"{path.name}.tmp"), "%%": "%"}
    try:
        pipelines = [parse_pipeline(re.sub("%[sSt%]", lambda m: values[m[0]], line)) for line in lines]
    except CommandError as error:
        raise HarnessError(f"{path}: {error}") from None
    _lint_file(path, text, pipelines)
    for pipeline in pipelines:
        run_pipeline(pipeline)


def _lint_file(path: Path, text: str, pipelines: list[list[Command]]) -> None:
    prefixes: dict[Path, set[str]] = {path: set()}
    for command in (command for pipeline in pipelines for command in pipeline):
        if command.program == "filecheck":
            options = options_of(list(command.arguments[1:]))
            prefixes.setdefault(Path(options.match_filename).resolve(), set()).update(options.check_prefixes)
    problems = lint(text, prefixes.pop(path), str(path))
    for other, used in prefixes.items():
        problems += lint(other.read_text(encoding="utf-8"), used, str(other))
    for pipeline in pipelines:
        programs = {command.program for command in pipeline}
        words = {word for command in pipeline for word in command.arguments}
        if "filecheck" not in programs and not words & SELF_CHECKING and not any(c.negated for c in pipeline):
            problems.append(f"{path}: checks nothing: {' | '.join(map(str, pipeline))}")
    if problems:
        raise HarnessError("\n".join(problems))
