"""Training nets: what a step does, what fit does around steps, and what it refuses."""

import signal
import threading

import networkx as nx
import numpy as np
import pytest

import irc
from irc.training.batches import shuffled
from irc.training.evaluation import batch_loss
from irc.training.losses import find_loss

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0], np.float32)


def xor_graph():
    """Two inputs, four hidden neurons with biases, one output."""
    g = nx.DiGraph()
    g.add_nodes_from(["a", "b"])
    g.add_nodes_from([f"h{i}" for i in range(4)], activation="tanh", bias=0.0)
    g.add_node("y", activation="identity", bias=0.0)
    g.add_edges_from([(s, f"h{i}") for i in range(4) for s in "ab"] + [(f"h{i}", "y") for i in range(4)])
    return g


DENSE = """
func.func @mlp(%x: tensor<B x 3 x f32>, %u: tensor<3x5xf32> {irc.param = "u"}, %c: tensor<5xf32> {irc.param = "c"},
               %v: tensor<5x2xf32> {irc.param = "v"}) -> tensor<B x 2 x f32> {
  %0 = array.contract "bi,io->bo" %x, %u : tensor<B x 3 x f32>, tensor<3x5xf32>
  %1 = array.broadcast %c dims [1] : tensor<5xf32> to tensor<B x 5 x f32>
  %2 = arith.addf %0, %1 : tensor<B x 5 x f32>
  %h = math.tanh %2 : tensor<B x 5 x f32>
  %y = array.contract "bi,io->bo" %h, %v : tensor<B x 5 x f32>, tensor<5x2xf32>
  func.return %y : tensor<B x 2 x f32>
}
"""
NAL = "N 4\n00\n01\n02 02 00,01\n03 00 02\n"
NAM = "0010\n0010\n0001\n0000\n"
NEL = "N 4\n00 02\n01 02 w=0.3\n02 03\n02 : tanh bias=0.1\n"


def data(net, rows=50, seed=0):
    """Inputs, and targets that the net can learn: those of the same net with other parameters."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, net.input_size)).astype(np.float32)
    kept = net.params.flat.copy()
    net.params.flat[...] = kept + 0.3 * rng.normal(size=kept.shape)
    y = net.run(x)
    net.params.flat[...] = kept
    return x, y


def test_xor_is_learnt():
    with irc.compile(xor_graph(), seed=1) as net:
        history = net.fit(*XOR, epochs=400, batch=4, optimizer=irc.Adam(0.05), loss="mse", verbose=0)
        assert np.abs(net.run(XOR[0])[:, 0] - XOR[1]).max() < 0.05
        assert history.loss[-1] < 1e-2 < history.loss[0] and len(history.step_loss) == 400


@pytest.mark.parametrize("rows", [1, 7, 64, 100])
def test_a_step_is_the_gradient_and_the_update(rows):
    """The fused function against value_and_grad, and the definition of gradient descent with momentum."""
    with irc.compile(xor_graph(), seed=3, dtype="float64") as net:
        x, y = (np.random.default_rng(0).normal(size=(rows, n)) for n in (2, 1))
        start = w = net.params.flat.copy()
        velocity = 0.0
        for _ in range(3):
            net.params.flat[...] = w
            loss, gradients = net.value_and_grad(x, y, "huber")
            velocity = 0.9 * velocity + gradients.params.flat
            w = w - 0.1 * velocity
        net.params.flat[...] = start
        history = net.fit(
            x, y, epochs=3, batch=rows, optimizer=irc.SGD(0.1, 0.9), loss="huber", shuffle=False, verbose=0
        )
        np.testing.assert_allclose(net.params.flat, w, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(history.step_loss[-1], loss, rtol=1e-12)
        np.testing.assert_allclose(net.memory.moments["velocity"], velocity, rtol=1e-10, atol=1e-13)


def test_value_and_grad_is_vjp_with_the_losses_gradient():
    """d loss / d w by the chain rule: mse of B rows of n outputs has the gradient 2 (y - t) / (B n)."""
    with irc.compile(xor_graph(), dtype="float64", seed=5) as net:
        x, t = (np.random.default_rng(0).normal(size=(6, n)) for n in (2, 1))
        loss, gradients = net.value_and_grad(x, t, "mse")
        y = net.run(x)
        _, expected = net.vjp(x, 2 * (y - t) / y.size)
        np.testing.assert_allclose(loss, np.mean((y - t) ** 2), rtol=1e-13)
        np.testing.assert_allclose(gradients.params.flat, expected.params.flat, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(gradients.x, expected.x, rtol=1e-11, atol=1e-14)
        assert gradients.params["b_y"] == gradients.params.flat[-1]


SOURCES = {
    "nal": lambda: irc.compile(NAL, format="nal"),
    "nam": lambda: irc.compile(NAM, format="nam", act="tanh"),
    "nel": lambda: irc.compile(NEL, format="nel"),
    "networkx": lambda: irc.compile(xor_graph()),
    "matrix": lambda: irc.compile(np.triu(np.ones((6, 6), int), 1), act="tanh"),
    "matrix, recovered": lambda: irc.compile(
        np.kron([[0, 1, 0], [0, 0, 1], [0, 0, 0]], np.ones((8, 8), int)), structure="recover", act="tanh"
    ),
    "text of arrays": lambda: irc.compile(DENSE),
    "neurons": lambda: irc.compile("""neuron.net @n(%a: f32, %b: f32) -> f32 parameters 3 {
  %c = neuron.node tanh(%a*w[0] + %b*w[1])
  %d = neuron.node identity(%c*w[2])
  neuron.output %d : f32
}
"""),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("optimizer", [irc.SGD(0.1, 0.9), irc.Adam(0.02)], ids=["sgd", "adam"])
def test_nets_from_every_frontend_learn(source, optimizer):
    with SOURCES[source]() as net:
        x, y = data(net)
        before = net.evaluate(x, y, loss="mse").loss
        net.fit(x, y, epochs=40, batch=16, optimizer=optimizer, loss="mse", verbose=0)
        assert net.evaluate(x, y, loss="mse").loss < before / 2
        np.testing.assert_allclose(
            net.value_and_grad(x, y, "mse")[0], net.evaluate(x, y, "mse").loss, rtol=1e-4, atol=1e-9
        )


def test_nets_of_the_same_kinds_share_the_step_and_not_the_state():
    first, second = (irc.compile(np.triu(np.ones((n, n), int), 1), act="tanh", seed=n) for n in (5, 7))
    for net in (first, second):
        x, y = data(net)
        net.fit(x, y, epochs=2, loss="mse", verbose=0)
    first.close()
    x, y = data(second)
    second.fit(x, y, epochs=2, loss="mse", verbose=0)


def test_same_seed_same_bits():
    runs = []
    for threads in (1, 2):
        with irc.compile(xor_graph(), seed=7, threads=threads) as net:
            x, y = data(net, 333)
            history = net.fit(x, y, epochs=3, seed=11, batch=50, loss="mse", verbose=0, validation=0.2)
            runs.append((net.params.flat.copy(), history.loss, history.validation_loss, history.step_loss))
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_orders_are_permutations_that_follow_from_seed_and_epoch():
    orders = [shuffled(100, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(np.array_equal(np.sort(order), np.arange(100)) for order in orders)
    assert not any(np.array_equal(a, b) for k, a in enumerate(orders) for b in orders[:k])
    np.testing.assert_array_equal(orders[1], shuffled(100, 0, 1))


def test_the_last_batch_takes_what_is_left():
    """Each row counts once in the loss of the epoch: with rate 0 that is the loss of all rows."""
    with irc.compile(xor_graph(), seed=2) as net:
        x, y = data(net, 53)
        for shuffle in (False, True):
            history = net.fit(
                x, y, batch=10, optimizer=irc.SGD(0.0), loss="mse", shuffle=shuffle, verbose=0
            )
            assert len(history.step_loss) == 6
            np.testing.assert_allclose(history.loss, net.evaluate(x, y, "mse").loss, rtol=1e-5)


def test_data_in_order_are_not_copied():
    from irc.training.data import Data

    x, y = np.zeros((10, 2), np.float32), np.zeros((10, 1), np.float32)
    batches = Data([x], y).batch(2, 6)
    assert batches[0].base is x and batches[1].base is y


@pytest.mark.parametrize("shuffle", [False, True])
def test_learning_goes_on_where_it_was(shuffle):
    """Two calls are one call of as many epochs: the optimiser's state, the rate and the order of rows go on."""
    results = []
    for parts in ([6], [2, 4]):
        with irc.compile(xor_graph(), seed=2) as net:
            x, y = data(net, 40)
            rate = irc.schedules.Cosine(0.05, 20)
            options = {"batch": 15, "loss": "mse", "optimizer": irc.Adam(rate), "verbose": 0, "shuffle": shuffle}
            for epochs in parts:
                net.fit(x, y, epochs=epochs, **options)
            assert (net.memory.steps, net.memory.epochs, set(net.memory.moments)) == (18, 6, {"m", "v"})
            results.append(net.params.flat.copy())
    np.testing.assert_array_equal(*results)


def test_another_optimizer_begins_anew():
    with irc.compile(xor_graph(), seed=2) as net:
        x, y = data(net, 40)
        net.fit(x, y, epochs=3, batch=40, loss="mse", optimizer=irc.Adam(0.01), verbose=0)
        net.fit(x, y, epochs=2, batch=40, loss="mse", optimizer=irc.Adam(0.1), verbose=0)
        assert net.memory.steps == 5  # another rate is no other optimiser
        net.fit(x, y, epochs=1, batch=40, loss="mse", optimizer=irc.Adam(0.1, beta1=0.5), verbose=0)
        assert (net.memory.steps, net.memory.epochs) == (1, 1)
        net.memory = None
        net.fit(x, y, batch=40, loss="mse", verbose=0)
        assert net.memory.optimizer == irc.Adam() and net.memory.steps == 1


def test_schedules_say_the_rate_of_each_step():
    with irc.compile(xor_graph()) as net:
        schedule = irc.schedules.WarmUp(2, irc.schedules.StepDecay(0.3, every=2))
        history = net.fit(*XOR, epochs=7, batch=4, optimizer=irc.SGD(schedule), loss="mse", verbose=0)
        np.testing.assert_allclose(history.step_rate, [0.1, 0.2, 0.3, 0.3, 0.03, 0.03, 0.003], rtol=1e-6)


# -- classification ----------------------------------------------------------------------------------------------------


def test_classes_by_number_are_the_matrix_with_ones():
    matrix = np.zeros((6, 6), int)
    matrix[:3, 3:] = 1
    labels = np.array([0, 2, 1, 1, 0, 2, 2])
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    results = []
    for y in (labels, labels[:, None], labels.astype(np.uint8), np.eye(3)[labels]):
        with irc.compile(matrix, act="identity", seed=1) as net:
            net.fit(x, y, epochs=5, batch=3, loss="softmax_cross_entropy", verbose=0)
            found = net.evaluate(x, y, "softmax_cross_entropy")
            results.append((found.loss, found.accuracy, net.value_and_grad(x, y, "softmax_cross_entropy")[0]))
            assert found.accuracy == np.mean(net.run(x).argmax(1) == labels)
    assert len(set(results)) == 1


def test_accuracy_of_bits_and_signs():
    with irc.compile(np.array([[0, 1.0], [0, 0]]), act="identity") as net:
        x = np.array([[-2.0], [1.0], [3.0], [-1.0]])
        assert net.evaluate(x, [0, 1, 0, 0], "sigmoid_cross_entropy").accuracy == 0.75
        assert net.evaluate(x, [-1, 1, 1, -1], "hinge").accuracy == 1.0
        assert net.evaluate(x, x, "mse").accuracy is None


def test_predict_is_run_in_parts():
    with irc.compile(DENSE) as net:
        x = np.random.default_rng(0).normal(size=(70, 3))
        np.testing.assert_allclose(net.predict(x, batch=32), net.run(x), rtol=1e-6)
        assert net.predict(x[:0]).shape == (0, 2)


# -- around the steps --------------------------------------------------------------------------------------------------


class Watcher(irc.Callback):
    """Notes what it sees; stops after a number of steps or epochs."""

    def __init__(self, steps=None, epochs=None):
        self.steps, self.epochs, self.seen = steps, epochs, []

    def on_step(self, training):
        self.seen.append(("step", training.epoch, training.step))
        if training.step == self.steps:
            training.stop()

    def on_epoch(self, training):
        self.seen.append(("epoch", training.epoch, training.step))
        if training.epoch == self.epochs:
            training.stop()


def test_callbacks_see_steps_and_epochs_and_may_stop():
    with irc.compile(xor_graph()) as net:
        watcher, losses = Watcher(epochs=1), []
        history = net.fit(
            *XOR, epochs=5, batch=2, loss="mse", verbose=0, callbacks=[watcher, lambda t: losses.append(t.loss)]
        )
        assert watcher.seen == [
            ("step", 0, 1), ("step", 0, 2), ("epoch", 0, 2), ("step", 1, 3), ("step", 1, 4), ("epoch", 1, 4)
        ]  # fmt: skip
        assert losses == history.loss.tolist() and not history.interrupted
        stopped = net.fit(*XOR, epochs=5, batch=1, loss="mse", verbose=0, callbacks=Watcher(steps=6))
        assert len(stopped.step_loss) == 6 and stopped.epochs == 2


def test_validation_is_seen_after_each_epoch():
    with irc.compile(xor_graph()) as net:
        x, y = data(net, 40)
        seen = []
        history = net.fit(
            x, y, epochs=2, loss="mse", validation=(x[:7], y[:7]), verbose=0,
            callbacks=lambda t: seen.append(net.evaluate(x[:7], y[:7], "mse").loss),
        )  # fmt: skip
        np.testing.assert_array_equal(history.validation_loss, seen)
        assert np.isnan(history.validation_accuracy).all()
        part = net.fit(x, y, batch=10, loss="mse", validation=0.25, verbose=0)
        assert len(part.step_loss) == 3 and np.isfinite(part.validation_loss).all()


def test_ctrl_c_ends_the_training_after_the_step():
    with irc.compile(xor_graph()) as net:
        before = signal.getsignal(signal.SIGINT)

        class Interrupting(irc.Callback):
            def on_step(self, training):
                if training.step == 5:
                    signal.raise_signal(signal.SIGINT)

        history = net.fit(*XOR, epochs=9, batch=2, loss="mse", callbacks=Interrupting(), verbose=0)
        assert history.interrupted and len(history.step_loss) == 5 and history.epochs == 3
        assert signal.getsignal(signal.SIGINT) is before
        assert np.isfinite(net.run(XOR[0])).all()
        again = net.fit(*XOR, epochs=1, loss="mse", verbose=0)
        assert not again.interrupted


def test_a_second_ctrl_c_interrupts_at_once():
    with irc.compile(xor_graph()) as net:

        def twice(training):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            net.fit(*XOR, epochs=9, loss="mse", callbacks=twice, verbose=0)
        assert np.isfinite(net.run(XOR[0])).all()


def test_other_threads_than_the_main_one_can_train():
    with irc.compile(xor_graph()) as net:
        done = []
        thread = threading.Thread(target=lambda: done.append(net.fit(*XOR, epochs=3, loss="mse", verbose=0)))
        thread.start()
        thread.join()
        assert done[0].epochs == 3


def test_progress_is_shown_on_standard_error(capsys):
    with irc.compile(xor_graph()) as net:
        net.fit(*XOR, epochs=2, loss="mse", verbose=2, validation=XOR)
        shown = capsys.readouterr()
        assert shown.out == ""
        first, second = shown.err.splitlines()
        assert first.startswith("epoch 1/2: loss ") and ", validation " in first and first.endswith("left")
        assert second.startswith("epoch 2/2") and "rows/s" in second and second.endswith("0:00 left")
        net.fit(*XOR, epochs=2, loss="mse", verbose=0)
        assert capsys.readouterr().err == ""
        net.fit(*XOR, epochs=2, loss="mse")
        assert "epoch 2/2" in capsys.readouterr().err


def test_history_has_a_plot(tmp_path):
    pytest.importorskip("matplotlib")
    with irc.compile(xor_graph()) as net:
        history = net.fit(*XOR, epochs=3, loss="mse", validation=XOR, verbose=0)
    figure = history.plot(tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 1000
    lines = figure.axes[0].get_lines()
    np.testing.assert_array_equal(lines[0].get_ydata(), history.loss)
    np.testing.assert_array_equal(lines[1].get_ydata(), history.validation_loss)
    assert repr(history).startswith("<history: 3 epochs, 3 steps, loss ")


# -- what is refused ---------------------------------------------------------------------------------------------------

BAD = [
    ({"x": np.zeros((4, 3))}, "x: dimension 1 must be 2, got 3"),
    ({"y": np.zeros((4, 2))}, "y: dimension 1 must be 1, got 2"),
    ({"y": np.zeros(3)}, "different numbers of rows: x 4, y 3"),
    ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, "no rows to learn from"),
    ({"x": np.array([[0, 1], [0, np.nan], [0, 0], [0, 0]])}, r"x holds nan at \[1, 1\]"),
    ({"y": np.array([0, 1, np.inf, 0])}, r"y holds inf at \[2, 0\]"),
    ({"x": (XOR[0], XOR[0])}, "takes 1 input, but x has 2"),
    ({"y": [["a"]] * 4}, "y: dtype <U1 is not supported"),
    ({"loss": None}, "says no loss of its own: give one, such as loss='mse'"),
    ({"loss": "mee"}, "did you mean 'mse'"),
    ({"epochs": 0}, "epochs must be an integer from 1 on, not 0"),
    ({"batch": 2.5}, "batch must be an integer from 1 on, not 2.5"),
    ({"optimizer": "sdg"}, "optimizer must be one such as irc.Adam"),
    ({"optimizer": irc.SGD(lambda step: float("nan"))}, "the learning rate of step 0 is nan"),
    ({"validation": 1.5}, "leaves none to validate, or to learn from"),
    ({"validation": XOR[0]}, "validation must be a pair"),
    ({"validation": (XOR[0], np.zeros((4, 3)))}, "y: dimension 1 must be 1, got 3"),
    ({"callbacks": 7}, "a callback is a function"),
    ({"verbose": 3}, "verbose must be 0, 1 or 2"),
    ({"seed": -1}, "seed must lie between"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_wrong_arguments_are_refused_before_anything_changes(given, message):
    with irc.compile(xor_graph(), seed=1) as net:
        before = net.params.flat.copy()
        with pytest.raises(irc.Error, match=message):
            net.fit(**{"x": XOR[0], "y": XOR[1], "loss": "mse", "verbose": 0, **given})
        np.testing.assert_array_equal(net.params.flat, before)


def test_classes_that_the_net_does_not_have_are_refused():
    matrix = np.zeros((5, 5), int)
    matrix[:2, 2:] = 1
    with irc.compile(matrix) as net:
        wrong = ((np.array([0, 3]), "class 3 in row 1, but the net's are 0 to 2"), (np.zeros(2), "must be integers"))
        for y, message in wrong:
            with pytest.raises(irc.Error, match=message):
                net.fit(np.zeros((2, 2)), y, loss="cross_entropy", verbose=0)


def test_a_closed_net_does_not_learn():
    net = irc.compile(xor_graph())
    net.close()
    with pytest.raises(irc.Error, match="is closed"):
        net.fit(*XOR, loss="mse", verbose=0)


def test_passes_that_do_not_differentiate_do_not_train():
    passes = "lower-neuron,canonicalize,cse,fuse,lower-array,plan-memory"
    with irc.compile(xor_graph(), passes=passes) as net:
        with pytest.raises(irc.Error, match="passes that do not differentiate"):
            net.fit(*XOR, loss="mse", verbose=0)


def test_functions_without_a_sample_in_each_row_are_refused():
    text = """func.func @f(%x: tensor<N x f32>, %w: tensor<3xf32> {irc.param = "w"}) -> tensor<3xf32> {
  func.return %w : tensor<3xf32>
}
"""
    with irc.compile(text) as net:
        with pytest.raises(irc.Error, match="one sample in each row of all inputs and of the output"):
            net.fit(np.zeros(3), np.zeros(3), loss="mse", verbose=0)


def test_a_function_for_batches_of_one_size_takes_only_these():
    with irc.compile(DENSE.replace("B x", "4 x")) as net:
        x, y = np.zeros((8, 3)), np.zeros((8, 2))
        assert len(net.fit(x, y, batch=4, loss="mse", verbose=0).step_loss) == 2
        with pytest.raises(irc.Error, match="takes 4 rows at a time: batch must be 4"):
            net.fit(x, y, batch=8, loss="mse", verbose=0)


# -- numbers that are not finite ---------------------------------------------------------------------------------------


def overflowing():
    """A neuron of which every large input makes an infinity: exp without a bound."""
    g = nx.DiGraph()
    g.add_node("x")
    g.add_node("double", activation="identity")
    g.add_node("big", activation="neat_cube")
    g.add_node("y", activation="identity")
    g.add_weighted_edges_from([("x", "double", 2.0), ("double", "big", 1.0), ("big", "y", 1.0)])
    return g


def test_the_first_neuron_that_is_not_finite_is_named():
    with irc.compile(overflowing()) as net:
        before = net.params.flat.copy()
        x = np.array([[1.0], [2.0], [1e20], [3.0]])
        with pytest.raises(irc.Error, match=r"in step 1 \(epoch 0.*first not finite is neuron big, which is inf"):
            net.fit(x, x, batch=2, optimizer=irc.SGD(0.0), loss="mse", shuffle=False, verbose=0)
        np.testing.assert_array_equal(net.params.flat, before)


def test_a_loss_that_overflows_is_told_from_the_net():
    with irc.compile(overflowing()) as net:
        with pytest.raises(irc.Error, match="the outputs are finite; in the loss and its gradient, first not"):
            net.fit([[1e9]], [[0.0]], loss="mse", verbose=0)


def test_a_parameter_that_is_not_finite_is_named():
    with irc.compile(overflowing()) as net:
        net.params["w_double_big"] = np.nan
        with pytest.raises(irc.Error, match="in step 0 .*parameter 'w_double_big' is nan"):
            net.fit([[1.0]], [[0.0]], loss="mse", verbose=0)


def test_the_function_of_arrays_that_is_not_finite_is_named():
    with irc.compile(DENSE) as net:
        net.params.flat[...] = 1e30
        with pytest.raises(irc.Error, match="first not finite is .*'array.contract', which is inf"):
            net.fit(np.full((2, 3), 1e30), np.zeros((2, 2)), loss="mse", verbose=0)


def test_losses_of_outputs_of_any_rank():
    y = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(batch_loss(find_loss("mae"), y, np.zeros_like(y)), np.abs(y).mean(), rtol=1e-6)
