"""From a text of networks to its tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from irc.frontends.network_tree import (
    Arithmetic,
    Assignment,
    Call,
    Chain,
    Declared,
    Dot,
    File,
    Given,
    Index,
    Name,
    Negative,
    Network,
    Number,
    Range,
    Sequence,
    Text,
)
from irc.frontends.network_words import Line, Word, read_lines
from irc.frontends.text import shown
from irc.ir.diagnostics import Diagnostic, Diagnostics
from irc.ir.locations import Source

NESTING_LIMIT = 32
"""How deep brackets may stand in each other."""

OTHER_STATEMENTS = ("case", "discard", "for", "if", "proc", "return", "when", "while")
"""Words that begin a statement in Nim, but none here."""

SECTIONS = ("context", "input_shape", "inputs", "layers", "forward")

_SUMS, _PRODUCTS = ("+", "-", "+.", "-."), ("*", "/", "*.", "/.")
_PARTNER = {"(": ")", "[": "]"}

T = TypeVar("T")


class Unexpected(Exception):
    """A line that makes no sense; the error is recorded."""


class Parser:
    """Reads one text. Errors go to ``diagnostics``, and reading goes on with the next line."""

    def __init__(self, source: Source, diagnostics: Diagnostics):
        self.source = source
        self.diagnostics = diagnostics

    def file(self) -> File:
        """The whole text."""
        constants: list[Assignment] = []
        networks: list[Network] = []
        for line in read_lines(self.source, self.diagnostics):
            if line.first.text in ("const", "let"):
                constants += self._tried(self._assignments, line) or []
            elif line.first.text == "network":
                made = self._tried(self._network, line)
                networks += [] if made is None else [made]
            else:
                self._tried(self._unexpected, "network Name:", line.first)
        if not networks and not self.diagnostics.has_errors:
            self._record("there is no network: it begins with 'network Name:'", Word("end", "", len(self.source.text)))
        return File(tuple(constants), tuple(networks))

    def _tried(self, read: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return read(*arguments)
        except Unexpected:
            return None

    def _record(self, message: str, word: Word, *notes: Diagnostic) -> None:
        self.diagnostics.error(message, self.source.location(word.offset), *notes)

    def _unexpected(self, wanted: str, word: Word) -> NoReturn:
        got = "the end of the line" if word.kind == "end" else shown(word.text)
        self._record(f"expected {wanted}, got {got}", word)
        raise Unexpected

    # -- lines ---------------------------------------------------------------------------------------------------

    def _network(self, line: Line) -> Network:
        words = _Words(self, line)
        words.take()
        name = words.name("the network's name")
        if words.accept(","):  # the name of a context came first
            name = words.name("the network's name")
        words.expect(":", "':'")
        words.end()
        network = Network(name, sections={})
        if not line.below:
            self._record(f"network {name.text} is empty; it has the sections layers and forward", name)
        for below in line.below:
            self._tried(self._section, network, below)
        return network

    def _section(self, network: Network, line: Line) -> None:
        kind = line.first
        assert network.sections is not None
        if kind.text not in SECTIONS:
            self._unexpected(f"a section ({', '.join(SECTIONS)})", kind)
        if kind.text in network.sections:
            note = Diagnostic("the first is here", self.source.location(network.sections[kind.text].offset), "note")
            self._record(f"a second section {kind.text} of network {network.name.text}", kind, note)
            return
        other = {"inputs": "input_shape", "input_shape": "inputs"}.get(kind.text)
        if other in network.sections:
            note = Diagnostic(f"section {other} is here", self.source.location(network.sections[other].offset), "note")
            self._record("the shapes of the inputs are given twice, by inputs and by input_shape", kind, note)
            return
        network.sections[kind.text] = kind
        if kind.text == "context":
            return
        words = _Words(self, line)
        words.take()
        if kind.text == "input_shape":
            words.expect(":", "':' and a shape such as [1, 28, 28]")
            network.inputs = [Given(Word("name", "", words.word.offset), words.expression())]
            if words.word.kind != "end":
                words.unexpected("a list such as [1, 28, 28] as the shape")
            words.end(line.below)
        elif kind.text == "inputs":
            words.expect(":", "':' and inputs such as x: [1, 28, 28]")
            network.inputs = self._each(words, line, lambda w: w.given(":"))
        elif kind.text == "layers":
            network.parameters = tuple(words.givens())
            words.expect(":", "':'")
            words.end()
            found = [self._tried(self._layer, one) for one in line.below]
            network.layers = tuple(one for one in found if one is not None)
        else:
            network.arguments = tuple(words.givens())
            words.expect(":", "':'")
            body: list[Assignment] = []
            if words.word.kind != "end":
                body.append(words.statement())
                words.end(line.below)
            for below in line.below:
                body += self._tried(self._statements, below) or []
            network.body = tuple(body)

    def _each(self, words: _Words, line: Line, read: Callable[[_Words], T]) -> list[T]:
        """What stands behind a colon: in the line, with commas between, or in lines of their own."""
        found: list[T] = []
        if words.word.kind != "end":
            found.append(read(words))
            while words.accept(",") and words.word.kind != "end":
                found.append(read(words))
        words.end()
        for below in line.below:
            inner = _Words(self, below)
            found.append(read(inner))
            inner.accept(",")
            inner.end(below.below)
        return found

    def _layer(self, line: Line) -> Declared:
        words = _Words(self, line)
        name = words.name("a layer such as hidden: Linear(500)")
        words.expect(":", "':' and the layer, such as Linear(500)")
        made = words.expression()
        words.accept(",")
        words.end(line.below)
        return Declared(name, made)

    def _statements(self, line: Line) -> list[Assignment]:
        if line.first.text in ("let", "var"):
            return self._assignments(line)
        if line.first.text in OTHER_STATEMENTS and line.words[1].text not in ("=", "."):
            hint = "its last line is the value" if line.first.text == "return" else "it is values and assignments"
            self._record(f"there is no {line.first.text} in forward: {hint}", line.first)
            raise Unexpected
        words = _Words(self, line)
        found = words.statement()
        words.end(line.below)
        return [found]

    def _assignments(self, line: Line) -> list[Assignment]:
        """``let a = b``, or ``let`` with such lines below it."""
        words = _Words(self, line)
        keyword = words.take()

        def assignment(words: _Words) -> Assignment:
            place = words.word
            found = words.statement()
            if found.target is None:
                self._unexpected(f"an assignment behind {keyword.text}, such as a = b", place)
            return found

        return self._each(words, line, assignment)


class _Words:
    """The words of a line, one after another."""

    def __init__(self, parser: Parser, line: Line):
        self._parser = parser
        self._line = line
        self._at = 0
        self._depth = 0

    @property
    def word(self) -> Word:
        """The next word."""
        return self._line.words[self._at]

    def take(self) -> Word:
        """Take the next word."""
        word = self.word
        if word.kind != "end":
            self._at += 1
        return word

    def accept(self, sign: str) -> bool:
        """Take a sign, if it comes next."""
        if self.word.kind != "sign" or self.word.text != sign:
            return False
        self._at += 1
        return True

    def expect(self, sign: str, wanted: str) -> None:
        """Take a sign, which must come next."""
        if not self.accept(sign):
            self.unexpected(wanted)

    def name(self, wanted: str) -> Word:
        """Take a name."""
        if self.word.kind != "name":
            self.unexpected(wanted)
        return self.take()

    def end(self, below: list[Line] | None = None) -> None:
        """The line must end here, and where ``below`` is given, nothing may be indented under it."""
        if self.word.kind != "end":
            self.unexpected("the end of the line")
        if below:
            self._parser._unexpected(f"no line to be indented under {shown(self._line.first.text)}", below[0].first)

    def unexpected(self, wanted: str) -> NoReturn:
        """Record what was wanted instead of the next word, and give up."""
        self._parser._unexpected(wanted, self.word)

    # -- parts ---------------------------------------------------------------------------------------------------

    def given(self, sign: str) -> Given:
        """``name: value``, or with another sign."""
        name = self.name(f"a name, {shown(sign)} and a value")
        self.expect(sign, f"{shown(sign)} and a value for {name.text}")
        return Given(name, self.expression())

    def givens(self) -> list[Given]:
        """Names with commas between, some with ``= value``; in brackets or not."""
        bracket = self.accept("(")
        found: list[Given] = []
        while self.word.kind == "name":
            name = self.take()
            found.append(Given(name, self.expression() if self.accept("=") else None))
            if not self.accept(","):
                break
        if bracket:
            self.expect(")", "')'")
        return found

    def statement(self) -> Assignment:
        """``a = value``, ``(a, b) = value``, or a value alone."""
        place = self.word
        value = self.expression()
        if not self.accept("="):
            return Assignment(None, value, place)
        if not _is_target(value):
            self._parser._unexpected("a name, or names in brackets, before '='", place)
        return Assignment(value, self.expression(), place)

    # -- expressions ---------------------------------------------------------------------------------------------

    def expression(self):
        """Sums of products of chains."""
        return self._arithmetic(_SUMS, lambda: self._arithmetic(_PRODUCTS, self._signed))

    def _arithmetic(self, signs: tuple[str, ...], part: Callable):
        first = part()
        rest = []
        while self.word.kind == "sign" and self.word.text in signs:
            sign = self.take()
            rest.append((sign, part()))
        return Arithmetic(first, tuple(rest)) if rest else first

    def _signed(self):
        minus = None
        negative = False
        while self.word.kind == "sign" and self.word.text in ("-", "+"):
            minus = minus or self.word
            negative ^= self.take().text == "-"
        value = self._chain()
        return Negative(value, minus) if negative and minus is not None else value

    def _chain(self):
        head = self._atom()
        steps: list[Call | Dot | Index] = []
        while True:
            word = self.word
            if self.accept("."):
                steps.append(Dot(self.name("a layer or a function behind '.'")))
            elif self.accept("("):
                steps.append(self._nested(word, self._call))
            elif self.accept("["):
                steps.append(Index(tuple(self._nested(word, self._items, "]", self._part)), word))
            else:
                return Chain(head, tuple(steps)) if steps else head

    def _atom(self):
        word = self.word
        if word.kind == "number":
            return self._number()
        if word.kind == "name":
            return Name(self.take())
        if word.kind == "text":
            return Text(self.take().text[1:-1], word)
        self.accept("@")  # a list in Nim: @[1, 2]
        for sign, partner in _PARTNER.items():
            opening = self.word
            if self.accept(sign):
                items = self._nested(opening, self._items, partner, self.expression)
                several = sign == "[" or len(items) != 1 or self._line.words[self._at - 2].text == ","
                return Sequence(tuple(items), opening) if several else items[0]
        self.unexpected("a value")

    def _number(self) -> Number:
        word = self.take()
        digits = word.text.partition("'")[0].replace("_", "")
        if digits.isdecimal():
            return Number(int(digits) if len(digits) <= 18 else float(digits), word)
        try:
            return Number(float(digits), word)
        except ValueError:
            self._parser._unexpected("a number", word)

    def _nested(self, opening: Word, read: Callable[..., T], *arguments: Any) -> T:
        """What stands in brackets."""
        self._depth += 1
        if self._depth > NESTING_LIMIT:
            self._parser._record(f"brackets stand in each other more than {NESTING_LIMIT} deep", opening)
            raise Unexpected
        found = read(*arguments)
        self._depth -= 1
        return found

    def _items(self, closing: str, read: Callable[[], T]) -> list[T]:
        """Items with commas between, to the closing bracket."""
        found: list[T] = []
        while not self.accept(closing):
            found.append(read())
            if not self.accept(","):
                self.expect(closing, f"',' or '{closing}'")
                break
        return found

    def _call(self) -> Call:
        opening = self._line.words[self._at - 1]
        arguments: list = []
        named: list = []

        def argument() -> None:
            words, at = self._line.words, self._at
            if words[at].kind == "name" and words[at + 1].text == "=":
                name = self.take()
                self.take()
                named.append((name, self.expression()))
            elif named:
                self.unexpected("arguments with a name behind the first that has one")
            else:
                arguments.append(self.expression())

        self._items(")", argument)
        return Call(tuple(arguments), tuple(named), opening)

    def _part(self):
        """A part of an index: ``_``, ``:``, an integer, or a range."""
        word = self.word
        if word.kind == "name" and word.text == "_":
            self.take()
            return Range(None, None, False, word)
        begin = None if word.text == ":" else self.expression()
        sign = self.word
        if sign.text not in ("..", "..<", ":"):
            return begin
        self.take()
        end = None if self.word.text in ("]", ",") else self.expression()
        return Range(begin, end, sign.text == "..", sign)


def _is_target(tree: Any) -> bool:
    """Whether a value can be assigned to an expression: a name, or names in brackets."""
    if isinstance(tree, Sequence):
        return bool(tree.items) and all(map(_is_target, tree.items))
    return isinstance(tree, Name)
