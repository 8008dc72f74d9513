"""Checks a program against what its ops declare, and what SSA demands.

For each op: numbers and types of operands and results, attributes, inferred result types, traits, its own ``verify``;
then that every value is visible where it is used, and that symbols are unique and exist. All findings are reported
together, the first of each op.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from irc.ir.attributes import Attribute, DenseArrayAttr, IntegerAttr
from irc.ir.diagnostics import Diagnostic, Diagnostics
from irc.ir.dominance import Dominance
from irc.ir.locations import UNKNOWN
from irc.ir.operation import Operation, Region, Value
from irc.ir.spec import SEGMENTS, AttributeField, OperandField, ResultField
from irc.ir.symbols import references, symbol_name, symbol_table, symbols_of
from irc.ir.traits import GRAPH_REGION, ISOLATED, SINGLE_BLOCK, SYMBOL_TABLE, TERMINATOR, Trait, has
from irc.ir.types import FunctionType, Type, i64

_SHOWN = 10
"""So many findings come with the ops around them."""


def verify(op: Operation) -> None:
    """Check ``op`` and all inside it. Raises :class:`irc.ir.diagnostics.Error` with everything that was found."""
    _Verifier().run(op)


class _Plan:
    """What to check of an op class, looked up once."""

    def __init__(self, cls: type[Operation]):
        spec = cls.spec
        self.operands = spec.operands
        self.results = spec.results
        self.attributes = spec.attributes
        self.required = [f for f in spec.attributes.values() if not f.optional]
        self.segmented = spec.segmented
        self.infers = spec.infers
        fixed = sum(not f.variadic for f in spec.regions)
        self.regions = (fixed, None if fixed < len(spec.regions) else fixed)
        own = [t for t in cls.traits if type(t).verify is not Trait.verify]
        self.traits = sorted(own, key=repr)
        self.verifies = cls.verify is not Operation.verify


_plans: dict[type[Operation], _Plan] = {}


def _plan_of(cls: type[Operation]) -> _Plan:
    plan = _plans.get(cls)
    if plan is None:
        plan = _plans[cls] = _Plan(cls)
    return plan


def operand_problem(cls: type[Operation], types: Sequence[Type], attributes: Mapping[str, Attribute]) -> str | None:
    """What is wrong with operand types or attributes of an op of this class, by its declaration; None if nothing.

    ``infer`` may rely on a None: what it is given fits the declaration.
    """
    plan = _plan_of(cls)
    problem = _attributes(plan, attributes)
    if problem is None and plan.segmented:
        problem = _segments(plan, len(types), attributes)
    if problem is not None:
        return problem
    if plan.segmented:
        sizes = attributes[SEGMENTS].values  # type: ignore[attr-defined]
        return _fields(plan.operands, types, "operand", sizes)
    return _fields(plan.operands, types, "operand")


def _attributes(plan: _Plan, attributes: Mapping[str, Attribute]) -> str | None:
    for name, value in attributes.items():
        field = plan.attributes.get(name)
        if field is None:
            continue
        # A plain integer is an i64, so that pretty forms can show it without its type.
        wrong_integer = field.kind is IntegerAttr and getattr(value, "type", None) is not i64
        if wrong_integer or not isinstance(value, field.kind):
            return f"attribute '{name}' must be {_kind(field)}, got {_short(value)}"
    for field in plan.required:
        if field.name not in attributes:
            return f"attribute '{field.name}' is missing; it must be {_kind(field)}"
    return None


def _kind(field: AttributeField) -> str:
    kinds = field.kind if isinstance(field.kind, tuple) else (field.kind,)
    return " or ".join(
        f"of the form #{k.name}<...>" if k.name else _KINDS.get(k.__name__, f"of kind {k.__name__}") for k in kinds
    )


_KINDS = {
    "IntegerAttr": "an integer of type i64",
    "FloatAttr": "a float",
    "StringAttr": "a string",
    "UnitAttr": "a bare name",
    "ArrayAttr": "an array [...]",
    "DictAttr": "a dictionary {...}",
    "SymbolRefAttr": "a symbol @name",
    "DenseArrayAttr": "numbers array<type: ...>",
    "DenseAttr": "elements dense<...>",
    "FunctionType": "a function type",
    "Attribute": "an attribute",
}


def _short(value: Attribute) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _segments(plan: _Plan, count: int, attributes: Mapping[str, Attribute]) -> str | None:
    sizes = attributes.get(SEGMENTS)
    if not isinstance(sizes, DenseArrayAttr):
        return f"attribute '{SEGMENTS}' is missing; it must be numbers array<i32: ...>"
    values = sizes.values
    if len(values) != len(plan.operands) or any(v < 0 for v in values) or sum(values) != count:
        return f"'{SEGMENTS}' must have {len(plan.operands)} sizes with the sum {count}, got {sizes}"
    for size, field in zip(values, plan.operands, strict=True):
        if size != 1 and not field.variadic:
            return f"'{SEGMENTS}' gives {size} operands to '{field.name}', which is one"
    return None


def _fields(
    fields: Sequence[OperandField | ResultField],
    types: Sequence[Type],
    what: str,
    sizes: Sequence[int] | None = None,
) -> str | None:
    """Check types against declared operands or results, of which one may be variadic (several with ``sizes``)."""
    variadic = sum(f.variadic for f in fields)
    fixed = len(fields) - variadic
    if len(types) < fixed or (not variadic and len(types) > fixed):
        wanted = f"at least {fixed}" if variadic else f"{fixed}"
        return f"expected {wanted} {what}{'' if fixed == 1 else 's'}, got {len(types)}"
    at = 0
    for position, field in enumerate(fields):
        size = sizes[position] if sizes is not None else len(types) - fixed if field.variadic else 1
        for type in types[at : at + size]:
            if not field.constraint.accepts(type):
                return f"{what} '{field.name}' must be {field.constraint.description}, got {type}"
        at += size
    return None


class InnerProblem(ValueError):
    """What ``verify`` of an op raises where an op inside of it is to blame: the error points there."""

    def __init__(self, op: Operation, message: str):
        super().__init__(message)
        self.op = op


class _Verifier:
    def __init__(self) -> None:
        self.diagnostics = Diagnostics()
        self.visible: set[Value] = set()
        self.symbols: Mapping[str, Operation] | None = None
        self.place: Operation  # whose fault the problem is that was found last

    def run(self, op: Operation) -> None:
        outside = {v for inner in op.walk() for v in inner._operands} if op.parent is not None else set()
        self.visible = {v for v in outside if not _inside(v, op)}
        self.operation(op)
        self.diagnostics.raise_errors()

    def report(self, op: Operation, message: str, note: Diagnostic | None = None) -> None:
        notes = [note] if note else []
        if len(self.diagnostics.found) < _SHOWN and op.parent is not None:
            from irc.text.printer import excerpt  # for people; nothing of the core depends on text

            notes.append(Diagnostic(f"the ops around it:\n{excerpt(op)}", UNKNOWN, "note"))
        self.diagnostics.error(f"'{op.name}': {message}", op.location, *notes)

    # -- one op --------------------------------------------------------------------------------------------------

    def operation(self, op: Operation) -> None:
        self.place = op
        problem = self.problem(op)
        if problem is not None:
            self.report(self.place, problem)
        else:
            for value in op._operands:
                if value not in self.visible:
                    self.report(op, *self.why_invisible(op, value))
                    break
        if not op.regions:
            return
        outer_symbols = self.symbols
        if has(op, SYMBOL_TABLE):
            self.symbols = self.table(op)
        for region in op.regions:
            self.region(op, region)
        self.symbols = outer_symbols

    def problem(self, op: Operation) -> str | None:
        """The first thing that is wrong with the op itself."""
        cls = type(op)
        plan = _plans.get(cls) or _plan_of(cls)
        operands = op._operands
        results = op.results
        attributes = op.attributes
        types = [v.type for v in operands]
        # The common case without function calls: no variadic fields, everything fits.
        fields = plan.operands
        if len(fields) == len(types) and not plan.segmented:
            for field, type_ in zip(fields, types, strict=True):
                if not field.constraint.accepts(type_):
                    return _fields(fields, types, "operand")
            if attributes or plan.required:
                found = _attributes(plan, attributes)
                if found is not None:
                    return found
        else:
            found = operand_problem(cls, types, attributes)
            if found is not None:
                return found
        result_types = [r.type for r in results]
        found = _fields(plan.results, result_types, "result")
        if found is not None:
            return found
        at_least, at_most = plan.regions
        if len(op.regions) < at_least or (at_most is not None and len(op.regions) > at_most):
            return f"expected {at_least} regions, got {len(op.regions)}"
        if self.symbols is not None and attributes:
            for value in attributes.values():
                for name in references(value):
                    if name not in self.symbols:
                        return f"there is no symbol @{name} in the module"
        try:
            if plan.infers:
                inferred = cls.infer(types, attributes)
                if list(inferred) != result_types:
                    return f"the result must be {_types(inferred)}, got {_types(result_types)}"
            for trait in plan.traits:
                trait.verify(op)
            if plan.verifies:
                op.verify()
        except InnerProblem as problem:
            self.place = problem.op
            return str(problem)
        except ValueError as error:
            return str(error)
        if op.successors:
            return self.successors(op)
        return None

    def successors(self, op: Operation) -> str | None:
        if op.parent is None or op.parent.last is not op:
            return "only the last op of a block may have successors"
        if any(block.parent is not op.parent.parent for block in op.successors):
            return "a successor is not in the same region"
        return None

    # -- regions -------------------------------------------------------------------------------------------------

    def region(self, op: Operation, region: Region) -> None:
        blocks = region.blocks
        if len(blocks) != 1 and has(op, SINGLE_BLOCK):
            self.report(op, f"a region must have exactly one block, got {len(blocks)}")
        saved = self.visible
        if has(op, ISOLATED):
            self.visible = set()
        if has(op, GRAPH_REGION):
            added = [v for block in blocks for v in _defined_in(block)]
            self.visible.update(added)
            for block in blocks:
                for inner in block:
                    self.operation(inner)
            self.visible.difference_update(added)
        elif len(blocks) == 1:
            self.block(blocks[0])
            self.visible.difference_update(_defined_in(blocks[0]))
        else:
            self.several_blocks(region)
        self.visible = saved

    def block(self, block) -> None:
        visible = self.visible
        visible.update(block.arguments)
        op = block.first
        while op is not None:
            self.operation(op)
            visible.update(op.results)
            op = op.next

    def several_blocks(self, region: Region) -> None:
        """A block sees what the blocks that dominate it define."""
        dominance = Dominance(region)
        for block in region.blocks:
            last = block.last
            if last is None or not (last.successors or has(last, TERMINATOR)):
                where = last or region.parent
                assert where is not None
                self.report(where, "each of several blocks must end in a terminator")
            above = dominance.dominators(block)
            added = [v for other in above if other is not block for v in _defined_in(other)]
            self.visible.update(added)
            self.block(block)
            self.visible.difference_update(added)
            self.visible.difference_update(_defined_in(block))

    def why_invisible(self, op: Operation, value: Value) -> tuple[str, Diagnostic | None]:
        """What is wrong with a use, and where its value is defined."""
        index = op._operands.index(value)
        name = f"operand {index}" + (f" (%{value.name_hint})" if value.name_hint else "")
        source = value.defining_op()
        note = Diagnostic("defined here", value.location, "note") if value.location is not UNKNOWN else None
        block = source.parent if source is not None else getattr(value, "block", None)
        if block is None or block.parent is None:
            return f"{name} is the result of an op that was removed from the program", note
        around = [op, *op.ancestors()]
        isolated = next((o for o in around[1:] if has(o, ISOLATED)), None)
        if isolated is not None and not _inside(value, isolated):
            return f"{name} is defined outside of '{isolated.name}', whose region sees nothing from outside", note
        if block.parent_op in around:
            return f"{name} is used before its definition", note
        return f"{name} is defined inside a region and used outside of it", note

    def table(self, op: Operation) -> Mapping[str, Operation]:
        """The symbols of a table; two with one name are reported."""
        table = symbol_table(op)
        for symbol in symbols_of(op):
            name = symbol_name(symbol)
            first = table.get(name)
            if name and first is not symbol and first is not None:
                note = Diagnostic("defined here before", first.location, "note")
                self.report(symbol, f"the symbol @{name} is defined twice", note)
        return table


def _defined_in(block) -> list[Value]:
    """What a block defines, nested regions excepted."""
    found: list[Value] = list(block.arguments)
    op = block.first
    while op is not None:
        found += op.results
        op = op.next
    return found


def _inside(value: Value, op: Operation) -> bool:
    """Whether a value is defined in a region of ``op``."""
    source = value.defining_op()
    block = source.parent if source is not None else getattr(value, "block", None)
    at = block.parent_op if block is not None else None
    while at is not None and at is not op:
        at = at.parent_op
    return at is op


def _types(types: Sequence[Type]) -> str:
    if len(types) == 1 and not isinstance(types[0], FunctionType):
        return f"of type {types[0]}"
    return f"of types ({', '.join(map(str, types))})"
