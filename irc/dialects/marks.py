"""Attributes that say what a function is to its caller, and the check that they make sense.

Of the function: ``irc.symbols``, sizes known beforehand; ``irc.independent_samples``: the symbol B counts samples that
have nothing to do with each other; at the loop level also ``irc.symbols_args``, the sizes that its first arguments
are, and ``irc.workspace_bytes``, a formula. Of an argument: ``irc.param``, the name of a parameter, with
``irc.initial``, its start values, and ``irc.tensors``, parts of it that have names and shapes of their own;
``irc.data``, a value that the caller need not give; ``irc.donated``, the number of the result that is written to the
argument's own memory in native code, for which the caller gives it away; ``irc.state``, the number of the result that
is its value in the next call, with ``irc.registers``, what the columns of this state are, a list of [name, width,
initial value]; ``irc.sample_shape``, another shape that a caller may give each sample in; ``irc.below``, for integers
that must lie from 0 to below it; ``irc.least_rows``, how many rows a batch must have at least in training;
``irc.running``, parts of a parameter that are running statistics, a list of [first element, number of the result that
is its next value];
``irc.key``, the key of random numbers, the seed in two parts and the number of the step; at the loop level
``irc.output``, the number of the result that goes there, and ``irc.workspace``. Of a derivative: ``irc.vjp_of``, the
name of its function, and ``irc.wrt``, the numbers of the arguments whose gradients it gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from irc.ir.attributes import (
    UNIT,
    ArrayAttr,
    Attribute,
    DenseAttr,
    DictAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    python_value,
)
from irc.ir.dimensions import evaluate, parse_dimension, symbols_of
from irc.ir.types import IndexType, Type, VectorType

LARGEST_SIZE = 2**62
"""Sizes beyond this are mistakes: native code counts bytes with 64 bits."""


TEAM = "irc.team"
"""The mark of functions with loops that threads may share. Code for a team takes one more argument: what threads."""


def has_team(attributes: Mapping[str, Attribute]) -> bool:
    """Whether a function, given its attributes, has loops that threads share, or calls one that has."""
    return TEAM in attributes


def verify_marks(
    attributes: Mapping[str, Attribute],
    inputs: Sequence[Type],
    arguments: Sequence[DictAttr],
    results: Sequence[Type] = (),
) -> None:
    """ValueError that says which attribute of a function, or of one of its arguments, makes no sense."""
    symbols = _symbols(attributes.get("irc.symbols"))
    _verify_loop_level(attributes, inputs)
    _verify_derivative(attributes, len(inputs))
    names: set[str] = set()
    outputs: list[int] = []
    donated: list[int] = []
    for number, (type, marks) in enumerate(zip(inputs, arguments, strict=False)):
        name = marks.get("irc.param")
        if name is not None:
            _verify_parameter(f"irc.param of argument {number}", name, type, marks, names)
        if "irc.tensors" in marks:
            _verify_tensors(f"irc.tensors of argument {number}", marks, type, symbols, names)
        for key in ("irc.data", "irc.initial"):
            if key in marks:
                _verify_value(f"{key} of argument {number}", marks[key], type, symbols)
        for key in ("irc.output", "irc.workspace"):
            if key in marks and type.name != "loop.buffer":
                raise ValueError(f"{key} of argument {number} is for buffers of the loop level, not for {type}")
        if "irc.output" in marks:
            outputs.append(_integer(marks["irc.output"], f"irc.output of argument {number}"))
        if "irc.state" in marks or "irc.registers" in marks:
            _verify_state(f"irc.state of argument {number}", marks, type, results)
        if "irc.sample_shape" in marks:
            sizes = _shape(type)[1:]
            width = prod(sizes) if all(isinstance(size, int) for size in sizes) else sizes[-1]
            verify_sample_shape(f"irc.sample_shape of argument {number}", marks["irc.sample_shape"], width)
        if "irc.below" in marks and not _integer(marks["irc.below"], f"irc.below of argument {number}"):
            raise ValueError(f"irc.below of argument {number} must be an integer from 1, not 0")
        if "irc.least_rows" in marks:
            _integer(marks["irc.least_rows"], f"irc.least_rows of argument {number}")
        if "irc.running" in marks:
            _verify_running(f"irc.running of argument {number}", marks, type, results)
        if "irc.key" in marks and (_shape(type) != (3,) or str(_scalar(type)) != "i32"):
            raise ValueError(f"irc.key of argument {number} is for three numbers of i32, not for {type}")
        if "irc.donated" in marks:
            donated.append(_verify_donated(f"irc.donated of argument {number}", marks, type, results))
            outputs += donated[-1:] if type.name == "loop.buffer" else []
    if len(set(donated)) != len(donated):
        raise ValueError(f"irc.donated: each result can be written to one argument only, not {donated}")
    if sorted(outputs) != list(range(len(outputs))):
        raise ValueError(f"irc.output and irc.donated must number the results 0 to {len(outputs) - 1}, not {outputs}")


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


def _verify_donated(where: str, marks: DictAttr, type: Type, results: Sequence[Type]) -> int:
    """The number of the result that the argument's memory is given away for."""
    number = _integer(marks["irc.donated"], where)
    if not hasattr(type, "shape"):
        raise ValueError(f"{where} is for tensors and buffers, not for {type}")
    if type.name != "loop.buffer" and (number >= len(results) or results[number] is not type):
        found = f"result {number} is {results[number]}" if number < len(results) else f"there is no result {number}"
        raise ValueError(f"{where}: the result must be of the argument's type, {type}, but {found}")
    if any(key in marks for key in ("irc.data", "irc.output", "irc.workspace")):
        raise ValueError(f"{where}: bound data, outputs and workspace cannot be given away")
    return number


def _verify_tensors(where: str, marks: DictAttr, type: Type, symbols: Mapping[str, int], names: set[str]) -> None:
    from irc.dialects.neuron.tensor import verify_tensors  # nets need functions, and so this file

    shape = getattr(type, "shape", None)
    if "irc.param" not in marks or shape is None or len(shape) != 1:
        raise ValueError(f"{where} is for a parameter that is a vector")
    size = evaluate(shape[0], symbols) if symbols_of(shape[0]) <= set(symbols) else LARGEST_SIZE
    tensors = marks["irc.tensors"]
    verify_tensors(tensors, size)
    for tensor in tensors:  # type: ignore[attr-defined]
        if tensor.label in names:
            raise ValueError(f"{where}: two parameters are called '{tensor.label}'")
        names.add(tensor.label)


def _verify_state(where: str, marks: DictAttr, type: Type, results: Sequence[Type]) -> None:
    number, registers = _integer(marks.get("irc.state", UNIT), where), marks.get("irc.registers")
    if type.name != "loop.buffer" and (number >= len(results) or results[number] is not type):
        raise ValueError(f"{where}: the function must have a result {number} of the same type, {type}")
    if registers is None:
        return
    width = 0
    for entry in registers if isinstance(registers, ArrayAttr) else (registers,):
        values = entry.values if isinstance(entry, ArrayAttr) else ()
        if [value.__class__ for value in values] != [StringAttr, IntegerAttr, FloatAttr]:
            raise ValueError(f"{where}: irc.registers must list [name, width, initial value], not {entry}")
        width += python_value(values[1])
    if getattr(type, "shape", ())[-1:] != (width,):
        raise ValueError(f"{where}: the registers have {width} columns, but the state is {type}")


def _verify_running(where: str, marks: DictAttr, type: Type, results: Sequence[Type]) -> None:
    if "irc.param" not in marks or len(_shape(type)) != 1:
        raise ValueError(f"{where} is for a parameter that is a vector")
    given = marks["irc.running"]
    for entry in given if isinstance(given, ArrayAttr) else (given,):
        pair = entry.values if isinstance(entry, ArrayAttr) else ()
        if len(pair) != 2:
            raise ValueError(f"{where} must list [first element, number of a result], not {entry}")
        begin, number = (_integer(value, where) for value in pair)
        if type.name == "loop.buffer":
            continue
        found = results[number] if number < len(results) else None
        sizes = _shape(found)
        if len(sizes) != 1 or not isinstance(sizes[0], int) or _scalar(found) is not _scalar(type):  # type: ignore[arg-type]
            what = f"a vector of {_scalar(type)} of a known size"
            raise ValueError(f"{where}: result {number} must be {what}, but is {found or 'missing'}")
        (whole,) = _shape(type)
        if isinstance(whole, int) and begin + sizes[0] > whole:
            raise ValueError(f"{where}: {sizes[0]} elements from {begin} on do not fit into {type}")


def _shape(type: Type | None) -> tuple:
    return getattr(type, "shape", ())


def verify_sample_shape(where: str, given: Attribute, width: Any) -> None:
    """ValueError unless ``irc.sample_shape`` is the shape of as many numbers as a sample has."""
    sizes = [_integer(size, where) for size in given] if isinstance(given, ArrayAttr) else []
    if not sizes or prod(sizes) != width:
        raise ValueError(f"{where} must be a list of sizes of {width} numbers, as a sample has them, not {given}")


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
