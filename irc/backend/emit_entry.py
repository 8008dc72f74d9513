"""The way from Python into a native function, as LLVM IR: ``ptr @"python.irc.f"(ptr self, ptr arguments, i64 count)``.

It takes the arrays that a caller gives, then those that hold the results. It checks in a few nanoseconds what
:class:`irc.backend.entry.Function` checks in microseconds: that they are arrays of NumPy (and of no subclass), dtype,
rank, sizes, contiguity, alignment, that what is written can be written and overlaps nothing. Then it calls the function
and returns True. Where anything is not as it should be, it returns False and has done nothing; the caller then goes the
slow way, which converts or says what is wrong.

All else comes from ``self``, an int64 array: the *record* of one net. So the text holds no address, the machine code
may be kept in a file, and nets of other topology share it.
"""

from __future__ import annotations

from dataclasses import dataclass

from irc.backend import cpython
from irc.backend.emit import native_name
from irc.backend.emitter import Emitter
from irc.backend.entry import Argument, Signature
from irc.backend.target import Target
from irc.dialects.func import FuncOp
from irc.dialects.loop.types import BufferType
from irc.ir.dimensions import Dim, symbol, symbols_of
from irc.ir.symbols import is_private

NDARRAY, BOOLEAN, WORKSPACE, CAPACITY, TEAM = 0, 1, 2, 3, 4
"""Words of a record: NumPy's array type, ``PyBool_FromLong``, the workspace, its bytes, and the
team whose threads share loops (see ``irc.backend.pool``)."""
_FIRST = 5
UNKNOWN = -1
"""What a record holds for a size that follows from the arrays of a call."""


def entry_name(name: str) -> str:
    """The name of the way into ``@name``."""
    return f"python.{native_name(name)}"


def record_places(signature: Signature) -> tuple[dict[str, int], int]:
    """Where in a record each argument's words begin, and how many words there are.

    A size has its value or ``UNKNOWN``; an array of the caller's, its dtype; a parameter, address and end; a bound
    array, its address.
    """
    places: dict[str, int] = {}
    following = _FIRST
    for argument in signature.arguments:
        places[argument.name] = following
        following += 2 if argument.parameter else 1
    return places, following


def has_entry(op: FuncOp) -> bool:
    """Whether a loop-level function can be called this way: public, its arguments sizes and buffers."""
    signature = Signature.of(op)
    sizes = {a.name for a in signature.by_role("symbol")}
    buffers = [a for a in signature.arguments if a.role != "symbol"]
    arrays = [a for a in buffers if a.role != "workspace"]
    return (
        not is_private(op)
        and all(isinstance(a.type, BufferType) for a in buffers)
        and all(symbols_of(dim) <= sizes for dim in (signature.workspace, *(d for a in arrays for d in a.shape)))
    )


def solutions(signature: Signature) -> list[tuple[str, int, int]]:
    """For each size that arrays of a call can tell: its name, which array (of :func:`call_arrays`) and which axis.

    In an order in which each needs only those before it, and sizes that no such array tells.
    """
    dims = [
        (number, axis, dim)
        for number, argument in enumerate(call_arrays(signature))
        for axis, dim in enumerate(argument.shape)
        if isinstance(dim, Dim)
    ]
    unknown = {s for _, _, dim in dims for s in symbols_of(dim)}
    found: list[tuple[str, int, int]] = []
    progress = True
    while progress:
        progress = False
        for number, axis, dim in dims:
            missing = symbols_of(dim) & unknown
            if len(missing) == 1 and _coefficient(dim, min(missing)):
                unknown -= missing
                found.append((min(missing), number, axis))
                progress = True
    return found


def call_arrays(signature: Signature) -> list[Argument]:
    """The arguments of a call from Python: inputs that are no parameters, then outputs by number."""
    return [*(a for a in signature.by_role("input") if not a.parameter), *signature.outputs()]


def _coefficient(dim: Dim, name: str) -> int:
    """The factor of a symbol that occurs in ``dim`` only as a term of its own; else 0."""
    factor = dict(dim.terms).get(((name, 1),), 0)
    return 0 if name in symbols_of(dim - factor * symbol(name)) else factor


HELPER = f"""
define internal i1 @python.is_array(ptr %object, ptr %ndarray, ptr %descr, i32 %rank, i32 %flags) nounwind {{
  %type.at = getelementptr i8, ptr %object, i64 {cpython.TYPE}
  %type = load ptr, ptr %type.at
  %array = icmp eq ptr %type, %ndarray
  br i1 %array, label %fields, label %no
fields:
  %descr.at = getelementptr i8, ptr %object, i64 {cpython.DESCR}
  %its.descr = load ptr, ptr %descr.at
  %same.descr = icmp eq ptr %its.descr, %descr
  %rank.at = getelementptr i8, ptr %object, i64 {cpython.RANK}
  %its.rank = load i32, ptr %rank.at
  %same.rank = icmp eq i32 %its.rank, %rank
  %flags.at = getelementptr i8, ptr %object, i64 {cpython.FLAGS}
  %its.flags = load i32, ptr %flags.at
  %mask = or i32 %flags, {cpython.WARN_ON_WRITE}
  %masked = and i32 %its.flags, %mask
  %same.flags = icmp eq i32 %masked, %flags
  %both = and i1 %same.descr, %same.rank
  %all = and i1 %both, %same.flags
  ret i1 %all
no:
  ret i1 false
}}
"""
"""Whether an object is an array of this dtype and rank, with these flags."""


def emit_entries(ops: list[FuncOp], target: Target, team: bool = True) -> str:
    """The ways into all functions that can have one; empty where none can. ``team``: as for ``emit_module``."""
    texts = [_Entry(op, target, team).text() for op in ops if has_entry(op)]
    return "\n".join([HELPER, *texts]) if texts else ""


@dataclass
class _Array:
    """An array during a call: its elements, and the first and last addresses as numbers."""

    data: str
    start: str = ""
    end: str = ""


class _Entry:
    """Writes one entry. Blocks: ``entry`` counts the arguments, ``arrays`` looks at their fields, ``sizes`` at their
    sizes and addresses, ``run`` calls the function.
    """

    def __init__(self, op: FuncOp, target: Target, team: bool):
        self.op = op
        self.signature = Signature.of(op)
        self.team = team and self.signature.team
        self.places, _ = record_places(self.signature)
        self.given = call_arrays(self.signature)
        self.e = Emitter(target, set())

    def text(self) -> str:
        """The LLVM function."""
        name = self.op.sym_name.value
        lines = [f'define ptr @"{entry_name(name)}"(ptr %self, ptr %arguments, i64 %count) nounwind {{', "entry:"]
        e = self.e
        record = e.value(f"load ptr, ptr {self._at('%self', cpython.DATA)}", "record")
        right = e.value(f"icmp eq i64 %count, {len(self.given)}")
        e.line(f"br i1 {right}, label %arrays, label %no")
        e.start("arrays")
        arrays, sizes = self._fields(record)
        looked, e.lines = e.lines, []
        checks = self._sizes(record, sizes) + self._apart(record, arrays, sizes)
        well = "true"
        for check in checks:
            well = e.once(f"and i1 {well}, {check}")
        e.line(f"br i1 {well}, label %run, label %no")
        e.start("run")
        self._call(record, arrays)
        answer = ["  %make = load ptr, ptr %make.at", "  %answer = call ptr %make(i64 %well)", "  ret ptr %answer", "}"]
        make = [
            "no:",
            "  br label %done",
            "done:",
            "  %well = phi i64 [ 1, %run ], [ 0, %no ]",
            f"  %make.at = getelementptr i64, ptr {record}, i64 {BOOLEAN}",
        ]
        return "\n".join([*lines, *looked, "sizes:", *e.entry, *e.lines, *make, *answer, ""])

    def _at(self, base: str, offset: int) -> str:
        return self.e.value(f"getelementptr i8, ptr {base}, i64 {offset}")

    def _word(self, record: str, place: int, kind: str) -> str:
        address = self.e.value(f"getelementptr i64, ptr {record}, i64 {place}")
        return self.e.value(f"load {kind}, ptr {address}")

    def _fields(self, record: str) -> tuple[list[_Array], list[list[str]]]:
        """Type, dtype, rank and flags are checked; then elements and sizes may be read."""
        e = self.e
        ndarray = self._word(record, NDARRAY, "ptr")
        objects, well = [], "true"
        for number, argument in enumerate(self.given):
            objects.append(e.value(f"load ptr, ptr {self._at('%arguments', 8 * number)}", argument.name))
            descr = self._word(record, self.places[argument.name], "ptr")
            flags = cpython.C_CONTIGUOUS | cpython.ALIGNED | (cpython.WRITEABLE if argument.is_written else 0)
            fits = e.value(
                f"call i1 @python.is_array(ptr {objects[-1]}, ptr {ndarray}, ptr {descr}, "
                f"i32 {len(argument.shape)}, i32 {flags})"
            )
            well = e.value(f"and i1 {well}, {fits}")
        e.line(f"br i1 {well}, label %fields, label %no")
        e.start("fields")
        arrays = [_Array(e.value(f"load ptr, ptr {self._at(o, cpython.DATA)}")) for o in objects]
        sizes = []
        for argument, o in zip(self.given, objects, strict=True):
            shape = e.value(f"load ptr, ptr {self._at(o, cpython.SHAPE)}") if argument.shape else ""
            axes = range(len(argument.shape))
            sizes.append([e.value(f"load i64, ptr {self._at(shape, 8 * axis)}") for axis in axes])
        known = {a.name: self._word(record, self.places[a.name], "i64") for a in self.signature.by_role("symbol")}
        e.symbols = known
        e.line("br label %sizes")
        return arrays, sizes

    def _sizes(self, record: str, sizes: list[list[str]]) -> list[str]:
        """Solve for what the record does not know; then every size must be what the types say."""
        e = self.e
        for name, number, axis in solutions(self.signature):
            dim = self.given[number].shape[axis]
            assert isinstance(dim, Dim)
            factor = _coefficient(dim, name)
            rest = e.size(dim - factor * symbol(name), self.op)
            left = e.once(f"sub i64 {sizes[number][axis]}, {rest}") if rest != "0" else sizes[number][axis]
            solved = e.once(f"sdiv i64 {left}, {factor}") if factor != 1 else left
            recorded = e.symbols[name]
            unknown = e.once(f"icmp eq i64 {recorded}, {UNKNOWN}")
            e.symbols[name] = e.once(f"select i1 {unknown}, i64 {solved}, i64 {recorded}")
        checks = [e.once(f"icmp sge i64 {e.symbols[name]}, 0") for name, _, _ in solutions(self.signature)]
        for argument, found in zip(self.given, sizes, strict=True):
            for dim, size in zip(argument.shape, found, strict=True):
                checks.append(e.once(f"icmp eq i64 {size}, {e.size(dim, self.op)}"))
        place = e.once(f"getelementptr i64, ptr {record}, i64 {CAPACITY}")
        room = e.once(f"load i64, ptr {place}")
        return [*checks, e.once(f"icmp sle i64 {e.size(self.signature.workspace, self.op)}, {room}")]

    def _apart(self, record: str, arrays: list[_Array], sizes: list[list[str]]) -> list[str]:
        """Nothing written may overlap another array; bound arrays are read-only, so no result can lie in them.

        Lengths are products of what the arrays themselves say: those cannot overflow.
        """
        e = self.e
        for argument, array, found in zip(self.given, arrays, sizes, strict=True):
            length = str(argument.dtype.itemsize)
            for size in found:
                length = e.once(f"mul i64 {size}, {length}")
            array.start = e.once(f"ptrtoint ptr {array.data} to i64")
            array.end = e.once(f"add i64 {array.start}, {length}")
        parameters = [a for a in self.signature.arguments if a.parameter]
        others = [(a.is_written, _Array("", *self._ends(record, a))) for a in parameters]
        checks = []
        for argument, array in zip(self.given, arrays, strict=True):
            for is_written, other in others:
                if not (is_written or argument.is_written):
                    continue
                before = e.once(f"icmp ule i64 {array.end}, {other.start}")
                after = e.once(f"icmp ule i64 {other.end}, {array.start}")
                checks.append(e.once(f"or i1 {before}, {after}"))
            others.append((argument.is_written, array))
        return checks

    def _ends(self, record: str, argument: Argument) -> tuple[str, str]:
        place = self.places[argument.name]
        first, last = (self.e.once(f"getelementptr i64, ptr {record}, i64 {p}") for p in (place, place + 1))
        return self.e.once(f"load i64, ptr {first}"), self.e.once(f"load i64, ptr {last}")

    def _call(self, record: str, arrays: list[_Array]) -> None:
        given = {a.name: array.data for a, array in zip(self.given, arrays, strict=True)}
        values = []
        for argument in self.signature.arguments:
            if argument.role == "symbol":
                values.append(f"i64 {self.e.symbols[argument.name]}")
            elif argument.name in given:
                values.append(f"ptr {given[argument.name]}")
            else:
                place = WORKSPACE if argument.role == "workspace" else self.places[argument.name]
                values.append(f"ptr {self._word(record, place, 'ptr')}")
        if self.team:
            values.append(f"ptr {self._word(record, TEAM, 'ptr')}")
        self.e.line(f'call void @"{native_name(self.op.sym_name.value)}"({", ".join(values)}) noinline')
        self.e.line("br label %done")
