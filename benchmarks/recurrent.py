"""Recurrent models: microseconds of a step of training (SGD, mse) and of an inference, and the time to compile them.

python benchmarks/recurrent.py FRAMEWORK [--quick] [--threads N]

FRAMEWORK is irc, jax or torch: a file ``peers/recurrent_*.py`` each. A framework may have several ways to do it, of
which the best counts. Outputs are compared with NumPy in float64, and the losses of the first steps of training with
those of our net in float64, before anything is timed. *compile*: from the source to the first result, imports apart.
"""

from __future__ import annotations

import warnings

from models import Case
from ways import main

import irc

CASES = [
    ("small", 32, 1),
    ("small", 32, 64),
    ("lstm", 32, 1),
    ("lstm", 32, 64),
    ("64 to 256", 64, 16),
    ("LSTM 64 to 256", 64, 16),
    ("RNN 96 to 128", 64, 32),
]
"""Model, steps, streams."""


if __name__ == "__main__":
    warnings.simplefilter("ignore", irc.DiagnosticWarning)
    main(__doc__, "recurrent", Case.of, CASES, CASES[0])
