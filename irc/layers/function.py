"""What is applied to values: functions, and layers, which are functions with parameters of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irc.dialects.activations import Activation
from irc.initializers import INITIALIZERS
from irc.ir.operation import Value as IrValue
from irc.layers.place import fail
from irc.layers.value import Applied, Misfit, Spec, Value, apply

if TYPE_CHECKING:
    from irc.layers.array_form import ArrayWriter
    from irc.layers.neuron_form import NetWriter


@dataclass(frozen=True)
class Initial:
    """How a tensor of parameters starts: a rule of ``irc.initializers`` and its numbers."""

    rule: str
    numbers: tuple[float, ...] = ()


ZERO = Initial("zero")
KAIMING = Initial("kaiming_normal")
ONE = Initial("const_flat", (1.0,))


@dataclass(frozen=True)
class Weight:
    """A tensor of parameters of a layer."""

    name: str
    shape: tuple[int, ...]
    initial: Initial


class Function:
    """A function of values, the same for each sample.

    A subclass says what it takes (``infer``) and how it becomes IR: ``array`` on arrays with the batch in front, and
    ``neuron`` where ``has_neuron_form``, in a net of neurons. ``kind`` is its name for people. ``has_edges``: in a net
    of neurons it is more than a rearrangement or a function of one neuron.
    """

    kind: ClassVar[str]
    has_edges: ClassVar[bool] = False
    takes: ClassVar[tuple[int, int | None]] = (1, 1)
    """How many values it takes, at least and at most (None: any number)."""
    below: int | None = None
    """Integers that come in must lie from 0 to below it."""
    activation: Activation | None = None
    """What it does to each element, where it does just that."""

    @property
    def described(self) -> str:
        """Its name, for messages."""
        return self.kind

    def expected(self, position: int) -> Spec | None:
        """What operand ``position`` must be by the function's own arguments; None where they do not say it."""
        return None

    def least_rows(self, *inputs: Spec) -> int:
        """How many rows a batch must have at least in training."""
        return 1

    def infer(self, *inputs: Spec) -> Sequence[Spec]:
        """What it gives. Raises :class:`Misfit` for what it does not take."""
        raise NotImplementedError

    def has_neuron_form(self, *inputs: Spec) -> bool:
        """Whether it is a part of a net of neurons."""
        return False

    def neuron(self, writer: NetWriter, applied: Applied) -> Sequence[IrValue]:
        """Write it as ops of a ``neuron.net``; gives the vectors that it results in."""
        raise NotImplementedError

    def array(self, writer: ArrayWriter, applied: Applied) -> Sequence[IrValue]:
        """Write it as array ops; gives the tensors that it results in."""
        raise NotImplementedError


class Layer(Function):
    """A function with parameters, which has a name in its net. Called with values, it gives values.

    ``name`` may be given; else it is called by its ``path``, the attribute or place where the model that is traced
    keeps it. Those with weights take ``init``, how these start (see :func:`initial`; default: as the class says).
    """

    name: str | None = None
    path: str | None = None
    spellings: ClassVar[Mapping[str, str]] = {}
    """Other names of its arguments, in small letters without underscores."""

    @property
    def described(self) -> str:
        return f"{self.label} ({self.kind})" if self.label else self.kind

    @property
    def label(self) -> str | None:
        """What it is called in the model that was traced last: its name, or where the model keeps it."""
        return self.name or self.path

    def weights(self, *inputs: Spec) -> Sequence[Weight]:
        """Its tensors of parameters, given what comes in."""
        return ()

    def __call__(self, *values: Any) -> Any:
        """Apply it: one value, or a tuple where it gives several."""
        found = apply(self, *values)
        return found[0] if len(found) == 1 else found

    @property
    def out_shape(self) -> tuple[Any, ...]:
        """The shape it gives, without the batch, where its own arguments say what comes in. Raises
        :class:`irc.Error` where they do not.
        """
        expected = self.expected(0)
        if expected is None:
            fail(f"the shape of {self.described} follows from what comes in; leave it out where it is asked for")
        try:
            return self.infer(expected)[0].shape
        except Misfit as misfit:
            fail(f"{self.described}: {misfit}")


def initial(given: Any, default: Initial) -> Initial:
    """An initialiser as a user gives it: None, a name (``"he"``), or a rule with numbers (``uniform(-0.5, 0.5)``).

    Raises :class:`irc.Error` for anything else.
    """
    if given is None:
        return default
    made = Initial(given) if isinstance(given, str) else given
    if not isinstance(made, Initial) or made.rule not in INITIALIZERS:
        fail(f"init must be one of {', '.join(INITIALIZERS)}, or one with its numbers such as uniform(-0.5, 0.5)")
    return made


def rule(name: str, *numbers: float) -> Initial:
    """The initialiser ``name`` with its numbers. Raises :class:`irc.Error` for numbers that it does not take."""
    try:
        return Initial(name, INITIALIZERS[name].with_defaults(numbers))
    except ValueError as error:
        fail(str(error))


def uniform(low: float, high: float) -> Initial:
    """An initialiser: U(low, high)."""
    return rule("uniform", low, high)


def normal(mean: float = 0.0, deviation: float = 1.0) -> Initial:
    """An initialiser: N(mean, deviation), with the standard deviation."""
    return rule("normal", mean, deviation)


def constant(value: float) -> Initial:
    """An initialiser: all ``value``."""
    return rule("const_flat", value)


def only(values: Sequence[Value]) -> Value:
    """The one value that a function gives."""
    (value,) = values
    return value
