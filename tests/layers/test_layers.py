"""Every layer against its definition in JAX: values and gradients, over random shapes and options."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from irc import layers as L
from support import layers_oracle as oracle
from support.layers_oracle import agree, of_layer


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model(layer, *inputs: np.ndarray):
    """``layer`` on inputs of these shapes, as functional calls make it."""
    names = "xyz"
    values = [L.Input(x.shape[1:], name, integer=x.dtype.kind == "i") for x, name in zip(inputs, names, strict=False)]
    layer.name = "f"
    found = layer(*values)
    return L.Model(values, list(flattened(found)))


def flattened(found):
    """The values of tuples in tuples, in order."""
    for one in found if isinstance(found, tuple) else ():
        yield from flattened(one)
    if not isinstance(found, tuple):
        yield found


def check(layer, function, *inputs: np.ndarray, seed: int = 0) -> None:
    agree(model(layer, *inputs), lambda w, *xs: function(of_layer(w, "f"), *xs), inputs, seed)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(shape: tuple[int, ...], bias: bool) -> None:
    """Along the last dimension, whatever stands before it."""
    check(L.Linear(4, bias=bias), oracle.linear, numbers(3, *shape))


@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "options"),
    [
        (1, 3, (3, 3), {}),
        (2, 4, (3, 2), {"stride": (2, 1), "padding": (1, 0)}),
        (4, 6, (2, 2), {"groups": 2, "dilation": (2, 1)}),
        (3, 3, (3, 3), {"groups": 3, "padding": (1, 1)}),
        (2, 3, (1, 1), {"stride": (2, 2)}),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_conv2d(channels: int, filters: int, kernel, options, bias: bool) -> None:
    layer = L.Conv2D(filters, kernel, bias=bias, **options)
    check(layer, partial(oracle.conv2d, **options), numbers(2, channels, 6, 5))


@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "options"),
    [
        (2, 3, (3, 3), {}),
        (4, 2, (3, 2), {"stride": (2, 3), "padding": (1, 1)}),
        (4, 6, (2, 2), {"groups": 2, "dilation": (2, 1), "stride": (2, 2), "output_padding": (1, 1)}),
    ],
)
def test_conv_transpose2d(channels: int, filters: int, kernel, options) -> None:
    """The edges of a convolution, the other way round; filters are [in, out / groups, rows, columns]."""

    def wanted(w, x):
        extra = options.get("output_padding", (0, 0))
        return oracle.conv_transpose2d(w, x, **{**options, "output_padding": extra})

    check(L.ConvTranspose2D(filters, kernel, **options), wanted, numbers(2, channels, 4, 3))


@pytest.mark.parametrize("options", [{}, {"stride": (1, 2)}, {"stride": (2, 2), "padding": (1, 0)}])
@pytest.mark.parametrize(("layer", "function"), [(L.MaxPool2D, "max_pool2d"), (L.AvgPool2D, "avg_pool2d")])
def test_pooling(layer, function: str, options) -> None:
    """Padding does not count for the largest, and counts as zeros for the mean."""
    check(layer((3, 2), **options), partial(getattr(oracle, function), kernel=(3, 2), **options), numbers(2, 3, 7, 6))


@pytest.mark.parametrize(("layer", "how"), [(L.GlobalMaxPool2D, "max"), (L.GlobalAvgPool2D, "mean")])
def test_global_pooling(layer, how: str) -> None:
    check(layer(), lambda w, x: getattr(x, how)((2, 3)), numbers(2, 3, 4, 5))


@pytest.mark.parametrize("shape", [(4,), (4, 3, 2)])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm(shape: tuple[int, ...], affine: bool) -> None:
    """As at inference: by the running statistics, which get no gradient."""
    check(L.BatchNorm(affine=affine), oracle.batch_norm, numbers(3, *shape))


@pytest.mark.parametrize(("shape", "normalized"), [((6,), None), ((3, 4), None), ((2, 3, 4), [3, 4])])
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm(shape: tuple[int, ...], normalized, affine: bool) -> None:
    dims = len(normalized or [1])
    check(L.LayerNorm(normalized, affine=affine), partial(oracle.layer_norm, dims=dims), numbers(3, *shape))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(shape: tuple[int, ...], padding) -> None:
    """Integers of any shape; padding gives zeros and learns nothing."""
    ids = np.random.default_rng(0).integers(0, 5, (6, *shape)).astype(np.int32)
    check(L.Embedding(5, 3, padding_idx=padding), partial(oracle.embedding, padding_idx=padding), ids)


def test_gcn() -> None:
    check(L.GCN(4), oracle.gcn, numbers(2, 3, 5), numbers(2, 3, 3, seed=2))


RECURRENT = {
    "rnn": (L.RNN, oracle.rnn_step, 1),
    "lstm": (L.LSTM, oracle.lstm_step, 2),
    "gru": (L.GRU, oracle.gru_step, 1),
}


@pytest.mark.parametrize("kind", list(RECURRENT))
@pytest.mark.parametrize(
    ("layers", "both", "bias", "given_state"),
    [
        (1, False, True, True),
        (1, True, False, False),
        pytest.param(2, True, True, True, marks=pytest.mark.slow),
        pytest.param(3, False, True, False, marks=pytest.mark.slow),
    ],
)
def test_recurrent(kind: str, layers: int, both: bool, bias: bool, given_state: bool) -> None:
    """Several layers, both directions, with and without first states; parameters as PyTorch packs them."""
    cls, step, states = RECURRENT[kind]
    directions = 2 if both else 1
    layer = cls(3, num_layers=layers, bidirectional=both, bias=bias)
    first = [numbers(2, layers * directions, 3, seed=5 + k) for k in range(states)] if given_state else []
    function = partial(oracle.recurrent, step, states, layers=layers, directions=directions, hidden=3)
    check(layer, function, numbers(2, 4, 5), *first)
