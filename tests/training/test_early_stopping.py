"""Ending a training that does not get better, and going back to its best epoch."""

import contextlib
import signal

import numpy as np
import pytest

import irc
from irc.training.callbacks import Training


class Scripted:
    """Stands for a net: each epoch has the loss that a test says, and parameters that tell the epoch."""

    def __init__(self):
        self.params = type("Parameters", (), {"flat": np.zeros(2)})()

    def train(self, callback, losses, validation=True):
        """What fit does around a callback. The number of epochs."""
        training = Training(self)
        callback.on_begin(training)
        for training.epoch, loss in enumerate(losses):
            self.params.flat[...] = training.epoch
            training.loss = -training.epoch if validation else loss  # that of training goes on falling
            training.validation_loss = loss if validation else None
            callback.on_epoch(training)
            if training.stopped:
                break
        callback.on_end(training)
        return training.epoch + 1


@pytest.mark.parametrize("validation", [True, False])
def test_it_waits_for_so_many_epochs_and_goes_back_to_the_best(validation):
    net, early = Scripted(), irc.EarlyStopping(patience=3)
    assert net.train(early, [5, 4, 3, 4, 3, 3.5, 1], validation) == 6
    assert (early.best, early.best_epoch) == (3, 2)
    assert net.params.flat.tolist() == [2, 2]


def test_a_better_epoch_begins_the_waiting_anew():
    assert Scripted().train(irc.EarlyStopping(patience=2), [5, 6, 4, 5, 3, 5, 5, 1]) == 7


def test_better_is_by_more_than_min_delta():
    early = irc.EarlyStopping(patience=2, min_delta=0.5)
    assert Scripted().train(early, [5, 4.6, 4.5, 1]) == 3
    assert early.best == 5


def test_without_restore_the_net_stays_as_it_is():
    net = Scripted()
    net.train(irc.EarlyStopping(patience=1, restore=False), [1, 2, 3])
    assert net.params.flat.tolist() == [1, 1]


def test_the_best_is_restored_also_when_the_epochs_run_out():
    net = Scripted()
    assert net.train(irc.EarlyStopping(patience=9), [2, 1, 3]) == 3
    assert net.params.flat.tolist() == [1, 1]


@pytest.mark.parametrize("losses", [[np.nan, 2, 1], [np.inf, 2, 1], [2, np.nan, 1]])
def test_losses_that_are_no_numbers_are_never_the_best(losses):
    early = irc.EarlyStopping(patience=5)
    Scripted().train(early, losses)
    assert (early.best, early.best_epoch) == (1, 2)


def test_each_training_begins_anew():
    net, early = Scripted(), irc.EarlyStopping(patience=1)
    net.train(early, [1, 2])
    assert net.train(early, [9, 8, 7, 8]) == 4
    assert early.best == 7


def test_it_ends_the_training_of_a_net():
    """Validation asks for the opposite of what is learnt, so that the first epoch is the best."""
    with irc.compile(np.array([[0, 1.0], [0, 0]]), act="identity", loss="mse") as net:
        x, seen = np.ones((4, 1)), []
        early = irc.EarlyStopping(patience=2)
        watch = lambda training: seen.append(net.params.flat.copy())  # noqa: E731
        history = net.fit(x, 2 * x, epochs=50, validation=(x, -x), callbacks=[watch, early], verbose=0)
        assert history.epochs == 3 and early.best == history.validation_loss[0]
        np.testing.assert_array_equal(net.params.flat, seen[0])
        assert net.memory.epochs == 3


def test_ctrl_c_goes_back_to_the_best_and_an_error_does_not():
    """After an error the parameters are those before the step that failed: what fit promises."""

    def failing(training):
        if training.epoch == 2:
            raise RuntimeError

    def interrupting(training):
        if training.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    x = np.ones((4, 1))
    for callback, last in ((interrupting, 0), (failing, 2)):
        with irc.compile(np.array([[0, 1.0], [0, 0]]), act="identity", loss="mse") as net:
            seen = []
            watch = lambda training: seen.append(net.params.flat.copy())  # noqa: B023, E731
            callbacks = [irc.EarlyStopping(), watch, callback]
            with contextlib.suppress(RuntimeError):
                net.fit(x, 2 * x, epochs=9, validation=(x, -x), callbacks=callbacks, verbose=0)
            assert len(seen) == 3
            np.testing.assert_array_equal(net.params.flat, seen[last])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience must be an integer from 1 on, not 0"),
        ({"patience": 1.5}, "patience must be an integer"),
        ({"min_delta": -1}, "min_delta must be a number from 0 on, not -1"),
        ({"min_delta": float("nan")}, "min_delta must be a number"),
        ({"min_delta": "1"}, "min_delta must be a number"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, message):
    with pytest.raises(irc.Error, match=message):
        irc.EarlyStopping(**options)
