"""JAX: a gather and a sum by segments for each depth, compiled whole."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from contest import Contestant, calling
from dags import Dag

MOST_FORWARD, MOST_JOINT = 100_000, 10_000
"""Edges of nets whose compilation takes seconds, not minutes."""


def contestants(dag: Dag, x: np.ndarray, dy: np.ndarray) -> Iterator[Contestant]:
    """Values are [neuron, sample]."""
    edges = len(dag.weights)
    if edges > MOST_FORWARD:
        return
    layers = [
        (span, part, jnp.asarray(dag.source[part]), jnp.asarray(dag.target[part] - span.start))
        for span, part in dag.layers()
    ]

    def net(w: jax.Array, columns: jax.Array) -> jax.Array:
        values = jnp.zeros((dag.neurons, columns.shape[1]), jnp.float32).at[: dag.inputs].set(columns)
        for span, part, source, row in layers:
            terms = values[source] * w[part, None]
            z = jax.ops.segment_sum(terms, row, num_segments=span.stop - span.start, indices_are_sorted=True)
            values = values.at[span].set(jnp.tanh(z))
        return values[dag.outputs]

    def gradients(w: jax.Array, columns: jax.Array, seeds: jax.Array) -> tuple[jax.Array, ...]:
        y, back = jax.vjp(net, w, columns)
        return (y, *back(seeds))

    w, columns, seeds = jnp.asarray(dag.weights), jnp.asarray(x.T), jnp.asarray(dy.T)
    forward, joint = jax.jit(net), jax.jit(gradients)
    yield calling("forward, call", lambda: forward(w, columns).block_until_ready(), lambda y: (np.asarray(y).T,))
    if edges <= MOST_JOINT:
        yield calling(
            "joint, call",
            lambda: jax.block_until_ready(joint(w, columns, seeds)),
            lambda r: (np.asarray(r[0]).T, np.asarray(r[1]), np.asarray(r[2]).T),
        )
