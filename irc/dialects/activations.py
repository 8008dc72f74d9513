"""The activations: one definition each, in primitives. Evaluation, derivative, formula and code follow from it.

Conventions: relu'(0) = 0; where a definition has a corner, ``f'`` is that of the branch taken there. Definitions and
derivatives are finite for all finite operands of moderate size, without overflow on the way: ``exp`` of something
positive occurs only where the definition bounds it.

Those called ``neat_...`` are neat-python's, which scales and clamps what most of its functions get.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from irc.dialects.arith import AddF, CmpF, DivF, MaximumF, MinimumF, MulF, NegF, Select, SubF
from irc.dialects.constants import materialise, splat
from irc.dialects.formula import formula
from irc.dialects.func import FuncOp, ReturnOp
from irc.dialects.math import AbsF, Erf, Exp, ExpM1, Log, Log1P, Sin, TanH
from irc.interpreter import Interpreter
from irc.ir.builder import Builder
from irc.ir.operation import Block, Value
from irc.ir.rewriting import rewrite
from irc.ir.types import TensorType, Type, f64, scalar_of

Definition = Callable[[Builder, Value, Any], Value]


@dataclass(frozen=True)
class Activation:
    """A function that neurons apply, with its parameter where it takes one.

    ``definition(builder, x, parameter)`` makes its ops for any float type of ``x``. ``code`` is its number in ``.nal``
    files. ``whole_layer``: it acts on all neurons of a layer together, the last dimension of a tensor. ``flat``: its
    gradient is zero everywhere, so nothing before it learns. ``slope(builder, y, parameter)`` makes the derivative at
    x out of y = f(x), where that gives the same bits as the derivative of the definition: so y alone need be kept.
    """

    name: str
    definition: Definition
    default: float | None = None
    code: int | None = None
    whole_layer: bool = False
    flat: bool = False
    slope: Definition | None = None
    parameter: float | None = None

    def with_parameter(self, parameter: float | None) -> Activation:
        """The same with another parameter; None is the default. ValueError if it takes none, or it is not finite."""
        if parameter is None:
            return self if self.parameter == self.default else replace(self, parameter=self.default)
        if self.default is None:
            raise ValueError(f"activation {self.name} takes no parameter")
        if not math.isfinite(parameter):
            raise ValueError(f"the parameter of {self.name} must be a finite number, not {parameter}")
        return replace(self, parameter=float(parameter))

    def function(self, type: Type, parameter: float | None = None) -> Block:
        """f as a block of one argument of ``type`` that ends in ``func.return``; shared, so copy it (``inline``)."""
        return _function(self._chosen(parameter), type).entry

    def derivative(self, type: Type, parameter: float | None = None) -> Block:
        """f' as such a block. ValueError for one that acts on a whole layer: its derivative is a matrix."""
        if self.whole_layer:
            raise ValueError(f"{self.name} acts on a whole layer, so its derivative is no function of one number")
        return _derivative(self._chosen(parameter), type).entry

    def derivative_by_value(self, type: Type, parameter: float | None = None) -> Block | None:
        """f'(x) as such a block of f(x); None where it takes x."""
        return None if self.slope is None else _slope(self._chosen(parameter), type).entry

    @property
    def formula(self) -> str:
        """f(x) for people, with the parameter's value filled in."""
        return formula(self.function(TensorType([1], f64) if self.whole_layer else f64))

    @property
    def derivative_formula(self) -> str:
        """f'(x) for people."""
        return formula(self.derivative(f64))

    def evaluate(self, x: Any, parameter: float | None = None, derivative: bool = False) -> np.ndarray:
        """f (or f') of every element of ``x`` (of every row, if it acts on layers), in its float type or float64."""
        array = np.asarray(x)
        kind = scalar_of(array.dtype) if array.dtype.kind == "f" else f64
        interpreter = Interpreter()
        type: Type = TensorType(array.shape, kind) if self.whole_layer else kind
        block = (self.derivative if derivative else self.function)(type, parameter)
        argument = array.astype(interpreter.dtype(kind), copy=False)
        with np.errstate(all="ignore"), interpreter.batched(*(() if self.whole_layer else array.shape)):
            (result,) = interpreter.run_block(block, [argument])
        return np.array(np.broadcast_to(result, array.shape))

    def __str__(self) -> str:
        return self.name if self.parameter is None else f"{self.name}<{self.parameter!r}>"

    def _chosen(self, parameter: float | None) -> Activation:
        return self if parameter is None else self.with_parameter(parameter)


@lru_cache(maxsize=1024)
def _function(activation: Activation, type: Type) -> FuncOp:
    return _defined(activation, activation.definition, "x", type)


@lru_cache(maxsize=1024)
def _slope(activation: Activation, type: Type) -> FuncOp:
    assert activation.slope is not None
    return _defined(activation, activation.slope, "y", type)


def _defined(activation: Activation, definition: Definition, name: str, type: Type) -> FuncOp:
    function = FuncOp.of(activation.name, [type], [type])
    (argument,) = function.arguments
    argument.name_hint = name
    builder = Builder.at_end(function.entry)
    builder.create(ReturnOp, [definition(builder, argument, activation.parameter)])
    return function


@lru_cache(maxsize=1024)
def _derivative(activation: Activation, type: Type) -> FuncOp:
    """Reverse mode over the definition, with the gradient 1 at its end, simplified."""
    function = _function(activation, type).clone()
    assert isinstance(function, FuncOp)
    *forward, end = function.entry
    builder = Builder.before(end)
    gradients: dict[Value, Value] = {end.operands[0]: splat(builder, 1.0, type)}
    for op in reversed(forward):
        given = [gradients.get(r) for r in op.results]
        if all(g is None for g in given):
            continue
        for operand, gradient in zip(op.operands, op.vjp(builder, given), strict=True):
            if gradient is not None:
                before = gradients.get(operand)
                gradients[operand] = gradient if before is None else builder.value(AddF, before, gradient)
    slope = gradients.get(function.arguments[0])
    end.operands = [splat(builder, 0.0, type) if slope is None else slope]
    rewrite(function, (), materialise, canonical=True)
    return function


# -- the definitions -------------------------------------------------------------------------------------------------


def _identity(b: Builder, x: Value, p: Any) -> Value:
    return x


def _positive(b: Builder, x: Value, predicate: str = "ogt") -> Value:
    return b.value(CmpF, x, splat(b, 0.0, x.type), predicate=predicate)


def _sigmoid(b: Builder, x: Value, p: Any) -> Value:
    # with e = exp(-|x|), which cannot overflow: 1 / (1 + e) for x >= 0, e / (1 + e) below
    one = splat(b, 1.0, x.type)
    nonnegative = _positive(b, x, "oge")
    e = b.value(Exp, b.value(Select, nonnegative, b.value(NegF, x), x))
    e.name_hint = "e"
    return b.value(DivF, b.value(Select, nonnegative, one, e), b.value(AddF, one, e))


def _tanh(b: Builder, x: Value, p: Any) -> Value:
    return b.value(TanH, x)


def _relu(b: Builder, x: Value, p: Any) -> Value:
    # 0 comes first: at a tie the gradient goes to the first
    return b.value(MaximumF, splat(b, 0.0, x.type), x)


def _one(b: Builder, y: Value, p: Any) -> Value:
    return splat(b, 1.0, y.type)


def _tanh_slope(b: Builder, y: Value, p: Any) -> Value:
    return b.value(SubF, _one(b, y, p), b.value(MulF, y, y))


def _relu_slope(b: Builder, y: Value, p: Any) -> Value:
    # unordered: 1 for NaN, as the derivative of the maximum has it
    return b.value(Select, _positive(b, y, "ugt"), _one(b, y, p), splat(b, 0.0, y.type))


def _swish(b: Builder, x: Value, p: float) -> Value:
    scaled = x if p == 1.0 else b.value(MulF, splat(b, p, x.type), x)
    return b.value(MulF, x, _sigmoid(b, scaled, None))


def _silu(b: Builder, x: Value, p: Any) -> Value:
    return _swish(b, x, 1.0)


def _gelu(b: Builder, x: Value, p: Any) -> Value:
    # x Phi(x) with the normal distribution function Phi
    curve = b.value(Erf, b.value(MulF, x, splat(b, math.sqrt(0.5), x.type)))
    return b.value(MulF, b.value(MulF, splat(b, 0.5, x.type), x), b.value(AddF, splat(b, 1.0, x.type), curve))


def _gelu_tanh(b: Builder, x: Value, p: Any) -> Value:
    # Hendrycks and Gimpel 2016: Phi(x) by tanh(sqrt(2 / pi) (x + 0.044715 x^3))
    cubic = b.value(MulF, b.value(MulF, splat(b, 0.044715, x.type), x), b.value(MulF, x, x))
    inner = b.value(MulF, splat(b, math.sqrt(2 / math.pi), x.type), b.value(AddF, x, cubic))
    curve = b.value(AddF, splat(b, 1.0, x.type), b.value(TanH, inner))
    return b.value(MulF, b.value(MulF, splat(b, 0.5, x.type), x), curve)


def _leaky(b: Builder, x: Value, p: float) -> Value:
    return b.value(Select, _positive(b, x), x, b.value(MulF, splat(b, p, x.type), x))


def _elu(b: Builder, x: Value, p: float) -> Value:
    # the minimum keeps expm1 from overflow where the other branch is taken
    below = b.value(ExpM1, b.value(MinimumF, x, splat(b, 0.0, x.type)))
    scaled = below if p == 1.0 else b.value(MulF, splat(b, p, x.type), below)
    return b.value(Select, _positive(b, x), x, scaled)


def _selu(b: Builder, x: Value, p: Any) -> Value:
    # Klambauer and others 2017: the constants that keep mean 0 and variance 1
    return b.value(MulF, splat(b, 1.0507009873554805, x.type), _elu(b, x, 1.6732632423543772))


def _step(b: Builder, x: Value, p: Any) -> Value:
    return b.value(Select, _positive(b, x, "oge"), splat(b, 1.0, x.type), splat(b, 0.0, x.type))


# neat-python's. Its relu, elu, selu and identity are those above, its lelu is relu_leaky<0.005>.


def _scaled(b: Builder, x: Value, scale: float) -> Value:
    """scale * x, kept from -60 to 60."""
    return _clamped(b, b.value(MulF, splat(b, scale, x.type), x), 60.0)


def _clamped(b: Builder, x: Value, limit: float) -> Value:
    return b.value(MaximumF, splat(b, -limit, x.type), b.value(MinimumF, splat(b, limit, x.type), x))


def _neat_sigmoid(b: Builder, x: Value, p: Any) -> Value:
    return _sigmoid(b, _scaled(b, x, 5.0), None)


def _neat_tanh(b: Builder, x: Value, p: Any) -> Value:
    return b.value(TanH, _scaled(b, x, 2.5))


def _neat_sin(b: Builder, x: Value, p: Any) -> Value:
    return b.value(Sin, _scaled(b, x, 5.0))


def _neat_gauss(b: Builder, x: Value, p: Any) -> Value:
    near = _clamped(b, x, 3.4)
    return b.value(Exp, b.value(MulF, splat(b, -5.0, x.type), b.value(MulF, near, near)))


def _neat_softplus(b: Builder, x: Value, p: Any) -> Value:
    return b.value(MulF, splat(b, 0.2, x.type), b.value(Log1P, b.value(Exp, _scaled(b, x, 5.0))))


def _neat_clamped(b: Builder, x: Value, p: Any) -> Value:
    return _clamped(b, x, 1.0)


def _neat_inv(b: Builder, x: Value, p: Any) -> Value:
    # 0 at 0; no division by 0 there, so that the derivative is 0 too
    zero, one = splat(b, 0.0, x.type), splat(b, 1.0, x.type)
    at_zero = _positive(b, x, "oeq")
    return b.value(Select, at_zero, zero, b.value(DivF, one, b.value(Select, at_zero, one, x)))


def _neat_log(b: Builder, x: Value, p: Any) -> Value:
    return b.value(Log, b.value(MaximumF, splat(b, 1e-7, x.type), x))


def _neat_exp(b: Builder, x: Value, p: Any) -> Value:
    return b.value(Exp, _clamped(b, x, 60.0))


def _neat_abs(b: Builder, x: Value, p: Any) -> Value:
    return b.value(AbsF, x)


def _neat_hat(b: Builder, x: Value, p: Any) -> Value:
    return b.value(MaximumF, splat(b, 0.0, x.type), b.value(SubF, splat(b, 1.0, x.type), b.value(AbsF, x)))


def _neat_square(b: Builder, x: Value, p: Any) -> Value:
    return b.value(MulF, x, x)


def _neat_cube(b: Builder, x: Value, p: Any) -> Value:
    return b.value(MulF, b.value(MulF, x, x), x)


def _softmax(b: Builder, x: Value, p: Any) -> Value:
    # shifted by the largest, which changes nothing but keeps exp from overflow
    from irc.dialects.array import Broadcast, Reduce  # array.dag's semantics need this file

    if not isinstance(x.type, TensorType) or not x.type.rank:
        raise ValueError(f"softmax acts on the last dimension of a tensor, not on {x.type}")
    last = x.type.rank - 1

    def along(kind: str, values: Value) -> Value:
        reduced = b.value(Reduce, values, kind=kind, dims=[last])
        return b.value(Broadcast, reduced, dims=list(range(last)), result_types=[x.type])

    e = b.value(Exp, b.value(SubF, x, along("max", x)))
    e.name_hint = "e"
    return b.value(DivF, e, along("sum", e))


def _activation(name: str, definition: Definition, default: float | None = None, **more: Any) -> Activation:
    return Activation(name, definition, default, parameter=default, **more)


ACTIVATIONS: dict[str, Activation] = {
    a.name: a
    for a in (
        _activation("identity", _identity, code=0, slope=_one),
        _activation("sigmoid", _sigmoid, code=1),
        _activation("tanh", _tanh, code=2, slope=_tanh_slope),
        _activation("relu", _relu, code=3, slope=_relu_slope),
        _activation("silu", _silu, code=4),
        _activation("gelu", _gelu, code=5),
        _activation("swish", _swish, 1.0, code=6),
        _activation("relu_leaky", _leaky, 0.1),
        _activation("relu_parametric", _leaky, 0.25),
        _activation("elu", _elu, 1.0),
        _activation("selu", _selu),
        _activation("gelu_tanh", _gelu_tanh),
        _activation("binary_step", _step, flat=True),
        _activation("softmax", _softmax, whole_layer=True),
        _activation("neat_sigmoid", _neat_sigmoid),
        _activation("neat_tanh", _neat_tanh),
        _activation("neat_sin", _neat_sin),
        _activation("neat_gauss", _neat_gauss),
        _activation("neat_softplus", _neat_softplus),
        _activation("neat_clamped", _neat_clamped),
        _activation("neat_inv", _neat_inv),
        _activation("neat_log", _neat_log),
        _activation("neat_exp", _neat_exp),
        _activation("neat_abs", _neat_abs),
        _activation("neat_hat", _neat_hat),
        _activation("neat_square", _neat_square),
        _activation("neat_cube", _neat_cube),
    )
}
"""All activations by name."""

ALIASES = {"linear": "identity"}
"""Other names."""
