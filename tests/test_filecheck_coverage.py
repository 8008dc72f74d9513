"""What the IR tests cover: every op in both forms, every pass, every option of irc-opt that shows or checks."""

from __future__ import annotations

import re

import pytest

from irc.dialects import CONTEXT
from irc.passmanager import pass_names
from support import ROOT
from support.run_lines import is_data, run_lines

FOLDER = ROOT / "tests" / "filecheck"
TEXTS = {
    str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8")
    for path in sorted(FOLDER.rglob("*"))
    if path.is_file() and not is_data(path.relative_to(FOLDER))
}


def dialect_of(name: str):
    """A dialect by name."""
    dialect = CONTEXT.dialect(name)
    assert dialect is not None
    return dialect


OPS = [op.name for name in CONTEXT.names for op in dialect_of(name).operations]


@pytest.mark.parametrize("op", OPS)
def test_every_op_round_trips_in_the_file_of_its_dialect(op):
    name = op.partition(".")[0]
    text = TEXTS[f"dialects/{name}.mlir"]
    shown = rf"(?:{re.escape(op)}|{op.partition('.')[2]})" if op == "builtin.module" else re.escape(op)
    assert re.search(rf"^\s*// CHECK(?:-[A-Z]+)?(?:{{LITERAL}})?: .*(?<![\w.]){shown}(?![\w.])", text, re.MULTILINE)
    lines = run_lines(text)
    assert any("--print-generic" in line for line in lines) and any("--print-generic" not in line for line in lines)


@pytest.mark.parametrize("name", pass_names())
def test_every_pass_has_a_file(name):
    assert any(re.search(rf"-p ('([^']*[,'])?|(\S+,)?){name}\b", line) for line in run_lines(TEXTS[f"{name}.mlir"]))


def test_every_dialect_has_negative_tests():
    for name in CONTEXT.names:
        text = TEXTS[f"invalid/{name}.mlir"]
        assert "--verify-diagnostics" in run_lines(text)[0] and "expected-error" in text


OPTIONS = """
--dump-after --dump-before --dump-all --emit --print-generic --elide --print-locations --split-input-file
--verify-diagnostics --time --stats --check --check-grad --verify-each --reproducer --list-passes
--target -o -p --outputs --dtype --act --format --mlir-print-ir-after --mlir-print-ir-before
--mlir-print-ir-after-all --mlir-print-ir-before-all --mlir-print-op-generic --mlir-print-debuginfo
--mlir-timing --mlir-pass-statistics --pass-pipeline --mlir-elide-elementsattrs-if-larger
--mlir-pass-pipeline-crash-reproducer
""".split()


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_used(option):
    lines = [line for text in TEXTS.values() for line in run_lines(text)]
    assert any(re.search(rf"irc-opt [^|]*(?<!\S)'?{re.escape(option)}(?![\w-])", line) for line in lines)
