"""Native calls with every array inside larger memory, to see that nothing around an array is written, or read into a
result.

Each array of a call (inputs, parameters, bound arrays, outputs, workspace) stands in memory of its own between two
fences of a known pattern. The call runs once for each pattern, NaNs of several kinds among them: a byte of a fence that
has changed was written, and a result that differs from one pattern to the next has been read from outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from irc.backend.address import address_of
from irc.backend.entry import Function

FENCE = 4096
"""Bytes before and behind each array: more than a block of 64 samples of float64 in eight rows."""
PATTERNS = (0x00, 0x5A, 0x7F, 0xFF)
"""What each byte of a fence is: 0x7F7F... is a large number, 0xFFFF... a NaN, and -1 as an index."""


class Fenced:
    """An array of ``shape`` and ``dtype`` between two fences of one pattern; where it begins is 64 bytes aligned."""

    def __init__(self, shape: Sequence[int], dtype: np.dtype, pattern: int):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = np.full(size + 2 * FENCE + 64, pattern, np.uint8)
        self._memory, self._pattern = memory, pattern
        self._begin = FENCE + -address_of(memory) % 64
        self._end = self._begin + size
        self.bytes = memory[self._begin : self._end]
        self.array = self.bytes.view(dtype).reshape(shape)

    @classmethod
    def copy(cls, array: np.ndarray, pattern: int) -> Fenced:
        """The same numbers between fences."""
        made = cls(array.shape, array.dtype, pattern)
        made.array[...] = array
        return made

    @property
    def intact(self) -> bool:
        """Whether both fences are as they were."""
        around = (self._memory[: self._begin], self._memory[self._end :])
        return all(bool((fence == self._pattern).all()) for fence in around)


def fenced_call(
    function: Function, inputs: Sequence[np.ndarray], bound: Mapping[str, np.ndarray] | None = None, threads: int = 1
) -> list[np.ndarray]:
    """The results of a call, found to be the same bits for every pattern, with no fence broken and no input changed.

    ``bound``: other bound arrays than the function has. What the outputs and the workspace hold before is a pattern, so
    every number of a result must be written, and nothing may be read from the workspace that was not written.
    """
    found: list[list[np.ndarray]] = []
    for pattern in PATTERNS:
        results = _call(function, inputs, {**function.bound, **(bound or {})}, pattern, threads)
        for before, now in zip(found[0] if found else results, results, strict=True):
            assert before.tobytes() == now.tobytes(), f"a result depends on what is around arrays ({pattern:#x})"
        found.append(results)
    return found[0]


def _call(
    function: Function, inputs: Sequence[np.ndarray], bound: Mapping[str, np.ndarray], pattern: int, threads: int
) -> list[np.ndarray]:
    tied = {name: Fenced.copy(array, pattern) for name, array in bound.items()}
    given = [Fenced.copy(np.asarray(value), pattern) for value in inputs]
    called = function.bind({name: fenced.array for name, fenced in tied.items()})
    arrays, plan = called.checked([fenced.array for fenced in given])
    kinds = [argument.dtype for argument in called.signature.outputs()]
    outputs = [Fenced(shape, dtype, pattern) for shape, dtype in zip(plan.outputs, kinds, strict=True)]
    workspace = Fenced([plan.workspace], np.dtype(np.uint8), pattern)
    called._workspaces.append((workspace.bytes, address_of(workspace.bytes)))
    called.run(arrays, called.outputs(plan, arrays, [fenced.array for fenced in outputs]), threads)
    names = [*tied, *(f"input {n}" for n in range(len(given))), *(f"output {n}" for n in range(len(outputs)))]
    for name, fenced in zip([*names, "workspace"], [*tied.values(), *given, *outputs, workspace], strict=True):
        assert fenced.intact, f"written outside of {name}"
    assert called._workspaces[-1][0] is workspace.bytes, "another workspace was used"
    for name, fenced, array in zip(names, [*tied.values(), *given], [*bound.values(), *inputs], strict=False):
        assert fenced.array.tobytes() == np.asarray(array).tobytes(), f"{name} has changed"
    return [fenced.array for fenced in outputs]
