"""What native code is made for: processor, vector width, and the measured recipe of how to have LLVM make it.

Passes ask the target they are handed, never the machine they run on, so that code for any target can be made anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

from irc.backend.forks import wait_for_llvm
from irc.ir.types import ScalarType


@dataclass(frozen=True)
class Target:
    """A kind of processor.

    ``features`` is LLVM's list (``+avx2,-sse4a``); those with + a machine must have to run the code. ``vector_bits`` is
    the width of the vectors that code should use; ``registers`` how many there are. ``fma``: it has fused multiply-add
    (without, ``llvm.fma`` would be a library call per lane). ``optimise`` and ``codegen`` are LLVM's levels, 0 to 3
    (``irc.backend.jit`` says what they do). ``interleave``: how many vectors vectorised loops work on at once; two hide
    the latency of additions, four slow small batches down. ``block``: how many in loops with memory of their own, where
    turns share more.
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bits: int
    registers: int
    fma: bool
    interleave: int = 2
    block: int = 4
    optimise: int = 1
    codegen: int = 2

    def __post_init__(self) -> None:
        if self.codegen < 1:
            raise ValueError("codegen level 0 makes slow code slowly; use 1 to 3")

    def lanes(self, type: ScalarType) -> int:
        """How many numbers of ``type`` one vector holds."""
        return max(1, self.vector_bits // max(8, type.width))

    @property
    def runs_here(self) -> bool:
        """Whether this machine can run the code: same kind of processor and system, vectors no wider, and all its
        features.
        """
        here = host()
        same = _kind(self.triple) == _kind(here.triple)
        has = _needed(self.features) <= _needed(here.features) and self.fma <= here.fma
        return self is here or (same and self.vector_bits <= here.vector_bits and has)

    def machine(self, jit: bool = False) -> llvm.TargetMachine:
        """LLVM's target machine; ``jit`` for code that runs in this process."""
        _initialise()
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=self.codegen, reloc="pic", codemodel="default", jit=jit
        )


@cache
def _initialise() -> None:
    wait_for_llvm()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


@cache
def host() -> Target:
    """The machine this runs on."""
    _initialise()
    triple = llvm.get_default_triple()
    cpu = llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features()
    if triple.startswith(("aarch64", "arm64")):
        bits, registers, fma = 128, 32, True
    elif features.get("avx512f", False):
        bits, registers, fma = 512, 32, True
    elif features.get("avx", False):
        bits, registers, fma = 256, 16, bool(features.get("fma", False))
    else:
        bits, registers, fma = 128, 16, bool(features.get("fma", False))
    return Target("host", triple, cpu, features.flatten(), bits, registers, fma)


def _needed(features: str) -> set[str]:
    return {feature for feature in features.split(",") if feature.startswith("+")}


def _kind(triple: str) -> tuple[str, str]:
    """Processor and system of a triple: ``x86_64-unknown-linux-gnu`` is x86_64, linux."""
    processor, _, rest = triple.partition("-")
    return processor, next((s for s in ("linux", "darwin", "windows") if s in rest), rest)


_X86 = "x86_64-unknown-linux-gnu"
_V3 = "+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe"
_V4 = f"{_V3},+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl"
TARGETS = {
    "avx512": Target("avx512", _X86, "x86-64-v4", _V4, 512, 32, True),
    "avx2": Target("avx2", _X86, "x86-64-v3", _V3, 256, 16, True),
    "generic": Target("generic", _X86, "x86-64", "+sse2", 128, 16, False),
    "neon": Target("neon", "aarch64-unknown-linux-gnu", "generic", "+neon", 128, 32, True),
}
"""Targets by name, besides ``host``."""


def find_target(name: str) -> Target:
    """The target of a name. Raises ValueError that lists the names."""
    if name == "host":
        return host()
    if name not in TARGETS:
        raise ValueError(f"there is no target '{name}'; the targets are host, {', '.join(TARGETS)}")
    return TARGETS[name]
