"""What a graph of neurons means, in plain NumPy over its arrays: values, gradients by the chain rule, and how far
rounding may take a program that computes the same in another precision.

All neurons of one level, function and fan-in go together, so large graphs are quick. Beside each number v stands a
bound e of its distance from what the program under test has there. The rules are those of running error analysis
(Higham, Accuracy and Stability of Numerical Algorithms, 3.1 and 3.3): a rounding adds u |v|, a sum of n terms in any
order gamma(n) = n u / (1 - n u) times the sum of their absolute values. Where an error may take a number across a
corner, the jump of the derivative is part of the bound. A number that is exact stays exact, so conventions at corners
are compared too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from support.oracle import ALPHA, LAMBDA, Gradient, activate, aggregate

ROUNDINGS = 16.0
"""More than any activation or its derivative has; a function of mathematics counts by its units in the last place."""
SMALLEST = {np.dtype(np.float32): 2.0**-149, np.dtype(np.float64): 2.0**-1074}


class Curve(NamedTuple):
    """What an activation f does to errors.

    ``bend(low, high)``: the largest abs(f'') between these, corners left out. ``corners``: (place, jump of f, jump of
    f'). ``terms(abs(z))``: how large the numbers are that f and f' are sums of, where these cancel.
    """

    bend: Callable[[np.ndarray, np.ndarray], np.ndarray | float]
    corners: tuple[tuple[float, float, float], ...] = ()
    terms: Callable[[np.ndarray], np.ndarray | float] = lambda size: 1.0


def _at_most(limit: float) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda low, high: limit


def _nearest_zero(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The least abs(z) between ``low`` and ``high``."""
    return np.where(low * high <= 0, 0.0, np.minimum(np.abs(low), np.abs(high)))


def _farthest_from_zero(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(low), np.abs(high))


def curve(activation: Activation) -> Curve:
    """The curve of an activation. The second derivatives' maxima are rounded up."""
    name, p = activation.name, 0.0 if activation.parameter is None else activation.parameter
    match name:
        case "relu":
            return Curve(_at_most(0.0), ((0.0, 0.0, 1.0),))
        case "relu_leaky" | "relu_parametric":
            return Curve(_at_most(0.0), ((0.0, 0.0, abs(1 - p)),))
        case "elu":
            return Curve(_at_most(abs(p)), ((0.0, 0.0, abs(1 - p)),))
        case "selu":
            return Curve(_at_most(LAMBDA * ALPHA), ((0.0, 0.0, LAMBDA * (ALPHA - 1)),))
        case "binary_step":
            return Curve(_at_most(0.0), ((0.0, 1.0, 0.0),))
        case "gelu":
            return Curve(_at_most(0.8), terms=lambda size: 1 + size)
        case "gelu_tanh":
            return Curve(_at_most(1.0), terms=lambda size: 1 + size + size**3)
        case "swish":
            return Curve(_at_most(0.51 * abs(p)))
        case "neat_sin":
            return Curve(_at_most(25.0), ((-12.0, 0.0, 5.0), (12.0, 0.0, 5.0)), lambda size: 5.0)
        case "neat_softplus":
            return Curve(_at_most(1.25), ((12.0, 0.0, 1.0),))
        case "neat_clamped":
            return Curve(_at_most(0.0), ((-1.0, 0.0, 1.0), (1.0, 0.0, 1.0)))
        case "neat_abs":
            return Curve(_at_most(0.0), ((0.0, 0.0, 2.0),))
        case "neat_hat":
            return Curve(_at_most(0.0), ((-1.0, 0.0, 1.0), (0.0, 0.0, 2.0), (1.0, 0.0, 1.0)))
        case "neat_inv":
            return Curve(lambda low, high: 2 / _nearest_zero(low, high) ** 3, ((0.0, np.inf, np.inf),))
        case "neat_log":
            return Curve(lambda low, high: 1 / np.maximum(low, 1e-7) ** 2, ((1e-7, 0.0, 1e7),), lambda size: 20.0)
        case "neat_exp":
            return Curve(lambda low, high: np.exp(np.minimum(high, 60.0)), ((60.0, 0.0, np.exp(60.0)),))
        case "neat_cube":
            return Curve(lambda low, high: 6 * _farthest_from_zero(low, high))
    limits = {"identity": 0.0, "sigmoid": 0.1, "tanh": 0.77, "silu": 0.51, "neat_square": 2.0}
    limits |= {"neat_sigmoid": 2.5, "neat_tanh": 4.9, "neat_gauss": 10.0}
    return Curve(_at_most(limits[name]), terms=lambda size: 5.0)


@dataclass(frozen=True)
class Group:
    """Neurons of one level that compute the same function of equally many edges."""

    neurons: np.ndarray
    edges: np.ndarray
    activation: Activation
    aggregation: str


def groups_of(graph: Graph) -> list[Group]:
    """All computed neurons in groups, sources before targets. ``edges`` [fan-in, neurons] are in in-set order."""
    level = np.zeros(graph.neuron_count, np.int64)
    while True:
        higher = level.copy()
        np.maximum.at(higher, graph.target, level[graph.source] + 1)
        if np.array_equal(higher, level):
            break
        level = higher
    fan_in = np.bincount(graph.target, minlength=graph.neuron_count)
    first = np.cumsum(fan_in) - fan_in  # edges are by target
    computed = np.flatnonzero(~graph.is_input)
    keys = np.stack([level, graph.activation, graph.aggregation, fan_in])[:, computed]
    order = np.lexsort(keys[::-1])
    ends = np.flatnonzero(np.any(np.diff(keys[:, order]), axis=0)) + 1
    found = []
    for neurons in np.split(computed[order], ends) if computed.size else []:
        one = int(neurons[0])
        edges = first[neurons] + np.arange(fan_in[one])[:, None]
        found.append(Group(neurons, edges, graph.activation_of(one), graph.aggregation_of(one)))
    return found


class Passage(NamedTuple):
    """What the way back needs of a group: f' and d aggregate / d term, with bounds, and weights [edge, neuron, 1]."""

    slope: np.ndarray
    slope_error: np.ndarray
    share: np.ndarray
    share_error: np.ndarray
    weight: np.ndarray


class GraphOracle:
    """The values of all neurons of a graph for one batch, and the gradients of sum(dy * y).

    ``w`` (P) are the parameters; ``x`` [samples, inputs]. Both are exact in ``dtype``, in which the program under test
    computes. An edge of parameter -1 has weight 1.
    """

    def __init__(self, graph: Graph, w: np.ndarray, x: np.ndarray, dtype: np.dtype):
        self.graph = graph
        self.w = np.asarray(w, np.float64)
        self.unit = float(np.finfo(dtype).eps) / 2
        self.tiny = SMALLEST[np.dtype(dtype)]
        self.value = np.zeros((graph.neuron_count, len(x)))
        self.value[graph.inputs] = np.asarray(x, np.float64).T
        self.error = np.zeros_like(self.value)
        self.groups = groups_of(graph)
        with np.errstate(all="ignore"):
            self._passages = [self._forward(group) for group in self.groups]

    def gradient(self, dy: np.ndarray) -> tuple[Gradient, Gradient]:
        """The outputs and gradients, and how far the program under test may be from each."""
        with np.errstate(all="ignore"):
            dx, dw = self._backward(np.asarray(dy, np.float64))
        outputs, inputs = self.graph.outputs, self.graph.inputs
        found = Gradient(self.value[outputs].T, dx.value[inputs].T, dw.value)
        return found, Gradient(self.error[outputs].T, dx.error(self._gamma)[inputs].T, dw.error(self._gamma))

    # -- forward ---------------------------------------------------------------------------------------------------

    def _forward(self, group: Group) -> Passage:
        graph = self.graph
        source, parameter = graph.source[group.edges], graph.parameter[group.edges]
        weight = np.where(parameter >= 0, np.append(self.w, 1.0)[parameter], 1.0)[..., None]
        terms = self.value[source] * weight
        spread = np.abs(weight) * self.error[source]
        spread = spread + self._rounding(np.abs(terms) + spread)
        shape = terms.shape
        flat, flat_spread = (a.reshape(shape[0], shape[1] * shape[2]) for a in (terms, spread))
        if group.edges.size:
            z, share = aggregate(group.aggregation, flat)
            e, share_error = self._aggregate_error(group.aggregation, flat, flat_spread, share)
        else:  # the sum of nothing
            z, e, share, share_error = np.zeros(shape[1:]), np.zeros(shape[1:]), flat, flat
        bias = graph.bias[group.neurons]
        added = np.where(bias >= 0, np.append(self.w, 0.0)[bias], 0.0)[:, None]
        z, e = z.reshape(shape[1:]) + added, e.reshape(shape[1:])
        reach = np.abs(flat).sum(0).reshape(shape[1:]) if group.aggregation == "sum" else np.abs(z)
        e = e + np.where(added != 0, self._gamma(len(terms) + 1) * (reach + e + np.abs(added)), 0.0)
        value, error, slope, slope_error = self._activate(group.activation, z, e)
        self.value[group.neurons], self.error[group.neurons] = value, error
        return Passage(slope, slope_error, share.reshape(shape), share_error.reshape(shape), weight)

    def _activate(self, activation: Activation, z: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, ...]:
        """f and its bound, f' and its bound, where z is off by up to e."""
        bend, corners, terms = curve(activation)
        value, slope = activate(activation.name, activation.parameter or 0.0, z)
        jump, slope_jump = np.zeros_like(z), np.zeros_like(z)
        for place, step, turn in corners:
            near = (np.abs(z - place) <= e + 4 * self.unit * abs(place)) & ((e > 0) | (place != 0))
            jump, slope_jump = jump + np.where(near, step, 0.0), slope_jump + np.where(near, turn, 0.0)
        width = e + ROUNDINGS * self.unit * np.abs(z)  # inner numbers, such as 5 z, are rounded too
        moved = np.where(width > 0, bend(z - width, z + width) * width, 0.0)
        cancelled = np.where(width > 0, terms(np.abs(z)), 0.0)
        error = jump + np.where(e > 0, (np.abs(slope) + slope_jump + moved) * e, 0.0)
        inner = np.abs(value) + np.abs(z * slope) + cancelled
        slope_error = slope_jump + moved + self._rounding(np.abs(slope) + cancelled, ROUNDINGS)
        if activation.name in ("identity", "relu", "binary_step", "neat_abs", "neat_clamped"):
            return value, error, slope, slope_jump  # these round nothing
        return value, error + self._rounding(inner, ROUNDINGS), slope, slope_error

    def _aggregate_error(
        self, how: str, terms: np.ndarray, spread: np.ndarray, share: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The bounds of an aggregate and of its derivative by each term."""
        n, none = len(terms), np.zeros_like(terms)
        reach = np.abs(terms) + spread
        if how == "sum":
            return spread.sum(0) + self._gamma(n) * reach.sum(0), none
        if how == "mean":
            mean = reach.sum(0) / n
            return spread.sum(0) / n + self._gamma(n + 1) * mean + self._rounding(mean), none + self.unit / n
        if how == "product":
            others = [np.delete(np.arange(n), i) for i in range(n)]
            by_term = [self._product_error(reach[o], spread[o]) for o in others]
            return self._product_error(reach, spread), np.array(by_term)
        key = np.abs(terms) if how == "maxabs" else terms
        confused, across = np.zeros(terms.shape, bool), np.zeros(terms.shape[1:])
        for chosen in range(n):
            room = spread + spread[chosen]
            near = (share[chosen] > 0) & (share == 0) & (np.abs(key - key[chosen]) <= room) & (room > 0)
            confused |= near
            confused[chosen] |= near.any(0)
            across = np.maximum(across, np.where(near, np.abs(terms - terms[chosen]), 0.0).max(0))
        error = spread.max(0)
        if how == "maxabs":  # at a tie of 2 and -2 the value jumps
            error = error + across
        if how == "median":
            error = error + self._rounding(reach.max(0))
        return error, confused.astype(float)

    def _product_error(self, reach: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """|product - product'| <= sum over i of spread_i * the reach of the others, and the roundings.

        A product of some factors may underflow before the others, of which some are large, come to it.
        """
        moved = [spread[i] * np.delete(reach, i, 0).prod(0) for i in range(len(reach))]
        underflow = len(reach) * self.tiny * np.maximum(reach, 1).prod(0)
        rounding = self._gamma(len(reach)) * reach.prod(0) + np.where(reach.all(0), underflow, 0.0)
        return sum(moved, rounding)

    # -- backward --------------------------------------------------------------------------------------------------

    def _backward(self, dy: np.ndarray) -> tuple[Sum, Sum]:
        graph = self.graph
        neurons, parameters = Sum(self.value.shape), Sum(self.w.shape)
        neurons.add(graph.outputs, dy.T, np.zeros_like(dy.T))
        for group, passage in zip(self.groups[::-1], self._passages[::-1], strict=True):
            g, g_error = neurons.value[group.neurons], neurons.error(self._gamma, group.neurons)
            d, d_error = self._times(g, g_error, passage.slope, passage.slope_error)
            biased = graph.bias[group.neurons] >= 0
            parameters.add(graph.bias[group.neurons][biased], d[biased], d_error[biased])
            if not group.edges.size:
                continue
            part, part_error = self._times(d, d_error, passage.share, passage.share_error)
            source, parameter = graph.source[group.edges], graph.parameter[group.edges]
            neurons.add(source, *self._times(part, part_error, passage.weight, np.zeros_like(passage.weight)))
            owned = parameter >= 0
            by_weight, by_weight_error = self._times(part, part_error, self.value[source], self.error[source])
            parameters.add(parameter[owned], by_weight[owned], by_weight_error[owned])
        return neurons, parameters

    # -- rounding --------------------------------------------------------------------------------------------------

    def _gamma(self, n: np.ndarray | int) -> np.ndarray | float:
        return n * self.unit / (1 - n * self.unit)

    def _rounding(self, size: np.ndarray, times: float = 1.0) -> np.ndarray:
        """What rounding numbers of this size moves them by; zeros are exact."""
        return times * np.where(size > 0, size * self.unit * (1 + 4 * self.unit) + self.tiny, 0.0)

    def _times(self, a: np.ndarray, a_error: np.ndarray, b: np.ndarray, b_error: np.ndarray) -> tuple:
        """A product and its bound."""
        moved = np.abs(a) * b_error + np.abs(b) * a_error + a_error * b_error
        return a * b, moved + self._rounding(np.abs(a * b) + moved)


class Sum:
    """Numbers that terms are added to in any order: with ``shape`` [places, samples], or [places] over all samples."""

    def __init__(self, shape: tuple[int, ...]):
        self.value = np.zeros(shape)
        self._moved = np.zeros(shape)
        self._reach = np.zeros(shape)
        self._count = np.zeros(shape[0], np.int64)

    def add(self, places: np.ndarray, terms: np.ndarray, errors: np.ndarray) -> None:
        """Add ``terms[k]``, numbers of all samples that are off by up to ``errors[k]``, at ``places[k]``."""
        each = 1
        parts = [terms, errors, np.abs(terms) + errors]
        if self.value.ndim == 1:
            each = terms.shape[-1]
            parts = [part.sum(-1) for part in parts]
        for total, part in zip((self.value, self._moved, self._reach), parts, strict=True):
            np.add.at(total, places, part)
        np.add.at(self._count, places, each)

    def error(self, gamma: Callable, places: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The bound of the sums at ``places``."""
        count = self._count[places].reshape(-1, *[1] * (self.value.ndim - 1))
        return self._moved[places] + gamma(count) * self._reach[places]
