"""The step as IR: every pass on its way keeps its meaning, and its text reads back as it was."""

import pytest

import irc
from irc.backend.target import find_target
from irc.bound_graphs import SoundGraphs
from irc.checking import CheckPass
from irc.dialects.func import FuncOp
from irc.ir.equality import difference
from irc.passes.pipelines import PIPELINES
from irc.passmanager import Instrument, PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module
from irc.training.losses import find_loss
from irc.training.optimizers import SGD, Adam
from irc.training.recipes import LossGradient, step_recipe
from support.mlir import accepts
from support.nets import sample_module

DENSE = """
func.func @net(%x: tensor<B x 3 x f32>, %u: tensor<3x5xf32> {irc.param = "u"}, %v: tensor<5x2xf32> {irc.param = "v"})
    -> tensor<B x 2 x f32> {
  %0 = array.contract "bi,io->bo" %x, %u : tensor<B x 3 x f32>, tensor<3x5xf32>
  %h = math.tanh %0 : tensor<B x 5 x f32>
  %y = array.contract "bi,io->bo" %h, %v : tensor<B x 5 x f32>, tensor<5x2xf32>
  func.return %y : tensor<B x 2 x f32>
}
"""
SOURCES = {
    "graph as data": lambda: sample_module("nn02.nam"),
    "graph as code": lambda: sample_module("nn02.nam", "nodes"),
    "functions of arrays": lambda: irc.parse(DENSE),
}
RECIPES = {
    "sgd": step_recipe(find_loss("mse"), SGD(0.1)),
    "clipped adam": step_recipe(find_loss(("huber", 0.5)), Adam(0.1, clip_norm=1.0, clip_value=0.5)),
    "gradient": LossGradient(("sigmoid_cross_entropy",), ("params", "0")),
}


class RoundTrips(Instrument):
    """After each pass the text reads back equal, and stock MLIR accepts its generic form."""

    def after(self, p, module, context, seconds):
        for generic in (False, True):
            text = module.to_text(generic=generic)
            assert difference(module, parse_module(text)) is None
        assert accepts(module.to_text(generic=True))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_pass_keeps_the_meaning(source, recipe):
    module = SOURCES[source]()
    name = module.functions[0].attributes["sym_name"].value
    passes = RECIPES[recipe].passes(module, name, parse_pipeline(PIPELINES["data"][True]))
    wanted = RECIPES[recipe].function(module, name)
    watching = [SoundGraphs(), CheckPass(), RoundTrips()]
    PassManager(passes, PassContext(find_target("avx2")), watching).run(module)
    assert [op.symbol for op in module.functions if isinstance(op, FuncOp)] == [wanted]


def test_names_that_a_module_has_already_are_not_taken_again():
    taken = """func.func private @net_loss(%x: f32) -> f32 {
  func.return %x : f32
}
func.func @net_step(%x: f32) -> f32 {
  %y = func.call @net_loss(%x) : (f32) -> f32
  func.return %y : f32
}
"""
    text = DENSE + taken
    with irc.compile(text, entry="net", loss="mse") as net:
        recipe = RECIPES["sgd"]
        assert recipe.function(net.module, "net") == "net_step_0"
        assert net.made(recipe).signature.name == "net_step_0"
