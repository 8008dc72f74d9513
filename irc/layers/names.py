"""Layers, functions and initialisers by name, for forms of text. Case and underscores do not count."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from irc.layers import activation, arithmetic, movement
from irc.layers.convolution import Conv2D, ConvTranspose2D
from irc.layers.dropout import Dropout
from irc.layers.embedding import Embedding
from irc.layers.function import Initial, Layer, constant, normal, rule, uniform
from irc.layers.graph import GCN
from irc.layers.linear import Linear
from irc.layers.movement import Flatten
from irc.layers.normalization import BatchNorm, LayerNorm
from irc.layers.pooling import AvgPool2D, GlobalAvgPool2D, GlobalMaxPool2D, MaxPool2D
from irc.layers.recurrent import GRU, LSTM, RNN


def folded(name: str) -> str:
    """A name as it counts."""
    return name.replace("_", "").lower()


_LAYERS: tuple[type[Layer], ...] = (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dropout,
    Embedding,
    Flatten,
    GCN,
    GRU,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    LSTM,
    LayerNorm,
    Linear,
    MaxPool2D,
    RNN,
)

LAYERS: dict[str, type[Layer]] = {
    **{folded(layer.kind): layer for layer in _LAYERS},
    **{"batchnorm1d": BatchNorm, "batchnorm2d": BatchNorm, "gcnlayer": GCN, "grulayer": GRU},
}
"""The kinds of layers by their folded names, those of other libraries too."""

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    activation.elu,
    activation.gelu,
    activation.identity,
    activation.leaky_relu,
    activation.relu,
    activation.selu,
    activation.sigmoid,
    activation.silu,
    activation.softmax,
    activation.swish,
    activation.tanh,
    arithmetic.matmul,
    arithmetic.max,
    arithmetic.mean,
    arithmetic.sum,
    movement.concat,
    movement.flatten,
    movement.permute,
    movement.reshape,
    movement.squeeze,
    movement.stack,
    movement.unsqueeze,
)

FUNCTIONS: dict[str, Callable[..., Any]] = {folded(function.__name__): function for function in _FUNCTIONS}
"""Functions of values by their folded names."""


def _fixed(name: str) -> Callable[[], Initial]:
    def made() -> Initial:
        return rule(name)

    return made


INITIALS: dict[str, Callable[..., Initial]] = {
    **{folded(made.__name__): made for made in (uniform, normal, constant)},
    **{folded(name): _fixed(name) for name in ("xavier", "he", "kaiming_normal", "lecun", "orthogonal", "zero")},
}
"""Initialisers by their folded names; where they take numbers, those may follow in brackets."""


def argument_names(called: Callable[..., Any], spellings: Mapping[str, str]) -> dict[str, str]:
    """The arguments of a layer or function that may be given by name: by folded name, other spellings too."""
    parameters = inspect.signature(called).parameters.values()
    own = {folded(p.name): p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    own.pop("name", None)
    return {**own, **spellings}


class Positions(NamedTuple):
    """The arguments that a layer or function takes by position: their names, those without which it cannot be called,
    and whether any number may follow.
    """

    names: list[str]
    needed: list[str]
    open_ended: bool


def positions(called: Callable[..., Any]) -> Positions:
    """The arguments of a layer or function by position."""
    parameters = list(inspect.signature(called).parameters.values())
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name != "name"]
    needed = [p.name for p in plain if p.default is p.empty]
    return Positions([p.name for p in plain], needed, any(p.kind is p.VAR_POSITIONAL for p in parameters))
