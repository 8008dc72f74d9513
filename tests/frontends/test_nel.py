"""`.nel`: the grammar, every kind of bad text, nothing lost, and speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import irc
from irc.dialects.activations import ACTIVATIONS
from irc.emit.nel import nel
from irc.frontends.graph import Graph
from irc.frontends.nel import parse as parse_nel
from irc.frontends.text import hexadecimal
from irc.ir.diagnostics import Error
from irc.ir.locations import Source
from support.graphs import facts, wild_graph
from support.nets import SAMPLES, sample_graph


def parse(text: str, **options) -> Graph:
    return parse_nel(Source(text, "t.nel"), **options)


def errors(text: str, **options) -> list[tuple[int | None, int | None, str]]:
    """Line, column and message of every diagnostic of a bad text."""
    with pytest.raises(Error) as caught:
        parse(text, **options)
    return [(d.line, d.column, d.message) for d in caught.value.diagnostics]


def test_plain_list():
    graph = parse("% edges\nN 6\n0 2\n1 2\n2 3\n2 4\n3 : 03\n")
    assert graph.inputs.tolist() == [0, 1, 5] and graph.outputs.tolist() == [3, 4, 5]
    assert [str(graph.activation_of(n)) for n in (2, 3, 4)] == ["identity", "relu", "identity"]
    assert graph.parameter_names == ("w0002", "w0102", "w0203", "w0204")
    assert graph.initial is None and graph.labels is None and graph.name == "t"
    assert [w.message for w in graph.warnings] == ["neuron n05 has no edges: it is an input and an output"]


def test_everything_that_a_line_can_say():
    graph = parse(
        'N 5\nnet "x"\noutputs 04,02\n0 2 w=.5 p=2 # half\n01 02 p=2\n2 3 w=-1E-3\n3 4\n'
        '02 : relu_leaky<0.25> agg=max bias=0.25 pb=0 label="x \\"y"\n3:tanh bias\n4 : sigmoid\n'
        'param 2 name="shared"\nparam 5 w=7\n'
    )
    assert graph.name == "x" and graph.outputs.tolist() == [4, 2]
    assert graph.parameter.tolist() == [2, 2, 1, 3] and graph.bias.tolist() == [-1, -1, 0, 4, -1]
    assert graph.parameter_count == 6
    np.testing.assert_array_equal(graph.initial, [0.25, -0.001, 0.5, np.nan, np.nan, 7])
    assert str(graph.activation_of(2)) == "relu_leaky<0.25>" and graph.aggregation_of(2) == "max"
    assert graph.labels == ("n00", "n01", 'x "y', "n03", "n04")
    assert graph.parameter_names[2] == "shared"


def test_lexical_freedom():
    graph = parse("\ufeff% comment\n#\r\n\nn 0004%four\r\n0 2 p = 0\r\n\t01\t0002 w=1. p=1\n0003 : 0 # const\n")
    assert graph.source.tolist() == [0, 1] and graph.parameter.tolist() == [0, 1]
    assert graph.inputs.tolist() == [0, 1]
    assert parse("\ufeffN 2\n0 1").edge_count == 1
    assert parse("N 2\n00 01 w=1\v\n").edge_count == 1


def test_order_of_lines_is_the_order_of_the_in_set_however_they_are_written():
    graph = parse("N 5\n3 4\n1 4 # a comment\n0 4 w=1\n2 4 w = 2\n")
    assert graph.source.tolist() == [3, 1, 0, 2]
    assert graph.edge_location(3).file_location().line == 5


def test_inputs_and_constants():
    assert parse("N 3\n0 2\n1 : tanh\n").inputs.tolist() == [0]
    assert parse("N 3\n0 2\n1 : bias=1\n").inputs.tolist() == [0]
    assert parse('N 3\n0 2\n1 : label="x"\n').inputs.tolist() == [0, 1]
    stated = parse("N 3\n0 2\ninputs 0\n0 : 00\n")  # an identity on an input is what it is anyway
    assert stated.inputs.tolist() == [0] and stated.warnings == ()
    assert "it is a constant" in parse("N 3\n0 2\n1 : tanh\n").warnings[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (1, 1, "expected a line 'N <number of neurons>'")),
        ("0 1\nN 2\n", (2, 1, "the N line must come before")),
        ("N 2\nN 2\n0 1", (2, 1, "a second N line")),
        ("N\n", (1, 2, "expected the number of neurons (hexadecimal)")),
        ("N x\n", (1, 3, "expected the number of neurons (hexadecimal), not 'x'")),
        ("N 2 3\n", (1, 5, "unexpected '3'")),
        ("N 0\n", (1, 1, "a net needs at least one neuron")),
        ("N 100000000\n0 1\n", (1, 1, "fewer than 2**31")),
        ("N 2\n0 g\n", (2, 3, "expected the number of a neuron (hexadecimal), not 'g'")),
        ("N 2\n0 2\n", (2, 3, "neuron 02 is out of range: N is 02 (2), so the last neuron is 01")),
        ("N 2\n0 1\n  9 : 3\n", (3, 3, "neuron 09 is out of range")),
        ("N 2\n0 1\noutputs 1,7\n", (3, 11, "neuron 07 is out of range")),
        ("N 2\n0 1\n0 1\n", (3, 1, "edge n00 -> n01 is given twice")),
        ("N 2\n0 1\n1 0\n", (3, 1, "cycle: n00 -> n01 -> n00")),
        ("N 2\n0 1 w=abc\n", (2, 7, "expected a weight, not 'abc'")),
        ("N 2\n0 1 w=1e999\n", (2, 1, "a weight is a finite number, not '1e999'")),
        ("N 2\n0 1 w=nan\n", (2, 7, "expected a weight, not 'nan'")),
        ("N 2\n0 1 w=1 w=2\n", (2, 9, "w is given twice")),
        ("N 2\n0 1 x=1\n", (2, 5, "expected one of w p delay, not 'x'")),
        ("N 2\n0 1 p=1\n", (2, 1, "parameter 01 is out of range")),
        ("N 3\n0 2 w=1 p=0\n1 2 w=2 p=0\n", (3, 1, "parameter 0 starts at 2.0 here, but at 1.0 before")),
        ("N 2\n0 1\n1 : 09\n", (3, 5, "unknown function code '09'")),
        ("N 2\n0 1\n1 : foo\n", (3, 5, "unknown activation 'foo'")),
        ("N 2\n0 1\n1 : softmax\n", (3, 5, "softmax acts on a whole layer")),
        ("N 2\n0 1\n1 : relu agg=avg\n", (3, 14, "expected one of sum product")),
        ("N 2\n0 1\n1 : 3\n1 : 3\n", (4, 1, "a second line for neuron '01'")),
        ('N 2\n0 1\n1 : label="a\n', (3, 11, "not a string")),
        ('N 2\n0 1\n1 : label=a\n', (3, 11, "expected a label in double quotes")),
        ('N 2\n0 1\n0 : label="a"\n1 : label="a"\n', (4, 1, "label 'a' is used for two neurons")),
        ('N 2\n0 1\n0 : label=""\n', (3, 1, "neuron 0 has an empty label")),
        ("N 2\n0 1\ninputs 0,1\n", (2, 1, "input n01 has an edge into it")),
        ("N 2\n0 1\ninputs 0\n0 : relu\n", (4, 1, "neuron 00 is an input, and an input computes nothing")),
        ("N 2\n0 1\noutputs\n", (3, 1, "no outputs")),
        ("N 2\n0 1\noutputs 1,\n", (3, 11, "expected the number of a neuron (hexadecimal) after ','")),
        ("N 2\n0 1\noutputs 1\noutputs 1\n", (4, 1, "a second line of outputs")),
        ('N 3\n0 2\n1 2\nparam 0 name="a"\nparam 1 name="a"\n', (5, 7, "two parameters have the name 'a'")),
        ("N 2\n0 1\nparam 0\nparam 0\n", (4, 1, "a second line for parameter 0x0")),
        ("N 2\n0 1\n1 : agg=max bias\n0 : agg=max\n", (4, 1, "neuron n00 has no in-edges: their max is not defined")),
        ("N 2\n0 1\0", (2, 4, "not a text file: it has a NUL character")),
        ('N 2\n0 1\nnet ""\n', (3, 1, "the name of a net is not empty")),
    ],
)
def test_bad_text(text, expected):
    line, column, message = expected
    found = [(at, where) for at, where, what in errors(text) if message in what]
    assert found == [(line, column)]


def test_all_errors_are_reported_together_in_order():
    found = errors("N 3\nx\n0 1 w=\n0 7\n1 : 9\n2 : nope\n")
    assert [line for line, _, _ in found] == [2, 3, 4, 5, 6]


def test_nothing_is_allocated_for_a_claim():
    with pytest.raises(Error, match="would take"):
        parse("N 7fffffff\n0 1\n")
    assert errors("N " + "f" * 5000 + "\n0 1")[0][:2] == (1, 1)
    assert "out of range" in errors("N 2\n0 " + "f" * 5000)[0][2]
    assert "out of range" in errors("N 2\n0 1 p=" + "f" * 5000)[0][2]


def test_a_million_declared_neurons_with_two_edges():
    graph = parse("N f4240\n0 2\n1 2\n2 : relu\n")
    assert graph.neuron_count == 1_000_000 and len(graph.inputs) == 999_999
    assert len(graph.warnings) < 20


def test_codes_are_no_names():
    assert not [name for name in ACTIVATIONS if hexadecimal(name) is not None]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_come_back(name):
    graph = sample_graph(name)
    assert facts(parse(nel(graph))) == facts(graph)


@given(st.integers(0, 2**32))
@example(0)
def test_everything_survives(seed):
    graph = wild_graph(seed)
    text = nel(graph)
    back = parse(text)
    assert facts(back) == facts(graph)
    assert nel(back) == text
    assert not [w for w in back.warnings if "constant" in w.message]


def test_labels_that_utf8_cannot_encode_are_escaped():
    graph = parse('N 2\n0 1\n0 : label="\\ud800"\n')
    assert graph.labels[0] == "\ud800" and nel(graph).isascii()
    assert facts(parse(nel(graph))) == facts(graph)


def test_other_outputs_than_the_text_says():
    assert parse("N 3\n0 1\n1 2\noutputs 2", outputs=["n01"]).outputs.tolist() == [1]


WORDS = "N 3 net inputs outputs param : , = w p agg bias pb label name 0 1 2 ff 0.5 -1e3 relu elu<0.1> max".split()


@given(st.lists(st.lists(st.sampled_from([*WORDS, '"x"', '"', "\\", "#", "%", "é", "\t"]), max_size=8), max_size=8))
def test_fuzz_lines(words):
    _parse_or_error("N 3\n" + "\n".join(" ".join(line) for line in words))


@given(st.text())
def test_fuzz_text(text):
    _parse_or_error(text)


@given(st.integers(0, 400), st.integers(0, 10_000), st.characters())
def test_fuzz_changed_characters(seed, place, character):
    text = nel(wild_graph(seed))
    at = place % len(text)
    _parse_or_error(text[:at] + character + text[at + 1 :])


def _parse_or_error(text: str) -> None:
    try:
        graph = parse(text)
    except Error as error:
        assert error.diagnostics and str(error)
        return
    assert facts(parse(nel(graph))) == facts(graph)


def test_text_without_a_name_is_recognised():
    net = irc.compile("N 3\n0 2 w=0.5\n1 2 w=0.25\n2 : relu\n")
    assert net.run([[1.0, 2.0]]).tolist() == [[1.0]]
    assert irc.compile("N 3\n0 2\n1 2\n", format="nel").input_size == 2
    with pytest.raises(Error, match="options act and out_act"):
        irc.compile("N 3\n0 2\n1 2\n", format="nel", act="relu")


def test_speed():
    count = 100_000
    text = f"N {count:x}\n" + "".join(f"{e // 3:x} {e + 1:x} w={e / 7!r} p={e:x}\n" for e in range(count - 1))
    begin = time.process_time()
    graph = parse(text)
    assert graph.edge_count == count - 1
    assert time.process_time() - begin < 5  # 0.4 s on the machine it was written on
