"""The same seed gives the same bits, whatever the number of threads, and whatever was trained before or meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

import irc
from support.nets import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")


def irregular():
    """60 neurons, random edges: one dag, with enough rows to run on several threads."""
    generator = np.random.default_rng(0)
    matrix = np.triu(generator.random((60, 60)) < 0.3, 1).astype(np.float64)
    matrix[:8, :8] = 0
    return matrix * generator.normal(scale=0.3, size=matrix.shape)


CASES = {
    "dag": (irregular, {"act": "tanh", "out_act": "identity", "loss": "mse"}, "steps", 16384),
    "small, steps": (lambda: FOLDER / "small.mdl", {}, "steps", 16),
    "small, streams": (lambda: FOLDER / "small.mdl", {}, "streams", 8),
    "lstm, steps": (lambda: FOLDER / "lstm.mdl", {}, "steps", 16),
    "lstm, streams": (lambda: FOLDER / "lstm.mdl", {}, "streams", 8),
}
"""What is compiled, with which options; what the rows are; and how many go into a step of training."""
QUICK = [name for name in CASES if "lstm" not in name]
MARKED = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in QUICK)]


def learnt(case, threads=1, seed=3, steps=3):
    """All that a training leaves: parameters, moments of the optimiser, losses; and what the net gives then."""
    source, options, rows, batch = CASES[case]
    with irc.compile(source(), seed=seed, threads=threads, **options) as net:
        generator = np.random.default_rng(7)
        leading = (batch * steps - 3,) if rows == "steps" else (batch * steps - 3, 5)
        x = generator.normal(size=(*leading, net.input_size)).astype(np.float32)
        y = generator.uniform(0, 1, size=(*leading, net.output_size)).astype(np.float32)
        history = net.fit(
            x, y, epochs=2, batch=batch, optimizer=irc.Adam(0.01), seed=seed, validation=(x, y), rows=rows, verbose=0
        )
        after = net.run(x, rows=rows)
        _, gradients = net.vjp(x, y, rows=rows)
        moments = [net.memory.moments[name] for name in sorted(net.memory.moments)]
        numbers = [history.step_loss, history.loss, history.validation_loss]
        return [net.params.flat.copy(), *moments, *numbers, after, gradients.params.flat, gradients.x]


learnt_once = cache(learnt)
"""What is compared with: made once for all tests."""


def assert_same_bits(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("case", MARKED)
def test_the_same_seed_gives_the_same_bits(case):
    assert_same_bits(learnt_once(case), learnt(case))


@pytest.mark.parametrize("case", MARKED)
@pytest.mark.parametrize("threads", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_the_number_of_threads_changes_nothing(case, threads):
    assert_same_bits(learnt_once(case), learnt(case, threads))


def test_another_seed_gives_other_bits():
    """Else the tests above would say nothing."""
    for one, other in zip(learnt_once("small, steps"), learnt("small, steps", seed=4), strict=True):
        assert one.tobytes() != other.tobytes()


def test_trainings_at_the_same_time_do_not_disturb_each_other():
    """Native steps give the GIL free, and nets of the same kinds share code: each has its memory all the same."""
    with ThreadPoolExecutor(len(QUICK)) as pool:
        together = {case: [pool.submit(learnt, case) for _ in range(2)] for case in QUICK}
        for case, runs in together.items():
            for found in runs:
                assert_same_bits(learnt_once(case), found.result())
