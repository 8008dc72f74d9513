"""Where in a source what is being built stands: every op and every error about layers gets it.

A frontend says it with :func:`placed`; for models that are made in Python it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NoReturn

from irc.ir import diagnostics
from irc.ir.diagnostics import Diagnostic
from irc.ir.locations import UNKNOWN, Location

_PLACE: ContextVar[Location] = ContextVar("place", default=UNKNOWN)


@contextmanager
def placed(location: Location) -> Iterator[None]:
    """For a while, what is built stands there."""
    token = _PLACE.set(location)
    try:
        yield
    finally:
        _PLACE.reset(token)


def here() -> Location:
    """Where what is being built stands."""
    return _PLACE.get()


def fail(message: str, *notes: Diagnostic) -> NoReturn:
    """Raise an :class:`irc.Error` about what is being built."""
    diagnostics.fail(message, here(), *notes)
