"""What an MDL text says, as a tree. Every word knows its offset in the text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A name, a number or a sign; the end of the text is an empty word."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Function:
    """``<name, parameter>`` of a layer, or ``name parameter parameter`` of the header."""

    name: Word
    parameters: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """``(name, width, <function>, <function>)``."""

    name: Word
    width: Word
    functions: tuple[Function, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """``{name, source, operation}``."""

    name: Word
    source: Word
    operation: Word


@dataclass(frozen=True, slots=True)
class Branch:
    """One of the branches of a split; ``offset`` is where it begins."""

    nodes: tuple[Node, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Split:
    """``[name, branch | branch]``; ``[name]`` has no branches."""

    name: Word
    branches: tuple[Branch, ...]


Node = Layer | Merge | Split


@dataclass(frozen=True, slots=True)
class Model:
    """A whole text: the functions of its header, and the nodes of its main chain."""

    header: tuple[Function, ...]
    nodes: tuple[Node, ...]
