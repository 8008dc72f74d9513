"""Writes what the documentation takes from the code: the reference of all ops (``docs/dialects/*.md``), from the
classes, and the tables of ``docs/numerics.md``. ``make docs`` runs it; a test keeps both current.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Mapping
from math import isinf, log2
from pathlib import Path

from irc.dialects import CONTEXT
from irc.ir.attributes import Attribute
from irc.ir.dialect import Dialect
from irc.ir.operation import Operation
from irc.ir.spec import Spec
from irc.passes.expand_math.accuracy import ACCURACY, FAST, Accuracy

# -- dialects ----------------------------------------------------------------------------------------------------------


def page(dialect: Dialect) -> str:
    """The reference page of a dialect."""
    lines = [f"# Dialect `{dialect.name}`", "", "Generated from the op classes by `make docs`.", ""]
    if dialect.doc:
        lines += [prose(dialect.doc), ""]
    for kind, classes in (("Types", dialect.types), ("Attributes", dialect.attributes)):
        if classes:
            lines += [f"## {kind}", ""]
            for cls in sorted(classes, key=lambda c: c.name):
                mark = "!" if kind == "Types" else "#"
                lines += [f"### `{mark}{cls.name}`", "", prose(cls.__doc__), ""]
    lines += ["## Operations", ""]
    for op in sorted(dialect.operations, key=lambda c: c.name):
        lines += operation(op)
    return "\n".join(lines).rstrip() + "\n"


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: double backticks become single ones, indented examples fenced blocks."""
    return "\n\n".join(_paragraphs(inspect.cleandoc(docstring or "")))


_PROGRAM = re.compile(rf"(%[\w.]+(:\d+)?(, %[\w.]+)* = |({'|'.join(CONTEXT.names)})\.\w+ [%@(\"\w])")
"""How a line of a program begins. An example loses its indentation where all of a docstring's later lines have it."""


def _paragraphs(text: str) -> list[str]:
    found: list[str] = []
    example = False
    for part in re.split(r"\n[ \t]*\n", text):
        fenced = part.lstrip().startswith("```")
        indented = all(line.startswith("    ") for line in part.split("\n"))
        now_example = not fenced and (indented or _PROGRAM.match(part) is not None)
        if now_example and example:  # blank lines inside of an example
            found[-1] = f"{found[-1].removesuffix('```')}\n{textwrap.dedent(part)}\n```"
        elif now_example:
            found.append(f"```mlir\n{textwrap.dedent(part)}\n```")
        else:
            found.append(part if fenced else part.replace("``", "`"))
        example = now_example
    return found


def operation(op: type[Operation]) -> list[str]:
    """The section of an op."""
    lines = [f"### `{op.name}`", "", prose(op.__doc__), ""]
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
            rows.append(_row(title, field.name, f"{many}{field.constraint.description}", field.doc))
    for attribute in spec.attributes.values():
        kinds = attribute.kind if isinstance(attribute.kind, tuple) else (attribute.kind,)
        shown = " or ".join(_kind(kind) for kind in kinds)
        absent = f", default `{attribute.default}`" if attribute.default is not None else ", optional"
        rows.append(_row("attribute", attribute.name, f"{shown}{absent if attribute.optional else ''}", attribute.doc))
    rows += [_row("region", region.name, "", region.doc) for region in spec.regions]
    return rows


def _row(*cells: str) -> str:
    title, name, what, doc = (cell.replace("|", "\\|").replace("``", "`") for cell in cells)
    return f"| {title} | `{name}` | {what} | {doc} |"


_KINDS = {
    "array": "array `[...]`",
    "dense": "elements `dense<...>`",
    "densearray": "numbers `array<type: ...>`",
    "dict": "dictionary",
    "functiontype": "function type",
    "symbolref": "symbol `@name`",
    "unit": "mark: present or not",
}


def _kind(kind: type[Attribute]) -> str:
    if kind.name:
        return f"`#{kind.name}`"
    name = kind.__name__.removesuffix("Attr").lower()
    return "any" if kind is Attribute else _KINDS.get(name, name)


def pages() -> dict[str, str]:
    """All pages: file name -> contents."""
    made = {}
    for name in CONTEXT.names:
        dialect = CONTEXT.dialect(name)
        assert dialect is not None
        made[f"{name}.md"] = page(dialect)
    return made


# -- tables ------------------------------------------------------------------------------------------------------------


def accuracy_table(table: Mapping[str, Mapping[str, Accuracy]], absent: str = "") -> str:
    """The error bounds of functions, a row each; ``absent`` where a type has none."""
    rows = ["| function | f32 | f64 |", "|---|---|---|"]
    for name, by_type in table.items():
        cells = [_bound(by_type[kind]) if kind in by_type else absent for kind in ("f32", "f64")]
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def _bound(accuracy: Accuracy) -> str:
    limit = "" if isinf(accuracy.up_to) else f" for \\|x\\| <= 2^{log2(accuracy.up_to):g}"
    return f"{accuracy.ulps:g}{limit}{'; 0 instead of denormal results' if accuracy.flushes else ''}"


def with_tables(text: str) -> str:
    """The text of ``docs/numerics.md`` with its tables, which stand between comments that name them."""
    tables = {"accuracy": accuracy_table(ACCURACY), "fast": accuracy_table(FAST, "as without")}
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table}\n{end}{rest.partition(end)[2]}"
    return text


def main() -> int:
    """Write into the directory given, or into ``docs``."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    (directory / "dialects").mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / "dialects" / name).write_text(text, encoding="utf-8")
    numerics = directory / "numerics.md"
    if numerics.exists():
        numerics.write_text(with_tables(numerics.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
