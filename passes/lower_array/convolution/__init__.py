"""Convolutions and their gradients, in the form that suits their layout.

- ``samples``: the samples innermost, sums in registers. For several samples (the pass ``choose-layouts``).
- ``pixels``: the columns innermost, sample by sample, sums in registers. For one sample, or a few. Filters come from
  images with the filters in the lanes (``filters``).
- ``elements``: one element at a time. For any layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from irc.dialects.array.conv2d import Convolution
from irc.ir.operation import Operation, Value
from irc.passes.lower_array.convolution.elements import lower_in_elements
from irc.passes.lower_array.convolution.pixels import is_readable, lower_with_pixels, suits_pixels
from irc.passes.lower_array.convolution.samples import lower_with_samples, suits_samples
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.epilogue import Epilogue, fits, is_costly
from irc.passes.lower_array.lowering import Lowering


def lower_convolution(lowering: Lowering, op: Convolution) -> None:
    """Lower ``array.conv2d``, ``array.conv2d_transpose`` or ``array.conv2d_weights``."""
    Convolving(lowering, op).lower(None)


class Convolving:
    """One convolution, perhaps the maker of tiles of a group."""

    def __init__(self, lowering: Lowering, op: Convolution):
        self.site, self.result = Site(lowering, op), op.results[0]

    def takes(self, ops: Sequence[Operation], outputs: Sequence[Value]) -> bool:
        """Whether ops should work on tiles: functions that become long code are loops of their own."""
        pixels = suits_pixels(self.site)
        if is_costly(ops) or not (pixels or suits_samples(self.site)):
            return False
        return fits(ops, self.result, outputs, partial(is_readable, self.result) if pixels else None)

    def lower(self, epilogue: Epilogue | None) -> None:
        """Write the loops."""
        if epilogue is None:
            _ = self.site.out  # its memory stands in front of the loops
        if suits_samples(self.site):
            lower_with_samples(self.site, epilogue)
        elif suits_pixels(self.site):
            lower_with_pixels(self.site, epilogue)
        else:
            lower_in_elements(self.site)
