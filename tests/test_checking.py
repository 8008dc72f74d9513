"""``--check`` finds wrong rewrites of every pass, names the pass and the op, and passes what is right."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from irc.checking import CheckPass, check_gradient, compare
from irc.dialects.arith import AddF, MulF, SubF
from irc.dialects.neuron.node import Node
from irc.ir.attributes import DenseArrayAttr
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.passes.pipelines import TRAINING
from irc.passmanager import Instrument, PassManager, find_pass, parse_pipeline
from irc.text.parser import parse_module

NET = """
neuron.net @net(%a: f32, %b: f32) -> (f32, f32) parameters 9 {
  %c = neuron.node tanh(%a*w[0] + %b*w[1] + w[6])
  %d = neuron.node sigmoid(product(%a*w[2], %b*w[3]) + w[7])
  %e = neuron.node relu(%c*w[4] + %d*w[5] + %a*w[8])
  neuron.output %e, %c : f32, f32
}
"""
MLP = Path(__file__).parent / "ir" / "mlp.mlir"
STRAIGHT = [str(p) for p in parse_pipeline(TRAINING) if p.name != "group-neurons"]


def run(source, passes, *instruments):
    module = parse_module(source)
    PassManager(parse_pipeline(passes), None, instruments).run(module)
    return module


@pytest.mark.parametrize("passes", [TRAINING, ",".join(STRAIGHT)], ids=["as data", "straight line"])
def test_the_default_pipelines_keep_the_meaning_of_a_net(passes):
    run(NET, passes, CheckPass())


def test_the_default_pipeline_keeps_the_meaning_of_an_array_program():
    run(MLP.read_text(), TRAINING, CheckPass())


def wrong_rewrite(module):
    """Turn the last sum into a difference (or product into a sum), or swap two weights of a neuron; returns the op."""
    for op in reversed(list(module.walk())):
        if isinstance(op, Node) and len(op.weights) > 1:
            first, second, *rest = op.weights
            op.attributes["weights"] = DenseArrayAttr([second, first, *rest])
            return op
        if isinstance(op, (AddF, MulF)):
            other = SubF if isinstance(op, AddF) else AddF
            replacement = Builder.before(op).value(other, *op.operands)
            op.replace_by([replacement])
            return replacement.op
    raise AssertionError("nothing to get wrong")


class BreakAfter(Instrument):
    """Sabotages the module right after the pass at ``position``, before the check looks at it."""

    def __init__(self, position):
        self.position = position

    def after(self, p, module, context, seconds):
        self.position -= 1
        if self.position < 0:
            wrong_rewrite(module)
            self.position = 10**9


@pytest.mark.parametrize(("position", "name"), list(enumerate(p.partition("{")[0] for p in STRAIGHT)))
def test_a_wrong_rewrite_in_any_pass_is_caught_and_the_pass_is_named(position, name):
    with pytest.raises(Error, match=f"pass '{name}.*' changed the meaning of @net|the derivative @net_vjp is wrong"):
        run(NET, ",".join(STRAIGHT[: position + 1]), BreakAfter(position), CheckPass())


def test_a_wrong_graph_in_group_neurons_is_caught():
    """The one pass of the default pipeline that the straight-line nets do not run."""
    real = find_pass("group-neurons")

    @dataclass(frozen=True)
    class Broken(real):
        def run(self, module, context):
            for op in module.walk():
                if isinstance(op, Node):
                    op.attributes["weights"] = DenseArrayAttr(list(op.weights)[::-1])
            super().run(module, context)

    module = parse_module(NET)
    with pytest.raises(Error, match="pass 'group-neurons' changed the meaning of @net"):
        PassManager([Broken()], None, [CheckPass()]).run(module)


def test_a_wrong_derivative_is_caught_by_finite_differences():
    module = run(NET, "lower-neuron,autodiff")
    check_gradient(module, "net")
    for op in module.function("net_vjp").walk():
        if isinstance(op, MulF):
            last = op
    last.replace_by([Builder.before(last).value(AddF, *last.operands)])
    with pytest.raises(Error, match="the derivative @net_vjp is wrong"):
        check_gradient(module, "net")


def test_the_op_is_named_with_its_neuron_and_the_program_is_cut_down(tmp_path):
    path = tmp_path / "reduced.mlir"
    real = find_pass("lower-neuron")

    @dataclass(frozen=True)
    class Broken(real):
        def run(self, module, context):
            for op in module.walk():
                if isinstance(op, Node) and op.activation.value == "sigmoid":
                    op.attributes["weights"] = DenseArrayAttr([2, 2])
            super().run(module, context)

    module = parse_module(NET)
    with pytest.raises(Error) as caught:
        PassManager([Broken()], None, [CheckPass(reproducer=str(path))]).run(module)
    assert "the wrong value comes from 'neuron.node'" in str(caught.value)
    assert caught.value.diagnostics[0].line == 4  # where the source has the neuron
    text = path.read_text()
    assert text.startswith("// RUN: irc-opt %s -p 'lower-neuron' --check")
    assert text.count("neuron.node") == 1
    parse_module(text)


def test_results_within_the_bounds_of_rounding_are_equal():
    """The same sum in another order: not the same bits, but the same meaning."""
    before = "func.func @f(%a: f32, %b: f32, %c: f32) -> f32 {{\n{}\n}}"
    left = "%s = arith.addf %a, %b : f32\n%t = arith.addf %s, %c : f32\nfunc.return %t : f32"
    right = "%s = arith.addf %b, %c : f32\n%t = arith.addf %a, %s : f32\nfunc.return %t : f32"
    wrong = "%s = arith.addf %b, %c : f32\n%t = arith.addf %b, %s : f32\nfunc.return %t : f32"
    one, two, three = (parse_module(before.format(body)) for body in (left, right, wrong))
    assert compare(one, two) is None
    assert compare(one, three).function == "f"


def test_a_difference_as_small_as_the_rounding_of_float64_is_seen_in_float64():
    lines = ["%c = arith.constant {} : f64", "%y = arith.mulf %a, %c : f64", "func.return %y : f64"]
    text = "func.func @f(%a: f64) -> f64 {{\n" + "\n".join(lines) + "\n}}"
    exact, off = (parse_module(text.format(number)) for number in ("1.5", repr(1.5 + 4 * 2.0**-52)))
    assert compare(exact, exact) is None
    assert compare(exact, off) is not None
