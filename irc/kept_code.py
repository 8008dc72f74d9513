"""Native code of a module, found in a cache by what it is made from: then no pass runs, and LLVM only links.

What is kept are the heads of its functions, all that says how they are called, and each machine code that was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from irc.backend.jit import Library
from irc.backend.object_cache import ObjectCache
from irc.backend.target import Target
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.ir.locations import name_of
from irc.ir.operation import Block, Region
from irc.text.parser import parse_module


def kept_code(question: str, target: Target, cache: ObjectCache, lowered: Callable[[], ModuleOp]) -> Library | None:
    """The library whose heads were kept under a question; None if there are none. ``lowered`` makes its module anew,
    for those who want to see it, and if the machine code is not kept any more.
    """
    heads = cache.get(question)
    return None if heads is None else Library(_read_heads(heads), target, cache, question, lowered)


def keep_code(question: str, module: ModuleOp, target: Target, cache: ObjectCache) -> Library:
    """The library of a module, which others find under a question."""
    library = Library(module, target, cache, question)
    cache.put(question, _write_heads(module))
    return library


def question_of(module: ModuleOp, target: Target, *steps: str) -> str:
    """All that decides what this compiler makes of a module: its text, the names that the text may change, the target,
    and what is to be done.
    """
    names: list[str | None] = []
    for op in module.walk():
        names += [name_of(op.location), *(result.name_hint for result in op.results)]
        names += [argument.name_hint for r in op.regions for block in r.blocks for argument in block.arguments]
    return json.dumps([repr(target), steps, names, module.to_text(generic=True)])


def _write_heads(module: ModuleOp) -> bytes:
    """The functions without what they do, and the names of their arguments."""
    heads = []
    for op in module.functions:
        assert isinstance(op, FuncOp)
        head = FuncOp((), (), dict(op.attributes), [Region([Block(op.type.inputs)])])
        head.entry.append(ReturnOp())
        heads.append(head)
    names = [[argument.name_hint for argument in op.arguments] for op in module.functions]  # type: ignore[attr-defined]
    return json.dumps([names, ModuleOp.of(heads).to_text()]).encode()


def _read_heads(content: bytes) -> ModuleOp:
    names, text = json.loads(content)
    module = parse_module(text, verify=False)
    assert isinstance(module, ModuleOp)
    for op, hints in zip(module.functions, names, strict=True):
        for argument, hint in zip(op.regions[0].block.arguments, hints, strict=True):
            argument.name_hint = hint
    return module
