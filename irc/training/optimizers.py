"""The optimisers: one definition each, as array IR. How w changes with its gradient g, element by element.

An optimiser says which moments it keeps (arrays like w that start as zeros) and whether it counts steps. The update of
all parameters is one step: it clips the gradients, and changes nothing where the loss or a gradient is not finite, so
that a net survives the step that goes wrong (:func:`update`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from irc.dialects.arith import AddF, AddI, CmpF, DivF, MaximumF, MinimumF, MulF, NegF, Select, SubF
from irc.dialects.array import Broadcast, Cast, Concat, Reduce, Slice
from irc.dialects.array.syntax import sizes_attribute
from irc.dialects.constants import splat
from irc.dialects.math import ExpM1, Sqrt
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.ir.dimensions import Dimension
from irc.ir.operation import Value
from irc.ir.types import TensorType
from irc.training.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """What all optimisers have: ``lr``, a number or a schedule, and clipping of gradients, before anything else.

    ``clip_value``: each element is kept from -c to c. ``clip_norm``: where the norm of all gradients together exceeds
    c, they are scaled to it (Pascanu et al., 2013).
    """

    name: ClassVar[str] = ""
    counts: ClassVar[bool] = False
    """Whether the update depends on the number of steps done."""
    lr: float | Schedule = 0.01
    clip_norm: float | None = None
    clip_value: float | None = None

    @property
    def moments(self) -> tuple[str, ...]:
        """The names of the arrays like w that it keeps."""
        return ()

    def change(
        self, b: Builder, w: Value, g: Value, moments: Sequence[Value], lr: Value, step: Value | None
    ) -> tuple[Value, list[Value]]:
        """The new w and moments, tensors of one type. ``lr`` is one of no dimensions, and so is ``step``, the number of
        this step from 1, for an optimiser that counts.
        """
        raise NotImplementedError

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "lr" and callable(value):
                continue
            if field.name.startswith("clip_"):
                if value is not None and not (_is_number(value) and 0 < value):
                    raise Error(f"{field.name} of {self.name} must be a number above 0, not {value!r}")
            elif isinstance(field.default, bool):
                if not isinstance(value, bool):
                    raise Error(f"{field.name} of {self.name} must be True or False, not {value!r}")
            elif not (_is_number(value) and 0 <= value):
                raise Error(f"{field.name} of {self.name} must be a finite number from 0, not {value!r}")
            elif field.name in ("beta1", "beta2", "momentum") and value >= 1:
                raise Error(f"{field.name} of {self.name} must be below 1, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, ``w - lr g``. With ``momentum`` mu: ``v' = mu v + g; w' = w - lr v'``; with ``nesterov``
    ``w' = w - lr (g + mu v')`` (Sutskever et al., 2013, with a velocity that does not contain the rate).
    """

    name: ClassVar[str] = "sgd"
    lr: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise Error("nesterov of sgd needs a momentum above 0")

    @property
    def moments(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def change(
        self, b: Builder, w: Value, g: Value, moments: Sequence[Value], lr: Value, step: Value | None
    ) -> tuple[Value, list[Value]]:
        direction = g
        kept: list[Value] = []
        if self.momentum:
            mu = splat(b, self.momentum, w.type)
            velocity = b.value(AddF, b.value(MulF, mu, moments[0]), g)
            direction = b.value(AddF, g, b.value(MulF, mu, velocity)) if self.nesterov else velocity
            kept = [velocity]
        return b.value(SubF, w, b.value(MulF, _everywhere(b, lr, w), direction)), kept


@dataclass(frozen=True)
class Adam(Optimizer):
    """``m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g^2``, both divided by ``1 - b^t`` for the bias of their start;
    ``w' = w - lr m^ / (sqrt(v^) + eps)`` (Kingma and Ba, 2015, algorithm 1).
    """

    name: ClassVar[str] = "adam"
    counts: ClassVar[bool] = True
    lr: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    @property
    def moments(self) -> tuple[str, ...]:
        return ("m", "v")

    def change(
        self, b: Builder, w: Value, g: Value, moments: Sequence[Value], lr: Value, step: Value | None
    ) -> tuple[Value, list[Value]]:
        assert step is not None
        m = _average(b, self.beta1, moments[0], g)
        v = _average(b, self.beta2, moments[1], b.value(MulF, g, g))
        numerator = b.value(MulF, m, _everywhere(b, _correction(b, self.beta1, step), m))
        root = b.value(Sqrt, b.value(MulF, v, _everywhere(b, _correction(b, self.beta2, step), v)))
        ratio = b.value(DivF, numerator, b.value(AddF, root, splat(b, self.eps, root.type)))
        return b.value(SubF, w, b.value(MulF, _everywhere(b, lr, w), self._decayed(b, ratio, w))), [m, v]

    def _decayed(self, b: Builder, ratio: Value, w: Value) -> Value:
        """The direction, with what draws the weights towards 0."""
        return ratio


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam that besides draws all weights towards 0: ``w' = w - lr (m^ / (sqrt(v^) + eps) + weight_decay w)``.

    Loshchilov and Hutter, 2019, algorithm 2, with the rate in place of their schedule's multiplier, as is common.
    """

    name: ClassVar[str] = "adamw"
    weight_decay: float = 0.01

    def _decayed(self, b: Builder, ratio: Value, w: Value) -> Value:
        return b.value(AddF, ratio, b.value(MulF, splat(b, self.weight_decay, w.type), w))


OPTIMIZERS: dict[str, type[Optimizer]] = {cls.name: cls for cls in (SGD, Adam, AdamW)}
"""All optimisers by name."""


def optimizer_text(optimizer: Optimizer) -> tuple[str, ...]:
    """What decides the code of the update, as words: ``("adam", "beta1=0.8")``. The rate does not."""
    words = [optimizer.name]
    for field in fields(optimizer):
        value = getattr(optimizer, field.name)
        if field.name != "lr" and value != field.default:
            words.append(f"{field.name}={str(value).lower() if isinstance(value, bool) else repr(float(value))}")
    return tuple(words)


def parse_optimizer(words: Sequence[str]) -> Optimizer:
    """The optimiser of such words. Raises :class:`irc.Error`."""
    name, *settings = words or ("",)
    if name not in OPTIMIZERS:
        raise Error(f"there is no optimizer '{name}'; the optimizers are {', '.join(OPTIMIZERS)}")
    cls = OPTIMIZERS[name]
    known = {field.name: field for field in fields(cls) if field.name != "lr"}
    values: dict[str, Any] = {}
    for setting in settings:
        key, _, text = setting.partition("=")
        if key not in known:
            raise Error(f"optimizer {name} has no setting '{key}'; its settings are {', '.join(known)}")
        try:
            values[key] = {"true": True, "false": False}[text] if isinstance(known[key].default, bool) else float(text)
        except (KeyError, ValueError):
            raise Error(f"{key} of optimizer {name} cannot be '{text}'") from None
    return cls(**values)


# -- the update of all parameters ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Updated:
    """What a step gives: the loss (NaN where it, or a gradient, was not finite), new parameters, new moments (for each
    parameter, in the optimiser's order), and the number of steps done (None for an optimiser that does not count).
    ``doubt`` is 0, or NaN where something was not finite.
    """

    loss: Value
    parameters: list[Value]
    moments: list[list[Value]]
    steps: Value | None
    doubt: Value


def update(
    b: Builder,
    optimizer: Optimizer,
    loss: Value,
    parameters: Sequence[Value],
    gradients: Sequence[Value],
    moments: Sequence[Sequence[Value]],
    lr: Value,
    steps: Value | None,
    replaced: Sequence[Sequence[tuple[int, Value]]] = (),
) -> Updated:
    """One step for all parameters. ``lr`` is a tensor of no dimensions, ``steps`` one of integers: steps done.

    ``replaced`` are, for each parameter, the parts that something else than the optimiser changes: the first element,
    and what it becomes from there on. They have to be finite like the gradients.
    """
    squares = _total(b, [b.value(MulF, g, g) for g in gradients]) if optimizer.clip_norm is not None else None
    zero = splat(b, 0.0, loss.type)
    # x * 0 is 0 for every finite x, and NaN for all others
    doubt = b.value(MulF, loss, zero)
    if squares is not None:
        doubt = b.value(AddF, doubt, b.value(MulF, squares, zero))
    elif gradients:
        zeros = [b.value(MulF, g, splat(b, 0.0, g.type)) for g in gradients]
        doubt = b.value(AddF, doubt, _total(b, zeros))
    parts = [part for of_parameter in replaced for _, part in of_parameter]
    if parts:
        doubt = b.value(AddF, doubt, _total(b, [b.value(MulF, part, splat(b, 0.0, part.type)) for part in parts]))
    doubt.name_hint = "doubt"
    one_more: Value | None = None if steps is None else b.value(AddI, steps, splat(b, 1, steps.type))
    count = None if one_more is None else b.value(Cast, one_more, result_types=[lr.type])
    new_parameters, new_moments = [], []
    for w, g, kept, given in zip(parameters, gradients, moments, replaced or [()] * len(parameters), strict=True):
        clipped = _clipped(b, optimizer, g, squares)
        changed, new_kept = optimizer.change(b, w, clipped, kept, lr, count)
        new_parameters.append(sound_or_old(b, doubt, _with_parts(b, changed, given), w))
        new_moments.append([sound_or_old(b, doubt, new, old) for new, old in zip(new_kept, kept, strict=True)])
    if steps is not None and one_more is not None:
        one_more = sound_or_old(b, doubt, one_more, steps)
    return Updated(b.value(AddF, loss, doubt), new_parameters, new_moments, one_more, doubt)


def _with_parts(b: Builder, vector: Value, parts: Sequence[tuple[int, Value]]) -> Value:
    """A vector with some of its parts replaced."""
    if not parts:
        return vector
    type: TensorType = vector.type  # type: ignore[assignment]
    pieces: list[Value] = []
    at = 0

    def keep(end: Dimension) -> None:
        if end != at:
            kept = TensorType([end - at], type.element)
            pieces.append(b.value(Slice, vector, offsets=sizes_attribute([at]), result_types=[kept]))

    for begin, part in sorted(parts, key=lambda pair: pair[0]):
        keep(begin)
        pieces.append(part)
        at = begin + part.type.shape[0]  # type: ignore[attr-defined]
    keep(type.shape[0])
    return b.value(Concat, pieces, axis=0)


def sound_or_old(b: Builder, doubt: Value, new: Value, old: Value) -> Value:
    """The new value where ``doubt`` is 0, and the old one where it is NaN."""
    doubts = _everywhere(b, doubt, new)
    sound = b.value(CmpF, doubts, splat(b, 0.0, doubts.type), predicate="oeq")
    return b.value(Select, sound, new, old)


def _total(b: Builder, values: Sequence[Value]) -> Value:
    """The sum of all elements of several tensors."""
    sums = [b.value(Reduce, v, kind="sum", dims=list(range(v.type.rank))) for v in values]  # type: ignore[attr-defined]
    total = sums[0]
    for part in sums[1:]:
        total = b.value(AddF, total, part)
    return total


def _clipped(b: Builder, optimizer: Optimizer, g: Value, squares: Value | None) -> Value:
    """The gradient after clipping, by value, then by the norm of all gradients as they came."""
    if squares is not None:
        assert optimizer.clip_norm is not None
        limit = splat(b, optimizer.clip_norm, squares.type)
        factor = b.value(DivF, limit, b.value(MaximumF, b.value(Sqrt, squares), limit))
        g = b.value(MulF, g, _everywhere(b, factor, g))
    if optimizer.clip_value is not None:
        limit = splat(b, optimizer.clip_value, g.type)
        g = b.value(MaximumF, b.value(NegF, limit), b.value(MinimumF, g, limit))
    return g


def _everywhere(b: Builder, number: Value, like: Value) -> Value:
    """A tensor of no dimensions, repeated in the shape of another."""
    shape = like.type.shape  # type: ignore[attr-defined]
    return b.value(Broadcast, number, dims=[], result_types=[TensorType(shape, number.type.element)])


def _average(b: Builder, beta: float, mean: Value, new: Value) -> Value:
    """``beta * mean + (1 - beta) * new``."""
    kept = b.value(MulF, splat(b, beta, mean.type), mean)
    return b.value(AddF, kept, b.value(MulF, splat(b, 1 - beta, mean.type), new))


def _correction(b: Builder, beta: float, step: Value) -> Value:
    """``1 / (1 - beta^t)``: one over what the weights of a running mean add up to. As ``-expm1(t log beta)``, which is
    accurate for beta near 1.
    """
    one = splat(b, 1.0, step.type)
    if not beta:
        return one
    exponent = b.value(MulF, splat(b, math.log(beta), step.type), step)
    return b.value(DivF, one, b.value(NegF, b.value(ExpM1, exponent)))
