"""Dimensions: canonical polynomials whose arithmetic agrees with that of integers."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irc.ir.dimensions import Dim, at_least, ceildiv, evaluate, parse_dimension, substitute, symbol, symbols_of

B, H, T = symbol("B"), symbol("H"), symbol("T")


def test_equal_sizes_are_equal_whatever_way_they_were_computed():
    assert B * T == T * B
    assert (B + 1) * (B - 1) == B * B - 1
    assert B - B == 0 and isinstance(B - B, int)


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        (B, "B"),
        (2 * B * T + 1, "2*B*T + 1"),
        (B * B - T, "B*B - T"),
        (-B + 3, "-B + 3"),
        ((H + 2 - 3) // 2 + 1, "(H + 1) floordiv 2"),
        ((2 * B + 4) // 2, "B + 2"),
        (3 * ((B + 1) // 2), "3*((B + 1) floordiv 2)"),
        ((B // 2) // 3, "B floordiv 6"),
        ((4 * B + 2) // 4, "B"),
        ((6 * B) // 4, "B + B floordiv 2"),
        (ceildiv(B, 16), "(B + 15) floordiv 16"),
    ],
)
def test_canonical_text(dim, text):
    assert str(dim) == text
    assert parse_dimension(text) == dim


expressions = st.recursive(
    st.one_of(st.integers(0, 9), st.sampled_from([B, H, T])),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner), st.tuples(st.just("/"), inner, st.integers(1, 7))
    ),
    max_leaves=8,
)


def compute(tree, values):
    if not isinstance(tree, tuple):
        return values[str(tree)] if isinstance(tree, Dim) and values else tree
    sign, left, right = tree[0], compute(tree[1], values), compute(tree[2], values)
    return {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.floordiv}[sign](left, right)


@given(expressions, st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_arithmetic_agrees_with_integers_and_text_reads_back(tree, b, h, t):
    values = {"B": b, "H": h, "T": t}
    dim = compute(tree, None)
    assert evaluate(dim, values) == compute(tree, values)
    assert parse_dimension(str(dim)) == dim
    assert substitute(dim, values) == evaluate(dim, values)


def test_at_least_is_proved_for_all_sizes_or_not_claimed():
    assert at_least(B * T + B, B)
    assert at_least(5, 5)
    assert not at_least(B, T)
    assert not at_least(B, 1)  # a size may be zero


def test_symbols_are_found_inside_divisions():
    assert symbols_of((B + T) // 2 + 1) == {"B", "T"}


NO_DIMENSIONS = ["", "B +", "B ** 2", "B floordiv T", "B floordiv 0", "(B", "2 3", "x", "B % 2", "1/2"]


@pytest.mark.parametrize("text", NO_DIMENSIONS)
def test_what_is_no_dimension_is_refused(text):
    with pytest.raises(ValueError):
        parse_dimension(text)


def test_a_missing_size_is_named():
    with pytest.raises(KeyError, match="T"):
        evaluate(B + T, {"B": 1})
