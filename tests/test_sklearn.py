"""Nets as estimators of scikit-learn: its own checks, and its tools around them."""

import pickle
import sys
from importlib import import_module

import networkx as nx
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import irc
from irc.layers import BatchNorm, Conv2D, Dropout, Linear, Sequential, flatten, relu
from irc.sklearn import MOST_EDGES, IrcClassifier, IrcRegressor, dense_graph

IRIS = load_iris(return_X_y=True)
X, Y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]


@parametrize_with_checks([IrcClassifier(), IrcRegressor()])
def test_scikit_learns_own_checks_pass(estimator, check):
    check(estimator)


# -- the tools around them ---------------------------------------------------------------------------------------------


def test_a_pipeline_classifies_irises():
    model = make_pipeline(StandardScaler(), IrcClassifier(epochs=60, optimizer=irc.Adam(0.01), random_state=0))
    assert cross_val_score(model, *IRIS, cv=3).mean() > 0.9


def test_a_search_goes_over_layers_and_optimizers():
    grid = {"hidden_layer_sizes": [(), 8, (8, 4)], "optimizer": [irc.Adam(0.03), irc.SGD(1e-6)]}
    search = GridSearchCV(IrcClassifier(epochs=20, random_state=0), grid, cv=2).fit(X, Y)
    assert search.best_score_ > 0.9 and search.best_params_["optimizer"] == irc.Adam(0.03)


def test_a_linear_regression_is_the_one_in_closed_form():
    """Without a hidden layer, full batches lead to the least squares."""
    x, y = load_diabetes(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    net = IrcRegressor(hidden_layer_sizes=(), epochs=3000, batch=len(x), optimizer=irc.SGD(0.3, 0.9))
    ours = TransformedTargetRegressor(net, transformer=StandardScaler()).fit(x, y)
    np.testing.assert_allclose(ours.predict(x), LinearRegression().fit(x, y).predict(x), rtol=1e-3)


def test_clones_and_pickles():
    model = IrcClassifier(epochs=3, optimizer=irc.SGD(0.1), random_state=4).fit(X, Y)
    copy = clone(model)
    assert not hasattr(copy, "net_") and copy.get_params()["optimizer"] == irc.SGD(0.1)
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(copy.fit(X, Y).predict_proba(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), expected)


# -- nets of the user's own --------------------------------------------------------------------------------------------


def irregular(features, outputs):
    """Two layers in which about half of all edges are left out."""
    graph = nx.DiGraph()
    hidden = [f"h{i}" for i in range(6)]
    graph.add_nodes_from([f"x{i}" for i in range(features)])
    graph.add_nodes_from(hidden, activation="tanh", bias=0.0)
    graph.add_nodes_from([f"y{i}" for i in range(outputs)], activation="identity", bias=0.0)
    graph.add_edges_from((f"x{i}", h) for i in range(features) for k, h in enumerate(hidden) if (i + k) % 2)
    graph.add_edges_from((h, f"y{i}") for i in range(outputs) for h in hidden)
    return graph


def test_a_function_makes_the_net_that_the_data_need():
    model = IrcClassifier(irregular, epochs=60, optimizer=irc.Adam(0.02), random_state=0).fit(X, Y)
    assert (model.net_.input_size, model.net_.output_size) == (4, 3) and model.score(X, Y) > 0.9


def stack(features, classes):
    layers = [Linear(12), BatchNorm(), relu, Dropout(0.1), Linear(classes)]
    return Sequential(*layers, input_shape=[features])


@pytest.mark.parametrize("net", [stack, stack(4, 3)])
def test_layers_are_a_net(net):
    """A model of layers can be called, too, but with values of a net."""
    model = IrcClassifier(net, epochs=60, optimizer=irc.Adam(0.02), random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.9
    search = GridSearchCV(clone(model), {"batch": [16, 32], "epochs": [1]}, cv=2).fit(X, Y)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(X), search.predict_proba(X))


@pytest.mark.parametrize("layers", [[], [BatchNorm()]])
def test_nets_that_read_images_take_them_as_rows(layers):
    """Also one that is no net of neurons, and takes grids alone."""
    digits, labels = load_digits(return_X_y=True)
    net = Sequential(Conv2D(4, 3), *layers, relu, flatten, Linear(10), input_shape=[1, 8, 8])
    model = IrcClassifier(net, epochs=2, optimizer=irc.Adam(0.01), random_state=0).fit(digits / 16, labels)
    assert model.score(digits / 16, labels) > 0.8
    with pytest.raises(irc.Error, match="net Sequential has 64 inputs, but the data need 4"):
        clone(model).fit(X, Y)


def test_a_source_is_compiled_with_the_options():
    text = "/xavier,const_flat 0/\n(input, 4)\n(hidden, 8, <tanh>)\n(output, 3, <linear>, <softmax_cross_entropy>)\n"
    model = IrcClassifier(text, options={"dtype": "float32"}, epochs=2).fit(X, Y)
    assert model.net_.dtype == np.float32 and "hidden.weight" in model.net_.params


def test_the_loss_is_the_users_then_the_nets_then_the_usual():
    text = "/xavier,const_flat 0/\n(input, 4)\n(output, 1, <linear>, <mae>)\n"
    y = X[:, 0]
    for model, loss in (
        (IrcRegressor(text), "mae"),
        (IrcRegressor(text, loss=("huber", 2.0)), "huber"),
        (IrcRegressor(), "mse"),
    ):
        assert model.set_params(epochs=1).fit(X, y).net_.loss.name == loss


def test_probabilities_are_the_nets_own_where_the_loss_says_so():
    matrix = np.zeros((7, 7), int)
    matrix[:4, 4:] = 1
    options = {"act": "sigmoid", "out_act": "sigmoid"}
    model = IrcClassifier(matrix, loss="cross_entropy", options=options, epochs=2).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), model.net_.run(X))
    logits = IrcClassifier(matrix, options={"act": "identity"}, epochs=2).fit(X, Y)
    powers = np.exp(logits.net_.run(X))
    np.testing.assert_allclose(logits.predict_proba(X), powers / powers.sum(1, keepdims=True), rtol=1e-12)


def test_float32_stays_float32():
    model = IrcClassifier(epochs=1).fit(X.astype(np.float32), Y)
    assert model.net_.dtype == np.float32 and model.predict_proba(X.astype(np.float32)).dtype == np.float32


def test_validation_is_drawn_from_all_rows():
    """The irises are sorted: the last fifth of them are all of one kind, which would not be learnt at all."""
    early = irc.EarlyStopping(patience=5)
    model = IrcClassifier(validation_fraction=0.2, callbacks=early, epochs=100, random_state=0).fit(X, Y)
    assert model.history_.validation_accuracy[early.best_epoch] > 0.8 and model.score(X, Y) > 0.9


# -- the net of dense layers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[3, 2], [3, 5, 2], [2, 4, 4, 1]])
def test_the_dense_graph_is_a_net_of_dense_layers(sizes):
    """Against products of matrices; weights are in order of targets, then sources, biases follow."""
    x = np.random.default_rng(0).normal(size=(6, sizes[0]))
    with irc.compile(dense_graph(sizes, "tanh"), dtype="float64", seed=1) as net:
        rng = np.random.default_rng(1)
        net.params.flat[...] = rng.normal(size=net.params.flat.shape)
        edges = sum(a * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        weights, biases = np.split(net.params.flat, [edges])
        y = x
        for number, (a, b) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            weight, weights = np.split(weights, [a * b])
            bias, biases = np.split(biases, [b])
            y = y @ weight.reshape(b, a).T + bias
            y = np.tanh(y) if number < len(sizes) - 2 else y
        np.testing.assert_allclose(net.run(x), y, rtol=1e-12, atol=1e-12)


def test_large_nets_of_dense_layers_have_code_of_their_own():
    assert MOST_EDGES < 4 * 2000 + 2000 * 3
    small, large = (IrcClassifier(hidden_layer_sizes=size, epochs=1).fit(X, Y).net_ for size in (10, 2000))
    assert small.structure == "data" and large.structure == "recover"


# -- what is refused ---------------------------------------------------------------------------------------------------

BAD = [
    ({"net": "no such file.nal"}, "cannot read 'no such file.nal'"),
    ({"net": np.triu(np.ones((5, 5), int), 1)}, "has 1 input, but the data need 4"),
    ({"net": dense_graph([4, 2])}, "has 2 outputs, but the data need 3"),
    ({"net": [np.array([[0, 1], [0, 0]])] * 2}, "an estimator has one net, not a list"),
    ({"net": nx.DiGraph([("x", "h", {}), ("h", "h", {"delay": 1})])}, "recurrent: its rows are steps"),
    ({"loss": "mse"}, "loss mse chooses no class"),
    ({"loss": "mes"}, "did you mean 'mse'"),
    ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be integers from 1 on"),
    ({"hidden_layer_sizes": 2.5}, "hidden_layer_sizes must be integers from 1 on"),
    ({"activation": "rely"}, "unknown activation 'rely'"),
    ({"validation_fraction": 1.0}, "validation_fraction must be None or lie between 0 and 1"),
    ({"options": "float32"}, "options must be names and values for irc.compile, not str"),
    ({"epochs": 0}, "epochs must be an integer from 1 on"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_arguments_that_do_not_suit_are_refused(given, message):
    with pytest.raises(irc.Error, match=message):
        IrcClassifier(**given).fit(X, Y)


def test_without_scikit_learn_the_import_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "irc.sklearn")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"pip install 'irc-compiler\[sklearn\]'"):
        import_module("irc.sklearn")


def test_a_net_is_no_source():
    with irc.compile(dense_graph([4, 3])) as net, pytest.raises(irc.Error, match="each fit begins with a new one"):
        IrcClassifier(net).fit(X, Y)


def test_a_regressor_takes_no_loss_of_classification():
    with pytest.raises(irc.Error, match="loss hinge is one of classification"):
        IrcRegressor(loss="hinge").fit(X, Y)
