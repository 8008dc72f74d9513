"""``make bench``: runs the benchmarks, one framework per process, and writes the tables of ``docs/performance.md``.

Each benchmark is a script that prints one JSON object per measurement. It is started for each framework in turn,
pinned to one CPU, ``ROUNDS`` times interleaved; a table shows medians, and ratios within the run. A cell whose rounds
spread by more than half of their median is measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
ROUNDS = 5
Cells = dict[tuple[str, str], list[float]]


def measure(script: str, framework: str) -> dict[str, float]:
    """One run of a benchmark in a process of its own: measurement -> number."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / script), framework]
    if hasattr(os, "sched_setaffinity"):
        cpu = max(os.sched_getaffinity(0))
        command = [
            sys.executable,
            "-c",
            f"import os, sys; os.sched_setaffinity(0, {{{cpu}}}); os.execv(sys.executable, sys.argv[1:])",
            *command,
        ]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {row["what"]: row["value"] for row in rows}


def collect(script: str, frameworks: Sequence[str]) -> Cells:
    """All rounds of a benchmark, frameworks interleaved; cells that spread too far get as many rounds again."""
    cells: Cells = {}

    def round_of(names: Sequence[str]) -> None:
        for framework in names:
            for what, value in measure(script, framework).items():
                cells.setdefault((what, framework), []).append(value)

    for _ in range(ROUNDS):
        round_of(frameworks)
    noisy = {f for (_, f), values in cells.items() if _spread(values) > 0.5}
    for _ in range(ROUNDS if noisy else 0):
        round_of(sorted(noisy))
    return cells


def _spread(values: list[float]) -> float:
    middle = statistics.median(values)
    quartiles = statistics.quantiles(values, n=4)
    return (quartiles[2] - quartiles[0]) / middle if middle else 0.0


def table(cells: Cells, frameworks: Sequence[str], unit: str, digits: int = 1) -> str:
    """A Markdown table: a row per measurement, a column per framework, and how many times the first is ahead."""
    whats = list(dict.fromkeys(what for what, _ in cells))
    ratios = [f"{name} / {frameworks[0]}" for name in frameworks[1:]]
    lines = [
        "| " + " | ".join([unit, *frameworks, *ratios]) + " |",
        "|" + "---|" * (1 + len(frameworks) + len(ratios)),
    ]
    for what in whats:
        medians = [statistics.median(cells[what, f]) if (what, f) in cells else None for f in frameworks]
        shown = ["-" if m is None else f"{m:.{digits}f}" for m in medians]
        first = medians[0]
        shown += ["-" if m is None or not first else f"{m / first:.1f}x" for m in medians[1:]]
        lines.append("| " + " | ".join([what, *shown]) + " |")
    return "\n".join(lines)


def installed(package: str) -> bool:
    """Whether a rival is there to be measured."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def circumstances() -> str:
    """Date, machine and versions."""
    packages = [p for p in ("llvmlite", "numpy", "networkx", "xdsl", "jax") if installed(p)]
    versions = ", ".join(f"{p} {version(p)}" for p in packages)
    where = f"{date.today()}, {_cpu()}, Python {platform.python_version()}, {versions}"
    return f"{where}; one CPU, medians of {ROUNDS} processes."


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write_section(name: str, text: str) -> None:
    """Replace what stands between the markers ``<!-- name -->`` and ``<!-- /name -->`` of the page."""
    page = PAGE.read_text()
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{PAGE} has no section {name}")
    PAGE.write_text(f"{before}{begin}{text}\n{end}{after}")


BENCHMARKS = {
    "ir-core": ("ir_core.py", ["irc", "xdsl"], "µs per op", 1),
    "recover-structure": ("recover_structure.py", ["irc"], "times faster as layers", 2),
    "compile-time": ("compile_time.py", ["irc"], "ms", 1),
    "calls": ("calls.py", ["irc"], "ns a call", 0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which ones: {', '.join(BENCHMARKS)} (default: all)")
    chosen = parser.parse_args().names or list(BENCHMARKS)
    write_section("circumstances", circumstances())
    for name in chosen:
        script, frameworks, unit, digits = BENCHMARKS[name]
        present = [f for f in frameworks if f == "irc" or installed(f)]
        text = table(collect(script, present), present, unit, digits)
        print(f"{name}\n{text}\n", flush=True)
        write_section(name, text)


if __name__ == "__main__":
    main()
