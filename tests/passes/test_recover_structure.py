"""Dense blocks become layers, and nothing else changes: edges, parameter indices, names, values, gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc.dialects.neuron import Dag, Gather, Layer, Net, Node, parameter_names
from irc.frontends.build import graph_to_module
from irc.frontends.ndarray import from_array
from irc.ir.types import f32
from irc.ir.verifier import verify
from irc.passes.pipelines import PIPELINES
from irc.passes.recover_structure import LEAST_EDGES, count_blocks
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.nets import after, agree, call, net_of, random_data, random_graph, sample_graph, sample_module

# Random nets have dead neurons, which are warned of.
pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")

PIPELINE = "group-neurons,recover-structure{min=1},lower-neuron"
NATIVE = PIPELINES["recover"][1].replace("recover-structure", "recover-structure{min=1}")
DATA = PIPELINES["data"][1]


def blocky_net(seed: int, kind: str = "f32") -> str:
    """A net of blocks between single neurons: shared parameters, weights of 1, biases, sources that stand twice, two
    activations, other aggregations, neurons in any order, inner outputs.
    """
    rng = np.random.default_rng(seed)
    inputs = int(rng.integers(1, 5))
    known = [f"x{n}" for n in range(inputs)]
    lines: list[str] = []
    parameters = int(rng.integers(5, 40))

    def neuron(name: str, sources: list[str], act: str, how: str, biased: bool, ones: float) -> None:
        terms = [s if rng.random() < ones else f"{s}*w[{rng.integers(parameters)}]" for s in (f"%{s}" for s in sources)]
        bias = f" + w[{rng.integers(parameters)}]" if biased else ""
        body = f"{' + '.join(terms)}{bias}" if how == "sum" else f"{how}({', '.join(terms)}){bias}"
        lines.append(f"  %{name} = neuron.node {act}({body}) : {kind}")

    for group in range(int(rng.integers(2, 6))):
        found = []
        sources = [known[k] for k in rng.integers(0, len(known), int(rng.integers(1, 6)))]
        biased, ones = bool(rng.integers(2)), float(rng.choice([0, 0.3, 1]))
        for n in range(int(rng.integers(1, 6))):
            found.append(f"g{group}_{n}")
            neuron(found[-1], sources, str(rng.choice(["tanh", "relu_leaky<0.2>"])), "sum", biased, ones)
        for n in range(int(rng.integers(0, 3))):
            own = [known[k] for k in rng.integers(0, len(known), 2)]
            neuron(f"s{group}_{n}", own, "sigmoid", str(rng.choice(["sum", "product", "max"])), False, 0.2)
            found.append(f"s{group}_{n}")
        known += found
    outputs = [known[k] for k in sorted(rng.choice(len(known), min(4, len(known)), replace=False))]
    rng.shuffle(lines)
    arguments = ", ".join(f"%x{n}: {kind}" for n in range(inputs))
    types = ", ".join([kind] * len(outputs))
    return (
        f"neuron.net @f({arguments}) -> ({types}) parameters {parameters} {{\n"
        + "\n".join(lines)
        + f"\n  neuron.output {', '.join('%' + o for o in outputs)} : {types}\n}}\n"
    )


def neurons(module) -> dict[str, tuple]:
    """What each neuron is, by name; the outputs by their place."""
    net = net_of(after(module, "explode-neurons"))
    found: dict[str, tuple] = {"outputs": tuple(v.name_hint for v in net.outputs)}
    for op in net.block:
        if isinstance(op, Node):
            parameter = None if op.parameter is None else op.parameter.value
            terms = tuple((v.name_hint, w) for v, w in zip(op.terms, op.weights, strict=True))
            found[op.value.name_hint] = (op.activation.value, parameter, op.aggregation.value, op.bias_index, terms)
    return found


def recovered(module, least: int = 1):
    """The module with its blocks as layers, verified and read back from its text."""
    found = after(module, f"recover-structure{{min={least}}}")
    verify(found)
    return parse_module(found.to_text())  # type: ignore[attr-defined]


@settings(max_examples=80)
@given(st.integers(0, 10**6), st.integers(1, 30), st.booleans())
def test_exploding_gives_back_the_same_neurons(seed, least, as_dag):
    module = parse_module(blocky_net(seed))
    if as_dag:
        module = after(module, "group-neurons")
    assert neurons(recovered(module, least)) == neurons(module)


@pytest.mark.parametrize("seed", range(20))
def test_every_block_is_found(seed):
    """A dictionary of in-sets, neuron by neuron, counts the same."""
    module = parse_module(blocky_net(seed))
    for least in (1, 6, 12):
        blocks: dict[tuple, int] = {}
        for what in list(neurons(module).values())[1:]:
            act, parameter, how, bias, terms = what
            if how == "sum" and len(terms) >= 2:
                key = (act, parameter, bias is None, tuple(source for source, _ in terms))
                blocks[key] = blocks.get(key, 0) + 1
        wanted = [rows * len(key[-1]) for key, rows in blocks.items() if rows >= 2 and rows * len(key[-1]) >= least]
        assert count_blocks(net_of(module), least) == (len(wanted), sum(wanted))
        layers = [op for op in recovered(module, least).walk() if isinstance(op, Layer)]
        assert sorted(layer.edges.weight_count for layer in layers) == sorted(wanted)


@pytest.mark.parametrize("seed", range(12))
def test_values_stay_within_error_bounds(seed):
    module = parse_module(blocky_net(seed))
    net = net_of(module)
    x, w, _ = random_data(net, seed)
    arguments = [x.astype(np.float32), w.astype(np.float32)]
    wanted = call(module, "f", arguments, "bounded")
    for passes in ("recover-structure{min=1}", PIPELINE):
        found = after(module, passes)
        agree(call(found, "f", arguments, "bounded"), wanted)
        agree(call(found, "f", arguments), wanted)


@pytest.mark.parametrize("seed", range(5))
def test_native_results_and_gradients_agree(seed):
    """In float64, so that a wrong edge cannot hide in rounding."""
    text = blocky_net(seed, "f64")
    with irc.compile(text, passes=DATA, seed=1) as data, irc.compile(text, passes=NATIVE, seed=1) as layers:
        x, _, dy = random_data(net_of(data.module), seed, samples=(1, 3, 17)[seed % 3])
        (y, wanted), (z, found) = data.vjp(x, dy), layers.vjp(x, dy)
        assert np.allclose(z, y, rtol=1e-12, atol=1e-12)
        assert np.allclose(layers.run(x), y, rtol=1e-12, atol=1e-12)
        assert np.allclose(found.x, wanted.x, rtol=1e-10, atol=1e-10)
        assert np.allclose(found.params.flat, wanted.params.flat, rtol=1e-10, atol=1e-10)


def test_the_check_is_green():
    irc.compile(blocky_net(3), passes=NATIVE, check=True).close()


@pytest.mark.parametrize("seed", range(15))
def test_random_nets_stay_the_same(seed):
    module = graph_to_module(random_graph(seed), "dag", f32)
    assert neurons(recovered(module)) == neurons(module)


@pytest.mark.parametrize(("name", "sizes"), [("fcn-letters.nam", [16, 16, 8]), ("fcn-digits.nam", [64, 64, 16])])
@pytest.mark.parametrize("form", ("nodes", "dag"))
def test_dense_nets_are_layers_altogether(name, sizes, form):
    found = recovered(sample_module(name, form))
    net = net_of(found)
    assert [type(op) for op in net.block][1:-2] == [Layer, Layer, Layer]  # between the two ends, where vectors begin
    assert not any(isinstance(op, (Dag, Node)) for op in net.block)
    assert [op.edges.weight_count for op in net.block if isinstance(op, Layer)] == sizes
    assert all(op.weights is None for op in net.block if isinstance(op, Layer))  # contiguous: a part of the vector
    assert not any(op.name.startswith("array.gather") for op in after(found, "lower-neuron,canonicalize,dce").walk())


def test_of_a_convolution_only_the_output_layer_is_dense():
    module = sample_module("cnn.nam", "dag")
    net = net_of(recovered(module, least=20))
    (layer,) = [op for op in net.block if isinstance(op, Layer)]
    assert (layer.edges.inputs, layer.edges.outputs) == (32, 3)
    assert [type(op) for op in net.block if not isinstance(op, Gather)][:-1] == [Dag, Layer]


@pytest.mark.parametrize("name", ("fcn-letters.nam", "cnn.nam", "rnn.nam"))
def test_parameters_keep_their_names(name):
    module = sample_module(name, "dag")
    assert parameter_names(net_of(recovered(module))) == parameter_names(net_of(module))


def test_any_parameter_indices_are_kept_in_a_list():
    text = """
    neuron.net @f(%a: f32, %b: f32) -> (f32, f32) parameters 3 {
      %c = neuron.node relu(%a*w[2] + %b + w[1])
      %d = neuron.node relu(%a*w[2] + %b*w[0] + w[1])
      neuron.output %c, %d : f32, f32
    }
    """
    module = parse_module(text)
    (layer,) = [op for op in recovered(module).walk() if isinstance(op, Layer)]
    assert layer.weight_indices.tolist() == [2, -1, 2, 0]
    assert layer.bias_indices.tolist() == [1, 1]
    arguments = [np.array([[2.0, 3.0]], np.float32), np.array([5.0, 7.0, 11.0], np.float32)]
    assert call(after(module, PIPELINE), "f", arguments).tolist() == [[32.0, 44.0]]


def test_compile_takes_the_structure():
    size = 16
    assert size * size >= LEAST_EDGES
    matrix = np.kron(np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]]), np.ones((size, size), int))
    with irc.compile(matrix) as data, irc.compile(matrix, structure="recover") as layers:
        assert "array.dag" in data.dump(after="lower-neuron")
        text = layers.dump(after="lower-neuron")
        assert text.count("array.contract") == 2 and "array.dag" not in text
        x, dy = np.random.default_rng(0).normal(size=(2, 5, size)).astype(np.float32)
        (y, wanted), (z, found) = data.vjp(x, dy), layers.vjp(x, dy)
        assert np.allclose(y, z, rtol=1e-4, atol=1e-6)
        assert np.allclose(wanted.x, found.x, rtol=1e-4, atol=1e-5)
        assert np.allclose(wanted.params.flat, found.params.flat, rtol=1e-4, atol=1e-5)
        assert list(data.params) == list(layers.params)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"structure": "dense"}, "structure must be one of data, recover, code, got 'dense'"),
        ({"structure": "recover", "passes": "lower-neuron"}, "with passes=, name recover-structure there"),
    ],
)
def test_compile_refuses(options, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(np.triu(np.ones((3, 3)), 1), **options)


def test_a_net_without_blocks_stays_as_it_is():
    module = sample_module("nn00.nal", "nodes")
    copy = module.clone()
    PassManager(parse_pipeline("recover-structure")).run(copy)  # type: ignore[arg-type]
    assert copy.to_text() == module.to_text()
    assert isinstance(net_of(copy), Net) and count_blocks(net_of(copy)) == (0, 0)


def test_a_graph_with_more_edges_than_nodes_take_is_recovered_too():
    graph = sample_graph("fcn-digits.nam")
    assert count_blocks(net_of(graph_to_module(graph, "dag")), 64) == (2, 128)


def chain(*columns: tuple[int, int]) -> Net:
    """A net of 32 inputs and one block of 16 neurons after the other, each reading neurons from .. to (exclusive)."""
    count = 32 + 16 * len(columns)
    matrix = np.zeros((count, count), int)
    for number, (begin, end) in enumerate(columns):
        matrix[begin:end, 32 + 16 * number : 48 + 16 * number] = 1
    return net_of(graph_to_module(from_array(matrix, outputs=tuple(range(32, count))), "dag"))


def test_by_default_a_block_must_pay():
    assert 16 * 16 >= LEAST_EDGES
    assert count_blocks(chain((0, 32))) == (1, 512)  # all inputs
    assert count_blocks(chain((0, 20))) == (0, 0)  # some of them: to be gathered
    assert count_blocks(chain((0, 20)), 1) == (1, 320)  # but found, if asked for
    assert count_blocks(chain((0, 32), (32, 48))) == (2, 768)  # a layer
    assert count_blocks(chain((0, 20), (32, 48))) == (0, 0)  # of a block that does not pay


def test_kinds_that_are_listed_twice_are_one():
    """A matrix has a kind for its outputs, which may be that of the others: a block may have both."""
    matrix = np.zeros((6, 6), int)
    matrix[0:2, 2:5] = 1
    matrix[2, 5] = 1
    net = net_of(graph_to_module(from_array(matrix, act="tanh", out_act="tanh"), "dag"))
    assert count_blocks(net, 1) == (1, 6)
