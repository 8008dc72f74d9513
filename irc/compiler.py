"""From a source to a net: the one function most users call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irc.backend.target import Target, find_target, host
from irc.checking import CheckPass
from irc.frontends.sources import SourceOptions, load_module
from irc.ir.diagnostics import Diagnostics, Error
from irc.ir.verifier import verify
from irc.model import Net
from irc.passmanager import Pass, parse_pipeline


def compile(
    source: Any,
    *,
    seed: int = 0,
    dtype: Any = "float32",
    outputs: Sequence[str | int] | None = None,
    passes: str | Sequence[str | Pass] | None = None,
    check: bool = False,
    target: str | Target | None = None,
    entry: str | None = None,
    act: str | None = None,
    out_act: str | None = None,
    format: str | None = None,
) -> Net:
    """Compile a net to native code.

    Args:
        source: a path (a string without a newline, or a ``Path``), text (a string with one), a square adjacency matrix
            (row = source, column = target; bool or int: topology, float: weights, 0.0: no edge), a
            ``networkx.DiGraph``, or an IR module.
        seed: of the initial parameters that the source leaves open: U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
        dtype: float32 or float64, for sources that do not say themselves.
        outputs: names or indices of the neurons that are outputs; default: all that feed no other.
        passes: a pipeline (``"lower-neuron,cse,..."``) or a list of passes instead of the default one. It must end at
        loop
            level; the net has gradients if it contains ``autodiff``.
        check: run the module before and after each pass and compare (slow; see ``irc.checking``).
        target: a target's name or a ``Target``; default: this machine.
        entry: the function of an IR module to compile; default: ``main``, or the only public one.
        act, out_act: activation of a matrix's neurons, and of its outputs (default: relu for both).
        format: read a text as this (nal, nam, mlir) instead of going by its name and contents.

    Returns:
        A :class:`irc.model.Net`, ready to run.

    Raises:
        irc.Error: what is wrong with the source, with its place.
    """
    diagnostics = Diagnostics()
    options = SourceOptions(
        format=format, dtype=str(_dtype(dtype)), act=act, out_act=out_act, outputs=_outputs(outputs)
    )
    module = load_module(source, options, diagnostics)
    verify(module)
    if isinstance(target, str):
        try:
            target = find_target(target)
        except ValueError as error:
            raise Error(str(error)) from None
    chosen = target or host()
    if not chosen.runs_here:
        hint = f"irc-opt --emit=asm --target={chosen.name} shows its code"
        raise Error(f"target {chosen.name} ({chosen.cpu}) cannot run on this machine; {hint}")
    instruments = [CheckPass(seed=seed)] if check else []
    net = Net(module, chosen, _pipeline(passes), instruments, seed=seed, entry=entry, diagnostics=diagnostics)
    diagnostics.warn()
    return net


def _dtype(dtype: Any) -> str:
    import numpy as np

    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise Error(f"dtype must be float32 or float64, got {name}")
    return name


def _outputs(outputs: Any) -> tuple[str | int, ...] | None:
    if outputs is None:
        return None
    if isinstance(outputs, (str, int)):
        return (outputs,)
    return tuple(outputs)


def _pipeline(passes: str | Sequence[str | Pass] | None) -> list[Pass] | None:
    if passes is None:
        return None
    if isinstance(passes, str):
        return parse_pipeline(passes)
    return [p for item in passes for p in ([item] if isinstance(item, Pass) else parse_pipeline(item))]
