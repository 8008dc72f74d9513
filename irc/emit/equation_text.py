"""Reads equations as ``irc.emit.equations`` writes them, and evaluates them in float64.

    text     = lines of: a comment (# to the end of the line) | function | equation
    function = name "(" name ")" "=" sum               its body may call activations only
    equation = name "=" sum
    sum      = ["+" | "-"] product { ("+" | "-") product }
    product  = factor { ("*" | "/") factor }
    factor   = number | name [ "[" "t" "-" integer "]" ] | "-" factor | "(" [ sum ] ")" | call
    call     = name ["'"] ["<" number ">"] ["[" integer "]"] "(" [ sum { "," sum } ] ")"

Empty brackets are 0. ``relu'(x)`` is the derivative of an activation; ``max(a, b)``, ``min``, ``product``, ``sum``,
``mean``, ``maxabs`` and ``median`` are aggregations, and ``max'[1](a, b)`` the derivative by term 1. ``h[t-1]`` is h of
the step before. Names that are no identifiers stand in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np

from irc.dialects.activations import ACTIVATIONS, Activation
from irc.dialects.array import choice
from irc.emit.names import before, unquoted
from irc.ir.diagnostics import fail
from irc.ir.locations import Source

_TOKEN = re.compile(
    r'[ \t\r]*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*|"(?:[^"\\\n]|\\[^\n])*")'
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<sign>[-+*/()\[\]<>,=']))"
)
_COMMENT = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)")
_BEFORE = re.compile(r"[ \t]*\[[ \t]*t[ \t]*-[ \t]*(?P<steps>[1-9][0-9]{0,8})[ \t]*\]")
_NESTING = 100


def _choice(how: str, terms: list[np.ndarray]) -> np.ndarray:
    return choice.value(how, choice.stacked(terms))


_AGGREGATIONS: dict[str, Callable[[list[np.ndarray]], np.ndarray]] = {
    "sum": lambda terms: reduce(np.add, terms),
    "product": lambda terms: reduce(np.multiply, terms),
    "mean": lambda terms: reduce(np.add, terms) / len(terms),
    **{how: partial(_choice, how) for how in choice.CHOICES},
}


def _share(aggregation: str, terms: list[np.ndarray], index: int) -> Any:
    """The derivative of an aggregation by one of its terms (see :class:`irc.dialects.neuron.Share`)."""
    if aggregation == "sum":
        return np.float64(1.0)
    if aggregation == "mean":
        return np.float64(1.0 / len(terms))
    if aggregation == "product":
        others = terms[:index] + terms[index + 1 :]
        return reduce(np.multiply, others) if others else np.float64(1.0)
    return choice.shares(aggregation, choice.stacked(terms))[index]


@dataclass(frozen=True, slots=True)
class _Number:
    value: float


@dataclass(frozen=True, slots=True)
class _Name:
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class _Chain:
    """Operands joined from left to right; each has its sign: + and -, or * and /. No operand: 0."""

    parts: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a function of the text (``activation`` and ``aggregation`` are None), or of one that is known."""

    name: str
    arguments: tuple[Any, ...]
    offset: int
    derivative: bool = False
    index: int | None = None
    activation: Activation | None = None
    aggregation: str | None = None


@dataclass(frozen=True)
class Function:
    """``name(parameter) = body``."""

    name: str
    parameter: str
    body: Any


class Equations:
    """Equations that were read. ``functions`` by name; ``equations`` are (name, expression, offset) in text order.

    ``delayed``: of which names, how many steps before, values are read.
    """

    def __init__(
        self,
        source: Source,
        functions: dict[str, Function],
        equations: list[tuple[str, Any, int]],
        delayed: set[tuple[str, int]],
    ):
        self.source = source
        self.functions = functions
        self.equations = equations
        self.delayed = delayed

    def evaluate(self, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The value of every equation, by name.

        ``given`` are the values of the names that no equation defines: inputs, parameters, gradients of the outputs
        (``DLY_...``), and of steps before (``h[t-1]``); numbers, or arrays of equal length, one value a sample. Raises
        Error for a name without a value.
        """
        values = {name: np.asarray(value, np.float64) for name, value in given.items()}
        found: dict[str, np.ndarray] = {}
        with np.errstate(all="ignore"):
            for name, expression, offset in self.equations:
                if name in values:
                    fail(f"'{name}' is defined here, and given a value besides", self.source.location(offset))
                try:
                    found[name] = values[name] = np.asarray(self._value(expression, values))
                except ValueError as error:
                    fail(f"'{name}' cannot be evaluated: {error}", self.source.location(offset))
        return found

    def _value(self, node: Any, values: Mapping[str, np.ndarray]) -> Any:
        if isinstance(node, _Number):
            return np.float64(node.value)
        if isinstance(node, _Name):
            if node.name not in values:
                fail(f"'{node.name}' has no value here", self.source.location(node.offset))
            return values[node.name]
        if isinstance(node, _Call):
            return self._call(node, [self._value(argument, values) for argument in node.arguments], values)
        return self._chain(node, values)

    def _chain(self, node: _Chain, values: Mapping[str, np.ndarray]) -> Any:
        total: Any = None
        for sign, part in node.parts:
            value = self._value(part, values)
            if total is None:
                total = -value if sign == "-" else value
            elif sign in "+-":
                total = total + value if sign == "+" else total - value
            else:
                total = total * value if sign == "*" else total / value
        return np.float64(0.0) if total is None else total

    def _call(self, node: _Call, arguments: list[Any], values: Mapping[str, np.ndarray]) -> Any:
        if node.activation is not None:
            return node.activation.evaluate(arguments[0], derivative=node.derivative)
        if node.aggregation is not None:
            if node.index is not None:
                return _share(node.aggregation, arguments, node.index)
            return _AGGREGATIONS[node.aggregation](arguments)
        function = self.functions.get(node.name)
        if function is None:
            fail(f"there is no function '{node.name}'", self.source.location(node.offset))
        return self._value(function.body, {**values, function.parameter: arguments[0]})


def parse_equations(text: str | Source) -> Equations:
    """Read equations. Raises :class:`irc.Error` for the first thing that is not one, with its place."""
    source = text if isinstance(text, Source) else Source(text, "<equations>")
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: Source):
        self.source = source
        self.text = source.text
        self.at = 0
        self.name_at = 0  # where the last name stood
        self.depth = 0
        self.in_function = False
        self.delayed: set[tuple[str, int]] = set()

    def read(self) -> Equations:
        functions: dict[str, Function] = {}
        equations: list[tuple[str, Any, int]] = []
        defined: set[str] = set()
        while self.at < len(self.text):
            blank = _COMMENT.match(self.text, self.at)
            if blank is not None and blank.end() > self.at:
                self.at = blank.end()
                continue
            start = self.at
            name = self.name()
            if self.accept("("):
                function = self.function(name, start)
                if name in functions:
                    self.fail(f"function '{name}' is defined twice", start)
                functions[name] = function
            else:
                self.expect("=")
                if name in defined:
                    self.fail(f"'{name}' is defined twice", start)
                defined.add(name)
                equations.append((name, self.sum(), start))
            self.end_of_line()
        return Equations(self.source, functions, equations, self.delayed)

    def function(self, name: str, start: int) -> Function:
        if name in ACTIVATIONS or name in _AGGREGATIONS:
            self.fail(f"'{name}' is known already, and cannot be defined", start)
        parameter = self.name()
        self.expect(")")
        self.expect("=")
        self.in_function = True
        body = self.sum()
        self.in_function = False
        return Function(name, parameter, body)

    def fail(self, message: str, offset: int | None = None) -> Any:
        fail(message, self.source.location(self.at if offset is None else offset))

    # -- words ---------------------------------------------------------------------------------------------------

    def peek(self, kind: str) -> str | None:
        """The next word, if it is of this kind."""
        match = _TOKEN.match(self.text, self.at)
        return match[kind] if match is not None else None

    def accept(self, sign: str) -> bool:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match["sign"] != sign:
            return False
        self.at = match.end()
        return True

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            self.fail(f"expected '{sign}'{self.met()}")

    def met(self) -> str:
        """What stands here instead, for messages; moves to it."""
        while self.at < len(self.text) and self.text[self.at] in " \t\r":
            self.at += 1
        rest = self.text[self.at : self.at + 1]
        return f", got {rest!r}" if rest.strip() else ", got the end of the line"

    def name(self) -> str:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match["name"] is None:
            self.fail(f"expected a name{self.met()}")
        assert match is not None
        self.name_at = match.start("name")
        self.at = match.end()
        return unquoted(match["name"])

    def number(self) -> float:
        sign = -1.0 if self.accept("-") else 1.0
        match = _TOKEN.match(self.text, self.at)
        if match is None or match["number"] is None:
            self.fail(f"expected a number{self.met()}")
        assert match is not None
        self.at = match.end()
        return sign * float(match["number"])

    def end_of_line(self) -> None:
        match = _COMMENT.match(self.text, self.at)
        if match is None:
            self.fail(f"expected an operator or the end of the line{self.met()}")
        assert match is not None
        self.at = match.end()

    # -- expressions ---------------------------------------------------------------------------------------------

    def sum(self) -> Any:
        sign = "-" if self.accept("-") else "+"
        if sign == "+":
            self.accept("+")
        parts = [(sign, self.product())]
        while True:
            if self.accept("+"):
                parts.append(("+", self.product()))
            elif self.accept("-"):
                parts.append(("-", self.product()))
            else:
                return parts[0][1] if len(parts) == 1 and sign == "+" else _Chain(tuple(parts))

    def product(self) -> Any:
        parts = [("+", self.factor())]
        while True:
            if self.accept("*"):
                parts.append(("*", self.factor()))
            elif self.accept("/"):
                parts.append(("/", self.factor()))
            else:
                return parts[0][1] if len(parts) == 1 else _Chain(tuple(parts))

    def factor(self) -> Any:
        self.depth += 1
        if self.depth > _NESTING:
            self.fail(f"nested more than {_NESTING} deep")
        try:
            if self.peek("number") is not None:
                return _Number(self.number())
            if self.accept("-"):
                return _Chain((("-", self.factor()),))
            if self.accept("("):
                if self.accept(")"):
                    return _Chain(())
                inner = self.sum()
                self.expect(")")
                return inner
            name = self.name()
            offset = self.name_at
            late = _BEFORE.match(self.text, self.at)
            if late is not None and not self.in_function:
                self.at = late.end()
                self.delayed.add((name, int(late["steps"])))
                return _Name(f"{name}{before(int(late['steps']))}", offset)
            if self.peek("sign") in ("(", "'", "<", "["):
                return self.call(name, offset)
            return _Name(name, offset)
        finally:
            self.depth -= 1

    def call(self, name: str, offset: int) -> _Call:
        derivative = self.accept("'")
        parameter: float | None = None
        if self.accept("<"):
            parameter = self.number()
            self.expect(">")
        index: int | None = None
        place = self.at
        if self.accept("["):
            number = self.number()
            self.expect("]")
            if number < 0 or number != int(min(number, 1e9)):
                self.fail("expected the number of a term", place)
            index = int(number)
        arguments = self.arguments()
        if name in _AGGREGATIONS:
            if not arguments or derivative != (index is not None) or parameter is not None:
                self.fail(f"write {name}(a, b), or {name}'[1](a, b) for the derivative by term 1", offset)
            if index is not None and index >= len(arguments):
                self.fail(f"there is no term {index} among {len(arguments)}", place)
            return _Call(name, arguments, offset, derivative, index, aggregation=name)
        if len(arguments) > 1 or index is not None:
            self.fail(f"'{name}' takes one argument", offset)
        arguments = arguments or (_Chain(()),)
        activation = ACTIVATIONS.get(name)
        if activation is None:
            if self.in_function or derivative or parameter is not None:
                self.fail(f"there is no activation '{name}'", offset)
            return _Call(name, arguments, offset)
        if activation.whole_layer:
            self.fail(f"'{name}' acts on a whole layer", offset)
        try:
            return _Call(name, arguments, offset, derivative, activation=activation.with_parameter(parameter))
        except ValueError as error:
            return self.fail(str(error), offset)

    def arguments(self) -> tuple[Any, ...]:
        self.expect("(")
        if self.accept(")"):
            return ()
        found = [self.sum()]
        while self.accept(","):
            found.append(self.sum())
        self.expect(")")
        return tuple(found)
