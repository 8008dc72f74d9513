"""What training needs of a net."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from irc.kernel import Kernel
from irc.parameters import Parameters
from irc.program import Program
from irc.training.losses import Loss
from irc.training.memory import Memory
from irc.training.recipes import Recipe


class Trainable(Protocol):
    """A net: see :class:`irc.Net`."""

    @property
    def params(self) -> Parameters:
        """The parameters, which training changes in place."""

    @property
    def loss(self) -> Loss | None:
        """What training makes small, where a call does not say."""

    @property
    def module(self) -> Any:
        """The program as it came in."""

    @property
    def program(self) -> Program:
        """What is run."""

    @property
    def name(self) -> str:
        """What the net is called."""

    @property
    def forward(self) -> Kernel:
        """The native function that ``run`` calls."""

    dtype: np.dtype
    threads: int
    memory: Memory | None

    def run(self, *inputs: Any, rows: str = "steps") -> Any:
        """The output for a batch."""

    def made(self, recipe: Recipe) -> Kernel:
        """The native function that a recipe makes of this net; the same each time."""
