"""The array level: pure ops on whole tensors. Elementwise work is ``arith`` and ``math`` on tensors of equal type.

Nothing broadcasts by itself, and the op set is closed under differentiation. A scalar is not a tensor:
``array.broadcast`` and ``array.item`` go between ``f32`` and ``tensor<f32>``.
"""

from irc.dialects.array.contract import Contract
from irc.dialects.array.conv2d import Conv2d, Conv2dTranspose, Conv2dWeights
from irc.dialects.array.dag import Dag, DagGrad
from irc.dialects.array.detach import Detach
from irc.dialects.array.fused import Fused, Yield
from irc.dialects.array.index import Argmax, Gather, ScatterAdd
from irc.dialects.array.kind import Kind
from irc.dialects.array.pieces import Concat, Pad, Slice, Stack, Unstack
from irc.dialects.array.pool2d import Pool2d, Pool2dGradient, Pool2dPick
from irc.dialects.array.reduce import Reduce
from irc.dialects.array.scan import Scan
from irc.dialects.array.shape import Broadcast, Cast, Full, Item, Reshape, Transpose
from irc.dialects.array.sizes import Iota, Size
from irc.dialects.array.topology import Topology, check_topology
from irc.dialects.array.training import Dropout, Running
from irc.ir.dialect import Dialect

DIALECT = Dialect(
    "array",
    operations=(
        Full, Broadcast, Item, Reshape, Transpose, Cast, Detach, Dropout, Running, Size, Iota,
        Concat, Slice, Pad, Stack, Unstack,
        Gather, ScatterAdd, Argmax, Reduce, Contract,
        Conv2d, Conv2dTranspose, Conv2dWeights, Pool2d, Pool2dGradient, Pool2dPick,
        Dag, DagGrad, Fused, Scan, Yield,
    ),
    attributes=(Kind,),
    doc=__doc__ or "",
)  # fmt: skip

__all__ = [
    "DIALECT", "Argmax", "Broadcast", "Cast", "Concat", "Contract", "Conv2d", "Conv2dTranspose", "Conv2dWeights",
    "Dag", "DagGrad", "Detach", "Dropout", "Full", "Fused", "Gather", "Iota", "Item", "Kind", "Pad", "Pool2d",
    "Pool2dGradient", "Pool2dPick", "Reduce", "Reshape", "Running", "Scan", "ScatterAdd", "Size", "Slice", "Stack",
    "Topology", "Transpose", "Unstack", "Yield", "check_topology",
]  # fmt: skip
