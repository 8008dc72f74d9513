"""Wrong arguments of compile, run, vjp and dump: one clear irc.Error each. And what newcomers try that should work."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import irc

NAL = "N 5\n00\n01\n02 03 00,01\n03 02 00,02\n04 01 02,03\n"
X = np.ones((2, 2))


@pytest.fixture(scope="module")
def net():
    with irc.compile(NAL) as made:
        yield made


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"seed": 1.5}, "seed must be an integer, not float"),
        ({"seed": "a"}, "seed must be an integer, not str"),
        ({"seed": None}, "seed must be an integer, not NoneType"),
        ({"seed": -1}, r"seed must lie between 0 and 2\*\*63 - 1, got -1"),
        ({"seed": 2**70}, "seed must lie between"),
        ({"dtype": "float16"}, "dtype must be float32 or float64, got float16"),
        ({"dtype": 3}, "dtype must be float32 or float64, got 3"),
        ({"outputs": []}, "no outputs: name at least one neuron"),
        ({"outputs": ["zz"]}, "there is no neuron 'zz'; neurons are 0 to 4, by name n00 to n04"),
        ({"outputs": [2, "n02"]}, "neuron n02 is more than once among the outputs"),
        ({"outputs": 3.5}, "outputs must be names or numbers of neurons, not float"),
        ({"outputs": b"n02"}, "outputs must be names or numbers of neurons, not bytes"),
        ({"structure": []}, r"structure must be one of data, recover, code, got \[\]"),
        ({"cache": ""}, "the directory of a cache must be a path, not ''"),
        ({"passes": 123}, "passes must be a pipeline as text, or a list of names and passes, not int"),
        ({"passes": [None]}, "passes must be a pipeline as text, or a list of names and passes, not NoneType"),
        ({"passes": "foo"}, "there is no pass 'foo'"),
        ({"passes": "cse{x=1}"}, "pass 'cse' has no option 'x'"),
        ({"passes": "lower-neuron"}, "returns values; lower it to the loop level first"),
        ({"passes": ""}, "'neuron.net' has no native form"),
        ({"passes": "vectorize,cse"}, "'neuron.net' has no native form"),
        ({"target": "sse9"}, "there is no target 'sse9'; the targets are host"),
        ({"target": 3}, "target must be a name or a Target, not int"),
        ({"entry": "foo"}, "no public function or net @foo; it has net"),
        ({"act": "tanh"}, "a .nal file has an activation code for each neuron"),
        ({"format": "foo"}, "unknown format 'foo'; the formats are nal, nam"),
    ],
)
def test_compile(keywords, message):
    with pytest.raises(irc.Error, match=message):
        irc.compile(NAL, **keywords)


def test_numpy_integers_are_seeds():
    assert np.array_equal(irc.compile(NAL, seed=np.int64(3)).params.flat, irc.compile(NAL, seed=3).params.flat)


class Stubborn:
    """What a tensor that needs gradients says to NumPy."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("use detach() first")


class Gone:
    """An array that can no longer be read, by an error of another kind."""

    def __array__(self, dtype=None, copy=None):
        raise IndexError("it has been freed")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), r"x: dimension 1 must be 2, got 3 \(expected shape \(\*, 2\), got \(2, 3\)\)"),
        (np.ones(2), r"x: expected 2 dimensions .*; one sample is x\[None, :\]"),
        (1.0, "x: expected 2 dimensions"),
        (np.array(1.0), "x: expected 2 dimensions"),
        (X[None], "x: expected 2 dimensions"),
        ([[1, 2], [3]], "x: the rows have different lengths"),
        (X * 1j, "x: dtype complex128 is not supported"),
        ("text", "x: dtype <U4 is not supported"),
        (None, "x: dtype object is not supported"),
        ([[10**400, 1]], "x: dtype object is not supported"),
        (np.ma.masked_array(X, X > 0), r"x: some elements are masked; give them values with x.filled"),
        ([np.ma.masked_array(row, row > 0) for row in X], "x: some elements are masked"),
        (Gone(), "x: NumPy cannot read a Gone as an array: it has been freed"),
        (Stubborn(), r"x: NumPy cannot read a Stubborn as an array: use detach\(\) first"),
    ],
)
def test_run(net, x, message):
    with pytest.raises(irc.Error, match=message):
        net.run(x)


def test_no_dimensions_where_one_sample_has_code_of_its_own():
    with irc.compile("/he,zero/ (input, 2)(a, 3, <tanh>, <mse>)\n", format="mdl") as layers:
        for attempt in (layers.run, lambda x: layers.vjp(x, np.ones((1, 3)))):
            with pytest.raises(irc.Error, match="x: expected 2 dimensions"):
                attempt(np.array(1.0))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize(("element", "bits"), [("i8", 8), ("i32", 32), ("i64", 64)])
def test_floats_that_integers_can_hold(element, bits, kind):
    """From the least integer to below its opposite: the largest one, as a float, may be rounded up to that."""
    type = f"tensor<N x {element}>"
    least = -(2.0 ** (bits - 1))
    with np.errstate(over="ignore"):  # float16 has infinities for the larger ones
        values = np.array([least, -least]).astype(kind)
    with irc.compile(f"func.func @f(%x: {type}) -> {type} {{\n func.return %x : {type}\n}}\n") as same:
        if np.isfinite(values[0]):
            assert same.run(values[:1]) == [int(least)]
        with pytest.raises(irc.Error, match="is among the numbers"):
            same.run(values[1:])


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, None])
def test_batches_of_prediction_and_evaluation(net, batch):
    """A negative one would leave out all rows."""
    for attempt in (lambda: net.predict(X, batch=batch), lambda: net.evaluate(X, X[:, :1], "mse", batch=batch)):
        with pytest.raises(irc.Error, match=f"batch must be an integer from 1 on, not {batch}"):
            attempt()


def test_number_of_inputs(net):
    for inputs in ((), (X, X)):
        with pytest.raises(irc.Error, match=rf"takes 1 input \(x\), got {len(inputs)}"):
            net.run(*inputs)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ([0], "out must be a NumPy array, got list"),
        (np.zeros((2, 1)), "out must have dtype float32, got float64"),
        (np.zeros((2, 2), np.float32), r"out must have shape \(2, 1\), got \(2, 2\)"),
        (np.broadcast_to(np.float32(0), (2, 1)), "out is read-only"),
    ],
)
def test_out(net, out, message):
    with pytest.raises(irc.Error, match=message):
        net.run(X, out=out)


def test_out_over_the_input_or_the_parameters(net):
    x = np.ones((2, 2), np.float32)
    for out in (x.reshape(-1)[:2].reshape(2, 1), net.params.flat[:2].reshape(2, 1)):
        with pytest.raises(irc.Error, match="overlaps"):
            net.run(x, out=out)


@pytest.mark.parametrize(
    ("dy", "message"),
    [
        (np.ones(1), "dy: expected 2 dimensions"),
        (np.ones((3, 1)), "dy: dimension 0 is 3, expected 2"),
        (None, "dy: dtype"),
    ],
)
def test_vjp(net, dy, message):
    with pytest.raises(irc.Error, match=message):
        net.vjp(X, dy)


def test_no_derivative():
    with pytest.raises(irc.Error, match="passes that do not differentiate; add autodiff"):
        irc.compile(NAL, passes="lower-neuron,cse,lower-array,plan-memory").vjp(X, np.ones((2, 1)))
    integers = "func.func @f(%x: tensor<4xi32>) -> tensor<4xi32> {\n func.return %x : tensor<4xi32>\n}\n"
    with pytest.raises(irc.Error, match="@f has no derivative: it gives no floats"):
        irc.compile(integers).vjp(np.zeros(4, np.int32), np.zeros(4))
    some = irc.compile(NAL, passes="lower-neuron,autodiff{wrt=params},cse,lower-array,plan-memory")
    with pytest.raises(irc.Error, match="by some arguments only"):
        some.vjp(X, np.ones((2, 1)))


def test_a_function_that_is_named_as_a_derivative_is_not_taken_for_it():
    square = "(%x: tensor<4xf32>) -> tensor<4xf32> {\n %y = arith.mulf %x, %x : tensor<4xf32>\n func.return %y"
    other = "(%x: tensor<4xf32>) -> tensor<4xf32> {\n func.return %x"
    text = f"func.func @main{square} : tensor<4xf32>\n}}\nfunc.func @main_vjp{other} : tensor<4xf32>\n}}\n"
    assert irc.compile(text).vjp(np.ones(4), np.ones(4))[1].x.tolist() == [2, 2, 2, 2]


def test_dump(net):
    with pytest.raises(irc.Error, match="there is no pass 'foo'; the pipeline is dce"):
        net.dump(after="foo")
    with pytest.raises(irc.Error, match="pass 'split-backward' is not in this net's pipeline"):
        net.dump(after="split-backward")
    with pytest.raises(irc.Error, match="name passes to dump after or before, not int"):
        net.dump(after=3)


def test_parameters(net):
    params = net.params
    assert np.array_equal(np.asarray(params), params.flat) and list(dict(params)) == list(params)
    for call, kind, message in [
        (lambda: params["w004"], KeyError, "no parameter 'w004'; did you mean"),
        (lambda: params[0], TypeError, "parameters go by name, not by int; positions are those of .flat"),
        (lambda: params[:2], TypeError, "not by slice"),
        (lambda: params.__delitem__("w0002"), TypeError, "cannot be removed"),
        (lambda: params.update(w0002="a"), irc.Error, "must be real numbers"),
        (lambda: setattr(params, "flat", [1.0]), irc.Error, "the flat vector has 6 parameters, got an array of shape"),
        (lambda: setattr(params, "flat", [[1], [1, 2]]), irc.Error, "the rows have different lengths"),
    ]:
        with pytest.raises(kind, match=message):
            call()
    for again in (copy.deepcopy(params), pickle.loads(pickle.dumps(params))):
        assert np.array_equal(again.flat, params.flat) and list(again) == list(params)


def test_closed():
    net = irc.compile(NAL)
    net.close()
    net.close()
    assert repr(net) == "<net net, closed>" and net.params.flat.shape == (6,)
    for call in (lambda: net.run(X), lambda: net.vjp(X, X), net.llvm):
        with pytest.raises(irc.Error, match="closed"):
            call()


def test_a_module_may_be_compiled_twice_and_changed_afterwards(net):
    module = irc.parse(net.dump())
    first, second = irc.compile(module), irc.compile(module)
    next(iter(module.functions)).erase()
    assert np.array_equal(first.run(X), second.run(X))
    assert first.vjp(X, np.ones((2, 1)))[1].x.shape == (2, 2)
