"""``neuron.net``, a graph of neurons, and what ends and calls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from irc.dialects.marks import verify_sample_shape
from irc.dialects.neuron.delay import Delay, delays_of
from irc.dialects.neuron.names import shown_name
from irc.dialects.neuron.tensor import Tensor, verify_tensors
from irc.error_bounds import gamma, magnitude
from irc.interpreter import Bounded, error_of, part_of, stacked, value_of
from irc.ir.attributes import ArrayAttr, Attribute, DenseAttr, IntegerAttr, StringAttr, SymbolRefAttr, attribute
from irc.ir.constraints import FLOAT_LIKE, TENSOR
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, symbol
from irc.ir.locations import UNKNOWN, Location
from irc.ir.operation import Block, BlockArgument, Operation, Region, Value
from irc.ir.spec import attr, operands, region, results
from irc.ir.symbols import lookup, symbol_name
from irc.ir.traits import DELAYED, GRAPH_REGION, ISOLATED, RAW, SINGLE_BLOCK, SYMBOL, TERMINATOR, HasParent
from irc.ir.types import FunctionType, TensorType, Type, f32, format_results
from irc.ir.verifier import InnerProblem

INPUT, COTANGENT = "input", "cotangent"
OUTPUT, INPUT_GRADIENT, PARAMETER_GRADIENT = "output", "input_gradient", "parameter_gradient"
ARGUMENT_KINDS = (INPUT, COTANGENT)
"""What an argument of a net is: a feature of the input, or the gradient of the loss by an output."""
RESULT_KINDS = (OUTPUT, INPUT_GRADIENT, PARAMETER_GRADIENT)
"""What a result is. Gradients come in the order of the inputs, and of the parameters."""


def width(type: Type) -> int:
    """How many neurons a value is: 1 for a float, k for ``tensor<k x f32>``."""
    size = type.shape[0] if isinstance(type, TensorType) else 1
    assert isinstance(size, int)  # the net's verifier sees to it
    return size


class Net(Operation):
    """A graph of neurons, written per sample. The order of its operations has no meaning; a cycle goes through a delay.

        neuron.net @xor(%n00: f32, %n01: f32) -> f32 parameters 6 attributes {names = ["w0002", ...]} {
          %n02 = neuron.node relu(%n00*w[0] + %n01*w[1])
          %n03 = neuron.node relu(%n00*w[2] + %n01*w[3])
          %n04 = neuron.node identity(%n02*w[4] + %n03*w[5])
          neuron.output %n04 : f32
        }

    Arguments and results are floats, or vectors of them ``tensor<k x f32>``. ``parameters`` is the size of the flat
    parameter vector; ``names`` and ``initial`` (NaN: to be drawn) say what its entries are called and start with.
    ``tensors (#neuron.tensor<"a.weight", 0, [4, 8], xavier>, ...)`` behind it are parts with a name and a shape, and
    how they start. For a batch the net is a function of two matrices' rows and the vector: ``(x: [B, inputs], w:
    [parameters]) -> y: [B, outputs]``.

    With delays (``neuron.delay``) it runs over time, for a batch of independent streams at once. Its state, the values
    of the delays, goes in and comes out: ``(x: [T, B, inputs], w, state: [B, K]) -> (y: [T, B, outputs], state: [B,
    K])``.

    A net of gradients (made by ``autodiff``) has ``argument_kinds`` and ``result_kinds``. As a function of a batch it
    is ``(x, w, dy: [B, outputs]) -> (y, dx: [B, inputs], dw: [parameters])``; parameter gradients are summed over the
    batch.
    """

    name = "neuron.net"
    sym_name = attr(StringAttr, "the net's name")
    function_type = attr(FunctionType, "types per sample")
    parameters = attr(IntegerAttr, "the size of the flat parameter vector")
    names = attr(ArrayAttr, "the names of the parameters, in flat order", optional=True)
    tensors = attr(ArrayAttr, "parts of the vector that have names and shapes", optional=True)
    initial = attr(DenseAttr, "start values of the parameters; NaN: to be drawn", optional=True)
    argument_kinds = attr(ArrayAttr, "input or cotangent, for each argument", optional=True)
    result_kinds = attr(ArrayAttr, "output, input_gradient or parameter_gradient, for each result", optional=True)
    body = region("the neurons, in any order, and neuron.output")
    traits = frozenset({SYMBOL, ISOLATED, GRAPH_REGION, SINGLE_BLOCK, RAW})

    @classmethod
    def of(
        cls,
        name: str,
        arguments: Sequence[tuple[str | None, Type, Location]],
        result_types: Sequence[Type],
        parameters: int,
        location: Location = UNKNOWN,
        **attributes: Any,
    ) -> Net:
        """A net without neurons: name, type and place of each argument, types of results; output is still missing."""
        block = Block([t for _, t, _ in arguments], [place for _, _, place in arguments])
        for argument, (hint, _, _) in zip(block.arguments, arguments, strict=True):
            argument.name_hint = hint
        given: dict[str, Attribute] = {k: attribute(v) for k, v in attributes.items() if v is not None}
        given |= {
            "sym_name": StringAttr(name),
            "function_type": FunctionType([a.type for a in block.arguments], result_types),
            "parameters": IntegerAttr(parameters),
        }
        return cls((), (), given, [Region([block])], (), location)

    # -- parts ---------------------------------------------------------------------------------------------------

    @property
    def block(self) -> Block:
        """The block of neurons."""
        return self.regions[0].block

    @property
    def arguments(self) -> list[BlockArgument]:
        """The arguments."""
        return self.block.arguments

    @property
    def outputs(self) -> tuple[Value, ...]:
        """The results, as values inside the net."""
        return self.block.terminator.operands

    @property
    def element(self) -> Type:
        """The type of the net's numbers."""
        types = (*self.function_type.inputs, *self.function_type.results)
        return types[0].element if types else f32

    @property
    def parameter_count(self) -> int:
        """The size of the flat parameter vector."""
        return self.parameters.value

    @property
    def parameter_tensors(self) -> list[Tensor]:
        """The parts of the parameter vector that have names and shapes."""
        return [] if self.tensors is None else list(self.tensors)

    @property
    def delays(self) -> list[Delay]:
        """The delays, in the order of the columns of the state."""
        return list(delays_of(self.block))

    @property
    def has_state(self) -> bool:
        """Whether there are delays, so that the net runs over time."""
        return next(delays_of(self.block), None) is not None

    def kinds_of_arguments(self) -> list[str]:
        """For each argument one of ARGUMENT_KINDS."""
        given = self.argument_kinds
        return [INPUT] * len(self.arguments) if given is None else [kind.value for kind in given]

    def kinds_of_results(self) -> list[str]:
        """For each result one of RESULT_KINDS."""
        given = self.result_kinds
        return [OUTPUT] * len(self.function_type.results) if given is None else [kind.value for kind in given]

    def batched_type(self, batch: Dimension | None = None, steps: Dimension | None = None) -> FunctionType:
        """The type of the net as a function of a batch of ``batch`` samples (default: the symbol B).

        With delays: for ``steps`` steps (default: the symbol T).
        """
        rows = symbol("B") if batch is None else batch
        element = self.element
        flat = TensorType([self.parameter_count], element)
        columns = sum(op.width for op in self.delays)
        state = [TensorType([rows, columns], element)] if self.has_state else []
        time = [symbol("T") if steps is None else steps] if self.has_state else []

        def matrix(types: Sequence[Type], kinds: Sequence[str], kind: str) -> list[Type]:
            total = sum(width(t) for t, k in zip(types, kinds, strict=True) if k == kind)
            return [TensorType([*time, rows, total], element)] if kind in (INPUT, OUTPUT) or kind in kinds else []

        inputs, outputs = self.function_type.inputs, self.function_type.results
        argument_kinds, result_kinds = self.kinds_of_arguments(), self.kinds_of_results()
        gradient = self.is_gradient
        return FunctionType(
            [*matrix(inputs, argument_kinds, INPUT), flat, *state, *matrix(inputs, argument_kinds, COTANGENT)],
            [
                *matrix(outputs, result_kinds, OUTPUT),
                *state,
                *([TensorType([rows, self.input_width], element), flat] if gradient else []),
            ],
        )

    @property
    def is_gradient(self) -> bool:
        """Whether this is a net of gradients."""
        return self.result_kinds is not None

    @property
    def input_width(self) -> int:
        """The number of features of a sample."""
        types = self.function_type.inputs
        return sum(width(t) for t, k in zip(types, self.kinds_of_arguments(), strict=True) if k == INPUT)

    # -- checks --------------------------------------------------------------------------------------------------

    def verify(self) -> None:
        kinds = (("argument_kinds", ARGUMENT_KINDS, self.function_type.inputs),)
        for key, known, types in (*kinds, ("result_kinds", RESULT_KINDS, self.function_type.results)):
            given = self.attributes.get(key)
            if given is not None and [getattr(k, "value", k) in known for k in given] != [True] * len(types):  # type: ignore[attr-defined]
                raise ValueError(f"{key} must say one of {', '.join(known)} for each of {len(types)} types")
        self._verify_types()
        self._verify_parameters()
        if "irc.sample_shape" in self.attributes:
            verify_sample_shape("irc.sample_shape", self.attributes["irc.sample_shape"], self.input_width)
        _check_acyclic(self.block)

    def _verify_types(self) -> None:
        found = tuple(a.type for a in self.arguments)
        if found != self.function_type.inputs:
            raise ValueError("the arguments of the body do not have the types of the net's type")
        last = self.block.last
        if not isinstance(last, Output):
            raise ValueError("must end with neuron.output")
        given = tuple(v.type for v in last.operands)
        if given != self.function_type.results:
            shown = ", ".join(map(str, given))
            raise ValueError(f"neuron.output gives ({shown}), but the net's type is {self.function_type}")
        element = self.element
        for type in (*found, *given):
            vector = isinstance(type, TensorType) and type.rank == 1 and type.is_static
            if not (type.is_float or (vector and type.element.is_float)) or type.element is not element:
                raise ValueError(f"values of a net are floats of one type, or vectors tensor<k x f32>, not {type}")

    def _verify_parameters(self) -> None:
        count = self.parameter_count
        if not 0 <= count < 2**31:
            raise ValueError(f"the number of parameters is {count}; it must lie between 0 and 2**31 - 1")
        if self.names is not None:
            if len(self.names) != count:
                raise ValueError(f"{len(self.names)} names for {count} parameters")
            names = [name.value for name in self.names if isinstance(name, StringAttr)]
            if len(names) != count:
                raise ValueError("names must be strings")
            if len(set(names)) != count:
                raise ValueError(f"two parameters are called '{Counter(names).most_common(1)[0][0]}'")
        if self.tensors is not None:
            verify_tensors(self.tensors, count, None if self.names is None else [name.value for name in self.names])
        if self.initial is not None:
            if self.initial.array.shape != (count,):
                raise ValueError(f"{self.initial.array.size} start values for {count} parameters")
            if self.initial.type.element is not self.element:
                raise ValueError(f"start values are of {self.element}, as the net is, not {self.initial.type.element}")
            infinite = np.flatnonzero(np.isinf(self.initial.array))
            if infinite.size:
                raise ValueError(f"the start value of w[{infinite[0]}] is infinite")
        for op in self.block:
            for index in parameter_indices(op):
                if index >= count:
                    name = shown_name(op.results[0])
                    raise InnerProblem(op, f"{name} uses w[{index}], but there are {count} parameters")

    # -- meaning -------------------------------------------------------------------------------------------------

    def eval(self, context: Any, *arguments: Any) -> Sequence[Any]:
        """Arguments and results as of :meth:`batched_type`."""
        types = self.batched_type().inputs
        if len(arguments) != len(types):
            fail(f"@{symbol_name(self)} takes {len(types)} arguments (batched), got {len(arguments)}", self.location)
        x, w, *rest = [_matrix(context, a, t, self) for a, t in zip(arguments, types, strict=True)]
        saved = context.parameters, context.delayed
        context.parameters = value_of(w)
        try:
            if self.has_state:
                return self._over_time(context, x, *rest)
            rows = value_of(x).shape[0]
            with context.batched(rows):
                found = self._step(context, x, *rest)
        finally:
            context.parameters, context.delayed = saved
        return self._gather(context, found, rows)

    def _step(self, context: Any, x: Any, dy: Any = None) -> list[Any]:
        """The operands of the output, for one batch of samples."""
        sources = {INPUT: _columns(x), COTANGENT: iter(()) if dy is None else _columns(dy)}
        kinds = zip(self.arguments, self.kinds_of_arguments(), strict=True)
        return context.run(self.regions[0], [_take(sources[kind], argument.type) for argument, kind in kinds])

    def _over_time(self, context: Any, x: Any, state: Any) -> list[Any]:
        """Step after step: the outputs of all, and the last state."""
        delays, (steps, rows) = self.delays, value_of(x).shape[:2]
        if value_of(state).shape[0] != rows:
            fail(f"@{symbol_name(self)}: the input has {rows} streams, the state {len(value_of(state))}", self.location)
        dtype = context.dtype(self.element)
        outputs = []
        with context.batched(rows):
            for t in range(steps):
                columns = _columns(state)
                context.delayed = {op.value: _take(columns, op.value.type) for op in delays}
                (y,) = self._gather(context, self._step(context, part_of(x, t)), rows)
                outputs.append(y)
                state = _join([_as_rows(context.held(op.source), rows, op.width) for op in delays], rows, dtype)
        return [stacked(outputs, (steps, rows, sum(map(width, self.function_type.results))), dtype), state]

    def _gather(self, context: Any, found: Sequence[Any], rows: int) -> list[Any]:
        """The results of a batch, from the values of its output."""
        parts: dict[str, list[Any]] = {kind: [] for kind in RESULT_KINDS}
        for value, type, kind in zip(found, self.function_type.results, self.kinds_of_results(), strict=True):
            parts[kind].append(_as_rows(value, rows, width(type)))
        dtype = context.dtype(self.element)
        joined = [_join(parts[OUTPUT], rows, dtype)]
        if self.is_gradient:
            joined.append(_join(parts[INPUT_GRADIENT], rows, dtype))
            joined.append(_sum_rows(context, _join(parts[PARAMETER_GRADIENT], rows, dtype), self.element))
        return joined

    def differentiate(self, name: str, wrt: Sequence[int] | None = None) -> Net:
        """The net ``@name`` of the outputs, and of the gradients of all inputs and parameters.

        ``wrt`` has no meaning here: a sample is one argument of the net as a function, and the parameters are the
        other. Raises Error for an op without a gradient in terms of neurons.
        """
        from irc.dialects.neuron.transpose import differentiate  # it builds nets, so it stands above this file

        return differentiate(self, name)

    # -- text ----------------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, parser: Any) -> Net:
        """See the class."""
        attributes: dict[str, Attribute] = {}
        if parser.accept_keyword("private"):
            attributes["sym_visibility"] = StringAttr("private")
        attributes["sym_name"] = StringAttr(parser.symbol_name())
        parser.expect("(")
        arguments = []
        if not parser.accept(")"):
            while True:
                argument = parser.argument()
                place = parser.optional_location()
                arguments.append((*argument[:2], place) if isinstance(place, Location) else argument)
                if not parser.accept(","):
                    break
            parser.expect(")")
        result_types = parser.results() if parser.accept("->") else []
        parser.expect("parameters")
        attributes["parameters"] = IntegerAttr(parser.integer())
        if parser.accept_keyword("tensors"):
            parser.expect("(")
            attributes["tensors"] = _parse_tensors(parser)
        if parser.accept_keyword("attributes"):
            attributes.update(parser.attr_dict())
        attributes["function_type"] = FunctionType([a[1] for a in arguments], result_types)
        return cls((), (), attributes, [parser.region(arguments)], (), parser.op_location)

    def print(self, printer: Any) -> None:
        """See the class."""
        visibility = self.attributes.get("sym_visibility")
        if isinstance(visibility, StringAttr):
            printer.write(f"{visibility.value} ")
        printer.symbol(self.sym_name.value)
        printer.bracketed([partial(_print_argument, printer, argument) for argument in self.arguments])
        if self.function_type.results:
            printer.write(f" -> {format_results(self.function_type.results, printer.form)}")
        printer.write(f" parameters {self.parameter_count}")
        if self.tensors is not None:
            printer.write(" tensors ")
            printer.bracketed([partial(printer.attribute, tensor) for tensor in self.tensors])
        hidden = ("sym_name", "function_type", "parameters", "tensors", "sym_visibility")
        printer.attr_dict(self, exclude=hidden, keyword="attributes")
        printer.region(self.regions[0], arguments=False)


def _parse_tensors(parser: Any) -> ArrayAttr:
    """Take ``#neuron.tensor<...>, ...)``."""
    tensors: list[Attribute] = []
    if parser.accept(")"):
        return ArrayAttr(tensors)
    tensors.append(parser.attribute())
    while parser.accept(","):
        tensors.append(parser.attribute())
    parser.expect(")")
    return ArrayAttr(tensors)


def _print_argument(printer: Any, argument: BlockArgument) -> None:
    printer.value(argument)
    printer.write(": ")
    printer.type(argument.type)
    printer.location(argument.location)


class Output(Operation):
    """Ends a net; its operands are the net's results."""

    name = "neuron.output"
    values = operands(FLOAT_LIKE, "the results of the net")
    traits = frozenset({TERMINATOR, HasParent("neuron.net")})
    assembly = "attr-dict ($values `:` type($values))?"


class Call(Operation):
    """Runs a net on a batch.

    %y = neuron.call @xor(%x, %w) : (tensor<B x 2 x f32>, tensor<6xf32>) -> tensor<B x 1 x f32>
    """

    name = "neuron.call"
    callee = attr(SymbolRefAttr, "the net")
    arguments = operands(TENSOR, "the samples, one a row; the parameters; for a net of gradients, the cotangents")
    outputs = results(TENSOR, "as of the net")
    traits = frozenset({RAW})
    assembly = "$callee `(` $arguments `)` attr-dict `:` functional-type(operands, results)"

    def verify(self) -> None:
        net = lookup(self, self.callee.value)
        if net is None:
            return  # the verifier reports references to nothing
        if not isinstance(net, Net):
            raise ValueError(f"{self.callee} is no net, but {net.name}")
        given = FunctionType([v.type for v in self.operands], [r.type for r in self.results])
        first = given.inputs[0] if given.inputs else None
        leading = first.shape[:-1] if isinstance(first, TensorType) else ()
        wanted = net.batched_type(*leading[::-1]) if len(leading) == 1 + net.has_state else net.batched_type()
        if given is not wanted:
            raise ValueError(f"calls {self.callee} as {given}, but for a batch it is {wanted}")

    def eval(self, context: Any, *operands: Any) -> Sequence[Any]:
        return context.call(self.callee.value, operands)


def parameter_indices(op: Operation) -> Iterable[int]:
    """The parameters that an op of a net reads, as often as it reads them."""
    used = getattr(op, "parameter_indices", None)
    if used is not None:
        return used()
    bias = op.attributes.get("bias")
    own = [bias.value] if isinstance(bias, IntegerAttr) else []
    return [index for index in getattr(op, "weights", ()) if index >= 0] + own


def _check_acyclic(block: Block) -> None:
    """InnerProblem that lists a cycle by the names of its neurons, if there is one."""
    done: set[Operation] = set()
    for start in block:
        if start in done:
            continue
        path: dict[Operation, Any] = {start: iter(_needed(start))}
        while path:
            op = next(reversed(path))
            for value in path[op]:
                source = value.defining_op()
                if source is None or source.parent is not block or source in done:
                    continue
                if source in path:
                    chain = list(path)
                    cycle = [*chain[chain.index(source) :], source]
                    # The walk went from uses to definitions; the edges go the other way.
                    names = " -> ".join(shown_name(o.results[0]) for o in reversed(cycle))
                    raise InnerProblem(source, f"cycle: {names}; a cycle must go through a neuron.delay")
                path[source] = iter(_needed(source))
                break
            else:
                done.add(op)
                del path[op]


def _needed(op: Operation) -> Sequence[Value]:
    """What an op needs of its own step."""
    return () if DELAYED in op.traits else op.operands


def _matrix(context: Any, given: Any, type: Type, net: Net) -> Any:
    """An argument of a batch in the dtype of the net. Error for a wrong shape."""
    assert isinstance(type, TensorType)
    array = np.asarray(context.round(np.asarray(value_of(given)), type))
    known = [size for size in type.shape if isinstance(size, int)]
    if array.ndim != type.rank or list(array.shape[array.ndim - len(known) :]) != known:
        fail(f"@{symbol_name(net)} takes {type}, got an array of shape {array.shape}", net.location)
    return Bounded(array, error_of(given)) if isinstance(given, Bounded) else array


def _columns(matrix: Any) -> Any:
    """The columns of a matrix one after another, errors with them."""
    error = error_of(matrix)
    columns = value_of(matrix).T
    if error is None:
        return iter(columns)
    return iter([Bounded(v, e) for v, e in zip(columns, np.broadcast_to(error, columns.T.shape).T, strict=True)])


def _take(columns: Any, type: Type) -> Any:
    """The next columns as a value of ``type``: one, or several side by side."""
    if not isinstance(type, TensorType):
        return next(columns)
    parts = [next(columns) for _ in range(width(type))]
    values = np.stack([value_of(p) for p in parts], 1)
    if all(error_of(p) is None for p in parts):
        return values
    errors = [np.broadcast_to(magnitude(error_of(p)), np.shape(value_of(p))) for p in parts]
    return Bounded(values, np.stack(errors, 1))


def _as_rows(value: Any, rows: int, columns: int) -> Any:
    """A value of the net as a matrix [rows, columns]."""
    plain = np.asarray(value_of(value))
    shaped = plain.reshape(-1, columns) if plain.ndim == 2 or columns > 1 else plain.reshape(-1, 1)
    matrix = np.broadcast_to(shaped, (rows, columns))
    error = error_of(value)
    if error is None:
        return matrix
    return Bounded(matrix, np.broadcast_to(np.broadcast_to(error, plain.shape).reshape(shaped.shape), (rows, columns)))


def _join(parts: Sequence[Any], rows: int, dtype: np.dtype) -> Any:
    """Matrices side by side."""
    if not parts:
        return np.zeros((rows, 0), dtype)
    values = np.concatenate([value_of(p) for p in parts], 1)
    if all(error_of(p) is None for p in parts):
        return values
    errors = [np.broadcast_to(magnitude(error_of(p)), value_of(p).shape) for p in parts]
    return Bounded(values, np.concatenate(errors, 1))


def _sum_rows(context: Any, matrix: Any, kind: Type) -> Any:
    """The sum over the batch; its error bound holds for any order of the additions."""
    values = value_of(matrix)
    total = np.asarray(context.round(values.sum(0), kind))
    if not context.bounded:
        return total
    errors = np.broadcast_to(magnitude(error_of(matrix)), values.shape)
    growth = gamma(max(len(values) - 1, 0), context.unit(kind))
    return Bounded(total, growth * (np.abs(values) + errors).sum(0) + errors.sum(0))
