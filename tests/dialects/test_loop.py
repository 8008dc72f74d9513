"""The loop dialect: text, verification, and what the reference semantics of each op is."""

import numpy as np
import pytest

from irc.dialects.loop import BufferType
from irc.interpreter import Buffer, Interpreter
from irc.ir.diagnostics import Error
from irc.ir.types import VectorType, f32, i1
from irc.text.parser import parse_module
from irc.text.printer import print_module

HEAD = "%c0 = loop.size \"0\" : index\n%c1 = loop.size \"1\" : index\n%c2 = loop.size \"2\" : index\n"


def function(arguments: str, body: str, symbols: str = '"N"', sizes: str = "%N: index"):
    """A module with one loop-level function @f."""
    head = ", ".join(part for part in (sizes, arguments) if part)
    return parse_module(
        f"func.func @f({head}) attributes {{irc.symbols_args = [{symbols}]}} {{\n{HEAD}{body}\nfunc.return\n}}"
    )


def run(module, *arguments, mode="declared"):
    Interpreter(module, mode).call("f", arguments)


@pytest.mark.parametrize(
    "text",
    [
        "!loop.buffer<f32>",
        "!loop.buffer<4 x f32>",
        "!loop.buffer<B x 2*N + 1 x f64>",
        "!loop.buffer<N x vector<16xf32>>",
        "!loop.buffer<N x f32, panels>",
        "!loop.buffer<N x f32, row_major, scratch>",
        "!loop.buffer<(N + 2) floordiv 3 x i1>",
    ],
)
def test_type_reads_back(text):
    assert str(BufferType.parse_body(text.removeprefix("!loop.buffer<")[:-1])) == text


def test_type_reads_sizes_without_blanks():
    assert BufferType.parse_body("8x4xf32") is BufferType((8, 4), f32)
    assert BufferType.parse_body("B x 4xvector<8xi1>").element is VectorType((8,), i1)


@pytest.mark.parametrize("body", ["", "4 x", "4 x f33", "4 x f32, a, b, c", "4 x f32, 9", "x x f32", "4 x vector<x>"])
def test_type_rejects(body):
    with pytest.raises(ValueError, match="."):
        BufferType.parse_body(body)


def test_sizes_in_bytes():
    assert BufferType((4, 3), f32).bytes == 48
    assert str(BufferType.parse_body("N x vector<16xf32>").bytes) == "64*N"


EVERY_OP = """
%s = loop.for %i = %c0 to %N step %c1 parallel vectorize iter_args(%acc = %a) -> (f32) {
  %v = loop.load %x[%i] : !loop.buffer<N x f32>
  %t = loop.if %p -> (f32) {
    loop.yield %v : f32
  } else {
    loop.yield %acc : f32
  }
  loop.if %p {
    loop.store %t, %x[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  loop.accumulate %t, %x[%i] : f32, !loop.buffer<N x f32>
  loop.yield %t : f32
} {note = "kept"}
%m = loop.mask %N : vector<4xi1>
%ids = loop.lane_ids : vector<4xindex>
%l = loop.load %x[%c0] lanes 4 along 0 mask %m : !loop.buffer<N x f32>
%all = loop.load %x[%c0] lanes 4 along 0 : !loop.buffer<N x f32>
loop.store %l, %x[%c0] along 0 mask %m : vector<4xf32>, !loop.buffer<N x f32>
loop.accumulate %l, %x[%c0] mask %m : vector<4xf32>, !loop.buffer<N x f32>
loop.accumulate %l, %x[%c0] along 0 mask %m : vector<4xf32>, !loop.buffer<N x f32>
%r = loop.reduce "max" %l : vector<4xf32>
%w = loop.splat %r : f32 to vector<4xf32>
%b = loop.alloc : !loop.buffer<N x vector<4xf32>>
loop.store %w, %b[%c0] : vector<4xf32>, !loop.buffer<N x vector<4xf32>>
%u = loop.view %arena[%c0] : !loop.buffer<64 x i8> to !loop.buffer<4 x f32>
"""


def test_text_round_trip():
    module = function("%a: f32, %p: i1, %x: !loop.buffer<N x f32>, %arena: !loop.buffer<64 x i8>", EVERY_OP)
    pretty = print_module(module)
    assert print_module(parse_module(pretty)) == pretty
    assert print_module(parse_module(print_module(module, generic=True))) == pretty


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%v = loop.load %x[%c0, %c0] : !loop.buffer<N x f32>", "needs 1 indices, not 2"),
        ("%v = loop.load %x[%c0] lanes 4 along 1 : !loop.buffer<N x f32>", "along dimension 1"),
        ("%v = loop.alloc : !loop.buffer<N x f64>\nloop.store %a, %v[%c0] : f32, !loop.buffer<N x f64>", "cannot w"),
        ("loop.accumulate %c0, %x[%c0] : index, !loop.buffer<N x f32>", "cannot add"),
        ("%v = loop.splat %a : f32 to vector<4xf64>", "cannot splat"),
        ("%v = loop.splat %a : f32 to vector<6xf32>\n%r = loop.reduce \"sum\" %v : vector<6xf32>", "power of two"),
        ("%v = loop.splat %a : f32 to vector<4xf32>\n%r = loop.reduce \"mean\" %v : vector<4xf32>", "no reduction"),
        ("loop.for %i = %c0 to %N step %c1 iter_args(%s = %a) -> (f32) {\nloop.yield\n}", r"gives \(\), the results"),
        ("loop.for %i = %c0 to %N step %c1 {\n%q = loop.size \"1\" : index\n}", "end with loop.yield"),
        ("%u = loop.view %x[%c0] : !loop.buffer<N x f32> to !loop.buffer<4 x f32>", "an arena is a buffer of bytes"),
        ('%u = loop.size "N +" : index', "expected a number, a symbol"),
    ],
)
def test_verify_rejects(body, message):
    with pytest.raises(Error, match=message):
        function("%a: f32, %x: !loop.buffer<N x f32>", body)


def test_loop_carries_values():
    module = function(
        "%x: !loop.buffer<N x f32>, %y: !loop.buffer<1 x f32>, %a: f32",
        """%s = loop.for %i = %c1 to %N step %c2 iter_args(%last = %a) -> (f32) {
             loop.accumulate %last, %y[%c0] : f32, !loop.buffer<1 x f32>
             %v = loop.load %x[%i] : !loop.buffer<N x f32>
             loop.yield %v : f32
           }
           loop.accumulate %s, %y[%c0] : f32, !loop.buffer<1 x f32>""",
    )
    y = np.zeros(1, np.float32)
    run(module, 5, np.array([1, 10, 100, 1000, 10000], np.float32), y, 0.5)
    assert y[0] == 1010.5


def test_load_with_lanes_masks_and_strides():
    module = function(
        "%x: !loop.buffer<N x 2 x f32>, %y: !loop.buffer<8 x f32>",
        """%m = loop.mask %N : vector<4xi1>
           %v = loop.load %x[%c0, %c1] lanes 4 along 0 mask %m : !loop.buffer<N x 2 x f32>
           loop.store %v, %y[%c2] along 0 : vector<4xf32>, !loop.buffer<8 x f32>""",
    )
    y = np.full(8, 7, np.float32)
    run(module, 3, np.arange(6, dtype=np.float32).reshape(3, 2), y)
    assert y.tolist() == [7, 7, 1, 3, 5, 0, 7, 7]


def test_masked_parts_of_an_element():
    module = function(
        "%x: !loop.buffer<4 x f32>, %y: !loop.buffer<2 x vector<4xf32>>",
        """%m = loop.mask %N : vector<4xi1>
           %v = loop.load %x[%c0] lanes 4 along 0 : !loop.buffer<4 x f32>
           loop.store %v, %y[%c1] mask %m : vector<4xf32>, !loop.buffer<2 x vector<4xf32>>
           loop.accumulate %v, %y[%c1] mask %m : vector<4xf32>, !loop.buffer<2 x vector<4xf32>>""",
    )
    y = np.ones((2, 4), np.float32)
    run(module, 3, np.array([1, 2, 4, 8], np.float32), y)
    assert y.tolist() == [[1, 1, 1, 1], [2, 4, 8, 1]]


def test_accumulate_reduces_masked_lanes():
    module = function(
        "%x: !loop.buffer<4 x f32>, %y: !loop.buffer<1 x f32>",
        """%m = loop.mask %N : vector<4xi1>
           %v = loop.load %x[%c0] lanes 4 along 0 : !loop.buffer<4 x f32>
           loop.accumulate %v, %y[%c0] mask %m : vector<4xf32>, !loop.buffer<1 x f32>""",
    )
    y = np.ones(1, np.float32)
    run(module, 3, np.array([1, 2, 4, 8], np.float32), y)
    assert y[0] == 8


@pytest.mark.parametrize(
    "body",
    [
        "%v = loop.load %x[%N] : !loop.buffer<N x f32>",
        "%m = loop.mask %c2 : vector<4xi1>\n%v = loop.load %x[%c2] lanes 4 along 0 mask %m : !loop.buffer<N x f32>",
        "loop.accumulate %a, %x[%N] : f32, !loop.buffer<N x f32>",
        "%l = loop.size \"N - 4\" : index\nloop.store %a, %x[%l] : f32, !loop.buffer<N x f32>",
    ],
)
def test_out_of_bounds_names_op_and_place(body):
    module = function("%a: f32, %x: !loop.buffer<N x f32>", body)
    with pytest.raises(Error, match=r"loop\.\w+: index -?\d+ in dimension 0") as caught:
        run(module, 3, 1.0, np.zeros(3, np.float32))
    assert caught.value.diagnostics[0].line is not None


def test_masked_off_lanes_may_lie_outside():
    module = function(
        "%x: !loop.buffer<N x f32>",
        """%m = loop.mask %N : vector<4xi1>
           %v = loop.load %x[%c0] lanes 4 along 0 mask %m : !loop.buffer<N x f32>
           loop.store %v, %x[%c0] along 0 mask %m : vector<4xf32>, !loop.buffer<N x f32>""",
    )
    for n in (0, 1, 3):
        run(module, n, np.ones(n, np.float32))


def test_a_view_ends_the_life_of_those_it_overlaps():
    module = function(
        "%a: f32, %arena: !loop.buffer<128 x i8>, %y: !loop.buffer<2 x f32>",
        """%at = loop.size "64" : index
           %u = loop.view %arena[%c0] : !loop.buffer<128 x i8> to !loop.buffer<4 x f32>
           %v = loop.view %arena[%at] : !loop.buffer<128 x i8> to !loop.buffer<4 x f32>
           loop.store %a, %u[%c0] : f32, !loop.buffer<4 x f32>
           loop.store %a, %v[%c0] : f32, !loop.buffer<4 x f32>
           %w = loop.view %arena[%c0] : !loop.buffer<128 x i8> to !loop.buffer<8 x f32>
           %p = loop.load %u[%c0] : !loop.buffer<4 x f32>
           %q = loop.load %v[%c0] : !loop.buffer<4 x f32>
           loop.store %p, %y[%c0] : f32, !loop.buffer<2 x f32>
           loop.store %q, %y[%c1] : f32, !loop.buffer<2 x f32>""",
        symbols="",
        sizes="",
    )
    y = np.zeros(2, np.float32)
    run(module, 2.0, np.zeros(128, np.int8), y)
    assert np.isnan(y[0]) and y[1] == 2


def test_view_must_lie_inside():
    module = function(
        "%arena: !loop.buffer<64 x i8>",
        "%u = loop.view %arena[%c0] : !loop.buffer<64 x i8> to !loop.buffer<17 x f32>",
        symbols="",
        sizes="",
    )
    with pytest.raises(Error, match="68 bytes at 0"):
        run(module, np.zeros(64, np.int8))


def test_bounds_of_sums_hold_in_any_order():
    """The bound must cover float32 sums in the order of lanes, and backwards."""
    body = """loop.for %i = %c0 to %N step %c1 {
                %v = loop.load %x[%i] : !loop.buffer<N x f32>
                loop.accumulate %v, %y[%c0] : f32, !loop.buffer<1 x f32>
                loop.yield
              }"""
    module = function("%x: !loop.buffer<N x f32>, %y: !loop.buffer<1 x f32>", body)
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) * 100
    y = Buffer(np.zeros(1))
    Interpreter(module, "bounded").call("f", [1000, Buffer(values.astype(np.float64)), y])
    assert y.error is not None
    forward = backward = np.float32(0)
    for v in values:
        forward += v
    for v in values[::-1]:
        backward += v
    for total in (forward, backward, values.reshape(8, -1).sum(0).sum()):
        assert abs(float(total) - y.value[0]) <= y.error[0] < 10


def test_error_bounds_move_with_the_data():
    module = function(
        "%x: !loop.buffer<N x f32>, %y: !loop.buffer<N x f32>",
        """%v = loop.load %x[%c1] : !loop.buffer<N x f32>
           loop.store %v, %y[%c0] : f32, !loop.buffer<N x f32>""",
    )
    y = Buffer(np.zeros(2))
    Interpreter(module, "bounded").call("f", [2, Buffer(np.ones(2), np.array([0.25, 0.5])), y])
    assert y.error is not None and y.error.tolist() == [0.5, 0.0]
