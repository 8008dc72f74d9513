"""Functions of mathematics in higher precision, errors in ULP, and arguments worth trying."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

WIDE = np.longdouble
"""The x87 format has 64 bits, 11 more than float64."""


def erf(x: np.ndarray) -> np.ndarray:
    """2/sqrt(pi) e^(-x^2) (x + 2x^3/3 + 4x^5/15 + ...): all terms have one sign, so nothing cancels."""
    x = np.asarray(x, WIDE)
    z = np.minimum(np.abs(x), 7) ** 2
    term = total = np.ones_like(x)
    for n in range(200):
        term = term * 2 * z / (2 * n + 3)
        total = total + term
    root_pi = np.sqrt(WIDE(4) * np.arctan(WIDE(1)))
    return np.where(np.abs(x) > 7, np.sign(x), 2 / root_pi * x * np.exp(-z) * total)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), without cancellation."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def normal(x: np.ndarray) -> np.ndarray:
    """The normal distribution function; far out by the continued fraction of erfc, which has no cancellation."""
    a = np.abs(x) / np.sqrt(WIDE(2))
    far = np.maximum(a, 2)
    below = far
    for n in range(200, 0, -1):
        below = far + WIDE(n) / 2 / below
    tail = np.exp(-(x**2) / 2) / (below * np.sqrt(WIDE(4) * np.arctan(WIDE(1)))) / 2
    return np.where(a < 2, (1 + erf(x / np.sqrt(WIDE(2)))) / 2, np.where(x < 0, tail, 1 - tail))


REFERENCE: dict[str, Callable[..., np.ndarray]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "erf": erf,
    "powf": np.float_power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * normal(x),
}


def exact(name: str, *arguments: np.ndarray) -> np.ndarray:
    """The value in extended precision."""
    with np.errstate(all="ignore"):
        return REFERENCE[name](*[a.astype(WIDE) for a in arguments])


def ulps(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The error in units in the last place of the dtype of ``got``; infinite where only one is NaN.

    Infinity counts as the number after the largest one, so that rounding up to it is half a unit.
    """
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        limit = WIDE(2) ** info.maxexp
        a, b = (np.clip(v.astype(WIDE), -limit, limit) for v in (got, wanted))
        exponent = np.frexp(np.where(np.isfinite(b) & (b != 0), b, WIDE(info.smallest_normal)))[1] - 1
        unit = np.ldexp(WIDE(1), np.clip(exponent, info.minexp, info.maxexp - 1) - info.nmant)
        error = np.abs(a - b) / unit
    both = np.isnan(a) & np.isnan(b)
    return np.where(both, 0, np.where(np.isnan(error), np.inf, error)).astype(np.float64)


SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, np.inf, -np.inf, np.nan)


def every_exponent(dtype: np.dtype, per_exponent: int, seed: int = 0) -> np.ndarray:
    """Numbers of both signs and all exponents, denormals included: powers of two, their neighbours, and random ones."""
    info = np.finfo(dtype)
    generator = np.random.default_rng(seed)
    fraction_bits, bits = info.nmant, np.dtype(f"i{dtype.itemsize}")
    exponents = np.arange(2 ** (info.bits - 1 - fraction_bits) - 1, dtype=bits)[:, None] << fraction_bits
    ends = np.array([0, 1, 2**fraction_bits - 1], bits)
    random = generator.integers(0, 2**fraction_bits, (len(exponents), per_exponent), bits)
    fractions = np.concatenate([np.broadcast_to(ends, (len(exponents), len(ends))), random], axis=1)
    positive = (exponents | fractions).reshape(-1).view(dtype)
    return np.concatenate([positive, -positive, np.array(SPECIAL, dtype)])


RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "exp": {"f32": (-105, 90), "f64": (-750, 712)},
    "exp2": {"f32": (-152, 129), "f64": (-1080, 1025)},
    "sigmoid": {"f32": (-105, 20), "f64": (-750, 40)},
    "silu": {"f32": (-105, 20), "f64": (-750, 40)},
    "gelu": {"f32": (-15, 7), "f64": (-39, 10)},
    "sinh": {"f32": (-90, 90), "f64": (-712, 712)},
    "cosh": {"f32": (-90, 90), "f64": (-712, 712)},
    "sin": {"f32": (-1e5, 1e5), "f64": (-1e5, 1e5)},
    "cos": {"f32": (-1e5, 1e5), "f64": (-1e5, 1e5)},
    "tan": {"f32": (-1e5, 1e5), "f64": (-1e5, 1e5)},
}
"""Where results are neither 0 nor infinite (where that is more than [-20, 20])."""


def arguments(name: str, type: str, per_exponent: int, count: int) -> tuple[np.ndarray, ...]:
    """Arguments for a function: all exponents, numbers near 0 and 1, and all of the range where it says something."""
    dtype = np.dtype({"f32": np.float32, "f64": np.float64}[type])
    if name == "powf":
        return _powers(type, dtype, per_exponent, count)
    low, high = RANGES.get(name, {}).get(type, (-20.0, 20.0))
    spread = [between(low, high, count, dtype), between(-2, 2, count, dtype), between(0.7, 1.5, count, dtype)]
    return (np.concatenate([every_exponent(dtype, per_exponent), *spread]),)


def _powers(type: str, dtype: np.dtype, per_exponent: int, count: int) -> tuple[np.ndarray, ...]:
    """Bases and exponents: of all sizes, special ones with each other, and such that powers reach from end to end."""
    generator = np.random.default_rng(2)
    any_size = every_exponent(dtype, per_exponent)
    special = np.array([*SPECIAL, 0.3, -0.3, 7, -7, 1e30, -1e30], dtype)
    positive = np.abs(any_size[np.isfinite(any_size) & (any_size != 0) & (np.abs(any_size) != 1)])
    near_one = between(0.99, 1.01, count, dtype)
    low, high = RANGES["exp2"][type]
    with np.errstate(all="ignore"):
        reaching = [
            (generator.uniform(low, high, len(b)) / np.log2(b.astype(WIDE))).astype(dtype) for b in (positive, near_one)
        ]
    whole = np.round(between(-30, 30, count, dtype))
    bases = [any_size, np.repeat(special, len(special)), positive, near_one, between(-20, 20, count, dtype, seed=3)]
    exponents = [generator.permutation(any_size), np.tile(special, len(special)), *reaching, whole]
    return np.concatenate(bases), np.concatenate(exponents)


def between(low: float, high: float, count: int, dtype: np.dtype, seed: int = 1) -> np.ndarray:
    """Evenly spread numbers."""
    return np.random.default_rng(seed).uniform(low, high, count).astype(dtype)
