"""Every construct of the text: printed, read back equal, printed the same, in generic form accepted by stock MLIR."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.attributes import (
    UNIT,
    ArrayAttr,
    DenseArrayAttr,
    DenseAttr,
    DictAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
)
from irc.ir.builder import Builder
from irc.ir.dimensions import parse_dimension
from irc.ir.equality import difference
from irc.ir.types import FunctionType, TensorType, VectorType, bf16, f16, f32, f64, i1, i8, i32, i64, index
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.dialect import CONTEXT, Add, Box, Constant, Many, Mode, Split, Use
from support.mlir import accepts

SCALARS = [i1, i8, i32, i64, index, bf16, f16, f32, f64]


def check(module, gate: bool = True) -> str:
    """Both forms read back equal, and print the same again; returns the pretty text."""
    texts = []
    for generic in (False, True):
        text = print_module(module, generic=generic)
        again = parse_module(text, CONTEXT)
        assert difference(module, again) is None, text
        assert print_module(again, generic=generic) == text
        texts.append(text)
    assert difference(module, parse_module(texts[1], CONTEXT)) is None
    if gate:
        reprint = parse_module(accepts(texts[1]), CONTEXT)
        assert difference(module, reprint) is None
    return texts[0]


def read(text: str):
    """A module from the body of a function ``@f(%x: f32, %y: f32, %n: index)``."""
    return parse_module(f"func.func @f(%x: f32, %y: f32, %n: index) {{\n{text}\nfunc.return\n}}", CONTEXT)


BODIES = {
    "same type": "%a = test.add %x, %y : f32",
    "defaulted attribute": "%a = test.add %x, %y mode<fast> : f32",
    "attribute dictionary": '%a = test.add %x, %y {note = "n", "odd key" = 1 : i8, z} : f32',
    "generic in pretty": '%a = "test.add"(%x, %y) <{mode = #test.mode<fast>}> {k = 1 : i64} : (f32, f32) -> f32',
    "many": 'test.many(%x, %y) [] %n @f "label" flag : (f32, f32, index) -> ()',
    "many results": """%a:3 = test.many() [%x] %n {b} : (f32, index) -> (f32, f64, index)
        test.use %a#2, %a#0 : index, f32""",
    "no operands": "test.use {a = 1 : i64}",
    "loop": "test.loop %i: index to %n {\n test.loop %j: index to %i {\n test.yield\n}\n test.yield %x : f32\n} {k}",
    "sibling loops": "test.loop %i: index to %n {\n test.yield\n}\ntest.loop %i: index to %n {\n test.yield\n}",
    "graph": """test.graph {
        %a = test.add %b, %c : f32
        %b = test.add %a, %a : f32
        %c = "test.constant"() : () -> f32
        test.loop %i: index to %m { test.use %d : f32 test.yield }
        %d = test.add %b, %c : f32
        %m = "test.constant"() : () -> index
        test.yield %d : f32 } -> f32""",
    "regions": '"test.regions"() ({\n test.yield\n}, {\n}, {\n^bb0(%q: f32):\n test.yield\n}) : () -> ()',
    "blocks": """"test.regions"() ({
        "test.branch"(%x)[^bb2] : (f32) -> ()
      ^bb1:
        test.use %q : f32
        test.yield
      ^bb2(%r: f32):
        %q = test.add %r, %x : f32
        "test.branch"()[^bb1] : () -> ()
      }) : () -> ()""",
    "types": """%a = "test.constant"() : () -> tensor<2x3xf32>
        %b = "test.constant"() : () -> tensor<B x 4 x f32>
        %c = "test.constant"() : () -> tensor<?x4x?xbf16, ["B", 4, "(H - 1) floordiv 2 + 1"]>
        %d = "test.constant"() : () -> vector<8x48xf32>
        %e = "test.constant"() : () -> ((f32, index) -> (f64, i1))
        %g = "test.constant"() : () -> !test.box<a>
        %h = "test.constant"() : () -> tensor<f32>
        %k = "test.constant"() : () -> ((() -> ()) -> (() -> f32))
        test.use %a, %b, %c :
          tensor<2 x 3 x f32>, tensor<?x4xf32, ["B", 4]>, tensor<B x 4 x (H-1) floordiv 2+1 x bf16>""",
}


@pytest.mark.parametrize("name", BODIES)
def test_construct(name):
    module = read(BODIES[name])
    text = check(module, gate=name != "graph")
    if name == "graph":
        accepts(print_module(module, generic=True))
    assert text


ATTRIBUTES = {
    "integers": "{a = 1, b = -5 : i32, c = 0x1F : i8, d = 3 : index, e = true, f = false, g = 255 : i8}",
    "floats": "{a = 1.0, b = -2.5 : f32, c = 0x7FC00000 : f32, d = 0xFF800000 : f32, e = 1.5e-3 : f16, f = 0.1 : bf16}",
    "hex floats": "{a = 0x7C00 : f16, b = 0x7F80 : bf16, c = 0x7FF0000000000000 : f64, d = 0xFFC00000 : f32}",
    "negative zero": "{a = -0.0 : f32, b = 0.0 : f32}",
    "strings": r'{a = "plain", b = "q\22\5C\0A\C3\A9", c = "\"\\\n\t", d = "é", e = ""}',
    "arrays": """{a = [],
        b = [1, 2.0, [unit], {}],
        c = array<i64: 1, -2>,
        d = array<f32: 1.0, 0x7F800000>, e = array<i1: true>}""",
    "empty arrays": "{a = array<i32>, b = array<f64>}",
    "dictionaries": '{a = {b = {c = {"x y" = 1 : i64}}}}',
    "symbols": '{a = @f, b = @"f"}',
    "types": "{a = f32, b = tensor<4xf32>, c = (f32) -> f32, d = !test.box<z>, e = index, f = tensor<B x f32>}",
    "dense": """{a = dense<1.0> : tensor<4xf32>,
        b = dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>,
        c = dense<> : tensor<0xf32>}""",
    "dense more": """{a = dense<[true, false]> : vector<2xi1>,
        b = dense<[0x7FC00000, 1.0]> : tensor<2xf32>,
        c = dense<2> : tensor<i64>}""",
    "dense halves": """{a = dense<[0.1, 65504.0]> : tensor<2xf16>,
        b = dense<[0.1, 3.0]> : tensor<2xbf16>,
        c = dense<[[]]> : tensor<1x0xf32>}""",
    "dense hex": """{a = dense<"0x0000803F00000040"> : tensor<2xf32>,
        b = dense<"0x01"> : tensor<3xi8>,
        c = dense<"0x05"> : tensor<3xi1>}""",
    "dialect": "{a = #test.mode<fast>, b = [#test.mode<slow>]}",
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attribute(name):
    text = f"func.func private @f() attributes {ATTRIBUTES[name]}"
    check(parse_module(text, CONTEXT))


def test_names():
    module = read(
        """%a = test.add %x, %y : f32
    %0 = test.add %a, %a : f32
    %7 = test.add %0, %0 : f32
    %0name$-.x = test.add %7, %0 : f32""".replace("%0name", "%_name")
    )
    text = check(module)
    assert "%a = test.add %x, %y : f32\n    %0 = test.add %a, %a" in text
    assert "%1 = test.add %0, %0" in text  # numbers follow the order, not the source
    assert "%_name$_.x" in text


def test_equal_hints_become_unique():
    module = read("%a = test.add %x, %y : f32\n%b = test.add %a, %y : f32\n%c = test.add %b, %y : f32")
    for op in module.walk():
        for value in op.results:
            value.name_hint = "x"
    text = check(module)
    assert "%x_0 = test.add %x, %y" in text and "%x_2 = test.add %x_1, %y" in text


def test_odd_hints():
    block_op = read("%a = test.add %x, %y : f32\n%b = test.add %a, %y : f32")
    values = [v for op in block_op.walk() for v in op.results]
    values[0].name_hint, values[1].name_hint = "two words é", "3d"
    assert "%two_words__" in check(block_op) and "%_3d" in print_module(block_op)


def test_several_names_for_results():
    module = parse_module(
        "func.func @f(%x: f64) {\n%a, %b = test.split %x : f64\n%c:2 = test.split %a : f64\n"
        "test.use %b, %c#1 : f64, f64\nfunc.return\n}",
        CONTEXT,
    )
    text = check(module)
    assert "%a, %b = test.split %x : f64" in text and "%c:2 = test.split %a" in text


def test_aliases_and_comments():
    module = parse_module(
        """// leading
        #m = #test.mode<fast>
        !t = tensor<4xf32> // trailing
        #loc = loc("net.nal":3:4)
        func.func @f(%x: !t loc("a":1:2)) -> !t { // here
          %a = "test.add"(%x, %x) <{mode = #m}> {d = dense<1.0> : !t} : (!t, !t) -> !t loc(#late)
          func.return %a : !t loc(#loc)
        } loc(unknown)
        #late = loc("neuron"("net.nal":7:8))
        """,
        CONTEXT,
    )
    add, ret = list(module.walk())[2:]
    assert str(add.location) == 'loc("neuron"("net.nal":7:8))' and str(ret.location) == 'loc("net.nal":3:4)'
    text = print_module(module, locations=True)
    assert 'loc("neuron"("net.nal":7:8))' in text and '%x: tensor<4xf32> loc("a":1:2)' in text
    again = parse_module(text, CONTEXT)
    assert print_module(again, locations=True) == text and difference(module, again) is None
    reprint = parse_module(accepts(print_module(module, generic=True, locations=True)), CONTEXT)
    assert difference(module, reprint) is None


def test_other_locations():
    module = parse_module(
        'func.func private @f() loc(fused<"m">["a":1:2, "b"])\n'
        'func.func private @g() loc(callsite("callee"("x":1:1) at "y":2:2))\nfunc.func private @h() loc("name")',
        CONTEXT,
    )
    assert [str(f.location) for f in module.functions] == ['loc("a":1:2)', 'loc("callee"("x":1:1))', 'loc("name")']


def test_locations_are_places_in_the_text():
    module = parse_module("func.func @f(%x: f32) {\n\n   %a = test.add %x, %x : f32\n  return\n}", CONTEXT, "a.mlir")
    add = list(module.walk())[2]
    assert str(add.location) == 'loc("a.mlir":3:4)' and add.location.source.line(3).strip().startswith("%a")
    assert str(module.functions[0].arguments[0].location) == 'loc("a.mlir":1:14)'


def test_resources():
    data = np.arange(1000, dtype=np.float32)
    attributes = {"w": DenseAttr(data, TensorType((1000,), f32)), "b": DenseAttr(data > 5, TensorType((1000,), i1))}
    attributes["h"] = DenseAttr(data.reshape(10, 100), TensorType((10, 100), bf16))
    module = ModuleOp.of([FuncOp.of("f", [], [], declaration=True, attributes=attributes)])
    text = check(module)
    assert "dense_resource<data_" in text and "{-#" in text
    elided = print_module(module, elide=True)
    assert "dense_resource<__elided__>" in elided and "{-#" not in elided


def test_bare_functions_and_module_forms():
    bare = parse_module("func.func private @f()\nfunc.func private @g()", CONTEXT)
    for wrapper in ("module {", "builtin.module {", "module attributes {} {"):
        wrapped = parse_module(f"{wrapper} func.func private @f() func.func private @g() }}", CONTEXT)
        assert difference(bare, wrapped) is None
    named = parse_module("module @net attributes {t.a = 1 : i64} {}", CONTEXT)
    assert check(named).startswith("module @net attributes {t.a = 1 : i64} {")
    check(parse_module("", CONTEXT))


def test_upstream_defaults_read_as_absent():
    explicit = read('%a = "test.add"(%x, %y) <{mode = #test.mode<none>}> : (f32, f32) -> f32')
    assert difference(explicit, read("%a = test.add %x, %y : f32")) is None
    add = list(explicit.walk())[2]
    assert "mode" not in add.attributes
    add.attributes["mode"] = Mode("none")
    assert "mode" not in print_module(explicit)


def test_func_syntax():
    text = """
    func.func private @decl(f32 {t.a}, tensor<4xf32>) -> (f32, f32 {t.b = 1 : i64})
    func.func nested @nested(%x: f32)  { return }
    func.func public @attrs(%x: f32 {irc.param = "w"}, %y: f64) -> (f32 {t.c}) attributes {z = 1 : i64} {
      %0:2 = call @decl(%x, %t) : (f32, tensor<4xf32>) -> (f32, f32)
      return %0#1 : f32
    }
    func.func @fn(%f: (f32) -> f32) -> ((f32) -> f32) { return %f : (f32) -> f32 }
    """.replace("%x, %t)", "%x, %t)").replace("%y: f64", "%t: tensor<4xf32>")
    shown = check(parse_module(text, CONTEXT))
    assert "func.func private @decl(f32 {t.a}, tensor<4xf32>) -> (f32, f32 {t.b = 1 : i64})" in shown
    assert '@attrs(%x: f32 {irc.param = "w"}, %t: tensor<4xf32>) -> (f32 {t.c}) attributes {z = 1 : i64} {' in shown


# -- random modules ----------------------------------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
keys = names.map("t.{}".format)
dims = st.one_of(
    st.integers(0, 9), st.sampled_from(["B", "2*B + 1", "B*T", "(H + 3) floordiv 4", "N - 1"]).map(parse_dimension)
)
scalars = st.sampled_from(SCALARS)
types = st.one_of(
    scalars,
    st.builds(TensorType, st.lists(dims, max_size=3), scalars),
    st.builds(VectorType, st.lists(st.integers(1, 9), min_size=1, max_size=2), scalars),
    st.just(Box("q")),
    st.builds(FunctionType, st.lists(scalars, max_size=2), st.lists(scalars, max_size=2)),
)
floats = st.floats(width=32).map(float)


@st.composite
def dense(draw):
    element = draw(scalars)
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
    if element.is_float:
        array = draw(npst.arrays(np.float32, shape, elements=st.floats(width=16)))
    else:
        array = draw(npst.arrays(np.int64, shape, elements=st.integers(0, 1 if element is i1 else 127)))
    return DenseAttr(array, TensorType(shape, element))


leaves = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(IntegerAttr),
    st.builds(IntegerAttr, st.integers(-128, 127), st.sampled_from([i8, i32, i64, index])),
    st.builds(lambda v: IntegerAttr(v, i1), st.integers(0, 1)),
    st.builds(FloatAttr, floats, st.sampled_from([bf16, f16, f32, f64])),
    st.text().map(StringAttr),
    st.just(UNIT),
    st.builds(SymbolRefAttr, st.just("f")),
    st.builds(DenseArrayAttr, st.lists(st.integers(-100, 100)), st.sampled_from([i8, i32, i64])),
    st.builds(DenseArrayAttr, st.lists(floats), st.just(f32)),
    st.builds(Mode, st.just("fast")),
    dense(),
    types,
)
attributes = st.recursive(
    leaves,
    lambda c: st.lists(c, max_size=3).map(ArrayAttr) | st.dictionaries(names, c, max_size=3).map(DictAttr),
    max_leaves=6,
)


@st.composite
def modules(draw):
    """A function with random ops in a row."""
    value_types = draw(st.lists(types, max_size=3))
    function = FuncOp.of("f", value_types, [], attributes=draw(st.dictionaries(keys, attributes, max_size=2)))
    builder = Builder.at_end(function.entry)
    values = list(function.arguments)
    for _ in range(draw(st.integers(0, 8))):
        extra = draw(st.dictionaries(keys, attributes, max_size=2))
        kind = draw(st.sampled_from(["constant", "add", "use", "many", "split"]))
        some = [draw(st.sampled_from(values)) for _ in range(draw(st.integers(0, 3)))] if values else []
        made = []
        if kind == "add" and (usable := [v for v in values if getattr(v.type.element, "is_float", False)]):
            value = draw(st.sampled_from(usable))
            made = builder.create(Add, value, value, **extra).results
        elif kind == "split" and values and values[-1].type is not f32:
            made = builder.create(Split, values[-1], **extra).results
        elif kind == "use":
            builder.create(Use, some, **extra)
        elif kind == "many":
            number = builder.value(Constant, result_types=[index])
            wanted = draw(st.lists(types, max_size=3))
            made = builder.create(Many, some, some[:1], number, result_types=wanted, **extra).results
        else:
            made = builder.create(Constant, result_types=[draw(types)], **extra).results
        for value in made:
            value.name_hint = draw(st.one_of(st.none(), names))
            values.append(value)
    builder.create(ReturnOp, [])
    return ModuleOp.of([function])


@given(modules())
def test_random_module(module):
    check(module)
