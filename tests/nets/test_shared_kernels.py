"""Native code of irregular nets: compiled once for each set of kinds of neuron, whatever the graph."""

import gc
import threading
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

import irc
from irc.backend.jit import Library
from irc.frontends.activation import Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.graph_program import ONE_SAMPLE_EDGES, SHARED, SharedPrograms, net_of_kinds
from irc.ir.types import f32
from irc.passmanager import PassManager, parse_pipeline
from irc.population import PART_EDGES, part_sizes


@contextmanager
def compiles(count):
    """Exactly so many modules become machine code inside."""
    before = Library.compiled
    yield
    assert Library.compiled - before == count


@pytest.fixture(autouse=True)
def nothing_known():
    SHARED.clear()


def chain(length, activations=("tanh", "relu"), edges=1, seed=0):
    """A net in which neuron k computes activation k of the list, round and round, from ``edges`` neurons before it."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(edges, length), edges)
    sources = np.concatenate([np.sort(rng.choice(k, edges, replace=False)) for k in range(edges, length)])
    return Graph.from_edges(
        length,
        sources,
        targets,
        activations=tuple(Activation(a) for a in activations),
        activation=np.arange(length) % len(activations),
        is_input=np.arange(length) < edges,
        values=rng.normal(size=len(sources)),
    )


def run_both(net, samples=3):
    y = net.run(np.ones((samples, net.input_size)))
    return net.vjp(np.ones((samples, net.input_size)), np.ones_like(y))


def test_one_compile_for_each_direction():
    with compiles(2):
        run_both(irc.compile(chain(5)))


def test_another_graph_of_the_same_kinds_needs_none():
    run_both(irc.compile(chain(5)))
    with compiles(0):
        for length in (4, 9, 300):
            run_both(irc.compile(chain(length, edges=2)))


def test_the_order_of_the_kinds_does_not_matter():
    run_both(irc.compile(chain(5, ("tanh", "relu"))))
    with compiles(0):
        run_both(irc.compile(chain(6, ("relu", "tanh"))))


@pytest.mark.parametrize("other", [{"activations": ("tanh",)}, {"activations": ("tanh", "sigmoid")}])
def test_other_kinds_need_code_of_their_own(other):
    run_both(irc.compile(chain(5)))
    with compiles(2):
        run_both(irc.compile(chain(5, **other)))


def test_other_dtypes_need_code_of_their_own():
    run_both(irc.compile(chain(5)))
    with compiles(2):
        run_both(irc.compile(chain(5), dtype="float64"))


def test_one_sample_of_a_large_net_has_code_of_its_own():
    large, small = irc.compile(chain(ONE_SAMPLE_EDGES, edges=2)), irc.compile(chain(5))
    run_both(large)
    with compiles(2):
        y, gradients = run_both(large, samples=1)
    assert np.allclose(y, run_both(large, samples=2)[0][:1], rtol=1e-4, atol=1e-6)
    assert np.allclose(gradients.params.flat * 2, run_both(large, samples=2)[1].params.flat, rtol=1e-4, atol=1e-5)
    with compiles(0):
        run_both(small, samples=1)


def test_a_step_of_one_sample_of_a_large_net_has_code_of_its_own():
    """Which does what the code for batches does, as it serves batches of any rows that a user makes."""
    found = []
    for cut in (True, False):
        net = irc.compile(chain(ONE_SAMPLE_EDGES, edges=2), dtype="float64")
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(3, net.input_size)), rng.normal(size=(3, net.output_size))
        pairs = (x, y) if cut else ([(x[i : i + 1], y[i : i + 1]) for i in range(3)],)
        with compiles(1):
            history = net.fit(*pairs, batch=1, optimizer=irc.SGD(0.01), loss="mse", shuffle=False, verbose=0)
        found.append((history.step_loss, net.params.flat.copy()))
    for one, batches in zip(*found, strict=True):
        np.testing.assert_allclose(one, batches, rtol=1e-10, atol=1e-12)


def test_forward_code_of_large_nets_has_half_blocks_and_the_same_results(monkeypatch):
    graph = chain(40, edges=3)
    usual = irc.compile(graph)
    wanted = [run_both(usual, samples) for samples in (3, 65, 130)]
    monkeypatch.setattr(irc.graph_program, "CACHED_BYTES", 0)
    with compiles(1):
        large = irc.compile(graph)
        found = [run_both(large, samples) for samples in (3, 65, 130)]
    for (y, gradients), (other, others) in zip(wanted, found, strict=True):
        assert np.array_equal(y, other) and np.array_equal(gradients.params.flat, others.params.flat)
        assert np.array_equal(large.run(np.ones((len(y), 3))), y)


def test_nets_that_share_code_do_not_share_results():
    graphs = [chain(length, edges=3, seed=length) for length in (7, 8, 20)]
    together = [irc.compile(g) for g in graphs]
    ys = [run_both(net) for net in together]
    for graph, (y, gradients) in zip(graphs, ys, strict=True):
        SHARED.clear()
        alone, alone_gradients = run_both(irc.compile(graph))
        assert np.array_equal(y, alone)
        assert np.array_equal(gradients.params.flat, alone_gradients.params.flat)
        assert np.array_equal(gradients.x, alone_gradients.x)


def test_a_closed_net_leaves_the_others_their_code():
    first, second = irc.compile(chain(5)), irc.compile(chain(6))
    wanted = run_both(second)[0]
    run_both(first)
    first.close()
    assert np.array_equal(run_both(second)[0], wanted)
    with pytest.raises(irc.Error, match="closed"):
        first.run(np.ones((1, 1)))


def test_code_that_nobody_uses_any_more_goes():
    net = irc.compile(chain(5))
    run_both(net)
    code = weakref.ref(net._program.library(False).code())
    SHARED.clear()
    gc.collect()
    assert code() is not None  # the net still runs it
    run_both(net)
    del net
    gc.collect()
    assert code() is None


def test_only_the_programs_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(SharedPrograms, "MOST", 2)
    for activation in ("tanh", "relu", "sigmoid"):
        irc.compile(chain(3, (activation,))).run([[1.0]])
        gc.collect()
    with compiles(0):
        irc.compile(chain(3, ("sigmoid",))).run([[1.0]])
        irc.compile(chain(3, ("relu",))).run([[1.0]])
    with compiles(1):
        irc.compile(chain(3, ("tanh",))).run([[1.0]])


def test_threads_that_want_the_same_code_make_it_once():
    nets = []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        nets.append(irc.compile(chain(5)))
        nets[-1].run([[1.0]])

    with compiles(1):
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(nets) == 4


def test_a_changed_graph_keeps_the_code():
    net = irc.compile(chain(5))
    run_both(net)
    with compiles(0):
        run_both(net.with_graph(chain(12, edges=2)))


def test_a_population_is_compiled_as_one_net():
    with compiles(2), irc.compile([chain(n) for n in range(3, 30)]) as population:
        ys = population.run(np.ones((4, 1)))
        population.vjp(np.ones((4, 1)), ys)


def test_neurons_without_use_are_named_and_do_not_run():
    graph = chain(2000, edges=2)
    with pytest.warns(irc.DiagnosticWarning, match="neuron n7cf reaches no output"):
        net = irc.compile(graph, outputs=graph.outputs[:-1])
    assert net.params.flat.size == graph.edge_count
    _, gradients = run_both(net)
    assert gradients.params.flat[-2:].tolist() == [0.0, 0.0]


def test_of_many_neurons_without_use_some_are_named():
    with pytest.warns(irc.DiagnosticWarning) as told:
        irc.compile(chain(2000), outputs=["n000", "n002"])
    messages = [str(w.message) for w in told]
    assert len(messages) == 21 and "neuron n003 reaches" in messages[0]
    assert "1977 more neurons reach no output and are removed" in messages[-1]


def test_the_module_of_a_net_that_shares_code_is_its_own_graph():
    net = irc.compile(chain(4))
    assert "relu(%n00" in net.module.to_text() and "@net(" in net.module.to_text()


def test_the_code_comes_through_the_ordinary_passes():
    """What ``irc-opt`` shows of a net of the same kinds is what runs: but for the data, the same text."""
    graph = chain(9, edges=2)
    net = irc.compile(graph)
    lowered = []
    for module in (net_of_kinds(net._program._kinds, f32), graph_to_module(graph, "dag")):
        PassManager(parse_pipeline(",".join(map(str, net._program.passes(False))))).run(module)
        text = module.to_text(elide=True)
        lowered.append(text[text.index("{\n", text.index("func.func")) :])
    assert lowered[0].splitlines()[5:] == lowered[1].splitlines()[5:]


# -- the whole graph as code --------------------------------------------------------------------------------------


def test_a_net_as_code_gives_the_same():
    graph = chain(9, edges=2)
    (y, gradients), (as_code, code_gradients) = (
        run_both(irc.compile(graph, dtype="float64", structure=s)) for s in ("data", "code")
    )
    assert np.allclose(y, as_code, rtol=1e-12)
    assert np.allclose(gradients.params.flat, code_gradients.params.flat, rtol=1e-12)


def test_code_of_a_small_net_has_no_loop_over_edges():
    net = irc.compile(chain(5), structure="code")
    assert "array.dag" in irc.compile(chain(5)).dump(after="lower-neuron")
    assert "array.dag" not in net.dump(after="lower-neuron")


def test_large_nets_do_not_become_code():
    with pytest.raises(irc.Error, match="has 1998 edges: only nets of up to 1000"):
        irc.compile(chain(1001, edges=2), structure="code")


# -- parts of populations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edges", "sizes"),
    [
        ([], [0]),
        ([10], [1]),
        ([10] * 50, [50]),
        ([PART_EDGES] * 3, [1, 1, 1]),
        ([PART_EDGES, PART_EDGES, 5], [1, 2]),
        ([PART_EDGES * 100] * 3, [1, 1, 1]),
        ([PART_EDGES] * 80, [10] * 8),
    ],
)
def test_how_a_population_is_cut_follows_from_its_edges(edges, sizes):
    assert part_sizes(edges) == sizes


@pytest.mark.parametrize("inputs", ["shared", "separate"])
def test_parts_of_a_population_give_the_same_bits_on_any_threads(monkeypatch, inputs):
    graphs = [chain(30 + n, edges=3, seed=n) for n in range(9)]
    x = np.random.default_rng(0).normal(size=(5, 3))
    given = x if inputs == "shared" else [x] * len(graphs)
    found = []
    for least, threads in ((PART_EDGES, 1), (100, 1), (100, 2), (100, 3)):
        monkeypatch.setattr("irc.population.PART_EDGES", least)
        with irc.compile(graphs, inputs=inputs, dtype="float64", threads=threads) as population:
            ys = population.run(given)
            _, gradients = population.vjp(given, ys)
            found.append((len(population.parts), ys, gradients))
    assert [parts for parts, *_ in found] == [1, 5, 5, 5]
    for _, ys, gradients in found[1:]:
        for mine, first in zip(ys, found[0][1], strict=True):
            assert np.array_equal(mine, first)
        for mine, first, second in zip(gradients, found[0][2], found[1][2], strict=True):
            assert np.array_equal(mine.params.flat, first.params.flat)
            assert np.array_equal(mine.x, second.x)  # of a shared input a sum: in the order of the parts
            assert np.allclose(mine.x, first.x, rtol=1e-13, atol=1e-13)
