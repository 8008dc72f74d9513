"""Convolutions and their gradients, in the form that suits their layout.

- ``samples``: the samples innermost, sums in registers. For several samples (the pass ``choose-layouts``).
- ``pixels``: the columns innermost, sample by sample, sums in registers. For one sample, or a few.
- ``elements``: one element at a time. For any layout.
"""

from __future__ import annotations

from irc.dialects.array.conv2d import Convolution
from irc.passes.lower_array.convolution.elements import lower_in_elements
from irc.passes.lower_array.convolution.pixels import lower_with_pixels, suits_pixels
from irc.passes.lower_array.convolution.samples import lower_with_samples, suits_samples
from irc.passes.lower_array.convolution.site import Site
from irc.passes.lower_array.lowering import Lowering


def lower_convolution(lowering: Lowering, op: Convolution) -> None:
    """Lower ``array.conv2d``, ``array.conv2d_transpose`` or ``array.conv2d_weights``."""
    site = Site(lowering, op)
    if suits_samples(site):
        lower_with_samples(site)
    elif suits_pixels(site):
        lower_with_pixels(site)
    else:
        lower_in_elements(site)
