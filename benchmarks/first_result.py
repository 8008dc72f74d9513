"""Time from nets in memory to the first results, imports apart, ms; and the most memory the process ever has, MB.

python benchmarks/first_result.py irc|neat-python

Nothing is kept from one process to the next, and each case has a process of its own: either the first net in it, or one
after another net, so that the code is there already.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from dags import Dag, random_dag
from fresh import first_results, import_all, in_fresh_process, load, peak_memory, report, save

import irc

GENOMES, TRIALS, MUTATIONS = 150, 100, 80
"""Nets of a population, samples, and how often each genome is mutated: to some 33 connections."""
TURNS = 9
"""Nets of a process where the code is known; the median counts."""
KNOWN = "code known"
NEW = "nothing known"


def as_graph(dag: Dag) -> tuple[Any, dict]:
    """Our own form."""
    return dag.graph(), {}


def as_sparse(dag: Dag) -> tuple[Any, dict]:
    """SciPy's."""
    from scipy.sparse import csc_array

    matrix = csc_array((dag.weights, dag.source, dag.offsets), (dag.neurons, dag.neurons))
    return matrix, {"act": "tanh", "out_act": "tanh"}


def as_networkx(dag: Dag) -> tuple[Any, dict]:
    """networkx's."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(range(dag.neurons))
    graph.add_weighted_edges_from(zip(dag.source.tolist(), dag.target.tolist(), dag.weights.tolist(), strict=True))
    return graph, {"act": "tanh"}


FORMS: dict[str, Callable[[Dag], tuple[Any, dict]]] = {
    "Graph": as_graph,
    "SciPy array": as_sparse,
    "networkx": as_networkx,
}
CASES = [
    (33, "Graph", NEW),
    (33, "Graph", KNOWN),
    (33, "networkx", KNOWN),
    (10_000, "Graph", NEW),
    (10_000, "Graph", KNOWN),
    (10_000, "SciPy array", KNOWN),
    (1_000_000, "Graph", NEW),
    (1_000_000, "SciPy array", NEW),
]


def one_net(path: str, form: str, state: str, edges: int) -> None:
    """The first results of the net of a file."""
    dag = load(path)
    if state == KNOWN:
        other = random_dag(edges, seed=1)
        source, options = FORMS[form](other)
        first_results(other, source, **options)
    before = peak_memory()
    found = []
    for _ in range(TURNS if state == KNOWN else 1):
        source, options = FORMS[form](dag)  # again each time, for it may remember what it was asked for
        found.append(first_results(dag, source, **options)[1:])
    run, vjp = np.median(found, axis=0)
    named = f"{edges} edges" if edges < 1000 else f"{edges:.0e} edges".replace("e+0", "e")
    report(f"{named}, {form}, {state}: run", run * 1e3)
    report(f"{named}, {form}, {state}: run and vjp", (run + vjp) * 1e3)
    if edges >= 1_000_000:
        report(f"{named}, {form}, {state}: MB at most", peak_memory())
        report(f"{named}, {form}, {state}: MB at most before", before)


def population(framework: str, state: str) -> None:
    """From genomes of neat-python to the outputs of all."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from support.genomes import config, grown

    settings = config("tanh", "sum")
    genomes = [grown(seed, MUTATIONS, settings) for seed in range(GENOMES)]
    x = np.random.default_rng(0).standard_normal((TRIALS, len(settings.genome_config.input_keys)), np.float32)
    outputs = _by_neat_python if framework == "neat-python" else _by_irc
    if state == KNOWN:
        outputs([grown(GENOMES + seed, MUTATIONS, settings) for seed in range(3)], settings, x)
    import_all()
    start = time.perf_counter()
    outputs(genomes, settings, x)
    report(f"{GENOMES} genomes, {TRIALS} samples, {state}: run", (time.perf_counter() - start) * 1e3)


def _by_irc(genomes: list, settings: Any, x: np.ndarray) -> list[np.ndarray]:
    warnings.simplefilter("ignore", irc.DiagnosticWarning)  # some genomes have nodes that nothing leads to
    return irc.compile([(genome, settings) for genome in genomes], cache=None).run(x)


def _by_neat_python(genomes: list, settings: Any, x: np.ndarray) -> list[list[list[float]]]:
    from neat.nn import FeedForwardNetwork

    nets = [FeedForwardNetwork.create(genome, settings) for genome in genomes]
    samples = x.tolist()
    return [[net.activate(sample) for sample in samples] for net in nets]


def main() -> None:
    """Print one JSON object per measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", choices=["irc", "neat-python"])
    parser.add_argument("--quick", action="store_true", help="small nets only")
    parser.add_argument("--net", nargs=4, metavar=("FILE", "FORM", "STATE", "EDGES"), help="only this, in this process")
    parser.add_argument("--population", metavar="STATE", help="only this, in this process")
    options = parser.parse_args()
    if options.net:
        path, form, state, edges = options.net
        one_net(path, form, state, int(edges))
    elif options.population:
        population(options.framework, options.population)
    else:
        with TemporaryDirectory() as folder:
            for edges, form, state in CASES if options.framework == "irc" else []:
                path = Path(folder, f"{edges}.npz")
                if edges >= 1_000_000 and options.quick:
                    continue
                if not path.exists():
                    save(random_dag(edges), path)
                in_fresh_process(__file__, options.framework, "--net", path, form, state, edges)
        for state in (NEW, KNOWN):
            in_fresh_process(__file__, options.framework, "--population", state)


if __name__ == "__main__":
    main()
