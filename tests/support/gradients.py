"""Derivatives checked against finite differences, and error bounds against what rounding really does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.interpreter import Interpreter, error_of, value_of
from irc.ir.operation import Operation
from irc.ir.verifier import verify
from irc.passes.autodiff import Autodiff
from irc.passmanager import PassContext
from irc.text.parser import parse_module


def differentiated(text: str, **options: Any) -> Operation:
    """The module of a text after ``autodiff``, verified."""
    module = parse_module(text)
    Autodiff(**options).run(module, PassContext())
    verify(module)
    return module


def run(module: Operation, name: str, arguments: Sequence[Any], mode: str = "float64") -> list[Any]:
    """Results of a function in a mode of the interpreter, without error bounds."""
    return [value_of(v) for v in Interpreter(module, mode).call(name, arguments)]


def check_vjp(module: Operation, arguments: Sequence[Any], seed: int = 0, step: float = 1e-6, name: str = "f") -> None:
    """Compare ``@f_vjp`` with a central difference of ``@f``, both along a random direction of all float arguments."""
    rng = np.random.default_rng(seed)
    floats = [np.asarray(a).dtype.kind == "f" for a in arguments]
    direction = [rng.normal(size=np.shape(a)) if f else 0 for a, f in zip(arguments, floats, strict=True)]

    def at(t: float) -> list[Any]:
        moved = [a + t * d if f else a for a, d, f in zip(arguments, direction, floats, strict=True)]
        return run(module, name, moved)

    results = run(module, name, arguments)
    cotangents = [rng.normal(size=np.shape(r)) for r in results]
    joint = run(module, f"{name}_vjp", [*arguments, *cotangents])
    for got, want in zip(joint, results, strict=False):
        np.testing.assert_array_equal(got, want)
    gradients = joint[len(results) :]
    moving = [d for d, f in zip(direction, floats, strict=True) if f]
    slope = sum(np.sum(g * d) for g, d in zip(gradients, moving, strict=True))
    change = [(high - low) / (2 * step) for high, low in zip(at(step), at(-step), strict=True)]
    expected = sum(np.sum(c * d) for c, d in zip(cotangents, change, strict=True))
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-7)


def check_bounds(module: Operation, name: str, arguments: Sequence[Any]) -> None:
    """The declared types' results must lie within the bounds of the bounded mode, which must not be infinite."""
    exact = [np.asarray(a, np.float32) if np.asarray(a).dtype.kind == "f" else a for a in arguments]
    declared = Interpreter(module).call(name, exact)
    for got, held in zip(declared, Interpreter(module, "bounded").call(name, exact), strict=True):
        error = np.broadcast_to(0.0 if error_of(held) is None else error_of(held), np.shape(got))
        assert np.all(np.isfinite(error))
        assert np.all(np.abs(np.asarray(got, float) - value_of(held)) <= error)
