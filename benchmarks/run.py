"""``make bench``: runs the benchmarks, one framework per process, and writes the tables of ``docs/performance.md``.

Each benchmark is a script that prints one JSON object per measurement. It is started for each framework in turn,
pinned to as many CPUs as it has threads, several rounds interleaved; a table shows medians, and ratios within the run.
A cell whose rounds spread by more than half of their median is measured again.

python benchmarks/run.py [NAME ...] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path

import growth_figure

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
FIGURES = PAGE.parent / "figures"
OURS = ("irc", "by-hand")
"""Frameworks that need nothing installed."""
Cells = dict[tuple[str, str], list[float]]


def measure(script: str, *arguments: str, threads: int = 1) -> dict[str, float]:
    """One run of a benchmark in a process of its own, of so many processors: measurement -> number.

    All libraries are told how many threads they may have: by a variable, by an option of the script, or, as JAX is, by
    the processors that they find.
    """
    count = str(threads)
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
    option = ["--threads", count] if threads > 1 else []
    command = [sys.executable, str(HERE / script), *arguments, *option]
    if hasattr(os, "sched_setaffinity"):
        processors = set(sorted(os.sched_getaffinity(0))[-threads:])
        command = [
            sys.executable,
            "-c",
            f"import os, sys; os.sched_setaffinity(0, {processors}); os.execv(sys.executable, sys.argv[1:])",
            *command,
        ]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {row["what"]: row["value"] for row in rows}


def collect(
    script: str, frameworks: Sequence[str], rounds: int, *arguments: str, threads: Sequence[int] = (1,)
) -> Cells:
    """All rounds of a benchmark, frameworks and numbers of threads interleaved; cells that spread too far get as many
    rounds again. Where there are several numbers of threads, they stand behind the names of measurements.
    """
    cells: Cells = {}

    def round_of(names: Sequence[str]) -> None:
        for framework, count in product(names, threads):
            for what, value in measure(script, framework, *arguments, threads=count).items():
                ending = _on(count) if len(threads) > 1 else ""
                cells.setdefault((what + ending, framework), []).append(value)

    for _ in range(rounds):
        round_of(frameworks)
    noisy = {f for (_, f), values in cells.items() if len(values) > 1 and _spread(values) > 0.5}
    for _ in range(rounds if noisy else 0):
        round_of(sorted(noisy))
    return cells


def _on(threads: int) -> str:
    return f" on {threads} threads" if threads > 1 else ""


def _spread(values: list[float]) -> float:
    middle = statistics.median(values)
    quartiles = statistics.quantiles(values, n=4)
    return (quartiles[2] - quartiles[0]) / middle if middle else 0.0


def table(
    cells: Cells, frameworks: Sequence[str], unit: str, digits: int = 1, ratio_digits: int = 1, speeds: bool = False
) -> str:
    """A Markdown table: a row per measurement, a column per framework, and how many times the first is ahead. What is
    measured are times, or ``speeds``.
    """
    whats = list(dict.fromkeys(what for what, _ in cells))
    first_name = frameworks[0]
    ratios = [f"{first_name} / {name}" if speeds else f"{name} / {first_name}" for name in frameworks[1:]]
    lines = [
        "| " + " | ".join([unit, *frameworks, *ratios]) + " |",
        "|" + "---|" * (1 + len(frameworks) + len(ratios)),
    ]
    for what in whats:
        medians = [statistics.median(cells[what, f]) if (what, f) in cells else None for f in frameworks]
        shown = ["-" if m is None else f"{m:.{digits}f}" for m in medians]
        first = medians[0]
        for m in medians[1:]:
            ahead = None if not m or not first else first / m if speeds else m / first
            shown.append("-" if ahead is None else f"{ahead:.{ratio_digits}f}x")
        lines.append("| " + " | ".join([what, *shown]) + " |")
    return "\n".join(lines)


def part(cells: Cells, ending: str, names: dict[str, str]) -> Cells:
    """The measurements whose names end so, under the rest of their names; frameworks get the names given here."""
    return {
        (what.removesuffix(ending), names[framework]): values
        for (what, framework), values in cells.items()
        if what.endswith(ending) and framework in names
    }


def irregular(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """Kernels beside one written by hand; and whole calls beside the rivals."""
    by_hand = part(cells, ", kernel", {"irc": "kernel", "by-hand": "by hand"})
    by_hand |= part(cells, ", call", {"irc": "call"})
    rivals = [f for f in frameworks if f != "by-hand"]
    unit = "ns per edge and sample"
    return {
        "irregular-kernels": table(by_hand, ["by hand", "kernel", "call"], unit, 3, ratio_digits=2),
        "irregular-calls": table(part(cells, ", call", {f: f for f in rivals}), rivals, unit, 3),
    }


def dense(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """Speeds, not times."""
    return {"dense": table(cells, frameworks, "10^9 operations a second", 1, ratio_digits=2, speeds=True)}


def two_threads(name: str, speeds: bool) -> Callable[[Cells, Sequence[str]], dict[str, str]]:
    """For a section of what was measured on one thread and on two: the table of two, and how many times faster each
    framework is on two than on one. Times to compile are left out.
    """
    unit = "10^9 operations a second" if speeds else "µs"

    def render(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
        calls = {key: values for key, values in cells.items() if ": compile" not in key[0]}
        two = part(calls, _on(2), {f: f for f in frameworks})
        head, dashes, *rows = table(two, frameworks, unit, 1, ratio_digits=2, speeds=speeds).splitlines()
        lines = [f"{head} {' | '.join(f'{f}, gain' for f in frameworks)} |", dashes + "---|" * len(frameworks)]
        for what, row in zip(dict.fromkeys(what for what, _ in two), rows, strict=True):
            gains = []
            for framework in frameworks:
                pair = [calls.get((what + _on(count), framework)) for count in (1, 2)]
                if None in pair:
                    gains.append("-")
                else:
                    one, both = map(statistics.median, pair)
                    gains.append(f"{both / one if speeds else one / both:.2f}x")
            lines.append(f"{row} {' | '.join(gains)} |")
        return {name: "\n".join(lines)}

    return render


def mlp(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """As :func:`recurrent`."""
    return _calls_and_compiling("mlp", cells, frameworks)


def recurrent(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """Times of calls, and times to compile them."""
    return _calls_and_compiling("recurrent", cells, frameworks)


def lenet(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """As :func:`recurrent`."""
    return _calls_and_compiling("lenet", cells, frameworks)


def _calls_and_compiling(name: str, cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    calls = {(what, f): values for (what, f), values in cells.items() if ": compile" not in what}
    compiling = {
        (what.replace(": compile", ":"), f): values for (what, f), values in cells.items() if ": compile" in what
    }
    return {
        name: table(calls, frameworks, "µs", digits=2, ratio_digits=2),
        f"{name}-compiling": table(compiling, frameworks, "ms", digits=0),
    }


def math_functions(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """A row for each function: elements per ns in each form and by NumPy, and the largest error that was seen."""

    def median(what: str, framework: str) -> float | None:
        return statistics.median(cells[what, framework]) if (what, framework) in cells else None

    names = dict.fromkeys(what.partition(":")[0] for what, _ in cells)
    lines = ["| function | f32 | fast | f64 | NumPy, f32 | f32 / NumPy | largest error seen, ULP |", "|---" * 7 + "|"]
    for name in names:
        forms = [median(f"{name}: {form}", "irc") for form in ("f32", "fast", "f64")]
        rival, error = median(f"{name}: f32", "numpy"), median(f"{name}: ULP", "irc")
        ratio = f"{forms[0] / rival:.1f}x" if forms[0] and rival else "-"
        shown = ["-" if v is None else f"{v:.2f}" for v in (*forms, rival)]
        lines.append("| " + " | ".join([f"`{name}`", *shown, ratio, "-" if error is None else f"{error:.2f}"]) + " |")
    return {"math-functions": "\n".join(lines)}


def growth_curves(cells: Cells) -> dict[str, dict[int, float]]:
    """Each quantity by number of edges."""
    curves: dict[str, dict[int, float]] = {}
    for (what, _), values in cells.items():
        edges, _, quantity = what.partition(": ")
        curves.setdefault(quantity, {})[int(edges)] = statistics.median(values)
    return curves


def growth(cells: Cells, frameworks: Sequence[str]) -> dict[str, str]:
    """A row for each size."""
    curves = growth_curves(cells)
    lines = ["| edges | " + " | ".join(growth_figure.TITLES[q] for q in curves) + " |", "|---|" + "---|" * len(curves)]
    for edges in curves["forward"]:
        shown = [f"{curve[edges]:.3g}" if curve[edges] < 100 else f"{curve[edges]:.0f}" for curve in curves.values()]
        lines.append("| " + " | ".join([f"{edges:.0e}".replace("e+0", "e"), *shown]) + " |")
    return {"growth": "\n".join(lines)}


def draw_growth(cells: Cells) -> None:
    """The figure of the page."""
    growth_figure.draw(growth_curves(cells), FIGURES / "growth.svg")


@dataclass(frozen=True)
class Benchmark:
    """A script, the frameworks it can run, and how its results are shown: a table of ``unit``, unless ``render`` makes
    sections of the page; ``draw`` makes a figure. ``quick``: whether the script has that option, to measure less.
    ``threads``: on how many it runs, in turn; a script has that option if any is above one.
    """

    script: str
    frameworks: tuple[str, ...] = ("irc",)
    unit: str = ""
    digits: int = 1
    rounds: int = 5
    quick: bool = False
    threads: tuple[int, ...] = (1,)
    render: Callable[[Cells, Sequence[str]], dict[str, str]] | None = None
    draw: Callable[[Cells], None] | None = None

    def sections(self, name: str, quick: bool) -> dict[str, str]:
        """Measure; the text of each section of the page."""
        present = [f for f in self.frameworks if f in OURS or installed(f)]
        arguments = ["--quick"] if quick and self.quick else []
        cells = collect(self.script, present, 1 if quick else self.rounds, *arguments, threads=self.threads)
        if self.draw and not quick:
            self.draw(cells)
        return self.render(cells, present) if self.render else {name: table(cells, present, self.unit, self.digits)}


def on_two_threads(name: str, frameworks: tuple[str, ...]) -> Benchmark:
    """One that has a table for one thread, on both."""
    render = two_threads(f"{name}-threads", speeds=name == "dense")
    return Benchmark(f"{name}.py", frameworks, rounds=3, quick=True, threads=(1, 2), render=render)


BENCHMARKS = {
    "ir-core": Benchmark("ir_core.py", ("irc", "xdsl"), "µs per op"),
    "recover-structure": Benchmark("recover_structure.py", unit="times faster as layers", digits=2),
    "compile-time": Benchmark("compile_time.py", unit="ms"),
    "calls": Benchmark("calls.py", unit="ns a call", digits=0),
    "math-functions": Benchmark("math_functions.py", ("irc", "numpy"), rounds=3, render=math_functions),
    "rows": Benchmark("rows.py", ("irc", "numpy", "jax"), "ns per element", digits=3, rounds=3),
    "dense": Benchmark("dense.py", ("irc", "by-hand", "numpy", "jax", "torch"), rounds=3, quick=True, render=dense),
    "mlp": Benchmark("mlp.py", ("irc", "numpy", "jax", "torch", "onnxruntime"), rounds=3, quick=True, render=mlp),
    "cores": Benchmark("cores.py", unit="times as fast", digits=2, rounds=3, quick=True, threads=(2,)),
    "dense-threads": on_two_threads("dense", ("irc", "numpy", "jax", "torch")),
    "mlp-threads": on_two_threads("mlp", ("irc", "numpy", "jax", "torch", "onnxruntime")),
    "first-step": Benchmark("first_step.py", unit="ms", quick=True),
    "irregular": Benchmark(
        "irregular.py",
        ("irc", "by-hand", "neat-python", "scipy", "jax", "torch"),
        rounds=3,
        quick=True,
        render=irregular,
    ),
    "recurrent": Benchmark("recurrent.py", ("irc", "jax", "torch"), rounds=3, quick=True, render=recurrent),
    "lenet": Benchmark("lenet.py", ("irc", "jax", "torch", "onnxruntime"), rounds=3, quick=True, render=lenet),
    "recurrent-threads": on_two_threads("recurrent", ("irc", "jax", "torch")),
    "lenet-threads": on_two_threads("lenet", ("irc", "jax", "torch", "onnxruntime")),
    "first-result": Benchmark("first_result.py", ("irc", "neat-python"), "ms, or MB", quick=True),
    "growth": Benchmark("growth.py", rounds=3, quick=True, render=growth, draw=draw_growth),
}


def installed(package: str) -> bool:
    """Whether a rival is there to be measured."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def circumstances() -> str:
    """Date, machine and versions."""
    rivals = dict.fromkeys(f for b in BENCHMARKS.values() for f in b.frameworks if f not in OURS)
    packages = [p for p in dict.fromkeys(("llvmlite", "numpy", "networkx", *rivals)) if installed(p)]
    versions = ", ".join(f"{p} {version(p)}" for p in packages)
    where = f"{date.today()}, {_cpu()}, Python {platform.python_version()}, {versions}"
    rounds = sorted({b.rounds for b in BENCHMARKS.values()})
    return f"{where}; one CPU if not two threads, medians of {' or '.join(map(str, rounds))} processes."


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


def main() -> None:
    """Run benchmarks and write the page, or with ``--quick`` only print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which ones: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="one round, of small nets; the page stays as it is")
    options = parser.parse_args()
    for name in options.names or BENCHMARKS:
        for section, text in BENCHMARKS[name].sections(name, options.quick).items():
            print(f"{section}\n{text}\n", flush=True)
            if not options.quick:
                write_section(section, text)
    if not options.quick:
        write_section("circumstances", circumstances())


if __name__ == "__main__":
    main()
