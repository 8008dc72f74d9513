"""Bad texts of networks: each error stands where it is, and says what would be right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.frontends import network
from irc.ir.diagnostics import Diagnostics, Error
from irc.ir.locations import Source
from irc.layers.names import LAYERS

TEXT = """\
network N:
  input_shape: [1, 28, 28]
  layers:
    cv: Conv2D(20, 5, 5)
    mp: MaxPool2D((2,2), (0,0), (2,2))
    fc: Linear(2880, 500)
    out: Linear(10)
  forward x:
    x.cv.relu.mp.flatten.fc.relu.out
"""
BODY = "x.cv.relu.mp.flatten.fc.relu.out"


def found(text: str) -> list[tuple[int | None, int | None, str]]:
    """Line, column and message of every error of a bad text, its notes behind it."""
    with pytest.raises(Error) as caught:
        network.parse(Source(text, "n.network"))
    every = [one for d in caught.value.diagnostics for one in (d, *d.notes) if d.severity == "error"]
    assert all(d.file == "n.network" for d in every), str(caught.value)
    return [(d.line, d.column, d.message) for d in every]


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def test_the_text_itself_is_good() -> None:
    network.parse(Source(TEXT, "n.network"))


# -- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            changed("2880", "800"),
            [
                (9, 26, "fc (Linear): takes 800 features, but [2880] came in, which has 2880"),
                (9, 18, "[2880] is what flatten gives"),
            ],
        ),
        (
            changed(".flatten", ""),
            [
                (9, 18, "fc (Linear): takes 2880 features, but [20, 12, 12] came in, which has 12; flatten it first"),
                (9, 15, "[20, 12, 12] is what mp (MaxPool2D) gives"),
            ],
        ),
        (
            changed("20, 5, 5", "20, 30, 5"),
            [
                (9, 7, "cv (Conv2D): a kernel of 30x5 is larger than its input, 28x28 ([1, 28, 28] came in)"),
                (8, 11, "[1, 28, 28] is the input x"),
            ],
        ),
        (
            changed("Conv2D(20", "Conv2D([3, 28, 28], 20"),
            [
                (9, 7, "cv (Conv2D): was told of the input [3, 28, 28], but [1, 28, 28] came in"),
                (8, 11, "[1, 28, 28] is the input x"),
            ],
        ),
        (
            changed("[1, 28, 28]", "[784]"),
            [
                (9, 7, "cv (Conv2D): takes a grid [channels, rows, columns] of known sizes, but [784] came in"),
                (8, 11, "[784] is the input x"),
            ],
        ),
        (
            changed(BODY, "let a = x.flatten.out\n    (x.cv.flatten.out, a)"),
            [
                (
                    10,
                    19,
                    "out (Linear) is used twice, so its weights are shared, but [11520] comes in here, and [784] at "
                    "its first use",
                ),
                (9, 23, "[784] comes in here"),
            ],
        ),
        (
            changed(BODY, "x + x.cv"),
            [
                (9, 7, "add: takes values of one shape, but [1, 28, 28] and [20, 24, 24] came in"),
                (8, 11, "[1, 28, 28] is the input x"),
                (9, 11, "[20, 24, 24] is what cv (Conv2D) gives"),
            ],
        ),
        (
            changed("Conv2D(20, 5, 5)", "Embedding(10, 3)"),
            [
                (
                    9,
                    7,
                    "cv (Embedding): takes integers, but [1, 28, 28] came in; an input of integers is int[1, 28, 28]",
                ),
                (8, 11, "[1, 28, 28] is the input x"),
            ],
        ),
        (changed(BODY, "x[3]"), [(9, 6, "index: there is no index 3 along axis 0 of [1, 28, 28]"), (8, 11, None)]),
        (
            changed(BODY, "x[0, 3..40]"),
            [(9, 6, "index: the part 3:41 is not within axis 1 of [1, 28, 28]"), (8, 11, None)],
        ),
        (changed(BODY, "x.reshape(10, -1)"), [(9, 7, "reshape: cannot make [10, -1] of [1, 28, 28]"), (8, 11, None)]),
        (
            changed("  input_shape: [1, 28, 28]\n", ""),
            [
                (
                    8,
                    7,
                    "cv (Conv2D): the shape of input x is not known; give it with input_shape, "
                    "or the layer's input size",
                )
            ],
        ),
        (changed("Linear(10)", "Linear(cv.outShape[0], 10)"), [(7, 20, None)]),
    ],
)
def test_shapes(text: str, wanted: list) -> None:
    """Which layer, what came in, what it needs, and where the shape came from."""
    places = found(text)
    assert [(line, column) for line, column, _ in places] == [(line, column) for line, column, _ in wanted]
    for (_, _, message), (_, _, expected) in zip(places, wanted, strict=True):
        assert expected is None or message == expected


# -- names and arguments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (changed("Conv2D", "Conv2"), [(4, 9, "there is no layer 'Conv2'; did you mean 'Conv2D'?")]),
        (
            changed("Linear(10)", "Linear(10, biass = true)"),
            [(7, 21, "Linear has no argument 'biass'; did you mean 'bias'?")],
        ),
        (changed("Linear(10)", "Linear(10, bias = 3)"), [(7, 10, "bias of Linear must be True or False, not 3")]),
        (changed("Linear(10)", "Linear(10, bias = true, bias = true)"), [(7, 34, "a second argument 'bias'")]),
        (changed("Linear(10)", "Linear(0)"), [(7, 10, "out_features of Linear must be an integer from 1 on, not 0")]),
        (
            changed("Linear(10)", "Linear(99999999999)"),
            [(7, 10, "out_features of Linear must be an integer from 1 to 2147483647, not 99999999999")],
        ),
        (changed("Linear(10)", "Linear(10 / 0)"), [(7, 20, "division by zero")]),
        (
            changed("Linear(10)", 'Linear("10")'),
            [(7, 10, "out_features of Linear must be an integer from 1 on, not '10'")],
        ),
        (
            changed("Linear(10)", "Linear(10, init = uniform(3, 1))"),
            [(7, 28, "uniform from 3 to 1: the lower bound comes first")],
        ),
        (
            changed("out: Linear", "fc: Linear").replace("relu.out", "relu.fc"),
            [(7, 5, "layer fc is declared twice"), (6, 5, "it is first declared here")],
        ),
        (
            changed("Conv2D(20, 5, 5)", "Conv2D(mp.outShape, 20, 5)"),
            [(4, 16, "layer mp is used before it is declared"), (5, 5, "it is declared here")],
        ),
        (
            changed("x.cv.", "x.qq."),
            [(9, 7, "there is no layer or function 'qq'; known here are cv, mp, fc, out, and functions such as relu")],
        ),
        (changed("relu.mp", "relux.mp"), [(9, 10, "there is no layer or function 'relux'; did you mean 'relu'?")]),
        (changed(BODY, "outt"), [(9, 5, "there is no name 'outt'; did you mean 'out'?")]),
        (changed("Conv2D(20, 5, 5)", "Embedding(10)"), [(4, 9, "Embedding needs embedding_dim")]),
        (changed("[1, 28, 28]", "[x]"), [(2, 16, None)]),
        (changed(BODY, "x.cv(x)"), [(9, 7, "cv (Conv2D): takes 1 value, not 2")]),
        (changed(BODY, "x.relu(3)"), [(9, 7, "relu takes at most 1 argument, not 2")]),
        (changed(BODY, "cv(x = x)"), [(9, 8, "cv has no argument 'x'; it takes none by name")]),
        (
            changed("input_shape: [1, 28, 28]", "inputs: x: int"),
            [(2, 14, "an input of integers needs a shape such as int[4]")],
        ),
        (changed("layers:", "layers n = 1, n = 2:"), [(3, 17, "two parameters of layers are called n")]),
        (changed(BODY, "3(x)"), [(9, 5, "'3' is no layer or function, so it cannot be called")]),
        (changed(BODY, "x + cv"), [(9, 7, "add: takes values of the net and numbers, not a Conv2D")]),
        (changed(BODY, "cv"), [(9, 5, "forward of N must give values of the net")]),
        (
            changed(BODY, "let y = x.cv"),
            [(9, 9, "the last line of forward must be its value, or be preceded by result = ...")],
        ),
        (changed(BODY, "let (a, b) = x.cv\n    a"), [(9, 9, "there are 2 names for one value")]),
        (changed(BODY, "let cv = x\n    cv"), [(9, 9, "cv is the name of a layer"), (4, 5, "the layer is here")]),
        (changed("forward x", "forward"), [(8, 3, "forward needs an input: forward x:")]),
        (
            changed("Linear(10)", "Linear(10, init = foo)"),
            [(7, 28, "there is no name 'foo'; known here are cv, mp, fc, and functions such as relu")],
        ),
        (
            changed(BODY, "x[0, 0].mean(axis = 5)"),
            [
                (9, 13, "mean: there is no axis 5 in [28]; the batch does not count"),
                (9, 6, "[28] is what index gives"),
            ],
        ),
        (
            changed(BODY, "stack(x[0, 0], x[0])"),
            [(9, 5, "stack: takes values of one shape, but [28], [28, 28] came in")],
        ),
        (
            changed("input_shape: [1, 28, 28]", "inputs: x: float[1, 28, 28]"),
            [(2, 14, "an input is a shape such as [4], or int[4] for integers")],
        ),
        (
            changed("Linear(10)", "LSTM(10, batch_first = false)"),
            [(7, 10, "LSTM takes no batch_first=False: arrays are [batch, steps, features]")],
        ),
        (
            changed("Linear(10)", "BatchNorm(track_running_stats = false)"),
            [(7, 10, None)],
        ),
        (changed("input_shape: [1, 28, 28]", "inputs: y: [3]"), [(2, 11, "forward has no argument 'y'; it takes x")]),
        (changed("[1, 28, 28]", "[1, 0, 28]"), [(2, 16, "input_shape must be an integer from 1 on, not 0")]),
        (changed("[1, 28, 28]", "[B, 28, 28]"), [(2, 16, None)]),
        (changed("Linear(2880, 500)", "Linear(2000000)"), [(1, 9, None)]),
        (changed("Linear(2880, 500)", "Linear(2000000000)"), [(9, 26, None)]),
    ],
)
def test_names_and_arguments(text: str, wanted: list) -> None:
    places = found(text)
    assert [(line, column) for line, column, _ in places] == [(line, column) for line, column, _ in wanted]
    for (_, _, message), (_, _, expected) in zip(places, wanted, strict=True):
        assert expected is None or message == expected


def test_layers_that_follow_from_a_wrong_one_are_not_called_wrong() -> None:
    """Only the first error would help."""
    text = changed("Conv2D", "Conv2").replace("MaxPool2D(", "MaxPool2D(cv.outShape, ")
    text = text.replace("Linear(10)", "Linear(mp.outShape[0], 10)")
    assert [(line, column) for line, column, _ in found(text)] == [(4, 9)]


def test_an_input_is_what_stands_among_the_layers() -> None:
    text = "network A:\n  input_shape: [5]\n  layers:\n    x: Input([4])\n    a: Linear(2)\n  forward x: x.a\n"
    assert found(text) == [
        (6, 11, "input x is [5], but it was told to be [4]"),
        (4, 5, "[4] is told of here"),
    ]


def test_a_network_as_a_layer_takes_what_it_says() -> None:
    inner = "network M:\n  input_shape: [3]\n  layers:\n    c: Linear(2)\n  forward x: x.c\n"
    text = f"{inner}network N:\n  input_shape: [4]\n  layers:\n    m: M()\n  forward x: x.m\n"
    assert found(text) == [
        (5, 11, "input x is [4], but it was told to be [3]"),
        (2, 3, "[3] is told of here"),
    ]
    network.parse(Source(text.replace("[4]", "[3]"), "n.network"))


def test_all_wrong_layers_are_told_of_at_once() -> None:
    text = changed("Conv2D", "Conv3D").replace("MaxPool2D", "MaxPol2D").replace("Linear(10)", "Linear(-1)")
    assert [line for line, _, _ in found(text)] == [4, 5, 7]


# -- networks in networks --------------------------------------------------------------------------------------------


def test_a_network_cannot_contain_itself() -> None:
    (place,) = found("network A:\n  layers:\n    a: A()\n  forward x:\n    x.a\n")
    assert place == (3, 8, "network A contains itself, or networks stand too deep in each other")


def test_networks_that_grow_without_bound_are_refused() -> None:
    """Each of thirty networks has the one before twice: 2^30 layers from sixty lines."""
    texts = ["network A0:\n  layers:\n    l: Linear(2)\n  forward x: x.l\n"]
    for k in range(1, 19):
        texts.append(f"network A{k}:\n  layers:\n    a: A{k - 1}()\n    b: A{k - 1}()\n  forward x: x.a.b\n")
    (place,) = found("".join(texts))
    assert place[2] == "the networks come to more than 100000 layers"


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("network A:\n  forward x: x\n", "a second network A"),
        ("", "network A needs a value for width; give it where it is a layer, or a default with '='"),
    ],
)
def test_wrong_networks(head: str, message: str) -> None:
    text = f"{head}network A:\n  layers width:\n    a: Linear(width)\n  forward x: x.a\n"
    assert found(text)[0][2] == message


# -- the grammar -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [(1, 1, "there is no network: it begins with 'network Name:'")]),
        ("network\n", [(1, 8, "expected the network's name, got the end of the line")]),
        ("network A:\n", [(1, 9, "network A is empty; it has the sections layers and forward")]),
        ("network A:\n  layers:\n    a: Linear(2)\n", [(1, 9, "network A has no section forward")]),
        ("network A:\n  forward x:\n", [(2, 3, "forward of A is empty")]),
        (
            changed("layers:", "leyers:"),
            [(3, 3, "expected a section (context, input_shape, inputs, layers, forward), got 'leyers'")],
        ),
        (
            changed("  layers:", "  forward x: x\n  layers:"),
            [(9, 3, "a second section forward of network N"), (3, 3, "the first is here")],
        ),
        (changed(BODY, "x.cv ? 3"), [(9, 10, "expected the end of the line, got '?'")]),
        (changed(BODY, "if x: x"), [(9, 5, "there is no if in forward: it is values and assignments")]),
        (changed(BODY, f"return {BODY}"), [(9, 5, "there is no return in forward: its last line is the value")]),
        (
            changed("[1, 28, 28]", "1x28x28"),
            [(2, 17, "expected a list such as [1, 28, 28] as the shape, got 'x28x28'")],
        ),
        (
            changed("[1, 28, 28]", "1, 28, 28"),
            [(2, 17, "expected a list such as [1, 28, 28] as the shape, got ','")],
        ),
        (
            changed("  layers:", "  inputs: x: [1, 28, 28]\n  layers:"),
            [
                (3, 3, "the shapes of the inputs are given twice, by inputs and by input_shape"),
                (2, 3, "section input_shape is here"),
            ],
        ),
        (
            changed("[1, 28, 28]", "[1, 28, 28],"),
            [(2, 27, "expected a list such as [1, 28, 28] as the shape, got ','")],
        ),
        (changed(BODY, f"{BODY},"), [(9, 5 + len(BODY), "expected the end of the line, got ','")]),
        (changed(BODY, "x.cv("), [(10, 1, "expected a value, got the end of the line")]),
        (changed(BODY, "x.cv\n      x.cv"), [(10, 7, "expected no line to be indented under 'x', got 'x'")]),
        (changed("    mp:", "   mp:"), [(5, 4, None)]),
        (
            changed("cv: Conv2D(20, 5, 5)", "cv"),
            [(4, 7, "expected ':' and the layer, such as Linear(500), got the end of the line")],
        ),
        (
            changed("Conv2D(20, 5, 5)", "3"),
            [(4, 5, "layer cv must be a kind of layer and its arguments, such as Linear(500)")],
        ),
        (changed(BODY, "(" * 100_000 + "x"), [(9, 37, "brackets stand in each other more than 32 deep")]),
        (changed(BODY, "[" * 100_000 + "x"), [(9, 37, "brackets stand in each other more than 32 deep")]),
        (TEXT + "\0", [(10, 1, "not a text file: it has a NUL character")]),
    ],
)
def test_grammar(text: str, wanted: list) -> None:
    places = found(text)
    assert [(line, column) for line, column, _ in places] == [(line, column) for line, column, _ in wanted]
    for (_, _, message), (_, _, expected) in zip(places, wanted, strict=True):
        assert expected is None or message == expected


def test_long_chains_are_no_nesting() -> None:
    """A chain of ten thousand functions is read step by step, not by recursion."""
    body = "x" + ".relu" * 10_000
    module = network.parse(Source(f"network N:\n  input_shape: [2]\n  forward x: {body}\n", "n.network"))
    assert sum(1 for _ in module.walk()) > 10_000


def test_empty_lines_within_a_chain_are_looked_at_once() -> None:
    """By squares this would take hours."""
    text = "network N:\n  input_shape: [2]\n  forward x:\n    x\n" + "\n" * 200_000 + "    .relu\n"
    module = network.parse(Source(text, "n.network"))
    assert "relu" in str(module)


@settings(max_examples=300)
@given(
    st.text(alphabet="networkNxlayersforward:(),.[]=+-*/ \n\t_01aLinear\"#'@", max_size=80), st.integers(0, len(TEXT))
)
def test_no_text_breaks_the_reader(junk: str, at: int) -> None:
    """Whatever stands anywhere in a text gives a net or errors of the text."""
    text = TEXT[:at] + junk + TEXT[at:]
    try:
        network.parse(Source(text, "n.network"), diagnostics=Diagnostics())
    except Error as error:
        assert all(d.line is not None for d in error.diagnostics if d.severity == "error"), str(error)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(TEXT.split() + ["\n", "\n  ", "\n    ", "(", ")", "let ", "= "]), max_size=40))
def test_no_words_break_the_reader(words: list[str]) -> None:
    try:
        network.parse(Source("network N:\n  forward x:\n    " + " ".join(words), "n.network"))
    except Error as error:
        assert all(d.line is not None for d in error.diagnostics if d.severity == "error"), str(error)


ATOMS = (
    "0",
    "2",
    "-1",
    "3.5",
    "true",
    "x",
    "a",
    "(2, 2)",
    "[1, 6, 6]",
    "he",
    "uniform(0, 1)",
    "relu",
    "T",
    "a.outShape",
    '"t"',
)
KINDS = tuple(layer.kind for layer in LAYERS.values())


@settings(max_examples=400)
@given(
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(ATOMS), max_size=3),
    st.sampled_from(("[4]", "[1, 6, 6]", "[T, 3]", "int[3]")),
    st.sampled_from(
        ("x.a", "a(x, x)", "x.a.relu", "a()", "x.a[0]", "x.a + x", "-x.a / 2", "x.a.mean(axis = 0)", "stack(x.a, x)")
    ),
)
def test_no_arguments_break_a_layer(kind: str, given_arguments: list[str], shape: str, body: str) -> None:
    """Whatever a layer is told, and whatever comes in."""
    made = f"{kind}({', '.join(given_arguments)})"
    text = f"network N:\n  input_shape: {shape}\n  layers:\n    a: {made}\n  forward x: {body}\n"
    try:
        network.parse(Source(text, "n.network"))
    except Error as error:
        assert all(d.line is not None for d in error.diagnostics if d.severity == "error"), str(error)
