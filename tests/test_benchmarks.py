"""The benchmarks measure what they say: every contestant computes the net, and tables show medians and ratios."""

from importlib import import_module, util

import numpy as np
import pytest

from support import ROOT

PEERS = ["irc", "by_hand", "neat_python", "scipy", "jax", "torch"]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("samples", [1, 128])
@pytest.mark.parametrize("peer", PEERS)
def test_results_are_those_of_float64(peer, samples):
    if util.find_spec(peer.partition("_")[0]) is None and peer != "by_hand":
        pytest.skip(f"{peer} is not installed")
    dags = import_module("dags")
    dag = dags.random_dag(330)
    x, dy = dags.batch(dag, samples)
    wanted = dags.exact(dag, x, dy)
    found = list(import_module(f"peers.{peer}").contestants(dag, x, dy))
    for one in found:
        one.repeat(2)
        dags.check(one.results(), wanted)
    assert found


def test_the_check_finds_a_wrong_result():
    dags = import_module("dags")
    dag = dags.random_dag(33)
    wanted = dags.exact(dag, *dags.batch(dag, 64))
    with pytest.raises(AssertionError):
        dags.check((wanted[0], wanted[1] * 1.001), wanted)


def test_the_gradients_to_compare_with_are_differences_of_values():
    dags = import_module("dags")
    dag = dags.random_dag(100)
    x, dy = (array.astype(np.float64) for array in dags.batch(dag, 3))
    _, dw, dx = dags.exact(dag, x, dy)
    step = 1e-6
    for edge in (0, 57, 99):
        ends = []
        for sign in (1, -1):
            weights = dag.weights.astype(np.float64)
            weights[edge] += sign * step
            moved = type(dag)(**{**vars(dag), "weights": weights})
            ends.append((dags.exact(moved, x, dy)[0] * dy).sum())
        np.testing.assert_allclose(dw[edge], (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)
    ends = []
    for sign in (1, -1):
        moved = x.copy()
        moved[1, 2] += sign * step
        ends.append((dags.exact(dag, moved, dy)[0] * dy).sum())
    np.testing.assert_allclose(dx[1, 2], (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)


def test_random_nets_are_of_the_size_asked_for_and_sorted_by_depth():
    dag = import_module("dags").random_dag(1000)
    assert (dag.neurons, len(dag.source), len(dag.weights)) == (100, 1000, 1000)
    assert np.all(dag.source < dag.target)
    assert len(set(zip(dag.source.tolist(), dag.target.tolist(), strict=True))) == 1000
    depth = np.searchsorted(dag.levels, np.arange(dag.neurons), side="right")
    assert np.all(depth[dag.source] < depth[dag.target])
    assert set(dag.target.tolist()) == set(range(dag.inputs, dag.neurons))
    assert set(range(dag.neurons)) - set(dag.source.tolist()) == set(dag.outputs.tolist())


def test_tables_show_medians_and_how_far_the_first_is_ahead():
    run = import_module("run")
    cells = {("a, call", "irc"): [1.0, 3.0, 2.0], ("a, call", "scipy"): [8.0], ("a, kernel", "irc"): [1.0]}
    text = run.table(run.part(cells, ", call", {"irc": "ours", "scipy": "scipy"}), ["ours", "scipy"], "ns")
    assert text.splitlines()[2] == "| a | 2.0 | 8.0 | 4.0x |"
    assert len(text.splitlines()) == 3
