"""Wrong graphs in memory: what is no net is one clear error, large ones work, and later changes have no effect."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import irc
from irc.backend.target import host
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.graph_program import GraphProgram
from irc.ir.diagnostics import Diagnostics
from irc.ir.types import f32

sparse = pytest.importorskip("scipy.sparse")


def fields() -> dict:
    """A sound net of four neurons: two inputs, a neuron that reads both, an output that reads it."""
    return {
        "source": np.array([0, 1, 2]),
        "target": np.array([2, 2, 3]),
        "parameter": np.arange(3),
        "bias": np.full(4, -1),
        "activations": (Activation("tanh"),),
        "activation": np.zeros(4, np.int64),
        "aggregation": np.zeros(4, np.int64),
        "is_input": np.array([True, True, False, False]),
        "outputs": np.array([3]),
        "parameter_count": 3,
        "initial": np.ones(3),
    }


def graph(**changes) -> Graph:
    """That net with some arrays replaced."""
    return Graph(**{**fields(), **changes})


WRONG = {
    "source above": ({"source": np.array([0, 9, 2])}, r"source\[1\] is 9, but must be a neuron: 0 to 3"),
    "source below": ({"source": np.array([0, -1, 2])}, r"source\[1\] is -1, but must be a neuron: 0 to 3"),
    "target": ({"target": np.array([2, 7, 9])}, r"target\[1\] is 7, .* 0 to 3, and 1 more are wrong"),
    "unsorted": ({"target": np.array([3, 2, 2])}, "by target: edge 0 goes to neuron 3, the next to 2; Graph.from_e"),
    "cycle": ({"source": np.array([0, 3, 2])}, "cycle: n02 -> n03 -> n02"),
    "a neuron that reads itself": ({"source": np.array([0, 2, 2])}, "cycle: n02 -> n02"),
    "repeated edge": ({"source": np.array([0, 0, 2])}, "edge n00 -> n02 is given twice"),
    "edge into an input": ({"is_input": np.array([1, 1, 1, 0], bool)}, "input n02 has an edge into it"),
    "parameter": ({"parameter": np.array([0, 1, 3])}, r"parameter\[2\] is 3, but must be a parameter: 0 to 2"),
    "no parameter": ({"parameter": np.array([0, -1, 2])}, r"parameter\[1\] is -1, but must be a parameter: 0 to 2"),
    "bias": ({"bias": np.array([-1, -1, -2, 9])}, r"bias\[2\] is -2, but must be a parameter, or -1 for none: -1 to 2"),
    "activation": ({"activation": np.array([0, 0, 1, 0])}, r"activation\[2\] is 1, but must be a place in activations"),
    "aggregation": ({"aggregation": np.array([0, 0, 99, 0])}, r"aggregation\[2\] is 99, but must be a place in AGG"),
    "outputs": ({"outputs": np.array([4])}, r"outputs\[0\] is 4, but must be a neuron: 0 to 3"),
    "negative outputs": ({"outputs": np.array([-1])}, r"outputs\[0\] is -1"),
    "no outputs": ({"outputs": np.zeros(0, np.int64)}, "no outputs: name at least one neuron"),
    "lengths": ({"target": np.array([2, 2])}, "target has 2 entries, but must be for 3 edges, as source has"),
    "neurons": ({"bias": np.array([-1])}, "bias has 1 entries, but must be for 4 neurons, as is_input has"),
    "floats": ({"source": np.array([0.0, 1.0, 2.0])}, "source must be a NumPy array of integers .*, not of float64"),
    "lists": ({"source": [0, 1, 2]}, "source must be a NumPy array of integers with one dimension, not list"),
    "two dimensions": ({"source": np.array([[0, 1, 2]])}, "not of int64 with 2 dimensions"),
    "numbers for truth": ({"is_input": np.array([1, 1, 0, 0])}, "is_input must be a NumPy array of booleans"),
    "count": ({"parameter_count": -2}, r"parameter_count must be an integer from 0 to 2\*\*31 - 1, not -2"),
    "huge count": ({"parameter_count": 10**14}, r"parameter_count must be an integer from 0 to 2\*\*31 - 1"),
    "start values": ({"initial": np.ones(2)}, "initial has 2 entries, but must be for 3 parameters"),
    "infinite start": ({"initial": np.array([1, np.inf, 1])}, "is inf, which f32 cannot hold"),
    "function": ({"activations": (("foo", None),)}, "unknown activation 'foo'"),
    "labels": ({"labels": ("a", "b")}, "labels has 2 entries, but must be for 4 neurons"),
    "equal labels": ({"labels": ("a", "b", "a", "c")}, "label 'a' is used for two neurons"),
    "names": ({"given_names": {7: "a"}}, "given_names names parameter 7; they are 0 to 2"),
    "equal names": ({"given_names": {0: "a", 1: "a"}}, "gives one name to two parameters"),
    "name": ({"name": ""}, "name must be a text that is not empty"),
    "nothing": ({k: np.zeros(0, v.dtype) for k, v in fields().items() if isinstance(v, np.ndarray)}
                | {"parameter_count": 0}, "at least one neuron"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_graph(case):
    changes, message = WRONG[case]
    with pytest.raises(irc.Error, match=message):
        irc.compile(graph(**changes))


def test_all_that_is_wrong_is_reported_together():
    with pytest.raises(irc.Error) as caught:
        irc.compile(graph(source=np.array([0, 9, 2]), bias=np.full(4, 7), outputs=np.array([8])))
    assert len(caught.value.diagnostics) == 3


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.uint64])
def test_integers_of_any_size(dtype):
    small = graph(**{name: fields()[name].astype(dtype) for name in ("source", "target", "parameter", "outputs")})
    assert irc.compile(small).run(np.ones((1, 2))).shape == (1, 1)


def test_bound_arrays_of_another_shape_are_refused():
    function = GraphProgram(graph(), host(), f32, Diagnostics()).function(False)
    with pytest.raises(irc.Error, match="has no bound argument 'edges'"):
        function.bind({"edges": np.zeros(3, np.int32)})
    with pytest.raises(irc.Error, match="sources: expected dtype int32, got int64"):
        function.bind({"sources": np.zeros(3, np.int64)})
    with pytest.raises(irc.Error, match="sources: dimension 0 is 2, expected 3"):
        shorter = function.bind({"sources": np.zeros(2, np.int32)})
        shorter.call([np.ones((1, 2), np.float32), np.ones(3, np.float32)])


def corrupt(rows: list[int], columns: list[int]) -> sparse.coo_array:
    """A sparse matrix of three neurons whose arrays say something else than when it was made."""
    matrix = sparse.coo_array((np.ones(len(rows)), ([0] * len(rows), [1] * len(rows))), shape=(3, 3))
    matrix.coords = (np.array(rows), np.array(columns))
    return matrix


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([0, 7], [1, 2], r"entry \[7, 2\] of the sparse matrix is outside of its 3 rows"),
        ([0, -1], [1, 2], r"entry \[-1, 2\] of the sparse matrix is outside"),
        ([0, 0], [1, 1], "edge n00 -> n01 is given twice"),
        ([0, 1], [1, 0], "cycle: n00 -> n01 -> n00"),
    ],
)
def test_wrong_sparse_matrix(rows, columns, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(corrupt(rows, columns))


# -- nets of unusual shape -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neurons", [10**9, 10**12])
def test_more_neurons_than_fit_into_memory(neurons):
    """It was a MemoryError, or the end of the process."""
    matrix = sparse.coo_array((np.ones(2), ([0, 1], [1, 2])), shape=(neurons, neurons))
    with pytest.raises(irc.Error, match="neurons would take .* bytes; this machine has|fewer than 2.*31 neurons"):
        irc.compile(matrix)


@pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
def test_a_million_neurons_with_two_edges():
    count = 10**6
    matrix = sparse.coo_array(([0.5, 0.25], ([0, 1], [1, 2])), shape=(count, count))
    net = irc.compile(matrix)
    assert (net.input_size, net.output_size, net.params.flat.size) == (count - 2, count - 2, 2)
    x = np.ones((1, count - 2), np.float32)
    y, gradients = net.vjp(x, x)
    assert y[0, 0] == 0.125 and y[0, -1] == 1 and gradients.params.flat.tolist() == [0.25, 0.5]


def test_text_that_declares_more_neurons_than_there_can_be():
    with pytest.raises(irc.Error, match=r"1:1: error: a net has fewer than 2\*\*31 neurons"):
        irc.compile("N ffffffffff\n0 1\n", format="nel")


# -- what changes after compile --------------------------------------------------------------------------------------


def changing(source, change) -> None:
    """Compile, change, and look: nothing of the net is another than before, also what is made only afterwards."""
    wanted = irc.compile(source)
    x = np.random.default_rng(0).normal(size=(3, wanted.input_size))
    dy = np.ones((3, wanted.output_size))
    y, gradients = wanted.vjp(x, dy)
    text, edges = wanted.module.to_text(), wanted.graph().source.tolist()
    net = irc.compile(source)
    change()
    np.testing.assert_array_equal(net.run(x), y)
    np.testing.assert_array_equal(net.vjp(x, dy)[1].params.flat, gradients.params.flat)
    np.testing.assert_array_equal(net.run(x[:1]), wanted.run(x[:1]))
    assert net.module.to_text() == text and net.graph().source.tolist() == edges
    assert list(net.params) == list(wanted.params)


def test_changed_arrays_of_a_graph():
    """The arrays themselves stay their owner's, who may go on to write to them."""
    arrays = fields()
    given = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
    made = Graph(**arrays)

    def change():
        for array in given.values():
            assert array.flags.writeable
            array[...] = 1

    changing(made, change)


def test_changed_matrix():
    matrix = np.triu(np.random.default_rng(1).normal(size=(6, 6)), 1)
    changing(matrix, lambda: matrix.fill(7.0))


@pytest.mark.parametrize("kind", ["coo_array", "csr_array", "csc_matrix"])
def test_changed_sparse_matrix(kind):
    matrix = getattr(sparse, kind)(np.triu(np.random.default_rng(1).normal(size=(6, 6)), 1))

    def change():
        for name in ("data", "row", "col", "indices", "indptr"):
            if hasattr(matrix, name):
                getattr(matrix, name)[...] = 0

    changing(matrix, change)


def test_changed_networkx_graph():
    g = nx.DiGraph()
    g.add_edge("a", "c", weight=0.5)
    g.add_edge("b", "c", weight=-0.5)
    g.nodes["c"].update(activation="tanh", bias=0.25)

    def change():
        g.edges["a", "c"]["weight"] = 9.0
        g.nodes["c"].update(activation="relu", bias=3.0)
        g.remove_edge("b", "c")

    changing(g, change)


def test_changed_module():
    module = irc.parse(irc.compile(graph()).dump())

    def change():
        for op in list(module.walk()):
            op.attributes.pop("initial", None)

    changing(module, change)
