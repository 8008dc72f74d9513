"""A net's methods as users call them: inputs, ``out=``, parameters; what they take and give, and say to errors."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import irc
from irc.ir.dimensions import evaluate, parse_dimension, symbols_of
from irc.kernel import Kernel

ROOT = Path(__file__).parents[2]
NN00 = ROOT / "examples" / "nets" / "nn00.nal"
MLP = ROOT / "tests" / "ir" / "mlp.mlir"


X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
DY = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)

# -- inputs ------------------------------------------------------------------------------------------------------------

FORMS = {
    "list": X.tolist(),
    "tuple of lists": tuple(X.tolist()),
    "list of arrays": list(X),
    "float64": X.astype(np.float64),
    "long double": X.astype(np.longdouble),
    "big-endian": X.astype(">f4"),
    "Fortran order": np.asfortranarray(X),
    "strided": np.repeat(X, 2, 1)[:, ::2],
    "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
    "broadcast of itself": np.broadcast_to(X, (5, 4)),
    "unaligned": np.frombuffer(b"\0" + X.tobytes(), np.float32, offset=1).reshape(X.shape),
}


@pytest.mark.parametrize("form", FORMS)
def test_real_numbers_in_any_form_are_inputs(shared, form):
    x = FORMS[form]
    assert np.array_equal(shared.run(x), shared.run(X))
    if not isinstance(x, tuple):  # a tuple is several inputs, to vjp
        y, gradients = shared.vjp(x, DY)
        wanted_y, wanted = shared.vjp(X, DY)
        assert np.array_equal(y, wanted_y)
        assert np.array_equal(gradients.x, wanted.x) and np.array_equal(gradients.params.flat, wanted.params.flat)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64, np.float16])
def test_other_dtypes_are_converted(shared, dtype):
    x = np.array([[0, 1, 1, 0], [1, 1, 0, 1]], dtype)
    assert np.array_equal(shared.run(x), shared.run(x.astype(np.float32)))
    assert np.array_equal(shared.run(x.tolist()), shared.run(x.astype(np.float32)))


def test_read_only_inputs_stay_as_they_are(shared):
    x = X.copy()
    x.flags.writeable = False
    shared.vjp(x, DY)
    assert np.array_equal(shared.run(x), shared.run(X)) and np.array_equal(x, X)


def test_results_are_new_arrays_of_the_nets_dtype(shared):
    first = shared.run(X)
    kept = first.copy()
    shared.run(X + 1)
    assert first.dtype == np.float32 and first.flags.c_contiguous and np.array_equal(first, kept)


@pytest.mark.parametrize("x", [np.zeros((0, 4)), np.zeros((0, 4), int)])
def test_no_samples(shared, x):
    assert shared.run(x).shape == (0, 2)
    y, gradients = shared.vjp(x, np.zeros((0, 2)))
    assert y.shape == (0, 2) and gradients.x.shape == (0, 4)
    assert gradients.params.flat.tolist() == [0.0] * 28


def test_numbers_beyond_the_dtype_are_infinite(shared):
    x = np.full((1, 4), 1e300)
    with np.errstate(over="ignore"):
        assert np.array_equal(shared.run(x), shared.run(np.full((1, 4), np.inf)), equal_nan=True)


WRONG = {
    "one sample without its axis": (
        X[0],
        r"expected 2 dimensions \(\*, 4\), got 1 \(4,\); one sample is .*\[None, :\]",
    ),
    "a number": (1.0, "expected 2 dimensions"),
    "three dimensions": (X[None], "expected 2 dimensions"),
    "too wide": (np.zeros((5, 5)), r"dimension 1 must be 4, got 5"),
    "too narrow": (np.zeros((5, 3)), r"dimension 1 must be 4, got 3"),
    "no width": (np.zeros((5, 0)), r"dimension 1 must be 4, got 0"),
    "an empty list": ([], "expected 2 dimensions"),
    "complex": (X.astype(complex), "dtype complex128 is not supported; expected real numbers"),
    "object": (X.astype(object), "dtype object is not supported"),
    "strings": (X.astype(str), "dtype <U.* is not supported"),
    "a string": ("x", "is not supported"),
    "None": (None, "dtype object is not supported"),
    "dates": (np.zeros((5, 4), "M8[s]"), r"dtype datetime64\[s\] is not supported"),
    "records": (np.zeros((5, 4), [("a", "f4")]), "is not supported"),
    "ragged": ([[1, 2, 3, 4], [1, 2]], "the rows have different lengths"),
    "a dictionary": ({"x": 1}, "dtype object is not supported"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_inputs(shared, case):
    x, message = WRONG[case]
    with pytest.raises(irc.Error, match=message):
        shared.run(x)
    with pytest.raises(irc.Error, match=message):
        shared.vjp(x, DY)


@pytest.mark.parametrize(
    ("dy", "message"),
    [
        (DY[:, :1], "dimension 1 must be 2, got 1"),
        (DY[0], "expected 2 dimensions"),
        (DY[:3], r"dimension 0 is 3, expected 5.*B = 5"),
        (DY.astype(complex), "not supported"),
    ],
)
def test_wrong_gradients_of_the_output(shared, dy, message):
    with pytest.raises(irc.Error, match=message):
        shared.vjp(X, dy)


def test_wrong_number_of_inputs(shared):
    with pytest.raises(irc.Error, match="takes 1 input .*got 2"):
        shared.run(X, X)
    with pytest.raises(irc.Error, match="takes 1 input .*got 0"):
        shared.run()
    with pytest.raises(irc.Error, match="got 3"):
        shared.vjp((X, X), DY)


def test_an_error_is_a_value_error_with_diagnostics(shared):
    with pytest.raises(ValueError) as caught:
        shared.run(X[0])
    (found,) = caught.value.diagnostics
    assert found.severity == "error" and "expected 2 dimensions" in found.message


# -- out ---------------------------------------------------------------------------------------------------------------


def test_out_is_written_and_returned(shared):
    out = np.full((5, 2), np.nan, np.float32)
    assert shared.run(X, out=out) is out and np.array_equal(out, shared.run(X))


def test_out_of_no_samples(shared):
    out = np.zeros((0, 2), np.float32)
    assert shared.run(np.zeros((0, 4)), out=out) is out


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ([[0.0] * 2] * 5, "must be a NumPy array, got list"),
        (np.zeros((5, 2)), "must have dtype float32, got float64"),
        (np.zeros((5, 2), ">f4"), "must have dtype float32, got >f4"),
        (np.zeros((5, 3), np.float32), r"must have shape \(5, 2\), got \(5, 3\)"),
        (np.zeros((4, 2), np.float32), r"must have shape \(5, 2\), got \(4, 2\)"),
        (np.zeros(10, np.float32), r"must have shape \(5, 2\), got \(10,\)"),
        (read_only(np.zeros((5, 2), np.float32)), "is read-only"),
        (np.zeros((5, 4), np.float32)[:, ::2], "must be C-contiguous"),
        (np.zeros((2, 5), np.float32).T, "must be C-contiguous"),
        (np.frombuffer(bytearray(41), np.float32, offset=1, count=10).reshape(5, 2), "aligned"),
    ],
)
def test_unsuitable_out(shared, out, message):
    with pytest.raises(irc.Error, match=message):
        shared.run(X, out=out)


def test_out_must_not_overlap_what_is_read(net):
    memory = X.copy()
    with pytest.raises(irc.Error, match="overlaps"):
        net.run(memory, out=memory.reshape(-1)[:10].reshape(5, 2))
    with pytest.raises(irc.Error, match="overlaps"):
        net.run(X, out=net.params.flat[:10].reshape(5, 2))


# -- parameters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("layered", [False, True])
def test_the_workspace_is_a_formula_of_the_samples_alone(net, layered, backward):
    """What a graph or a layer has of neurons and edges is known; the number is what a call takes."""
    layers = irc.layers.Sequential(irc.layers.Linear(70), irc.layers.tanh, irc.layers.Linear(3), input_shape=[5])
    with irc.compile(layers) as other:
        asked = other if layered else net
        formula = parse_dimension(asked.workspace(backward))
        assert symbols_of(formula) <= {"B"}
        function = asked.program.function(backward)
        for rows in (0, 1, 17, 300):
            x, dy = np.ones((rows, asked.input_size), np.float32), np.ones((rows, asked.output_size), np.float32)
            arrays = Kernel(function).prepare((x, dy) if backward else (x,), asked.params.flat)
            assert function.plan(arrays).workspace == evaluate(formula, {"B": rows})


def test_parameters_by_name(net):
    before = net.run(X)
    assert len(net.params) == 28 and list(net.params)[0] == "w0004" and "w0004" in net.params
    assert net.params["w0004"] == net.params.flat[0] and net.params["w0004"].dtype == np.float32
    net.params["w0004"] = 0.5
    assert net.params["w0004"] == 0.5 and net.params.flat[0] == 0.5
    assert not np.array_equal(net.run(X), before)
    net.params.update({"w0004": 1, "w0104": np.float64(2)})
    assert net.params.flat[:2].tolist() == [1.0, 2.0]
    assert dict(net.params)["w0104"] == 2.0


def test_the_flat_vector(net):
    net.params.flat[...] = 1.0
    assert net.run(np.ones((1, 4))).tolist() == [[26.0, 26.0]]  # as many as paths lead there
    values = np.arange(28)
    net.params.flat = values
    assert net.params.flat.dtype == np.float32 and np.array_equal(net.params.flat, values)
    values[0] = 99  # copied
    assert net.params.flat[0] == 0
    net.params.flat = list(range(28))
    kept = net.params.flat
    net.params.flat *= 2
    assert net.params.flat is kept and net.params["w0104"] == 2.0


@pytest.mark.parametrize("values", [np.zeros(27), 1.0, np.zeros((28, 1)), np.zeros(28, complex), ["a"] * 28])
def test_unsuitable_flat_vectors(net, values):
    with pytest.raises(irc.Error, match="the flat vector has 28 parameters|must be real numbers"):
        net.params.flat = values


def test_unknown_parameters(net):
    with pytest.raises(KeyError, match="no parameter 'w0009'; did you mean 'w0"):
        net.params["w0009"]
    with pytest.raises(KeyError, match="no parameter 'zzz'"):
        net.params["zzz"] = 1.0
    assert "zzz" not in net.params and net.params.get("zzz") is None
    with pytest.raises(TypeError, match="cannot be removed"):
        del net.params["w0004"]


@pytest.mark.parametrize("value", [[1.0], np.zeros((1, 1)), 1j, "a", None])
def test_unsuitable_values_of_a_parameter(net, value):
    with pytest.raises(irc.Error, match="parameter 'w0004'"):
        net.params["w0004"] = value


def test_gradients_by_name(net):
    _, gradients = net.vjp(X, DY)
    assert list(gradients.params) == list(net.params)
    assert gradients.params["w0004"] == gradients.params.flat[0]
    net.params.flat -= 0.1 * gradients.params.flat  # the step of a descent
    assert np.all(np.isfinite(net.run(X)))


def test_parameters_with_shapes():
    with irc.compile(MLP, entry="predict") as net:
        assert list(net.params) == ["w1", "b1", "w2", "b2"]
        assert net.params["w1"].shape == (8, 4) and net.params.flat.shape == (8 * 4 + 8 + 3 * 8 + 3,)
        net.params["w1"][2, 3] = 7.0  # a view
        assert net.params.flat[2 * 4 + 3] == 7.0
        net.params["b1"] = range(8)
        assert net.params["b1"].tolist() == list(range(8))
        with pytest.raises(irc.Error, match=r"parameter 'w1' has shape \(8, 4\), got a value of shape \(4, 8\)"):
            net.params["w1"] = np.zeros((4, 8))


def test_seeds():
    def start(seed: int, **options) -> np.ndarray:
        return irc.compile(NN00, seed=seed, **options).params.flat

    assert np.array_equal(start(5), start(5)) and not np.array_equal(start(5), start(6))
    assert np.array_equal(start(0), irc.compile(NN00).params.flat)
    assert np.array_equal(start(5, dtype="float64").astype(np.float32), start(5))
    assert np.array_equal(start(np.int64(5)), start(5)) and len(start(2**63 - 1)) == 28


@pytest.mark.parametrize("seed", ["a", 1.5, None, -1, 2**63])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(irc.Error, match="seed"):
        irc.compile(NN00, seed=seed)


def test_start_values_are_uniform_by_fan_in():
    g = nx.DiGraph()
    g.add_edges_from((f"x{i}", "h") for i in range(400))
    g.add_edges_from((f"x{i}", "k") for i in range(100))
    flat = irc.compile(g, seed=1).params.flat
    for part, fan_in in ((flat[:400], 400), (flat[400:], 100)):
        reach = fan_in**-0.5
        assert np.abs(part).max() <= reach and np.abs(part).max() > 0.9 * reach
        assert abs(part.mean()) < 4 * reach / (3 * fan_in) ** 0.5  # four standard deviations
        assert abs(part.var() - reach**2 / 3) < 0.3 * reach**2
