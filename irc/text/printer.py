"""Writes IR as text: each op's pretty form, or MLIR's generic form; both read back equal.

Names come from hints, made unique; values without one are numbered. Where regions nest, inner names differ from outer
ones, and an op whose regions are isolated starts afresh (in generic form only functions and nets do, which stand among
no values: other tools do not know that ops of ours are isolated). All names of a region are given before its first op
is written, so that graphs, in which a use may stand before its definition, need nothing special.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from irc.ir.attributes import Attribute, DenseAttr, DictAttr, Form, format_entry, format_symbol
from irc.ir.locations import Location
from irc.ir.operation import Block, Operation, Region, Value
from irc.ir.spec import SEGMENTS
from irc.ir.traits import ISOLATED
from irc.ir.types import Type, format_results
from irc.text.assembly import assembly_of

OpClass = type[Operation]
_CLEAN = re.compile(r"[^\w$.]", re.ASCII)
_LONG_LIST = 100
"""Arguments of more signs than this stand one a line."""

_NO_SPACE_AFTER = frozenset({"", " ", "\n", "(", "[", "<", "{"})


class Printer:
    """Collects text. ``print`` methods of ops get one, placed behind the op's name and a blank."""

    def __init__(self, form: Form | None = None, locations: bool = False):
        self.form = form or Form()
        self.locations = locations
        self.parts: list[str] = []
        self.write = self.parts.append
        self._names: dict[Value, str] = {}
        self._used: dict[str, int] = {}  # names in use, each with the next number to make it unique
        self._given: list[str] = []  # the names of the current scope, which end with it
        self._numbers = [0, 0]  # of the next unnamed result and argument
        self._labels: dict[Block, str] = {}
        self._indent = "\n"
        self._texts: dict[Attribute, str] = {}
        self._signatures: dict[tuple, str] = {}
        self._writers: dict[type[Operation], Callable[[Operation], None]] = {}

    # -- for the print methods of ops ----------------------------------------------------------------------------

    def name_of(self, value: Value) -> str:
        """``%name``, to be written."""
        return self._names.get(value) or self._foreign(value)

    def value(self, value: Value) -> None:
        """``%name``."""
        self.write(self._names.get(value) or self._foreign(value))

    def values(self, values: Iterable[Value]) -> None:
        """``%a, %b``."""
        names = self._names
        self.write(", ".join([names.get(v) or self._foreign(v) for v in values]))

    def type(self, type: Type) -> None:
        """A type."""
        self.write(self.text_of(type))

    def types(self, types: Iterable[Type]) -> None:
        """``type, type``."""
        self.write(", ".join([self.text_of(t) for t in types]))

    def function_type(self, inputs: Sequence[Type], results: Sequence[Type]) -> None:
        """``(inputs) -> results``."""
        self.write(self._signature(inputs, results))

    def attribute(self, attribute: Attribute) -> None:
        """An attribute."""
        self.write(self.text_of(attribute))

    def symbol(self, name: str) -> None:
        """``@name``."""
        self.write(format_symbol(name))

    def attr_dict(self, op: Operation, exclude: tuple[str, ...] = (), keyword: str = "") -> None:
        """`` {name = attribute, ...}`` of the attributes that are not in ``exclude``; nothing if there are none."""
        text = self.attr_dict_text(op, exclude)
        if text:
            self.space()
            self.write(f"{keyword} {text}" if keyword else text)

    def attr_dict_text(self, op: Operation, exclude: tuple[str, ...]) -> str:
        """What :meth:`attr_dict` writes, without the blank."""
        if not op.attributes:
            return ""
        key = (op.name, exclude, *op.attributes.items())
        text = self._signatures.get(key)
        if text is None:
            shown = op.spec.without_defaults(op.attributes)
            entries = [(name, shown[name]) for name in sorted(shown) if name not in exclude]
            text = self._dictionary(entries) if entries else ""
            self._signatures[key] = text
        return text

    def dictionary(self, attributes: DictAttr) -> None:
        """`` {name = attribute, ...}``; nothing if it is empty."""
        if attributes.entries:
            self.space()
            self.write(self.text_of(attributes))

    def region(self, region: Region, arguments: bool = True) -> None:
        """`` { operations }``; without ``arguments`` the entry block's arguments are shown by the op's own syntax."""
        self.space()
        self.write("{")
        self._blocks(region, arguments)
        self.write(f"{self._indent}}}")

    def bracketed(self, entries: Sequence[Callable[[], None]]) -> None:
        """``(entry, entry)``, or one entry a line where the line would get too long for a person to read."""
        texts = []
        begin = len(self.parts)
        for write in entries:
            write()
            texts.append("".join(self.parts[begin:]))
            del self.parts[begin:]
        if sum(map(len, texts)) + 2 * len(texts) <= _LONG_LIST:
            self.write(f"({', '.join(texts)})")
        else:
            inner = f"{self._indent}    "
            self.write(f"({inner}{f',{inner}'.join(texts)})")

    def location(self, location: Location) -> None:
        """`` loc(...)``, where locations are wanted."""
        if self.locations:
            self.write(f" {location}")

    def space(self) -> None:
        """A blank, unless one stands here already or the last sign wants none."""
        if self.parts and self.parts[-1][-1:] not in _NO_SPACE_AFTER:
            self.write(" ")

    # -- names ---------------------------------------------------------------------------------------------------

    def _foreign(self, value: Value) -> str:
        """The name of a value from outside of what is printed."""
        name = self._names[value] = f"%{self._unique(_clean(value.name_hint) or 'outside')}"
        return name

    def _unique(self, base: str) -> str:
        used = self._used
        name = base
        if name in used:
            number = used[base]
            while (name := f"{base}_{number}") in used:
                number += 1
            used[base] = number + 1
        used[name] = 0
        self._given.append(name)
        return name

    def _numbered(self, kind: int, prefix: str) -> str:
        while (name := f"{prefix}{self._numbers[kind]}") in self._used:
            self._numbers[kind] += 1
        self._numbers[kind] += 1
        self._used[name] = 0
        self._given.append(name)
        return name

    def _name_results(self, op: Operation) -> None:
        results = op.results
        first = results[0]
        hint = first.name_hint
        clean = _clean(hint) if hint else ""
        if len(results) > 1 and any(_clean(r.name_hint) for r in results[1:]):
            for result in results:
                own = _clean(result.name_hint)
                self._names[result] = f"%{self._unique(own) if own else self._numbered(0, '')}"
            return
        name = self._unique(clean) if clean else self._numbered(0, "")
        if len(results) == 1:
            self._names[first] = f"%{name}"
        else:
            for index, result in enumerate(results):
                self._names[result] = f"%{name}#{index}"

    def _name_region(self, region: Region) -> None:
        for number, block in enumerate(region.blocks):
            self._labels[block] = f"^bb{number}"
            for argument in block.arguments:
                clean = _clean(argument.name_hint)
                self._names[argument] = f"%{self._unique(clean) if clean else self._numbered(1, 'arg')}"
            op = block.first
            while op is not None:
                if op.results:
                    self._name_results(op)
                op = op.next

    def name_regions(self, op: Operation) -> None:
        """Give names to all values in the regions of ``op``, but not to those further inside."""
        for region in op.regions:
            self._name_region(region)

    # -- operations ----------------------------------------------------------------------------------------------

    def operation(self, op: Operation) -> None:
        """An operation without the indentation before it and the line's end behind it."""
        if op.results:
            self._results(op)
        if op.regions:
            saved = self._used, self._given, list(self._numbers)
            afresh = ISOLATED in op.traits and not self.form.generic
            if afresh:
                self._used, self._numbers = {}, [0, 0]
            self._given = []
            self.name_regions(op)
            self._writer(op)(op)
            inner = self._given
            self._used, self._given, self._numbers = saved
            if not afresh:
                for name in inner:
                    self._used.pop(name, None)
        else:
            self._writer(op)(op)
        if self.locations:
            self.write(f" {op.location}")

    def _results(self, op: Operation) -> None:
        names = self._names
        first = names.get(op.results[0])
        if first is None:
            self._name_results(op)
            first = names[op.results[0]]
        if len(op.results) == 1:
            self.write(f"{first} = ")
        elif first.endswith("#0"):
            self.write(f"{first[:-2]}:{len(op.results)} = ")
        else:
            self.write(", ".join([names[r] for r in op.results]) + " = ")

    def _writer(self, op: Operation) -> Callable[[Operation], None]:
        cls = type(op)
        writer = self._writers.get(cls)
        if writer is None:
            writer = self._writers[cls] = self._writer_of(cls)
        return writer

    def _writer_of(self, cls: OpClass) -> Callable[[Operation], None]:
        own = getattr(cls, "print", None)
        if self.form.generic or (own is None and cls.assembly is None):
            return self._generic
        if own is None:
            write_format = assembly_of(cls).print
            return lambda op: write_format(self, op)
        start = "module " if cls.name == "builtin.module" else f"{cls.name} "

        def written(op: Operation) -> None:
            self.write(start)
            own(op, self)
            if self.parts[-1].endswith(" "):
                self.parts[-1] = self.parts[-1].rstrip(" ")

        return written

    def _generic(self, op: Operation, regions: bool = True) -> None:
        names = self._names
        operands = op._operands
        shown = ", ".join([names.get(v) or self._foreign(v) for v in operands])
        self.write(f'"{op.name}"({shown})')
        if op.successors:
            self.write(f"[{', '.join(self._labels.get(s, '^bb') for s in op.successors)}]")
        discardable = None
        if op.attributes:
            attributes = op.spec.without_defaults(op.attributes)
            declared = {SEGMENTS, *op.spec.attributes}
            properties = sorted((n, a) for n, a in attributes.items() if n in declared)
            discardable = sorted((n, a) for n, a in attributes.items() if n not in declared)
            if properties:
                self.write(f" <{self._dictionary(properties)}>")
        if op.regions:
            self.write(" (")
            for index, region in enumerate(op.regions):
                self.write(", {" if index else "{")
                if regions:
                    self._blocks(region, True)
                self.write(f"{self._indent}}}" if regions else "...}")
            self.write(")")
        if discardable:
            self.write(f" {self._dictionary(discardable)}")
        self.write(f" : {self._signature([v.type for v in operands], [r.type for r in op.results])}")

    def head(self, op: Operation) -> str:
        """The op in generic form, regions as ``{...}``: says all, and works for ops that are not valid."""
        if op.results:
            self._results(op)
        self._generic(op, regions=False)
        text = "".join(self.parts)
        self.parts.clear()
        return text

    def _blocks(self, region: Region, arguments: bool) -> None:
        outer = self._indent
        for number, block in enumerate(region.blocks):
            shown = arguments or number > 0
            if number > 0 or (shown and block.arguments) or (block.first is None and arguments):
                self.write(f"{outer}{self._labels[block]}")
                if block.arguments and shown:
                    self.write("(")
                    for index, argument in enumerate(block.arguments):
                        self.write(", " if index else "")
                        self.write(f"{self._names[argument]}: {self.text_of(argument.type)}")
                        self.location(argument.location)
                    self.write(")")
                self.write(":")
            self._indent = f"{outer}  "
            op = block.first
            while op is not None:
                self.write(self._indent)
                self.operation(op)
                op = op.next
            self._indent = outer

    # -- texts ---------------------------------------------------------------------------------------------------

    def text_of(self, attribute: Attribute) -> str:
        """The text of an attribute or type."""
        text = self._texts.get(attribute)
        if text is None:
            text = self._texts[attribute] = attribute.text(self.form)
        return text

    def _dictionary(self, entries: Sequence[tuple[str, Attribute]]) -> str:
        key = tuple(entries)
        text = self._signatures.get(key)
        if text is None:
            text = "{" + ", ".join([format_entry(name, value, self.form) for name, value in entries]) + "}"
            self._signatures[key] = text
        return text

    def _signature(self, inputs: Sequence[Type], results: Sequence[Type]) -> str:
        key = (*inputs, None, *results)
        text = self._signatures.get(key)
        if text is None:
            shown = ", ".join([self.text_of(t) for t in inputs])
            text = self._signatures[key] = f"({shown}) -> {format_results(tuple(results), self.form)}"
        return text

    def resources(self) -> None:
        """The trailer with the data of large arrays, if there are any."""
        found = self.form.resources
        if not found:
            return
        blobs = ",\n".join(f'      {name}: "{_blob(found[name])}"' for name in sorted(found))
        self.write(f"\n{{-#\n  dialect_resources: {{\n    builtin: {{\n{blobs}\n    }}\n  }}\n#-}}\n")


def _clean(hint: str | None) -> str:
    """A name as text may hold it; empty if the hint is none or only digits (those are for unnamed values)."""
    if not hint:
        return ""
    known = _cleaned.get(hint)
    if known is None:
        known = _CLEAN.sub("_", hint)
        known = "" if known.isdigit() else f"_{known}" if known[0].isdigit() else known
        if len(_cleaned) > 100_000:
            _cleaned.clear()
        _cleaned[hint] = known
    return known


_cleaned: dict[str, str] = {}


def _blob(data: DenseAttr) -> str:
    """Hexadecimal: the alignment, then the elements in little-endian order, as MLIR wants it."""
    array = data.array
    alignment = array.dtype.itemsize.to_bytes(4, "little")
    return f"0x{(alignment + array.astype(array.dtype.newbyteorder('<')).tobytes()).hex().upper()}"


def print_module(module: Operation, generic: bool = False, elide: bool = False, locations: bool = False) -> str:
    """A module as text, with a line's end at its end.

    ``generic`` is MLIR's own form; ``elide`` leaves out the data of large arrays (such text cannot be read back);
    ``locations`` shows where each op came from.
    """
    printer = Printer(Form(generic, elide), locations)
    printer.operation(module)
    printer.write("\n")
    printer.resources()
    return "".join(printer.parts)


def print_operation(op: Operation, generic: bool = False, elide: bool = True, locations: bool = False) -> str:
    """An op as text, named as in its function, without the data of large arrays: for people."""
    printer = _printer_inside(op, Form(generic, elide))
    printer.locations = locations
    printer.operation(op)
    return "".join(printer.parts)


def excerpt(op: Operation, around: int = 2) -> str:
    """The ops of a block next to ``op``, which is marked by an arrow. Works for ops that are not valid."""
    printer = _printer_inside(op, Form(generic=False, elide=True))
    before: list[Operation] = []
    at = op.prev
    while at is not None and len(before) < around:
        before.insert(0, at)
        at = at.prev
    after: list[Operation] = []
    at = op.next
    while at is not None and len(after) < around:
        after.append(at)
        at = at.next
    lines = ["       ..."] if before and before[0].prev is not None else []
    for each in (*before, op, *after):
        lines.append(f"  {'-->' if each is op else '   '}  {printer.head(each)}")
    if after and after[-1].next is not None:
        lines.append("       ...")
    return "\n".join(lines)


def _printer_inside(op: Operation, form: Form) -> Printer:
    """A printer that knows the names of the values around ``op``."""
    printer = Printer(form)
    around = [*op.ancestors()]
    isolated = next((i for i, outer in enumerate(around) if ISOLATED in outer.traits), len(around) - 1)
    for outer in reversed(around[: isolated + 1]):
        printer.name_regions(outer)
    return printer
