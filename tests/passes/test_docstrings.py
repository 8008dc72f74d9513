"""The pair of programs that opens each pass file is true: the pass makes the second of the first.

A docstring is prose, then one or more pairs: ``Before:`` and a fenced program, ``After:`` and another. A pass whose
pair needs options says so: ``Before, with `name{option=value}`:``. The target is AVX2, whatever machine tests run on.
"""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from irc.backend.target import find_target
from irc.ir.equality import difference
from irc.passmanager import PassContext, PassManager, find_pass, parse_pipeline, pass_names
from irc.text.parser import parse_module
from irc.text.printer import print_module

PAIR = re.compile(
    r"^Before(?:, with `(?P<pipeline>[^`\n]+)`)?:\n\n```mlir\n(?P<before>.*?)```\n\n"
    r"After:\n\n```mlir\n(?P<after>.*?)```$",
    re.MULTILINE | re.DOTALL,
)


def docstring(name: str) -> str:
    """What the file of a pass says first."""
    text = import_module(find_pass(name).__module__).__doc__
    if "Before" not in (text or ""):  # a package: its __init__ opens
        text = import_module("irc.passes." + name.replace("-", "_")).__doc__
    assert text
    return text


@pytest.mark.parametrize("name", pass_names())
def test_begins_with_prose(name):
    title, _, rest = docstring(name).partition("\n")
    assert len(title.split()) > 2 and "`" not in title[:1] and not title.startswith(("Before", "After"))
    assert rest.partition("Before")[0].strip(), "no prose before the programs"


@pytest.mark.parametrize("name", pass_names())
def test_pairs_are_true(name):
    text = docstring(name)
    pairs = list(PAIR.finditer(text))
    assert pairs and len(pairs) * 2 == text.count("```mlir"), "programs stand in pairs: Before, After"
    for pair in pairs:
        module = parse_module(pair["before"], filename=f"{name}: Before")
        before = module.clone()
        pipeline = parse_pipeline(pair["pipeline"] or name)
        assert [p.name for p in pipeline] == [name]
        PassManager(pipeline, PassContext(find_target("avx2"))).run(module)
        expected = parse_module(pair["after"], filename=f"{name}: After")
        found = difference(expected, module)
        assert found is None, f"{found}\n{print_module(module)}"
        assert difference(before, expected) is not None, "the pair shows nothing"
