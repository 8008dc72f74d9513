"""The program of a net that has native code of its own: its module goes through a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Lock

import numpy as np

from irc.backend.entry import Function
from irc.backend.jit import Library
from irc.backend.target import Target
from irc.bound_graphs import SoundGraphs
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron.net import Net as NetOp
from irc.initial import initial_parameters
from irc.ir.attributes import StringAttr
from irc.ir.diagnostics import Diagnostics, Error, fail
from irc.ir.operation import Operation
from irc.ir.symbols import is_private, symbol_name, unused_private_symbols
from irc.kernel import Kernel
from irc.parameters import ParameterTable
from irc.passes.autodiff import VJP_OF
from irc.passes.pipelines import PIPELINES
from irc.passmanager import Instrument, Pass, PassContext, PassManager, parse_pipeline
from irc.training.recipes import Recipe


class ModuleProgram:
    """See :class:`irc.program.Program`. ``pipelines``: the default ones, for inference and training; ``passes``, if
    given, is one in place of both.

    ``diagnostics`` takes the warnings of the passes. Several threads may use it.
    """

    serves_one_sample = False

    def __init__(
        self,
        module: ModuleOp,
        target: Target,
        passes: Sequence[Pass] | None = None,
        instruments: Iterable[Instrument] = (),
        *,
        pipelines: tuple[str, str] = PIPELINES["data"],
        entry: str | None = None,
        diagnostics: Diagnostics | None = None,
    ):
        self.module = module
        self.target = target
        self.entry = find_entry(module, entry)
        self.name = symbol_name(self.entry) or "net"
        self.independent_samples = isinstance(self.entry, NetOp)
        self._passes = list(passes) if passes is not None else None
        self._pipelines = pipelines
        self._instruments = list(instruments)
        self._diagnostics = diagnostics
        self._made: dict[bool, tuple[Library, ModuleOp]] = {}
        self._recipes: dict[Recipe, tuple[Library, str]] = {}
        self._lock = Lock()

    @property
    def own_passes(self) -> list[Pass] | None:
        """The passes that the user gave, if any."""
        return self._passes

    def passes(self, training: bool) -> list[Pass]:
        """The pipeline that the module goes through."""
        if self._passes is not None:
            return self._passes
        return parse_pipeline(self._pipelines[training])

    def function(self, training: bool, one_sample: bool = False) -> Function:
        """The native function. Raises :class:`irc.Error` where the passes do not make it."""
        own = self._passes
        if training and own is not None and not any(p.name == "autodiff" for p in own):
            raise Error("this net was compiled with passes that do not differentiate; add autodiff")
        library, module = self._compiled(training)
        function = _derivative(module, self.name) if training else module.function(self.name)
        assert isinstance(function, FuncOp)
        return library.function(function.symbol)

    def made(self, recipe: Recipe) -> Function:
        """The native function that a recipe makes of it, once. Raises :class:`irc.Error` where it cannot."""
        with self._lock:
            found = self._recipes.get(recipe)
            if found is None:
                module = self.module.clone()
                assert isinstance(module, ModuleOp)
                passes = recipe.passes(module, self.name, self.passes(True))
                name = recipe.function(module, self.name)
                PassManager(passes, PassContext(self.target), [SoundGraphs(), *self._instruments]).run(module)
                found = self._recipes[recipe] = Library(module, self.target), name
        library, name = found
        return library.function(name)

    def library(self, training: bool) -> Library:
        """The native code of a direction."""
        return self._compiled(training)[0]

    def parameters(self, forward: Kernel, seed: int) -> tuple[ParameterTable, np.ndarray]:
        """The table of the parameters, and their start values."""
        return initial_parameters(self.entry, forward.parameters, forward.signature.symbols, forward.dtype, seed)

    def close(self) -> None:
        """Unload the native code."""
        for library, _ in (*self._made.values(), *self._recipes.values()):
            library.close()

    def _compiled(self, training: bool) -> tuple[Library, ModuleOp]:
        """The code of a direction. A pipeline of the user's makes both at once."""
        if self._passes is not None:
            training = False
        with self._lock:
            found = self._made.get(training)
            if found is None:
                found = self._made[training] = self._compile(training)
            return found

    def _compile(self, training: bool) -> tuple[Library, ModuleOp]:
        module = self.module.clone()
        assert isinstance(module, ModuleOp)
        diagnostics = self._diagnostics if self._diagnostics is not None and not training else Diagnostics()
        context = PassContext(self.target, diagnostics)
        PassManager(self.passes(training), context, [SoundGraphs(), *self._instruments]).run(module)
        if self._passes is None:
            _keep_only(module, _derivative(module, self.name) if training else module.function(self.name))
        return Library(module, self.target), module


def _keep_only(module: ModuleOp, wanted: Operation) -> None:
    """Remove the functions that ``wanted`` does not call: to make machine code takes most of the time of a compile."""
    for op in module.functions:
        if op is not wanted:
            op.attributes["sym_visibility"] = StringAttr("private")
    for op in unused_private_symbols(module):
        op.erase()


def _derivative(module: ModuleOp, name: str) -> FuncOp:
    """The function that autodiff made of ``@name``, by all its free float arguments."""
    made = [op for op in module.functions if op.attributes.get(VJP_OF) == StringAttr(name) and isinstance(op, FuncOp)]
    function = next((op for op in made if not is_private(op)), None)
    if function is None:
        raise Error(f"@{name} has no derivative: it gives no floats, or autodiff was told to leave it out")
    return function


def find_entry(module: ModuleOp, name: str | None) -> Operation:
    """The net or function to compile: the one asked for, ``main``, or the only public one."""
    callable_ops = [op for op in module.functions if not is_private(op)]
    names = [symbol_name(op) or "" for op in callable_ops]
    wanted = name if name is not None else "main" if "main" in names else names[0] if len(names) == 1 else None
    if not names:
        fail("the module has no public function or net to compile")
    if wanted is None:
        fail(f"the module has several functions ({', '.join(names)}): say which with entry=, or name one main")
    if wanted not in names:
        fail(f"the module has no public function or net @{wanted}; it has {', '.join(names)}")
    op = callable_ops[names.index(wanted)]
    if isinstance(op, FuncOp) and op.is_declaration:
        fail(f"@{wanted} has no body", op.location)
    return op
