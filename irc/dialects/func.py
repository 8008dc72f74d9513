"""The func dialect: functions, calls and returns, as in MLIR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from irc.dialects.marks import verify_marks
from irc.ir.attributes import ArrayAttr, Attribute, DictAttr, StringAttr, SymbolRefAttr, attribute
from irc.ir.dialect import Dialect
from irc.ir.locations import UNKNOWN, Location
from irc.ir.operation import Block, BlockArgument, Operation, Region
from irc.ir.spec import attr, operands, region, results
from irc.ir.symbols import lookup, symbol_name
from irc.ir.traits import ISOLATED, RAW, SYMBOL, TERMINATOR, HasParent
from irc.ir.types import FunctionType, Type, format_results

_EMPTY = DictAttr()
_VISIBILITIES = ("public", "private", "nested")


class FuncOp(Operation):
    """A function. Arguments and results may carry attributes of their own; without a body it is a declaration.

    ```mlir
    func.func @f(%x: f32, %w: tensor<4 x f32> {irc.param = "w"}) -> f32 {
      func.return %x : f32
    }
    ```
    """

    name = "func.func"
    sym_name = attr(StringAttr, "The function's name.")
    function_type = attr(FunctionType, "Types of arguments and results.")
    sym_visibility = attr(StringAttr, "`private` for use in this module only.", default="public")
    arg_attrs = attr(ArrayAttr, "A dictionary for each argument.", optional=True)
    res_attrs = attr(ArrayAttr, "A dictionary for each result.", optional=True)
    body = region("The body; without a block in a declaration.")
    traits = frozenset({ISOLATED, SYMBOL})

    @classmethod
    def of(
        cls,
        name: str,
        inputs: Sequence[Type],
        results: Sequence[Type],
        *,
        private: bool = False,
        declaration: bool = False,
        attributes: Mapping[str, Any] | None = None,
        location: Location = UNKNOWN,
    ) -> FuncOp:
        """A function with an entry block for its arguments, still empty (none if it is a ``declaration``)."""
        given: dict[str, Attribute] = {key: attribute(value) for key, value in (attributes or {}).items()}
        given |= {"sym_name": StringAttr(name), "function_type": FunctionType(inputs, results)}
        if private or declaration:
            given["sym_visibility"] = StringAttr("private")
        region = Region()
        if not declaration:
            region.append(Block(inputs, [location] * len(inputs)))
        return cls((), (), given, [region], (), location)

    @property
    def symbol(self) -> str:
        """The function's name."""
        return symbol_name(self)

    @property
    def type(self) -> FunctionType:
        """Types of arguments and results."""
        return self.function_type

    @property
    def is_declaration(self) -> bool:
        """Whether there is no body."""
        return not self.regions[0].blocks

    @property
    def entry(self) -> Block:
        """The first block. IndexError in a declaration."""
        return self.regions[0].blocks[0]

    @property
    def arguments(self) -> list[BlockArgument]:
        """The arguments."""
        return self.entry.arguments

    def arg_attr(self, index: int, name: str) -> Attribute | None:
        """An attribute of argument ``index``, or None."""
        return self.arg_attributes(index).get(name)

    def arg_attributes(self, index: int) -> DictAttr:
        """The attributes of argument ``index``."""
        return self.arg_attrs[index] if self.arg_attrs is not None else _EMPTY

    def res_attributes(self, index: int) -> DictAttr:
        """The attributes of result ``index``."""
        return self.res_attrs[index] if self.res_attrs is not None else _EMPTY

    def set_arg_attributes(self, dictionaries: Iterable[Mapping[str, Any] | DictAttr]) -> None:
        """Give each argument its attributes."""
        self._set_dictionaries("arg_attrs", dictionaries)

    def set_res_attributes(self, dictionaries: Iterable[Mapping[str, Any] | DictAttr]) -> None:
        """Give each result its attributes."""
        self._set_dictionaries("res_attrs", dictionaries)

    def set_arg_attr(self, index: int, name: str, value: Any) -> None:
        """Give argument ``index`` an attribute."""
        all_attributes = [dict(self.arg_attributes(i).entries) for i in range(len(self.type.inputs))]
        all_attributes[index][name] = attribute(value)
        self.set_arg_attributes(all_attributes)

    def _set_dictionaries(self, key: str, dictionaries: Iterable[Mapping[str, Any] | DictAttr]) -> None:
        values = [d if isinstance(d, DictAttr) else DictAttr(d) for d in dictionaries]
        if any(values_.entries for values_ in values):
            self.attributes[key] = ArrayAttr(values)
        else:
            self.attributes.pop(key, None)

    def verify(self) -> None:
        if self.sym_visibility.value not in _VISIBILITIES:
            raise ValueError(f"the visibility must be one of {', '.join(_VISIBILITIES)}, not {self.sym_visibility}")
        inputs = self.type.inputs
        for key, types in (("arg_attrs", inputs), ("res_attrs", self.type.results)):
            given = self.attributes.get(key)
            if given is None:
                continue
            if len(given) != len(types) or not all(isinstance(d, DictAttr) for d in given):  # type: ignore[arg-type, attr-defined]
                raise ValueError(f"{key} must have a dictionary for each of the {len(types)} types")
        arguments = [self.arg_attributes(i) for i in range(len(inputs))]
        verify_marks(self.attributes, inputs, arguments, self.type.results)
        if self.is_declaration:
            if self.sym_visibility.value == "public":
                raise ValueError("a function without a body must be private")
            return
        found = tuple(a.type for a in self.entry.arguments)
        if found != inputs:
            raise ValueError(f"the body's arguments are {_list(found)}, but the function's type says {_list(inputs)}")
        for block in self.regions[0].blocks:
            if block.last is None or TERMINATOR not in block.last.traits:
                raise ValueError("the body must end with func.return")

    @classmethod
    def parse(cls, parser) -> FuncOp:
        """``private @name(%a: type {attributes}) -> (type {attributes}) attributes {...} { body }``."""
        attributes: dict[str, Attribute] = {}
        visibility = next((word for word in _VISIBILITIES if parser.accept_keyword(word)), "public")
        attributes["sym_visibility"] = StringAttr(visibility)
        attributes["sym_name"] = StringAttr(parser.symbol_name())
        parser.expect("(")
        arguments, inputs, argument_attributes = _parse_arguments(parser)
        result_types, result_attributes = _parse_results(parser) if parser.accept("->") else ([], [])
        if parser.accept_keyword("attributes"):
            place = parser.location
            given = parser.attr_dict()
            for key in given:
                if key in cls.spec.attributes:
                    parser.fail(f"'{key}' follows from the function's syntax and cannot be given again", place)
            attributes |= given
        attributes["function_type"] = FunctionType(inputs, result_types)
        if any(d.entries for d in argument_attributes):
            attributes["arg_attrs"] = ArrayAttr(argument_attributes)
        if any(d.entries for d in result_attributes):
            attributes["res_attrs"] = ArrayAttr(result_attributes)
        if parser.sees("{"):
            if len(arguments) != len(inputs):
                parser.fail("a function with a body names its arguments: %x: f32")
            body = parser.region(arguments)
        else:
            body = Region()
        return cls((), (), attributes, [body], (), parser.op_location)

    def print(self, printer) -> None:
        """See :meth:`parse`."""
        if self.sym_visibility.value != "public":
            printer.write(f"{self.sym_visibility.value} ")
        printer.symbol(self.symbol)
        printer.bracketed([partial(self._print_argument, printer, index) for index in range(len(self.type.inputs))])
        if self.type.results:
            printer.write(" -> ")
            if self.res_attrs is None:
                printer.write(format_results(self.type.results, printer.form))
            else:
                printer.write("(")
                for index, type in enumerate(self.type.results):
                    printer.write(", " if index else "")
                    printer.type(type)
                    printer.dictionary(self.res_attributes(index))
                printer.write(")")
        printer.attr_dict(self, exclude=tuple(self.spec.attributes), keyword="attributes")
        if not self.is_declaration:
            printer.region(self.regions[0], arguments=False)

    def _print_argument(self, printer, index: int) -> None:
        """``%a: type {attributes}``."""
        if not self.is_declaration:
            printer.value(self.arguments[index])
            printer.write(": ")
        printer.type(self.type.inputs[index])
        printer.dictionary(self.arg_attributes(index))
        if not self.is_declaration:
            printer.location(self.arguments[index].location)


def _parse_arguments(parser):
    """``%a: type {attributes}, ...)``; in a declaration the names may be absent."""
    arguments: list = []
    inputs: list[Type] = []
    dictionaries: list[DictAttr] = []
    if not parser.accept(")"):
        while True:
            if parser.sees_operand():
                arguments.append(parser.argument())
                inputs.append(arguments[-1][1])
            else:
                inputs.append(parser.type())
            dictionaries.append(DictAttr(parser.attr_dict()))
            location = parser.optional_location()
            if location is not None and not isinstance(location, str) and len(arguments) == len(inputs):
                arguments[-1] = (*arguments[-1][:2], location)
            if not parser.accept(","):
                break
        parser.expect(")")
    return arguments, inputs, dictionaries


def _parse_results(parser):
    """``type``, or ``(type {attributes}, ...)``."""
    if not parser.accept("("):
        return [parser.type()], [_EMPTY]
    types: list[Type] = []
    dictionaries: list[DictAttr] = []
    if not parser.accept(")"):
        while True:
            types.append(parser.type())
            dictionaries.append(DictAttr(parser.attr_dict()))
            if not parser.accept(","):
                break
        parser.expect(")")
    return types, dictionaries


def _list(types: Iterable[Type]) -> str:
    return f"({', '.join(map(str, types))})"


class ReturnOp(Operation):
    """Ends a function; its operands are the function's results."""

    name = "func.return"
    values = operands(doc="The results of the function.")
    traits = frozenset({TERMINATOR, HasParent("func.func")})
    assembly = "attr-dict ($values `:` type($values))?"

    def verify(self) -> None:
        function = self.parent_op
        if not isinstance(function, FuncOp) or not isinstance(function.type, FunctionType):
            return  # the verifier reports that
        wanted = function.type.results
        given = tuple(v.type for v in self.operands)
        if given != wanted:
            raise ValueError(f"returns {_list(given)}, but @{function.symbol} has the results {_list(wanted)}")


class CallOp(Operation):
    """Calls a function of the module."""

    name = "func.call"
    callee = attr(SymbolRefAttr, "The function.")
    arguments = operands(doc="Its arguments.")
    outputs = results(doc="Its results.")
    traits = frozenset({RAW})
    assembly = "$callee `(` $arguments `)` attr-dict `:` functional-type(operands, results)"

    def verify(self) -> None:
        function = lookup(self, self.callee.value)
        if function is None:
            return  # the verifier reports references to nothing
        if not isinstance(function, FuncOp):
            raise ValueError(f"{self.callee} is no function, but {function.name}")
        given = FunctionType([v.type for v in self.operands], [r.type for r in self.results])
        if given is not function.type:
            raise ValueError(f"calls {self.callee} as {given}, but its type is {function.type}")

    def eval(self, context: Any, *operands: Any) -> Sequence[Any]:
        return context.call(self.callee.value, operands)


DIALECT = Dialect("func", operations=(FuncOp, ReturnOp, CallOp), doc="Functions, calls and returns.")
