"""Irregular nets, ns per edge and sample: random DAGs of tanh neurons, forward, and joint: forward and backward.

python benchmarks/irregular.py FRAMEWORK [--edges 33 10000 ...] [--samples 1 64 1024]

FRAMEWORK is irc, by-hand (a kernel written by hand, ``peers/by_hand.py``), neat-python, scipy, jax or torch: a file of
``peers`` each. Everything is compared with float64 before it is timed. A measurement that would take more than some
20 s, compilation included, is left out.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from contest import least_seconds
from dags import batch, check, exact, random_dag

EDGES = (33, 10_000, 100_000, 1_000_000)
SAMPLES = (1, 64, 1024)


def main() -> None:
    """Print one JSON object per measurement; of several contestants in one discipline, the best."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework")
    parser.add_argument("--edges", type=int, nargs="*", default=EDGES)
    parser.add_argument("--samples", type=int, nargs="*", default=SAMPLES)
    parser.add_argument("--quick", action="store_true", help="small nets only")
    options = parser.parse_args()
    contestants = import_module(f"peers.{options.framework.replace('-', '_')}").contestants
    for edges in EDGES[:2] if options.quick else options.edges:
        dag = random_dag(edges)
        for samples in options.samples:
            x, dy = batch(dag, samples)
            wanted = exact(dag, x, dy)
            best: dict[str, float] = {}
            for one in contestants(dag, x, dy):
                one.repeat(1)
                check(one.results(), wanted)
                seconds = least_seconds(one.repeat)
                best[one.what] = min(seconds, best.get(one.what, seconds))
            for what, seconds in best.items():
                named = f"{edges:.0e} edges".replace("e+0", "e") if edges >= 1000 else f"{edges} edges"
                row = {"what": f"{named}, B={samples}: {what}", "value": seconds / edges / samples * 1e9}
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
