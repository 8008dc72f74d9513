"""A compiled net: native code, parameters, and the levels it went through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from threading import Lock
from typing import Any

import numpy as np

from irc.arrays import aligned_zeros, as_input, check_output
from irc.backend.entry import Argument, Function, Signature, argument_attributes
from irc.backend.jit import Library
from irc.backend.target import Target
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron.net import Net as NetOp
from irc.initial import initial_parameters
from irc.instruments import Dump
from irc.ir.diagnostics import Diagnostics, Error, counted, fail
from irc.ir.dimensions import evaluate, symbols_of
from irc.ir.operation import Operation
from irc.ir.symbols import is_private, symbol_name
from irc.ir.types import ScalarType
from irc.parameters import Parameters
from irc.passes.pipelines import INFERENCE, TRAINING
from irc.passmanager import Instrument, Pass, PassContext, PassManager, parse_pipeline, pass_names


@dataclass(frozen=True)
class Gradients:
    """What :meth:`Net.vjp` gives besides the output.

    ``params``: gradients of the parameters, by name and ``flat``; ``x``: gradient of the input, of its shape (a tuple
    for several inputs; None for an input of integers).
    """

    params: Parameters
    x: Any


class Net:
    """A net that runs. Make one with :func:`irc.compile`; close it, or use ``with``, to give native memory back.

    ``params`` are the parameters (see :class:`irc.parameters.Parameters`); ``module`` is the program as it came in;
    ``input_size`` and ``output_size`` are the widths of the first input and of the first result (None: not fixed).
    """

    def __init__(
        self,
        module: ModuleOp,
        target: Target,
        pipeline: Sequence[Pass] | None = None,
        instruments: Iterable[Instrument] = (),
        *,
        seed: int = 0,
        entry: str | None = None,
        diagnostics: Diagnostics | None = None,
    ):
        self.module = module
        self.target = target
        self._pipeline = list(pipeline) if pipeline is not None else None
        self._instruments = list(instruments)
        self._lock = Lock()
        self._libraries: dict[bool, Library] = {}
        self._lowered: ModuleOp | None = None
        self._kernels: dict[bool, _Kernel] = {}
        self._closed = False
        self.entry = _entry(module, entry)
        forward = self._kernel(False, diagnostics)
        self.dtype = forward.dtype
        table, values = initial_parameters(self.entry, forward.parameters, forward.signature.symbols, self.dtype, seed)
        flat = aligned_zeros(table.size, self.dtype)
        flat[...] = values
        self._params = Parameters(table, flat)

    # -- running -------------------------------------------------------------------------------------------------

    @property
    def params(self) -> Parameters:
        """The parameters: by name, and ``params.flat``, the vector that native code reads. Writable."""
        return self._params

    @property
    def name(self) -> str:
        """The name of the net or function that was compiled."""
        return symbol_name(self.entry) or "net"

    @property
    def input_size(self) -> int | None:
        """The number of features of a sample; None where it is not fixed."""
        kernel = self._kernel(False)
        return _width(kernel.inputs[0], kernel.signature) if kernel.inputs else None

    @property
    def output_size(self) -> int | None:
        """The number of outputs of a sample; None where it is not fixed."""
        signature = self._kernel(False).signature
        return _width(signature.outputs()[0], signature)

    def run(self, *inputs: Any, out: np.ndarray | None = None) -> Any:
        """The net's output for a batch.

        Args:
            inputs: an array [samples, features] for a net; for a function of several inputs, one for each. Anything
            NumPy reads as
                real numbers; converted to the net's dtype where needed.
            out: an array to write the (only) result into; C-contiguous, of the result's shape and dtype.

        Returns:
            An array [samples, outputs]; a tuple for a function of several results.

        Raises:
            irc.Error: wrong number of inputs, rank, width or dtype; unsuitable ``out``; a closed net.
        """
        kernel = self._kernel(False)
        arrays = kernel.prepare(inputs, self._params.flat)
        if out is None:
            return _one(kernel.function.call(arrays))
        symbols = kernel.sizes(arrays)
        if len(kernel.signature.outputs()) != 1:
            raise Error("out= is for functions with one result")
        (result,) = kernel.signature.outputs()
        check_output(out, result.dtype, [evaluate(d, symbols) for d in result.shape])
        return _one(kernel.function.call(arrays, [out]))

    __call__ = run

    def vjp(self, x: Any, dy: Any) -> tuple[Any, Gradients]:
        """The output, and the gradients of ``sum(dy * output)`` (vector-Jacobian product).

        Args:
            x: as for :meth:`run`; a tuple for several inputs.
            dy: the gradient of the output, of the output's shape; a tuple for several results.

        Returns:
            ``(y, gradients)`` with ``gradients.params`` and ``gradients.x``.

        Raises:
            irc.Error: as :meth:`run`; or if the net was compiled with passes that do not differentiate.
        """
        kernel = self._kernel(True)
        xs = tuple(x) if isinstance(x, tuple) else (x,)
        dys = tuple(dy) if isinstance(dy, tuple) else (dy,)
        results = kernel.function.call(kernel.prepare((*xs, *dys), self._params.flat))
        forward = self._kernel(False)
        count = len(forward.signature.outputs())
        gradients = iter(results[count:])
        flat = np.zeros_like(self._params.flat)
        inputs: list[np.ndarray | None] = []
        for argument in forward.arguments:
            if argument.dtype.kind != "f":
                inputs.append(None)
            elif argument.name in forward.parameters:
                begin = forward.offsets[argument.name]
                part = next(gradients).reshape(-1)
                flat[begin : begin + part.size] = part
            else:
                inputs.append(next(gradients))
        gradient = inputs[0] if len(inputs) == 1 else tuple(inputs)
        return _one(results[:count]), Gradients(Parameters(self._params.table, flat), gradient)

    # -- looking -------------------------------------------------------------------------------------------------

    def dump(
        self,
        after: str | Sequence[str] | None = None,
        before: str | Sequence[str] | None = None,
        generic: bool = False,
        elide: bool = True,
    ) -> str:
        """The module as text: as it came in, or after (before) the named passes of the training pipeline, or ``"all"``.

        ``elide`` shortens large data; ``generic`` is MLIR's own form. Raises :class:`irc.Error` for a pass that does
        not run.
        """
        if after is None and before is None:
            return self.module.to_text(generic=generic, elide=elide)
        passes = self._passes(True)
        stream = StringIO()
        dump = Dump(stream, _wanted(after, passes), _wanted(before, passes), generic=generic, elide=elide)
        PassManager(passes, PassContext(self.target), [dump]).run(self.module.clone())
        return stream.getvalue()

    def equations(self, backward: bool = False) -> str:
        """The net as equations: forward, and with ``backward`` the gradients, from the IR that autodiff made."""
        from irc.emit.equations import equations

        return equations(self._net(), backward=backward)

    def svg(self) -> str:
        """The graph as an SVG picture."""
        from irc.emit.svg import svg

        return svg(self._net())

    def llvm(self, backward: bool = False) -> str:
        """The LLVM IR of the kernels, forward or joint."""
        self._kernel(backward)
        return self._libraries[backward].llvm_text

    def assembly(self, backward: bool = False) -> str:
        """The machine code of the kernels as assembly text."""
        self._kernel(backward)
        return self._libraries[backward].assembly()

    def _net(self) -> NetOp:
        if not isinstance(self.entry, NetOp):
            raise Error(f"@{self.name} is a function of arrays, not a net of neurons")
        return self.entry

    # -- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give the native code back. The net cannot run afterwards; its parameters stay readable."""
        self._closed = True
        for library in self._libraries.values():
            library.close()

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        sizes = ((self.input_size, "input"), (self.output_size, "output"), (self._params.flat.size, "parameter"))
        return f"<net {self.name}: {', '.join(counted(number, what) for number, what in sizes)}>"

    # -- compiling -----------------------------------------------------------------------------------------------

    def _passes(self, training: bool) -> list[Pass]:
        if self._pipeline is not None:
            return self._pipeline
        return parse_pipeline(TRAINING if training else INFERENCE)

    def _kernel(self, training: bool, diagnostics: Diagnostics | None = None) -> _Kernel:
        """The compiled function, forward or joint; each is made when first needed, once."""
        if self._closed:
            raise Error(f"net {self.name} is closed")
        found = self._kernels.get(training)
        if found is not None:
            return found
        with self._lock:
            if training not in self._kernels:
                self._kernels[training] = self._compile(training, diagnostics)
            return self._kernels[training]

    def _compile(self, training: bool, diagnostics: Diagnostics | None) -> _Kernel:
        passes = self._passes(training)
        name = self.name
        if training:
            name += "_vjp"
            if not any(p.name == "autodiff" for p in passes):
                raise Error("this net was compiled with passes that do not differentiate; add autodiff")
        if self._pipeline is not None and self._lowered is not None:
            library, module = next(iter(self._libraries.values())), self._lowered
        else:
            module = self.module.clone()
            context = PassContext(self.target, diagnostics if diagnostics is not None else Diagnostics())
            PassManager(passes, context, self._instruments).run(module)
            library, self._lowered = Library(module, self.target), module
        self._libraries[training] = library
        function = module.function(name)
        assert isinstance(function, FuncOp)
        return _Kernel.of(function, library.function(name))


@dataclass(frozen=True)
class _Kernel:
    """A native function, and which of its arguments are parameters."""

    function: Function
    signature: Signature
    arguments: list[Argument]
    parameters: dict[str, Argument]
    """By the argument's name."""
    offsets: dict[str, int]
    """Where each parameter argument begins in the flat vector."""
    bound: dict[str, np.ndarray]

    @classmethod
    def of(cls, op: FuncOp, function: Function) -> _Kernel:
        signature = function.signature
        parameters: dict[str, Argument] = {}
        offsets: dict[str, int] = {}
        offset = 0
        for number, argument in enumerate(signature.arguments):
            if argument.role == "input" and "irc.param" in argument_attributes(op, number):
                parameters[argument.name] = argument
                offsets[argument.name] = offset
                offset += int(np.prod(_shape(argument, signature), dtype=np.int64))
        bound = {a.name: a.data for a in signature.by_role("bound") if a.data is not None}
        return cls(function, signature, signature.by_role("input"), parameters, offsets, bound)

    @property
    def inputs(self) -> list[Argument]:
        """The arguments that a caller gives."""
        return [a for a in self.arguments if a.name not in self.parameters]

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the net's numbers."""
        floats = [
            a.dtype for a in (*self.parameters.values(), *self.inputs, *self.signature.outputs()) if a.dtype.kind == "f"
        ]
        return floats[0] if floats else np.dtype(np.float32)

    def sizes(self, arrays: Sequence[Any]) -> dict[str, int]:
        """The sizes that follow from the shapes of the arguments."""
        named = dict(zip((a.name for a in self.arguments), arrays, strict=True))
        return self.function.sizes(named | self.bound)

    def prepare(self, given: Sequence[Any], flat: np.ndarray) -> list[Any]:
        """All arrays in the order of the arguments: parameters as parts of ``flat``, the given ones checked and
        converted.
        """
        wanted = self.inputs
        if len(given) != len(wanted):
            names = ", ".join(a.name for a in wanted)
            raise Error(f"@{self.signature.name} takes {counted(len(wanted), 'input')} ({names}), got {len(given)}")
        values = iter(given)
        arrays: list[Any] = []
        for argument in self.arguments:
            if argument.name in self.parameters:
                shape = _shape(argument, self.signature)
                begin = self.offsets[argument.name]
                arrays.append(flat[begin : begin + int(np.prod(shape, dtype=np.int64))].reshape(shape))
            else:
                arrays.append(_input(argument, next(values), self.signature))
        return arrays


def _input(argument: Argument, value: Any, signature: Signature) -> np.ndarray:
    known = signature.symbols
    shape = [evaluate(d, known) if symbols_of(d) <= set(known) else None for d in argument.shape]
    return as_input(value, argument.dtype, shape, argument.name)


def _shape(argument: Argument, signature: Signature) -> tuple[int, ...]:
    if isinstance(argument.type, ScalarType):
        return ()
    try:
        return tuple(evaluate(d, signature.symbols) for d in argument.shape)
    except KeyError as error:
        raise Error(
            f"the size of parameter '{argument.name}' is not known: symbol {error} has no value; give it in irc.symbols"
        ) from None


def _width(argument: Argument, signature: Signature) -> int | None:
    last = argument.shape[-1] if argument.shape else 1
    return evaluate(last, signature.symbols) if symbols_of(last) <= set(signature.symbols) else None


def _one(results: Sequence[Any]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


def _wanted(names: str | Sequence[str] | None, passes: Sequence[Pass]) -> list[str] | None:
    if names is None:
        return []
    if names == "all":
        return None
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if name.replace("_", "-") not in {p.name for p in passes}:
            known = "is not in this net's pipeline" if name in pass_names() else "does not exist"
            fail(f"pass '{name}' {known}, which is {', '.join(dict.fromkeys(p.name for p in passes))}")
    return [name.replace("_", "-") for name in listed]


def _entry(module: ModuleOp, name: str | None) -> Operation:
    """The net or function to compile: the one asked for, ``main``, or the only public one."""
    callable_ops = [op for op in module.functions if not is_private(op)]
    names = [symbol_name(op) or "" for op in callable_ops]
    wanted = name if name is not None else "main" if "main" in names else names[0] if len(names) == 1 else None
    if not names:
        fail("the module has no public function or net to compile")
    if wanted is None:
        fail(f"the module has several functions ({', '.join(names)}): say which with entry=, or name one main")
    if wanted not in names:
        fail(f"the module has no public function or net @{wanted}; it has {', '.join(names)}")
    op = callable_ops[names.index(wanted)]
    if isinstance(op, FuncOp) and op.is_declaration:
        fail(f"@{wanted} has no body", op.location)
    return op
