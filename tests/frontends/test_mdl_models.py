"""Models in MDL: their values, losses and gradients over time, against published numbers and plain equations."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron import Net
from irc.frontends import mdl
from irc.interpreter import Interpreter
from irc.ir.locations import Source
from irc.ir.types import Type, f32, f64
from irc.ir.verifier import verify
from irc.passes.pipelines import AUTODIFF, NEURON
from support.gradients import check_vjp
from support.mdl_oracle import Equations, models
from support.nets import FOLDER, after, net_of

# Weights W[o][i] = 0.25 (((3 o + 2 i) mod 7) - 3), biases 0.01 (o + 1), x_t[i] = 0.3 t - 0.2 i for t = 1, 2, 3, state
# 0, target (0.9, 0.1, 0.2, 0.8) at each step. Outputs of the first and of the last step, and the mean loss.
GOLDEN = {
    "small": (
        "0.50936690 0.51011303 0.51214626 0.49992540",
        "0.55834535 0.46261560 0.60911782 0.44389121",
        0.1305371570,
    ),
    "big": (
        "0.52491533 0.36317206 0.67075738 0.56907347",
        "0.53972816 0.34646098 0.68826774 0.56015232",
        2.2471631286,
    ),
    "gated": (
        "0.50936690 0.51011303 0.51214626 0.49992540",
        "0.55164550 0.46098577 0.61319002 0.44570514",
        0.1312304023,
    ),
    "lstm": (
        "-0.00995835 0.07338281 0.08606896 -0.05114572",
        "0.09752640 -0.03892270 0.31445654 -0.22617616",
        0.4125614185,
    ),
}
# Gradients by weights: the entry of largest magnitude, and the sum of all magnitudes.
GRADIENTS = {
    "small": {
        "a": ((3, 0), 0.02293902, 0.07643946),
        "b": ((0, 2), 0.02736790, 0.06446183),
        "output": ((2, 3), 0.01155152, 0.06769908),
    },
    "big": {
        "a": ((2, 0), -0.00500035, 0.03634237),
        "d": ((0, 2), -0.00610086, 0.02822894),
        "e": ((0, 2), 0.03569410, 0.20097569),
        "f": ((0, 2), -0.03484165, 0.10112868),
        "g": ((2, 2), -0.00883876, 0.04161951),
        "output": ((0, 2), -0.21529769, 1.74189660),
    },
    "gated": {
        "a": ((3, 0), 0.01749300, 0.06744663),
        "b": ((0, 2), 0.02687953, 0.06169326),
        "forget": ((3, 3), 0.00158234, 0.00753120),
        "doubleforget": ((2, 2), 0.00225182, 0.00625596),
        "output": ((2, 3), 0.01102626, 0.07256260),
    },
    "lstm": {
        "include": ((0, 0), 0.02622529, 0.05892134),
        "process": ((0, 0), -0.07366751, 0.23443770),
        "add": ((0, 0), 0.01958724, 0.07342901),
        "forget": ((0, 0), 0.00976543, 0.02817590),
        "statep": ((2, 2), -0.06607134, 0.28843832),
        "output": ((3, 3), -0.06602124, 0.37163555),
    },
}
LAST_DIGIT = 1e-8
"""The numbers above have eight digits behind the point."""
X = np.array([[[0.3 * t - 0.2 * i for i in range(4)]] for t in (1, 2, 3)])
TARGET = np.broadcast_to([0.9, 0.1, 0.2, 0.8], (3, 1, 4))


def read(name: str, dtype: Type = f64) -> ModuleOp:
    return mdl.parse(Source((FOLDER / f"{name}.mdl").read_text(), f"{name}.mdl"), dtype=dtype)


def equations(name: str) -> Equations:
    return Equations(mdl.parse_tree(Source((FOLDER / f"{name}.mdl").read_text())))


def vector(net: Net) -> np.ndarray:
    """The parameters of the golden numbers."""
    w = np.zeros(net.parameter_count)
    for tensor in net.parameter_tensors:
        o, i = np.indices((*tensor.shape, 1)[:2])
        values = 0.25 * ((3 * o + 2 * i) % 7 - 3) if len(tensor.shape) == 2 else 0.01 * (o + 1)
        w[tensor.offset : tensor.offset + tensor.size] = values.reshape(-1)
    return w


def by_name(net: Net, w: np.ndarray) -> dict[str, np.ndarray]:
    tensors = net.parameter_tensors
    return {t.label: w[t.offset : t.offset + t.size].reshape(t.shape) for t in tensors}


def rest(net: Net, streams: int = 1) -> list[np.ndarray]:
    """The state at the beginning, if the net has one."""
    return [np.zeros((streams, sum(d.width for d in net.delays)))] if net.has_state else []


def numbers(text: str) -> np.ndarray:
    return np.array(text.split(), float)


@cache
def trained(name: str) -> tuple[Net, list[np.ndarray]]:
    """A golden model's net, and what its joint function gives in float64: outputs, state, and gradients."""
    module = read(name)
    net = net_of(module)
    joint = after(module, ",".join([*NEURON, *AUTODIFF]))
    dy = jax_cotangent(name, Interpreter(module, "float64").call(name, [X, vector(net), *rest(net)])[0])
    arguments = [X, vector(net), *rest(net), dy, *rest(net)]
    return net, Interpreter(joint, "float64").call(f"{name}_vjp", arguments)


def jax_cotangent(name: str, y: np.ndarray) -> np.ndarray:
    """The gradient of the loss by the outputs, from the oracle's loss."""
    model = equations(name)
    model.run = lambda parameters, x, xp: list(x)  # type: ignore[method-assign]
    with jax.enable_x64(True):
        return np.asarray(jax.grad(lambda y: model.loss({}, y, jnp.asarray(TARGET), jnp))(jnp.asarray(y)))


@pytest.mark.parametrize("name", GOLDEN)
def test_values_and_losses_of_the_sample_models(name):
    first, last, loss = GOLDEN[name]
    net, (y, *_) = trained(name)
    np.testing.assert_allclose(y[0, 0], numbers(first), rtol=0, atol=LAST_DIGIT)
    np.testing.assert_allclose(y[2, 0], numbers(last), rtol=0, atol=LAST_DIGIT)
    assert abs(float(equations(name).loss(by_name(net, vector(net)), X, TARGET)) - loss) <= 1e-10


@pytest.mark.parametrize("name", GOLDEN)
def test_gradients_through_time_of_the_sample_models(name):
    net, (_, _, _, dw, _) = trained(name)
    gradients = by_name(net, dw)
    for layer, (place, value, total) in GRADIENTS[name].items():
        found = gradients[f"{layer}.weight"]
        assert np.unravel_index(np.abs(found).argmax(), found.shape) == place
        assert abs(found[place] - value) <= LAST_DIGIT
        assert abs(np.abs(found).sum() - total) <= found.size * LAST_DIGIT


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize(("dtype", "tolerance"), [(f64, 1e-12), (f32, 1e-5)])
def test_native_code_of_the_sample_models(name, dtype, tolerance):
    """They agree with the interpreter's values and gradients in float64, up to the rounding of some hundred ops."""
    net, (y, state, dx, dw, dstate) = trained(name)
    module = after(read(name, dtype), ",".join(NEURON))
    with irc.compile(module) as native:
        native.params.flat = vector(net)
        found, gradients = native.vjp((X, *rest(net)), (jax_cotangent(name, y), *rest(net)))
        for one, other in zip((*found, *gradients.x, gradients.params.flat), (y, state, dx, dstate, dw), strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "count"), [("small", 60), ("big", 160), ("gated", 100), ("lstm", 120), ("readme-linear", 34052)]
)
def test_parameter_counts(name, count):
    net = net_of(read(name))
    assert net.parameter_count == count == sum(tensor.size for tensor in net.parameter_tensors)
    assert [t.label for t in net.parameter_tensors] == list(equations(name).shapes())
    assert [t.shape for t in net.parameter_tensors] == list(equations(name).shapes().values())


def random_case(text: str, seed: int) -> tuple[ModuleOp, Net, Equations, np.ndarray, np.ndarray]:
    """A model without what is dead in it, its net, its equations, and inputs: four steps of two streams; parameters."""
    module = mdl.parse(Source(text, "m.mdl"), dtype=f64)
    verify(module)
    module = after(module, "dce")
    net = net_of(module)
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(4, 2, 2)), rng.normal(size=net.parameter_count)
    return module, net, Equations(mdl.parse_tree(Source(text))), x, w


@settings(max_examples=100, deadline=None)
@given(models(), st.integers(0, 2**32 - 1))
def test_random_models_agree_with_their_equations_and_with_differences(text, seed):
    module, net, model, x, w = random_case(text, seed)
    wanted = np.stack(model.run(by_name(net, w), x))
    if not net.has_state:  # then there is no time either
        x, wanted = x.reshape(8, 2), wanted.reshape(8, 2)
    y, *_ = Interpreter(module, "float64").call("m", [x, w, *rest(net, 2)])
    np.testing.assert_allclose(y, wanted, rtol=1e-9, atol=1e-9)
    check_vjp(after(module, ",".join([*NEURON, *AUTODIFF])), [x, w, *rest(net, 2)], seed=seed % 1000, name="m")


@settings(max_examples=8, deadline=None)
@given(models(), st.integers(0, 2**32 - 1))
def test_gradients_of_random_models_agree_with_those_of_jax(text, seed):
    module, net, model, x, w = random_case(text, seed)
    dy = np.random.default_rng(seed + 1).normal(size=x.shape)
    with jax.enable_x64(True):

        @jax.jit
        def weighted(parameters):
            return (jnp.stack(model.run(parameters, jnp.asarray(x), jnp)) * dy).sum()

        wanted = jax.grad(weighted)({k: jnp.asarray(v) for k, v in by_name(net, w).items()})
    if not net.has_state:
        x, dy = x.reshape(8, 2), dy.reshape(8, 2)
    joint = after(module, ",".join([*NEURON, *AUTODIFF]))
    found = Interpreter(joint, "float64").call("m_vjp", [x, w, *rest(net, 2), dy, *rest(net, 2)])
    dw = by_name(net, found[3 if net.has_state else 2])
    for name, gradient in wanted.items():
        np.testing.assert_allclose(dw[name], gradient, rtol=1e-7, atol=1e-9)


@settings(max_examples=12, deadline=None)
@given(models(), st.integers(0, 2**32 - 1))
def test_native_code_of_random_models(text, seed):
    """Values, state and gradients are those of the interpreter in float64, up to the rounding of some hundred ops."""
    module, net, model, x, w = random_case(text, seed)
    wanted = np.stack(model.run(by_name(net, w), x))
    dy = np.random.default_rng(seed + 1).normal(size=x.shape)
    flat = [x, wanted, dy] if net.has_state else [a.reshape(8, 2) for a in (x, wanted, dy)]
    joint = after(module, ",".join([*NEURON, *AUTODIFF]))
    results = Interpreter(joint, "float64").call("m_vjp", [flat[0], w, *rest(net, 2), flat[2], *rest(net, 2)])
    dx, dw = results[2:4] if net.has_state else results[1:3]
    with irc.compile(module, cache=False) as native:
        native.params.flat = w
        y, gradients = native.vjp(x, dy, rows="streams")
        np.testing.assert_allclose(y, wanted, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(gradients.x.reshape(dx.shape), dx, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(gradients.params.flat, dw, rtol=1e-9, atol=1e-9)
        if net.has_state:
            np.testing.assert_allclose(native.state.flat, results[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["readme-linear", "readme-split", "merge-legal"])
@pytest.mark.filterwarnings("ignore:.*reaches no output:irc.DiagnosticWarning")
def test_native_code_of_wide_models(name):
    """In float32, with the start values that the header asks for: a path of three layers, each a sum of up to 256
    products and so of a relative error of 257 units of 2^-24 (1.5e-5) at most of terms of order 1.
    """
    module = after(read(name, f32), "dce")
    net, model = net_of(module), equations(name)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, model.items[0].width))
    with irc.compile(after(module, ",".join(NEURON)), seed=3) as native:
        parameters = {key: np.asarray(value, np.float64) for key, value in native.params.items()}
        wanted = np.stack(model.run(parameters, x))
        dy = rng.normal(size=wanted.shape)
        if not net.has_state:
            x, wanted, dy = (a.reshape(6, -1) for a in (x, wanted, dy))
        given = (x, *rest(net, 3))
        found, gradients = native.vjp(given, (dy, *rest(net, 3)))
        y = found[0] if net.has_state else found
        np.testing.assert_allclose(y, wanted, rtol=5e-5, atol=5e-5)
        exact = Interpreter(after(read(name, f64), ",".join(["dce", *NEURON, *AUTODIFF])), "float64")
        flat = np.concatenate([value.reshape(-1) for value in parameters.values()])
        results = exact.call(f"{name}_vjp", [x, flat, *rest(net, 3), dy, *rest(net, 3)])
        dw = results[3 if net.has_state else 2]
        np.testing.assert_allclose(gradients.params.flat, dw, rtol=5e-5, atol=5e-5 * np.abs(dw).max())
