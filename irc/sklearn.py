"""Nets as estimators of scikit-learn: in its pipelines, searches and cross-validations, by its conventions.

    model = make_pipeline(StandardScaler(), IrcClassifier(hidden_layer_sizes=(64, 64), epochs=50))
    model.fit(x, y).score(x_test, y_test)

Not imported by ``irc`` itself: scikit-learn is an extra, ``pip install 'irc-compiler[sklearn]'``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as missing:
    raise ImportError("irc.sklearn needs scikit-learn: pip install 'irc-compiler[sklearn]'") from missing

from irc.compiler import compile
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.ir.diagnostics import Error, counted
from irc.layers.model import Buildable
from irc.model import Net

__all__ = ["IrcClassifier", "IrcRegressor", "dense_graph"]

_FLOATS = [np.float64, np.float32]
MOST_EDGES = 10_000
"""Of a graph that runs as one: all of them share native code, while a larger one's dense blocks are worth code of their
own (about a second to compile; then a step takes a third of the time)."""


class _IrcEstimator(BaseEstimator):
    """What both estimators have in common: see :class:`IrcClassifier`."""

    def __init__(
        self,
        net: Any = None,
        *,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        optimizer: Any = None,
        loss: Any = None,
        epochs: int = 200,
        batch: int = 32,
        validation_fraction: float | None = None,
        callbacks: Any = (),
        options: Mapping[str, Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.net = net
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.loss = loss
        self.epochs = epochs
        self.batch = batch
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.options = options
        self.random_state = random_state
        self.verbose = verbose

    def _learn(self, x: np.ndarray, y: np.ndarray, outputs: int, loss: str) -> None:
        """Make the net and let it learn; ``loss`` is taken where neither the user nor the net names one."""
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31 - 1))
        net = self._net(x, outputs, seed)
        net.loss = self.loss if self.loss is not None else net.loss or loss
        self._check_loss(net)
        validation = self.validation_fraction
        if validation is not None:
            if isinstance(validation, bool) or not isinstance(validation, Real) or not 0 < validation < 1:
                raise Error(f"validation_fraction must be None or lie between 0 and 1, not {validation!r:.80}")
            order = random.permutation(len(x))  # the last rows may be all of one class
            x, y, validation = x[order], y[order], float(validation)
        x = _samples(net, x)
        self.history_ = net.fit(
            x,
            y,
            epochs=self.epochs,
            batch=self.batch,
            optimizer=self.optimizer,
            validation=validation,
            callbacks=self.callbacks,
            seed=seed,
            verbose=self.verbose,
        )
        self.net_ = net

    def _net(self, x: np.ndarray, outputs: int, seed: int) -> Net:
        features = x.shape[1]
        own = {} if self.options is None else self.options
        if not isinstance(own, Mapping):
            raise Error(f"options must be names and values for irc.compile, not {type(own).__name__}")
        options: dict[str, Any] = {"seed": seed, "dtype": x.dtype}
        source = self.net
        if source is None:
            source = dense_graph([features, *_sizes(self.hidden_layer_sizes), outputs], self.activation)
            options["structure"] = "data" if source.edge_count <= MOST_EDGES else "recover"
        elif isinstance(source, Net):
            raise Error("net must be what irc.compile makes a net of, not a net: each fit begins with a new one")
        elif callable(source) and not isinstance(source, Buildable):
            source = source(features, outputs)
        net = compile(source, **(options | dict(own)))
        if not isinstance(net, Net):
            raise Error("an estimator has one net, not a list of nets")
        if net.has_state:
            raise Error(f"net {net.name} is recurrent: its rows are steps, those of an estimator independent samples")
        sizes = _sample_shape(net)
        inputs = net.input_size if sizes is None else math.prod(sizes)
        for have, want, what in ((inputs, features, "input"), (net.output_size, outputs, "output")):
            if have not in (None, want):
                raise Error(f"net {net.name} has {counted(have, what)}, but the data need {want}")
        return net

    def _check_loss(self, net: Net) -> None:
        """Raise :class:`irc.Error` for a loss that does not suit."""

    def _outputs(self, x: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.net_.predict(_samples(self.net_, validate_data(self, x, dtype=_FLOATS, reset=False)))


class IrcClassifier(ClassifierMixin, _IrcEstimator):
    """A net that chooses a class.

    Args:
        net: anything that :func:`irc.compile` takes, or a function of the numbers of features and of classes that gives
            such a source. It has an output for each class. None: dense layers, as the next two arguments say.
        hidden_layer_sizes: the sizes of the hidden layers of dense ones, an integer or several.
        activation: that of these, such as ``"tanh"`` or ``("relu_leaky", 0.1)``. The last layer is linear.
        optimizer: as for :meth:`irc.Net.fit`.
        loss: ``"softmax_cross_entropy"`` or ``"cross_entropy"``; default: what the net says, else the first, so that
            its outputs are logits.
        epochs, batch, callbacks, verbose: as for :meth:`irc.Net.fit`.
        validation_fraction: the part of the rows that is not learnt but looked at after each epoch, drawn by
            ``random_state``; None: none.
        options: further options of :func:`irc.compile`. The dtype is that of the data, float64 unless they are
            float32.
        random_state: of the initial parameters and of the order of rows: an integer, a generator of NumPy, or None.

    Attributes:
        classes_: the labels of the classes, sorted.
        net_: the :class:`irc.Net` that has learnt.
        history_: the course of it, an :class:`irc.History`.
        n_features_in_, feature_names_in_: as in all of scikit-learn.
    """

    def fit(self, X: Any, y: Any) -> IrcClassifier:
        """Learn: ``X`` is [rows, features], ``y`` the label of each row. Raises :class:`irc.Error`, a ValueError."""
        X, y = validate_data(self, X, y, dtype=_FLOATS)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise Error("y has 1 class; a classifier needs at least 2 to tell apart")
        self._learn(X, numbers, len(self.classes_), "softmax_cross_entropy")
        return self

    def _check_loss(self, net: Net) -> None:
        if net.loss is None or net.loss.decides != "class":
            raise Error(f"loss {net.loss} chooses no class; softmax_cross_entropy and cross_entropy do")

    def predict(self, X: Any) -> np.ndarray:
        """The label of each row: that of the largest output."""
        largest = self._outputs(X).argmax(1)
        return self.classes_[largest]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities [rows, classes]: the softmax of the outputs; with ``cross_entropy`` these themselves."""
        y = self._outputs(X)
        if self.net_.loss is not None and self.net_.loss.name == "cross_entropy":
            return y
        powers = np.exp(y - y.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


class IrcRegressor(RegressorMixin, _IrcEstimator):
    """A net whose outputs are numbers: as :class:`IrcClassifier`, but for the loss, ``"mse"`` by default.

    ``y`` is one number or several for each row. They should be about as large as 1: scikit-learn's
    ``TransformedTargetRegressor`` scales them.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> IrcRegressor:
        """Learn: ``X`` is [rows, features], ``y`` [rows] or [rows, outputs]. Raises as :class:`IrcClassifier`."""
        X, y = validate_data(self, X, y, dtype=_FLOATS, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        self._learn(X, y, 1 if self._flat else y.shape[1], "mse")
        return self

    def _check_loss(self, net: Net) -> None:
        if net.loss is not None and net.loss.decides is not None:
            raise Error(f"loss {net.loss} is one of classification; an IrcRegressor takes others, such as mse")

    def predict(self, X: Any) -> np.ndarray:
        """The outputs, of the shape of the ``y`` that was learnt."""
        y = self._outputs(X)
        return y[:, 0] if self._flat else y


def _sample_shape(net: Net) -> list[int] | None:
    """The shape of a sample, where a net of one input takes grids of known sizes; None for rows."""
    shapes = net.forward.shapes
    known = [size for size in shapes[0][1:] if size is not None] if len(shapes) == 1 else []
    return known if len(known) > 1 and len(known) == len(shapes[0]) - 1 else None


def _samples(net: Net, x: np.ndarray) -> np.ndarray:
    """Rows as the net takes its samples."""
    shape = _sample_shape(net)
    return x if shape is None else x.reshape(len(x), *shape)


def dense_graph(sizes: Sequence[int], activation: Any = "relu") -> Graph:
    """Layers of so many neurons, each connected with all of the layer before; the first are the inputs.

    Every neuron but these has a bias, which begins at 0; weights are drawn. The last layer is linear. Raises
    :class:`irc.Error` for an unknown activation.
    """
    ends = np.cumsum(sizes)
    starts = ends - sizes
    count, inputs, outputs = int(ends[-1]), sizes[0], sizes[-1]
    layers = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
    pairs = [np.meshgrid(a, b) for a, b in zip(layers[:-1], layers[1:], strict=True)]
    source, target = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    edges, biases = len(source), count - inputs
    return Graph(
        source=source,
        target=target,
        parameter=np.arange(edges),
        bias=np.concatenate([np.full(inputs, -1), edges + np.arange(biases)]),
        activations=(Activation.parse(activation), Activation("identity")),
        activation=(np.arange(count) >= count - outputs).astype(np.int64),
        aggregation=np.zeros(count, np.int64),
        is_input=np.arange(count) < inputs,
        outputs=layers[-1],
        parameter_count=edges + biases,
        initial=np.concatenate([np.full(edges, np.nan), np.zeros(biases)]),
        name="dense",
    )


def _sizes(given: Any) -> list[int]:
    sizes = list(given) if isinstance(given, (tuple, list, np.ndarray)) else [given]
    if any(not isinstance(size, Integral) or isinstance(size, bool) or size < 1 for size in sizes):
        raise Error(f"hidden_layer_sizes must be integers from 1 on, not {given!r:.80}")
    return [int(size) for size in sizes]
