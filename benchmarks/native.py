"""Native code for benchmarks: LLVM IR text that is no product of ours, and loops around functions of machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import count

import llvmlite.binding as llvm
import numpy as np

from irc.arrays import aligned_zeros
from irc.backend.address import address_of
from irc.backend.entry import Function
from irc.backend.pool import team_address
from irc.backend.target import host

_numbers = count()
_kept: list[object] = []  # code stays as long as the process


def compile_text(text: str, names: Sequence[str]) -> list[int]:
    """The addresses of functions of LLVM IR text, after all of LLVM's passes (level 2) but its vectorisers."""
    machine = host().machine(jit=True)
    parsed = llvm.parse_assembly(text)
    parsed.verify()
    parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    engine = llvm.create_lljit_compiler(host().machine(jit=True))
    library = llvm.JITLibraryBuilder().add_object_img(machine.emit_object(parsed)).add_current_process()
    for name in names:
        library.export_symbol(name)
    tracker = library.link(engine, f"benchmark{next(_numbers)}")
    _kept.append((engine, tracker))
    return [tracker[name] for name in names]


def repeated(address: int, arguments: Sequence[tuple[str, int]]) -> Callable[[int], None]:
    """A function of n that calls machine code n times, without Python between the calls.

    ``arguments``: LLVM type (``i64`` or ``ptr``) and value (of a pointer: the address) of each.
    """
    values = ", ".join(f"ptr inttoptr (i64 {v} to ptr)" if kind == "ptr" else f"{kind} {v}" for kind, v in arguments)
    (loop,) = compile_text(
        f"""
define void @repeat(i64 %n) {{
entry:
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
  call void inttoptr (i64 {address} to ptr)({values})
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %turn, label %done
done:
  ret void
}}""",
        ["repeat"],
    )
    return ctypes.CFUNCTYPE(None, ctypes.c_int64)(loop)


def repeated_function(
    function: Function, inputs: Sequence[np.ndarray], threads: int = 1
) -> tuple[Callable[[int], None], list[np.ndarray], object]:
    """A function of n that calls native code of ours n times; its results; and what must be kept meanwhile."""
    team = function.signature.team and threads > 1
    given, plan = function.checked(inputs)
    outputs = function.outputs(plan, given)
    workspace = aligned_zeros(max(plan.workspace, 1), np.dtype(np.uint8))
    read, results = iter(given), dict(zip([a.name for a in function.signature.outputs()], outputs, strict=True))
    arguments = []
    for argument in function.signature.arguments:
        if argument.role == "symbol":
            arguments.append(("i64", plan.symbols[argument.name]))
        elif argument.role == "bound":
            arguments.append(("ptr", address_of(function.bound[argument.name])))
        elif argument.role == "input":
            arguments.append(("ptr", address_of(next(read))))
        elif argument.role == "output":
            arguments.append(("ptr", address_of(results[argument.name])))
        else:
            arguments.append(("ptr", address_of(workspace)))
    if team:
        arguments.append(("ptr", team_address(threads)))
    repeat = repeated(function.owner.address(function.signature.name, team), arguments)
    return repeat, outputs, (function, given, workspace)
