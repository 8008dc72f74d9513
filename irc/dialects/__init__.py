"""The dialects: one file (or package) each, with every op's whole specification."""

from importlib import import_module

from irc.ir.dialect import Context, Dialect

NAMES = ("builtin", "func", "arith", "math", "neuron", "array", "loop")
"""All dialects, from the general to the particular."""


def load(name: str) -> Dialect:
    """The dialect that ``irc/dialects/<name>`` defines."""
    return import_module(f"irc.dialects.{name}").DIALECT


CONTEXT = Context(NAMES, load)
"""All dialects of the compiler; a dialect's file is read when a text first uses it."""
