"""irc-opt and irc with wrong input: exit status 1 with a diagnostic, 2 for misuse, and never anything else."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from irc.passmanager import pass_names
from irc.tools import irc as irc_command
from irc.tools import irc_opt
from support import ROOT

NETS = ROOT / "examples" / "nets"
NN02 = str(NETS / "nn02.nam")
INPUT = ["--input", "1,2"]


def run(main, *argv: object, stdin: str = "") -> tuple[int, str, str]:
    """Exit status, and what was written."""
    out, err = io.StringIO(), io.StringIO()
    code = main.main([str(a) for a in argv], io.StringIO(stdin), out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["nowhere.nal"], 1, "cannot read 'nowhere.nal': No such file or directory"),
        ([str(NETS)], 1, "Is a directory"),
        ([NN02, "-p", "foo"], 1, "there is no pass 'foo'"),
        ([NN02, "-p", "cse{"], 1, "the options of the pass are not closed by '}'"),
        ([NN02, "-p", "cse{x}"], 1, "pass 'cse' has no option 'x'"),
        ([NN02, "-p", "cse,,dce"], 1, "expected the name of a pass"),
        ([NN02, "-p", "cse", "--emit=llvm"], 1, "'neuron.net' has no native form"),
        ([NN02, "-p", "lower-neuron", "--emit=fwd"], 1, ""),
        ([NN02, "--seed=-1"], 1, "seed must lie between"),
        ([NN02, "-o", "/nowhere/x.mlir"], 1, "cannot write '/nowhere/x.mlir'"),
        ([NN02, "--outputs", "zz"], 1, "there is no neuron 'zz'"),
        ([NN02, "--emit=foo"], 2, "invalid choice: 'foo'"),
        ([NN02, "--target=sse9"], 2, "invalid choice"),
        ([NN02, "--dump-after=foo"], 2, "there is no pass 'foo'"),
        ([NN02, "--foo"], 2, "unrecognized arguments: --foo"),
        ([NN02, "--seed=x"], 2, "invalid int value: 'x'"),
    ],
)
def test_irc_opt(argv, code, message):
    found, _, err = run(irc_opt, *argv)
    assert found == code and message in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["run", NN02, "--input", "1,2,3"], 1, "x: dimension 1 must be 2, got 3"),
        (["run", NN02, "--input", "1,2;3"], 1, "this row has 1 numbers, the first has 2"),
        (["run", NN02, "--input", "1,x"], 1, "<input>:1:3: error: expected a number, got 'x'"),
        (["run", NN02, "--input", ""], 1, "there are no numbers"),
        (["run", NN02, "--input", "nowhere.npy"], 1, "cannot read 'nowhere.npy'"),
        (["run", NN02, *INPUT, "--params", "1"], 1, "the flat vector has 8 parameters"),
        (["run", NN02, *INPUT, "--vjp", "1"], 1, "dy: dimension 1 must be 2, got 1"),
        (["run", NN02, *INPUT, "-o", "a.foo"], 1, "cannot tell the format of 'a.foo'; use .npy, .csv or .txt"),
        (["run", NN02, *INPUT, "-o", "/nowhere/a.csv"], 1, "cannot write"),
        (["run", NN02, *INPUT, "--seed", "-1"], 1, "seed must lie between"),
        (["run", NN02], 2, "the following arguments are required: --input"),
        (["show", NN02, "--svg", "/nowhere/a.svg"], 1, "cannot write '/nowhere/a.svg'"),
        (["profile", NN02, "--batch", str(10**15)], 1, "x, of shape (1000000000000000, 2), would take 1.6e+16 bytes"),
        (["profile", NN02, "--batch", str(10**30)], 1, "would take"),
        (["profile", NN02, "--target", "foo"], 1, "there is no target 'foo'"),
        ([], 2, "the following arguments are required: command"),
        (["foo"], 2, "invalid choice: 'foo'"),
    ],
)
def test_irc(argv, code, message):
    found, _, err = run(irc_command, *argv)
    assert found == code and message in err and "Traceback" not in err


def test_too_little_memory_is_a_diagnostic(monkeypatch):
    def fails(*_, **__):
        raise MemoryError("Unable to allocate 1 EiB")

    monkeypatch.setattr(irc_command, "_compile", fails)
    found, _, err = run(irc_command, "run", NN02, *INPUT)
    assert (found, err) == (1, "error: there is not enough memory: Unable to allocate 1 EiB\n")


def test_arrays_that_are_none(tmp_path):
    objects = tmp_path / "a.npy"
    np.save(objects, np.array([{}], object), allow_pickle=True)
    pickled, cut = tmp_path / "b.npy", tmp_path / "c.npy"
    pickled.write_bytes(pickle.dumps([1]))
    cut.write_bytes(b"\x93NUMPY\x01")
    for path in (objects, pickled, cut):
        code, _, err = run(irc_command, "run", NN02, "--input", path)
        assert code == 1 and "is not a NumPy array file" in err


NO_NEURONS = "sequence.network"
"""A net with layers that are no neurons: a function of arrays."""
WRONG = "readme-merge.mdl"


def test_show_of_a_function(tmp_path):
    code, out, err = run(irc_command, "show", NETS / NO_NEURONS)
    assert code == 0 and "workspace" in out and not err
    code, _, err = run(irc_command, "show", NETS / NO_NEURONS, "--svg", tmp_path / "a.svg")
    assert code == 1 and "is a function of arrays, not a net of neurons" in err and not (tmp_path / "a.svg").exists()


LARGE = "mnist-mlp.network"
"""A net of 669 000 weights, each of which the picture draws."""
SHOWN = sorted(p.name for p in NETS.iterdir() if p.name not in (WRONG, NO_NEURONS, LARGE))


@pytest.mark.parametrize("name", [*SHOWN, pytest.param(LARGE, marks=pytest.mark.slow)])
def test_show(name, tmp_path):
    code, out, err = run(irc_command, "show", NETS / name, "--svg", tmp_path / "a.svg")
    assert code == 0 and "neurons" in out and "workspace" in out and (tmp_path / "a.svg").read_text().startswith("<svg")
    assert "error" not in err and (not err or name.endswith(".mdl"))  # some models are told what they do not need


def test_widths_that_differ_are_cut_where_that_is_asked_for():
    code, _, err = run(irc_command, "show", NETS / "readme-merge.mdl")
    assert code == 1 and err.count("error: ") == 3
    code, out, _ = run(irc_opt, NETS / "readme-merge.mdl", "--widths", "truncate-pad")
    assert code == 0 and "parameters 67188" in out


def test_show_tells_the_memory_of_a_call_as_a_formula_of_steps_and_streams():
    code, out, _ = run(irc_command, "show", NETS / "gated.mdl")
    assert code == 0 and "a state of 4 numbers" in out
    assert re.search(r"@gated_vjp: workspace .*\(4\*B\*T \+ 15\) floordiv 16.* bytes", out)
    assert re.search(r"@gated: workspace [^T]* bytes", out)  # without gradients nothing is kept from step to step


def test_streams_of_a_recurrent_net(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 2, 4)))
    code, out, _ = run(irc_command, "run", NETS / "gated.mdl", "--input", tmp_path / "x.npy", "--rows", "streams")
    assert code == 0 and [len(line.split(",")) for line in out.splitlines()] == [8, 8, 8]
    code, _, err = run(irc_command, "run", NETS / "gated.mdl", "--input", tmp_path / "x.npy")
    assert code == 1 and "with rows='streams'" in err


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("command", ["irc show", "irc_opt"])
def test_a_reader_that_leaves_before_the_end_is_no_error(command):
    """As ``| head`` does."""
    module, *arguments = command.split()
    process = subprocess.Popen(
        [sys.executable, "-m", f"irc.tools.{module}", *arguments, NETS / "cnn.nam"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 0


def test_help_and_standard_input():
    for main, argv in ((irc_opt, ["--help"]), (irc_command, ["--help"]), (irc_command, ["run", "--help"])):
        code, out, _ = run(main, *argv)
        assert code == 0 and out.startswith("usage: irc")
    assert run(irc_opt, "-", stdin="01\n00\n")[0] == 0
    assert run(irc_opt, stdin="garbage")[0] == 1


WORDS = "%x %y f32 f64 i32 tensor<4xf32> B I 0 1 -1 99 1.5 relu softmax [ ] { } ( ) < > , : = @f index * +".split()


def test_mutated_files_through_random_passes(tmp_path):
    """Whatever the text and the order of passes: a result, or a diagnostic."""
    texts = [(NETS / "nn02.nam").read_text(), (NETS / "nn00.nal").read_text()]
    texts.append((ROOT / "tests" / "ir" / "mlp.mlir").read_text())
    for last in ("group-neurons", "autodiff", "lower-array", "plan-memory"):
        code, out, _ = run(irc_opt, NN02, f"--dump-after={last}")
        assert code == 0
        texts.append(out[out.rindex("module {") :])
    endings = ["nam", "nal", *["mlir"] * 5]
    for seed in range(120):
        choice = random.Random(seed)
        number = choice.randrange(len(texts))
        text = texts[number]
        for _ in range(choice.choice([0, 1, 1, 2, 3])):
            at = choice.randrange(len(text))
            begin = choice.randrange(len(text))
            new = choice.choice([choice.choice(WORDS), "", text[begin : begin + choice.choice([1, 10, 40])]])
            text = text[:at] + new + text[at + choice.choice([0, 1, 1, 3, 8]) :]
        path = tmp_path / f"a.{endings[number]}"
        path.write_text(text)
        passes = ",".join(choice.choices(pass_names(), k=choice.randrange(8)))
        form = choice.choice(["mlir", "generic", "fwd", "matrix", "bwd", "bwd-ncc", "dot", "llvm"])
        code, _, err = run(irc_opt, path, "-p", passes, f"--emit={form}")
        assert code == 0 or (code == 1 and "error" in err), (seed, passes, form)
