"""MDL models by their equations, in plain NumPy (or JAX), straight from the tree: the oracle of the ``.mdl`` frontend.

Nothing of the compiler's own reading of the tree is used: names, time and values follow the definitions, without regard
to speed. Also random models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from irc.frontends.mdl_tree import Layer, Merge, Model, Split


@dataclass(eq=False)
class Item:
    """A value of the model and what it is made of."""

    node: Any
    width: int
    main: Any = None
    source: Any = None
    delayed: bool = False


class Equations:
    """A model without errors. ``items`` are its values in the order of the text, the input first."""

    def __init__(self, tree: Model):
        self.items: list[Item] = []
        self._named: dict[str, Item] = {}
        self._chain(tree.nodes, None)
        self.output = next(i for i in self.items if any(f.name.text in LOSSES for f in _functions(i.node)))
        for item in self.items:
            if isinstance(item.node, Merge):
                item.source = self._named[item.node.source.text]
        accepted: list[tuple[Item, Item]] = [(i.main, i) for i in self.items if i.main is not None]
        for item in self.items:
            if item.source is not None:
                item.delayed = _reaches(accepted, item, item.source)
                accepted += [] if item.delayed else [(item.source, item)]

    def _chain(self, nodes: tuple, current: Any) -> None:
        for node in nodes:
            if isinstance(node, Split):
                self._named[node.name.text] = current
                for branch in node.branches:
                    self._chain(branch.nodes, current)
            else:
                width = int(node.width.text) if isinstance(node, Layer) else current.width
                current = Item(node, width, current)
                self.items.append(current)
                self._named[node.name.text] = current

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the parameters, in the order of the vector."""
        found: dict[str, tuple[int, ...]] = {}
        for item in self.items[1:]:
            if isinstance(item.node, Layer):
                found[f"{item.node.name.text}.weight"] = (item.width, item.main.width)
                found[f"{item.node.name.text}.bias"] = (item.width,)
        return found

    def run(self, parameters: Mapping[str, Any], x: Any, xp: Any = np) -> list[Any]:
        """The outputs [streams, width] of each step of ``x`` [steps, streams, width]; everything starts at 0."""
        before = {item: xp.zeros((x.shape[1], item.width)) for item in self.items}
        outputs = []
        for row in x:
            now: dict[Item, Any] = {self.items[0]: row}
            for item in self.items:
                self._value(item, parameters, now, before, xp)
            outputs.append(now[self.output])
            before = now
        return outputs

    def _value(self, item: Item, parameters: Mapping[str, Any], now: dict, before: dict, xp: Any) -> Any:
        if item in now:
            return now[item]
        main = self._value(item.main, parameters, now, before, xp)
        if isinstance(item.node, Layer):
            name = item.node.name.text
            z = main @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]
            activation, parameter = _named_function(item.node, ACTIVATIONS)
            now[item] = ACTIVATIONS[activation](xp, z, parameter)
        else:
            source = before[item.source] if item.delayed else self._value(item.source, parameters, now, before, xp)
            operation = item.node.operation.text
            sum_ = main + source
            now[item] = main * source if operation == "multiplicative" else sum_ / (2 if operation == "average" else 1)
        return now[item]

    def loss(self, parameters: Mapping[str, Any], x: Any, target: Any, xp: Any = np) -> Any:
        """The mean over the steps and streams of the loss of each row."""
        name, parameter = _named_function(self.output.node, LOSSES)
        rows = [LOSSES[name](xp, y, t, parameter) for y, t in zip(self.run(parameters, x, xp), target, strict=True)]
        return xp.mean(xp.stack(rows))


def _functions(node: Any) -> tuple:
    return node.functions if isinstance(node, Layer) else ()


def _named_function(node: Layer, known: Mapping[str, Any]) -> tuple[str, float | None]:
    for function in node.functions:
        if function.name.text in known:
            return function.name.text, float(function.parameters[0].text) if function.parameters else None
    return "linear", None


def _reaches(edges: list[tuple[Item, Item]], start: Item, goal: Item) -> bool:
    found = {start}
    while True:
        more = {b for a, b in edges if a in found} - found
        if not more:
            return goal in found
        found |= more


def _or(parameter: float | None, default: float) -> float:
    return default if parameter is None else parameter


def _sigmoid(xp: Any, x: Any) -> Any:
    return 1 / (1 + xp.exp(-x))


def _elu(xp: Any, x: Any, p: float) -> Any:
    return xp.where(x > 0, x, p * (xp.exp(xp.minimum(x, 0)) - 1))


def _softmax(xp: Any, x: Any) -> Any:
    e = xp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ACTIVATIONS: dict[str, Any] = {
    "sigmoid": lambda xp, x, p: _sigmoid(xp, x),
    "relu": lambda xp, x, p: xp.maximum(x, 0),
    "relu_leaky": lambda xp, x, p: xp.where(x > 0, x, _or(p, 0.1) * x),
    "relu_parametric": lambda xp, x, p: xp.where(x > 0, x, _or(p, 0.25) * x),
    "elu": lambda xp, x, p: _elu(xp, x, _or(p, 1.0)),
    "selu": lambda xp, x, p: 1.0507009873554805 * _elu(xp, x, 1.6732632423543772),
    "tanh": lambda xp, x, p: xp.tanh(x),
    "swish": lambda xp, x, p: x * _sigmoid(xp, _or(p, 1.0) * x),
    "gelu": lambda xp, x, p: 0.5 * x * (1 + xp.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "softmax": lambda xp, x, p: _softmax(xp, x),
    "linear": lambda xp, x, p: x,
    "binary_step": lambda xp, x, p: xp.where(x >= 0, 1.0, 0.0),
}
LOSSES: dict[str, Any] = {
    "mse": lambda xp, y, t, p: xp.mean((t - y) ** 2, -1),
    "mae": lambda xp, y, t, p: xp.mean(xp.abs(t - y), -1),
    "huber_modified": lambda xp, y, t, p: xp.sum(_huber_modified(xp, t * y, _or(p, 1.0)), -1),
}


def _huber_modified(xp: Any, z: Any, p: float) -> Any:
    return xp.where(z > -p, xp.maximum(0, 1 - z) ** 2, (1 + p) * (1 - p - 2 * z))


# -- random models -----------------------------------------------------------------------------------------------------

SMOOTH = ("sigmoid", "tanh", "swish, 1.5", "gelu", "softmax", "linear", "elu")


@st.composite
def models(draw: Any, activations: tuple[str, ...] = SMOOTH) -> str:
    """The text of a random model: nested splits, merges with any node of their width (so delays too), two widths."""
    width_of: dict[str, int] = {}
    merges: list[tuple[str, int]] = []

    def name(width: int) -> str:
        fresh = f"n{len(width_of)}"
        width_of[fresh] = width
        return fresh

    def chain(width: int, depth: int, length: int) -> str:
        parts = []
        for _ in range(draw(st.integers(0, length))):
            kind = draw(st.sampled_from(["layer", "merge", "split", "layer"] if depth else ["layer", "merge"]))
            if kind == "layer":
                width = draw(st.sampled_from([2, 3]))
                parts.append(f"({name(width)}, {width}, <{draw(st.sampled_from(activations))}>)")
            elif kind == "merge":
                merges.append((name(width), width))
                operation = draw(st.sampled_from(["additive", "multiplicative", "average"]))
                parts.append(f"{{{merges[-1][0]}, @{merges[-1][0]}@, {operation}}}")
            else:
                split = name(width)
                count = draw(st.integers(0, 2))
                branches = [chain(width, depth - 1, 2 if count > 1 else 3) or "" for _ in range(count)]
                parts.append(f"[{split}, {' | '.join(branches)}]")
        return " ".join(parts)

    name(2)  # the input, n0
    body = chain(2, 2, 5)
    text = f"/xavier, const_uneven 0 0.5/\n(n0, 2)\n{body}\n(out, 2, <tanh>, <mse>)\n"
    for merge, width in merges:
        fitting = [node for node, own in width_of.items() if own == width]
        text = text.replace(f"@{merge}@", draw(st.sampled_from(fitting)))
    return text
