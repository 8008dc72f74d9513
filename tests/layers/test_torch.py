"""Every layer against PyTorch itself, over random shapes and options: values, gradients, and what training does.

Parameters go from a module's ``state_dict`` to the net by name, as users take theirs. All is in float64, where both
compute sums of some hundred terms whose errors stay far below ``EXACT``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import irc
from irc import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is the oracle: pip install -e '.[torch]'")

pytestmark = pytest.mark.slow

EXACT = {"rtol": 1e-9, "atol": 1e-10}
CASES = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])

sizes = st.integers(1, 3)
pairs = st.tuples(sizes, sizes)
switches = st.booleans()


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def prepared(module: Any) -> Any:
    """A module in float64 with random parameters and statistics."""
    generator = torch.Generator().manual_seed(1)
    module = module.double()
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator, dtype=torch.float64) / 2)
            if name.endswith("running_var"):
                value.abs_().add_(0.5)
    return module


def compiled(model: L.Buildable, module: Any, prefix: str = "") -> irc.Net:
    """The net with the module's parameters, which are called, ordered and shaped as there."""
    net = irc.compile(model, dtype="float64")
    state = {f"{prefix}{name}": value for name, value in module.state_dict().items()}
    assert list(net.params) == list(state)
    assert [np.shape(value) for value in net.params.values()] == [tuple(value.shape) for value in state.values()]
    net.params.update({name: value.numpy() for name, value in state.items()})
    return net


def flattened(found: Any) -> list:
    """The values of tuples in tuples, in order."""
    return [one for part in found for one in flattened(part)] if isinstance(found, tuple) else [found]


def agree(layer: L.Layer, module: Any, *inputs: np.ndarray, called: Any = None) -> None:
    """Values and all gradients of a layer are those of a module; ``called`` is how it is called where not by itself."""
    values = [
        L.Input(x.shape[1:], name, integer=x.dtype.kind == "i") for x, name in zip(inputs, "xyz", strict=False)
    ]
    layer.name = "f"
    prepared(module).eval()
    net = compiled(L.Model(values, flattened(layer(*values))), module, "f.")
    tensors = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    wanted = flattened((called or module)(*tensors))
    given = tuple(numbers(9 + k, *y.shape) for k, y in enumerate(wanted))
    torch.autograd.backward(wanted, [torch.tensor(dy) for dy in given])
    y, gradients = net.vjp(inputs if len(inputs) > 1 else inputs[0], given if len(given) > 1 else given[0])
    for a, b in zip(flattened(y), wanted, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), **EXACT)
    for a, x in zip(flattened(gradients.x), tensors, strict=True):
        if x.requires_grad:
            np.testing.assert_allclose(a, x.grad.numpy(), **EXACT)
    for name, value in module.named_parameters():
        np.testing.assert_allclose(gradients.params[f"f.{name}"], value.grad.numpy(), err_msg=name, **EXACT)
    net.close()


@CASES
@given(st.lists(sizes, max_size=2), sizes, sizes, switches)
def test_linear(before: list[int], features: int, out: int, bias: bool) -> None:
    agree(L.Linear(out, bias=bias), torch.nn.Linear(features, out, bias), numbers(0, 3, *before, features))


@CASES
@given(st.integers(1, 2), sizes, sizes, pairs, pairs, pairs, pairs, pairs, switches)
def test_conv2d(groups, channels, filters, kernel, stride, padding, dilation, more, bias) -> None:
    """The image is as large as the kernel at least, and ``more`` beyond it."""
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": bias}
    rows, columns = (d * (k - 1) + m for d, k, m in zip(dilation, kernel, more, strict=True))
    module = torch.nn.Conv2d(groups * channels, groups * filters, kernel, **options)
    agree(L.Conv2D(groups * filters, kernel, **options), module, numbers(0, 2, groups * channels, rows, columns))


@CASES
@given(st.integers(1, 2), sizes, sizes, pairs, pairs, pairs, pairs, switches, st.data())
def test_conv_transpose2d(groups, channels, filters, kernel, stride, dilation, image, bias, data) -> None:
    """``output_padding`` is below the stride; ``padding`` leaves something of the image."""
    extra = tuple(data.draw(st.integers(0, step - 1)) for step in stride)
    whole = [
        (n - 1) * s + d * (k - 1) + e + 1 for n, s, d, k, e in zip(image, stride, dilation, kernel, extra, strict=True)
    ]
    padding = tuple(data.draw(st.integers(0, (size - 1) // 2)) for size in whole)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": bias}
    options["output_padding"] = extra
    module = torch.nn.ConvTranspose2d(groups * channels, groups * filters, kernel, **options)
    agree(L.ConvTranspose2D(groups * filters, kernel, **options), module, numbers(0, 2, groups * channels, *image))


@CASES
@given(st.sampled_from(["Max", "Avg"]), sizes, pairs, pairs, pairs, st.data())
def test_pooling(kind: str, channels: int, kernel, stride, more, data) -> None:
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    rows, columns = (k + m - 1 for k, m in zip(kernel, more, strict=True))
    layer = {"Max": L.MaxPool2D, "Avg": L.AvgPool2D}[kind](kernel, padding=padding, stride=stride)
    module = getattr(torch.nn, f"{kind}Pool2d")(kernel, stride, padding)
    agree(layer, module, numbers(0, 2, channels, rows, columns))


@CASES
@given(st.sampled_from(["Max", "Avg"]), sizes, pairs)
def test_global_pooling(kind: str, channels: int, image) -> None:
    layer = {"Max": L.GlobalMaxPool2D, "Avg": L.GlobalAvgPool2D}[kind]()
    module = getattr(torch.nn, f"Adaptive{kind}Pool2d")(1)
    agree(layer, module, numbers(0, 2, channels, *image), called=lambda x: module(x).flatten(1))


@CASES
@given(sizes, st.sampled_from([(), (4,), (2, 3)]), st.sampled_from([1e-5, 0.1]), switches)
def test_batch_norm(channels: int, places: tuple[int, ...], eps: float, affine: bool) -> None:
    """In ``eval`` mode."""
    cls = torch.nn.BatchNorm2d if len(places) == 2 else torch.nn.BatchNorm1d
    agree(L.BatchNorm(eps=eps, affine=affine), cls(channels, eps, affine=affine), numbers(0, 3, channels, *places))


@CASES
@given(st.lists(sizes, min_size=1, max_size=3), st.data(), switches)
def test_layer_norm(shape: list[int], data, affine: bool) -> None:
    last = shape[data.draw(st.integers(0, len(shape) - 1)) :]
    layer = L.LayerNorm(last, affine=affine)
    agree(layer, torch.nn.LayerNorm(last, elementwise_affine=affine), numbers(0, 2, *shape))


@CASES
@given(st.integers(1, 6), sizes, st.lists(sizes, max_size=2), st.data())
def test_embedding(count: int, size: int, shape: list[int], data) -> None:
    """The row for padding is zero, as PyTorch makes it, and learns nothing."""
    padding = data.draw(st.none() | st.integers(0, count - 1))
    module = torch.nn.Embedding(count, size, padding)
    ids = np.random.default_rng(0).integers(0, count, (4, *shape))

    def called(x: Any) -> Any:
        with torch.no_grad():
            if padding is not None:
                module.weight[padding] = 0
        return module(x)

    agree(L.Embedding(count, size, padding_idx=padding), module, ids, called=called)


ACTIVATIONS = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_activations(name: str, shape: tuple[int, ...]) -> None:
    """They are functions, so a layer that does nothing else calls them."""
    x = numbers(0, 3, *shape)
    net = irc.compile(L.Sequential(getattr(L, name), input_shape=shape), dtype="float64")
    tensor = torch.tensor(x, requires_grad=True)
    wanted = ACTIVATIONS[name](tensor)
    dy = numbers(1, *x.shape)
    wanted.backward(torch.tensor(dy))
    y, gradients = net.vjp(x, dy)
    np.testing.assert_allclose(y, wanted.detach().numpy(), **EXACT)
    np.testing.assert_allclose(gradients.x, tensor.grad.numpy(), **EXACT)


@settings(CASES, max_examples=12)
@given(st.sampled_from(["RNN", "relu", "LSTM", "GRU"]), sizes, sizes, sizes, sizes, switches, switches, switches)
def test_recurrent(kind, steps, features, hidden, layers, bias, both, states) -> None:
    """Several layers, both directions, with and without first states."""
    options = {"num_layers": layers, "bias": bias, "batch_first": True, "bidirectional": both}
    special = {"nonlinearity": "relu"} if kind == "relu" else {}
    name = "RNN" if kind == "relu" else kind
    layer = getattr(L, name)(features, hidden, **options, **special)
    module = getattr(torch.nn, name)(features, hidden, **options, **special)
    x = numbers(0, 2, steps, features)
    count = 2 if kind == "LSTM" else 1
    first = [numbers(5 + k, 2, layers * (1 + both), hidden) for k in range(count)] if states else []

    def called(x: Any, *first: Any) -> Any:
        """States have the batch first here, and second in PyTorch, whatever batch_first says."""
        state = [one.transpose(0, 1).contiguous() for one in first]
        found = module(x, *([tuple(state)] if count == 2 else state)) if state else module(x)
        y, *last = flattened(found)
        return (y, *(one.transpose(0, 1) for one in last))

    agree(layer, module, x, *first, called=called)


# -- in training -----------------------------------------------------------------------------------------------------

NETS = {
    "dense": (
        lambda: L.Sequential(L.Linear(6), L.BatchNorm(), L.relu, L.Dropout(0.0), L.Linear(2), input_shape=[4]),
        lambda: torch.nn.Sequential(
            torch.nn.Linear(4, 6),
            torch.nn.BatchNorm1d(6),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.0),
            torch.nn.Linear(6, 2),
        ),
    ),
    "images": (
        lambda: L.Sequential(
            L.Conv2D(3, 3, padding=1),
            L.BatchNorm(momentum=0.3, affine=False),
            L.relu,
            L.MaxPool2D(2),
            L.Flatten(),
            L.Linear(2),
            input_shape=[1, 4, 4],
        ),
        lambda: torch.nn.Sequential(
            torch.nn.Conv2d(1, 3, 3, padding=1),
            torch.nn.BatchNorm2d(3, momentum=0.3, affine=False),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(12, 2),
        ),
    ),
    "means over all batches": (
        lambda: L.Sequential(L.Linear(3), L.BatchNorm(momentum=None), L.tanh, L.Linear(2), input_shape=[4]),
        lambda: torch.nn.Sequential(
            torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3, momentum=None), torch.nn.Tanh(), torch.nn.Linear(3, 2)
        ),
    ),
}


@pytest.mark.parametrize("name", list(NETS))
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_of_training(name: str, momentum: float) -> None:
    """Losses, parameters, statistics and the number of batches after six steps in ``train`` mode."""
    make, reference = NETS[name]
    module = prepared(reference()).train()
    net = compiled(make(), module)
    shape = (1, 4, 4) if name == "images" else (4,)
    x, y = numbers(0, 24, *shape), numbers(1, 24, 2)
    history = net.fit(
        x, y, epochs=2, batch=8, loss="mse", shuffle=False, optimizer=irc.SGD(0.05, momentum=momentum), verbose=0
    )
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=momentum)
    losses = []
    for begin in [0, 8, 16] * 2:
        optimizer.zero_grad()
        part = slice(begin, begin + 8)
        loss = torch.nn.functional.mse_loss(module(torch.tensor(x[part])), torch.tensor(y[part]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(history.step_loss, losses, **EXACT)
    for key, value in module.state_dict().items():
        np.testing.assert_allclose(net.params[key], value.numpy(), err_msg=key, **EXACT)
    np.testing.assert_allclose(net.run(x), module.eval()(torch.tensor(x)).detach().numpy(), **EXACT)


def test_a_layer_used_twice_counts_two_batches_in_a_step() -> None:
    """Statistics that are means over all batches take in one batch after the other within a step."""

    class Twice(L.Module):
        input_shape = [3]

        def __init__(self) -> None:
            self.norm = L.BatchNorm(momentum=None)

        def forward(self, x):
            return self.norm(L.tanh(self.norm(x)))

    class Reference(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3, momentum=None)

        def forward(self, x):
            return self.norm(torch.tanh(self.norm(x)))

    module = prepared(Reference()).train()
    net = compiled(Twice(), module)
    x = numbers(0, 12, 3)
    net.fit(x, x, epochs=1, batch=4, loss="mse", shuffle=False, optimizer=irc.SGD(0.0), verbose=0)
    for begin in (0, 4, 8):
        module(torch.tensor(x[begin : begin + 4]))
    for key, value in module.state_dict().items():
        np.testing.assert_allclose(net.params[key], value.numpy(), err_msg=key, **EXACT)
    assert net.params["norm.num_batches_tracked"] == 6
    np.testing.assert_allclose(net.run(x), module.eval()(torch.tensor(x)).detach().numpy(), **EXACT)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_dropout_between_recurrent_layers(kind: str) -> None:
    """Which elements are left out is drawn in other ways, but all of them are the same."""
    options = {"num_layers": 3, "batch_first": True, "dropout": 1.0, "bidirectional": True}
    module = prepared(getattr(torch.nn, kind)(2, 3, **options)).train()
    net = compiled(L.Sequential({"f": getattr(L, kind)(2, 3, **options)}, input_shape=[4, 2]), module, "f.")
    x, y = numbers(0, 5, 4, 2), numbers(1, 5, 4, 6)
    history = net.fit(x, y, epochs=1, batch=5, loss="mse", shuffle=False, optimizer=irc.SGD(0.1), verbose=0)
    loss = torch.nn.functional.mse_loss(module(torch.tensor(x))[0], torch.tensor(y))
    loss.backward()
    np.testing.assert_allclose(history.step_loss, [loss.item()], **EXACT)
    for name, value in module.named_parameters():
        after = (value - 0.1 * value.grad).detach().numpy()
        np.testing.assert_allclose(net.params[f"f.{name}"], after, err_msg=name, **EXACT)


def test_a_net_that_has_learnt_goes_back_to_pytorch() -> None:
    """By the same names; PyTorch checks that none is missing and none too many."""
    make, reference = NETS["dense"]
    net = irc.compile(make(), dtype="float64", seed=1)
    x = numbers(0, 16, 4)
    net.fit(x, numbers(1, 16, 2), epochs=2, batch=8, loss="mse", verbose=0)
    module = reference().double()
    module.load_state_dict({name: torch.tensor(np.asarray(value)) for name, value in net.params.items()})
    np.testing.assert_allclose(net.run(x), module.eval()(torch.tensor(x)).detach().numpy(), **EXACT)
