"""Structured control flow: loops with carried values, and branches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from irc.interpreter import error_of, value_of
from irc.ir.attributes import Attribute, StringAttr, UnitAttr
from irc.ir.builder import Builder
from irc.ir.constraints import ANY, I1, INDEX
from irc.ir.dimensions import parse_dimension
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.spec import attr, operand, operands, region, results
from irc.ir.traits import LOOP, PURE, RAW, READS, SINGLE_BLOCK, TERMINATOR, WRITES, HasParent, has
from irc.ir.types import Type, i1, index

UNSHARED = ("loop.accumulate", "loop.alloc", "loop.view", "loop.clock", "func.call")
"""Ops that turns have in common: what stands in a loop with one of them is not for several threads."""
_MARKS = ("parallel", "vectorize", "chunked")


class For(Operation):
    """Runs its region for ``lower``, ``lower + step``, ... below ``upper``, with values carried from turn to turn.

    The region's first argument is the induction variable, the others are the carried values; ``loop.yield`` gives their
    next values, and the results are the last ones (the initial ones when there is no turn). ``step`` is positive.
    ``parallel``: the turns are independent but for ``loop.accumulate``, and carried values that only sum (or multiply,
    or take the maximum or minimum), so they may run in any order or together.
    ``vectorize``: the pass of that name widens this loop, one turn per vector lane.
    ``work``: threads may share the turns, which accumulate nothing; a formula of the function's symbols says how much
    there is to do in all of them (see the pass parallelize). ``chunked``: where threads share the loop around it, the
    turns of this one may be shared besides; all else in that loop is done for each share.

        %sum = loop.for %i = %c0 to %n step %c1 iter_args(%acc = %zero) -> (f32) {
          %x = loop.load %a[%i] : !loop.buffer<N x f32>
          %next = arith.addf %acc, %x : f32
          loop.yield %next : f32
        }
    """

    name = "loop.for"
    lower = operand(INDEX)
    upper = operand(INDEX)
    step = operand(INDEX)
    initial = operands(ANY, "what the carried values start with")
    carried = results(ANY, "the carried values after the last turn")
    parallel = attr(UnitAttr, "the turns are independent but for accumulations", optional=True)
    vectorize = attr(UnitAttr, "to be widened by the pass vectorize", optional=True)
    chunked = attr(UnitAttr, "shared by threads with the loop around it", optional=True)
    work = attr(StringAttr, "threads may share the turns: what these take", optional=True)
    body = region()
    traits = frozenset({LOOP, SINGLE_BLOCK, RAW})

    @classmethod
    def infer(cls, operand_types: Sequence[Type], attributes: Mapping[str, Attribute]) -> Sequence[Type]:
        return list(operand_types[3:])

    @property
    def induction(self) -> Value:
        """The induction variable."""
        return self.body.block.arguments[0]

    @property
    def inner(self) -> list[Value]:
        """The carried values as the region sees them."""
        return list(self.body.block.arguments[1:])

    def verify(self) -> None:
        _check_arguments(self.body, [index, *(r.type for r in self.results)])
        _check_yield(self, self.body)
        if self.work is not None:
            _check_shared(self)
        if self.chunked is not None:
            around = self.parent_op
            if not isinstance(around, For) or around.work is None or inner_loop(around) is not self:
                raise ValueError("'chunked' is for the parallel loop that is all that writes in one with 'work'")

    def eval(self, context: Any, lower: int, upper: int, step: int, *carried: Any) -> Sequence[Any]:
        if step < 1:
            raise ValueError(f"the step of a loop must be positive, not {step}")
        values = list(carried)
        for i in range(lower, upper, step):
            values = list(context.run(self.body, [i, *values]))
        return values

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        counter = parser.operand()
        parser.expect("=")
        bounds = [parser.resolve(parser.operand(), index)]
        for word in ("to", "step"):
            parser.expect(word)
            bounds.append(parser.resolve(parser.operand(), index))
        attributes: dict[str, Any] = {m: UnitAttr() for m in _MARKS if parser.accept_keyword(m)}
        if parser.accept_keyword("work"):
            attributes["work"] = StringAttr(parser.string())
        names, starts, types = [], [], []
        if parser.accept_keyword("iter_args"):
            parser.expect("(")
            while True:
                names.append(parser.operand())
                parser.expect("=")
                starts.append(parser.operand())
                if not parser.accept(","):
                    break
            parser.expect(")")
            types = _result_types(parser)
            if len(types) != len(names):
                parser.fail(f"{len(names)} carried values, but {len(types)} types")
        initial = [parser.resolve(s, t) for s, t in zip(starts, types, strict=True)]
        arguments = [(n.name, t, n.location) for n, t in zip([counter, *names], [index, *types], strict=True)]
        body = parser.region(arguments)
        return cls.build(
            *bounds, initial, regions=[body], location=parser.op_location, **attributes, **parser.attr_dict()
        )

    def print(self, printer: Any) -> None:
        printer.value(self.induction)
        for word, value in (("=", self.lower), ("to", self.upper), ("step", self.step)):
            printer.write(f" {word} ")
            printer.value(value)
        for mark in _MARKS:
            if mark in self.attributes:
                printer.write(f" {mark}")
        if self.work is not None:
            printer.write(f' work "{self.work.value}"')
        if self.results:
            printer.write(" iter_args(")
            for at, (argument, start) in enumerate(zip(self.inner, self.initial, strict=True)):
                printer.write(", " if at else "")
                printer.value(argument)
                printer.write(" = ")
                printer.value(start)
            printer.write(")")
            _print_result_types(self, printer)
        printer.region(self.body, arguments=False)
        printer.attr_dict(self, exclude=(*_MARKS, "work"))


class If(Operation):
    """Runs the first region where ``condition`` holds, otherwise the second, which only ifs without results may lack.

        %y = loop.if %positive -> (f32) {
          loop.yield %x : f32
        } else {
          loop.yield %zero : f32
        }
    """

    name = "loop.if"
    condition = operand(I1)
    chosen = results(ANY)
    then = region()
    otherwise = region()
    traits = frozenset({RAW})

    def verify(self) -> None:
        if len(self.then.blocks) != 1 or len(self.otherwise.blocks) > 1:
            raise ValueError("each side must be one block")
        if self.results and not self.otherwise.blocks:
            raise ValueError("results need an 'else' side")
        for side in (self.then, self.otherwise):
            if side.blocks:
                _check_arguments(side, [])
                _check_yield(self, side)

    def eval(self, context: Any, condition: Any) -> Sequence[Any]:
        if error_of(condition):
            raise ValueError("rounding decides which side runs, so no error bound holds")
        side = self.then if value_of(condition) else self.otherwise
        return list(context.run(side, [])) if side.blocks else []

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        condition = parser.resolve(parser.operand(), i1)
        types = _result_types(parser)
        then = parser.region([])
        otherwise = parser.region([]) if parser.accept_keyword("else") else Region()
        return cls.build(
            condition,
            result_types=types,
            regions=[then, otherwise],
            location=parser.op_location,
            **parser.attr_dict(),
        )

    def print(self, printer: Any) -> None:
        printer.value(self.condition)
        if self.results:
            _print_result_types(self, printer)
        printer.region(self.then, arguments=False)
        if self.otherwise.blocks:
            printer.write(" else")
            printer.region(self.otherwise, arguments=False)
        printer.attr_dict(self)


class Yield(Operation):
    """Ends a side of ``loop.if`` or a turn of ``loop.for``, and gives its results or next carried values."""

    name = "loop.yield"
    values = operands(ANY)
    traits = frozenset({TERMINATOR, HasParent("loop.for", "loop.if")})
    assembly = "($values `:` type($values))? attr-dict"


def _result_types(parser: Any) -> list[Type]:
    """``-> (types)``, or nothing."""
    types: list[Type] = []
    if parser.accept("->"):
        parser.expect("(")
        types.append(parser.type())
        while parser.accept(","):
            types.append(parser.type())
        parser.expect(")")
    return types


def _print_result_types(op: Operation, printer: Any) -> None:
    printer.write(" -> (")
    for at, result in enumerate(op.results):
        printer.write(", " if at else "")
        printer.type(result.type)
    printer.write(")")


def _check_arguments(region: Region, types: Sequence[Type]) -> None:
    found = [a.type for a in region.block.arguments]
    if found != list(types):
        raise ValueError(
            f"the region must have arguments ({', '.join(map(str, types))}), it has ({', '.join(map(str, found))})"
        )


def _check_yield(op: Operation, region: Region) -> None:
    last = region.block.last
    if not isinstance(last, Yield):
        raise ValueError("the region must end with loop.yield")
    given = [v.type for v in last.operands]
    wanted = [r.type for r in op.results]
    if given != wanted:
        raise ValueError(
            f"loop.yield gives ({', '.join(map(str, given))}), the results are ({', '.join(map(str, wanted))})"
        )


def inner_loop(op: For) -> For | None:
    """The parallel loop in ``op`` that carries nothing, where nothing else in ``op`` writes: what stands beside it may
    be done several times.
    """
    loops = [inner for inner in op.body.block if inner.regions]
    if len(loops) != 1 or not isinstance(loops[0], For) or loops[0].parallel is None or loops[0].results:
        return None
    others = [inner for inner in op.body.block if inner is not loops[0]]
    harmless = all((has(o, PURE) or has(o, READS) or has(o, TERMINATOR)) and not has(o, WRITES) for o in others)
    return loops[0] if harmless else None


def _check_shared(op: For) -> None:
    """Turns that threads share must have nothing in common."""
    assert op.work is not None
    parse_dimension(op.work.value)
    if op.parallel is None or op.results:
        raise ValueError("threads share the turns of parallel loops that carry nothing, so 'work' is for such loops")
    found = next((inner.name for inner in op.walk() if inner.name in UNSHARED), None)
    if found is not None:
        raise ValueError(f"threads share the turns of a loop with 'work', so {found} cannot stand in it")


def build_for(
    builder: Builder,
    lower: Value,
    upper: Value,
    step: Value,
    body: Callable[[Value, list[Value]], Sequence[Value]],
    initial: Sequence[Value] = (),
    **marks: Any,
) -> For:
    """Insert a loop; ``body(induction, carried)`` builds one turn with ``builder`` and returns the next carried values.

    ``marks`` are attributes: ``parallel=None, vectorize=None`` sets both marks.
    """
    block = Block([index, *(v.type for v in initial)])
    with builder.at(block):
        builder.create(Yield, list(body(block.arguments[0], list(block.arguments[1:]))))
    return builder.create(For, lower, upper, step, list(initial), regions=[Region([block])], **marks)


def build_if(
    builder: Builder,
    condition: Value,
    then: Callable[[], Sequence[Value]],
    otherwise: Callable[[], Sequence[Value]] | None = None,
) -> If:
    """Insert a branch; each callable builds one side with ``builder`` and returns its results."""
    sides, types = [], []
    for side in (then, otherwise):
        if side is None:
            sides.append(Region())
            continue
        block = Block()
        with builder.at(block):
            values = list(side())
            builder.create(Yield, values)
        types = [v.type for v in values]
        sides.append(Region([block]))
    return builder.create(If, condition, result_types=types, regions=sides)
