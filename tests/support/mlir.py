"""The stock MLIR gate: what MLIR itself says of our text, by the bindings in jaxlib.

A fresh context knows only ``builtin``. ``func``, ``arith`` and ``math`` are registered, so that MLIR verifies those ops
by its own rules; the dialects of our own are unregistered, which the context allows.
"""

from __future__ import annotations

from jaxlib.mlir import ir, passmanager
from jaxlib.mlir._mlir_libs import _jax_mlir_ext

REGISTERED = ("func", "arith", "math")


def _context() -> ir.Context:
    # a new one for each text: a shared one would rename resources that two modules have in common
    registry = ir.DialectRegistry()
    _jax_mlir_ext.register_dialects(registry)
    context = ir.Context()
    context.append_dialect_registry(registry)
    for name in REGISTERED:
        context.dialects[name]  # loads it
    context.allow_unregistered_dialects = True
    return context


def accepts(text: str) -> str:
    """Parse and verify ``text`` with stock MLIR; its own reprint in generic form.

    Raises AssertionError, with MLIR's message and the numbered text, when MLIR refuses it.
    """
    with _context():
        try:
            module = ir.Module.parse(text)
            module.operation.verify()
        except ir.MLIRError as error:
            numbered = "\n".join(f"{n:4} {line}" for n, line in enumerate(text.splitlines(), 1))
            raise AssertionError(f"stock MLIR refuses this text: {error}\n{numbered}") from None
        return module.operation.get_asm(print_generic_op_form=True)


def simplified(text: str) -> str:
    """``text`` after stock MLIR's own ``canonicalize`` and ``cse``, in generic form."""
    with _context():
        module = ir.Module.parse(text)
        passmanager.PassManager.parse("builtin.module(canonicalize,cse)").run(module.operation)
        return module.operation.get_asm(print_generic_op_form=True)
