"""The text of element lists: ``dense<[[1.0, 2.0], [3.0, 4.0]]>``, ``dense<"0x...">`` and blobs of resources."""

from __future__ import annotations

import re
from math import prod

import numpy as np

from irc.arrays import machine_memory
from irc.ir.attributes import DenseAttr, IntegerAttr
from irc.ir.types import ScalarType, ShapedType

_PART = re.compile(r"\s*+([\[\],]|[^\s\[\],]++)\s*+")
_INTEGER = re.compile(r"-?(?:0x[0-9A-Fa-f]{1,16}|\d{1,40})")
_FLOAT = re.compile(r"-?\d++(?:\.\d*+)?(?:[eE][-+]?\d+)?")
_BITS = {16: np.uint16, 32: np.uint32, 64: np.uint64}


def parse_elements(body: str, type: ShapedType) -> DenseAttr:
    """The elements between the angle brackets of ``dense<...>``. Raises ValueError."""
    shape = static_shape(type)
    body = body.strip()
    if body.startswith('"'):
        return _from_hex(body, type)
    if not body:
        if prod(shape):
            raise ValueError(f"no elements for {type}")
        return DenseAttr(np.zeros(shape, type.element.storage), type)
    if not body.startswith("["):
        return DenseAttr(np.full(shape, parse_number(body, type.element), type.element.storage), type)
    texts, found = _nested(body)
    if found != shape:
        raise ValueError(f"the elements have the shape {list(found)}, which is not that of {type}")
    # A dictionary of texts: large literals repeat few numbers, or are rare.
    known = {text: parse_number(text, type.element) for text in dict.fromkeys(texts)}
    return DenseAttr(np.array([known[t] for t in texts], type.element.storage).reshape(shape), type)


def static_shape(type: ShapedType) -> tuple[int, ...]:
    """The shape of a type whose elements can be listed. Raises ValueError."""
    if not type.is_static:
        raise ValueError(f"elements need a static shape, not {type}; use array.full for one value of any shape")
    if not isinstance(type.element, ScalarType):
        raise ValueError(f"elements cannot be of type {type.element}")
    shape = tuple(int(size) for size in type.shape)  # type: ignore[arg-type]
    if prod(shape) * type.element.bytes > machine_memory():
        raise ValueError(f"the elements of {type} do not fit into this machine's memory; use array.full")
    return shape


def _nested(body: str) -> tuple[list[str], tuple[int, ...]]:
    """The leaves of nested lists, and the shape they all agree on."""
    leaves: list[str] = []
    shape: list[int] = []  # by depth; known once the first list of that depth is closed
    open_lists: list[int] = []  # lengths so far
    leaf_depth = None
    after_item = False
    at = 0
    while at < len(body):
        match = _PART.match(body, at)
        if match is None:
            raise ValueError("expected elements")
        at = match.end()
        part = match[1]
        if part == ",":
            if not after_item or not open_lists:
                raise ValueError("unexpected ',' between elements")
            after_item = False
            continue
        if part == "]":
            if not open_lists or not (after_item or open_lists[-1] == 0):
                raise ValueError("unexpected ']' between elements")
            length = open_lists.pop()
            depth = len(open_lists)
            if len(shape) <= depth:
                shape += [-1] * (depth + 1 - len(shape))
            if shape[depth] not in (-1, length):
                raise ValueError(f"lists of {shape[depth]} and of {length} elements side by side")
            shape[depth] = length
            after_item = True
            continue
        if after_item or (leaves and not open_lists):
            raise ValueError(f"expected ',' or ']' before '{part[:40]}'")
        if open_lists:
            open_lists[-1] += 1
        if part == "[":
            if len(open_lists) >= 32:
                raise ValueError("more than 32 dimensions")
            open_lists.append(0)
        else:
            if leaf_depth not in (None, len(open_lists)):
                raise ValueError("elements at different depths")
            leaf_depth = len(open_lists)
            leaves.append(part)
            after_item = True
    if open_lists:
        raise ValueError("a '[' is not closed")
    if leaf_depth is not None and leaf_depth != len(shape):
        raise ValueError("elements at different depths")
    return leaves, tuple(shape)


def parse_number(text: str, element: ScalarType):
    """A number of a type, as its storage holds it. Raises ValueError."""
    if element.is_float:
        if text.startswith("0x") and _INTEGER.fullmatch(text):
            return float_of_bits(int(text, 16), element, storage=True)
        if not _FLOAT.fullmatch(text):
            raise ValueError(f"expected a number of type {element}, got '{text[:40]}'")
        if text.lstrip("-").isdigit():
            raise ValueError(f"a number of type {element} needs a point: {text[:40]}.0")
        value = float(text)
        if np.isinf(value):
            raise ValueError(f"{text[:40]} is too large for a float")
        with np.errstate(over="ignore"):
            stored = element.to_storage(np.float64(value))
        if np.isinf(element.from_storage(stored)):
            raise ValueError(f"{text[:40]} is too large for {element}")
        return stored
    if text in ("true", "false") and element.width == 1:
        return text == "true"
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"expected an integer of type {element}, got '{text[:40]}'")
    return integer_of(int(text, 16 if "x" in text else 10), element).value


def integer_of(value: int, type: ScalarType) -> IntegerAttr:
    """An integer of a signless type, which may be given signed or unsigned. Raises ValueError if it does not fit."""
    if not -(1 << (type.width - 1)) <= value < 1 << type.width:
        raise ValueError(f"{value} does not fit {type}")
    if type.width == 1:
        return IntegerAttr(value & 1, type)
    return IntegerAttr(value - (1 << type.width) if value >> (type.width - 1) == 1 else value, type)


def float_of_bits(bits: int, type: ScalarType, storage: bool = False):
    """The float with these bits, as a Python float or as storage holds it. Raises ValueError if there are too many."""
    if bits >> type.width:
        raise ValueError(f"0x{bits:X} has more bits than {type}")
    stored = np.array([bits], _BITS[type.width]).view(type.storage)[0]
    return stored if storage else type.from_storage(stored)


def _from_hex(body: str, type: ShapedType) -> DenseAttr:
    if not re.fullmatch(r'"0x(?:[0-9A-Fa-f]{2})*+"', body):
        raise ValueError("expected a string of hexadecimal digits, two for each byte")
    data = bytes.fromhex(body[3:-1])
    if type.element.width == 1:  # MLIR packs these
        count = prod(static_shape(type))
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        if len(data) == 1 and count > 8:
            bits = np.full(count, bits[0])
        if not count <= bits.size < count + 8:
            raise ValueError(f"{len(data)} bytes for {type}")
        return DenseAttr(bits[:count].astype(bool).reshape(type.shape), type)
    return from_bytes(data, type)


def from_bytes(data: bytes, type: ShapedType) -> DenseAttr:
    """Elements from their little-endian bytes; those of one element stand for all. Raises ValueError."""
    shape = static_shape(type)
    storage = type.element.storage
    count = prod(shape)
    if len(data) == storage.itemsize:
        return DenseAttr(np.full(shape, np.frombuffer(data, storage.newbyteorder("<"))[0], storage), type)
    if len(data) != count * storage.itemsize:
        raise ValueError(f"{len(data)} bytes for {count} elements of {storage.itemsize} bytes")
    if type.element.width == 1 and max(data, default=0) > 1:
        raise ValueError("a byte of an i1 element is neither 0 nor 1")
    return DenseAttr(np.frombuffer(data, storage.newbyteorder("<")).astype(storage).reshape(shape), type)
