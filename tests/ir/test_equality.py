"""Equality of programs, and what it says of the first difference."""

from __future__ import annotations

import pytest

from irc.ir.equality import difference, equal
from irc.text.parser import parse_module
from support.dialect import CONTEXT


def read(body: str, name: str = "a.mlir"):
    """A module whose function ``@f(%x: f32, %y: f32)`` has this body."""
    return parse_module(f"func.func @f(%x: f32, %y: f32) {{\n{body}\nreturn }}", CONTEXT, name, verify=False)


def test_names_and_places_do_not_matter():
    a = read("%a = test.add %x, %y : f32\ntest.use %a : f32")
    b = read("\n\n%0 = test.add %x, %y : f32\n\n test.use %0 : f32", "b.mlir")
    assert equal(a, b) and difference(a, b) is None
    assert equal(a, a.clone())


def test_graphs():
    a = read("test.graph { %a = test.add %b, %b : f32 %b = test.add %a, %a : f32 }")
    b = read("test.graph { %b = test.add %a, %a : f32 %a = test.add %b, %b : f32 }")
    c = read("test.graph { %b = test.add %b, %b : f32 %a = test.add %b, %b : f32 }")
    assert equal(a, b) and not equal(a, c)


PAIRS = [
    ("test.use %x : f32", "test.use %y : f32", "operand 0 is another value"),
    ("test.use %x : f32", "test.use %x, %x : f32, f32", "1 operands against 2"),
    ("test.use", "test.yield", "'test.use' against 'test.yield'"),
    ("test.use {a = 1}", "test.use {a = 2}", "attribute 'a' is 1 : i64 against 2 : i64"),
    ("test.use {a = 0.0}", "test.use {a = -0.0}", "attribute 'a' is 0.000000e+00 : f64 against -0.000000e+00 : f64"),
    ("test.use {a}", "test.use", "attribute 'a' is unit against absent"),
    ('%a = "test.constant"() : () -> f32', '%a = "test.constant"() : () -> f64', "result 0 is of type f32 against f64"),
    ("test.use", "", "'test.use' against 'func.return'"),
    ('"test.regions"() ({}) : () -> ()', '"test.regions"() ({^a:}) : () -> ()', "0 blocks against 1"),
    ('"test.regions"() ({^a(%q: f32):}) : () -> ()', '"test.regions"() ({^a:}) : () -> ()', "are (f32) against ()"),
    (
        '"test.regions"() ({^a: test.use}) : () -> ()',
        '"test.regions"() ({^a: test.use test.yield}) : () -> ()',
        "the block ends where the other has 'test.yield'",
    ),
    (
        '"test.regions"() ({ "test.branch"()[^b] : () -> () ^b: test.yield ^c: test.yield}) : () -> ()',
        '"test.regions"() ({ "test.branch"()[^c] : () -> () ^b: test.yield ^c: test.yield}) : () -> ()',
        "a successor is another block",
    ),
]


@pytest.mark.parametrize(("first", "second", "wanted"), PAIRS)
def test_difference(first, second, wanted):
    a, b = read(first), read(second, "b.mlir")
    said = difference(a, b)
    assert said is not None and wanted in said and "(a.mlir:" in said and "b.mlir:" in said
    assert not equal(b, a)
