"""LLVM IR text to code in this process: parse, verify, optimise, make an object, link it.

Machine code has a linker of its own, closed with it: so memory comes back (one shared by all does not give it back).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count

import llvmlite.binding as llvm

from irc.backend.target import Target

_numbers = count()


class MachineCode:
    """Machine code, linked if it is for this machine; unloaded when nobody holds it any more.

    ``object`` is what LLVM made of it. ``symbols``: the functions that have an address.
    """

    def __init__(self, target: Target, object: bytes, symbols: Iterable[str]):
        self.target = target
        self.object = object
        self._engine: llvm.LLJIT | None = None
        if target.runs_here:
            self._link(symbols)

    def _link(self, symbols: Iterable[str]) -> None:
        engine = llvm.create_lljit_compiler(self.target.machine(jit=True))
        builder = llvm.JITLibraryBuilder().add_object_img(self.object).add_current_process()
        for symbol in symbols:
            builder.export_symbol(symbol)
        self._tracker = builder.link(engine, f"irc{next(_numbers)}")
        self._engine = engine

    def address(self, symbol: str) -> int:
        """Where a function is."""
        found: int = self._tracker[symbol]
        return found

    def __del__(self) -> None:
        if self._engine is not None and not sys.is_finalizing():  # LLVM may be gone by then
            self._tracker.close()  # before the engine that it belongs to
            self._engine.close()


def object_code(text: str, target: Target, times: dict[str, float]) -> bytes:
    """The object that LLVM makes of a text. ``times`` takes the seconds of each stage."""
    parsed = optimised(text, target, times)
    with timed(times, "codegen"):
        found: bytes = target.machine(jit=target.runs_here).emit_object(parsed)
    return found


def optimised(text: str, target: Target, times: dict[str, float]) -> llvm.ModuleRef:
    """LLVM's module of a text, after its passes, anew each time: to make code of it changes it.

    The passes, by the target's level: 0 none, 1 a few that clean up, 2 and 3 LLVM's own pipelines but for vectorisers.
    Vectors and tiles are made by our own passes. LLVM's pipelines, as llvmlite runs them, keep 60 kB for each module.
    NewGVN is not among the passes: it ends the process, by an assertion, on loops nested as ours are before ``cse``.
    """
    with timed(times, "parse"):
        parsed = llvm.parse_assembly(text)
    with timed(times, "verify"):
        parsed.verify()
    machine = target.machine(jit=target.runs_here)
    parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
    with timed(times, "optimise"):
        _run_passes(parsed, machine, target.optimise)
    return parsed


def _run_passes(parsed: llvm.ModuleRef, machine: llvm.TargetMachine, level: int) -> None:
    if level == 0:
        return
    options = llvm.create_pipeline_tuning_options(level)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_interleaving = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    if level > 1:
        passes = builder.getModulePassManager()
    else:
        passes = llvm.create_new_module_pass_manager()
        passes.add_simplify_cfg_pass()
        passes.add_instruction_combine_pass()
        passes.add_loop_rotate_pass()
    passes.run(parsed, builder)


@contextmanager
def timed(times: dict[str, float], stage: str) -> Iterator[None]:
    """Record the seconds of a stage."""
    start = time.perf_counter()
    yield
    times[stage] = time.perf_counter() - start
