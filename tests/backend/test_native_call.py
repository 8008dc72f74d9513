"""Short calls: they take only what the slow way would take as it is, give the same, and keep nothing."""

import gc
import sys
import threading
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import irc
from irc.backend import cpython
from irc.backend.emit_entry import UNKNOWN, has_entry, record_places, solutions
from irc.backend.entry import Signature
from irc.backend.jit import compile_library
from irc.backend.native_call import SHORT, WORKSPACE_BYTES, native_call
from irc.model import FORWARD, JOINT
from irc.passes.plan_memory import PlanMemory
from irc.passmanager import PassContext
from irc.text.parser import parse_module

NN00 = Path(__file__).parent.parent.parent / "examples" / "nets" / "nn00.nal"


def warm(net):
    """The net after the two long calls of each kind that go before short ones."""
    for _ in range(2):
        net.run(sample())
        net.vjp(sample(), sample())
    return net


@pytest.fixture(scope="module")
def net():
    with irc.compile("neuron.net @n(%a: f32, %b: f32) -> (f32, f32) parameters 5 {\n"
                     "  %h = neuron.node tanh(%a*w[0] + %b*w[1] + w[2])\n"
                     "  %o = neuron.node sigmoid(%h*w[3] + %a*w[4])\n"
                     "  neuron.output %h, %o : f32, f32\n}\n") as made:  # fmt: skip
        yield warm(made)  # compiled here, where nothing is patched


@pytest.fixture
def slow(monkeypatch):
    """A net as :func:`net`, in a Python that has no short calls."""
    monkeypatch.setattr(cpython, "AVAILABLE", False)
    return lambda module: irc.compile(module)


def sample(rows=3, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)


# -- both ways give the same --------------------------------------------------------------------------------------


def test_this_python_has_short_calls():
    if sys.implementation.name == "cpython" and not hasattr(sys, "gettotalrefcount"):
        assert cpython.AVAILABLE


@pytest.mark.parametrize("name", ["TYPE", "DATA", "RANK", "SHAPE", "DESCR", "FLAGS"])
def test_arrays_that_lie_otherwise_in_memory_are_noticed(monkeypatch, name):
    """What machine code reads of an array is compared with what NumPy says, field by field."""
    monkeypatch.setattr(cpython, name, cpython.RANK if name != "RANK" else cpython.FLAGS)
    assert not cpython.try_out()


def test_pythons_that_machine_code_is_unsafe_in_are_known(monkeypatch):
    """Another implementation, a debug build, one without the GIL."""
    for target, name, value in (
        (sys, "implementation", SimpleNamespace(name="pypy")),
        (sys, "gettotalrefcount", lambda: 0),
        (cpython.sysconfig, "get_config_var", lambda name: name == "Py_GIL_DISABLED"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, value, raising=False)
            assert not cpython.try_out()
    assert cpython.try_out() == cpython.AVAILABLE


@pytest.mark.parametrize("rows", [0, 1, 2, 31, 32, 33, 200])
def test_the_slow_way_gives_the_same_bits(net, slow, rows):
    other = slow(net.module)
    other.params.flat = net.params.flat
    assert net._short and not other._short
    x, dy = sample(rows), sample(rows, 2)
    (y, gradients), (y2, gradients2) = net.vjp(x, dy), other.vjp(x, dy)
    assert np.array_equal(y, y2) and np.array_equal(gradients.x, gradients2.x)
    assert np.array_equal(gradients.params.flat, gradients2.params.flat)
    assert np.array_equal(net.run(x), other.run(x))
    out = np.empty((rows, 2), np.float32)
    assert net.run(x, out=out) is out and np.array_equal(out, y)


def misaligned(x):
    room = np.zeros(x.nbytes + 1, np.uint8)[1:]
    array = room.view(x.dtype).reshape(x.shape)
    array[...] = x
    return array


class Tagged(np.ndarray):
    """A subclass of NumPy's arrays."""


@pytest.mark.parametrize(
    "convert",
    [
        np.ndarray.tolist,
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        misaligned,
        lambda x: x.view(Tagged),
        lambda x: np.ma.masked_array(x),
        lambda x: memoryview(x),
    ],
)
def test_arrays_that_need_conversion_go_the_slow_way(net, convert):
    x = sample()
    given = convert(x)
    assert net._short[FORWARD]([given]) is None
    assert np.array_equal(net.run(given), net.run(x))
    assert np.array_equal(net.vjp(given, x)[1].params.flat, net.vjp(x, x)[1].params.flat)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(2, np.float32),
        np.zeros((), np.float32),
        np.zeros((1, 3), np.float32),
        np.zeros((1, 2, 1), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros((1, 2), np.complex64),
        np.zeros((1, 2), "U1"),
        np.ma.masked_array(np.zeros((1, 2), np.float32), mask=[[True, False]]),
        "text",
        [[1.0], [2, 3]],
    ],
)
def test_wrong_inputs_give_the_errors_of_the_slow_way(net, slow, x):
    other = slow(net.module)
    messages = []
    for call in (net.run, other.run, lambda x: net.vjp(x, sample()), lambda x: other.vjp(x, sample())):
        with pytest.raises(irc.Error) as caught:
            call(x)
        messages.append(str(caught.value))
    assert messages[::2] == messages[1::2]


def test_wrong_numbers_of_inputs(net):
    for inputs in ((), (sample(), sample())):
        with pytest.raises(irc.Error, match="takes 1 input"):
            net.run(*inputs)
    with pytest.raises(irc.Error, match="dy"):
        net.vjp(sample(3), sample(2))


def read_only():
    out = np.empty((3, 2), np.float32)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (read_only(), "read-only"),
        (np.empty((2, 2), np.float32), "shape"),
        (np.empty((3, 2), np.float64), "dtype"),
        (np.empty((2, 3), np.float32).T, "C-contiguous"),
        (misaligned(sample()), "aligned"),
        ([[0.0, 0.0]], "NumPy array"),
    ],
)
def test_unsuitable_results(net, out, message):
    with pytest.raises(irc.Error, match=message):
        net.run(sample(), out=out)


def test_results_may_not_overlap_anything(net):
    x = sample()
    room = np.zeros(16, np.float32)
    with pytest.raises(irc.Error, match="overlaps x"):
        net.run(room[:6].reshape(3, 2), out=room[5:11].reshape(3, 2))
    net.run(room[:6].reshape(3, 2), out=room[6:12].reshape(3, 2))
    with pytest.raises(irc.Error, match="overlaps x"):
        net.run(x, out=x)
    with pytest.raises(irc.Error, match="overlaps w"):
        net.run(x[:1], out=net.params.flat[:2].reshape(1, 2))


def test_results_that_overlap_each_other(net):
    x, whole = sample(), np.zeros(20, np.float32)
    y, dx, dw = whole[:6].reshape(3, 2), whole[6:12].reshape(3, 2), whole[12:17]
    short = net._short[JOINT]
    assert short([x, x], [y, dx, dw]) is not None
    assert short([x, x], [y, whole[5:11].reshape(3, 2), dw]) is None
    assert short([x, x], [y, dx, whole[11:16]]) is None


def test_nothing_is_written_beside_the_arrays(net):
    for rows in (0, 1, 7, 32, 33):
        guarded, results = [], []
        for shape in ((rows, 2), (rows, 2), (5,)):
            room = np.full(int(np.prod(shape)) + 128, 12345, np.float32)
            guarded.append(room)
            results.append(room[64:-64].reshape(shape))
        x = sample(rows)
        kept = x.copy()
        assert net._short[JOINT]([x, x], results) is not None
        for room in guarded:
            assert (room[:64] == 12345).all() and (room[-64:] == 12345).all()
        assert np.array_equal(x, kept)


# -- what is short ------------------------------------------------------------------------------------------------


def test_long_calls_go_the_slow_way_which_gives_the_gil_free(net):
    x = np.zeros((SHORT, 2), np.float32)
    assert net._short[FORWARD]([x]) is None
    assert net.run(x).shape == x.shape


def test_many_shapes_are_not_all_remembered(net):
    for rows in range(600):
        net.run(np.zeros((rows, 2), np.float32))
    assert len(net._short[FORWARD]._shapes) <= 256
    assert 0 < len(net._straight) <= 256


def test_a_shape_that_was_there_goes_straight_to_the_machine_code(net, monkeypatch):
    """Nothing else of the net is asked; what the machine code does not take still goes the long way."""
    x, out = sample(5), np.empty((5, 2), np.float32)
    wanted = net.run(x)
    with monkeypatch.context() as patched:
        patched.setattr(net, "_short", None)
        patched.setattr(net, "_kernels", None)
        assert np.array_equal(net.run(x), wanted)
        assert net.run(x, out=out) is out and np.array_equal(out, wanted)
    assert np.array_equal(net.run(np.asfortranarray(x)), wanted)
    assert np.array_equal(net.run(x.astype(np.float64)), wanted)
    with pytest.raises(irc.Error, match="rows must be"):
        net.run(x, rows="columns")
    with pytest.raises(irc.Error, match="threads"):
        net.run(x, threads=0)


# -- life ---------------------------------------------------------------------------------------------------------


def test_a_closed_net_refuses_and_its_code_stays_while_it_is_called():
    net = irc.compile(NN00)
    x = np.ones((1, 4), np.float32)
    wanted = net.run(x)
    net.run(x)
    short = net._short[FORWARD]
    net.close()
    with pytest.raises(irc.Error, match="closed"):
        net.run(x)
    with pytest.raises(irc.Error, match="closed"):
        net.vjp(x, wanted)
    assert np.array_equal(short([x])[0], wanted)  # as a thread would that was about to call


def test_closing_while_threads_call():
    for _ in range(5):
        net = irc.compile(NN00)
        x = np.ones((1, 4), np.float32)
        wanted = net.run(x)
        wrong = []

        def call(net=net, x=x, wanted=wanted, wrong=wrong):
            try:
                while True:
                    if not np.array_equal(net.run(x), wanted):
                        wrong.append("value")
                    net.run(x.tolist())
            except irc.Error as error:
                if "closed" not in str(error):
                    wrong.append(str(error))

        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        net.close()
        for thread in threads:
            thread.join()
        assert not wrong


def test_threads_share_a_net(net):
    wrong = []
    inputs = [sample(rows, rows) for rows in (1, 2, 40, 3)]
    wanted = [(net.run(x), net.vjp(x, x)[1].params.flat) for x in inputs]

    def work(number):
        x, (y, w) = inputs[number], wanted[number]
        for _ in range(2000):
            if not np.array_equal(net.run(x), y) or not np.array_equal(net.vjp(x, x)[1].params.flat, w):
                wrong.append(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    assert not wrong


def test_calls_keep_no_references(net):
    x, dy, bad = sample(), sample(3, 2), sample().astype(np.float64)
    net.vjp(x, dy)
    objects = (x, dy, bad, True, False, None, np.ndarray, np.dtype(np.float32), net._short[FORWARD]._entry)
    entry, y = net._short[FORWARD]._entry, np.empty((3, 2), np.float32)
    before = [sys.getrefcount(o) for o in objects]
    for _ in range(1000):
        assert entry(x, y) is True and entry(bad, y) is False and entry() is False and entry(x, 1) is False
        net.run(x)
        net.vjp(x, dy)
    assert max(abs(sys.getrefcount(o) - b) for o, b in zip(objects, before, strict=True)) < 50


def test_calls_keep_no_memory(net):
    x = sample()
    net.vjp(x, x)
    tracemalloc.start()
    for _ in range(10):
        net.run(x), net.vjp(x, x)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(2000):
        net.run(x), net.vjp(x, x)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 4000


# -- the way in, by itself ------------------------------------------------------------------------------------------

FORMULAS = """
func.func @f(%N: index, %M: index, %K: index, %x: !loop.buffer<2*N + 1 x M + N x f32>,
             %t: !loop.buffer<K x i32> {irc.data = dense<[1, 2, 3]> : tensor<3xi32>},
             %y: !loop.buffer<M floordiv 2 x f64> {irc.output = 1 : i64},
             %z: !loop.buffer<K x i64> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["N", "M", "K"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.index_cast %N : index to i64
  %m = arith.index_cast %M : index to i64
  loop.store %n, %z[%c0] : i64, !loop.buffer<K x i64>
  loop.store %m, %z[%c1] : i64, !loop.buffer<K x i64>
  func.return
}"""


@pytest.fixture(scope="module")
def formulas():
    module = parse_module(FORMULAS)
    PlanMemory().run(module, PassContext())
    with compile_library(module) as library:
        yield library.function("f")


def test_sizes_are_solved_for(formulas):
    """N from 2*N + 1, then M from M + N; K is known by the bound array."""
    assert [name for name, _, _ in solutions(formulas.signature)] == ["N", "M", "K"]
    short = native_call(formulas, {})
    for n, m in ((0, 0), (1, 4), (3, 5)):
        x = np.zeros((2 * n + 1, m + n), np.float32)
        z, y = short([x])
        assert z[:2].tolist() == [n, m] and y.shape == (m // 2,) and z.shape == (3,)
        z, _ = formulas.call([x])
        assert z[:2].tolist() == [n, m]


@pytest.mark.parametrize(
    ("x", "z", "y"), [((4, 5), 3, 2), ((3, 0), 3, 0), ((3, 5), 4, 2), ((3, 5), 3, 3), ((3, 5), 2, 2), ((0, 5), 3, 2)]
)
def test_sizes_that_contradict_each_other(formulas, x, z, y):
    entry = native_call(formulas, {})._entry
    arrays = np.zeros((3, 5), np.float32), np.zeros(3, np.int64), np.zeros(2, np.float64)
    assert entry(*arrays) is True
    assert entry(np.zeros(x, np.float32), np.zeros(z, np.int64), np.zeros(y, np.float64)) is False


def test_a_bound_array_that_could_change_allows_no_short_calls(formulas):
    table = np.array([1, 2, 3], np.int32)
    assert native_call(formulas.bind({"t": table}), {}) is None
    table.flags.writeable = False
    assert native_call(formulas.bind({"t": table}), {}) is not None


def test_the_text_holds_no_addresses(net):
    one, other = (irc.compile(net.module)._program.library(False) for _ in range(2))
    assert '@"python.irc.' in one.text() and other.text() == one.text()
    assert other.code().object == one.code().object


@pytest.mark.parametrize(
    "text",
    [
        "func.func @f(%s: f32, %y: !loop.buffer<2 x f32> {irc.output = 0 : i64}) {\n func.return\n}",
        "func.func private @f(%y: !loop.buffer<2 x f32> {irc.output = 0 : i64}) {\n func.return\n}",
    ],
)
def test_functions_without_a_way_in(text):
    """Numbers by value, and functions that only others call."""
    module = parse_module(text)
    (op,) = module.regions[0].block
    assert not has_entry(op)
    with compile_library(module) as library:
        assert native_call(library.function("f"), {}) is None and "python.irc" not in library.text()


def test_a_workspace_that_depends_on_the_samples():
    """Short calls have room up to a limit; the way in itself holds to it."""
    module = parse_module("""
func.func @f(%N: index, %x: !loop.buffer<N x f32>, %work: !loop.buffer<16*N x i8> {irc.workspace},
             %y: !loop.buffer<N x f32> {irc.output = 0 : i64})
    attributes {irc.symbols_args = ["N"], irc.workspace_bytes = "16*N"} {
  func.return
}""")
    with compile_library(module) as library:
        short = native_call(library.function("f"), {})
        most = WORKSPACE_BYTES // 16
        for size, fits in ((0, True), (most, True), (most + 1, False)):
            x, y = np.zeros(size, np.float32), np.zeros(size, np.float32)
            assert (short([x]) is not None) == fits and short._entry(x, y) is fits


def test_a_record_has_a_place_for_every_argument(formulas):
    signature: Signature = formulas.signature
    places, words = record_places(signature)
    assert len(places) == len(signature.arguments) and max(places.values()) < words
    record = native_call(formulas, {})._entry.__self__
    assert not record.flags.writeable
    assert [record[places[n]] for n in "NMK"] == [UNKNOWN, UNKNOWN, 3]
