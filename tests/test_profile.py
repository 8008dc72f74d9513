"""``irc profile``: every kernel is there, under its names, with its cost; and it is the net that runs."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

import irc
from irc.backend.jit import Library
from irc.backend.target import TARGETS, host
from irc.costs import operations
from irc.ir.dimensions import evaluate
from irc.ir.types import f32, f64
from irc.limits import bandwidth, peak_operations
from irc.passes.pipelines import PIPELINES
from irc.passes.time_kernels import kernels
from irc.passmanager import PassManager, parse_pipeline
from irc.profile import _parts, _runs_one_sample, profile
from irc.text.parser import parse_module
from irc.tools import irc as irc_command
from support import ROOT

NETS = ROOT / "examples" / "nets"
LAYERS = "/xavier,zero/ (input, 8)(hidden, 32, <tanh>)(output, 4, <linear>, <mse>)\n"


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Tests look at what is measured, not at the figures."""
    monkeypatch.setattr("irc.profile.SECONDS", 0.01)
    monkeypatch.setattr("irc.limits._LEAST_SECONDS", 1e-5)


def test_layers_are_named_and_counted():
    with irc.compile(LAYERS) as net:
        found = profile(net, batch=10)
    products = [k for k in found.kernels if "contract" in k.op]
    assert [k.names for k in products] == [("hidden",), ("output",)]
    multiply_adds = [10 * 8 * 32, 10 * 32 * 4]
    assert all(2 * n <= k.operations <= 3 * n for n, k in zip(multiply_adds, products, strict=True))
    assert found.sizes == {"B": 10} and found.direction == "forward"


def test_gradients_have_kernels_of_their_own():
    with irc.compile(LAYERS) as net:
        forward, both = profile(net, batch=10), profile(net, batch=10, backward=True)
    assert len(both.kernels) > len(forward.kernels)
    assert sum(k.operations for k in both.kernels) > 2.5 * sum(k.operations for k in forward.kernels)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("batch", [1, 65])
def test_irregular_nets_are_one_kernel(batch, backward):
    with irc.compile(NETS / "nn00.nal") as net:
        (kernel,) = profile(net, batch, backward).kernels
    assert kernel.op == ("dag_grad" if backward else "dag")
    assert kernel.operations > 0 and kernel.seconds >= 0


@pytest.mark.parametrize("backward", [False, True])
def test_what_only_looks_at_arrays_in_another_shape_is_left_out(backward):
    """Parameters are parts of one vector, and a grid flattened is the same memory."""
    with irc.compile(NETS / "xor.network") as net:
        found = profile(net, batch=8, backward=backward)
    with irc.compile(LAYERS) as net:
        found_too = profile(net, batch=8, backward=backward)
    kinds = {kernel.op for one in (found, found_too) for kernel in one.kernels}
    assert kinds and not kinds & {"slice", "reshape"}


@pytest.mark.parametrize("batch", [0, -1, 2.5, True])
def test_a_batch_has_samples(batch):
    with irc.compile(NETS / "nn00.nal") as net, pytest.raises(irc.Error, match="the batch must be an integer from 1"):
        profile(net, batch=batch)


@pytest.mark.parametrize("name", ["rnn.nam", "gated.mdl"])
def test_recurrent_nets_and_others(name):
    with irc.compile(NETS / name) as net:
        assert profile(net, batch=5, backward=True).kernels


def test_functions_of_arrays_call_others():
    """What is called is a kernel of its own where no pass makes it part of the code."""
    passes = PIPELINES["data"][0].replace("inline,", "")
    with irc.compile(ROOT / "tests" / "ir" / "mlp.mlir", entry="predict", passes=passes) as net:
        assert "call @logits" in [k.op for k in profile(net).kernels]
    with irc.compile(ROOT / "tests" / "ir" / "mlp.mlir", entry="predict") as net:
        assert not any(k.op.startswith("call") for k in profile(net).kernels)


@pytest.mark.parametrize("backward", [False, True])
def test_one_sample_is_profiled_as_it_runs(backward):
    """Its code has pixels in the lanes of vectors, so images are not transposed first."""
    with irc.compile(NETS / "mnist.network") as net:
        one, many = (profile(net, batch, backward) for batch in (1, 4))
    assert one.sizes == {"B": 1} and "net DemoNet, " in one.to_text() and ", B=1, on" in one.to_text()
    assert "transpose" not in [k.op for k in one.kernels] and "transpose" in [k.op for k in many.kernels]


def test_one_stream_is_profiled_as_it_runs():
    with irc.compile(NETS / "gated.mdl") as net:
        passes = [str(p) for p in _parts(net, False, _runs_one_sample(net, 5))[0]]
        assert profile(net, batch=5).sizes == {"T": 5, "B": 1}
    assert any(p.startswith("specialize") for p in passes)


def test_frozen_nets_are_profiled_too():
    """One sample, and several: each with the code that is theirs."""
    with irc.compile(NETS / "mnist.network") as net:
        frozen = net.freeze()
        for batch in (1, 4):
            wanted = profile(net, batch)
            found = profile(frozen, batch)
            assert [k.names for k in found.kernels if k.operations] == [k.names for k in wanted.kernels if k.operations]


def test_shares_follow_from_time_and_limits():
    with irc.compile(LAYERS) as net:
        found = profile(net, batch=100, backward=True)
        for kernel in found.kernels:
            by_memory = kernel.moved / bandwidth(net.target, kernel.moved)
            assert kernel.least == max(kernel.operations / found.peak, by_memory)
            assert kernel.bound == ("memory" if kernel.least == by_memory else "compute")
            assert kernel.seconds == 0 or kernel.share == kernel.least / kernel.seconds


def test_clocks_do_not_change_what_is_computed():
    with irc.compile(LAYERS, seed=1) as net:
        x = np.random.default_rng(0).standard_normal((13, 8)).astype(np.float32)
        passes = ",".join(map(str, net.program.passes(False))).replace("lower-array", "time-kernels,lower-array")
        module = net.module.clone()
        PassManager(parse_pipeline(passes)).run(module)
        with Library(module, host()) as library:
            function = library.function(net.forward.signature.name)
            results = function.call(net.forward.prepare([x], net.params.flat))
        assert np.array_equal(results[0], net.run(x))
    readings = [int(reading) for reading in results[1:]]
    assert readings == sorted(readings) and readings[-1] > readings[0] > 0


def test_every_kernel_that_computes_is_timed():
    with irc.compile(LAYERS) as net:
        before = ",".join(map(str, net.program.passes(False))).partition(",lower-array")[0]
        module = net.module.clone()
        PassManager(parse_pipeline(before)).run(module)
        formulas = [operations(op) for op in kernels(module.functions[0])]
        wanted = [found for formula in formulas if (found := evaluate(formula, {"B": 3}))]
        assert [kernel.operations for kernel in profile(net, batch=3).kernels if kernel.operations] == wanted


def run(*argv):
    out, err = io.StringIO(), io.StringIO()
    code = irc_command.main(["profile", *map(str, argv)], io.StringIO(), out, err)
    return code, out.getvalue(), err.getvalue()


def test_the_command_prints_a_table():
    code, out, err = run(NETS / "readme-linear.mdl", "--batch", 7, "--backward")
    assert (code, err) == (0, "")
    first, head, *rows, total, limits = out.splitlines()
    assert re.fullmatch(
        r"net readme-linear, value and gradients, B=7, on one thread of host; least of \d+ calls", first
    )
    assert head.split() == ["µs", "%", "MFLOP", "MB", "GFLOP/s", "GB/s", "limit", "kernel"]
    number = r"\s*\d+(\.\d+)?"
    assert all(re.fullmatch(rf"({number}){{6}}{number}% (compute|memory)  \S.*", row) for row in rows)
    assert any(row.endswith("contract bi,oi->bo: a") for row in rows)
    assert total.endswith("all kernels") and limits.startswith("the machine's limits: ")


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([NETS / "nn00.nal", "--batch", -1], 1, "the batch must be an integer from 1 on, not -1"),
        (["nowhere.nal"], 1, "cannot read 'nowhere.nal'"),
        ([ROOT / "tests" / "ir" / "mlp.mlir"], 1, "several functions (predict, loss): say which"),
        ([NETS / "nn00.nal", "--target", "neon"], 1, "cannot run on this machine"),
        ([NETS / "nn00.nal", "--target", "z80"], 1, "there is no target 'z80'"),
        ([NETS / "nn00.nal", "--batch", "x"], 2, "invalid int value: 'x'"),
    ],
)
def test_what_the_command_refuses(argv, code, message):
    if "neon" in argv and TARGETS["neon"].runs_here:
        pytest.skip("this machine runs it")
    found, _, err = run(*argv)
    assert found == code and message in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("passes", "message"),
    [
        ("lower-neuron,lower-array,plan-memory", "has no derivative"),
        ("lower-neuron,lower-array,lower-array,plan-memory", "do not lower whole arrays once"),
    ],
)
def test_nets_of_other_passes_say_what_is_missing(passes, message):
    with irc.compile(NETS / "nn02.nam", passes=passes) as net, pytest.raises(irc.Error, match=message):
        profile(net, backward=True)


@pytest.mark.parametrize("name", ["host", *(name for name, target in TARGETS.items() if target.runs_here)])
def test_limits_can_be_measured_on_every_target(name):
    target = TARGETS.get(name, host())
    assert all(peak_operations(target, element) > 0 for element in (f32, f64))
    assert all(bandwidth(target, moved) > 0 for moved in (0, 100_000))


def test_the_clock_runs():
    module = parse_module("""
      func.func @f(%a: !loop.buffer<2 x i64> {irc.output = 0}) {
        %zero = arith.constant 0 : index
        %one = arith.constant 1 : index
        %0 = loop.clock : i64
        loop.store %0, %a[%zero] : i64, !loop.buffer<2 x i64>
        %1 = loop.clock : i64
        loop.store %1, %a[%one] : i64, !loop.buffer<2 x i64>
        func.return
      }""")
    with Library(module, host()) as library:
        ((first, second),) = library.function("f").call([])
        ((third, _),) = library.function("f").call([])
    assert 0 < first <= second <= third and first < third
