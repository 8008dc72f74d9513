"""A compiled net: native code, parameters, and the levels it went through."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any
from weakref import WeakSet

import numpy as np

from irc.arrays import aligned_zeros, as_array, as_given, check_output
from irc.backend.entry import Function
from irc.backend.forks import lock
from irc.backend.native_call import NativeCall, Straight, native_call
from irc.backend.target import Target
from irc.backend.threads import Samples, checked_threads
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron.net import Net as NetOp
from irc.dialects.neuron.whole import whole_net
from irc.frontends.graph import Graph
from irc.graph_program import GraphProgram
from irc.instruments import Dump
from irc.ir.diagnostics import Error, counted, fail
from irc.ir.dimensions import substitute
from irc.ir.operation import Operation
from irc.kernel import Kernel
from irc.parameters import Parameters
from irc.passmanager import Pass, PassContext, PassManager, pass_names
from irc.program import Program
from irc.recurrence import STEPS, Call, Recurrence, State, all_rows, checked_rows, single
from irc.training.evaluation import Evaluation, evaluate_data, predict
from irc.training.fit import fit
from irc.training.gradient import value_and_grad
from irc.training.history import History
from irc.training.losses import Loss, find_loss, loss_of_attribute
from irc.training.memory import Memory
from irc.training.recipes import Recipe


@dataclass(frozen=True)
class Gradients:
    """What :meth:`Net.vjp` gives besides the output.

    ``params``: gradients of the parameters, by name and ``flat``; ``x``: gradient of the input, of its shape (a tuple
    for several inputs; None for an input of integers).
    """

    params: Parameters
    x: Any


Way = tuple[bool, bool]
"""Which of a program's native functions: whether with gradients, and whether for one sample."""
FORWARD: Way = (False, False)
JOINT: Way = (True, False)


class Net:
    """A net that runs. Make one with :func:`irc.compile`; close it, or use ``with``, to give native memory back.

    ``params`` are the parameters (see :class:`irc.parameters.Parameters`); ``input_size`` and ``output_size`` are the
    widths of the first input and of the first result (None: not fixed). ``target`` and ``structure`` are what
    :func:`irc.compile` was told. ``forward`` is the native function that :meth:`run` calls. ``memory`` is how far the
    net has learnt, None before: :meth:`fit` goes on from there; set it to None to begin anew.
    """

    def __init__(self, program: Program, target: Target, structure: str = "data", seed: int = 0):
        self.target = target
        self.structure = structure
        self._program = program
        self._lock = lock()
        self._kernels: dict[Way, Kernel] = {}
        self._short: dict[Way, NativeCall] = {}
        self._straight: dict[tuple[int, ...], Straight] = {}  # by shape: what `run` needs of a short call, no more
        self._calls: dict[Way, int] = {}
        self._samples: dict[Way, Samples] = {}
        self._made: dict[Recipe, Kernel] = {}
        self.memory: Memory | None = None
        self._threads = 1
        self._loss: Loss | None = None
        self._closed = False
        self._frozen: WeakSet[Net] = WeakSet()
        forward = self._kernel(FORWARD)
        self.dtype = forward.dtype
        table, values = program.parameters(forward, seed)
        flat = aligned_zeros(table.size, self.dtype)
        flat[...] = values
        self._params = Parameters(table, flat)
        self.forward = forward
        self._results = len(forward.signature.outputs())
        recurrence = Recurrence.of(forward)  # a function is given its state, and gives it back, itself
        self._recurrence = recurrence if recurrence is not None and isinstance(self.entry, NetOp) else None

    # -- running -------------------------------------------------------------------------------------------------

    @property
    def params(self) -> Parameters:
        """The parameters: by name, and ``params.flat``, the vector that native code reads. Writable."""
        return self._params

    @property
    def name(self) -> str:
        """The name of the net or function that was compiled."""
        return self._program.name

    @property
    def module(self) -> ModuleOp:
        """The program as it came in."""
        return self._program.module

    @property
    def entry(self) -> Operation:
        """The net or function of the module that runs."""
        return self._program.entry

    @property
    def program(self) -> Program:
        """What is run."""
        return self._program

    @property
    def input_size(self) -> int | None:
        """The number of features of a sample; None where it is not fixed."""
        kernel = self._kernel(FORWARD)
        return kernel.width(kernel.inputs[0]) if kernel.inputs else 0

    @property
    def output_size(self) -> int | None:
        """The number of outputs of a sample; None where it is not fixed."""
        kernel = self._kernel(FORWARD)
        outputs = kernel.signature.outputs()
        return kernel.width(outputs[0]) if outputs else 0

    def run(
        self, *inputs: Any, out: np.ndarray | None = None, threads: int | None = None, rows: str = STEPS
    ) -> Any:
        """The net's output for a batch. A recurrent net goes on from the state that the call before left (``state``).

        Args:
            inputs: an array [samples, features] for a net; for a function of several inputs, one for each. Anything
                NumPy reads as real numbers; converted to the net's dtype where needed.
            out: an array to write the (only) result into; C-contiguous, of the result's shape and dtype.
            threads: on how many threads at most, for large batches of a net; default: ``threads`` of the net. The
                results are the same, bit for bit.
            rows: ``"steps"``: to a recurrent net the samples are consecutive steps; ``"streams"``: ``x`` is [steps,
                streams, features]. To a net without delays all rows are alike.

        Returns:
            An array [samples, outputs] (with ``"streams"`` [steps, streams, outputs]); a tuple for a function of
            several results.

        Raises:
            irc.Error: wrong number of inputs, rank, width or dtype; unsuitable ``out``; a closed net.
        """
        if len(inputs) == 1 and threads is None and rows is STEPS and type(inputs[0]) is np.ndarray:
            straight = self._straight.get(inputs[0].shape)
            if straight is not None:
                entry, shape, dtype = straight
                y = np.empty(shape, dtype) if out is None else out
                if entry(inputs[0], y):
                    return y
        if threads is not None:
            threads = checked_threads(threads)
        way = self._way(False, inputs)
        plain = self._recurrence is None and isinstance(rows, str) and rows == "steps"
        short = self._short.get(way) if plain else None
        if short is not None and not short.serves(threads):
            short = None
        if short is not None:
            samples = self.forward.samples(inputs)
            results = short(samples, None if out is None else (out,))
            if results is not None:
                self._remember_straight(short, samples)
                return _one(results)
        if not plain:
            return self._run_over_time(inputs, rows, out, threads)
        kernel = self._kernel(way)
        arrays = kernel.prepare(inputs, self._params.flat)
        if out is None:
            return _one(self._call(way, kernel, arrays, None, threads))
        if len(kernel.signature.outputs()) != 1:
            raise Error("out= is for functions with one result")
        (result,) = kernel.signature.outputs()
        check_output(out, result.dtype, kernel.function.plan(arrays).outputs[0])
        return _one(self._call(way, kernel, arrays, [out], threads))

    __call__ = run

    def vjp(
        self, x: Any, dy: Any, threads: int | None = None, rows: str = "steps"
    ) -> tuple[Any, Gradients]:
        """The output, and the gradients of ``sum(dy * output)`` (vector-Jacobian product).

        Of a recurrent net they are those through all steps of ``x``; its state, at the beginning, counts as given.

        Args:
            x: as for :meth:`run`; a tuple for several inputs.
            dy: the gradient of the output, of the output's shape; a tuple for several results.
            threads, rows: as for :meth:`run`.

        Returns:
            ``(y, gradients)`` with ``gradients.params`` and ``gradients.x``.

        Raises:
            irc.Error: as :meth:`run`; or if the net was compiled with passes that do not differentiate.
        """
        xs = x if isinstance(x, tuple) else (x,)
        dys = dy if isinstance(dy, tuple) else (dy,)
        if threads is not None:
            threads = checked_threads(threads)
        way = self._way(True, xs)
        plain = self._recurrence is None and isinstance(rows, str) and rows == "steps"
        short = self._short.get(way) if plain else None
        if short is not None and not short.serves(threads):
            short = None
        results = short((*self.forward.samples(xs), *dys)) if short is not None else None
        if not plain:
            return self._vjp_over_time(xs, dys, rows, threads)
        if results is None:
            kernel = self._kernel(way)
            results = self._call(way, kernel, kernel.prepare((*xs, *dys), self._params.flat), None, threads)
        flat, gradients = self.forward.gradients(results[self._results :], self._params.flat)
        given = zip(gradients, xs, self.forward.inputs, strict=True)
        gradients = [None if g is None else as_given(g, value, a.sample_shape) for g, value, a in given]
        gradient = gradients[0] if len(gradients) == 1 else tuple(gradients)
        return _one(results[: self._results]), Gradients(Parameters(self._params.table, flat), gradient)

    @property
    def state(self) -> State:
        """The state of a recurrent net (see :class:`irc.recurrence.State`). Error for a net without delays."""
        if self._recurrence is None:
            raise Error(f"net {self.name} has no delays, so it has no state")
        return self._recurrence.state

    @property
    def has_state(self) -> bool:
        """Whether the net is recurrent."""
        return self._recurrence is not None

    def reset_state(self) -> None:
        """Begin anew, with the initial state. A net without delays has nothing to reset."""
        if self._recurrence is not None:
            self._recurrence.state.reset()

    def _run_over_time(self, inputs: tuple, rows: str, out: np.ndarray | None, threads: int | None) -> Any:
        """A call of a recurrent net; or of another one with streams, whose rows it takes one like the other."""
        x = single(inputs, self.name)
        if self._recurrence is not None:
            return self._recurrence.run(self._native_call(False), x, rows, out)
        checked_rows(rows)
        y = self.run(all_rows(x, "x"), out=None if out is None else all_rows(out, "out"), threads=threads)
        return y.reshape(*as_array(x, "x").shape[:2], -1) if out is None else out

    def _vjp_over_time(self, xs: tuple, dys: tuple, rows: str, threads: int | None) -> tuple[Any, Gradients]:
        """As :meth:`_run_over_time`."""
        x, dy = single(xs, self.name), single(dys, self.name)
        if self._recurrence is None:
            checked_rows(rows)
            y, found = self.vjp(all_rows(x, "x"), all_rows(dy, "dy"), threads)
            return y.reshape(as_array(dy, "dy").shape), Gradients(found.params, found.x.reshape(as_array(x, "x").shape))
        results = self._recurrence.vjp(self._native_call(True), x, dy, rows)
        flat, (gradient, _) = self.forward.gradients(results[self._results :], self._params.flat)
        return results[0], Gradients(Parameters(self._params.table, flat), gradient)

    def _native_call(self, training: bool) -> Call:
        """A call over time, of arrays whose second axis is that of streams; one stream has code of its own."""

        def call(given: list[np.ndarray], out: list[np.ndarray] | None) -> Sequence[np.ndarray]:
            way = (training, self._program.serves_one_sample and given[0].shape[1] == 1)
            short = self._short.get(way)
            results = short(given, out) if short is not None else None
            if results is not None:
                return results
            kernel = self._kernel(way)
            self._count_call(way, kernel)
            return kernel.function.call(kernel.prepare(given, self._params.flat), out, self._threads)

        return call

    @property
    def threads(self) -> int:
        """On how many threads a call runs at most, where it does not say so itself. Settable."""
        return self._threads

    @threads.setter
    def threads(self, count: int) -> None:
        self._threads = checked_threads(count)
        with self._lock:  # short calls are made for a number of threads
            self._short, self._straight, self._calls = {}, {}, {}

    def _call(
        self,
        way: Way,
        kernel: Kernel,
        arrays: list[Any],
        out: Sequence[np.ndarray] | None,
        threads: int | None,
    ) -> list[np.ndarray]:
        """A native call. The samples of a net are independent, so it may run in chunks; those of a function need not
        be.
        """
        count = self._threads if threads is None else threads
        self._count_call(way, kernel)
        if not self._program.independent_samples:
            return kernel.function.call(arrays, out, count)
        samples = self._samples.get(way)
        if samples is None:
            samples = self._samples[way] = Samples(kernel.function)
        return samples.call(arrays, out, count)

    # -- learning ------------------------------------------------------------------------------------------------

    @property
    def loss(self) -> Loss | None:
        """What training makes small, where a call does not say: as set, else what the source says. Settable to a name
        or a name and its parameter (``("huber", 2.0)``).
        """
        if self._loss is not None or isinstance(self._program, GraphProgram):  # a graph says nothing of losses
            return self._loss
        own = self.entry.attributes.get("irc.loss")
        return None if own is None else loss_of_attribute(own)

    @loss.setter
    def loss(self, given: Any) -> None:
        self._loss = None if given is None else find_loss(given)

    def value_and_grad(
        self, x: Any, target: Any, loss: Any = None, rows: str = "steps"
    ) -> tuple[float, Gradients]:
        """The mean loss of a batch, and its gradients; no step is made. A recurrent net begins anew.

        Args:
            x: as for :meth:`run`; a tuple for several inputs.
            target: an array of the output's shape. Of one output, perhaps without the last axis; for losses that choose
                a class, also the number of the class of each row.
            loss: a name, or a name and its parameter: ``"mse"``, ``("huber", 2.0)``; default: ``loss`` of the net.
            rows: as for :meth:`run`.

        Returns:
            ``(loss, gradients)`` with ``gradients.params`` and ``gradients.x``.

        Raises:
            irc.Error: data that do not fit; no loss; or a net that was compiled with passes that do not differentiate.
        """
        value, flat, by_input = value_and_grad(self, x, target, loss, rows)
        gradient = by_input[0] if len(by_input) == 1 else tuple(by_input)
        return value, Gradients(Parameters(self._params.table, flat), gradient)

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch: int = 32,
        optimizer: Any = None,
        loss: Any = None,
        validation: Any = None,
        callbacks: Any = (),
        shuffle: bool | None = None,
        seed: int = 0,
        verbose: int = 1,
        rows: str = "steps",
    ) -> History:
        """Learn from data: change the parameters, step by step, so that the loss becomes small.

        It goes on from the last call's optimiser, if this one's is the same but for its rate: ``memory`` holds what
        that keeps, and how many steps and epochs there have been. Two calls of two epochs do what one of four does.

        Args:
            x, y: inputs and targets as for :meth:`value_and_grad`, one row for each sample. Without ``y``, ``x`` gives
                the batches, pairs ``(x, y)`` of any numbers of rows: it is an iterable, or a function without arguments
                that gives one for each epoch. They are learnt as they come, so ``batch`` says nothing.
            epochs: how often all rows are learnt.
            batch: rows of a step; the last step of an epoch takes what is left.
            optimizer: such as ``irc.SGD(0.1)``; default: that of the last call, at first ``irc.Adam()``.
            loss: as for :meth:`value_and_grad`.
            validation: data that are looked at after each epoch, a pair ``(x, y)`` or the fraction of the rows, from
                their end, that is kept for this.
            callbacks: functions that are called after each epoch with the :class:`irc.Training`, or objects of
                :class:`irc.Callback`.
            shuffle: learn the rows of each epoch in another order, which follows from ``seed`` and the epoch; default:
                yes, but for a recurrent net, whose rows are steps. That begins each epoch anew, and its state goes on
                from batch to batch; gradients do not.
            seed: what the order of rows follows from, and, with the number of the step, what dropout leaves out.
            verbose: 0 silent, 1 a progress bar, 2 a line for each epoch.
            rows: as for :meth:`run`; with ``"streams"`` a batch is so many steps of all streams.

        Returns:
            The course of it, an :class:`irc.History`. Ctrl-C ends the training after the step that runs.

        Raises:
            irc.Error: data that do not fit or are not finite; a step whose loss or gradient is not finite, with the
                neuron where that begins. The parameters are then as before that step.
        """
        options = {"epochs": epochs, "batch": batch, "optimizer": optimizer, "loss": loss, "validation": validation}
        how = {"callbacks": callbacks, "shuffle": shuffle, "seed": seed, "verbose": verbose}
        return fit(self, x, y, rows=rows, **options, **how)

    def predict(self, *inputs: Any, batch: int = 1024, rows: str = "steps") -> Any:
        """As :meth:`run`, for any number of rows, ``batch`` of them at a time.

        A recurrent net begins anew; its ``state`` stays what it is.
        """
        return predict(self, inputs, batch, rows)

    def evaluate(self, x: Any, y: Any, loss: Any = None, batch: int = 1024, rows: str = "steps") -> Evaluation:
        """The mean loss on data; accuracy and confusion matrix for losses of classification. Arguments are as for
        :meth:`fit`.
        """
        return evaluate_data(self, x, y, loss, batch, rows)

    def made(self, recipe: Recipe) -> Kernel:
        """The native function that a recipe makes of this net (see ``irc.training.recipes``); the same each time."""
        with self._lock:
            self._open()
            if recipe not in self._made:
                self._made[recipe] = Kernel(self._program.made(recipe))
            return self._made[recipe]

    def freeze(self) -> Net:
        """A net for inference, with a snapshot of the parameters and of what follows from them alone, such as weights
        packed in the order in which a product reads them.

        It runs as this one does now, at most faster, and it has a state of its own. Its ``params`` are read-only; it
        has no gradients, and does not learn; it is not saved. Closing this net closes it.
        """
        from irc.frozen import FrozenProgram  # it stands above programs and passes

        flat = self._params.flat.copy()
        frozen = Net(FrozenProgram(self._program, flat), self.target, self.structure)
        frozen.params.flat.flags.writeable = False
        frozen.threads = self.threads
        self._frozen.add(frozen)
        return frozen

    def with_graph(self, source: Any) -> Net:
        """Another net, of the graph ``source`` (in any form that :func:`irc.compile` takes), with this one's weights.

        Parameters that have the same name in both keep their current value; the others start as ``source`` says, or are
        drawn. To change this net's own graph, use ``irc.frontends.edit`` on :meth:`graph`. Raises :class:`irc.Error`
        as :func:`irc.compile`.
        """
        from irc.compiler import compile  # it makes nets, so it stands above this file

        cache = self._program.cache
        other = compile(source, dtype=self.dtype, target=self.target, structure=self.structure, cache=cache)
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
        passes = self._program.passes(True)
        stream = StringIO()
        dump = Dump(stream, _wanted(after, passes), _wanted(before, passes), generic=generic, elide=elide)
        PassManager(passes, PassContext(self.target), [dump]).run(self.module.clone())
        return stream.getvalue()

    def equations(self, backward: bool = False) -> str:
        """The net as equations: forward, and with ``backward`` the gradients, from the IR that autodiff made."""
        from irc.emit.equations import equations

        return equations(self._net(), backward=backward)

    def summary(self) -> str:
        """What the net is made of, as a table: its layers, the shapes they give and how many parameters they have; of
        a net that was not made of layers its parameters, by name, with shapes.
        """
        from irc.emit.summary import summary

        return summary(self.name, self.entry, self._params, self.input_size, self.output_size)

    def svg(self) -> str:
        """The graph as an SVG picture."""
        from irc.emit.svg import svg

        return svg(self._net())

    def workspace(self, backward: bool = False) -> str:
        """How many bytes a call takes besides its arrays, as a formula of the sizes (``B`` samples or streams, ``T``
        steps): for intermediate values, and with ``backward`` for those that are kept for the gradients.
        """
        signature = self._kernel(JOINT if backward else FORWARD).signature
        return str(substitute(signature.workspace, signature.symbols))

    def llvm(self, backward: bool = False) -> str:
        """The LLVM IR of the kernels, forward or joint: of those that ``threads`` asks for."""
        self._open()
        return self._program.library(backward).text(self._threads > 1)

    def assembly(self, backward: bool = False) -> str:
        """The machine code of the kernels as assembly text."""
        self._open()
        return self._program.library(backward).assembly(self._threads > 1)

    def graph(self, lossy: bool = False) -> Graph:
        """The net as a graph of neurons, with the current parameters as start values.

        Raises :class:`irc.Error` for what no graph has; ``lossy`` makes parameters of weights that are constants.
        """
        if isinstance(self._program, GraphProgram):
            return replace(self._program.graph, initial=self._params.flat.astype(np.float64))
        from irc.emit.graph import graph_of

        return graph_of(self._net(), self._params.flat, lossy)

    def _net(self) -> NetOp:
        net = whole_net(self.entry)
        if net is None:
            raise Error(f"@{self.name} is a function of arrays, not a net of neurons")
        return net

    # -- life ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give the native code back. The net cannot run afterwards; its parameters stay readable."""
        with self._lock:
            self._closed = True
            self._short, self._straight = {}, {}
        for frozen in list(self._frozen):
            frozen.close()
        self._program.close()

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def save(self, path: str | os.PathLike) -> None:
        """Write the net to one file: what it was compiled from, parameters, state, and how far it has learnt.

        :func:`irc.load` reads it. The file is written whole or not at all. Raises :class:`irc.Error` if it cannot be.
        """
        from irc.saving import save  # it compiles what it loads, so it stands above this file

        save(self, path)

    def __reduce__(self) -> Any:
        """Copies and pickles are nets of their own, with what a saved net has."""
        from irc.saving import from_bytes, to_bytes

        return from_bytes, (to_bytes(self),)

    def __repr__(self) -> str:
        if self._closed:
            return f"<net {self.name}, closed>"
        sizes = ((self.input_size, "input"), (self.output_size, "output"), (self._params.flat.size, "parameter"))
        return f"<net {self.name}: {', '.join(counted(number, what) for number, what in sizes)}>"

    # -- compiling -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._closed:
            raise Error(f"net {self.name} is closed")

    def _way(self, training: bool, inputs: Sequence[Any]) -> Way:
        """Which native function takes these inputs: one sample has code of its own, where the program has it."""
        if not self._program.serves_one_sample or len(inputs) != 1:
            return (training, False)
        x = inputs[0]
        one = x.shape[:1] == (1,) if type(x) is np.ndarray else isinstance(x, (list, tuple)) and len(x) == 1
        return (training, one)

    def _kernel(self, way: Way) -> Kernel:
        """A compiled function; each is made when first needed, once."""
        self._open()
        found = self._kernels.get(way)
        if found is not None:
            return found
        with self._lock:
            self._open()
            if way not in self._kernels:
                kernel = self._kernels[way] = Kernel(self._program.function(*way))
                if way != FORWARD:
                    self._check_derivative(way, kernel)
            return self._kernels[way]

    def _count_call(self, way: Way, kernel: Kernel) -> None:
        self._calls[way] = calls = self._calls.get(way, 0) + 1
        if calls != 2:  # to prepare short calls takes longer than a few calls: not for a net that is called once
            return
        if any(a.below is not None for a in kernel.inputs):  # each call has to look at the numbers
            return
        made = native_call(kernel.function, kernel.parts(self._params.flat), self._threads)
        if made is not None:
            self._short[way] = made

    def _remember_straight(self, short: NativeCall, inputs: Sequence[Any]) -> None:
        """Let the next call with an array of this shape, alone, go straight to the machine code."""
        found = short.straight(inputs[0].shape) if len(inputs) == 1 else None
        if found is None:
            return
        with self._lock:
            if len(self._straight) >= Function.PLANS:
                self._straight.clear()
            if not self._closed:
                self._straight[inputs[0].shape] = found

    def _check_derivative(self, way: Way, kernel: Kernel) -> None:
        by = sum(a.dtype.kind == "f" for a in self.forward.arguments) if way[0] else 0
        if len(kernel.signature.outputs()) != self._results + by:
            raise Error("the passes differentiate by some arguments only (wrt= of autodiff); vjp needs all")


def _one(results: Sequence[Any]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


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
