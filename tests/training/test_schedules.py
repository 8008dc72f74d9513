"""Schedules: the rate of each step by its formula."""

import math

import numpy as np
import pytest

from irc.ir.diagnostics import Error
from irc.training.schedules import Cosine, Exponential, StepDecay, WarmUp, rate_at


def rates(schedule, steps=8):
    return [rate_at(schedule, step) for step in range(steps)]


def test_a_number_is_the_rate_of_every_step():
    assert rates(0.25, 3) == [0.25] * 3


def test_steps_fall_and_stay():
    np.testing.assert_allclose(rates(StepDecay(1.0, every=3, factor=0.5)), [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25])


def test_exponential_falls_by_its_factor_in_so_many_steps():
    found = rates(Exponential(2.0, every=4, factor=0.25))
    np.testing.assert_allclose([found[0], found[4]], [2.0, 0.5])
    np.testing.assert_allclose(np.diff(np.log(found)), math.log(0.25) / 4)


def test_cosine_falls_to_its_end_and_stays():
    found = rates(Cosine(1.0, steps=4, final=0.2))
    eighth = 0.4 * math.sqrt(0.5)
    np.testing.assert_allclose(found, [1.0, 0.6 + eighth, 0.6, 0.6 - eighth, *[0.2] * 4])


def test_warming_up_leads_to_the_first_rate_of_what_follows():
    found = rates(WarmUp(3, Exponential(0.4, every=1, factor=0.5)), 6)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.3, 0.4, 0.2, 0.1])


@pytest.mark.parametrize("bad", [-0.1, float("nan"), float("inf"), lambda step: -1.0])
def test_rates_below_zero_or_not_finite_are_refused(bad):
    with pytest.raises(Error, match="the learning rate of step 3 is"):
        rate_at(bad, 3)


def test_a_rate_is_a_number():
    with pytest.raises(Error, match="the learning rate of step 3 is 'much'; it must be a number"):
        rate_at(lambda _: "much", 3)


WRONG = [lambda: StepDecay(0.1, 0), lambda: Exponential(0.1, -1), lambda: Cosine(0.1, 2.5), lambda: WarmUp(-1, 0.1)]


@pytest.mark.parametrize("make", WRONG)
def test_lengths_are_whole_numbers(make):
    with pytest.raises(Error, match="must be an integer from"):
        make()
