"""Nets of layers have code of their own for one sample, which gives what the code for batches gives."""

import numpy as np
import pytest

import irc
from irc import layers


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
