"""Targets: code for other processors runs here where it can, and gives the same numbers within rounding."""

import numpy as np
import pytest

import irc
from irc.backend.target import TARGETS, find_target, host

NET = "N 06\n00\n01\n02 02 00,01\n03 01 00,01\n04 05 02,03\n05 03 02,03,04\n"


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.runs_here])
def test_narrower_vectors_give_the_same_numbers(name):
    x = np.random.default_rng(0).standard_normal((37, 2))
    dy = np.ones((37, 1))
    with irc.compile(NET, dtype="float64") as expected, irc.compile(NET, dtype="float64", target=name) as net:
        y, gradients = net.vjp(x, dy)
        y_host, gradients_host = expected.vjp(x, dy)
        assert np.array_equal(net.run(x), y)
        np.testing.assert_allclose(y, y_host, rtol=1e-13)
        np.testing.assert_allclose(gradients.params.flat, gradients_host.params.flat, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if not target.runs_here])
def test_code_for_another_machine_cannot_be_run(name):
    with pytest.raises(irc.Error, match=f"target {name} .* cannot run on this machine"):
        irc.compile(NET, target=name)


def test_a_name_that_is_no_target_is_an_error_that_lists_them():
    with pytest.raises(irc.Error, match="there is no target 'z80'; the targets are host, avx512, avx2, generic, neon"):
        irc.compile(NET, target="z80")


def test_this_machine_runs_its_own_code():
    assert host().runs_here and find_target("host") is host()


def test_wider_vectors_than_this_machine_has_do_not_run():
    wide = TARGETS["avx512"]
    here = host()
    assert wide.runs_here == (here.vector_bits >= 512 and here.triple.startswith("x86_64") and "linux" in here.triple)
