"""Runs the code of a Markdown page, so that README.md and docs/ cannot say what is not so.

```python``` blocks of a page run in order in one namespace. ```output``` right after one is what it must have printed.
```console``` blocks hold commands behind ``$ ``; those of our tools (``irc-opt``, ``irc``) are run, and the lines below
each must be what it prints, errors included. In both a line ``...`` stands for any lines. Blocks of other languages are
prose, and so is a block with a comment ``<!-- not run: why -->`` on the line before it.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from support import ROOT
from support.commands import TOOLS, parse_pipeline, run_command

RUNNABLE = ("python", "output", "console")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the number of its first line, and its text."""

    language: str
    line: int
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The runnable blocks of a page in their order."""
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        if opening := re.match(r"(\s*)(`{3,})\s*(\w*)", lines[at]):
            indent, fence, language = opening.groups()
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == fence), len(lines))
            skipped = at > 0 and lines[at - 1].strip().startswith("<!-- not run:")
            if language in RUNNABLE and not skipped:
                text = "\n".join(line.removeprefix(indent) for line in lines[at + 1 : end])
                yield Block(language, at + 2, text)
            at = end
        at += 1


def same(shown: str, real: str) -> bool:
    """Whether ``real`` is what ``shown`` shows, up to blanks at line ends; ``...`` lines stand for any lines."""
    lines = (line.rstrip() for line in _lines(shown))
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in _lines(real))) is not None


def _lines(text: str) -> list[str]:
    return text.strip("\n").split("\n") if text.strip() else []


def run_page(path: Path, directory: Path) -> None:
    """Run a page's blocks in ``directory``, which gets a copy of examples/, so that paths read as from the repository.

    Raises AssertionError, with file and line, where output differs from what the page shows; a Python block's own
    exceptions pass through, with the page's lines in the traceback.
    """
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", directory / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    namespace: dict[str, object] = {"__name__": "__page__"}
    printed = ""
    with chdir(directory):
        for block in blocks(path.read_text(encoding="utf-8")):
            if block.language == "python":
                printed = _run_python(block, path, namespace)
            elif block.language == "output":
                _compare(block.text, printed, path, block.line, "the Python block before")
            else:
                _run_console(block, path)


def _run_python(block: Block, path: Path, namespace: dict[str, object]) -> str:
    code = compile("\n" * (block.line - 1) + block.text, str(path), "exec", dont_inherit=True)
    with redirect_stdout(io.StringIO()) as out:
        exec(code, namespace)
    return out.getvalue()


def _run_console(block: Block, path: Path) -> None:
    for number, command, shown in _commands(block):
        if command.split()[0] not in TOOLS:
            continue
        text = ""
        for part in (pipeline := parse_pipeline(command)):
            # a terminal shows both streams
            outcome = run_command(replace(part, merge_stderr=part.merge_stderr or part is pipeline[-1]), text)
            text = outcome.stdout
        _compare(shown, text, path, number, command)


def _commands(block: Block) -> Iterator[tuple[int, str, str]]:
    """Line number, command (continuation lines joined) and shown output of each command of a console block."""
    lines = block.text.split("\n")
    starts = [n for n, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command, after = lines[start][2:], start + 1
        while command.endswith("\\") and after < end:
            command, after = f"{command[:-1].rstrip()} {lines[after].strip()}", after + 1
        yield block.line + start, command, "\n".join(lines[after:end])


def _compare(shown: str, real: str, path: Path, line: int, what: str) -> None:
    if not same(shown, real):
        raise AssertionError(f"{path}:{line}: {what}: not what the page shows\n--- shown\n{shown}\n--- real\n{real}")
