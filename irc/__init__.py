"""A compiler for neural nets given as graphs: native forward and backward kernels, every level readable.

    net = irc.compile("nn00.nal")
    y = net.run(x)
    y, gradients = net.vjp(x, dy)
    history = net.fit(x, t, epochs=10, optimizer=irc.Adam(0.01), loss="mse")
"""

import irc.backend.compiler_identity  # noqa: F401  # before all others of ours: it notes when that was
from irc import layers
from irc.backend.object_cache import ObjectCache
from irc.compiler import compile
from irc.conversion import convert, to_array, to_networkx, to_sparse
from irc.dialects.builtin import ModuleOp
from irc.idx import read_idx
from irc.ir.diagnostics import Diagnostic, DiagnosticWarning, Error
from irc.model import Gradients, Net
from irc.parameters import Parameters
from irc.saving import load
from irc.text.parser import parse_module as parse
from irc.training import schedules
from irc.training.callbacks import Callback, Training
from irc.training.checkpoint import Checkpoint
from irc.training.early_stopping import EarlyStopping
from irc.training.evaluation import Evaluation
from irc.training.history import History
from irc.training.optimizers import SGD, Adam, AdamW

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Callback",
    "Checkpoint",
    "Diagnostic",
    "DiagnosticWarning",
    "EarlyStopping",
    "Error",
    "Evaluation",
    "Gradients",
    "History",
    "ModuleOp",
    "Net",
    "ObjectCache",
    "Parameters",
    "Training",
    "compile",
    "convert",
    "layers",
    "load",
    "parse",
    "read_idx",
    "schedules",
    "to_array",
    "to_networkx",
    "to_sparse",
]
__version__ = "0.1.0"
