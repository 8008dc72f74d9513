"""What the expansions promise: the largest error of each function, in units in the last place (ULP) of the result.

One ULP is the distance between the two floats around the exact value (between denormals: the smallest denormal).
The bounds hold for all arguments unless ``up_to`` says otherwise, with and without fused multiply-add, denormal
arguments and results included. Zeros keep their sign in odd functions; infinities and NaN come out as IEEE-754 (for
powf: C's pow) wants. Results of f16 and bf16 are computed in f32 and rounded once more: half an ULP, nearly.

The numbers are measured, with a margin, not proven: ``tests/passes/test_expand_math.py`` holds each against references
of higher precision, at samples of all exponents and, in the slow tests, at every 1009th float of 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Accuracy:
    """The largest error in ULP, for arguments with ``|x| <= up_to`` and results not nearer to 0 than ``down_to``.

    ``flushes``: results below sqrt(2) times the smallest normal number may be 0.
    """

    ulps: float
    up_to: float = float("inf")
    flushes: bool = False
    down_to: float = 0.0


ACCURACY: dict[str, dict[str, Accuracy]] = {
    "exp": {"f32": Accuracy(1.25), "f64": Accuracy(1.25)},
    "exp2": {"f32": Accuracy(1.5), "f64": Accuracy(1.5)},
    "expm1": {"f32": Accuracy(2.0), "f64": Accuracy(2.5)},
    "log": {"f32": Accuracy(1.0), "f64": Accuracy(1.0)},
    "log2": {"f32": Accuracy(1.75), "f64": Accuracy(1.75)},
    "log10": {"f32": Accuracy(2.5), "f64": Accuracy(2.5)},
    "log1p": {"f32": Accuracy(1.75), "f64": Accuracy(1.75)},
    "tanh": {"f32": Accuracy(1.5), "f64": Accuracy(1.5)},
    "sinh": {"f32": Accuracy(3.0), "f64": Accuracy(3.0)},
    "cosh": {"f32": Accuracy(2.0), "f64": Accuracy(2.0)},
    "sin": {"f32": Accuracy(1.75, 2.0**31), "f64": Accuracy(1.0, 2.0**20)},
    "cos": {"f32": Accuracy(1.75, 2.0**31), "f64": Accuracy(1.0, 2.0**20)},
    "tan": {"f32": Accuracy(3.5, 2.0**31), "f64": Accuracy(3.0, 2.0**20)},
    "erf": {"f32": Accuracy(1.5), "f64": Accuracy(2.0)},
    "powf": {"f32": Accuracy(1.0), "f64": Accuracy(2.0)},
    "rsqrt": {"f32": Accuracy(1.5), "f64": Accuracy(1.5)},
}
"""By name of the ``math`` op and type. Beyond ``up_to``, sin and cos are numbers in [-1, 1] of no meaning."""

FAST: dict[str, dict[str, Accuracy]] = {
    "exp": {"f32": Accuracy(2.0, flushes=True), "f64": Accuracy(2.0, flushes=True)},
    "exp2": {"f32": Accuracy(2.0, flushes=True), "f64": Accuracy(2.0, flushes=True)},
    "tanh": {"f32": Accuracy(5.0)},
}
"""What differs with the option ``fast``."""

ACTIVATIONS: dict[str, dict[str, Accuracy]] = {
    "sigmoid": {"f32": Accuracy(2.5), "f64": Accuracy(2.5)},
    "silu": {"f32": Accuracy(3.5, down_to=2.0**-119), "f64": Accuracy(3.5, down_to=2.0**-1012)},
    "gelu": {"f32": Accuracy(4.0, down_to=2.0**-119), "f64": Accuracy(5.0, down_to=2.0**-1012)},
}
"""Activations made of these functions. x times a denormal number has lost bits, hence ``down_to``; from about there
gelu is 0.
"""
