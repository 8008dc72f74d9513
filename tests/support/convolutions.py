"""Convolutions and poolings: random cases, and their definition as plain loops that share nothing with the compiler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from random import Random

import numpy as np


@dataclass(frozen=True)
class Case:
    """One convolution, or, with a ``kind``, one pooling (of ``channels``; ``filters`` and ``groups`` mean nothing)."""

    image: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    channels: int = 1
    filters: int = 1
    groups: int = 1
    kind: str = ""
    layout: str = "bchw"
    dtype: str = "f32"

    def __str__(self) -> str:
        sizes = (self.image, self.kernel, self.stride, self.padding, self.dilation)
        shown = " ".join(f"{letter}{a}x{b}" for letter, (a, b) in zip("ikspd", sizes, strict=True))
        return f"{self.kind or self.filters} of {self.channels} g{self.groups} {shown} {self.layout} {self.dtype}"

    @property
    def counts(self) -> tuple[int, ...]:
        """Rows and columns of the result."""
        sizes = zip(self.image, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)

    @property
    def is_sound(self) -> bool:
        """Whether the kernel fits into the image."""
        sizes = zip(self.image, self.kernel, self.padding, self.dilation, strict=True)
        return all(n + 2 * p >= d * (k - 1) + 1 for n, k, p, d in sizes)

    @property
    def weights(self) -> tuple[int, ...]:
        """The shape of the filters."""
        return self.filters, self.channels // self.groups, *self.kernel

    def type(self, channels: int, size: tuple[int, ...]) -> str:
        """The type of images or feature maps."""
        sizes = dict(zip("bchw", ("B", channels, *size), strict=True))
        return f"tensor<{' x '.join(str(sizes[letter]) for letter in self.layout)} x {self.dtype}>"

    def arrange(self, array: np.ndarray) -> np.ndarray:
        """An array [b, c, h, w] in the layout."""
        return np.ascontiguousarray(np.transpose(array, ["bchw".index(letter) for letter in self.layout]))

    def text(self) -> str:
        """@f of images, and filters: the convolution or pooling."""
        x = self.type(self.channels, self.image)
        y = self.type(self.channels if self.kind else self.filters, self.counts)
        layout = "" if self.layout == "bchw" else f' {{layout = "{self.layout}"}}'
        words = f"stride {list(self.stride)} padding {list(self.padding)}"
        if self.kind:
            op = f"array.pool2d {self.kind} %x kernel {list(self.kernel)} {words}{layout} : {x}"
            return f"func.func @f(%x: {x}) -> {y} {{\n  %y = {op}\n  func.return %y : {y}\n}}"
        w = f"tensor<{'x'.join(map(str, self.weights))}x{self.dtype}>"
        op = f"array.conv2d %x, %w {words} dilation {list(self.dilation)} groups {self.groups}{layout} : {x}, {w}"
        return f'func.func @f(%x: {x}, %w: {w} {{irc.param = "w"}}) -> {y} {{\n  %y = {op}\n  func.return %y : {y}\n}}'

    def arguments(self, batch: int, seed: int = 0) -> list[np.ndarray]:
        """Images, and filters, in float64."""
        rng = np.random.default_rng(seed)
        images = self.arrange(rng.normal(size=(batch, self.channels, *self.image)))
        return [images] if self.kind else [images, rng.normal(size=self.weights)]


def random_case(seed: int, kind: str = "", **fixed: object) -> Case:
    """A case that differs with the seed."""
    random = Random(seed)

    def pair(*choices: int) -> tuple[int, int]:
        return random.choice(choices), random.choice(choices)

    groups = random.choice([1, 1, 1, 2, 3])
    found = Case(
        image=(random.randint(1, 9), random.randint(1, 9)),
        kernel=pair(1, 2, 3, 4),
        stride=pair(1, 1, 2, 3),
        padding=pair(0, 0, 1, 3),
        dilation=(1, 1) if kind else pair(1, 1, 2, 3),
        channels=random.choice([1, 2, 5]) * groups,
        filters=random.choice([1, 3, 4, 13]) * groups,
        groups=groups,
        kind=kind,
    )
    if kind:
        found = replace(found, padding=tuple(min(p, k // 2) for p, k in zip(found.padding, found.kernel, strict=True)))
    while not found.is_sound:
        found = replace(found, image=(random.randint(1, 12), random.randint(1, 12)))
    return replace(found, **fixed)  # type: ignore[arg-type]


def forward(case: Case, x: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
    """The result for images [b, c, h, w], term by term."""
    channels = case.channels if case.kind else case.filters
    y = np.zeros((len(x), channels, *case.counts), x.dtype)
    for b, o, i, j in np.ndindex(*y.shape):
        values = []
        first = 0 if case.kind else o // (case.filters // case.groups) * (case.channels // case.groups)
        for c in [o] if case.kind else range(case.channels // case.groups):
            for k, m in product(*map(range, case.kernel)):
                h = i * case.stride[0] - case.padding[0] + k * case.dilation[0]
                v = j * case.stride[1] - case.padding[1] + m * case.dilation[1]
                if 0 <= h < case.image[0] and 0 <= v < case.image[1]:
                    values.append(x[b, c, h, v] if w is None else x[b, first + c, h, v] * w[o, c, k, m])
        if case.kind == "max":
            y[b, o, i, j] = max(values)
        else:
            y[b, o, i, j] = sum(values) / (case.kernel[0] * case.kernel[1] if case.kind else 1)
    return y
