"""What the functions that an MDL text names mean: initialisers, activations, losses, and their parameters."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from irc.dialects.activations import ACTIVATIONS, Activation
from irc.frontends.mdl_tree import Function, Layer, Word
from irc.frontends.text import shown
from irc.initializers import INITIALIZERS
from irc.ir.diagnostics import Diagnostics, Error
from irc.ir.locations import Location, Source
from irc.training.losses import LOSSES, Loss

WEIGHTS = ("xavier", "he", "lecun", "uniform", "normal", "orthogonal")
"""Initialisers of weights."""
BIASES = ("zero", "const_flat", "const_uneven")
"""Initialisers of biases."""

ACTIVATION_OF = {
    "sigmoid": "sigmoid",
    "relu": "relu",
    "relu_leaky": "relu_leaky",
    "relu_parametric": "relu_parametric",
    "elu": "elu",
    "selu": "selu",
    "tanh": "tanh",
    "swish": "swish",
    "gelu": "gelu_tanh",
    "softmax": "softmax",
    "linear": "identity",
    "binary_step": "binary_step",
}
"""MDL's activations, by their names there."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Rule:
    """An initialiser and its numbers."""

    name: str
    numbers: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LayerFunctions:
    """What a layer computes, and its loss if it is the output. ``sound``: no function of it was an error."""

    activation: Activation
    loss: Loss | None = None
    loss_word: Word | None = None
    sound: bool = True


class Functions:
    """Looks functions up; what is wrong goes to ``diagnostics``."""

    def __init__(self, source: Source, diagnostics: Diagnostics):
        self.source = source
        self.diagnostics = diagnostics
        self._warned_flat = False

    def _at(self, word: Word) -> Location:
        return self.source.location(word.offset)

    def _error(self, message: str, word: Word) -> None:
        self.diagnostics.error(message, self._at(word))

    def _numbers(self, words: Iterable[Word]) -> list[float] | None:
        """Numbers as they are written; None after an error."""
        found: list[float] = []
        sound = True
        for word in words:
            value = float(word.text) if _NUMBER.fullmatch(word.text) else math.nan
            if not math.isfinite(value):
                self._error(f"expected a number, not {shown(word.text)}", word)
                sound = False
            found.append(value)
        return found if sound else None

    # -- the header ----------------------------------------------------------------------------------------------

    def initializers(self, header: tuple[Function, ...]) -> tuple[Rule | None, Rule | None]:
        """The rules for weights and for biases, whichever stands first; None for what was an error."""
        chosen: dict[bool, Rule | None] = {}
        for function in header:
            name = function.name.text
            if name not in WEIGHTS and name not in BIASES:
                known = f"those of weights are {', '.join(WEIGHTS)}; those of biases {', '.join(BIASES)}"
                self._error(f"unknown initialiser {shown(name)}; {known}", function.name)
                continue
            of_weights = name in WEIGHTS
            if of_weights in chosen:
                other, names = ("biases", BIASES) if of_weights else ("weights", WEIGHTS)
                message = f"a second initialiser of {'weights' if of_weights else 'biases'}, {name}"
                self._error(f"{message}; one is for the {other}: {', '.join(names)}", function.name)
                continue
            chosen[of_weights] = self._rule(function)
        return chosen.get(True), chosen.get(False)

    def _rule(self, function: Function) -> Rule | None:
        numbers = self._numbers(function.parameters)
        if numbers is None:
            return None
        try:
            return Rule(function.name.text, INITIALIZERS[function.name.text].with_defaults(numbers))
        except ValueError as error:
            self._error(str(error), function.name)
            return None

    # -- layers --------------------------------------------------------------------------------------------------

    def of_layer(self, layer: Layer) -> LayerFunctions:
        """The activation (linear where none is named) and the loss, in either order."""
        activation: Activation | None = None
        loss: Loss | None = None
        loss_word = None
        sound = True
        for function in layer.functions:
            name = function.name
            if name.text in ACTIVATION_OF:
                if activation is not None:
                    self._error(f"a second activation of layer {layer.name.text}", name)
                activation = self._activation(function) or activation
                sound = sound and activation is not None
            elif name.text in LOSSES:
                if loss is not None:
                    self._error(f"a second loss of layer {layer.name.text}", name)
                loss, loss_word = self._loss(function) or loss, name
                sound = sound and loss is not None
            else:
                near = difflib.get_close_matches(name.text[:40].lower(), [*ACTIVATION_OF, *LOSSES], 1)
                known = f"activations are {', '.join(ACTIVATION_OF)}; losses {', '.join(LOSSES)}"
                hint = f"did you mean '{near[0]}'?" if near else known
                self._error(f"unknown function {shown(name.text)}; {hint}", name)
                sound = False
        return LayerFunctions(activation or ACTIVATIONS["identity"], loss, loss_word, sound)

    def _activation(self, function: Function) -> Activation | None:
        found = ACTIVATIONS[ACTIVATION_OF[function.name.text]]
        parameter = self._parameter(function, found.default is not None)
        if found.flat and not self._warned_flat:
            self._warned_flat = True
            message = f"the gradient of {function.name.text} is 0, so what is before it does not learn"
            self.diagnostics.warning(message, self._at(function.name))
        return None if parameter is None else found.with_parameter(parameter[0] if parameter else None)

    def _loss(self, function: Function) -> Loss | None:
        found = LOSSES[function.name.text]
        parameter = self._parameter(function, found.default is not None)
        if parameter is None:
            return None
        try:
            return found.with_parameter(parameter[0] if parameter else None)
        except Error as error:
            self._error(error.diagnostics[0].message, function.parameters[0])
            return None

    def _parameter(self, function: Function, takes: bool) -> list[float] | None:
        """The parameter of a function of a layer, if it has one that it takes; None after an error."""
        name, words = function.name.text, function.parameters
        numbers = self._numbers(words)
        if len(words) > 1:
            self._error(f"{name} takes {'at most one' if takes else 'no'} parameter, not {len(words)}", words[1])
            return None
        if numbers and not takes:
            self.diagnostics.warning(f"unused parameter: {name} takes none", self._at(words[0]))
            return []
        return numbers
