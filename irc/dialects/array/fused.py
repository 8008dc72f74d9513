"""A group of ops that becomes one loop nest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irc.ir.builder import Builder
from irc.ir.constraints import ANY
from irc.ir.operation import Operation, Value
from irc.ir.spec import operands, region, results
from irc.ir.traits import ISOLATED, PURE, RAW, SINGLE_BLOCK, TERMINATOR, HasParent
from irc.ir.types import format_results


class Fused(Operation):
    """The ops of its region, on the same values: the operands go in as block arguments, ``array.yield`` gives the
    results.

        %y = array.fused(%a = %x : tensor<B x f32>) -> tensor<B x f32> {
          %t = math.tanh %a : tensor<B x f32>
          array.yield %t : tensor<B x f32>
        }

    It means what its ops mean; that they stand together says that ``lower-array`` makes one loop nest of them.
    """

    name = "array.fused"
    inputs = operands(ANY)
    outputs = results(ANY)
    body = region("the grouped ops")
    traits = frozenset({PURE, ISOLATED, SINGLE_BLOCK, RAW})

    def verify(self) -> None:
        block = self.body.block
        inside, outside = [a.type for a in block.arguments], [v.type for v in self.operands]
        if inside != outside:
            raise ValueError(f"the region's arguments are {_list(inside)}, the operands {_list(outside)}")
        if not isinstance(block.last, Yield):
            raise ValueError("the region must end with array.yield")
        given, wanted = [v.type for v in block.last.operands], [r.type for r in self.results]
        if given != wanted:
            raise ValueError(f"yields {_list(given)}, but has the results {_list(wanted)}")

    def eval(self, context: Any, *operands: Any) -> Sequence[Any]:
        return context.run(self.body, operands)

    def vjp(self, builder: Builder, gradients: Sequence[Value | None]) -> Sequence[Value | None]:
        raise ValueError("array.fused has no derivative: run autodiff before fuse")

    @classmethod
    def parse(cls, parser: Any) -> Operation:
        parser.expect("(")
        arguments, values = [], []
        while not parser.sees(")"):
            argument = parser.operand()
            parser.expect("=")
            source = parser.operand()
            parser.expect(":")
            kind = parser.type()
            arguments.append((argument.name, kind, argument.location))
            values.append(parser.resolve(source, kind))
            if not parser.accept(","):
                break
        parser.expect(")")
        parser.expect("->")
        types = parser.results()
        body = parser.region(arguments)
        attributes = parser.attr_dict()
        return cls(values, types, attributes, [body], (), parser.op_location)

    def print(self, printer: Any) -> None:
        """See :meth:`parse`."""
        printer.write("(")
        for position, (argument, value) in enumerate(zip(self.body.block.arguments, self.operands, strict=True)):
            printer.write(", " if position else "")
            printer.value(argument)
            printer.write(" = ")
            printer.value(value)
            printer.write(" : ")
            printer.type(value.type)
        printer.write(") -> " + format_results(tuple(r.type for r in self.results), printer.form))
        printer.region(self.body, arguments=False)
        printer.attr_dict(self)


class Yield(Operation):
    """Ends the region of ``array.fused``, or of ``array.scan``; its operands are the results, or those of one step."""

    name = "array.yield"
    values = operands(ANY)
    traits = frozenset({TERMINATOR, HasParent("array.fused", "array.scan")})
    assembly = "attr-dict ($values `:` type($values))?"


def _list(types: Sequence[Any]) -> str:
    return f"({', '.join(map(str, types))})"
