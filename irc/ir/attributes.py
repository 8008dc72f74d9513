"""Attributes: compile-time data of operations. Immutable, interned, compared by value.

Two attributes with the same contents are the same object (large arrays excepted: they are compared by content), so
comparing and hashing them costs nothing. Types are attributes too (``irc.ir.types``).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

if TYPE_CHECKING:
    from irc.ir.types import ScalarType, TensorType, Type, VectorType


class Form:
    """How text is wanted: ``generic`` is MLIR's own form, ``elide`` shortens large data for people.

    Large arrays are printed as a name; ``resources`` collects them for the trailer at the module's end.
    """

    __slots__ = ("elide", "generic", "resources")

    def __init__(self, generic: bool = False, elide: bool = False):
        self.generic = generic
        self.elide = elide
        self.resources: dict[str, DenseAttr] = {}


PRETTY = Form()

_interned: WeakValueDictionary[Any, Attribute] = WeakValueDictionary()


class Interning(type):
    """Calls of such a class give the one object with those contents."""

    def __call__(cls, *args, **kwargs):
        args = cls.normalise(*args, **kwargs)  # type: ignore[attr-defined]
        key = (cls, args)
        found = _interned.get(key)
        if found is None:
            found = super().__call__(*args)
            _interned[key] = found
        return found


class Attribute(metaclass=Interning):
    """The base. A subclass names its fields in ``__slots__``, in the order of its arguments."""

    __slots__ = ("__weakref__",)
    name: ClassVar[str] = ""
    """Dialect attributes only: the name after ``#`` or ``!`` in text, such as ``neuron.dense``."""

    def __init__(self, *args):
        for slot, value in zip(type(self).__slots__, args, strict=True):
            object.__setattr__(self, slot, value)

    def __setattr__(self, name, value):
        raise AttributeError(f"{type(self).__name__} is immutable")

    @classmethod
    def normalise(cls, *args) -> tuple:
        """Constructor arguments in hashable, canonical form. May raise ValueError."""
        return args

    def fields(self) -> tuple:
        """The contents, in constructor order."""
        return tuple(getattr(self, slot) for slot in type(self).__slots__)

    def text(self, form: Form) -> str:
        """The attribute as MLIR text."""
        return f"#{self.name}<{self.body(form)}>"

    def body(self, form: Form) -> str:
        """Dialect attributes: the text between the angle brackets."""
        raise NotImplementedError(type(self).__name__)

    @classmethod
    def parse_body(cls, body: str) -> Attribute:
        """Dialect attributes: read what :meth:`body` wrote. Raises ValueError with what is wrong."""
        raise NotImplementedError(cls.__name__)

    def __str__(self) -> str:
        return self.text(PRETTY)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __reduce__(self):
        return (type(self), self.fields())


def format_float(value: float, width: int) -> str:
    """A float as MLIR prints it: ``%.6e`` if that reads back exactly, else 9 or 17 digits; inf and NaN as hex bits."""
    if value != value or value in (float("inf"), float("-inf")):
        if width == 64:
            return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
        if width == 32:
            return f"0x{struct.unpack('<I', struct.pack('<f', value))[0]:08X}"
        if width == 16:
            return f"0x{struct.unpack('<H', struct.pack('<e', value))[0]:04X}"
        return f"0x{struct.unpack('<I', struct.pack('<f', value))[0] >> 16:04X}"  # bf16
    short = f"{value:.6e}"
    if float(short) == value:
        return short
    if width == 32:
        nine = f"{value:.9g}"
        if np.float32(nine) == np.float32(value):
            return _with_point(nine)
    return _with_point(f"{value:.17g}")


def _with_point(digits: str) -> str:
    """MLIR wants a point in every float."""
    if "." in digits:
        return digits
    mantissa, e, exponent = digits.partition("e")
    return f"{mantissa}.0{e}{exponent}"


class IntegerAttr(Attribute):
    """An integer (or index) of a type. ``true`` and ``false`` are integers of type i1."""

    __slots__ = ("value", "type")
    value: int
    type: Type

    @classmethod
    def normalise(cls, value, type=None):
        if type is None:
            from irc.ir.types import i1, i64

            type = i1 if isinstance(value, bool) else i64
        return (int(value), type)

    def text(self, form: Form) -> str:
        text = str(self.type)
        if text == "i1":
            return "true" if self.value else "false"
        return f"{self.value} : {text}"


class FloatAttr(Attribute):
    """A float of a type, rounded to that type. Compared by bits, so 0.0 and -0.0 differ and NaN equals itself."""

    __slots__ = ("bits", "type")
    bits: bytes
    type: ScalarType

    @classmethod
    def normalise(cls, value, type=None):
        if type is None:
            from irc.ir.types import f64

            type = f64
        if isinstance(value, bytes):
            return (value, type)
        return (struct.pack("<d", type.round(float(value))), type)

    @property
    def value(self) -> float:
        """The number."""
        return struct.unpack("<d", self.bits)[0]

    def text(self, form: Form) -> str:
        return f"{format_float(self.value, 15 if self.type.name == 'bf16' else self.type.width)} : {self.type}"


_ESCAPES = re.compile(r'[\x00-\x1f\x7f"\\]|[^\x00-\x7f]')


def quote(text: str) -> str:
    """A string literal of MLIR: quotes, backslashes, control and non-ASCII characters as hex bytes."""

    def escape(match: re.Match) -> str:
        return "".join(f"\\{byte:02X}" for byte in match.group().encode("utf-8", "surrogatepass"))

    return f'"{_ESCAPES.sub(escape, text)}"'


_ESCAPED = re.compile(rb'\\(?:([0-9A-Fa-f]{2})|([nt"\\])|)')
_PLAIN = {b"n": b"\n", b"t": b"\t", b'"': b'"', b"\\": b"\\"}


def unescape(text: str) -> str:
    """What the text between the quotes of a string literal means. ValueError with what is wrong with it."""
    if "\\" not in text:
        return text

    def plain(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 16)])
        if match[2]:
            return _PLAIN[match[2]]
        raise ValueError('unknown escape in a string; known are \\n \\t \\" \\\\ and two hexadecimal digits')

    try:
        return _ESCAPED.sub(plain, text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ValueError("the bytes of the string are not UTF-8") from None


class StringAttr(Attribute):
    """A string."""

    __slots__ = ("value",)
    value: str

    def text(self, form: Form) -> str:
        return quote(self.value)


class UnitAttr(Attribute):
    """A mark: present or not."""

    __slots__ = ()

    def text(self, form: Form) -> str:
        return "unit"


UNIT = UnitAttr()


class ArrayAttr(Attribute):
    """A sequence of attributes."""

    __slots__ = ("values",)
    values: tuple[Attribute, ...]

    @classmethod
    def normalise(cls, values: Iterable):
        return (tuple(attribute(v) for v in values),)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self):
        return iter(self.values)

    def __getitem__(self, index):
        return self.values[index]

    def text(self, form: Form) -> str:
        return f"[{', '.join(v.text(form) for v in self.values)}]"


_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*")


def format_entry(key: str, value: Attribute, form: Form) -> str:
    """One ``key = value`` of a dictionary; a unit is its bare key."""
    shown = key if _BARE_KEY.fullmatch(key) else quote(key)
    return shown if value is UNIT else f"{shown} = {value.text(form)}"


class DictAttr(Attribute):
    """Attributes by name, sorted by name."""

    __slots__ = ("entries",)
    entries: tuple[tuple[str, Attribute], ...]

    @classmethod
    def normalise(cls, entries: Mapping | Iterable = ()):
        items = entries.items() if isinstance(entries, Mapping) else entries
        return (tuple(sorted((k, attribute(v)) for k, v in items)),)

    def __getitem__(self, key: str) -> Attribute:
        return dict(self.entries)[key]

    def __contains__(self, key: str) -> bool:
        return any(k == key for k, _ in self.entries)

    def get(self, key: str, default=None):
        """The entry, or ``default``."""
        return dict(self.entries).get(key, default)

    def items(self):
        """Names and values, in order."""
        return self.entries

    def text(self, form: Form) -> str:
        return "{" + ", ".join(format_entry(k, v, form) for k, v in self.entries) + "}"


_BARE_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_$.]*")


class SymbolRefAttr(Attribute):
    """The name of a function or net: ``@main``."""

    __slots__ = ("value",)
    value: str

    def text(self, form: Form) -> str:
        return format_symbol(self.value)


def format_symbol(name: str) -> str:
    """``@name``, quoted where the name is not an identifier."""
    return f"@{name}" if _BARE_SYMBOL.fullmatch(name) else f"@{quote(name)}"


class DenseArrayAttr(Attribute):
    """A short sequence of numbers of one type: ``array<i64: 1, 2, 3>``."""

    __slots__ = ("values", "type")
    values: tuple
    type: ScalarType

    @classmethod
    def normalise(cls, values: Iterable, type=None):
        if type is None:
            from irc.ir.types import i64

            type = i64
        if type.is_float:  # by bits, as FloatAttr
            return (tuple(struct.pack("<d", type.round(float(v))) for v in values), type)
        return (tuple(int(v) for v in values), type)

    def __init__(self, values, type):
        if type.is_float:
            values = tuple(struct.unpack("<d", bits)[0] for bits in values)
        super().__init__(values, type)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self):
        return iter(self.values)

    def text(self, form: Form) -> str:
        if not self.values:
            return f"array<{self.type}>"
        if self.type.is_float:
            width = 15 if self.type.name == "bf16" else self.type.width
            shown = ", ".join(format_float(v, width) for v in self.values)
        elif str(self.type) == "i1":
            shown = ", ".join("true" if v else "false" for v in self.values)
        else:
            shown = ", ".join(str(v) for v in self.values)
        return f"array<{self.type}: {shown}>"


class DenseAttr(Attribute):
    """The elements of a tensor or vector with static shape, as a read-only NumPy array.

    Up to ``INLINE`` elements are printed in place, more as a resource named by the hash of its bytes. The array's
    dtype is the storage type of the element type (``Type.storage``).
    """

    __slots__ = ("array", "type")
    INLINE: ClassVar[int] = 64
    array: np.ndarray
    type: TensorType | VectorType

    @classmethod
    def normalise(cls, array, type):
        storage = type.element.storage
        data = np.asarray(array)
        if data.dtype != storage:
            data = type.element.to_storage(data)
        if data.shape != tuple(type.shape):
            raise ValueError(f"{data.shape} elements for {type}")
        data = np.ascontiguousarray(data).reshape(data.shape)
        if data.flags.writeable:
            data = data.copy()
            data.flags.writeable = False
        return (_ByContent(data), type)

    def __init__(self, content: Any, type):  # what normalise returned
        super().__init__(content.array, type)

    def __reduce__(self):
        return (DenseAttr, (np.array(self.array), self.type))

    def is_splat(self) -> bool:
        """Whether all elements have the same bits."""
        flat = self.array.reshape(-1)
        return flat.size > 0 and bool((flat.view(np.uint8).reshape(flat.size, -1) == flat[:1].view(np.uint8)).all())

    def resource_name(self) -> str:
        """A name that follows from the contents."""
        return f"data_{hashlib.sha256(self.array.tobytes()).hexdigest()[:16]}"

    def text(self, form: Form) -> str:
        shown_type = self.type.text(form)
        if self.array.size == 0:
            return f"dense<> : {shown_type}"
        if self.is_splat():
            return f"dense<{self._element(self.array.reshape(-1)[0])}> : {shown_type}"
        if self.array.size > self.INLINE:
            name = "__elided__" if form.elide else self.resource_name()
            if not form.elide:
                form.resources[name] = self
            return f"dense_resource<{name}> : {shown_type}"
        return f"dense<{self._nested(self.array)}> : {shown_type}"

    def _element(self, value) -> str:
        element = self.type.element
        if element.is_float:
            return format_float(element.from_storage(value), 15 if element.name == "bf16" else element.width)
        if element.width == 1:
            return "true" if value else "false"
        return str(int(value))

    def _nested(self, array: np.ndarray) -> str:
        if array.ndim == 0:
            return self._element(array[()])
        return "[" + ", ".join(self._nested(part) for part in array) + "]"


class _ByContent:
    """A key that compares an array by its bytes, hashing them once."""

    __slots__ = ("array", "hash")

    def __init__(self, array: np.ndarray):
        self.array = array
        self.hash = hash((array.shape, array.dtype.str, array.tobytes()))

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _ByContent)
            and self.array.shape == other.array.shape
            and self.array.dtype == other.array.dtype
            and self.array.tobytes() == other.array.tobytes()
        )


def attribute(value: Any) -> Attribute:
    """A Python value as an attribute: bool, int, float, str, None (unit), sequences and mappings of these."""
    if isinstance(value, Attribute):
        return value
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        return IntegerAttr(bool(value) if isinstance(value, (bool, np.bool_)) else int(value))
    if isinstance(value, (float, np.floating)):
        return FloatAttr(float(value))
    if isinstance(value, str):
        return StringAttr(value)
    if value is None:
        return UNIT
    if isinstance(value, Mapping):
        return DictAttr(value)
    if isinstance(value, (list, tuple)):
        return ArrayAttr(value)
    raise TypeError(f"no attribute for {type(value).__name__}")


def python_value(value: Attribute) -> Any:
    """The inverse of :func:`attribute`; attributes that have no Python form are returned as they are."""
    if isinstance(value, IntegerAttr):
        return bool(value.value) if str(value.type) == "i1" else value.value
    if isinstance(value, (FloatAttr, StringAttr, SymbolRefAttr)):
        return value.value
    if isinstance(value, ArrayAttr):
        return [python_value(v) for v in value.values]
    if isinstance(value, DenseArrayAttr):
        return list(value.values)
    if isinstance(value, DictAttr):
        return {k: python_value(v) for k, v in value.entries}
    if isinstance(value, DenseAttr):
        return value.array
    return value
