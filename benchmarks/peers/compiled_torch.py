"""PyTorch's compiler."""

from __future__ import annotations

import shutil
from typing import Any

import torch

THERE = shutil.which("g++") is not None
"""Whether there is a compiler for what it writes."""


def compiled(function: Any) -> Any:
    """By ``torch.compile``, which takes what it compiled for other sizes as a reason not to know them, or gives up."""
    torch.compiler.reset()
    return torch.compile(function)
