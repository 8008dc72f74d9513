"""Pipelines that make a function for training of a net's program: the derivative of its loss, or the whole step.

Both take the place of ``autodiff`` in the net's own pipeline of training. So a net trains through the levels, and with
the options, that it runs with. The loss reads the net's function, its gradient the derivative, which computes the same
again; equal ops of both are merged first (``cse``), so that the next ``canonicalize`` sees scans of equal arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from irc.ir.diagnostics import Error
from irc.ir.operation import Operation
from irc.ir.symbols import unique_name
from irc.passes.add_loss import AddLoss
from irc.passes.add_step import AddStep
from irc.passes.autodiff import Autodiff
from irc.passes.cse import Cse
from irc.passes.enter_training import EnterTraining
from irc.passes.inline import Inline
from irc.passmanager import Pass
from irc.training.losses import Loss
from irc.training.optimizers import Optimizer, optimizer_text


class Recipe(Protocol):
    """How to make a function of a net or function of a module. Equal recipes make equal functions. ``one_sample``: for
    one sample, or one stream of a net over time, where the program has pipelines for that.
    """

    @property
    def one_sample(self) -> bool:
        """Whether it is for one sample."""

    def passes(self, module: Operation, name: str, training: Sequence[Pass]) -> list[Pass]:
        """The pipeline, given that of training. Raises :class:`irc.Error` for one that does not differentiate."""

    def function(self, module: Operation, name: str) -> str:
        """What the function is called that is made of ``@name``."""


@dataclass(frozen=True)
class LossGradient:
    """``@f_loss_vjp(inputs, target, parameters, dloss) -> (loss, gradients)``, by ``wrt`` as ``autodiff`` takes it, of
    the function as it runs outside of training.
    """

    loss: tuple[str, ...]
    wrt: tuple[str, ...]
    one_sample: bool = False

    def passes(self, module: Operation, name: str, training: Sequence[Pass]) -> list[Pass]:
        """See :class:`Recipe`."""
        loss, derivative = _loss_name(module, name), self.function(module, name)
        made = [AddLoss(self.loss, (name,)), Autodiff((loss,), self.wrt), Inline((derivative,)), Cse()]
        return _instead_of_autodiff(training, made)

    def function(self, module: Operation, name: str) -> str:
        """See :class:`Recipe`."""
        return unique_name(module, f"{_loss_name(module, name)}_vjp")


@dataclass(frozen=True)
class Step:
    """``@f_step``: the training step (see the pass ``add-step``) of the function as it is in training."""

    loss: tuple[str, ...]
    optimizer: tuple[str, ...]
    one_sample: bool = False

    def passes(self, module: Operation, name: str, training: Sequence[Pass]) -> list[Pass]:
        """See :class:`Recipe`."""
        loss = _loss_name(module, name)
        made = [
            AddLoss(self.loss, (name,)),
            Autodiff((loss,), ("params",)),
            AddStep(self.optimizer, loss),
            Inline((self.function(module, name),)),
            Cse(),
        ]
        return [EnterTraining((name,)), *_instead_of_autodiff(training, made)]

    def function(self, module: Operation, name: str) -> str:
        """See :class:`Recipe`."""
        return unique_name(module, f"{name}_step")


def loss_words(loss: Loss) -> tuple[str, ...]:
    """A loss as the option of ``add-loss``."""
    return (loss.name,) if loss.parameter is None else (loss.name, repr(loss.parameter))


def step_recipe(loss: Loss, optimizer: Optimizer, one_sample: bool = False) -> Step:
    """The recipe of a step."""
    return Step(loss_words(loss), optimizer_text(optimizer), one_sample)


def _loss_name(module: Operation, name: str) -> str:
    return unique_name(module, f"{name}_loss")


def _instead_of_autodiff(training: Sequence[Pass], made: Sequence[Pass]) -> list[Pass]:
    places = [number for number, p in enumerate(training) if p.name == "autodiff"]
    if not places:
        raise Error("this net was compiled with passes that do not differentiate; add autodiff")
    before = [p for p in training[: places[0]] if p != Inline()]  # recipes inline all, and know names by the module
    return [*before, *made, *training[places[0] + 1 :]]
