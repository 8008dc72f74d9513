"""From a trace to a module.

Where all of it has a neuron form, and there is one input and one output, which is a vector, the module is one
``neuron.net``. Else it is a function of batches; in it, each run of functions that have a neuron form, and of which one
at least has edges, is a private net that is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from typing import Any

from irc.dialects.array import Concat, Slice
from irc.dialects.array.syntax import sizes_attribute
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.dialects.neuron import Call, Net, Tensor
from irc.ir.attributes import UNIT, StringAttr, SymbolRefAttr, attribute
from irc.ir.builder import Builder
from irc.ir.operation import Operation
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType, Type, f32
from irc.layers.array_form import BATCH, ArrayWriter
from irc.layers.neuron_form import NetWriter, place_of
from irc.layers.trace import Trace
from irc.layers.value import Applied, Spec, Value

LAYERS = "irc.layers"
"""On a net or function: its inputs and layers, each a list [name, kind, shapes it gives, number of parameters]."""


def to_module(trace: Trace, element: Type = f32) -> ModuleOp:
    """The module of a trace, with floats ``element``."""
    alone = len(trace.inputs) == len(trace.outputs) == 1 and trace.inputs[0].spec is not None
    vector = trace.outputs[0].known.rank == 1  # a net gives rows of numbers
    if alone and vector and trace.applied and all(map(_in_neurons, trace.applied)):
        ranges = {(named.layer, named.weight.name): named.range for named in trace.parameters}
        writer = NetWriter(trace.applied, trace.outputs, ranges, element)
        net = writer.net(trace.name, trace.inputs, trace.parameter_count, trace.location, tensors=_tensors(trace))
        told = _told(trace)
        (entry,) = trace.inputs
        if entry.known.rank != 1:
            told["irc.sample_shape"] = attribute(list(entry.known.shape))
        net.attributes.update(told)
        return ModuleOp.of([net], trace.location)
    return _Functions(trace, element).module()


def _in_neurons(applied: Applied) -> bool:
    return applied.function.has_neuron_form(*_specs(applied))


def _specs(applied: Applied) -> list[Spec]:
    return [value.known for value in applied.operands]


def _tensors(trace: Trace) -> list[Tensor]:
    return [
        Tensor(named.label, named.offset, named.weight.shape, named.weight.initial.rule, named.weight.initial.numbers)
        for named in trace.parameters
    ]


def _told(trace: Trace) -> dict[str, Any]:
    """What the net says of itself beyond its meaning: its layers, for people."""
    rows: list[list[Any]] = [[value.name, "input", _shapes([value]), 0] for value in trace.inputs]
    for layer in trace.layers:
        size = sum(prod(named.weight.shape) for named in trace.weights_of(layer))
        rows.append([layer.label, layer.kind, _shapes(trace.uses[layer][0].results), size])
    return {LAYERS: attribute(rows)}


def _shapes(values: Sequence[Value]) -> str:
    return ", ".join(str(value.known) for value in values)


def _input_marks(spec: Spec, limit: int | None) -> dict[str, Any]:
    """What a function says of an input: which integers it takes, and that grids of known sizes may come as rows."""
    marks: dict[str, Any] = {} if limit is None else {"irc.below": limit}
    if len(spec.shape) > 1 and all(isinstance(size, int) for size in spec.shape):
        marks["irc.sample_shape"] = [spec.size]
    return marks


def _limits(trace: Trace) -> dict[Value, int]:
    """For values of integers the number that they must lie below, by what is applied to them."""
    found: dict[Value, int] = {}
    for applied in reversed(trace.applied):
        known = [found[value] for value in applied.results if value in found]  # it is moved there
        own = [] if applied.function.below is None else [applied.function.below]
        for value in applied.operands:
            limits = [*known, *own, *([found[value]] if value in found else [])]
            if value.known.integer and limits:
                found[value] = min(limits)
    return found


@dataclass
class _Run:
    """Functions that follow one another, and whether they become a net of neurons."""

    group: list[Applied]
    is_net: bool


def _runs(applied: Sequence[Applied]) -> list[_Run]:
    """What is applied, in runs as long as possible. A net without an edge would be none."""
    found: list[_Run] = []
    for in_neurons, part in groupby(applied, _in_neurons):
        group = list(part)
        is_net = in_neurons and any(one.function.has_edges for one in group)
        if found and not is_net and not found[-1].is_net:
            found[-1].group += group
        else:
            found.append(_Run(group, is_net))
    return found


class _Functions:
    """A trace as a function of batches, with nets that it calls."""

    def __init__(self, trace: Trace, element: Type):
        self.trace = trace
        self.element = element
        offsets = {(named.layer, named.weight.name): (named.offset, named.weight) for named in trace.parameters}
        flat = [TensorType([trace.parameter_count], element)] if trace.parameters else []
        writer = self.writer = ArrayWriter(Builder(), None, offsets, element)  # type: ignore[arg-type]
        inputs, outputs = ([writer.type_of(v.known) for v in values] for values in (trace.inputs, trace.outputs))
        told = {**_told(trace), "irc.independent_samples": UNIT}
        self.function = FuncOp.of(trace.name, [*inputs, *flat], outputs, attributes=told, location=trace.location)
        for value, argument in zip(trace.inputs, self.function.arguments, strict=False):
            argument.name_hint = value.name or None
            writer[value] = argument
        limits = _limits(trace)
        marks = [_input_marks(value.known, limits.get(value)) for value in trace.inputs]
        least = max((one.function.least_rows(*_specs(one)) for one in trace.applied), default=1)
        if least > 1:
            marks = [{**mark, "irc.least_rows": least} for mark in marks]
        if trace.parameters:
            writer.flat = self.function.arguments[-1]
            writer.flat.name_hint = "w"
            marks.append({"irc.param": "w", "irc.tensors": _tensors(trace)})
        self.function.set_arg_attributes(marks)
        writer.builder = Builder.at_end(self.function.entry, trace.location)
        self.nets: list[Net] = []

    def module(self) -> ModuleOp:
        """The module: the nets, then the function."""
        for run in _runs(self.trace.applied):
            if run.is_net:
                self._call(run.group)
                continue
            for applied in run.group:
                with self.writer.builder.located(place_of(applied)):
                    made = applied.function.array(self.writer, applied)
                for value, result in zip(applied.results, made, strict=True):
                    self.writer[value] = result
        self.writer.builder.create(ReturnOp, [self.writer[value] for value in self.trace.outputs])
        made_ops: list[Operation] = [*self.nets, self.function]
        return ModuleOp.of(made_ops, self.trace.location)

    def _call(self, group: list[Applied]) -> None:
        """Make a net of a group, and call it: samples are rows, its parameters a part of the vector."""
        own = {value for applied in group for value in applied.results}
        inputs = list(dict.fromkeys(v for applied in group for v in applied.operands if v not in own))
        outputs = self._read_elsewhere(group, own)
        layers = {applied.function for applied in group}
        named = [one for one in self.trace.parameters if one.layer in layers]
        begin = min((one.offset for one in named), default=0)
        count = max((one.range.stop for one in named), default=0) - begin
        ranges = {(one.layer, one.weight.name): range(one.range.start - begin, one.range.stop - begin) for one in named}
        net = NetWriter(group, outputs, ranges, self.element).net(
            f"{self.trace.name}_part{len(self.nets)}", inputs, count, place_of(group[0])
        )
        net.attributes["sym_visibility"] = StringAttr("private")
        self.nets.append(net)
        with self.writer.builder.located(place_of(group[0])):
            rows = self._joined(inputs)
            flat = self._parameters(begin, count)
            callee = SymbolRefAttr(net.sym_name.value)
            result = net.batched_type().results[0]
            called = self.writer.value(Call, [rows, flat], callee=callee, result_types=[result])
            self._split(called, outputs)

    def _read_elsewhere(self, group: list[Applied], own: set[Value]) -> list[Value]:
        inside = set(group)
        read = {v for applied in self.trace.applied if applied not in inside for v in applied.operands}
        read.update(self.trace.outputs)
        return [value for applied in group for value in applied.results if value in own & read]

    def _parameters(self, begin: int, count: int) -> IrValue:
        """The part of the flat vector that a net reads."""
        part = TensorType([count], self.element)
        if not count:
            return self.writer.full(0.0, part)
        return (
            self.writer.flat if count == self.trace.parameter_count else self.writer.part(self.writer.flat, begin, part)
        )

    def _joined(self, inputs: Sequence[Value]) -> IrValue:
        """Values as the columns of one matrix, a sample in each row."""
        rows = [self.writer.reshaped(self.writer[v], self._matrix(v)) for v in inputs]
        return rows[0] if len(rows) == 1 else self.writer.value(Concat, rows, axis=1)

    def _matrix(self, value: Value) -> TensorType:
        return TensorType([BATCH, value.known.size], self.element)

    def _split(self, rows: IrValue, outputs: Sequence[Value]) -> None:
        """Columns of a matrix as values again."""
        begin = 0
        for value in outputs:
            part, width = rows, value.known.size
            assert isinstance(width, int)  # those of nets are
            if len(outputs) > 1:
                offsets = sizes_attribute([0, begin])
                part = self.writer.value(Slice, rows, offsets=offsets, result_types=[self._matrix(value)])
            self.writer[value] = self.writer.reshaped(part, self.writer.type_of(value.known))
            begin += width
