"""Random programs of ``arith`` and ``math``, simplified by our passes and by MLIR's own, compute the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irc.interpreter import Interpreter
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.mlir import simplified

ARGUMENTS = {"f32": ["%x", "%y"], "i32": ["%i", "%j"], "i1": ["%p", "%q"]}
CONSTANTS = {
    "f32": ["0.0", "-0.0", "1.0", "-1.0", "2.0", "0.5", "1.0e+30", "0x7F800000", "0x7FC00000"],
    "i32": ["0", "1", "-1", "2", "31", "2147483647", "-2147483648"],
    "i1": ["true", "false"],
}
BINARY = {
    "f32": "addf subf mulf divf maximumf minimumf maxnumf minnumf",
    "i32": "addi subi muli andi ori xori maxsi minsi maxui minui",
    "i1": "andi ori xori",
}
UNARY = ["arith.negf", "math.absf", "math.sqrt", "math.floor", "math.exp"]
CASTS = [
    ("i32", "f32", "arith.sitofp"),
    ("i32", "f32", "arith.uitofp"),
    ("i1", "i32", "arith.extui"),
    ("i1", "i32", "arith.extsi"),
    ("i32", "i1", "arith.trunci"),
    ("f32", "i32", "arith.bitcast"),
    ("i32", "f32", "arith.bitcast"),
]
FLOAT_PREDICATES = "oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno".split()
INTEGER_PREDICATES = "eq ne slt sle sgt sge ult ule ugt uge".split()


@st.composite
def programs(draw) -> str:
    """A function of two floats, two integers and two truths that gives one of each."""
    values = {kind: list(names) for kind, names in ARGUMENTS.items()}
    lines = []
    for number in range(draw(st.integers(1, 14))):
        name = f"%v{number}"
        pick = lambda kind: draw(st.sampled_from(values[kind]))  # noqa: E731
        what = draw(st.sampled_from(["constant", "binary", "binary", "unary", "cast", "cmpf", "cmpi", "select"]))
        kind = draw(st.sampled_from(["f32", "i32", "i1"]))
        if what == "constant":
            literal = draw(st.sampled_from(CONSTANTS[kind]))
            line = f"arith.constant {literal}" + ("" if kind == "i1" else f" : {kind}")
        elif what == "binary":
            line = f"arith.{draw(st.sampled_from(BINARY[kind].split()))} {pick(kind)}, {pick(kind)} : {kind}"
        elif what == "unary":
            kind = "f32"
            line = f"{draw(st.sampled_from(UNARY))} {pick(kind)} : f32"
        elif what == "cast":
            source, kind, op = draw(st.sampled_from(CASTS))
            line = f"{op} {pick(source)} : {source} to {kind}"
        elif what == "cmpf":
            kind = "i1"
            line = f"arith.cmpf {draw(st.sampled_from(FLOAT_PREDICATES))}, {pick('f32')}, {pick('f32')} : f32"
        elif what == "cmpi":
            kind = "i1"
            line = f"arith.cmpi {draw(st.sampled_from(INTEGER_PREDICATES))}, {pick('i32')}, {pick('i32')} : i32"
        else:
            line = f"arith.select {pick('i1')}, {pick(kind)}, {pick(kind)} : {kind}"
        lines.append(f"  {name} = {line}")
        values[kind].append(name)
    given_back = ", ".join(values[kind][-1] for kind in ARGUMENTS)
    arguments = ", ".join(f"{name}: {kind}" for kind, names in ARGUMENTS.items() for name in names)
    body = "\n".join(lines)
    return f"func.func @f({arguments}) -> (f32, i32, i1) {{\n{body}\n  func.return {given_back} : f32, i32, i1\n}}\n"


FLOATS = [0.0, -0.0, 1.0, -2.5, 1e30, 1e-45, np.inf, np.nan]
INTEGERS = [0, 1, -1, 7, 2**31 - 1, -(2**31)]


def inputs() -> list[list]:
    """All pairs of interesting floats, with integers and truths that vary along."""
    found = []
    for number, (x, y) in enumerate((x, y) for x in FLOATS for y in FLOATS):
        i, j = INTEGERS[number % 6], INTEGERS[number // 6 % 6]
        truths = [np.bool_(number & 1), np.bool_(number & 2)]
        found.append([np.float32(x), np.float32(y), np.int32(i), np.int32(j), *truths])
    return found


def bits(module, arguments) -> tuple:
    """The results, as bits; which NaN a NaN is means nothing."""
    with np.errstate(all="ignore"):
        number, integer, truth = Interpreter(module, "declared").call("f", list(arguments))
    shown = "nan" if np.isnan(number) else int(np.float32(number).view(np.int32))
    return shown, int(integer), bool(truth)


def simplify(module):
    """A copy after our canonicalize and cse."""
    copy = module.clone()
    PassManager(parse_pipeline("canonicalize,cse,canonicalize,dce")).run(copy)
    return copy


@settings(max_examples=150)
@given(programs())
@example(
    "func.func @f(%x: f32, %y: f32, %i: i32, %j: i32, %p: i1, %q: i1) -> (f32, i32, i1) {\n"
    "  %z = arith.constant 0.0 : f32\n  %a = arith.addf %x, %z : f32\n  func.return %a, %i, %p : f32, i32, i1\n}\n"
)
def test_simplified_programs_compute_the_same_bits(text):
    module = parse_module(text)
    ours = simplify(module)
    theirs = parse_module(simplified(print_module(module, generic=True)))
    for arguments in inputs():
        expected = bits(module, arguments)
        assert bits(ours, arguments) == expected, f"{arguments}\n{print_module(ours)}"
        assert bits(theirs, arguments) == expected, f"MLIR: {arguments}\n{print_module(theirs)}"


def ops_of(module) -> list[str]:
    """The names of the ops in functions, sorted."""
    return sorted(op.name for op in module.walk() if op.name.partition(".")[0] in ("arith", "math"))


BODIES = {
    "duplicates": "%a = math.exp %x : f32 %b = math.exp %x : f32 %c = arith.addf %a, %b : f32",
    "commuted": "%a = arith.mulf %x, %y : f32 %b = arith.mulf %y, %x : f32 %c = arith.subf %a, %b : f32",
    "dead": "%a = math.tanh %x : f32 %c = arith.addf %x, %y : f32",
    "constants": "%a = arith.constant 2.0 : f32 %b = arith.mulf %a, %a : f32 %c = arith.addf %x, %b : f32",
    "times one": "%a = arith.constant 1.0 : f32 %c = arith.mulf %x, %a : f32",
    "plus minus zero": "%a = arith.constant -0.0 : f32 %c = arith.addf %x, %a : f32",
    "plus zero": "%a = arith.constant 0.0 : f32 %c = arith.addf %x, %a : f32",
    "times zero": "%a = arith.constant 0.0 : f32 %c = arith.mulf %x, %a : f32",
    "negations": "%a = arith.negf %x : f32 %c = arith.negf %a : f32",
    "choice": "%t = arith.constant true %c = arith.select %t, %x, %y : f32",
    "itself": "%c = arith.maximumf %x, %x : f32",
    "difference": "%c = arith.subf %x, %x : f32",
}


@pytest.mark.parametrize("name", BODIES)
def test_the_same_ops_are_left(name):
    """On what both know, our passes leave the ops that MLIR's leave."""
    module = parse_module(f"func.func @f(%x: f32, %y: f32) -> f32 {{ {BODIES[name]} func.return %c : f32 }}")
    theirs = parse_module(simplified(print_module(module, generic=True)))
    assert ops_of(simplify(module)) == ops_of(theirs)
