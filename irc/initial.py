"""What a net's parameters are called, and the values they start with."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irc.arrays import require_memory
from irc.backend.entry import Argument
from irc.dialects.neuron.net import Net
from irc.dialects.neuron.parameters import parameter_fan_in, parameter_names
from irc.dialects.neuron.tensor import Tensor, outside
from irc.initializers import INITIALIZERS
from irc.interpreter import argument_attributes
from irc.ir.attributes import DenseAttr
from irc.ir.diagnostics import Error
from irc.ir.dimensions import evaluate
from irc.ir.operation import Operation
from irc.parameters import Parameter, ParameterTable

PARAMETER_BYTES = 100
"""What a named parameter takes at least, its name included."""


def initial_parameters(
    entry: Operation, arguments: Mapping[str, Argument], symbols: Mapping[str, int], dtype: np.dtype, seed: int
) -> tuple[ParameterTable, np.ndarray]:
    """The table of an entry's parameters, and the flat vector of their start values.

    What the source gives is used. Tensors with an initialiser follow it (``irc.initializers``). The rest is drawn,
    U(-1/sqrt(n), 1/sqrt(n)) with n the fan-in: of a net, the in-degree of the neuron that the weight leads to; of a
    function, the size of the argument's last dimension (or what the argument's ``irc.initial`` says instead).
    ``arguments`` are the native function's parameter arguments, by name.
    """
    if isinstance(entry, Net):
        return _of_net(entry, dtype, seed)
    entries: list[Parameter] = []
    fan_in: list[np.ndarray] = []
    given_parts: list[np.ndarray] = []
    offset = 0
    marks = {m["irc.param"].value: m for m in argument_attributes(entry) if "irc.param" in m}  # type: ignore[attr-defined]
    for (name, mark), argument in zip(marks.items(), arguments.values(), strict=True):
        shape = tuple(evaluate(d, symbols) for d in argument.shape)
        whole = Parameter(name, offset, shape)
        size = whole.size
        require_memory(size, 4 * dtype.itemsize, f"parameter '{name}' of shape {shape}")
        fan_in.append(np.full(size, shape[-1] if shape else 1))
        start = mark.get("irc.initial")
        given = start.array.reshape(-1).astype(np.float64) if isinstance(start, DenseAttr) else np.full(size, np.nan)
        tensors = list(mark.get("irc.tensors", ()))
        _initialize(given, tensors, seed)
        given_parts.append(given)
        others = outside(tensors, size).tolist() if tensors else []
        parts = [Parameter(t.label, offset + t.offset, t.shape) for t in tensors] or [whole]
        entries += _in_order([*parts, *(Parameter(f"{name}[{number}]", offset + number, ()) for number in others)])
        offset += size
    fans = np.concatenate(fan_in) if fan_in else np.zeros(0, np.int64)
    flat = np.concatenate(given_parts) if given_parts else None
    return ParameterTable(offset, entries=entries), start_values(fans, flat, dtype, seed)


def _of_net(net: Net, dtype: np.dtype, seed: int) -> tuple[ParameterTable, np.ndarray]:
    """The table and the start values of a net's parameters: its tensors, and those outside as single numbers."""
    count, tensors = net.parameter_count, net.parameter_tensors
    others = outside(tensors, count) if tensors else np.zeros(0, np.int64)
    named = len(others) if tensors else count
    require_memory(named, PARAMETER_BYTES, f"{count} parameters")
    require_memory(count, 4 * dtype.itemsize, f"{count} parameters")
    given = None if net.initial is None else np.array(net.initial.array, np.float64)
    if not tensors:
        table = ParameterTable(count, names=parameter_names(net))
        return table, start_values(parameter_fan_in(net), given, dtype, seed)
    names = parameter_names(net) if len(others) else []
    parts = [Parameter(tensor.label, tensor.offset, tensor.shape) for tensor in tensors]
    single = [Parameter(names[number], number, ()) for number in others.tolist()]
    values = np.full(count, np.nan) if given is None else given
    _initialize(values, tensors, seed)
    fan_in = parameter_fan_in(net) if np.isnan(values).any() else np.ones(count, np.int64)
    return ParameterTable(count, entries=_in_order([*parts, *single])), start_values(fan_in, values, dtype, seed)


def _in_order(entries: list[Parameter]) -> list[Parameter]:
    return sorted(entries, key=lambda entry: entry.offset)


def _initialize(values: np.ndarray, tensors: Sequence[Tensor], seed: int) -> None:
    """Fill in what is open (NaN) in tensors that have an initialiser."""
    for tensor in tensors:
        part = values[tensor.offset : tensor.offset + tensor.size]
        is_open = np.isnan(part)
        if tensor.initializer is not None and is_open.any():
            rule = INITIALIZERS[tensor.initializer]
            drawn = rule.values(tensor.label, tensor.shape, tensor.numbers, seed).reshape(-1)
            np.copyto(part, drawn, where=is_open)


def checked_seed(seed: Any) -> int:
    """``seed`` as a Python integer. Raises :class:`irc.Error` unless it is one from 0 to 2**63 - 1."""
    try:
        number = operator.index(seed)
    except TypeError:
        raise Error(f"seed must be an integer, not {type(seed).__name__}") from None
    if not 0 <= number < 2**63:
        raise Error(f"seed must lie between 0 and 2**63 - 1, got {number}")
    return number


def start_values(fan_in: np.ndarray, given: np.ndarray | None, dtype: np.dtype, seed: int) -> np.ndarray:
    """The given values, and draws where they are NaN (or where none are given).

    Draws come from Philox (Salmon et al., 2011), a counter-based generator keyed by ``seed``: parameter number k
    always gets the k-th number, whatever else is given.
    """
    if given is not None and not np.isnan(given).any():
        return given.astype(dtype)
    generator = np.random.Generator(np.random.Philox(key=seed))
    reach = 1 / np.sqrt(np.maximum(fan_in, 1))
    drawn = generator.uniform(-1.0, 1.0, len(fan_in)) * reach
    values = drawn if given is None else np.where(np.isnan(given), drawn, given)
    return values.astype(dtype)
