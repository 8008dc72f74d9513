"""Work on images gets the samples innermost: side by side in memory, so that each lane of a vector is a sample.

Convolutions and poolings of several samples become those of the layout ``chwb``, and what is between them follows:
elementwise ops, broadcasts, sums, reshapes of all but the batch. Where other ops want the usual order, or give it, a
transpose stands. One sample, or a few of a known number, stay as they are: they would leave lanes empty. So does all
work on images where most of it is on such as do not fit into the cache, a vector of samples of them: one by one they
do, and pixels are in the lanes then.

Before:

```mlir
func.func @f(%x: tensor<B x 16 x f32>, %w: tensor<2x1x3x3xf32>) -> tensor<B x 2 x 2 x 2 x f32> {
  %0 = array.reshape %x : tensor<B x 16 x f32> to tensor<B x 1 x 4 x 4 x f32>
  %1 = array.conv2d %0, %w : tensor<B x 1 x 4 x 4 x f32>, tensor<2x1x3x3xf32>
  %2 = math.tanh %1 : tensor<B x 2 x 2 x 2 x f32>
  func.return %2 : tensor<B x 2 x 2 x 2 x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<B x 16 x f32>, %w: tensor<2x1x3x3xf32>) -> tensor<B x 2 x 2 x 2 x f32> {
  %0 = array.transpose %x permutation [1, 0] : tensor<B x 16 x f32>
  %1 = array.reshape %0 : tensor<16 x B x f32> to tensor<1 x 4 x 4 x B x f32>
  %2 = array.conv2d %1, %w {layout = "chwb"} : tensor<1 x 4 x 4 x B x f32>, tensor<2x1x3x3xf32>
  %3 = math.tanh %2 : tensor<2 x 2 x 2 x B x f32>
  %4 = array.transpose %3 permutation [3, 0, 1, 2] : tensor<2 x 2 x 2 x B x f32>
  func.return %4 : tensor<B x 2 x 2 x 2 x f32>
}
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from irc.backend.target import Target
from irc.dialects.array import Broadcast, Cast, Full, Reduce, Reshape, Transpose
from irc.dialects.array.conv2d import Convolution
from irc.dialects.array.images import CANONICAL, layout_of
from irc.dialects.array.pool2d import Pooling
from irc.dialects.array.syntax import integers, tensor
from irc.dialects.builtin import ModuleOp
from irc.ir.attributes import StringAttr
from irc.ir.builder import Builder
from irc.ir.operation import Block, Operation, Value
from irc.ir.rewriting import is_dead
from irc.ir.traits import ELEMENTWISE, has
from irc.ir.types import TensorType
from irc.passmanager import Pass, PassContext

INNERMOST = "chwb"
"""The layout that is chosen."""
CACHE = 1 << 19
"""Bytes of images that stay at hand while their windows are gone through for one filter after another: half of the
second-level cache of most processors."""


@dataclass(frozen=True)
class ChooseLayouts(Pass):
    """Samples innermost for work on images of at least ``least`` samples; an unknown number of them is enough."""

    name = "choose-layouts"
    least: int = 8

    def run(self, module: ModuleOp, context: PassContext) -> None:
        blocks = [block for op in module.walk() for region in op.regions for block in region.blocks]
        for block in blocks:
            images = [op for op in block if isinstance(op, (Convolution, Pooling)) and self._suits(op)]
            if images and _fit_into_cache(images, context.target):
                _Moved(block).run()
                context.count("convolutions and poolings moved", len(images))

    def _suits(self, op: Convolution | Pooling) -> bool:
        batch = _batch_type(op).shape[0]
        return layout_of(op.attributes) == CANONICAL and (not isinstance(batch, int) or batch >= self.least)


def _fit_into_cache(ops: Sequence[Operation], target: Target) -> bool:
    """Whether most multiply-adds are of convolutions whose images, for a vector of samples, fit into the cache."""
    work = {True: 0, False: 0}
    for op in ops:
        if isinstance(op, Convolution):
            (_, *image), (_, *maps) = (_known(op.role(name)) for name in "xy")
            element = op.role("x").scalar
            size = prod(image) * target.lanes(element) * element.bytes
            work[size <= CACHE] += prod(maps) * prod(_known(op.role("w"))[1:])
    return work[True] >= work[False]


def _known(type: TensorType) -> list[int]:
    """The sizes of a type; 1 for one that is not known, that of the batch."""
    return [n if isinstance(n, int) else 1 for n in type.shape]


def _batch_type(op: Convolution | Pooling) -> TensorType:
    """The type of the images, or of the feature maps, of an op."""
    return op.role("x") if isinstance(op, Convolution) else op.operands[0].type  # type: ignore[return-value]


class _Moved:
    """One block. ``twins``: for values with the batch in front the same with the batch at the end."""

    def __init__(self, block: Block):
        self.block = block
        self.twins: dict[Value, Value] = {}

    def run(self) -> None:
        """Rewrite the ops in order, then remove what is not used any more."""
        for op in list(self.block):
            new = self._with_twin(op)
            if new is not None:
                self._replace(op, new)
        for op in reversed(self.block):
            if is_dead(op):
                op.erase()

    def _replace(self, op: Operation, new: Operation) -> None:
        """Others read the result as it was: the same where the batch is gone, else by a transpose."""
        result, twin = op.result, new.result
        twin.name_hint = result.name_hint
        if self._is_filters(op, len(op.operands)) or (isinstance(op, Reduce) and 0 in op.axes):
            op.replace_by([twin])
            return
        rank = tensor(twin.type).rank
        back = Builder.after(new).value(Transpose, twin, permutation=[rank - 1, *range(rank - 1)])
        op.replace_by([back])
        self.twins[back] = twin

    def _with_twin(self, op: Operation) -> Operation | None:
        """The op on values with the batch at the end, if it is one that moves."""
        builder = Builder.before(op)
        if isinstance(op, (Convolution, Pooling)):
            if layout_of(op.attributes) != CANONICAL:
                return None
            operands = [v if self._is_filters(op, n) else self._twin(v) for n, v in enumerate(op.operands)]
            kept = self._is_filters(op, len(op.operands))
            result = op.result.type if kept else _moved(tensor(op.result.type))
            attributes = {**op.attributes, "layout": StringAttr(INNERMOST)}
            return builder.insert(type(op)(operands, [result], attributes, location=op.location))
        if not any(value in self.twins for value in op.operands):
            return None
        if isinstance(op, Reshape):
            kept = op.source.type.shape[0] == op.output.type.shape[0] if op.output.type.rank else False
            return _rebuilt(builder, op, [self.twins[op.source]], _moved(op.output.type)) if kept else None
        if isinstance(op, Reduce):
            return self._reduce(builder, op)
        if (has(op, ELEMENTWISE) or isinstance(op, Cast)) and _one_shape(op):
            return _rebuilt(builder, op, [self._twin(v) for v in op.operands], _moved(tensor(op.result.type)))
        return None

    def _is_filters(self, op: Operation, number: int) -> bool:
        """Whether an operand, or the result after them, has no batch."""
        return isinstance(op, Convolution) and op.roles[number] == "w"

    def _reduce(self, builder: Builder, op: Reduce) -> Operation:
        rank = op.source.type.rank
        dims = sorted((d - 1) % rank for d in op.axes)
        type = op.result.type if 0 in op.axes else _moved(tensor(op.result.type))
        return builder.create(Reduce, self.twins[op.source], kind=op.kind, dims=dims, result_types=[type])

    def _twin(self, value: Value) -> Value:
        """A value with the batch at the end."""
        found = self.twins.get(value)
        if found is None:
            found = self.twins[value] = self._made(value)
        return found

    def _made(self, value: Value) -> Value:
        op = value.defining_op()
        builder = Builder.after(op) if op is not None else Builder(self.block, self.block.first)
        type = _moved(tensor(value.type))
        if isinstance(op, Full):
            return _rebuilt(builder, op, [], type).result
        if isinstance(op, Reshape) and op.source.type.rank and op.source.type.shape[0] == type.shape[-1]:
            return _rebuilt(builder, op, [self._twin(op.source)], type).result
        if isinstance(op, Broadcast):
            dims = integers(op.dims, "dims")
            last = type.rank - 1
            if 0 not in dims:
                moved = [d - 1 for d in dims]
                return builder.value(Broadcast, op.source, dims=moved, result_types=[type])
            moved = [*(d - 1 for d in dims[1:]), last]
            return builder.value(Broadcast, self._twin(op.source), dims=moved, result_types=[type])
        if type.rank == 1:
            return value
        return builder.value(Transpose, value, permutation=[*range(1, type.rank), 0])


def _rebuilt(builder: Builder, op: Operation, operands: Sequence[Value], result: TensorType) -> Operation:
    """The same op on other values."""
    return builder.insert(type(op)(list(operands), [result], op.attributes, location=op.location))


def _moved(type: TensorType) -> TensorType:
    """The type with the batch at the end."""
    return TensorType([*type.shape[1:], type.shape[0]], type.element)


def _one_shape(op: Operation) -> bool:
    """Whether all operands and the result of an op are tensors of one shape."""
    shapes = {v.type.shape if isinstance(v.type, TensorType) else None for v in (*op.operands, *op.results)}
    return len(shapes) == 1 and None not in shapes
