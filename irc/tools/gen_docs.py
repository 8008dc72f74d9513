"""Writes ``docs/dialects/*.md``, the language reference, from the op classes. ``make docs`` runs it; a test keeps it
current.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from irc.dialects import CONTEXT
from irc.ir.attributes import Attribute
from irc.ir.dialect import Dialect
from irc.ir.operation import Operation
from irc.ir.spec import Spec


def page(dialect: Dialect) -> str:
    """The reference page of a dialect."""
    lines = [f"# Dialect `{dialect.name}`", "", "Generated from the op classes by `make docs`.", ""]
    if dialect.doc:
        lines += [inspect.cleandoc(dialect.doc), ""]
    for kind, classes in (("Types", dialect.types), ("Attributes", dialect.attributes)):
        if classes:
            lines += [f"## {kind}", ""]
            for cls in sorted(classes, key=lambda c: c.name):
                mark = "!" if kind == "Types" else "#"
                lines += [f"### `{mark}{cls.name}`", "", inspect.cleandoc(cls.__doc__ or ""), ""]
    lines += ["## Operations", ""]
    for op in sorted(dialect.operations, key=lambda c: c.name):
        lines += operation(op)
    return "\n".join(lines).rstrip() + "\n"


def operation(op: type[Operation]) -> list[str]:
    """The section of an op."""
    lines = [f"### `{op.name}`", "", inspect.cleandoc(op.__doc__ or ""), ""]
    if op.assembly:
        lines += [f"Form: `` {op.name} {op.assembly} ``", ""]
    rows = fields(op.spec)
    if rows:
        lines += ["| | name | what | |", "|---|---|---|---|", *rows, ""]
    facts = sorted(trait.name for trait in op.traits)
    if op.vjp is not Operation.vjp:
        facts.append("differentiable")
    if facts:
        lines += [f"Traits: {', '.join(facts)}.", ""]
    return lines


def fields(spec: Spec) -> list[str]:
    """Table rows of the declared operands, results, attributes and regions."""
    rows = []
    for title, declared in (("operand", spec.operands), ("result", spec.results)):
        for field in declared:
            many = "any number: " if field.variadic else ""
            rows.append(f"| {title} | `{field.name}` | {many}{field.constraint.description} | {field.doc} |")
    for attribute in spec.attributes.values():
        kinds = attribute.kind if isinstance(attribute.kind, tuple) else (attribute.kind,)
        shown = " or ".join(_kind(kind) for kind in kinds)
        absent = f", default `{attribute.default}`" if attribute.default is not None else ", optional"
        rows.append(
            f"| attribute | `{attribute.name}` | {shown}{absent if attribute.optional else ''} | {attribute.doc} |"
        )
    rows += [f"| region | `{region.name}` | | {region.doc} |" for region in spec.regions]
    return rows


def _kind(kind: type[Attribute]) -> str:
    if kind.name:
        return f"`#{kind.name}`"
    return "any" if kind is Attribute else kind.__name__.removesuffix("Attr").lower()


def pages() -> dict[str, str]:
    """All pages: file name -> contents."""
    made = {}
    for name in CONTEXT.names:
        dialect = CONTEXT.dialect(name)
        assert dialect is not None
        made[f"{name}.md"] = page(dialect)
    return made


def main() -> int:
    """Write the pages into the directory given, or ``docs/dialects``."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/dialects")
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
