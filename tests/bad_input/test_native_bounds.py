"""Native code of random nets, through random orders of passes: inside of its arrays, and always the same numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

import irc
from irc.passmanager import pass_names
from support.random_nets import random_net

ROOM = 64


def guarded(shape, fill: float) -> tuple[np.ndarray, np.ndarray]:
    """An array full of ``fill``, and one of ``shape`` in its middle."""
    size = int(np.prod(shape))
    whole = np.full(size + 2 * ROOM, fill, np.float64)
    return whole, whole[ROOM : ROOM + size].reshape(shape)


def intact(whole: np.ndarray, fill: float) -> bool:
    edges = np.concatenate([whole[:ROOM], whole[-ROOM:]])
    return bool(np.all((edges == fill) | (np.isnan(edges) & np.isnan(fill))))


def pipeline(choice: random.Random) -> str:
    """The stages in their order, with any passes between them; sometimes two of them swapped."""
    stages = ["lower-neuron", "autodiff", "lower-array", "expand-math", "plan-memory"]
    if choice.random() < 0.3:
        stages.insert(choice.randrange(len(stages)), stages.pop(choice.randrange(len(stages))))
    between = [p for p in pass_names() if p not in stages]
    found: list[str] = []
    for stage in stages:
        found += [*choice.sample(between, choice.randrange(3)), stage]
    return ",".join(found)


@pytest.mark.parametrize("seed", range(3))
def test_random_nets_and_passes(seed):
    """Around the inputs lies NaN, which any number made of it would be; around the results, a canary."""
    choice = random.Random(seed)
    graph = random_net(seed)
    expected = irc.compile(graph, dtype="float64")
    batch = choice.choice([0, 1, 3, 17])
    whole_x, x = guarded((batch, expected.input_size), np.nan)
    whole_dy, dy = guarded((batch, expected.output_size), np.nan)
    x[...] = np.random.default_rng(seed).uniform(-1, 1, x.shape)
    dy[...] = np.random.default_rng(seed + 1).uniform(-1, 1, dy.shape)
    y, gradients = expected.vjp(x, dy)
    done = 0
    for _ in range(4):
        passes = pipeline(choice)
        try:
            net = irc.compile(graph, dtype="float64", passes=passes)
        except irc.Error:
            continue
        done += 1
        whole_y, out = guarded((batch, expected.output_size), 77.0)
        net.params.flat = expected.params.flat
        net.run(x, out=out)
        np.testing.assert_allclose(out, y, rtol=1e-9, atol=1e-9, err_msg=passes)
        try:
            _, found = net.vjp(x, dy)
        except irc.Error:
            continue
        np.testing.assert_allclose(found.x, gradients.x, rtol=1e-8, atol=1e-8, err_msg=passes)
        np.testing.assert_allclose(found.params.flat, gradients.params.flat, rtol=1e-8, atol=1e-8, err_msg=passes)
        assert intact(whole_y, 77.0) and intact(whole_x, np.nan) and intact(whole_dy, np.nan)
    assert done, "no order of passes compiled: this test proves nothing"
