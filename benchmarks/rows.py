"""Softmax, log-sum-exp and layer normalisation of rows, and value with gradient: ns per element, one thread.

python benchmarks/rows.py irc|numpy|jax
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import numpy as np
from contest import least_seconds

SIZES = ((4096, 10), (64, 1000), (1024, 1024))

SPREAD = "dims [0] : tensor<B x f32> to tensor<B x {n} x f32>"
EXPONENTIALS = f"""
  %m = array.reduce max %x dims [1] : tensor<B x {{n}} x f32>
  %mb = array.broadcast %m {SPREAD}
  %d = arith.subf %x, %mb : tensor<B x {{n}} x f32>
  %e = math.exp %d : tensor<B x {{n}} x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x {{n}} x f32>"""
TEXTS = {
    "softmax": f"""
func.func @f(%x: tensor<B x {{n}} x f32>) -> tensor<B x {{n}} x f32> {{{{{EXPONENTIALS}
  %sb = array.broadcast %s {SPREAD}
  %y = arith.divf %e, %sb : tensor<B x {{n}} x f32>
  func.return %y : tensor<B x {{n}} x f32>
}}}}""",
    "log-sum-exp": f"""
func.func @f(%x: tensor<B x {{n}} x f32>) -> tensor<B x f32> {{{{{EXPONENTIALS}
  %l = math.log %s : tensor<B x f32>
  %y = arith.addf %l, %m : tensor<B x f32>
  func.return %y : tensor<B x f32>
}}}}""",
    "layer norm": f"""
func.func @f(%x: tensor<B x {{n}} x f32>) -> tensor<B x {{n}} x f32> {{{{
  %s = array.reduce sum %x dims [1] : tensor<B x {{n}} x f32>
  %k = array.full {{inverse}} : f32 to tensor<B x f32>
  %mean = arith.mulf %s, %k : tensor<B x f32>
  %mb = array.broadcast %mean {SPREAD}
  %d = arith.subf %x, %mb : tensor<B x {{n}} x f32>
  %q = arith.mulf %d, %d : tensor<B x {{n}} x f32>
  %v = array.reduce sum %q dims [1] : tensor<B x {{n}} x f32>
  %var = arith.mulf %v, %k : tensor<B x f32>
  %eps = array.full 1.0e-5 : f32 to tensor<B x f32>
  %ve = arith.addf %var, %eps : tensor<B x f32>
  %r = math.rsqrt %ve : tensor<B x f32>
  %rb = array.broadcast %r {SPREAD}
  %y = arith.mulf %d, %rb : tensor<B x {{n}} x f32>
  func.return %y : tensor<B x {{n}} x f32>
}}}}""",
}

Case = tuple[str, Callable[[int], object], np.ndarray]
"""What it is, how to repeat it, and its last result: the value, or the gradient of x."""


def softmax(x: np.ndarray) -> np.ndarray:
    """By NumPy."""
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_sum_exp(x: np.ndarray) -> np.ndarray:
    """By NumPy."""
    m = x.max(1)
    return m + np.log(np.exp(x - m[:, None]).sum(1))


def layer_norm(x: np.ndarray) -> np.ndarray:
    """By NumPy."""
    d = x - x.mean(1, keepdims=True)
    return d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5)


def softmax_gradient(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """By NumPy."""
    y = softmax(x)
    return y * (dy - (y * dy).sum(1, keepdims=True))


def log_sum_exp_gradient(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """By NumPy."""
    return softmax(x) * dy[:, None]


def layer_norm_gradient(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """By NumPy."""
    d = x - x.mean(1, keepdims=True)
    r = 1 / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5)
    y = d * r
    return r * (dy - dy.mean(1, keepdims=True) - y * (dy * y).mean(1, keepdims=True))


NUMPY = {
    "softmax": (softmax, softmax_gradient),
    "log-sum-exp": (log_sum_exp, log_sum_exp_gradient),
    "layer norm": (layer_norm, layer_norm_gradient),
}


def inputs(name: str, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """x, and the cotangent of the result."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((rows, columns)).astype(np.float32) for _ in range(2))
    return x, dy[:, 0].copy() if name == "log-sum-exp" else dy


def ours(name: str, x: np.ndarray, dy: np.ndarray) -> Iterator[Case]:
    """The kernels, for rows of a known length and any number of them."""
    from native import repeated_function

    from irc.backend.jit import compile_library
    from irc.backend.target import host
    from irc.passes.pipelines import ARRAY, AUTODIFF, LOOP
    from irc.passmanager import PassContext, PassManager, parse_pipeline
    from irc.text.parser import parse_module

    module = parse_module(TEXTS[name].format(n=x.shape[1], inverse=1 / x.shape[1]))
    PassManager(parse_pipeline(",".join([*AUTODIFF, *ARRAY, *LOOP])), PassContext(host())).run(module)
    library = compile_library(module)
    for what, function, given in (("forward", "f", (x,)), ("joint", "f_vjp", (x, dy))):
        repeat, outputs, kept = repeated_function(library.function(function), given)
        repeat(1)
        yield what, repeat, outputs[-1]
        del kept


def numpys(name: str, x: np.ndarray, dy: np.ndarray) -> Iterator[Case]:
    """Whole calls."""
    value, gradient = NUMPY[name]
    for what, function, given in (("forward", value, (x,)), ("joint", gradient, (x, dy))):

        def repeat(n: int, function=function, given=given) -> None:
            for _ in range(n):
                function(*given)

        yield what, repeat, function(*given)


def jaxs(name: str, x: np.ndarray, dy: np.ndarray) -> Iterator[Case]:
    """Whole calls of jitted functions, arrays in JAX's memory."""
    import jax
    from jax import numpy as jnp

    def normalised(x):
        d = x - x.mean(1, keepdims=True)
        return d * jax.lax.rsqrt((d * d).mean(1, keepdims=True) + 1e-5)

    function = {
        "softmax": lambda x: jax.nn.softmax(x, axis=1),
        "log-sum-exp": lambda x: jax.nn.logsumexp(x, axis=1),
        "layer norm": normalised,
    }[name]

    def joint(x, dy):
        y, pullback = jax.vjp(function, x)
        return y, pullback(dy)[0]

    for what, jitted, given in (("forward", jax.jit(function), (x,)), ("joint", jax.jit(joint), (x, dy))):
        held = [jnp.asarray(a) for a in given]

        def repeat(n: int, jitted=jitted, held=held) -> None:
            for _ in range(n):
                jax.block_until_ready(jitted(*held))

        result = jitted(*held)
        yield what, repeat, np.asarray(result[-1] if what == "joint" else result)


def main() -> None:
    """Each result is compared with NumPy's in float64 before it is timed."""
    cases = {"irc": ours, "numpy": numpys, "jax": jaxs}[sys.argv[1]]
    for name, exact in NUMPY.items():
        for rows, columns in SIZES:
            x, dy = inputs(name, rows, columns)
            wide = x.astype(np.float64), dy.astype(np.float64)
            wanted = {"forward": exact[0](wide[0]), "joint": exact[1](*wide)}
            for what, repeat, result in cases(name, x, dy):
                np.testing.assert_allclose(result, wanted[what], rtol=1e-3, atol=1e-5)
                value = least_seconds(repeat) / x.size * 1e9
                print(json.dumps({"what": f"{name}, {rows} x {columns}: {what}", "value": value}))


if __name__ == "__main__":
    main()
