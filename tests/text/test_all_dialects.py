"""Every op of every dialect, in generic form with random operands, types and attributes: an Error, or a round trip.

Most such ops are wrong: this checks that declarations are complete, so that ``infer``, ``verify`` and ``print`` meet
nothing that they do not expect.
"""

from __future__ import annotations

import random

import pytest

from irc.dialects import CONTEXT
from irc.ir.diagnostics import Error
from irc.ir.equality import difference
from irc.ir.operation import Operation
from irc.text.parser import parse_module
from irc.text.printer import print_module

TYPES = """
f32 f64 bf16 i1 i32 i64 index ()->()
tensor<f32> tensor<4xf32> tensor<2x3xf32> tensor<2x2xf64> tensor<0xf32> tensor<4xi32> tensor<3xi32> tensor<4xi1>
tensor<?xf32,["B"]> tensor<?x4xf32,["B",4]> vector<4xf32> vector<4xi1> vector<2x4xf64> vector<4xindex>
!loop.buffer<f32> !loop.buffer<4xf32> !loop.buffer<2x3xf64> !loop.buffer<64xi8>
""".split()
VALUES = """
0 1 -1 2 7 1.5 true unit 1:i1 0:index 1.0:f32 f32 index ()->() @f @g
[] [0] [1] [0,1] [1,0] ["B"] [1.5] [[0,1]] {} [{},{a}]
dense<1.0>:tensor<4xf32> dense<[1,2]>:tensor<2xi32>
array<i64> array<i64:0> array<i64:0,1> array<i64:-1,5> array<i32:1,2>
"" "x" "sum" "max" "relu" "tanh" "B" "B+1" "bi,oi->bo" "mk,kn->mn" "*" "a,b"
""".split()
BODIES = ["", "0", "2, 3", "relu", "sum", "none", "fast", "relu, sum", "4", "B x f32", "1.5", "relu, 0.5, sum", "]"]
"""What may stand between the angle brackets of an attribute."""


def operations() -> list[type[Operation]]:
    """All ops of all dialects."""
    found = []
    for name in CONTEXT.names:
        dialect = CONTEXT.dialect(name)
        assert dialect is not None
        found += dialect.operations
    return found


def random_op(cls: type[Operation], generator: random.Random) -> str:
    """A module with one op of a class, that may be anything but malformed."""
    choice = generator.choice
    count = max(0, len(cls.spec.operands) + choice([0, 0, 0, 0, 1, -1]))
    same = choice([True, False])
    first = choice(TYPES)
    types = [first if same else choice(TYPES) for _ in range(count)]
    results = [first if same else choice(TYPES) for _ in range(max(0, len(cls.spec.results) + choice([0, 0, 0, 0, 1])))]
    attributes = {}
    for name, field in cls.spec.attributes.items():
        if field.optional and generator.random() < 0.5 or generator.random() < 0.03:
            continue
        kinds = field.kind if isinstance(field.kind, tuple) else (field.kind,)
        if kinds[0].name and generator.random() < 0.8:
            attributes[name] = f"#{kinds[0].name}<{choice(BODIES)}>"
        else:
            attributes[name] = choice(VALUES)
    if cls.spec.segmented:
        attributes["operandSegmentSizes"] = f"array<i32: {', '.join('1' for _ in cls.spec.operands)}>"
    inside = choice(["", "^a:", f"^a(%q: {first}):", '"loop.yield"() : () -> ()', "^a(%q: index): loop.yield"])
    regions = ", ".join(f"{{{inside}}}" for _ in cls.spec.regions)
    shown = ", ".join(f"{k} = {v}" for k, v in attributes.items())
    names = ", ".join(f"%v{i}" for i in range(count))
    op = (
        f'"{cls.name}"({names}) {f"<{{{shown}}}>" if shown else ""} {f"({regions})" if regions else ""}'
        f" : ({', '.join(types)}) -> ({', '.join(results)})"
    )
    arguments = ", ".join(f"%v{i}: {t}" for i, t in enumerate(types))
    return f"func.func @f({arguments}) {{\n{op}\nreturn }} func.func private @g()"


def survives(text: str) -> bool:
    """Whether the text is a valid module; then both its forms read back equal."""
    try:
        module = parse_module(text)
    except Error as error:
        assert str(error)
        return False
    for generic in (False, True):
        printed = print_module(module, generic=generic)
        assert difference(module, parse_module(printed)) is None, printed
    return True


@pytest.mark.parametrize("cls", operations(), ids=lambda cls: cls.name)
def test_random_use(cls):
    generator = random.Random(cls.name)
    for _ in range(60):
        text = random_op(cls, generator)
        try:
            survives(text)
        except Error as error:
            raise AssertionError(f"accepted, but its own print is not: {error}\n{text}") from error
        except (
            AttributeError,
            IndexError,
            KeyError,
            TypeError,
            ValueError,
            NotImplementedError,
            OverflowError,
        ) as error:
            raise AssertionError(f"{error!r}\n{text}") from error
