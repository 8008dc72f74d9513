"""Teams that watch how loops are shared, in place of the real ones."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from irc.backend import entry, native_call, pool

SHARE = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_bool
)


@dataclass
class Shared:
    """What was shared: of each loop that ran the number of its parts, in order."""

    parts: list[int] = field(default_factory=list)


@contextmanager
def watched_team(threads: int = 2) -> Iterator[Shared]:
    """Within, calls with ``threads`` go to the pool, which is asked afterwards in how many parts it cut a loop.

    Skips the test where there is no pool, or one processor.
    """
    team = pool.team_address(threads)
    if not team:
        pytest.skip("there are no threads to share loops")
    real, shared = SHARE(ctypes.c_int64.from_address(team).value), Shared()

    def share(_: int, function: int, context: int, turns: int, work: int, nested: bool) -> None:
        real(team, function, context, turns, work, nested)
        _, pieces, chunks = (ctypes.c_int64 * 3).from_address(context)
        shared.parts.append(pieces * chunks)

    with team_of(ctypes.cast(callback := SHARE(share), ctypes.c_void_p).value or 0, threads):
        yield shared
    del callback


@contextmanager
def team_of(share: int, threads: int = 2) -> Iterator[ctypes.Array]:
    """Within, calls with several threads go to the function at an address; the words of the team."""
    words = (ctypes.c_int64 * 4)(share, threads)
    with pytest.MonkeyPatch.context() as patch:
        for module in (entry, native_call):
            patch.setattr(module, "team_address", lambda count: ctypes.addressof(words) if count > 1 else 0)
        yield words
