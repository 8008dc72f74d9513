"""Attributes and types: interned, compared by value, printed as MLIR prints them."""

import math
import pickle

import numpy as np
import pytest

from irc.ir.attributes import (
    UNIT,
    ArrayAttr,
    DenseArrayAttr,
    DenseAttr,
    DictAttr,
    FloatAttr,
    Form,
    IntegerAttr,
    StringAttr,
    attribute,
    python_value,
)
from irc.ir.dimensions import symbol
from irc.ir.types import FunctionType, TensorType, VectorType, bf16, f16, f32, f64, i1, i32, index, scalar_of

GENERIC = Form(generic=True)


def test_equal_contents_are_one_object():
    assert TensorType((symbol("B"), 4), f32) is TensorType((symbol("B"), 4), f32)
    assert DictAttr({"b": 1, "a": 2}) is DictAttr([("a", 2), ("b", 1)])
    assert attribute([1, 2.0, "s"]) is attribute([1, 2.0, "s"])


def test_floats_are_compared_by_bits():
    assert FloatAttr(0.0, f32) is not FloatAttr(-0.0, f32)
    assert FloatAttr(math.nan) is FloatAttr(math.nan)


def test_attributes_cannot_be_changed():
    with pytest.raises(AttributeError, match="immutable"):
        StringAttr("a").value = "b"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (FloatAttr(0.1, f32), "0.100000001 : f32"),
        (FloatAttr(0.1), "1.000000e-01 : f64"),
        (FloatAttr(math.pi), "3.1415926535897931 : f64"),
        (FloatAttr(math.inf, f32), "0x7F800000 : f32"),
        (FloatAttr(-math.inf, f16), "0xFC00 : f16"),
        (FloatAttr(math.nan, bf16), "0x7FC0 : bf16"),
        (FloatAttr(1.00390625, bf16), "1.000000e+00 : bf16"),
        (IntegerAttr(True), "true"),
        (IntegerAttr(-3, index), "-3 : index"),
        (StringAttr('say "é"\n'), r'"say \22\C3\A9\22\0A"'),
        (UNIT, "unit"),
        (DictAttr({"k": None, "a b": 1}), '{"a b" = 1 : i64, k}'),
        (DenseArrayAttr([1, 2], i32), "array<i32: 1, 2>"),
        (DenseArrayAttr([], i32), "array<i32>"),
        (DenseAttr([[1, 2], [3, 4]], TensorType((2, 2), i32)), "dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>"),
        (DenseAttr([7, 7], VectorType((2,), i32)), "dense<7> : vector<2xi32>"),
        (DenseAttr([True, False], TensorType((2,), i1)), "dense<[true, false]> : tensor<2xi1>"),
        (DenseAttr(np.zeros((0, 2)), TensorType((0, 2), f32)), "dense<> : tensor<0x2xf32>"),
        (FunctionType([f32], [f32, f64]), "(f32) -> (f32, f64)"),
    ],
)
def test_text(value, text):
    assert str(value) == text


def test_symbolic_sizes_travel_in_the_encoding():
    type = TensorType((symbol("B") + 1, 4), f32)
    assert str(type) == "tensor<B + 1 x 4 x f32>"
    assert type.text(GENERIC) == 'tensor<?x4xf32, ["B + 1", 4]>'
    assert TensorType((3, 4), f32).text(GENERIC) == "tensor<3x4xf32>"


def test_large_data_become_a_resource_named_by_its_contents():
    big = DenseAttr(np.arange(65), TensorType((65,), f32))
    form = Form()
    assert big.text(form).startswith("dense_resource<data_")
    assert list(form.resources.values()) == [big]
    assert big.text(Form(elide=True)) == "dense_resource<__elided__> : tensor<65xf32>"


def test_data_are_copied_and_read_only():
    given = np.ones(3, np.float32)
    attr = DenseAttr(given, TensorType((3,), f32))
    given[0] = 5
    assert attr.array[0] == 1 and not attr.array.flags.writeable


def test_data_must_have_the_shape_of_the_type():
    with pytest.raises(ValueError, match=r"\(2,\) elements for tensor<3xf32>"):
        DenseAttr([1, 2], TensorType((3,), f32))


def test_bfloat16_rounds_to_nearest_even():
    assert bf16.round(1 + 2**-8) == 1.0
    assert bf16.round(1 + 3 * 2**-8) == 1 + 2**-6
    assert math.isnan(bf16.round(math.nan))


@pytest.mark.parametrize("value", [True, -3, 2.5, "text", [1, [2.5]], {"a": {"b": "c"}}])
def test_python_values_and_attributes_convert_both_ways(value):
    assert python_value(attribute(value)) == value


def test_pickling_keeps_identity():
    for value in (
        TensorType((symbol("B"),), f32),
        ArrayAttr([1]),
        FloatAttr(0.5, f32),
        DenseAttr([1.5], TensorType((1,), f32)),
    ):
        assert pickle.loads(pickle.dumps(value)) is value


def test_numpy_dtypes_map_to_types():
    assert scalar_of(np.float32) is f32
    with pytest.raises(ValueError, match="complex128 is not supported"):
        scalar_of(np.complex128)
