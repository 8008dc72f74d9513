"""Nets of layers have code of their own for one sample, which gives what the code for batches gives."""

import numpy as np
import pytest

import irc
from irc import layers
from irc.backend.jit import Library
from support.nets import FOLDER


@pytest.fixture(scope="module", params=[(1, 1), (3, 5, 2), (17, 40, 33, 10)])
def net(request):
    parts = [part for width in request.param[1:] for part in (layers.Linear(width), layers.tanh)]
    with irc.compile(layers.Sequential(*parts, input_shape=[request.param[0]]), dtype="float64", seed=1) as made:
        yield made


def test_outputs_are_those_of_a_row_of_a_batch(net):
    rows = np.random.default_rng(0).normal(size=(3, net.input_size))
    wanted = net.run(rows)
    for _ in range(4):  # the first calls, short calls, and those that go straight to the machine code
        np.testing.assert_allclose(net.run(rows[1:2]), wanted[1:2], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(net.run(rows[1:2].tolist()), wanted[1:2], rtol=1e-12, atol=1e-14)


def test_gradients_of_rows_add_up_to_those_of_their_batch(net):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(3, net.input_size)), rng.normal(size=(3, net.output_size))
    y, wanted = net.vjp(x, dy)
    parts = [net.vjp(x[row : row + 1], dy[row : row + 1]) for row in range(3)]
    np.testing.assert_allclose(np.concatenate([part[0] for part in parts]), y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(sum(g.params.flat for _, g in parts), wanted.params.flat, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.concatenate([g.x for _, g in parts]), wanted.x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("optimizer", [irc.SGD(0.1), irc.Adam(0.01)], ids=["SGD", "Adam"])
def test_steps_of_one_sample_are_those_of_the_code_for_batches(optimizer):
    """Batches that a user makes may have any number of rows, so they are learnt by the code for batches."""
    parts = [layers.Conv2D(3, 3), layers.relu, layers.MaxPool2D(2), layers.Flatten(), layers.Linear(4), layers.tanh]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 128)), rng.normal(size=(5, 4))
    found = []
    for cut in (True, False):
        with irc.compile(layers.Sequential(*parts, input_shape=[2, 8, 8]), dtype="float64", seed=1) as net:
            pairs = (x, y) if cut else ([(x[i : i + 1], y[i : i + 1]) for i in range(5)],)
            history = net.fit(*pairs, epochs=2, batch=1, optimizer=optimizer, loss="mse", shuffle=False, verbose=0)
            found.append((history.step_loss, net.params.flat.copy()))
    for one_sample, batches in zip(*found, strict=True):
        np.testing.assert_allclose(one_sample, batches, rtol=1e-10, atol=1e-12)


def test_loss_and_gradients_of_rows_average_to_those_of_their_batch(net):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, net.input_size)), rng.normal(size=(3, net.output_size))
    loss, gradients = net.value_and_grad(x, y, "mse")
    parts = [net.value_and_grad(x[row : row + 1], y[row : row + 1], "mse") for row in range(3)]
    np.testing.assert_allclose(np.mean([value for value, _ in parts]), loss, rtol=1e-12)
    flat = np.mean([g.params.flat for _, g in parts], axis=0)
    np.testing.assert_allclose(flat, gradients.params.flat, rtol=1e-10, atol=1e-12)


def test_code_for_one_sample_is_made_when_batches_of_one_row_are_asked_for():
    """Not for the row that is left at the end of an epoch: to compile takes longer than it could save."""
    x, y = np.zeros((5, 3), np.float32), np.zeros((5, 2), np.float32)
    with irc.compile(layers.Sequential(layers.Linear(2), input_shape=[3]), loss="mse", cache=False) as net:
        for options, compiled in (({"batch": 2}, 1), ({"batch": 1}, 1), ({"batch": 4}, 0), ({"batch": 1}, 0)):
            before = Library.compiled
            net.fit(x, y, optimizer=irc.SGD(0.1), verbose=0, **options)
            assert Library.compiled - before == compiled


def test_a_net_without_such_code_has_one_step_for_all_batches():
    with irc.compile(FOLDER / "nn00.nam", cache=False) as net:
        assert not net.program.serves_one_sample
        x, y = np.zeros((4, net.input_size), np.float32), np.zeros((4, net.output_size), np.float32)
        net.fit(x, y, batch=2, optimizer=irc.SGD(0.1), loss="mse", verbose=0)
        before = Library.compiled
        net.fit(x, y, batch=1, optimizer=irc.SGD(0.1), loss="mse", verbose=0)
        assert Library.compiled == before
