"""A dialect: a name, and the ops, attributes and types that bear it. A context finds them by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from irc.ir.attributes import Attribute
from irc.ir.operation import Operation
from irc.ir.types import Type


@dataclass(frozen=True)
class Dialect:
    """What one file in ``irc/dialects`` defines."""

    name: str
    operations: tuple[type[Operation], ...] = ()
    attributes: tuple[type[Attribute], ...] = ()
    types: tuple[type[Type], ...] = ()
    doc: str = ""


class Context:
    """The dialects a text may use. ``load`` gives the dialect of a name, or None; each is asked for once, when
    needed.
    """

    def __init__(self, names: Iterable[str], load: Callable[[str], Dialect]):
        self.names = tuple(names)
        self._load = load
        self._loaded: dict[str, Dialect] = {}
        self._operations: dict[str, type[Operation]] = {}
        self._attributes: dict[str, type[Attribute]] = {}
        self._types: dict[str, type[Type]] = {}

    def dialect(self, name: str) -> Dialect | None:
        """The dialect, loaded if need be."""
        if name not in self._loaded and name in self.names:
            dialect = self._loaded[name] = self._load(name)
            self._operations.update({op.name: op for op in dialect.operations})
            self._attributes.update({a.name: a for a in dialect.attributes})
            self._types.update({t.name: t for t in dialect.types})
        return self._loaded.get(name)

    def operation(self, name: str) -> type[Operation] | None:
        """The op class of a full name such as ``arith.addf``."""
        self.dialect(name.partition(".")[0])
        return self._operations.get(name)

    def attribute(self, name: str) -> type[Attribute] | None:
        """The attribute class of a full name such as ``neuron.dense``."""
        self.dialect(name.partition(".")[0])
        return self._attributes.get(name)

    def type(self, name: str) -> type[Type] | None:
        """The type class of a full name such as ``loop.buffer``."""
        self.dialect(name.partition(".")[0])
        return self._types.get(name)
