"""The neuron level: a net as its user drew it, per sample.

A weight is an identity: each edge names a parameter index, and equal indices are one shared parameter. Three forms have
one meaning: a ``neuron.node`` for each neuron, a ``neuron.layer`` for neurons whose edges follow a pattern, and a
``neuron.dag`` that holds an irregular graph as data. ``neuron.gather`` stands where they meet. A cycle goes through
``neuron.delay``, the value of the step before.
"""

from irc.dialects.neuron.conv2d import Conv2d
from irc.dialects.neuron.conv_transpose2d import ConvTranspose2d
from irc.dialects.neuron.dag import Dag
from irc.dialects.neuron.delay import Delay
from irc.dialects.neuron.edges import Dense, OneToOne
from irc.dialects.neuron.gather import Gather
from irc.dialects.neuron.layer import Layer
from irc.dialects.neuron.net import Call, Net, Output
from irc.dialects.neuron.node import Delta, Merge, Node, Share
from irc.dialects.neuron.parameters import parameter_fan_in, parameter_names
from irc.dialects.neuron.pool2d import Pool2d
from irc.dialects.neuron.tensor import Tensor
from irc.ir.dialect import Dialect

DIALECT = Dialect(
    "neuron",
    operations=(Net, Output, Call, Node, Delta, Share, Merge, Layer, Dag, Gather, Delay),
    attributes=(Dense, OneToOne, Conv2d, ConvTranspose2d, Pool2d, Tensor),
    doc=__doc__ or "",
)

__all__ = [
    "DIALECT", "Call", "Conv2d", "ConvTranspose2d", "Dag", "Delay", "Delta", "Dense", "Gather", "Layer", "Merge", "Net",
    "Node", "OneToOne", "Output", "Pool2d", "Share", "Tensor", "parameter_fan_in", "parameter_names",
]  # fmt: skip
