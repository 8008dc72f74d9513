"""Attributes that say what a function is to its caller, and the check that they make sense.

Of the function: ``irc.symbols``, sizes known beforehand; at the loop level also ``irc.symbols_args``, the sizes that
its first arguments are, and ``irc.workspace_bytes``, a formula. Of an argument: ``irc.param``, the name of a parameter,
with ``irc.initial``, its start values; ``irc.data``, a value that the caller need not give; at the loop level
``irc.output``, the number of the result that goes there, and ``irc.workspace``. Of a derivative: ``irc.vjp_of``, the
name of its function, and ``irc.wrt``, the numbers of the arguments whose gradients it gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irc.ir.attributes import ArrayAttr, Attribute, DenseAttr, DictAttr, IntegerAttr, StringAttr
from irc.ir.dimensions import evaluate, parse_dimension, symbols_of
from irc.ir.types import IndexType, Type, VectorType

LARGEST_SIZE = 2**62
"""Sizes beyond this are mistakes: native code counts bytes with 64 bits."""


def verify_marks(attributes: Mapping[str, Attribute], inputs: Sequence[Type], arguments: Sequence[DictAttr]) -> None:
    """ValueError that says which attribute of a function, or of one of its arguments, makes no sense."""
    symbols = _symbols(attributes.get("irc.symbols"))
    _verify_loop_level(attributes, inputs)
    _verify_derivative(attributes, len(inputs))
    names: set[str] = set()
    outputs: list[int] = []
    for number, (type, marks) in enumerate(zip(inputs, arguments, strict=False)):
        name = marks.get("irc.param")
        if name is not None:
            _verify_parameter(f"irc.param of argument {number}", name, type, marks, names)
        for key in ("irc.data", "irc.initial"):
            if key in marks:
                _verify_value(f"{key} of argument {number}", marks[key], type, symbols)
        for key in ("irc.output", "irc.workspace"):
            if key in marks and type.name != "loop.buffer":
                raise ValueError(f"{key} of argument {number} is for buffers of the loop level, not for {type}")
        if "irc.output" in marks:
            outputs.append(_integer(marks["irc.output"], f"irc.output of argument {number}"))
    if sorted(outputs) != list(range(len(outputs))):
        raise ValueError(f"irc.output must number the results 0 to {len(outputs) - 1}, not {outputs}")


def _symbols(given: Attribute | None) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, DictAttr):
        raise ValueError(f"irc.symbols must be a dictionary of sizes such as {{I = 4}}, not {given}")
    return {name: _integer(value, f"{name} in irc.symbols") for name, value in given.items()}


def _integer(value: Attribute, what: str) -> int:
    if not isinstance(value, IntegerAttr) or not 0 <= value.value <= LARGEST_SIZE:
        raise ValueError(f"{what} must be an integer from 0, not {value}")
    return value.value


def _verify_loop_level(attributes: Mapping[str, Attribute], inputs: Sequence[Type]) -> None:
    sizes = attributes.get("irc.symbols_args")
    if sizes is not None:
        names = [s.value for s in sizes if isinstance(s, StringAttr)] if isinstance(sizes, ArrayAttr) else []
        if not isinstance(sizes, ArrayAttr) or len(names) != len(sizes) or len(set(names)) != len(names):
            raise ValueError(f"irc.symbols_args must be a list of different names, not {sizes}")
        if len(names) > len(inputs) or not all(isinstance(type, IndexType) for type in inputs[: len(names)]):
            raise ValueError(f"irc.symbols_args: the first {len(names)} arguments must be sizes, of type index")
    formula = attributes.get("irc.workspace_bytes")
    if isinstance(formula, StringAttr):
        known = {s.value for s in sizes if isinstance(s, StringAttr)} if isinstance(sizes, ArrayAttr) else set()
        unknown = symbols_of(parse_dimension(formula.value)) - known - set(_symbols(attributes.get("irc.symbols")))
        if unknown:
            raise ValueError(f"irc.workspace_bytes: unknown sizes {', '.join(sorted(unknown))}")
    elif formula is not None:
        _integer(formula, "irc.workspace_bytes")


def _verify_derivative(attributes: Mapping[str, Attribute], count: int) -> None:
    if "irc.vjp_of" not in attributes and "irc.wrt" not in attributes:
        return
    of, wrt = attributes.get("irc.vjp_of"), attributes.get("irc.wrt")
    if not isinstance(of, StringAttr) or not isinstance(wrt, ArrayAttr):
        raise ValueError("a derivative has irc.vjp_of, a name, and irc.wrt, a list of numbers of arguments")
    if not all(_integer(number, "irc.wrt") < count for number in wrt):
        raise ValueError(f"irc.wrt must hold numbers of arguments, 0 to {count - 1}, not {wrt}")


def _verify_parameter(where: str, name: Attribute, type: Type, marks: DictAttr, names: set[str]) -> None:
    if not isinstance(name, StringAttr) or not name.value:
        raise ValueError(f"{where} must be the parameter's name, not {name}")
    if name.value in names:
        raise ValueError(f"{where}: two parameters are called '{name.value}'")
    if not _scalar(type).is_float:
        raise ValueError(f"{where}: a parameter is of floats, not {type}")
    if "irc.data" in marks:
        raise ValueError(f"{where}: an argument cannot be a parameter and bound data (irc.data)")
    names.add(name.value)


def _scalar(type: Type) -> Type:
    return getattr(type, "scalar", type)


def _verify_value(where: str, value: Attribute, type: Type, symbols: Mapping[str, int]) -> None:
    if not isinstance(value, DenseAttr):
        raise ValueError(f"{where} must be dense<...>, not {value}")
    if value.type.element is not _scalar(type):
        raise ValueError(f"{where} is of {value.type.element}, but the argument is of {_scalar(type)}")
    element: Any = type.element
    lanes = element.shape if isinstance(element, VectorType) else ()
    wanted = (*getattr(type, "shape", ()), *lanes)
    fits = len(wanted) == value.array.ndim and all(
        not symbols_of(dim) <= set(symbols) or evaluate(dim, symbols) == size
        for dim, size in zip(wanted, value.array.shape, strict=False)
    )
    if not fits:
        raise ValueError(f"{where} is {value.type}, which does not fit the argument's type {type}")
