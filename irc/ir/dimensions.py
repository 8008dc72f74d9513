"""Sizes of shapes: integers, or integer polynomials over named symbols.

A dimension is an ``int`` or a :class:`Dim`. Arithmetic gives back an ``int`` whenever the value is constant, and a
``Dim`` in one canonical form otherwise, so that equal dimensions are equal objects of Python: ``B*T == T*B``,
``(2*B + 4) floordiv 2 == B + 2``. Symbols stand for sizes and are never negative.

Text: ``B``, ``2*B*T + 1``, ``(H - 1) floordiv 2 + 1``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import gcd
from typing import Union

Atom = Union[str, "FloorDiv"]
Monomial = tuple[tuple[Atom, int], ...]
Dimension = Union[int, "Dim"]


class FloorDiv:
    """The atom ``numerator floordiv divisor``, with the divisor a constant above 1."""

    __slots__ = ("divisor", "numerator", "text")

    def __init__(self, numerator: Dim, divisor: int):
        self.numerator = numerator
        self.divisor = divisor
        inner = str(numerator)
        self.text = f"{inner if inner.isidentifier() else f'({inner})'} floordiv {divisor}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloorDiv) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


def _atom_key(atom: Atom) -> str:
    return atom if isinstance(atom, str) else atom.text


def _term_key(monomial: Monomial):
    """Higher degrees first, then by name; the constant last."""
    return (-sum(p for _, p in monomial), tuple((_atom_key(a), -p) for a, p in monomial))


class Dim:
    """A polynomial that is not constant. Make one with :func:`symbol` and arithmetic, or :func:`parse_dimension`."""

    __slots__ = ("_hash", "_symbols", "_text", "terms")

    def __init__(self, terms: dict[Monomial, int]):
        self.terms = tuple(sorted(terms.items(), key=lambda item: _term_key(item[0])))
        self._hash = hash(self.terms)
        self._text: str | None = None
        self._symbols: frozenset[str] | None = None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dim) and self.terms == other.terms)

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Dimension) -> Dimension:
        total = dict(self.terms)
        for monomial, coefficient in _terms(other):
            total[monomial] = total.get(monomial, 0) + coefficient
        return _make(total)

    __radd__ = __add__

    def __neg__(self) -> Dimension:
        return _make({m: -c for m, c in self.terms})

    def __sub__(self, other: Dimension) -> Dimension:
        return self + (-other)

    def __rsub__(self, other: int) -> Dimension:
        return -self + other

    def __mul__(self, other: Dimension) -> Dimension:
        total: dict[Monomial, int] = {}
        for m1, c1 in self.terms:
            for m2, c2 in _terms(other):
                powers = dict(m1)
                for atom, power in m2:
                    powers[atom] = powers.get(atom, 0) + power
                monomial = tuple(sorted(powers.items(), key=lambda item: _atom_key(item[0])))
                total[monomial] = total.get(monomial, 0) + c1 * c2
        return _make(total)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Dimension:
        """floor(self / divisor). Multiples of the divisor come out: (a*d + r) floordiv d = a + r floordiv d."""
        if not isinstance(divisor, int) or divisor < 1:
            raise ValueError(f"a dimension can only be divided by a positive constant, not by {divisor}")
        whole: dict[Monomial, int] = {}
        rest: dict[Monomial, int] = {}
        for monomial, coefficient in self.terms:
            quotient, remainder = divmod(coefficient, divisor)
            if quotient:
                whole[monomial] = quotient
            if remainder:
                rest[monomial] = remainder
        inner: Dimension = _make(rest)
        if isinstance(inner, int):
            return _make(whole) + inner // divisor
        common = gcd(divisor, *(c for _, c in inner.terms))
        if common > 1:
            inner, divisor = _make({m: c // common for m, c in inner.terms}), divisor // common
        if isinstance(inner, Dim) and len(inner.terms) == 1 and inner.terms[0][1] == 1:
            ((monomial, _),) = inner.terms
            if len(monomial) == 1 and monomial[0][1] == 1 and isinstance(monomial[0][0], FloorDiv):
                nested = monomial[0][0]  # (x floordiv a) floordiv b = x floordiv (a*b)
                inner, divisor = nested.numerator, nested.divisor * divisor
        if divisor == 1:
            return _make(whole) + inner
        assert isinstance(inner, Dim)
        return _make(whole) + Dim({((FloorDiv(inner, divisor), 1),): 1})

    def __str__(self) -> str:
        if self._text is None:
            parts: list[str] = []
            for monomial, coefficient in self.terms:
                # A division binds like a product, so next to another factor it stands in brackets.
                several = abs(coefficient) != 1 or sum(p for _, p in monomial) > 1
                factors = [
                    f"({a.text})" if isinstance(a, FloorDiv) and several else str(a)
                    for a, p in monomial
                    for _ in range(p)
                ]
                if abs(coefficient) != 1 or not factors:
                    factors.insert(0, str(abs(coefficient)))
                sign = "-" if coefficient < 0 else "+"
                parts.append((f" {sign} " if parts else "-" if coefficient < 0 else "") + "*".join(factors))
            self._text = "".join(parts)
        return self._text

    def __repr__(self) -> str:
        return f"Dim({self})"


def _terms(dim: Dimension):
    return dim.terms if isinstance(dim, Dim) else (((), dim),)


def _make(terms: dict[Monomial, int]) -> Dimension:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Dim(terms)


def symbol(name: str) -> Dim:
    """The dimension that is the symbol ``name``: an identifier, but not ``x``, which separates sizes."""
    if not name.isidentifier() or name in ("x", "floordiv"):
        raise ValueError(f"{name!r} cannot name a dimension")
    return Dim({((name, 1),): 1})


def ceildiv(dim: Dimension, divisor: int) -> Dimension:
    """The smallest number of ``divisor``-sized parts that cover ``dim``."""
    return (dim + (divisor - 1)) // divisor


def product(dims) -> Dimension:
    """The number of elements of a shape."""
    total: Dimension = 1
    for dim in dims:
        total = total * dim
    return total


def symbols_of(dim: Dimension) -> frozenset[str]:
    """The names of the symbols in ``dim``."""
    if not isinstance(dim, Dim):
        return frozenset()
    if dim._symbols is None:
        atoms = [atom for monomial, _ in dim.terms for atom, _ in monomial]
        parts = [{atom} if isinstance(atom, str) else symbols_of(atom.numerator) for atom in atoms]
        dim._symbols = frozenset().union(*parts)
    return dim._symbols


def substitute(dim: Dimension, values: Mapping[str, Dimension]) -> Dimension:
    """``dim`` with symbols replaced by other dimensions; symbols that ``values`` lacks stay."""
    if isinstance(dim, int):
        return dim
    total: Dimension = 0
    for monomial, coefficient in dim.terms:
        term: Dimension = coefficient
        for atom, power in monomial:
            value: Dimension
            if isinstance(atom, str):
                value = values[atom] if atom in values else symbol(atom)
            else:
                value = substitute(atom.numerator, values) // atom.divisor
            for _ in range(power):
                term = term * value
        total = total + term
    return total


def evaluate(dim: Dimension, values: Mapping[str, int]) -> int:
    """The number that ``dim`` is when its symbols have these values. KeyError names a symbol without one."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        for atom, power in monomial:
            value = values[atom] if isinstance(atom, str) else evaluate(atom.numerator, values) // atom.divisor
            coefficient *= value**power
        total += coefficient
    return total


def at_least(a: Dimension, b: Dimension) -> bool:
    """Whether ``a >= b`` for all sizes, provably: no negative coefficient in ``a - b``."""
    difference = a - b
    if isinstance(difference, int):
        return difference >= 0
    return all(c >= 0 for _, c in difference.terms)


_TOKEN = re.compile(r"\s*(?:(\d+)|(floordiv\b)|([A-Za-z_]\w*)|([-+*()]))")


LARGEST = 2**62
"""No size that a text gives is larger: native code counts bytes with 64 bits."""


@lru_cache(maxsize=4096)
def parse_dimension(text: str) -> Dimension:
    """Read a dimension's text. Raises ValueError that says what is wrong."""
    tokens: list[str] = []
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None:
            raise ValueError(f"unexpected {stripped[at:].lstrip()[:1]!r} in dimension {text!r}")
        tokens.append(match.group().strip())
        at = match.end()
    tokens.append("")
    if len(tokens) > 1000:
        raise ValueError("dimension is too long")
    position = 0
    depth = 0

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def factor() -> Dimension:
        nonlocal depth
        token = take()
        if token == "(":
            depth += 1
            if depth > 50:
                raise ValueError("dimension is nested too deeply")
            value = total()
            depth -= 1
            if take() != ")":
                raise ValueError(f"expected ')' in dimension {text!r}")
            return value
        if token.isdigit():
            return int(token)
        if token.isidentifier():
            return symbol(token)
        raise ValueError(f"expected a number, a symbol or '(' in dimension {text!r}")

    def term() -> Dimension:
        value = factor()
        while tokens[position] in ("*", "floordiv"):
            if take() == "*":
                value = value * factor()
            else:
                divisor = factor()
                if not isinstance(divisor, int):
                    raise ValueError(f"the divisor must be a constant in dimension {text!r}")
                if divisor < 1:
                    raise ValueError(f"a dimension can only be divided by a positive constant, not by {divisor}")
                value = value // divisor
        return value

    def total() -> Dimension:
        negative = tokens[position] == "-" and bool(take())
        value = -term() if negative else term()
        while tokens[position] in ("+", "-"):
            value = value + term() if take() == "+" else value - term()
        return value

    result = total()
    if tokens[position]:
        raise ValueError(f"unexpected {tokens[position]!r} in dimension {text!r}")
    if max((abs(factor) for _, factor in _terms(result)), default=0) > LARGEST:
        raise ValueError(f"the dimension {text[:40]!r} is too large; sizes go up to 2**62")
    return result
