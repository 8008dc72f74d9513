"""What the documentation takes from the code is up to date: ``make docs`` writes it."""

import re

import pytest

from irc.dialects import CONTEXT
from irc.tools.gen_docs import pages, prose, with_tables
from support import ROOT

DIALECTS = ROOT / "docs" / "dialects"


@pytest.mark.parametrize("name", CONTEXT.names)
def test_reference_is_current(name):
    assert (DIALECTS / f"{name}.md").read_text(encoding="utf-8") == pages()[f"{name}.md"], "run `make docs`"


def test_no_page_without_a_dialect():
    assert {path.name for path in DIALECTS.iterdir()} == set(pages())


def test_numerics_is_current():
    text = (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8")
    assert with_tables(text) == text, "run `make docs`"


@pytest.mark.parametrize("name", CONTEXT.names)
def test_every_op_says_what_it_does(name):
    dialect = CONTEXT.dialect(name)
    silent = [op.name for op in dialect.operations if not (op.__doc__ or "").strip()]
    assert not silent


def test_prose_fences_examples():
    text = prose("Adds ``x``.\n\n    %y = a.b %x\n\n    %z = a.b %y\n\nMore.")
    assert text == "Adds `x`.\n\n```mlir\n%y = a.b %x\n\n%z = a.b %y\n```\n\nMore."


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        prose_only = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose_only):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
