"""The figure of ``growth.py``: cost against edges, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

TITLES = {
    "first run": "first run, s",
    "first vjp": "then first vjp, s",
    "memory before": "MB before",
    "memory": "MB at most",
    "forward": "forward, ns per edge and sample",
    "joint": "joint, ns per edge and sample",
}
"""What each quantity is called."""
PANELS = {
    "Calls, 64 samples: ns per edge and sample": ("forward", "joint"),
    "First results, nothing known: seconds": ("first run", "first vjp"),
    "Memory of the process: MB at most": ("memory before", "memory"),
}
LABELS = {
    "forward": "run",
    "joint": "vjp (forward and backward)",
    "first run": "first run",
    "first vjp": "then first vjp",
    "memory before": "with the net's arrays, before",
    "memory": "after both",
}


def draw(curves: Mapping[str, Mapping[int, float]], path: Path) -> None:
    """Write an SVG. ``curves``: for each quantity, its value by number of edges."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    settings = {"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(1, len(PANELS), figsize=(11, 3.6), layout="constrained", facecolor="white")
        for axis, (title, quantities) in zip(axes, PANELS.items(), strict=True):
            for quantity, marker in zip(quantities, "os", strict=True):
                curve = curves[quantity]
                axis.loglog(list(curve), list(curve.values()), marker=marker, markersize=4, label=LABELS[quantity])
            axis.set_title(title, fontsize=9)
            axis.set_xlabel("edges")
            axis.set_ylim(bottom=axis.get_ylim()[0] / 1.5, top=axis.get_ylim()[1] * 1.5)
            axis.grid(True, which="major", linewidth=0.5, color="#cccccc")
            axis.legend(frameon=False)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)
