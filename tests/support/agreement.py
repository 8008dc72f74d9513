"""How far native results may be from the oracles: bounds that follow from the arithmetic, nothing tuned.

The interpreter's bounded mode computes, beside each number, how far rounding every operation to the declared type can
take it from exact arithmetic. Native code does these operations, so it lies within that bound e; an oracle in float64
does as many, and lies within the bound e64 of the same program in float64. So |native - oracle| <= e + e64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np

import irc
from irc.calling import Callable, callables
from irc.interpreter import error_of
from irc.passmanager import PassManager, parse_pipeline
from support.oracle import Gradient, input_nodes, output_nodes

ARRAY_LEVEL = "group-neurons,lower-neuron,autodiff"


@dataclass(frozen=True)
class Problem:
    """A batch and a gradient of the output, in numbers that float32 holds exactly."""

    x: np.ndarray
    dy: np.ndarray

    @classmethod
    def of(cls, g: nx.DiGraph, seed: int, samples: int) -> Problem:
        """Seeded numbers for a net."""
        rng = np.random.default_rng([seed, samples])
        x = rng.normal(size=(samples, len(input_nodes(g)))).astype(np.float32)
        dy = rng.normal(size=(samples, len(output_nodes(g)))).astype(np.float32)
        return cls(x, dy)


class Bounds:
    """The error bounds of a net's output and gradients in its dtype, by the array program that it becomes."""

    def __init__(self, net: irc.Net):
        module = net.module.clone()
        PassManager(parse_pipeline(ARRAY_LEVEL), verify_each=False).run(module)
        self.net = net
        self.derivative = next(c for c in callables(module) if c.name == f"{net.name}_vjp")

    def __call__(self, problem: Problem) -> Gradient:
        """The bounds for one batch, with the net's parameters as they are."""
        held = self.derivative.bounded([problem.x, self.net.params.flat, problem.dy])
        return Gradient(*(error(value) for value in held))


def error(held) -> np.ndarray | float:
    """The bound that the interpreter holds beside a value; none means exact."""
    found = error_of(held)
    return 0.0 if found is None else found


def native(net: irc.Net, problem: Problem) -> Gradient:
    """Output and gradients of the native code; the forward kernel's output must be the joint one's."""
    y, gradients = net.vjp(problem.x, problem.dy)
    assert y.dtype == gradients.x.dtype == gradients.params.flat.dtype == net.dtype
    return Gradient(y, gradients.x, gradients.params.flat)


def assert_within(found: Gradient, wanted: Gradient, *allowed: Gradient) -> None:
    """Each number differs by no more than the sum of its bounds, which must be finite."""
    for what, a, b, *errors in zip(Gradient._fields, found, wanted, *allowed, strict=True):
        limit = np.broadcast_to(sum(errors), a.shape)
        assert a.shape == b.shape, what
        assert np.all(np.isfinite(limit)), f"{what}: no bound"
        difference = np.abs(a.astype(np.float64) - b)
        assert np.all(difference <= limit), f"{what}: off by {difference.max()}, {np.max(difference - limit)} too much"


def level_results(function: Callable, inputs: list) -> Iterator[tuple[np.ndarray, np.ndarray | float]]:
    """Values and bounds of a function at any level. Programs that look at bits run in the declared type."""
    for held in function.bounded(inputs) if function.exact else function.declared(inputs):
        yield np.asarray(getattr(held, "value", held), np.float64), error(held)
