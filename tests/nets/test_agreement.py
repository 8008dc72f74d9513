"""Nets through the whole compiler: native numbers against oracles that share nothing with it, within derived bounds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

import irc
from irc.calling import callables
from irc.ir.equality import difference
from irc.passes.pipelines import INFERENCE, TRAINING
from irc.passmanager import Instrument, PassManager, parse_pipeline
from support.agreement import Bounds, Problem, assert_within, level_results, native
from support.oracle import Gradient, jax_gradient, layout, numpy_gradient, sample_graph
from support.random_nets import nets, random_net

# Constants, isolated neurons, dead neurons and flat activations are warned of; tests/frontends checks the texts.
pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")

SAMPLES = sorted((Path(__file__).parents[2] / "examples" / "nets").glob("*.na[lm]"))
LIST = TRAINING.split(",")
EARLY = [p for p in LIST if p not in ("group-neurons", "autodiff")]
EARLY.insert(EARLY.index("lower-neuron"), "autodiff")
PIPELINES = {
    "dag": TRAINING,
    "nodes": ",".join(p for p in LIST if p != "group-neurons"),
    "autodiff of neurons": ",".join(EARLY),
}
UNIT = 2.0**-53
SUBSET = (0, 3, 8, 17, 36, 41, 78, 90, 101, 120, 150, 199)
"""Random nets for what is slow."""


def compiled(g: nx.DiGraph, dtype: str = "float64", **options) -> irc.Net:
    """The net of a random graph; parameters that it leaves open are drawn in float32, for all dtypes the same."""
    net = irc.compile(g, outputs=g.graph.get("outputs"), dtype=dtype, **options)
    net.params.flat[...] = net.params.flat.astype(np.float32)
    return net


@cache
def shared(seed: int, dtype: str = "float32") -> irc.Net:
    """A net for several tests, which do not change it."""
    return compiled(random_net(seed), dtype, seed=seed)


def check_double(g: nx.DiGraph, net: irc.Net, seed: int) -> None:
    """float64, forward and backward, against NumPy (a second batch size too), JAX, and finite differences."""
    w, bounds = net.params.flat, Bounds(net)
    for samples in (3, (1, 2, 17)[seed % 3]):
        problem = Problem.of(g, seed, samples)
        bound, found = bounds(problem), native(net, problem)
        oracle = numpy_gradient(g, w, problem.x, problem.dy)
        assert_within(found, oracle, bound, bound)
        assert_within(found._replace(y=net.run(problem.x)), oracle, bound, bound)
        if samples == 3:
            assert_within(found, jax_gradient(g, w, problem.x, problem.dy), bound, bound)
            check_finite_differences(net, problem, bound, seed)


def check_single(g: nx.DiGraph, net: irc.Net, seed: int) -> None:
    """float32, forward and backward, against NumPy. The oracle's own bound is 2^-29 of this one and higher powers."""
    bounds = Bounds(net)
    for samples in (3, (1, 2, 17)[seed % 3]):
        problem = Problem.of(g, seed, samples)
        bound, found = bounds(problem), native(net, problem)
        oracle = numpy_gradient(g, net.params.flat, problem.x, problem.dy)
        own = Gradient(*(part * 2.0**-28 for part in bound))
        assert_within(found, oracle, bound, own)
        assert_within(found._replace(y=net.run(problem.x)), oracle, bound, own)


def check_finite_differences(net: irc.Net, problem: Problem, bound: Gradient, seed: int) -> None:
    """The gradients along random directions, of parameters and inputs at once, are slopes of native ``run``."""
    rng = np.random.default_rng(seed)
    found = native(net, problem)
    w, x = net.params.flat.copy(), problem.x.astype(np.float64)
    noise = rounding_noise(problem, bound, found, w, x)
    conclusive = 0
    for _ in range(3):
        dw, dx = rng.normal(size=w.shape) / (1 + w.size) ** 0.5, rng.normal(size=x.shape) / (1 + x.size) ** 0.5

        def at(t: float, dw=dw, dx=dx) -> float:
            net.params.flat[...] = w + t * dw
            return float(np.sum(problem.dy * net.run(x + t * dx)))

        slope = float(np.sum(found.params * dw) + np.sum(found.x * dx))
        estimate = difference_quotient(at, noise)
        net.params.flat[...] = w
        if estimate is not None:
            conclusive += 1
            assert abs(slope - estimate[0]) <= estimate[1]
    assert conclusive or not smooth(net), "no direction in which the net is smooth"


def rounding_noise(problem: Problem, bound: Gradient, found: Gradient, w: np.ndarray, x: np.ndarray) -> float:
    """How far rounding may move ``sum(dy * y)``: within the net, of the moved inputs, and in the sum."""
    inside = np.sum(np.abs(problem.dy) * bound.y)
    moved = np.sum(np.abs(found.params * w)) + np.sum(np.abs(found.x * x))
    return float(inside + UNIT * (moved + found.y.size * np.sum(np.abs(problem.dy * found.y))))


def difference_quotient(at, noise: float, step: float = 1e-4) -> tuple[float, float] | None:
    """The slope at 0 and the error of it; None where a corner is near: there one-sided slopes stay apart.

    The central difference of half the step is off by about a third of its distance from that of the step.
    """
    here, up, down, half_up, half_down = (at(t) for t in (0.0, step, -step, step / 2, -step / 2))
    coarse, fine = (up - down) / (2 * step), (half_up - half_down) / step
    rounding = 8 * noise / step
    apart, apart_half = (up - 2 * here + down) / step, (half_up - 2 * here + half_down) / (step / 2)
    if abs(apart_half - apart / 2) > 0.1 * abs(apart) + rounding or abs(coarse - fine) > 1e-4 * (1 + abs(fine)):
        return None
    return fine, abs(coarse - fine) + rounding


def smooth(net: irc.Net) -> bool:
    text = net.dump()
    return not any(kind in text for kind in ("lu", "step", "max", "min", "median", "neat_"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_samples(path):
    g = sample_graph(path)
    with irc.compile(str(path), seed=7) as single, irc.compile(str(path), dtype="float64") as double:
        double.params.flat = single.params.flat
        check_single(g, single, 0)
        check_double(g, double, 0)


# Every fifth net by both default pipelines; the others have value and gradient from one, which takes less time.


@pytest.mark.parametrize("seed", range(200))
def test_random_nets(seed):
    g = random_net(seed)
    with compiled(g, "float64", seed=seed, passes=None if seed % 5 == 0 else TRAINING) as net:
        assert list(net.params) == layout(g).names
        check_double(g, net, seed)


@pytest.mark.parametrize("seed", [s if s % 2 == 0 else pytest.param(s, marks=pytest.mark.slow) for s in range(200)])
def test_random_nets_in_float32(seed):
    g = random_net(seed)
    with compiled(g, "float32", seed=seed, passes=None if seed % 5 == 0 else TRAINING) as net:
        check_single(g, net, seed)


@given(g=nets())
@settings(max_examples=15)
def test_drawn_nets(g):
    """The same net by Hypothesis, which shrinks what fails."""
    with compiled(g, "float64", passes=TRAINING) as net:
        problem = Problem.of(g, 1, 2)
        e64 = Bounds(net)(problem)
        assert_within(native(net, problem), numpy_gradient(g, net.params.flat, problem.x, problem.dy), e64, e64)


@pytest.mark.parametrize("seed", range(10))
def test_every_partial_derivative_of_smooth_nets(seed):
    g = random_net(seed, smooth=True)
    with compiled(g, "float64", seed=seed, passes=TRAINING) as net:
        problem = Problem.of(g, seed, 2)
        found = native(net, problem)
        x = problem.x.astype(np.float64)
        noise = rounding_noise(problem, Bounds(net)(problem), found, net.params.flat, x)
        for array, gradient in ((net.params.flat, found.params), (x, found.x)):
            for place in np.ndindex(array.shape):
                kept = array[place]

                def at(t: float, array=array, place=place, kept=kept) -> float:
                    array[place] = kept + t
                    return float(np.sum(problem.dy * net.run(x)))

                slope, allowed = difference_quotient(at, noise) or pytest.fail("a smooth net has a corner")
                array[place] = kept
                assert abs(slope - gradient[place]) <= allowed


# -- every level -------------------------------------------------------------------------------------------------------


class EachLevel(Instrument):
    """Runs the interpreter after each pass and compares with the oracle."""

    def __init__(self, name: str, inputs: list, wanted: Gradient, oracle: Gradient):
        self.name, self.inputs, self.wanted, self.oracle = name, inputs, wanted, oracle
        self.compared = 0

    def after(self, p, module, context, seconds):
        assert difference(irc.parse(module.to_text()), module) is None, f"pretty text after {p}"
        assert difference(irc.parse(module.to_text(generic=True)), module) is None, f"generic text after {p}"
        x, w, dy = self.inputs
        for function in callables(module):
            joint = function.name == f"{self.name}_vjp"
            results = level_results(function, [x, w, dy] if joint else [x, w])
            for (value, bound), wanted, room in zip(results, self.wanted, self.oracle, strict=False):
                # A program that looks at bits has no bound of its own: it gets the one it had.
                allowed = (bound if function.exact else room.single) + room.double
                assert np.all(np.abs(value - wanted) <= allowed), f"{function.name} after {p}"
                self.compared += 1


class Room:
    """The bounds of one result in both dtypes."""

    def __init__(self, single, double):
        self.single, self.double = single, double


LEVELS = [(TRAINING, seed) for seed in SUBSET]
LEVELS += [(pipeline, seed) for pipeline in (INFERENCE, *list(PIPELINES.values())[1:]) for seed in SUBSET[:2]]


@pytest.mark.parametrize(("pipeline", "seed"), LEVELS)
def test_the_interpreter_gives_the_same_at_every_level(pipeline, seed):
    g, single, double = random_net(seed), shared(seed), shared(seed, "float64")
    problem = Problem.of(g, seed, 3)
    inputs = [problem.x, single.params.flat, problem.dy]
    room = [Room(a, b) for a, b in zip(Bounds(single)(problem), Bounds(double)(problem), strict=True)]
    watch = EachLevel(single.name, inputs, numpy_gradient(g, inputs[1], problem.x, problem.dy), room)
    module = single.module.clone()
    PassManager(parse_pipeline(pipeline), None, [watch]).run(module)
    assert watch.compared >= len(pipeline.split(","))


@pytest.mark.parametrize("seed", SUBSET[:2])
def test_check(seed):
    g = random_net(seed)
    with compiled(g, "float32", seed=seed, check=True) as net:
        native(net, Problem.of(g, seed, 2))


def test_check_of_a_sample():
    with irc.compile(str(SAMPLES[3]), check=True) as net:
        net.vjp(np.ones((2, 4)), np.ones((2, 2)))


# -- pipelines, batches ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SUBSET[:8])
def test_pipelines_agree_for_any_batch(seed):
    g = random_net(seed)
    dtype = "float32" if seed % 2 else "float64"
    made = {name: compiled(g, dtype, seed=seed, passes=passes) for name, passes in PIPELINES.items()}
    double = shared(seed, "float64")
    bounds = Bounds(shared(seed, dtype)), Bounds(double)
    for samples in (0, 1, 2, 16, 17, 33):
        problem = Problem.of(g, seed, samples)
        allowed = [of(problem) for of in bounds]
        oracle = numpy_gradient(g, double.params.flat, problem.x, problem.dy)
        for net in made.values():
            assert_within(native(net, problem), oracle, *allowed)
            assert_within(native(net, problem)._replace(y=net.run(problem.x)), oracle, *allowed)
    for net in made.values():
        net.close()


@pytest.mark.parametrize("seed", SUBSET)
def test_same_input_same_bits(seed):
    net = shared(seed)
    for samples in (1, 17, 33):
        problem = Problem.of(random_net(seed), seed, samples)
        first = native(net, problem)
        for _ in range(3):
            assert all(np.array_equal(a, b) for a, b in zip(native(net, problem), first, strict=True))
        assert np.array_equal(net.run(problem.x), net.run(problem.x))


@pytest.mark.parametrize("seed", SUBSET)
def test_samples_do_not_influence_each_other(seed):
    """Permuted samples give permuted bits, and a poisoned sample spoils no other."""
    net, rng = shared(seed), np.random.default_rng(seed)
    for samples in (2, 16, 17, 33):
        problem = Problem.of(random_net(seed), seed, samples)
        order = rng.permutation(samples)
        plain, permuted = native(net, problem), native(net, Problem(problem.x[order], problem.dy[order]))
        assert np.array_equal(plain.y[order], permuted.y)
        assert np.array_equal(plain.x[order], permuted.x)
        assert np.array_equal(net.run(problem.x)[order], net.run(problem.x[order]))
        x = problem.x.copy()
        x[0] = np.nan
        poisoned = native(net, Problem(x, problem.dy))
        assert np.array_equal(poisoned.y[1:], plain.y[1:]) and np.array_equal(poisoned.x[1:], plain.x[1:])


@pytest.mark.parametrize("seed", SUBSET)
def test_gradient_of_a_batch_is_the_sum_over_its_samples(seed):
    net = shared(seed)
    problem = Problem.of(random_net(seed), seed, 17)
    parts = [Problem(problem.x[k : k + 1], problem.dy[k : k + 1]) for k in range(17)]
    total = sum(native(net, part).params.astype(np.float64) for part in parts)
    bounds = Bounds(net)
    allowed = bounds(problem).params + sum(bounds(part).params for part in parts)
    assert np.all(np.abs(native(net, problem).params - total) <= allowed)
