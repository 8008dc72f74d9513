"""Frozen nets: a snapshot for inference, with all that follows from the parameters alone computed beforehand."""

from pathlib import Path

import numpy as np
import pytest

import irc
from irc.frozen import Prepared
from irc.passmanager import parse_pipeline

MLP = "/he,zero/ (input, 70)(a, 130, <tanh>)(b, 64, <relu>)(c, 3, <linear>, <mse>)\n"
RNN = "/he,zero/ (input, 5)(a, 40, <tanh>){m, r, additive}(r, 40, <tanh>)(b, 2, <linear>, <mse>)\n"
NAL = (Path(__file__).parents[2] / "examples" / "nets" / "nn00.nal").read_text()
FUNCTION = """
func.func @f(%x: tensor<B x 33 x f32>, %v: tensor<20x33xf32> {irc.param = "v"}, %s: tensor<20xf32> {irc.param = "s"})
    -> tensor<B x 20 x f32> {
  %e = math.exp %s : tensor<20xf32>
  %b = array.broadcast %e dims [1] : tensor<20xf32> to tensor<B x 20 x f32>
  %y = array.contract "bi,oi->bo" %x, %v : tensor<B x 33 x f32>, tensor<20x33xf32>
  %z = arith.mulf %y, %b : tensor<B x 20 x f32>
  func.return %z : tensor<B x 20 x f32>
}
"""


def data(net, rows):
    return np.random.default_rng(rows).standard_normal((rows, net.input_size)).astype(net.dtype)


def filled(net):
    net.params.flat[...] = np.random.default_rng(1).standard_normal(net.params.flat.size) * 0.1
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("text", "form"), [(MLP, "mdl"), (FUNCTION, "mlir"), (NAL, "nal")], ids=["mdl", "mlir", "nal"])
def test_it_runs_as_the_net_did(text, form, dtype):
    if form == "mlir":
        text = text.replace("f32", {"float32": "f32", "float64": "f64"}[dtype])
    net = filled(irc.compile(text, format=form, dtype=dtype))
    frozen = net.freeze()
    unit = np.finfo(net.dtype).eps
    for rows in (0, 1, 2, 3, 8, 33, 100):
        x = data(net, rows)
        wanted = net.run(x)
        for _ in range(3):  # short calls begin with the third
            found = frozen.run(x)
            assert found.dtype == net.dtype
            assert np.allclose(found, wanted, rtol=300 * unit, atol=300 * unit)


def test_what_follows_from_parameters_alone_is_computed_once():
    net = filled(irc.compile(FUNCTION))
    frozen = net.freeze()
    assert "_prepared" in frozen.forward.signature.name
    bound = frozen.forward.function.bound
    assert len(bound) == 2  # the weights in panels, and exp(s)
    assert any(np.allclose(a, np.exp(net.params["s"]), rtol=1e-6) for a in bound.values() if a.size == 20)
    assert all(not a.flags.writeable for a in bound.values())


def test_it_is_a_snapshot():
    net = filled(irc.compile(MLP, format="mdl"))
    x = data(net, 9)
    frozen, before = net.freeze(), net.run(x)
    net.params.flat[...] = 0
    assert np.allclose(frozen.run(x), before, rtol=1e-4, atol=1e-5)
    assert np.allclose(net.freeze().run(x), net.run(x))
    with pytest.raises(ValueError, match="read-only"):
        frozen.params.flat[0] = 1
    with pytest.raises(irc.Error, match="these parameters are read-only: those of a frozen net do not change"):
        frozen.params["a.weight"] = net.params["a.weight"]
    with pytest.raises(irc.Error, match="read-only"):
        frozen.params.flat = net.params.flat
    assert frozen.params["a.weight"].shape == (130, 70)


@pytest.mark.parametrize("rows", ["steps", "streams"])
def test_recurrent_nets_have_a_state_of_their_own(rows):
    net = filled(irc.compile(RNN, format="mdl"))
    frozen = net.freeze()
    x = np.random.default_rng(0).standard_normal((11, 5) if rows == "steps" else (11, 4, 5)).astype(np.float32)
    for _ in range(3):
        assert np.allclose(frozen.run(x, rows=rows), net.run(x, rows=rows), rtol=1e-4, atol=1e-5)
    assert np.allclose(frozen.state.flat, net.state.flat, rtol=1e-4, atol=1e-5)
    frozen.reset_state()
    assert net.state.flat.any() and not frozen.state.flat.any()


def test_it_does_not_learn_and_is_not_saved(tmp_path):
    frozen = irc.compile(MLP, format="mdl").freeze()
    x, y = data(frozen, 4), np.zeros((4, 3))
    for attempt in (
        lambda: frozen.vjp(x, y),
        lambda: frozen.fit(x, y, verbose=0),
        lambda: frozen.value_and_grad(x, y),
        lambda: frozen.save(tmp_path / "net.irc"),
    ):
        with pytest.raises(irc.Error, match="frozen"):
            attempt()


@pytest.mark.parametrize("calls", [0, 4])
def test_closing_the_net_closes_it(calls):
    """Also where there have been calls, so that they go a shorter way."""
    net = filled(irc.compile(MLP, format="mdl"))
    x, frozen = data(net, 3), net.freeze()
    for _ in range(calls):
        frozen.run(x)
    net.close()
    with pytest.raises(irc.Error, match="closed"):
        frozen.run(x)


def test_evaluation_and_prediction_need_no_gradients():
    net = filled(irc.compile(MLP, format="mdl"))
    x, y = data(net, 50), np.zeros((50, 3), np.float32)
    frozen = net.freeze()
    assert np.allclose(frozen.predict(x), net.predict(x), rtol=1e-4, atol=1e-5)
    assert np.isclose(frozen.evaluate(x, y, loss="mse").loss, net.evaluate(x, y).loss, rtol=1e-4)


def test_it_shows_its_pipeline():
    training = parse_pipeline("lower-neuron,autodiff,lower-array,plan-memory")
    found = [p.name for p in Prepared().passes(None, "f", training)]
    assert found == ["lower-neuron", "lower-array", "split-prepare", "plan-memory"]
