"""Contractions in native code: every form, every order of operands, sizes around the borders of tiles, and what is
fused into them, within the bound that follows from the arithmetic."""

# ruff: noqa: E501 (IR is written as it is printed)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from irc.backend.jit import Library, compile_library
from irc.backend.target import TARGETS, find_target
from irc.calling import callables
from irc.checking import compare
from irc.dialects.array import Contract
from irc.dialects.loop import Outer, Reduce
from irc.error_bounds import gamma
from irc.interpreter import error_of, value_of
from irc.ir.dimensions import symbol
from irc.ir.types import f32, f64
from irc.passes.lower_array.contraction.tiling import MOST_ROWS, blocks, dot_blocks, spans
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.canaries import fenced_call

HERE = ["host", *(name for name, target in TARGETS.items() if target.runs_here)]
UNIT = {"f32": 2.0**-24, "f64": 2.0**-53}


def text_of(equation: str, sizes: dict[str, object], element: str = "f32", added: bool = False) -> str:
    """A function of one contraction, to which it may add an array."""
    inputs, out = equation.split("->")
    a, b, c = (f"tensor<{' x '.join([*(str(sizes[x]) for x in p), element])}>" for p in (*inputs.split(","), out))
    body = f'  %y = array.contract "{equation}" %a, %b : {a}, {b}\n'
    body += f"  %z = arith.addf %y, %c : {c}\n" if added else ""
    body += f"  func.return {'%z' if added else '%y'} : {c}\n"
    return f"func.func @f(%a: {a}, %b: {b}{f', %c: {c}' if added else ''}) -> {c} {{\n{body}}}\n"


def compiled(text: str, target: str = "host", pipeline: str = ",".join([*ARRAY, *LOOP])) -> Library:
    module = parse_module(text)
    PassManager(parse_pipeline(pipeline), PassContext(find_target(target))).run(module)
    return compile_library(module, find_target(target))


def agrees(
    equation: str,
    sizes: dict[str, int],
    free: str = "",
    element: str = "f32",
    target: str = "host",
    added: bool = False,
) -> None:
    """Native code against ``numpy.einsum`` in float64, between fences. ``free``: letters not known at compile time;
    ``added``: an array is added to the result.
    """
    rng = np.random.default_rng(7)
    inputs, out = equation.split("->")
    dtype = {"f32": np.float32, "f64": np.float64}[element]
    parts = (*inputs.split(","), out) if added else inputs.split(",")
    a, b, *c = (rng.normal(size=[sizes[x] for x in letters]).astype(dtype) for letters in parts)
    with compiled(text_of(equation, sizes | {x: x.upper() for x in free}, element, added), target) as library:
        (found,) = fenced_call(library.function("f"), [a, b, *c])
    exact = np.einsum(equation, a.astype(np.float64), b.astype(np.float64)) + sum(c)
    terms = np.einsum(equation, np.abs(a).astype(np.float64), np.abs(b).astype(np.float64)) + sum(map(np.abs, c))
    count = int(np.prod([sizes[x] for x in set(inputs) - {","} - set(out)], dtype=int)) + 2
    allowed = (gamma(count, UNIT[element]) + gamma(count, UNIT["f64"])) * terms
    assert (np.abs(found - exact) <= allowed).all()


BORDERS = st.sampled_from([1, 2, 3, 6, 7, 8, 9, 13, 15, 16, 17, 31, 33, 47, 48, 49, 65, 97])
ORDERS = ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn", "kn,mk->mn", "nk,km->mn"]


@given(
    st.sampled_from(ORDERS), BORDERS, BORDERS, BORDERS, st.sets(st.sampled_from("mnk")), st.sampled_from(["f32", "f64"])
)
@example("mk,nk->mn", 3, 50, 70, {"m"}, "f32")
@example("mk,kn->mn", 9, 3, 70, {"m"}, "f64")
@example("km,kn->mn", 97, 2, 65, {"k"}, "f32")
@example("km,nk->mn", 65, 3, 31, {"m", "k"}, "f64")
def test_products_of_matrices(equation, m, n, k, free, element):
    agrees(equation, {"m": m, "n": n, "k": k}, "".join(sorted(free)), element)


@pytest.mark.parametrize("target", HERE)
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("equation", ORDERS[:4])
@pytest.mark.parametrize("free", ["", "m", "mnk"])
def test_every_target(target, element, equation, free):
    agrees(equation, {"m": 13, "n": 21, "k": 19}, free, element, target)


@pytest.mark.parametrize(
    ("equation", "free"),
    [
        ("bmk,bkn->bmn", "b"),
        ("bmk,bnk->bmn", "m"),
        ("bqhd,bkhd->bhqk", "bqk"),  # attention: scores, and the sum of values
        ("bhqk,bkhd->bqhd", "bqk"),
        ("bti,io->bto", "bt"),
        ("bto,bti->oi", "bt"),  # sums over two letters
        ("bti,bto->io", "bt"),
        ("bij,oij->bo", "b"),
        ("i,j->ij", "i"),  # nothing is summed
        ("k,kn->n", "k"),  # vectors
        ("mk,k->m", "m"),
        ("k,k->", "k"),
        (",->", ""),
        ("bd,bd->b", "b"),
        ("bd,bd->bd", "b"),
    ],
)
def test_other_equations(equation, free):
    sizes = dict(zip("bqhdktijomn", (3, 9, 2, 5, 11, 4, 6, 7, 18, 10, 17), strict=True))
    agrees(equation, sizes, free)


@st.composite
def equations(draw) -> tuple[str, dict[str, int], str]:
    """Any equation of up to two letters of each kind, in any order, with sizes, and the letters that are not known."""
    kinds = {"rows": "mp", "columns": "nq", "both": "bc", "summed": "kl"}
    letters = {kind: names[: draw(st.integers(0, 2))] for kind, names in kinds.items()}
    parts = [("rows", "both", "summed"), ("columns", "both", "summed"), ("rows", "columns", "both")]
    left, right, out = ("".join(draw(st.permutations("".join(letters[kind] for kind in part)))) for part in parts)
    used = sorted(set(left + right))
    sizes = {letter: draw(st.sampled_from([1, 2, 3, 5, 8, 9, 17])) for letter in used}
    return f"{left},{right}->{out}", sizes, "".join(letter for letter in used if draw(st.booleans()))


@given(equations(), st.booleans())
@example(("mb,nb->bmn", {"m": 10, "n": 17, "b": 3}, "b"), False)
@example(("k,kn->n", {"k": 10, "n": 17}, "n"), True)
def test_any_equation(problem, added):
    agrees(*problem, added=added)


@pytest.mark.parametrize(("m", "n", "k"), [(9, 33, 1100), (520, 1030, 20), (600, 1024, 1030)])
def test_blocks_of_products_and_panels(m, n, k):
    """Long sums are cut into blocks, wide right operands packed into panels."""
    agrees("mk,kn->mn", {"m": m, "n": n, "k": k})


@pytest.mark.parametrize("equation", ["mk,kn->mn", "mk,nk->mn"])
def test_no_turns(equation):
    """Sizes that are not known may be zero: the empty sum is zero."""
    with compiled(text_of(equation, {"m": "M", "n": 5, "k": "K"})) as library:
        function = library.function("f")
        for m, k in ((0, 3), (2, 0), (0, 0)):
            second = (k, 5) if equation == "mk,kn->mn" else (5, k)
            (found,) = fenced_call(function, [np.ones((m, k), np.float32), np.ones(second, np.float32)])
            assert found.shape == (m, 5) and not found.any()


@pytest.mark.parametrize("equation", [*ORDERS[:4], "mkl,lkn->mn", "bmk,bkn->bmn", "mk,k->m"])
@pytest.mark.parametrize("zero", "mnk")
@pytest.mark.parametrize(("m", "free"), [(1, ""), (19, ""), (19, "n")])
def test_known_sizes_may_be_zero(equation, zero, m, free):
    sizes = {"b": 3, "m": m, "n": 9, "k": 5, "l": 2, zero: 0}
    agrees(equation, sizes, free if free != zero and free in equation else "")


@pytest.mark.parametrize("equation", [*ORDERS[:4], "bmk,bnk->bmn", "k,kn->n", "k,k->"])
def test_levels_agree(equation):
    """The loops mean what the contraction means, in all modes of the interpreter."""
    before = text_of(equation, {"b": 2, "m": "B", "n": 5, "k": 19})
    after = parse_module(before)
    PassManager(parse_pipeline("lower-array"), PassContext(TARGETS["avx2"])).run(after)
    mismatch = compare(parse_module(before), after)
    assert mismatch is None, str(mismatch)


def test_rows_in_the_lanes_give_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(600, 2003)).astype(np.float32), rng.normal(size=(600, 3)).astype(np.float32)
    with compiled(text_of("km,kn->mn", {"m": 2003, "n": 3, "k": "K"})) as library:
        function = library.function("f")
        assert function.signature.team
        (wanted,) = function.call([a, b])
        for threads in (2, 3):
            (found,) = fenced_call(function, [a, b], threads=threads)
            np.testing.assert_array_equal(found.view(np.int32), wanted.view(np.int32))


def test_integers():
    text = text_of("mk,kn->mn", {"m": "M", "n": 5, "k": 3}, "i32")
    a, b = np.arange(12, dtype=np.int32).reshape(4, 3), np.arange(15, dtype=np.int32).reshape(3, 5)
    with compiled(text) as library:
        assert (library.function("f").call([a, b])[0] == a @ b).all()


# -- what is fused into them ---------------------------------------------------------------------------------------

EPILOGUES = {
    "bias and relu": """
func.func @f(%x: tensor<B x 19 x f32>, %w: tensor<19x37xf32>, %b: tensor<37xf32>) -> tensor<B x 37 x f32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 19 x f32>, tensor<19x37xf32>
  %1 = array.broadcast %b dims [1] : tensor<37xf32> to tensor<B x 37 x f32>
  %2 = arith.addf %0, %1 : tensor<B x 37 x f32>
  %z = array.full 0.0 : f32 to tensor<B x 37 x f32>
  %3 = arith.maximumf %2, %z : tensor<B x 37 x f32>
  func.return %3 : tensor<B x 37 x f32>
}""",
    "a costly function of a large layer": """
func.func @f(%x: tensor<B x 520 x f32>, %w: tensor<520x515xf32>, %b: tensor<515xf32>) -> tensor<B x 515 x f32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 520 x f32>, tensor<520x515xf32>
  %1 = array.broadcast %b dims [1] : tensor<515xf32> to tensor<B x 515 x f32>
  %2 = arith.addf %0, %1 : tensor<B x 515 x f32>
  %3 = math.tanh %2 : tensor<B x 515 x f32>
  func.return %3 : tensor<B x 515 x f32>
}""",
    "the derivative of relu, and the gradient of the bias": """
func.func @f(%d: tensor<B x 9 x f32>, %w: tensor<9x20xf32>, %h: tensor<B x 20 x f32>) -> (tensor<B x 20 x f32>, tensor<20xf32>) {
  %0 = array.contract "bo,oi->bi" %d, %w : tensor<B x 9 x f32>, tensor<9x20xf32>
  %z = array.full 0.0 : f32 to tensor<B x 20 x f32>
  %p = arith.cmpf ogt, %h, %z : tensor<B x 20 x f32>
  %1 = arith.select %p, %0, %z : tensor<B x 20 x i1>, tensor<B x 20 x f32>
  %s = array.reduce sum %1 dims [0] : tensor<B x 20 x f32>
  func.return %1, %s : tensor<B x 20 x f32>, tensor<20xf32>
}""",
    "a product without rows": """
func.func @f(%x: tensor<19xf32>, %w: tensor<19 x N x f32>, %b: tensor<N x f32>) -> tensor<N x f32> {
  %0 = array.contract "i,io->o" %x, %w : tensor<19xf32>, tensor<19 x N x f32>
  %1 = arith.addf %0, %b : tensor<N x f32>
  func.return %1 : tensor<N x f32>
}""",
    "transposed, sliced and repeated arrays": """
func.func @f(%x: tensor<B x 8 x f32>, %w: tensor<8x11xf32>, %t: tensor<11 x B x f32>, %s: tensor<B x 30 x f32>, %c: tensor<B x f32>) -> tensor<B x 11 x f32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 8 x f32>, tensor<8x11xf32>
  %1 = array.transpose %t permutation [1, 0] : tensor<11 x B x f32>
  %2 = array.slice %s offsets [0, 15] : tensor<B x 30 x f32> to tensor<B x 11 x f32>
  %3 = array.broadcast %c dims [0] : tensor<B x f32> to tensor<B x 11 x f32>
  %4 = arith.addf %0, %1 : tensor<B x 11 x f32>
  %5 = arith.addf %4, %2 : tensor<B x 11 x f32>
  %6 = arith.mulf %5, %3 : tensor<B x 11 x f32>
  func.return %6 : tensor<B x 11 x f32>
}""",
    "two contractions": """
func.func @f(%x: tensor<B x 8 x f32>, %w: tensor<8x11xf32>, %h: tensor<B x 5 x f32>, %u: tensor<11x5xf32>) -> tensor<B x 11 x f32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 8 x f32>, tensor<8x11xf32>
  %1 = array.contract "bi,oi->bo" %h, %u : tensor<B x 5 x f32>, tensor<11x5xf32>
  %2 = arith.addf %0, %1 : tensor<B x 11 x f32>
  %3 = math.tanh %2 : tensor<B x 11 x f32>
  func.return %3 : tensor<B x 11 x f32>
}""",
    "the sum is used twice": """
func.func @f(%x: tensor<B x 8 x f32>, %w: tensor<8x11xf32>) -> (tensor<B x 11 x f32>, tensor<B x 11 x f32>) {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 8 x f32>, tensor<8x11xf32>
  %1 = arith.mulf %0, %0 : tensor<B x 11 x f32>
  %2 = arith.negf %0 : tensor<B x 11 x f32>
  func.return %1, %2 : tensor<B x 11 x f32>, tensor<B x 11 x f32>
}""",
    "blocks of products": """
func.func @f(%x: tensor<B x 1030 x f32>, %w: tensor<1030x20xf32>, %b: tensor<20xf32>) -> tensor<B x 20 x f32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 1030 x f32>, tensor<1030x20xf32>
  %1 = array.broadcast %b dims [1] : tensor<20xf32> to tensor<B x 20 x f32>
  %2 = arith.addf %0, %1 : tensor<B x 20 x f32>
  func.return %2 : tensor<B x 20 x f32>
}""",
    "few columns": """
func.func @f(%x: tensor<B x 40 x f32>, %w: tensor<40x3xf32>, %b: tensor<3xf32>) -> tensor<B x 3 x f32> {
  %0 = array.contract "bi,io->bo" %x, %w : tensor<B x 40 x f32>, tensor<40x3xf32>
  %1 = array.broadcast %b dims [1] : tensor<3xf32> to tensor<B x 3 x f32>
  %2 = arith.addf %0, %1 : tensor<B x 3 x f32>
  %3 = math.tanh %2 : tensor<B x 3 x f32>
  func.return %3 : tensor<B x 3 x f32>
}""",
    "rows in the lanes": """
func.func @f(%x: tensor<B x 50 x f32>, %d: tensor<B x 3 x f32>, %w: tensor<50x3xf32>, %b: tensor<3xf32>, %c: tensor<50xf32>) -> tensor<50x3xf32> {
  %0 = array.contract "bi,bo->io" %x, %d : tensor<B x 50 x f32>, tensor<B x 3 x f32>
  %1 = array.broadcast %b dims [1] : tensor<3xf32> to tensor<50x3xf32>
  %2 = array.broadcast %c dims [0] : tensor<50xf32> to tensor<50x3xf32>
  %3 = arith.mulf %0, %1 : tensor<50x3xf32>
  %4 = arith.addf %3, %2 : tensor<50x3xf32>
  %5 = arith.subf %w, %4 : tensor<50x3xf32>
  func.return %5 : tensor<50x3xf32>
}""",
    "rows in the lanes, blocks of products": """
func.func @f(%x: tensor<1030x50xf32>, %d: tensor<1030x3xf32>, %w: tensor<50x3xf32>) -> tensor<50x3xf32> {
  %0 = array.contract "bi,bo->io" %x, %d : tensor<1030x50xf32>, tensor<1030x3xf32>
  %1 = arith.subf %w, %0 : tensor<50x3xf32>
  func.return %1 : tensor<50x3xf32>
}""",
}


@pytest.mark.parametrize("name", EPILOGUES)
@pytest.mark.parametrize("target", ["host", *(n for n in ("avx2",) if n in HERE)])
def test_epilogues(name, target):
    before = parse_module(EPILOGUES[name])
    (function,) = callables(before)
    with compiled(EPILOGUES[name], target) as library:
        for batch in (1, 3, 8, 21):
            inputs = function.inputs(1, batch, "ordinary")
            results = fenced_call(library.function("f"), [np.asarray(value, np.float32) for value in inputs])
            for expected, found in zip(function.bounded(inputs), results, strict=True):
                allowed = 2 * np.asarray(error_of(expected))
                assert (np.abs(value_of(expected) - found.astype(np.float64)) <= allowed).all()


def tiled(text: str, target: str = "avx512") -> str:
    """The loops of a fused program."""
    module = parse_module(text)
    PassManager(parse_pipeline("fuse,lower-array,canonicalize,cse"), PassContext(find_target(target))).run(module)
    return str(module)


def test_cheap_ops_work_on_registers():
    """Bias and activation stand between the sums and the store of a tile; no vectors of their own go through memory."""
    text = tiled(EPILOGUES["bias and relu"])
    assert "vectorize" not in text and "loop.alloc" not in text
    assert text.count("arith.maximumf") == text.count("loop.store_tile")


def test_costly_functions_work_on_vectors_of_a_tile():
    """Of a large product: the tile is put aside, and a loop over its vectors has the function once. Of a small one they
    are a loop of their own."""
    large = tiled(EPILOGUES["a costly function of a large layer"])
    functions = [line for line in large.splitlines() if "math.tanh" in line]
    assert functions and all("vector<1x16xf32>" in line for line in functions) and "vectorize" not in large
    assert "vectorize" in tiled(EPILOGUES["two contractions"])


def test_a_gradient_is_added_to_what_is_carried_in_its_place():
    """The weights' gradient of a recurrent net: tiles are added to the memory of the result, which nothing copies."""
    text = """
func.func @f(%xs: tensor<T x B x 20 x f32>, %d: tensor<T x B x 40 x f32>, %g: tensor<20x40xf32>) -> tensor<20x40xf32> {
  %last = array.scan carry (%a = %g : tensor<20x40xf32>) over (%x = %xs : tensor<T x B x 20 x f32>, %y = %d : tensor<T x B x 40 x f32>) -> (tensor<20x40xf32>) {
    %0 = array.contract "bi,bo->io" %x, %y : tensor<B x 20 x f32>, tensor<B x 40 x f32>
    %1 = arith.addf %a, %0 : tensor<20x40xf32>
    array.yield %1 : tensor<20x40xf32>
  }
  func.return %last : tensor<20x40xf32>
}"""
    assert "loop.alloc" not in tiled(text)
    rng = np.random.default_rng(3)
    xs, d, g = (rng.integers(-4, 5, s).astype(np.float32) for s in ((3, 5, 20), (3, 5, 40), (20, 40)))
    with compiled(text) as library:
        (found,) = fenced_call(library.function("f"), [xs, d, g])
    assert (found == g + np.einsum("tbi,tbo->io", xs, d)).all()


def test_what_a_step_reads_is_not_overwritten_by_its_tiles():
    """h + h u, where the next h lies in the place of the last one: the tiles need all of it until the end."""
    text = """
func.func @f(%h0: tensor<B x 40 x f32>, %u0: tensor<40x40xf32>) -> tensor<B x 40 x f32> {
  %k = array.iota axis 0 : tensor<3xi32>
  %last = array.scan carry (%h = %h0 : tensor<B x 40 x f32>) over (%t = %k : tensor<3xi32>) with (%u = %u0 : tensor<40x40xf32>) -> (tensor<B x 40 x f32>) {
    %0 = array.contract "bi,oi->bo" %h, %u : tensor<B x 40 x f32>, tensor<40x40xf32>
    %1 = arith.addf %h, %0 : tensor<B x 40 x f32>
    array.yield %1 : tensor<B x 40 x f32>
  }
  func.return %last : tensor<B x 40 x f32>
}"""
    rng = np.random.default_rng(3)
    h, u = (rng.integers(-2, 3, s).astype(np.float32) for s in ((9, 40), (40, 40)))
    with compiled(text) as library:
        (found,) = fenced_call(library.function("f"), [h, u])
    for _ in range(3):
        h = h + h @ u.T
    assert (found == h).all()


# -- how tiles are chosen ------------------------------------------------------------------------------------------


def test_forms():
    """Few rows need no copy of the right operand, few columns no lanes: both are dot products. The rest are tiles; their
    lanes run along rows that lie side by side, where columns are few."""

    def uses(equation: str, **sizes: object) -> set[type]:
        module = parse_module(text_of(equation, sizes))
        assert any(isinstance(op, Contract) for op in module.walk())
        PassManager(parse_pipeline("lower-array"), PassContext(TARGETS["avx512"])).run(module)
        return {type(op) for op in module.walk()} & {Outer, Reduce}

    assert uses("mk,nk->mn", m=4, n=64, k=64) == {Reduce}
    assert uses("mk,nk->mn", m=64, n=64, k=64) == {Outer}
    assert uses("mk,kn->mn", m="B", n=3, k=64) == {Reduce}
    assert uses("mk,kn->mn", m=1, n=64, k=64) == {Outer}
    for equation, n, shape in (("km,kn->mn", 2, (2, 64)), ("km,nk->mn", 2, (2, 64)), ("km,kn->mn", 16, (8, 16))):
        module = parse_module(text_of(equation, {"m": 64, "n": n, "k": "B"}))
        PassManager(parse_pipeline("lower-array"), PassContext(TARGETS["avx512"])).run(module)
        assert {op.sum.type.shape for op in module.walk() if isinstance(op, Outer)} == {shape}


@given(st.integers(1, 2000), st.integers(1, 600), st.integers(1, 3000), st.sampled_from([*TARGETS]), st.booleans())
def test_tiles_fit_the_registers_and_cover_all_rows(m, n, k, name, single):
    target, element = TARGETS[name], f32 if single else f64
    end = 0
    for block in blocks(m, n, k, element, target):
        assert block.lower == end and (block.upper - block.lower) % block.rows == 0 and block.rows <= MOST_ROWS
        vectors = block.columns // target.lanes(element)
        assert block.columns % target.lanes(element) == 0 and block.rows * vectors + vectors < target.registers
        end = block.upper
    assert end == m
    for size, found in zip((m, n), dot_blocks(m, n, target, element), strict=True):
        assert sum(span.upper - span.lower for span in found) == size


def test_rows_that_are_not_known():
    """Whole tiles, a few rows at a time, and single ones."""
    found = [(str(s.lower), str(s.upper), s.count) for s in spans(symbol("B"), (8, 4, 1))]
    assert found == [
        ("0", "8*(B floordiv 8)", 8),
        ("8*(B floordiv 8)", "4*(B floordiv 4)", 4),
        ("4*(B floordiv 4)", "B", 1),
    ]
