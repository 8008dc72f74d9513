"""``--check``: does a pass keep the meaning of a program? It is run before and after, and the results are compared.

Each public function, and net, is called with the same seeded inputs on both sides by the reference interpreter in
bounded mode, which gives with every number a bound of its distance from exact arithmetic. Two results agree if they
differ by no
more than the sum of their bounds: nothing is tuned. After a differentiating pass, each new derivative is compared with
directional finite differences of its function. On a mismatch the program before the pass is cut down to the first op
whose value the pass gets wrong; that op is named, and the cut-down program is written as a reproducer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.calling import Callable, callables
from irc.dialects.builtin import ModuleOp
from irc.files import write_atomically
from irc.interpreter import Bounded, Detached
from irc.ir.diagnostics import Diagnostic, Error
from irc.ir.locations import UNKNOWN
from irc.ir.verifier import verify
from irc.passmanager import Instrument, Pass, PassContext, Signature
from irc.reduction import prefixes

DERIVATIVE = "_vjp"
"""What a derivative's name ends in; ``@f_vjp`` is that of ``@f``."""

CASES = ((3, "ordinary"), (1, "ordinary"), (1, "zeros"), (3, "large"))
"""Batch size and kind of the inputs that each function is called with."""


@dataclass(frozen=True)
class Mismatch:
    """Two results that differ by more than arithmetic explains."""

    function: str
    result: int
    position: tuple[int, ...]
    before: float
    after: float
    allowed: float
    case: str

    def __str__(self) -> str:
        return (
            f"@{self.function}: result {self.result} at {list(self.position)} is {self.before:.9g} before and "
            f"{self.after:.9g} after; they may differ by {self.allowed:.3g} (inputs: {self.case})"
        )


class CheckPass(Instrument):
    """Compares the module before and after each pass (``passes``), and derivatives with finite differences
    (``gradients``). Raises :class:`irc.Error` that names the pass, the op and the inputs.
    """

    def __init__(self, seed: int = 0, passes: bool = True, gradients: bool = True, reproducer: str | None = None):
        self.seed = seed
        self.passes = passes
        self.gradients = gradients
        self.reproducer = reproducer
        self._before: ModuleOp | None = None

    def before(self, p: Pass, module: ModuleOp) -> None:
        self._before = module.clone()

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        assert self._before is not None
        if self.passes:
            mismatch = compare(self._before, module, self.seed, p.signature is Signature.NARROWED)
            if mismatch is not None:
                raise self._changed(p, context, mismatch)
        if self.gradients and p.signature is Signature.EXTENDED:
            known = {c.name for c in callables(self._before)}
            for derivative in callables(module):
                if derivative.name not in known and derivative.name.endswith(DERIVATIVE):
                    check_gradient(module, derivative.name.removesuffix(DERIVATIVE), self.seed)

    def _changed(self, p: Pass, context: PassContext, mismatch: Mismatch) -> Error:
        """The error for a pass that changed what a function computes."""
        assert self._before is not None
        smallest, op, place = self._before, mismatch.function, UNKNOWN
        for candidate, cut_at in prefixes(self._before, mismatch.function):
            rewritten = _run(p, candidate, context)
            if rewritten is None:
                continue
            found = compare(candidate, rewritten, self.seed, p.signature is Signature.NARROWED)
            if found is not None:
                smallest, mismatch = candidate, found
                op, place = cut_at.name, cut_at.location
                break
        notes = [Diagnostic(f"the wrong value comes from '{op}'", place, "note")]
        if self.reproducer is not None:
            text = smallest.to_text(generic=True)
            write_atomically(self.reproducer, f"// RUN: irc-opt %s -p '{p}' --check\n{text}")
            notes.append(Diagnostic(f"the reduced program is in {self.reproducer}", severity="note"))
        return Error(Diagnostic(f"pass '{p}' changed the meaning of {mismatch}", place, "error", tuple(notes)))


def _run(p: Pass, module: ModuleOp, context: PassContext) -> ModuleOp | None:
    """The module after the pass; None where the pass cannot take it."""
    rewritten: Any = module.clone()
    try:
        p.run(rewritten, PassContext(context.target))
        verify(rewritten)
    except Error:
        return None
    return rewritten


def compare(before: ModuleOp, after: ModuleOp, seed: int = 0, narrowed: bool = False) -> Mismatch | None:
    """The first result in which the functions that both modules have differ; None if they agree.

    ``narrowed``: the functions after the pass serve fewer sizes, as the pass says of itself; inputs have these.

    Raises :class:`irc.Error` where the interpreter cannot run the program after the pass at all.
    """
    others = {c.name: c for c in callables(after)}
    for function in callables(before):
        other = others.get(function.name)
        if other is None:
            continue
        for size, kind in CASES:
            inputs = (other if narrowed else function).inputs(seed, size, kind)
            case = f"{kind}, batch {size}, seed {seed}"
            expected, found = _both(function, other, inputs)
            for number, (a, b) in enumerate(zip(expected, found, strict=False)):
                mismatch = _difference(function.name, number, a, b, case)
                if mismatch is not None:
                    return mismatch
    return None


def _both(before: Callable, after: Callable, inputs: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The results of both sides, in the mode that both can be run in.

    A program that looks at the bits of numbers (after ``expand-math``) has its meaning in the declared types only:
    what it gives must lie within the bounds of the program it came from, or be the same numbers if that looks at bits
    too. Where a pass has removed delays, or merged equal ones, the state is another, and both start as they do.
    """
    if None not in (before.state_width, after.state_width) and before.state_width != after.state_width:
        x, w, _ = inputs
        return before.bounded_from_start(x, w), after.bounded_from_start(x, w)
    if before.exact:
        return before.bounded(inputs), after.bounded(inputs) if after.exact else after.declared(inputs)
    return before.declared(inputs), after.declared(inputs)


def _difference(function: str, number: int, a: Any, b: Any, case: str) -> Mismatch | None:
    """Where two results differ by more than their bounds. Elements that overflow on either side prove nothing."""
    (x, x_error), (y, y_error) = _parts(a), _parts(b)
    if np.shape(x) != np.shape(y):
        return Mismatch(function, number, (), np.nan, np.nan, 0.0, f"{case}; shapes {np.shape(x)} and {np.shape(y)}")
    with np.errstate(all="ignore"):
        allowed = np.broadcast_to(x_error + y_error, np.shape(x))
        wrong = np.asarray(~(np.abs(x - y) <= allowed) & np.isfinite(allowed) & np.isfinite(x))
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return Mismatch(function, number, at, float(x[at]), float(y[at]), float(allowed[at]), case)


def _parts(value: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(value, Bounded):
        error = np.zeros(()) if value.error is None else np.asarray(value.error)
        return np.asarray(value.value, np.float64), error
    return np.asarray(value, np.float64), np.zeros(())


# -- derivatives -------------------------------------------------------------------------------------------------------

POINTS = 12
"""Points at which a derivative is tried; those near a kink do not count."""


def check_gradient(module: ModuleOp, name: str, seed: int = 0) -> None:
    """Compare ``@name_vjp`` with central differences of ``@name`` along random directions, in float64.

    With steps h and h/2, the differences D(h) and D(h/2) have errors of about 4e and e, so e = |D(h) - D(h/2)| / 3
    estimates that of the finer one; rounding adds (bound of f) / h. The derivative's bound counts in its declared type,
    for its constants (2 / sqrt(pi) of erf) are rounded to it. A point is skipped when the one-sided differences
    disagree by more than their smooth part: the function has a kink there (relu at 0, a tie of max).
    """
    by_name = {c.name: c for c in callables(module)}
    if name not in by_name or f"{name}{DERIVATIVE}" not in by_name:
        return
    function, derivative = by_name[name], by_name[f"{name}{DERIVATIVE}"]
    for point, (inputs, direction, weights) in enumerate(_directions(function, seed)):
        given = [*inputs, *[w for w in weights if w is not None]]
        if point == 0:
            derivative.float64(given)  # a derivative that cannot be run at all is an error, not a point to skip
        try:
            estimate = _difference_quotient(function, inputs, direction, weights)
            results = derivative.bounded(given)
        except Error:  # rounding decides a branch here
            continue
        if estimate is None:
            continue
        value, allowed = estimate
        parts = [_parts(result) for result in results[len(weights) :]]
        gradients = [gradient for gradient, _ in parts]
        differentiable = [d for d in direction if d is not None]
        if len(gradients) != len(differentiable):
            return  # derivatives with respect to a choice of arguments: there is no direction to compare along
        terms = [g * d for g, d in zip(gradients, differentiable, strict=True)]
        along = float(sum(np.sum(t) for t in terms))
        allowed += 1e-12 * float(sum(np.sum(np.abs(t)) for t in terms))
        allowed += float(sum(np.sum(np.abs(d) * e) for (_, e), d in zip(parts, differentiable, strict=True)))
        if not abs(along - value) <= allowed:
            raise Error(
                f"the derivative @{name}{DERIVATIVE} is wrong: along a direction it gives {along:.9g}, finite "
                f"differences give {value:.9g} within {allowed:.3g} (seed {seed})"
            )


def _directions(function: Callable, seed: int) -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
    generator = np.random.Generator(np.random.Philox(key=seed + 1))
    for point in range(POINTS):
        inputs = function.inputs(seed + point, 1 + point % 3, "ordinary")
        direction = [generator.standard_normal(np.shape(x)) if _is_float(x) else None for x in inputs]
        results = function.float64(inputs)
        weights = [generator.standard_normal(np.shape(y)) if _is_float(y) else None for y in results]
        yield inputs, direction, weights


def _is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _difference_quotient(
    function: Callable, inputs: Sequence[Any], direction: Sequence[Any], weights: Sequence[Any], step: float = 1e-4
) -> tuple[float, float] | None:
    """The derivative of sum(weights * f) along ``direction`` with a bound of its error; None near a kink."""

    noise = function.noise()
    detached = Detached()

    def at(t: float) -> tuple[float, float]:
        moved = [x if d is None else x + t * d for x, d in zip(inputs, direction, strict=True)]
        total = error = 0.0
        for result, weight in zip(function.bounded(moved, detached), weights, strict=True):
            if weight is not None:
                value, bound = _parts(result)
                total += float(np.sum(weight * value))
                error += float(np.sum(np.abs(weight) * np.broadcast_to(bound, value.shape))) * noise
        detached.again()
        return total, error

    (here, e0), (up, e1), (down, e2) = at(0.0), at(step), at(-step)
    (half_up, e3), (half_down, e4) = at(step / 2), at(-step / 2)
    coarse, fine = (up - down) / (2 * step), (half_up - half_down) / step
    rounding = (e0 + e1 + e2 + 2 * (e3 + e4)) / step
    if not np.isfinite(rounding + coarse + fine):
        return None
    jump, jump_fine = (up - 2 * here + down) / step, (half_up - 2 * here + half_down) / (step / 2)
    # Of a smooth function the jump halves with the step, at a kink it does not.
    smooth = abs(jump) * 0.75 + 8 * rounding
    if abs(jump_fine) > smooth:
        return None
    truncation = abs(coarse - fine)
    if truncation > 0.05 * (abs(fine) + 1e-3) + 8 * rounding:
        return None
    return fine, truncation + 4 * rounding
