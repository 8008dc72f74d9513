"""The text of the neuron level, and what is wrong with a net."""

from __future__ import annotations

import pytest

from irc.frontends.build import graph_to_module
from irc.ir.diagnostics import Error
from irc.ir.types import f32
from irc.text.parser import parse_module
from support.mlir import accepts
from support.nets import SAMPLES, after, random_graph, sample_module

EVERYTHING = """
neuron.net @f(%a: f32, %b: f32, %v: tensor<3xf32>) -> (f32, tensor<2xf32>, f32) parameters 20 {
  %n = neuron.node relu(%a*w[0] + %b + w[1])
  %m = neuron.node relu_leaky<0.25>(max(%a*w[0], %n) + w[2])
  %k = neuron.node sigmoid(w[3])
  %z = neuron.node tanh()
  %p = neuron.node elu<2.0>(product(%k, %z*w[4]))
  %d = neuron.delta elu<2.0>(%p; %a*w[0] + %b)
  %e = neuron.delta relu(%n;)
  %s = neuron.share min[1](%a*w[0], %b)
  %t = neuron.merge multiply %d, %s, %e : f32
  %h = neuron.layer softmax(%v) #neuron.one_to_one<3>
  %y = neuron.layer tanh(%h*w[5:11] + w[11:13]) #neuron.dense<3, 2>
  neuron.output %t, %y, %m : f32, tensor<2xf32>, f32
}
"""


def round_trip(module) -> None:
    """Both forms read back equal, and stock MLIR takes the generic one."""
    pretty, generic = module.to_text(), module.to_text(generic=True)
    assert parse_module(pretty).to_text() == pretty  # type: ignore[attr-defined]
    assert parse_module(generic).to_text() == pretty  # type: ignore[attr-defined]
    assert parse_module(pretty).to_text(generic=True) == generic  # type: ignore[attr-defined]
    accepts(generic)


def test_all_ops_read_back():
    round_trip(parse_module(EVERYTHING))


@pytest.mark.parametrize("form", ["nodes", "dag"])
@pytest.mark.parametrize("name", SAMPLES)
def test_samples_read_back(name, form):
    round_trip(sample_module(name, form))


@pytest.mark.parametrize("seed", range(15))
def test_random_nets_read_back(seed):
    module = graph_to_module(random_graph(seed), "nodes", f32)
    round_trip(module)
    round_trip(after(module, "autodiff"))
    round_trip(after(module, "group-neurons,lower-neuron"))


def test_nodes_may_stand_in_any_order():
    text = """
    neuron.net @f(%a: f32) -> f32 parameters 2 {
      %c = neuron.node relu(%b*w[1])
      %b = neuron.node relu(%a*w[0])
      neuron.output %c : f32
    }
    """
    round_trip(parse_module(text))


HEAD = "neuron.net @f(%a: f32, %v: tensor<2xf32>) -> f32 parameters 2 {\n"
WRONG = {
    "a cycle": ("%b = neuron.node relu(%c)\n%c = neuron.node relu(%b)", "cycle: b -> c -> b"),
    "itself": ("%c = neuron.node relu(%c)", "cycle: c -> c"),
    "parameter": ("%c = neuron.node relu(%a*w[2])", r"c uses w\[2\], but there are 2 parameters"),
    "bias": ("%c = neuron.node relu(%a + w[7])", r"c uses w\[7\]"),
    "activation": ("%c = neuron.node rule(%a)", "unknown activation rule; known are: .* relu "),
    "no parameter": ("%c = neuron.node relu<0.1>(%a)", "relu takes no parameter"),
    "softmax": ("%c = neuron.node softmax(%a)", "softmax acts on a whole layer"),
    "aggregation": ("%c = neuron.node relu(mode(%a))", "unknown aggregation mode"),
    "empty max": ("%c = neuron.node relu(max())", "expected a value"),
    "two biases": ("%c = neuron.node relu(w[0] + w[1])", "expected a value"),
    "vector": ("%c = neuron.node relu(%v)", r"tensor<2xf32>, but is used as f32"),
    "layer width": (
        "%d = neuron.layer relu(%v) #neuron.dense<3, 2>\n%c = neuron.node relu(%a)",
        "is used as tensor<3xf32>",
    ),
    "layer edges": ("%d = neuron.layer relu(%v) #neuron.dense<2, 0>\n%c = neuron.node relu(%a)", "positive integers"),
    "layer weights": (
        "%d = neuron.layer relu(%v*w[0:3]) #neuron.dense<2, 1>\n%c = neuron.node relu(%a)",
        "has 2 of them",
    ),
    "layer range": ("%d = neuron.layer relu(%v*w[2:4]) #neuron.dense<2, 1>\n%c = neuron.node relu(%a)", r"uses w\[3\]"),
    "share": ("%s = neuron.share max[1](%a)\n%c = neuron.node relu(%s)", "no term 1 among 1"),
    "merge": ("%c = neuron.merge join %a : f32", "unknown kind join"),
    "integer": ("%d = neuron.node relu() : i32\n%c = neuron.node relu(%a)", "a float"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_say_what_and_where(what):
    text, message = WRONG[what]
    with pytest.raises(Error, match=message) as caught:
        parse_module(f"{HEAD}{text}\nneuron.output %c : f32\n}}\n")
    assert caught.value.diagnostics[0].line is not None


@pytest.mark.parametrize(
    "text, message",
    [
        ("neuron.net @f(%a: f32) -> f32 parameters 0 {\n}", "neuron.output"),
        ("neuron.net @f(%a: f32) -> f64 parameters 0 {\nneuron.output %a : f32\n}", "gives"),
        ("neuron.net @f(%a: i32) -> i32 parameters 0 {\nneuron.output %a : i32\n}", "float"),
        ("neuron.net @f() -> () parameters -1 {\nneuron.output\n}", "number of parameters"),
        ('neuron.net @f() -> () parameters 2 attributes {names = ["a"]} {\nneuron.output\n}', "1 names for 2"),
        ('neuron.net @f() -> () parameters 0 attributes {result_kinds = ["x"]} {\nneuron.output\n}', "result_kinds"),
        ("neuron.net @f() -> () parameters 0 attributes {argument_kinds = [3]} {\nneuron.output\n}", "argument_kinds"),
        (
            "func.func @g(%a: f32) -> f32 {\n%b = neuron.node relu(%a)\nfunc.return %b : f32\n}",
            "directly inside neuron.net",
        ),
    ],
)
def test_errors_of_nets(text, message):
    with pytest.raises(Error, match=message):
        parse_module(text)


def test_dag_graph_is_checked():
    text = sample_module("nn02.nam", "dag").to_text()
    for old, new, message in [
        ("sources = dense<[0, 1", "sources = dense<[9, 1", "edge 0 must come from"),
        ("outputs = dense<[4, 5]>", "outputs = dense<[4, 6]>", "output 1 is outside"),
        ("weights = dense<[0, 1", "weights = dense<[99, 1", r"w\[99\]"),
    ]:
        assert old in text
        with pytest.raises(Error, match=message):
            parse_module(text.replace(old, new))
