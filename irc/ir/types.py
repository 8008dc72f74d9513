"""Types of values: scalars, index, tensors, vectors, functions. Dialects add their own (``loop.buffer``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from irc.ir.attributes import PRETTY, Attribute, Form
from irc.ir.dimensions import Dimension


class Type(Attribute):
    """The base of all types."""

    __slots__ = ()
    is_float: ClassVar[bool] = False
    is_integer: ClassVar[bool] = False

    @property
    def element(self) -> Type:
        """The type of one element; a scalar is its own."""
        return self

    def text(self, form: Form) -> str:
        return f"!{self.name}<{self.body(form)}>"


class ScalarType(Type):
    """A number. ``storage`` is the NumPy dtype that holds it in memory, ``compute`` the one NumPy works in."""

    __slots__ = ("name", "width")
    name: str  # type: ignore[misc]
    width: int

    def text(self, form: Form) -> str:
        return self.name

    @property
    def storage(self) -> np.dtype:
        """The dtype of arrays of this type. bf16 is kept in 16 unsigned bits."""
        return _STORAGE[self.name]

    @property
    def compute(self) -> np.dtype:
        """The dtype in which the interpreter computes; results are rounded by :meth:`round_array`."""
        return _COMPUTE[self.name]

    @property
    def bytes(self) -> int:
        """Size of one element in memory."""
        return self.storage.itemsize

    def round(self, value: float) -> float:
        """``value`` rounded to this type."""
        return float(self.round_array(np.asarray([value], np.float64))[0])

    def round_array(self, array: np.ndarray) -> np.ndarray:
        """Values in the compute dtype, rounded to this type (only bf16 needs more than a conversion)."""
        with np.errstate(all="ignore"):
            values = np.asarray(array).astype(self.compute, copy=False)
            return _round_bf16(values) if self.name == "bf16" else values

    def to_storage(self, values):
        """Numbers, rounded to this type, as they are stored."""
        rounded = self.round_array(values)
        if self.name == "bf16":
            return (
                (np.ascontiguousarray(rounded).view(np.uint32) >> np.uint32(16))
                .astype(np.uint16)
                .reshape(np.shape(rounded))
            )
        return rounded.astype(self.storage)

    def from_storage(self, value):
        """A stored number as a Python number."""
        if self.name == "bf16":
            return float((np.asarray(value, np.uint32) << np.uint32(16)).view(np.float32))
        return float(value) if self.is_float else int(value)


def _round_bf16(values: np.ndarray) -> np.ndarray:
    """Round float32 to the nearest bfloat16, ties to even, kept as float32. NaN stays NaN."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), values, rounded.view(np.float32).reshape(values.shape)).astype(np.float32)


_STORAGE = {
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "index": np.dtype(np.int64),
    "bf16": np.dtype(np.uint16),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}
_COMPUTE = _STORAGE | {"bf16": np.dtype(np.float32)}


class IntegerType(ScalarType):
    """i1, i8, i32, i64: signless."""

    __slots__ = ()
    is_integer = True

    def __init__(self, name, width):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "width", width)

    def fields(self):
        return (self.name, self.width)


class IndexType(IntegerType):
    """Sizes and positions: 64 bits on every target of ours."""

    __slots__ = ()


class FloatType(ScalarType):
    """bf16, f16, f32, f64."""

    __slots__ = ()
    is_float = True

    def __init__(self, name, width):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "width", width)

    def fields(self):
        return (self.name, self.width)


i1 = IntegerType("i1", 1)
i8 = IntegerType("i8", 8)
i32 = IntegerType("i32", 32)
i64 = IntegerType("i64", 64)
index = IndexType("index", 64)
bf16 = FloatType("bf16", 16)
f16 = FloatType("f16", 16)
f32 = FloatType("f32", 32)
f64 = FloatType("f64", 64)

SCALARS: dict[str, ScalarType] = {str(t): t for t in (i1, i8, i32, i64, index, bf16, f16, f32, f64)}


def scalar_of(dtype) -> ScalarType:
    """The scalar type of a NumPy dtype. Raises ValueError for one that has none."""
    name = np.dtype(dtype).name
    known = {"bool": i1, "int8": i8, "int32": i32, "int64": i64, "float16": f16, "float32": f32, "float64": f64}
    if name not in known:
        raise ValueError(f"dtype {name} is not supported; use one of {', '.join(known)}")
    return known[name]


class ShapedType(Type):
    """Elements of one type in a shape of dimensions."""

    __slots__ = ("shape", "scalar", "_pretty", "_generic")
    shape: tuple[Dimension, ...]
    scalar: ScalarType

    @classmethod
    def normalise(cls, shape: Iterable[Dimension], scalar: Type):
        return (tuple(shape), scalar)

    def __init__(self, shape, scalar):
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "scalar", scalar)
        object.__setattr__(self, "_pretty", None)
        object.__setattr__(self, "_generic", None)

    def fields(self):
        return (self.shape, self.scalar)

    @property
    def element(self) -> ScalarType:
        return self.scalar

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every dimension is a number."""
        return all(isinstance(d, int) for d in self.shape)

    def with_shape(self, shape: Iterable[Dimension]) -> ShapedType:
        """The same kind of type with another shape."""
        return type(self)(tuple(shape), self.scalar)

    def with_element(self, scalar: Type) -> ShapedType:
        """The same shape of another element type."""
        return type(self)(self.shape, scalar)

    def text(self, form: Form) -> str:
        slot = "_generic" if form.generic else "_pretty"
        found = getattr(self, slot)
        if found is None:
            found = f"{self.name}<{self._contents(form.generic)}>"
            object.__setattr__(self, slot, found)
        return found

    def _contents(self, generic: bool) -> str:
        if self.is_static:
            return "x".join([*map(str, self.shape), self.scalar.text(PRETTY)])
        if not generic:
            return " x ".join([*map(str, self.shape), self.scalar.text(PRETTY)])
        sizes = "x".join(str(d) if isinstance(d, int) else "?" for d in self.shape)
        names = ", ".join(str(d) if isinstance(d, int) else f'"{d}"' for d in self.shape)
        return f"{sizes}x{self.scalar.text(PRETTY)}, [{names}]"


class TensorType(ShapedType):
    """A value of many elements: ``tensor<B x 4 x f32>``; generic: ``tensor<?x4xf32, ["B", 4]>``."""

    __slots__ = ()
    name = "tensor"


class VectorType(ShapedType):
    """A machine vector of static shape, scalars of one type: ``vector<16xf32>``; 2-D ones are register tiles."""

    __slots__ = ()
    name = "vector"

    @classmethod
    def normalise(cls, shape, scalar):
        shape = tuple(shape)
        if not shape or not all(isinstance(d, int) and d > 0 for d in shape):
            raise ValueError("a vector needs at least one dimension, each a positive number")
        return (shape, scalar)


class FunctionType(Type):
    """``(inputs) -> results``."""

    __slots__ = ("inputs", "results")
    inputs: tuple[Type, ...]
    results: tuple[Type, ...]

    @classmethod
    def normalise(cls, inputs, results):
        return (tuple(inputs), tuple(results))

    def text(self, form: Form) -> str:
        inputs = ", ".join(t.text(form) for t in self.inputs)
        return f"({inputs}) -> {format_results(self.results, form)}"


def format_results(types: tuple[Type, ...], form: Form) -> str:
    """A result type list: brackets unless it is one type that is not a function."""
    if len(types) == 1 and not isinstance(types[0], FunctionType):
        return types[0].text(form)
    return f"({', '.join(t.text(form) for t in types)})"
