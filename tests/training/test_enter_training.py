"""What nets do while they learn and not else: BatchNorm's statistics of the batch, Dropout's random zeros."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc import layers as L
from irc.interpreter import Interpreter
from irc.passes.enter_training import EnterTraining
from irc.passmanager import PassManager

EPS, MOMENTUM, RATE = 1e-5, 0.1, 0.05
EXACT = {"rtol": 1e-9, "atol": 1e-11}
"""For nets in float64: a few dozen sums of some hundred terms, whose errors stay far below."""


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def fmix32(h: np.ndarray) -> np.ndarray:
    """The finalizer of MurmurHash3, as its author wrote it."""
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def kept(p: float, seed: int, step: int, stream: int, shape: tuple[int, ...]) -> np.ndarray:
    """Which elements stay, by the formula in ``irc.training.draws``."""
    with np.errstate(over="ignore"):
        h = np.array([0x9E3779B9], np.uint32)
        for word in (seed % 2**32, seed >> 32, step, stream):
            h = fmix32(h ^ np.uint32(word))
        rows = fmix32(h ^ np.arange(shape[0], dtype=np.uint32))
        places = np.arange(int(np.prod(shape[1:])), dtype=np.uint32)
        bits = fmix32(rows[:, None] ^ places)
    return (bits >= round(p * 2**32)).reshape(shape)


class BatchNorm:
    """PyTorch's definition in training, with its gradient (Ioffe and Szegedy, 2015, section 3); channels are axis 1."""

    def __init__(self, channels: int):
        self.weight, self.bias = np.ones(channels), np.zeros(channels)
        self.mean, self.variance = np.zeros(channels), np.ones(channels)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.axes = (0, *range(2, x.ndim))
        self.count = x.size // x.shape[1]
        mean, variance = x.mean(self.axes), x.var(self.axes)
        self.mean = (1 - MOMENTUM) * self.mean + MOMENTUM * mean
        self.variance = (1 - MOMENTUM) * self.variance + MOMENTUM * x.var(self.axes, ddof=1)
        self.scale = 1 / np.sqrt(variance + EPS)
        self.normal = (x - self.along(mean, x)) * self.along(self.scale, x)
        return self.normal * self.along(self.weight, x) + self.along(self.bias, x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """The gradient of x; then a step of gradient descent."""
        dweight, dbias = (dy * self.normal).sum(self.axes), dy.sum(self.axes)
        mean = self.along(dbias / self.count, dy) + self.normal * self.along(dweight / self.count, dy)
        dx = self.along(self.weight * self.scale, dy) * (dy - mean)
        self.weight = self.weight - RATE * dweight
        self.bias = self.bias - RATE * dbias
        return dx

    @staticmethod
    def along(v: np.ndarray, x: np.ndarray) -> np.ndarray:
        return v.reshape(1, -1, *[1] * (x.ndim - 2))


def fitted(net: irc.Net, x: np.ndarray, y: np.ndarray, epochs: int = 1, **options: Any) -> list[float]:
    """Losses of steps with all rows, in their order."""
    options = {"optimizer": irc.SGD(RATE), "loss": "mse", "batch": len(x), **options}
    return list(net.fit(x, y, epochs=epochs, shuffle=False, verbose=0, **options).step_loss)


def dense() -> L.Sequential:
    return L.Sequential(L.Linear(6), L.BatchNorm(), L.relu, L.Dropout(0.25), L.Linear(2), input_shape=[4])


# -- BatchNorm -------------------------------------------------------------------------------------------------------


def test_dense_net_with_both_is_as_defined():
    """Four steps of Linear, BatchNorm, relu, Dropout, Linear: losses, parameters and statistics."""
    x, y = numbers(0, 10, 4), numbers(1, 10, 2)
    with irc.compile(dense(), dtype="float64", seed=3) as net:
        w = {name: np.array(net.params[name]) for name in net.params.table}
        norm = BatchNorm(6)
        expected = []
        for step in range(4):
            h = norm.forward(x @ w["0.weight"].T + w["0.bias"])
            factor = kept(0.25, 7, step, 0, h.shape) / 0.75
            dropped = np.maximum(h, 0) * factor
            e = dropped @ w["4.weight"].T + w["4.bias"] - y
            expected.append((e**2).mean())
            dy = 2 * e / e.size
            dh = dy @ w["4.weight"] * factor * (h > 0)
            w["4.weight"], w["4.bias"] = w["4.weight"] - RATE * dy.T @ dropped, w["4.bias"] - RATE * dy.sum(0)
            dx = norm.backward(dh)
            w["0.weight"], w["0.bias"] = w["0.weight"] - RATE * dx.T @ x, w["0.bias"] - RATE * dx.sum(0)
        np.testing.assert_allclose(fitted(net, x, y, 4, seed=7), expected, **EXACT)
        w |= {"1.weight": norm.weight, "1.bias": norm.bias}
        w |= {"1.running_mean": norm.mean, "1.running_var": norm.variance, "1.num_batches_tracked": np.array(4.0)}
        for name, value in w.items():
            np.testing.assert_allclose(net.params[name], value, err_msg=name, **EXACT)


def test_without_a_momentum_statistics_are_means_over_all_batches():
    """Also where the layer stands twice in a net, which counts as two batches of a step, one after the other."""

    class Twice(L.Module):
        input_shape = [3]

        def __init__(self) -> None:
            self.norm = L.BatchNorm(momentum=None, affine=False)

        def forward(self, x: L.Value) -> L.Value:
            return self.norm(self.norm(x) + 5.0)

    x = numbers(3, 12, 3)
    with irc.compile(Twice(), dtype="float64") as net:
        fitted(net, x, x, batch=4, optimizer=irc.SGD(0.0))
        seen = []
        for part in np.split(x, 3):
            inner = (part - part.mean(0)) / np.sqrt(part.var(0) + EPS) + 5.0
            seen += [part, inner]
        np.testing.assert_allclose(net.params["norm.running_mean"], np.mean([s.mean(0) for s in seen], 0), **EXACT)
        variances = [s.var(0, ddof=1) for s in seen]
        np.testing.assert_allclose(net.params["norm.running_var"], np.mean(variances, 0), **EXACT)
        assert net.params["norm.num_batches_tracked"] == 6


@pytest.mark.parametrize("structure", ["data", "code"])
def test_images_are_normalised_by_channel(structure):
    """BatchNorm2d: statistics over samples and places. The net is BatchNorm alone, so its gradients are easily seen."""
    x, y = numbers(2, 5, 3, 4, 2), numbers(3, 5, 3, 4, 2)
    model = L.Sequential(L.BatchNorm(), input_shape=[3, 4, 2])
    with irc.compile(model, dtype="float64", structure=structure) as net:
        norm = BatchNorm(3)
        expected = []
        for _ in range(3):
            e = norm.forward(x) - y
            # a row of the loss is the last axis of the output, so all others count as rows
            expected.append((e**2).mean())
            norm.backward(2 * e / e.size)
        assert fitted(net, x, y, 3) == pytest.approx(expected, rel=1e-9)
        for name, value in vars(norm).items():
            named = {"weight": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}.get(name)
            if named:
                np.testing.assert_allclose(net.params[f"0.{named}"], value, err_msg=name, **EXACT)


def test_behind_a_convolution_too():
    """There samples may lie innermost in native code. One step, with the gradient of the filters by the chain rule."""
    x, y = numbers(4, 6, 1, 5, 5), numbers(5, 6, 2)
    model = L.Sequential(L.Conv2D(2, 3), L.BatchNorm(), L.relu, L.GlobalAvgPool2D(), input_shape=[1, 5, 5])
    with irc.compile(model, dtype="float64", seed=2) as net:
        weight = np.array(net.params["0.weight"])
        windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), (1, 2))
        norm = BatchNorm(2)
        z = norm.forward(np.einsum("byxij,oij->boyx", windows, weight[:, 0]))
        e = np.maximum(z, 0).mean((2, 3)) - y
        dz = np.broadcast_to((2 * e / e.size / 9)[:, :, None, None], z.shape) * (z > 0)
        dx = norm.backward(dz)
        step = np.einsum("boyx,byxij->oij", dx, windows)
        assert fitted(net, x, y) == pytest.approx([(e**2).mean()], rel=1e-9)
        np.testing.assert_allclose(net.params["0.weight"][:, 0], weight[:, 0] - RATE * step, **EXACT)
        np.testing.assert_allclose(net.params["1.running_mean"], norm.mean, **EXACT)
        np.testing.assert_allclose(net.params["1.running_var"], norm.variance, **EXACT)


def test_a_layer_that_is_used_twice_goes_on_twice():
    """Its running mean takes in the mean of what came first, then that of what came second."""

    class Twice(L.Module):
        input_shape = (2,)

        def __init__(self):
            self.norm = L.BatchNorm(affine=False)

        def forward(self, a):
            return self.norm(self.norm(a) + 3.0)

    x = numbers(6, 8, 2)
    with irc.compile(Twice(), dtype="float64") as net:
        fitted(net, x, np.zeros((8, 2)))
        first = MOMENTUM * x.mean(0)
        (name,) = [name for name in net.params.table if name.endswith("running_mean")]
        np.testing.assert_allclose(net.params[name], (1 - MOMENTUM) * first + MOMENTUM * 3.0, **EXACT)


@pytest.mark.parametrize(
    "optimizer", [irc.SGD(0.1, 0.9, clip_norm=0.1), irc.Adam(0.1), irc.AdamW(0.1, weight_decay=1.0)]
)
def test_no_optimizer_touches_statistics(optimizer):
    """They become what they become without one; decay above all would draw them to 0."""
    x, y = numbers(7, 12, 3), numbers(8, 12, 3)
    with irc.compile(L.Sequential(L.BatchNorm(), L.Linear(3), input_shape=[3]), dtype="float64") as net:
        fitted(net, x, y, 3, optimizer=optimizer)
        left = (1 - MOMENTUM) ** 3
        np.testing.assert_allclose(net.params["0.running_mean"], (1 - left) * x.mean(0), **EXACT)
        np.testing.assert_allclose(net.params["0.running_var"], left + (1 - left) * x.var(0, ddof=1), **EXACT)


def test_outside_of_training_running_statistics_are_used():
    """run, evaluate and value_and_grad: a row does not depend on the others, and nothing changes."""
    x, y = numbers(9, 12, 4), numbers(10, 12, 2)
    with irc.compile(dense(), dtype="float64", seed=1, loss="mse") as net:
        fitted(net, x, y, 5)
        before = net.params.flat.copy()
        alone = np.concatenate([net.run(row[None]) for row in x])
        np.testing.assert_allclose(net.run(x), alone, **EXACT)
        loss = ((alone - y) ** 2).mean()
        assert net.evaluate(x, y).loss == pytest.approx(loss, rel=1e-9)
        value, gradients = net.value_and_grad(x, y)
        assert value == pytest.approx(loss, rel=1e-9)
        assert not gradients.params["1.running_mean"].any() and not gradients.params["1.running_var"].any()
        assert np.array_equal(net.params.flat, before)


@pytest.mark.parametrize(
    ("data", "batch", "message"),
    [
        ((numbers(0, 9, 4), numbers(1, 9, 2)), 4, "the last batch of 9 rows in batches of 4 has 1 row"),
        ((numbers(0, 9, 4), numbers(1, 9, 2)), 1, "each batch has 1 row"),
        (([(numbers(0, 1, 4), numbers(1, 1, 2))], None), 4, "batch 0 of epoch 0 .* statistics .*; the batch has 1 row"),
    ],
)
def test_a_batch_of_one_row_has_no_variance(data, batch, message):
    """As in PyTorch, it is an error; here one that comes before anything is learnt."""
    with irc.compile(dense()) as net:
        before = net.params.flat.copy()
        with pytest.raises(irc.Error, match=message):
            net.fit(*data, epochs=1, batch=batch, loss="mse", verbose=0)
        assert np.array_equal(net.params.flat, before)


def test_one_image_has_a_variance():
    """There are several numbers for each channel."""
    with irc.compile(L.Sequential(L.BatchNorm(), input_shape=[1, 2, 2]), dtype="float64") as net:
        x = numbers(11, 1, 1, 2, 2)
        fitted(net, x, x)
        np.testing.assert_allclose(net.params["0.running_mean"], MOMENTUM * x.mean(), **EXACT)


def test_a_step_that_is_not_finite_leaves_statistics_alone():
    """The layer is named whose batch has a variance that is not finite; outside of training nothing would be wrong."""
    model = L.Sequential(L.Linear(1), L.Dropout(0.1), L.BatchNorm(name="norm"), L.Linear(1), input_shape=[1])
    with irc.compile(model, seed=1) as net:
        before = net.params.flat.copy()
        with pytest.raises(irc.Error, match="in step 0 .*outputs are finite; .* first not finite is norm, a result of"):
            fitted(net, np.array([[1e30], [-1e30], [2e30]]), np.zeros((3, 1)), loss="mae")
        assert np.array_equal(net.params.flat, before)


# -- Dropout ---------------------------------------------------------------------------------------------------------


def dropout_net(p: float, *shape: int) -> irc.Net:
    """y = dropout(x w) with w = 1 for each element: a step of rate 1 shows in w what the gradient let through."""
    return irc.compile(L.Sequential(L.Linear(shape[-1]), L.Dropout(p), input_shape=list(shape)), dtype="float64")


@settings(max_examples=8, deadline=None)
@given(
    p=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    seed=st.integers(0, 2**63 - 1),
    shape=st.sampled_from([(3,), (2, 3), (2, 2, 3)]),
)
def test_the_mask_is_that_of_the_formula(p, seed, shape):
    """For any seed and shape. What is dropped gives 0, so the loss against 0 is that of the rest."""
    x = 1 + np.abs(numbers(12, 7, *shape))
    with dropout_net(p, *shape) as net:
        net.params["0.weight"][...] = np.eye(3)
        mask = np.zeros((7, *shape), bool) if p == 1 else kept(p, seed, 0, 0, (7, *shape))
        expected = ((x * mask / (1 - p if p < 1 else 1)) ** 2).mean()
        assert fitted(net, x, np.zeros_like(x), seed=seed) == pytest.approx([expected], rel=1e-9)


def masks(seed: int, steps: int, p: float = 0.5, threads: int = 1) -> Iterator[np.ndarray]:
    """The masks of consecutive steps, read from losses of one element each: a net without parameters to be changed."""
    x = np.eye(8)
    with irc.compile(L.Sequential(L.Linear(8, bias=False), L.Dropout(p), input_shape=[8]), dtype="float64") as net:
        net.threads = threads
        for _ in range(steps):
            net.params["0.weight"][...] = np.ones((8, 8))
            fitted(net, x, np.zeros_like(x), seed=seed, optimizer=irc.SGD(1.0))
            yield net.params["0.weight"].T != 1.0  # the gradient of w[o, i] is that of y[i, o]


def test_the_gradient_has_the_mask_of_the_value():
    """w changes where its product was kept, and by the scale of the value and that of the gradient."""
    for step, found in enumerate(masks(3, 2)):
        assert np.array_equal(found, kept(0.5, 3, step, 0, (8, 8)))


def test_masks_follow_from_seed_and_step():
    """Each step has its own, equal seeds the same, on any number of threads."""
    first, again, other = (list(masks(*arguments)) for arguments in ((1, 3), (1, 3, 0.5, 2), (2, 3)))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[0], other[0])


def drawn(p: float, *shape: int, seed: int = 1, step: int = 0, stream: int = 0) -> np.ndarray:
    """Which elements the IR of training keeps, by the interpreter."""
    type = f"tensor<{'x'.join(map(str, shape))}xf32>"
    op = f"%y = array.dropout %x stream {stream} {{p = {p} : f64}} : {type}"
    module = irc.parse(f"func.func @f(%x: {type}) -> {type} {{\n{op}\nfunc.return %y : {type}\n}}")
    PassManager([EnterTraining()]).run(module)
    (y,) = Interpreter(module).call("f_training", [np.ones(shape, np.float32), np.array([seed, 0, step], np.int32)])
    return y != 0


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_rate_is_p(p):
    """Of 200 000 elements the share that is 0 lies within five standard deviations."""
    share = 1 - drawn(p, 2000, 10, 10).mean()
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / 200_000)


def test_rows_places_steps_and_streams_have_nothing_to_do_with_each_other():
    """Correlations of 100 000 pairs lie within five standard deviations."""
    signs = 2.0 * drawn(0.5, 1000, 100) - 1
    others = {
        "stream": 2.0 * drawn(0.5, 1000, 100, stream=1) - 1,
        "step": 2.0 * drawn(0.5, 1000, 100, step=1) - 1,
        "seed": 2.0 * drawn(0.5, 1000, 100, seed=2) - 1,
        "row": np.roll(signs, 1, 0),
        "place": np.roll(signs, 1, 1),
    }
    for what, other in others.items():
        assert abs((signs * other).mean()) < 5 / np.sqrt(signs.size), what


def test_two_layers_have_different_masks():
    """With one mask for both the loss of what stays would be that of p = 0.5."""
    x = np.ones((64, 8))
    model = L.Sequential(L.Linear(8), L.Dropout(0.5), L.Dropout(0.5), input_shape=[8])
    with irc.compile(model, dtype="float64") as net:
        net.params["0.weight"][...] = np.eye(8)
        both = kept(0.5, 0, 0, 0, (64, 8)) & kept(0.5, 0, 0, 1, (64, 8))
        assert fitted(net, x, np.zeros_like(x), seed=0) == pytest.approx([16 * both.mean()], rel=1e-9)


# -- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [irc.SGD(0.05), irc.Adam(0.01)])
def test_a_saved_net_goes_on_with_the_same_bits(optimizer):
    """Two calls, a copy between them, do what one does: the masks follow from the number of steps done."""
    x, y = numbers(13, 20, 4), numbers(14, 20, 2)
    with irc.compile(dense(), seed=1) as whole, irc.compile(dense(), seed=1) as first:
        how = {"batch": 8, "optimizer": optimizer, "loss": "mse", "seed": 4, "verbose": 0}
        whole.fit(x, y, epochs=4, **how)
        first.fit(x, y, epochs=2, **how)
        second = pickle.loads(pickle.dumps(first))
        second.fit(x, y, epochs=2, **how)
        assert np.array_equal(second.params.flat, whole.params.flat)
        second.close()


def test_threads_give_the_same_bits():
    x, y = numbers(15, 96, 4), numbers(16, 96, 2)
    found = []
    for threads in (1, 2):
        with irc.compile(dense(), seed=1, threads=threads) as net:
            fitted(net, x, y, 2)
            found.append(net.params.flat.copy())
    assert np.array_equal(*found)
