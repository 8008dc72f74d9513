"""Kernels of convolutions and poolings: native numbers against the reference semantics, and nothing out of bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irc.backend.jit import compile_library
from irc.backend.target import find_target, host
from irc.calling import callables
from irc.dialects.loop import For
from irc.interpreter import Interpreter
from irc.passes.lower_array.convolution.runs import Run, cut
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.canaries import fenced_call
from support.convolutions import Case, random_case
from support.gradients import differentiated

KERNELS = ",".join([*ARRAY, *LOOP])
AS_THEY_ARE = KERNELS.replace("choose-layouts,", "")


def check_native(case: Case, batch: int, passes: str = KERNELS, target: str = "host", seed: int = 0) -> None:
    """Value and gradients natively, between fences, lie within the bound of what the declared type can be off by."""
    dtype = np.float64 if case.dtype == "f64" else np.float32
    check_program(case.text(), case.arguments(batch, seed), passes, target, seed, dtype)


def check_program(
    text: str, arguments: list[np.ndarray], passes: str, target: str = "host", seed: int = 0, dtype: type = np.float32
) -> None:
    """The same of a function @f with gradients."""
    module = differentiated(text)
    lowered = module.clone()
    machine = find_target(target)
    PassManager(parse_pipeline(passes), PassContext(machine)).run(lowered)
    y = Interpreter(module, "float64").call("f", arguments)[0]
    dy = np.random.default_rng(seed + 1).normal(size=np.shape(y))
    given_arrays = [a.astype(dtype) for a in [*arguments, dy]]
    reference = next(c for c in callables(module) if c.name == "f_vjp")
    wanted = reference.bounded([a.astype(np.float64) for a in given_arrays])
    found = fenced_call(compile_library(lowered, machine).function("f_vjp"), given_arrays)
    for got, want in zip(found, wanted, strict=True):
        error = 0.0 if getattr(want, "error", None) is None else want.error
        value = getattr(want, "value", want)
        assert np.all(np.abs(got - value) <= np.asarray(error) + np.finfo(dtype).tiny), text


@pytest.mark.parametrize("batch", [1, 5, 16, 37])
@pytest.mark.parametrize("seed", range(6))
def test_samples_in_lanes(seed, batch):
    check_native(random_case(seed), batch, seed=seed)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_pixels_in_lanes(seed, batch):
    check_native(random_case(seed + 50), batch, AS_THEY_ARE, seed=seed)


SIZES = {
    "runs of one row, in blocks": Case((5, 150), (3, 3), padding=(1, 1), channels=2, filters=9),
    "runs of several rows, some left": Case((13, 28), (3, 3), padding=(1, 1), channels=3, filters=20),
    "rows longer than a vector": Case((7, 37), (2, 5), padding=(0, 2), dilation=(2, 1), channels=2, filters=5),
    "rows much shorter": Case((21, 3), (3, 3), padding=(1, 1), channels=9, filters=17),
    "as planes": Case((9, 33), (1, 1), channels=5, filters=12),
    "strips of feature maps": Case((40, 60), (3, 3), padding=(1, 1), channels=6, filters=20),
    "strips of a single row": Case((3, 90), (3, 1), padding=(1, 0), channels=5, filters=400),
    "strides": Case((30, 45), (3, 3), (2, 2), (1, 1), channels=4, filters=10, groups=2),
}


@pytest.mark.parametrize("name", SIZES)
def test_pixels_of_larger_images(name):
    check_native(SIZES[name], 2, AS_THEY_ARE)


@pytest.mark.parametrize("name", SIZES)
def test_pixels_of_larger_images_in_narrower_vectors(name):
    if not find_target("avx2").runs_here or host().vector_bits < 256:
        pytest.skip("code for avx2 does not run here")
    check_native(SIZES[name], 1, AS_THEY_ARE, "avx2")


@pytest.mark.parametrize("seed", range(2))
def test_any_layout(seed):
    check_native(random_case(seed + 80, layout="bhwc"), 3, seed=seed)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
def test_double_precision(passes):
    check_native(random_case(3, dtype="f64"), 9, passes)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
@pytest.mark.parametrize("target", ["avx2", "generic"])
def test_narrower_targets(target, passes):
    if not find_target(target).runs_here or host().vector_bits < 256:
        pytest.skip(f"code for {target} does not run here")
    check_native(random_case(11), 19, passes, target)


IMAGES, MAPS = "tensor<B x 3 x 9 x 7 x f32>", "tensor<B x 5 x 9 x 7 x f32>"
LAYERS = f"""
func.func @f(%x: {IMAGES}, %r: {MAPS}, %w: tensor<5x3x3x3xf32> {{irc.param = "w"}},
             %b: tensor<5xf32> {{irc.param = "b"}}, %v: tensor<5x5x3x3xf32> {{irc.param = "v"}},
             %s: tensor<5xf32> {{irc.param = "s"}}) -> {MAPS} {{
  %0 = array.conv2d %x, %w padding [1, 1] : {IMAGES}, tensor<5x3x3x3xf32>
  %1 = array.broadcast %b dims [1] : tensor<5xf32> to {MAPS}
  %2 = arith.addf %0, %1 : {MAPS}
  %3 = math.absf %2 : {MAPS}
  %4 = array.conv2d %3, %v padding [1, 1] : {MAPS}, tensor<5x5x3x3xf32>
  %5 = array.broadcast %s dims [1] : tensor<5xf32> to {MAPS}
  %6 = arith.mulf %4, %5 : {MAPS}
  %7 = arith.addf %6, %r : {MAPS}
  func.return %7 : {MAPS}
}}"""
"""Bias and an activation, a scale and what goes past both layers; back, the derivative of one, the sum of the other."""


def layers_arguments(batch: int) -> list[np.ndarray]:
    """Random arguments of the layers."""
    shapes = (batch, 3, 9, 7), (batch, 5, 9, 7), (5, 3, 3, 3), (5,), (5, 5, 3, 3), (5,)
    rng = np.random.default_rng(batch)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
@pytest.mark.parametrize("batch", [1, 3, 37])
def test_what_follows_is_done_with_sums_in_registers(batch, passes):
    check_program(LAYERS, layers_arguments(batch), passes)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
@pytest.mark.parametrize("window", ["kernel [2, 2]", "kernel [3, 3] stride [2, 2] padding [1, 1]"])
def test_derivatives_of_what_is_pooled_are_taken_of_windows(window, passes):
    """Windows side by side, and windows that share cells; the zeros of relu are the largest of some."""
    images, pooled = "tensor<B x 3 x 8 x 8 x f32>", "tensor<B x 3 x 4 x 4 x f32>"
    text = f"""
func.func @f(%x: {images}, %b: tensor<3xf32> {{irc.param = "b"}}) -> {pooled} {{
  %0 = array.broadcast %b dims [1] : tensor<3xf32> to {images}
  %1 = arith.addf %x, %0 : {images}
  %2 = array.full 0.0 : f32 to {images}
  %3 = arith.maximumf %2, %1 : {images}
  %4 = array.pool2d max %3 {window} : {images}
  func.return %4 : {pooled}
}}"""
    module = differentiated(text)
    PassManager(parse_pipeline("canonicalize,cse,dce,fuse"), PassContext(host())).run(module)
    (mask,) = (op for op in module.walk() if op.name == "arith.select")
    assert str(mask.results[0].type) == pooled
    rng = np.random.default_rng(0)
    check_program(text, [rng.normal(size=(5, 3, 8, 8)) - 1, rng.normal(size=3)], passes)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
def test_epilogues_on_a_narrower_target(passes):
    if not find_target("avx2").runs_here or host().vector_bits < 256:
        pytest.skip("code for avx2 does not run here")
    check_program(LAYERS, layers_arguments(5), passes, "avx2")


@pytest.mark.parametrize("passes", ["choose-layouts,fuse,lower-array", "fuse,lower-array"], ids=["samples", "pixels"])
def test_no_elementwise_nest_is_left(passes):
    """Forward, all there is besides the convolutions is done with their tiles: no loop asks for vectors of its own."""
    module = parse_module(LAYERS)
    PassManager(parse_pipeline(f"{passes},canonicalize"), PassContext(find_target("avx512"))).run(module)
    nests = [op for op in module.walk() if isinstance(op, For) and "vectorize" in op.attributes]
    elementwise = [op.name for nest in nests for op in nest.walk() if op.name.startswith(("arith.add", "math."))]
    assert "math.absf" in str(module) and not elementwise


@settings(deadline=None)
@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 300)),
    channels=st.integers(1, 130),
    machine=st.sampled_from([(16, 32), (8, 32), (8, 16), (4, 16), (2, 32)]),
)
def test_runs_hold_each_pixel_once(size, channels, machine):
    """Whatever tiles are chosen: they fit into the registers, and blocks of vectors have all pixels of a run."""
    lanes, registers = machine
    chosen = cut(size, channels, lanes, registers)
    assert (chosen.channels + 1) * chosen.vectors + 2 <= registers
    for rows in {chosen.rows, size[0] % chosen.rows or chosen.rows}:
        run = Run(rows, size[1], lanes)
        blocks = run.blocks(chosen.vectors)
        assert [v for block in blocks for v in block] == list(range(run.vectors))
        assert sum(run.left(block) for block in blocks) == rows * size[1]
        assert all(0 < len(block) <= chosen.vectors for block in blocks)


def test_pointwise_convolutions_copy_nothing():
    """Where a pixel sees one pixel, images are planes already, and so are feature maps for their gradient: memory is
    there for the gradient by the filters alone, transposed maps and weights."""
    module = differentiated(Case((9, 33), (1, 1), channels=5, filters=12).text())
    PassManager(parse_pipeline("fuse,lower-array"), PassContext(find_target("avx512"))).run(module)
    allocated = {str(op.results[0].type) for op in module.walk() if op.name == "loop.alloc"}
    assert allocated == {"!loop.buffer<297 x 1 x 16 x f32>", "!loop.buffer<1 x 5 x 1 x 1 x 16 x f32>"}


def test_an_epilogue_that_reads_rows_otherwise_stays_a_loop():
    """Pixels of a tile are of several rows: what depends on the column alone is no tile of its array."""
    text = """
func.func @f(%x: tensor<B x 2 x 5 x 5 x f32>, %w: tensor<4x2x1x1xf32> {irc.param = "w"}, %c: tensor<5xf32>)
    -> tensor<B x 4 x 5 x 5 x f32> {
  %0 = array.conv2d %x, %w : tensor<B x 2 x 5 x 5 x f32>, tensor<4x2x1x1xf32>
  %1 = array.broadcast %c dims [3] : tensor<5xf32> to tensor<B x 4 x 5 x 5 x f32>
  %2 = arith.mulf %0, %1 : tensor<B x 4 x 5 x 5 x f32>
  func.return %2 : tensor<B x 4 x 5 x 5 x f32>
}"""
    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=(2, 2, 5, 5)), rng.normal(size=(4, 2, 1, 1)), rng.normal(size=5)]
    for passes in (KERNELS, AS_THEY_ARE):
        check_program(text, arguments, passes)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
def test_the_same_bits_for_any_number_of_threads(passes):
    """No sum is cut: images of this size are enough work for several threads."""
    module = differentiated(Case((20, 30), (3, 3), padding=(1, 1), channels=16, filters=24).text())
    PassManager(parse_pipeline(passes), PassContext(host())).run(module)
    rng = np.random.default_rng(0)
    given_arrays = [rng.normal(size=s).astype(np.float32) for s in ((33, 16, 20, 30), (24, 16, 3, 3), (33, 24, 20, 30))]
    with compile_library(module, host()) as library:
        function = library.function("f_vjp")
        assert function.signature.team
        wanted = function.call(given_arrays)
        for threads in (2, 5):
            for found, want in zip(function.call(given_arrays, threads=threads), wanted, strict=True):
                assert np.array_equal(found.view(np.int32), want.view(np.int32))


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
@pytest.mark.parametrize("seed", range(4))
def test_pooling(seed, passes, kind):
    check_native(random_case(seed, kind), 18, passes, seed=seed)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(100, 10**6), batch=st.integers(0, 40), kind=st.sampled_from(["", "", "max", "mean"]))
def test_any_case(seed, batch, kind):
    check_native(random_case(seed, kind), batch, AS_THEY_ARE if seed % 3 == 0 else KERNELS)


@pytest.mark.parametrize("passes", [KERNELS, AS_THEY_ARE], ids=["samples", "pixels"])
def test_every_pass_keeps_the_meaning(passes):
    """``--check`` at each level, of a case with everything: padding, strides, dilations and groups."""
    from irc.checking import CheckPass

    case = Case((3, 4), (2, 2), (2, 1), (1, 1), (1, 2), 2, 2, 2)
    PassManager(parse_pipeline(passes), PassContext(host()), [CheckPass()]).run(differentiated(case.text()))
