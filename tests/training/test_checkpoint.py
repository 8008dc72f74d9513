"""Saving a net while it learns."""

import numpy as np
import pytest

import irc

X = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
Y = X[:, :1] * X[:, 1:]
OPTIONS = {"batch": 7, "optimizer": irc.Adam(0.02), "verbose": 0}


def net(seed=1):
    matrix = np.zeros((7, 7), int)
    matrix[:2, 2:6] = matrix[2:6, 6:] = 1
    return irc.compile(matrix, act="tanh", out_act="identity", loss="mse", seed=seed)


def test_learning_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path):
    """Bit for bit: the optimiser's moments and the order of rows are those of that epoch."""
    with net() as whole:
        whole.fit(X, Y, epochs=5, **OPTIONS)
    with net() as broken:

        def crash(training):
            if training.epoch == 2:
                raise RuntimeError

        with pytest.raises(RuntimeError):
            broken.fit(X, Y, epochs=5, callbacks=[irc.Checkpoint(tmp_path / "net.npz"), crash], **OPTIONS)
    with irc.load(tmp_path / "net.npz") as again:
        assert (again.memory.epochs, again.memory.steps) == (3, 15)
        again.fit(X, Y, epochs=2, **OPTIONS)
        np.testing.assert_array_equal(again.params.flat, whole.params.flat)


def test_every_so_many_epochs_are_saved(tmp_path):
    path, epochs = tmp_path / "net.npz", []

    def note(training):
        epochs.append(irc.load(path).memory.epochs if path.exists() else 0)

    with net() as learning:
        learning.fit(X, Y, epochs=5, callbacks=[irc.Checkpoint(str(path), every=2), note], **OPTIONS)
    assert epochs == [0, 2, 2, 4, 4]


def test_only_the_best_is_saved(tmp_path):
    """Validation asks for the opposite of what is learnt: no epoch is better than the first."""
    path = tmp_path / "net.npz"
    with irc.compile(np.array([[0, 1.0], [0, 0]]), act="identity", loss="mse") as one:
        x = np.ones((4, 1))
        best = irc.Checkpoint(path, best_only=True)
        one.fit(x, 2 * x, epochs=4, validation=(x, -x), callbacks=best, verbose=0)
        assert irc.load(path).memory.epochs == 1
        one.fit(x, -x, epochs=2, validation=(x, -x), callbacks=best, verbose=0)
        assert irc.load(path).memory.epochs == 6  # each call of fit has a best of its own


def test_a_place_that_cannot_be_written_is_told_before_anything_is_learnt(tmp_path):
    with net() as learning:
        before = learning.params.flat.copy()
        with pytest.raises(irc.Error, match="there is no directory '.*nowhere'"):
            learning.fit(X, Y, callbacks=irc.Checkpoint(tmp_path / "nowhere" / "net.npz"), **OPTIONS)
        np.testing.assert_array_equal(learning.params.flat, before)
        assert learning.memory is None


@pytest.mark.parametrize(
    ("options", "message"),
    [({"path": 7}, "path must be that of a file, not int"), ({"path": "x", "every": 0}, "every must be an integer")],
)
def test_arguments_that_make_no_sense_are_refused(options, message):
    with pytest.raises(irc.Error, match=message):
        irc.Checkpoint(**options)
