"""What this machine can do at most, measured with kernels of our own: arithmetic on one core, and moving memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np

from irc.backend.jit import Library
from irc.backend.target import Target
from irc.ir.types import ScalarType
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module

CHAINS = 12
"""Multiply-adds that do not wait for each other: more than any core has in flight, fewer than it has registers."""
_LEAST_SECONDS = 1e-3
"""Long enough that calls and clocks do not matter."""
_SMALLEST, _LARGEST = 1 << 12, 1 << 27
"""Bytes: what the first cache holds beside all else, and what no cache holds."""


@cache
def peak_operations(target: Target, type: ScalarType) -> float:
    """Floating-point operations a second of one core: multiply-adds of whole vectors (two operations each)."""
    lanes = target.lanes(type)
    vector = f"vector<{lanes}x{type}>"
    chains = range(CHAINS)
    starts = "\n".join(f"  %s{k} = arith.constant dense<{k}.5> : {vector}" for k in chains)
    carried = ", ".join(f"%a{k} = %s{k}" for k in chains)
    if target.fma:
        steps = "\n".join(f"    %b{k} = math.fma %a{k}, %m, %c : {vector}" for k in chains)
    else:
        steps = "\n".join(
            f"    %p{k} = arith.mulf %a{k}, %m : {vector}\n    %b{k} = arith.addf %p{k}, %c : {vector}" for k in chains
        )
    places = "\n".join(f"  %i{k} = arith.constant {k} : index" for k in chains)
    kept = f"!loop.buffer<{CHAINS} x {vector}>"
    stores = "\n".join(f"  loop.store %r#{k}, %y[%i{k}] : {vector}, {kept}" for k in chains)
    text = f"""
func.func @f(%N: index, %turns: !loop.buffer<N x i8>, %y: {kept} {{irc.output = 0}})
    attributes {{irc.symbols_args = ["N"]}} {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %m = arith.constant dense<0.5> : {vector}
  %c = arith.constant dense<0.25> : {vector}
{starts}
  %r:{CHAINS} = loop.for %i = %zero to %N step %one iter_args({carried}) -> ({", ".join([vector] * CHAINS)}) {{
{steps}
    loop.yield {", ".join(f"%b{k}" for k in chains)} : {", ".join([vector] * CHAINS)}
  }}
{places}
{stores}
  func.return
}}"""
    with Library(parse_module(text), target) as library:  # type: ignore[arg-type]
        function = library.function("f")
        return 2 * lanes * CHAINS / _seconds_a_turn(lambda turns: function.call([np.zeros(turns, np.int8)]))


def bandwidth(target: Target, moved: int) -> float:
    """Bytes a second that one core adds up, reading two arrays and writing a third that are ``moved`` bytes together.

    It is that of the smallest memory which holds them all.
    """
    return _bandwidth(target, min(max(moved, _SMALLEST), _LARGEST).bit_length() - 1)


@cache
def _bandwidth(target: Target, bits: int) -> float:
    size = (1 << bits) // 12
    text = """
func.func @f(%N: index, %M: index, %turns: !loop.buffer<N x i8>, %a: !loop.buffer<M x f32>, %b: !loop.buffer<M x f32>,
    %y: !loop.buffer<M x f32> {irc.output = 0}) attributes {irc.symbols_args = ["N", "M"]} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  loop.for %t = %zero to %N step %one {
    loop.for %i = %zero to %M step %one parallel vectorize {
      %0 = loop.load %a[%i] : !loop.buffer<M x f32>
      %1 = loop.load %b[%i] : !loop.buffer<M x f32>
      %2 = arith.addf %0, %1 : f32
      loop.store %2, %y[%i] : f32, !loop.buffer<M x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}"""
    module = parse_module(text)
    PassManager(parse_pipeline("vectorize,canonicalize,cse"), PassContext(target)).run(module)  # type: ignore[arg-type]
    with Library(module, target) as library:  # type: ignore[arg-type]
        function = library.function("f")
        a, b, y = (np.ones(size, np.float32) for _ in range(3))
        seconds = _seconds_a_turn(lambda turns: function.call([np.zeros(turns, np.int8), a, b], [y]))
    return 12 * size / seconds


def _seconds_a_turn(run: Callable[[int], object]) -> float:
    """The least time of a turn of ``run(turns)``: others may have the core for a while, but never make it faster."""
    turns, best = 1, 0.0
    while best < _LEAST_SECONDS:
        turns *= 2
        best = min(_seconds(run, turns) for _ in range(4))
    return best / turns


def _seconds(run: Callable[[int], object], turns: int) -> float:
    begin = time.perf_counter()
    run(turns)
    return time.perf_counter() - begin
