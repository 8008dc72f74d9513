"""Flags of arithmetic, as in MLIR: what may be assumed about floats and about integer overflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from irc.ir.attributes import Attribute, Form


class _Flags(Attribute):
    """A set of flags, printed in one order; the empty set is ``none``."""

    __slots__ = ()
    flags: tuple[str, ...]
    KNOWN: ClassVar[tuple[str, ...]] = ()
    ALL: ClassVar[str | None] = None

    @classmethod
    def normalise(cls, flags: Iterable[str] = ()):
        given = set(flags) - {"none"}
        if cls.ALL in given:
            given = set(cls.KNOWN)
        if unknown := sorted(given - set(cls.KNOWN)):
            known = [*cls.KNOWN, cls.ALL] if cls.ALL else list(cls.KNOWN)
            raise ValueError(f"unknown flag '{unknown[0]}'; the flags are {', '.join(known)}")
        return (tuple(f for f in cls.KNOWN if f in given),)

    def body(self, form: Form) -> str:
        if self.ALL and self.flags == self.KNOWN:
            return self.ALL
        return ", ".join(self.flags) or "none"

    @classmethod
    def parse_body(cls, body: str) -> Attribute:
        return cls(part.strip() for part in body.split(","))


class FastMathAttr(_Flags):
    """``#arith.fastmath<nnan, contract>``: liberties with floats. We keep them and take none."""

    __slots__ = ("flags",)
    name = "arith.fastmath"
    KNOWN = ("reassoc", "nnan", "ninf", "nsz", "arcp", "contract", "afn")
    ALL = "fast"


class OverflowAttr(_Flags):
    """``#arith.overflow<nsw>``: overflow that is undefined. For us it wraps all the same."""

    __slots__ = ("flags",)
    name = "arith.overflow"
    KNOWN = ("nsw", "nuw")


NO_FASTMATH = FastMathAttr()
NO_OVERFLOW = OverflowAttr()
