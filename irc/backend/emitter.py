"""The text of one LLVM function while it is being written: blocks, names, sizes, types and constants."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from irc.backend.target import Target
from irc.dialects.loop.types import BufferType
from irc.ir.attributes import Attribute, DenseAttr, FloatAttr, IntegerAttr
from irc.ir.diagnostics import fail
from irc.ir.dimensions import Dimension, FloorDiv, symbols_of
from irc.ir.operation import Operation, Value
from irc.ir.types import ScalarType, Type, VectorType, f32, i1, i8

_SCALARS = {"i1": "i1", "i8": "i8", "i32": "i32", "i64": "i64", "index": "i64", "f32": "float", "f64": "double"}
_SUFFIXES = {"float": "f32", "double": "f64"}
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")


LARGEST_VECTOR = 1024
"""LLVM takes a vector apart into registers: of large ones it makes much code, slowly."""

LARGEST_TILE = 4096
"""Of tiles we make one instruction for each register."""


def llvm_type(type: Type) -> str:
    """The LLVM type of a value. Raises ValueError for types native code cannot compute with yet."""
    if isinstance(type, BufferType):
        return "ptr"
    if isinstance(type, VectorType) and type.rank == 1:
        if type.shape[0] > LARGEST_VECTOR:  # type: ignore[operator]
            raise ValueError(f"native code has vectors of up to {LARGEST_VECTOR} elements, not {type}")
        return f"<{type.shape[0]} x {llvm_type(type.scalar)}>"
    found = _SCALARS.get(str(type))
    if found is None:
        raise ValueError(f"native code for {type} is not supported; use f32 or f64, and vectors of one dimension")
    return found


def is_tile(type: Type) -> bool:
    """Whether a value is a tile, which is held in several registers."""
    return isinstance(type, VectorType) and type.rank == 2


def part_widths(type: Type, target: Target) -> list[int]:
    """How many columns of a tile each part of a row has: as many as there are f32 in a vector, the last the rest."""
    columns, most = type.shape[1], target.lanes(f32)  # type: ignore[attr-defined]
    return [min(most, columns - first) for first in range(0, columns, most)]


def parts_of(type: Type, target: Target) -> Sequence[Type]:
    """The types of the parts of a tile, row by row: vectors, or numbers where the tile has one column.

    Raises ValueError for a tile too large to be taken apart.
    """
    assert isinstance(type, VectorType)
    rows, columns = map(int, type.shape)  # type: ignore[arg-type]
    if rows * columns > LARGEST_TILE:
        raise ValueError(f"native code has tiles of up to {LARGEST_TILE} elements, not {type}")
    if columns == 1:
        return [type.element] * rows
    return [VectorType((width,), type.scalar) for width in part_widths(type, target)] * rows


def stored_type(type: Type) -> str:
    """The LLVM type of an element in memory: as :func:`llvm_type`, but truth values take a byte each."""
    if type.element is not i1:
        return llvm_type(type)
    return llvm_type(type.with_element(i8) if isinstance(type, VectorType) else i8)


def mangled(llvm: str) -> str:
    """A type as the names of intrinsics spell it: ``<16 x float>`` is ``v16f32``."""
    if llvm.startswith("<"):
        count, _, element = llvm[1:-1].partition(" x ")
        return f"v{count}{mangled(element)}"
    return _SUFFIXES.get(llvm, llvm)


def scalar_constant(value: float | int, type: ScalarType) -> str:
    """A number as LLVM writes it: floats as the bits of the double, so that nothing is rounded on the way."""
    if type.is_float:
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    if type.width == 1:
        return "true" if value else "false"
    return str(int(value))


def constant(value: Attribute) -> str:
    """The text of a constant of any type, without its type."""
    if isinstance(value, (IntegerAttr, FloatAttr)):
        assert isinstance(value.type, ScalarType)
        return scalar_constant(value.value, value.type)
    assert isinstance(value, DenseAttr)
    scalar = value.type.element
    numbers = [scalar_constant(scalar.from_storage(v), scalar) for v in value.array.reshape(-1)]
    if len(set(numbers)) == 1:
        return f"splat ({llvm_type(scalar)} {numbers[0]})"
    return "<" + ", ".join(f"{llvm_type(scalar)} {n}" for n in numbers) + ">"


class Emitter:
    """Writes the body of one function.

    ``names`` holds the LLVM operand (a register or a constant) of each value, ``parts`` those of each tile (see
    :func:`parts_of`). What must dominate everything, such as
    sizes, goes to ``entry``; the rest is appended to the current block. ``functions`` are those that were written on
    the way, ``team`` the argument that says which threads share loops, if the function has it (see ``emit_parallel``);
    ``teams`` says whether any function may have one.
    """

    def __init__(self, target: Target, declarations: set[str], name: str = "", teams: bool = True):
        self.name = name
        self.teams = teams
        self.team: str | None = None
        self.functions: list[str] = []
        self.in_shared_loop = False
        self.target = target
        self.declarations = declarations
        self.names: dict[Value, str] = {}
        self.parts: dict[Value, list[str]] = {}
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.symbols: dict[str, str] = {}
        self.block = "entry"
        self._remembered: dict[object, str] = {}
        self._count = 0

    def inside(self) -> Emitter:
        """A writer of the function of a shared loop: it has the registers of this one that it uses, as arguments."""
        inner = Emitter(self.target, self.declarations, self.name, self.teams)
        inner.names, inner.parts, inner.symbols = self.names, self.parts, self.symbols
        inner._count = self._count
        inner.in_shared_loop = True
        return inner

    def fresh(self, hint: str | None = None) -> str:
        """A register name not used before."""
        self._count += 1
        name = _UNSAFE.sub("_", hint) if hint else "v"
        return f"%v{name}.{self._count}" if name[0].isdigit() else f"%{name}.{self._count}"

    def label(self, hint: str) -> str:
        """A block label not used before."""
        self._count += 1
        return f"{hint}.{self._count}"

    def start(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.block = label

    def line(self, text: str) -> None:
        """An instruction without result."""
        self.lines.append(f"  {text}")

    def value(self, text: str, hint: str | None = None) -> str:
        """An instruction with a result; returns the register."""
        name = self.fresh(hint)
        self.lines.append(f"  {name} = {text}")
        return name

    def once(self, text: str) -> str:
        """An instruction in the entry block, the same register for the same text."""
        found = self._remembered.get(text)
        if found is None:
            found = self._remembered[text] = self.fresh()
            self.entry.append(f"  {found} = {text}")
        return found

    def define(self, op: Operation, text: str) -> None:
        """An instruction that gives the op's only result."""
        self.names[op.result] = self.value(text, op.result.name_hint)

    def held(self, value: Value) -> list[tuple[str, str]]:
        """The LLVM types and operands that hold a value: one, or those of all parts of a tile."""
        if is_tile(value.type):
            types = parts_of(value.type, self.target)
            return [(llvm_type(t), name) for t, name in zip(types, self.parts[value], strict=True)]
        return [(llvm_type(value.type), self.names[value])]

    def hold(self, value: Value, names: list[str]) -> None:
        """Remember what holds a value."""
        if is_tile(value.type):
            self.parts[value] = names
        else:
            (self.names[value],) = names

    def typed(self, value: Value) -> str:
        """``type operand``."""
        return f"{llvm_type(value.type)} {self.names[value]}"

    def intrinsic(self, base: str, result: str, arguments: list[tuple[str, str]], overload: str | None = None) -> str:
        """A call of an LLVM intrinsic, declared on the way, as an instruction's text."""
        name = f"@llvm.{base}.{mangled(overload or result)}"
        return self.call(name, result, arguments, "")

    def call(self, name: str, result: str, arguments: list[tuple[str, str]], attributes: str) -> str:
        """A call of an external function, declared on the way, as an instruction's text."""
        self.declarations.add(f"declare {result} {name}({', '.join(t for t, _ in arguments)}){attributes}")
        return f"call {result} {name}({', '.join(f'{t} {v}' for t, v in arguments)})"

    def size(self, dimension: Dimension, op: Operation) -> str:
        """A size as an i64 operand, computed in the entry block."""
        if isinstance(dimension, int):
            return str(dimension)
        for name in sorted(symbols_of(dimension)):
            if name not in self.symbols:
                fail(f"{op.name}: the size '{name}' is not an argument of the function (irc.symbols_args)", op.location)
        return self._size(dimension)

    def _size(self, dimension: Dimension) -> str:
        if isinstance(dimension, int):
            return str(dimension)
        total: str | None = None
        for monomial, coefficient in dimension.terms:
            term = str(coefficient)
            for atom, power in monomial:
                factor = self.symbols[atom] if isinstance(atom, str) else self._quotient(atom)
                for _ in range(power):
                    term = factor if term == "1" else self.once(f"mul nsw i64 {factor}, {term}")
            total = term if total is None else self.once(f"add nsw i64 {total}, {term}")
        assert total is not None
        return total

    def _quotient(self, atom: FloorDiv) -> str:
        """floor(n / d) for a numerator of any sign: (n - (n mod d)) / d, the remainder made non-negative."""
        numerator = self._size(atom.numerator)
        remainder = self.once(f"srem i64 {numerator}, {atom.divisor}")
        negative = self.once(f"icmp slt i64 {remainder}, 0")
        lifted = self.once(f"add nsw i64 {remainder}, {atom.divisor}")
        positive = self.once(f"select i1 {negative}, i64 {lifted}, i64 {remainder}")
        whole = self.once(f"sub nsw i64 {numerator}, {positive}")
        return self.once(f"sdiv exact i64 {whole}, {atom.divisor}")
