"""Prints the coefficients of ``passes/expand_math``: best approximations, found by Remez exchange.

For a function g on [a, b] and a weight w it finds the polynomial (or the ratio of two) P for which the largest
|w(x) (P(x) - g(x))| is smallest: at the optimum this error is reached with alternating signs at one more point than P
has coefficients (Chebyshev), so solve for equal errors at trial points, move the points to where the error is largest,
and repeat (Remez 1934). All in decimals of 60 digits, so that neither cancellation in g nor bad conditioning matters.

    python benchmarks/fit_polynomials.py            all of them
    python benchmarks/fit_polynomials.py exp_f32    one
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, getcontext
from math import cos, log2, pi

import numpy as np

getcontext().prec = 60
D = Decimal
Function = Callable[[Decimal], Decimal]

PI = D("3.14159265358979323846264338327950288419716939937510582097494459")
LN2 = D(2).ln()


# -- functions, exact to more than 40 digits ---------------------------------------------------------------------------


def series(term: Decimal, ratio: Callable[[int], Decimal]) -> Decimal:
    """``term`` plus all that follow it; term n + 1 is term n times ``ratio(n)``."""
    total, n = term, 0
    while abs(term) > abs(total) * D("1e-58"):
        term *= ratio(n)
        total += term
        n += 1
    return total


def exp_rest(x: Decimal) -> Decimal:
    """(e^x - 1 - x) / x^2."""
    return series(D("0.5"), lambda n: x / (n + 3))


def exp2_rest(x: Decimal) -> Decimal:
    """(2^x - 1) / x."""
    y = x * LN2
    return LN2 * series(D(1), lambda n: y / (n + 2))


def sin_rest(z: Decimal) -> Decimal:
    """(sin r - r) / r^3 for z = r^2."""
    return series(-D(1) / 6, lambda n: -z / ((2 * n + 4) * (2 * n + 5)))


def cos_rest(z: Decimal) -> Decimal:
    """(cos r - 1 + r^2/2) / r^4 for z = r^2."""
    return series(D(1) / 24, lambda n: -z / ((2 * n + 5) * (2 * n + 6)))


def log1p_rest(f: Decimal) -> Decimal:
    """(log(1 + f) - f + f^2/2) / f^3."""
    if abs(f) < D("1e-9"):
        return D(1) / 3 - f / 4 + f * f / 5
    return ((1 + f).ln() - f + f * f / 2) / f**3


def atanh_rest(z: Decimal) -> Decimal:
    """(2 atanh(s) / s - 2) / z for z = s^2: 2/3 + 2z/5 + ..."""
    return evaluate([D(2) / (2 * n + 3) for n in range(40)], z)


def atanh_tail(z: Decimal) -> Decimal:
    """(3 atanh(s) / s - 3 - z) / z^2 for z = s^2: 3/5 + 3z/7 + ..."""
    return evaluate([D(3) / (2 * n + 5) for n in range(40)], z)


def erf_ratio(z: Decimal) -> Decimal:
    """erf(x) / x for z = x^2; all terms of this series are positive."""
    return 2 / PI.sqrt() * (-z).exp() * series(D(1), lambda n: 2 * z / (2 * n + 3))


def erf_rest(z: Decimal) -> Decimal:
    """erf(x) / x - 1 for z = x^2."""
    return erf_ratio(z) - 1


def erfc(x: Decimal) -> Decimal:
    """1 - erf(x), for x up to 7 (erfc(7) = 4e-23, and 60 digits are carried)."""
    return 1 - x * erf_ratio(x * x)


def erfc_log(x: Decimal) -> Decimal:
    """-log(erfc(x))."""
    return -erfc(x).ln()


def erfc_scaled(x: Decimal) -> Decimal:
    """e^(x^2) erfc(x), which falls from 1 like 1 / x."""
    if x < 4:
        return (x * x).exp() * erfc(x)
    # the continued fraction 1 / (x + 1/2 / (x + 2/2 / (x + 3/2 / ...))) over sqrt(pi)
    below = x
    for n in range(1000, 0, -1):
        below = x + D(n) / 2 / below
    return 1 / (below * PI.sqrt())


def normal_inverse(a: Decimal) -> Decimal:
    """e^(-a^2/2) / (2 Phi(-a)), Phi being the normal distribution function; sqrt(pi/2) a for large a."""
    return 1 / erfc_scaled(a / D(2).sqrt())


def tanh_ratio(z: Decimal) -> Decimal:
    """tanh(x) / x for z = x^2."""
    if z < D("1e-20"):
        return 1 - z / 3
    x = z.sqrt()
    e = (2 * x).exp()
    return (e - 1) / (e + 1) / x


def tanh_rest(z: Decimal) -> Decimal:
    """(tanh(x) - x) / x^3 for z = x^2."""
    return (tanh_ratio(z) - 1) / z if z > D("1e-15") else -D(1) / 3 + 2 * z / 15


# -- fitting -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """What to approximate: ``g`` on [``low``, ``high``] by a polynomial with ``terms`` coefficients, over one with
    ``below`` coefficients besides its leading 1. ``weight`` turns the error of P into the relative error of the
    result; ``name`` ends in the type that the coefficients are for. ``lead``: what all coefficients are multiplied by.
    """

    name: str
    g: Function
    low: Decimal
    high: Decimal
    terms: int
    weight: Function
    below: int = 0
    lead: Decimal = D(1)


def solve(matrix: list[list[Decimal]], right: list[Decimal]) -> list[Decimal]:
    """Gaussian elimination with pivoting."""
    n = len(right)
    rows = [[*row, r] for row, r in zip(matrix, right, strict=True)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(i + 1, n):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    result = [D(0)] * n
    for i in reversed(range(n)):
        known = sum((rows[i][j] * result[j] for j in range(i + 1, n)), D(0))
        result[i] = (rows[i][n] - known) / rows[i][i]
    return result


def power(x: Decimal, n: int) -> Decimal:
    """x^n with 0^0 = 1."""
    return x**n if n else D(1)


def evaluate(coefficients: list[Decimal], x: Decimal) -> Decimal:
    """A polynomial, constant term first."""
    total = D(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def remez(fit: Fit) -> tuple[list[Decimal], list[Decimal], Decimal]:
    """Coefficients above and below (constant term first), and the largest weighted error."""
    count = fit.terms + fit.below
    middle, half = (fit.low + fit.high) / 2, (fit.high - fit.low) / 2
    grid = [middle - half * D(cos(pi * i / (24 * count))) for i in range(24 * count + 1)]
    values = [(x, fit.g(x), fit.weight(x)) for x in grid]
    chosen = [round(i * 24 * count / count) for i in range(count + 1)]
    above, below = [D(1)], [D(1)]
    largest = D(0)
    for _ in range(12):
        matrix, right = [], []
        for i, at in enumerate(chosen):
            x, g, w = values[at]
            scale = w / evaluate(below, x)  # linear in P and Q for the Q of the round before
            row = [scale * power(x, j) for j in range(fit.terms)]
            row += [-scale * g * power(x, j + 1) for j in range(fit.below)]
            matrix.append([*row, D((-1) ** i)])
            right.append(scale * g)
        found = solve(matrix, right)
        above, below = found[: fit.terms], [D(1), *found[fit.terms : count]]
        errors = [w * (evaluate(above, x) / evaluate(below, x) - g) for x, g, w in values]
        largest = max(map(abs, errors))
        chosen = alternation(errors, count + 1)
    return above, below, largest


def alternation(errors: list[Decimal], count: int) -> list[int]:
    """Where the error is largest with alternating signs: one place for each run of equal signs."""
    places: list[int] = []
    for at, error in enumerate(errors):
        if places and (errors[places[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[places[-1]]):
                places[-1] = at
        else:
            places.append(at)
    while len(places) > count:
        places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
    if len(places) < count:  # not yet alternating often enough: spread the points evenly
        return [round(i * (len(errors) - 1) / (count - 1)) for i in range(count)]
    return places


HALF_LN2 = LN2 / 2 + D("0.001")  # a little more than the reduced range: the reduction is rounded
ROOT_HALF, ROOT_TWO = D("0.7071") - 1, D("1.41422") - 1
S2 = D("0.1716") ** 2  # the largest ((m - 1) / (m + 1))^2 for m in [sqrt(1/2), sqrt(2)]
QUARTER_PI2 = (PI / 4 + D("0.0001")) ** 2
# The line that is nearly e^(-a^2/2) / (2 Phi(-a)): the quotient, without its rest, of the best ratio of polynomials of
# degrees 5 and 4, in f32; for large a. The factor 0.88 is one of those for which rounding errors are least.
NORMAL_LINE_F32 = [D(float(np.float32(c))) for c in (0.00116, 1.253295)]
NORMAL_LINE_F64 = [D(0), (PI / 2).sqrt()]

FITS = (
    Fit("exp_f32", exp_rest, -HALF_LN2, HALF_LN2, 5, lambda x: x * x / x.exp()),
    Fit("exp_f64", exp_rest, -HALF_LN2, HALF_LN2, 10, lambda x: x * x / x.exp()),
    Fit("exp2_f32", exp2_rest, -D("0.501"), D("0.501"), 6, lambda x: x / (x * LN2).exp()),
    Fit("exp2_f64", exp2_rest, -D("0.501"), D("0.501"), 11, lambda x: x / (x * LN2).exp()),
    Fit("log_f32", log1p_rest, ROOT_HALF, ROOT_TWO, 9, lambda f: f * f),
    Fit("log_f64", atanh_rest, D(0), S2, 7, lambda z: z / 2),
    Fit("log2_tail_f64", atanh_tail, D(0), S2, 7, lambda z: z * z / 3),
    Fit("sin_f32", sin_rest, D(0), QUARTER_PI2, 3, lambda z: z),
    Fit("sin_f64", sin_rest, D(0), QUARTER_PI2, 6, lambda z: z),
    Fit("cos_f32", cos_rest, D(0), QUARTER_PI2, 3, lambda z: z * z),
    Fit("cos_f64", cos_rest, D(0), QUARTER_PI2, 6, lambda z: z * z),
    Fit("tanh_f32", tanh_rest, D(0), D("0.36"), 5, lambda z: z / tanh_ratio(z)),
    Fit("tanh_f64", tanh_rest, D(0), D("0.36"), 11, lambda z: z / tanh_ratio(z)),
    Fit("tanh_fast_f32", tanh_ratio, D(0), D("82"), 5, lambda z: 1 / tanh_ratio(z), below=4),
    Fit("erf_f32", erf_rest, D(0), D("0.85"), 7, lambda z: 1 / erf_ratio(z)),
    Fit("erf_f64", erf_rest, D(0), D(1), 12, lambda z: 1 / erf_ratio(z)),
    Fit("erfc_log_f32", erfc_log, D("0.92"), D(4), 7, erfc),
    Fit("erfc_log_f64", erfc_log, D(1), D(6), 18, erfc),
    Fit(
        "normal_f32", lambda a: normal_inverse(a) - evaluate(NORMAL_LINE_F32, a), D(0), D("12.9"), 4,
        lambda a: 1 / normal_inverse(a), below=4, lead=D("0.88"),
    ),
    Fit(
        "normal_f64", lambda a: normal_inverse(a) - evaluate(NORMAL_LINE_F64, a), D(0), D("37.5"), 10,
        lambda a: 1 / normal_inverse(a), below=10, lead=D("0.9"),
    ),
)  # fmt: skip


def digits(value: Decimal, type: str) -> str:
    """The number nearest to ``value`` in the type, in the fewest digits that read back as it."""
    return repr(float(value)) if type == "f64" else str(np.float32(float(value)))


def main(names: list[str]) -> None:
    """Print the fits of these names (all, if there are none), and how good they are."""
    for fit in FITS:
        if names and fit.name not in names:
            continue
        above, below, error = remez(fit)
        kind = fit.name.rpartition("_")[2]
        print(f"{fit.name}: relative error 2^{log2(float(error)):.1f}")
        for part in (above, below) if fit.below else (above,):
            print("    " + ", ".join(digits(c * fit.lead, kind) for c in part))


if __name__ == "__main__":
    main(sys.argv[1:])
