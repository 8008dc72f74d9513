"""JAX: functions compiled whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from mlp import RATE, Case

Layers = list[tuple[jax.Array, jax.Array]]


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """One way."""
    jnp.zeros(1).block_until_ready()  # starts the runtime
    yield Peer(case)


class Peer:
    """Layers, compiled anew for each function."""

    def __init__(self, case: Case):
        self.case = case
        self.x, self.y = jnp.asarray(case.x), jnp.asarray(case.y)
        self.activation = getattr(jnp, case.model.activation, jax.nn.relu)

    def _layers(self) -> Layers:
        return [(jnp.asarray(weight), jnp.asarray(bias)) for weight, bias in self.case.copied()]

    def _outputs(self, layers: Layers, x: jax.Array) -> jax.Array:
        for number, (weight, bias) in enumerate(layers, 1):
            x = x @ weight.T + bias
            if number < len(layers):
                x = self.activation(x)
        return x

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        outputs, layers = jax.jit(self._outputs), self._layers()
        return lambda: outputs(layers, self.x).block_until_ready()

    def step(self) -> Callable[[], float]:
        """A step of training: its loss. Layers are donated, so updated in place."""
        classifies = self.case.model.classifies

        def loss(layers: Layers, x: jax.Array, y: jax.Array) -> jax.Array:
            out = self._outputs(layers, x)
            return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(out), 1)) if classifies else jnp.mean((out - y) ** 2)

        @partial(jax.jit, donate_argnums=0)
        def update(layers: Layers, x: jax.Array, y: jax.Array) -> tuple[Layers, jax.Array]:
            value, gradients = jax.value_and_grad(loss)(layers, x, y)
            return jax.tree.map(lambda p, g: p - RATE * g, layers, gradients), value

        layers = self._layers()

        def call() -> float:
            nonlocal layers
            layers, value = update(layers, self.x, self.y)
            return float(value)

        return call
