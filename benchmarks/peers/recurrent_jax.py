"""JAX: a scan of the model's step, compiled whole; as it is, and with four steps in each turn of its loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from models import RATE, Case

UNROLLED = (1, 4)


def peers(case: Case, threads: int = 1) -> Iterator[Peer]:
    """A way for each number of steps in a turn."""
    jnp.zeros(1).block_until_ready()  # starts the runtime
    for unrolled in UNROLLED:
        yield Peer(case, unrolled)


class _Functions:
    tanh = jnp.tanh
    sigmoid = jax.nn.sigmoid


class Peer:
    """A model, compiled anew for each function."""

    def __init__(self, case: Case, unrolled: int):
        self.case = case
        self.arrays = jnp.asarray(case.x), jnp.asarray(case.y)
        self.state = tuple(map(jnp.asarray, case.state))
        self.unrolled = unrolled

    def _outputs(self, w: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        step = partial(self.case.model.step, _Functions, w)
        rows = self.case.model.before(w, x)
        return jax.lax.scan(lambda state, row: step(row, state), self.state, rows, unroll=self.unrolled)[1]

    def _parameters(self) -> dict[str, jax.Array]:
        return {name: jnp.asarray(value) for name, value in self.case.parameters.items()}

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs, from the initial state."""
        outputs, w, (x, _) = jax.jit(self._outputs), self._parameters(), self.arrays
        return lambda: outputs(w, x).block_until_ready()

    def step(self) -> Callable[[], float]:
        """A step of training, from the initial state: its loss. Parameters are donated, so updated in place."""

        def loss(w: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
            return jnp.mean((self._outputs(w, x) - y) ** 2)

        @partial(jax.jit, donate_argnums=0)
        def update(w: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
            value, gradients = jax.value_and_grad(loss)(w, x, y)
            return {name: w[name] - RATE * gradients[name] for name in w}, value

        w, (x, y) = self._parameters(), self.arrays

        def call() -> float:
            nonlocal w
            w, value = update(w, x, y)
            return float(value)

        return call
