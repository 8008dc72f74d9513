"""The gate every module must pass: stock MLIR accepts it, nothing is lost on the way, and both forms read back equal.

A text that has passed once is not tried again, so a pipeline of which half the passes change nothing costs half.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from unittest.mock import patch

from irc import instruments
from irc.dialects import CONTEXT
from irc.dialects.builtin import ModuleOp
from irc.ir.diagnostics import Error
from irc.ir.equality import difference
from irc.passmanager import Instrument, Pass, PassContext
from irc.text.parser import parse_module
from irc.text.printer import print_module
from irc.tools import irc_opt
from support.commands import CheckFailure
from support.mlir import accepts

_passed: set[bytes] = set()


class GateFailure(CheckFailure):
    """A module that stock MLIR refuses, or that does not read back equal."""


def pass_gate(module: ModuleOp, where: str = "") -> None:
    """Check a module: generic form through stock MLIR and back, and the pretty form. Raises :class:`GateFailure`.

    That the generic form itself reads back follows from the reprint, which says the same in the same syntax.
    """
    generic = print_module(module, generic=True)
    key = blake2b(generic.encode(), digest_size=16).digest()
    if key in _passed:
        return
    try:
        reprint = accepts(generic)
    except AssertionError as error:
        raise GateFailure(f"{where}: {error}") from None
    for form, text in (("reprint by stock MLIR", reprint), ("pretty form", print_module(module))):
        try:
            found = difference(module, parse_module(text, CONTEXT, filename=form))
        except Error as error:
            raise GateFailure(f"{where}: the {form} does not read back: {error}\n{text}") from None
        if found is not None:
            raise GateFailure(f"{where}: the {form} reads back as another module: {found}\n{text}")
    _passed.add(key)


class Gate(Instrument):
    """Sends the module through the gate after every pass of a pipeline; ``checked`` counts them."""

    def __init__(self, where: str = ""):
        self.where = where
        self.checked = 0

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        pass_gate(module, f"{self.where} after {p}")
        self.checked += 1


@contextmanager
def gated_tools() -> Iterator[list[str]]:
    """Within it, every module that ``irc-opt`` prints in-process, dumps included, passes the gate.

    Gives the list to which the dialects of each printed module are added, so that a caller can see that it took part.
    """
    seen: list[str] = []

    def gated(module: ModuleOp, *args, **form) -> str:
        pass_gate(module, "printed by irc-opt")
        seen.append(" ".join(sorted({op.name.partition(".")[0] for op in module.walk()})))
        return print_module(module, *args, **form)

    with patch.object(irc_opt, "print_module", gated), patch.object(instruments, "print_module", gated):
        yield seen
