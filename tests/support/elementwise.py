"""Functions of one elementwise op, built and run in every way that tests of ``arith`` and ``math`` need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irc.dialects.builtin import ModuleOp
from irc.dialects.constants import materialise, number_attribute
from irc.dialects.func import FuncOp, ReturnOp
from irc.interpreter import Interpreter, error_of, value_of
from irc.ir.builder import Builder
from irc.ir.operation import Operation
from irc.ir.rewriting import rewrite
from irc.ir.types import FunctionType, TensorType, Type, VectorType, f64
from irc.ir.verifier import verify

SHAPES = {
    "scalar": lambda t: t,
    "vector": lambda t: VectorType((4,), t),
    "tensor": lambda t: TensorType((3, 2), t),
}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-3, -1e30, 3e38, float("inf"), -float("inf"), float("nan"), 1e-40]


def function_of(cls: type[Operation], types: Sequence[Type], name: str = "f", **options: Any) -> ModuleOp:
    """A module with ``func.func @f`` that returns the op of its arguments."""
    function = FuncOp.of(name, types, ())
    builder = Builder.at_end(function.entry)
    result = builder.value(cls, *function.arguments, **options)
    builder.create(ReturnOp, [result])
    function.function_type = FunctionType(types, [result.type])
    module = ModuleOp.of([function])
    verify(module)
    return module


def op_in(module: ModuleOp) -> Operation:
    """The op of :func:`function_of`."""
    return module.function("f").entry.first  # type: ignore[attr-defined, return-value]


def run(module: ModuleOp, *arguments: Any, mode: str = "declared") -> Any:
    """The one result."""
    (result,) = Interpreter(module, mode).call("f", arguments)
    return result


def fold(cls: type[Operation], numbers: Sequence[Any], types: Sequence[Type], **options: Any) -> Any:
    """What the op of constants folds to, as a run of the folded program gives it; None if an op is left."""
    function = FuncOp.of("f", (), ())
    builder = Builder.at_end(function.entry)
    constants = [
        materialise(builder, number_attribute(n, t), _Place(t)) for n, t in zip(numbers, types, strict=True)
    ]
    result = builder.value(cls, *constants, **options)
    builder.create(ReturnOp, [result])
    function.function_type = FunctionType((), [result.type])
    module = ModuleOp.of([function])
    rewrite(module, (), materialise, canonical=True)
    verify(module)
    if any(isinstance(op, cls) for op in module.walk()):
        return None
    return run(module)


class _Place:
    """Something with a type, for :func:`materialise`."""

    def __init__(self, type: Type):
        self.type = type


def same_bits(a: Any, b: Any) -> bool:
    """Whether two values have the same type and bits; any NaN equals any NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    both_nan = np.isnan(a) & np.isnan(b)
    return bool((both_nan | ((a == b) & (np.signbit(a) == np.signbit(b)))).all())


def gradients(module: ModuleOp, arguments: Sequence[np.ndarray], cotangent: np.ndarray) -> list[Any]:
    """The op's vjp in float64; None where it has no gradient."""
    function = module.function("f")
    op = op_in(module)
    end = function.entry.terminator  # type: ignore[attr-defined]
    seed = function.entry.add_argument(op.results[0].type)  # type: ignore[attr-defined]
    found = op.vjp(Builder.before(end), [seed])
    end.operands = [g for g in found if g is not None]
    function.function_type = FunctionType(  # type: ignore[attr-defined]
        [a.type for a in function.entry.arguments],  # type: ignore[attr-defined]
        [v.type for v in end.operands],
    )
    verify(module)
    results = iter(Interpreter(module, "float64").call("f", [*arguments, cotangent]))
    return [None if g is None else next(results) for g in found]


def check_gradient(cls: type[Operation], arguments: Sequence[np.ndarray], type: Type = f64, **options: Any) -> None:
    """The vjp agrees with central differences; a None gradient with a zero difference."""
    types = [type] * len(arguments)
    rng = np.random.default_rng(0)
    cotangent = rng.normal(size=np.shape(arguments[0]))
    found = gradients(function_of(cls, types, **options), arguments, cotangent)
    module = function_of(cls, types, **options)
    for position, argument in enumerate(arguments):
        step = 1e-6 * np.maximum(1.0, np.abs(argument))
        moved = [list(arguments), list(arguments)]
        moved[0][position] = argument + step
        moved[1][position] = argument - step
        high, low = (np.asarray(run(module, *m, mode="float64")) for m in moved)
        wanted = cotangent * (high - low) / (2 * step)
        got = np.zeros_like(wanted) if found[position] is None else found[position]
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def check_bound(module: ModuleOp, *arguments: Any) -> None:
    """The declared run and the float64 run lie within the error bound of the bounded run."""
    declared = np.asarray(run(module, *arguments), np.float64)
    oracle = np.asarray(run(module, *arguments, mode="float64"))
    held = run(module, *arguments, mode="bounded")
    value, error = np.asarray(value_of(held)), error_of(held)
    error = 0.0 if error is None else error
    with np.errstate(all="ignore"):
        off = np.abs(declared - oracle)
    finite = np.isfinite(oracle)
    assert same_bits(value, oracle)
    assert not np.isnan(error).any()
    assert (off <= error)[finite].all(), (declared, oracle, error)

