"""Recurrent nets with one stream have native code of their own, which gives what the code for many streams gives."""

import numpy as np
import pytest

import irc
from support.nets import FOLDER

pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
ECHO = 'N 04\nnet "echo"\noutputs 03\n00 02 w=1.0\n02 02 w=0.5 delay=1\n02 03 w=1.0\n01 03 w=-1.0 delay=1\n02 : tanh\n'
SOURCES = {"small": FOLDER / "small.mdl", "gated": FOLDER / "gated.mdl", "echo": ECHO}


@pytest.fixture(scope="module", params=SOURCES)
def net(request):
    with irc.compile(SOURCES[request.param], dtype="float64", seed=1) as made:
        yield made


def sequence(net, steps=7):
    """The same steps as one stream, and as two equal ones."""
    one = np.random.default_rng(0).normal(size=(steps, net.input_size))
    return one, np.repeat(one[:, None], 2, axis=1)


def anew(net, function, *arguments, **options):
    net.reset_state()
    return function(*arguments, **options)


def test_outputs_are_those_of_each_of_many_streams(net):
    one, two = sequence(net)
    expected = anew(net, net.run, two, rows="streams")
    found = anew(net, net.run, one)
    state = net.state.flat.copy()
    np.testing.assert_allclose(found, expected[:, 1], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(anew(net, net.run, one[:, None], rows="streams")[:, 0], found)
    np.testing.assert_array_equal(net.state.flat, state)


def test_gradients_are_those_of_each_of_many_streams(net):
    one, two = sequence(net)
    dy = np.random.default_rng(1).normal(size=(len(one), net.output_size))
    both = np.stack([dy, np.zeros_like(dy)], axis=1)  # the second stream adds nothing
    y, expected = anew(net, net.vjp, two, both, rows="streams")
    found_y, found = anew(net, net.vjp, one, dy)
    np.testing.assert_allclose(found_y, y[:, 0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.x, expected.x[:, 0], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.params.flat, expected.params.flat, rtol=1e-11, atol=1e-13)


def test_every_call_has_the_same_bits(net):
    """The first calls go through ctypes, later ones are short calls."""
    one, two = sequence(net)
    for x, rows in ((one, "steps"), (two, "streams")):
        outputs = [anew(net, net.run, x, rows=rows) for _ in range(4)]
        gradients = [anew(net, net.vjp, x, np.ones_like(outputs[0]), rows=rows)[1].params.flat for _ in range(4)]
        for first, *others in (outputs, gradients):
            assert all(np.array_equal(other, first) for other in others)


def test_the_state_goes_on_between_short_calls(net):
    one, _ = sequence(net, 9)
    whole = anew(net, net.run, one)
    net.reset_state()
    parts = [net.run(part) for part in np.split(one, 9)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12, atol=1e-14)


def test_out_is_written_by_short_calls(net):
    one, _ = sequence(net)
    expected = anew(net, net.run, one)
    for _ in range(4):
        out = np.full_like(expected, np.nan)
        assert anew(net, net.run, one, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_wrong_inputs_are_refused_after_short_calls(net):
    one, _ = sequence(net)
    for _ in range(3):
        anew(net, net.run, one)
    with pytest.raises(irc.Error, match="must be"):
        net.run(one[:, :1])
    with pytest.raises(irc.Error, match="state is that of 1 stream"):
        net.run(np.zeros((2, 3, net.input_size)), rows="streams")


def test_a_step_of_training_is_that_of_a_stream_among_many():
    found = []
    for rows in ("steps", "streams"):
        with irc.compile(SOURCES["gated"], dtype="float64", seed=1) as net:
            one, two = sequence(net, 12)
            x = one if rows == "steps" else two
            y = np.full((*x.shape[:-1], net.output_size), 0.5)
            loss, gradients = net.value_and_grad(x, y, rows=rows)
            net.fit(x, y, epochs=2, batch=5, optimizer=irc.SGD(0.1), rows=rows, verbose=0)
            found.append((loss, gradients.params.flat, net.params.flat.copy()))
    for one_stream, many in zip(*found, strict=True):
        np.testing.assert_allclose(one_stream, many, rtol=1e-10, atol=1e-12)


def test_passes_of_the_user_serve_all_numbers_of_streams():
    from irc.passes.pipelines import TRAINING

    with irc.compile(SOURCES["gated"], passes=TRAINING, seed=1) as net:
        assert not net.program.serves_one_sample
        assert net.run(np.ones((3, 4))).shape == (3, 4)
