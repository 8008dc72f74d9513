"""Aggregations that choose among their terms: the value is that of one term (of an even median, of two), and the
gradient goes there. Reference semantics and error bounds, for all levels that have such aggregations.

Terms and errors are arrays (terms, ...), one row a term. Terms are compared by a key: ``max`` takes the first of the
largest terms, ``min`` the first of the smallest, ``maxabs`` the first of those with the largest absolute value (and is
that term, with its sign). ``median`` ranks the terms, equal ones by their number, and takes the middle one, or the
mean of the two in the middle. Ranks of NaN are those of NumPy's sort, which puts them last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irc.error_bounds import rounded
from irc.ir.types import Type

_KEYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"max": np.positive, "min": np.negative, "maxabs": np.abs}
"""What is largest at the term that is chosen."""

CHOICES = (*_KEYS, "median")
"""The aggregations of this kind."""


def value(how: str, terms: np.ndarray) -> np.ndarray:
    """The aggregate of one or more terms. A median of an even number is half of one plus half of the other."""
    if how in ("max", "min"):
        return (np.maximum if how == "max" else np.minimum).reduce(terms, axis=0)
    if how == "maxabs":
        return np.take_along_axis(terms, _first(how, terms)[None], 0)[0]
    ordered = np.sort(terms, axis=0, kind="stable")
    low, high = ordered[(len(terms) - 1) // 2], ordered[len(terms) // 2]
    half = terms.dtype.type(0.5)
    return low if len(terms) % 2 else half * low + half * high


def shares(how: str, terms: np.ndarray) -> np.ndarray:
    """d aggregate / d term: 1 at the term that is chosen, 1/2 at each of two, 0 elsewhere."""
    count = len(terms)
    if how != "median":
        return (_numbers(terms) == _first(how, terms)).astype(terms.dtype)
    share = np.zeros_like(terms)
    order = np.argsort(terms, axis=0, kind="stable")
    middle = order[(count - 1) // 2 : count // 2 + 1]
    np.put_along_axis(share, middle, terms.dtype.type(1 / len(middle)), 0)
    return share


def value_error(how: str, kind: Type, terms: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The bound of :func:`value`. Order statistics move by at most the largest error; ``maxabs`` may change its sign
    besides."""
    error = errors.max(0)
    if how == "maxabs":
        winner, _ = _winner(how, terms, errors)
        return np.maximum(error, np.where(_rivals(how, terms, errors), np.abs(terms - winner) + errors, 0.0).max(0))
    return rounded(kind, value(how, terms), error, 1.0) if how == "median" and len(terms) % 2 == 0 else error


def share_errors(how: str, terms: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The bound of :func:`shares`: 0 where the choice is certain, the largest share where it is not."""
    if how == "median":
        return _median_share_errors(terms, errors)
    rivals = _rivals(how, terms, errors)
    chosen = _numbers(terms) == _first(how, terms)
    return np.where(rivals | (chosen & rivals.any(0)), 1.0, 0.0)


def _numbers(terms: np.ndarray) -> np.ndarray:
    """The number of each term, to be compared with an array of chosen ones."""
    return np.arange(len(terms)).reshape(-1, *[1] * (terms.ndim - 1))


def _first(how: str, terms: np.ndarray) -> np.ndarray:
    return np.argmax(_KEYS[how](terms), 0)


def _winner(how: str, terms: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The chosen term and its error."""
    best = _first(how, terms)[None]
    return np.take_along_axis(terms, best, 0), np.take_along_axis(errors, best, 0)


def _rivals(how: str, terms: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Which other terms may be the chosen one: the interval of their key reaches that of the best one."""
    key, (winner, error) = _KEYS[how], _winner(how, terms, errors)
    room = errors + error
    chosen = _numbers(terms) == _first(how, terms)
    return (np.abs(key(terms) - key(winner)) <= room) & (room > 0) & ~chosen


def _median_share_errors(terms: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """A share is certain if the term has only one possible rank, or all its possible ranks are off the middle."""
    count = len(terms)
    first, last = (count - 1) // 2, count // 2
    found = np.zeros(terms.shape)
    for number, (term, error) in enumerate(zip(terms, errors, strict=True)):
        gap, room = terms - term, errors + error
        before = np.where(room > 0, gap < -room, (gap < 0) | ((gap == 0) & (_numbers(terms) < number))).sum(0)
        behind = np.where(room > 0, gap > room, (gap > 0) | ((gap == 0) & (_numbers(terms) > number))).sum(0)
        lowest, highest = before, count - 1 - behind
        possible = (lowest <= last) & (highest >= first) & (lowest != highest)
        found[number] = np.where(possible, 1.0 if first == last else 0.5, 0.0)
    return found


def stacked(values: Any) -> np.ndarray:
    """Terms that are arrays or single numbers as one array (terms, ...)."""
    return np.stack(np.broadcast_arrays(*values))
