"""Layers that shift and scale: by statistics of the data (BatchNorm), or of each sample (LayerNorm)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from irc.dialects.arith import AddF, DivF, MaximumF, MulF, SubF
from irc.dialects.math import RSqrt
from irc.ir.dimensions import product
from irc.ir.operation import Value as IrValue
from irc.ir.types import TensorType
from irc.layers import arguments
from irc.layers.array_form import ArrayWriter
from irc.layers.function import ONE, ZERO, Layer, Weight
from irc.layers.value import Applied, Misfit, Spec

_COUNT = "num_batches_tracked"


class BatchNorm(Layer):
    """``BatchNorm()``: PyTorch's ``BatchNorm1d`` and ``BatchNorm2d``, by the channels, the first size.

    y = (x - mean) / sqrt(variance + eps) * weight + bias. In training the statistics are those of the batch, the
    variance the biased one, and the running ones become (1 - momentum) * running + momentum * batch's, there with the
    unbiased variance; the momentum None stands for 1 / ``num_batches_tracked``, which makes them means over all batches
    so far. Else they are the running ones. These and the number of batches are parameters that have no gradient.
    """

    kind = "BatchNorm"
    spellings: ClassVar = {"epsilon": "eps"}

    def __init__(
        self,
        num_features: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        name: str | None = None,
    ):
        what = "num_features of BatchNorm"
        self.num_features = None if num_features is None else arguments.size(num_features, what)
        self.eps = arguments.number(eps, "eps of BatchNorm", 0.0)
        self.momentum = None if momentum is None else arguments.number(momentum, "momentum of BatchNorm", 0.0, 1.0)
        self.affine = arguments.switch(affine, "affine of BatchNorm")
        if not arguments.switch(track_running_stats, "track_running_stats of BatchNorm"):
            arguments.refuse("BatchNorm", "no track_running_stats=False: outside of training no row depends on others")
        self.name = arguments.name(name, "BatchNorm")

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        (given,) = inputs
        if given.integer or not given.rank or not isinstance(given.shape[0], int):
            raise Misfit(f"takes real numbers with a known number of channels first, but {given} came in")
        if self.num_features not in (None, given.shape[0]):
            raise Misfit(f"takes {self.num_features} channels, but {given} came in, which has {given.shape[0]}")
        return [given]

    def least_rows(self, *inputs: Spec) -> int:
        """One number for each channel has no variance."""
        return 2 if product(inputs[0].shape[1:]) == 1 else 1

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        channels = inputs[0].shape[:1]
        learnt = [Weight("weight", channels, ONE), Weight("bias", channels, ZERO)]  # type: ignore[arg-type]
        kept = [Weight("running_mean", channels, ZERO), Weight("running_var", channels, ONE)]  # type: ignore[arg-type]
        return [*(learnt if self.affine else []), *kept, Weight(_COUNT, (), ZERO)]

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        x = writer[applied.operands[0]]
        mean, variance = self._statistics(writer, x)
        steady = writer.value(AddF, variance, writer.full(self.eps, variance.type))
        scale = writer.value(RSqrt, steady)
        if self.affine:
            scale = writer.value(MulF, scale, writer.weight(self, "weight"))
        centred = writer.value(SubF, x, writer.along(mean, x.type, 1))
        y = writer.value(MulF, centred, writer.along(scale, x.type, 1))
        return [writer.add(y, writer.along(writer.weight(self, "bias"), x.type, 1)) if self.affine else y]

    def _statistics(self, writer: ArrayWriter, x: IrValue) -> tuple[IrValue, IrValue]:
        """Mean and variance of each channel."""
        type: TensorType = x.type  # type: ignore[assignment]
        axes = [axis for axis in range(type.rank) if axis != 1]
        mean = writer.mean(x, axes)
        centred = writer.value(SubF, x, writer.along(mean, type, 1))
        variance = writer.mean(writer.value(MulF, centred, centred), axes)
        # n / (n - 1) of the biased variance is the unbiased one; of one number, which fit refuses, it is 0
        count, one = writer.number(x, axes, mean.type), writer.full(1.0, mean.type)
        others = writer.value(MaximumF, writer.value(SubF, count, one), one)
        unbiased = writer.value(MulF, variance, writer.value(DivF, count, others))

        batches = writer.followed(self, _COUNT)
        batches = writer.add(batches, writer.full(1.0, batches.type))
        writer.follow(self, _COUNT, batches, batches, 1.0)

        def running(name: str, now: IrValue, seen: IrValue) -> IrValue:
            if self.momentum is not None:
                return writer.follow(self, name, now, seen, self.momentum)
            before = writer.followed(self, name)
            part = writer.value(DivF, writer.value(SubF, seen, before), writer.along(batches, seen.type))
            return writer.follow(self, name, now, writer.add(before, part), 1.0)

        return running("running_mean", mean, mean), running("running_var", variance, unbiased)


class LayerNorm(Layer):
    """``LayerNorm()``: PyTorch's ``LayerNorm`` over the last dimension, or over the last ones, of a given shape.

    y = (x - mean) / sqrt(variance + eps) * weight + bias, with the mean and the (biased) variance of each sample's own
    elements. ``weight`` and ``bias`` have the shape that is normalised.
    """

    kind = "LayerNorm"
    spellings: ClassVar = {"epsilon": "eps", "elementwiseaffine": "affine"}

    def __init__(self, normalized_shape: Any = None, eps: float = 1e-5, affine: bool = True, name: str | None = None):
        what = "normalized_shape of LayerNorm"
        self.normalized_shape = None if normalized_shape is None else arguments.shape(normalized_shape, what)
        self.eps = arguments.number(eps, "eps of LayerNorm", 0.0)
        self.affine = arguments.switch(affine, "affine of LayerNorm")
        self.name = arguments.name(name, "LayerNorm")

    def _shape(self, given: Spec) -> tuple[int, ...]:
        """The shape that is normalised."""
        wanted = given.shape[-1:] if self.normalized_shape is None else self.normalized_shape
        fits = bool(wanted) and given.shape[-len(wanted) :] == wanted and not given.integer
        if not fits or not all(isinstance(size, int) for size in wanted):
            shown = "of a known size" if self.normalized_shape is None else f"that are {Spec(wanted)}"
            raise Misfit(f"takes real numbers with last dimensions {shown}, but {given} came in")
        return wanted  # type: ignore[return-value]

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        self._shape(inputs[0])
        return [inputs[0]]

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        shape = self._shape(inputs[0])
        return [Weight("weight", shape, ONE), Weight("bias", shape, ZERO)] if self.affine else []

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        x = writer[applied.operands[0]]
        type: TensorType = x.type  # type: ignore[assignment]
        count = len(self._shape(applied.operands[0].known))
        axes, kept = range(type.rank - count, type.rank), range(type.rank - count)
        mean = writer.mean(x, list(axes))
        centred = writer.value(SubF, x, writer.along(mean, type, *kept))
        variance = writer.mean(writer.value(MulF, centred, centred), list(axes))
        steady = writer.value(AddF, variance, writer.full(self.eps, variance.type))
        scale = writer.value(RSqrt, steady)
        y = writer.value(MulF, centred, writer.along(scale, type, *kept))
        if self.affine:
            y = writer.value(MulF, y, writer.along(writer.weight(self, "weight"), type, *axes))
            y = writer.add(y, writer.along(writer.weight(self, "bias"), type, *axes))
        return [y]
