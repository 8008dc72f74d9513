"""Cost of the IR core per op: 10 000 ops of two operands, one result and one attribute; the same text in both
frameworks.

python benchmarks/ir_core.py irc|xdsl
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable

OPS = 10_000
REPEATS = 5


def text() -> str:
    """A function of ``OPS`` additions in generic form."""
    flags = "<{fastmath = #arith.fastmath<contract>}>"
    lines = [
        '"builtin.module"() ({',
        '  "func.func"() <{function_type = (f32, f32) -> f32, sym_name = "f"}> ({',
        "  ^bb0(%a0: f32, %a1: f32):",
    ]
    for i in range(2, OPS + 2):
        lines.append(f'    %a{i} = "arith.addf"(%a{i - 1}, %a{i - 2}) {flags} : (f32, f32) -> f32')
    lines += [f'    "func.return"(%a{OPS + 1}) : (f32) -> ()', "  }) : () -> ()", "}) : () -> ()", ""]
    return "\n".join(lines)


def best(action: Callable[[], object]) -> float:
    """Microseconds per op of the fastest of a few runs."""
    times = []
    for _ in range(REPEATS):
        gc.collect()
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times) / OPS * 1e6


def report(what: str, value: float) -> None:
    """One measurement as a line of JSON."""
    print(json.dumps({"what": what, "value": value}))


def irc() -> None:
    """This compiler."""
    from irc.dialects.arith import AddF
    from irc.ir.builder import Builder
    from irc.ir.operation import Block
    from irc.ir.types import f32
    from irc.ir.verifier import verify
    from irc.text.parser import parse_module
    from irc.text.printer import print_module

    source = text()
    module = parse_module(source)
    add = next(op for op in module.walk() if isinstance(op, AddF))
    attributes = dict(add.attributes)

    def build() -> None:
        block = Block([f32, f32])
        builder = Builder(block)
        x, y = block.arguments
        for _ in range(OPS):
            x, y = builder.insert(AddF((x, y), (f32,), attributes)).results[0], x

    report("build", best(build))
    report("print", best(lambda: print_module(module, generic=True)))
    report("parse", best(lambda: parse_module(source)))
    report("verify", best(lambda: verify(module)))


def xdsl() -> None:
    """xDSL, the closest relative."""
    from io import StringIO

    from xdsl.context import Context
    from xdsl.dialects.arith import AddfOp, Arith
    from xdsl.dialects.builtin import Builtin, f32
    from xdsl.dialects.func import Func
    from xdsl.ir import Block
    from xdsl.parser import Parser
    from xdsl.printer import Printer

    context = Context()
    for dialect in (Builtin, Func, Arith):
        context.load_dialect(dialect)
    source = text()
    module = Parser(context, source).parse_module()
    add = next(op for op in module.walk() if isinstance(op, AddfOp))
    flags = add.fastmath

    def build() -> None:
        block = Block(arg_types=[f32, f32])
        x, y = block.args
        for _ in range(OPS):
            op = AddfOp(x, y, flags, f32)
            block.add_op(op)
            x, y = op.result, x

    report("build", best(build))
    report("print", best(lambda: Printer(StringIO(), print_generic_format=True).print_op(module)))
    report("parse", best(lambda: Parser(context, source).parse_module()))
    report("verify", best(module.verify))


if __name__ == "__main__":
    {"irc": irc, "xdsl": xdsl}[sys.argv[1]]()
