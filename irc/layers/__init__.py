"""Nets as layers: layers, functions, and three ways to put them together (see ``irc.layers.model``).

Shapes are without the batch, which is always the first dimension of the arrays. Layers are defined as PyTorch defines
them, their parameters are called and shaped as there, and inputs of layers follow from what comes in.
"""

from irc.layers.activation import (
    activate,
    elu,
    gelu,
    identity,
    leaky_relu,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    swish,
    tanh,
)
from irc.layers.arithmetic import matmul, max, mean, sum
from irc.layers.convolution import Conv2D, ConvTranspose2D
from irc.layers.dropout import Dropout
from irc.layers.embedding import Embedding
from irc.layers.function import Function, Initial, Layer, Weight, constant, normal, uniform
from irc.layers.graph import GCN
from irc.layers.linear import Linear
from irc.layers.model import Buildable, Input, Model, Module, Sequential, integers
from irc.layers.movement import Flatten, concat, flatten, permute, reshape, squeeze, stack, unsqueeze
from irc.layers.normalization import BatchNorm, LayerNorm
from irc.layers.pooling import AvgPool2D, GlobalAvgPool2D, GlobalMaxPool2D, MaxPool2D
from irc.layers.recurrent import GRU, LSTM, RNN
from irc.layers.to_ir import to_module
from irc.layers.trace import Trace
from irc.layers.value import Spec, Value

__all__ = [
    "AvgPool2D", "BatchNorm", "Buildable", "Conv2D", "ConvTranspose2D", "Dropout", "Embedding", "Flatten", "Function",
    "GCN", "GRU", "GlobalAvgPool2D", "GlobalMaxPool2D", "Initial", "Input", "LSTM", "Layer", "LayerNorm", "Linear",
    "MaxPool2D", "Model", "Module", "RNN", "Sequential", "Spec", "Trace", "Value", "Weight", "activate", "concat",
    "constant", "elu", "flatten", "gelu", "identity", "integers", "leaky_relu", "matmul", "max", "mean", "normal",
    "permute", "relu", "reshape", "selu", "sigmoid", "silu", "softmax", "squeeze", "stack", "sum", "swish", "tanh",
    "to_module", "uniform", "unsqueeze",
]  # fmt: skip
