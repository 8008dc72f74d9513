"""The gradient in terms of neurons: against finite differences, and against the one of the array level."""

from __future__ import annotations

import numpy as np
import pytest

from irc.dialects.neuron import Net
from irc.frontends.build import graph_to_module
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.types import f32, f64
from irc.ir.verifier import verify
from irc.text.parser import parse_module
from support.nets import SAMPLES, SMOOTH, after, agree, net_of, random_data, random_graph, sample_module


def finite_differences(module, name: str, x, w, dy) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of ``sum(dy * y)`` by x and w."""

    def loss(x_, w_) -> float:
        return float((Interpreter(module, "float64").call(name, [x_, w_])[0] * dy).sum())

    gradients = []
    for number, array in enumerate((x, w)):
        gradient = np.zeros(array.shape)
        for at in np.ndindex(array.shape):
            step = np.zeros(array.shape)
            step[at] = 1e-6
            values = [[x, w], [x, w]]
            values[0][number], values[1][number] = array + step, array - step
            gradient[at] = (loss(*values[0]) - loss(*values[1])) / 2e-6
        gradients.append(gradient)
    return gradients[0], gradients[1]


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_finite_differences(seed):
    module = graph_to_module(random_graph(seed, SMOOTH), "nodes", f64)
    name = net_of(module).sym_name.value
    changed = after(module, "autodiff")
    verify(changed)
    x, w, dy = random_data(net_of(module), seed, 2)
    y, dx, dw = Interpreter(changed).call(f"{name}_vjp", [x, w, dy])
    assert np.array_equal(y, Interpreter(module).call(name, [x, w])[0])
    wanted_dx, wanted_dw = finite_differences(module, name, x, w, dy)
    scale = 1 + max(np.abs(wanted_dx).max(initial=0), np.abs(wanted_dw).max(initial=0))
    assert np.abs(dx - wanted_dx).max(initial=0) < 1e-6 * scale
    assert np.abs(dw - wanted_dw).max(initial=0) < 1e-6 * scale


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_the_gradient_of_the_array_level(seed):
    """Corners included: both take the same side of relu at 0, and the first of equal maxima."""
    graph = random_graph(seed)
    module = graph_to_module(graph, "nodes", f32)
    x, w, dy = random_data(net_of(module), seed)
    arguments = [a.astype(np.float32) for a in (x, w, dy)]
    name = f"{graph.name}_vjp"
    early = after(module, "autodiff")
    wanted = Interpreter(early, "bounded").call(name, arguments)
    orders = ("autodiff,lower-neuron", "lower-neuron,autodiff", "group-neurons,lower-neuron,autodiff")
    for passes in orders:
        changed = after(module, passes)
        verify(changed)
        for a, b in zip(Interpreter(changed, "bounded").call(name, arguments), wanted, strict=True):
            agree(a, b)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name):
    module = sample_module(name, "nodes")
    net = net_of(module)
    x, w, dy = random_data(net, 3)
    wanted = Interpreter(after(module, "lower-neuron,autodiff")).call(f"{net.sym_name.value}_vjp", [x, w, dy])
    found = Interpreter(after(module, "autodiff")).call(f"{net.sym_name.value}_vjp", [x, w, dy])
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_ties_give_the_gradient_to_the_first():
    text = """
    neuron.net @f(%a: f64, %b: f64, %c: f64) -> f64 parameters 0 {
      %m = neuron.node identity(max(%a, %b, %c)) : f64
      neuron.output %m : f64
    }
    """
    module = parse_module(text)
    x, w, dy = np.array([[1.0, 2, 2], [3, 3, 3], [1, 1, 2]]), np.zeros(0), np.ones((3, 1))
    wanted = [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    for passes in ("autodiff", "autodiff,lower-neuron", "lower-neuron,autodiff", "group-neurons,lower-neuron,autodiff"):
        assert Interpreter(after(module, passes)).call("f_vjp", [x, w, dy])[1].tolist() == wanted, passes


def test_product_with_zeros():
    text = """
    neuron.net @f(%a: f64, %b: f64, %c: f64) -> f64 parameters 1 {
      %m = neuron.node identity(product(%a*w[0], %b, %c)) : f64
      neuron.output %m : f64
    }
    """
    module = parse_module(text)
    x, w, dy = np.array([[0.0, 2, 3], [0, 0, 5]]), np.array([7.0]), np.ones((2, 1))
    for passes in ("autodiff", "autodiff,lower-neuron", "group-neurons,lower-neuron,autodiff"):
        _, dx, dw = Interpreter(after(module, passes)).call("f_vjp", [x, w, dy])
        assert dx.tolist() == [[42.0, 0, 0], [0, 0, 0]] and dw.tolist() == [0.0]


def test_merges_have_gradients():
    text = """
    neuron.net @f(%a: f64, %b: f64) -> (f64, f64, f64) parameters 1 {
      %s = neuron.merge add %a, %b : f64
      %p = neuron.merge multiply %a, %b, %s : f64
      %m = neuron.merge average %p, %b : f64
      neuron.output %s, %p, %m : f64, f64, f64
    }
    """
    module = parse_module(text)
    x, w = np.array([[2.0, 3.0]]), np.array([1.0])
    dy = np.array([[1.0, 10.0, 100.0]])
    wanted_dx, _ = finite_differences(module, "f", x, w, dy)
    _, dx, dw = Interpreter(after(module, "autodiff")).call("f_vjp", [x, w, dy])
    assert np.allclose(dx, wanted_dx, rtol=1e-8) and dw.tolist() == [0.0]


def test_groups_have_no_gradient_in_terms_of_neurons():
    module = sample_module("nn00.nal", "dag")
    with pytest.raises(Error, match="run explode-neurons before"):
        after(module, "autodiff")


def test_a_gradient_of_a_gradient_is_left_to_the_array_level():
    module = after(sample_module("nn02.nam", "nodes"), "autodiff")
    net = next(op for op in module.walk() if isinstance(op, Net) and op.is_gradient)
    with pytest.raises(Error, match="has no derivative in terms of neurons"):
        net.differentiate("again")


def test_a_function_that_calls_a_net():
    """The call's derivative is a call of the net of gradients."""
    text = """
    neuron.net private @f(%a: f64, %b: f64) -> f64 parameters 2 {
      %c = neuron.node tanh(%a*w[0] + %b*w[1]) : f64
      neuron.output %c : f64
    }
    func.func @main(%x: tensor<B x 2 x f64>, %w: tensor<2xf64>) -> tensor<B x 1 x f64> {
      %y = neuron.call @f(%x, %w) : (tensor<B x 2 x f64>, tensor<2xf64>) -> tensor<B x 1 x f64>
      func.return %y : tensor<B x 1 x f64>
    }
    """
    module = parse_module(text)
    rng = np.random.default_rng(0)
    x, w, dy = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=(3, 1))
    wanted = finite_differences(module, "main", x, w, dy)
    for passes in ("autodiff", "autodiff,lower-neuron", "lower-neuron,autodiff", "group-neurons,lower-neuron,autodiff"):
        changed = after(module, passes)
        verify(changed)
        _, dx, dw = Interpreter(changed).call("main_vjp", [x, w, dy])
        assert np.allclose(dx, wanted[0], rtol=1e-7) and np.allclose(dw, wanted[1], rtol=1e-7), passes
