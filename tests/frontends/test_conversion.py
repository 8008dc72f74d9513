"""Every form of net into every other, without a loss; and what cannot be held is refused."""

from __future__ import annotations

import io
import time
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import irc
from irc.conversion import graph as graph_from
from irc.emit.graph import graph_of
from irc.emit.nel import nel
from irc.emit.writers import WRITERS, contents
from irc.frontends.activation import IDENTITY, Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.frontends.networkx import from_networkx, to_networkx
from irc.ir.diagnostics import Error
from irc.ir.types import f64
from irc.tools.irc import main
from support.graphs import facts, plain, wild_graph
from support.nets import FOLDER, SAMPLES, net_of, sample_graph

FILES = tuple(WRITERS)

pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")  # random nets have neurons without edges


def convert(source, path, **options) -> Path:
    irc.convert(source, path, **options)
    return Path(path)


@pytest.mark.parametrize("middle", [*FILES, "networkx", "array", "sparse"])
@pytest.mark.parametrize("last", [*FILES, "networkx"])
def test_nn00_goes_through_every_pair_of_forms(tmp_path, middle, last):
    if middle == "sparse":
        pytest.importorskip("scipy")
    wanted = facts(sample_graph("nn00.nal"))
    first = _in_form(FOLDER / "nn00.nal", middle, tmp_path / "a")
    second = _in_form(first, last, tmp_path / "b")
    found = facts(graph_from(second))
    assert found.pop("name") and wanted.pop("name")  # of forms without a name it is the file's
    assert found == wanted


def _in_form(source, form: str, folder: Path):
    objects = {"networkx": irc.to_networkx, "array": irc.to_array, "sparse": irc.to_sparse}
    if form in objects:
        return objects[form](source)
    folder.mkdir()
    return convert(source, folder / f"nn00.{form}")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("form", ["nel", "nal", "nam", "mlir"])
def test_samples_keep_their_edges(tmp_path, name, form):
    graph = sample_graph(name)
    path = convert(graph, tmp_path / f"{graph.name}.{form}", lossy=form == "nal")  # which has no labels
    back = graph_from(path)
    assert facts(plain(back)) == facts(plain(graph))
    if form != "nal":
        assert facts(back) == facts(graph)


@pytest.mark.parametrize("name", ["fcn-letters.nam", "cnn.nam", "rnn.nam"])
def test_labelled_matrices_keep_their_layout(name):
    rows = [line for line in (FOLDER / name).read_text().splitlines() if line[-1:] in "01" and ":" not in line]
    assert [line for line in contents(sample_graph(name), "nam").splitlines() if line in rows] == rows


# IR


@given(st.integers(0, 2**32))
@example(3)
def test_ir_gives_the_graph_back(seed):
    graph = wild_graph(seed)
    for form in ("nodes", "dag"):
        try:
            module = graph_to_module(graph, form, f64)
        except Error:
            return  # more than f64 can hold
        back = graph_of(net_of(module))
        assert _unordered(back) == _unordered(graph)


def _unordered(graph: Graph) -> dict:
    """What a graph says whatever numbers its neurons have: they are known by name, as IR does."""
    names = [graph.neuron_name(n) for n in range(graph.neuron_count)]
    neurons = {
        names[n]: (
            graph.bias[n],
            None if graph.is_input[n] else (graph.activation_of(n), graph.aggregation_of(n)),
            [(names[i], p) for i, j, p in facts(graph)["edges"] if j == n],
        )
        for n in range(graph.neuron_count)
    }
    inputs, outputs = [names[n] for n in graph.inputs], [names[n] for n in graph.outputs]
    start = facts(graph)["start"]
    named = {k: name for k, name in enumerate(graph.parameter_names) if name}
    return {"neurons": neurons, "inputs": inputs, "outputs": outputs, "start": start, "names": named}


@pytest.mark.parametrize("seed", range(30))
def test_ir_text_computes_the_same(seed, tmp_path):
    graph = wild_graph(seed)
    try:
        text = contents(graph, "mlir", lossy=True, dtype="float64")
    except Error:
        return
    (tmp_path / "a.mlir").write_text(text, "utf-8", "surrogatepass")
    back = graph_of(net_of(irc.parse(text)))
    assert back.edge_count == graph.edge_count and back.parameter_count == graph.parameter_count
    assert [back.neuron_name(n) for n in back.outputs] == [graph.neuron_name(n) for n in graph.outputs]


def test_a_net_gives_its_current_parameters(tmp_path):
    with irc.compile(FOLDER / "nn00.nal", seed=3) as net:
        net.params["w0004"] = 0.125
        graph = net.graph()
        np.testing.assert_array_equal(graph.initial, net.params.flat.astype(np.float64))
        assert to_networkx(graph)["n00"]["n04"]["weight"] == 0.125
        x = np.random.default_rng(0).normal(size=(5, 4))
        wanted = net.run(x)
        sources = [net.graph(), irc.to_networkx(net), irc.to_array(net)]
        sources += [convert(net, tmp_path / f"b.{form}") for form in ("nel", "npy", "npz", "mlir")]
        for source in sources:
            with irc.compile(source) as again:
                np.testing.assert_array_equal(again.run(x), wanted)
                np.testing.assert_array_equal(again.params.flat, net.params.flat)


def test_groups_of_neurons_become_neurons():
    graph = graph_from(irc.parse(_LAYERS))
    assert (graph.neuron_count, graph.edge_count, graph.parameter_count) == (5, 6, 8)
    assert graph.parameter.tolist() == [0, 1, 2, 3, 6, 7] and graph.bias.tolist() == [-1, -1, 4, 5, -1]


_LAYERS = """neuron.net @f(%x: tensor<2xf32>) -> f32 parameters 8 {
  %y = neuron.layer relu(%x*w[0:4] + w[4:6]) #neuron.dense<2, 2>
  %z = neuron.dag (%y) {kinds = [#array.kind<tanh, sum>], offsets = dense<[0, 2]> : tensor<2xi32>,
   sources = dense<[0, 1]> : tensor<2xi32>, weights = dense<[6, 7]> : tensor<2xi32>, biases = dense<-1> : tensor<1xi32>,
    segments = dense<[[0, 1, 0]]> : tensor<1x3xi32>, outputs = dense<[2]> : tensor<1xi32>} : (tensor<2xf32>) -> f32
  neuron.output %z : f32
}
"""


def test_constant_weights_are_no_parameters():
    text = """neuron.net @f(%a: f32, %b: f32) -> f32 parameters 1 {
      %c = neuron.node relu(%a*w[0] + %b)
      %d = neuron.merge average %c, %b : f32
      neuron.output %d : f32
    }
    """
    with pytest.raises(Error, match="3 edges whose weight is the constant 1"):
        graph_from(irc.parse(text))
    graph = graph_from(irc.parse(text), lossy=True)
    np.testing.assert_array_equal(graph.initial, [np.nan, 1, 1, 1])
    assert graph.aggregation_of(3) == "mean"


def test_functions_of_arrays_are_no_graphs():
    text = "func.func @f(%x: tensor<B x 2 x f32>) -> tensor<B x 2 x f32> {\n  func.return %x : tensor<B x 2 x f32>\n}\n"
    with pytest.raises(Error, match="not a net of neurons"):
        irc.to_networkx(irc.parse(text))


# networkx


@given(st.integers(0, 2**32))
def test_networkx_gives_the_graph_back_or_refuses(seed):
    graph = wild_graph(seed)
    try:
        g = to_networkx(graph)
    except Error:
        assert to_networkx(graph, lossy=True).number_of_edges() == graph.edge_count
        return
    try:
        assert facts(from_networkx(g)) == facts(graph)
    except Error as error:  # a graph may have a name twice where one is the user's; outputs twice
        assert "name of another parameter" in str(error) or "more than once" in str(error)


def test_networkx_attributes():
    graph = graph_from(
        'N 5\nnet "x"\n0 2 w=0.5 p=0\n1 2 p=1\n0 3 w=0.5 p=0\n2 : tanh agg=max bias=1 pb=2\n3 : relu_leaky<0.5>\n'
        "4 : neat_exp\ninputs 0,1\noutputs 3,2,4\n"
    )
    g = irc.to_networkx(graph)
    assert g.nodes["n02"] == {"activation": "tanh", "aggregation": "max", "bias": 1.0}
    assert g.nodes["n04"] == {"activation": "neat_exp", "input": False} and g.nodes["n00"] == {}
    assert g.edges["n00", "n03"] == {"weight": 0.5, "param": 0} and g.edges["n01", "n02"] == {}
    assert g.graph == {"name": "x", "numbered": True, "outputs": ["n03", "n02", "n04"]}
    assert facts(from_networkx(g)) == facts(graph)
    g.add_edge("n04", "new")
    assert from_networkx(g).labels == ("n00", "n01", "n02", "n03", "n04", "new")


# Refusals


def _losses(graph: Graph, form: str) -> str:
    with pytest.raises(Error) as caught:
        contents(graph, form)
    assert len(caught.value.diagnostics) == 1
    return str(caught.value)


def test_one_message_lists_all_losses():
    graph = graph_from(
        'N 4\n0 2 w=0.5 p=2\n1 2 p=2\n2 3 p=0\n2 : relu_leaky<0.1> agg=max bias=1 pb=1 label="h"\n'
        '3 : tanh\nparam 2 name="s"\noutputs 03,02\n'
    )
    message = _losses(graph, "nal")
    for loss in (
        "the labels n00, n01, h, ...",
        "2 start values of parameters",
        "1 bias (h)",
        "the activation relu_leaky<0.1> of 1 neuron",
        "1 neuron that does not sum (h)",
        "1 parameter shared by several edges",
        "places of 3 parameters",
        "1 name of parameters (s)",
        "the choice of outputs (n03, h)",
        "lossy=True (--lossy)",
    ):
        assert loss in message
    assert contents(graph, "nal", lossy=True) == "N 04\n00\n01\n02 00 00,01\n03 02 02\n"


@pytest.mark.parametrize(
    ("text", "form", "loss"),
    [
        ("N 2\n0 1\n", "nam", "the activation (a matrix is read with act='relu') identity of 1 neuron"),
        ("N 3\n1 2\n0 2\n2 : relu\n", "npy", "1 in-set's order (n02)"),
        ("N 3\n0 2\n1 : relu\n2 : relu\n", "npz", "1 constant (n01)"),
        ("N 3\n0 2 w=0\n1 2 w=1\n2 : relu\n", "npy", "1 edge of weight 0 (n00 -> n02)"),
        ("N 3\n0 2 w=0\n1 2\n2 : relu\n", "npz", "the start values of 1 of 2 weights"),
        ('N 2\n0 1\n1 : relu label="x"\n', "npy", "the labels n00, x"),
        ('N 2\n0 1\n1 : relu label="a|b"\n', "nam", "the labels 'a|b'"),
        ("N 2\n0 1\n1 : relu\nparam 1\n", "nal", "1 parameter that nothing uses"),
        ("N 2\n0 1 w=0.1\n", "mlir", "digits of 1 start value (dtype float64 holds them)"),
    ],
)
def test_losses(text, form, loss):
    graph = graph_from(text if "name" in text else text + 'net "t"\n')
    assert loss in _losses(graph, form)
    assert contents(graph, form, lossy=True)


def test_networkx_refusals():
    for text, loss in (
        ("N 2\n0 1\n1 : relu bias\n", "1 bias to be drawn (n01)"),
        ("N 2\n0 1 p=1\n1 : bias=1 pb=0\n", "place, name or sharing of parameters that are biases (b01)"),
        ('N 3\n0 2 p=1\n1 2 p=0\nparam 0 name="a"\n', "1 name of parameters (a)"),
    ):
        with pytest.raises(Error) as caught:
            irc.to_networkx(text + 'net "t"\n')
        assert loss in str(caught.value)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("seed", range(40))
def test_what_is_not_refused_is_not_lost(form, seed, tmp_path):
    graph = wild_graph(seed)
    try:
        convert(graph, tmp_path / f"net.{form}")
    except Error as error:
        assert "would lose" in str(error) or "cannot hold" in str(error)
        assert form != "nel"
        return
    back = graph_from(tmp_path / f"net.{form}")
    if form == "mlir":
        assert _unordered(back) == _unordered(graph)
    else:
        assert facts(back) | {"name": ""} == facts(graph) | {"name": ""}


@given(st.integers(0, 2**32))
def test_nam_with_any_labels(seed):
    rng = np.random.default_rng(seed)
    labels = wild_graph(seed).labels
    if labels is None:
        return
    count = len(labels)
    matrix = np.triu(rng.random((count, count)) < 0.5, 1)
    from irc.frontends import nam
    from irc.frontends.ndarray import from_array
    from irc.ir.locations import Source

    graph = from_array(matrix, labels=labels)
    try:
        text = contents(graph, "nam")
    except Error as error:
        assert "the labels" in str(error)
        return
    assert facts(nam.parse(Source(text, "net.nam"))) == facts(graph)


# The command


def irc_command(*argv: str) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = main(argv, io.StringIO(), stdout, stderr)
    return status, stdout.getvalue(), stderr.getvalue()


def test_command(tmp_path):
    source, target = str(FOLDER / "nn00.nal"), str(tmp_path / "b.nel")
    assert irc_command("convert", source, target) == (0, "", "")
    assert facts(graph_from(Path(target))) == facts(sample_graph("nn00.nal"))
    assert irc_command("convert", target, str(tmp_path / "x"), "--to", "npz")[0] == 0
    assert irc_command("run", str(tmp_path / "b.nel"), "--input", "1,2,3,4")[0] == 0
    (tmp_path / "b.npz").write_bytes((tmp_path / "x").read_bytes())
    other = str(tmp_path / "b.npz")
    assert irc_command("run", target, "--input", "1,2,3,4") == irc_command("run", other, "--input", "1,2,3,4")


def test_command_refuses(tmp_path):
    cnn, target = str(FOLDER / "cnn.nam"), tmp_path / "b.nal"
    status, _, message = irc_command("convert", cnn, str(target))
    assert status == 1 and ".nal would lose the labels" in message and not target.exists()
    assert irc_command("convert", cnn, str(target), "--lossy")[0] == 0 and target.exists()
    assert "cannot write format 'xyz'" in irc_command("convert", cnn, str(tmp_path / "b.xyz"))[2]
    assert "has no ending" in irc_command("convert", cnn, str(tmp_path / "b"))[2]
    assert irc_command("convert", cnn)[0] == 2


def test_ir_stays_as_it_is(tmp_path):
    text = irc.parse(_LAYERS).to_text()
    (tmp_path / "a.mlir").write_text(text)
    assert convert(tmp_path / "a.mlir", tmp_path / "b.mlir").read_text() == text


# Speed


def test_speed(tmp_path):
    count = 2000
    rng = np.random.default_rng(0)
    edges = np.unique(rng.integers(100, count, 110_000) * count + rng.integers(0, 100, 110_000))
    target, source = np.divmod(edges, count)
    is_input = np.bincount(target, minlength=count) == 0
    graph = Graph.from_edges(
        count,
        source,
        target,
        activations=(IDENTITY, Activation("relu")),
        activation=np.where(is_input, 0, 1),
        is_input=is_input,
        values=rng.normal(size=len(source)),
    )
    assert graph.edge_count > 80_000
    for form in ("nel", "npy", "npz", "mlir"):
        begin = time.process_time()
        convert(graph, tmp_path / f"a.{form}", lossy=form == "mlir")
        assert graph_from(tmp_path / f"a.{form}").edge_count == graph.edge_count
        assert time.process_time() - begin < 5  # 0.2 to 0.6 s on the machine it was written on
    assert nel(from_networkx(to_networkx(graph))) == nel(graph)
    assert isinstance(irc.to_networkx(graph), nx.DiGraph)
