"""A sample net, shared or for one test alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import irc

NN00 = Path(__file__).parents[2] / "examples" / "nets" / "nn00.nal"


@pytest.fixture(scope="module")
def shared() -> Iterator[irc.Net]:
    """A net that tests run and do not change."""
    with irc.compile(NN00, seed=3) as net:
        yield net


@pytest.fixture
def net() -> Iterator[irc.Net]:
    """A net that a test may change."""
    with irc.compile(NN00, seed=3) as made:
        yield made
