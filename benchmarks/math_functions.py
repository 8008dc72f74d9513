"""Functions of mathematics and activations, elements per ns: 4096 elements in the first-level cache, one thread.

python benchmarks/math_functions.py irc|numpy
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable

import numpy as np
from contest import least_seconds
from native import repeated_function

from irc.backend.entry import Function
from irc.backend.jit import compile_library
from irc.backend.target import host
from irc.dialects.activations import ACTIVATIONS
from irc.dialects.builtin import ModuleOp
from irc.ir.dimensions import symbol
from irc.ir.types import FloatType, TensorType, f32, f64
from irc.passes.expand_math.accuracy import ACCURACY, FAST
from irc.passes.pipelines import ARRAY, LOOP
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module

COUNT = 4096
SAMPLES = 1 << 19
"""At how many numbers the error is measured."""
ACTIVATED = ("sigmoid", "silu", "gelu", "gelu_tanh")
ROOT_HALF, GELU = math.sqrt(0.5), math.sqrt(2 / math.pi)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """In place of a function that NumPy has not."""
    return 1 / (1 + np.exp(-x))


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    """With as few arrays as NumPy allows in one expression."""
    return 0.5 * x * (1 + np.tanh(GELU * (x + 0.044715 * x * x * x)))


NUMPY: dict[str, Callable[..., np.ndarray]] = {
    **{name: getattr(np, name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p")},
    **{name: getattr(np, name) for name in ("tanh", "sinh", "cosh", "sin", "cos", "tan")},
    "powf": np.power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "gelu_tanh": gelu_tanh,
}
EXACT = NUMPY | {
    "erf": np.vectorize(math.erf, [float]),
    "gelu": np.vectorize(lambda x: 0.5 * x * math.erfc(-x * ROOT_HALF), [float]),
    "gelu_tanh": lambda x: x * sigmoid(2 * GELU * (x + 0.044715 * x * x * x)),
}
"""In float64."""


def compiled(name: str, type: FloatType, fast: bool = False) -> Function:
    """A function of arrays of any size, by the default passes."""
    kind = TensorType([symbol("N")], type)
    if name in ACTIVATED:
        defined = ACTIVATIONS[name].function(kind).parent_op
        assert defined is not None
        module = ModuleOp.of([defined.clone()])
    else:
        two = name == "powf"
        module = parse_module(
            f"func.func @{name}(%x: {kind}{f', %y: {kind}' if two else ''}) -> {kind} {{\n"
            f"  %r = math.{name} %x{', %y' if two else ''} : {kind}\n  func.return %r : {kind}\n}}"
        )
    passes = ["expand-math{fast}" if fast and p == "expand-math" else p for p in (*ARRAY, *LOOP)]
    PassManager(parse_pipeline(",".join(passes)), PassContext(host())).run(module)
    return compile_library(module).function(name)


def arguments(name: str, dtype: type, count: int) -> list[np.ndarray]:
    """Ordinary numbers, positive ones for what is not defined for others."""
    rng = np.random.default_rng(0)
    x = (2 * rng.standard_normal(count)).astype(dtype)
    if name.startswith("log") or name in ("powf", "rsqrt"):
        x = np.abs(x) + dtype(1e-3)
    return [x, (2 * rng.standard_normal(count)).astype(dtype)] if name == "powf" else [x]


def report(what: str, value: float) -> None:
    """One measurement as a line of JSON."""
    print(json.dumps({"what": what, "value": value}))


def error(function: Function, name: str) -> float:
    """The largest error in units of the last place of float32."""
    given = arguments(name, np.float32, SAMPLES)
    (got,) = function.call(given)
    wanted = EXACT[name](*[a.astype(np.float64) for a in given])
    unit = np.ldexp(1.0, np.maximum(np.frexp(wanted)[1] - 24, -149))
    return float(np.max(np.abs(got - wanted) / unit))


def ours() -> None:
    """float32, float64, and the fast forms."""
    for name in (*ACCURACY, *ACTIVATED):
        forms = [("f32", f32, False), ("f64", f64, False)]
        if name in FAST or name in ACTIVATED and name != "gelu":
            forms.append(("fast", f32, True))
        for form, type, fast in forms:
            function = compiled(name, type, fast)
            dtype = np.float32 if type is f32 else np.float64
            repeat, _, kept = repeated_function(function, arguments(name, dtype, COUNT))
            report(f"{name}: {form}", COUNT / least_seconds(repeat) * 1e-9)
            del kept
            if form == "f32":
                report(f"{name}: ULP", error(function, name))


def numpys() -> None:
    """float32, written to memory that is there already where NumPy has the function."""
    for name, function in NUMPY.items():
        given = arguments(name, np.float32, COUNT)
        options = {"out": np.empty(COUNT, np.float32)} if isinstance(function, np.ufunc) else {}

        def repeat(n: int, function=function, given=given, options=options) -> None:
            for _ in range(n):
                function(*given, **options)

        report(f"{name}: f32", COUNT / least_seconds(repeat) * 1e-9)


if __name__ == "__main__":
    {"irc": ours, "numpy": numpys}[sys.argv[1]]()
