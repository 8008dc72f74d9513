"""Models that take or give grids: they are nets of neurons all the same, and take samples as grids or as rows."""

from __future__ import annotations

import io

import numpy as np
import pytest

import irc
from irc import layers as L
from irc.dialects.neuron.whole import called_net, whole_net
from irc.passes.pipelines import PIPELINES
from irc.text.parser import parse_module
from irc.tools import irc as irc_command
from irc.tools import irc_opt
from support import layers_oracle as oracle
from support.layers_oracle import agree, of_layer

IMAGES = np.random.default_rng(0).normal(size=(4, 1, 4, 5)).astype(np.float32)
TEXT = """
network Sequential:
  input_shape: [1, 4, 5]
  layers:
    cv: Conv2D(2, 2)
    mp: AvgPool2D(2, 0, 1)
  forward x:
    x.cv.tanh.mp
"""


def convolutional(*more) -> L.Sequential:
    parts = {"cv": L.Conv2D(2, 2), "tanh": L.tanh, "mp": L.AvgPool2D(2, stride=1)}
    return L.Sequential({**parts, **{one.__name__: one for one in more}}, input_shape=[1, 4, 5])


def wanted(w, x):
    return oracle.avg_pool2d({}, oracle.jnp.tanh(oracle.conv2d(of_layer(w, "cv"), x)), kernel=(2, 2), stride=(1, 1))


def run(main, *argv: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main.main([str(a) for a in argv], io.StringIO(), out, err)
    return code, out.getvalue(), err.getvalue()


# -- the net inside --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [convolutional(), TEXT], ids=["python", "text"])
def test_what_shows_neurons_shows_those_of_the_net_inside(source) -> None:
    """A net that gives grids is, but for their shape, the one that gives them as rows: by names and numbers too."""
    grids, rows = irc.compile(source, seed=1), irc.compile(convolutional(L.flatten), seed=1)
    assert grids.run(IMAGES).shape == (4, 2, 2, 3) and rows.run(IMAGES).shape == (4, 12)
    assert grids.svg() == rows.svg()
    for backward in (False, True):
        assert grids.equations(backward) == rows.equations(backward) != ""
    graph, same = grids.graph(lossy=True), rows.graph(lossy=True)
    assert graph.labels == same.labels and graph.parameter_names == same.parameter_names
    assert np.array_equal(graph.initial, same.initial)
    again = irc.compile(graph)
    assert np.allclose(again.run(IMAGES.reshape(4, 20)), rows.run(IMAGES), rtol=1e-5, atol=1e-6)


def test_parameters_keep_their_start_values(tmp_path) -> None:
    """They stand in the function, not in the net that it calls."""
    text = MODULE.replace('"w"', '"w", irc.initial = dense<[0.5, -2.0, 3.0]> : tensor<3xf32>')
    assert irc.compile(irc.parse(text)).graph().initial.tolist() == [0.5, -2.0, 3.0]
    irc.convert(irc.parse(text), tmp_path / "f.nel")
    again = irc.compile(tmp_path / "f.nel")
    assert again.name == "f" and again.params.flat.tolist() == [0.5, -2.0, 3.0]


def test_the_commands_show_the_net_inside(tmp_path) -> None:
    path = tmp_path / "grid.network"
    path.write_text(TEXT)
    code, out, err = run(irc_command, "show", path, "--svg", tmp_path / "grid.svg")
    assert (code, err) == (0, "") and "20 inputs" in out and "12 outputs" in out
    assert (tmp_path / "grid.svg").read_text() == irc.compile(path).svg()
    code, _, err = run(irc_command, "convert", path, tmp_path / "grid.nel", "--lossy")
    assert (code, err) == (0, "")
    assert irc.compile(tmp_path / "grid.nel").run(IMAGES.reshape(4, 20)).shape == (4, 12)
    for form in ("fwd", "bwd", "dot", "svg"):
        code, out, err = run(irc_opt, path, f"--emit={form}")
        assert (code, err) == (0, "") and "mp_0" in out and "_part0" not in out
    code, out, _ = run(irc_opt, path, "--emit=bwd")
    assert out.count("# net Sequential") == 1 and "cv.weight" in out  # once, with the names of the parameters


MODULE = """
neuron.net private @inner(%x: tensor<2xf32>) -> tensor<1xf32> parameters 3 {
  %0 = neuron.layer tanh(%x*w[0:2] + w[2:3]) #neuron.dense<2, 1>
  neuron.output %0 : tensor<1xf32>
}
func.func @f(%x: tensor<B x 1 x 2 x f32>, %w: tensor<3xf32> {irc.param = "w"}) -> tensor<B x 1 x 1 x f32> {
  %0 = array.reshape %x : tensor<B x 1 x 2 x f32> to tensor<B x 2 x f32>
  %1 = neuron.call @inner(%0, %w) : (tensor<B x 2 x f32>, tensor<3xf32>) -> tensor<B x 1 x f32>
  %2 = array.reshape %1 : tensor<B x 1 x f32> to tensor<B x 1 x 1 x f32>
  func.return %2 : tensor<B x 1 x 1 x f32>
}
"""


def test_a_function_that_only_calls_a_net_is_it() -> None:
    net, function = parse_module(MODULE).body
    assert called_net(function) is net and called_net(net) is None
    view = whole_net(function)
    assert view is not None and view is not net and view.sym_name.value == "f"
    assert whole_net(net) is net


UNUSED = MODULE.replace("  %1 =", """
  %doubled = arith.addf %0, %0 : tensor<B x 2 x f32>
  %others = arith.addf %w, %w : tensor<3xf32>
  %1 =""").replace("  %2 =", """
  %negated = arith.negf %1 : tensor<B x 1 x f32>
  %2 =""")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("private @inner", "@inner"),
        ('"w"', '"w"}, %v: tensor<2xf32> {irc.param = "v"'),
        (' {irc.param = "w"}', ""),
        ("%0, %w)", "%0, %others)"),
        ("@inner(%0", "@inner(%doubled"),
        ("%2 = array.reshape %1", "%2 = array.reshape %negated"),
        ("B x 1 x 2 x f32>", "1 x B x 2 x f32>"),
        ("tensor<B x 1 x 1 x f32>", "tensor<1 x B x 1 x f32>"),
    ],
)
def test_a_function_that_does_more_is_none(old: str, new: str) -> None:
    """Another op, argument or result, samples that are mixed, or a net that others may call: then it says more."""
    function = list(parse_module(UNUSED.replace(old, new)).body)[-1]
    assert called_net(function) is None and whole_net(function) is None


def test_ops_that_nothing_reads_do_not_count() -> None:
    net, function = parse_module(UNUSED).body
    assert called_net(function) is net


def test_layers_that_are_no_neurons_have_no_graph() -> None:
    net = irc.compile(L.Sequential(L.Conv2D(2, 2), L.LayerNorm(), input_shape=[1, 4, 5]))
    for show in (net.svg, net.graph, net.equations):
        with pytest.raises(irc.Error, match="@Sequential is a function of arrays, not a net of neurons"):
            show()


# -- rows or grids ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], [L.LayerNorm(), L.flatten, L.LayerNorm()]], ids=["neurons", "arrays"])
def test_samples_are_grids_or_rows(more) -> None:
    """To run, predict, freeze, learn and differentiate; the gradient of the samples has the shape that they had."""
    net = irc.compile(L.Sequential(L.Conv2D(2, 2), L.relu, *more, input_shape=[1, 4, 5]), seed=3)
    rows = IMAGES.reshape(4, 20)
    y = net.run(IMAGES)
    for count in (1, 4):  # short calls too, and one sample, which has code of its own
        for _ in range(4):
            assert np.array_equal(net.run(rows[:count]), net.run(IMAGES[:count]))
            assert np.array_equal(net.run(rows[:count].tolist()), net.run(IMAGES[:count]))
            assert np.array_equal(net.vjp(rows[:count], y[:count])[0], net.run(IMAGES[:count]))
    assert np.array_equal(net.predict(rows, batch=3), net.predict(IMAGES, batch=3))
    assert np.array_equal(net.freeze().run(rows), net.freeze().run(IMAGES))
    by_rows, by_grids = net.vjp(rows, y)[1], net.vjp(IMAGES, y)[1]
    assert by_rows.x.shape == rows.shape and by_grids.x.shape == IMAGES.shape
    assert np.array_equal(by_rows.x.reshape(IMAGES.shape), by_grids.x)
    assert np.array_equal(by_rows.params.flat, by_grids.params.flat)
    losses = [net.value_and_grad(x, 0 * y, "mse") for x in (rows, IMAGES)]
    assert losses[0][0] == losses[1][0] and losses[0][1].x.shape == rows.shape
    assert net.evaluate(rows, 0 * y, "mse").loss == net.evaluate(IMAGES, 0 * y, "mse").loss
    before = net.params.flat.copy()
    learnt = []
    for x in (rows, IMAGES):
        net.params.flat, net.memory = before, None
        net.fit(x, 0 * y, loss="mse", epochs=2, batch=2, verbose=0)
        learnt.append(net.params.flat.copy())
    assert np.array_equal(*learnt) and not np.array_equal(learnt[0], before)


def test_each_of_several_inputs_may_come_as_rows() -> None:
    a, b = L.Input([2, 3], "a"), L.Input([3, 2], "b")
    net = irc.compile(L.Model([a, b], L.matmul(a, b)))
    x, y = (np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32) for shape in ((2, 3), (3, 2)))
    rows = y.reshape(5, 6)
    assert np.array_equal(net.run(x, rows), net.run(x, y))
    found = net.vjp((x, rows), net.run(x, y))[1].x
    assert found[0].shape == x.shape and found[1].shape == rows.shape


@pytest.mark.parametrize("shape", [(4, 4, 5), (4, 1, 5, 4), (4, 19), (20,), (2, 40)])
def test_samples_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    net = irc.compile(convolutional())
    with pytest.raises(irc.Error, match="x: "):
        net.run(np.ones(shape))
    with pytest.raises(irc.Error, match=r"samples may also have the shape \(20,\)"):
        net.run(np.ones((4, 4, 5)))


def test_the_command_takes_texts_of_rows(tmp_path) -> None:
    """A text has rows only, so these are the samples, and the gradients of the outputs, in the shapes of the net."""
    path = tmp_path / "grid.network"
    path.write_text(TEXT)
    net = irc.compile(path)
    dy = np.arange(48.0).reshape(4, 12)
    for name, rows in (("x.txt", IMAGES.reshape(4, 20)), ("dy.csv", dy)):
        (tmp_path / name).write_text("\n".join(",".join(map(repr, map(float, row))) for row in rows))
    argv = ["run", path, "--input", tmp_path / "x.txt", "--vjp", tmp_path / "dy.csv"]
    code, out, err = run(irc_command, *argv, "-o", tmp_path / "y.npy")
    y, gradients = net.vjp(IMAGES, dy.reshape(4, 2, 2, 3))
    assert (code, err) == (0, "") and np.array_equal(np.load(tmp_path / "y.npy"), y)
    bias = next(line for line in out.splitlines() if line.startswith("Dcv.bias"))
    found = [float(number) for number in bias.partition("= ")[2].split(",")]
    assert np.array_equal(np.float32(found), gradients.params["cv.bias"])
    for wrong in ("1,2,3", ",".join(["1"] * 40)):
        code, _, err = run(irc_command, "run", path, "--input", wrong)
        assert code == 1 and "samples may also have the shape (20,)" in err


def test_a_size_that_the_data_say_follows_from_the_length_of_the_rows(tmp_path) -> None:
    path = tmp_path / "steps.network"
    path.write_text("network Steps:\n  inputs: x: [T, 2]\n  layers:\n    g: GRU(3)\n  forward x:\n    x.g[0]\n")
    code, out, err = run(irc_command, "run", path, "--input", "1,2,3,4,5,6;6,5,4,3,2,1")
    x = np.array([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]]).reshape(2, 3, 2)
    assert (code, err) == (0, "")
    found = np.array([line.split(",") for line in out.splitlines()], np.float32)
    assert np.array_equal(found, irc.compile(path).run(x).reshape(2, 9))
    code, _, err = run(irc_command, "run", path, "--input", "1,2,3")
    assert code == 1 and "x: " in err


# -- single neurons --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", PIPELINES)
def test_every_structure_gives_the_same_numbers_and_gradients(structure: str) -> None:
    """As whole convolutions, as recovered layers, and as code for each neuron."""
    agree(convolutional(), wanted, [IMAGES], structure=structure)


def test_single_neurons_by_hand_are_the_same_net(tmp_path) -> None:
    """``explode-neurons`` goes into the net that the function calls."""
    (tmp_path / "grid.network").write_text(TEXT)
    code, out, err = run(irc_opt, tmp_path / "grid.network", "-p", "explode-neurons")
    assert (code, err) == (0, "") and "neuron.node tanh" in out and "neuron.layer" not in out
    (tmp_path / "exploded.mlir").write_text(out)
    agree(tmp_path / "exploded.mlir", wanted, [IMAGES])
