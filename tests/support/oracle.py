"""What a net means, written down a second time and a third: in plain NumPy with the chain rule by hand, and in JAX.

Both read the ``networkx.DiGraph`` itself. Nothing here comes from the compiler: order of parameters, formulas of
activations and their derivatives, aggregations and conventions at corners are stated anew.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import networkx as nx
import numpy as np

# -- the order of parameters -------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """Which parameter each edge and each bias is, and what the parameters are called."""

    edges: dict[tuple[Any, Any], int]
    biases: dict[Any, int]
    names: list[str]


def layout(g: nx.DiGraph) -> Layout:
    """Weights by target (in the order of nodes), then in the order of edges; then biases by neuron.

    Edges with the same ``param`` share; a number is a place in the vector, and the others go around those.
    """
    edges = [(source, target) for target in g for source in g.pred[target]]
    keys = [("own", e) if g.edges[e].get("param") is None else ("given", g.edges[e]["param"]) for e in edges]
    places: dict[Any, int] = {k: k[1] for k in keys if k[0] == "given" and isinstance(k[1], int)}
    free = iter(sorted(set(range(len(edges))) - set(places.values())))
    for key in keys:
        if key not in places:
            places[key] = next(free)
    names = {places[k]: f"w_{e[0]}_{e[1]}" for k, e in reversed(list(zip(keys, edges, strict=True)))}
    names |= {places[k]: k[1] for k in keys if k[0] == "given" and isinstance(k[1], str)}
    biases = {}
    for node in g:
        if g.nodes[node].get("bias") is not None:
            biases[node] = len(names)
            names[biases[node]] = f"b_{node}"
    return Layout({e: places[k] for e, k in zip(edges, keys, strict=True)}, biases, [names[k] for k in sorted(names)])


def input_nodes(g: nx.DiGraph) -> list:
    """The columns of the input: nodes without in-edges and without a bias."""
    return [n for n in g if not g.pred[n] and g.nodes[n].get("bias") is None]


def output_nodes(g: nx.DiGraph) -> list:
    """The columns of the output: those chosen, or all that feed no other."""
    chosen = g.graph.get("outputs")
    return [n for n in g if not g.succ[n]] if chosen is None else list(chosen)


def activation_of(g: nx.DiGraph, node: Any) -> tuple[str, float]:
    """Name and parameter of a node's activation, defaults filled in."""
    written = g.nodes[node].get("activation") or "identity"
    name, parameter = written if isinstance(written, tuple) else (written, None)
    if match := re.fullmatch(r"(\w+)<(.*)>", name):
        name, parameter = match[1], float(match[2])
    defaults = {"swish": 1.0, "relu_leaky": 0.1, "relu_parametric": 0.25, "elu": 1.0}
    return name, defaults.get(name, 0.0) if parameter is None else parameter


# -- NumPy -------------------------------------------------------------------------------------------------------------

LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772
_erf = np.vectorize(math.erf, otypes=[np.float64])


def sigma(x: np.ndarray) -> np.ndarray:
    """The logistic function; exp of nothing positive, so it keeps its digits and does not overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigma_slope(x: np.ndarray) -> np.ndarray:
    """Its derivative s(x) s(-x), which does not cancel."""
    return sigma(x) * sigma(-x)


def activate(name: str, p: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(x) and f'(x)."""
    one = np.ones_like(x)
    below = np.minimum(x, 0.0)
    c = math.sqrt(2 / math.pi)
    match name:
        case "identity" | "linear":
            return x, one
        case "sigmoid":
            return sigma(x), sigma_slope(x)
        case "tanh":
            return np.tanh(x), 1 / np.cosh(x) ** 2
        case "relu":
            return np.where(x > 0, x, 0.0), np.where(x > 0, 1.0, 0.0)
        case "relu_leaky" | "relu_parametric":
            return np.where(x > 0, x, p * x), np.where(x > 0, 1.0, p)
        case "silu":
            return x * sigma(x), sigma(x) + x * sigma_slope(x)
        case "swish":
            return x * sigma(p * x), sigma(p * x) + p * x * sigma_slope(p * x)
        case "elu":
            return np.where(x > 0, x, p * np.expm1(below)), np.where(x > 0, 1.0, p * np.exp(below))
        case "selu":
            slope = LAMBDA * np.where(x > 0, 1.0, ALPHA * np.exp(below))
            return LAMBDA * np.where(x > 0, x, ALPHA * np.expm1(below)), slope
        case "gelu":
            phi = 0.5 * (1 + _erf(x / math.sqrt(2)))
            return x * phi, phi + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        case "gelu_tanh":
            u = c * (x + 0.044715 * x**3)
            phi = 0.5 * (1 + np.tanh(u))
            return x * phi, phi + 0.5 * x / np.cosh(u) ** 2 * c * (1 + 3 * 0.044715 * x**2)
        case "binary_step":
            return np.where(x >= 0, 1.0, 0.0), 0 * one
    return neat_activate(name, x)


def neat_activate(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(x) and f'(x) of the activations of neat-python."""
    u, inside = np.clip(5 * x, -60, 60), (np.abs(5 * x) < 60).astype(float)
    match name:
        case "neat_sigmoid":
            return sigma(u), 5 * inside * sigma_slope(u)
        case "neat_tanh":
            return np.tanh(np.clip(2.5 * x, -60, 60)), np.where(np.abs(2.5 * x) < 60, 2.5 / np.cosh(u / 2) ** 2, 0.0)
        case "neat_sin":
            return np.sin(u), 5 * inside * np.cos(u)
        case "neat_gauss":
            near = np.clip(x, -3.4, 3.4)
            f = np.exp(-5 * near * near)
            return f, np.where(np.abs(x) < 3.4, -10 * x * f, 0.0)
        case "neat_softplus":
            return 0.2 * np.logaddexp(0.0, u), inside * sigma(u)
        case "neat_clamped":
            return np.clip(x, -1.0, 1.0), (np.abs(x) < 1).astype(float)
        case "neat_abs":
            return np.abs(x), np.sign(x)
        case "neat_hat":
            return np.maximum(0.0, 1 - np.abs(x)), np.where(np.abs(x) < 1, -np.sign(x), 0.0)
        case "neat_inv":
            divisor = np.where(x == 0, np.inf, x)
            return 1 / divisor, -1 / divisor**2
        case "neat_log":
            return np.log(np.maximum(x, 1e-7)), np.where(x > 1e-7, 1 / np.maximum(x, 1e-7), 0.0)
        case "neat_exp":
            f = np.exp(np.clip(x, -60, 60))
            return f, np.where(np.abs(x) < 60, f, 0.0)
        case "neat_square":
            return x * x, 2 * x
        case "neat_cube":
            return x**3, 3 * x * x
    raise ValueError(name)


def aggregate(kind: str, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The aggregate of terms [edge, sample], and its derivative by each."""
    edges = len(terms)
    if kind == "sum":
        return terms.sum(0), np.ones_like(terms)
    if kind == "mean":
        return terms.sum(0) / edges, np.full_like(terms, 1 / edges)
    if kind == "product":
        others = [np.prod(np.delete(terms, e, 0), 0) for e in range(edges)]
        return terms.prod(0), np.array(others)
    if kind == "median":
        order = terms.argsort(0, kind="stable")  # equal ones in the order of edges
        middle = order[[(edges - 1) // 2, edges // 2]]
        share = sum((np.arange(edges)[:, None] == row).astype(float) / 2 for row in middle)
        return np.take_along_axis(terms, middle, 0).mean(0), share
    if kind == "maxabs":
        chosen = np.abs(terms).argmax(0)
        return np.take_along_axis(terms, chosen[None], 0)[0], (np.arange(edges)[:, None] == chosen).astype(float)
    chosen = terms.argmax(0) if kind == "max" else terms.argmin(0)  # the first of equal ones
    return np.take_along_axis(terms, chosen[None], 0)[0], (np.arange(edges)[:, None] == chosen).astype(float)


class Gradient(NamedTuple):
    """The output, and the gradients of sum(dy * y)."""

    y: np.ndarray
    x: np.ndarray
    params: np.ndarray


def numpy_gradient(g: nx.DiGraph, w: np.ndarray, x: np.ndarray, dy: np.ndarray | None = None) -> Gradient:
    """Forward and backward in float64. Without ``dy``, gradients of the sum of outputs."""
    places = layout(g)
    w, x = np.asarray(w, np.float64), np.asarray(x, np.float64)
    samples = len(x)
    value = {node: x[:, column] for column, node in enumerate(input_nodes(g))}
    slope: dict[Any, np.ndarray] = {}
    share: dict[tuple[Any, Any], np.ndarray] = {}
    order = list(nx.topological_sort(g))
    computed = [node for node in order if node not in value]
    for node in computed:
        z = np.zeros(samples)
        if sources := list(g.pred[node]):
            terms = np.array([value[s] * w[places.edges[s, node]] for s in sources]).reshape(len(sources), samples)
            z, parts = aggregate(g.nodes[node].get("aggregation") or "sum", terms)
            share.update({(s, node): part for s, part in zip(sources, parts, strict=True)})
        if node in places.biases:
            z = z + w[places.biases[node]]
        value[node], slope[node] = activate(*activation_of(g, node), z)
    outputs = output_nodes(g)
    y = np.stack([value[node] for node in outputs], 1)
    dy = np.ones_like(y) if dy is None else np.asarray(dy, np.float64)
    gradient = {node: np.zeros(samples) for node in g}
    for column, node in enumerate(outputs):
        gradient[node] = gradient[node] + dy[:, column]
    dw = np.zeros(len(places.names))
    for node in reversed(computed):
        d = gradient[node] * slope[node]
        if node in places.biases:
            dw[places.biases[node]] += d.sum()
        for s in g.pred[node]:
            place, part = places.edges[s, node], d * share[s, node]
            dw[place] += (part * value[s]).sum()
            gradient[s] = gradient[s] + part * w[place]
    return Gradient(y, _columns([gradient[node] for node in input_nodes(g)], x), dw)


# -- JAX ---------------------------------------------------------------------------------------------------------------


def jax_gradient(g: nx.DiGraph, w: np.ndarray, x: np.ndarray, dy: np.ndarray) -> Gradient:
    """The same by JAX's own activations and its automatic differentiation, in float64 and without compiling."""
    import jax
    import jax.numpy as jnp

    def sigmoid(z):
        # jax.nn.sigmoid has the derivative s (1 - s), which cancels where s is nearly 1
        return jnp.exp(-jax.nn.softplus(-z))

    places = layout(g)
    kinds = {
        "identity": lambda z, p: z,
        "linear": lambda z, p: z,
        "sigmoid": lambda z, p: sigmoid(z),
        "tanh": lambda z, p: jnp.tanh(z),
        "relu": lambda z, p: jax.nn.relu(z),
        "relu_leaky": lambda z, p: jnp.where(z > 0, z, p * z),
        "relu_parametric": lambda z, p: jnp.where(z > 0, z, p * z),
        "silu": lambda z, p: z * sigmoid(z),
        "swish": lambda z, p: z * sigmoid(p * z),
        "elu": lambda z, p: jax.nn.elu(z, p),
        "selu": lambda z, p: jax.nn.selu(z),
        "gelu": lambda z, p: jax.nn.gelu(z, approximate=False),
        "gelu_tanh": lambda z, p: jax.nn.gelu(z, approximate=True),
        "binary_step": lambda z, p: jnp.heaviside(z, 1.0),
        "neat_sigmoid": lambda z, p: sigmoid(jnp.clip(5 * z, -60, 60)),
        "neat_tanh": lambda z, p: jnp.tanh(jnp.clip(2.5 * z, -60, 60)),
        "neat_sin": lambda z, p: jnp.sin(jnp.clip(5 * z, -60, 60)),
        "neat_gauss": lambda z, p: jnp.exp(-5 * jnp.clip(z, -3.4, 3.4) ** 2),
        "neat_softplus": lambda z, p: 0.2 * jax.nn.softplus(jnp.clip(5 * z, -60, 60)),
        "neat_clamped": lambda z, p: jnp.clip(z, -1, 1),
        "neat_abs": lambda z, p: jnp.abs(z),
        "neat_hat": lambda z, p: jax.nn.relu(1 - jnp.abs(z)),
    }

    def aggregated(kind: str, terms):
        if kind in ("sum", "product", "mean"):
            return {"sum": jnp.sum, "product": jnp.prod, "mean": jnp.mean}[kind](terms, axis=0)
        if kind == "median":
            return jnp.median(terms, axis=0)
        keys = {"max": terms, "min": -terms, "maxabs": jnp.abs(terms)}[kind]
        chosen = jnp.argmax(keys, axis=0)
        return jnp.take_along_axis(terms, chosen[None], 0)[0]  # one gradient, to the first of equal ones

    inputs, outputs = input_nodes(g), output_nodes(g)
    computed = [node for node in nx.topological_sort(g) if node not in inputs]
    places_of = {node: [places.edges[s, node] for s in g.pred[node]] for node in computed}

    # JAX compiles an operation for each shape of its operands, so none depends on the size of the whole net.
    def forward(weights: dict, biases: dict, columns: list) -> list:
        value = dict(zip(inputs, columns, strict=True))
        for node in computed:
            z = jnp.zeros(len(x))
            if sources := list(g.pred[node]):
                terms = jnp.stack([value[s] for s in sources]) * weights[node]
                z = aggregated(g.nodes[node].get("aggregation") or "sum", terms)
            if node in biases:
                z = z + biases[node]
            name, p = activation_of(g, node)
            value[node] = kinds[name](z, p)
        return [value[node] for node in outputs]

    w, x, dy = (np.asarray(a, np.float64) for a in (w, x, dy))
    with jax.enable_x64(True):
        weights = {node: w[part][:, None] for node, part in places_of.items() if part}
        biases = {node: w[place] for node, place in places.biases.items()}
        y, back = jax.vjp(forward, weights, biases, list(x.T.copy()))
        dweights, dbiases, dx = back([jnp.asarray(column) for column in dy.T.copy()])
    dw = np.zeros(len(w))
    for node, gradient in dweights.items():
        np.add.at(dw, places_of[node], np.asarray(gradient)[:, 0])
    for node, gradient in dbiases.items():
        dw[places.biases[node]] += float(gradient)
    return Gradient(_columns(y, x), _columns(dx, x), dw)


def _columns(arrays: list, x: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(a) for a in arrays], 1) if arrays else np.zeros((len(x), 0))


# -- the sample files --------------------------------------------------------------------------------------------------


def sample_graph(path: Path) -> nx.DiGraph:
    """A sample of ``examples/nets`` as a graph: lists and all forms of matrices, read by their bare structure."""
    g = nx.DiGraph(name=path.stem)
    lines = [line.split("%")[0].strip() for line in path.read_text().splitlines()]
    if path.suffix == ".nal":
        codes = ("identity", "sigmoid", "tanh", "relu", "silu", "gelu", "swish")
        for line in lines:
            neuron, *rest = line.replace(",", " ").split() or [""]
            if not neuron or neuron in "Nn":
                continue
            g.add_node(int(neuron, 16), activation=codes[int(rest[0], 16)] if rest else "identity")
            g.add_edges_from((int(source, 16), int(neuron, 16)) for source in rest[1:])
        return g
    rows = [match[1] for line in lines if (match := re.fullmatch(r"(?:[a-zA-Z]|[^|]*\|)?([01]+)", line))]
    rows = [row for row in rows if len(row) == len(rows)]
    g.add_nodes_from(range(len(rows)), activation="relu")
    g.add_edges_from((s, t) for t in range(len(rows)) for s in range(len(rows)) if rows[s][t] == "1")
    return g
