"""Genomes of neat-python: the same numbers as its own networks give, from its objects and from its JSON."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import neat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neat.export import export_network_json

import irc
from irc.dialects.array.kind import AGGREGATIONS
from irc.frontends import neat_json
from irc.frontends.neat import ACTIVATIONS, from_genome
from irc.ir.locations import Source
from irc.passes.pipelines import TRAINING
from support.agreement import Bounds, Problem, native
from support.genomes import config, exported, grown, network, outputs_of

KEYS = SimpleNamespace(genome_config=SimpleNamespace(input_keys=[-1, -2], output_keys=[0]))


def genome(nodes: dict, links: dict) -> SimpleNamespace:
    """A genome by its shape alone: nodes as (activation, aggregation, bias, response), links as weights or None."""
    fields = ("activation", "aggregation", "bias", "response")
    return SimpleNamespace(
        nodes={key: SimpleNamespace(**dict(zip(fields, node, strict=True))) for key, node in nodes.items()},
        connections={key: SimpleNamespace(weight=w or 1.0, enabled=w is not None) for key, w in links.items()},
    )


PLAIN = ("identity", "sum", 0.0, 1.0)


def samples(seed: int, count: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def test_all_functions_are_known():
    assert set(ACTIVATIONS) == set(neat.activations.ActivationFunctionSet().functions)
    assert set(AGGREGATIONS) == set(neat.aggregations.AggregationFunctionSet().functions)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    """Clamps, corners and far values too; in float64 the two differ by roundings."""
    xs = [-1e3, -61.0, -24.5, -12.1, -3.5, -1.0, -0.3, -1e-8, 0.0, 1e-8, 0.2, 1.0, 3.3, 11.9, 24.1, 61.0, 1e3]
    function = neat.activations.ActivationFunctionSet().get(name)
    written = ACTIVATIONS[name]
    found = irc.dialects.activations.ACTIVATIONS[written.name].evaluate(np.array(xs), written.parameter)
    np.testing.assert_allclose(found, [function(x) for x in xs], rtol=1e-13, atol=1e-15)


# -- native code against neat-python -----------------------------------------------------------------------------------


def check_values(g, settings) -> int:
    """Both dtypes within the bounds of their arithmetic; how many numbers had a bound that says something."""
    x = samples(g.key)
    wanted = outputs_of(network(g, settings), x)
    conclusive = 0
    pair = [irc.compile((g, settings), dtype=dtype, passes=TRAINING) for dtype in ("float64", "float32")]
    with pair[0] as double, pair[1] as single:
        assert np.array_equal(single.params.flat, double.params.flat)
        problem = Problem(x, np.ones(wanted.shape, np.float32))
        room = Bounds(double)(problem).y
        for net, allowed in ((double, 2 * room), (single, Bounds(single)(problem).y + room)):
            for y in (net.run(x), net.vjp(x, problem.dy)[0]):
                known = np.isfinite(wanted) & np.isfinite(allowed)
                far = np.abs(y.astype(np.float64) - wanted)[known] - np.broadcast_to(allowed, wanted.shape)[known]
                assert far.size == 0 or far.max() <= 0
                conclusive += int((known & (allowed <= 1e-3 * (1 + np.abs(wanted)))).sum())
    return conclusive


def check_grown(seeds: range) -> None:
    """Any mixture of functions, over many mutations. Some amplify rounding without limit (1/x), most do not."""
    found = [check_values(grown(seed, 3 + seed), config()) for seed in seeds]
    assert sum(found) > 0.6 * len(found) * 4 * 2 * 7


@pytest.mark.parametrize("first", [0, 3])
def test_grown_genomes_give_what_neat_python_gives(first):
    check_grown(range(first, first + 3))


@pytest.mark.slow  # code for every pair of functions in it is made for each genome
@pytest.mark.parametrize("first", range(6, 46, 5))
def test_more_grown_genomes_give_what_neat_python_gives(first):
    check_grown(range(first, first + 5))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_each_aggregation(aggregation):
    settings = config("tanh identity sigmoid clamped abs", aggregation)
    assert check_values(grown(4, 15, settings), settings) == 4 * 2 * 7


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation(activation):
    settings = config(activation, "sum mean max median")
    check_values(grown(5, 6, settings), settings)


@pytest.mark.parametrize("seed", range(6))
def test_gradients_are_slopes(seed):
    """Against differences of neat-python's own network, parameter by parameter."""
    settings = config("tanh sigmoid sin gauss softplus identity square", "sum product mean median maxabs max")
    g = grown(seed, 8, settings)
    x, dy = samples(seed, 2).astype(np.float64), np.random.default_rng(seed).normal(size=(2, 2))
    with irc.compile((g, settings), dtype="float64") as net:
        found = native(net, Problem(x, dy))
        slots = parameter_slots(g, list(net.params))
        for place, (gene, attribute) in enumerate(slots):
            kept, step = getattr(gene, attribute), 1e-6
            losses = []
            for moved in (kept + step, kept - step):
                setattr(gene, attribute, moved)
                losses.append(float(np.sum(dy * outputs_of(network(g, settings), x))))
            setattr(gene, attribute, kept)
            assert found.params[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=2e-5, abs=2e-7)


def parameter_slots(g, names: list[str]) -> list[tuple]:
    """For each parameter the gene and its field."""
    slots = []
    for name in names:
        if name.startswith("w_"):
            source, target = (int(part.removeprefix("agg")) for part in name[2:].split("_"))
            slots.append((g.connections[source, target], "weight"))
        else:
            key = int(name.removeprefix("b_").removeprefix("r"))
            slots.append((g.nodes[key], "bias" if name.startswith("b_") else "response"))
    return slots


def test_every_pass_keeps_the_meaning():
    links = {(-1, 0): 1.0, (-2, 0): -1.0, (3, 0): 0.5, (-1, 3): 1.0, (-2, 3): -1.5}
    g = genome({0: ("tanh", "median", 0.5, 2.0), 3: ("clamped", "maxabs", 0.0, 1.0)}, links)
    with irc.compile((g, KEYS), check=True, passes=TRAINING) as net:
        net.vjp(samples(0)[:, :2], np.ones((7, 1)))


# -- JSON --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_json_gives_the_same_net(seed, tmp_path):
    g = grown(seed, 4 + seed)
    path = tmp_path / "winner.json"
    path.write_text(exported(g))
    graph, read = from_genome(g, config(), name="winner"), neat_json.parse(Source(path.read_text(), str(path)))
    assert graph.labels == read.labels and graph.parameter_names == read.parameter_names and read.name == "winner"
    assert graph.activations == read.activations and graph.given_names == read.given_names
    for field in ("source", "target", "bias", "activation", "aggregation", "is_input", "outputs", "initial"):
        assert np.array_equal(getattr(graph, field), getattr(read, field)), field
    if seed < 2:
        with irc.compile(str(path), dtype="float64") as a, irc.compile((g, config()), dtype="float64") as b:
            assert np.array_equal(a.run(samples(seed)), b.run(samples(seed)))


def test_json_as_text():
    with irc.compile(exported(grown(1, 3))) as net:
        assert net.name == "net"


# -- what a genome means -----------------------------------------------------------------------------------------------


def test_disabled_connections_and_nodes_that_no_output_needs_are_left_out():
    nodes = {0: PLAIN, 3: PLAIN, 4: PLAIN, 5: ("tanh", "max", 0.5, 1.0)}
    links = {(-1, 3): 2.0, (3, 0): 3.0, (-2, 0): None, (-2, 4): 1.0, (4, 4): 1.0, (0, 5): 1.0}
    graph = from_genome(genome(nodes, links), KEYS)
    assert graph.labels == ("-1", "-2", "0", "3")
    assert graph.parameter_names == ("w_3_0", "w_-1_3", "b_0", "b_3")
    assert graph.initial.tolist() == [3.0, 2.0, 0.0, 0.0]
    assert graph.inputs.tolist() == [0, 1] and graph.outputs.tolist() == [2]


def test_a_response_other_than_one_is_a_parameter():
    g = genome({0: ("tanh", "max", 0.5, 2.0)}, {(-1, 0): 1.0, (-2, 0): -1.0})
    with irc.compile((g, KEYS), dtype="float64") as net:
        assert list(net.params) == ["w_-1_agg0", "w_-2_agg0", "r0", "b_0"]
        assert net.params["r0"] == 2.0
        assert net.run([[0.25, 0.5]]).item() == pytest.approx(math.tanh(2.5 * (0.5 + 2.0 * 0.25)))


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_node_without_links(aggregation):
    """neat-python's product of nothing is 1, so that the response counts; all others are 0."""
    for response in (1.0, 3.0):
        with irc.compile((genome({0: ("identity", aggregation, 0.5, response)}, {}), KEYS), dtype="float64") as net:
            expected = 0.5 + (response if aggregation == "product" else 0.0)
            assert net.run(np.zeros((2, 2))).tolist() == [[expected]] * 2
            assert net.params["b_0"] == 0.5


def test_inputs_and_outputs_are_in_the_order_of_the_configuration():
    keys = SimpleNamespace(genome_config=SimpleNamespace(input_keys=[-2, -1], output_keys=[1, 0]))
    g = genome({0: PLAIN, 1: PLAIN}, {(-1, 0): 1.0, (-2, 1): 10.0})
    with irc.compile((g, keys)) as net:
        assert net.run([[1.0, 2.0]]).tolist() == [[10.0, 2.0]]
    for outputs in (0, "0", [0]):
        with pytest.warns(irc.DiagnosticWarning, match="neuron 1 reaches no output"):
            net = irc.compile((g, keys), outputs=outputs)
        assert net.run([[1.0, 2.0]]).tolist() == [[2.0]]
        net.close()


def test_the_genome_is_only_read():
    g = grown(2)
    before = exported(g)
    irc.compile((g, config())).close()
    assert json.loads(exported(g))["connections"] == json.loads(before)["connections"]


# -- recurrent genomes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_recurrent_genomes_give_what_neat_python_gives(seed):
    """All links between nodes are a step late, from 0 on; a second call goes on where the first one ended."""
    settings = config("tanh sigmoid identity gauss", "sum mean max product", recurrent=True)
    g = grown(seed, 12, settings)
    oracle = neat.nn.RecurrentNetwork.create(g, settings)
    x = np.random.default_rng(seed).normal(size=(9, 3))
    wanted = outputs_of(oracle, x)
    text = export_network_json(oracle)
    with irc.compile((g, settings), dtype="float64") as net, irc.compile(text, dtype="float64") as read:
        for made in (net, read):
            found = np.concatenate([made.run(x[:4]), made.run(x[4:])])
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_a_node_without_links_is_zero_in_a_recurrent_genome():
    """Whatever its bias; it need not even be there."""
    recurrent = SimpleNamespace(**vars(KEYS.genome_config), feed_forward=False)
    links = {(-1, 0): 2.0, (1, 0): 3.0, (9, 0): 4.0}
    g = genome({0: ("identity", "sum", 0.5, 1.0), 1: ("identity", "sum", 7.0, 1.0)}, links)
    with irc.compile((g, SimpleNamespace(genome_config=recurrent))) as net:
        np.testing.assert_array_equal(net.run([[1.0, 0.0], [2.0, 0.0]]), [[2.5], [4.5]])


# -- what is refused ---------------------------------------------------------------------------------------------------

ONE = {(-1, 0): 1.0}
REFUSED = {
    "cycle": ({0: PLAIN, 1: PLAIN}, {(-1, 0): 1.0, (0, 1): 1.0, (1, 0): 1.0}, "a cycle, but it is to be feed-forward"),
    "loop": ({0: PLAIN}, {(0, 0): 1.0}, r"feed-forward \(feed_forward in its configuration\): 0 -> 0"),
    "activation": ({0: ("softmax", "sum", 0.0, 1.0)}, ONE, "node 0: unknown activation 'softmax'; known are: identity"),
    "aggregation": ({0: ("tanh", "mode", 0.0, 1.0)}, ONE, "node 0: unknown aggregation 'mode'; known are: sum"),
    "bias": ({0: ("tanh", "sum", math.nan, 1.0)}, ONE, "bias of node 0 is a finite number, not nan"),
    "response": ({0: ("tanh", "sum", 0.0, "1")}, ONE, "response of node 0 is a finite number, not '1'"),
    "weight": ({0: PLAIN}, {(-1, 0): math.inf}, "weight of connection -1 -> 0 is a finite number, not inf"),
    "no output": ({}, ONE, "key 0 is the output, but there is no such node"),
    "no source": ({0: PLAIN}, {(9, 0): 1.0}, "key 9 is the source of a connection, but there is no such node"),
    "into an input": ({0: PLAIN}, {(0, -1): 1.0}, "connection 0 -> -1 goes into an input"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    nodes, links, message = REFUSED[what]
    with pytest.raises(irc.Error, match=message):
        irc.compile((genome(nodes, links), KEYS))


def test_everything_wrong_is_reported_together():
    with pytest.raises(irc.Error) as caught:
        irc.compile((genome({0: ("sine", "sum", math.nan, 1.0)}, {(-1, 0): math.nan}), KEYS))
    assert len(caught.value.diagnostics) == 3


def test_functions_of_the_user():
    settings = config()
    known = settings.genome_config.activation_defs.functions
    kept = known["tanh"]
    g = grown(0)
    g.nodes[0].activation = "tanh"
    try:
        known["tanh"] = lambda z: z
        with pytest.raises(irc.Error, match="node 0: activation 'tanh' is a function of the user"):
            irc.compile((g, settings))
    finally:
        known["tanh"] = kept


def test_what_is_no_genome():
    g = genome({0: PLAIN}, ONE)
    with pytest.raises(irc.Error, match=r"needs genome_config.input_keys"):
        irc.compile((g, None))
    with pytest.raises(irc.Error, match="a pair of a neat-python genome and its configuration"):
        irc.compile(g)
    with pytest.raises(irc.Error, match="expected a genome with nodes and connections, not int"):
        from_genome(3, KEYS)
    with pytest.raises(irc.Error, match="options act and out_act are for matrices"):
        irc.compile((g, KEYS), act="tanh")
    two = SimpleNamespace(genome_config=SimpleNamespace(input_keys=[0, -1, -1], output_keys=[0]))
    with pytest.raises(irc.Error, match=r"(?s)-1 is more than once among the inputs.*0 is an input and an output"):
        irc.compile((g, two))


def changed(old: str, new: str) -> str:
    """The JSON of a small net with one thing replaced."""
    node = '{"id": 0, "type": "output", "activation": {"name": "tanh", "custom": false},\n'
    node += '  "aggregation": {"name": "sum", "custom": false}, "bias": 0.5, "response": 1.0}'
    link = '{"from": -1, "to": 0, "weight": 2.0, "enabled": true}'
    keys = '{"input_keys": [-1], "output_keys": [0]}'
    text = f'{{"format_version": "1.0", "network_type": "feedforward",\n "topology": {keys},\n'
    text += f' "nodes": [\n  {node}],\n "connections": [\n  {link}]}}\n'
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ('"feedforward"', '"ctrnn"', (1, 1), "network_type is 'ctrnn'; only feedforward and recurrent can be read"),
        ('"1.0"', '"2.0"', (1, 1), "format_version is '2.0'; 1.x can be read"),
        ('"nodes"', '"n"', (1, 1), "not a network of neat-python"),
        ("[-1]", "[true]", (2, 14), "input_keys: a key is an integer, not True"),
        ("[-1]", "4", (2, 14), "input_keys must be a list"),
        ('"tanh", "custom": false', '"f", "custom": true', (4, 3), "node 0: activation 'f' is a function of the user"),
        ('"tanh"', '"tanhh"', (4, 3), "node 0: unknown activation 'tanhh'"),
        ("0.5", "NaN", (4, 3), "the bias of node 0 is a finite number, not nan"),
        ('"id": 0', '"id": "0"', (4, 3), "'id' must be an integer, not '0'"),
        ('"weight": 2.0', '"weight": null', (7, 3), "the weight of connection -1 -> 0 is a finite number, not None"),
        ('"from": -1', '"from": 0', (7, 3), "the genome has a cycle, but it is to be feed-forward"),
        ("true", "1", (7, 3), "'enabled' must be true or false, not 1"),
        ('{"from"', '3, {"from"', (1, 1), r"connections\[0\] must be an object, not 3"),
        ("2.0,", "2.0", (7, 39), "not JSON: Expecting ',' delimiter"),
    ],
)
def test_json_errors_have_their_place(old, new, place, message):
    with pytest.raises(irc.Error, match=message) as caught:
        neat_json.parse(Source(changed(old, new), "g.json"))
    first = caught.value.diagnostics[0]
    assert (first.file, first.line, first.column) == ("g.json", *place)


def test_repeated_nodes_and_edges_in_json():
    text = changed('{"id"', '{"id": 0, "activation": {"name": "relu"}, "aggregation": {"name": "sum"}}, {"id"')
    with pytest.raises(irc.Error, match="node 0 is given twice"):
        neat_json.parse(Source(text))
    link = '{"from": -1, "to": 0, "weight": 1.0}'
    with pytest.raises(irc.Error, match="edge -1 -> 0 is given twice"):
        neat_json.parse(Source(changed('{"from"', link + ', {"from"')))


@pytest.mark.parametrize("text", ["{", "{\n", "[" * 10**5, '{"a": ' + "9" * 5000 + "}", "3", "{}", '{"a": "\0"}'])
def test_json_of_another_kind(text):
    with pytest.raises(irc.Error):
        neat_json.parse(Source(text))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_fuzzed_json_is_a_net_or_an_error(data):
    text = changed("0.5", "0.25")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(st.sampled_from(["", "0", "-1", "1e999", "null", "[]", "{}", '"', ",", "true", "é"]))
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 6)) :]
    try:
        neat_json.parse(Source(text))
    except irc.Error:
        pass
