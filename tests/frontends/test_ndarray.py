"""Adjacency matrices in memory: what is a topology, what is a weight, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from irc.frontends.ndarray import from_array
from irc.ir.diagnostics import Error

TOPOLOGY = np.array([[0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])


def edges(graph) -> list[tuple[int, int]]:
    return list(zip(graph.source.tolist(), graph.target.tolist(), strict=True))


EDGES = [(0, 2), (1, 2), (0, 3), (2, 3)]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64])
def test_topology(dtype):
    graph = from_array(TOPOLOGY.astype(dtype))
    assert edges(graph) == EDGES
    assert graph.initial is None
    assert graph.inputs.tolist() == [0, 1] and graph.outputs.tolist() == [3]
    assert graph.activation_of(2).name == "relu"
    assert graph.parameter_names == ("w0002", "w0102", "w0003", "w0203")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_weights(dtype):
    weights = (TOPOLOGY * np.array([[0.5], [-1.5], [2.0], [0.0]])).astype(dtype)
    graph = from_array(weights)
    assert edges(graph) == EDGES
    assert graph.initial.dtype == np.float64
    assert graph.initial.tolist() == [0.5, -1.5, 0.5, 2.0]


def test_any_layout_and_lists():
    weights = TOPOLOGY * 0.25
    read_only = weights.copy()
    read_only.flags.writeable = False
    big = np.zeros((8, 8))
    big[::2, ::2] = weights
    for a in (read_only, np.asfortranarray(weights), big[::2, ::2], weights.tolist(), tuple(map(tuple, weights))):
        graph = from_array(a)
        assert edges(graph) == EDGES and graph.initial.tolist() == [0.25] * 4
    assert from_array(TOPOLOGY.tolist()).initial is None
    assert from_array([[False, True], [False, False]]).initial is None
    assert weights.flags.writeable  # the caller's array stays as it was


def test_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    a = sparse.csr_array(([0.0, 2.0], ([0, 1], [2, 2])), shape=(3, 3))
    graph = from_array(a)
    assert edges(graph) == [(0, 2), (1, 2)] and graph.initial.tolist() == [0.0, 2.0]
    assert from_array(sparse.coo_matrix(TOPOLOGY)).initial is None
    with pytest.raises(Error, match="edge n00 -> n01 is given twice"):
        from_array(sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2)))


def test_options():
    graph = from_array(TOPOLOGY, act="tanh", out_act=("relu_leaky", 0.2), labels="abcd", outputs=["d", "c"], name="x")
    assert graph.outputs.tolist() == [3, 2] and graph.name == "x"
    assert graph.parameter_names[0] == "w_a_c"
    assert [str(graph.activation_of(neuron)) for neuron in (0, 3)] == ["identity", "relu_leaky<0.2>"]
    assert str(from_array(TOPOLOGY, act="tanh").activation_of(3)) == "tanh"


def test_a_lone_neuron_is_input_and_output():
    graph = from_array([[0, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert graph.inputs.tolist() == [0, 2] and graph.outputs.tolist() == [1, 2]
    assert "n02 has no edges" in graph.warnings[0].message


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (np.zeros((2, 3)), "2 rows and 3 columns"),
        (np.zeros(4), "two dimensions, not 1"),
        (np.zeros((2, 2, 2)), "two dimensions, not 3"),
        (np.zeros((0, 0)), "empty"),
        ([], "two dimensions"),
        ([[]], "1 rows and 0 columns"),
        ([[0, 1], [0]], "ragged adjacency matrix: row 1 has 1 entries, row 0 has 2"),
        ([[0, 1], 0], "row 1 is int, not a list"),
        ([[0, 2], [0, 0]], r"entry \[0, 1\] is 2"),
        ([[0, -1, 3], [0, 0, 0], [0, 0, 0]], r"entry \[0, 1\] is -1, and so are 1 more"),
        ([[0.0, np.nan], [0, 0]], r"a weight is finite: entry \[0, 1\] is nan"),
        ([[0.0, np.inf], [0, 0]], "is inf"),
        (np.zeros((2, 2), dtype=complex), "not complex128"),
        (np.zeros((2, 2), dtype=object), "not object"),
        ([["0", "1"], ["0", "0"]], "not <U1"),
        (["01", "00"], "row 0 is str, not a list"),
        (np.zeros((2, 2), dtype="M8[s]"), "not datetime64"),
        ([[0, 10**30], [0, 0]], "not object"),
        ([[0, [1]], [0, 0]], "not an adjacency matrix"),
        ([[1, 0], [0, 0]], "cycle: n00 -> n00"),
        ([[0, 1], [1, 0]], "cycle: n00 -> n01 -> n00"),
        (3, "two dimensions, not 0"),
    ],
)
def test_refused(a, message):
    with pytest.raises(Error, match=message):
        from_array(a)


def test_bad_labels():
    with pytest.raises(Error, match="1 labels for an adjacency matrix of 2 neurons"):
        from_array([[0, 1], [0, 0]], labels=["a"])
    with pytest.raises(Error, match="label 'a' is used for two neurons"):
        from_array([[0, 1], [0, 0]], labels=["a", "a"])


class Sparse:
    """Somebody's sparse matrix: all that is asked of one."""

    def __init__(self, row, col, data, shape=(3, 3)):
        self.row, self.col, self.data, self.shape = map(np.asarray, (row, col, data, shape))

    def tocoo(self):
        return self


def test_sparse_without_scipy():
    graph = from_array(Sparse([1, 0], [2, 2], [2.0, 0.0]))
    assert graph.source.tolist() == [0, 1] and graph.initial.tolist() == [0.0, 2.0]  # a stored zero is an edge
    for data in ([True, False], [1, 0]):
        graph = from_array(Sparse([1, 0], [2, 2], data))
        assert graph.source.tolist() == [1] and graph.initial is None  # in a topology it is none


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (Sparse([0, 0], [1, 1], [1.0, 1.0]), "edge n00 -> n01 is given twice"),
        (Sparse([0, 0], [1, 1], [True, True]), "edge n00 -> n01 is given twice"),
        (Sparse([0], [3], [1.0]), r"entry \[0, 3\] of the sparse matrix is outside of its 3 rows"),
        (Sparse([-1], [1], [1.0]), r"entry \[-1, 1\] of the sparse matrix is outside"),
        (Sparse([0], [1, 2], [1.0]), "a row number and a column number for each entry"),
        (Sparse([0.5], [1], [1.0]), "a row number and a column number for each entry"),
        (Sparse([0], [1], [2]), r"entry \[0, 1\] is 2"),
        (Sparse([0], [1], [np.nan]), "a weight is finite"),
        (Sparse([0], [1], [1j]), "not complex128"),
        (Sparse([0], [1], [1.0], shape=(3, 4)), "3 rows and 4 columns"),
    ],
)
def test_bad_sparse(a, message):
    with pytest.raises(Error, match=message):
        from_array(a)
