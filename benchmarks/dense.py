"""Products of matrices, rows x columns x products, of known sizes in float32: 10^9 operations a second.

The first are ``x @ w``, those with ``w^T`` read the right operand transposed, as the layer of a net does, those with
``x^T`` the left one, as its gradient does. Each is compared with NumPy in float64 before it is timed. Kernels, ours and
those written by hand (``native_gemm.py``, of several forms the best; plain products only), are called without Python
between the calls. NumPy and PyTorch write to an array that is there; JAX makes one.

python benchmarks/dense.py irc|by-hand|numpy|jax|torch [--quick] [--threads N]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
from contest import least_seconds
from ways import arguments

from irc.arrays import aligned_zeros

PLAIN = [(64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)]
PLAIN += [(8, 768, 768), (32, 768, 768), (128, 768, 768), (8, 3072, 768), (32, 768, 3072), (16, 1024, 256)]
PLAIN += [(33, 47, 129), (500, 300, 123), (128, 10, 500), (64, 2, 64)]
CASES = [("mk,kn->mn", "", sizes) for sizes in PLAIN]
CASES += [("mk,nk->mn", ", w^T", sizes) for sizes in ((1, 768, 768), (32, 64, 64), (128, 512, 784))]
CASES += [("km,kn->mn", ", x^T", sizes) for sizes in ((64, 64, 32), (784, 512, 128))]
CASES += [("km,kn->mn", ", x^T", sizes) for sizes in ((500, 10, 128), (10, 500, 128), (64, 2, 64), (2, 64, 64))]
QUICK = 8
"""Rows, columns and products of the only case of ``--quick``."""

Way = tuple[Callable[[int], object], Callable[[], np.ndarray]]
"""A function of n that computes the product n times; and one that gives the result of the last time."""


def operands(equation: str, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrices whose product is wanted: views."""
    return x.T if equation.startswith("km") else x, w.T if ",nk" in equation else w


def ours(equation: str, x: np.ndarray, w: np.ndarray, threads: int) -> Iterator[Way]:
    """Our kernel."""
    from native import repeated_function

    import irc
    from irc.backend.jit import compile_library
    from irc.passes.pipelines import ARRAY, LOOP
    from irc.passmanager import PassManager, parse_pipeline

    a, b = operands(equation, x, w)
    shapes = x.shape, w.shape, (a.shape[0], b.shape[1])
    left, right, out = (f"tensor<{' x '.join(map(str, shape))} x f32>" for shape in shapes)
    module = irc.parse(
        f"func.func @f(%x: {left}, %w: {right}) -> {out} {{\n"
        f'  %y = array.contract "{equation}" %x, %w : {left}, {right}\n  func.return %y : {out}\n}}\n'
    )
    PassManager(parse_pipeline(",".join([*ARRAY, *LOOP]))).run(module)
    repeat, (result,), kept = repeated_function(compile_library(module).function("f"), [x, w], threads)
    yield repeat, lambda: result
    del kept


def by_hand(equation: str, x: np.ndarray, w: np.ndarray, threads: int) -> Iterator[Way]:
    """Kernels for this size, of plain products, for one thread."""
    from native_gemm import contestants

    if equation == "mk,kn->mn" and threads == 1:
        for repeat, result in contestants(x, w):
            yield repeat, lambda result=result: result


def numpys(equation: str, x: np.ndarray, w: np.ndarray, threads: int) -> Iterator[Way]:
    """OpenBLAS, or what this NumPy has."""
    a, b = operands(equation, x, w)
    out = a @ b

    def repeat(n: int) -> None:
        for _ in range(n):
            np.dot(a, b, out=out)

    yield repeat, lambda: out


def jaxs(equation: str, x: np.ndarray, w: np.ndarray, threads: int) -> Iterator[Way]:
    """Jitted; the transposed operand as it lies."""
    import jax
    import jax.numpy as jnp

    function = jax.jit(lambda x, w: jnp.matmul(*operands(equation, x, w)))
    held = jnp.asarray(x), jnp.asarray(w)

    def repeat(n: int) -> None:
        for _ in range(n):
            function(*held).block_until_ready()

    yield repeat, lambda: np.asarray(function(*held))


def torchs(equation: str, x: np.ndarray, w: np.ndarray, threads: int) -> Iterator[Way]:
    """Eager."""
    import torch

    torch.set_num_threads(threads)
    a, b = operands(equation, torch.from_numpy(x), torch.from_numpy(w))
    out = torch.mm(a, b)

    def repeat(n: int) -> None:
        for _ in range(n):
            torch.mm(a, b, out=out)

    yield repeat, out.numpy


FRAMEWORKS = {"irc": ours, "by-hand": by_hand, "numpy": numpys, "jax": jaxs, "torch": torchs}


def main() -> None:
    """Print one JSON object per measurement; of several ways, the best."""
    options = arguments(__doc__).parse_args()
    rng = np.random.default_rng(1)
    for equation, order, (m, n, k) in [("mk,kn->mn", "", (QUICK,) * 3)] if options.quick else CASES:
        sizes = {"m": m, "n": n, "k": k}
        letters = equation.partition("->")[0].split(",")
        x, w = (aligned_zeros((sizes[a], sizes[b]), np.dtype(np.float32)) for a, b in letters)
        x[...], w[...] = rng.normal(size=x.shape), rng.normal(size=w.shape)
        a, b = operands(equation, x.astype(np.float64), w.astype(np.float64))
        bound = k * 2.0**-24 * (np.abs(a) @ np.abs(b))
        least = []
        for repeat, result in FRAMEWORKS[options.framework](equation, x, w, options.threads):
            repeat(1)
            assert np.all(np.abs(result() - a @ b) <= bound)
            least.append(least_seconds(repeat))
        if least:
            row = {"what": f"{m} x {n} x {k}{order}", "value": 2e-9 * m * n * k / min(least)}
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
