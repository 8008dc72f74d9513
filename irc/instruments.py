"""What can be seen of a running pipeline: dumps, times, statistics, and a reproducer when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from irc.dialects.builtin import ModuleOp
from irc.files import write_atomically
from irc.ir.diagnostics import Error
from irc.passmanager import Instrument, Pass, PassContext, PassManager
from irc.text.printer import print_module


class Dump(Instrument):
    """Prints the module before or after the named passes; ``None`` for all of them."""

    def __init__(
        self,
        stream: TextIO,
        after: Sequence[str] | None = (),
        before: Sequence[str] | None = (),
        generic: bool = False,
        elide: bool = False,
        locations: bool = False,
    ):
        self.stream = stream
        self.names = {"after": after, "before": before}
        self.form = {"generic": generic, "elide": elide, "locations": locations}

    def _dump(self, when: str, p: Pass, module: ModuleOp) -> None:
        names = self.names[when]
        if names is None or p.name in names:
            self.stream.write(f"// -----// IR {when} {p.name} //-----\n{print_module(module, **self.form)}")

    def before(self, p: Pass, module: ModuleOp) -> None:
        self._dump("before", p, module)

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        self._dump("after", p, module)


class Timing(Instrument):
    """Collects the wall time of each pass."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float]] = []

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        self.rows.append((str(p), seconds))

    def report(self) -> str:
        """A table: milliseconds, share, pass."""
        total = sum(seconds for _, seconds in self.rows)
        lines = [f"{'ms':>10} {'%':>6}  pass\n"]
        for name, seconds in self.rows:
            lines.append(f"{seconds * 1e3:10.3f} {100 * seconds / total if total else 0:6.1f}  {name}\n")
        lines.append(f"{total * 1e3:10.3f} {100.0:6.1f}  total\n")
        return "".join(lines)


class Statistics(Instrument):
    """Collects what the passes counted, and the number of ops after each."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        ops = sum(1 for _ in module.walk()) - 1
        counted = "".join(f"; {what}: {number}" for what, number in sorted(context.statistics.items()))
        self.lines.append(f"{p}: {ops} ops{counted}\n")

    def report(self) -> str:
        """One line a pass."""
        return "".join(self.lines)


class Reproducer(Instrument):
    """On failure of a pipeline, writes the module before the failing pass, with the pipeline that is left, into a
    file.
    """

    def __init__(self, path: str | None, manager: PassManager):
        self.path = path
        self.manager = manager
        self.text = ""
        self.done = 0
        if path is not None:
            manager.instruments.append(self)

    def before(self, p: Pass, module: ModuleOp) -> None:
        self.text = print_module(module, generic=True)

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        self.done += 1

    def __enter__(self) -> Reproducer:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if self.path is not None and isinstance(error, Error) and self.text:
            rest = ",".join(str(p) for p in self.manager.passes[self.done :])
            write_atomically(self.path, f"// RUN: irc-opt %s -p '{rest}' --check\n{self.text}")
