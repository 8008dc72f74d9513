"""`.nal`: the grammar, every kind of bad text, and speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.frontends import nal
from irc.frontends.graph import Graph
from irc.ir.diagnostics import Error
from irc.ir.locations import Source
from support import ROOT

NETS = ROOT / "examples" / "nets"


def parse(text: str, **options) -> Graph:
    return nal.parse(Source(text, "t.nal"), **options)


def errors(text: str, **options) -> list[tuple[int | None, int | None, str]]:
    """Line, column and message of every diagnostic of a bad text."""
    with pytest.raises(Error) as caught:
        parse(text, **options)
    return [(d.line, d.column, d.message) for d in caught.value.diagnostics]


def in_sets(graph: Graph) -> list[list[int]]:
    return [graph.source[begin:end].tolist() for begin, end in zip(graph.offsets, graph.offsets[1:], strict=False)]


def test_sample():
    graph = nal.parse(Source((NETS / "nn00.nal").read_text(), str(NETS / "nn00.nal")))
    assert (graph.name, graph.neuron_count, graph.edge_count, graph.parameter_count) == ("nn00", 14, 28, 28)
    assert graph.inputs.tolist() == [0, 1, 2, 3]
    assert graph.outputs.tolist() == [12, 13]
    assert in_sets(graph)[4:9] == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3], [4, 5]]
    assert {str(graph.activation_of(neuron)) for neuron in range(4, 14)} == {"relu"}
    assert graph.parameter_names[:3] == ("w0004", "w0104", "w0005")
    assert graph.parameter_names[-1] == "w0b0d"
    assert graph.initial is None and graph.labels is None and graph.warnings == ()


def test_order_of_records_does_not_matter_and_order_of_members_is_kept():
    graph = parse("N 4\n3 3 2,0,1\n0\n2\n1\n")
    assert in_sets(graph)[3] == [2, 0, 1]
    assert graph.parameter_names == ("w0203", "w0003", "w0103")
    assert graph.edge_location(1).file_location().column == 7


def test_lexical_freedom():
    graph = parse("\ufeff% comment\n# another\r\n\nn 0005 % five\n0\n\t1\r\n02 3 0 1 # tail\n3 - 0 , 1\n0004 5 2")
    assert in_sets(graph) == [[], [], [0, 1], [0, 1], [2]]
    assert [graph.activation_of(neuron).name for neuron in (2, 3, 4)] == ["relu", "identity", "gelu"]
    assert parse("N 0B\n" + "".join(f"{j:X}\n" for j in range(11))).neuron_count == 11


def test_function_codes():
    text = "N 8\n0\n" + "".join(f"{code + 1} {code:02x} 0\n" for code in range(7))
    graph = parse(text)
    names = [str(graph.activation_of(neuron)) for neuron in range(1, 8)]
    assert names == ["identity", "sigmoid", "tanh", "relu", "silu", "gelu", "swish<1.0>"]


def test_a_comma_in_the_second_field_makes_it_an_in_set():
    for record in ("2 0,1", "2 0, 1", "2 - 0,1", "2 - 0 1", "2 00 0,1"):
        graph = parse(f"N 3\n0\n1\n{record}\n")
        assert in_sets(graph)[2] == [0, 1], record
        assert graph.activation_of(2).name == "identity"


def test_a_code_without_in_set_is_a_constant():
    graph = parse("N 3\n0\n1 01\n2 03 0,1\n")
    assert graph.inputs.tolist() == [0]
    assert [w.severity for w in graph.warnings] == ["warning"]
    assert (graph.warnings[0].line, "constant sigmoid(0)" in graph.warnings[0].message) == (3, True)
    assert parse("N 2\n0\n1 -\n").inputs.tolist() == [0, 1]


def test_edges_to_smaller_numbers_are_legal():
    graph = parse("N 3\n0\n1 3 2\n2 3 0\n")
    assert graph.topological_order.tolist() == [0, 2, 1]


def test_outputs():
    assert parse("N 3\n0\n1 3 0\n2 3 1\n", outputs=["n01", 2]).outputs.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, 1, "expected a line 'N")]),
        ("% only a comment\n", [(1, 1, "expected a line 'N")]),
        ("N 0\n", [(1, 1, "at least one neuron")]),
        ("0\n1 3 0\n", [(1, 1, "expected a line 'N")]),
        ("0\nN 1\n", [(2, 1, "before all records")]),
        ("N 1\nN 1\n0\n", [(2, 1, "second N line")]),
        ("N\n0\n", [(1, 2, "expected the number of neurons")]),
        ("N x\n0\n", [(1, 3, "not 'x'")]),
        ("N 1 1\n0\n", [(1, 5, "unexpected '1'")]),
        ("N1\n0\n", [(1, 1, "not 'N1'"), (2, 1, "expected a line 'N")]),
        ("N 2\n0\n1 3 0x0\n", [(3, 5, "not '0x0'")]),
        ("N 2\n0\n1 relu 0\n", [(3, 3, "expected a function code")]),
        ("N 2\n0\n1 7 0\n", [(3, 3, "unknown function code '7'")]),
        ("N 2\n0\n1 03 0,\n", [(3, 8, "after ','")]),
        ("N 2\n0\n1 03 ,0\n", [(3, 6, "before ','")]),
        ("N 3\n0\n1\n2 03 0,,1\n", [(4, 8, "before ','")]),
        ("N 3\n0\n2 03 0\n", [(1, 1, "missing: 01")]),
        ("N 2\n0\n1 3 0\n1 3 0\n", [(4, 1, "neuron 01 has a second record")]),
        ("N 2\n0\n1 3 0\n2 3 0\n", [(4, 1, "neuron 02 is out of range")]),
        ("N 2\n0\n1 3 0,2\n", [(3, 7, "neuron 02 is out of range")]),
        ("N 2\n0\n1 3 0,0\n", [(3, 7, "edge n00 -> n01 is given twice")]),
        ("N 2\n0\n1 3 0,1\n", [(3, 7, "cycle: n01 -> n01")]),
        ("N 4\n0\n1 3 0,3\n2 3 1\n3 3 2\n", [(3, 7, "cycle: n01 -> n02 -> n03 -> n01")]),
        ("N ffffffffff\n0\n", [(1, 1, "missing: 01, 02, 03, 04, 05, ...")]),
        ("N " + "f" * 9000 + "\n0\n", [(1, 1, "N is ffffffff...ffff (9000 digits), but 1 neurons")]),
        ("N 2\n0\n" + "f" * 9000 + " 3 0\n", [(1, 1, "missing: 01"), (3, 1, "(9000 digits) is out of range")]),
        ("N 2\n0\n1 3 0\0\n", [(3, 6, "NUL")]),
        ("N 1\n٠\n", [(1, 1, "missing: 00"), (2, 1, "not '٠'")]),
    ],
)
def test_bad_text(text, expected):
    found = errors(text)
    assert [place[:2] for place in found] == [place[:2] for place in expected], found
    for (_, _, message), (_, _, part) in zip(found, expected, strict=True):
        assert part in message


def test_all_errors_of_a_file_are_reported_together_in_its_order():
    found = errors("N 6\n0\n1 9 0\n2 3 0,0\n3 3 4\n4 3 3\n4 3 0\n")
    parts = ["missing: 05", "unknown function code", "given twice", "cycle: n03 -> n04 -> n03", "second record"]
    assert [line for line, _, _ in found] == [1, 3, 4, 5, 7]
    assert all(part in message for (_, _, message), part in zip(found, parts, strict=True))


def test_an_error_shows_line_and_caret():
    with pytest.raises(Error) as caught:
        parse("N 2\n0\n1 3 0,zz\n")
    assert str(caught.value) == (
        "t.nal:3:7: error: expected the number of a neuron (hexadecimal), not 'zz'\n    1 3 0,zz\n          ^"
    )


def test_bad_outputs():
    text = "N 2\n0\n1 3 0\n"
    for outputs in ([], ["n02"], [2], [-1], [True], 1.5, [1, "n01"], [None]):
        assert errors(text, outputs=outputs)


def test_a_list_of_100_000_edges():
    rng = np.random.default_rng(0)
    records = [f"{j:x}" for j in range(100)]
    records += [f"{j:x} 03 " + ",".join(f"{i:x}" for i in rng.choice(j, 20, replace=False)) for j in range(100, 5100)]
    rng.shuffle(records)
    source = Source(f"N {len(records):x}\n" + "\n".join(records))
    assert nal.parse(source).edge_count == 100_000


PIECES = st.sampled_from("N |N 3|0|1|2|3| |,|-|\n|\r\n|%|#|03|ff|zz|\t|\ufeff|\0".split("|"))


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_fuzz(text):
    check_only_errors(text)


@given(st.data())
def test_fuzz_near_a_legal_text(data):
    text = (NETS / "nn00.nal").read_text()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(PIECES) + text[at + data.draw(st.integers(0, 3)) :]
    check_only_errors(text)


def check_only_errors(text: str) -> None:
    """A text is a net with consistent arrays, or raises Error."""
    try:
        graph = parse(text)
    except Error as error:
        assert str(error)
        return
    assert len(graph.topological_order) == graph.neuron_count
    assert graph.offsets[-1] == graph.edge_count == len(graph.parameter_names)
