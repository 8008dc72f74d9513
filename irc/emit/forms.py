"""The forms that ``irc-opt --emit`` writes."""

from __future__ import annotations

from collections.abc import Callable

from irc.backend.jit import Library
from irc.backend.target import Target
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Net
from irc.dialects.neuron.whole import called_net, whole_net
from irc.emit import ncc
from irc.emit.dot import dot
from irc.emit.equations import equations
from irc.emit.svg import svg
from irc.ir.diagnostics import fail
from irc.text.printer import print_module

NET_FORMS: dict[str, Callable[[Net], str]] = {
    "fwd": ncc.forward,
    "fwd-all": lambda net: ncc.forward(net, inputs=True),
    "matrix": ncc.matrix,
    "bwd": lambda net: equations(net, backward=True),
    "bwd-ncc": ncc.historical_backward,
    "dot": dot,
    "svg": svg,
}
"""Forms of a net of neurons."""

NATIVE_FORMS: dict[str, Callable[[Library], str]] = {
    "llvm": lambda library: library.text(),
    "asm": lambda library: library.assembly(),
}
"""Forms of a module at loop level."""

FORMS = ("mlir", "generic", *NET_FORMS, *NATIVE_FORMS)


def emit(module: ModuleOp, form: str, target: Target) -> str:
    """The module in a form, for ``target`` where that matters. Raises Error if the module is not at the form's level.

    Of a module with several nets, all are written, one after another; nets of gradients are left out. A function that
    only calls a net stands for it.
    """
    if form in ("mlir", "generic"):
        return print_module(module, generic=form == "generic")
    if form in NATIVE_FORMS:
        with Library(module, target) as library:
            return NATIVE_FORMS[form](library)
    called = [called_net(op) for op in module.functions]
    found = [whole_net(op) for op in module.functions if op not in called]
    nets = [net for net in found if net is not None and not net.is_gradient]
    if not nets:
        fail(f"form {form} shows a net of neurons, and this module has none (any more)", module.location)
    return "\n".join(NET_FORMS[form](net) for net in nets)
