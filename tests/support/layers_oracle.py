"""Layers in JAX, as PyTorch's documentation writes them, and how models of layers are compared with them.

Each function takes the parameters of its layer by name, then what comes in with the batch first, all in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import irc
from irc.calling import callables
from irc.interpreter import error_of
from irc.passmanager import PassManager, parse_pipeline

ARRAY_LEVEL = "group-neurons,lower-neuron,autodiff"
Params = dict[str, Any]


def linear(w: Params, x: Any) -> Any:
    """x W^T + b."""
    return x @ w["weight"].T + w.get("bias", 0)


def conv2d(w: Params, x: Any, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1) -> Any:
    """Cross-correlation of NCHW images with OIHW filters."""
    y = jax.lax.conv_general_dilated(
        x,
        w["weight"],
        window_strides=stride,
        padding=[(p, p) for p in padding],
        rhs_dilation=dilation,
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
        feature_group_count=groups,
    )
    return y + w["bias"][None, :, None, None] if "bias" in w else y


def conv_transpose2d(
    w: Params, x: Any, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1
) -> Any:
    """What every cell gives to the result: its value times the filter, laid there at its stride, by plain loops."""
    weight = w["weight"]
    samples, channels, height, width = x.shape
    per_group, kernel = weight.shape[1], weight.shape[2:]
    size = [
        (n - 1) * s + d * (k - 1) + 1 + extra
        for n, s, d, k, extra in zip((height, width), stride, dilation, kernel, output_padding, strict=True)
    ]
    y = jnp.zeros((samples, groups, per_group, *size), x.dtype)
    grouped = x.reshape(samples, groups, channels // groups, height, width)
    filters = weight.reshape(groups, channels // groups, per_group, *kernel)
    for k in range(kernel[0]):
        for m in range(kernel[1]):
            rows = slice(k * dilation[0], k * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(m * dilation[1], m * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
            part = jnp.einsum("bgchw,gco->bgohw", grouped, filters[..., k, m])
            y = y.at[:, :, :, rows, columns].add(part)
    y = y.reshape(samples, groups * per_group, *size)
    # padding cuts the result; output_padding widens it at the end before that
    y = y[:, :, padding[0] : size[0] - padding[0], padding[1] : size[1] - padding[1]]
    return y + w["bias"][None, :, None, None] if "bias" in w else y


def windows(x: Any, kernel, stride, padding, fill: float) -> Any:
    """All windows of images, [..., rows, columns, taps]."""
    pads = [(0, 0), (0, 0), *((p, p) for p in padding)]
    padded = jnp.pad(x, pads, constant_values=fill)
    counts = [(padded.shape[2 + d] - kernel[d]) // stride[d] + 1 for d in range(2)]
    taps = [
        padded[:, :, k : k + counts[0] * stride[0] : stride[0], m : m + counts[1] * stride[1] : stride[1]][
            :, :, : counts[0], : counts[1]
        ]
        for k in range(kernel[0])
        for m in range(kernel[1])
    ]
    return jnp.stack(taps, -1)


def max_pool2d(w: Params, x: Any, kernel, stride=None, padding=(0, 0)) -> Any:
    """The largest of each window, padding left out."""
    return windows(x, kernel, stride or kernel, padding, -jnp.inf).max(-1)


def avg_pool2d(w: Params, x: Any, kernel, stride=None, padding=(0, 0)) -> Any:
    """The mean of each window, padding counted as zeros."""
    return windows(x, kernel, stride or kernel, padding, 0.0).mean(-1)


def batch_norm(w: Params, x: Any, eps=1e-5) -> Any:
    """By given statistics, which have no gradient."""

    def spread(v: Any) -> Any:
        return v.reshape(1, -1, *[1] * (x.ndim - 2))

    mean, variance = (jax.lax.stop_gradient(w[name]) for name in ("running_mean", "running_var"))
    y = (x - spread(mean)) / jnp.sqrt(spread(variance) + eps)
    return y * spread(w["weight"]) + spread(w["bias"]) if "weight" in w else y


def layer_norm(w: Params, x: Any, dims=1, eps=1e-5) -> Any:
    """By each sample's own mean and biased variance over the last dimensions."""
    axes = tuple(range(x.ndim - dims, x.ndim))
    y = (x - x.mean(axes, keepdims=True)) / jnp.sqrt(x.var(axes, keepdims=True) + eps)
    return y * w["weight"] + w["bias"] if "weight" in w else y


def embedding(w: Params, ids: Any, padding_idx=None) -> Any:
    """Rows of a table; zeros for padding."""
    y = w["weight"][ids]
    return y if padding_idx is None else jnp.where((ids == padding_idx)[..., None], 0.0, y)


def gcn(w: Params, features: Any, matrix: Any) -> Any:
    """A X W^T + b."""
    return matrix @ features @ w["weight"].T + w.get("bias", 0)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + jnp.exp(-x))


def rnn_step(gi: Any, gh: Any, state: Any, activation=jnp.tanh) -> Any:
    """h' = f(W x + b + U h + c)."""
    return (activation(gi + gh),)


def lstm_step(gi: Any, gh: Any, state: Any) -> Any:
    """PyTorch's order of the gates: i, f, g, o."""
    i, f, g, o = jnp.split(gi + gh, 4, -1)
    c = _sigmoid(f) * state[1] + _sigmoid(i) * jnp.tanh(g)
    return _sigmoid(o) * jnp.tanh(c), c


def gru_step(gi: Any, gh: Any, state: Any) -> Any:
    """PyTorch's order of the gates, r, z, n, and its form: reset behind the product."""
    (ir, iz, inn), (hr, hz, hn) = jnp.split(gi, 3, -1), jnp.split(gh, 3, -1)
    r, z = _sigmoid(ir + hr), _sigmoid(iz + hz)
    n = jnp.tanh(inn + r * hn)
    return ((1 - z) * n + z * state[0],)


def recurrent(
    step: Callable, states: int, w: Params, x: Any, *first: Any, layers=1, directions=1, hidden=1
) -> tuple[Any, ...]:
    """Step by step, layer by layer, each direction by itself. Gives the output and the last states, batch first."""
    last: list[list[Any]] = [[] for _ in range(states)]
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            end = f"l{layer}{'_reverse' if direction else ''}"
            number = layer * directions + direction
            zero = jnp.zeros((x.shape[0], hidden), x.dtype)
            state = tuple(s[:, number] for s in first) if first else (zero,) * states
            found = [None] * x.shape[1]
            for t in reversed(range(x.shape[1])) if direction else range(x.shape[1]):
                gi = x[:, t] @ w[f"weight_ih_{end}"].T + w.get(f"bias_ih_{end}", 0)
                gh = state[0] @ w[f"weight_hh_{end}"].T + w.get(f"bias_hh_{end}", 0)
                state = step(gi, gh, state)
                found[t] = state[0]
            outputs.append(jnp.stack(found, 1))
            for kept, one in zip(last, state, strict=True):
                kept.append(one)
        x = jnp.concatenate(outputs, -1)
    return (x, *(jnp.stack(kept, 1) for kept in last))


def of_layer(params: Params, name: str) -> Params:
    """The parameters of one layer, without its name."""
    return {key.removeprefix(f"{name}."): value for key, value in params.items() if key.startswith(f"{name}.")}


def agree(model: Any, oracle: Callable[..., Any], inputs: Sequence[np.ndarray], seed: int = 0, **options: Any) -> None:
    """Native results and gradients of a model lie within their error bounds of ``oracle(parameters, *inputs)``.

    Parameters and cotangents are drawn with the seed. The bound is that of the array program in float32 (see
    support.agreement), a thousandth more for the oracle's own rounding in float64, and the smallest float.
    """
    rng = np.random.default_rng(seed)
    net = irc.compile(model, **options)
    net.params.flat = rng.normal(scale=0.5, size=net.params.flat.size)
    for name in net.params:
        if name.endswith("running_var"):
            net.params[name] = rng.uniform(0.5, 2.0, net.params[name].shape)
    single = isinstance(net.run(*inputs), np.ndarray)
    given = net.run(*inputs)
    results = [given] if single else list(given)
    cotangents = [rng.normal(size=y.shape).astype(np.float32) for y in results]
    dy = cotangents[0] if single else tuple(cotangents)
    y, gradients = net.vjp(*inputs, dy) if len(inputs) == 1 else net.vjp(tuple(inputs), dy)
    found = [*([y] if single else y)]
    dx = [gradients.x] if len(inputs) == 1 else list(gradients.x)

    floats = [np.asarray(x, np.float64) if x.dtype.kind == "f" else x for x in inputs]
    with jax.enable_x64(True):
        params = {name: jnp.asarray(net.params[name], jnp.float64) for name in net.params}

        def run(params: Params, floating: list[Any]) -> tuple[Any, ...]:
            rest = iter(floating)
            value = oracle(params, *[next(rest) if x.dtype.kind == "f" else x for x in floats])
            return value if isinstance(value, tuple) else (value,)

        wanted, pull = jax.vjp(run, params, [x for x in floats if x.dtype.kind == "f"])
        parameter_gradients, input_gradients = pull(
            tuple(jnp.asarray(c, jnp.float64).reshape(y.shape) for c, y in zip(cotangents, wanted, strict=True))
        )
    errors = _bounds(net, inputs, cotangents, [y.shape for y in results])
    for a, b, e in zip(found, wanted, errors, strict=False):  # a net gives rows, where the oracle has grids
        _assert_within("output", a, b, e)
    flat = np.zeros(net.params.flat.size)
    for name, gradient in parameter_gradients.items():
        entry = net.params.table[name]
        flat[entry.offset : entry.offset + entry.size] = np.asarray(gradient).reshape(-1)
    rest = iter(errors[len(found) :])
    for x, gradient in zip(inputs, dx, strict=True):
        if x.dtype.kind == "f":
            _assert_within("input gradient", gradient, input_gradients.pop(0), next(rest))
    if net.forward.parameters:
        _assert_within("parameter gradient", gradients.params.flat, flat, next(rest))
    net.close()


def _bounds(net: irc.Net, inputs: Sequence[np.ndarray], cotangents: list, shapes: list) -> list[Any]:
    """Error bounds of all results of the joint function: outputs, then gradients in the order of the arguments."""
    module = net.module.clone()
    PassManager(parse_pipeline(ARRAY_LEVEL), verify_each=False).run(module)
    derivative = next(c for c in callables(module) if c.name == f"{net.name}_vjp")
    samples = len(inputs[0])
    shapes = [shape for _, shape in derivative.arguments()]
    rows = [x.reshape(samples, -1) if len(s) == 2 else x for x, s in zip(inputs, shapes, strict=False)]
    parameters = [net.params.flat] if net.forward.parameters else []
    held = derivative.bounded([*rows, *parameters, *cotangents])
    return [0.0 if error_of(one) is None else error_of(one) for one in held]


def _assert_within(what: str, found: np.ndarray, wanted: Any, error: Any) -> None:
    wanted = np.asarray(wanted).reshape(found.shape)
    bound = np.asarray(error) * 1.001
    bound = bound.reshape(found.shape) if bound.size == found.size else bound  # a net's own is of rows
    limit = np.broadcast_to(bound, found.shape) + np.finfo(np.float32).tiny
    assert np.all(np.isfinite(limit)), f"{what}: no bound"
    difference = np.abs(found.astype(np.float64) - wanted)
    assert np.all(difference <= limit), f"{what}: off by {difference.max()}, {np.max(difference - limit)} too much"
