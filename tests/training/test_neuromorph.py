"""NeuroMorph's programs run with only their import line changed."""

from pathlib import Path

import numpy as np
import pytest

import irc
import irc.neuromorph as nm

NETS = Path(__file__).parents[2] / "examples" / "nets"
SMALL = (NETS / "small.mdl").read_text()
pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")

INPUT = [[[0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1]], [[0.4, 0.3, 0.2, 0.1], [1, 0, 1, 0]]]
EXPECTED = [[[0.9, 0.1, 0.2, 0.8]] * 2] * 2


def model(rate=0.1, batch=2):
    return nm.build(nm.compile(SMALL, batch, rate))


def test_a_program_of_the_original(capsys):
    nm.seed(1)
    handle = nm.compile(SMALL, 2, 0.5)
    handle = nm.build(handle)
    losses = [nm.train(handle, INPUT, EXPECTED, 1) for _ in range(30)]
    nm.release(handle)
    assert losses[-1] < 0.5 * losses[0]
    assert len(capsys.readouterr().out.splitlines()) == 30


def test_the_seed_decides_the_parameters():
    found = []
    for seed in (1, 1, 2):
        nm.seed(seed)
        found.append(model().net.params.flat.copy())
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_an_item_is_a_step_whose_rows_are_steps_in_time():
    """As by hand: the gradient of the mean over both rows, through time; the state goes on to the next item."""
    nm.seed(3)
    handle = model(rate=0.25)
    net = irc.compile(irc.neuromorph.Source(SMALL, "<mdl>"), seed=3, dtype="float64")
    assert np.allclose(net.params.flat, handle.net.params.flat)
    nm.train(handle, INPUT, EXPECTED, 0)
    losses = []
    for item, (x, y) in enumerate(zip(INPUT, EXPECTED, strict=True)):
        if item == 0:
            loss, gradients = net.value_and_grad(x, y)
            net.reset_state()
            net.run(x)
            net.params.flat -= 0.25 * gradients.params.flat
        else:  # value_and_grad begins anew, so the state is given through vjp
            before = net.state.flat.copy()
            out = net.run(x)
            net.state.flat = before
            loss = ((out - y) ** 2).mean()
            _, gradients = net.vjp(x, 2 * (out - y) / out.size)
            net.params.flat -= 0.25 * gradients.params.flat
        losses.append(loss)
    assert np.allclose(handle.net.params.flat, net.params.flat, rtol=1e-4, atol=1e-6)


def test_each_call_begins_anew():
    nm.seed(1)
    first, second = model(rate=0.0), model(rate=0.0)
    assert nm.train(first, INPUT, EXPECTED, 0) == nm.train(first, INPUT, EXPECTED, 0)
    assert nm.predict(second, INPUT) == nm.predict(second, INPUT)


def test_predict_gives_nested_lists():
    handle = model()
    found = nm.predict(handle, INPUT)
    handle.net.reset_state()
    assert np.array_equal(np.array(found).reshape(4, 4), handle.net.run(np.array(INPUT).reshape(4, 4)))


@pytest.mark.parametrize(("verbosity", "lines"), [(0, 0), (1, 1), (2, 3), (9, 3)])
def test_verbosity(capsys, verbosity, lines):
    nm.train(model(), INPUT, EXPECTED, verbosity)
    assert len(capsys.readouterr().out.splitlines()) == lines


def test_a_saved_model_goes_on(tmp_path):
    handle = model()
    nm.train(handle, INPUT, EXPECTED, 0)
    nm.save(handle, tmp_path / "model")
    loaded = nm.load(tmp_path / "model", 2, 0.1)
    assert nm.train(loaded, INPUT, EXPECTED, 0) == nm.train(handle, INPUT, EXPECTED, 0)


def test_released_twice():
    handle = model()
    nm.release(handle)
    nm.release(handle)
    with pytest.raises(irc.Error, match="has been released"):
        nm.predict(handle, INPUT)


WRONG = [
    (lambda: nm.compile("/xavier,zero/ (a", 2, 0.1), "mdl"),
    (lambda: nm.compile(SMALL, 0, 0.1), "batch_size must be"),
    (lambda: nm.compile(SMALL, 2, -1), "learning_rate must be"),
    (lambda: nm.compile(None, 2, 0.1), "text in MDL"),
    (lambda: nm.train(nm.compile(SMALL, 2, 0.1), INPUT, EXPECTED), "has not been built"),
    (lambda: nm.train(7, INPUT, EXPECTED), "a model comes from compile"),
    (lambda: nm.train(model(batch=3), INPUT, EXPECTED), r"shape \(items, 3, width\), got \(2, 2, 4\)"),
    (lambda: nm.train(model(), INPUT[0], EXPECTED[0]), "got "),
    (lambda: nm.train(model(), INPUT, EXPECTED[:1]), "2 items of input and 1"),
    (lambda: nm.train(model(), [[[1.0], [2.0, 3.0]]], EXPECTED), "different lengths"),
    (lambda: nm.train(model(), [[["a"] * 4] * 2] * 2, EXPECTED), "real numbers"),
    (lambda: nm.train(model(), np.zeros((2, 2, 3)), EXPECTED), "4"),
    (lambda: nm.seed(-1), "seed must lie"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_said(number):
    call, message = WRONG[number]
    with pytest.raises(irc.Error, match=message):
        call()
