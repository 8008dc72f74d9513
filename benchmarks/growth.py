"""How cost grows with the size of a net, from 1e3 to 1e7 edges: random DAGs of tanh neurons, batches of 64 samples.

python benchmarks/growth.py irc

Each size has a process of its own. ``first run``, ``first vjp``: seconds from arrays in memory to the first output, and
from there to the first gradients, nothing known before; ``memory``: the most that the process ever has, in MB, of which
``memory before`` was there with the net's arrays; ``forward``, ``joint``: ns per edge and sample of further calls.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from contest import least_seconds
from dags import batch, random_dag
from fresh import SAMPLES, first_results, in_fresh_process, load, peak_memory, report, save

EDGES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


def one_net(path: str) -> None:
    """All measurements of the net of a file."""
    dag = load(path)
    edges = len(dag.weights)
    before = peak_memory()
    net, run, vjp = first_results(dag, dag.graph())
    memory = peak_memory()
    x, dy = batch(dag, SAMPLES)
    report(f"{edges}: first run", run)
    report(f"{edges}: first vjp", vjp)
    report(f"{edges}: memory before", before)
    report(f"{edges}: memory", memory)
    for name, call in (("forward", lambda: net.run(x)), ("joint", lambda: net.vjp(x, dy))):

        def repeat(count: int, call=call) -> None:
            for _ in range(count):
                call()

        report(f"{edges}: {name}", least_seconds(repeat) / edges / SAMPLES * 1e9)


def main() -> None:
    """Print one JSON object per measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", choices=["irc"])
    parser.add_argument("--quick", action="store_true", help="small nets only")
    parser.add_argument("--net", metavar="FILE", help="only this, in this process")
    options = parser.parse_args()
    if options.net:
        one_net(options.net)
        return
    with TemporaryDirectory() as folder:
        for edges in EDGES[:5] if options.quick else EDGES:
            path = save(random_dag(edges), Path(folder, f"{edges}.npz"))
            in_fresh_process(__file__, options.framework, "--net", path)
            path.unlink()


if __name__ == "__main__":
    main()
