"""Donated arguments: native code writes results to their memory; whoever gives it away is told when that cannot be."""

import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.backend.native_call import native_call
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module

DESCEND = """
func.func @f(%w: tensor<N x f32> {irc.donated = 1 : i64, irc.param = "w"}, %g: tensor<N x f32>,
             %m: tensor<N x f32> {irc.donated = 2 : i64}, %t: tensor<i64> {irc.donated = 0 : i64})
    -> (tensor<i64>, tensor<N x f32>, tensor<N x f32>, tensor<f32>) {
  %one = array.full 1 : i64 to tensor<i64>
  %next = arith.addi %t, %one : tensor<i64>
  %sum = arith.addf %m, %g : tensor<N x f32>
  %new = arith.subf %w, %sum : tensor<N x f32>
  %total = array.reduce sum %new dims [0] : tensor<N x f32>
  func.return %next, %new, %sum, %total : tensor<i64>, tensor<N x f32>, tensor<N x f32>, tensor<f32>
}
"""


def lowered(text):
    module = parse_module(text)
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP]))).run(module)
    verify(module)
    return module


@pytest.fixture(scope="module")
def library():
    with compile_library(lowered(DESCEND)) as made:
        yield made


def arrays(n=37):
    rng = np.random.default_rng(n)
    w, g, m = (rng.normal(size=n).astype(np.float32) for _ in range(3))
    return [w, g, m, np.array(4, np.int64)]


@pytest.mark.parametrize("n", [0, 1, 16, 37])
def test_results_are_in_the_arguments_memory(library, n):
    w, g, m, t = arrays(n)
    steps, new, total, _ = Interpreter(parse_module(DESCEND)).call("f", [w.copy(), g, m.copy(), t.copy()])
    (found,) = library.function("f").call([w, g, m, t])
    np.testing.assert_array_equal(t, steps)
    np.testing.assert_array_equal(w, new)
    np.testing.assert_array_equal(m, total)
    np.testing.assert_allclose(found, new.sum(dtype=float), rtol=1e-4, atol=1e-4)


def test_only_what_has_no_other_place_is_an_output(library):
    signature = library.function("f").signature
    assert [a.output for a in signature.outputs()] == [3]
    assert {a.name: a.donated for a in signature.by_role("input")} == {"w": 1, "g": -1, "m": 2, "t": 0}


def test_memory_that_cannot_be_given_away_is_refused(library):
    f = library.function("f")
    w, g, m, t = arrays()
    before = w.copy()
    frozen = m.copy()
    frozen.flags.writeable = False
    both = np.zeros(40, np.float32)
    for given, message in (
        ([w, g, frozen, t], "m is overwritten, but the array is read-only"),
        ([w, w, m, t], "w is overwritten, but it overlaps g in memory"),
        ([both[:37], g, both[3:], t], "w is overwritten, but it overlaps m in memory"),
    ):
        with pytest.raises(Error, match=message):
            f.call(given)
    with pytest.raises(Error, match="result overlaps m in memory|overlaps"):
        f.call([w, g, m, t], [m[:1].reshape(())])
    np.testing.assert_array_equal(w, before)


def test_short_calls_write_in_place_and_refuse_the_same(library):
    f = library.function("f")
    w, g, m, t = arrays()
    short = native_call(f, {"w": w})
    if short is None:
        pytest.skip("this Python has no short calls")
    expected = Interpreter(parse_module(DESCEND)).call("f", [w.copy(), g, m.copy(), t.copy()])
    assert short((g, m, t)) is not None
    for given, wanted in zip((t, w, m), expected, strict=False):
        np.testing.assert_array_equal(given, wanted)
    frozen = m.copy()
    frozen.flags.writeable = False
    before = w.copy()
    for given in ((g, frozen, t), (g, g, t), (w, m, t), (g, w, t)):
        assert short(given) is None
    np.testing.assert_array_equal(w, before)


def test_parameters_that_are_read_only_have_no_short_calls(library):
    w = arrays()[0]
    w.flags.writeable = False
    assert native_call(library.function("f"), {"w": w}) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%a: tensor<3xf32> {irc.donated = 1 : i64}", "there is no result 1"),
        ("%a: tensor<4xf32> {irc.donated = 0 : i64}", "must be of the argument's type, tensor<4xf32>, but result 0 is"),
        ("%a: f32 {irc.donated = 0 : i64}", "irc.donated of argument 0 is for tensors and buffers, not for f32"),
        (
            "%a: tensor<3xf32> {irc.donated = 0 : i64}, %b: tensor<3xf32> {irc.donated = 0 : i64}",
            "each result can be written to one argument only",
        ),
        (
            "%a: tensor<3xf32> {irc.donated = 0 : i64, irc.data = dense<0.0> : tensor<3xf32>}",
            "bound data, outputs and workspace cannot be given away",
        ),
        ("%a: tensor<3xf32> {irc.donated = 1.5 : f32}", "irc.donated of argument 0 must be an integer from 0"),
    ],
)
def test_marks_that_make_no_sense_are_refused(text, message):
    body = "func.return %r : tensor<3xf32>"
    with pytest.raises(Error, match=message):
        verify(parse_module(f"func.func @f({text}, %r: tensor<3xf32>) -> tensor<3xf32> {{\n  {body}\n}}"))


def test_a_function_that_overwrites_arguments_is_not_called_by_others():
    text = """func.func @f(%a: tensor<3xf32> {irc.donated = 0 : i64}) -> tensor<3xf32> {
  %y = math.exp %a : tensor<3xf32>
  func.return %y : tensor<3xf32>
}
func.func @g(%a: tensor<3xf32>) -> tensor<3xf32> {
  %y = func.call @f(%a) : (tensor<3xf32>) -> tensor<3xf32>
  func.return %y : tensor<3xf32>
}"""
    with pytest.raises(Error, match=r"@f overwrites arguments \(irc.donated\), so only native code may call it"):
        lowered(text)
