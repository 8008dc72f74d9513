"""Wrong IR, compiled: each mistake is one irc.Error; no allocation, recursion or native code comes of it."""

# ruff: noqa: E501  (the table of cases: one a line)

from __future__ import annotations

import re

import numpy as np
import pytest

import irc

NET = "neuron.net @n(%a: f32, %b: f32) -> (f32) parameters 2 {{\n {}\n neuron.output %y : f32\n}}\n"
FUNC = "func.func @f(%x: {0}{3}) -> {0} {2}{{\n {1}\n func.return %y : {0}\n}}\n"


def func(body: str, type: str = "tensor<4xf32>", attributes: str = "", arguments: str = "") -> str:
    return FUNC.format(type, body, f"attributes {{{attributes}}} " if attributes else "", arguments)


def second(marks: str, type: str = "tensor<4xf32>") -> str:
    """A function with a second argument that has attributes."""
    return func("%y = arith.addf %x, %x : tensor<4xf32>", arguments=f", %w: {type} {{{marks}}}")


def call(name: str, of: str) -> str:
    body = f"%y = func.call @{of}(%x) : (tensor<4xf32>) -> tensor<4xf32>"
    return func(body).replace("@f(", f"@{name}(", 1)


HUGE = "tensor<99999999999x99999999999xf32>"
CASES = {
    "unknown op": (func("%y = arith.foo %x : tensor<4xf32>"), "2:7: error: unknown op 'arith.foo'"),
    "unknown type": (func("%y = arith.addf %x, %x : tensor<4xf31>"), "unknown element type 'f31'; known are"),
    "types": (func("%y = arith.addf %x, %x : tensor<4xf64>"), "%x is of type tensor<4xf32>, but is used as"),
    "use before definition": (func("%z = arith.addf %y, %x : tensor<4xf32>\n%y = arith.addf %x, %x : tensor<4xf32>"), "%y is used before"),
    "redefinition": (func("%y = arith.addf %x, %x : tensor<4xf32>\n%y = arith.addf %x, %x : tensor<4xf32>"), "%y is defined twice"),
    "open region": ("func.func @f() {\n", "expected '}'"),
    "open string": ('func.func @"f() {\n}\n', "expected a symbol such as @main"),
    "recursion": (call("main", "main"), "@main calls itself"),
    "mutual recursion": (call("main", "g") + call("g", "main"), "calls itself"),
    "declaration": ("func.func @f(tensor<4xf32>) -> tensor<4xf32>\n", "a function without a body must be private"),
    "no body to call": ("func.func private @g(tensor<4xf32>) -> tensor<4xf32>\n" + call("f", "g"), "@g"),
    "call of another type": (call("f", "g") + "func.func private @g(f32) -> f32\n", "calls @g as"),
    "nothing public": (func("%y = arith.addf %x, %x : tensor<4xf32>").replace("@f", "private @f"), "no public function"),
    "empty": ("module {\n}\n", "no public function or net to compile"),
    "several": (call("f", "h") + call("g", "h") + func("%y = arith.addf %x, %x : tensor<4xf32>").replace("@f", "private @h"), "several functions"),
    "node outside": (func("%y = neuron.node relu(%x)", "f32"), "must stand directly inside neuron.net"),
    "softmax": (NET.format("%y = neuron.node softmax(%a*w[0])"), "softmax acts on a whole layer"),
    "activation": (NET.format("%y = neuron.node rleu(%a*w[0])"), "unknown activation rleu; known are"),
    "index": (NET.format("%y = neuron.node relu(%a*w[2])"), r"y uses w\[2\], but there are 2 parameters"),
    "negative index": (NET.format("%y = neuron.node relu(%a*w[-1])"), "2:29: error: -1 is no parameter index"),
    "huge index": (NET.format("%y = neuron.node relu(%a*w[99999999999999999999])"), "is no parameter index"),
    "net cycle": (NET.format("%y = neuron.node relu(%z*w[0])\n%z = neuron.node relu(%y)"), "cycle: y -> z -> y"),
    "array op in a net": (NET.format("%y = arith.addf %a, %b : f32"), "no rule for 'arith.addf'"),
    "parameters": (NET.format("%y = neuron.node relu(%a)").replace("rs 2", "rs 99999999999"), r"must lie between 0 and 2\*\*31"),
    "negative parameters": (NET.format("%y = neuron.node relu(%a)").replace("rs 2", "rs -1"), "number of parameters is -1"),
    "names": (NET.format("%y = neuron.node relu(%a)").replace("2 {", '2 attributes {names = ["a", "a"]} {'), "two parameters are called 'a'"),
    "no names": (NET.format("%y = neuron.node relu(%a)").replace("2 {", "2 attributes {names = [1, 2]} {"), "names must be strings"),
    "start type": (NET.format("%y = neuron.node relu(%a)").replace("2 {", "2 attributes {initial = dense<1> : tensor<2xi32>} {"), "start values are of f32"),
    "start overflow": (NET.format("%y = neuron.node relu(%a)").replace("2 {", "2 attributes {initial = dense<1.0e300> : tensor<2xf32>} {"), "1.0e300 is too large for f32"),
    "number overflow": (func("%y = array.full 1.0e39 : f32 to tensor<4xf32>"), "1.0e39 is too large for f32"),
    "symbols no dictionary": (func("%y = arith.addf %x, %x : tensor<B xf32>".replace("B xf32", "B x f32"), "tensor<B x f32>", "irc.symbols = [1]"), "irc.symbols must be a dictionary"),
    "symbols no number": (func("%y = arith.addf %x, %x : tensor<B x f32>", "tensor<B x f32>", 'irc.symbols = {B = "a"}'), "B in irc.symbols must be an integer from 0"),
    "symbols negative": (func("%y = arith.addf %x, %x : tensor<B x f32>", "tensor<B x f32>", "irc.symbols = {B = -1}"), "B in irc.symbols must be an integer from 0"),
    "data dtype": (second("irc.data = dense<1> : tensor<4xi32>"), "irc.data of argument 1 is of i32, but the argument is of f32"),
    "data shape": (second("irc.data = dense<1.0> : tensor<3xf32>"), "is tensor<3xf32>, which does not fit"),
    "data": (second("irc.data = 3"), "irc.data of argument 1 must be dense"),
    "initial shape": (second('irc.param = "w", irc.initial = dense<1.0> : tensor<1xf32>'), "irc.initial of argument 1 is tensor<1xf32>"),
    "initial": (second('irc.param = "w", irc.initial = 3'), "irc.initial of argument 1 must be dense"),
    "parameter name": (second("irc.param = 3"), "irc.param of argument 1 must be the parameter's name"),
    "integer parameter": (second('irc.param = "w"', "tensor<4xi32>"), "a parameter is of floats, not tensor<4xi32>"),
    "parameter and data": (second('irc.param = "w", irc.data = dense<1.0> : tensor<4xf32>'), "cannot be a parameter and bound data"),
    "output": (second("irc.output = 0"), "irc.output of argument 1 is for buffers of the loop level"),
    "workspace": (second("irc.workspace"), "irc.workspace of argument 1 is for buffers"),
    "derivative of nothing": (func("%y = arith.addf %x, %x : tensor<4xf32>", attributes='irc.vjp_of = "f"'), "a derivative has irc.vjp_of"),
    "twice a parameter": (func("%y = arith.addf %v, %w : tensor<4xf32>", arguments=', %v: tensor<4xf32> {irc.param = "w"}, %w: tensor<4xf32> {irc.param = "w"}'), "two parameters are called 'w'"),
    "parameter of unknown size": (second('irc.param = "w"', "tensor<N x f32>"), "the size of parameter 'w' is not known"),
    "huge parameter": (second('irc.param = "w"', HUGE), "this machine has"),
    "huge constant": (func("%y = arith.constant dense<1.0> : tensor<99999999999999xf32>"), "do not fit into this machine's memory"),
    "huge dimension": (func("%y = arith.addf %x, %x : tensor<99999999999999999999xf32>", "tensor<99999999999999999999xf32>"), "is too large; sizes go up to"),
    "vector argument": ("func.func @f(%x: vector<4xf32>) -> vector<4xf32> {\n func.return %x : vector<4xf32>\n}\n", "native functions take buffers, numbers and sizes"),
    "bf16": (func("%y = arith.addf %x, %x : tensor<4xbf16>", "tensor<4xbf16>"), "native code for bf16 is not supported"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_wrong_module(name):
    text, message = CASES[name]
    with pytest.raises(irc.Error, match=message):
        irc.compile(text, format="mlir")


def test_sizes_without_memory():
    big = "tensor<9999999999*B x f32>"
    text = func(f"%y = array.full 1.0 : f32 to {big}", "tensor<B x f32>").replace("tensor<B x f32> {", f"{big} {{")
    net = irc.compile(text.replace("%y : tensor<B x f32>", f"%y : {big}"))
    with pytest.raises(irc.Error, match="of shape .* would take .* bytes; this machine has"):
        net.run(np.ones(1000, np.float32))
    with pytest.raises(irc.Error, match="an argument of @f, of shape .* would take"):
        irc.compile(func(f"%y = arith.addf %x, %x : {HUGE}", HUGE), check=True)


def test_negative_sizes():
    less = "tensor<B - 5 x f32>"
    text = func(f"%y = array.full 1.0 : f32 to {less}", "tensor<B x f32>").replace("tensor<B x f32> {", f"{less} {{")
    net = irc.compile(text.replace("%y : tensor<B x f32>", f"%y : {less}"))
    with pytest.raises(irc.Error, match=r"its shape would be \(-3,\) with these inputs"):
        net.run(np.ones(2, np.float32))
    assert net.run(np.ones(7, np.float32)).tolist() == [1, 1]


@pytest.mark.parametrize("name", ["\N{LATIN SMALL LETTER E WITH ACUTE}t\N{LATIN SMALL LETTER E WITH ACUTE}", 'a\\"b\\0A\\00', "malloc", "a%b", "100%"])
def test_any_name_has_native_code(name):
    text = func("%y = arith.addf %x, %x : tensor<4xf32>").replace("@f", f'@"{name}"')
    assert irc.compile(text).run(np.ones(4)).tolist() == [2, 2, 2, 2]


SMALL = "N 6\n0\n1\n2 3 0,1\n3 2 0,1\n4 3 2,3\n5 1 2,3\n"


@pytest.fixture(scope="module")
def dag():
    text = irc.compile(SMALL).dump(after="lower-neuron", elide=False)
    assert "array.dag" in text
    return text


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sources", "99", "edge 0 must come from an input or from a row before its own"),
        ("sources", "-1", "edge 0 must come from an input"),
        ("weights", "99", "the weight of edge 0 is outside of (-1|0) to 7"),
        ("weights", "-7", "the weight of edge 0 is outside of (-1|0) to 7"),
        ("biases", "77", "the bias of row 0 is outside of (-1|0) to 7"),
        ("outputs", "-1", "output 0 is outside of 0 to 5"),
        ("offsets", "0", "offsets must go from 0 to the number of edges, 8"),
        ("segments", "9", "the kind of segment 0 is outside of 0"),
    ],
)
def test_native_code_never_sees_an_unsound_graph(dag, name, value, message):
    text, count = re.subn(rf"(%{name}: tensor<[^>]*> {{irc.data = dense<).*?(> : tensor<)", rf"\g<1>{value}\2", dag)
    assert count == 1
    with pytest.raises(irc.Error, match=message):
        irc.compile(text)


def test_native_code_never_sees_an_unknown_graph(dag):
    free = re.sub(r" \{irc.data = dense<.*?> : tensor<[0-9xi]*>\}", "", dag)
    with pytest.raises(irc.Error, match="'array.dag': its offsets are not known"):
        irc.compile(free)
    with pytest.raises(irc.Error, match="the number of its inputs, I, is not known: give I in irc.symbols"):
        irc.compile(dag.replace("I = 2 : i64, ", ""))
    with pytest.raises(irc.Error, match="the weight of edge 1 is outside of (-1|0) to 0"):
        irc.compile(dag.replace("P = 8", "P = 1"))


def test_llvm_is_not_ended_by_nested_loops():
    """NewGVN ended the process on these, by an assertion."""
    net = irc.compile(SMALL, passes="lower-neuron,lower-array,plan-memory")
    assert net.run(np.ones((3, 2))).shape == (3, 2)
