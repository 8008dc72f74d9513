"""The kernels of irregular nets, ns per edge and sample: random DAGs of tanh neurons.

python benchmarks/dag_kernels.py irc [--edges 10000 100000] [--batch 1 64 1024] [--peer FILE]

``--peer`` is a Python file with a function ``kernels(graph, batch)`` that gives, by name, callables which run the same
net (``"forward"``, ``"joint"``); they are measured in turn with ours, in this process. ``graph`` has ``neurons``,
``inputs``, ``source``, ``target`` (by target, rows in topological order), ``weights``, ``outputs``.

Each number is the least of many turns: what disturbs a measurement only ever makes it longer. Calls go through
``Function.run``, whose Python takes some 2 µs: that counts for one sample of a small net, and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import runpy
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

import irc
from irc.frontends.activation import Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.passes.pipelines import ONE_SAMPLE_PIPELINES

TURNS, SECONDS = 25, 0.002


def random_dag(edges: int, seed: int = 0) -> SimpleNamespace:
    """A tenth as many neurons as edges, sources drawn evenly from all neurons before the target, by depth."""
    rng = np.random.default_rng(seed)
    neurons, inputs = edges // 10, max(4, int(edges**0.5 / 2))
    target = np.concatenate([np.arange(inputs, neurons), rng.integers(inputs, neurons, edges - neurons + inputs)])
    pairs = np.unique(np.stack([target, (rng.random(len(target)) * target).astype(np.int64)]), axis=1)
    target, source = pairs
    depth = np.zeros(neurons, np.int64)
    first = np.searchsorted(target, np.arange(neurons + 1))
    for neuron in range(inputs, neurons):
        depth[neuron] = 1 + depth[source[first[neuron] : first[neuron + 1]]].max()
    number = np.empty(neurons, np.int64)
    number[np.argsort(depth, kind="stable")] = np.arange(neurons)
    order = np.lexsort((number[source], number[target]))
    source, target = number[source][order], number[target][order]
    weights = rng.standard_normal(len(source)) * (neurons / len(source)) ** 0.5
    outputs = np.arange(neurons - 10, neurons)
    return SimpleNamespace(
        neurons=neurons, inputs=inputs, source=source, target=target, weights=weights, outputs=outputs
    )


def module_of(graph: SimpleNamespace):
    """The net as IR."""
    return graph_to_module(
        Graph(
            source=graph.source,
            target=graph.target,
            parameter=np.arange(len(graph.source)),
            bias=np.full(graph.neurons, -1),
            activations=(Activation("tanh"),),
            activation=np.zeros(graph.neurons, np.int64),
            aggregation=np.zeros(graph.neurons, np.int64),
            is_input=np.arange(graph.neurons) < graph.inputs,
            outputs=graph.outputs,
            parameter_count=len(graph.source),
            initial=graph.weights,
        ),
        form="dag",
    )


def kernels(graph: SimpleNamespace, batch: int) -> dict[str, Callable[[], object]]:
    """Ours: the native functions with their arrays."""
    inference, joint = ONE_SAMPLE_PIPELINES["data"] if batch == 1 else (None, None)
    x = np.random.default_rng(1).standard_normal((batch, graph.inputs), np.float32)
    dy = np.ones((batch, len(graph.outputs)), np.float32)
    made = {}
    for name, passes, arrays in (("forward", inference, (x,)), ("joint", joint, (x, dy))):
        net = irc.compile(module_of(graph), passes=passes)
        kernel = net._kernel(name == "joint")
        given, plan = kernel.function.checked(kernel.prepare(arrays, net.params.flat))
        outputs = kernel.function.outputs(plan, given)
        made[name] = lambda function=kernel.function, given=given, outputs=outputs: function.run(given, outputs)
    return made


def least(functions: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of a call of each, measured in turn."""
    counts, found = {}, dict.fromkeys(functions, float("inf"))
    for name, function in functions.items():
        function()
        start = time.perf_counter()
        function()
        counts[name] = max(1, int(SECONDS / (time.perf_counter() - start)))
    for _ in range(TURNS):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                function()
            found[name] = min(found[name], (time.perf_counter() - start) / counts[name])
    return found


def main() -> None:
    """Print one JSON object per measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", choices=["irc"])
    parser.add_argument("--edges", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--batch", type=int, nargs="*", default=[1, 64, 1024])
    parser.add_argument("--peer")
    options = parser.parse_args()
    peer = runpy.run_path(options.peer)["kernels"] if options.peer else None
    for edges in options.edges:
        graph = random_dag(edges)
        for batch in options.batch:
            functions = kernels(graph, batch)
            if peer is not None:
                functions |= {f"{name}, peer": function for name, function in peer(graph, batch).items()}
            for name, seconds in least(functions).items():
                what = f"{edges} edges, {batch} samples: {name}"
                print(json.dumps({"what": what, "value": seconds / len(graph.source) / batch * 1e9}), flush=True)


if __name__ == "__main__":
    main()
