"""Recurrent layers: RNN, LSTM and GRU, with several layers and both directions, as PyTorch defines and packs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from irc.dialects.activations import ACTIVATIONS
from irc.dialects.arith import AddF, MulF, SubF
from irc.dialects.array import Concat, Contract, Dropout, Scan, Slice, Stack, Transpose, Yield
from irc.dialects.array.scan import isolate, part_type, stacked_type
from irc.dialects.array.syntax import sizes_attribute
from irc.ir.attributes import UNIT
from irc.ir.operation import Block, Region
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType
from irc.layers import arguments
from irc.layers.array_form import BATCH, ArrayWriter
from irc.layers.function import ZERO, Initial, Layer, Weight, initial
from irc.layers.value import Applied, Misfit, Spec, Value


class Recurrent(Layer):
    """What the three share. The batch comes first: the input is [steps, features], without the batch.

    ``(hidden_size)`` or ``(input_size, hidden_size)``, then ``num_layers``. Called with the input, and with what the
    state is at first, [num_layers * directions, hidden_size] (zeros if it is not given). Gives the output of the last
    layer at each step, [steps, directions * hidden_size], and the state after the last step.

    Parameters of layer k are ``weight_ih_lk`` [gates * hidden, inputs], ``weight_hh_lk`` [gates * hidden, hidden],
    ``bias_ih_lk`` and ``bias_hh_lk`` [gates * hidden]; those of the other direction end in ``_reverse``. They start as
    U(-r, r), r = 1 / sqrt(hidden_size); with ``init`` the weights start by that, and the biases as zero. ``dropout``:
    in training that part of the outputs of every layer but the last is left out, as by :class:`Dropout`.
    """

    spellings: ClassVar = {
        "numinputfeatures": "input_size",
        "layers": "num_layers",
        "stackedlayers": "num_layers",
        "units": "hidden_size",
    }
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1
    """How many arrays the state is."""
    takes = (1, 3)

    def __init__(
        self,
        *sizes: int,
        input_size: int | None = None,
        hidden_size: int | None = None,
        num_layers: int | None = None,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        init: Any = None,
        name: str | None = None,
    ):
        given = list(sizes)
        if input_size is None and len(given) > (hidden_size is None):
            input_size, *given = given
        if given and hidden_size is None:
            hidden_size, *given = given
        if given and num_layers is None:
            num_layers, *given = given
        if given or hidden_size is None:
            arguments.refuse(self.kind, "(hidden_size), (input_size, hidden_size) or (input_size, hidden_size, layers)")
        self.input_size = None if input_size is None else self._size(input_size, "input_size")
        self.hidden_size = self._size(hidden_size, "hidden_size")
        self.num_layers = self._size(1 if num_layers is None else num_layers, "num_layers")
        self.bias = arguments.switch(bias, f"bias of {self.kind}")
        if not arguments.switch(batch_first, f"batch_first of {self.kind}"):
            arguments.refuse(self.kind, "no batch_first=False: arrays are [batch, steps, features]")
        self.dropout = arguments.number(dropout, f"dropout of {self.kind}", 0.0, 1.0)
        self.directions = 1 + arguments.switch(bidirectional, f"bidirectional of {self.kind}")
        reach = 1 / math.sqrt(self.hidden_size)
        self.init = initial(init, Initial("uniform", (-reach, reach)))
        self.bias_init = self.init if init is None else ZERO
        self.name = arguments.name(name, self.kind)

    def _size(self, given: Any, what: str) -> int:
        return arguments.size(given, f"{what} of {self.kind}")

    @property
    def _state(self) -> Spec:
        return Spec((self.num_layers * self.directions, self.hidden_size))

    def expected(self, position: int) -> Spec | None:
        if position:
            return self._state
        return None if self.input_size is None else Spec(arguments.shape(["T", self.input_size], "T"))

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        given, *states = inputs
        if given.rank != 2 or given.integer or not isinstance(given.shape[1], int):
            raise Misfit(f"takes [steps, features] with a known number of features, but {given} came in")
        if self.input_size not in (None, given.shape[1]):
            raise Misfit(f"takes {self.input_size} features at each step, but {given} came in")
        if len(states) not in (0, self.states):
            raise Misfit(f"takes {self.states} arrays as its first state, not {len(states)}")
        for state in states:
            if state != self._state:
                raise Misfit(f"takes a first state {self._state}, but {state} came in")
        return [given.with_shape([given.shape[0], self.directions * self.hidden_size]), *[self._state] * self.states]

    def _runs(self) -> list[tuple[int, bool, str]]:
        """For each layer and direction: the layer, whether it goes backwards, and how its parameters' names end."""
        ways = [(False, ""), (True, "_reverse")][: self.directions]
        return [(k, back, f"l{k}{end}") for k in range(self.num_layers) for back, end in ways]

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        features, rows = inputs[0].shape[1], self.gates * self.hidden_size
        assert isinstance(features, int)
        found: list[Weight] = []
        for layer, _, end in self._runs():
            width = features if layer == 0 else self.directions * self.hidden_size
            found.append(Weight(f"weight_ih_{end}", (rows, width), self.init))
            found.append(Weight(f"weight_hh_{end}", (rows, self.hidden_size), self.init))
            if self.bias:
                found += [Weight(f"bias_{way}_{end}", (rows,), self.bias_init) for way in ("ih", "hh")]
        return found

    # -- the array form ------------------------------------------------------------------------------------------

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        x, *given = (writer[value] for value in applied.operands)
        first = self._first_states(writer, given)
        last: list[list[IrValue]] = []
        sequence, axes = x, "btf"
        outputs: list[IrValue] = []
        for number, (layer, back, end) in enumerate(self._runs()):
            came_in = writer.value(
                Contract, sequence, writer.weight(self, f"weight_ih_{end}"), equation=f"{axes},gf->tbg"
            )
            states, output = self._scan(writer, self._with_biases(writer, came_in, end), first[number], back, end)
            last.append(states)
            outputs.append(output)
            if len(outputs) == self.directions:
                sequence, axes = writer.value(Concat, outputs, axis=2), "tbf"
                outputs = []
                if self.dropout and layer < self.num_layers - 1:
                    rows = writer.value(Transpose, sequence, permutation=[1, 0, 2])
                    stream = writer.new_stream()
                    sequence, axes = writer.value(Dropout, rows, p=self.dropout, stream=stream), "btf"
        kept = [writer.value(Stack, parts, axis=1) for parts in zip(*last, strict=True)]
        return [writer.value(Transpose, sequence, permutation=[1, 0, 2]), *kept]

    def _first_states(self, writer: ArrayWriter, given: Sequence[IrValue]) -> list[list[IrValue]]:
        """For each layer and direction, the arrays [batch, hidden] that its state is at first."""
        kind = TensorType([BATCH, self.hidden_size], writer.element)
        count = self.num_layers * self.directions
        if not given:
            return [[writer.full(0.0, kind)] * self.states] * count
        part = kind.with_shape([BATCH, 1, self.hidden_size])

        def row(state: IrValue, number: int) -> IrValue:
            offsets = sizes_attribute([0, number, 0])
            return writer.reshaped(writer.value(Slice, state, offsets=offsets, result_types=[part]), kind)

        return [[row(state, number) for state in given] for number in range(count)]

    def _with_biases(self, writer: ArrayWriter, came_in: IrValue, end: str) -> IrValue:
        """The sums of the inputs, with what biases can be added to them beforehand."""
        for way in ("ih", "hh") if self.bias else ():
            if way == "ih" or not self.bias_inside:
                came_in = writer.add(came_in, writer.along(writer.weight(self, f"bias_{way}_{end}"), came_in.type, -1))
        return came_in

    bias_inside: ClassVar[bool] = False
    """Whether ``bias_hh`` belongs to the sums of the state alone."""

    def _scan(
        self, writer: ArrayWriter, came_in: IrValue, first: list[IrValue], back: bool, end: str
    ) -> tuple[list[IrValue], IrValue]:
        """All steps of a layer in one direction: the last state, and the outputs [steps, batch, hidden]."""
        weight = writer.weight(self, f"weight_hh_{end}")
        bias = writer.weight(self, f"bias_hh_{end}") if self.bias and self.bias_inside else None
        block = Block([*(state.type for state in first), part_type(came_in.type)])
        *states, sums = block.arguments
        for argument, hint in zip(block.arguments, ("h", "c")[: self.states] + ("x",), strict=True):
            argument.name_hint = hint
        with writer.builder.at(block):
            recurrent = writer.value(Contract, states[0], weight, equation="bh,gh->bg")
            if bias is not None:
                recurrent = writer.add(recurrent, writer.along(bias, recurrent.type, -1))
            after = self.step(writer, sums, recurrent, list(states))
            writer.builder.create(Yield, [*after, after[0]])
        shared = isolate(block)
        kinds = [state.type for state in first]
        steps = stacked_type(came_in.type.shape[0], kinds[0])  # type: ignore[attr-defined]
        way: dict[str, Any] = {"reverse": UNIT} if back else {}
        results, region = [*kinds, steps], Region([block])
        scan = writer.builder.create(Scan, first, [came_in], shared, result_types=results, regions=[region], **way)
        *last, output = scan.results
        return list(last), output

    def step(self, writer: ArrayWriter, x: IrValue, h: IrValue, states: list[IrValue]) -> list[IrValue]:
        """The state after a step; first what is given out. ``x`` and ``h`` are the sums of the input and the state,
        [batch, gates * hidden].
        """
        raise NotImplementedError

    def _gate(self, writer: ArrayWriter, sums: IrValue, number: int) -> IrValue:
        """The sums of one gate."""
        kind = TensorType([BATCH, self.hidden_size], writer.element)
        if self.gates == 1:
            return sums
        offsets = sizes_attribute([0, number * self.hidden_size])
        return writer.value(Slice, sums, offsets=offsets, result_types=[kind])


def _activated(writer: ArrayWriter, name: str, x: IrValue) -> IrValue:
    return writer.builder.inline(ACTIVATIONS[name].function(x.type), [x])[0]


class RNN(Recurrent):
    """h' = tanh(W x + b + U h + c), or relu with ``nonlinearity="relu"``. See :class:`Recurrent`."""

    kind = "RNN"

    def __init__(self, *sizes: int, nonlinearity: str = "tanh", **options: Any):
        super().__init__(*sizes, **options)
        if nonlinearity not in ("tanh", "relu"):
            arguments.refuse("RNN", f"nonlinearity tanh or relu, not {nonlinearity!r:.40}")
        self.nonlinearity = nonlinearity

    def step(self, writer: ArrayWriter, x: IrValue, h: IrValue, states: list[IrValue]) -> list[IrValue]:
        return [_activated(writer, self.nonlinearity, writer.add(x, h))]


class LSTM(Recurrent):
    """i, f, g, o = W x + b + U h + c;  c' = sigmoid(f) c + sigmoid(i) tanh(g),  h' = sigmoid(o) tanh(c').

    Called with the input, or with it and a pair of first states (h, c); gives the output and the pair of last states.
    See :class:`Recurrent`.
    """

    kind = "LSTM"
    gates = 4
    states = 2

    def __call__(self, *values: Any) -> tuple[Value, tuple[Value, Value]]:
        if len(values) == 2 and isinstance(values[1], (tuple, list)):
            values = (values[0], *values[1])
        output, h, c = super().__call__(*values)
        return output, (h, c)

    def step(self, writer: ArrayWriter, x: IrValue, h: IrValue, states: list[IrValue]) -> list[IrValue]:
        sums = writer.add(x, h)
        i, f, g, o = (self._gate(writer, sums, number) for number in range(4))
        kept = writer.value(MulF, _activated(writer, "sigmoid", f), states[1])
        new = writer.value(MulF, _activated(writer, "sigmoid", i), _activated(writer, "tanh", g))
        c = writer.value(AddF, kept, new)
        return [writer.value(MulF, _activated(writer, "sigmoid", o), _activated(writer, "tanh", c)), c]


class GRU(Recurrent):
    """r, z = sigmoid(W x + b + U h + c),  n = tanh(W x + b + r (U h + c));  h' = (1 - z) n + z h.

    See :class:`Recurrent`.
    """

    kind = "GRU"
    gates = 3
    bias_inside = True  # of n it is multiplied by r

    def step(self, writer: ArrayWriter, x: IrValue, h: IrValue, states: list[IrValue]) -> list[IrValue]:
        x_r, x_z, x_n = (self._gate(writer, x, number) for number in range(3))
        h_r, h_z, h_n = (self._gate(writer, h, number) for number in range(3))
        r = _activated(writer, "sigmoid", writer.add(x_r, h_r))
        z = _activated(writer, "sigmoid", writer.add(x_z, h_z))
        n = _activated(writer, "tanh", writer.add(x_n, writer.value(MulF, r, h_n)))
        rest = writer.value(SubF, writer.full(1.0, z.type), z)
        return [writer.add(writer.value(MulF, rest, n), writer.value(MulF, z, states[0]))]
