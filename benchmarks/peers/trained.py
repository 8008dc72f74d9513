"""Ours: nets with the parameters of a case, and the native step that ``fit`` calls for each batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import irc
from irc.passes.pipelines import TRAINING
from irc.passmanager import parse_pipeline
from irc.training.losses import find_loss
from irc.training.memory import Memory
from irc.training.recipes import step_recipe
from irc.training.step import NativeStep


def import_passes() -> None:
    """So that no compilation counts that."""
    parse_pipeline(TRAINING)


def net_of(source: Any, parameters: Mapping[str, np.ndarray], threads: int, cache: Any = False) -> irc.Net:
    """A net, compiled anew."""
    net = irc.compile(source, seed=1, cache=cache, threads=threads)
    for name, value in parameters.items():
        net.params[name] = value
    return net


def step_of(net: irc.Net, loss: str, rate: float, one_sample: bool) -> NativeStep:
    """A step of SGD, compiled anew; ``one_sample``: with code for one sample or stream."""
    optimizer = irc.SGD(rate)
    kernel = net.made(step_recipe(find_loss(loss), optimizer, one_sample=one_sample))
    return NativeStep(kernel, optimizer, net.params.flat, Memory(optimizer), threads=net.threads)
