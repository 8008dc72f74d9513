"""Register tiles: what their ops mean, in the interpreter and in native code of every target that runs here."""

from __future__ import annotations

import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.backend.target import TARGETS, find_target
from irc.error_bounds import gamma
from irc.interpreter import Buffer, Interpreter
from irc.ir.diagnostics import Error
from irc.text.parser import parse_module

HERE = ["host", *(name for name, target in TARGETS.items() if target.runs_here)]
DTYPES = {"f32": np.float32, "f64": np.float64}


def module_of(body: str, x: str, y: str):
    """A function of a count, a buffer that is read, and one that is written."""
    constants = "".join(f"%c{n} = arith.constant {n} : index\n" for n in range(4))
    return parse_module(
        f"func.func @f(%n: index, %x: !loop.buffer<{x}>, %y: !loop.buffer<{y}> {{irc.output = 0}}) "
        f"attributes {{irc.symbols_args = []}} {{\n{constants}{body}\nfunc.return\n}}"
    )


def interpreted(module, count: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = Buffer(y.copy())
    Interpreter(module).call("f", [count, x, out])
    return out.value


def native(module, count: int, x: np.ndarray, y: np.ndarray, target: str = "host") -> np.ndarray:
    with compile_library(module, find_target(target)) as library:
        out = y.copy()
        library.function("f").call([np.array(count), x], out=[out])
        return out


def everywhere(body: str, x: np.ndarray, y: np.ndarray, expected: np.ndarray, element: str, count: int = 0) -> None:
    """The same numbers everywhere: for ops that round nothing."""
    types = (" x ".join([*map(str, array.shape), element]) for array in (x, y))
    module = module_of(body.replace("T", element), *types)
    assert np.array_equal(interpreted(module, count, x, y), expected)
    for target in HERE:
        assert np.array_equal(native(module, count, x, y, target), expected), target


def numbers(element: str, *shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(DTYPES[element])


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("columns", [1, 2, 16, 17, 24, 40])
def test_a_tile_moves_from_one_place_to_another(element, columns):
    x, y = numbers(element, 6, 50), np.zeros((4, 45), DTYPES[element])
    expected = y.copy()
    expected[1:4, 2 : 2 + columns] = x[2:5, 3 : 3 + columns]
    body = f"""
  %t = loop.load_tile %x[%c2, %c3] down 0 across 1 : !loop.buffer<6 x 50 x T> to vector<3x{columns}xT>
  loop.store_tile %t, %y[%c1, %c2] down 0 across 1 : vector<3x{columns}xT>, !loop.buffer<4 x 45 x T>"""
    everywhere(body, x, y, expected, element)


@pytest.mark.parametrize("element", DTYPES)
def test_rows_and_columns_may_run_along_any_dimensions(element):
    x, y = numbers(element, 5, 2, 9), np.zeros((7, 6), DTYPES[element])
    expected = y.copy()
    expected[:7, 1:5] = x[1:5, 1, 2:9].T
    body = """
  %t = loop.load_tile %x[%c1, %c1, %c2] down 2 across 0 : !loop.buffer<5 x 2 x 9 x T> to vector<7x4xT>
  loop.store_tile %t, %y[%c0, %c1] down 0 across 1 : vector<7x4xT>, !loop.buffer<7 x 6 x T>"""
    everywhere(body, x, y, expected, element)


@pytest.mark.parametrize("element", DTYPES)
def test_without_a_direction_all_are_the_same(element):
    x, y = numbers(element, 20), np.zeros((3, 20), DTYPES[element])
    body = """
  %t = loop.load_tile %x[%c0] across 0 : !loop.buffer<20 x T> to vector<2x20xT>
  loop.store_tile %t, %y[%c0, %c0] down 0 across 1 : vector<2x20xT>, !loop.buffer<3 x 20 x T>
  %u = loop.load_tile %x[%c3] : !loop.buffer<20 x T> to vector<1x20xT>
  loop.store_tile %u, %y[%c2, %c0] across 1 : vector<1x20xT>, !loop.buffer<3 x 20 x T>"""
    everywhere(body, x, y, np.stack([x, x, np.full_like(x, x[3])]), element)


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("count", [-1, 0, 1, 16, 19, 24])
def test_masked_columns_are_zero_and_stay(element, count):
    """They may lie outside of the memory."""
    x, y = numbers(element, 2, max(count, 1)), np.ones((2, max(count, 1)), DTYPES[element])
    width = max(count, 1)
    body = f"""
  %m = loop.mask %n : vector<1x24xi1>
  %t = loop.load_tile %x[%c0, %c0] down 0 across 1 mask %m : !loop.buffer<2 x {width} x T> to vector<2x24xT>
  loop.store_tile %t, %y[%c0, %c0] down 0 across 1 mask %m : vector<2x24xT>, !loop.buffer<2 x {width} x T>"""
    everywhere(body, x, y, x if count > 0 else y, element, count)


@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_transpose(element, size):
    x, y = numbers(element, size, size), np.zeros((size, size), DTYPES[element])
    body = f"""
  %t = loop.load_tile %x[%c0, %c0] down 0 across 1 : !loop.buffer<{size} x {size} x T> to vector<{size}x{size}xT>
  %u = loop.transpose %t : vector<{size}x{size}xT>
  loop.store_tile %u, %y[%c0, %c0] down 0 across 1 : vector<{size}x{size}xT>, !loop.buffer<{size} x {size} x T>"""
    everywhere(body, x, y, x.T, element)


@pytest.mark.parametrize("kind", ["sum", "max", "min"])
@pytest.mark.parametrize("element", DTYPES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 1), (1, 16), (5, 8), (11, 16), (17, 32), (20, 4)])
def test_reduce_makes_one_number_of_each_row(kind, element, rows, columns):
    """Whole numbers, whose sums are exact in any order."""
    x = np.random.default_rng(1).integers(-9, 10, (rows, columns)).astype(DTYPES[element])
    body = f"""
  %t = loop.load_tile %x[%c0, %c0] down 0 across 1 : !loop.buffer<{rows} x {columns} x T> to vector<{rows}x{columns}xT>
  %r = loop.reduce "{kind}" %t : vector<{rows}x{columns}xT>
  loop.store_tile %r, %y[%c0] across 0 : vector<1x{rows}xT>, !loop.buffer<{rows} x T>"""
    expected = {"sum": np.sum, "max": np.max, "min": np.min}[kind](x, axis=1)
    everywhere(body, x, np.zeros(rows, DTYPES[element]), expected, element)


@pytest.mark.parametrize("target", HERE)
@pytest.mark.parametrize("element", DTYPES)
def test_outer_and_elementwise_ops(target, element):
    """|y| of sums of outer products: the micro-kernel and an op on its tile."""
    x = numbers(element, 9, 40)
    module = module_of(
        """
  %c9 = arith.constant 9 : index
  %zero = arith.constant dense<0.0> : vector<5x24xT>
  %s = loop.for %k = %c0 to %c9 step %c1 iter_args(%acc = %zero) -> (vector<5x24xT>) {
    %a = loop.load_tile %x[%k, %c0] down 1 : !loop.buffer<9 x 40 x T> to vector<5x1xT>
    %b = loop.load_tile %x[%k, %c3] across 1 : !loop.buffer<9 x 40 x T> to vector<1x24xT>
    %next = loop.outer %a, %b, %acc : vector<5x1xT>, vector<1x24xT>
    loop.yield %next : vector<5x24xT>
  }
  %z = math.absf %s : vector<5x24xT>
  loop.store_tile %z, %y[%c0, %c0] down 0 across 1 : vector<5x24xT>, !loop.buffer<5 x 24 x T>""".replace("T", element),
        f"9 x 40 x {element}",
        f"5 x 24 x {element}",
    )
    y = np.zeros((5, 24), DTYPES[element])
    a, b = x[:, :5].astype(np.float64), x[:, 3:27].astype(np.float64)
    allowed = 2 * gamma(10, np.finfo(DTYPES[element]).eps / 2) * (np.abs(a).T @ np.abs(b))
    for found in (interpreted(module, 0, x, y), native(module, 0, x, y, target)):
        assert (np.abs(found - np.abs(a.T @ b)) <= allowed).all()


@pytest.mark.parametrize(
    ("op", "dimension", "index"),
    [
        ("%t = loop.load_tile %x[%c3, %c0] down 0 across 1 : !loop.buffer<4 x 4 x f32> to vector<2x4xf32>", 0, 4),
        ("%t = loop.load_tile %x[%c0, %c1] down 0 across 1 : !loop.buffer<4 x 4 x f32> to vector<2x4xf32>", 1, 4),
    ],
)
def test_out_of_bounds_is_an_error(op, dimension, index):
    module = module_of(op, "4 x 4 x f32", "4 x f32")
    with pytest.raises(Error, match=f"index {index} in dimension {dimension} of .* is out of bounds, its size is 4"):
        Interpreter(module).call("f", [0, np.zeros((4, 4), np.float32), Buffer(np.zeros(4, np.float32))])


def test_a_tile_that_is_too_large_is_an_error():
    body = """
  %t = loop.load_tile %x[%c0] across 0 : !loop.buffer<8 x f32> to vector<1024x8xf32>
  %u = math.absf %t : vector<1024x8xf32>"""
    with pytest.raises(Error, match="native code has tiles of up to 4096 elements, not vector<1024x8xf32>"):
        compile_library(module_of(body, "8 x f32", "8 x f32")).code()
