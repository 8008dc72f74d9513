"""JAX: functions compiled whole, of images with their channels first and last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from lenet import RATE, Case, gru_inputs, gru_step

Arrays = dict[str, jax.Array]


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """Two ways, or one where there are no images."""
    jnp.zeros(1).block_until_ready()  # starts the runtime
    yield Peer(case)
    if case.x.ndim == 4:
        yield Peer(case.with_channels_last())


class _Functions:
    """Of images in one of the two orders."""

    relu = staticmethod(jax.nn.relu)
    sigmoid = staticmethod(jax.nn.sigmoid)
    tanh = staticmethod(jnp.tanh)

    def __init__(self, channels_last: bool):
        self.channels_last = channels_last

    def conv(self, x: jax.Array, weight: jax.Array, bias: jax.Array, padding: int) -> jax.Array:
        order = "NHWC" if self.channels_last else "NCHW"
        around = [(padding, padding)] * 2
        y = jax.lax.conv_general_dilated(x, weight, (1, 1), around, dimension_numbers=(order, "OIHW", order))
        return y + (bias if self.channels_last else bias[:, None, None])

    def pool(self, x: jax.Array) -> jax.Array:
        window = (1, 2, 2, 1) if self.channels_last else (1, 1, 2, 2)
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")

    def flatten(self, x: jax.Array) -> jax.Array:
        return (jnp.moveaxis(x, -1, 1) if self.channels_last else x).reshape(len(x), -1)

    def linear(self, x: jax.Array, weight: jax.Array, bias: jax.Array) -> jax.Array:
        return x @ weight.T + bias

    def gru(self, w: Arrays, x: jax.Array) -> jax.Array:
        def step(h: jax.Array, of_input: jax.Array) -> tuple[jax.Array, jax.Array]:
            h = gru_step(self, w, h, of_input)
            return h, h

        zeros = jnp.zeros((len(x), w["0.weight_hh_l0"].shape[1]), x.dtype)
        return jnp.moveaxis(jax.lax.scan(step, zeros, jnp.moveaxis(gru_inputs(w, x), 1, 0))[1], 0, 1)


class Peer:
    """A model, compiled anew for each function."""

    def __init__(self, case: Case):
        self.case = case
        self.x, self.y = jnp.asarray(case.x), jnp.asarray(case.y)
        self.forward = partial(case.model.forward, _Functions(case.channels_last))

    def _parameters(self) -> Arrays:
        return {name: jnp.asarray(value) for name, value in self.case.parameters.items()}

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        outputs, w = jax.jit(self.forward), self._parameters()
        return lambda: outputs(w, self.x).block_until_ready()

    def step(self) -> Callable[[], float]:
        """A step of training: its loss. Parameters are donated, so updated in place."""
        classifies = self.case.model.classifies

        def loss(w: Arrays, x: jax.Array, y: jax.Array) -> jax.Array:
            out = self.forward(w, x)
            return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(out), 1)) if classifies else jnp.mean((out - y) ** 2)

        @partial(jax.jit, donate_argnums=0)
        def update(w: Arrays, x: jax.Array, y: jax.Array) -> tuple[Arrays, jax.Array]:
            value, gradients = jax.value_and_grad(loss)(w, x, y)
            return {name: w[name] - RATE * gradients[name] for name in w}, value

        w = self._parameters()

        def call() -> float:
            nonlocal w
            w, value = update(w, self.x, self.y)
            return float(value)

        return call
