"""Time from a source to the first result, imports apart: forward, and forward with the first gradients.

python benchmarks/compile_time.py irc
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np

import irc

NETS = Path(__file__).parent.parent / "examples" / "nets"


def main() -> None:
    """Each sample net once, in one process; LLVM is warmed by a net that is not reported."""
    first_run = True
    for path in [NETS / "nn02.nam", *sorted(NETS.glob("*.na[lm]"))]:
        start = time.perf_counter()
        net = irc.compile(path, cache=None)
        x = np.zeros((1, net.input_size), np.float32)
        y = net.run(x)
        forward = time.perf_counter()
        net.vjp(x, np.ones_like(y))
        backward = time.perf_counter()
        net.close()
        name = f"{path.name} (first in the process)" if first_run else path.name
        first_run = False
        for what, seconds in (("run", forward - start), ("vjp", backward - forward)):
            print(json.dumps({"what": f"{name}: first {what}", "value": seconds * 1e3}))


if __name__ == "__main__":
    main()
