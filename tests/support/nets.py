"""Nets for tests: the samples, and random ones with everything that a graph can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from irc.dialects.array.kind import AGGREGATIONS
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Net
from irc.frontends import nal, nam
from irc.frontends.activation import PARAMETERS, Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.interpreter import Interpreter
from irc.ir.locations import Source
from irc.ir.operation import Operation
from irc.ir.types import Type, f64
from irc.passmanager import PassManager, parse_pipeline

FOLDER = Path(__file__).parents[2] / "examples" / "nets"
SAMPLES = ("nn00.nal", "nn00.nam", "nn01.nam", "nn02.nam", "fcn-letters.nam", "fcn-digits.nam", "cnn.nam", "rnn.nam")

SMOOTH = ("identity", "sigmoid", "tanh", "silu", "swish", "gelu", "gelu_tanh", "selu")
"""Activations without a corner at 0, where differences and derivatives would differ (selu's is mild)."""


def sample_graph(name: str) -> Graph:
    """A sample net of ``examples/nets``."""
    source = Source((FOLDER / name).read_text(), name)
    return (nal if name.endswith(".nal") else nam).parse(source)


def net_of(module: Operation) -> Net:
    """The first net of a module."""
    return next(op for op in module.walk() if isinstance(op, Net))


def sample_module(name: str, form: str = "auto", dtype: Type = f64) -> ModuleOp:
    """A sample net as IR."""
    return graph_to_module(sample_graph(name), form, dtype)


def random_graph(seed: int, activations: tuple[str, ...] = tuple(PARAMETERS), aggregations=AGGREGATIONS) -> Graph:
    """A random net: skip edges, shared weights, biases, several outputs (inner ones too), mixed activations and
    aggregations, sometimes a neuron without edges.
    """
    rng = np.random.default_rng(seed)
    inputs, hidden = int(rng.integers(1, 5)), int(rng.integers(1, 12))
    count = inputs + hidden
    source: list[int] = []
    target: list[int] = []
    kinds = rng.integers(0, len(aggregations), count)
    for neuron in range(inputs, count):
        fan_in = int(rng.integers(0 if aggregations[kinds[neuron]] == "sum" else 1, min(neuron, 4) + 1))
        chosen = np.sort(rng.choice(neuron, fan_in, replace=False))
        source += chosen.tolist()
        target += [neuron] * fan_in
    edges = len(source)
    shared = rng.random(edges) < 0.3
    parameter = np.where(shared, rng.integers(0, max(edges, 1), edges), np.arange(edges)).astype(np.int64)
    used, parameter = np.unique(parameter, return_inverse=True)
    bias = np.full(count, -1)
    biased = inputs + np.flatnonzero(rng.random(hidden) < 0.5)
    bias[biased] = len(used) + np.arange(len(biased))
    outputs = rng.choice(count, int(rng.integers(1, 4)) if count > 3 else 1, replace=False)
    chosen_names = [str(name) for name in rng.choice(activations, 4)]
    return Graph(
        source=np.array(source, np.int64),
        target=np.array(target, np.int64),
        parameter=parameter.astype(np.int64).reshape(-1),
        bias=bias,
        activations=tuple(Activation.parse(name) for name in chosen_names),
        activation=rng.integers(0, 4, count),
        aggregation=np.array([AGGREGATIONS.index(aggregations[k]) for k in kinds]),
        is_input=np.arange(count) < inputs,
        outputs=outputs.astype(np.int64),
        parameter_count=len(used) + len(biased),
        name=f"random{seed}",
    )


def random_data(net: Net, seed: int, samples: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, parameters and cotangents for a net."""
    rng = np.random.default_rng(seed + 1)
    x_type, w_type, *_ = net.batched_type().inputs
    y_type = net.batched_type().results[0]
    x = rng.normal(size=(samples, x_type.shape[1]))  # type: ignore[attr-defined]
    w = rng.normal(size=w_type.shape)  # type: ignore[attr-defined]
    return x, w, rng.normal(size=(samples, y_type.shape[1]))  # type: ignore[attr-defined]


def after(module: Operation, passes: str) -> Operation:
    """A copy of the module after passes."""
    copy = module.clone()
    PassManager(parse_pipeline(passes)).run(copy)  # type: ignore[arg-type]
    return copy


def call(module: Operation, name: str, arguments: list, mode: str = "declared"):
    """The first result of a function of the module."""
    return Interpreter(module, mode).call(name, arguments)[0]


def agree(a, b) -> None:
    """Two results of bounded mode are within their bounds of each other."""
    value = [getattr(r, "value", r) for r in (a, b)]
    error = [getattr(r, "error", 0.0) for r in (a, b)]
    assert np.all(np.abs(value[0] - value[1]) <= error[0] + error[1])
