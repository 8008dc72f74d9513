"""--check of passes that bind sizes: they say so, and are tried with the sizes that are left."""

from dataclasses import dataclass

import pytest

from irc.checking import CheckPass
from irc.dialects.arith import AddF, MulF
from irc.ir.builder import Builder
from irc.ir.diagnostics import Error
from irc.passes.pipelines import ONE_SAMPLE_PIPELINES
from irc.passes.specialize import Specialize
from irc.passmanager import Pass, PassManager, Signature, parse_pipeline
from irc.text.parser import parse_module

DOUBLE = """
func.func @f(%x: tensor<B x 3 x f32>) -> tensor<B x 3 x f32> {
  %y = arith.addf %x, %x : tensor<B x 3 x f32>
  func.return %y : tensor<B x 3 x f32>
}
"""
NET = """
neuron.net @net(%a: f32, %b: f32) -> f32 parameters 4 {
  %c = neuron.node tanh(%a*w[0] + %b*w[1])
  %d = neuron.node tanh(%a*w[2] + %c*w[3])
  neuron.output %d : f32
}
"""


def checked(text, *passes):
    PassManager(passes, instruments=[CheckPass()]).run(parse_module(text))


@pytest.mark.parametrize("batch", [1, 4])
def test_a_bound_batch_is_checked(batch):
    checked(DOUBLE, Specialize(symbols=(f"B={batch}",)))


@pytest.mark.parametrize("direction", [0, 1])
def test_the_pipelines_for_one_sample_keep_the_meaning(direction):
    checked(NET, *parse_pipeline(ONE_SAMPLE_PIPELINES["data"][direction]))


@dataclass(frozen=True)
class Silent(Specialize):
    """Binds a size, and does not say so."""

    name = "specialize"
    signature = Signature.SAME


def test_a_pass_that_does_not_say_that_it_binds_sizes_is_caught():
    with pytest.raises(Error, match="expected 1"):
        checked(DOUBLE, Silent(symbols=("B=1",)))


@dataclass(frozen=True)
class Wrong(Specialize):
    """Says that it binds sizes, and squares besides."""

    name = "specialize"

    def run(self, module, context):
        super().run(module, context)
        for op in list(module.walk()):
            if isinstance(op, AddF):
                op.replace_by([Builder.before(op).value(MulF, *op.operands)])


def test_a_wrong_specialization_is_caught():
    wrong: Pass = Wrong(symbols=("B=4",))
    with pytest.raises(Error, match="changed the meaning of"):
        checked(DOUBLE, wrong)
