"""The first step of training of a net of layers, in a process of its own: milliseconds, imports apart, without native
code that was kept before (*cold*), and with it (*cached*).

python benchmarks/first_step.py irc [--quick]
"""

from __future__ import annotations

import argparse
import time
from tempfile import TemporaryDirectory

from fresh import import_all, in_fresh_process, report
from mlp import CASES, Case
from peers.mlp_irc import Peer


def first(model: str, samples: int, directory: str, state: str) -> None:
    """In the process of its own."""
    import_all()
    case = Case.of(model, samples)
    begin = time.perf_counter()
    Peer(case, cache=directory).step()()
    report(f"{case.name}: {state}", (time.perf_counter() - begin) * 1e3)


def main() -> None:
    """Each case twice, one after the other, with one directory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", choices=["irc"])
    parser.add_argument("--quick", action="store_true", help="the last case only")
    parser.add_argument("--first", nargs=4, metavar=("MODEL", "SAMPLES", "DIRECTORY", "STATE"), help="one measurement")
    options = parser.parse_args()
    if options.first:
        model, samples, directory, state = options.first
        first(model, int(samples), directory, state)
        return
    for model, samples in CASES[-1:] if options.quick else CASES:
        with TemporaryDirectory() as directory:
            for state in ("cold", "cached"):
                in_fresh_process(__file__, "irc", "--first", model, samples, directory, state)


if __name__ == "__main__":
    main()
