"""FileCheck in-process, with the holes of the ``filecheck`` package fenced off.

The package's classes are not documented as public, so they are used here and nowhere else, and the version is pinned.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options, parse_argv_options
from filecheck.parser import Parser, pattern_for_opts

KINDS = ("NEXT", "SAME", "LABEL", "DAG", "NOT", "EMPTY", r"COUNT-[1-9]\d*")


def options_of(arguments: list[str]) -> Options:
    """The options of a ``filecheck`` command line (without the program's name)."""
    return parse_argv_options(["filecheck", *arguments])


def main(arguments: list[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """The ``filecheck`` command: 0 passed, 1 failed (told on ``stderr``), 2 no directive found."""
    options = options_of(arguments)
    text = Path(options.match_filename).read_text(encoding="utf-8")
    if options.input_file == "-":
        given = FInput("<stdin>", FInput.canonicalize_line_ends(stdin.read()))
    else:
        given = FInput.from_opts(options)
    matcher = Matcher(options, given, Parser(options, io.StringIO(text), *pattern_for_opts(options)))
    matcher.stderr = stderr
    with redirect_stdout(stderr):  # 1.0.6 prints a debugging line when it leaves a group of CHECK-DAG
        return matcher.run()


def lint(text: str, prefixes: Iterable[str], name: str = "<check file>") -> list[str]:
    """What is wrong with the directives of a check file; ``prefixes`` are all those that its RUN lines use.

    Both ``filecheck`` and LLVM's FileCheck ignore what they do not know, so a misspelt directive is a test that checks
    nothing. Found here: names close to a directive with an unknown ending or separator (``CHECK-NXT:``,
    ``CHECK_NEXT:``, ``check-next:``); comments that begin like a directive of a prefix that no RUN line uses
    (``CHEKC:``); prefixes without any directive; and patterns on which the package and LLVM's tool disagree.
    """
    prefixes = sorted(prefixes, key=len, reverse=True)
    prefix = "|".join(map(re.escape, prefixes)) or r"(?!)"
    directive = re.compile(rf"(?<![\w-])({prefix})(?:-({'|'.join(KINDS)}))?(\{{LITERAL\}})?:[ \t]*(.*)")
    lookalike = re.compile(rf"(?<![\w-])(?:{prefix})(?:[-_.]*[A-Z][\w-]*|[-_.]+| +[A-Z]+)?(?:\{{\w*\}})?[ \t]*:")
    comment = re.compile(r"\s*(?://|#|;)+\s*([A-Za-z]+(?:[-_.][\w-]+)*)(?:\{\w*\})?[ \t]*:")
    problems: list[str] = []
    used: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):

        def problem(message: str, number: int = number, line: str = line) -> None:
            problems.append(f"{name}:{number}: {message}\n    {line.strip()}")

        if re.search(r"\b(RUN|COM):", line):
            continue
        found = directive.search(line)
        head = line[: found.start()] if found else line
        if lookalike.search(head):
            problem("not a directive: misspelt? (known endings: NEXT SAME LABEL DAG NOT EMPTY COUNT-<n>)")
        elif (begin := comment.match(head)) and _like_directive(begin[1], prefixes):
            problem(f"'{begin[1]}:' looks like a directive, but no RUN line uses that prefix (COM: makes it a comment)")
        if found:
            if re.search("COM|RUN", head):
                problem("filecheck takes a line with COM or RUN before the directive for a comment")
            if found[2] in ("NEXT", "SAME", "EMPTY") and found[1] not in used:
                problem(f"the first directive of {found[1]} cannot be -{found[2]}")
            used.add(found[1])
            if not found[3]:
                _lint_pattern(found[4], found[2] or "", problem)
    problems += [f"{name}: no directive with prefix '{p}'" for p in prefixes if p not in used]
    return problems


def _like_directive(word: str, prefixes: list[str]) -> bool:
    """Whether the word that begins a comment can be meant as a directive: capitals, or a prefix in another case."""
    return (word.isupper() and len(word) > 2 and word != "NOTE") or re.split(r"[-_.]", word)[0].upper() in prefixes


def _lint_pattern(pattern: str, kind: str, problem) -> None:
    """Patterns that ``filecheck`` refuses or reads otherwise than LLVM's FileCheck does."""
    outside = re.sub(r"\{\{.*?\}\}", "", pattern)
    for at in re.finditer(r"\[\[", outside):
        block = outside[at.start() :]
        if re.match(r"\[\[# @LINE( [+-] \d+)?\]\]", block):
            continue
        if not re.match(r"\[\[\$?[A-Za-z_]\w*(:.+?)?\]\]", block):
            problem("'[[' begins a variable (no numeric ones but '[[# @LINE + 1]]'); elsewhere write CHECK{LITERAL}")
        elif kind == "LABEL":
            problem("a LABEL directive can hold no variable")
