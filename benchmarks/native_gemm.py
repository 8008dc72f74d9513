"""Products of matrices written by hand in LLVM IR, for one size each: what our generated kernels could be.

A register tile of ``rows x vectors`` sums stays in registers along all products of a block; a row of the right operand
is loaded, a number of the left one broadcast. Rows that are left over get a tile of their own, columns that are left
over a mask. Operands may be packed first, block by block, into the order in which tiles read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, product

import numpy as np
from native import compile_text, repeated

from irc.arrays import aligned_zeros
from irc.backend.target import host
from irc.ir.types import f32

WIDE, NARROW = ((8, 3), (6, 4)), ((6, 2), (4, 3))
"""Rows and vectors of tiles, for 32 and for 16 vector registers."""
PACKED = ((False, False, 256), (False, True, 256), (True, True, 512))
"""Which operands are packed, left and right; and the products of a block."""
LARGE = 768
"""Operands with rows or columns of so many numbers may be worth packing."""


@dataclass(frozen=True)
class Form:
    """How a product is computed."""

    rows: int
    vectors: int
    packs_left: bool
    packs_right: bool
    block: int


def contestants(x: np.ndarray, w: np.ndarray) -> Iterator[tuple[Callable[[int], None], np.ndarray]]:
    """``x @ w`` in each form that may suit it: a function of n that computes it n times, and its result."""
    tiles = WIDE if host().lanes(f32) == 16 else NARROW
    packed = PACKED if max(w.shape) >= LARGE else PACKED[:1]
    for (rows, vectors), (left, right, block) in product(tiles, packed):
        if len(x) >= LARGE or not left:  # few rows are read as they are
            yield _contestant(x, w, Form(rows, vectors, left, right, block))


def _contestant(x: np.ndarray, w: np.ndarray, form: Form) -> tuple[Callable[[int], None], np.ndarray]:
    (m, k), n = x.shape, w.shape[1]
    writer = _Writer(m, n, k, form, host().lanes(f32))
    result = aligned_zeros((m, n), np.dtype(np.float32))
    room = aligned_zeros(writer.room, np.dtype(np.float32))
    (address,) = compile_text(writer.text(), ["product"])
    repeat = repeated(address, [("ptr", a.ctypes.data) for a in (x, w, result, room)])
    repeat.kept = (x, w, result, room)  # type: ignore[attr-defined]
    return repeat, result


@dataclass
class _Writer:
    """The text of ``@product(ptr a, ptr b, ptr c, ptr room)``; ``room`` floats are for packed operands."""

    m: int
    n: int
    k: int
    form: Form
    lanes: int
    lines: list[str] = field(default_factory=list)
    label: str = "entry"
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.width = self.form.vectors * self.lanes
        self.depth = min(self.form.block, self.k)
        self.vector = f"<{self.lanes} x float>"
        padded = -(-self.n // self.width) * self.width
        self.left_room = -(-self.m * self.depth // self.lanes) * self.lanes
        self.room = self.left_room + padded * self.depth

    def text(self) -> str:
        """All blocks of products; in each all columns of tiles, and in these all rows."""
        for begin in range(0, self.k, self.depth):
            self._block(begin, min(self.depth, self.k - begin))
        n, v = self.lanes, self.vector
        return "\n".join([
            f"declare {v} @llvm.masked.load.v{n}f32.p0(ptr, <{n} x i1>, {v})",
            f"declare void @llvm.masked.store.v{n}f32.p0({v}, ptr, <{n} x i1>)",
            f"declare {v} @llvm.fma.v{n}f32({v}, {v}, {v})",
            "define void @product(ptr noalias %a, ptr noalias %b, ptr noalias %c, ptr noalias %room) nounwind {",
            "entry:",
            *self.lines,
            "  ret void",
            "}",
        ])

    # -- lines -----------------------------------------------------------------------------------------------------

    def op(self, text: str) -> str:
        """A line that has a value; its name."""
        name = f"%v{next(self.numbers)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """A line without value."""
        self.lines.append(f"  {text}")

    def at(self, pointer: str, *places: tuple[str | int, int]) -> str:
        """The address so many floats further: the sum of index times distance."""
        for index, distance in places:
            offset = index * distance if isinstance(index, int) else self.op(f"mul i64 {index}, {distance}")
            pointer = self.op(f"getelementptr float, ptr {pointer}, i64 {offset}")
        return pointer

    def loop(
        self, end: int, step: int, body: Callable[[str, list[str]], list[str]], start: list[str] | None = None
    ) -> list[str]:
        """``body(i, sums)`` for i from 0 in steps; it gives the next sums, vectors. Their last values. ``end`` is a
        multiple of ``step``, and not 0.
        """
        number, start = next(self.numbers), start or []
        before, head, done = self.label, f"loop{number}", f"done{number}"
        self.do(f"br label %{head}")
        self.lines.append(f"{head}:")
        self.label = head
        index, sums = f"%i{number}", [f"%s{number}.{j}" for j in range(len(start))]
        place = len(self.lines)
        last = body(index, sums)
        following = self.op(f"add i64 {index}, {step}")
        entering = [(index, "i64", "0", following)]
        entering += [(s, self.vector, a, b) for s, a, b in zip(sums, start, last, strict=True)]
        self.lines[place:place] = [
            f"  {name} = phi {kind} [ {first}, %{before} ], [ {then}, %{self.label} ]"
            for name, kind, first, then in entering
        ]
        self.do(f"br i1 {self.op(f'icmp ult i64 {following}, {end}')}, label %{head}, label %{done}")
        self.lines.append(f"{done}:")
        self.label = done
        return last

    def tiled(self, size: int, step: int, body: Callable[[str | int, int], None]) -> None:
        """``body(begin, extent)`` for whole steps, and for what is left."""
        whole = size // step * step

        def turn(index: str, sums: list[str]) -> list[str]:
            body(index, step)
            return []

        if whole == step:
            body(0, step)
        elif whole:
            self.loop(whole, step, turn)
        if size > whole:
            body(whole, size - whole)

    # -- the product -----------------------------------------------------------------------------------------------

    def _block(self, begin: int, depth: int) -> None:
        """``c (+)= a[:, begin:][:, :depth] b[begin:][:depth]``."""
        form = self.form
        a, b = self.at("%a", (begin, 1)), self.at("%b", (begin, self.n))
        left, right = "%room", self.at("%room", (self.left_room, 1))
        if form.packs_left:
            self.tiled(self.m, form.rows, lambda i, rows: self._pack_left(a, left, i, rows, depth))

        def columns(j: str | int, width: int) -> None:
            if form.packs_right:
                self._pack_right(self.at(b, (j, 1)), right, width, depth)

            def tile(i: str | int, rows: int) -> None:
                of_a = (self.at(a, (i, self.k)), self.k, 1)
                if form.packs_left:
                    of_a = (self.at(left, (i, self.depth)), 1, rows)
                of_b = (right, self.width) if form.packs_right else (self.at(b, (j, 1)), self.n)
                self._tile(of_a, of_b, self.at("%c", (i, self.n), (j, 1)), (rows, width), depth, add=begin > 0)

            self.tiled(self.m, form.rows, tile)

        self.tiled(self.n, self.width, columns)

    def _pack_left(self, a: str, packed: str, i: str | int, rows: int, depth: int) -> None:
        """The numbers of a product side by side for all rows of a tile."""
        source, target = self.at(a, (i, self.k)), self.at(packed, (i, self.depth))

        def turn(p: str, sums: list[str]) -> list[str]:
            for row in range(rows):
                value = self.op(f"load float, ptr {self.at(source, (row, self.k), (p, 1))}")
                self.do(f"store float {value}, ptr {self.at(target, (p, rows), (row, 1))}")
            return []

        self.loop(depth, 1, turn)

    def _pack_right(self, b: str, packed: str, width: int, depth: int) -> None:
        """The columns of a tile, row behind row."""

        def turn(p: str, sums: list[str]) -> list[str]:
            for v in range(-(-width // self.lanes)):
                value = self._load(self.at(b, (p, self.n), (v * self.lanes, 1)), width - v * self.lanes)
                self.do(f"store {self.vector} {value}, ptr {self.at(packed, (p, self.width), (v * self.lanes, 1))}")
            return []

        self.loop(depth, 1, turn)

    def _tile(
        self, a: tuple[str, int, int], b: tuple[str, int], c: str, extent: tuple[int, int], depth: int, add: bool
    ) -> None:
        """The sums of a tile. ``a``: where it begins, and how far rows and products are apart; ``b``: likewise."""
        (rows, width), vectors = extent, -(-extent[1] // self.lanes)

        def turn(p: str, sums: list[str]) -> list[str]:
            row = self.at(b[0], (p, b[1]))
            column = self.at(a[0], (p, a[2]))
            right = [self._load(self.at(row, (v, self.lanes)), width - v * self.lanes) for v in range(vectors)]
            made = []
            for i in range(rows):
                one = self.op(f"load float, ptr {self.at(column, (i, a[1]))}")
                first = self.op(f"insertelement {self.vector} poison, float {one}, i32 0")
                zeros = f"<{self.lanes} x i32> zeroinitializer"
                left = self.op(f"shufflevector {self.vector} {first}, {self.vector} poison, {zeros}")
                for v in range(vectors):
                    terms = ", ".join(f"{self.vector} {t}" for t in (left, right[v], sums[i * vectors + v]))
                    made.append(self.op(f"call {self.vector} @llvm.fma.v{self.lanes}f32({terms})"))
            return made

        sums = self.loop(depth, 1, turn, ["zeroinitializer"] * (rows * vectors))
        for i, v in product(range(rows), range(vectors)):
            place, left = self.at(c, (i, self.n), (v, self.lanes)), width - v * self.lanes
            value = sums[i * vectors + v]
            if add:
                value = self.op(f"fadd {self.vector} {value}, {self._load(place, left)}")
            self._store(value, place, left)

    def _mask(self, count: int) -> str:
        bits = ", ".join(f"i1 {int(lane < count)}" for lane in range(self.lanes))
        return f"<{self.lanes} x i1> <{bits}>"

    def _load(self, place: str, count: int) -> str:
        """A vector, of which only ``count`` numbers are there."""
        if count >= self.lanes:
            return self.op(f"load {self.vector}, ptr {place}, align 4")
        name, zero = f"@llvm.masked.load.v{self.lanes}f32.p0", f"{self.vector} zeroinitializer"
        return self.op(f"call {self.vector} {name}(ptr align 4 {place}, {self._mask(count)}, {zero})")

    def _store(self, value: str, place: str, count: int) -> None:
        if count >= self.lanes:
            self.do(f"store {self.vector} {value}, ptr {place}, align 4")
        else:
            name = f"@llvm.masked.store.v{self.lanes}f32.p0"
            self.do(f"call void {name}({self.vector} {value}, ptr align 4 {place}, {self._mask(count)})")
