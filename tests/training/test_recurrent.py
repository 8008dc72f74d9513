"""Training recurrent nets: rows are steps, state goes on from batch to batch, gradients go back through one batch."""

import numpy as np
import pytest

import irc
from support.nets import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
MODELS = ["gated", *(pytest.param(name, marks=pytest.mark.slow) for name in ("small", "big", "lstm"))]


def net_of(name, **options):
    return irc.compile(FOLDER / f"{name}.mdl", **options)


def data(steps=24, streams=None, seed=0):
    rng = np.random.default_rng(seed)
    shape = (steps, 4) if streams is None else (steps, streams, 4)
    return rng.normal(size=shape), np.sign(rng.normal(size=shape))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("streams", [None, 3])
def test_gradients_go_through_all_steps(name, streams):
    rows = "steps" if streams is None else "streams"
    with net_of(name, dtype="float64", seed=1) as net:
        x, y = data(6, streams)
        loss, gradients = net.value_and_grad(x, y, rows=rows)
        np.testing.assert_allclose(loss, net.evaluate(x, y, rows=rows).loss, rtol=1e-12)
        direction = np.random.default_rng(2).normal(size=net.params.flat.shape)
        start, h, sides = net.params.flat.copy(), 1e-6, []
        for sign in (1, -1):
            net.params.flat[...] = start + sign * h * direction
            sides.append(net.value_and_grad(x, y, rows=rows)[0])
        slope = gradients.params.flat @ direction
        np.testing.assert_allclose(slope, (sides[0] - sides[1]) / (2 * h), rtol=1e-4, atol=1e-9)
        assert gradients.x.shape == x.shape


@pytest.mark.parametrize("name", MODELS)
def test_the_first_step_is_that_of_the_gradient(name):
    with net_of(name, dtype="float64", seed=1) as net:
        x, y = data(8)
        _, gradients = net.value_and_grad(x, y)
        expected = net.params.flat - 0.1 * gradients.params.flat
        net.fit(x, y, batch=8, optimizer=irc.SGD(0.1), verbose=0)
        np.testing.assert_allclose(net.params.flat, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("streams", [None, 2])
def test_state_goes_on_from_batch_to_batch(name, streams):
    """With rate 0 the batches of an epoch have together the loss of one run through all steps."""
    rows = "steps" if streams is None else "streams"
    with net_of(name, seed=1) as net:
        x, y = data(23, streams)
        history = net.fit(x, y, epochs=2, batch=5, optimizer=irc.SGD(0.0), verbose=0, rows=rows)
        whole = net.evaluate(x, y, rows=rows).loss
        np.testing.assert_allclose(history.loss, [whole, whole], rtol=1e-5)
        np.testing.assert_allclose(net.evaluate(x, y, rows=rows, batch=7).loss, whole, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_learning_lowers_the_loss_and_leaves_the_nets_own_state(name):
    with net_of(name, seed=1) as net:
        x, y = data(40)
        before = net.evaluate(x, y).loss
        state = net.state.flat.copy()
        net.fit(x, y, epochs=30, batch=10, optimizer=irc.Adam(0.01), verbose=0, validation=(x, y))
        assert net.evaluate(x, y).loss < before
        np.testing.assert_array_equal(net.state.flat, state)
        np.testing.assert_array_equal(net.predict(x, batch=9).shape, (40, 4))


def test_prediction_begins_anew_and_does_not_depend_on_the_batch():
    with net_of("gated", seed=1) as net:
        x, _ = data(30)
        whole = net.run(x)
        np.testing.assert_allclose(net.predict(x, batch=7), whole, rtol=1e-5, atol=1e-6)
        net.reset_state()
        np.testing.assert_allclose(net.run(x), whole)


def test_steps_are_not_shuffled():
    with net_of("gated") as net:
        with pytest.raises(irc.Error, match="steps, which have an order: leave out shuffle"):
            net.fit(*data(), shuffle=True, verbose=0)
        with pytest.raises(irc.Error, match="rows must be one of steps, streams"):
            net.fit(*data(), rows="columns", verbose=0)


def test_a_step_that_is_not_finite_names_a_neuron_of_a_recurrent_net_too():
    with net_of("gated") as net:
        net.params.flat[...] = 3e38
        before = net.params.flat.copy()
        with pytest.raises(irc.Error, match="in step 0 .*first not finite is"):
            net.fit(*data(), verbose=0)
        np.testing.assert_array_equal(net.params.flat, before)


@pytest.mark.parametrize("name", ["readme-linear"])
def test_models_without_delays_learn_like_other_nets(name):
    with net_of(name, seed=1) as net:
        x = np.random.default_rng(0).normal(size=(30, net.input_size))
        y = np.random.default_rng(1).uniform(size=(30, net.output_size))
        assert str(net.loss) == "mse"
        history = net.fit(x, y, epochs=20, batch=10, verbose=0)
        assert history.loss[-1] < history.loss[0]


def holding(array, place, value=np.nan):
    """A copy with something else at one place."""
    copy = array.copy()
    copy[place] = value
    return copy


STEPS, TARGETS = data(8)
STREAMS, MORE = data(8, 3)


@pytest.mark.parametrize(
    ("x", "y", "rows", "message"),
    [
        (STREAMS, MORE, "steps", r"x: expected 2 dimensions \(\*, 4\), got 3 \(8, 3, 4\); with rows='streams'"),
        (STEPS, MORE, "steps", r"y: expected 2 dimensions \(\*, 4\), got 3"),
        (STEPS, TARGETS, "streams", r"x: expected 3 dimensions .*; with rows='steps', one stream is \(steps, width\)"),
        (STEPS[:, :3], TARGETS, "steps", r"x: dimension 1 must be 4, got 3 \(expected shape \(\*, 4\), got \(8, 3\)\)"),
        (STEPS, TARGETS[:, :3], "steps", r"y: dimension 1 must be 4, got 3"),
        (STEPS, TARGETS[:5], "steps", "x and y have different numbers of rows: x 8, y 5"),
        (STREAMS, MORE[:, :2], "streams", "x and y have different numbers of streams: x 3, y 2"),
        (STEPS[:0], TARGETS[:0], "steps", "there are no rows to learn from"),
        (STREAMS[:, :0], MORE[:, :0], "streams", "there are no rows to learn from"),
        (holding(STEPS, (3, 2)), TARGETS, "steps", r"x holds nan at \[3, 2\]"),
        (STEPS, holding(TARGETS, (5, 1), np.inf), "steps", r"y holds inf at \[5, 1\]"),
        (holding(STREAMS, (2, 1, 3)), MORE, "streams", r"x holds nan at \[2, 1, 3\]"),
        ([[1, 2, 3, 4], [1, 2]], TARGETS[:2], "steps", "x: the rows have different lengths"),
        (STEPS[:2], [[1, 2, 3, 4], [1, 2]], "steps", "y: the rows have different lengths"),
    ],
)
def test_data_that_do_not_fit_are_told_in_the_users_terms(x, y, rows, message):
    with net_of("gated") as net, pytest.raises(irc.Error, match=message):
        net.fit(x, y, rows=rows, verbose=0)


CHOICE = "/xavier,zero/\n(x, 4) {m, h, additive} (h, 4, <tanh>) (y, 3, <linear>, <softmax_cross_entropy>)"


@pytest.mark.parametrize(("rows", "shape"), [("steps", (6,)), ("streams", (6, 2))])
def test_the_class_of_each_step_may_be_its_number(rows, shape):
    rng = np.random.default_rng(0)
    x, classes = rng.normal(size=(*shape, 4)), rng.integers(0, 3, shape)
    with irc.compile(CHOICE, dtype="float64") as net:
        wanted, gradients = net.value_and_grad(x, np.eye(3)[classes], rows=rows)
        found, same = net.value_and_grad(x, classes, rows=rows)
        assert found == wanted and np.array_equal(same.params.flat, gradients.params.flat)
        one, other = net.evaluate(x, classes, rows=rows, batch=4), net.evaluate(x, np.eye(3)[classes], rows=rows)
        assert one.accuracy == other.accuracy
        net.fit(x, classes, rows=rows, batch=4, verbose=0)
        with pytest.raises(irc.Error, match=r"y: class 3 in row"):
            net.fit(x, classes + 1, rows=rows, verbose=0)
        with pytest.raises(irc.Error, match="y: classes must be integers from 0 to 2, not of dtype float64"):
            net.fit(x, classes * 1.0, rows=rows, verbose=0)


def test_to_a_net_without_delays_streams_are_rows_like_others():
    """Also where its source has delays, but none that reaches the output: calls stay what they are."""
    text = "/xavier,zero/\n(x, 4) [s, {m, d, additive} (d, 4, <tanh>)] (y, 2, <tanh>, <mse>)"
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3, 4)), rng.uniform(size=(5, 3, 2))
    with irc.compile(text, dtype="float64") as net:
        assert not net.has_state
        loss, gradients = net.value_and_grad(x, y, rows="streams")
        wanted, flat = net.value_and_grad(x.reshape(15, 4), y.reshape(15, 2))
        assert loss == wanted and gradients.x.shape == x.shape
        np.testing.assert_array_equal(gradients.x.reshape(15, 4), flat.x)
        assert net.evaluate(x, y, rows="streams").rows == 15
        assert net.predict(x, rows="streams").shape == net.run(x, rows="streams").shape == (5, 3, 2)
        net.fit(x, y, rows="streams", verbose=0)
        with pytest.raises(irc.Error, match="x and y have different numbers of streams: x 3, y 2"):
            net.fit(x, y[:, :2], rows="streams", verbose=0)
