"""What expressions of a network's text mean: they are evaluated, and layers and functions of ``irc.layers`` applied."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from irc.frontends.network_tree import (
    Arithmetic,
    Call,
    Chain,
    Dot,
    Index,
    Name,
    Negative,
    Number,
    Range,
    Sequence,
    Text,
)
from irc.frontends.network_words import Word
from irc.frontends.text import shown
from irc.ir.diagnostics import Diagnostic, Error, counted, fail
from irc.ir.locations import UNKNOWN, Location, Source
from irc.layers import arithmetic
from irc.layers.function import Layer
from irc.layers.names import FUNCTIONS, INITIALS, LAYERS, argument_names, folded, positions
from irc.layers.place import placed
from irc.layers.value import Value

OPERATIONS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


class Meaning:
    """Evaluates expressions of ``source``."""

    def __init__(self, source: Source):
        self.source = source

    def at(self, word: Word) -> Location:
        """Where a word stands."""
        return self.source.location(word.offset)

    def fail(self, message: str, word: Word, *notes: Diagnostic) -> NoReturn:
        """Raise an Error at a word."""
        fail(message, self.at(word), *notes)

    @contextmanager
    def placed(self, word: Word) -> Iterator[None]:
        """For a while, what is built, and what is wrong with it, stands at a word."""
        place = self.at(word)
        try:
            with placed(place):
                yield
        except Error as error:
            found = [replace(d, location=place) if d.location is UNKNOWN else d for d in error.diagnostics]
            raise Error(found) from None

    def value(self, tree: Any, names: Mapping[str, Any]) -> Any:
        """What an expression gives, where ``names`` are known. Raises :class:`irc.Error`."""
        if isinstance(tree, (Number, Text)):
            return tree.value
        if isinstance(tree, Name):
            return self.named(tree.word, names)
        if isinstance(tree, Sequence):
            return tuple(self.value(item, names) for item in tree.items)
        if isinstance(tree, Chain):
            return self._chain(tree, names)
        if isinstance(tree, Negative):
            return self._joined(-1, self.value(tree.value, names), replace(tree.word, text="*"))
        assert isinstance(tree, Arithmetic)
        found = self.value(tree.first, names)
        for sign, part in tree.rest:
            found = self._joined(found, self.value(part, names), sign)
        return found

    def named(self, word: Word, names: Mapping[str, Any]) -> Any:
        """What a name stands for: a value or layer, a function, or a kind of layer."""
        if word.text in names:
            return names[word.text]
        key = folded(word.text)
        if key in ("true", "false"):
            return key == "true"
        for table in (FUNCTIONS, LAYERS, INITIALS):
            if key in table:
                return table[key]
        self._unknown("name", word, names)

    def _unknown(self, what: str, word: Word, names: Iterable[str]) -> NoReturn:
        names = list(names)
        known = [*names, *FUNCTIONS, *(layer.kind for layer in LAYERS.values()), *INITIALS]
        near = difflib.get_close_matches(word.text[:40], known[:1000], 1)
        here = f"{', '.join(names[:20])}, and functions" if names else "functions"
        hint = f"did you mean '{near[0]}'?" if near else f"known here are {here} such as relu"
        self.fail(f"there is no {what} {shown(word.text)}; {hint}", word)

    # -- chains --------------------------------------------------------------------------------------------------

    def _chain(self, tree: Chain, names: Mapping[str, Any]) -> Any:
        """``a.f(b)`` is ``f(a, b)``; a layer may stand for ``f``."""
        found = self.value(tree.head, names)
        word = tree.head.word if isinstance(tree.head, (Name, Sequence, Number, Text)) else None
        steps = list(tree.steps)
        for number, step in enumerate(steps):
            if isinstance(step, Dot):
                following = steps[number + 1] if number + 1 < len(steps) else None
                found = self._dot(found, step.word, following if isinstance(following, Call) else None, names)
            elif isinstance(step, Index):
                found = self._index(found, step, names)
            elif not number or not isinstance(steps[number - 1], Dot):
                found = self.call(found, (), step, names, word or step.word)
            word = step.word
        return found

    def _dot(self, target: Any, word: Word, call: Call | None, names: Mapping[str, Any]) -> Any:
        key = folded(word.text)
        if isinstance(target, Layer) and key == "outshape":
            with self.placed(word):
                return target.out_shape
        if isinstance(target, Value) and key in ("shape", "outshape") and call is None:
            with self.placed(word):
                return target.shape
        function = names.get(word.text)
        if not callable(function):
            function = FUNCTIONS.get(key)
        if function is None:
            layers = [name for name, value in names.items() if callable(value)]
            self._unknown("layer or function", word, layers)
        return self.call(function, (target,), call or Call((), (), word), names, word)

    def call(self, target: Any, first: tuple[Any, ...], call: Call, names: Mapping[str, Any], word: Word) -> Any:
        """``target`` called with ``first`` and the arguments of a call."""
        if not callable(target):
            self.fail(f"{shown(word.text)} is no layer or function, so it cannot be called", word)
        arguments = [*first, *(self.value(argument, names) for argument in call.arguments)]
        arguments = [argument() if argument in INITIALS.values() else argument for argument in arguments]
        known = argument_names(target, getattr(target, "spellings", {}) if isinstance(target, type) else {})
        named: dict[str, Any] = {}
        for name, argument in call.named:
            key = known.get(folded(name.text))
            if key is None:
                self._unknown_argument(name, known, word)
            if key in named:
                self.fail(f"a second argument {shown(name.text)}", name)
            value = self.value(argument, names)
            named[key] = value() if value in INITIALS.values() else value
        self._check_count(target, arguments, named, word)
        with self.placed(word):
            return target(*arguments, **named)

    def _unknown_argument(self, name: Word, known: Mapping[str, str], word: Word) -> NoReturn:
        own = list(dict.fromkeys(known.values()))
        near = difflib.get_close_matches(name.text[:40], own, 1)
        takes = f"it takes {', '.join(own)}" if own else "it takes none by name"
        hint = f"did you mean '{near[0]}'?" if near else takes
        self.fail(f"{word.text} has no argument {shown(name.text)}; {hint}", name)

    def _check_count(self, target: Callable[..., Any], given: list[Any], named: Mapping[str, Any], word: Word) -> None:
        names, needed, open_ended = positions(target)
        if len(given) > len(names) and not open_ended:
            self.fail(f"{word.text} takes at most {counted(len(names), 'argument')}, not {len(given)}", word)
        by_position = names[: len(given)]
        for name in by_position:
            if name in named:
                self.fail(f"argument {name} of {word.text} is given twice", word)
        missing = [name for name in needed if name not in by_position and name not in named]
        if missing:
            self.fail(f"{word.text} needs {' and '.join(missing)}", word)

    # -- indices and arithmetic ----------------------------------------------------------------------------------

    def _index(self, target: Any, index: Index, names: Mapping[str, Any]) -> Any:
        parts = tuple(self._part(part, names, index.word) for part in index.parts)
        if isinstance(target, Value):
            with self.placed(index.word):
                return target[parts]
        if not isinstance(target, tuple):
            self.fail("only values of the net, lists and tuples have parts", index.word)
        if len(parts) != 1 or not isinstance(parts[0], int):
            self.fail("a part of a list or tuple has one number", index.word)
        if not -len(target) <= parts[0] < len(target):
            self.fail(f"there is no part {parts[0]} of {len(target)}", index.word)
        return target[parts[0]]

    def _part(self, part: Any, names: Mapping[str, Any], word: Word) -> Any:
        if not isinstance(part, Range):
            return self._integer(part, names, word)
        begin = None if part.begin is None else self._integer(part.begin, names, part.word)
        end = None if part.end is None else self._integer(part.end, names, part.word)
        if part.inclusive and end is not None:
            end = None if end == -1 else end + 1
        return slice(begin, end)

    def _integer(self, tree: Any, names: Mapping[str, Any], word: Word) -> int:
        found = self.value(tree, names)
        if not isinstance(found, int) or isinstance(found, bool):
            self.fail(f"an index must be an integer, not {_kind(found)}", word)
        return found

    def _joined(self, left: Any, right: Any, sign: Word) -> Any:
        with self.placed(sign):
            if isinstance(left, Value) or isinstance(right, Value):
                return arithmetic.combine(OPERATIONS[sign.text[0]], left, right)
        for one in (left, right):
            if isinstance(one, bool) or not isinstance(one, (int, float)):
                self.fail(f"'{sign.text}' takes values of the net and numbers, not {_kind(one)}", sign)
        return self._number(left, right, sign)

    def _number(self, left: int | float, right: int | float, sign: Word) -> int | float:
        operation = sign.text[0]
        if operation == "/":
            if right == 0:
                self.fail("division by zero", sign)
            exact = isinstance(left, int) and isinstance(right, int) and left % right == 0
            return left // right if exact else left / right
        found = left + right if operation == "+" else left - right if operation == "-" else left * right
        if abs(found) > 2.0**63:
            self.fail("this number is too large", sign)
        return found


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, Layer):
        return f"the layer {value.described}"
    return {Value: "a value of the net", int: "an integer", float: "a number", str: "a text"}.get(
        type(value), "a function"
    )
