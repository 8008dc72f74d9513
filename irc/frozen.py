"""Frozen nets: a snapshot of the parameters, and of all that follows from them alone, for inference.

The pass ``split-prepare`` cuts a function in two. What prepares the parameters, such as packing weights in the order in
which a product reads them, runs once, when a net is frozen; calls run the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from irc.arrays import aligned_zeros
from irc.backend.entry import Function
from irc.backend.jit import Library
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.ir.attributes import StringAttr
from irc.ir.diagnostics import Error
from irc.ir.operation import Operation
from irc.kernel import Kernel
from irc.module_program import ModuleProgram
from irc.parameters import ParameterTable
from irc.passes.lower_array import LowerArray
from irc.passes.split_prepare import PREPARE, PREPARED_OF, SplitPrepare
from irc.passmanager import Pass
from irc.program import Program
from irc.training.recipes import Recipe


@dataclass(frozen=True)
class Prepared:
    """The recipe (see :mod:`irc.training.recipes`) of inference with prepared parameters."""

    one_sample: bool = False

    def passes(self, module: Operation, name: str, training: Sequence[Pass]) -> list[Pass]:
        """See :class:`irc.training.recipes.Recipe`."""
        found: list[Pass] = []
        for p in training:
            if isinstance(p, LowerArray):
                found += [replace(p, prepared=True), SplitPrepare()]
            elif p.name != "autodiff":
                found.append(p)
        return found

    def function(self, module: Operation, name: str) -> str:
        """The function that prepares nothing; :class:`FrozenProgram` looks for the other ones."""
        return name


class FrozenProgram:
    """See :class:`irc.program.Program`: that of a net whose parameters, ``flat``, do not change any more."""

    def __init__(self, program: Program, flat: np.ndarray):
        self.name = program.name
        self.serves_one_sample = program.serves_one_sample
        self.independent_samples = program.independent_samples
        self.cache = program.cache
        self._program = program
        self._flat = flat

    @property
    def module(self) -> ModuleOp:
        """The program as it came in."""
        return self._program.module

    @property
    def entry(self) -> Operation:
        """The net or function of the module that runs."""
        return self._program.entry

    def passes(self, training: bool, one_sample: bool = False) -> list[Pass]:
        """The pipeline that the module went through."""
        return Prepared(one_sample).passes(self.module, self.name, self._program.passes(True, one_sample))

    def function(self, training: bool, one_sample: bool = False) -> Function:
        """The native function, with what is prepared bound to it."""
        if training:
            self._refuse("has no gradients")
        whole = self._whole(one_sample)
        library = whole.owner
        assert isinstance(library, Library)
        rest = next((f for f in library.heads.functions if _is_rest(f, self.name)), None)
        if rest is None:
            return whole
        prepare = Kernel(library.function(rest.attributes[PREPARE].value))  # type: ignore[attr-defined]
        arrays = prepare.prepare((), self._flat)
        made = [
            aligned_zeros(shape, argument.dtype)
            for argument, shape in zip(prepare.signature.outputs(), prepare.function.plan(arrays).outputs, strict=True)
        ]
        prepare.function.call(arrays, made)
        for array in made:
            array.flags.writeable = False
        function = library.function(rest.attributes["sym_name"].value)  # type: ignore[attr-defined]
        names = [argument.name for argument in function.signature.by_role("bound")]
        return function.bind(dict(zip(names[len(names) - len(made) :], made, strict=True)))

    def made(self, recipe: Recipe) -> Function:
        """Raises :class:`irc.Error`."""
        self._refuse("does not learn")

    def library(self, training: bool) -> Library:
        """The native code that the function for batches is part of."""
        if training:
            self._refuse("has no gradients")
        library = self._whole().owner
        assert isinstance(library, Library)
        return library

    def _whole(self, one_sample: bool = False) -> Function:
        """The function that prepares nothing, beside those of ``split-prepare``, where there are any: nothing is
        prepared for nets whose graph is data, or whose passes are the user's.
        """
        if not isinstance(self._program, ModuleProgram) or self._program.own_passes is not None:
            return self._program.function(False, one_sample)
        return self._program.made(Prepared(one_sample))

    def parameters(self, forward: Kernel, seed: int) -> tuple[ParameterTable, np.ndarray]:
        """The table of the parameters, and the snapshot."""
        return self._program.parameters(forward, seed)[0], self._flat

    def close(self) -> None:
        """The code is that of the net which was frozen."""

    def _refuse(self, what: str) -> NoReturn:
        raise Error(f"frozen net {self.name} {what}: use the net that was frozen, and freeze it again")


def _is_rest(op: Operation, name: str) -> bool:
    of = op.attributes.get(PREPARED_OF)
    return isinstance(op, FuncOp) and isinstance(of, StringAttr) and of.value == name
