"""autodiff, split-backward and specialize: against JAX, through calls, twice, and what they refuse."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.passes.autodiff import Autodiff
from irc.passes.specialize import Specialize
from irc.passes.split_backward import SplitBackward
from irc.passmanager import PassContext
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.gradients import check_bounds, check_vjp, differentiated, run

MLP = (Path(__file__).parents[1] / "ir" / "mlp.mlir").read_text()
rng = np.random.default_rng(7)
BATCH = 5
DATA = [rng.normal(size=(BATCH, 4)), rng.dirichlet(np.ones(3), BATCH)]
PARAMETERS = [rng.normal(size=shape) for shape in ((8, 4), (8,), (3, 8), (3,))]


def jax_loss(x, target, w1, b1, w2, b2):
    """The loss of mlp.mlir."""
    z = jnp.tanh(x @ w1.T + b1) @ w2.T + b2
    return -jnp.mean(jnp.sum(target * jax.nn.log_softmax(z), 1))


@pytest.fixture(autouse=True)
def double_precision():
    """JAX in float64, for the tests of this file only."""
    with jax.enable_x64(True):
        yield


def test_gradients_of_the_mlp_agree_with_jax():
    module = differentiated(MLP)
    loss, *gradients = run(module, "loss_vjp", [*DATA, *PARAMETERS, 1.0])
    value, expected = jax.value_and_grad(jax_loss, argnums=tuple(range(6)))(*DATA, *PARAMETERS)
    np.testing.assert_allclose(loss, value, rtol=1e-12)
    assert len(gradients) == len(expected)
    for got, want in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-14)
    check_bounds(module, "loss_vjp", [*DATA, *PARAMETERS, np.float64(1.0)])


def test_wrt_chooses_the_arguments():
    assert len(run(differentiated(MLP, wrt=("params",)), "loss_vjp", [*DATA, *PARAMETERS, 1.0])) == 1 + 4
    assert len(run(differentiated(MLP, wrt=("inputs",)), "loss_vjp", [*DATA, *PARAMETERS, 1.0])) == 1 + 2
    module = differentiated(MLP, of=("loss",), wrt=("w2", "0"))
    _, dx, dw2 = run(module, "loss_vjp", [*DATA, *PARAMETERS, 1.0])
    assert dx.shape == (BATCH, 4) and dw2.shape == (3, 8)
    assert "@predict_vjp" not in print_module(module)


def test_hessian_vector_product_of_the_mlp_agrees_with_jax():
    # The gradient of <d loss / d w, v>: differentiate @loss_vjp, with the cotangent v for the gradients.
    module = differentiated(MLP, of=("loss",), wrt=("params",))
    Autodiff(of=("loss_vjp",), wrt=("params",)).run(module, PassContext())
    verify(module)
    v = [np.random.default_rng(3).normal(size=p.shape) for p in PARAMETERS]
    results = run(module, "loss_vjp_vjp", [*DATA, *PARAMETERS, 1.0, 0.0, *v])
    gradient = jax.grad(lambda p: jax_loss(*DATA, *p))
    _, expected = jax.jvp(gradient, (PARAMETERS,), (v,))
    for got, want in zip(results[-4:], expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-13)


SCALARS = """
func.func @f(%x: f32, %y: f32, %n: i32) -> (f32, i32, f32) {
  %p = arith.mulf %x, %x : f32
  %q = arith.addf %p, %x : f32
  %s = math.sin %q : f32
  %m = arith.addi %n, %n : i32
  func.return %s, %m, %x : f32, i32, f32
}
"""


def test_uses_add_up_and_integers_have_no_gradient():
    module = differentiated(SCALARS)
    s, m, x, dx, dy = run(module, "f_vjp", [0.7, 2.0, 21, 1.0, 10.0])
    assert (m, x, dy) == (42, np.float64(0.7), 0.0)
    np.testing.assert_allclose(dx, np.cos(0.7**2 + 0.7) * (2 * 0.7 + 1) + 10)


def test_what_nothing_varied_reaches_is_not_differentiated():
    text = """
func.func @f(%x: f32, %y: f32) -> f32 {
  %r = arith.remf %y, %y : f32
  %z = arith.mulf %x, %r : f32
  func.return %z : f32
}
"""
    module = differentiated(text, wrt=("x",))
    assert print_module(module).count("arith.mulf") == 3


def test_a_callee_that_is_called_twice_is_differentiated_once():
    text = """
func.func private @g(%x: tensor<B x f32>, %i: tensor<B x i32>) -> (tensor<B x f32>, tensor<B x f32>) {
  %y = math.exp %x : tensor<B x f32>
  %z = arith.mulf %x, %x : tensor<B x f32>
  func.return %y, %z : tensor<B x f32>, tensor<B x f32>
}
func.func @f(%x: tensor<B x f32>, %i: tensor<B x i32>) -> tensor<B x f32> {
  %y:2 = func.call @g(%x, %i) : (tensor<B x f32>, tensor<B x i32>) -> (tensor<B x f32>, tensor<B x f32>)
  %z:2 = func.call @g(%y#0, %i) : (tensor<B x f32>, tensor<B x i32>) -> (tensor<B x f32>, tensor<B x f32>)
  func.return %z#1 : tensor<B x f32>
}
"""
    module = differentiated(text)
    printed = print_module(module)
    assert printed.count("func.func private @g_vjp(") == 1
    check_vjp(module, [rng.normal(size=3), np.array([1, 2, 3], np.int32)])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (SCALARS, {"of": ("g",)}, "there is no function @g; there are f"),
        (SCALARS, {"wrt": ("w",)}, "@f has no argument 'w'"),
        (SCALARS, {"wrt": ("n",)}, "argument 'n' of @f is no float"),
        ("func.func private @f(f32) -> f32", {"of": ("f",)}, "@f has no body"),
        (
            "func.func @f(%x: f32) -> f32 {\n  %y = func.call @f(%x) : (f32) -> f32\n  func.return %y : f32\n}",
            {},
            "@f calls itself",
        ),
    ],
)
def test_refusals(text, options, message):
    with pytest.raises(Error, match=message):
        differentiated(text, **options)


def test_an_op_without_a_rule_is_named_with_its_neuron_and_place():
    text = """
func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = array.fused(%a = %x : tensor<B x f32>) -> tensor<B x f32> {
    array.yield %a : tensor<B x f32>
  } loc("n04"("net.nal":7:1))
  func.return %y : tensor<B x f32>
}
"""
    with pytest.raises(Error, match=r"'array.fused' \(neuron n04\): array.fused has no derivative") as caught:
        differentiated(text)
    assert (caught.value.diagnostics[0].file, caught.value.diagnostics[0].line) == ("net.nal", 7)


def test_gradient_ops_stand_where_the_forward_ops_stand():
    module = differentiated(SCALARS)
    lines = print_module(module, locations=True).split("\n")
    (cosine,) = [line for line in lines if "math.cos" in line]
    assert ":5:3)" in cosine


# -- split-backward --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", ["min", "all"])
def test_forward_then_backward_is_the_joint_function(save):
    module = differentiated(MLP, of=("loss", "predict"))
    SplitBackward(save).run(module, PassContext())
    verify(module)
    for name, arguments, cotangent in (
        ("loss", [*DATA, *PARAMETERS], np.float64(2.0)),
        ("predict", [DATA[0], *PARAMETERS], rng.normal(size=(BATCH, 3))),
    ):
        joint = run(module, f"{name}_vjp", [*arguments, cotangent])
        result, *saved = run(module, f"{name}_fwd", arguments)
        backward = next(f for f in module.regions[0].block if f.attributes["sym_name"].value == f"{name}_bwd")
        kept = [arguments[i.value] for i in backward.attributes["irc.arguments"]]
        assert len(saved) == backward.attributes["irc.saved"].value
        gradients = run(module, f"{name}_bwd", [*saved, *kept, cotangent])
        for got, want in zip([result, *gradients], joint, strict=True):
            np.testing.assert_array_equal(got, want)


def test_the_smallest_set_is_saved():
    # exp is computed again from h, which is all that has to be kept; not from x, which would cost the contraction.
    text = """
func.func @f(%x: tensor<B x 4 x f32>, %w: tensor<8x4xf32>) -> tensor<B x 8 x f32> {
  %z = array.contract "bi,oi->bo" %x, %w : tensor<B x 4 x f32>, tensor<8x4xf32>
  %h = math.tanh %z : tensor<B x 8 x f32>
  %e = math.exp %h : tensor<B x 8 x f32>
  %y = arith.mulf %e, %h : tensor<B x 8 x f32>
  func.return %y : tensor<B x 8 x f32>
}
"""
    module = differentiated(text)
    SplitBackward().run(module, PassContext())
    assert "func.return %y, %h :" in print_module(module)
    assert "func.func @f_bwd(%h:" in print_module(module)


# -- specialize ------------------------------------------------------------------------------------------------------


def test_specialised_functions_give_the_same():
    module = differentiated(MLP, of=("loss",))
    before = run(module, "loss_vjp", [*DATA, *PARAMETERS, 1.0])
    Specialize((f"B={BATCH}",)).run(module, PassContext())
    verify(module)
    assert "B" not in print_module(module).replace("%B", "")
    for got, want in zip(run(module, "loss_vjp", [*DATA, *PARAMETERS, 1.0]), before, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [(("B",), "expected a binding such as B=32, not 'B'"), (("B=x",), "expected a binding"), (("I=5",), "I = 4")],
)
def test_bindings_that_do_not_fit(symbols, message):
    module = parse_module(
        "func.func @f(%x: tensor<B x I x f32>) attributes {irc.symbols = {I = 4 : i64}} {\n  func.return\n}"
    )
    with pytest.raises(Error, match=message):
        Specialize(symbols).run(module, PassContext())
