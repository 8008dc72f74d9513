"""A compiled net: native code, parameters, and the levels it went through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from threading import Lock
from typing import Any

import numpy as np

from irc.arrays import aligned_zeros, check_output
from irc.backend.jit import Library
from irc.backend.native_call import NativeCall, native_call
from irc.backend.target import Target
from irc.backend.threads import Samples, checked_threads
from irc.bound_graphs import SoundGraphs
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron.net import Net as NetOp
from irc.frontends.graph import Graph
from irc.initial import initial_parameters
from irc.instruments import Dump
from irc.ir.attributes import StringAttr
from irc.ir.diagnostics import Diagnostics, Error, counted, fail
from irc.ir.operation import Operation
from irc.ir.symbols import is_private, symbol_name, unused_private_symbols
from irc.kernel import Kernel
from irc.parameters import Parameters
from irc.passes.autodiff import VJP_OF
from irc.passes.pipelines import PIPELINES
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
    ``structure`` is what :func:`irc.compile` was told of it.
    """

    def __init__(
        self,
        module: ModuleOp,
        target: Target,
        pipeline: Sequence[Pass] | None = None,
        instruments: Iterable[Instrument] = (),
        *,
        structure: str = "data",
        seed: int = 0,
        entry: str | None = None,
        diagnostics: Diagnostics | None = None,
    ):
        self.module = module
        self.target = target
        self._pipeline = list(pipeline) if pipeline is not None else None
        self.structure = structure
        self._instruments = list(instruments)
        self._lock = Lock()
        self._libraries: dict[bool, Library] = {}
        self._lowered: ModuleOp | None = None
        self._kernels: dict[bool, Kernel] = {}
        self._short: dict[bool, NativeCall] = {}
        self._samples: dict[bool, Samples] = {}
        self._threads = 1
        self._closed = False
        self.entry = find_entry(module, entry)
        forward = self._kernel(False, diagnostics)
        self.dtype = forward.dtype
        table, values = initial_parameters(self.entry, forward.parameters, forward.signature.symbols, self.dtype, seed)
        flat = aligned_zeros(table.size, self.dtype)
        flat[...] = values
        self._params = Parameters(table, flat)
        self._forward = forward
        self._results = len(forward.signature.outputs())
        self._offer_short_calls(False, forward)

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
        return kernel.width(kernel.inputs[0]) if kernel.inputs else 0

    @property
    def output_size(self) -> int | None:
        """The number of outputs of a sample; None where it is not fixed."""
        kernel = self._kernel(False)
        outputs = kernel.signature.outputs()
        return kernel.width(outputs[0]) if outputs else 0

    def run(self, *inputs: Any, out: np.ndarray | None = None, threads: int | None = None) -> Any:
        """The net's output for a batch.

        Args:
            inputs: an array [samples, features] for a net; for a function of several inputs, one for each. Anything
                NumPy reads as real numbers; converted to the net's dtype where needed.
            out: an array to write the (only) result into; C-contiguous, of the result's shape and dtype.
            threads: on how many threads at most, for large batches of a net; default: ``threads`` of the net. The
                results are the same, bit for bit.

        Returns:
            An array [samples, outputs]; a tuple for a function of several results.

        Raises:
            irc.Error: wrong number of inputs, rank, width or dtype; unsuitable ``out``; a closed net.
        """
        short = self._short.get(False)
        results = short(inputs, None if out is None else (out,)) if short is not None else None
        if results is not None:
            return _one(results)
        kernel = self._kernel(False)
        arrays = kernel.prepare(inputs, self._params.flat)
        if out is None:
            return _one(self._call(False, kernel, arrays, None, threads))
        if len(kernel.signature.outputs()) != 1:
            raise Error("out= is for functions with one result")
        (result,) = kernel.signature.outputs()
        check_output(out, result.dtype, kernel.function.plan(arrays).outputs[0])
        return _one(self._call(False, kernel, arrays, [out], threads))

    __call__ = run

    def vjp(self, x: Any, dy: Any, threads: int | None = None) -> tuple[Any, Gradients]:
        """The output, and the gradients of ``sum(dy * output)`` (vector-Jacobian product).

        Args:
            x: as for :meth:`run`; a tuple for several inputs.
            dy: the gradient of the output, of the output's shape; a tuple for several results.
            threads: as for :meth:`run`.

        Returns:
            ``(y, gradients)`` with ``gradients.params`` and ``gradients.x``.

        Raises:
            irc.Error: as :meth:`run`; or if the net was compiled with passes that do not differentiate.
        """
        xs = x if isinstance(x, tuple) else (x,)
        dys = dy if isinstance(dy, tuple) else (dy,)
        short = self._short.get(True)
        results = short((*xs, *dys)) if short is not None else None
        if results is None:
            kernel = self._kernel(True)
            results = self._call(True, kernel, kernel.prepare((*xs, *dys), self._params.flat), None, threads)
        flat, gradients = self._forward.gradients(results[self._results :], self._params.flat)
        gradient = gradients[0] if len(gradients) == 1 else tuple(gradients)
        return _one(results[: self._results]), Gradients(Parameters(self._params.table, flat), gradient)

    @property
    def threads(self) -> int:
        """On how many threads a call runs at most, where it does not say so itself. Settable."""
        return self._threads

    @threads.setter
    def threads(self, count: int) -> None:
        self._threads = checked_threads(count)

    def _call(
        self,
        training: bool,
        kernel: Kernel,
        arrays: list[Any],
        out: Sequence[np.ndarray] | None,
        threads: int | None,
    ) -> list[np.ndarray]:
        """A native call. The samples of a net are independent, so it may run in chunks; those of a function need not
        be.
        """
        count = self._threads if threads is None else checked_threads(threads)
        if not isinstance(self.entry, NetOp):
            return kernel.function.call(arrays, out)
        samples = self._samples.get(training)
        if samples is None:
            samples = self._samples[training] = Samples(kernel.function)
        return samples.call(arrays, out, count)

    def with_graph(self, source: Any) -> Net:
        """Another net, of the graph ``source`` (in any form that :func:`irc.compile` takes), with this one's weights.

        Parameters that have the same name in both keep their current value; the others start as ``source`` says, or are
        drawn. To change this net's own graph, use ``irc.frontends.edit`` on :meth:`graph`. Raises :class:`irc.Error`
        as :func:`irc.compile`.
        """
        from irc.compiler import compile  # it makes nets, so it stands above this file

        other = compile(source, dtype=self.dtype, target=self.target, structure=self.structure)
        for name, value in self.params.items():
            if name in other.params and np.shape(other.params[name]) == np.shape(value):
                other.params[name] = value
        return other

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

    def graph(self, lossy: bool = False) -> Graph:
        """The net as a graph of neurons, with the current parameters as start values.

        Raises :class:`irc.Error` for what no graph has; ``lossy`` makes parameters of weights that are constants.
        """
        from irc.emit.graph import graph_of

        return graph_of(self._net(), self._params.flat, lossy)

    def _net(self) -> NetOp:
        if not isinstance(self.entry, NetOp):
            raise Error(f"@{self.name} is a function of arrays, not a net of neurons")
        return self.entry

    # -- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give the native code back. The net cannot run afterwards; its parameters stay readable."""
        with self._lock:
            self._closed = True
            self._short = {}
        for library in self._libraries.values():
            library.close()

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "a compiled net cannot be copied or pickled: keep net.module.to_text() and net.params.flat; compile again"
        )

    def __repr__(self) -> str:
        if self._closed:
            return f"<net {self.name}, closed>"
        sizes = ((self.input_size, "input"), (self.output_size, "output"), (self._params.flat.size, "parameter"))
        return f"<net {self.name}: {', '.join(counted(number, what) for number, what in sizes)}>"

    # -- compiling -----------------------------------------------------------------------------------------------

    def _passes(self, training: bool) -> list[Pass]:
        if self._pipeline is not None:
            return self._pipeline
        inference, joint = PIPELINES[self.structure]
        return parse_pipeline(joint if training else inference)

    def _kernel(self, training: bool, diagnostics: Diagnostics | None = None) -> Kernel:
        """The compiled function, forward or joint; each is made when first needed, once."""
        if self._closed:
            raise Error(f"net {self.name} is closed")
        found = self._kernels.get(training)
        if found is not None:
            return found
        with self._lock:
            if self._closed:
                raise Error(f"net {self.name} is closed")
            if training not in self._kernels:
                self._kernels[training] = self._compile(training, diagnostics)
                if training:
                    self._offer_short_calls(True, self._kernels[True])
            return self._kernels[training]

    def _offer_short_calls(self, training: bool, kernel: Kernel) -> None:
        made = native_call(kernel.function, kernel.parts(self._params.flat))
        if made is not None:
            self._short[training] = made

    def _compile(self, training: bool, diagnostics: Diagnostics | None) -> Kernel:
        passes = self._passes(training)
        name = self.name
        if training and not any(p.name == "autodiff" for p in passes):
            raise Error("this net was compiled with passes that do not differentiate; add autodiff")
        if self._pipeline is not None and self._lowered is not None:
            library, module = next(iter(self._libraries.values())), self._lowered
        else:
            module = self.module.clone()
            context = PassContext(self.target, diagnostics if diagnostics is not None else Diagnostics())
            PassManager(passes, context, [SoundGraphs(), *self._instruments]).run(module)
            if self._pipeline is None:
                _keep_only(module, _derivative(module, name) if training else module.function(name))
            library, self._lowered = Library(module, self.target), module
        function = _derivative(module, name) if training else module.function(name)
        assert isinstance(function, FuncOp)
        self._libraries[training] = library
        kernel = Kernel(library.function(function.symbol))
        if training:
            forward = self._kernel(False)
            by = sum(a.dtype.kind == "f" for a in forward.arguments)
            if len(kernel.signature.outputs()) != len(forward.signature.outputs()) + by:
                raise Error("the passes differentiate by some arguments only (wrt= of autodiff); vjp needs all")
        return kernel


def _keep_only(module: ModuleOp, wanted: Operation) -> None:
    """Remove the functions that ``wanted`` does not call: to make machine code takes most of the time of a compile."""
    for op in module.functions:
        if op is not wanted:
            op.attributes["sym_visibility"] = StringAttr("private")
    for op in unused_private_symbols(module):
        op.erase()


def _one(results: Sequence[Any]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


def _derivative(module: ModuleOp, name: str) -> FuncOp:
    """The function that autodiff made of ``@name``, by all its free float arguments."""
    made = [op for op in module.functions if op.attributes.get(VJP_OF) == StringAttr(name) and isinstance(op, FuncOp)]
    function = next((op for op in made if not is_private(op)), None)
    if function is None:
        raise Error(f"@{name} has no derivative: it gives no floats, or autodiff was told to leave it out")
    return function


def _wanted(names: str | Sequence[str] | None, passes: Sequence[Pass]) -> list[str] | None:
    if names is None:
        return []
    if names == "all":
        return None
    listed: list[Any] = list(names) if isinstance(names, (list, tuple)) else [names]
    for name in listed:
        if not isinstance(name, str):
            raise Error(f"name passes to dump after or before, not {type(name).__name__}")
        if name.replace("_", "-") not in {p.name for p in passes}:
            known = f"pass '{name}' is not in this net's pipeline"
            known = known if name.replace("_", "-") in pass_names() else f"there is no pass '{name}'"
            fail(f"{known}; the pipeline is {', '.join(dict.fromkeys(p.name for p in passes))}")
    return [name.replace("_", "-") for name in listed]


def find_entry(module: ModuleOp, name: str | None) -> Operation:
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
