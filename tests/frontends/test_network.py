"""``.network``: the grammar, what its parts mean, and that the same net comes out as from Python."""

from __future__ import annotations

import numpy as np
import pytest

import irc
from irc import layers as L
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron import Layer, Net
from irc.frontends import network
from irc.ir.attributes import python_value
from irc.ir.diagnostics import Diagnostics
from irc.ir.locations import Source
from irc.ir.types import f32, f64
from irc.ir.verifier import verify
from irc.layers.to_ir import LAYERS
from irc.tools.report import report
from support.gate import pass_gate

PROPOSAL = """\
network ctx, DemoNet:
  context: ctx
  input_shape: [1, 28, 28]              # without the batch
  layers:
    cv1: Conv2D(20, 5, 5)
    mp1: MaxPool2D((2,2), (0,0), (2,2))
    cv2: Conv2D(50, 5, 5)
    mp2: MaxPool2D((2,2), (0,0), (2,2))
    hidden: Linear(500)
    classifier: Linear(10)
  forward x:
    x.cv1.relu.mp1.cv2.relu.mp2.flatten.hidden.relu.classifier
"""
EXPLICIT = """\
network DemoNet:
  layers:
    cv1:        Conv2D(@[1, 28, 28], outChannels = 20, kernelSize = (5, 5))
    mp1:        Maxpool2D(cv1.outShape, (2,2), (0,0), (2,2))
    cv2:        Conv2D(mp1.out_shape, 50, (5, 5))
    mp2:        MaxPool2D(cv2.outShape, (2,2), (0,0), (2,2))
    fl:         Flatten(mp2.outShape)
    hidden:     Linear(fl.outShape[0], 500)
    classifier: Linear(500, 10)
  forward x:
    x.cv1.relu.mp1.cv2.relu.mp2.fl.hidden.relu.classifier
"""
WITH_INPUT = """\
network ctx, DemoNet:
  layers:
    x:          Input([1, 28, 28])
    cv1:        Conv2D(x.out_shape, 20, 5, 5)
    mp1:        MaxPool2D(cv1.out_shape, (2,2), (0,0), (2,2))
    cv2:        Conv2D(mp1.out_shape, 50, 5, 5)
    mp2:        MaxPool2D(cv2.out_shape, (2,2), (0,0), (2,2))
    fl:         Flatten(mp2.out_shape)
    hidden:     Linear(fl.out_shape, 500)
    classifier: Linear(500, 10)
  forward x:
    x.cv1.relu.mp1.cv2.relu.mp2.fl.hidden.relu.classifier
"""


def parse(text: str, **options) -> ModuleOp:
    module = network.parse(Source(text, "n.network"), **options)
    verify(module)
    return module


def entry(text: str, **options):
    """The net, or the function, of a text."""
    return parse(text, **options).body.last


def simple(layers: str, body: str, shape: str = "[4]", head: str = "", arguments: str = "x") -> str:
    """A text with these layers (lines) and this body (lines)."""
    indented = ["\n".join(f"    {line}" for line in part.split("\n")) for part in (layers, body)]
    declared = f"  layers:\n{indented[0]}\n" if layers else ""
    given = f"  input_shape: {shape}\n" if shape else ""
    return f"{head}network N:\n{given}{declared}  forward {arguments}:\n{indented[1]}\n"


def ops(net) -> list[str]:
    """The net's ops as text."""
    return [line.strip() for line in str(net).splitlines() if " = neuron." in line]


def layers_of(net) -> list[list]:
    """Name, kind, shape and number of parameters of each input and layer."""
    return python_value(net.attributes[LAYERS])


# -- the two styles --------------------------------------------------------------------------------------------------


def test_the_proposal_runs_as_it_stands() -> None:
    """Only output sizes are given; the rest follows from the forward section."""
    net = entry(PROPOSAL)
    assert isinstance(net, Net)
    assert layers_of(net) == [
        ["x", "input", "[1, 28, 28]", 0],
        ["cv1", "Conv2D", "[20, 24, 24]", 520],
        ["mp1", "MaxPool2D", "[20, 12, 12]", 0],
        ["cv2", "Conv2D", "[50, 8, 8]", 25050],
        ["mp2", "MaxPool2D", "[50, 4, 4]", 0],
        ["hidden", "Linear", "[500]", 400500],
        ["classifier", "Linear", "[10]", 5010],
    ]
    assert ops(net) == [
        "%cv1 = neuron.layer relu(%x*w[0:500] + w[500:520]) #neuron.conv2d<1x28x28, 20, 5x5>",
        "%mp1 = neuron.layer identity(max(%cv1)) #neuron.pool2d<20x24x24, 2x2>",
        "%cv2 = neuron.layer relu(%mp1*w[520:25520] + w[25520:25570]) #neuron.conv2d<20x12x12, 50, 5x5>",
        "%mp2 = neuron.layer identity(max(%cv2)) #neuron.pool2d<50x8x8, 2x2>",
        "%hidden = neuron.layer relu(%mp2*w[25570:425570] + w[425570:426070]) #neuron.dense<800, 500>",
        "%classifier = neuron.layer identity(%hidden*w[426070:431070] + w[431070:431080]) #neuron.dense<500, 10>",
    ]


def test_explicit_shapes_give_the_same_net() -> None:
    """The later style: shapes are chained by outShape, and the input's follows from the first layer."""
    assert ops(entry(EXPLICIT)) == ops(entry(WITH_INPUT)) == ops(entry(PROPOSAL))


def test_python_gives_the_same_net() -> None:
    class DemoNet(L.Module):
        input_shape = (1, 28, 28)

        def __init__(self) -> None:
            self.cv1, self.mp1 = L.Conv2D(20, 5), L.MaxPool2D(2)
            self.cv2, self.mp2 = L.Conv2D(50, 5), L.MaxPool2D(2)
            self.hidden, self.classifier = L.Linear(500), L.Linear(10)

        def forward(self, x):
            x = self.mp1(L.relu(self.cv1(x)))
            x = self.mp2(L.relu(self.cv2(x)))
            return self.classifier(L.relu(self.hidden(L.flatten(x))))

    module = L.to_module(DemoNet().trace())
    verify(module)
    assert str(module) == str(parse(PROPOSAL))


def test_every_op_knows_its_line() -> None:
    net = entry(PROPOSAL)
    places = {op.location.name: op.location.file_location().line for op in net.block if isinstance(op, Layer)}
    assert places == dict.fromkeys(("cv1", "mp1", "cv2", "mp2", "hidden", "classifier"), 12)


@pytest.mark.parametrize("text", [PROPOSAL, simple("a: GRU(3)\nb: LayerNorm()", "let (y, h) = x.a\ny.b", "[T, 2]")])
def test_the_text_passes_the_gate(text: str) -> None:
    """What comes out is accepted by stock MLIR and reads back equal."""
    pass_gate(parse(text))


def test_element_type() -> None:
    text = simple("a: Linear(2)", "x.a")
    assert entry(text).element is f32
    assert entry(text, dtype=f64).element is f64


# -- the grammar -----------------------------------------------------------------------------------------------------

ONE = ops(entry(simple("a: Linear(3)\nb: Linear(2)", "x.a.relu.b")))


@pytest.mark.parametrize(
    "body",
    [
        "b(relu(a(x)))",
        "x.a.relu().b()",
        "let h = x.a.relu\nh.b",
        "let\n  h = x.a\n  g = h.relu\ng.b",
        "var h = x.a\nh = h.relu\nh = h.b\nh",
        "result = x.a.relu.b",
        "result = x\nresult = result.a.relu.b",
        "x\n  .a\n  .relu\n  .b",
        "b(\nrelu(\na(x)))  # brackets keep a line open",
        "x.a.Re_LU.b",
        "let (p, q) = (x.a, x)\np.relu.b",
        "let p = (x, x.a.relu)\np[1].b",
    ],
)
def test_ways_to_write_one_net(body: str) -> None:
    """Chains are calls, names may stand for values, and case and underscores of functions do not count."""
    assert ops(entry(simple("a: Linear(3)\nb: Linear(2)", body))) == ONE


@pytest.mark.parametrize(
    "text",
    [
        simple("a: Linear(3)\nb: Linear(2)", "x.a.relu.b").replace("\n", "\r\n"),
        "\ufeff" + simple("a: Linear(3)\n\nb: Linear(2)", "x.a.relu.b").replace("  ", "\t"),
        simple("a: Linear(3)\nb: Linear(2)", "x.a.relu.b", arguments="(x)").replace("input_shape:", "inputs: x:"),
        simple("a: Linear(4, 3)\nb: Linear(3, numOutput = 2)", "x.a.relu.b").replace(
            "input_shape: [4]", "inputs:\n    x: [4]"
        ),
        simple("a: Linear(h)\nb: Linear(o * 1)", "x.a.relu.b", "[H + 1]", "const H = 3\n").replace(
            "layers:", "layers h = H, o = 4 / 2:"
        ),
        simple("a: Linear(3),\nb: Linear(2),", "x.a.relu.b"),
        simple("a: Linear(3),  # the first\n\nb: Linear(2)", "x.a.relu.b"),
        simple("a: Linear(3)\nb: Linear(2)", "x.a.relu.b").replace("input_shape:", "inputs: x:").replace("4]", "4],"),
        simple("a: Linear(3)\nb: Linear(2)", "x.a.relu.b").replace("input_shape: [4]", "inputs:\n    x: [4],"),
    ],
)
def test_ways_to_lay_it_out(text: str) -> None:
    assert ops(entry(text)) == ONE


def test_behind_a_comma_a_line_goes_on_if_the_next_is_indented_further() -> None:
    """So a comma too much ends nothing but its own line."""
    inputs = "  inputs: x: [4],\n    y: [3]\n"
    text = simple("", "concat(x, y)", arguments="x, y").replace("  input_shape: [4]\n", inputs)
    assert [row[:3] for row in layers_of(entry(text))] == [["x", "input", "[4]"], ["y", "input", "[3]"]]


def test_numbers_are_computed() -> None:
    found = entry(simple("a: Linear(2 * (3 + 4) - 10 / 5)", "x.a"))
    assert layers_of(found)[1] == ["a", "Linear", "[12]", 60]


def test_arithmetic_of_values() -> None:
    """Sums and products of values are merges; with numbers, differences and quotients, array ops."""
    assert " = neuron.merge add" in str(entry(simple("a: Linear(4)", "x.a + x")))
    assert " = neuron.merge multiply" in str(entry(simple("a: Linear(4)", "x.a *. x")))
    text = str(entry(simple("a: Linear(4)", "-(x.a - x) / 2.0 + 1")))
    assert [word in text for word in ("arith.subf", "arith.divf", "arith.addf")] == [True] * 3


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        ("[0]", "[4, 5]"),
        ("[-1, _, 2]", "[4]"),
        ("[_, 1..2]", "[3, 2, 5]"),
        ("[_, 1..<2]", "[3, 1, 5]"),
        ("[1:3, :, 0]", "[2, 4]"),
        ("[0..-2]", "[2, 4, 5]"),
        ("[1..]", "[2, 4, 5]"),
    ],
)
def test_indices(index: str, shape: str) -> None:
    """Without the batch; a range ends with its last element, unless it is written with < or a colon."""
    found = entry(simple("d: Dropout(0.5)", f"let y = x{index}\ny.d", "[3, 4, 5]"))
    assert layers_of(found)[1][2] == shape


def test_initialisers() -> None:
    net = entry(simple("a: Linear(3, init = uniform(-0.5, 0.5))\nb: Linear(2, init = xavier)\nc: Linear(1)", "x.a.b.c"))
    rules = {tensor.label: (tensor.initializer, tensor.numbers) for tensor in net.parameter_tensors}
    assert rules["a.weight"] == ("uniform", (-0.5, 0.5))
    assert rules["b.weight"] == ("xavier", ())
    assert rules["c.weight"] == ("kaiming_normal", ())
    assert rules["a.bias"] == ("zero", ())


# -- several networks, inputs, outputs -------------------------------------------------------------------------------


def test_networks_are_layers_of_others() -> None:
    """Their parameters are called by the path; parameters of layers are given in brackets."""
    text = """
network Block:
  layers width, twice = 2:
    inner: Linear(width * twice)
  forward x:
    x.inner.tanh

network Whole:
  input_shape: [4]
  layers:
    first: Block(3)
    second: Block(width = 5, twice = 1)
  forward x:
    x.first.second
"""
    net = entry(text)
    assert [tensor.label for tensor in net.parameter_tensors] == [
        "first.inner.weight", "first.inner.bias", "second.inner.weight", "second.inner.bias",
    ]  # fmt: skip
    assert ops(net)[1].endswith("#neuron.dense<6, 5>")


def test_a_shared_layer_has_one_set_of_weights() -> None:
    net = entry(simple("a: Linear(4)", "x.a.relu.a"))
    assert net.parameter_count == 20
    assert [op[: op.index(")")] for op in ops(net)] == [
        "%a = neuron.layer relu(%x*w[0:16] + w[16:20]",
        "%a_0 = neuron.layer identity(%a*w[0:16] + w[16:20]",
    ]


def test_several_inputs_and_outputs() -> None:
    text = """
network Two:
  inputs: x: [3], y: [2, 2]
  layers:
    a: Linear(4)
  forward x, y:
    let s = x.a + y.flatten
    (s, s.relu)
"""
    function = entry(text)
    assert isinstance(function, FuncOp)
    net = irc.compile(text)
    x, y = np.ones((5, 3), np.float32), np.full((5, 2, 2), -0.5, np.float32)
    s, r = net.run(x, y)
    expected = x @ net.params["a.weight"].T + net.params["a.bias"] + y.reshape(5, 4)
    assert np.allclose(s, expected, atol=1e-6)
    assert np.array_equal(r, np.maximum(s, 0))


def test_the_gru_classifier() -> None:
    """Arraymancer's example 05: each layer's last hidden state is read; the batch stands first and is not written."""
    text = """
const HiddenSize = 8
network TheGRUNet:
  layers:
    gru1: GRULayer(1, HiddenSize, 4)
    fc1: Linear(HiddenSize, 6)
    fc2: Linear(6 * 4, 3)
  forward x, hidden0:
    let
      (output, hiddenN) = gru1(x, hidden0)
      clf1 = hiddenN[0, _].fc1.relu
      clf2 = hiddenN[1, _].fc1.relu
      clf3 = hiddenN[2, _].fc1.relu
      clf4 = hiddenN[3, _].fc1.relu
    let classifier = stack(clf1, clf2, clf3, clf4, axis = 1)
    result = classifier.flatten.fc2
"""
    assert layers_of(entry(text)) == [
        ["x", "input", "[T, 1]", 0],
        ["hidden0", "input", "[4, 8]", 0],
        ["gru1", "GRU", "[T, 8], [4, 8]", 1560],
        ["fc1", "Linear", "[6]", 54],
        ["fc2", "Linear", "[3]", 75],
    ]


def test_tuples_in_tuples() -> None:
    """What an LSTM gives is the outputs and a pair; its first state is given as one."""
    text = simple("a: LSTM(3)\nb: LSTM(3)", "let (y, (h, c)) = x.a\nlet (z, _) = b(y, (h, c))\n(z, c)", "[5, 2]")
    assert [list(type.shape)[1:] for type in entry(text).type.results] == [[5, 3], [1, 3]]


def test_integer_inputs() -> None:
    """They are written int[...]; where an embedding reads an input of unknown shape, it is one of integers."""
    given = entry(simple("e: Embedding(9, 4)", "x.e", "int[6]"))
    assert layers_of(given)[0] == ["x", "input", "int[6]", 0]
    assert layers_of(entry(simple("e: Embedding(9, 4)", "x.e", "")))[0] == ["x", "input", "int[T]", 0]


SMALL = simple("cv: Conv2D(2, 3, 3)\nmp: MaxPool2D(2)\nout: Linear(3)", "x.cv.tanh.mp.flatten.out", "[1, 6, 6]")


def test_a_small_convolutional_net_is_a_plain_graph_with_shared_weights() -> None:
    """As single neurons it gives the same numbers and gradients: a shared weight is one parameter of many edges."""
    layers, neurons = (irc.compile(SMALL, dtype="float64", structure=s) for s in ("data", "code"))
    assert list(layers.params) == list(neurons.params) == ["cv.weight", "cv.bias", "out.weight", "out.bias"]
    rng = np.random.default_rng(0)
    neurons.params.flat = layers.params.flat = rng.normal(size=layers.params.flat.size)
    x, dy = rng.normal(size=(5, 36)), rng.normal(size=(5, 3))
    (y, gradients), (other_y, other_gradients) = layers.vjp(x, dy), neurons.vjp(x, dy)
    assert np.allclose(y, other_y, rtol=1e-12, atol=1e-12)
    assert np.allclose(gradients.x, other_gradients.x, rtol=1e-12, atol=1e-12)
    assert np.allclose(gradients.params.flat, other_gradients.params.flat, rtol=1e-12, atol=1e-12)


def test_the_table_of_layers_is_shown() -> None:
    """What each layer gives, and its parameters: by ``summary``, and by ``irc show``, which indents it."""
    net = irc.compile(SMALL)
    title, blank, *table = net.summary().split("\n")
    assert (title, blank) == ("net N: float32, 188 bytes", "")
    assert table == [
        "layer  kind       gives      parameters",
        "---------------------------------------",
        "x      input      [1, 6, 6]           0",
        "cv     Conv2D     [2, 4, 4]          20",
        "mp     MaxPool2D  [2, 2, 2]           0",
        "out    Linear     [3]                27",
        "---------------------------------------",
        "total                                47",
    ]
    assert report(net).split("layers\n")[1].split("\n\n")[0].split("\n") == [f"  {line}" for line in table]


# -- files -----------------------------------------------------------------------------------------------------------


def test_a_file_is_known_by_its_ending_and_a_text_by_its_first_word(tmp_path) -> None:
    text = simple("a: Linear(2)", "x.a")
    path = tmp_path / "small.network"
    path.write_text(text)
    for source in (path, text, f"# a comment\nconst A = 2\n{text}"):
        assert irc.compile(source).name == "N"


def test_options_for_graphs_are_refused() -> None:
    with pytest.raises(irc.Error, match="options outputs, act and out_act are for graphs; a network of layers says"):
        irc.compile(simple("a: Linear(2)", "x.a"), outputs=[0])


# -- warnings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (simple("a: Linear(2)\nb: Linear(3)", "x.a"), [(5, 5, "layer b (Linear) is never used; it has no parameters")]),
        (simple("a: Linear(2)", "x.a\nx.a"), [(6, 5, "what this line gives is not used")]),
        (
            simple("a: Linear(2)", "x.a", "", arguments="x, y")
            .replace("Linear(2)", "Linear(4, 2)")
            .replace("  layers", "  inputs: y: [1]\n  layers"),
            [(5, 14, "input y is never used")],
        ),
        (
            "network A:\n  forward x: x\n" + simple("a: Linear(2)", "x.a"),
            [(1, 9, "network A is never used; the last one is the net")],
        ),
    ],
)
def test_warnings(text: str, wanted: list) -> None:
    diagnostics = Diagnostics()
    net = entry(text, diagnostics=diagnostics)
    assert [(d.line, d.column, d.message) for d in diagnostics.found] == wanted
    assert "b.weight" not in str(net)
