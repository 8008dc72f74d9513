"""A compiler for neural nets given as graphs: native forward and backward kernels, every level readable.

    net = irc.compile("nn00.nal")
    y = net.run(x)
    y, gradients = net.vjp(x, dy)
"""

from irc.compiler import compile
from irc.conversion import convert, to_array, to_networkx, to_sparse
from irc.dialects.builtin import ModuleOp
from irc.ir.diagnostics import Diagnostic, DiagnosticWarning, Error
from irc.model import Gradients, Net
from irc.parameters import Parameters
from irc.text.parser import parse_module as parse

__all__ = [
    "Diagnostic",
    "DiagnosticWarning",
    "Error",
    "Gradients",
    "ModuleOp",
    "Net",
    "Parameters",
    "compile",
    "convert",
    "parse",
    "to_array",
    "to_networkx",
    "to_sparse",
]
__version__ = "0.1.0"
