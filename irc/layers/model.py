"""Models in Python: a sequence of layers, a class with ``forward``, or values that layers were called with.

    irc.layers.Sequential(Linear(500), relu, Linear(10), input_shape=[784])

    class Net(irc.layers.Module):
        input_shape = [784]
        def __init__(self):
            self.hidden, self.out = Linear(500), Linear(10)
        def forward(self, x):
            return self.out(relu(self.hidden(x)))

    x = irc.layers.Input([784])
    irc.layers.Model(x, Linear(10)(relu(Linear(500)(x))))

``irc.compile`` takes each of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from irc.ir.diagnostics import Diagnostics
from irc.layers import arguments
from irc.layers.function import Layer
from irc.layers.place import fail
from irc.layers.trace import Trace
from irc.layers.value import Spec, Value


def Input(shape: Any, name: str = "x", integer: bool = False) -> Value:
    """A value that comes in from outside. ``shape`` is without the batch; a name in it is a size that only the data
    say. ``integer``: whole numbers, such as those that an embedding takes.
    """
    spec = Spec(arguments.shape(shape, "the shape of an input"), arguments.switch(integer, "integer of Input"))
    return Value(spec, None, name=arguments.name(name, "Input") or "x")


def integers(*shape: Any) -> Spec:
    """The shape of an input of whole numbers, for ``input_shape``."""
    return Spec(arguments.shape(list(shape), "the shape of an input"), True)


class Buildable:
    """What :func:`irc.compile` takes: it can say what it is."""

    def trace(self, diagnostics: Diagnostics | None = None) -> Trace:
        """The graph of the net. Warnings go to ``diagnostics``. Raises :class:`irc.Error` for what does not fit."""
        raise NotImplementedError


class Model(Buildable):
    """The net between ``inputs`` and ``outputs``: each a value, or a list of them."""

    def __init__(self, inputs: Any, outputs: Any, name: str = "Model"):
        self.inputs = _values(inputs, "inputs of Model")
        self.outputs = _values(outputs, "outputs of Model")
        self.name = arguments.name(name, "Model") or "Model"
        names = [value.name for value in self.inputs]
        if len(set(names)) < len(names):
            fail(f"two inputs of {self.name} are called '{next(n for n in names if names.count(n) > 1)}'; give name=")

    def trace(self, diagnostics: Diagnostics | None = None) -> Trace:
        return Trace(self.name, self.inputs, self.outputs)


class Module(Buildable):
    """A model as a class: layers are attributes, and ``forward`` says how they follow one another.

    ``input_shape`` is the shape of the input without the batch, or a dictionary of shapes by the names of ``forward``'s
    arguments; it may be left out where the first layer says what it takes. A module may be part of another. Parameters
    are called by attributes: ``block.hidden.weight``.
    """

    input_shape: Any = None

    @property
    def title(self) -> str:
        """What the net is called."""
        return type(self).__name__

    def forward(self, *inputs: Any) -> Any:
        """The net's output, or a tuple of outputs."""
        fail(f"{self.title} has no method forward, which says how its layers follow one another")

    def __call__(self, *inputs: Any) -> Any:
        """The same."""
        return self.forward(*inputs)

    def trace(self, diagnostics: Diagnostics | None = None) -> Trace:
        declared = dict(self.named_layers())
        for name, layer in declared.items():
            layer.path = name
        inputs = self._inputs()
        found = self.forward(*inputs)
        name = self.title
        made = Trace(name, inputs, _values(found, f"what {name}.forward gives"), list(declared.values()))
        if diagnostics is not None:
            for layer in declared.values():
                if layer not in made.uses:
                    diagnostics.warning(f"layer {layer.described} of {name} is never used; it has no parameters")
        return made

    def named_layers(self) -> Iterator[tuple[str, Layer]]:
        """All layers by the attributes that hold them, those of modules in it too."""
        seen: set[int] = set()
        work = [("", part) for part in [self]]
        while work:
            path, part = work.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Layer):
                yield path, part
            else:
                prefix = f"{path}." if path else ""
                work += [(f"{prefix}{key}", one) for key, one in reversed(_parts(part))]

    def _inputs(self) -> list[Value]:
        """A value for each argument of ``forward``; those with a default are inputs if ``input_shape`` names them."""
        given = self.input_shape
        named = given if isinstance(given, Mapping) else ()
        parameters = inspect.signature(self.forward).parameters.values()
        names = [
            p.name
            for p in parameters
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and (p.default is p.empty or p.name in named)
        ]
        if not names and type(self).forward is not Module.forward:
            fail(f"forward of {self.title} must take inputs that have names, such as forward(self, x)")
        shapes = given if isinstance(given, Mapping) else {names[0]: given} if names and given is not None else {}
        for name in shapes:
            if name not in names:
                fail(f"input_shape of {self.title} names {name}, but forward takes {', '.join(names)}")
        return [Value(None if name not in shapes else _spec(shapes[name]), None, name=name) for name in names]


class Sequential(Module):
    """Layers, modules and functions one after another; a dictionary gives them names, else they are called by number.

    Of a layer that gives several values, as recurrent ones do, the first goes on.
    """

    def __init__(self, *parts: Any, input_shape: Any = None, name: str = "Sequential"):
        given = parts[0] if len(parts) == 1 and isinstance(parts[0], (Mapping, list, tuple)) else parts
        named = given.items() if isinstance(given, Mapping) else enumerate(given)
        self.parts: dict[str, Any] = {str(key): part for key, part in named}
        self.input_shape = input_shape
        self.name = arguments.name(name, "Sequential") or "Sequential"
        for key, part in self.parts.items():
            if isinstance(part, type):
                fail(f"part {key} of Sequential must be a layer, not the class {part.__name__}: call it")
            if not callable(part):
                fail(f"part {key} of Sequential must be a layer, a module or a function, not a {type(part).__name__}")

    @property
    def title(self) -> str:
        return self.name

    def forward(self, x: Any) -> Any:
        """The output of the last part."""
        for part in self.parts.values():
            found = part(x)
            x = found[0] if isinstance(found, tuple) else found
        return x


def _parts(part: Any) -> list[tuple[str, Any]]:
    """What a module, list or dictionary holds, by name, as far as there can be layers in it."""
    if isinstance(part, Sequential):
        return list(part.parts.items())
    if isinstance(part, Module):
        return list(vars(part).items())
    if isinstance(part, Mapping):
        return [(str(key), one) for key, one in part.items()]
    return [(str(key), one) for key, one in enumerate(part)] if isinstance(part, (list, tuple)) else []


def _spec(given: Any) -> Spec:
    return given if isinstance(given, Spec) else Spec(arguments.shape(given, "input_shape"))


def _values(given: Any, what: str) -> list[Value]:
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    for value in flat:
        if not isinstance(value, Value):
            fail(f"{what} must be values of the net, not a {type(value).__name__}")
    if not flat:
        fail(f"{what}: there are none")
    return flat
