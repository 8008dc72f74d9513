"""A convolutional net from its text to native forward, gradients and training."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import irc

TEXT = Path(__file__).parent / "lenet.mlir"


@pytest.fixture(scope="module")
def net():
    """LeNet, with start values small enough that nothing saturates."""
    made = irc.compile(TEXT)
    made.params.flat[:] = np.random.default_rng(0).normal(scale=0.05, size=made.params.flat.size)
    return made


def oracle(w, x):
    """The same net in JAX."""
    shapes = [(20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (500, 800), (500,), (10, 500), (10,)]
    parts, begin = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(w[begin : begin + size].reshape(shape))
        begin += size
    c1, b1, c2, b2, h, bh, y, by = parts
    images = x.reshape(-1, 1, 28, 28)
    for filters, bias in ((c1, b1), (c2, b2)):
        maps = jax.lax.conv_general_dilated(images, filters, (1, 1), "VALID") + bias[:, None, None]
        images = jax.lax.reduce_window(jax.nn.relu(maps), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return jax.nn.relu(images.reshape(len(x), -1) @ h.T + bh) @ y.T + by


@pytest.mark.parametrize("batch", [1, 3, 33])
def test_numbers_and_gradients_are_those_of_jax(net, batch):
    rng = np.random.default_rng(batch)
    x = rng.normal(size=(batch, 784)).astype(np.float32)
    dy = rng.normal(size=(batch, 10)).astype(np.float32)
    wanted, pull_back = jax.vjp(oracle, jnp.asarray(net.params.flat), jnp.asarray(x))
    dw, dx = pull_back(dy)
    y, gradients = net.vjp(x, dy)
    np.testing.assert_allclose(net.run(x), wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(y, wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(gradients.x, dx, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(gradients.params.flat, dw, rtol=1e-3, atol=1e-3 * np.abs(dw).max())


def test_it_learns_which_quarter_is_bright():
    """64 images of noise with one bright quarter: a few steps find it."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 64)
    images = rng.normal(scale=0.1, size=(64, 28, 28)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[14 * row : 14 * row + 14, 14 * column : 14 * column + 14] += 1
    wanted = np.eye(10, dtype=np.float32)[labels]
    x = images.reshape(64, 784)
    net = irc.compile(TEXT)
    net.params.flat[:] = np.random.default_rng(1).normal(scale=0.05, size=net.params.flat.size)
    net.fit(x, wanted, loss="softmax_cross_entropy", epochs=8, batch=16, optimizer=irc.Adam(2e-3), verbose=False)
    assert (net.run(x).argmax(1) == labels).mean() > 0.95
