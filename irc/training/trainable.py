"""What training needs of a net."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from irc.ir.operation import Operation
from irc.kernel import Kernel
from irc.parameters import Parameters
from irc.training.recipes import Recipe


class Trainable(Protocol):
    """A net: see :class:`irc.Net`."""

    @property
    def params(self) -> Parameters:
        """The parameters, which training changes in place."""

    @property
    def entry(self) -> Operation:
        """The net or function that runs."""

    @property
    def module(self) -> Any:
        """The program as it came in."""

    @property
    def name(self) -> str:
        """What the net is called."""

    @property
    def forward(self) -> Kernel:
        """The native function that ``run`` calls."""

    dtype: np.dtype

    def run(self, *inputs: Any) -> Any:
        """The output for a batch."""

    def made(self, recipe: Recipe) -> Kernel:
        """The native function that a recipe makes of this net; the same each time."""
