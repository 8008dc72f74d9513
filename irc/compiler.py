"""From a source to a net: the one function most users call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import Any, overload

import numpy as np

from irc.backend.object_cache import ObjectCache, user_cache
from irc.backend.target import Target, find_target, host
from irc.checking import CheckPass
from irc.dialects.builtin import ModuleOp
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.frontends.sources import SourceOptions, is_population, load, load_graph
from irc.graph_program import GraphProgram
from irc.initial import checked_seed
from irc.ir.diagnostics import Diagnostics, Error
from irc.ir.types import f32, f64
from irc.ir.verifier import verify
from irc.model import Net
from irc.module_program import ModuleProgram
from irc.passes.pipelines import ONE_SAMPLE_PIPELINES, PIPELINES
from irc.passmanager import Pass, parse_pipeline
from irc.population import Population, population
from irc.program import Program


@overload
def compile(source: str | PathLike | np.ndarray | Graph | ModuleOp, **options: Any) -> Net: ...


@overload
def compile(source: Any, **options: Any) -> Any: ...


def compile(  # type: ignore[misc]  # the overloads leave the options to this list
    source: Any,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    outputs: Sequence[str | int] | None = None,
    passes: str | Sequence[str | Pass] | None = None,
    structure: str = "data",
    check: bool = False,
    target: str | Target | None = None,
    entry: str | None = None,
    act: str | None = None,
    out_act: str | None = None,
    widths: str | None = None,
    strict: bool = False,
    format: str | None = None,
    inputs: str = "shared",
    loss: Any = None,
    threads: int = 1,
    cache: bool | str | PathLike | ObjectCache | None = True,
) -> Any:
    """Compile a net, or a list of nets, to native code.

    Args:
        source: a path (a string without a newline, or a ``Path``), text (a string with one), a square adjacency matrix
            (row = source, column = target; bool or int: topology, float: weights, 0.0: no edge), a
            ``networkx.DiGraph``, a pair of a neat-python genome and its configuration, a model of ``irc.layers``, or
            an IR module. A list of graphs becomes one population, which runs in one call.
        seed: of the initial parameters that the source leaves open: U(-1/sqrt(fan_in), 1/sqrt(fan_in)); an integer
            from 0 to 2**63 - 1.
        dtype: float32 or float64, for sources that do not say themselves.
        outputs: names or indices of the neurons that are outputs; default: all that feed no other.
        passes: a pipeline (``"lower-neuron,cse,..."``) or a list of passes instead of the default one. It must end at
            loop level; the net has gradients if it contains ``autodiff``.
        structure: ``"data"``: the graph of an irregular net is data, and a new one needs no new code; ``"recover"``:
            its exact dense blocks become matrix products first (see the pass ``recover-structure``); ``"code"``: each
            neuron becomes code of its own, which is fastest for nets of up to 1 000 edges and batches of up to 16,
            and takes long to compile: more edges are refused.
        check: run the module before and after each pass and compare (slow; see ``irc.checking``).
        target: a target's name or a ``Target``; default: this machine.
        entry: the function of an IR module to compile; default: ``main``, or the only public one.
        act, out_act: activation of a matrix's neurons, and of its outputs (default: relu for both).
        widths: of an ``.mdl`` model, what a merge of two widths is: ``"equal"``, an error (the default), or
            ``"truncate-pad"``, a merge of the width of the value so far.
        strict: of an ``.mdl`` model, whether a branch that reaches no output is an error, rather than a warning.
        format: read a text as this (nal, nam, mdl, network, json, mlir) instead of going by its name and contents.
        threads: on how many threads a net runs at most; ``run`` and ``vjp`` may say otherwise. The bits are the same.
        inputs: of a list of nets: ``"shared"``, all read the same input, or ``"separate"``, each has its own.
        loss: what training makes small, as for :meth:`irc.Net.fit`; default: what the source says.
        cache: where native code is kept, so that the next process need not compile it again: a directory, an
            :class:`irc.ObjectCache`, True for the user's own cache (``irc cache`` shows it), False or None for none.

    Returns:
        A :class:`irc.model.Net`, ready to run; for a list a :class:`irc.population.Population`.

    Raises:
        irc.Error: what is wrong with the source, with its place.
    """
    seed = checked_seed(seed)
    options = SourceOptions(format, _dtype(dtype), act, out_act, _outputs(outputs), widths, bool(strict))
    element = f64 if options.dtype == "float64" else f32
    chosen = _target(target)
    if not isinstance(structure, str) or structure not in PIPELINES:
        raise Error(f"structure must be one of {', '.join(PIPELINES)}, got {structure!r}")
    if passes is not None and structure != "data":
        raise Error("structure chooses among the default pipelines: with passes=, name recover-structure there")
    pipeline = _pipeline(passes)
    kept = _cache(cache)

    def net_of(found: Graph | ModuleOp, diagnostics: Diagnostics) -> Net:
        program: Program
        as_data = pipeline is None and structure == "data" and not check and entry is None
        if isinstance(found, Graph) and as_data and not found.has_delays:
            program = GraphProgram(found, chosen, element, diagnostics, kept)
        else:
            module = graph_to_module(found, dtype=element) if isinstance(found, Graph) else found
            verify(module)
            instruments = [CheckPass(seed=seed)] if check else []
            pipelines = PIPELINES[structure]
            program = ModuleProgram(
                module,
                chosen,
                pipeline,
                instruments,
                pipelines=pipelines,
                one_sample=ONE_SAMPLE_PIPELINES.get(structure),
                entry=entry,
                diagnostics=diagnostics,
                cache=kept,
            )
        return Net(program, chosen, structure, seed)

    diagnostics = Diagnostics()
    made: Net | Population
    if is_population(source):
        graphs = [load_graph(one, options, diagnostics) for one in source]
        made = population(graphs, inputs, seed, threads, lambda graph: net_of(graph, Diagnostics()), diagnostics)
    else:
        made = net_of(load(source, options, diagnostics), diagnostics)
        made.threads = threads
        made.loss = loss
    diagnostics.warn()
    return made


def _target(target: Any) -> Target:
    """The target that code is made for. Raises :class:`irc.Error` unless it is known and runs here."""
    if isinstance(target, str):
        try:
            target = find_target(target)
        except ValueError as error:
            raise Error(str(error)) from None
    elif target is not None and not isinstance(target, Target):
        raise Error(f"target must be a name or a Target, not {type(target).__name__}")
    chosen = target or host()
    if not chosen.runs_here:
        hint = f"irc-opt --emit=asm --target={chosen.name} shows its code"
        raise Error(f"target {chosen.name} ({chosen.cpu}) cannot run on this machine; {hint}")
    return chosen


def _cache(cache: Any) -> ObjectCache | None:
    """The cache that was asked for. Raises :class:`irc.Error` for a directory that cannot be one."""
    if cache is None or isinstance(cache, (bool, np.bool_)):
        return user_cache() if cache else None
    if not isinstance(cache, (ObjectCache, str, PathLike)):
        raise Error(f"cache must be True, False, a directory or an ObjectCache, not {type(cache).__name__}")
    return cache if isinstance(cache, ObjectCache) else ObjectCache(cache)


def _dtype(dtype: Any) -> str:
    try:
        name = str(dtype) if dtype is None else np.dtype(dtype).name  # NumPy's default is not ours
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise Error(f"dtype must be float32 or float64, got {name}")
    return name


def _outputs(outputs: Any) -> tuple[str | int, ...] | None:
    if outputs is None:
        return None
    if isinstance(outputs, (str, Integral)):
        return (outputs,)  # type: ignore[return-value]
    if isinstance(outputs, (bytes, Mapping)) or not isinstance(outputs, Iterable):
        raise Error(f"outputs must be names or numbers of neurons, not {type(outputs).__name__}")
    return tuple(outputs)


def _pipeline(passes: str | Sequence[str | Pass] | None) -> list[Pass] | None:
    if passes is None:
        return None
    if isinstance(passes, str):
        return parse_pipeline(passes)
    chosen: list[Pass] = []
    for item in passes if isinstance(passes, (list, tuple)) else [passes]:
        if not isinstance(item, (str, Pass)):
            raise Error(f"passes must be a pipeline as text, or a list of names and passes, not {type(item).__name__}")
        chosen += [item] if isinstance(item, Pass) else parse_pipeline(item)
    return chosen
