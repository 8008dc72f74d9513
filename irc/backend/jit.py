"""Native code of a module: made when one of its functions is first called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import ClassVar

import llvmlite.binding as llvm

from irc.backend.emit import emit_module, native_name, require_native
from irc.backend.emit_entry import emit_entries, entry_name, has_entry
from irc.backend.entry import Function, Signature
from irc.backend.forks import lock
from irc.backend.machine_code import MachineCode, object_code, optimised, timed
from irc.backend.object_cache import ObjectCache
from irc.backend.target import Target, host
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp


class Library:
    """Native code of a module. Use :meth:`function`; close it (or use ``with``) to give the memory back.

    Functions with loops that threads may share (``irc.team``) have two codes, each made when first called: for one
    thread, which knows nothing of others, and for a ``team``, which is a third longer.

    ``heads`` is the module, or one with its functions that do nothing, if ``lowered`` makes the module. With a
    ``cache`` machine code is taken from there, or put there: under ``question``, all that decides what the module is,
    or else under what LLVM is given. ``compiled`` counts the modules of this process that LLVM made machine code of.
    Several threads may use it.
    """

    compiled: ClassVar[int] = 0

    def __init__(
        self,
        heads: ModuleOp,
        target: Target,
        cache: ObjectCache | None = None,
        question: str | None = None,
        lowered: Callable[[], ModuleOp] | None = None,
    ):
        if lowered is None:
            require_native(heads)
        self.target = target
        self.heads = heads
        functions = _functions(heads)
        self.signatures = {op.sym_name.value: Signature.of(op) for op in functions}
        self._cache = cache
        self._question = question
        self._lowered = lowered
        self._functions: dict[str, Function] = {}
        self._entries = [op.sym_name.value for op in functions if has_entry(op)] if target.runs_here else []
        self._codes: dict[bool, MachineCode] = {}
        self._lock = lock()
        self._closed = False
        self.times: dict[str, float] = {}

    def code(self, team: bool = False) -> MachineCode | None:
        """The machine code, in memory while anyone holds it; None after :meth:`close`."""
        found = self._codes.get(team)
        if found is not None or self._closed:
            return found
        with self._lock:
            if team not in self._codes and not self._closed:
                self._codes[team] = self._made(team)
            return self._codes.get(team)

    def _made(self, team: bool) -> MachineCode:
        found, key = None, ""
        if self._cache is not None:
            key = self.fingerprint(team) if self._question is None else f"{self._question}\0team={team}"
            found = self._cache.get(key)
        if found is None:
            found = object_code(self.text(team), self.target, self.times)
            Library.compiled += 1
            if self._cache is not None:
                self._cache.put(key, found)
        symbols = [*map(native_name, self.signatures), *map(entry_name, self._entries)]
        with timed(self.times, "link"):
            return MachineCode(self.target, found, symbols)

    def text(self, team: bool = True) -> str:
        """LLVM IR before its optimiser: of the functions and, for this machine, of the ways into them from Python (see
        ``irc.backend.emit_entry``). ``team``: loops that threads may share can be.
        """
        with timed(self.times, "emit"):
            module = self.heads if self._lowered is None else self._lowered()
            functions = emit_module(module, self.target, team)
            return functions + (emit_entries(_functions(module), self.target, team) if self.target.runs_here else "")

    def assembly(self, team: bool = True) -> str:
        """The machine code as the target's assembly text."""
        return str(self.target.machine().emit_assembly(optimised(self.text(team), self.target, self.times)))

    def function(self, name: str) -> Function:
        """A function, callable with arrays. The same object each time. Raises ValueError where there is none."""
        if name not in self._functions:
            if name not in self.signatures:
                raise ValueError(f"there is no function '{name}'; the functions are {', '.join(self.signatures)}")
            self._functions[name] = Function(self.signatures[name], self)
        return self._functions[name]

    def address(self, name: str, team: bool = False) -> int:
        """Where the machine code of a function is. Raises ValueError where there is none: for another machine, or
        closed.
        """
        code = self.code(team)
        if code is None or not self.target.runs_here:
            raise ValueError("the library is closed, or it is for another machine")
        return code.address(native_name(name))

    def entry_address(self, name: str, team: bool = False) -> int | None:
        """Where the way into a function from Python is; None where there is none."""
        code = self.code(team) if name in self._entries else None
        return None if code is None else code.address(entry_name(name))

    def fingerprint(self, team: bool = False) -> str:
        """A hash of the code and of all that decides what this compiler makes of it."""
        content = f"{self.text(team)}\0{self.target!r}\0{llvm.llvm_version_info}"
        return hashlib.sha256(content.encode()).hexdigest()

    def close(self) -> None:
        """Unload the code, as soon as no thread runs it. Functions of a closed library refuse to run."""
        with self._lock:
            self._closed = True
            self._codes.clear()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def compile_library(module: ModuleOp, target: Target | None = None) -> Library:
    """Native code of all functions of a loop-level module. For another machine than this one it cannot be called."""
    return Library(module, target or host())


def _functions(module: ModuleOp) -> list[FuncOp]:
    return [op for op in module.regions[0].block if isinstance(op, FuncOp)]
