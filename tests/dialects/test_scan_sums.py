"""array.scan: gradients of what all steps share are contractions over all steps, and equal scans are one."""

import numpy as np
import pytest

from irc.ir.verifier import verify
from irc.passes.autodiff import Autodiff
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from support.gradients import check_vjp, differentiated, run

rng = np.random.default_rng(5)

LOOP = """
func.func @f(%xs: tensor<T x B x 3 x f32>, %w0: tensor<3x3xf32>, %u0: tensor<3xf32>, %h0: tensor<B x 3 x f32>) -> tensor<B x 3 x f32> {
  %last = array.scan carry (%h = %h0 : tensor<B x 3 x f32>) over (%x = %xs : tensor<T x B x 3 x f32>) with (%w = %w0 : tensor<3x3xf32>, %u = %u0 : tensor<3xf32>) -> tensor<B x 3 x f32> {
    STEP
    %z = arith.addf %a, %x : tensor<B x 3 x f32>
    %n = math.tanh %z : tensor<B x 3 x f32>
    array.yield %n : tensor<B x 3 x f32>
  }
  func.return %last : tensor<B x 3 x f32>
}
"""  # noqa: E501
ONCE = '%a = array.contract "bi,oi->bo" %h, %w : tensor<B x 3 x f32>, tensor<3x3xf32>'
TWICE = f"""{ONCE.replace("%a", "%c")}
    %a = array.contract "bi,oi->bo" %c, %w : tensor<B x 3 x f32>, tensor<3x3xf32>"""
SQUARED = """%v = array.contract "ij,jk->ik" %w, %w : tensor<3x3xf32>, tensor<3x3xf32>
    %a = array.contract "bi,oi->bo" %h, %v : tensor<B x 3 x f32>, tensor<3x3xf32>"""
BIAS = f"""{ONCE.replace("%a", "%c")}
    %b = array.broadcast %u dims [1] : tensor<3xf32> to tensor<B x 3 x f32>
    %a = arith.addf %c, %b : tensor<B x 3 x f32>"""
SCALED = f"""{ONCE.replace("%a", "%c")}
    %v = arith.mulf %u, %u : tensor<3xf32>
    %b = array.broadcast %v dims [1] : tensor<3xf32> to tensor<B x 3 x f32>
    %a = arith.mulf %c, %b : tensor<B x 3 x f32>"""
STEPS = {"once": ONCE, "twice": TWICE, "squared": SQUARED, "bias": BIAS, "scaled": SCALED}


def values(steps=4, streams=2):
    return [rng.normal(size=s) for s in ((steps, streams, 3), (3, 3), (3,), (streams, 3))]


def carried_backward(step):
    """What the scan of the derivative carries, as text."""
    text = str(differentiated(LOOP.replace("STEP", STEPS[step])))
    return text.split("array.scan reverse carry (")[1].partition(") over")[0]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("steps", [1, 4])
def test_gradients_are_differences(step, steps):
    check_vjp(differentiated(LOOP.replace("STEP", STEPS[step])), values(steps))


@pytest.mark.parametrize("step", STEPS)
def test_without_a_step_gradients_are_zero(step):
    found = run(differentiated(LOOP.replace("STEP", STEPS[step])), "f_vjp", [*values(0), np.ones((2, 3))])
    np.testing.assert_array_equal(found[2], np.zeros((3, 3)))
    np.testing.assert_array_equal(found[4], np.ones((2, 3)))


@pytest.mark.parametrize(("step", "summed"), [("once", "%dw"), ("twice", "%dw"), ("bias", "%dw"), ("bias", "%du")])
def test_sums_over_steps_are_not_carried(step, summed):
    """Weights are as large as a layer: to add to their gradient at each step is to read and write all of it."""
    assert f"{summed} = " not in carried_backward(step)


def test_what_is_no_contraction_is_added_up_step_by_step():
    """The gradient of w goes through a product of w with itself, which is the same at all steps."""
    assert "%dw = " in carried_backward("squared")


def test_contractions_are_not_computed_again():
    """The way back has their results: no contraction of the step itself is left once dead ops are gone."""
    module = differentiated(LOOP.replace("STEP", TWICE))
    PassManager(parse_pipeline("canonicalize,dce")).run(module)
    assert '"bi,oi->bo"' not in str(module).split("array.scan reverse")[1]


@pytest.mark.parametrize("step", STEPS)
def test_second_derivatives_are_differences(step):
    module = differentiated(LOOP.replace("STEP", STEPS[step]))
    Autodiff(of=("f_vjp",)).run(module, PassContext())
    verify(module)
    check_vjp(module, [*values(2), rng.normal(size=(2, 3))], name="f_vjp")


TWO = """
func.func @f(%xs: tensor<T x B x f32>, %h0: tensor<B x f32>) -> (tensor<B x f32>, tensor<T x B x f32>, tensor<B x f32>, tensor<T x B x f32>) {
  %a, %as = array.scan carry (%h = %h0 : tensor<B x f32>) over (%x = %xs : tensor<T x B x f32>) -> (tensor<B x f32>, tensor<T x B x f32>) {
    %n = arith.mulf %h, %x : tensor<B x f32>
    %m = arith.addf %n, %x : tensor<B x f32>
    array.yield %n, %m : tensor<B x f32>, tensor<B x f32>
  }
  %b, %bs = array.scan MARK carry (%h = %h0 : tensor<B x f32>) over (%x = %xs : tensor<T x B x f32>) -> (tensor<B x f32>, tensor<T x B x f32>) {
    %n = arith.mulf %h, %x : tensor<B x f32>
    %e = math.exp %h : tensor<B x f32>
    array.yield NEXT, %e : tensor<B x f32>, tensor<B x f32>
  }
  func.return %a, %as, %b, %bs : tensor<B x f32>, tensor<T x B x f32>, tensor<B x f32>, tensor<T x B x f32>
}
"""  # noqa: E501


def canonical(mark, carried):
    """How many scans are left, and whether they give what they gave."""
    text = TWO.replace("MARK", mark).replace("NEXT", carried)
    arguments = [rng.normal(size=(4, 2)), rng.normal(size=2)]
    module = parse_module(text)
    before = run(module, "f", arguments)
    PassManager(parse_pipeline("canonicalize")).run(module)
    verify(module)
    for got, want in zip(run(module, "f", arguments), before, strict=True):
        np.testing.assert_array_equal(got, want)
    return str(module).count("array.scan")


def test_scans_that_carry_the_same_are_one():
    assert canonical("", "%n") == 1


@pytest.mark.parametrize(("mark", "carried"), [("reverse", "%n"), ("", "%e"), ("", "%x")])
def test_scans_that_carry_something_else_stay(mark, carried):
    assert canonical(mark, carried) == 2


def test_a_step_of_training_goes_forward_once():
    """The loss reads the net's function and its gradient the derivative: both go through the same steps."""
    import irc
    from irc.training.losses import find_loss
    from irc.training.recipes import step_recipe
    from support.nets import FOLDER

    with irc.compile(FOLDER / "gated.mdl") as net:
        module = net.module.clone()
        recipe = step_recipe(find_loss("mse"), irc.SGD(0.1))
        passes = recipe.passes(module, net.name, net.program.passes(True))
        names = [p.name for p in passes]
        PassManager(passes[: names.index("fuse")], PassContext(net.target)).run(module)
        assert str(module.function(recipe.function(net.module, net.name))).count("array.scan") == 2
