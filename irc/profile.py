"""Where the time of a net goes: each kernel timed in its place, beside what it computes and moves, and what the machine
could do at most.

The net goes through its own pipeline once more, with ``time-kernels`` in it, so the kernels that run are those that
:meth:`irc.Net.run` or :meth:`irc.Net.vjp` run, one after the other, on one thread: for one sample those of the code
that there is for that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import prod
from numbers import Integral

import numpy as np

from irc.arrays import require_memory
from irc.backend.entry import Function
from irc.backend.jit import Library
from irc.bound_graphs import SoundGraphs
from irc.costs import moved_bytes, operations
from irc.dialects.array import Contract, Fused
from irc.dialects.array.conv2d import Convolution
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import CallOp, FuncOp
from irc.dialects.loop import Clock
from irc.ir.diagnostics import Error
from irc.ir.dimensions import Dimension, evaluate, symbols_of
from irc.ir.locations import name_of
from irc.ir.operation import Operation
from irc.ir.symbols import symbol_name
from irc.ir.traits import ALLOCATES, PURE, has
from irc.ir.types import f32, f64
from irc.kernel import Kernel
from irc.limits import bandwidth, peak_operations
from irc.model import Net
from irc.module_program import derivative_of, keep_only
from irc.passes.time_kernels import TimeKernels, kernels
from irc.passmanager import Pass, PassContext, PassManager

SECONDS = 0.2
"""How long calls are repeated."""
CALLS = (5, 1000)
"""At least and at most so many calls."""
_SHOWN = 3
"""Names of a kernel that are shown; of more, the first ones and how many there are."""


@dataclass(frozen=True)
class Work:
    """What a kernel does, before sizes are known: its op, the neurons or layers that it came from, operations, bytes.
    """

    op: str
    names: tuple[str, ...]
    operations: Dimension
    moved: Dimension


@dataclass(frozen=True)
class KernelTime:
    """A kernel: its op, the neurons or layers it came from, the seconds of a call, its floating-point operations and
    bytes by definition (:mod:`irc.costs`), and the seconds that the machine needs for these at least, by whichever of
    the two is slower; ``bound`` is ``"compute"`` or ``"memory"``.
    """

    op: str
    names: tuple[str, ...]
    seconds: float
    operations: int
    moved: int
    least: float
    bound: str

    @property
    def share(self) -> float:
        """The share of the machine's limit that the kernel reaches, from 0 to about 1."""
        return self.least / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Profile:
    """The kernels of a net in the order in which they run. ``peak``: the machine's operations a second."""

    name: str
    direction: str
    sizes: dict[str, int]
    target: str
    peak: float
    calls: int
    kernels: tuple[KernelTime, ...]

    @property
    def seconds(self) -> float:
        """The sum over the kernels."""
        return sum(kernel.seconds for kernel in self.kernels)

    def to_text(self) -> str:
        """A table, one line a kernel."""
        sizes = ", ".join(f"{name}={size}" for name, size in self.sizes.items())
        lines = [
            f"net {self.name}, {self.direction}, {sizes}, on one thread of {self.target}; "
            f"least of {self.calls} calls",
            f"{'µs':>10} {'%':>6} {'MFLOP':>9} {'MB':>9} {'GFLOP/s':>8} {'GB/s':>7} {'limit':>12}  kernel",
        ]
        for kernel in self.kernels:
            limit = f"{kernel.share:4.0%} {kernel.bound}"
            figures = self._figures(kernel.seconds, kernel.operations, kernel.moved)
            lines.append(f"{figures} {limit:>12}  {_label(kernel)}")
        total = [sum(getattr(kernel, what) for kernel in self.kernels) for what in ("operations", "moved")]
        least = sum(kernel.least for kernel in self.kernels)
        share = f"{least / self.seconds if self.seconds else 0:4.0%} {'':7}"
        lines.append(f"{self._figures(self.seconds, *total)} {share:>12}  all kernels")
        lines.append(f"the machine's limits: {self.peak / 1e9:.0f} GFLOP/s; memory by where the kernel's data fit")
        return "\n".join(lines) + "\n"

    def _figures(self, seconds: float, operations: int, moved: int) -> str:
        rates = [amount / seconds / 1e9 if seconds else 0.0 for amount in (operations, moved)]
        part = 100 * seconds / self.seconds if self.seconds else 0.0
        amounts = f"{seconds * 1e6:10.2f} {part:6.1f} {operations / 1e6:9.3f} {moved / 1e6:9.3f}"
        return f"{amounts} {rates[0]:8.1f} {rates[1]:7.1f}"


def profile(net: Net, batch: int = 64, backward: bool = False, seed: int = 0) -> Profile:
    """Time the kernels of a net, forward or (``backward``) value and gradients, for so many samples (of a recurrent
    net: steps of one stream). Inputs are drawn from a normal distribution. Kernels that became no code, as they only
    look at arrays in another shape, are left out.

    Raises :class:`irc.Error` for a net whose passes do not go through whole arrays, or do not differentiate, and for a
    batch without samples.
    """
    if isinstance(batch, bool) or not isinstance(batch, Integral) or batch < 1:
        raise Error(f"the batch must be an integer from 1 on, not {batch!r:.40}")
    one_sample = _runs_one_sample(net, int(batch))
    module, timed = _timed(net, backward, one_sample)
    name, works = timed.symbol, [Work(_kind(op), _names(op), operations(op), moved_bytes(op)) for op in kernels(timed)]
    _run_passes(net, _parts(net, backward, one_sample)[1], module)
    has_code = _has_code(module.function(name))
    with Library(module, net.target) as library:
        function = library.function(name)
        arrays, sizes = _arguments(net, function, int(batch), seed)
        calls, ticks = _run(function, arrays, len(works) + 2)
        seconds = _seconds_a_tick(function, arrays, len(works) + 2)
    element = f64 if net.dtype == np.float64 else f32
    peak = peak_operations(net.target, element)
    rows = []
    for work, passed, runs in zip(works, ticks * seconds, has_code, strict=True):
        if not runs:
            continue
        amount, moved = (evaluate(formula, sizes) for formula in (work.operations, work.moved))
        by_compute, by_memory = amount / peak, moved / bandwidth(net.target, moved)
        bound = "compute" if by_compute > by_memory else "memory"
        rows.append(KernelTime(work.op, work.names, float(passed), amount, moved, max(by_compute, by_memory), bound))
    shown = {name: size for name, size in sizes.items() if name not in net.forward.signature.symbols}
    shown |= {"B": 1} if one_sample else {}
    return Profile(
        net.name, "value and gradients" if backward else "forward", shown, net.target.name, peak, calls, tuple(rows)
    )


def _runs_one_sample(net: Net, batch: int) -> bool:
    """Whether such a call runs the code for one sample, or, over time, for one stream."""
    return net.program.serves_one_sample and (net.has_state or (batch == 1 and len(net.forward.inputs) == 1))


def _timed(net: Net, backward: bool, one_sample: bool) -> tuple[ModuleOp, FuncOp]:
    """The module at array level, where the function that is to run has clocks, and is all that others may call."""
    module = net.module.clone()
    assert isinstance(module, ModuleOp)
    before, _ = _parts(net, backward, one_sample)
    _run_passes(net, before, module)
    name = symbol_name(net.entry) or net.name
    function = derivative_of(module, name) if backward else module.function(name)
    if not isinstance(function, FuncOp):
        raise Error(f"@{name} is no function of arrays where lower-array begins: add lower-neuron to the passes")
    keep_only(module, function)
    _run_passes(net, [TimeKernels()], module)
    return module, function


def _parts(net: Net, backward: bool, one_sample: bool) -> tuple[list[Pass], list[Pass]]:
    """The net's passes before, and from, the lowering of whole arrays."""
    passes = net.program.passes(backward, one_sample)
    places = [number for number, p in enumerate(passes) if p.name == "lower-array"]
    if len(places) != 1:
        raise Error("this net was compiled with passes that do not lower whole arrays once, so no kernel can be told")
    return passes[: places[0]], passes[places[0] :]


def _run_passes(net: Net, passes: list[Pass], module: ModuleOp) -> None:
    PassManager(passes, PassContext(net.target), [SoundGraphs()]).run(module)


def _has_code(function: FuncOp) -> list[bool]:
    """Of each kernel whether anything is done between the clocks around it, in the lowered function."""
    found: list[bool] = []
    for op in function.entry:
        if isinstance(op, Clock):
            found.append(False)
        elif found and not (has(op, PURE) or has(op, ALLOCATES)):
            found[-1] = True
    return found[1:-1]  # the first two clocks stand before all kernels; what is behind the last one is none


def _kind(op: Operation) -> str:
    if isinstance(op, Contract):
        return f"contract {op.parts}"
    if isinstance(op, Fused):
        inside = [_kind(inner) for inner in op.body.block if isinstance(inner, (Contract, Convolution))]
        return ", ".join([*inside, "fused"])
    return f"call {op.callee}" if isinstance(op, CallOp) else op.name.partition(".")[2]


def _names(op: Operation) -> tuple[str, ...]:
    """The neurons or layers that an op came from, in order."""
    return tuple(dict.fromkeys(name for inner in op.walk() if (name := name_of(inner.location)) is not None))


def _label(kernel: KernelTime) -> str:
    more = f" and {len(kernel.names) - _SHOWN} more" if len(kernel.names) > _SHOWN else ""
    return f"{kernel.op}: {', '.join(kernel.names[:_SHOWN])}{more}" if kernel.names else kernel.op


def _arguments(net: Net, function: Function, batch: int, seed: int) -> tuple[list[np.ndarray], dict[str, int]]:
    """Arrays for a call, and all sizes."""
    kernel = Kernel(function)
    known = function.signature.symbols
    streams = {name for a in kernel.inputs if a.registers for dim in a.shape for name in symbols_of(dim)}
    generator = np.random.Generator(np.random.Philox(key=seed))
    given = []
    for argument in kernel.inputs:
        free = {name for dim in argument.shape for name in symbols_of(dim)} - set(known)
        sizes = {**known, **{name: 1 if name in streams else batch for name in free}}
        shape = tuple(evaluate(dim, sizes) for dim in argument.shape)
        require_memory(prod(shape), 8, f"{argument.name}, of shape {shape},")
        drawn = generator.standard_normal(shape)
        given.append(drawn if argument.dtype.kind == "f" else np.zeros(drawn.shape, argument.dtype))
    arrays, plan = function.checked(kernel.prepare(given, net.params.flat))
    return arrays, dict(plan.symbols)


def _run(function: Function, arrays: list[np.ndarray], clocks: int) -> tuple[int, np.ndarray]:
    """How often it ran, and the ticks of each kernel, without those of reading a clock: the least of all calls, for
    what else the machine does only adds to them.
    """
    readings: list[list[int]] = []
    outputs = function.outputs(function.plan(arrays), arrays)
    function.run(arrays, outputs)  # the first call finds memory that nobody touched before
    end = time.perf_counter() + SECONDS
    while len(readings) < CALLS[0] or (len(readings) < CALLS[1] and time.perf_counter() < end):
        function.run(arrays, outputs)
        readings.append([int(reading) for reading in outputs[-clocks:]])
    reading, *passed = np.diff(np.array(readings), axis=1).min(axis=0)
    return len(readings), np.maximum(np.array(passed) - reading, 0)


def _seconds_a_tick(function: Function, arrays: list[np.ndarray], clocks: int) -> float:
    """The clock's tick, by the time between two calls."""
    outputs = function.outputs(function.plan(arrays), arrays)
    moments = []
    for pause in (SECONDS / 4, 0.0):
        begin = time.perf_counter()
        function.run(arrays, outputs)
        moments.append((begin, int(outputs[-clocks])))
        time.sleep(pause)
    (begin, first), (end, last) = moments
    return (end - begin) / (last - first)
