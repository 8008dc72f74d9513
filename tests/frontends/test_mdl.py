"""``.mdl``: the grammar, what its nodes mean, every kind of bad text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import irc
from irc.backend.target import host
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Delay, Layer, Merge, Net
from irc.emit.forms import emit
from irc.frontends import mdl
from irc.frontends.mdl_functions import ACTIVATION_OF
from irc.interpreter import Interpreter
from irc.ir.attributes import python_value
from irc.ir.diagnostics import Diagnostics, Error
from irc.ir.locations import Source
from irc.ir.types import f32, f64
from irc.ir.verifier import verify
from irc.training.losses import LOSSES
from support.gate import pass_gate
from support.mdl_oracle import Equations, models
from support.nets import FOLDER, net_of

SAMPLES = ("big", "gated", "lstm", "merge-legal", "readme-linear", "readme-split", "small")
HEAD, TAIL = "/xavier,zero/(x, 4)", "(y, 4, <tanh>, <mse>)"


def parse(text: str, **options) -> Net:
    module = mdl.parse(Source(text, "m.mdl"), **options)
    verify(module)
    return net_of(module)


def ops(net: Net) -> list[str]:
    """The net's ops as text."""
    return [line.strip() for line in str(net).splitlines() if " = neuron." in line]


def module_of(net: Net) -> ModuleOp:
    return ModuleOp.of([net.clone()])


def found(text: str, **options) -> list[tuple[int | None, int | None, str]]:
    """Line, column and message of every diagnostic of a bad text."""
    with pytest.raises(Error) as caught:
        parse(text, **options)
    assert all(d.file == "m.mdl" for d in caught.value.diagnostics)
    return [(d.line, d.column, d.message) for d in caught.value.diagnostics if d.severity == "error"]


def warnings(text: str) -> list[tuple[int | None, int | None, str]]:
    """Line, column and message of every warning about a good text."""
    diagnostics = Diagnostics()
    parse(text, diagnostics=diagnostics)
    assert {d.severity for d in diagnostics.found} <= {"warning"}
    return [(d.line, d.column, d.message) for d in diagnostics.found]


# -- the language ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_pass_the_gate(name):
    module = mdl.parse(Source((FOLDER / f"{name}.mdl").read_text(), f"{name}.mdl"))
    verify(module)
    pass_gate(module)


def test_a_model_is_a_graph_of_layers_merges_and_delays():
    net = parse((FOLDER / "small.mdl").read_text())
    assert ops(net) == [
        "%b_before = neuron.delay %b : tensor<4xf32>",
        "%gate = neuron.merge add %input, %b_before : tensor<4xf32>",
        "%a = neuron.layer relu(%gate*w[0:16] + w[16:20]) #neuron.dense<4, 4>",
        "%b = neuron.layer swish<5.9>(%a*w[20:36] + w[36:40]) #neuron.dense<4, 4>",
        "%output = neuron.layer sigmoid(%b*w[40:56] + w[56:60]) #neuron.dense<4, 4>",
    ]


def test_parameters_are_tensors_with_the_initialisers_of_the_header():
    net = parse(HEAD.replace("xavier", "normal 0 0.1") + "(h, 3, <relu>)" + TAIL)
    assert [str(t) for t in net.parameter_tensors] == [
        '#neuron.tensor<"h.weight", 0, [3, 4], normal<0.0, 0.1>>',
        '#neuron.tensor<"h.bias", 12, [3], zero>',
        '#neuron.tensor<"y.weight", 15, [4, 3], normal<0.0, 0.1>>',
        '#neuron.tensor<"y.bias", 27, [4], zero>',
    ]


def test_blanks_comments_and_a_byte_order_mark_mean_nothing():
    plain = str(parse(HEAD + "{m,x,average}[s,(a,4,<elu,2>)|(b,4,<relu>)]" + TAIL))
    spaced = """\ufeff# a comment
    / xavier , # the weights
      zero /\r
    ( x ,\t4 ) { m , x , average }
    [ s , ( a , 4 , < elu , 2 > )
    | # another branch
    ( b , 4 , < relu > ) ]
    ( y , 4 , < tanh > , < mse > ) # the end"""
    assert str(parse(spaced)) == plain


@pytest.mark.parametrize("header", ["/zero, normal 0 1/", "/normal,zero/", "/normal 0, zero/", "/normal 0 1,zero/"])
def test_initialisers_stand_in_either_order_and_their_numbers_may_be_left_out(header):
    weight, bias, *_ = parse(header + "(x, 4)" + TAIL).parameter_tensors
    assert (weight.initializer, weight.numbers, bias.initializer) == ("normal", (0.0, 1.0), "zero")


def test_functions_of_a_layer_stand_in_either_order():
    assert str(parse(HEAD + "(y, 2, <mse>, <tanh>)")) == str(parse(HEAD + "(y, 2, <tanh>, <mse>)"))
    assert ops(parse(HEAD + "(y, 2, <mse>)")) == ["%y = neuron.layer identity(%x*w[0:8] + w[8:10]) #neuron.dense<4, 2>"]


@pytest.mark.parametrize(
    ("function", "activation"),
    [
        ("sigmoid", "sigmoid"),
        ("relu", "relu"),
        ("relu_leaky", "relu_leaky<0.1>"),
        ("relu_leaky, 0.3", "relu_leaky<0.3>"),
        ("relu_parametric", "relu_parametric<0.25>"),
        ("elu", "elu<1.0>"),
        ("elu, -.5e1", "elu<-5.0>"),
        ("selu", "selu"),
        ("tanh", "tanh"),
        ("swish", "swish<1.0>"),
        ("swish, 5.9", "swish<5.9>"),
        ("gelu", "gelu_tanh"),
        ("softmax", "softmax"),
        ("linear", "identity"),
        ("binary_step", "binary_step"),
    ],
)
def test_activations(function, activation):
    assert ops(parse(HEAD + f"(a, 4, <{function}>)" + TAIL))[0].startswith(f"%a = neuron.layer {activation}(%x*")


@pytest.mark.parametrize(
    ("function", "loss"),
    [
        *((name, [name]) for name, loss in LOSSES.items() if loss.default is None),
        ("huber", ["huber", 1.0]),
        ("huber, 2", ["huber", 2.0]),
        ("huber_modified", ["huber_modified", 1.0]),
        ("huber_modified, 2.4", ["huber_modified", 2.4]),
    ],
)
def test_losses(function, loss):
    assert python_value(parse(HEAD + f"(y, 4, <{function}>)").attributes["irc.loss"]) == loss


@pytest.mark.parametrize(
    ("operation", "kind"), [("additive", "add"), ("multiplicative", "multiply"), ("average", "average")]
)
def test_merges(operation, kind):
    lines = ops(parse(HEAD + f"(a, 4, <relu>){{m, x, {operation}}}" + TAIL))
    assert lines[1] == f"%m = neuron.merge {kind} %a, %x : tensor<4xf32>"


def reads(text: str) -> dict[str, list[str]]:
    """What each layer and merge reads, by names; a prime: of the step before."""
    net = parse(text)
    named = {v: v.name_hint for v in (*net.arguments, *(r for op in net.block for r in op.results))}
    named |= {op.value: f"{named[op.source]}'" for op in net.block if isinstance(op, Delay)}
    return {named[op.value]: [named[v] for v in op.operands] for op in net.block if isinstance(op, (Layer, Merge))}


def test_branches_begin_with_the_value_before_the_split_and_so_does_what_follows():
    split = "(a, 4, <relu>)[s, (b, 4, <relu>)(c, 4, <relu>) | (d, 4, <relu>)]"
    found = reads(HEAD + split + "(e, 4, <relu>){m, s, additive}{n, c, average}{o, d, average}" + TAIL)
    chain = {name: found[name] for name in "abcde"}
    assert chain == {"a": ["x"], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["a"]}
    assert [found[name] for name in "mno"] == [["e", "a"], ["m", "c"], ["n", "d"]]


@pytest.mark.parametrize("split", ["[r,]", "[r]", "[q,[r,]]", "[q,[r]|(b,4,<relu>)]"])
def test_an_empty_split_is_a_name_for_the_value_so_far(split):
    found = reads(HEAD + f"(a, 4, <relu>){split}(c, 4, <relu>){{m, r, additive}}" + TAIL)
    assert found["m"] == ["c", "a"] and found["c"] == ["a"]


def test_every_named_node_can_be_merged_as_often_as_one_likes():
    before = "(a, 4, <relu>){m, x, additive}{n, x, additive}[s, (b, 4, <relu>)(c, 4, <relu>)]"
    found = reads(HEAD + before + "{o, b, additive}{p, m, average}" + TAIL)
    assert [found[name][1] for name in "mnop"] == ["x", "x", "b", "m"]


def test_a_merge_reads_the_step_before_where_the_same_step_would_close_a_cycle():
    assert reads(HEAD + "{m, a, additive}(a, 4, <relu>)" + TAIL)["m"] == ["x", "a'"]
    assert reads(HEAD + "{m, m, additive}" + TAIL)["m"] == ["x", "m'"]
    assert reads(HEAD + "{m, y, additive}" + TAIL)["m"] == ["x", "y'"]


def test_a_merge_of_another_branch_reads_the_same_step_even_if_it_stands_before():
    found = reads(HEAD + "[s, {m, b, additive} | (b, 4, <relu>)]{n, m, additive}" + TAIL)
    assert found["m"] == ["x", "b"]


def test_of_two_merges_that_close_a_cycle_together_the_later_one_reads_the_step_before():
    found = reads(HEAD + "[s, {m, n, additive} | {n, m, additive}]{o, m, additive}" + TAIL)
    assert (found["m"], found["n"]) == (["x", "n"], ["x", "m'"])


def test_all_that_read_the_step_before_of_one_value_share_its_delay():
    net = parse(HEAD + "{m, a, additive}{n, r, multiplicative}(a, 4, <relu>)[r,]" + TAIL)
    assert [op.name for op in net.block].count("neuron.delay") == 1


@given(models())
def test_time_is_that_of_the_definition(text):
    """The order that is kept up to date finds the same delays as a search from scratch at each merge."""
    model = Equations(mdl.parse_tree(Source(text)))
    wanted = {}
    for item in model.items[1:]:
        read = [item.main] if item.source is None else [item.main, item.source]
        names = [i.node.name.text for i in read]
        wanted[item.node.name.text] = names[:1] + [f"{name}'" if item.delayed else name for name in names[1:]]
    assert reads(text) == wanted


def test_the_output_may_end_a_branch():
    net = parse(HEAD + "(a, 4, <relu>)[s, (y, 2, <tanh>, <mse>)](b, 4, <relu>)")
    assert net.outputs[0].name_hint == "y" and "irc.loss" in net.attributes


def test_numbers_are_of_the_type_that_is_asked_for():
    assert parse(HEAD + TAIL, dtype=f64).element is f64
    assert irc.compile("/xavier,zero/\n(x, 4)" + TAIL, dtype="float64").dtype == np.float64


def test_ops_know_their_place_in_the_text():
    net = parse("/xavier,zero/\n(x, 4)\n  {m, y, additive}\n(y, 4, <tanh>, <mse>)")
    found = {op.name: op.location.file_location() for op in list(net.block)[:-1]}
    places = {name: (at and at.line, at and at.column) for name, at in found.items()}
    assert places == {"neuron.delay": (3, 7), "neuron.merge": (3, 4), "neuron.layer": (4, 2)}
    assert net.arguments[0].location.body() == '"x"("m.mdl":2:2)'


def test_names_may_be_anything_but_signs_and_blanks():
    net = parse('/xavier,zero/(é%"x, 4)(7, 4, <relu>){a-b\\, 7, additive}(α.β!, 4, <mse>)')
    assert [t.label for t in net.parameter_tensors] == ["7.weight", "7.bias", "α.β!.weight", "α.β!.bias"]
    pass_gate(module_of(net))


# -- options -----------------------------------------------------------------------------------------------------------


JOIN = {"additive": np.add, "multiplicative": np.multiply, "average": lambda a, b: (a + b) / 2}


@pytest.mark.parametrize("operation", JOIN)
def test_widths_may_be_cut_and_filled_with_what_changes_nothing(operation):
    """0 for a sum, 1 for a product, the value so far for an average: it passes unchanged where the other has ended."""
    body = f"[s, (q, 3, <linear>){{narrow, x, {operation}}}]{{m, narrow, {operation}}}"
    net = parse(HEAD + body + "(y, 2, <linear>, <mse>)", dtype=f64, widths="truncate-pad")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 4)), rng.normal(size=net.parameter_count)
    narrow = JOIN[operation](x @ w[:12].reshape(3, 4).T + w[12:15], x[:, :3])
    merged = np.concatenate([JOIN[operation](x[:, :3], narrow), x[:, 3:]], 1)
    (y,) = Interpreter(module_of(net), "float64").call("m", [x, w])
    np.testing.assert_allclose(y, merged @ w[15:23].reshape(2, 4).T + w[23:], rtol=1e-12)


@pytest.mark.parametrize("operation", JOIN)
@pytest.mark.parametrize("width", [2, 6])
def test_widths_of_the_step_before_may_differ_too(operation, width):
    net = parse(HEAD + f"{{m, y, {operation}}}(y, {width}, <linear>, <mse>)", dtype=f64, widths="truncate-pad")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 1, 4)), rng.normal(size=net.parameter_count)
    wanted, y, both = [], np.zeros((1, width)), min(4, width)
    for row in x:
        merged = np.concatenate([JOIN[operation](row[:, :both], y[:, :both]), row[:, both:]], 1)
        y = merged @ w[: 4 * width].reshape(width, 4).T + w[4 * width :]
        wanted.append(y)
    found, _ = Interpreter(module_of(net), "float64").call("m", [x, w, np.zeros((1, width))])
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_strict_refuses_branches_that_reach_no_output():
    text = (FOLDER / "readme-split.mdl").read_text()
    assert found(text, strict=True) == [
        (4, 23, "branch end d reaches no output"),
        (6, 6, "branch end e reaches no output"),
    ]
    parse(HEAD + "{m, r, additive}[s, (r, 4, <tanh>)]" + TAIL, strict=True)  # what is read a step later is read


def test_widths_and_strictness_are_options_of_compiling():
    source = FOLDER / "readme-merge.mdl"
    assert irc.compile(source, widths="truncate-pad").output_size == 16
    with pytest.raises(irc.Error, match="branch end d reaches no output"):
        irc.compile(FOLDER / "readme-split.mdl", strict=True)
    for options in ({"widths": "wide"}, {"widths": 3}):
        with pytest.raises(irc.Error, match="widths must be one of equal, truncate-pad, got"):
            irc.compile(source, **options)


@pytest.mark.parametrize(
    "source",
    ["N 02\n00 01\n", [[0, 1], [0, 0]], FOLDER / "nn00.nal", FOLDER / "xor.network", [[[0, 1], [0, 0]]] * 2],
)
def test_options_of_models_are_refused_for_others(source):
    for options in ({"widths": "equal"}, {"strict": True}):
        with pytest.raises(irc.Error, match="options widths and strict are for models in MDL"):
            irc.compile(source, **options)


def test_options_of_graphs_are_refused():
    for options in ({"outputs": ["y"]}, {"act": "tanh"}):
        with pytest.raises(irc.Error, match="option"):
            irc.compile("/xavier,zero/\n(x, 4)" + TAIL, **options)


# -- warnings ----------------------------------------------------------------------------------------------------------


def test_unused_parameters_are_told():
    assert warnings((FOLDER / "small.mdl").read_text()) == [
        (4, 15, "unused parameter: relu takes none"),
        (7, 30, "unused parameter: mse takes none"),
    ]


def test_an_empty_branch_beside_others_is_told():
    assert warnings(HEAD + "[s,|(a, 4, <relu>)]{m,a,additive}" + TAIL) == [
        (1, 23, "split s has an empty branch, which means nothing")
    ]
    assert warnings(HEAD + "[s,][t,(a, 4, <relu>)]{m,a,additive}" + TAIL) == []


def test_a_flat_activation_is_told_once():
    (only,) = warnings(HEAD + "(a, 4, <binary_step>)(b, 4, <binary_step>)" + TAIL)
    assert only[:2] == (1, 28) and "gradient of binary_step is 0" in only[2]


def test_what_is_dead_is_told_when_it_is_compiled():
    with pytest.warns(irc.DiagnosticWarning) as caught, irc.compile(FOLDER / "readme-split.mdl") as net:
        assert net.params["d.weight"].shape == (12, 12)
    assert [str(w.message).splitlines()[0].partition(": ")[2] for w in caught] == [
        "warning: neuron d reaches no output and is removed, with c",
        "warning: neuron e reaches no output and is removed",
    ]


# -- errors ------------------------------------------------------------------------------------------------------------


def test_widths_that_differ_are_all_reported_with_the_nodes():
    path = FOLDER / "readme-merge.mdl"
    with pytest.raises(Error) as caught:
        irc.compile(path)
    assert [(d.line, d.column, d.message) for d in caught.value.diagnostics] == [
        (3, 15, "merge time_travel: input has width 128, but other (b) has width 256"),
        (6, 20, "merge branch_merge: c has width 12, but e has width 44"),
        (14, 9, "merge merge: b has width 256, but d has width 12"),
    ]


def test_all_errors_of_a_file_are_reported_together_with_carets():
    text = """/xavier 1,zero/
(x, 4)
(a, four, <tanx>)
(a, 4, <elu, 1, 2>)
{m, nowhere, maximum}
(y, 4, <tanh>, <mse>)
"""
    with pytest.raises(Error) as caught:
        parse(text)
    places = [(d.line, d.column) for d in caught.value.diagnostics]
    assert places == [(1, 2), (3, 5), (3, 12), (4, 2), (4, 17), (5, 5), (5, 14)]
    assert "    (a, four, <tanx>)\n               ^" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the header
        ("", [(1, 1, "expected the header '/weights,biases/', the initialisers, got the end of the text")]),
        ("(x, 4)" + TAIL, [(1, 1, "expected the header '/weights,biases/', the initialisers, got '('")]),
        ("//(x, 4)" + TAIL, [(1, 2, "expected the initialiser of the weights, got '/'")]),
        ("/xavier/(x, 4)" + TAIL, [(1, 8, "expected ',' and the initialiser of the biases, got '/'")]),
        ("/xavier,/(x, 4)" + TAIL, [(1, 9, "expected the initialiser of the biases, got '/'")]),
        ("/xavier,zero,zero/(x, 4)" + TAIL, [(1, 13, "expected '/', got ','")]),
        ("/xavier,zero", [(1, 1, "there is no second '/' for this header")]),
        ("/xavier,zero (x, 4)" + TAIL, [(1, 1, "there is no second '/' for this header")]),
        ("/xavier,zero/", [(1, 14, "the model has no nodes: it begins with the input")]),
        ("/glorot,zero/(x, 4)" + TAIL, [(1, 2, "unknown initialiser 'glorot'; those of weights are xavier")]),
        ("/xavier,he/(x, 4)" + TAIL, [(1, 9, "a second initialiser of weights, he; one is for the biases: zero")]),
        ("/zero,zero/(x, 4)" + TAIL, [(1, 7, "a second initialiser of biases, zero; one is for the weights: xavier")]),
        ("/xavier 2,zero/(x, 4)" + TAIL, [(1, 2, "xavier takes none, but 1 number was given")]),
        ("/normal 0 1 2,zero/(x, 4)" + TAIL, [(1, 2, "normal takes 2 (mean, deviation), but 3 numbers were given")]),
        ("/normal 0 one,zero/(x, 4)" + TAIL, [(1, 11, "expected a number, not 'one'")]),
        ("/normal 0 -1,zero/(x, 4)" + TAIL, [(1, 2, "the deviation of normal must not be negative, as -1 is")]),
        ("/uniform 2 1,zero/(x, 4)" + TAIL, [(1, 2, "uniform from 2 to 1: the lower bound comes first")]),
        ("/normal 0 1e999,zero/(x, 4)" + TAIL, [(1, 11, "expected a number, not '1e999'")]),
        ("/xavier,const_flat nan/(x, 4)" + TAIL, [(1, 20, "expected a number, not 'nan'")]),
        # layers
        (HEAD + "(, 4, <tanh>)" + TAIL, [(1, 21, "expected the name of the layer, got ','")]),
        (HEAD + "(a)" + TAIL, [(1, 22, "expected ',' and the width of the layer, got ')'")]),
        (HEAD + "(a, <tanh>)" + TAIL, [(1, 24, "expected the width of the layer, got '<'")]),
        (HEAD + "(a, 4, tanh)" + TAIL, [(1, 27, "expected a function such as <tanh> or <mse>, got 'tanh'")]),
        (HEAD + "(a, 4, <>)" + TAIL, [(1, 28, "expected the name of a function, got '>'")]),
        (HEAD + "(a, 4, <tanh)" + TAIL, [(1, 32, "expected ',' or '>', got ')'")]),
        (HEAD + "(a, 4 <tanh>)" + TAIL, [(1, 26, "expected ',' or ')', got '<'")]),
        *(
            (HEAD + f"(a, {width}, <tanh>)" + TAIL, [(1, 24, "width of layer a must be a positive integer")])
            for width in ("4x", "4.7", "0", "000", "-4", "+4", "1e3", "٤", "0x4")
        ),
        (HEAD + "(a, 1000000000, <tanh>)" + TAIL, [(1, 24, "must be at most 999999999, not '1000000000'")]),
        (HEAD + f"(a, {'9' * 5000}, <tanh>)" + TAIL, [(1, 24, "must be at most 999999999, not '999")]),
        (HEAD + "(a, 999999999, <tanh>)" + TAIL, [(1, 24, "with layer a the model has 4999999995 parameters; there")]),
        (HEAD + "(a, 4, <tanhh>)" + TAIL, [(1, 28, "unknown function 'tanhh'; did you mean 'tanh'?")]),
        (HEAD + "(a, 4, <qqq>)" + TAIL, [(1, 28, "unknown function 'qqq'; activations are sigmoid, relu")]),
        (HEAD + "(a, 4, <tanh>, <relu>)" + TAIL, [(1, 36, "a second activation of layer a")]),
        (HEAD + "(y, 4, <mse>, <mae>)", [(1, 35, "a second loss of layer y")]),
        (HEAD + "(a, 4, <elu, 1, 2>)" + TAIL, [(1, 36, "elu takes at most one parameter, not 2")]),
        (HEAD + "(a, 4, <tanh, 1, 2>)" + TAIL, [(1, 37, "tanh takes no parameter, not 2")]),
        (HEAD + "(a, 4, <elu, x>)" + TAIL, [(1, 33, "expected a number, not 'x'")]),
        (HEAD + "(y, 4, <huber, -1>)", [(1, 35, "must be greater than 0, not -1.0")]),
        # the input and the output
        (HEAD.replace("4", "4, <tanh>") + TAIL, [(1, 22, "the first layer, x, is the input, which has no function")]),
        ("/xavier,zero/{m, y, additive}" + TAIL, [(1, 15, "begins with the input, a layer (name, width), not with")]),
        ("/xavier,zero/[s, (x, 4)]" + TAIL, [(1, 15, "begins with the input, a layer (name, width), not with")]),
        (HEAD + "(x2, 4)" + TAIL, [(1, 21, "a second input: layer x2 has no function, as only the first layer may")]),
        (HEAD, [(1, 15, "the model has no output: the last layer of a branch has a loss, such as <mse>")]),
        (HEAD + "(a, 4, <tanh>)", [(1, 21, "the model has no output")]),
        (HEAD + "[s, (z, 4, <mae>)]" + TAIL, [(1, 54, "a second output, y: one layer has a loss")]),
        (HEAD + TAIL + "(a, 4, <relu>)", [(1, 36, "layer y has a loss, so it is the output, but something stands be")]),
        # names
        (HEAD + "(x, 4, <tanh>)" + TAIL, [(1, 21, "the name 'x' is used for two nodes")]),
        (HEAD + "[y,]" + TAIL, [(1, 25, "the name 'y' is used for two nodes")]),
        (HEAD + "{m, z, additive}" + TAIL, [(1, 24, "there is no node 'z'")]),
        (HEAD + "(alpha, 4, <relu>){m, alpa, additive}" + TAIL, [(1, 42, "no node 'alpa'; did you mean 'alpha'?")]),
        (HEAD + "{m, x, concat}" + TAIL, [(1, 27, "unknown operation 'concat'; known are additive, multi")]),
        (HEAD + "{m, x}" + TAIL, [(1, 25, "expected ',' and the operation, got '}'")]),
        (HEAD + "{m, x, additive, 2}" + TAIL, [(1, 35, "expected '}', got ','")]),
        (HEAD + "{, x, additive}" + TAIL, [(1, 21, "expected the name of the merge, got ','")]),
        (HEAD + "{m, , additive}" + TAIL, [(1, 24, "expected the node to merge with, got ','")]),
        # brackets
        (HEAD + "(a, 4, <tanh>", [(1, 20, "there is no ')' for this '('")]),
        (HEAD + "(a, 4, <tanh", [(1, 27, "there is no '>' for this '<'")]),
        (HEAD + "{m, x, additive", [(1, 20, "there is no '}' for this '{'")]),
        (HEAD + "(a, 4, <tanh>" + TAIL, [(1, 20, "there is no ')' for this '('")]),
        (HEAD + "{m, x, additive" + TAIL, [(1, 20, "there is no '}' for this '{'")]),
        (HEAD + "[s, (a, 4, <tanh>)" + TAIL, [(1, 20, "there is no ']' for this '['")]),
        (HEAD + "[s, [t, " + TAIL, [(1, 20, "there is no ']' for this '['"), (1, 24, "there is no ']' for this '['")]),
        (HEAD + "[s, (a, 4, <relu>]" + TAIL, [(1, 37, "expected ',' or ')', got ']'")]),
        (HEAD + "]" + TAIL, [(1, 20, "expected a node: a layer '(...)', a split '[...]' or a merge '{...}', got ']'")]),
        (HEAD + "|" + TAIL, [(1, 20, "expected a node: a layer '(...)', a split '[...]' or a merge '{...}', got '|'")]),
        (HEAD + "[, (a, 4, <relu>)]" + TAIL, [(1, 21, "expected the name of the split, got ','")]),
        (HEAD + "[s (a, 4, <relu>)]" + TAIL, [(1, 23, "expected ',' or ']', got '('")]),
        # text between nodes and behind them
        (HEAD + "and" + TAIL, [(1, 20, "a layer '(...)', a split '[...]' or a merge '{...}', got 'and'")]),
        (HEAD + TAIL + "\nthe end", [(2, 1, "expected a node")]),
        ("x" + HEAD + TAIL, [(1, 1, "expected the header '/weights,biases/', the initialisers, got 'x'")]),
        (HEAD + "\0" + TAIL, [(1, 20, "not a text file: it has a NUL character")]),
    ],
)
def test_errors(text, expected):
    messages = found(text)
    assert [m[:2] for m in messages] == [e[:2] for e in expected], messages
    assert all(e[2] in m[2] for e, m in zip(expected, messages, strict=True)), messages


def test_an_error_of_two_nodes_points_at_the_other_one_too():
    for nodes, note in (("(x, 4, <tanh>)", "first used"), ("[s, (z, 4, <mae>)]", "its loss")):
        with pytest.raises(Error) as caught:
            parse(HEAD + nodes + TAIL)
        (one,) = caught.value.diagnostics[0].notes
        assert note in one.message and one.line == 1


@pytest.mark.parametrize("part", ["[", "(", "{", "]", ")", "|", "<", "[a,", "[a,[b,]|", "(a,4,<tanh>)[", "/", ","])
@pytest.mark.parametrize("head", ["", HEAD])
def test_a_hundred_thousand_brackets_are_an_error_and_no_crash(part, head):
    with pytest.raises(Error) as caught:
        parse(head + part * 100_000)
    assert len(caught.value.diagnostics) <= Diagnostics.LIMIT + 1


def test_nesting_has_a_limit_that_is_told():
    def nested(depth: int) -> str:
        return HEAD + "".join(f"[s{n}," for n in range(depth)) + "]" * depth + TAIL

    parse(nested(1000))
    place = nested(1001).index("[s1000,") + 1
    assert found(nested(1001)) == [(1, place, "splits are nested more than 1000 levels deep")]


def test_long_models():
    """Ten thousand layers, each with a value of its own from the step before, and one from far before."""
    parts = [f"{{m{n}, h{n}, additive}}{{k{n}, h{max(n - 50, 0)}, average}}(h{n}, 1, <relu>)" for n in range(10_000)]
    net = parse("/xavier,zero/(x, 1)" + "".join(parts) + "(y, 1, <tanh>, <mse>)")
    assert len(net.delays) == 10_000


@given(st.text(alphabet="/,<>()[]{}|#\n abx4.-", max_size=60), st.booleans())
def test_any_text_gives_a_net_or_errors_with_places(text, headed):
    try:
        parse((HEAD if headed else "") + text + (TAIL if headed else ""))
    except Error as error:
        assert all(d.line is not None and d.column is not None for d in error.diagnostics)


@given(st.sampled_from(SAMPLES), st.integers(0, 400), st.integers(0, 5), st.text(alphabet="/,<>()[]{}|#a", max_size=3))
def test_edited_samples_give_a_net_or_errors(name, place, length, inserted):
    text = (FOLDER / f"{name}.mdl").read_text()
    try:
        parse(text[:place] + inserted + text[place + length :])
    except Error as error:
        assert error.diagnostics


# -- as a source -------------------------------------------------------------------------------------------------------


def test_a_text_without_its_header_is_told_so():
    with pytest.raises(irc.Error, match="expected the header '/weights,biases/'"):
        irc.compile("(x, 4)\n" + TAIL)


def test_texts_and_files_are_told_by_their_slash_and_their_ending(tmp_path):
    text = "# a comment\n" + HEAD + TAIL
    with irc.compile(text) as net:
        assert net.name == "net"
    path = tmp_path / "model.MDL"
    path.write_text(text)
    with irc.compile(path) as net:
        assert net.name == "model"
    with irc.compile("// a comment of IR\n" + str(net.module)) as again:  # two slashes are none of a header
        assert again.params["y.weight"].shape == (4, 4)


def test_all_names_are_activations_of_the_compiler():
    net = parse(HEAD + "".join(f"(a{n}, 4, <{name}>)" for n, name in enumerate(ACTIVATION_OF)) + TAIL)
    assert net.element is f32


@pytest.mark.parametrize(
    ("form", "name", "message"),
    [
        *((form, "big", "'neuron.layer' has no form as single neurons: softmax") for form in ("fwd", "matrix", "bwd")),
        ("bwd", "lstm", "'neuron.delay' has no gradient in terms of neurons"),
        ("bwd-ncc", "lstm", "know no time"),
    ],
)
def test_forms_of_single_neurons_say_what_they_cannot_show(form, name, message):
    """A softmax is no function of one neuron; gradients through time are none of a step."""
    module = mdl.parse(Source((FOLDER / f"{name}.mdl").read_text(), "m.mdl"))
    with pytest.raises(Error, match=message) as caught:
        emit(module, form, host())
    assert form == "bwd-ncc" or all(d.line is not None for d in caught.value.diagnostics)


@pytest.mark.parametrize("name", ["small", "big", "gated", "lstm", "merge-legal", "readme-split"])
@pytest.mark.parametrize("form", ["generic", "dot", "svg"])
def test_all_models_can_be_shown(form, name):
    module = mdl.parse(Source((FOLDER / f"{name}.mdl").read_text(), "m.mdl"))
    assert emit(module, form, host())
