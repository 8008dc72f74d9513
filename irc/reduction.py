"""Cutting a program down: the same function, ending early, for reproducers that a person can read."""

from __future__ import annotations

from collections.abc import Iterator

from irc.dialects.builtin import ModuleOp
from irc.ir.attributes import ArrayAttr
from irc.ir.diagnostics import Error
from irc.ir.operation import Operation, Value
from irc.ir.symbols import symbol_name
from irc.ir.types import FunctionType
from irc.ir.verifier import verify
from irc.passes.dce import Dce
from irc.passmanager import PassContext

LIMIT = 200
"""Programs tried at the most."""


def prefixes(module: ModuleOp, name: str) -> Iterator[tuple[ModuleOp, Operation]]:
    """Copies of ``module`` in which function ``name`` returns the results of one of its ops, the first op first.

    What that op does not need is removed; other functions stay if it calls them. Yields the copy and the op at which
    it was cut (in ``module``). Copies that do not verify are left out; so are functions that write their results to
    memory.
    """
    function = module.function(name)
    if not function.regions[0].blocks[0].terminator.operands:
        return  # results go to memory: there is no value to end at
    ops = [op for op in function.regions[0].blocks[0] if op.results and op.next is not None]
    for position, op in enumerate(ops[:LIMIT]):
        copy = _ending_at(module, name, position)
        if copy is not None:
            yield copy, op


def _ending_at(module: ModuleOp, name: str, position: int) -> ModuleOp | None:
    copy: ModuleOp = module.clone()
    function = copy.function(name)
    block = function.regions[0].blocks[0]
    ops = [op for op in block if op.results and op.next is not None]
    results: list[Value] = list(ops[position].results)
    block.terminator.operands = results
    type = function.attributes.get("function_type")
    if isinstance(type, FunctionType):
        function.attributes["function_type"] = FunctionType(type.inputs, [v.type for v in results])
    if isinstance(function.attributes.get("res_attrs"), ArrayAttr):
        del function.attributes["res_attrs"]
    for other in list(copy.body):
        if other is not function and not _mentions(function, symbol_name(other)):
            other.erase()
    try:
        Dce().run(copy, PassContext())
        verify(copy)
    except Error:
        return None
    return copy


def _mentions(function: Operation, symbol: str | None) -> bool:
    return any(f"@{symbol}" in str(value) for op in function.walk() for value in op.attributes.values())
