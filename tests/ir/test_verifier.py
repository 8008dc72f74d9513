"""The verifier: visibility of values, regions, blocks; what the text cannot express is built by hand."""

from __future__ import annotations

import pytest

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.ir.operation import Block, Region
from irc.ir.types import f32, index
from irc.ir.verifier import verify
from irc.text.parser import parse_module
from support.dialect import CONTEXT, Add, Loop, Use, Yield


def messages(text: str) -> list[str]:
    """What the verifier says of a text."""
    module = parse_module(text, CONTEXT, verify=False)
    try:
        verify(module)
    except Error as error:
        return [d.message for d in error.diagnostics]
    return []


def function(*inputs):
    """A module with an empty function, and a builder in it."""
    func = FuncOp.of("f", inputs, [])
    return ModuleOp.of([func]), func, Builder.at_end(func.entry)


def said(module) -> str:
    """The only finding, without the op's name."""
    with pytest.raises(Error) as raised:
        verify(module)
    (found,) = raised.value.diagnostics
    return found.message.partition(": ")[2]


def test_use_before_definition():
    module, func, builder = function(f32)
    x = func.arguments[0]
    late = Add.build(x, x)
    builder.create(Use, [late.result])
    builder.insert(late)
    builder.create(ReturnOp, [])
    assert said(module) == "operand 0 is used before its definition"


def test_use_of_an_inner_value_outside():
    module, func, builder = function(f32, index)
    block = Block([index])
    loop = builder.create(Loop, func.arguments[1], regions=[Region([block])])
    inner = Builder.at_end(block)
    value = inner.value(Add, func.arguments[0], func.arguments[0])
    inner.create(Yield, [])
    value.name_hint = "v"
    builder.create(Use, [value])
    builder.create(ReturnOp, [])
    assert said(module) == "operand 0 (%v) is defined inside a region and used outside of it"
    assert loop.parent is func.entry


def test_use_across_an_isolated_region():
    module, func, builder = function(f32)
    other = FuncOp.of("g", [], [])
    module.body.append(other)
    Builder.at_end(other.entry).create(Use, [func.arguments[0]])
    Builder.at_end(other.entry).create(ReturnOp, [])
    builder.create(ReturnOp, [])
    assert said(module) == "operand 0 is defined outside of 'func.func', whose region sees nothing from outside"


def test_use_of_a_removed_op():
    module, func, builder = function(f32)
    gone = builder.create(Add, func.arguments[0], func.arguments[0])
    builder.create(Use, [gone.result])
    gone.detach()
    builder.create(ReturnOp, [])
    assert said(module) == "operand 0 is the result of an op that was removed from the program"


def test_op_uses_its_own_result():
    module, func, builder = function(f32)
    add = builder.create(Add, func.arguments[0], func.arguments[0])
    add.set_operand(1, add.result)
    builder.create(ReturnOp, [])
    assert said(module) == "operand 1 is used before its definition"


def test_an_op_alone_may_use_what_is_outside():
    _, func, builder = function(f32)
    verify(builder.create(Add, func.arguments[0], func.arguments[0]))


BLOCKS = """
func.func @f(%x: f32) {{
  "test.regions"() ({{
    %a = test.add %x, %x : f32
    "test.branch"()[^bb1, ^bb2] : () -> ()
  ^bb1:
    %b = test.add %a, %a : f32
    "test.branch"()[^bb3] : () -> ()
  ^bb2:
    %c = test.add %a, %a : f32
    "test.branch"()[^bb3] : () -> ()
  ^bb3:
    test.use {used} : f32
    "test.branch"()[^bb1] : () -> ()
  ^bb4:
    test.use %b : f32
    test.yield
  }}) : () -> ()
  return
}}
"""


@pytest.mark.parametrize(("used", "good"), [("%a", True), ("%x", True), ("%b", False), ("%c", False)])
def test_dominance(used, good):
    found = messages(BLOCKS.format(used=used))
    assert found == ([] if good else [f"'test.use': operand 0 ({used}) is used before its definition"])


def test_blocks_end_in_terminators():
    found = messages(
        'func.func @f() { "test.regions"() ({ "test.branch"()[^b] : () -> ()\n ^b: test.use }) : () -> () return }'
    )
    assert found == ["'test.use': each of several blocks must end in a terminator"]


TEXTS = {
    "func.func @f() { test.use }": "'func.func': the body must end with func.return",
    "func.func @f() { }": "'func.func': a function without a body must be private",
    '"func.func"() <{function_type = (f32) -> (), sym_name = "f"}> ({\n^bb0:\n return }) : () -> ()': (
        "'func.func': the body's arguments are (), but the function's type says (f32)"
    ),
    '"func.func"() <{function_type = (f32) -> (), sym_name = "f", arg_attrs = [], sym_visibility = "private"}> ({})'
    " : () -> ()": "'func.func': arg_attrs must have a dictionary for each of the 1 types",
    '"func.func"() <{function_type = f32, sym_name = "f"}> ({}) : () -> ()': (
        "'func.func': attribute 'function_type' must be a function type, got f32"
    ),
    '"func.func"() <{function_type = () -> (), sym_name = "f", sym_visibility = "private"}> : () -> ()': (
        "'func.func': expected 1 regions, got 0"
    ),
    "return": "'func.return': must stand directly inside func.func",
    '"test.loop"(%n) ({}) : (index) -> ()': None,
    'func.func @f(%n: index) { "test.loop"(%n) ({\n^a:\n test.yield\n^b:\n test.yield }) : (index) -> () return }': (
        "'test.loop': a region must have exactly one block, got 2"
    ),
    'func.func @f(%n: index) { "test.many"(%n) : (index) -> () return }': (
        "'test.many': attribute 'operandSegmentSizes' is missing; it must be numbers array<i32: ...>"
    ),
    'func.func @f(%n: index) { "test.many"(%n) <{operandSegmentSizes = array<i32: 1, 1>}> : (index) -> () return }': (
        "'test.many': 'operandSegmentSizes' must have 3 sizes with the sum 1, got array<i32: 1, 1>"
    ),
    'func.func @f(%n: f32) { "test.many"(%n) <{operandSegmentSizes = array<i32: 0, 0, 1>}> : (f32) -> () return }': (
        "'test.many': operand 'third' must be index, got f32"
    ),
    'func.func @f(%n: f32) { "test.many"(%n) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (f32) -> () return }': (
        "'test.many': 'operandSegmentSizes' gives 0 operands to 'third', which is one"
    ),
    "func.func @f() { test.use {to = [{a = @nobody}]} return }": "'test.use': there is no symbol @nobody in the module",
}


@pytest.mark.parametrize("text", [t for t, wanted in TEXTS.items() if wanted])
def test_text(text):
    if "{ }" in text:
        text = text.replace("{ }", "")
    assert messages(text) == [TEXTS.get(text) or TEXTS["func.func @f() { }"]]
