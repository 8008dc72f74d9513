"""The harness itself: it runs RUN lines, rejects tests that check nothing, and the MLIR gate refuses wrong text."""

import re
import shutil
import subprocess
import sys
from textwrap import dedent

import pytest

from support import ROOT, commands, documents
from support.commands import CommandError, parse_pipeline
from support.filecheck import lint
from support.mlir import accepts
from support.run_lines import HarnessError, run_file, run_lines


def echo(arguments, stdin, stdout, stderr):
    """A stand-in for irc-opt: prints its file without comments, in capitals under ``--upper``; ``--fail`` fails."""
    if "--fail" in arguments:
        stderr.write("error: as told\n")
        return 1
    source = next((a for a in arguments if not a.startswith("-")), None)
    text = open(source).read() if source else stdin.read()
    text = re.sub(r"//.*\n", "", text)
    stdout.write(text.upper() if "--upper" in arguments else text)
    return 0


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a test file, given as text, with ``echo`` as irc-opt."""
    monkeypatch.setattr(commands, "import_module", lambda name: type("Tool", (), {"main": staticmethod(echo)}))

    def run(text):
        path = tmp_path / "case.mlir"
        path.write_text(dedent(text))
        run_file(path, tmp_path)

    return run


def test_passing_file_with_several_run_lines(run):
    run("""\
        // RUN: irc-opt %s | irc-opt | filecheck %s
        // RUN: irc-opt %s --upper \\
        // RUN:   | filecheck %s --check-prefix=UPPER
        // RUN: not irc-opt %s --fail 2>&1 | filecheck %s --check-prefixes ERROR
        // CHECK-LABEL: one
        // CHECK-NEXT: two [[X:[0-9]+]]
        // CHECK-DAG: three [[X]]
        // CHECK-NOT: four
        // UPPER: ONE
        // ERROR: error: as told
        one
        two 7
        three 7
        """)


def test_failing_check_names_the_line_and_shows_the_input(run):
    with pytest.raises(AssertionError, match=r"(?s)case.mlir:2.*Couldn't match.*--- its input ---\none\n") as failure:
        run("// RUN: irc-opt %s | filecheck %s\n// CHECK: two\none\n")
    assert not isinstance(failure.value, HarnessError)


@pytest.mark.parametrize("line", ["irc-opt %s --fail | filecheck %s", "not irc-opt %s | filecheck %s"])
def test_unexpected_exit_code_fails(run, line):
    with pytest.raises(AssertionError, match="exit code"):
        run(f"// RUN: {line}\n// CHECK: one\none\n")


@pytest.mark.parametrize(
    "directive",
    [
        "CHECK-NXT: one",
        "CHECK_NEXT: one",
        "CHECK NEXT: one",
        "CHECK.NEXT: one",
        "CHECKNEXT: one",
        "CHECK-: one",
        "CHECK : one",
        "CHECK-COUNT: one",
        "CHECK-COUNT-0: one",
        "CHECK-next: one",
        "check-next: one",
        "Check: one",
        "CHECK{LITERALLY}: one",
        "CHEKC: one",
        "UNUSED-NEXT: one",
    ],
)
def test_misspelt_directive_is_rejected(run, directive):
    with pytest.raises(HarnessError, match="case.mlir:3: .*directive"):
        run(f"// RUN: irc-opt %s | filecheck %s\n// CHECK: one\n// {directive}\none\n")


@pytest.mark.parametrize(
    "line",
    ["CHECK: dense<[[1, 2]]>", "CHECK: [[#N:]]", "CHECK: [[#N+1]]", "CHECK: [[@LINE+1]]", "CHECK-LABEL: @[[NAME:f]]"],
)
def test_pattern_that_llvm_reads_otherwise_is_rejected(line):
    assert lint(f"// {line}\n", ["CHECK"])


@pytest.mark.parametrize(
    "line",
    [
        "CHECK: [[X:%[a-z]+]] [[X]] {{[[:alpha:]]}}",
        "CHECK{LITERAL}: dense<[[1, 2]]>",
        "CHECK: [[# @LINE + 1]]: error",
        "CHECK-COUNT-3: a",
        "CHECK-EMPTY:",
    ],
)
def test_sound_directives_pass_the_lint(line):
    assert lint(f"// CHECK: first\n// {line}\n// a comment: with a colon\n// NOTE: x\n", ["CHECK"]) == []


def test_first_directive_must_find_its_place_itself():
    assert "cannot be -NEXT" in lint("// CHECK-NEXT: a\n", ["CHECK"])[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\n", "no RUN line"),
        ("// RUN: irc-opt %s | filecheck %s\none\n", "no directive with prefix 'CHECK'"),
        ("// RUN: irc-opt %s | filecheck %s --check-prefixes=CHECK,MORE\n// CHECK: one\n", "no directive .* 'MORE'"),
        ("// RUN: irc-opt %s\n", "checks nothing"),
        ("// RUN: irc-opt %s --verify-diagnostics\n// CHECK: one\n", "no RUN line uses that prefix"),
        ("// RUN: irc-opt %s > %t\n", "shell syntax"),
        ("// RUN: irc-opt %s && irc-opt %s\n", "shell syntax"),
        ("// RUN: mlir-opt %s | filecheck %s\n", "unknown program 'mlir-opt'"),
        ("// RUN: irc-opt %s | \\\n", "ends in a backslash"),
        ("// RUN: irc-opt %s |\n", "empty command"),
        ("// RUN: irc-opt '%s\n", "No closing quotation"),
    ],
)
def test_unsound_file_is_rejected(run, text, message):
    with pytest.raises(HarnessError, match=message):
        run(text)


def test_run_lines_join_at_a_backslash():
    assert run_lines("// RUN: a \\\n// RUN:  b | c\n# RUN: d\n") == ["a b | c", "d"]


def test_pipeline_keeps_quoted_words():
    first, second = parse_pipeline("not irc-opt a -p 'cse,autodiff{wrt=params}' 2>&1 | filecheck a")
    assert first.negated and first.merge_stderr and first.arguments[-1] == "cse,autodiff{wrt=params}"
    assert second.arguments == ("filecheck", "a") and not second.negated
    with pytest.raises(CommandError):
        parse_pipeline("irc-opt `pwd`")


@pytest.fixture
def tree(tmp_path):
    """A copy of the harness with a few IR tests, in which ``filecheck`` reads the test itself."""
    tests = tmp_path / "tests"
    shutil.copytree(ROOT / "tests" / "support", tests / "support")
    shutil.copy(ROOT / "tests" / "lit.cfg.py", tests)
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    (tests / "filecheck" / "Inputs").mkdir(parents=True)
    (tests / "filecheck" / "Inputs" / "data.nal").write_text("no test\n")
    (tests / "filecheck" / "good.mlir").write_text("// RUN: filecheck %s --input-file=%s\n// CHECK: one\none\n")
    (tests / "filecheck" / "not.test").write_text("RUN: not filecheck %s --input-file=%S/Inputs/data.nal\nCHECK: one\n")
    (tests / "filecheck" / "bad.nal").write_text("# RUN: filecheck %s --input-file=%S/Inputs/data.nal\n# CHECK: two\n")
    return tests


def test_lit_and_pytest_run_the_same_files(tree):
    def output(*command):
        return subprocess.run([sys.executable, *command], cwd=tree, capture_output=True, text=True).stdout

    lit = output("-c", "from lit.main import main; main()", "-v", ".")
    (tree / "pytest.ini").touch()  # so that no other file says how pytest runs
    pytest_ = output("-m", "pytest", "--rootdir", "..", "-o", "pythonpath=.", "-p", "no:cacheprovider", "-v", ".")
    for name, verdict in (("good.mlir", "PASS"), ("not.test", "PASS"), ("bad.nal", "FAIL")):
        assert f"{verdict}: irc :: {name}" in lit
        assert re.search(rf"filecheck/{name}::RUN {verdict}ED", pytest_)
    assert "irc :: Inputs" not in lit and "data.nal::" not in pytest_
    assert "exit code 1 from: filecheck" in pytest_ and "Traceback" not in pytest_


def function(body, type="f32"):
    """A function of one argument ``%x`` in generic form."""
    return f"""
        "func.func"() <{{sym_name = "f", function_type = ({type}) -> ()}}> ({{
        ^bb0(%x: {type}):
          {body}
          "func.return"() : () -> ()
        }}) : () -> ()"""


def test_mlir_accepts_ops_of_unknown_dialects():
    assert '"array.full"() {value = 1 : i32}' in accepts(function('%0 = "array.full"() {value = 1 : i32} : () -> f32'))


def test_mlir_refuses_broken_arith():
    accepts(function('%0 = "arith.addf"(%x, %x) : (f32, f32) -> f32'))
    with pytest.raises(AssertionError, match="arith.addf"):
        accepts(function('%0 = "arith.addf"(%x, %x) : (f32, f32) -> f64'))


@pytest.mark.parametrize("operation", ["arith.no_such_op", "func.no_such_op", "math.no_such_op"])
def test_mlir_refuses_unknown_ops_of_its_own_dialects(operation):
    with pytest.raises(AssertionError, match="no_such_op"):
        accepts(function(f'%0 = "{operation}"(%x) : (f32) -> f32'))


def test_mlir_accepts_symbolic_sizes_in_the_encoding():
    symbolic = 'tensor<?x4xf32, ["B", 4]>'
    addition = f'%0 = "arith.addf"(%x, %x) : ({symbolic}, {symbolic}) -> {symbolic}'
    assert symbolic in accepts(function(addition, symbolic))
    with pytest.raises(AssertionError):
        accepts(function(addition.replace('"B"', '"C"', 1), symbolic))


def test_mlir_keeps_resource_names_from_one_text_to_the_next():
    text = function('"array.use"() {w = dense_resource<w> : tensor<1xf32>} : () -> ()')
    text += '\n{-# dialect_resources: {builtin: {w: "0x040000000000803F"}} #-}'
    assert accepts(text) == accepts(text)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Runs a Markdown page, given as text, with ``echo`` as irc-opt."""
    monkeypatch.setattr(commands, "import_module", lambda name: type("Tool", (), {"main": staticmethod(echo)}))

    def page(text):
        path = tmp_path / "page.md"
        path.write_text(dedent(text))
        (tmp_path / "work").mkdir()
        documents.run_page(path, tmp_path / "work")

    return page


def test_page_runs_in_order_in_one_namespace(page):
    page("""\
        ```python
        with open("a.txt", "w") as file:
            file.write("one\\ntwo\\nthree\\n")
        x = 3
        ```
        ```python
        print(x, x + 1)
        ```
        ```output
        3 4
        ```
        <!-- not run: needs a network -->
        ```python
        raise SystemExit
        ```
        ```text
        $ irc-opt --nonsense
        ```
        ```console
        $ make demo
        anything
        $ irc-opt a.txt
        one
        ...
        three
        $ irc-opt a.txt \\
            --fail
        error: as told
        ```
        """)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("```python\nprint(1)\n```\n```output\n2\n```\n", 5),
        ("text\n```console\n$ irc-opt --fail\nerror: something else\n```\n", 3),
        ("```console\n$ irc-opt --fail\n```\n", 2),
    ],
)
def test_page_that_shows_something_else_fails(page, text, line):
    with pytest.raises(AssertionError, match=f"page.md:{line}: .*not what the page shows"):
        page(text)


def test_page_errors_carry_the_page_s_lines(page):
    with pytest.raises(ZeroDivisionError) as failure:
        page("one\n\n```python\nx = 1\nx / 0\n```\n")
    assert failure.traceback[-1].lineno + 1 == 5


def test_fence_inside_a_longer_fence_is_text():
    assert list(documents.blocks("````text\n```python\n1\n```\n````\n")) == []
