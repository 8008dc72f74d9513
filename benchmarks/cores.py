"""What this machine gains from a second thread, whatever threads they are: how many times faster two computations are
at once, on a thread and a processor each, than one after the other.

*multiply-adds in registers* keep the units of a core busy that all fast kernels need: processors that share a core gain
nothing there. *sums that wait*, each for the one before, leave a core mostly idle. *a product* of 256 x 256 x 256 is a
kernel of ours, one for each thread; *copies* move 64 MB. Python's threads call machine code that gives the GIL free.

python benchmarks/cores.py irc [--quick]
"""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable, Iterator
from threading import Barrier, Thread

import numpy as np
from native import compile_text, repeated_function
from ways import arguments

from irc.arrays import aligned_zeros
from irc.backend.target import host
from irc.ir.types import f32

SUMS = 16
"""Sums that do not wait for one another: enough to keep two units busy for the four turns that each takes."""
TURNS, LONGEST = 300, 3.0
"""How often a computation is measured at most, and the seconds after which it is enough."""
SECONDS = 2e-3
"""What one computation takes about: less than the time for which other processes keep a processor."""
Job = Callable[[int], object]
"""A function of n that computes n times."""


def multiply_adds(sums: int) -> Job:
    """``s = x * x + s`` for so many vectors s."""
    lanes = host().lanes(f32)
    vector, places = f"<{lanes} x float>", range(sums)
    lines = [
        f"declare {vector} @llvm.fma.v{lanes}f32({vector}, {vector}, {vector})",
        "define void @loop(i64 %n, ptr %at) {",
        "entry:",
        f"  %x = load {vector}, ptr %at, align 4",
        "  br label %turn",
        "turn:",
        "  %i = phi i64 [ 0, %entry ], [ %next, %turn ]",
        *(f"  %s{j} = phi {vector} [ zeroinitializer, %entry ], [ %t{j}, %turn ]" for j in places),
        *(f"  %t{j} = call {vector} @llvm.fma.v{lanes}f32({vector} %x, {vector} %x, {vector} %s{j})" for j in places),
        "  %next = add i64 %i, 1",
        "  %more = icmp slt i64 %next, %n",
        "  br i1 %more, label %turn, label %done",
        "done:",
        *(f"  store volatile {vector} %t{j}, ptr %at, align 4" for j in places),
        "  ret void",
        "}",
    ]
    (address,) = compile_text("\n".join(lines), ["loop"])
    loop, memory = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(address), np.zeros(lanes, np.float32)
    return lambda n: loop(n, memory.ctypes.data)


def product() -> Job:
    """Of 256 x 256 x 256."""
    import irc
    from irc.backend.jit import compile_library
    from irc.passes.pipelines import ARRAY, LOOP
    from irc.passmanager import PassManager, parse_pipeline

    kind = "tensor<256 x 256 x f32>"
    module = irc.parse(
        f"func.func @f(%x: {kind}, %w: {kind}) -> {kind} {{\n"
        f'  %y = array.contract "mk,kn->mn" %x, %w : {kind}, {kind}\n  func.return %y : {kind}\n}}\n'
    )
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP]))).run(module)
    given = [aligned_zeros((256, 256), np.dtype(np.float32)) for _ in range(2)]
    repeat, results, kept = repeated_function(compile_library(module).function("f"), given)
    repeat.kept = results, kept  # type: ignore[attr-defined]
    return repeat


def copies() -> Job:
    """Of 64 MB."""
    source, target = (np.ones(1 << 23) for _ in range(2))

    def repeat(n: int) -> None:
        for _ in range(n):
            np.copyto(target, source)

    return repeat


JOBS: dict[str, Callable[[], Job]] = {
    "multiply-adds in registers": lambda: multiply_adds(SUMS),
    "sums that wait": lambda: multiply_adds(1),
    "a product": product,
    "copies": copies,
}


def gain(make: Callable[[], Job], turns: int) -> float:
    """The least time for two computations one after the other, over that for both at once."""
    jobs = make(), make()
    count, alone, both, begin = 1, [], [], time.perf_counter()
    while (once := timed(jobs[:1], count)) < SECONDS:
        count = max(count + 1, int(count * min(10.0, 1.1 * SECONDS / max(once, 1e-9))))
    while not both or (len(both) < turns and time.perf_counter() - begin < LONGEST):
        alone.append(timed(jobs[:1], count))
        both.append(timed(jobs, count))
    return 2 * min(alone) / min(both)


def timed(jobs: tuple[Job, ...], count: int) -> float:
    """Seconds for all jobs at once, each on a thread of its own, which is there when time begins."""
    barrier = Barrier(len(jobs) + 1)

    def work(job: Job) -> None:
        barrier.wait()
        job(count)
        barrier.wait()

    for job in jobs:
        Thread(target=work, args=(job,)).start()
    barrier.wait()
    begin = time.perf_counter()
    barrier.wait()
    return time.perf_counter() - begin


def rows(quick: bool) -> Iterator[tuple[str, float]]:
    """Each computation and its gain."""
    for name, make in JOBS.items():
        yield name, gain(make, 2 if quick else TURNS)


def main() -> None:
    """Print one JSON object per measurement."""
    for what, value in rows(arguments(__doc__).parse_args().quick):
        print(json.dumps({"what": what, "value": value}), flush=True)


if __name__ == "__main__":
    main()
