"""The text of patterns on grids: ``1x28x28, 20, 5x5, stride 2x2, padding 1x1``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from irc.dialects.array.windows import Pair

Grid = tuple[int, int, int]
"""Channels, rows and columns. The value of a grid is its row-major flattening."""


def parse(body: str, form: Sequence[tuple[str, int]], options: Mapping[str, tuple[int, int]]) -> list:
    """Read the text of an attribute.

    ``form``: what must stand first, in order: its name, and of how many numbers it is. ``options``: words with numbers
    behind them, how many, and the least that they may be. Gives a tuple (or a number) for each of ``form``, then for
    each option, None for one that is not there. ValueError where the text is something else.
    """
    parts = [part.strip() for part in body.split(",")]
    if len(parts) < len(form):
        raise ValueError(f"expected <{', '.join(name for name, _ in form)}>, got <{body}>")
    found: list = [_numbers(text, name, count, 1) for (name, count), text in zip(form, parts, strict=False)]
    given: dict[str, int | tuple[int, ...]] = {}
    for part in parts[len(form) :]:
        word, _, text = part.partition(" ")
        if word not in options or word in given:
            raise ValueError(f"expected one of {', '.join(options)}, each once, got '{part}'")
        given[word] = _numbers(text.strip(), word, *options[word])
    return [*found, *(given.get(word) for word in options)]


def _numbers(text: str, name: str, count: int, least: int) -> int | tuple[int, ...]:
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    shaped = re.fullmatch(r"\d{1,9}" + r"x\d{1,9}" * (count - 1), text)
    if not shaped or min(numbers) < least:
        kind = "positive integers" if least else "integers"
        example = "x".join("3" * count)
        raise ValueError(f"{name} must be {kind} such as {example}, not '{text}'")
    return tuple(numbers) if count > 1 else numbers[0]


def shown(numbers: Iterable[int]) -> str:
    """``5x5``."""
    return "x".join(map(str, numbers))


def options_text(**given: tuple[Pair | int, Pair | int]) -> str:
    """Those options, with the comma in front, whose value (first) is not what its absence means (second)."""
    parts = [f", {word} {_text(value)}" for word, (value, usual) in given.items() if value != usual]
    return "".join(parts)


def _text(value: Pair | int) -> str:
    return str(value) if isinstance(value, int) else shown(value)
