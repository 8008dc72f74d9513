"""What the text costs: microseconds per op, for 10 000 ops of two operands, one result and one attribute."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.attributes import IntegerAttr
from irc.ir.builder import Builder
from irc.ir.types import f32
from irc.ir.verifier import verify
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.dialect import CONTEXT, Add

OPS = 10_000
SLACK = 3
"""Machines under test are busy, and some are slow: the budgets of the design hold on a quiet one."""


def module() -> ModuleOp:
    """A long function."""
    function = FuncOp.of("f", [f32, f32], [f32])
    builder = Builder.at_end(function.entry)
    x, y = function.arguments
    k = IntegerAttr(1)
    for _ in range(OPS):
        x, y = y, builder.value(Add, x, y, k=k)
    builder.create(ReturnOp, [y])
    return ModuleOp.of([function])


def microseconds(run: Callable[[], object]) -> float:
    """The best of three, per op."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) / OPS * 1e6


@pytest.mark.slow
def test_costs():
    long = module()
    pretty, generic = print_module(long), print_module(long, generic=True)
    assert microseconds(lambda: print_module(long)) < 5 * SLACK
    assert microseconds(lambda: print_module(long, generic=True)) < 5 * SLACK
    assert microseconds(lambda: parse_module(pretty, CONTEXT, verify=False)) < 20 * SLACK
    assert microseconds(lambda: parse_module(generic, CONTEXT, verify=False)) < 20 * SLACK
    assert microseconds(lambda: verify(long)) < 10 * SLACK
