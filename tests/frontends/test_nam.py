"""`.nam`: the three layouts, every kind of bad text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.frontends import nal, nam
from irc.frontends.graph import Graph
from irc.ir.diagnostics import Error
from irc.ir.locations import Source
from support import ROOT

NETS = ROOT / "examples" / "nets"


def parse(text: str, **options) -> Graph:
    return nam.parse(Source(text, "t.nam"), **options)


def sample(name: str) -> Graph:
    return nam.parse(Source((NETS / name).read_text(), str(NETS / name)))


@pytest.mark.parametrize(
    ("name", "neurons", "edges", "inputs", "outputs"),
    [
        ("nn00.nam", 14, 28, 4, 2),
        ("nn01.nam", 10, 18, 4, 2),
        ("nn02.nam", 6, 8, 2, 2),
        ("fcn-letters.nam", 14, 40, 4, 2),
        ("fcn-digits.nam", 26, 144, 8, 2),
        ("cnn.nam", 83, 496, 16, 3),
        ("rnn.nam", 20, 64, 6, 2),
    ],
)
def test_samples(name, neurons, edges, inputs, outputs):
    graph = sample(name)
    assert (graph.neuron_count, graph.edge_count) == (neurons, edges)
    assert (len(graph.inputs), len(graph.outputs)) == (inputs, outputs)


def test_matrix_and_list_are_the_same_net():
    matrix = sample("nn00.nam")
    listed = nal.parse(Source((NETS / "nn00.nal").read_text()))
    assert np.array_equal(matrix.source, listed.source) and np.array_equal(matrix.target, listed.target)
    assert matrix.parameter_names == listed.parameter_names
    assert [matrix.activation_of(j) for j in range(14)] == [listed.activation_of(j) for j in range(14)]


def test_labels():
    letters, digits = sample("fcn-letters.nam"), sample("fcn-digits.nam")
    assert letters.labels == tuple("abcdefghijklmn")
    assert letters.parameter_names[0] == "w_a_e"
    assert digits.labels[:1] + digits.labels[-1:] == ("n00", "n31")
    assert digits.parameter_names[-1] == "w_n27_n31"


def test_what_does_not_count():
    plain = "```\n# comment\n% comment\n\n  001\r\n  001 \n===\n  000\n```"
    assert parse(plain).edge_count == 2
    assert parse("a|01\nb|00").labels == ("a", "b")
    assert parse("   ab\n  --\n a|01\n b|00").labels == ("a", "b")
    assert parse("    b\n    ac\n---\n ba|01\n  c|00").labels == ("ba", "c")


def test_edges_are_by_target_then_by_ascending_source_and_know_their_place():
    graph = parse("0011\n0011\n0001\n0000\n")
    assert graph.target.tolist() == [2, 2, 3, 3, 3]
    assert graph.source.tolist() == [0, 1, 0, 1, 2]
    at = graph.edge_location(4).file_location()
    assert (at.line, at.column) == (3, 4)


def test_activations():
    names = [str(parse("010\n001\n000").activation_of(neuron)) for neuron in range(3)]
    assert names == ["identity", "relu", "relu"]
    graph = parse("010\n001\n000", act="elu<0.5>", out_act="sigmoid")
    assert [str(graph.activation_of(neuron)) for neuron in range(3)] == ["identity", "elu<0.5>", "sigmoid"]
    graph = parse("010\n001\n000", out_act="tanh", outputs=[0, 1])
    assert [str(graph.activation_of(neuron)) for neuron in range(3)] == ["identity", "tanh", "relu"]


def test_lower_triangle():
    assert parse("000\n100\n110").topological_order.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "empty")]),
        ("\n# nothing\n", [(1, 1, "empty")]),
        ("01\n0x\n", [(2, 2, "expected 0 or 1, not 'x'")]),
        ("0 1\n0 0\n", [(1, 1, "2 rows, 3 columns"), (1, 2, "not ' '"), (2, 2, "not ' '")]),
        ("001\n00\n000\n", [(2, 1, "this row has 2 columns, others have 3")]),
        ("001\n000\n", [(1, 1, "2 rows, 3 columns")]),
        ("01\n10\n", [(2, 1, "cycle: n00 -> n01 -> n00")]),
        ("10\n00\n", [(1, 1, "cycle: n00 -> n00")]),
        (" ab\na01\nc00\n", [(3, 1, "'c' does not match column label 'b'")]),
        (" aa\na01\na00\n", [(3, 1, "label 'a' is used for two neurons")]),
        (" abc\na01\nb00\n", [(1, 2, "3 labels, but 2 rows")]),
        ("abc", [(1, 1, "3 labels, but 0 rows")]),
        ("a|01\na|00\n", [(2, 1, "label 'a' is used for two neurons")]),
        ("|01\nb|00\n", [(1, 1, "empty label")]),
        ("a|01\n00\n", [(1, 1, "1 rows, 2 columns"), (2, 1, "expected a row: label|bits")]),
        ("   ab\n a|01\n c|00\n", [(3, 2, "'c' does not match column label 'b'")]),
        ("   abc\n a|01\n b|00\n", [(1, 1, "3 columns, but there are 2 rows")]),
        ("a|01\nb|10\n", [(2, 3, "cycle: a -> b -> a")]),
        ("01\n0\0", [(2, 2, "NUL")]),
    ],
)
def test_bad_text(text, expected):
    with pytest.raises(Error) as caught:
        parse(text)
    found = [(d.line, d.column, d.message) for d in caught.value.diagnostics]
    assert [place[:2] for place in found] == [place[:2] for place in expected], found
    for (_, _, message), (_, _, part) in zip(found, expected, strict=True):
        assert part in message


def test_errors_of_different_kinds_are_reported_together():
    with pytest.raises(Error) as caught:
        parse("010\n10x\n0z0\n")
    assert [(d.line, d.column) for d in caught.value.diagnostics] == [(2, 1), (2, 3), (3, 2)]


def test_unknown_activation():
    with pytest.raises(Error, match="unknown activation 'rleu'"):
        parse("01\n00", act="rleu")


PIECES = st.sampled_from(["0", "1", "01", "10", "\n", "|", "a", "b", " ab", "\n---\n", "#", "x", " ", "  i:", "```"])


@given(st.one_of(st.text(), st.text("01\n"), st.lists(PIECES, max_size=30).map("".join)))
def test_fuzz(text):
    check_only_errors(text)


@given(st.data(), st.sampled_from(["nn02.nam", "fcn-letters.nam", "rnn.nam"]))
def test_fuzz_near_a_legal_text(data, name):
    text = (NETS / name).read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(PIECES) + text[at + data.draw(st.integers(0, 3)) :]
    check_only_errors(text)


def check_only_errors(text: str) -> None:
    """A text is a net, or raises Error."""
    try:
        graph = parse(text)
    except Error as error:
        assert str(error)
        return
    assert len(graph.topological_order) == graph.neuron_count
    assert len(set(graph.parameter_names)) == graph.edge_count
