"""The default pipelines, as lists. Each is text that ``irc-opt -p`` reads.

A stage that finds nothing of its level does nothing, so a module may enter at any level.
"""

from __future__ import annotations

NEURON = ["dce", "canonicalize", "cse", "group-neurons", "lower-neuron", "inline"]
"""The graph as drawn: what is dead is reported, equal neurons merge, irregular nets become data; then neuron ->
array, and nets that are parts of others become part of their code.
"""

RECOVERED = ["dce", "canonicalize", "cse", "group-neurons", "recover-structure", "lower-neuron", "inline"]
"""In place of NEURON: dense blocks of irregular nets become layers, at the price of code that belongs to one graph."""

EXPLODED = ["dce", "canonicalize", "cse", "explode-neurons{most=1000}", "lower-neuron", "inline"]
"""In place of NEURON: each neuron is code of its own, without loops over edges. A million edges would take an hour."""

ARRAY = ["canonicalize", "cse", "dce", "choose-layouts", "fuse", "transpose-graphs", "lower-array"]
"""Whole arrays: simplified, samples innermost where there are images, grouped into loop nests, graphs at hand by source
where gradients want them; then array -> loop.
"""

LOOP = [
    *("canonicalize", "cse", "merge-kernels", "vectorize", "licm", "expand-math", "canonicalize", "cse", "dce"),
    *("parallelize", "plan-memory"),
]
"""Loops over buffers: equal ones merged, widened, hoisted, functions of mathematics spelled out, what threads may share
marked, memory planned; then LLVM.
"""

AUTODIFF = ["canonicalize", "cse", "autodiff"]
"""Adds the gradients, between neuron and array."""

ONE_SAMPLE = ["specialize{symbols=B=1 bound=false}"]
"""In front of ARRAY: code for a batch of one, which is scalar, as there is nothing to put in the lanes of vectors."""

INFERENCE = ",".join([*NEURON, *ARRAY, *LOOP])
"""Forward only."""

TRAINING = ",".join([*NEURON, *AUTODIFF, *ARRAY, *LOOP])
"""Forward, and the joint function of value and gradients."""

PIPELINES = {
    "data": (INFERENCE, TRAINING),
    "recover": (",".join([*RECOVERED, *ARRAY, *LOOP]), ",".join([*RECOVERED, *AUTODIFF, *ARRAY, *LOOP])),
    "code": (",".join([*EXPLODED, *ARRAY, *LOOP]), ",".join([*EXPLODED, *AUTODIFF, *ARRAY, *LOOP])),
}
"""What ``structure=`` of ``irc.compile`` chooses from, inference and training: the graph as data, its dense blocks
recovered, or the whole graph as code.
"""

ONE_SAMPLE_PIPELINES = {
    "data": (
        ",".join([*NEURON, *ONE_SAMPLE, *ARRAY, *LOOP]),
        ",".join([*NEURON, *AUTODIFF, *ONE_SAMPLE, *ARRAY, *LOOP]),
    ),
    "recover": (
        ",".join([*RECOVERED, *ONE_SAMPLE, *ARRAY, *LOOP]),
        ",".join([*RECOVERED, *AUTODIFF, *ONE_SAMPLE, *ARRAY, *LOOP]),
    ),
}
"""The same for a batch of one sample."""
