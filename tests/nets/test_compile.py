"""``irc.compile``: options, sources, dumps, closing, threads; and what it says to errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import networkx as nx
import numpy as np
import pytest

import irc
from irc.passes.dce import Dce
from irc.passes.pipelines import INFERENCE, TRAINING
from irc.passmanager import parse_pipeline

ROOT = Path(__file__).parents[2]
NN00 = ROOT / "examples" / "nets" / "nn00.nal"
MLP = ROOT / "tests" / "ir" / "mlp.mlir"
X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
DY = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)

# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*reaches no output:irc.DiagnosticWarning")
def test_outputs_by_name_and_number():
    both = irc.compile(NN00).run(X)
    for outputs, wanted in ((["n0d"], both[:, 1:]), (["n0d", 12], both[:, ::-1]), ("n0c", both[:, :1])):
        assert np.array_equal(irc.compile(NN00, outputs=outputs).run(X), wanted)
    for outputs in (13, np.int64(13), np.array([13]), (13,), range(13, 14)):
        assert np.array_equal(irc.compile(NN00, outputs=outputs).run(X), both[:, 1:])


def test_outputs_may_be_inputs_and_inner_neurons():
    with pytest.warns(irc.DiagnosticWarning):  # what reaches no output is gone
        net = irc.compile(NN00, outputs=["n05", "n00"])
    y, gradients = net.vjp(X, np.ones((5, 2)))
    assert np.array_equal(y[:, 1], X[:, 0]) and np.array_equal(net.run(X), y)
    slope = (y[:, 0] > 0) * net.params["w0005"]
    np.testing.assert_allclose(gradients.x[:, 0], 1 + slope, rtol=1e-6)
    assert gradients.params["w080c"] == 0.0


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (["n99"], "there is no neuron 'n99'; neurons are 0 to 13"),
        ([14], "there is no neuron 14"),
        ([-1], "there is no neuron -1"),
        (["n0c", 12], "n0c is more than once"),
        ([], "no outputs"),
        (1.5, "outputs"),
        ([None], "there is no neuron None"),
        ([True], "there is no neuron True"),
    ],
)
def test_wrong_outputs(outputs, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(NN00, outputs=outputs)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("f8"), float, "f8", "double"])
def test_float64(dtype):
    net = irc.compile(NN00, dtype=dtype)
    assert net.dtype == net.params.flat.dtype == net.run(X).dtype == np.float64
    assert net.vjp(X, DY)[1].x.dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", np.int32, complex, "nonsense", None, 3])
def test_wrong_dtypes(dtype):
    with pytest.raises(irc.Error, match="dtype must be float32 or float64"):
        irc.compile(NN00, dtype=dtype)


@pytest.mark.parametrize(
    "passes",
    [
        TRAINING,
        TRAINING.replace(",", " ,\n "),
        TRAINING.split(","),
        parse_pipeline(TRAINING),
        ("dce,canonicalize", *TRAINING.split(",")[2:]),
        [Dce(), *TRAINING.split(",")],
    ],
    ids=["text", "text with blanks", "names", "passes", "pieces", "both"],
)
def test_passes(shared, passes):
    with irc.compile(NN00, seed=3, passes=passes) as net:
        assert np.array_equal(net.run(X), shared.run(X))
        assert np.array_equal(net.vjp(X, DY)[1].params.flat, shared.vjp(X, DY)[1].params.flat)


@pytest.mark.parametrize(
    ("passes", "message"),
    [
        ("canonicalise", "there is no pass 'canonicalise'; did you mean 'canonicalize'"),
        (["cse", "nonsense"], "there is no pass 'nonsense'"),
        ("cse{x=1}", "pass 'cse' has no option 'x'"),
        ("cse,,dce", "expected the name of a pass"),
        ("cse{", "not closed"),
        ([3], "pass"),
        (3, "pass"),
        ([Dce], "pass"),
    ],
)
def test_wrong_passes(passes, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(NN00, passes=passes)


@pytest.mark.parametrize("passes", ["", [], "cse", "lower-neuron", "group-neurons,lower-neuron,autodiff,fuse"])
def test_passes_that_do_not_reach_loops(passes):
    with pytest.raises(irc.Error, match="loop"):
        irc.compile(NN00, passes=passes)


@pytest.mark.parametrize("passes", ["lower-array,lower-neuron", "vectorize", "autodiff,lower-array"])
def test_passes_in_a_wrong_order(passes):
    with pytest.raises(irc.Error):
        irc.compile(NN00, passes=passes)


def test_the_shortest_pipeline_that_runs(shared):
    with irc.compile(NN00, seed=3, passes="lower-neuron,lower-array,plan-memory") as net:
        np.testing.assert_allclose(net.run(X), shared.run(X), rtol=1e-5, atol=1e-6)


def test_gradients_need_autodiff():
    with irc.compile(NN00, passes=INFERENCE) as net:
        assert net.run(X).shape == (5, 2)
        with pytest.raises(irc.Error, match="passes that do not differentiate; add autodiff"):
            net.vjp(X, DY)


def test_check_finds_nothing_wrong(shared):
    with irc.compile(NN00, seed=3, check=True) as net:
        assert np.array_equal(net.vjp(X, DY)[0], shared.vjp(X, DY)[0])


def test_unknown_options():
    with pytest.raises(irc.Error, match="there is no target 'z80'"):
        irc.compile(NN00, target="z80")
    with pytest.raises(irc.Error, match="unknown format 'xml'"):
        irc.compile("N 1\n00\n", format="xml")
    with pytest.raises(irc.Error, match="no public function or net @nothing; it has nn00"):
        irc.compile(NN00, entry="nothing")


# -- life --------------------------------------------------------------------------------------------------------------


def test_a_closed_net():
    with irc.compile(NN00) as net:
        net.vjp(X, DY)
    for call in (lambda: net.run(X), lambda: net.vjp(X, DY), lambda: net(X)):
        with pytest.raises(irc.Error, match="closed"):
            call()
    assert len(net.params) == 28 and "neuron.net" in net.dump() and "nn00" in repr(net)
    net.close()


def test_closing_one_net_leaves_others(shared):
    before = shared.run(X)
    with irc.compile(NN00, seed=3) as other:
        other.run(X)
    assert np.array_equal(shared.run(X), before)


def test_several_nets_at_once():
    made = [irc.compile(NN00, seed=seed) for seed in range(6)]
    alone = [net.run(X) for net in made]
    for net, wanted in reversed(list(zip(made, alone, strict=True))):
        net.vjp(X, DY)
        assert np.array_equal(net.run(X), wanted)
    for net in made[::2]:
        net.close()
    for net, wanted in list(zip(made, alone, strict=True))[1::2]:
        assert np.array_equal(net.run(X), wanted)


def test_facts(shared):
    assert (shared.name, shared.input_size, shared.output_size) == ("nn00", 4, 2)
    assert repr(shared) == "<net nn00: 4 inputs, 2 outputs, 28 parameters>"
    assert np.array_equal(shared(X), shared.run(X))


# -- dumps -------------------------------------------------------------------------------------------------------------


def test_dump_of_the_source(shared):
    text = shared.dump()
    assert "neuron.node relu(%n00*w[0]" in text
    assert irc.parse(text).to_text() == text
    generic = shared.dump(generic=True)
    assert '"neuron.node"' in generic and irc.parse(generic).to_text() == text


def test_dump_after_passes(shared):
    text = shared.dump(after="autodiff")
    assert text.startswith("// -----// IR after autodiff //-----") and "array.dag_grad" in text
    assert "func.func" not in shared.dump(before="lower-neuron")
    assert shared.dump(after=["lower-neuron", "autodiff"]).count("IR after") == 2
    assert shared.dump(after="lower_neuron") == shared.dump(after="lower-neuron")
    everything = shared.dump(after="all")
    assert everything.count("IR after") == len(TRAINING.split(",")) and "vector<" in everything
    assert '"func.func"' in shared.dump(after="autodiff", generic=True)
    assert len(shared.dump(after="lower-neuron", elide=False)) >= len(shared.dump(after="lower-neuron"))


def test_dump_after_a_pass_that_does_not_run(shared):
    with pytest.raises(irc.Error, match="there is no pass 'nonsense'; the pipeline is"):
        shared.dump(after="nonsense")
    with pytest.raises(irc.Error, match="pass 'explode-neurons' is not in this net's pipeline"):
        shared.dump(after="explode-neurons")


def test_code_as_text(shared):
    assert "define" in shared.llvm() and "fadd" in shared.llvm(backward=True)
    assert "ret" in shared.assembly()


# -- sources -----------------------------------------------------------------------------------------------------------


def test_path_text_and_objects_are_the_same_net(shared):
    wanted, w = shared.run(X), shared.params.flat
    text = NN00.read_text()
    bits = np.array([[int(c) for c in row] for row in (NN00.parent / "nn00.nam").read_text().split()])
    g = nx.DiGraph()
    g.add_nodes_from(range(14))
    g.add_edges_from(zip(*np.nonzero(bits), strict=True))
    sources = [str(NN00), NN00, text, bits, bits.astype(bool), bits.tolist(), NN00.parent / "nn00.nam"]
    sources += [irc.parse(shared.dump()), shared.dump(), shared.dump(generic=True)]
    for source in sources:
        with irc.compile(source, seed=3) as net:
            assert np.array_equal(net.params.flat, w) and np.array_equal(net.run(X), wanted)
    with irc.compile(g, seed=3, act="relu") as net:
        net.params.flat = w  # of each target, sources in the order of the edges: here ascending as in the file
        assert np.array_equal(net.run(X), wanted)


def test_a_module_as_source_is_copied(shared):
    module = irc.parse(shared.dump())
    before = module.to_text()
    irc.compile(module).vjp(X, DY)
    assert module.to_text() == before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no-such-file.nal", "cannot read 'no-such-file.nal'"),
        ("", "an empty string is no path"),
        ("nul\0byte", "cannot read"),
        (ROOT, "cannot read"),
        (b"N 1\n00\n", "cannot compile a bytes"),
        (None, "cannot compile a NoneType"),
        (3, "cannot compile a int"),
        (nx.Graph([(0, 1)]), "undirected"),
        (np.zeros((2, 3)), "square"),
        ("\n", "."),
        ("nonsense\n", "."),
    ],
)
def test_wrong_sources(source, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(source)


def test_functions_of_arrays():
    """The program written at array level, by its two entries, against its formula."""
    rng = np.random.default_rng(4)
    x, target = rng.normal(size=(6, 4)).astype(np.float32), rng.dirichlet(np.ones(3), 6).astype(np.float32)
    with irc.compile(MLP, entry="predict") as predict, irc.compile(MLP, entry="loss") as loss:
        loss.params.flat = predict.params.flat
        w = {name: predict.params[name].astype(np.float64) for name in predict.params}
        z = np.tanh(x @ w["w1"].T + w["b1"]) @ w["w2"].T + w["b2"]
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        np.testing.assert_allclose(predict.run(x), p, rtol=1e-5, atol=1e-6)
        value = loss.run(x, target)
        np.testing.assert_allclose(value, -np.sum(target * np.log(p)) / 6, rtol=1e-5)
        found, gradients = loss.vjp((x, target), np.float32(1.0))
        np.testing.assert_allclose(found, value, rtol=1e-6)
        dx, dtarget = gradients.x
        dz = (p * target.sum(1, keepdims=True) - target) / 6
        np.testing.assert_allclose(gradients.params["b2"], dz.sum(0), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(dtarget, -np.log(p) / 6, rtol=1e-5, atol=1e-6)
        assert dx.shape == x.shape
        with pytest.raises(irc.Error, match="takes 2 inputs"):
            loss.run(x)
        with pytest.raises(irc.Error, match="dimension 0 is 5, expected 6"):
            loss.run(x, target[:5])


def test_an_entry_must_be_chosen():
    with pytest.raises(irc.Error, match=r"several functions \(predict, loss\): say which with entry="):
        irc.compile(MLP)
    with pytest.raises(irc.Error, match="no public function or net @logits"):
        irc.compile(MLP, entry="logits")
    with pytest.raises(irc.Error, match="options outputs, act and out_act are for graphs"):
        irc.compile(MLP, entry="loss", outputs=[0])


# -- threads -----------------------------------------------------------------------------------------------------------


def test_threads_get_the_same_bits(net):
    wanted = {samples: net.vjp(np.resize(X, (samples, 4)), np.resize(DY, (samples, 2))) for samples in (1, 5, 33, 200)}
    together = Barrier(4)

    def work(thread: int) -> bool:
        together.wait()
        for turn in range(40):
            samples = (1, 5, 33, 200)[(turn + thread) % 4]
            x, dy = np.resize(X, (samples, 4)), np.resize(DY, (samples, 2))
            y, gradients = net.vjp(x, dy)
            same = np.array_equal(y, wanted[samples][0]) and np.array_equal(net.run(x), wanted_run[samples])
            if not same or not np.array_equal(gradients.params.flat, wanted[samples][1].params.flat):
                return False
        return True

    wanted_run = {samples: net.run(np.resize(X, (samples, 4))) for samples in wanted}
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_threads_that_race_to_make_the_gradient(net):
    """The joint kernel is made at first use; all threads get the same one."""
    together = Barrier(4)

    def work(_: int) -> np.ndarray:
        together.wait()
        return net.vjp(X, DY)[1].params.flat

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(work, range(4))
    assert all(np.array_equal(first, other) for other in others)


def test_compiling_in_threads(shared):
    def work(_: int) -> np.ndarray:
        with irc.compile(NN00, seed=3) as net:
            return net.vjp(X, DY)[1].params.flat

    wanted = shared.vjp(X, DY)[1].params.flat
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, wanted) for found in pool.map(work, range(8)))


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels", [(0, 1, 2), ("1", "00", "%a"), ("a b", 'c"d', "ü\n"), ("x", "w", "B"), (".", "$", "a-b")]
)
@pytest.mark.parametrize("passes", [None, TRAINING.replace("group-neurons,", "")], ids=["dag", "nodes"])
def test_neurons_may_be_called_anything(labels, passes):
    """Names reach IR text and LLVM, where a register must not begin with a digit, for example."""
    g = nx.DiGraph()
    g.add_nodes_from(labels)
    g.add_edge(labels[0], labels[2], weight=3.0)
    g.add_edge(labels[1], labels[2], weight=2.0)
    with irc.compile(g, passes=passes) as net:
        y, gradients = net.vjp([[1, 2]], [[1]])
        assert y.tolist() == [[7.0]] and gradients.params.flat.tolist() == [1.0, 2.0]
        assert irc.parse(net.dump()).to_text() == net.dump()
