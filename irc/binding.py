"""Symbols of shapes get their numbers from the arrays that a function is called with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dim, Dimension, evaluate, symbols_of
from irc.ir.locations import UNKNOWN, Location


def bind_symbols(
    arguments: Iterable[tuple[str, tuple[Dimension, ...], tuple[int, ...]]],
    known: Mapping[str, int],
    location: Location = UNKNOWN,
) -> dict[str, int]:
    """The symbols' values that give every argument its shape, ``known`` ones included.

    An argument is its name, its declared dimensions and its shape. A dimension with one unknown symbol of degree one
    determines it: ``B``, ``R + 1``, ``2*N``. Symbols that only occur otherwise stay unknown. Raises :class:`irc.Error`
    where shapes contradict the types or each other.
    """
    values = dict(known)
    given = list(arguments)
    for name, dims, shape in given:
        if len(dims) != len(shape):
            fail(f"{name} has {len(shape)} dimensions, its type has {len(dims)}", location)
    pairs = [
        (name, axis, dim, size)
        for name, dims, shape in given
        for axis, (dim, size) in enumerate(zip(dims, shape, strict=True))
    ]
    origin: dict[str, str] = {}
    waiting = [(name, axis, dim, size) for name, axis, dim, size in pairs if isinstance(dim, Dim)]
    progress = True
    while progress and waiting:
        progress = False
        still = []
        for name, axis, free, size in waiting:
            unknown = symbols_of(free) - values.keys()
            solved = _solve(free, unknown, values, size)
            if solved is not None:
                (symbol,) = unknown
                values[symbol] = solved
                origin[symbol] = f"{name} dimension {axis}"
                progress = True
            elif unknown:
                still.append((name, axis, free, size))
        waiting = still
    for name, axis, dim, size in pairs:
        if symbols_of(dim) <= values.keys() and (wanted := evaluate(dim, values)) != size:
            because = "".join(
                f" ({s} = {values[s]} by {origin.get(s, 'definition')})" for s in sorted(symbols_of(dim))
            )
            shown = "" if isinstance(dim, int) else f" = {dim}{because}"
            fail(f"{name}: dimension {axis} is {size}, expected {wanted}{shown}", location)
    return values


def _solve(dim: Dim, unknown: Set[str], values: Mapping[str, int], size: int) -> int | None:
    """The value of the only unknown symbol if ``dim == size`` determines it; None if it does not, or nothing would."""
    if len(unknown) != 1:
        return None
    (symbol,) = unknown
    factor = rest = 0
    for monomial, coefficient in dim.terms:
        degree = 0
        for atom, power in monomial:
            if atom == symbol:
                degree += power
            elif isinstance(atom, str):
                coefficient *= values[atom] ** power
            elif symbol in symbols_of(atom.numerator):
                return None
            else:
                coefficient *= (evaluate(atom.numerator, values) // atom.divisor) ** power
        if degree > 1:
            return None
        if degree:
            factor += coefficient
        else:
            rest += coefficient
    if not factor or (size - rest) % factor or (size - rest) // factor < 0:
        return None
    return (size - rest) // factor
