"""A dialect for tests of the text form and the verifier: ops with every kind of field, in every kind of syntax."""

from __future__ import annotations

from irc.dialects import NAMES, load
from irc.ir.attributes import (
    ArrayAttr,
    Attribute,
    DenseAttr,
    DictAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
)
from irc.ir.constraints import ANY, FLOAT_LIKE, INDEX
from irc.ir.dialect import Context, Dialect
from irc.ir.operation import Operation
from irc.ir.spec import attr, operand, operands, region, regions, result, results
from irc.ir.traits import ELEMENTWISE, GRAPH_REGION, ISOLATED, PURE, SAME_TYPE, SINGLE_BLOCK, TERMINATOR, HasParent
from irc.ir.types import Type, f32


class Mode(Attribute):
    """``#test.mode<fast>``."""

    __slots__ = ("value",)
    name = "test.mode"

    def body(self, form):
        return self.value

    @classmethod
    def parse_body(cls, body):
        if not body.isidentifier():
            raise ValueError(f"expected a mode, got '{body}'")
        return cls(body)


class Box(Type):
    """``!test.box<f32>``: a type around a text."""

    __slots__ = ("value",)
    name = "test.box"

    def body(self, form):
        return self.value

    @classmethod
    def parse_body(cls, body):
        return cls(body)


class Add(Operation):
    """Same types, inferred; a defaulted attribute in MLIR's spelling."""

    name = "test.add"
    lhs = operand(FLOAT_LIKE)
    rhs = operand(FLOAT_LIKE)
    sum = result(FLOAT_LIKE)
    mode = attr(Mode, default=Mode("none"))
    traits = frozenset({PURE, ELEMENTWISE, SAME_TYPE})
    assembly = "$lhs `,` $rhs (`mode` `` $mode^)? attr-dict `:` type($sum)"

    @classmethod
    def infer(cls, operand_types, attributes):
        return [operand_types[0]]


class Constant(Operation):
    """A value of any type, in generic form only."""

    name = "test.constant"
    output = result(ANY)
    traits = frozenset({PURE})


class Use(Operation):
    """Uses anything."""

    name = "test.use"
    values = operands()
    assembly = "(operands `:` type(operands))? attr-dict"


class Many(Operation):
    """Two variadic operands, variadic results, optional parts."""

    name = "test.many"
    first = operands()
    second = operands()
    third = operand(INDEX)
    outputs = results()
    label = attr(StringAttr, optional=True)
    callee = attr(SymbolRefAttr, optional=True)
    flag = attr(UnitAttr, optional=True)
    assembly = (
        "`(` $first `)` `[` $second `]` $third ($callee)? ($label)? (`flag` $flag)? attr-dict"
        " `:` functional-type(operands, results)"
    )


class Typed(Operation):
    """Every kind of attribute, each of its class."""

    name = "test.typed"
    integer = attr(IntegerAttr)
    number = attr(FloatAttr, optional=True)
    array = attr(ArrayAttr, optional=True)
    dictionary = attr(DictAttr, optional=True)
    dense = attr(DenseAttr, optional=True)
    either = attr((IntegerAttr, StringAttr), optional=True)


class Loop(Operation):
    """A region whose argument is shown by the op's own syntax."""

    name = "test.loop"
    bound = operand(INDEX)
    body = region()
    traits = frozenset({SINGLE_BLOCK})

    @classmethod
    def parse(cls, parser):
        argument = parser.argument()
        parser.expect("to")
        bound = parser.operand()
        body = parser.region([argument])
        attributes = parser.attr_dict()
        return cls([parser.resolve(bound, argument[1])], (), attributes, [body], (), parser.op_location)

    def print(self, printer):
        printer.value(self.body.block.arguments[0])
        printer.write(": ")
        printer.type(self.body.block.arguments[0].type)
        printer.write(" to ")
        printer.value(self.bound)
        printer.region(self.body, arguments=False)
        printer.attr_dict(self)


class Graph(Operation):
    """A graph region that sees nothing from outside."""

    name = "test.graph"
    body = region()
    outputs = results()
    traits = frozenset({GRAPH_REGION, ISOLATED})
    assembly = "$body (`->` type($outputs))? attr-dict"


class Regions(Operation):
    """Any number of regions."""

    name = "test.regions"
    bodies = regions()


class Yield(Operation):
    """Ends a loop or a graph."""

    name = "test.yield"
    values = operands()
    traits = frozenset({TERMINATOR, HasParent("test.loop", "test.graph", "test.regions", "func.func")})
    assembly = "($values `:` type($values))? attr-dict"


class Branch(Operation):
    """Goes to other blocks."""

    name = "test.branch"
    values = operands()
    traits = frozenset({TERMINATOR})


class Split(Operation):
    """Two results, inferred."""

    name = "test.split"
    value = operand()
    first = result()
    second = result()
    traits = frozenset({PURE})
    assembly = "$value attr-dict `:` type($value)"

    @classmethod
    def infer(cls, operand_types, attributes):
        if operand_types[0] is f32:
            raise ValueError("cannot split f32")
        return [operand_types[0]] * 2


DIALECT = Dialect(
    "test",
    operations=(Add, Constant, Use, Many, Typed, Loop, Graph, Regions, Yield, Branch, Split),
    attributes=(Mode,),
    types=(Box,),
)
CONTEXT = Context((*NAMES, "test"), lambda name: DIALECT if name == "test" else load(name))
"""The compiler's dialects and this one."""
