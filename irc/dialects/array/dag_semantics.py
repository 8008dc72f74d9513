"""The reference semantics of ``array.dag`` and its gradient, row by row, over the batch; with error bounds if wanted.

Arrays are neuron-major here: ``values[neuron, sample]``. In bounded mode an array of errors of the same shape stands
beside each array, elsewhere None. Sums are free in their order, so their bounds are of the form gamma_n * sum|terms|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from irc.dialects.activations import ACTIVATIONS
from irc.dialects.array import choice
from irc.dialects.array.kind import Kind
from irc.dialects.array.topology import Row, Topology
from irc.error_bounds import gamma, known, magnitude, product, rounded
from irc.interpreter import Bounded, error_of, value_of
from irc.ir.operation import Block
from irc.ir.types import Type

Kinds = tuple[Kind, ...]


class Sum:
    """An array that terms are added to in any order, with the bound of what rounding may do to it."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, bounded: bool):
        self.value = np.zeros(shape, dtype)
        self._moved = np.zeros(shape) if bounded else None
        self._reach = np.zeros(shape) if bounded else None
        self._count = np.zeros(shape[0], np.int64)

    def add(self, places: np.ndarray, terms: np.ndarray, errors: Any, each: int = 1) -> None:
        """Add ``terms[k]`` at ``places[k]``; each is itself a sum of ``each`` terms."""
        np.add.at(self.value, places, terms)
        np.add.at(self._count, places, each)
        if self._moved is not None and self._reach is not None:
            np.add.at(self._moved, places, errors)
            np.add.at(self._reach, places, np.abs(terms) + errors)

    def add_summed(self, places: np.ndarray, terms: np.ndarray, errors: Any) -> None:
        """Add, at ``places[k]``, the sum over the samples of ``terms[k]``."""
        np.add.at(self.value, places, terms.sum(1, dtype=self.value.dtype))
        np.add.at(self._count, places, terms.shape[1])
        if self._moved is not None and self._reach is not None:
            np.add.at(self._moved, places, errors.sum(1))
            np.add.at(self._reach, places, (np.abs(terms) + errors).sum(1))

    def error(self, context: Any, type: Type, places: Any) -> Any:
        """The bound at ``places``; None outside of bounded mode."""
        if self._moved is None or self._reach is None:
            return None
        factor = np.vectorize(lambda n: gamma(n, context.unit(type)), otypes=[float])(self._count[places])
        reach = self._reach[places]
        return known(self._moved[places] + factor.reshape(factor.shape + (1,) * (reach.ndim - factor.ndim)) * reach)


@dataclass(frozen=True)
class Forward:
    """What a forward run leaves: weights with 1 appended (so that index -1 finds it), neurons, and rows before f."""

    weights: np.ndarray
    weight_errors: np.ndarray | None
    values: np.ndarray
    errors: np.ndarray | None
    before: np.ndarray
    before_errors: np.ndarray | None
    inputs: int

    def outputs(self, topology: Topology) -> Any:
        """The result of ``array.dag``, samples first, as the interpreter holds it."""
        chosen = topology.outputs
        return held(self.values[chosen].T, None if self.errors is None else self.errors[chosen].T)


def held(value: np.ndarray, error: np.ndarray | None) -> Any:
    """A value with its error, if it has any."""
    value = np.ascontiguousarray(value)
    return Bounded(value, np.ascontiguousarray(error)) if error is not None and error.any() else value


def run_forward(context: Any, type: Type, kinds: Kinds, topology: Topology, x: Any, w: Any) -> Forward:
    """All neurons for all samples."""
    dtype = context.dtype(type)
    inputs, rows = value_of(x).shape[1], len(topology.biases)
    samples = value_of(x).shape[0]
    values = np.zeros((inputs + rows, samples), dtype)
    values[:inputs] = value_of(x).T
    errors = np.zeros(values.shape) if context.bounded else None
    before = np.zeros((rows, samples), dtype)
    before_errors = np.zeros(before.shape) if context.bounded else None
    weight_errors = None
    if errors is not None:
        errors[:inputs] = np.broadcast_to(magnitude(error_of(x)), (samples, inputs)).T
        weight_errors = np.append(np.broadcast_to(magnitude(error_of(w)), value_of(w).shape), 0.0)
    weights = np.append(value_of(w), dtype.type(1))
    forward = Forward(weights, weight_errors, values, errors, before, before_errors, inputs)
    blocks = [ACTIVATIONS[k.activation].function(type.element, k.parameter) for k in kinds]
    with np.errstate(all="ignore"), context.batched(samples):
        for row in topology.rows():
            z, error = _aggregate(context, type, kinds[row.kind].aggregation, forward, row)
            n, neuron_error = _apply(context, blocks[row.kind], z, error)
            before[row.number], values[inputs + row.number] = z, n
            if errors is not None and before_errors is not None:
                before_errors[row.number], errors[inputs + row.number] = error, neuron_error
    return forward


def _terms(context: Any, type: Type, forward: Forward, row: Row) -> tuple[np.ndarray, Any]:
    """The terms n * w of a row, and their errors."""
    v, w = forward.values[row.sources], forward.weights[row.weights][:, None]
    terms = context.round(v * w, type).reshape(v.shape)
    if forward.errors is None or forward.weight_errors is None:
        return terms, None
    moved = product(v, w, forward.errors[row.sources], forward.weight_errors[row.weights][:, None])
    plain = (row.weights == -1)[:, None]  # weight 1 is no multiplication
    return terms, np.where(plain, moved, rounded(type, terms, moved))


def _aggregate(context: Any, type: Type, how: str, forward: Forward, row: Row) -> tuple[np.ndarray, Any]:
    """What the activation is applied to."""
    terms, errors = _terms(context, type, forward, row)
    if how in choice.CHOICES:
        total = choice.value(how, terms)
    else:
        combine = np.multiply if how == "product" else np.add
        total = combine.reduce(terms, axis=0, dtype=terms.dtype, initial=None if len(terms) else 0)
    if how == "mean":
        total = total / terms.dtype.type(len(terms))
    total = np.asarray(context.round(total, type))
    error = None if errors is None else _aggregate_error(context, type, how, terms, errors, total)
    if row.bias >= 0:
        bias = forward.weights[row.bias]
        total = np.asarray(context.round(total + bias, type))
        if errors is not None:
            # A sum may take the bias at any place among its terms: one more term, so one more rounding of each.
            reach = (np.abs(terms) + errors).sum(0) if how == "sum" else 0.0
            moved = error + forward.weight_errors[row.bias] + context.unit(type) * (reach + np.abs(bias))  # type: ignore[index]
            error = rounded(type, total, moved)
    return total, error


def _aggregate_error(context: Any, type: Type, how: str, terms: Any, errors: Any, total: Any) -> Any:
    if how in choice.CHOICES:
        return choice.value_error(how, type, terms, errors)
    reach, count = np.abs(terms) + errors, len(terms)
    unit = context.unit(type)
    if how == "product":
        return known(reach.prod(0) - np.abs(terms).prod(0) + gamma(count + 1, unit) * reach.prod(0))
    error = errors.sum(0) + gamma(count, unit) * reach.sum(0)
    return rounded(type, total, error / count, 1.0) if how == "mean" else error


def _apply(context: Any, block: Block, z: np.ndarray, error: Any) -> tuple[np.ndarray, Any]:
    """Run an activation, or its derivative, on the samples of one row."""
    (result,) = context.run_block(block, [z if error is None else Bounded(z, np.broadcast_to(error, z.shape))])
    value = np.broadcast_to(value_of(result), z.shape)
    return value, None if error is None else np.broadcast_to(magnitude(error_of(result)), z.shape)


def run_backward(context: Any, type: Type, kinds: Kinds, topology: Topology, forward: Forward, dy: Any) -> list[Any]:
    """The gradients of x and w, as the interpreter holds them."""
    samples = forward.values.shape[1]
    adjoint = Sum(forward.values.shape, forward.values.dtype, context.bounded)
    gradient = Sum(forward.weights.shape, forward.weights.dtype, context.bounded)  # the last place is no parameter
    blocks = [ACTIVATIONS[k.activation].derivative(type.element, k.parameter) for k in kinds]
    dy_error = np.broadcast_to(magnitude(error_of(dy)), value_of(dy).shape).T if context.bounded else None
    with np.errstate(all="ignore"), context.batched(samples):
        adjoint.add(topology.outputs, value_of(dy).T, dy_error)
        for row in topology.rows(backwards=True):
            neuron = forward.inputs + row.number
            g, g_error = context.round(adjoint.value[neuron], type), adjoint.error(context, type, neuron)
            before_error = None if forward.before_errors is None else forward.before_errors[row.number]
            slope, slope_error = _apply(context, blocks[row.kind], forward.before[row.number], before_error)
            delta, delta_error = _times(context, type, slope, g, slope_error, g_error)
            if row.bias >= 0:
                error = None if delta_error is None else delta_error[None]
                gradient.add_summed(np.array([row.bias]), delta[None], error)
            if len(row.sources):
                how = kinds[row.kind].aggregation
                _edges(context, type, how, forward, row, (delta, delta_error), adjoint, gradient)
    inputs, parameters = slice(0, forward.inputs), slice(0, len(forward.weights) - 1)
    dx = np.asarray(context.round(adjoint.value[inputs], type)).T
    dw = np.asarray(context.round(gradient.value[parameters], type))
    dx_error, dw_error = adjoint.error(context, type, inputs), gradient.error(context, type, parameters)
    return [held(dx, None if dx_error is None else dx_error.T), held(dw, dw_error)]


def _edges(
    context: Any,
    type: Type,
    how: str,
    forward: Forward,
    row: Row,
    delta: tuple[np.ndarray, Any],
    adjoint: Sum,
    gradient: Sum,
) -> None:
    """Hand a row's gradient on to its sources and its weights."""
    terms, errors = _terms(context, type, forward, row)
    share, share_error = _shares(context, type, how, terms, errors)
    dt, dt_error = _times(context, type, np.broadcast_to(delta[0], terms.shape), share, delta[1], share_error)
    w, v = forward.weights[row.weights][:, None], forward.values[row.sources]
    w_error = None if forward.weight_errors is None else forward.weight_errors[row.weights][:, None]
    v_error = None if forward.errors is None else forward.errors[row.sources]
    adjoint.add(row.sources, *_times(context, type, dt, w, dt_error, w_error))
    gradient.add_summed(row.weights, *_times(context, type, dt, v, dt_error, v_error))


def _times(context: Any, type: Type, a: Any, b: Any, a_error: Any, b_error: Any) -> tuple[np.ndarray, Any]:
    value = np.asarray(context.round(a * b, type))
    if not context.bounded:
        return value, None
    return value, np.broadcast_to(rounded(type, value, product(a, b, a_error, b_error)), value.shape)


def _shares(context: Any, type: Type, how: str, terms: np.ndarray, errors: Any) -> tuple[np.ndarray, Any]:
    """d aggregate / d term, for each term and sample."""
    count, one = len(terms), terms.dtype.type(1)
    none = None if errors is None else np.zeros(terms.shape)
    if how == "sum":
        return np.ones_like(terms), none
    if how == "mean":
        share = np.full_like(terms, context.round(one / terms.dtype.type(count), type))
        return share, None if errors is None else rounded(type, share, 0.0)
    if how == "product":
        others = [np.delete(np.arange(count), i) for i in range(count)]
        share = np.stack([context.round(terms[o].prod(0, dtype=terms.dtype), type) for o in others])
        if errors is None:
            return share, None
        bounds = [_aggregate_error(context, type, how, terms[o], errors[o], None) for o in others]
        return share, np.stack([np.broadcast_to(b, share.shape[1:]) for b in bounds])
    return choice.shares(how, terms), None if errors is None else choice.share_errors(how, terms, errors)
