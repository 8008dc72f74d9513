"""Threads over samples: chunks follow from shapes, results from neither threads nor chance, memory stays in bounds."""

import os

import numpy as np
import pytest

import irc
from irc.backend.threads import GRAIN, MOST_CHUNKS, WORKERS, add_in_tree, chunk_bounds
from irc.frontends.activation import Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.model import JOINT
from support.callers import call_at_once


def random_graph(neurons, edges, inputs=5, outputs=3, aggregation=0, seed=0):
    """A random net, edges by target."""
    rng = np.random.default_rng(seed)
    target = np.sort(np.concatenate([np.arange(inputs, neurons), rng.integers(inputs, neurons, edges)]))
    source = (rng.random(len(target)) * target).astype(np.int64)
    target, source = np.unique(np.stack([target, source]), axis=1)
    return Graph(
        source=source,
        target=target,
        parameter=np.arange(len(source)),
        bias=np.full(neurons, -1),
        activations=(Activation("tanh"),),
        activation=np.zeros(neurons, np.int64),
        aggregation=np.full(neurons, aggregation),
        is_input=np.arange(neurons) < inputs,
        outputs=np.arange(neurons - outputs, neurons),
        parameter_count=len(source),
        initial=rng.standard_normal(len(source)) / 3,
    )


@pytest.fixture(scope="module")
def net():
    with irc.compile(graph_to_module(random_graph(400, 20000), form="dag")) as made:
        yield made


def bits(array):
    return array.view(np.uint32)


@pytest.mark.parametrize("samples", [0, 1, 63, 64, 65, 700, 1537])
def test_same_bits_for_any_number_of_threads(net, samples):
    rng = np.random.default_rng(samples)
    x = rng.standard_normal((samples, net.input_size), np.float32)
    dy = rng.standard_normal((samples, net.output_size), np.float32)
    y, (whole, gradients) = net.run(x), net.vjp(x, dy)
    for threads in (1, 2, 3, 7):
        np.testing.assert_array_equal(bits(net.run(x, threads=threads)), bits(y))
        again, found = net.vjp(x, dy, threads=threads)
        np.testing.assert_array_equal(bits(again), bits(whole))
        np.testing.assert_array_equal(bits(found.x), bits(gradients.x))
        np.testing.assert_array_equal(bits(found.params.flat), bits(gradients.params.flat))


def test_several_chunks_are_what_the_test_above_runs(net):
    held = sum(a.size for a in net._kernel(JOINT).function.bound.values()) + net.params.flat.size
    assert len(chunk_bounds(1537, held)) > 2


def test_sums_over_chunks_are_the_gradient(net):
    x = np.random.default_rng(1).standard_normal((900, net.input_size), np.float32)
    dy = np.ones((900, net.output_size), np.float32)
    parts = [net.vjp(x[at : at + 60], dy[at : at + 60])[1].params.flat.astype(np.float64) for at in range(0, 900, 60)]
    wanted = np.sum(parts, axis=0)
    found = net.vjp(x, dy, threads=2)[1].params.flat
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("samples", [0, 1, 64, 65, 1000, 10**6])
@pytest.mark.parametrize("work", [0, 1, 40, 10**4, 10**9])
def test_chunks_cover_the_batch(samples, work):
    chunks = chunk_bounds(samples, work)
    assert chunks[0][0] == 0 and chunks[-1][1] == samples and len(chunks) <= MOST_CHUNKS
    assert all(before[1] == after[0] for before, after in zip(chunks, chunks[1:], strict=False))
    assert all((end - first) % GRAIN == 0 for first, end in chunks[:-1])


def test_sums_go_in_a_fixed_tree():
    parts = [np.array([2.0**-24 * n + 1], np.float32) for n in range(5)]
    a, b, c, d, e = (p.copy() for p in parts)
    add_in_tree(parts)
    np.testing.assert_array_equal(parts[0], ((a + b) + (c + d)) + e)


def test_out_is_written_in_place_and_nothing_around_it(net):
    x = np.random.default_rng(2).standard_normal((1537, net.input_size), np.float32)
    memory = np.full((1537 + 2, net.output_size), 7.25, np.float32)
    assert net.run(x, out=memory[1:-1], threads=2).base is memory
    np.testing.assert_array_equal(memory[1:-1], net.run(x))
    assert (memory[[0, -1]] == 7.25).all()


def test_what_a_task_raises_reaches_the_caller():
    def fails():
        raise ZeroDivisionError

    for threads in (1, 2):
        with pytest.raises(ZeroDivisionError):
            WORKERS.run([lambda: None, fails, lambda: None], threads)
    done = []
    WORKERS.run([lambda n=n: done.append(n) for n in range(9)], 2)
    assert sorted(done) == list(range(9))


def test_callers_on_several_threads(net):
    x = np.random.default_rng(3).standard_normal((1200, net.input_size), np.float32)
    wanted, wrong = net.run(x), []

    def hammer(_):
        for _ in range(10):
            if not np.array_equal(net.run(x, threads=2), wanted):
                wrong.append(1)

    call_at_once(hammer)
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_made_by_fork_has_threads_of_its_own():
    WORKERS.run([lambda: None] * 4, 2)
    child = os.fork()
    if child == 0:
        done = []
        WORKERS.run([lambda: done.append(1)] * 4, 2)
        os._exit(0 if len(done) == 4 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_wrong_numbers_of_threads(net, threads):
    with pytest.raises(irc.Error, match="threads must be an integer from 1 on"):
        net.run(np.zeros((3, net.input_size), np.float32), threads=threads)


def test_threads_of_the_net():
    with irc.compile(graph_to_module(random_graph(12, 20), form="dag"), threads=2) as made:
        assert made.threads == 2
