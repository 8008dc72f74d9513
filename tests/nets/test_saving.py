"""Nets in files: what comes back is what was saved; what is damaged, or none of ours, is refused."""

import copy
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irc
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.training import schedules

ROOT = Path(__file__).parents[2]
NN00 = ROOT / "examples" / "nets" / "nn00.nal"
LSTM = ROOT / "examples" / "nets" / "lstm.mdl"
MLP = ROOT / "tests" / "ir" / "mlp.mlir"

X = np.random.default_rng(0).normal(size=(12, 4))
Y = np.random.default_rng(1).uniform(size=(12, 2))


def labelled():
    """A graph that has everything: labels, a shared and a named parameter, biases, parameters of activations."""
    return Graph(
        source=np.array([0, 1, 0, 2]),
        target=np.array([2, 2, 3, 3]),
        parameter=np.array([0, 1, 0, 2]),
        bias=np.array([-1, -1, 3, -1]),
        activations=(Activation.parse("identity"), Activation.parse("swish<1.5>"), Activation.parse("tanh")),
        activation=np.array([0, 0, 1, 2]),
        aggregation=np.array([0, 0, 0, 2]),
        is_input=np.array([True, True, False, False]),
        outputs=np.array([3]),
        parameter_count=4,
        name="everything",
        labels=("x", "y", "h", "o"),
        initial=np.array([0.5, np.nan, -0.25, 0.125]),
        given_names={2: "gain"},
    )


SOURCES = {
    "nal": (NN00, {}),
    "mdl": (LSTM, {}),
    "function": (MLP, {"entry": "predict"}),
    "graph": (labelled(), {"dtype": "float64"}),
    "structure": (NN00, {"structure": "recover"}),
    "code": (NN00, {"structure": "code"}),
    "passes": (NN00, {"passes": "lower-neuron,lower-array,plan-memory"}),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.npz"


@pytest.mark.parametrize("form", SOURCES)
@pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
def test_what_is_loaded_is_what_was_saved(path, form):
    source, options = SOURCES[form]
    net = irc.compile(source, seed=3, **options)
    net.params.flat[::2] += 1
    net.save(path)
    loaded = irc.load(path)
    assert repr(loaded) == repr(net) and loaded.dtype == net.dtype and loaded.structure == net.structure
    assert list(loaded.params) == list(net.params)
    assert np.array_equal(loaded.params.flat, net.params.flat)
    assert loaded.module.to_text() == net.module.to_text()
    x = np.random.default_rng(0).normal(size=(5, net.input_size))
    assert np.array_equal(loaded.run(x), net.run(x))


def test_saving_twice_gives_the_same_bytes(tmp_path):
    net = irc.compile(NN00)
    net.save(tmp_path / "a")
    irc.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_state_of_a_recurrent_net_goes_on(path):
    net = irc.compile(LSTM)
    net.run(X)
    net.save(path)
    loaded = irc.load(path)
    assert np.array_equal(loaded.state.flat, net.state.flat) and net.state.flat.any()
    assert np.array_equal(loaded.run(X), net.run(X))


def test_streams_of_a_recurrent_net_go_on(path):
    net = irc.compile(LSTM)
    x = np.random.default_rng(0).normal(size=(3, 5, 4))
    net.run(x, rows="streams")
    net.save(path)
    assert np.array_equal(irc.load(path).run(x, rows="streams"), net.run(x, rows="streams"))


def test_the_number_of_streams_is_kept():
    """One stream that has begun is not the state that any number of streams begins with."""
    net = irc.compile(LSTM)
    fresh = copy.copy(net)
    net.run(X)
    with pytest.raises(irc.Error, match="the state is that of 1 stream, the input has 2"):
        copy.copy(net).run(np.zeros((3, 2, 4)), rows="streams")
    assert fresh.run(np.zeros((3, 2, 4)), rows="streams").shape == (3, 2, 4)


def test_a_copy_of_a_recurrent_net_has_a_state_of_its_own():
    net = irc.compile(LSTM)
    net.run(X)
    before = net.state.flat.copy()
    other = copy.deepcopy(net)
    other.run(X)
    other.state["lastc"] = 7.0
    assert np.array_equal(net.state.flat, before)


OPTIMIZERS = {
    "sgd": irc.SGD(0.1),
    "nesterov": irc.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": irc.Adam(schedules.WarmUp(5, schedules.Cosine(0.1, 40)), clip_norm=1.0),
    "adamw": irc.AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("source", [NN00, LSTM])
@pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")
def test_to_save_load_and_go_on_is_as_not_to_have_stopped(path, source, optimizer):
    y = Y if source == NN00 else np.repeat(Y, 2, 1)
    data = {"batch": 5, "optimizer": OPTIMIZERS[optimizer], "loss": "mse", "seed": 7, "verbose": 0}
    whole, net = irc.compile(source, seed=1), irc.compile(source, seed=1)
    whole.fit(X, y, epochs=6, **data)
    net.fit(X, y, epochs=2, **data)
    net.save(path)
    loaded = irc.load(path)
    loaded.fit(X, y, epochs=4, **data)
    assert np.array_equal(loaded.params.flat, whole.params.flat)
    assert loaded.memory.steps == whole.memory.steps and loaded.memory.epochs == 6


def test_a_loaded_net_goes_on_with_its_optimizer_and_loss(path):
    net, other = irc.compile(NN00), irc.compile(NN00)
    net.loss = ("huber", 0.5)
    for one in (net, other):
        one.fit(X, Y, optimizer=irc.Adam(0.05, beta1=0.8), loss=("huber", 0.5), verbose=0)
    net.save(path)
    loaded = irc.load(path)
    loaded.fit(X, Y, verbose=0)
    other.fit(X, Y, optimizer=irc.Adam(0.05, beta1=0.8), loss=("huber", 0.5), verbose=0)
    assert np.array_equal(loaded.params.flat, other.params.flat)


def test_a_rate_of_the_users_must_be_given_again(path):
    net = irc.compile(NN00)
    net.fit(X, Y, optimizer=irc.SGD(lambda step: 0.1), loss="mse", verbose=0)
    net.save(path)
    loaded = irc.load(path)
    with pytest.raises(irc.Error, match="give optimizer= to go on"):
        loaded.fit(X, Y, loss="mse", verbose=0)
    loaded.fit(X, Y, optimizer=irc.SGD(0.1), loss="mse", verbose=0)


def test_copies_and_pickles_are_nets_of_their_own():
    net = irc.compile(NN00)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other.run(X), net.run(X))
        other.params.flat[...] = 0
        assert net.params.flat.any()


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    net = irc.compile(NN00)
    net.save(path)
    before = path.read_bytes()

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", no_room)
    with pytest.raises(irc.Error, match="No space left"):
        net.save(path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_no_directory(tmp_path):
    with pytest.raises(irc.Error, match="cannot write"):
        irc.compile(NN00).save(tmp_path / "none" / "net.npz")


# -- files that are none --------------------------------------------------------------------------------------------


def rewritten(path, change):
    """The file with its description changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(parts["irc.json"])
    change(described, parts)
    parts["irc.json"] = json.dumps(described).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


CHANGES = {
    "another format": (lambda d, p: d.update(format="other"), "it is no net that irc saved"),
    "a later version": (lambda d, p: d.update(version=2), "version 2; this irc reads version 1"),
    "no source": (lambda d, p: d.pop("source"), "its source cannot be read"),
    "a strange source": (lambda d, p: d.update(source=[1]), "its source cannot be read"),
    "no parameters": (lambda d, p: p.pop("parameters.npy"), "must hold 28 parameters of float32"),
    "another dtype": (lambda d, p: d.update(dtype="float64"), "must hold 28 parameters of float64"),
    "a strange dtype": (lambda d, p: d.update(dtype=[]), "dtype must be"),
    "a strange structure": (lambda d, p: d.update(structure="x"), "structure must be one of"),
    "an edge from nowhere": (
        lambda d, p: p.update({"graph/source.npy": p["graph/source.npy"][:-8] + b"\xff" * 8}),
        "source",
    ),
    "no edges": (lambda d, p: p.pop("graph/target.npy"), "its source cannot be read"),
    "a strange loss": (lambda d, p: d.update(loss=["none", None]), "loss"),
    "strange memory": (lambda d, p: d.update(memory={"optimizer": ["sgd"]}), "training cannot be read"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_says_something_wrong(path, change):
    irc.compile(NN00).save(path)
    rewritten(path, CHANGES[change][0])
    with pytest.raises(irc.Error, match=CHANGES[change][1]):
        irc.load(path)


def test_nothing_is_executed(path):
    """An array of objects would be unpickled, and pickles run what they say."""
    irc.compile(NN00).save(path)

    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("executed",))

    objects = np.array([Evil()], object)
    with path.with_suffix(".npy").open("wb") as file:
        np.lib.format.write_array(file, objects, allow_pickle=True)
    rewritten(path, lambda d, p: p.update({"parameters.npy": path.with_suffix(".npy").read_bytes()}))
    with pytest.raises(irc.Error, match="damaged"):
        irc.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"neuron.net @f", b"\0" * 1000])
def test_foreign_files(path, content):
    path.write_bytes(content)
    with pytest.raises(irc.Error, match="no net that irc saved"):
        irc.load(path)


def test_an_archive_of_numpy(path):
    np.savez(path, parameters=np.zeros(28, np.float32))
    with pytest.raises(irc.Error, match="no net that irc saved"):
        irc.load(path)


def test_no_file(tmp_path):
    with pytest.raises(irc.Error, match="cannot read '.*none'"):
        irc.load(tmp_path / "none")


SAVED = None


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_is_found_out(tmp_path_factory, data):
    """Whatever bytes of the file change, or are missing: an error, or (in parts that mean nothing) the same net."""
    global SAVED
    path = tmp_path_factory.mktemp("damage") / "net.npz"
    if SAVED is None:
        net = irc.compile(NN00)
        net.save(path)
        SAVED = path.read_bytes(), net.params.flat.copy()
    content, flat = SAVED
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:at]
    else:
        content = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    path.write_bytes(content)
    try:
        loaded = irc.load(path)
    except irc.Error as error:
        assert "cannot load" in str(error)
    else:
        assert np.array_equal(loaded.params.flat, flat)
