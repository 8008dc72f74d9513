"""Learning from batches that a user makes: any iterable, of any numbers of rows."""

import itertools

import numpy as np
import pytest

import irc

TEXT = """
func.func @mlp(%x: tensor<B x 3 x f32>, %u: tensor<3x5xf32> {irc.param = "u"},
               %v: tensor<5x2xf32> {irc.param = "v"}) -> tensor<B x 2 x f32> {
  %0 = array.contract "bi,io->bo" %x, %u : tensor<B x 3 x f32>, tensor<3x5xf32>
  %h = math.tanh %0 : tensor<B x 5 x f32>
  %y = array.contract "bi,io->bo" %h, %v : tensor<B x 5 x f32>, tensor<5x2xf32>
  func.return %y : tensor<B x 2 x f32>
}
"""
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)).astype(np.float32), RNG.normal(size=(20, 2)).astype(np.float32)
OPTIONS = {"loss": "mse", "optimizer": irc.SGD(0.05, momentum=0.9), "verbose": 0}


@pytest.fixture
def net():
    with irc.compile(TEXT, seed=1) as made:
        yield made


def cut(*ends):
    """The rows in batches that end at these."""
    return [(X[a:b], Y[a:b]) for a, b in itertools.pairwise((0, *ends))]


class Stream:
    """What can be gone through any number of times, but has no length."""

    def __iter__(self):
        return iter(cut(8, 16, 20))


SOURCES = {
    "list": lambda: cut(8, 16, 20),
    "iterable": Stream,
    "function": lambda: lambda: (pair for pair in cut(8, 16, 20)),
    "lists for pairs": lambda: [list(pair) for pair in cut(8, 16, 20)],
    "numbers that are converted": lambda: [(x.astype(float), y.tolist()) for x, y in cut(8, 16, 20)],
}


@pytest.mark.parametrize("source", SOURCES)
def test_batches_learn_as_the_arrays_that_they_are_parts_of(net, source):
    """Bit for bit: the same steps on the same rows."""
    history = net.fit(SOURCES[source](), epochs=3, **OPTIONS)
    with irc.compile(TEXT, seed=1) as other:
        expected = other.fit(X, Y, epochs=3, batch=8, shuffle=False, **OPTIONS)
        np.testing.assert_array_equal(net.params.flat, other.params.flat)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    np.testing.assert_array_equal(history.loss, expected.loss)
    assert net.memory.epochs == 3 and net.memory.steps == 9


def test_batches_may_differ_in_size_and_each_row_counts_once(net):
    """With rate 0 the loss of the epoch is the mean over all rows, however they are parted."""
    history = net.fit(cut(1, 13, 20), loss="mse", optimizer=irc.SGD(0.0), verbose=0)
    assert len(history.step_loss) == 3
    np.testing.assert_allclose(history.loss, net.evaluate(X, Y, "mse").loss, rtol=1e-5)


def test_one_epoch_of_a_generator_is_learnt(net):
    assert len(net.fit((pair for pair in cut(8, 20)), **OPTIONS).step_loss) == 2


def test_batches_that_fit_are_not_copied(net):
    """Native code reads the very arrays that were given."""
    from irc.training.batches import GivenBatches
    from irc.training.data import Data

    batches = GivenBatches(cut(8, 20), 1, lambda x, y: Data([x], y), None, False)
    assert all(np.shares_memory(x, X) and np.shares_memory(y, Y) for x, y in batches.of_epoch(0))


def test_a_batch_is_taken_when_it_is_learnt(net):
    """Not before: a function may go by what the net has learnt, and batches need not fit into memory together."""
    seen = []

    def batches():
        for pair in cut(8, 16, 20):
            seen.append(net.params.flat.copy())
            yield pair

    net.fit(batches, **OPTIONS)
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])


def test_a_training_that_stops_takes_no_more_batches(net):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield X[:4], Y[:4]

    class Three(irc.Callback):
        def on_step(self, training):
            if training.step == 3:
                training.stop()

    net.fit(endless(), callbacks=Three(), **OPTIONS)
    assert taken == [0, 1, 2]


def test_validation_and_progress_go_with_batches(net, capsys):
    history = net.fit(Stream(), epochs=2, validation=(X, Y), **{**OPTIONS, "verbose": 2})
    assert np.isfinite(history.validation_loss).all()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("epoch 1/2: loss ") and "rows/s" in first and second.endswith("0:00 left")
    net.fit(Stream(), epochs=2, **{**OPTIONS, "verbose": 1})
    assert "epoch 2/2" in capsys.readouterr().err


def test_classes_may_be_numbers_in_batches():
    labels = np.arange(20) % 2
    with irc.compile(TEXT, seed=1) as one, irc.compile(TEXT, seed=1) as other:
        one.fit([(X[:9], labels[:9]), (X[9:], labels[9:])], loss="softmax_cross_entropy", verbose=0)
        hot = np.eye(2)[labels]
        other.fit([(X[:9], hot[:9]), (X[9:], hot[9:])], loss="softmax_cross_entropy", verbose=0)
        np.testing.assert_array_equal(one.params.flat, other.params.flat)


def test_errors_of_a_users_function_are_his_own(net):
    def batches():
        yield X, Y
        raise RuntimeError("no more disk")

    with pytest.raises(RuntimeError, match="no more disk"):
        net.fit(batches, **OPTIONS)
    assert net.memory.steps == 1


def recurrent():
    """One input, one neuron that hears itself a step later, one output."""
    import networkx as nx

    g = nx.DiGraph()
    g.add_node("x")
    g.add_node("h", activation="tanh")
    g.add_node("y", activation="identity")
    g.add_edges_from([("x", "h"), ("h", "y")])
    g.add_edge("h", "h", delay=1)
    return irc.compile(g, seed=3, loss="mse")


def test_the_state_of_a_recurrent_net_goes_on_from_batch_to_batch():
    x = RNG.normal(size=(12, 4, 1)).astype(np.float32)
    y = np.roll(x, 1, 0)
    with recurrent() as one, recurrent() as other:
        one.fit([(x[:5], y[:5]), (x[5:10], y[5:10]), (x[10:], y[10:])], epochs=2, rows="streams", verbose=0)
        other.fit(x, y, epochs=2, batch=5, rows="streams", verbose=0)
        np.testing.assert_array_equal(one.params.flat, other.params.flat)


def test_streams_do_not_change_within_an_epoch():
    x = np.zeros((3, 4, 1), np.float32)
    with recurrent() as net, pytest.raises(irc.Error, match="batch 1 of epoch 0 .* has 2 streams, the one before 4"):
        net.fit([(x, x), (x[:, :2], x[:, :2])], rows="streams", verbose=0)


EXHAUSTED = iter(cut(20))  # by the first epoch
BAD = [
    ((pair for pair in cut(20)), {"epochs": 2}, "a generator can be gone through once, but there are 2 epochs; give"),
    (lambda: EXHAUSTED, {"epochs": 2}, "no batches in epoch 1 .*give a function that makes one for each"),
    ([], {}, "there are no batches in epoch 0"),
    (X, {}, "y is missing; without it, x must be an iterable of pairs"),
    (7, {}, "y is missing; .* not int"),
    (lambda: 7, {}, "x must give an iterable of pairs .* not int"),
    ([X], {}, "batch 0 of epoch 0 .* must be a pair .x, y., not ndarray of 20"),
    ([(X, Y, Y)], {}, "must be a pair .x, y., not tuple of 3"),
    ([7], {}, "must be a pair .x, y., not int"),
    ([(X, Y), (X, Y[:3])], {}, "batch 1 of epoch 0 .*different numbers of rows: x 20, y 3"),
    ([(X[:0], Y[:0])], {}, "batch 0 of epoch 0 .*no rows to learn from"),
    ([(X[:, :2], Y)], {}, "batch 0 of epoch 0 .*x: dimension 1 must be 3, got 2"),
    ([(X, Y * np.nan)], {}, "batch 0 of epoch 0 .*y holds nan"),
    ([(X, Y)], {"shuffle": True}, "in the order in which they come: leave out shuffle"),
    ([(X, Y)], {"validation": 0.1}, "validation must be a pair .x, y., where batches are given"),
]


@pytest.mark.parametrize(("source", "options", "message"), BAD)
def test_what_are_no_batches_is_refused(net, source, options, message):
    with pytest.raises(irc.Error, match=message):
        net.fit(source, **OPTIONS, **options)


def test_a_function_for_batches_of_one_size_takes_only_these():
    with irc.compile(TEXT.replace("B x", "4 x")) as net:
        assert len(net.fit(cut(4, 8, 12), **OPTIONS).step_loss) == 3
        with pytest.raises(irc.Error, match="batch 1 of epoch 0 .* has 3 rows; the net takes 4 at a time"):
            net.fit(cut(4, 7), **OPTIONS)


def test_a_step_that_is_not_finite_is_told_with_batches(net):
    with pytest.raises(irc.Error, match=r"not finite in step 1 \(epoch 0"):
        net.fit([(X, Y), (X, np.full_like(Y, 3e38)), (X, Y)], **OPTIONS)
