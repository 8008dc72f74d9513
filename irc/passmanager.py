"""Passes, pipelines of them, and what watches a pipeline run.

A pass is a frozen dataclass: its name, its options as fields, ``run``, and how the signatures of a module's functions
before and after relate. It lives in ``passes/<name>.py`` (or a package of that name) and is found there by name. A
pipeline is text: ``canonicalize,cse,autodiff{wrt=params}``.
"""

from __future__ import annotations

import dataclasses
import difflib
import pkgutil
import time
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from irc.backend.target import Target, host
from irc.ir.diagnostics import Diagnostics, fail
from irc.ir.locations import Source
from irc.ir.operation import Operation
from irc.ir.verifier import verify

if TYPE_CHECKING:
    from irc.dialects.builtin import ModuleOp


class Signature(Enum):
    """How functions may be called after a pass, compared with before. A checker calls both sides by it."""

    SAME = "same"
    """Functions keep their arguments and results."""
    EXTENDED = "extended"
    """As before, and there are new functions (or results) besides."""
    BATCHED = "batched"
    """Nets of neurons, per sample, become functions of a batch: inputs and outputs are matrices [sample, feature]."""
    NARROWED = "narrowed"
    """Functions keep their arguments and results, but serve fewer sizes."""
    DESTINATION = "destination"
    """Results become buffers that the caller passes; sizes become arguments."""


@dataclass
class PassContext:
    """What a pass may ask and tell: target facts, warnings, and counts worth reporting."""

    target: Target = field(default_factory=host)
    diagnostics: Diagnostics = field(default_factory=Diagnostics)
    statistics: dict[str, int | str] = field(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        """Add to a statistic."""
        self.statistics[what] = int(self.statistics.get(what, 0)) + number


@dataclass(frozen=True)
class Pass:
    """The base of all passes. Fields of a subclass are its options, with defaults."""

    name: ClassVar[str] = ""
    signature: ClassVar[Signature] = Signature.SAME

    def run(self, module: ModuleOp, context: PassContext) -> None:
        """Rewrite the module in place. Raises :class:`irc.Error` where it cannot."""
        raise NotImplementedError

    def __str__(self) -> str:
        shown = []
        for option in dataclasses.fields(self):
            value = getattr(self, option.name)
            if value != option.default:
                text = ";".join(map(str, value)) if isinstance(value, tuple) else str(value)
                shown.append(f"{option.name.replace('_', '-')}={text.lower() if isinstance(value, bool) else text}")
        return self.name + (f"{{{' '.join(shown)}}}" if shown else "")


@cache
def pass_names() -> tuple[str, ...]:
    """The names of all passes: each file or package in ``passes/``, but for helpers, whose names begin with _."""
    package = import_module("irc.passes")
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if m.name != "pipelines"]
    return tuple(sorted(name.replace("_", "-") for name in names if not name.startswith("_")))


def find_pass(name: str) -> type[Pass]:
    """The pass class that ``passes/<name>.py`` defines. KeyError if there is no such pass."""
    if name not in pass_names():
        raise KeyError(name)
    module = import_module("irc.passes." + name.replace("-", "_"))
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Pass) and value.name == name:
            return value
    raise KeyError(name)


def parse_pipeline(text: str) -> list[Pass]:
    """Read ``name{option=value option=value},name,...``. Raises :class:`irc.Error` with a caret into the text."""
    source = Source(text, "<pipeline>")
    passes: list[Pass] = []
    at = 0

    def blanks() -> None:
        nonlocal at
        while at < len(text) and text[at].isspace():
            at += 1

    while True:
        blanks()
        start = at
        while at < len(text) and (text[at].isalnum() or text[at] in "-_"):
            at += 1
        name = text[start:at]
        if not name:
            if not passes and at == len(text):
                return passes
            fail("expected the name of a pass", source.location(start))
        try:
            cls = find_pass(name.replace("_", "-"))
        except KeyError:
            near = difflib.get_close_matches(name, pass_names(), 1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; the passes are {', '.join(pass_names())}"
            fail(f"there is no pass '{name}'{hint}", source.location(start))
        options: dict[str, Any] = {}
        blanks()
        if text[at : at + 1] == "{":
            end = text.find("}", at)
            if end < 0:
                fail("the options of the pass are not closed by '}'", source.location(at))
            options = _parse_options(cls, text[at + 1 : end], source, at + 1)
            at = end + 1
        passes.append(cls(**options))
        blanks()
        if at == len(text):
            return passes
        if text[at] != ",":
            fail("expected ',' between passes", source.location(at))
        at += 1


def _parse_options(cls: type[Pass], text: str, source: Source, offset: int) -> dict[str, Any]:
    known = {f.name: hint for f in dataclasses.fields(cls) for hint in [typing.get_type_hints(cls)[f.name]]}
    found: dict[str, Any] = {}
    at = 0
    for word in text.replace(",", " ").split():
        at = text.index(word, at)
        place = source.location(offset + at)
        at += len(word)
        key, equals, value = word.partition("=")
        key = key.replace("-", "_")
        if key not in known:
            listing = ", ".join(k.replace("_", "-") for k in known) or "none"
            fail(f"pass '{cls.name}' has no option '{key}'; its options: {listing}", place)
        try:
            found[key] = _convert(known[key], value if equals else "true")
        except ValueError as error:
            fail(f"option '{key}' of pass '{cls.name}': {error}", place)
    return found


def _convert(hint: Any, text: str) -> Any:
    """An option's text as a value of its field's type."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(a for a in arguments if a is not type(None))
        arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return tuple(_convert(arguments[0], part) for part in text.split(";") if part)
    if hint is bool:
        if text not in ("true", "false"):
            raise ValueError(f"expected true or false, got '{text}'")
        return text == "true"
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise ValueError(f"expected a number, got '{text}'") from None
    return text


class Instrument:
    """Watches a pipeline. Dumps, timing and numerical checking are instruments."""

    def before(self, p: Pass, module: ModuleOp) -> None:
        """Called before each pass."""

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        """Called after each pass, when its result has been verified."""


class PassManager:
    """Runs passes over a module, each result verified."""

    def __init__(
        self,
        passes: Sequence[Pass],
        context: PassContext | None = None,
        instruments: Iterable[Instrument] = (),
        verify_each: bool = True,
    ):
        self.passes = list(passes)
        self.context = context or PassContext()
        self.instruments = list(instruments)
        self.verify_each = verify_each

    def run(self, module: ModuleOp) -> None:
        """Run all passes, in place. Raises :class:`irc.Error`."""
        for p in self.passes:
            for instrument in self.instruments:
                instrument.before(p, module)
            self.context.statistics = {}
            start = time.perf_counter()
            p.run(module, self.context)
            seconds = time.perf_counter() - start
            if self.verify_each:
                verify(module)
            for instrument in self.instruments:
                instrument.after(p, module, self.context, seconds)


def require_legal(module: Operation, legal: Callable[[Operation], bool], stage: str) -> None:
    """Report every op that a stage should have lowered and did not, with its name and place."""
    diagnostics = Diagnostics()
    for op in module.walk():
        if not legal(op):
            diagnostics.error(f"'{op.name}' is left over after {stage}: there is no rule to lower it", op.location)
    diagnostics.raise_errors()
