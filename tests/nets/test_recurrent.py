"""Recurrent nets: what they compute, their gradients through time, and the state between calls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import irc
from irc.passes.pipelines import TRAINING

SMALL = """
neuron.net @small(%x: tensor<4xf32>) -> tensor<4xf32> parameters 60 {
  %before = neuron.delay %b : tensor<4xf32>
  %gate = neuron.merge add %x, %before : tensor<4xf32>
  %a = neuron.layer relu(%gate*w[0:16] + w[16:20]) #neuron.dense<4, 4>
  %b = neuron.layer swish<5.9>(%a*w[20:36] + w[36:40]) #neuron.dense<4, 4>
  %y = neuron.layer sigmoid(%b*w[40:56] + w[56:60]) #neuron.dense<4, 4>
  neuron.output %y : tensor<4xf32>
}
"""
LSTM = """
neuron.net @lstm(%x: tensor<4xf32>) -> tensor<4xf32> parameters 120 {
  %last = neuron.delay %lastc : tensor<4xf32>
  %a = neuron.merge add %x, %last : tensor<4xf32>
  %include = neuron.layer sigmoid(%a*w[0:16] + w[16:20]) #neuron.dense<4, 4>
  %process = neuron.layer tanh(%a*w[20:36] + w[36:40]) #neuron.dense<4, 4>
  %add = neuron.layer sigmoid(%a*w[40:56] + w[56:60]) #neuron.dense<4, 4>
  %forget = neuron.layer sigmoid(%a*w[60:76] + w[76:80]) #neuron.dense<4, 4>
  %pi = neuron.merge multiply %process, %include : tensor<4xf32>
  %state = neuron.delay %state1 : tensor<4xf32>
  %state0 = neuron.merge multiply %forget, %state : tensor<4xf32>
  %state1 = neuron.merge add %state0, %pi : tensor<4xf32>
  %statep = neuron.layer tanh(%state1*w[80:96] + w[96:100]) #neuron.dense<4, 4>
  %lastc = neuron.merge multiply %statep, %add : tensor<4xf32>
  %y = neuron.layer tanh(%lastc*w[100:116] + w[116:120]) #neuron.dense<4, 4>
  neuron.output %y : tensor<4xf32>
}
"""
GOLDEN = {
    SMALL: (
        ("0.50936690 0.51011303 0.51214626 0.49992540", "0.55834535 0.46261560 0.60911782 0.44389121"),
        [((3, 0), 0.02293902, 0.07643946), ((0, 2), 0.02736790, 0.06446183), ((2, 3), 0.01155152, 0.06769908)],
    ),
    LSTM: (
        ("-0.00995835 0.07338281 0.08606896 -0.05114572", "0.09752640 -0.03892270 0.31445654 -0.22617616"),
        [
            ((0, 0), 0.02622529, 0.05892134),
            ((0, 0), -0.07366751, 0.23443770),
            ((0, 0), 0.01958724, 0.07342901),
            ((0, 0), 0.00976543, 0.02817590),
            ((2, 2), -0.06607134, 0.28843832),
            ((3, 3), -0.06602124, 0.37163555),
        ],
    ),
}
"""Outputs of the first and of the last of three steps, and of each layer's weights the greatest gradient of the mean
squared error, its place, and the sum of magnitudes, from an evaluation of the equations in float64.
"""
X = np.array([[0.3 * t - 0.2 * i for i in range(4)] for t in (1, 2, 3)])
TARGET = np.array([0.9, 0.1, 0.2, 0.8])


def parameters(layers: int) -> np.ndarray:
    o, i = np.indices((4, 4))
    return np.tile(np.concatenate([(0.25 * ((3 * o + 2 * i) % 7 - 3)).ravel(), 0.01 * np.arange(1, 5)]), layers)


def compiled(text: str, **options) -> irc.Net:
    net = irc.compile(irc.parse(text), **options)
    net.params.flat[:] = parameters(net.params.flat.size // 20)
    return net


@pytest.fixture(scope="module")
def lstm() -> Iterator[irc.Net]:
    with compiled(LSTM) as net:
        yield net


@pytest.fixture(autouse=True)
def fresh(lstm):
    lstm.reset_state()


@pytest.mark.parametrize("text", GOLDEN)
@pytest.mark.parametrize(("dtype", "tolerance"), [("f64", 1e-8), ("f32", 1e-6)])
def test_values_and_gradients_through_the_window(text, dtype, tolerance):
    (first, last), gradients = GOLDEN[text]
    in_dtype = text.replace("dense<4, 4>", f"dense<4, 4> : {dtype}").replace("xf32", f"x{dtype}")
    with compiled(in_dtype) as net:
        y = net.run(X)
        for row, wanted in ((y[0], first), (y[2], last)):
            np.testing.assert_allclose(row, np.array(wanted.split(), float), rtol=0, atol=tolerance)
        net.reset_state()
        again, found = net.vjp(X, 2 * (y - TARGET) / 12)
        np.testing.assert_allclose(again, y, rtol=0, atol=tolerance)
        weights = found.params.flat.reshape(-1, 20)[:, :16].reshape(-1, 4, 4)
        for matrix, (place, value, total) in zip(weights, gradients, strict=True):
            assert np.unravel_index(np.abs(matrix).argmax(), (4, 4)) == place
            assert abs(matrix[place] - value) <= tolerance
            assert abs(np.abs(matrix).sum() - total) <= 16 * tolerance
        assert found.x.shape == X.shape


def test_every_pass_keeps_the_meaning():
    """--check over the pipeline of training, derivative and native form included."""
    text = """
    neuron.net @r(%x: f64, %z: f64) -> f64 parameters 5 {
      %da = neuron.delay %a : f64
      %db = neuron.delay %b {initial = 0.5} : f64
      %a = neuron.node tanh(%x*w[0] + %da*w[1] + %db*w[2]) : f64
      %b = neuron.node sigmoid(%z*w[3] + %a*w[4]) : f64
      neuron.output %b : f64
    }
    """
    with irc.compile(irc.parse(text), passes=TRAINING, check=True) as net:
        assert net.vjp(np.ones((3, 2)), np.ones((3, 1)))[0].shape == (3, 1)


def test_the_state_goes_on_from_call_to_call(lstm):
    """Two windows are one: the same bits, whatever the cut."""
    whole = lstm.run(X)
    lstm.reset_state()
    np.testing.assert_array_equal(np.concatenate([lstm.run(X[:1]), lstm.run(X[1:])]), whole)


def test_gradients_end_where_the_window_begins(lstm):
    """The state that a call begins with counts as given, so gradients of a second window are those of it alone."""
    lstm.run(X)
    kept = lstm.state.flat.copy()
    dy = np.ones((3, 4))
    _, first = lstm.vjp(X, dy)
    lstm.state.flat = kept
    _, second = lstm.vjp(X, dy)
    np.testing.assert_array_equal(first.params.flat, second.params.flat)
    lstm.reset_state()
    _, other = lstm.vjp(X, dy)
    assert not np.allclose(other.params.flat, first.params.flat)


def test_streams_are_independent(lstm):
    """What a stream gives is what it would give alone."""
    x = np.random.default_rng(0).normal(size=(5, 3, 4))
    dy = np.random.default_rng(1).normal(size=(5, 3, 4))
    y, found = lstm.vjp(x, dy, rows="streams")
    assert lstm.state.flat.shape == (3, 8) and found.x.shape == x.shape
    alone = []
    for stream in range(3):
        lstm.reset_state()
        one, gradients = lstm.vjp(x[:, stream], dy[:, stream])
        np.testing.assert_allclose(y[:, stream], one, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.x[:, stream], gradients.x, rtol=1e-4, atol=1e-5)
        alone.append(gradients.params.flat)
    np.testing.assert_allclose(found.params.flat, np.sum(alone, 0), rtol=1e-4, atol=1e-4)


def test_registers_are_named_after_what_they_delay(lstm):
    assert list(lstm.state) == ["lastc", "state1"]
    lstm.run(X[:1])
    np.testing.assert_array_equal(lstm.state.flat, np.concatenate([lstm.state["lastc"], lstm.state["state1"]], 1))
    lstm.state["state1"] = 0.25
    changed = lstm.run(X[1:2])
    flat = lstm.state.flat
    lstm.reset_state()
    assert not lstm.state.flat.any()
    lstm.run(X[:1])
    kept = lstm.state.flat.copy()
    kept[:, 4:] = 0.25
    lstm.state.flat = kept
    np.testing.assert_array_equal(lstm.run(X[1:2]), changed)
    np.testing.assert_array_equal(lstm.state.flat, flat)


def test_the_initial_state_is_what_the_delays_say():
    text = SMALL.replace("neuron.delay %b :", "neuron.delay %b {initial = 0.5} :")
    with compiled(text) as net, compiled(SMALL) as zero:
        zero.state["b"] = 0.5
        np.testing.assert_array_equal(net.run(X), zero.run(X))
        net.reset_state()
        np.testing.assert_array_equal(net.state.flat, np.full((1, 4), 0.5, np.float32))
        assert net.run(np.zeros((2, 3, 4)), rows="streams").shape == (2, 3, 4)  # every stream starts alike


def test_results_are_written_where_the_caller_wants_them(lstm):
    out = np.zeros((3, 4), np.float32)
    assert lstm.run(X, out=out) is out
    lstm.reset_state()
    np.testing.assert_array_equal(lstm.run(X), out)


def test_no_step_is_no_change(lstm):
    lstm.run(X)
    before = lstm.state.flat.copy()
    y, found = lstm.vjp(np.zeros((0, 4)), np.zeros((0, 4)))
    assert y.shape == (0, 4) and not found.params.flat.any()
    np.testing.assert_array_equal(lstm.state.flat, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: net.run(np.zeros((3, 5))), r"x: dimension 1 must be 4, got 5"),
        (lambda net: net.run(np.zeros((3, 2, 4))), r"x: expected 2 dimensions .*; with rows='streams'"),
        (lambda net: net.vjp(X, np.zeros((3, 1, 4))), r"dy: expected 2 dimensions .*; with rows='streams'"),
        (lambda net: net.run(X, rows="streams"), r"x: expected 3 dimensions .*; with rows='steps', one stream is"),
        (lambda net: net.predict(np.zeros((3, 2, 4))), r"x: expected 2 dimensions .*; with rows='streams'"),
        (lambda net: net.run(X, rows="samples"), r"rows must be one of steps, streams, got 'samples'"),
        (lambda net: net.run(X, rows=X), r"rows must be one of steps, streams, got array"),
        (lambda net: net.run(np.zeros(4)), r"x: expected 2 dimensions .*; one sample is x\[None, :\]"),
        (lambda net: net.run(X, X), r"@lstm over time takes one array, got 2"),
        (lambda net: net.vjp(X, np.zeros((2, 4))), r"dy"),
        (lambda net: net.run(X, out=np.zeros((3, 3), np.float32)), r"out must have shape"),
        (lambda net: net.state["b"], r"there is no register 'b'; there are lastc, state1"),
        (lambda net: setattr(net.state, "flat", np.zeros((1, 3))), r"state: dimension 1 must be 8, got 3"),
        (lambda net: net.state.__setitem__("lastc", np.zeros(3)), r"state\['lastc'\] is of shape \(1, 4\)"),
    ],
)
def test_bad_calls_are_refused(lstm, call, message):
    with pytest.raises(irc.Error, match=message):
        call(lstm)


def test_another_number_of_streams_needs_a_new_state(lstm):
    lstm.run(X)
    with pytest.raises(irc.Error, match=r"that of 1 stream, the input has 2; reset_state\(\) begins anew"):
        lstm.run(np.zeros((3, 2, 4)), rows="streams")
    lstm.reset_state()
    assert lstm.run(np.zeros((3, 2, 4)), rows="streams").shape == (3, 2, 4)


def test_nets_without_delays_take_all_rows_alike(shared):
    x = np.random.default_rng(0).normal(size=(3, 2, 4)).astype(np.float32)
    y, found = shared.vjp(x, np.ones((3, 2, 2)), rows="streams")
    for step in range(3):
        one, gradients = shared.vjp(x[step], np.ones((2, 2)))
        np.testing.assert_allclose(shared.run(x, rows="streams")[step], one, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(y[step], one, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(found.x[step], gradients.x, rtol=1e-6, atol=1e-7)
    shared.reset_state()
    with pytest.raises(irc.Error, match="has no delays, so it has no state"):
        _ = shared.state
    with pytest.raises(irc.Error, match="with rows='streams' expected 3 dimensions"):
        shared.run(x[0], rows="streams")


def test_delays_that_reach_no_output_leave_a_net_without_state():
    text = """
    neuron.net @dead(%x: f32) -> f32 parameters 1 {
      %d = neuron.delay %n : f32
      %n = neuron.node tanh(%x + %d)
      %y = neuron.node tanh(%x*w[0])
      neuron.output %y : f32
    }
    """
    with pytest.warns(UserWarning, match="neuron n reaches no output"), irc.compile(irc.parse(text)) as net:
        assert net.run([[1.0], [2.0]]).shape == (2, 1)
        with pytest.raises(irc.Error, match="no delays"):
            _ = net.state


FORMS = ("explode-neurons", "explode-neurons,group-neurons", "explode-neurons,recover-structure{min=4}")
NODES = """
neuron.net @r(%x: tensor<3xf64>) -> tensor<2xf64> parameters 27 {
  %d = neuron.delay %h {initial = 0.25} : tensor<3xf64>
  %in = neuron.gather (%x, %d) {indices = dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi32>} : (tensor<3xf64>, tensor<3xf64>) -> tensor<6xf64>
  %h = neuron.layer tanh(%in*w[0:18] + w[18:21]) #neuron.dense<6, 3> : f64
  %y = neuron.layer sigmoid(%h*w[21:27]) #neuron.dense<3, 2> : f64
  neuron.output %y : tensor<2xf64>
}
"""  # noqa: E501


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_agree(form):
    """Layers, single neurons, a dag, and layers found again: values, state and gradients."""
    x, dy = np.random.default_rng(2).normal(size=(6, 3)), np.random.default_rng(3).normal(size=(6, 2))
    w = np.random.default_rng(4).normal(size=27)
    passes = TRAINING.replace("group-neurons,", "")
    with irc.compile(irc.parse(NODES), passes=passes) as layers, irc.compile(
        irc.parse(NODES), passes=f"{form},{passes}"
    ) as other:
        layers.params.flat[:] = other.params.flat[:] = w
        y, found = layers.vjp(x, dy)
        z, gradients = other.vjp(x, dy)
        np.testing.assert_allclose(z, y, rtol=1e-12)
        np.testing.assert_allclose(other.state.flat, layers.state.flat, rtol=1e-12)
        np.testing.assert_allclose(gradients.params.flat, found.params.flat, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(gradients.x, found.x, rtol=1e-10, atol=1e-13)
