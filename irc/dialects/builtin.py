"""The builtin dialect: the module, which holds everything else."""

from __future__ import annotations

from collections.abc import Iterable

from irc.ir.attributes import StringAttr
from irc.ir.dialect import Dialect
from irc.ir.locations import UNKNOWN, Location
from irc.ir.operation import Block, Operation, Region
from irc.ir.spec import attr, region
from irc.ir.symbols import lookup, symbol_name
from irc.ir.traits import ISOLATED, SINGLE_BLOCK, SYMBOL_TABLE


class ModuleOp(Operation):
    """A program: functions and nets, each with a name of its own.

    ```mlir
    module {
      func.func private @f(f32) -> f32
    }
    ```
    """

    name = "builtin.module"
    sym_name = attr(StringAttr, "The module's name, if it has one.", optional=True)
    body_region = region("The functions and nets.")
    traits = frozenset({ISOLATED, SINGLE_BLOCK, SYMBOL_TABLE})

    @classmethod
    def of(cls, ops: Iterable[Operation] = (), location: Location = UNKNOWN) -> ModuleOp:
        """A module of these ops."""
        block = Block()
        for op in ops:
            block.append(op)
        return cls((), (), {}, [Region([block])], (), location)

    @property
    def body(self) -> Block:
        """The block that holds the functions and nets."""
        return self.regions[0].block

    @property
    def functions(self) -> list[Operation]:
        """The named ops, in text order."""
        return [op for op in self.body if symbol_name(op)]

    def function(self, name: str) -> Operation:
        """The function or net of this name. KeyError if there is none."""
        found = lookup(self, name)
        if found is None:
            raise KeyError(name)
        return found

    def to_text(self, generic: bool = False, elide: bool = False, locations: bool = False) -> str:
        """The module as text; see :func:`irc.text.printer.print_module`."""
        from irc.text.printer import print_module  # the printer needs no dialect, but its tests need this one

        return print_module(self, generic, elide, locations)

    def verify(self) -> None:
        if self.parent is not None:
            raise ValueError("a module cannot stand inside another op")
        if self.body.arguments:
            raise ValueError("the module's region has no arguments")
        if self.sym_name is not None and not self.sym_name.value:
            raise ValueError("the module's name is empty")

    @classmethod
    def parse(cls, parser) -> ModuleOp:
        """``module @name attributes {...} { ops }``."""
        attributes = {}
        if parser.sees("@"):
            attributes["sym_name"] = StringAttr(parser.symbol_name())
        if parser.accept_keyword("attributes"):
            attributes.update(parser.attr_dict())
        return cls((), (), attributes, [parser.region()], (), parser.op_location)

    def print(self, printer) -> None:
        """See :meth:`parse`."""
        name = symbol_name(self)
        if name:
            printer.symbol(name)
        printer.attr_dict(self, exclude=("sym_name",), keyword="attributes")
        printer.region(self.regions[0], arguments=False)


DIALECT = Dialect("builtin", operations=(ModuleOp,), doc="The module.")
