"""From an MDL text to its tree. Splits are kept on a stack of our own, so no text is too deep for Python's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn

from irc.frontends.graph import raise_in_order
from irc.frontends.mdl_tree import Branch, Function, Layer, Merge, Model, Node, Split, Word
from irc.frontends.text import BYTE_ORDER_MARK, shown
from irc.ir.diagnostics import Diagnostics
from irc.ir.locations import Source

NESTING_LIMIT = 1000
"""How deep splits may stand in each other."""

_WORD = re.compile(r"#[^\n]*|[,()\[\]{}<>|/]|[^\s,()\[\]{}<>|/#]+")
_SIGNS = frozenset(",()[]{}<>|/")
_RESUME = frozenset("([{|]")
"""Where reading goes on behind an error."""
_BEGIN_NODE = frozenset("([{")
_PARTNER = {")": "(", "]": "[", "}": "{", ">": "<", "/": "/"}


class _Unexpected(Exception):
    """A word that cannot stand where it does; the error is recorded."""


@dataclass(slots=True)
class _OpenSplit:
    """A split whose end has not come yet. ``outer`` are the nodes before it, ``begin`` is where its last branch begins
    (None: it has none), ``branches`` are those before that one.
    """

    opening: Word
    name: Word
    outer: list[Node]
    begin: int | None
    branches: list[Branch] = field(default_factory=list)


class Parser:
    """Reads one text; errors go to ``diagnostics``, and reading goes on with the next node."""

    def __init__(self, source: Source, diagnostics: Diagnostics):
        self.source = source
        self.diagnostics = diagnostics
        text = source.text
        found = _WORD.finditer(text, text.startswith(BYTE_ORDER_MARK))
        self._words = [Word(m[0], m.start()) for m in found if m[0][0] != "#"]
        self._words.append(Word("", len(text)))
        self._at = 0
        self._last_error = -2
        self._nodes: list[Node] = []  # of the innermost branch
        self._splits: list[_OpenSplit] = []

    def model(self) -> Model:
        """The whole text."""
        header: tuple[Function, ...] = ()
        try:
            header = self._header()
        except _Unexpected:
            self._skip()
        return Model(header, self._chain())

    # -- words ---------------------------------------------------------------------------------------------------

    @property
    def _word(self) -> Word:
        return self._words[self._at]

    def _take(self) -> Word:
        word = self._word
        self._at += 1
        return word

    def _accept(self, sign: str) -> bool:
        if self._word.text != sign:
            return False
        self._at += 1
        return True

    def _name(self, what: str) -> Word:
        """Take a word that is no sign; ``what`` it should be."""
        if not self._word.text or self._word.text in _SIGNS:
            self._unexpected(what)
        return self._take()

    def _close(self, sign: str, opening: Word, instead: str = "") -> None:
        """Take the sign that ends what ``opening`` began; ``instead`` of it something else could stand, too."""
        if self._word.text in _BEGIN_NODE or not self._word.text:
            missing = "second '/' for this header" if sign == "/" else f"'{sign}' for this '{_PARTNER[sign]}'"
            self._error(f"there is no {missing}", opening)
        if not self._accept(sign):
            self._unexpected(f"{instead}'{sign}'")

    def _unexpected(self, wanted: str, word: Word | None = None) -> NoReturn:
        word = word or self._word
        got = shown(word.text) if word.text else "the end of the text"
        self._error(f"expected {wanted}, got {got}", word)

    def _error(self, message: str, word: Word) -> NoReturn:
        """Record an error and give up this node. One right behind another says nothing new."""
        if self._at > self._last_error + 1:
            self.diagnostics.error(message, self.source.location(word.offset))
        self._last_error = self._at
        raise _Unexpected

    def _skip(self) -> None:
        """Go on to where a node may begin, or a branch or split end."""
        while self._word.text and self._word.text not in _RESUME:
            self._at += 1

    # -- the grammar ---------------------------------------------------------------------------------------------

    def _header(self) -> tuple[Function, ...]:
        """``/weights, biases/``."""
        opening = self._word
        if not self._accept("/"):
            self._unexpected("the header '/weights,biases/', the initialisers")
        first = self._initializer("weights")
        if not self._accept(","):
            self._unexpected("',' and the initialiser of the biases")
        second = self._initializer("biases")
        self._close("/", opening)
        return first, second

    def _initializer(self, what: str) -> Function:
        name = self._name(f"the initialiser of the {what}")
        numbers: list[Word] = []
        while self._word.text and self._word.text not in _SIGNS:
            numbers.append(self._take())
        return Function(name, tuple(numbers))

    def _chain(self) -> tuple[Node, ...]:
        """The main chain, to the end of the text."""
        main = self._nodes
        while self._word.text:
            try:
                self._node()
            except _Unexpected:
                self._skip()
        for split in self._splits:
            self.diagnostics.error("there is no ']' for this '['", self.source.location(split.opening.offset))
        return tuple(main)

    def _node(self) -> None:
        """Take the next node, or the sign at which a branch begins or ends."""
        sign = self._word.text
        if sign == "(":
            self._nodes.append(self._layer())
        elif sign == "{":
            self._nodes.append(self._merge())
        elif sign == "[":
            self._open_split()
        elif sign in ("|", "]") and self._splits:
            split, place = self._splits[-1], self._take()
            if split.begin is not None:
                split.branches.append(Branch(tuple(self._nodes), split.begin))
            split.begin, self._nodes = place.offset + 1, []
            if sign == "]":
                self._splits.pop()
                self._nodes = split.outer
                self._nodes.append(Split(split.name, tuple(split.branches)))
        else:
            self._at += 1  # it may be a sign at which reading would go on
            self._unexpected("a node: a layer '(...)', a split '[...]' or a merge '{...}'", self._words[self._at - 1])

    def _open_split(self) -> None:
        opening = self._take()
        if len(self._splits) == NESTING_LIMIT:
            where = self.source.location(opening.offset)
            self.diagnostics.error(f"splits are nested more than {NESTING_LIMIT} levels deep", where)
            raise_in_order(self.diagnostics)
        split = _OpenSplit(opening, opening, self._nodes, opening.offset + 1)
        self._splits.append(split)
        self._nodes = []
        split.name = self._name("the name of the split")
        if self._word.text == "]":
            split.begin = None
        elif self._word.text:
            if not self._accept(","):
                self._unexpected("',' or ']'")
            split.begin = self._words[self._at - 1].offset + 1

    def _layer(self) -> Layer:
        opening = self._take()
        name = self._name("the name of the layer")
        if not self._accept(","):
            self._unexpected("',' and the width of the layer")
        width = self._name("the width of the layer")
        functions: list[Function] = []
        while self._accept(","):
            functions.append(self._function())
        self._close(")", opening, "',' or ")
        return Layer(name, width, tuple(functions))

    def _function(self) -> Function:
        opening = self._word
        if not self._accept("<"):
            self._unexpected("a function such as <tanh> or <mse>")
        name = self._name("the name of a function")
        parameters: list[Word] = []
        while self._accept(","):
            parameters.append(self._name("the parameter of the function"))
        self._close(">", opening, "',' or ")
        return Function(name, tuple(parameters))

    def _merge(self) -> Merge:
        opening = self._take()
        name = self._name("the name of the merge")
        if not self._accept(","):
            self._unexpected("',' and the node to merge with")
        source = self._name("the node to merge with")
        if not self._accept(","):
            self._unexpected("',' and the operation")
        operation = self._name("the operation")
        self._close("}", opening)
        return Merge(name, source, operation)
