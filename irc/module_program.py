"""The program of a net that has native code of its own: its module goes through a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from irc.backend.entry import Function
from irc.backend.forks import lock
from irc.backend.jit import Library
from irc.backend.object_cache import ObjectCache
from irc.backend.target import Target
from irc.bound_graphs import SoundGraphs
from irc.dialects.array.conv2d import Convolution
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron import Layer
from irc.dialects.neuron.delay import Delay
from irc.dialects.neuron.net import Net as NetOp
from irc.initial import initial_parameters
from irc.ir.attributes import StringAttr
from irc.ir.diagnostics import Diagnostics, Error, fail
from irc.ir.operation import Operation
from irc.ir.symbols import is_private, symbol_name, unused_private_symbols
from irc.kept_code import keep_code, kept_code, question_of
from irc.kernel import Kernel
from irc.parameters import ParameterTable
from irc.passes.autodiff import VJP_OF
from irc.passes.pipelines import PIPELINES
from irc.passmanager import Instrument, Pass, PassContext, PassManager, parse_pipeline
from irc.training.recipes import Recipe


class ModuleProgram:
    """See :class:`irc.program.Program`. ``pipelines``: the default ones, for inference and training; ``passes``, if
    given, is one in place of both. ``one_sample``: pipelines for one sample, which layers have other code
    for: products without packed operands, pixels in the lanes of vectors; of a net over time, for one stream.

    ``diagnostics`` takes the warnings of the passes, ``cache`` native code for other processes. Several threads may
    use it.
    """

    def __init__(
        self,
        module: ModuleOp,
        target: Target,
        passes: Sequence[Pass] | None = None,
        instruments: Iterable[Instrument] = (),
        *,
        pipelines: tuple[str, str] = PIPELINES["data"],
        one_sample: tuple[str, str] | None = None,
        entry: str | None = None,
        diagnostics: Diagnostics | None = None,
        cache: ObjectCache | None = None,
    ):
        self.module = module
        self.target = target
        self.entry = find_entry(module, entry)
        self.name = symbol_name(self.entry) or "net"
        self.independent_samples = isinstance(self.entry, NetOp) or "irc.independent_samples" in self.entry.attributes
        self._passes = list(passes) if passes is not None else None
        differs = any(isinstance(op, (Delay, Layer, Convolution)) for op in module.walk())
        self.serves_one_sample = passes is None and one_sample is not None and differs
        self._pipelines = (pipelines, one_sample or pipelines)
        self._instruments = list(instruments)
        self._is_watched = passes is not None or bool(self._instruments)
        self._diagnostics = diagnostics
        self.cache = cache
        self._made: dict[tuple[bool, bool], Library] = {}
        self._recipes: dict[Recipe, tuple[Library, str]] = {}
        self._lock = lock()

    @property
    def own_passes(self) -> list[Pass] | None:
        """The passes that the user gave, if any."""
        return self._passes

    def passes(self, training: bool, one_sample: bool = False) -> list[Pass]:
        """The pipeline that the module goes through."""
        if self._passes is not None:
            return self._passes
        return parse_pipeline(self._pipelines[one_sample][training])

    def function(self, training: bool, one_sample: bool = False) -> Function:
        """The native function. Raises :class:`irc.Error` where the passes do not make it."""
        own = self._passes
        if training and own is not None and not any(p.name == "autodiff" for p in own):
            raise Error("this net was compiled with passes that do not differentiate; add autodiff")
        library = self.library(training, one_sample)
        function = derivative_of(library.heads, self.name) if training else library.heads.function(self.name)
        assert isinstance(function, FuncOp)
        return library.function(function.symbol)

    def made(self, recipe: Recipe) -> Function:
        """The native function that a recipe makes of it, once. Raises :class:`irc.Error` where it cannot."""
        one_sample = recipe.one_sample and self.serves_one_sample
        with self._lock:
            found = self._recipes.get(recipe)
            if found is None:

                def lowered(diagnostics: Diagnostics) -> ModuleOp:
                    module = self._copy()
                    training = self.passes(True, one_sample)
                    self._run(recipe.passes(module, self.name, training), module, diagnostics)
                    return module

                library = self._native(lowered, Diagnostics(), repr(recipe), self._pipelines[one_sample][True])
                found = self._recipes[recipe] = library, recipe.function(self.module, self.name)
        library, name = found
        return library.function(name)

    def library(self, training: bool, one_sample: bool = False) -> Library:
        """The native code of a direction. A pipeline of the user's makes both at once."""
        way = (training and self._passes is None, one_sample)
        with self._lock:
            found = self._made.get(way)
            if found is None:
                found = self._made[way] = self._compile(*way)
            return found

    def parameters(self, forward: Kernel, seed: int) -> tuple[ParameterTable, np.ndarray]:
        """The table of the parameters, and their start values."""
        return initial_parameters(self.entry, forward.parameters, forward.signature.symbols, forward.dtype, seed)

    def close(self) -> None:
        """Unload the native code."""
        for library in (*self._made.values(), *(library for library, _ in self._recipes.values())):
            library.close()

    def _compile(self, training: bool, one_sample: bool) -> Library:
        def lowered(diagnostics: Diagnostics) -> ModuleOp:
            module, passes = self._copy(), self.passes(training, one_sample)
            if training and not self._is_watched:  # only the derivative goes on
                behind = 1 + max(number for number, p in enumerate(passes) if p.name == "autodiff")
                self._run(passes[:behind], module, diagnostics)
                keep_only(module, derivative_of(module, self.name))
                passes = passes[behind:]
            self._run(passes, module, diagnostics)
            if self._passes is None:
                keep_only(module, derivative_of(module, self.name) if training else module.function(self.name))
            return module

        diagnostics = self._diagnostics if self._diagnostics is not None and not training else Diagnostics()
        return self._native(lowered, diagnostics, str(training), self._pipelines[one_sample][training])

    def _copy(self) -> ModuleOp:
        module = self.module.clone()
        assert isinstance(module, ModuleOp)
        return module

    def _run(self, passes: Sequence[Pass], module: ModuleOp, diagnostics: Diagnostics) -> None:
        """Run passes. After our own ones nothing is verified: that takes longer than the passes do."""
        context = PassContext(self.target, diagnostics)
        PassManager(passes, context, [SoundGraphs(), *self._instruments], verify_each=self._is_watched).run(module)

    def _native(self, lowered: Callable[[Diagnostics], ModuleOp], warnings: Diagnostics, *steps: str) -> Library:
        """Native code of what ``lowered`` makes. ``steps`` say what that is, if the passes are our own.

        Where these have something to say, or someone watches them, they run even if the machine code is known.
        """
        cache = self.cache
        if cache is None or self._is_watched:
            watched = Library(lowered(warnings), self.target, cache)
            if self._passes is not None:  # whether they reach the loop level is to be said now
                watched.code()
            return watched
        question = question_of(self.module, self.target, self.name, *steps)
        library = kept_code(question, self.target, cache, lambda: lowered(Diagnostics()))
        if library is not None:
            return library
        said = Diagnostics()
        module = lowered(said)
        warnings.found += said.found
        return Library(module, self.target, cache) if said.found else keep_code(question, module, self.target, cache)


def keep_only(module: ModuleOp, wanted: Operation) -> None:
    """Remove the functions that ``wanted`` does not call: to make machine code takes most of the time of a compile."""
    for op in module.functions:
        if op is not wanted:
            op.attributes["sym_visibility"] = StringAttr("private")
    for op in unused_private_symbols(module):
        op.erase()


def derivative_of(module: ModuleOp, name: str) -> FuncOp:
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
