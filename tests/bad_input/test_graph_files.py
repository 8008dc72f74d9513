"""Wrong graph files, as a user meets them: where, what is there, and what would be right."""

from __future__ import annotations

import os

import networkx as nx
import numpy as np
import pytest

import irc

NAL = "N 4\n00\n01\n02 03 00,01\n03 03 02\n"
FILES = [
    # name, contents, line:column of the first error, what it says, the source line and caret below
    ("cycle.nal", NAL.replace("02 03 00,01", "02 03 00,03"), (4, 10), "cycle: n02 -> n03 -> n02; a net must be feed"),
    ("missing.nal", NAL.replace("01\n02", "02"), (1, 1), "N is 04, but 3 neurons have a record; missing: 01"),
    ("duplicate.nal", NAL + "03 03 02\n", (6, 1), "neuron 03 has a second record"),
    ("edge.nal", NAL.replace("00,01", "00,00"), (4, 10), "edge n00 -> n02 is given twice"),
    ("range.nal", NAL.replace("00,01", "00,09"), (4, 10), "neuron 09 is out of range: N is 04, so the last"),
    ("code.nal", NAL.replace("03 03 02", "03 0f 02"), (5, 4), "unknown function code '0f'; known are: 00 identity"),
    ("empty.nal", "", (1, 1), "expected a line 'N <number of neurons>' before all records"),
    ("huge.nal", "N ffffffffffffffff\n00\n", (1, 1), "N is ffffffffffffffff"),
    ("empty.nam", "", (1, 1), "the file is empty: expected an adjacency matrix, rows of 0 and 1"),
    ("ragged.nam", "011\n00\n000\n", (2, 1), "ragged matrix: this row has 2 columns, others have 3"),
    ("square.nam", "01\n00\n00\n", (1, 1), "the matrix is not square: 3 rows, 2 columns"),
    ("character.nam", "01\n0x\n", (2, 2), "expected 0 or 1, not 'x'"),
    ("label.nam", " ab\na01\nc00\n", (3, 1), "row label 'c' does not match column label 'b'"),
    ("cycle.nam", "01\n10\n", None, "cycle: n00 -> n01 -> n00"),
    ("binary.nal", bytes(range(256)), None, "not a text file: byte 0x80 is not UTF-8"),
    ("nul.nam", "01\n0\0\n", (2, 2), "not a text file: it has a NUL character"),
]


@pytest.mark.parametrize(("name", "contents", "place", "message"), FILES, ids=[f[0] for f in FILES])
def test_wrong_file(tmp_path, name, contents, place, message):
    path = tmp_path / name
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    with pytest.raises(irc.Error) as caught:
        irc.compile(path)
    first = caught.value.diagnostics[0]
    assert message in first.message and first.file == str(path)
    assert place is None or (first.line, first.column) == place
    head, source, caret = first.render().splitlines()[:3]
    assert head.startswith(f"{path}:{first.line}:{first.column}: error: ")
    assert caret.strip() == "^" and len(caret) <= len(source) + 1


def test_all_errors_of_a_file_come_together(tmp_path):
    path = tmp_path / "bad.nal"
    path.write_text("N 04\n00\n01 03 00,02\n02 0f 01\n03 03 01,09\n")
    with pytest.raises(irc.Error) as caught:
        irc.compile(path)
    assert [(d.line, d.column) for d in caught.value.diagnostics] == [(3, 10), (4, 4), (5, 10)]


@pytest.mark.parametrize(("path", "message"), [("nowhere.nal", "No such file"), (".", "Is a directory"), ("", "empty")])
def test_no_file(path, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = tmp_path / "a.nal"
    path.write_text(NAL)
    path.chmod(0)
    with pytest.raises(irc.Error, match="Permission denied"):
        irc.compile(path)


@pytest.mark.parametrize(
    "text",
    [
        NAL.replace("\n", "\r\n"),
        "\ufeff" + NAL,
        NAL.upper().replace("03", "3"),
        "# a comment\n\n" + NAL.replace("\n", "   # here too\n"),
        NAL.rstrip("\n"),
    ],
)
@pytest.mark.parametrize("name", ["net.nal", "NET.NAL", "net", "net.txt", "n\N{LATIN SMALL LETTER E WITH ACUTE} t.nal"])
def test_what_is_no_mistake(tmp_path, text, name):
    path = tmp_path / name
    path.write_bytes(text.encode())
    net = irc.compile(path)
    assert net.run([[1.0, 2.0]]).shape == (1, 1)


def test_byte_order_mark_before_ir():
    assert irc.compile("\ufeff" + irc.compile(NAL).dump()).output_size == 1


def test_a_matrix_as_text_is_told_from_ir_by_its_first_digit():
    with pytest.raises(irc.Error, match="1:2: error: expected 0 or 1, not 'x'"):
        irc.compile("0x\n00\n")


@pytest.mark.parametrize("source", [np.array([[0, 1e300], [0, 0]]), nx.DiGraph([(0, 1, {"weight": -1e39})])])
def test_weight_that_float32_cannot_hold(source):
    """It became infinite, silently."""
    with pytest.raises(irc.Error, match=r"parameter w\S* is -?1e\+\d+, which f32 cannot hold .*; use dtype='float64'"):
        irc.compile(source)
    assert np.isfinite(irc.compile(source, dtype="float64").params.flat).all()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((2, 3)), "an adjacency matrix is square: it has 2 rows and 3 columns"),
        (np.zeros((0, 0)), "a net needs at least one neuron"),
        ([[0, 1], [0]], "ragged adjacency matrix: row 1 has 1 entries, row 0 has 2"),
        (np.array([[0, np.nan], [0, 0]]), r"a weight is finite: entry \[0, 1\] is nan"),
        (np.array([[0, 2], [0, 0]]), "in an integer matrix 1 is an edge and 0 is none"),
        (np.eye(2, dtype=bool), "cycle: n00 -> n00"),
        (np.array([[1j]]), "not complex128"),
        (nx.Graph([(1, 2)]), "undirected: a net needs a networkx.DiGraph"),
        (None, "cannot compile a NoneType; give a path, text, a square adjacency matrix"),
        (b"N 1\n0\n", "cannot compile a bytes"),
    ],
)
def test_wrong_object(source, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(source)
