"""Targets: code for other processors runs here where it can, and gives the same numbers within rounding."""

from dataclasses import replace

import numpy as np
import pytest

import irc
from irc.backend import target as targets
from irc.backend.target import TARGETS, find_target, host
from support import ROOT

NET = "N 06\n00\n01\n02 02 00,01\n03 01 00,01\n04 05 02,03\n05 03 02,03,04\n"
NETS = ROOT / "examples" / "nets"
SOURCES = {
    "irregular": NETS / "nn00.nal",
    "layers": "/xavier,zero/ (input, 20)(a, 50, <tanh>)(output, 4, <linear>, <mse>)\n",
    "over time": "N 04\noutputs 03\n00 02 w=1.0\n02 02 w=0.5 delay=1\n02 03 w=1.0\n01 03 w=-1.0 delay=1\n02 : tanh\n",
}
RUNNING = [name for name, target in TARGETS.items() if target.runs_here]
REGISTERS = {"avx512": "zmm", "avx2": "ymm", "generic": "xmm", "neon": ".4s"}
WIDER = {"avx512": [], "avx2": ["zmm"], "generic": ["ymm", "zmm", "vfmadd"], "neon": ["xmm"]}


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.parametrize("source", SOURCES)
def test_narrower_vectors_give_the_same_numbers(name, source):
    with irc.compile(SOURCES[source], dtype="float64") as expected:
        with irc.compile(SOURCES[source], dtype="float64", target=name) as net:
            for samples in (1, 37):
                agree(net, expected, samples)


def agree(net, expected, samples):
    """Both directions; the target's other order of sums changes the last bits."""
    random = np.random.default_rng(samples)
    x = random.standard_normal((samples, expected.input_size))
    dy = random.standard_normal((samples, expected.output_size))
    for one in (net, expected):
        one.reset_state()
    y_host, gradients_host = expected.vjp(x, dy)
    y, gradients = net.vjp(x, dy)
    net.reset_state()
    assert np.array_equal(net.run(x), y)
    np.testing.assert_allclose(y, y_host, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gradients.params.flat, gradients_host.params.flat, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradients.x, gradients_host.x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", RUNNING)
def test_nets_learn_on_them(name):
    x = np.random.default_rng(0).standard_normal((50, 4))
    learnt = []
    for target in ("host", name):
        with irc.compile(NETS / "nn00.nal", dtype="float64", target=target) as net:
            net.fit(x, np.tanh(x[:, :2]), epochs=3, loss="mse", verbose=0)
            learnt.append(net.params.flat.copy())
    np.testing.assert_allclose(learnt[1], learnt[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_here_has_the_registers_of_its_target(name):
    """So the tests above run the code that they say they run."""
    with irc.compile(SOURCES["layers"], target=name) as net:
        text = net.assembly()
    assert REGISTERS[name] in text and not any(wider in text for wider in WIDER[name])


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if not target.runs_here])
def test_code_for_another_machine_cannot_be_run(name):
    with pytest.raises(irc.Error, match=f"target {name} .* cannot run on this machine"):
        irc.compile(NET, target=name)


def test_a_name_that_is_no_target_is_an_error_that_lists_them():
    with pytest.raises(irc.Error, match="there is no target 'z80'; the targets are host, avx512, avx2, generic, neon"):
        irc.compile(NET, target="z80")


def test_this_machine_runs_its_own_code():
    assert host().runs_here and find_target("host") is host()
    assert replace(host(), block=1).runs_here


def test_a_machine_must_have_all_features_of_a_target(monkeypatch):
    """Vectors as wide, and fused multiplication, do not make an AVX machine one with AVX2."""
    linux = "x86_64-unknown-linux-gnu"
    features = "+sse2,+avx,+fma,-avx2"
    old = targets.Target("host", linux, "bdver2", features, 256, 16, True)
    monkeypatch.setattr(targets, "host", lambda: old)
    assert [name for name, target in TARGETS.items() if target.runs_here] == ["generic"]


def test_code_for_another_system_does_not_run(monkeypatch):
    """Calls go by other rules there."""
    windows = replace(TARGETS["avx512"], triple="x86_64-pc-windows-msvc")
    monkeypatch.setattr(targets, "host", lambda: windows)
    assert not any(target.runs_here for target in TARGETS.values()) and windows.runs_here


def test_wider_vectors_than_this_machine_has_do_not_run():
    wide = TARGETS["avx512"]
    here = host()
    assert wide.runs_here == (here.vector_bits >= 512 and here.triple.startswith("x86_64") and "linux" in here.triple)
