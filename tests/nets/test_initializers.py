"""Initialisers: the rules' distributions, the documented generator, and named tensors of parameters."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

import irc
from irc.initializers import INITIALIZERS, Stream, fans
from irc.passmanager import PassManager, parse_pipeline

SHAPE = (200, 300)
COUNT = math.prod(SHAPE)


def values(name: str, *numbers: float, shape: tuple[int, ...] = SHAPE, seed: int = 7) -> np.ndarray:
    return INITIALIZERS[name].values("layer.weight", shape, numbers, seed)


def model(*layers: str, header: str = "/normal 0 1,const_uneven 0 1/") -> irc.Net:
    return irc.compile(f"{header}\n(x, 3){''.join(layers)}(y, 2, <tanh>, <mse>)", dtype="float64", seed=5)


# -- the generator -----------------------------------------------------------------------------------------------------


def test_the_stream_is_the_documented_one():
    """Philox4x64-10 keyed by a hash of seed and name; uniform from its upper bits; normal by Box and Muller."""
    key = hashlib.sha256((5).to_bytes(8, "little") + "é.weight".encode()).digest()[:16]
    raw = np.random.Philox(key=int.from_bytes(key, "little")).random_raw(6)
    uniform = [(int(bits) >> 11) / 2**53 for bits in raw]
    assert Stream(5, "é.weight").uniform(6).tolist() == uniform
    pairs = zip(uniform[::2], uniform[1::2], strict=True)
    radius_angle = [(math.sqrt(-2 * math.log1p(-u)), 2 * math.pi * v) for u, v in pairs]
    normal = [part for r, a in radius_angle for part in (r * math.cos(a), r * math.sin(a))]
    np.testing.assert_allclose(Stream(5, "é.weight").normal(5), normal[:5], rtol=1e-15)


def test_the_numbers_stay_what_they_are():
    """A seed gives the same net in every version."""
    assert Stream(0, "a.weight").uniform(2).tolist() == [0.5388094095819691, 0.8963789118604476]


def test_streams_depend_on_seed_and_name():
    first = Stream(0, "a").uniform(4)
    assert np.array_equal(first, Stream(0, "a").uniform(4))
    for other in (Stream(1, "a"), Stream(0, "b"), Stream(2**63 - 1, "a")):
        assert not np.isin(other.uniform(4), first).any()


# -- the rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "bound"), [("xavier", math.sqrt(6 / 500)), ("he", math.sqrt(6 / 300))])
def test_uniform_rules_fill_their_range(name, bound):
    drawn = values(name)
    assert -bound <= drawn.min() < -0.999 * bound and 0.999 * bound < drawn.max() <= bound
    assert abs(drawn.mean()) < 5 * bound / math.sqrt(3 * COUNT)  # five standard deviations of the mean


@pytest.mark.parametrize(
    ("name", "numbers", "mean", "deviation"),
    [
        ("lecun", (), 0, 1 / math.sqrt(300)),
        ("normal", (), 0, 1),
        ("normal", (3, 0.5), 3, 0.5),
        ("const_uneven", (0.1, 0.2), 0.1, 0.2),
        ("uniform", (), 0.5, 1 / math.sqrt(12)),
        ("uniform", (-1, 3), 1, 4 / math.sqrt(12)),
    ],
)
def test_moments_are_those_of_the_rule(name, numbers, mean, deviation):
    """Within five standard deviations of the mean of so many numbers, and of their deviation."""
    drawn = values(name, *numbers)
    assert abs(drawn.mean() - mean) < 5 * deviation / math.sqrt(COUNT)
    assert abs(drawn.std() - deviation) < 5 * deviation / math.sqrt(2 * COUNT)


def test_normal_numbers_are_normal():
    """Kolmogorov and Smirnov's distance of so many numbers stays below 1.95 / sqrt(n) but once in a thousand."""
    drawn = np.sort(values("normal").reshape(-1))
    exact = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in drawn])
    steps = np.arange(COUNT + 1) / COUNT
    assert max((steps[1:] - exact).max(), (exact - steps[:-1]).max()) < 1.95 / math.sqrt(COUNT)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6), (1, 4)])
def test_orthogonal_rows_or_columns_are_orthonormal_times_the_gain(shape):
    drawn = values("orthogonal", 2.0, shape=shape)
    product = drawn @ drawn.T if shape[0] <= shape[1] else drawn.T @ drawn
    np.testing.assert_allclose(product, 4 * np.eye(min(shape)), atol=1e-12)


def test_constants():
    assert not values("zero").any()
    assert np.array_equal(values("const_flat", 0.5, shape=(3,)), [0.5] * 3)
    assert not values("const_flat", shape=(3,)).any()


def test_fans_count_the_field_of_a_neuron():
    assert fans((4, 3)) == (3, 4) and fans((8, 3, 5, 5)) == (75, 200)


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("xavier", (1,), "xavier takes none, but 1 number was given"),
        ("normal", (1, 2, 3), r"takes 2 \(mean, deviation\), but 3 numbers were given"),
        ("normal", (0, -1), "the deviation of normal must not be negative"),
        ("uniform", (2, 1), "the lower bound comes first"),
        ("const_flat", (math.nan,), "value of const_flat must be a finite number"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(name, numbers, message):
    with pytest.raises(ValueError, match=message):
        values(name, *numbers)


# -- tensors of a net --------------------------------------------------------------------------------------------------


def test_an_edit_elsewhere_does_not_change_what_a_layer_is_drawn_as():
    with model("(a, 4, <relu>)") as one, model("(b, 3, <relu>)", "(c, 3, <relu>)", "(a, 4, <relu>)") as other:
        for name in ("a.weight", "a.bias", "y.weight"):
            assert np.array_equal(one.params[name], other.params[name])
        assert not np.isin(one.params["a.weight"], other.params["b.weight"]).any()


def test_tensors_are_views_of_the_flat_vector():
    with model("(a, 4, <linear>)", header="/xavier,const_flat 1/") as net:
        assert list(net.params) == ["a.weight", "a.bias", "y.weight", "y.bias"]
        net.params["a.weight"][1, 2] = 7.0
        assert net.params.flat[1 * 3 + 2] == 7.0
        net.params["a.weight"] = np.arange(12).reshape(4, 3)
        assert net.params.flat[:12].tolist() == list(range(12))
        with pytest.raises(irc.Error, match=r"parameter 'a.bias' has shape \(4,\)"):
            net.params["a.bias"] = 1.0


def test_gradients_have_the_same_names_and_shapes():
    with model("(a, 4, <tanh>)") as net:
        x = np.random.default_rng(0).normal(size=(5, 3))
        y, gradients = net.vjp(x, np.ones((5, 2)))
        assert {k: v.shape for k, v in gradients.params.items()} == {k: v.shape for k, v in net.params.items()}
        np.testing.assert_allclose(gradients.params["y.bias"], (1 - y**2).sum(0), rtol=1e-12)


def test_a_given_start_value_goes_before_the_initialiser_and_the_rest_is_drawn_by_fan_in():
    text = """
    neuron.net @f(%x: tensor<2xf32>) -> tensor<1xf32> parameters 4
        tensors (#neuron.tensor<"a", 0, [1, 2], const_flat<3.0>>)
        attributes {initial = dense<[5.0, 0x7FC00000, 0x7FC00000, 1.0]> : tensor<4xf32>} {
      %y = neuron.layer identity(%x*w[0:2] + w[2:3]) #neuron.dense<2, 1>
      neuron.output %y : tensor<1xf32>
    }
    """
    with irc.compile(text) as net:
        assert net.params["a"].tolist() == [[5.0, 3.0]]
        assert list(net.params) == ["a", "p02", "p03"] and net.params["p03"] == 1.0
        assert 0 < abs(net.params["p02"]) <= 1 / math.sqrt(2)


def test_functions_that_nets_became_keep_the_tensors():
    with model("(a, 4, <relu>)") as net:
        lowered = irc.parse(net.module.to_text())
        PassManager(parse_pipeline("lower-neuron")).run(lowered)
        with irc.compile(lowered, seed=5) as function:
            assert list(function.params) == list(net.params)
            assert np.array_equal(function.params.flat, net.params.flat)


def test_equations_name_each_number_by_its_place():
    with model() as net:
        text = net.equations(backward=True)
    assert 'y_1 = f_y_1( +x_0*"y.weight[1,0]" +x_1*"y.weight[1,1]" +x_2*"y.weight[1,2]" +"y.bias[1]")' in text
    assert '"Dy.weight[1,2]" = x_2*d_y_1' in text
