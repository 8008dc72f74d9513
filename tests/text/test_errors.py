"""What the parser and the verifier say of wrong text: one message, at the right place."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.ir.diagnostics import Error
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.dialect import CONTEXT

HEAD = "func.func @f(%x: f32, %y: f32, %n: index) {\n"


def errors(text: str) -> list:
    """The diagnostics of a wrong text."""
    with pytest.raises(Error) as raised:
        parse_module(text, CONTEXT, "t.mlir")
    found = raised.value.diagnostics
    assert found and all(d.file == "t.mlir" for d in found), found
    assert "^" in str(raised.value)
    return list(found)


def only(text: str):
    """The one diagnostic of a wrong text."""
    (found,) = errors(text)
    return found


BODIES = [
    # text of a body, what is said, line:column
    ("%a = test.add %x, %z : f32", "%z is not defined", (2, 19)),
    ("%long = test.add %x, %y : f32\ntest.use %lonk : f32", "did you mean '%long'", (3, 10)),
    ("%a = test.add %b, %x : f32\n%b = test.add %x, %x : f32", "%b is used before its definition", (2, 15)),
    ("%a = test.add %x, %x : f32\n%a = test.add %x, %x : f32", "%a is defined twice", (3, 1)),
    ("%a = test.add %x, %x : f64", "%x is of type f32, but is used as f64", (2, 15)),
    ('"test.use"(%x, %n) : (f32, f32) -> ()', "%n is of type index, but is used as f32", (2, 16)),
    ('"test.use"(%x) : (f32, f32) -> ()', "1 operands, but 2 operand types", (2, 12)),
    ("%a = test.ad %x, %x : f32", "unknown op 'test.ad'; did you mean 'test.add'", (2, 6)),
    ("%a = tset.add %x, %x : f32", "unknown dialect 'tset' of op 'tset.add'; did you mean 'test'", (2, 6)),
    ("%a, %b = test.add %x, %x : f32", "'test.add' has 1 results, but 2 are named", (2, 1)),
    ("%a:3 = test.add %x, %x : f32", "has 1 results, but 3 are named", (2, 1)),
    ("%a:0 = test.add %x, %x : f32", "cannot stand for 0 values", (2, 1)),
    ("test.use %x#1 : f32", "there is no %x#1: %x stands for 1 values", (2, 10)),
    ("%a:2 = test.split %n : index\ntest.use %a : index", "%a stands for 2 values; write %a#0", (3, 10)),
    ("test.split %x : f32", "'test.split': cannot split f32", (2, 1)),
    ("test.constant", "'test.constant' has no pretty form", (2, 1)),
    ("test.use {a = 1, a = 2}", "the attribute 'a' is given twice", (2, 18)),
    ("test.use {a = 300 : i8}", "300 does not fit i8", (2, 15)),
    ("test.use {a = 1.5 : i8}", "1.5 is no integer", (2, 15)),
    ("test.use {a = 1 : f32}", "needs a point: 1.0", (2, 15)),
    ("test.use {a = #test.mod<fast>}", "unknown attribute '#test.mod'; did you mean 'test.mode'", (2, 15)),
    ("test.use {a = #test.mode<1>}", "expected a mode, got '1'", (2, 26)),
    ("test.use {a = !test.bo<1>}", "unknown type '!test.bo'; did you mean 'test.box'", (2, 15)),
    ("test.use {a = f31}", "unknown type 'f31'", (2, 15)),
    ("test.use {a = tensor<?xf32>}", "a '?' has no name; give the dimension one", (2, 22)),
    ('test.use {a = tensor<?xf32, ["B", 4]>}', "1 dimensions, but 2 sizes", (2, 22)),
    ('test.use {a = tensor<3xf32, ["B"]>}', "does not go with the size", (2, 22)),
    ("test.use {a = tensor<B x q>}", "unknown element type 'q'", (2, 22)),
    ("test.use {a = tensor<B/2 x f32>}", "unexpected '/' in dimension", (2, 22)),
    ("test.use {a = vector<0xf32>}", "a vector needs at least one dimension", (2, 22)),
    ("test.use {a = dense<[1.0, 2.0]> : tensor<3xf32>}", "have the shape [2], which is not that of", (2, 21)),
    ("test.use {a = dense<[[1, 2], [3]]> : tensor<2x2xi8>}", "lists of 2 and of 1 elements side by side", (2, 21)),
    ("test.use {a = dense<[1, [2]]> : tensor<2xi8>}", "elements at different depths", (2, 21)),
    ("test.use {a = dense<[1, 2> : tensor<2xi8>}", "expected ']', got '>'", None),
    ("test.use {a = dense<1> : tensor<2xf32>}", "a number of type f32 needs a point", (2, 21)),
    ("test.use {a = dense<1.0> : tensor<B x f32>}", "use array.full", (2, 21)),
    ('test.use {a = dense<"0x00"> : tensor<2xf32>}', "1 bytes for 2 elements of 4 bytes", (2, 21)),
    ("test.use {a = dense_resource<q> : tensor<2xf32>}", "the text has no resource 'q'", (2, 29)),
    ("test.use {a = dense_resource<__elided__> : tensor<2xf32>}", "were left out of this text", (2, 29)),
    ("test.use {a = array<i8: 1, 500>}", "500 does not fit i8", (2, 21)),
    ("test.use {a = @a::@b}", "nested symbol references are not supported", None),
    ('test.use {a = "x}', "the string is not closed on its line", (2, 15)),
    ('test.use {a = "\\q"}', "unknown escape in a string", (2, 15)),
    ('test.use {a = "\\FF"}', "not UTF-8", (2, 15)),
    ("test.use {a = 99999999999999999999999999999999999999999999}", "too large for an integer", (2, 15)),
    ("test.use {a = 1.0e999}", "too large for a float", (2, 15)),
    ("test.use {a = }", "expected an attribute, got '}'", (2, 15)),
    ("test.use loc(#nowhere)", "unknown location '#nowhere'", (2, 10)),
    ('"test.regions"() ({ "test.branch"()[^bb7] : () -> () }) : () -> ()', "there is no block ^bb7", None),
    ('"test.regions"() ({\n^a:\n test.yield\n^a:\n test.yield }) : () -> ()', "the block ^a is defined twice", (5, 1)),
    ('"test.regions"() ({ test.use %x : f32 }', "expected ')', got 'func.return'", None),
    ("$", "expected an operation, got '$'", (2, 1)),
    ("test.add %x %y : f32", "expected ',', got '%y'", (2, 13)),
    ('"test.graph"() ({ test.use %x : f32 }) : () -> ()', "%x is not defined", (2, 28)),
]


@pytest.mark.parametrize(("body", "message", "place"), BODIES)
def test_syntax_error(body, message, place):
    found = only(f"{HEAD}{body}\nfunc.return\n}}")
    assert message in found.message
    if place is not None:
        assert (found.line, found.column) == place


def test_errors_of_files():
    assert "expected '}'" in only("func.func @f() {").message
    assert "expected an operation, got ')'" in only(")").message
    assert "defined twice" in only("#a = 1\n#a = 2").message
    assert "cannot contain a point" in only("#a.b = 1").message
    assert "hexadecimal digits" in only('{-# dialect_resources: { builtin: { a: "0xQ" } } #-}').message
    assert "expected ',' or '}'" in only('{-# dialect_resources: { builtin: { a: "0x00000000" b } } #-}').message
    assert "names its arguments" in only("func.func @f(f32) { return }").message
    assert "cannot be given again" in only('func.func @f() attributes {sym_name = "g"} { return }').message


def test_semantic_errors_come_together():
    found = errors(
        """
        func.func @f(%x: f32, %n: index) -> f32 {
          %a = "test.add"(%n, %x) : (index, f32) -> f32
          %b = "test.add"(%x) : (f32) -> f32
          %c = "test.add"(%x, %x) : (f32, f32) -> f64
          "test.typed"() : () -> ()
          "test.typed"() <{integer = "x"}> : () -> ()
          test.yield
          func.call @nowhere() : () -> ()
          func.return
        }
        func.func @f() { return }
        """
    )
    said = [(d.line, d.message) for d in found]
    assert [line for line, _ in said] == [12, 3, 4, 5, 6, 7, 8, 9, 10]
    for (_, message), wanted in zip(
        said,
        [
            "'func.func': the symbol @f is defined twice",
            "'test.add': operand 'lhs' must be a float, or a vector or tensor of floats, got index",
            "'test.add': expected 2 operands, got 1",
            "'test.add': the result must be of type f32, got of type f64",
            "'test.typed': attribute 'integer' is missing; it must be an integer of type i64",
            "'test.typed': attribute 'integer' must be an integer of type i64, got \"x\"",
            "'test.yield': must be the last operation of its block",
            "'func.call': there is no symbol @nowhere in the module",
            "'func.return': returns (), but @f has the results (f32)",
        ],
        strict=True,
    ):
        assert message == wanted
    shown = found[3].render()
    assert "note: the ops around it:" in shown
    assert '-->  %c = "test.add"(%x, %x) : (f32, f32) -> f64' in shown and '%b = "test.add"(%x)' in shown


def test_call_of_another_type():
    message = only(
        "func.func private @g(f32) -> f32\nfunc.func @f(%n: index) { func.call @g(%n) : (index) -> ()\n return }"
    ).message
    assert message == "'func.call': calls @g as (index) -> (), but its type is (f32) -> f32"


def test_unnamed_text_is_called_string():
    with pytest.raises(Error, match="<string>:1:1: error: unknown op 'func.x'"):
        parse_module("x")


# -- whatever the text, nothing but Error, and soon ---------------------------------------------------------------

SEED = """
#m = #test.mode<fast>
!t = tensor<B x 4 x f32>
module {
  func.func private @g(%a: f32 {t.a = "b"}, tensor<?x4xf32, ["B", 4]>) -> (f32, !t {t.b})
    attributes {k = [1, 2.0, @f, {a}]}
  func.func @f(%x: f32, %n: index) -> f32 {
    %a, %b:1 = "test.many"(%x, %n) <{operandSegmentSizes = array<i32: 1, 0, 1>}>
      {d = dense<[[1.0], [2.0]]> : tensor<2x1xf32>} : (f32, index) -> (f32, f64)
    test.loop %i: index to %n { test.use %a#0, %i : f32, index } {k = dense<"0x00"> : tensor<4xi8>} loc("a":1:2)
    test.graph { %c = test.add %d, %d mode<fast> : f32 %d = "test.constant"() : () -> f32 test.yield %c : f32 } -> f32
    "test.regions"() ({ "test.branch"(%x)[^bb1] : (f32) -> () ^bb1(%q: vector<4xi1>): test.yield }) : () -> ()
    func.return %x : f32 // comment
  } loc(#l)
}
#l = loc("x"("y":1:2))
{-# dialect_resources: { builtin: { a: "0x0400000000000000" } } #-}
"""
WORDS = [
    *'%x #m !t @f ^bb1 ( ) { } [ ] < > -> : , = :: #1 %x#1 0x1F -1 1.5 1e9 "s" " // ? * + - x'.split(),
    *"test.add test.many test.use test.loop test.graph func.func func.call func.return return module".split(),
    *"loc dense array dense_resource unit true vector<4xi8> index".split(),
    *"tensor<4xf32>,tensor<B x f32>,f32,i1,{-#,#-},\n".split(","),
    "tensor<",
    "loc(",
    "dense<",
    "!test.box<",
    "#test.mode<",
    "\x00",
    "é",
    "\ud800",
]


def survives(text: str) -> None:
    """Reads, or says what is wrong."""
    try:
        module = parse_module(text, CONTEXT)
    except Error as error:
        assert error.diagnostics
        str(error)
    else:
        for generic in (False, True):
            parse_module(print_module(module, generic=generic), CONTEXT)


def test_seed_is_well_formed():
    parse_module(SEED, CONTEXT, verify=False)
    survives(SEED)


@given(st.text())
def test_any_text(text):
    survives(text)


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_words(words):
    survives(" ".join(words))
    survives("func.func @f(%x: f32) {" + " ".join(words))


@given(st.integers(0, 2**32))
def test_mutated_text(seed):
    generator = random.Random(seed)
    text = SEED
    for _ in range(generator.randint(1, 4)):
        at = generator.randrange(len(text))
        end = min(len(text), at + generator.choice([0, 1, 1, 3, 20]))
        new = generator.choice([*WORDS, "", "", text[generator.randrange(len(text)) :][:30]])
        text = text[:at] + new + text[end:]
    survives(text)


DEEP = {
    "regions": "func.func @f() { " + '"test.regions"() ({' * 5000,
    "arrays": "func.func private @f() attributes {a = " + "[" * 100_000,
    "dictionaries": "func.func private @f() attributes " + "{a = " * 100_000,
    "function types": "!t = " + "(" * 100_000,
    "results": "!t = " + "() -> (" * 100_000,
    "brackets": "!t = tensor<" + "<" * 100_000,
    "dense": "#a = dense<" + "[" * 100_000 + "> : tensor<1xf32>",
    "locations": "func.func private @f() loc(" + "fused[" * 100_000,
    "dimensions": "!t = tensor<" + "(" * 100_000 + " x f32>",
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_is_an_error(name):
    found = only(DEEP[name])
    assert "RecursionError" not in found.message


def test_deep_nesting_below_the_limit_works():
    depth = 90
    text = "func.func @f() {" + '"test.regions"() ({' * depth + "}) : () -> ()" * depth + "return }"
    module = parse_module(text, CONTEXT)
    assert len(list(module.walk())) == depth + 3
    assert parse_module(print_module(module, generic=True), CONTEXT)


BIG = {
    "percent": "%" * 10_000_000,
    "names": "%a, " * 2_500_000,
    "words": "a" * 10_000_000,
    "digits": "#a = " + "1" * 10_000_000,
    "string": '#a = "' + "x" * 10_000_000,
    "blanks": " \n" * 5_000_000 + "?",
    "slashes": "/ " * 5_000_000,
    "open": "#a = dense<" + "1, " * 3_000_000,
    "ops": "func.func @f() {" + "test.use\n" * 20 + "test.use {a = " + "[1, " * 50 + "1, " * 500_000,
    "resources": "{-# " * 2_000_000 + "dense_resource",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BIG)
def test_big_garbage_ends_soon(name):
    start = time.perf_counter()
    only(BIG[name])
    assert time.perf_counter() - start < 10
