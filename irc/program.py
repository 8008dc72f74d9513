"""What a net runs: the levels it went through, and native functions, made when first needed."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from irc.backend.entry import Function
from irc.backend.jit import Library
from irc.backend.object_cache import ObjectCache
from irc.dialects.builtin import ModuleOp
from irc.ir.operation import Operation
from irc.kernel import Kernel
from irc.parameters import ParameterTable
from irc.passmanager import Pass
from irc.training.recipes import Recipe


class Program(Protocol):
    """A net or function that is compiled, and what is made of it.

    A native function is made for a direction, forward or (``training``) the joint function of value and gradients; and
    for batches, or for one sample, where ``serves_one_sample`` says that there is code of its own for that: of a net
    over time, for one stream.
    ``independent_samples``: the rows of a batch have nothing to do with each other, so it may run in parts.
    ``cache``: where native code is kept for other processes, if anywhere.
    """

    name: str
    serves_one_sample: bool
    independent_samples: bool
    cache: ObjectCache | None

    @property
    def module(self) -> ModuleOp:
        """The program as it came in."""

    @property
    def entry(self) -> Operation:
        """The net or function of the module that runs."""

    def passes(self, training: bool, one_sample: bool = False) -> list[Pass]:
        """The pipeline that the module goes through."""

    def function(self, training: bool, one_sample: bool = False) -> Function:
        """The native function. Raises :class:`irc.Error` where there is none."""

    def made(self, recipe: Recipe) -> Function:
        """The native function that a recipe makes of it, once. Raises :class:`irc.Error` where it cannot."""

    def library(self, training: bool) -> Library:
        """The native code that the function for batches is part of."""

    def parameters(self, forward: Kernel, seed: int) -> tuple[ParameterTable, np.ndarray]:
        """The table of the parameters of the forward function, and their start values."""

    def close(self) -> None:
        """Give native code back that no other program uses."""
