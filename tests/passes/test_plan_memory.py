"""The pass plan-memory: programs mean the same with all buffers in one workspace, and dead places are used again.

The reference semantics of ``loop.view`` ends the life of overlapping views, so a wrong plan shows as NaN.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.backend.jit import compile_library
from irc.dialects.loop import Alloc, View
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.passes.plan_memory import PlanMemory
from irc.passmanager import PassContext
from irc.text.parser import parse_module

HEAD = """func.func @f(%N: index, %M: index, %x: !loop.buffer<N x f32>, %m: !loop.buffer<M x f32>,
             %y: !loop.buffer<1 x f32> {irc.output = 0 : i64}) attributes {irc.symbols_args = ["N", "M"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %v0 = loop.load %x[%c0] : !loop.buffer<N x f32>
  loop.store %v0, %y[%c0] : f32, !loop.buffer<1 x f32>
"""
SIZES = ("N", "M", "N + M", "2*N", "16", "40")


@st.composite
def programs(draw):
    """Buffers of several sizes, written once at their first element, read later, some inside nested loops."""
    lines: list[str] = []
    count = 0

    def block(depth: int, visible: list[str], indent: str) -> None:
        nonlocal count
        mine = list(visible)
        for _ in range(draw(st.integers(1, 5))):
            choice = draw(st.sampled_from(["alloc", "alloc", "use", "use", "loop"]))
            if choice == "alloc":
                count += 1
                kind = f"!loop.buffer<{draw(st.sampled_from(SIZES))} x f32>"
                lines.append(f"{indent}%b{count} = loop.alloc : {kind}")
                lines.append(f"{indent}loop.store %v0, %b{count}[%c0] : f32, {kind}")
                mine.append(f"%b{count}[%c0] : {kind}")
            elif choice == "use" and mine:
                count += 1
                place = draw(st.sampled_from(mine))
                buffer, kind = place.split(" : ")
                lines.append(f"{indent}%u{count} = loop.load {place}")
                lines.append(f"{indent}loop.accumulate %u{count}, %y[%c0] : f32, !loop.buffer<1 x f32>")
                lines.append(f"{indent}loop.accumulate %v0, {buffer} : f32, {kind}")
            elif choice == "loop" and depth < 3:
                count += 1
                lines.append(f"{indent}loop.for %i{count} = %c0 to %c2 step %c1 {{")
                block(depth + 1, mine, indent + "  ")
                lines.append(f"{indent}  loop.yield\n{indent}}}")

    block(0, [], "  ")
    return HEAD + "\n".join(lines) + "\n  func.return\n}"


def planned(text):
    module = parse_module(text)
    context = PassContext()
    PlanMemory().run(module, context)
    verify(module)
    return module, context.statistics


@settings(max_examples=60)
@given(programs())
def test_meaning_is_kept(text):
    x, m = np.array([1, 2, 3], np.float32), np.ones(5, np.float32)
    expected, found = np.zeros(1, np.float32), np.zeros(1, np.float32)
    Interpreter(parse_module(text)).call("f", [3, 5, x, m, expected])
    module, statistics = planned(text)
    assert not any(isinstance(op, Alloc) for op in module.walk())
    function = module.function("f")
    arguments = [3, 5, x, m, found]
    if statistics:
        bytes_needed = int(eval(statistics["@f bytes"].replace("floordiv", "//"), {"N": 3, "M": 5}))
        arguments.append(np.zeros(bytes_needed, np.int8))
    Interpreter(module).call("f", arguments)
    assert found[0] == expected[0]
    for op in function.walk():
        assert not isinstance(op, View) or op.arena is function.arguments[-1]


def test_natively():
    text = HEAD + """
  %a = loop.alloc : !loop.buffer<N x f32>
  loop.store %v0, %a[%c1] : f32, !loop.buffer<N x f32>
  %b = loop.alloc : !loop.buffer<M x vector<16xf32>>
  %w = loop.splat %v0 : f32 to vector<16xf32>
  loop.store %w, %b[%c1] : vector<16xf32>, !loop.buffer<M x vector<16xf32>>
  %r = loop.load %a[%c1] : !loop.buffer<N x f32>
  %s = loop.load %b[%c1] : !loop.buffer<M x vector<16xf32>>
  loop.accumulate %r, %y[%c0] : f32, !loop.buffer<1 x f32>
  loop.accumulate %s, %y[%c0] : vector<16xf32>, !loop.buffer<1 x f32>
  func.return
}"""
    module, statistics = planned(text)
    assert statistics["places"] == 2
    with compile_library(module) as library:
        (y,) = library.function("f").call([np.array([2, 0], np.float32), np.zeros(3, np.float32)])
    assert y[0] == 2 + 2 + 32


def test_places_grow_where_that_is_provable():
    body = """
  %a = loop.alloc : !loop.buffer<N x vector<16xf32>>
  %b = loop.alloc : !loop.buffer<N + M x vector<16xf32>>
  %c = loop.alloc : !loop.buffer<M x vector<16xf32>>
  func.return
}"""
    _, statistics = planned(HEAD + body)
    assert statistics["places"] == 1
    assert statistics["@f bytes"] == "64*M + 64*N"


def test_recursion_has_no_workspace():
    with pytest.raises(Error, match="@f calls itself"):
        planned("func.func @f() {\n func.call @f() : () -> ()\n func.return\n}")
