"""Arrays of other libraries are read where they lie: by DLPack, by NumPy's protocols, by buffers."""

import array
import ctypes

import jax
import numpy as np
import pytest

import irc
from irc.arrays import as_input

NAL = "N 5\n00\n01\n02 03 00,01\n03 02 00,02\n04 01 02,03\n"
X = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)


class Tensor:
    """An array that offers nothing but DLPack, as those of devices do."""

    def __init__(self, held, device=(1, 0)):
        self.held = held
        self.device = device

    def __dlpack__(self, **options):
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


class Elsewhere(Tensor):
    """A tensor whose memory the processor cannot read."""

    def __init__(self, held):
        super().__init__(held, device=(2, 0))

    def __dlpack__(self, **options):
        raise BufferError("the tensor is on a GPU; copy it to the CPU first")


class Interface:
    """An array by NumPy's description of its memory."""

    def __init__(self, held):
        self.held = held

    @property
    def __array_interface__(self):
        return self.held.__array_interface__


class Convertible:
    """A tensor as PyTorch has them: DLPack, and a method for NumPy, which goes first."""

    def __init__(self, held):
        self.held = held

    def __array__(self, dtype=None, copy=None):
        return self.held

    def __dlpack__(self, **_):
        raise AssertionError("there is a shorter way")

    def __dlpack_device__(self):
        return (1, 0)


FORMS = {"DLPack": Tensor, "interface": Interface, "__array__": Convertible, "buffer": memoryview}


@pytest.fixture(scope="module")
def net():
    with irc.compile(NAL) as made:
        yield made


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_contiguous_arrays_are_not_copied(form):
    assert np.shares_memory(as_input(form(X), X.dtype, [None, 2], "x"), X)


def test_arrays_of_jax_are_not_copied():
    given = jax.numpy.asarray(X)
    assert as_input(given, X.dtype, [None, 2], "x").ctypes.data == given.unsafe_buffer_pointer()


@pytest.mark.parametrize("form", [*FORMS.values(), jax.numpy.asarray], ids=[*FORMS, "jax"])
def test_nets_run_on_them(net, form):
    y = net.run(X)
    assert np.array_equal(net.run(form(X)), y)
    dy = np.ones_like(y)
    gradients, wanted = net.vjp(form(X), form(dy))[1], net.vjp(X, dy)[1]
    assert np.array_equal(gradients.params.flat, wanted.params.flat) and np.array_equal(gradients.x, wanted.x)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "given",
    [X.astype(np.float64), np.asfortranarray(X), np.repeat(X, 2, 0)[::2], np.ones((6, 2), np.int8), X[:0]],
    ids=["float64", "by columns", "every other row", "integers", "no rows"],
)
def test_what_does_not_fit_is_converted(net, form, given):
    assert np.array_equal(net.run(form(given)), net.run(given))


def test_nets_learn_from_them():
    found = []
    for form in (np.asarray, Tensor):
        with irc.compile(NAL, seed=1) as net:
            net.fit(form(X), form(np.ones((6, 1), np.float32)), batch=2, loss="mse", verbose=0)
            value, gradients = net.value_and_grad(form(X), form(np.ones((6, 1), np.float32)), "mse")
            score = net.evaluate(form(X), form(np.ones((6, 1), np.float32)), "mse").loss
            found.append([net.params.flat, value, gradients.x, score, net.predict(form(X), batch=2)])
    for one, two in zip(*found, strict=True):
        assert np.array_equal(one, two)


def test_streams_and_populations_take_them(net):
    streams = np.stack([X, X])
    assert np.array_equal(net.run(Tensor(streams), rows="streams"), net.run(streams, rows="streams"))
    with irc.compile([NAL, NAL], inputs="separate") as population:
        for one, two in zip(population.run([Tensor(X), Tensor(X)]), population.run([X, X]), strict=True):
            assert np.array_equal(one, two)


def test_arrays_of_python_and_of_c_are_read(net):
    row = (ctypes.c_float * 2 * 1)((1.0, 2.0))
    wanted = net.run([[1.0, 2.0]])
    assert np.array_equal(net.run(row), wanted)
    assert np.array_equal(net.run([array.array("d", [1.0, 2.0])]), wanted)


def test_memory_that_cannot_be_read_is_an_error_that_says_so(net):
    with pytest.raises(irc.Error, match="x: NumPy cannot read a Elsewhere as an array: the tensor is on a GPU; copy"):
        net.run(Elsewhere(X))


@pytest.mark.parametrize("given", [np.ones((6, 3), np.float32), np.ones((6, 2), np.complex64)])
def test_shape_and_dtype_are_checked_as_ever(net, given):
    with pytest.raises(irc.Error, match="x: (dimension 1 must be 2, got 3|dtype complex64 is not supported)"):
        net.run(Tensor(given))


def test_what_a_net_is_given_stays_as_it_was(net):
    given = X.copy()
    net.vjp(Tensor(given), Tensor(np.ones((6, 1), np.float32)))
    assert np.array_equal(given, X)
