"""Symbols: ops that are referred to by name (functions, nets), and the references to them.

A symbol table is an op with the trait SYMBOL_TABLE, the module; its symbols stand directly in its region.
"""

from __future__ import annotations

from collections.abc import Iterator

from irc.ir.attributes import ArrayAttr, Attribute, DictAttr, StringAttr, SymbolRefAttr
from irc.ir.operation import Operation
from irc.ir.traits import SYMBOL, SYMBOL_TABLE, has


def symbol_name(op: Operation) -> str:
    """The name of a symbol op; empty where it has none."""
    name = op.attributes.get("sym_name")
    return name.value if isinstance(name, StringAttr) else ""


def is_private(op: Operation) -> bool:
    """Whether the symbol is for use in this module only."""
    visibility = op.attributes.get("sym_visibility")
    return isinstance(visibility, StringAttr) and visibility.value == "private"


def symbols_of(table: Operation) -> Iterator[Operation]:
    """The symbol ops of a table, in text order."""
    for region in table.regions:
        for block in region.blocks:
            for op in block:
                if has(op, SYMBOL):
                    yield op


def symbol_table(table: Operation) -> dict[str, Operation]:
    """The symbols of a table by name; of two with one name (an error that the verifier reports) the first."""
    found: dict[str, Operation] = {}
    for op in symbols_of(table):
        found.setdefault(symbol_name(op), op)
    return found


def nearest_table(op: Operation) -> Operation | None:
    """The table in which references inside ``op`` are looked up: around it, or itself."""
    at: Operation | None = op
    while at is not None and not has(at, SYMBOL_TABLE):
        at = at.parent_op
    return at


def lookup(op: Operation, name: str) -> Operation | None:
    """The op that ``@name`` means where ``op`` stands, or None."""
    table = nearest_table(op)
    if table is None:
        return None
    return next((found for found in symbols_of(table) if symbol_name(found) == name), None)


def references(attribute: Attribute) -> Iterator[str]:
    """The names of the symbols that an attribute refers to."""
    if isinstance(attribute, SymbolRefAttr):
        yield attribute.value
    elif isinstance(attribute, ArrayAttr):
        for value in attribute.values:
            yield from references(value)
    elif isinstance(attribute, DictAttr):
        for _, value in attribute.entries:
            yield from references(value)


def references_in(op: Operation) -> set[str]:
    """The names of all symbols that ``op`` and the ops inside it refer to."""
    return {name for inner in op.walk() for value in inner.attributes.values() for name in references(value)}


def unused_private_symbols(module: Operation) -> list[Operation]:
    """Private symbols that nothing reaches from a public one, in text order."""
    symbols = list(symbols_of(module))
    if not any(map(is_private, symbols)):
        return []
    table = symbol_table(module)
    work = [op for region in module.regions for block in region.blocks for op in block if not is_private(op)]
    reached = set(work)
    while work:
        for name in references_in(work.pop()):
            target = table.get(name)
            if target is not None and target not in reached:
                reached.add(target)
                work.append(target)
    return [op for op in symbols if op not in reached]


def unique_name(module: Operation, base: str) -> str:
    """``base``, or ``base_0``, ``base_1`` … where that is taken."""
    taken = {symbol_name(op) for op in symbols_of(module)}
    if base not in taken:
        return base
    number = 0
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"
