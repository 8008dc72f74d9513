"""LLVM IR text to code in this process: parse, verify, optimise, make an object, link it.

Each library has an engine of its own, closed with it: so memory comes back (an engine shared by all does not give it
back).
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import ClassVar

import llvmlite.binding as llvm

from irc.backend.emit import emit_module, native_name
from irc.backend.emit_entry import emit_entries, entry_name, has_entry
from irc.backend.entry import Function, Signature
from irc.backend.object_cache import ObjectCache
from irc.backend.target import Target, host
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp

_numbers = count()


class Library:
    """Native code of a module. Use :meth:`function`; close it (or use ``with``) to give the memory back.

    ``llvm_text`` is the IR before LLVM's optimiser, ``entries_text`` that of the ways in from Python (see
    ``irc.backend.emit_entry``), ``object`` the machine code of both, ``times`` the seconds of each stage. With a
    ``cache`` the machine code is taken from there, or put there. ``heads`` is the module, or one with its functions
    that do nothing. ``compiled`` counts the modules of this process that LLVM made machine code of.
    """

    compiled: ClassVar[int] = 0

    def __init__(self, module: ModuleOp, target: Target, cache: ObjectCache | None = None):
        self._begin(module, target)
        with self._timed("emit"):
            self._texts = self._emit(module)
        kept = None if cache is None else cache.get(self.fingerprint())
        self.object: bytes = self._compile() if kept is None else kept
        if cache is not None and kept is None:
            cache.put(self.fingerprint(), self.object)
        self._link()

    @classmethod
    def of_object(cls, heads: ModuleOp, target: Target, object: bytes, lowered: Callable[[], ModuleOp]) -> Library:
        """A library of machine code that was made before. ``heads`` has its functions, with any bodies; ``lowered``
        makes the module that the code was made of, for those who want to see it.
        """
        library = cls.__new__(cls)
        library._begin(heads, target)
        library._lowered = lowered
        library.object = object
        library._link()
        return library

    def _begin(self, heads: ModuleOp, target: Target) -> None:
        self.target = target
        self.heads = heads
        self.times: dict[str, float] = {}
        self._functions: dict[str, Function] = {}
        self.code: _Code | None = None
        self._lowered: Callable[[], ModuleOp] | None = None
        functions = _functions(heads)
        self.signatures = {op.sym_name.value: Signature.of(op) for op in functions}
        self._entries = [op.sym_name.value for op in functions if has_entry(op)] if target.runs_here else []

    def _emit(self, module: ModuleOp) -> tuple[str, str]:
        entries = emit_entries(_functions(module), self.target) if self.target.runs_here else ""
        return emit_module(module, self.target), entries

    @cached_property
    def _texts(self) -> tuple[str, str]:
        assert self._lowered is not None
        return self._emit(self._lowered())

    @property
    def llvm_text(self) -> str:
        """The IR before LLVM's optimiser."""
        return self._texts[0]

    @property
    def entries_text(self) -> str:
        """The IR of the ways in from Python."""
        return self._texts[1]

    def _optimised(self) -> llvm.ModuleRef:
        """LLVM's module, anew: to make code of it changes it."""
        with self._timed("parse"):
            parsed = llvm.parse_assembly(self.llvm_text + self.entries_text)
        with self._timed("verify"):
            parsed.verify()
        machine = self.target.machine(jit=self.target.runs_here)
        parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
        with self._timed("optimise"):
            _optimise(parsed, machine, self.target)
        return parsed

    def _compile(self) -> bytes:
        parsed = self._optimised()
        with self._timed("codegen"):
            code: bytes = self.target.machine(jit=self.target.runs_here).emit_object(parsed)
        Library.compiled += 1
        return code

    def _link(self) -> None:
        if not self.target.runs_here:
            return
        with self._timed("link"):
            engine = llvm.create_lljit_compiler(self.target.machine(jit=True))
            builder = llvm.JITLibraryBuilder().add_object_img(self.object).add_current_process()
            for symbol in (*map(native_name, self.signatures), *map(entry_name, self._entries)):
                builder.export_symbol(symbol)
            self.code = _Code(engine, builder.link(engine, f"irc{next(_numbers)}"))

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.times[stage] = time.perf_counter() - start

    @property
    def is_open(self) -> bool:
        """Whether functions can be called: made for this machine, and not closed."""
        return self.code is not None

    def address(self, name: str) -> int:
        """Where a function's machine code is. Raises ValueError where there is none."""
        if self.code is None:
            raise ValueError("the library is closed, or it is for another machine")
        if name not in self.signatures:
            raise ValueError(f"there is no function '{name}'; the functions are {', '.join(self.signatures)}")
        return self.code.tracker[native_name(name)]

    def entry_address(self, name: str) -> int | None:
        """Where the way into a function from Python is; None where there is none."""
        return self.code.tracker[entry_name(name)] if self.code is not None and name in self._entries else None

    def function(self, name: str) -> Function:
        """A function, callable with arrays. The same object each time."""
        if name not in self._functions:
            address = self.address(name)
            self._functions[name] = Function(self.signatures[name], address, self)
        return self._functions[name]

    def assembly(self) -> str:
        """The machine code as the target's assembly text."""
        return self.target.machine().emit_assembly(self._optimised())

    def optimised_text(self) -> str:
        """The IR after LLVM's optimiser."""
        return str(self._optimised())

    def fingerprint(self) -> str:
        """A hash of the code and of all that decides what this compiler makes of it."""
        content = f"{self.llvm_text}\0{self.entries_text}\0{self.target!r}\0{llvm.llvm_version_info}"
        return hashlib.sha256(content.encode()).hexdigest()

    def close(self) -> None:
        """Unload the code, as soon as no thread runs it. Functions of a closed library refuse to run."""
        self.code = None

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Code:
    """Machine code in memory: unloaded when nobody holds this object any more."""

    def __init__(self, engine: llvm.LLJIT, tracker: llvm.ResourceTracker):
        self.engine = engine
        self.tracker = tracker

    def __del__(self) -> None:
        if not sys.is_finalizing():  # LLVM may be gone by then
            self.tracker.close()  # before the engine that it belongs to
            self.engine.close()


def compile_library(module: ModuleOp, target: Target | None = None) -> Library:
    """Native code of all functions of a loop-level module. For another machine than this one it cannot be called."""
    return Library(module, target or host())


def _functions(module: ModuleOp) -> list[FuncOp]:
    return [op for op in module.regions[0].block if isinstance(op, FuncOp)]


def _optimise(parsed: llvm.ModuleRef, machine: llvm.TargetMachine, target: Target) -> None:
    """LLVM's passes, by level: 0 none, 1 a few that clean up, 2 and 3 its own pipelines but for vectorisers.

    Vectors and tiles are made by our own passes. LLVM's pipelines, as llvmlite runs them, keep 60 kB for each module.
    NewGVN is not among the passes: it ends the process, by an assertion, on loops nested as ours are before ``cse``.
    """
    if target.optimise == 0:
        return
    options = llvm.create_pipeline_tuning_options(target.optimise)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_interleaving = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    if target.optimise > 1:
        passes = builder.getModulePassManager()
    else:
        passes = llvm.create_new_module_pass_manager()
        passes.add_simplify_cfg_pass()
        passes.add_instruction_combine_pass()
        passes.add_loop_rotate_pass()
    passes.run(parsed, builder)
