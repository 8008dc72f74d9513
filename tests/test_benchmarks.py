"""The benchmarks measure what they say: every contestant computes the net, and tables show medians and ratios."""

import json
import os
from importlib import import_module, util

import numpy as np
import pytest

import irc
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


@pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
@pytest.mark.parametrize("peer", ["irc", "jax", "torch"])
def test_recurrent_models_are_the_same_for_all(peer, monkeypatch):
    """Outputs are those of NumPy, and the losses of some steps of training agree: ``measure`` fails otherwise."""
    if util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    ways = import_module("ways")
    monkeypatch.setattr(ways, "least_seconds", lambda repeat: repeat(1) or 1e-6)
    for name in ("small", "RNN 96 to 128"):
        case = import_module("models").Case.of(name, 5, 3)
        for way in import_module(f"peers.recurrent_{peer}").peers(case):
            found = ways.measure(way)
            assert found["step"] == found["inference"] == 1.0 and found["compile step"] > 0


@pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
@pytest.mark.parametrize("name", ["small", "lstm", "64 to 256", "LSTM 64 to 256", "RNN 96 to 128"])
def test_recurrent_models_in_numpy_are_those_of_the_source(name):
    models = import_module("models")
    case = models.Case.of(name, 4, 2)
    with irc.compile(models.MODELS[name].source, dtype="float64", seed=1) as net:
        for key, value in case.parameters.items():
            net.params[key] = value
        found = net.run(case.own(case.x), rows=case.rows)
        np.testing.assert_allclose(case.own(found), case.outputs(), rtol=1e-9, atol=1e-12)


def test_times_of_recurrent_models_are_shown_apart_from_those_of_compiling():
    run = import_module("run")
    cells = {("a: step", "irc"): [1.0], ("a: compile step", "irc"): [700.0], ("a: step", "jax"): [5.0]}
    sections = run.recurrent(cells, ["irc", "jax"])
    assert sections["recurrent"].splitlines()[2:] == ["| a: step | 1.00 | 5.00 | 5.00x |"]
    assert sections["recurrent-compiling"].splitlines()[2:] == ["| a: step | 700 | - | - |"]


def test_speeds_are_ahead_where_they_are_larger():
    run = import_module("run")
    cells = {("a", "irc"): [6.0], ("a", "numpy"): [4.0], ("b, w^T", "irc"): [6.0]}
    assert run.dense(cells, ["irc", "numpy"])["dense"].splitlines() == [
        "| 10^9 operations a second | irc | numpy | irc / numpy |",
        "|---|---|---|---|",
        "| a | 6.0 | 4.0 | 1.50x |",
        "| b, w^T | 6.0 | - | - |",
    ]


@pytest.mark.parametrize("framework", ["irc", "by-hand", "numpy", "jax", "torch"])
def test_products_are_those_of_float64(framework, monkeypatch, capsys):
    """``main`` fails where a result is not within its rounding errors of NumPy's; columns and rows are left over."""
    if framework in ("jax", "torch") and util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    dense = import_module("dense")
    cases = [("mk,kn->mn", "", (9, 50, 300)), ("mk,nk->mn", ", w^T", (3, 5, 7)), ("km,kn->mn", ", x^T", (5, 3, 2))]
    monkeypatch.setattr(dense, "CASES", cases)
    monkeypatch.setattr(dense, "least_seconds", lambda repeat: repeat(1) or 1e-6)
    monkeypatch.setattr("sys.argv", ["dense.py", framework])
    dense.main()
    assert len(capsys.readouterr().out.splitlines()) == (1 if framework == "by-hand" else 3)


@pytest.mark.parametrize("form", [(False, False), (False, True), (True, True)])
def test_a_product_by_hand_writes_all_of_its_result_and_no_more(form):
    """Rows, columns and products are left over, with operands packed and as they are."""
    native_gemm, native = import_module("native_gemm"), import_module("native")
    m, n, k = 7, 37, 70
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((m, k), (k, n)))
    writer = native_gemm._Writer(m, n, k, native_gemm.Form(3, 2, *form, 32), 16)
    written = np.full(m * n + 32, np.nan, np.float32)
    room = irc.arrays.aligned_zeros(writer.room + 32, np.dtype(np.float32))
    room[writer.room :] = np.nan
    (address,) = native.compile_text(writer.text(), ["product"])
    places = [x.ctypes.data, w.ctypes.data, written.ctypes.data + 64, room.ctypes.data]
    native.repeated(address, [("ptr", place) for place in places])(1)
    np.testing.assert_allclose(written[16 : 16 + m * n].reshape(m, n), x @ w, rtol=1e-4, atol=1e-4)
    assert np.isnan(written[:16]).all() and np.isnan(written[-16:]).all() and np.isnan(room[writer.room :]).all()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("peer", ["irc", "numpy", "jax", "torch", "onnxruntime"])
def test_nets_of_layers_are_the_same_for_all(peer, threads, monkeypatch):
    """Outputs and the losses of some steps are those of NumPy in float64: ``measure`` fails otherwise."""
    if util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    mlp, ways = import_module("mlp"), import_module("ways")
    monkeypatch.setattr(ways, "least_seconds", lambda repeat: repeat(1) or 1e-6)
    monkeypatch.setitem(mlp.MODELS, "classes", mlp.Model((5, 7, 3), "relu", True))
    monkeypatch.setitem(mlp.MODELS, "numbers", mlp.Model((4, 6, 2), "tanh", False))
    for name in ("classes", "numbers"):
        case = mlp.Case.of(name, 8)
        found = [ways.measure(way) for way in import_module(f"peers.mlp_{peer}").peers(case, threads)]
        assert all(way["inference"] == 1.0 for way in found)
        assert peer == "onnxruntime" or all(way["step"] == 1.0 for way in found)


def test_the_first_step_is_measured_without_kept_code_and_with_it(capfd, monkeypatch):
    first_step = import_module("first_step")
    monkeypatch.setattr("sys.argv", ["first_step.py", "irc", "--quick"])
    first_step.main()
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["what"] for row in rows] == ["4-64-64-2, B=32: cold", "4-64-64-2, B=32: cached"]


@pytest.mark.parametrize("name", [pytest.param("LeNet", marks=pytest.mark.slow), "a convolution", "a GRU"])
@pytest.mark.parametrize("peer", ["irc", "jax", "torch", "onnxruntime"])
def test_lenet_a_convolution_and_a_gru_are_the_same_for_all(peer, name, monkeypatch):
    """Outputs are those of NumPy, and the losses of some steps of training agree: ``measure`` fails otherwise."""
    if util.find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed")
    monkeypatch.setattr(import_module("ways"), "least_seconds", lambda repeat: repeat(1) or 1e-6)
    if peer == "torch":  # compiles for a minute
        monkeypatch.setattr(import_module("peers.lenet_torch"), "THERE", False)
    lenet = import_module("lenet")
    monkeypatch.setitem(lenet.MODELS, "a convolution", lenet.same_size(3, 7))
    monkeypatch.setitem(lenet.MODELS, "a GRU", lenet.MODELS["GRU, 64 to 128, T=32"])
    made = import_module(f"peers.lenet_{peer}").peers(lenet.Case.of(name, 3))
    ways = [import_module("ways").measure(way) for way in made]
    assert all(way["inference"] == 1.0 for way in ways)
    assert peer == "onnxruntime" or all(way["step"] == 1.0 for way in ways)


def test_a_table_of_two_threads_shows_what_each_gains():
    run = import_module("run")
    cells = {("a: step", "irc"): [9.0], ("a: step", "jax"): [9.0], ("a: compile step", "irc"): [700.0]}
    cells |= {("a: step on 2 threads", "irc"): [5.0], ("a: step on 2 threads", "jax"): [6.0]}
    cells |= {("a: compile step on 2 threads", "irc"): [800.0], ("b: step on 2 threads", "irc"): [4.0]}
    assert run.two_threads("some", speeds=False)(cells, ["irc", "jax"])["some"].splitlines() == [
        "| µs | irc | jax | jax / irc | irc, gain | jax, gain |",
        "|---|---|---|---|---|---|",
        "| a: step | 5.0 | 6.0 | 1.20x | 1.80x | 1.50x |",
        "| b: step | 4.0 | - | - | - | - |",
    ]
    speeds = run.two_threads("some", speeds=True)({("a", "irc"): [4.0], ("a on 2 threads", "irc"): [7.0]}, ["irc"])
    assert speeds["some"].splitlines()[-1] == "| a | 7.0 | 1.75x |"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_benchmark_of_two_threads_gets_two_processors_and_all_libraries_are_told(tmp_path, monkeypatch):
    run = import_module("run")
    script = """
import json, os, sys
found = {"option": sys.argv[-1], "BLAS": os.environ["OMP_NUM_THREADS"], "processors": len(os.sched_getaffinity(0))}
for what, value in found.items():
    print(json.dumps({"what": what, "value": value}))
"""
    (tmp_path / "some.py").write_text(script)
    monkeypatch.setattr(run, "HERE", tmp_path)
    most = min(2, len(os.sched_getaffinity(0)))
    assert run.measure("some.py", "irc") == {"option": "irc", "BLAS": "1", "processors": 1}
    assert run.measure("some.py", "irc", threads=2) == {"option": "2", "BLAS": "2", "processors": most}
    cells = run.collect("some.py", ["irc"], 1, threads=(1, 2))
    assert {what for what, _ in cells} >= {"processors", "processors on 2 threads"}


def test_what_the_machine_gains_is_measured_for_all_computations():
    cores = import_module("cores")
    found = dict(cores.rows(quick=True))
    assert list(found) == list(cores.JOBS) and all(gain > 0 for gain in found.values())
