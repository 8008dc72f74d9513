"""Kernels of convolutions and poolings: native numbers against the reference semantics, and nothing out of bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.backend.jit import compile_library
from irc.backend.target import find_target, host
from irc.calling import callables
from irc.interpreter import Interpreter
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from support.canaries import fenced_call
from support.convolutions import Case, random_case
from support.gradients import differentiated

KERNELS = ",".join([*ARRAY, *LOOP])
AS_THEY_ARE = KERNELS.replace("choose-layouts,", "")


def check_native(case: Case, batch: int, passes: str = KERNELS, target: str = "host", seed: int = 0) -> None:
    """Value and gradients natively, between fences, lie within the bound of what the declared type can be off by."""
    module = differentiated(case.text())
    lowered = module.clone()
    machine = find_target(target)
    PassManager(parse_pipeline(passes), PassContext(machine)).run(lowered)
    arguments = case.arguments(batch, seed)
    y = Interpreter(module, "float64").call("f", arguments)[0]
    dy = np.random.default_rng(seed + 1).normal(size=np.shape(y))
    dtype = np.float64 if case.dtype == "f64" else np.float32
    given_arrays = [a.astype(dtype) for a in [*arguments, dy]]
    reference = next(c for c in callables(module) if c.name == "f_vjp")
    wanted = reference.bounded([a.astype(np.float64) for a in given_arrays])
    found = fenced_call(compile_library(lowered, machine).function("f_vjp"), given_arrays)
    for got, want in zip(found, wanted, strict=True):
        error = 0.0 if getattr(want, "error", None) is None else want.error
        value = getattr(want, "value", want)
        assert np.all(np.abs(got - value) <= np.asarray(error) + np.finfo(dtype).tiny), f"{case}"


@pytest.mark.parametrize("batch", [1, 5, 16, 37])
@pytest.mark.parametrize("seed", range(6))
def test_samples_in_lanes(seed, batch):
    check_native(random_case(seed), batch, seed=seed)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_pixels_in_lanes(seed, batch):
    check_native(random_case(seed + 50), batch, AS_THEY_ARE, seed=seed)


@pytest.mark.parametrize("seed", range(2))
def test_any_layout(seed):
    check_native(random_case(seed + 80, layout="bhwc"), 3, seed=seed)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
def test_double_precision(passes):
    check_native(random_case(3, dtype="f64"), 9, passes)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
@pytest.mark.parametrize("target", ["avx2", "generic"])
def test_narrower_targets(target, passes):
    if not find_target(target).runs_here or host().vector_bits < 256:
        pytest.skip(f"code for {target} does not run here")
    check_native(random_case(11), 19, passes, target)


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
@pytest.mark.parametrize("seed", range(4))
def test_pooling(seed, passes, kind):
    check_native(random_case(seed, kind), 18, passes, seed=seed)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(100, 10**6), batch=st.integers(0, 40), kind=st.sampled_from(["", "", "max", "mean"]))
def test_any_case(seed, batch, kind):
    check_native(random_case(seed, kind), batch, AS_THEY_ARE if seed % 3 == 0 else KERNELS)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
def test_every_pass_keeps_the_meaning(passes):
    """``--check`` at each level, of a case with everything: padding, strides, dilations and groups."""
    from irc.checking import CheckPass

    case = Case((3, 4), (2, 2), (2, 1), (1, 1), (1, 2), 2, 2, 2)
    PassManager(parse_pipeline(passes), PassContext(host()), [CheckPass()]).run(differentiated(case.text()))
