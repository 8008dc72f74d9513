"""How an op is declared: its fields, in the class body.

    class AddF(Operation):
        \"\"\"Floating-point addition.\"\"\"
        name = "arith.addf"
        lhs = operand(FLOAT_LIKE)
        rhs = operand(FLOAT_LIKE)
        sum = result(FLOAT_LIKE)
        traits = frozenset({PURE, ELEMENTWISE, SAME_TYPE, COMMUTATIVE})
        assembly = "$lhs `,` $rhs attr-dict `:` type($sum)"

Each field becomes a property of the op. Builder, parser, printer, verifier and the generated reference read the
:class:`Spec` that is collected here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from irc.ir.attributes import Attribute, DenseArrayAttr, attribute
from irc.ir.constraints import ANY, Constraint
from irc.ir.locations import Location
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.types import Type, i32

SEGMENTS = "operandSegmentSizes"


class Field:
    """A declared part of an op; ``name`` is the class attribute it is bound to."""

    __slots__ = ("doc", "name")

    def __init__(self, doc: str = ""):
        self.doc = doc
        self.name = ""


class OperandField(Field):
    """An operand, or (``variadic``) any number of them."""

    __slots__ = ("constraint", "index", "variadic")

    def __init__(self, constraint: Constraint, variadic: bool, doc: str):
        super().__init__(doc)
        self.constraint = constraint
        self.variadic = variadic
        self.index = 0

    def __get__(self, op: Operation | None, owner: type):
        if op is None:
            return self
        begin, end = op.spec.operand_range(op, self.index)
        return tuple(op._operands[begin:end]) if self.variadic else op._operands[begin]


class ResultField(Field):
    """A result, or (``variadic``) any number of them."""

    __slots__ = ("constraint", "index", "variadic")

    def __init__(self, constraint: Constraint, variadic: bool, doc: str):
        super().__init__(doc)
        self.constraint = constraint
        self.variadic = variadic
        self.index = 0

    def __get__(self, op: Operation | None, owner: type):
        if op is None:
            return self
        begin, end = op.spec.result_range(op, self.index)
        return tuple(op.results[begin:end]) if self.variadic else op.results[begin]


class AttributeField(Field):
    """An attribute of class ``kind``. It reads as ``default`` where it is absent (None: required)."""

    __slots__ = ("default", "kind", "optional")

    def __init__(self, kind: type[Attribute] | tuple, default: Attribute | None, optional: bool, doc: str):
        super().__init__(doc)
        self.kind = kind
        self.default = default
        self.optional = optional

    def __get__(self, op: Operation | None, owner: type):
        if op is None:
            return self
        return op.attributes.get(self.name, self.default)

    def __set__(self, op: Operation, value: Any) -> None:
        op.attributes[self.name] = attribute(value)


class RegionField(Field):
    """A region, or (``variadic``, last) any number of them."""

    __slots__ = ("index", "variadic")

    def __init__(self, variadic: bool, doc: str):
        super().__init__(doc)
        self.index = 0
        self.variadic = variadic

    def __get__(self, op: Operation | None, owner: type):
        if op is None:
            return self
        return tuple(op.regions[self.index :]) if self.variadic else op.regions[self.index]


def operand(constraint: Constraint = ANY, doc: str = "") -> Any:
    """Declare an operand."""
    return OperandField(constraint, False, doc)


def operands(constraint: Constraint = ANY, doc: str = "") -> Any:
    """Declare any number of operands. With more than one such field, ``operandSegmentSizes`` tells their lengths."""
    return OperandField(constraint, True, doc)


def result(constraint: Constraint = ANY, doc: str = "") -> Any:
    """Declare a result."""
    return ResultField(constraint, False, doc)


def results(constraint: Constraint = ANY, doc: str = "") -> Any:
    """Declare any number of results (at most one such field)."""
    return ResultField(constraint, True, doc)


def attr(kind: type[Attribute] | tuple = Attribute, doc: str = "", default: Any = None, optional: bool = False) -> Any:
    """Declare an attribute; with a ``default`` or ``optional`` it may be absent."""
    value = None if default is None else attribute(default)
    return AttributeField(kind, value, optional or value is not None, doc)


def region(doc: str = "") -> Any:
    """Declare a region."""
    return RegionField(False, doc)


def regions(doc: str = "") -> Any:
    """Declare any number of regions (last)."""
    return RegionField(True, doc)


class Spec:
    """The declared fields of an op class, in order."""

    __slots__ = ("attributes", "defaults", "infers", "operands", "regions", "results", "segmented", "successors")

    def __init__(self) -> None:
        self.operands: list[OperandField] = []
        self.results: list[ResultField] = []
        self.attributes: dict[str, AttributeField] = {}
        self.defaults: dict[str, Attribute] = {}
        self.regions: list[RegionField] = []
        self.segmented = False
        self.infers = False

    @staticmethod
    def of(cls: type[Operation]) -> Spec:
        """Collect the fields of a class and of its bases."""
        spec = Spec()
        seen: dict[str, Field] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Field):
                    value.name = name
                    seen[name] = value
        for field in seen.values():
            if isinstance(field, OperandField):
                field.index = len(spec.operands)
                spec.operands.append(field)
            elif isinstance(field, ResultField):
                field.index = len(spec.results)
                spec.results.append(field)
            elif isinstance(field, AttributeField):
                spec.attributes[field.name] = field
            elif isinstance(field, RegionField):
                field.index = len(spec.regions)
                spec.regions.append(field)
        spec.defaults = {name: f.default for name, f in spec.attributes.items() if f.default is not None}
        spec.segmented = sum(f.variadic for f in spec.operands) > 1
        if sum(f.variadic for f in spec.results) > 1:
            raise TypeError(f"{cls.__name__}: only one variadic result field")
        spec.infers = cls.infer.__func__ is not Operation.infer.__func__  # type: ignore[attr-defined]
        return spec

    def without_defaults(self, attributes: dict[str, Attribute]) -> dict[str, Attribute]:
        """The attributes that say more than their absence would."""
        if not self.defaults:
            return attributes
        return {name: value for name, value in attributes.items() if self.defaults.get(name) is not value}

    def operand_range(self, op: Operation, index: int) -> tuple[int, int]:
        """Begin and end of operand field ``index`` among the operands of ``op``."""
        if self.segmented:
            sizes = op.attributes[SEGMENTS].values  # type: ignore[attr-defined]
            begin = sum(sizes[:index])
            return begin, begin + sizes[index]
        return _range(self.operands, index, len(op._operands))

    def result_range(self, op: Operation, index: int) -> tuple[int, int]:
        """Begin and end of result field ``index`` among the results of ``op``."""
        return _range(self.results, index, len(op.results))

    def build(
        self,
        cls: type[Operation],
        operands: Sequence[Value | Sequence[Value]],
        result_types: Sequence[Type] | None,
        regions: Iterable[Region],
        successors: Sequence[Block],
        location: Location,
        attributes: dict[str, Any],
    ) -> Operation:
        """See :meth:`Operation.build`."""
        flat: list[Value] = []
        converted = {name: attribute(value) for name, value in attributes.items()}
        if len(operands) != len(self.operands):
            raise TypeError(f"{cls.name} takes {len(self.operands)} operands, got {len(operands)}")
        sizes = []
        for field, given in zip(self.operands, operands, strict=True):
            if field.variadic:
                flat.extend(given)  # type: ignore[arg-type]
                sizes.append(len(given))  # type: ignore[arg-type]
            else:
                flat.append(given)  # type: ignore[arg-type]
                sizes.append(1)
        if self.segmented:
            converted[SEGMENTS] = DenseArrayAttr(sizes, i32)
        if result_types is None:
            result_types = cls.infer([v.type for v in flat], converted) if self.results else ()
        return cls(flat, result_types, converted, regions, successors, location)


def _range(fields: Sequence[Any], index: int, total: int) -> tuple[int, int]:
    """Where field ``index`` lies when at most one of ``fields`` is variadic."""
    before = 0
    extra = total - (len(fields) - 1)
    for field in fields[:index]:
        before += extra if field.variadic else 1
    return before, before + (extra if fields[index].variadic else 1)
