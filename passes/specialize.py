"""Binding of symbolic sizes to numbers, for code that is made for these sizes only.

Every symbol that the option ``symbols`` binds (``symbols=B=32;T=8``), and in each function those that its attribute
``irc.symbols`` binds, becomes a number in all types and in the attributes that hold sizes. A function whose sizes are
all known needs no size arguments later, and its loops have constant bounds. With ``bound=false`` the latter stay
symbols: the code serves every graph still, but only one batch, for example.

Before:

```mlir
func.func @f(%x: tensor<B x I x f32>) -> tensor<I x f32> attributes {irc.symbols = {I = 4 : i64}} {
  %s = array.reduce sum %x dims [0] : tensor<B x I x f32>
  func.return %s : tensor<I x f32>
}
```

After:

```mlir
func.func @f(%x: tensor<B x 4 x f32>) -> tensor<4 x f32> {
  %s = array.reduce sum %x dims [0] : tensor<B x 4 x f32>
  func.return %s : tensor<4 x f32>
}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from irc.dialects.builtin import ModuleOp
from irc.ir.attributes import ArrayAttr, Attribute, DictAttr, StringAttr, attribute
from irc.ir.diagnostics import fail
from irc.ir.dimensions import parse_dimension, substitute, symbol
from irc.ir.operation import Operation
from irc.ir.symbols import symbol_name, symbols_of
from irc.ir.traits import HoldsSizes
from irc.ir.types import FunctionType, Type
from irc.passmanager import Pass, PassContext, Signature

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Specialize(Pass):
    """Replace symbolic sizes by numbers: those of ``symbols`` and, with ``bound``, those of ``irc.symbols``."""

    name = "specialize"
    signature: ClassVar[Signature] = Signature.NARROWED
    symbols: tuple[str, ...] = ()
    bound: bool = True

    def run(self, module: ModuleOp, context: PassContext) -> None:
        given = dict(map(_binding, self.symbols))
        for function in symbols_of(module):
            known = _known(function)
            for name in given.keys() & known.keys():
                if given[name] != known[name]:
                    fail(
                        f"specialize: {name} = {given[name]} is asked for, but @{symbol_name(function)} has "
                        f"{name} = {known[name]}",
                        function.location,
                    )
            sizes = {**known, **given} if self.bound else given
            if not sizes:
                continue
            if "irc.symbols_args" in function.attributes:
                fail("specialize: sizes are arguments here already; specialize before lower-array", function.location)
            _specialize(function, sizes, {k: v for k, v in known.items() if k not in sizes})
            context.count("functions specialized")


def _binding(text: str) -> tuple[str, int]:
    """``B=32`` as a pair. Raises :class:`irc.Error`."""
    name, _, number = text.partition("=")
    if not name.isidentifier() or not number.isdigit():
        fail(f"specialize: expected a binding such as B=32, not '{text}'")
    symbol(name)
    return name, int(number)


def _known(function: Operation) -> dict[str, int]:
    bound = function.attributes.get("irc.symbols")
    return {k: v.value for k, v in bound.items()} if isinstance(bound, DictAttr) else {}


def _specialize(function: Operation, sizes: Sizes, left: Sizes) -> None:
    function.attributes.pop("irc.symbols", None)
    if left:
        function.attributes["irc.symbols"] = attribute(dict(left))
    for op in function.walk():
        formulas = {name for trait in op.traits if isinstance(trait, HoldsSizes) for name in trait.attributes}
        for name, value in op.attributes.items():
            op.attributes[name] = _formula(value, sizes) if name in formulas else with_sizes(value, sizes)
        for result in op.results:
            result.type = with_sizes(result.type, sizes)
        for region in op.regions:
            for block in region.blocks:
                for argument in block.arguments:
                    argument.type = with_sizes(argument.type, sizes)


def _formula(value: Attribute, sizes: Sizes) -> Attribute:
    """A size, or a list of sizes. In a list, what has become a number is written as one; alone it stays a string."""
    if isinstance(value, ArrayAttr):
        dims = [_formula(v, sizes) for v in value]
        return ArrayAttr([int(d.value) if isinstance(d, StringAttr) and d.value.isdigit() else d for d in dims])
    if isinstance(value, StringAttr):
        return StringAttr(str(substitute(parse_dimension(value.value), sizes)))
    return value


def with_sizes(value: Any, sizes: Sizes) -> Any:
    """A type or attribute with the symbols in its shapes replaced."""
    if isinstance(value, FunctionType):
        return FunctionType([with_sizes(t, sizes) for t in value.inputs], [with_sizes(t, sizes) for t in value.results])
    if isinstance(value, Type):
        shape = getattr(value, "shape", None)
        if not shape or all(isinstance(d, int) for d in shape):
            return value
        return value.with_shape(substitute(d, sizes) for d in shape)  # type: ignore[attr-defined]
    if isinstance(value, ArrayAttr):
        return ArrayAttr([with_sizes(v, sizes) for v in value])
    if isinstance(value, DictAttr):
        return DictAttr({k: with_sizes(v, sizes) for k, v in value.items()})
    return value
