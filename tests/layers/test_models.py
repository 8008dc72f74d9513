"""Models in Python: how layers are named, put together, shared and compiled; what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc import layers as L
from irc.calling import callables
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp
from irc.dialects.neuron import Call, Net
from irc.ir.diagnostics import Diagnostics
from irc.ir.types import Type, f32, f64
from irc.ir.verifier import verify
from irc.passmanager import PassManager, parse_pipeline
from support.gate import pass_gate


def module_of(model: L.Buildable, element: Type = f32) -> ModuleOp:
    module = L.to_module(model.trace(), element)
    verify(module)
    return module


def labels(model) -> list[str]:
    """The names of the tensors of parameters."""
    return [named.label for named in model.trace().parameters]


def mlp() -> L.Sequential:
    return L.Sequential(L.Linear(5), L.relu, L.Linear(3), input_shape=[4])


# -- three ways ------------------------------------------------------------------------------------------------------


def test_three_ways_give_one_net() -> None:
    """But for the names, which are places in a sequence, attributes of a class, and kinds with numbers elsewhere."""

    class Net(L.Module):
        input_shape = [4]

        def __init__(self) -> None:
            self.hidden, self.out = L.Linear(5), L.Linear(3)

        def forward(self, x):
            return self.out(L.relu(self.hidden(x)))

    x = L.Input([4])
    functional = L.Model(x, L.Linear(3)(L.relu(L.Linear(5)(x))))
    assert labels(mlp()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert labels(Net()) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert labels(functional) == ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    bodies = [
        [line.split(" = ")[1] for line in str(module_of(m)).splitlines() if "= neuron.layer" in line and "(" in line]
        for m in (mlp(), Net(), functional)
    ]
    without_names = [[line.replace("%hidden", "%0").replace("%linear1", "%0") for line in body] for body in bodies]
    assert without_names[0] == without_names[1] == without_names[2]


def test_a_dictionary_names_the_parts_of_a_sequence() -> None:
    model = L.Sequential({"hidden": L.Linear(5), "act": L.tanh, "out": L.Linear(3)}, input_shape=[4])
    assert labels(model) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]


def test_names_are_paths() -> None:
    """Through modules, sequences, lists and dictionaries; a name that was given stays."""

    class Block(L.Module):
        def __init__(self) -> None:
            self.inner = L.Linear(4)

        def forward(self, x):
            return L.relu(self.inner(x))

    class Whole(L.Module):
        input_shape = [4]

        def __init__(self) -> None:
            self.blocks = [Block(), Block()]
            self.body = L.Sequential(Block(), L.Linear(2, name="given"))

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.body(x)

    weights = [label for label in labels(Whole()) if label.endswith("weight")]
    assert weights == ["blocks.0.inner.weight", "blocks.1.inner.weight", "body.0.inner.weight", "given.weight"]


def test_a_part_of_one_model_has_another_path_in_the_next() -> None:
    """Sequences that were compiled alone become parts of another, and parts of a module."""
    one, two = L.Sequential(L.Linear(3), input_shape=[2]), L.Sequential(L.Linear(3), input_shape=[3])
    assert labels(one)[0] == labels(two)[0] == "0.weight"
    assert labels(L.Sequential(one, L.relu, two, input_shape=[2]))[::2] == ["0.0.weight", "2.0.weight"]
    assert labels(L.Model(x := L.Input([2]), two(one(x))))[::2] == ["linear1.weight", "linear2.weight"]
    assert labels(one)[0] == "0.weight"


def test_parameters_lie_in_the_order_in_which_layers_are_declared() -> None:
    """As in PyTorch's state_dict, not as they are used."""

    class Net(L.Module):
        input_shape = [4]

        def __init__(self) -> None:
            self.last, self.first = L.Linear(2, bias=False), L.Linear(3, bias=False)

        def forward(self, x):
            return self.last(self.first(x))

    assert labels(Net()) == ["last.weight", "first.weight"]


def test_weights_of_others_load_by_name() -> None:
    """A dictionary of arrays, named and shaped as PyTorch does, makes the net give the same numbers."""
    rng = np.random.default_rng(0)
    state = {
        "hidden.weight": rng.normal(size=(5, 4)), "hidden.bias": rng.normal(size=5),
        "out.weight": rng.normal(size=(3, 5)), "out.bias": rng.normal(size=3),
    }  # fmt: skip
    net = irc.compile(L.Sequential({"hidden": L.Linear(5), "tanh": L.tanh, "out": L.Linear(3)}, input_shape=[4]))
    net.params.update(state)
    x = rng.normal(size=(6, 4)).astype(np.float32)
    expected = np.tanh(x @ state["hidden.weight"].T + state["hidden.bias"]) @ state["out.weight"].T + state["out.bias"]
    assert np.allclose(net.run(x), expected, rtol=1e-5, atol=1e-5)


def test_start_values() -> None:
    """Weights are drawn from N(0, sqrt(2 / fan_in)), biases are zero, and the seed says which draw it is."""
    model = L.Sequential(L.Linear(300), L.Linear(4, init=L.uniform(-0.5, 0.5)), input_shape=[400])
    net = irc.compile(model, seed=3)
    weight = net.params["0.weight"]
    assert weight.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02) and abs(weight.mean()) < 1e-3
    assert not net.params["0.bias"].any()
    assert np.abs(net.params["1.weight"]).max() <= 0.5
    assert np.array_equal(irc.compile(model, seed=3).params.flat, net.params.flat)
    assert not np.array_equal(irc.compile(model, seed=4).params.flat, net.params.flat)


def test_float64() -> None:
    assert irc.compile(mlp(), dtype="float64").dtype == np.float64


# -- what becomes of it ----------------------------------------------------------------------------------------------


def test_layers_without_a_neuron_form_are_array_ops_between_nets() -> None:
    """Runs of layers with a neuron form become private nets, which get the part of the parameters that is theirs."""
    model = L.Sequential(L.Linear(6), L.relu, L.LayerNorm(), L.Linear(3), L.softmax, input_shape=[4])
    module = module_of(model)
    first, second, function = module.body
    assert isinstance(first, Net) and isinstance(second, Net) and isinstance(function, FuncOp)
    assert [first.parameter_count, second.parameter_count] == [30, 21]
    assert sum(isinstance(op, Call) for op in function.walk()) == 2
    pass_gate(module)


def test_the_whole_net_is_one_net_of_neurons_where_it_can_be() -> None:
    x = L.Input([2, 4, 4])
    y = L.relu(L.Conv2D(3, 3)(x))
    z = L.concat(L.flatten(y), L.flatten(L.MaxPool2D(2)(x))) + L.Linear(20)(L.flatten(x))
    module = module_of(L.Model(x, L.flatten(L.permute(L.reshape(z, 4, 5), 1, 0)[1:3])))
    (net,) = module.body
    assert isinstance(net, Net)
    pass_gate(module)


def test_images_are_rows_or_grids() -> None:
    net = irc.compile(L.Sequential(L.Conv2D(2, 3), L.flatten, input_shape=[1, 5, 4]))
    images = np.random.default_rng(0).normal(size=(6, 1, 5, 4)).astype(np.float32)
    assert np.array_equal(net.run(images), net.run(images.reshape(6, 20)))
    assert np.array_equal(net.run(images), net.run(images.tolist()))
    for wrong in (images.transpose(0, 1, 3, 2), images[:, 0], images[..., 0]):
        with pytest.raises(irc.Error, match=r"x: expected 2 dimensions.* samples may also have the shape \(1, 5, 4\)"):
            net.run(wrong)
    dy = np.ones((6, 12), np.float32)
    assert np.array_equal(net.vjp(images, dy)[1].x, net.vjp(images.reshape(6, 20), dy)[1].x.reshape(images.shape))


def test_outputs_have_the_shape_that_the_last_layer_gives() -> None:
    """Neurons give rows, so where that is a grid the net becomes a function that calls it."""
    images = np.random.default_rng(0).normal(size=(3, 1, 5, 4)).astype(np.float32)
    grids = irc.compile(L.Sequential(L.Conv2D(2, 3), L.relu, input_shape=[1, 5, 4]), seed=1)
    rows = irc.compile(L.Sequential(L.Conv2D(2, 3), L.relu, L.flatten, input_shape=[1, 5, 4]), seed=1)
    assert grids.run(images).shape == grids.predict(images).shape == grids.freeze().run(images).shape == (3, 2, 3, 2)
    assert np.array_equal(grids.run(images).reshape(3, 12), rows.run(images))
    pass_gate(module_of(L.Sequential(L.Conv2D(2, 3), L.relu, input_shape=[1, 5, 4])))
    total = irc.compile(L.Sequential(L.Linear(2), L.sum, input_shape=[4]))
    assert total.run(np.ones((3, 4))).shape == (3,)


def test_a_net_trains_on_images_and_labels() -> None:
    """The place of a bright cell is learnt."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    images = rng.normal(scale=0.1, size=(400, 1, 2, 2)).astype(np.float32)
    images.reshape(400, 4)[np.arange(400), labels] += 1
    net = irc.compile(L.Sequential(L.Conv2D(8, 2), L.relu, L.flatten, L.Linear(4), input_shape=[1, 2, 2]))
    net.fit(images, labels, epochs=10, optimizer=irc.Adam(0.02), loss="softmax_cross_entropy", verbose=0)
    assert net.evaluate(images, labels, loss="softmax_cross_entropy").accuracy > 0.95


def test_embedding_refuses_numbers_outside_of_its_table() -> None:
    """Whether they come to run, vjp or fit, and however often it was called before."""
    net = irc.compile(L.Sequential(L.Embedding(5, 2), lambda x: L.mean(x, 0), input_shape=L.integers(3)))
    good = np.array([[0, 4, 2]])
    for _ in range(4):
        net.run(good)
        for wrong, message in (
            ([[0, 1, 5]], "5 is outside of 0 to 4"),
            ([[-1, 1, 0]], "-1 is outside of 0 to 4"),
            ([[0.5, 1, 2]], "0.5 is among the numbers"),
            ([[2**40, 1, 2]], "takes integers"),
        ):
            with pytest.raises(irc.Error, match=message):
                net.run(np.array(wrong))
            with pytest.raises(irc.Error, match=message):
                net.vjp(np.array(wrong), np.ones((1, 2)))
            with pytest.raises(irc.Error, match=message):
                net.fit(np.array(wrong), np.ones((1, 2)), loss="mse", verbose=0)


def test_samples_of_a_function_run_on_two_threads_with_the_same_bits() -> None:
    """A model that is no net of neurons says that its samples are independent."""
    net = irc.compile(L.Sequential(L.GRU(8), L.LayerNorm(), L.flatten, L.Linear(3), input_shape=[5, 4]))
    assert net.program.independent_samples
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(700, 5, 4)).astype(np.float32), rng.normal(size=(700, 3)).astype(np.float32)
    one, two = (net.vjp(x, dy, threads=count) for count in (1, 2))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1].params.flat, two[1].params.flat)
    assert np.array_equal(one[1].x, two[1].x)


def test_statistics_are_not_learnt() -> None:
    """They are tensors of parameters, so they load by name, but no gradient reaches them: that is 0."""
    net = irc.compile(L.Sequential(L.Linear(3), L.BatchNorm(), L.Linear(1), input_shape=[2]))
    net.params["1.running_mean"] = [0.5, -0.5, 1.0]
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    _, gradients = net.value_and_grad(x, x.sum(1), "mse")
    still = {name for name in net.params if not gradients.params[name].any()}
    assert still == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}


def test_nets_of_layers_are_saved_and_pickled(tmp_path) -> None:
    net = irc.compile(L.Sequential(L.Linear(3), L.LayerNorm(), input_shape=[2]))
    x = np.ones((2, 2), np.float32)
    net.save(tmp_path / "net.irc")
    for copy in (irc.load(tmp_path / "net.irc"), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(copy.run(x), net.run(x))


# -- what is refused -------------------------------------------------------------------------------------------------


class WithoutForward(L.Module):
    input_shape = [4]


class AnyNumber(L.Module):
    def forward(self, *values):
        return values


class TwoInputs(L.Module):
    input_shape = {"x": [3], "z": [3]}

    def forward(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.Sequential(L.Linear(3)), "the shape of input x is not known"),
        (
            lambda: L.Sequential(L.Linear(3, 2), input_shape=[4]),
            "0 \\(Linear\\): takes 3 features, but \\[4\\] came in",
        ),
        (lambda: L.Sequential("relu", input_shape=[4]), "part 0 of Sequential must be a layer, a module or a function"),
        (lambda: L.Linear(), "Linear takes \\(out_features\\) or \\(in_features, out_features\\)"),
        (lambda: L.Linear(1, 2, 3), "Linear takes \\(out_features\\) or"),
        (lambda: L.Linear(2.5), "out_features of Linear must be an integer from 1 on, not 2.5"),
        (lambda: L.Linear(2, init="glorot"), "init must be one of xavier, he"),
        (lambda: L.Conv2D(3), "Conv2D takes channels and a kernel"),
        (lambda: L.Conv2D(1, 20, 5, 2), "Conv2D takes \\(out_channels, kernel\\)"),
        (lambda: L.MaxPool2D(2, 2), "MaxPool2D takes \\(kernel\\), or"),
        (lambda: L.MaxPool2D(2, 2, 0), "stride of MaxPool2D must be an integer from 1 on"),
        (lambda: L.Dropout(1.5), "p of Dropout must be a number from 0 to 1"),
        (lambda: L.Embedding(5, 2, padding_idx=5), "Embedding takes a padding_idx below 5"),
        (lambda: L.RNN(3, nonlinearity="gelu"), "RNN takes nonlinearity tanh or relu"),
        (lambda: L.Sequential(L.GRU(3), input_shape=[4]), "takes \\[steps, features\\]"),
        (
            lambda: L.Sequential(L.Conv2D(3, 2, groups=2), input_shape=[3, 4, 4]),
            "3 channels and 3 filters cannot be cut",
        ),
        (lambda: L.Sequential(lambda x: 3, input_shape=[4]), "must be values of the net, not a int"),
        (lambda: L.Sequential(lambda x: x + "a", input_shape=[4]), "add: takes values of the net and numbers"),
        (lambda: L.Sequential(lambda x: x if x else x, input_shape=[4]), "a symbolic value has no numbers"),
        (lambda: L.Sequential(lambda x: x[::2], input_shape=[4]), "goes from place to place, without a step"),
        (lambda: L.Sequential(lambda x: L.squeeze(x, 0), input_shape=[4]), "axis 0 of \\[4\\] has the size 4, not 1"),
        (lambda: L.Sequential(lambda x: L.concat(x, x, axis=1), input_shape=[4]), "there is no axis 1 in \\[4\\]"),
        (lambda: L.Sequential(L.Linear(2, name="a"), L.Linear(2, name="a"), input_shape=[4]), "two layers of .* 'a'"),
        (TwoInputs, "input_shape of TwoInputs names z, but forward takes x, y"),
        (lambda: L.Model([L.Input([2]), L.Input([2])], L.Input([2])), "two inputs of Model are called 'x'"),
        (lambda: L.Model(L.Input([2], "a"), L.Linear(3)(L.Input([2], "b"))), "Model needs the input b"),
        (lambda: L.Input([0]), "the shape of an input must be an integer from 1 on"),
        (WithoutForward, "WithoutForward has no method forward, which says how its layers follow one another"),
        (AnyNumber, "forward of AnyNumber must take inputs that have names, such as forward\\(self, x\\)"),
        (lambda: L.Sequential(L.Linear, input_shape=[4]), "must be a layer, not the class Linear: call it"),
        (lambda: L.Sequential(lambda x: L.activate(x, "relu", 0.1), input_shape=[4]), "relu takes no parameter"),
        (lambda: L.Sequential(L.Conv2D(1, 3, padding=10**6), input_shape=[1, 9, 9]), "numbers for each sample; there"),
        (lambda: L.GRU(3, batch_first=False), "GRU takes no batch_first=False: arrays are .batch, steps, features."),
        (lambda: L.BatchNorm(track_running_stats=False), "BatchNorm takes no track_running_stats=False"),
        (lambda: L.LSTM(3, dropout=1.5), "dropout of LSTM must be a number from 0 to 1, not 1.5"),
        (
            lambda: L.Sequential(L.ConvTranspose2D(1, 1, dilation=2, output_padding=1), input_shape=[1, 2, 2]),
            "output_padding 1 must be smaller than the stride 1",
        ),
    ],
)
def test_what_is_refused(make, message: str) -> None:
    with pytest.raises(irc.Error, match=message):
        irc.compile(make())


def test_arguments_of_forward_with_a_default_are_no_inputs() -> None:
    class Scaled(L.Module):
        input_shape = [2]

        def forward(self, x, factor=3.0):
            return x * factor

    assert np.array_equal(irc.compile(Scaled()).run(np.ones((1, 2))), [[3.0, 3.0]])


def test_dropout_stands_between_the_layers_of_a_recurrent_one() -> None:
    """So the last one has none. With nothing left, the first layer learns nothing; outside of training it is there."""
    assert "array.dropout" not in str(module_of(L.Sequential(L.GRU(3, dropout=0.5), input_shape=[5, 2])))
    x = np.random.default_rng(0).normal(size=(8, 5, 2)).astype(np.float32)
    nets = [irc.compile(L.Sequential(L.GRU(2, 3, 2, dropout=p), input_shape=[5, 2]), seed=1) for p in (0.0, 1.0)]
    assert np.array_equal(nets[0].run(x), nets[1].run(x))
    before = {name: np.array(value) for name, value in nets[1].params.items()}
    nets[1].fit(x, np.ones((8, 5, 3)), epochs=1, optimizer=irc.SGD(0.1), loss="mse", verbose=0)
    pass_gate(module_of(L.Sequential(L.BatchNorm(momentum=None), L.GRU(2, 3, 2, dropout=0.5), input_shape=[5, 2])))
    changed = {name for name, value in nets[1].params.items() if not np.array_equal(value, before[name])}
    assert changed == {"0.weight_hh_l1", "0.bias_ih_l1", "0.bias_hh_l1"}


def test_unused_layers_are_warned_of() -> None:
    class Net(L.Module):
        input_shape = [2]

        def __init__(self) -> None:
            self.used, self.idle = L.Linear(2), L.Linear(9)

        def forward(self, x):
            return self.used(x)

    diagnostics = Diagnostics()
    assert Net().trace(diagnostics).parameter_count == 6
    assert [d.message for d in diagnostics.found] == ["layer idle (Linear) of Net is never used; it has no parameters"]


# -- random stacks ---------------------------------------------------------------------------------------------------

ACTIVATIONS = (L.relu, L.tanh, L.sigmoid, L.silu, L.softmax, L.leaky_relu)


@st.composite
def stacks(draw) -> L.Sequential:
    """A few layers of grids, then, behind flatten, a few of vectors, with whatever fits."""
    channels, rows, columns = (draw(st.integers(1, 3)), draw(st.integers(3, 6)), draw(st.integers(3, 6)))
    shape = (channels, rows, columns)
    parts: list = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["conv", "max", "avg", "norm", "act", "transpose"]))
        size = draw(st.integers(1, min(rows, columns, 3)))
        if kind == "conv":
            parts.append(L.Conv2D(draw(st.integers(1, 3)), size, padding=draw(st.integers(0, 1))))
        elif kind == "transpose":
            parts.append(L.ConvTranspose2D(draw(st.integers(1, 2)), size, stride=draw(st.integers(1, 2))))
        elif kind in ("max", "avg"):
            parts.append((L.MaxPool2D if kind == "max" else L.AvgPool2D)(size, stride=draw(st.integers(1, 2))))
        else:
            parts.append(L.BatchNorm() if kind == "norm" else draw(st.sampled_from(ACTIVATIONS)))
        rows, columns = L.Sequential(*parts, L.identity, input_shape=shape).trace().outputs[0].shape[1:]
    parts.append(L.flatten)
    for _ in range(draw(st.integers(0, 3))):
        layer = draw(st.sampled_from([L.Linear, L.LayerNorm, *ACTIVATIONS]))
        parts.append(
            layer(draw(st.integers(1, 5))) if layer is L.Linear else layer() if layer is L.LayerNorm else layer
        )
    return L.Sequential(*parts, input_shape=shape)


def results(module: ModuleOp, passes: str, seed: int = 0) -> list[np.ndarray]:
    """Outputs and gradients in float64 of a module that went through passes, for seeded arguments."""
    copy = module.clone()
    assert isinstance(copy, ModuleOp)
    PassManager(parse_pipeline(passes)).run(copy)
    derivative = next(c for c in callables(copy) if c.name.endswith("_vjp"))
    inputs = derivative.inputs(seed, 2, "ordinary")
    inputs[1:2] = [np.abs(w) for w in inputs[1:2]]  # variances are positive
    return derivative.float64(inputs)


@settings(max_examples=30)
@given(stacks())
def test_levels_agree(model: L.Sequential) -> None:
    """A random stack means the same as layers and as single neurons, values and gradients, and passes the gate."""
    module = module_of(model, f64)
    pass_gate(module)
    if "neuron.layer softmax" in str(module) or model.trace().parameter_count == 0:
        return  # softmax is a function of a whole layer, not of single neurons
    whole = results(module, "lower-neuron,autodiff")
    single = results(module, "explode-neurons,lower-neuron,autodiff")
    for a, b in zip(whole, single, strict=True):
        assert np.allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
@settings(max_examples=10)
@given(stacks())
def test_native_code_does_what_a_stack_means(model: L.Sequential) -> None:
    """Values and gradients in float64 are those of the reference semantics, up to rounding."""
    net = irc.compile(model, dtype="float64")
    rng = np.random.default_rng(0)
    if net.params.flat.size:
        net.params.flat = np.abs(rng.normal(size=net.params.flat.size))
    x = rng.normal(size=(3, *model.input_shape))
    dy = rng.normal(size=net.run(x).shape)
    y, gradients = net.vjp(x, dy)
    module = module_of(model, f64)
    PassManager(parse_pipeline("lower-neuron,autodiff")).run(module)
    derivative = next(c for c in callables(module) if c.name == f"{net.name}_vjp")
    shapes = [shape for _, shape in derivative.arguments()]
    parameters = [net.params.flat] if len(shapes) > 2 else []
    wanted = derivative.float64([x.reshape(3, *shapes[0][1:]), *parameters, dy])
    for found, expected in zip((y, gradients.x, gradients.params.flat), wanted, strict=False):
        assert np.allclose(found.reshape(np.shape(expected)), expected, rtol=1e-9, atol=1e-9)
