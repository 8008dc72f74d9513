"""Native code of random nets, through random orders of passes: inside of its arrays, and always the same numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest

import irc
from irc.backend.entry import Function
from irc.backend.jit import compile_library
from irc.backend.target import host
from irc.dialects.array.kind import AGGREGATIONS
from irc.graph_program import GraphProgram
from irc.ir.diagnostics import Diagnostics
from irc.ir.dimensions import evaluate
from irc.ir.types import f32, f64
from irc.passes.pipelines import TRAINING
from irc.passmanager import PassContext, PassManager, parse_pipeline, pass_names
from irc.text.parser import parse_module
from support.canaries import fenced_call
from support.irregular import irregular_graph
from support.random_nets import random_net

ROOM = 64


def guarded(shape, fill: float) -> tuple[np.ndarray, np.ndarray]:
    """An array full of ``fill``, and one of ``shape`` in its middle."""
    size = int(np.prod(shape))
    whole = np.full(size + 2 * ROOM, fill, np.float64)
    return whole, whole[ROOM : ROOM + size].reshape(shape)


def intact(whole: np.ndarray, fill: float) -> bool:
    edges = np.concatenate([whole[:ROOM], whole[-ROOM:]])
    return bool(np.all((edges == fill) | (np.isnan(edges) & np.isnan(fill))))


def pipeline(choice: random.Random) -> str:
    """The stages in their order, with any passes between them; sometimes two of them swapped."""
    stages = ["lower-neuron", "autodiff", "lower-array", "expand-math", "plan-memory"]
    if choice.random() < 0.3:
        stages.insert(choice.randrange(len(stages)), stages.pop(choice.randrange(len(stages))))
    others = ("add-step", "time-kernels")  # the one needs a loss, the other makes functions give more
    between = [p for p in pass_names() if p not in stages and p not in others]
    found: list[str] = []
    for stage in stages:
        found += [*choice.sample(between, choice.randrange(3)), stage]
    return ",".join(found)


@pytest.mark.parametrize("seed", range(3))
def test_random_nets_and_passes(seed):
    """Around the inputs lies NaN, which any number made of it would be; around the results, a canary."""
    choice = random.Random(seed)
    graph = random_net(seed)
    expected = irc.compile(graph, dtype="float64")
    batch = choice.choice([0, 1, 3, 17])
    whole_x, x = guarded((batch, expected.input_size), np.nan)
    whole_dy, dy = guarded((batch, expected.output_size), np.nan)
    x[...] = np.random.default_rng(seed).uniform(-1, 1, x.shape)
    dy[...] = np.random.default_rng(seed + 1).uniform(-1, 1, dy.shape)
    y, gradients = expected.vjp(x, dy)
    done = 0
    for _ in range(4):
        passes = pipeline(choice)
        try:
            net = irc.compile(graph, dtype="float64", passes=passes)
        except irc.Error:
            continue
        done += 1
        whole_y, out = guarded((batch, expected.output_size), 77.0)
        net.params.flat = expected.params.flat
        net.run(x, out=out)
        np.testing.assert_allclose(out, y, rtol=1e-9, atol=1e-9, err_msg=passes)
        try:
            _, found = net.vjp(x, dy)
        except irc.Error:
            continue
        np.testing.assert_allclose(found.x, gradients.x, rtol=1e-8, atol=1e-8, err_msg=passes)
        np.testing.assert_allclose(found.params.flat, gradients.params.flat, rtol=1e-8, atol=1e-8, err_msg=passes)
        assert intact(whole_y, 77.0) and intact(whole_x, np.nan) and intact(whole_dy, np.nan)
    assert done, "no order of passes compiled: this test proves nothing"


# -- every array between fences --------------------------------------------------------------------------------------

BATCHES = (1, 3, 16, 17, 64, 65, 200)


def check_fences(function: Function, sizes: dict[str, int], seed: int) -> None:
    """A call with random numbers; ``sizes`` are symbols that do not follow from the function alone."""
    rng = np.random.default_rng(seed)
    values = []
    for argument in function.signature.by_role("input"):
        shape = [evaluate(dim, {**function.signature.symbols, **sizes}) for dim in argument.shape]
        values.append(rng.uniform(-1, 1, shape).astype(argument.dtype))
    results = fenced_call(function, values)
    assert all(np.isfinite(result).all() for result in results)


@pytest.mark.parametrize("training", [False, True], ids=["run", "vjp"])
@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_kernels_of_random_graphs_stay_within_all_arrays(seed, dtype, training):
    """The code that graphs share, with a graph bound; also what is made for one sample."""
    kinds = list(zip(("tanh", "relu", "sigmoid"), AGGREGATIONS[seed : seed + 3], strict=True))
    graph = irregular_graph(seed, kinds, (4, 17, 64, 65, 300)[seed])
    program = GraphProgram(graph, host(), dtype, Diagnostics())
    for samples in BATCHES:
        check_fences(program.function(training, one_sample=samples == 1), {"B": samples}, samples)


FUNCTIONS = {
    "elementwise": """
func.func @f(%x: tensor<B x 7 x f32>, %s: tensor<f32>) -> tensor<B x 7 x f32> {
  %b = array.broadcast %s dims [] : tensor<f32> to tensor<B x 7 x f32>
  %t = math.tanh %x : tensor<B x 7 x f32>
  %y = arith.mulf %t, %b : tensor<B x 7 x f32>
  func.return %y : tensor<B x 7 x f32>
}""",
    "maximum of rows": """
func.func @f(%x: tensor<B x 5 x f64>) -> tensor<B x 5 x f64> {
  %m = array.reduce max %x dims [1] : tensor<B x 5 x f64>
  %b = array.broadcast %m dims [0] : tensor<B x f64> to tensor<B x 5 x f64>
  %d = arith.subf %x, %b : tensor<B x 5 x f64>
  %y = math.exp %d : tensor<B x 5 x f64>
  func.return %y : tensor<B x 5 x f64>
}""",
    "transpose and slice": """
func.func @f(%x: tensor<B x 5 x f32>, %y: tensor<3 x B x f32>) -> tensor<B x 3 x f32> {
  %s = array.slice %x offsets [0, 1] : tensor<B x 5 x f32> to tensor<B x 3 x f32>
  %t = array.transpose %y permutation [1, 0] : tensor<3 x B x f32>
  %r = arith.mulf %s, %t : tensor<B x 3 x f32>
  func.return %r : tensor<B x 3 x f32>
}""",
    "layers": """
neuron.net @f(%x: tensor<5xf32>) -> (tensor<3xf32>) parameters 66 {
  %h = neuron.layer tanh(%x*w[0:35] + w[35:42]) #neuron.dense<5, 7>
  %y = neuron.layer sigmoid(%h*w[42:63] + w[63:66]) #neuron.dense<7, 3>
  neuron.output %y : tensor<3xf32>
}""",
}


def contraction(m: int, n: int, k: str) -> str:
    """A product of matrices of these sizes."""
    a, b, c = f"tensor<{m} x {k} x f32>", f"tensor<{k} x {n} x f32>", f"tensor<{m} x {n} x f32>"
    body = f'  %y = array.contract "mk,kn->mn" %a, %b : {a}, {b}\n  func.return %y : {c}\n'
    return f"func.func @f(%a: {a}, %b: {b}) -> {c} {{\n{body}}}\n"


FUNCTIONS |= {f"contraction {m} x {n}": contraction(m, n, "B") for m, n in ((1, 1), (13, 17), (33, 65))}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_kernels_stay_within_all_arrays(name):
    module = parse_module(FUNCTIONS[name])
    PassManager(parse_pipeline(TRAINING), PassContext(host())).run(module)
    with compile_library(module) as library:
        for function in (library.function("f"), library.function("f_vjp")):
            for samples in BATCHES:
                check_fences(function, {"B": samples}, samples)


@pytest.mark.parametrize(
    ("read", "write", "message"),
    [
        (0, 0, None),
        (-1, 0, "a result depends on what is around arrays"),
        (3, 0, "a result depends on what is around arrays"),
        (0, -1, "written outside of output 0"),
        (0, 3, "written outside of output 0"),
    ],
)
def test_fences_show_what_leaves_an_array(read, write, message):
    """The proof of the tests above: a kernel that reads or writes one place beside its array does not pass."""
    text = """func.func @f(%B: index, %x: !loop.buffer<B x f32>, %read: index, %write: index,
                 %y: !loop.buffer<B x f32> {irc.output = 0}) attributes {irc.symbols_args = ["B"]} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  loop.for %i = %zero to %B step %one {
    %u = loop.load %x[%i] : !loop.buffer<B x f32>
    loop.store %u, %y[%i] : f32, !loop.buffer<B x f32>
    loop.yield
  }
  %v = loop.load %x[%read] : !loop.buffer<B x f32>
  loop.store %v, %y[%write] : f32, !loop.buffer<B x f32>
  func.return
}
"""
    with compile_library(parse_module(text)) as library:
        arrays = [np.ones(3, np.float32), np.array(read), np.array(write)]
        if message is None:
            assert fenced_call(library.function("f"), arrays)[0].tolist() == [1, 1, 1]
        else:
            with pytest.raises(AssertionError, match=message):
                fenced_call(library.function("f"), arrays)
