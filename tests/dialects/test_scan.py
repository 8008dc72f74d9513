"""array.scan: what it means, its derivatives against JAX, and native code against the interpreter."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.backend.target import host
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.passes.autodiff import Autodiff
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.gradients import check_bounds, check_vjp, differentiated, run

rng = np.random.default_rng(11)

RNN = """
func.func @f(%xs: tensor<T x B x 4 x f32>, %w0: tensor<4x4xf32> {irc.param = "w"}, %u0: tensor<4xf32>, %h0: tensor<B x 4 x f32>) -> (tensor<T x B x 4 x f32>, tensor<B x 4 x f32>) {
  %last, %ys = array.scan MARK carry (%h = %h0 : tensor<B x 4 x f32>) over (%x = %xs : tensor<T x B x 4 x f32>) with (%w = %w0 : tensor<4x4xf32>, %u = %u0 : tensor<4xf32>) -> (tensor<B x 4 x f32>, tensor<T x B x 4 x f32>) {
    %b = array.broadcast %u dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
    %a = array.contract "bi,oi->bo" %h, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
    %c = arith.addf %a, %x : tensor<B x 4 x f32>
    %d = arith.addf %c, %b : tensor<B x 4 x f32>
    %n = math.tanh %d : tensor<B x 4 x f32>
    %m = arith.mulf %n, %h : tensor<B x 4 x f32>
    array.yield %n, %m : tensor<B x 4 x f32>, tensor<B x 4 x f32>
  }
  func.return %ys, %last : tensor<T x B x 4 x f32>, tensor<B x 4 x f32>
}
"""  # noqa: E501


def jax_rnn(reverse: bool):
    def f(xs, w, u, h):
        def step(h, x):
            n = jnp.tanh(h @ w.T + x + u)
            return n, n * h

        last, ys = jax.lax.scan(step, h, xs, reverse=reverse)
        return ys, last

    return f


def rnn(reverse: bool) -> str:
    return RNN.replace("MARK", "reverse" if reverse else "")


def values(steps: int, streams: int = 3) -> list[np.ndarray]:
    return [rng.normal(size=s) for s in ((steps, streams, 4), (4, 4), (4,), (streams, 4))]


@pytest.fixture(autouse=True)
def double_precision():
    """JAX in float64, for the tests of this file only."""
    with jax.enable_x64(True):
        yield


def native(text: str, pipeline: str, name: str, arguments: list[np.ndarray]) -> list[np.ndarray]:
    """The results of native code, in the arguments' dtype where the text says f32."""
    module = parse_module(text)
    PassManager(parse_pipeline(pipeline), PassContext(host())).run(module)
    library = compile_library(module, host())
    given = [np.array(a, np.float32) for a in arguments]
    return library.function(name).call(given)


FORWARD = ",".join([*ARRAY, *LOOP])
JOINT = ",".join(["canonicalize", "cse", "autodiff", *ARRAY, *LOOP])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_values_and_gradients_agree_with_jax(reverse, steps):
    """All the way through the steps: derivatives are exact, also of no step at all."""
    arguments = values(steps)
    cotangents = [rng.normal(size=(steps, 3, 4)), rng.normal(size=(3, 4))]
    results, pull = jax.vjp(jax_rnn(reverse), *arguments)
    module = differentiated(rnn(reverse))
    found = run(module, "f_vjp", [*arguments, *cotangents])
    for got, want in zip(found, [*results, *pull(tuple(cotangents))], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13)
    check_bounds(module, "f_vjp", [*arguments, *cotangents])
    for got, want in zip(native(rnn(reverse), JOINT, "f_vjp", [*arguments, *cotangents]), found, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def test_second_derivatives_agree_with_jax():
    """The derivative is a scan like any other, so it can be differentiated again."""
    arguments = values(4, 2)
    cotangents = [rng.normal(size=(4, 2, 4)), rng.normal(size=(2, 4))]

    def gradient(*given):
        results, pull = jax.vjp(jax_rnn(False), *given[:4])
        return (*results, *pull(given[4:]))

    results, pull = jax.vjp(gradient, *arguments, *cotangents)
    outer = [rng.normal(size=r.shape) for r in results]
    module = differentiated(rnn(False))
    Autodiff(of=("f_vjp",)).run(module, PassContext())
    verify(module)
    found = run(module, "f_vjp_vjp", [*arguments, *cotangents, *outer])
    for got, want in zip(found, [*results, *pull(tuple(map(jnp.asarray, outer)))], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_only_wanted_gradients_are_computed():
    """By the parameters alone: nothing is stacked for the input, and no bias is summed. What is stacked is what the
    gradient of the weights is a contraction of, over all steps.
    """
    module = differentiated(rnn(False), wrt=("params",))
    text = str(module).split("array.scan reverse")[1]
    assert text.split("{")[0].count("->") == 1 and text.split("-> (")[1].startswith(
        "tensor<B x 4 x f32>, tensor<T x B x 4 x f32>)"
    )


ROTATION = """
func.func @f(%xs: tensor<T x f32>, %a0: tensor<f32>, %b0: tensor<f32>, %c0: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<T x f32>) {
  %a1, %b1, %c1, %ys = array.scan carry (%a = %a0 : tensor<f32>, %b = %b0 : tensor<f32>, %c = %c0 : tensor<f32>) over (%x = %xs : tensor<T x f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<T x f32>) {
    %n = arith.addf %c, %x : tensor<f32>
    array.yield %b, %n, %a, %b : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
  }
  func.return %a1, %b1, %c1, %ys : tensor<f32>, tensor<f32>, tensor<f32>, tensor<T x f32>
}
"""  # noqa: E501


def test_carried_values_that_change_places():
    """All next values are taken at once: none is overwritten before another one has taken it."""
    arguments = [np.arange(1.0, 6.0), np.float64(10), np.float64(20), np.float64(30)]
    found = native(ROTATION, FORWARD, "f", arguments)
    expected = run(parse_module(ROTATION), "f", arguments)
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, want)


NESTED = """
func.func @f(%xs: tensor<T x S x 3 x f32>, %w0: tensor<3xf32>, %h0: tensor<3xf32>) -> (tensor<3xf32>, tensor<T x S x 3 x f32>) {
  %last, %ys = array.scan carry (%h = %h0 : tensor<3xf32>) over (%x = %xs : tensor<T x S x 3 x f32>) with (%w = %w0 : tensor<3xf32>) -> (tensor<3xf32>, tensor<T x S x 3 x f32>) {
    %in, %z = array.scan reverse carry (%g = %h : tensor<3xf32>) over (%y = %x : tensor<S x 3 x f32>) with (%v = %w : tensor<3xf32>) -> (tensor<3xf32>, tensor<S x 3 x f32>) {
      %a = arith.mulf %g, %v : tensor<3xf32>
      %b = arith.addf %a, %y : tensor<3xf32>
      %n = math.tanh %b : tensor<3xf32>
      array.yield %n, %a : tensor<3xf32>, tensor<3xf32>
    }
    array.yield %in, %z : tensor<3xf32>, tensor<S x 3 x f32>
  }
  func.return %last, %ys : tensor<3xf32>, tensor<T x S x 3 x f32>
}
"""  # noqa: E501


def test_scans_within_scans():
    """A step may itself be a scan: its values, its derivative, and its native code."""
    arguments = [rng.normal(size=(4, 2, 3)), rng.normal(size=3), rng.normal(size=3)]
    module = differentiated(NESTED)
    check_vjp(module, arguments)
    cotangents = [rng.normal(size=3), rng.normal(size=(4, 2, 3))]
    expected = run(module, "f_vjp", [*arguments, *cotangents])
    for got, want in zip(native(NESTED, JOINT, "f_vjp", [*arguments, *cotangents]), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


CALLS = """
func.func private @step(%h: tensor<2xf32>, %x: tensor<2xf32>) -> tensor<2xf32> {
  %p = arith.mulf %h, %x : tensor<2xf32>
  %q = math.sin %p : tensor<2xf32>
  func.return %q : tensor<2xf32>
}
func.func @f(%xs: tensor<T x 2 x f32>, %h0: tensor<2xf32>) -> tensor<2xf32> {
  %last = array.scan carry (%h = %h0 : tensor<2xf32>) over (%x = %xs : tensor<T x 2 x f32>) -> tensor<2xf32> {
    %c = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
    %s = func.call @step(%h, %x) : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
    %n = arith.addf %s, %c : tensor<2xf32>
    array.yield %n : tensor<2xf32>
  }
  func.return %last : tensor<2xf32>
}
"""


def test_calls_and_constants_within_a_step():
    arguments = [rng.normal(size=(5, 2)), rng.normal(size=2)]
    module = differentiated(CALLS)
    check_vjp(module, arguments)
    dy = rng.normal(size=2)
    expected = run(module, "f_vjp", [*arguments, dy])
    for got, want in zip(native(CALLS, JOINT, "f_vjp", [*arguments, dy]), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


COUNTER = """
func.func @f(%xs: tensor<T x 3 x f32>, %n0: tensor<i32>, %h0: tensor<3xf32>) -> (tensor<i32>, tensor<3xf32>) {
  %n1, %h1, %m = array.scan carry (%n = %n0 : tensor<i32>, %h = %h0 : tensor<3xf32>) over (%x = %xs : tensor<T x 3 x f32>) -> (tensor<i32>, tensor<3xf32>, tensor<T x i32>) {
    %one = array.full 1 : i32 to tensor<i32>
    %next = arith.addi %n, %one : tensor<i32>
    %k = array.cast %n : tensor<i32> to tensor<f32>
    %b = array.broadcast %k dims [] : tensor<f32> to tensor<3xf32>
    %p = arith.mulf %x, %b : tensor<3xf32>
    %g = arith.addf %h, %p : tensor<3xf32>
    array.yield %next, %g, %n : tensor<i32>, tensor<3xf32>, tensor<i32>
  }
  func.return %n1, %h1 : tensor<i32>, tensor<3xf32>
}
"""  # noqa: E501


def test_integers_are_carried_without_gradients():
    x, h = rng.normal(size=(4, 3)), rng.normal(size=3)
    module = differentiated(COUNTER)
    n, last, dx, dh = run(module, "f_vjp", [x, np.int32(2), h, np.ones(3)])
    assert n == 6
    np.testing.assert_allclose(last, h + (np.arange(2, 6)[:, None] * x).sum(0), rtol=1e-14)
    np.testing.assert_array_equal(dx, np.broadcast_to(np.arange(2.0, 6.0)[:, None], (4, 3)))
    np.testing.assert_array_equal(dh, np.ones(3))


def test_what_is_not_read_does_not_come_in():
    """canonicalize: parts and shared values without a use, and results that nobody reads, are not there at all."""
    module = parse_module(rnn(False).replace("arith.addf %c, %b", "arith.addf %c, %c"))
    function = module.function("f")
    function.body.block.terminator.operands[0].replace_by(function.arguments[0])  # ys is not read any more
    PassManager(parse_pipeline("canonicalize")).run(module)
    verify(module)
    scan = next(line for line in str(module).splitlines() if "array.scan" in line)
    assert scan.endswith("with (%w = %w0 : tensor<4x4xf32>) -> tensor<B x 4 x f32> {")


def test_an_interpreted_step_sees_no_place_outside():
    """loop.part is checked like every access to memory."""
    text = """
    func.func @f(%a: !loop.buffer<3 x 2 x f32>, %i: index) {
      %p = loop.part %a[%i] : !loop.buffer<3 x 2 x f32>
      func.return
    }
    """
    with pytest.raises(Error, match="there is no place 3 in !loop.buffer<3 x 2 x f32>, its size is 3"):
        Interpreter(parse_module(text)).call("f", [np.zeros((3, 2), np.float32), 3])
