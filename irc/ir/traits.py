"""What is true of an op: the one mechanism by which generic passes ask about ops, instead of naming them."""

from __future__ import annotations

from irc.ir.attributes import ArrayAttr, IntegerAttr, StringAttr
from irc.ir.dimensions import parse_dimension
from irc.ir.operation import Operation


class Trait:
    """A named property. ``verify`` may check what it demands of an op; it raises ValueError."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def verify(self, op: Operation) -> None:
        """Check the op; nothing to check by default."""

    def __repr__(self) -> str:
        return self.name


class _SameType(Trait):
    """All operands and results have one type."""

    __slots__ = ()

    def verify(self, op: Operation) -> None:
        first = (op._operands or op.results)[0].type
        for value in (*op._operands, *op.results):
            if value.type is not first:
                raise ValueError(f"requires the same type for all operands and results, got {first} and {value.type}")


class _Terminator(Trait):
    __slots__ = ()

    def verify(self, op: Operation) -> None:
        if op.parent is not None and op.parent.last is not op:
            raise ValueError("must be the last operation of its block")


class _Symbol(Trait):
    __slots__ = ()

    def verify(self, op: Operation) -> None:
        if not getattr(op.attributes["sym_name"], "value", ""):
            raise ValueError("the symbol's name is empty")
        if op.parent_op is not None and SYMBOL_TABLE not in op.parent_op.traits:
            raise ValueError("must stand directly inside a module")


class HasParent(Trait):
    """The op stands directly inside one of the named ops."""

    __slots__ = ("parents",)

    def __init__(self, *parents: str):
        super().__init__(f"HasParent({', '.join(parents)})")
        self.parents = parents

    def verify(self, op: Operation) -> None:
        parent = op.parent_op
        if parent is None or parent.name not in self.parents:
            raise ValueError(f"must stand directly inside {' or '.join(self.parents)}")


class HoldsSizes(Trait):
    """The named attributes hold sizes: formulas of symbols as strings, or lists of these and integers."""

    __slots__ = ("attributes",)

    def __init__(self, *attributes: str):
        super().__init__(f"HoldsSizes({', '.join(attributes)})")
        self.attributes = attributes

    def verify(self, op: Operation) -> None:
        for name in self.attributes:
            given = op.attributes.get(name)
            for value in given.values if isinstance(given, ArrayAttr) else (given,):
                if isinstance(value, StringAttr):
                    parse_dimension(value.value)
                elif value is not None and not isinstance(value, IntegerAttr):
                    raise ValueError(f"'{name}' must hold sizes, not {value}")


PURE = Trait("Pure")
"""No effect but its results: may be removed when unused, merged with an equal op, moved and computed twice."""
READS = Trait("Reads")
"""Reads memory, writes none: may be removed when unused."""
WRITES = Trait("Writes")
"""Writes memory."""
COMMUTATIVE = Trait("Commutative")
"""The order of the first two operands does not matter."""
ELEMENTWISE = Trait("Elementwise")
"""Acts on scalars, and on each element of vectors and tensors of equal shape alike."""
SAME_TYPE = _SameType("SameType")
CONSTANT = Trait("Constant")
"""Has no operands and the attribute ``value``."""
TERMINATOR = _Terminator("Terminator")
"""Ends a block."""
SYMBOL = _Symbol("Symbol")
"""Is named by its attribute ``sym_name``, uniquely in its module."""
SYMBOL_TABLE = Trait("SymbolTable")
"""Its region holds the ops that symbols name; references look there."""
ISOLATED = Trait("IsolatedFromAbove")
"""Its regions use no value from outside."""
GRAPH_REGION = Trait("GraphRegion")
"""Its regions are graphs: the order of operations has no meaning, and a use may stand before its definition."""
DELAYED = Trait("Delayed")
"""Its results are of the step before: in a graph its operands may come later, and depend on it."""
SINGLE_BLOCK = Trait("SingleBlock")
"""Each region has exactly one block."""
MOVEMENT = Trait("Movement")
"""Each result element is a copy of an operand element (or zero): rounding errors move with the data."""
BIT_PATTERNS = Trait("BitPatterns")
"""Sees the bits of a number: only defined in the declared type, not in the oracle's float64."""
LOOP = Trait("Loop")
"""Runs its region several times, so that what does not change inside may move out."""
ALLOCATES = Trait("Allocates")
"""Its result is memory of its own."""

RAW = Trait("Raw")
"""Its ``eval`` gets and gives values as the interpreter holds them, error bounds included (ops with regions or
memory).
"""


def has(op: Operation | type[Operation], trait: Trait) -> bool:
    """Whether the op, or op class, has the trait."""
    return trait in op.traits
