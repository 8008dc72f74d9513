"""The default pipelines, as lists. Each is text that ``irc-opt -p`` reads.

A stage that finds nothing of its level does nothing, so a module may enter at any level.
"""

from __future__ import annotations

NEURON = ["dce", "canonicalize", "cse", "group-neurons", "lower-neuron"]
"""The graph as drawn: what is dead is reported, equal neurons merge, irregular nets become data; then neuron ->
array.
"""

ARRAY = ["canonicalize", "cse", "dce", "fuse", "lower-array"]
"""Whole arrays: simplified, grouped into loop nests; then array -> loop."""

LOOP = ["canonicalize", "cse", "vectorize", "licm", "expand-math", "canonicalize", "cse", "dce", "plan-memory"]
"""Loops over buffers: widened, hoisted, functions of mathematics spelled out, memory planned; then LLVM."""

INFERENCE = ",".join([*NEURON, *ARRAY, *LOOP])
"""Forward only."""

TRAINING = ",".join([*NEURON, "canonicalize", "cse", "autodiff", *ARRAY, *LOOP])
"""Forward, and the joint function of value and gradients."""
