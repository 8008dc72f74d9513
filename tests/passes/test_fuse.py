"""fuse: what is grouped, what must not be, and that nothing changes its meaning."""

# ruff: noqa: E501 (IR is written as it is printed)

from __future__ import annotations

import numpy as np
import pytest

from irc.checking import compare
from irc.dialects.loop import For
from irc.interpreter import Interpreter
from irc.ir.verifier import verify
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module
from irc.text.printer import print_module


def fused(text: str, pipeline: str = "fuse"):
    """The module after the pass, which must mean what it meant before."""
    before, after = parse_module(text), parse_module(text)
    verify(before)
    PassManager(parse_pipeline(pipeline)).run(after)
    mismatch = compare(before, after)
    assert mismatch is None, str(mismatch)
    return after


def groups(module) -> list[list[str]]:
    """The op names of each group."""
    return [[inner.name for inner in op.body.block] for op in module.walk() if op.name == "array.fused"]


def test_a_chain_with_its_broadcast_is_one_group():
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>, %b: tensor<4xf32>) -> tensor<B x 4 x f32> {
  %0 = array.broadcast %b dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %1 = arith.addf %x, %0 : tensor<B x 4 x f32>
  %2 = math.tanh %1 : tensor<B x 4 x f32>
  func.return %2 : tensor<B x 4 x f32>
}""")
    assert groups(module) == [["array.broadcast", "arith.addf", "math.tanh", "array.yield"]]
    assert not [op for op in module.function("f").entry if op.name == "array.broadcast"]


def test_what_reads_a_sum_is_in_a_later_group():
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>) -> tensor<B x 4 x f32> {
  %e = math.exp %x : tensor<B x 4 x f32>
  %s = array.reduce sum %e dims [0] : tensor<B x 4 x f32>
  %b = array.broadcast %s dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %r = arith.divf %e, %b : tensor<B x 4 x f32>
  func.return %r : tensor<B x 4 x f32>
}""")
    assert groups(module) == [
        ["math.exp", "array.reduce", "array.yield"],
        ["array.broadcast", "arith.divf", "array.yield"],
    ]


def test_no_cycle_through_an_op_outside():
    """%d reads a contraction of %t, so it cannot stand in the group of %t, though both have one shape."""
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>, %w: tensor<4x4xf32>) -> tensor<B x 4 x f32> {
  %a = arith.addf %x, %x : tensor<B x 4 x f32>
  %t = math.tanh %a : tensor<B x 4 x f32>
  %c = array.contract "bi,ij->bj" %t, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %d = arith.mulf %c, %t : tensor<B x 4 x f32>
  %e = math.tanh %d : tensor<B x 4 x f32>
  func.return %e : tensor<B x 4 x f32>
}""")
    assert groups(module) == [
        ["arith.addf", "math.tanh", "array.yield"],
        ["array.contract", "arith.mulf", "math.tanh", "array.yield"],
    ]


def test_an_op_joins_the_group_that_reads_it():
    """1 - t*t is recomputed in the backward group from %t, not written to memory by the forward one."""
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>, %w: tensor<4x4xf32>) -> tensor<B x 4 x f32> {
  %t = math.tanh %x : tensor<B x 4 x f32>
  %s = arith.mulf %t, %t : tensor<B x 4 x f32>
  %c = array.contract "bi,ij->bj" %t, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %d = arith.mulf %c, %s : tensor<B x 4 x f32>
  func.return %d : tensor<B x 4 x f32>
}""")
    assert groups(module) == [["arith.mulf", "array.contract", "arith.mulf", "array.yield"]]


def test_a_contraction_joins_the_group_that_alone_reads_it():
    """%c is read by two groups, %d by a group of another shape: they stay where they are."""
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>, %w: tensor<4x4xf32>) -> (tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 2 x f32>) {
  %a = array.contract "bi,ij->bj" %x, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %b = math.tanh %a : tensor<B x 4 x f32>
  %c = array.contract "bi,ij->bj" %b, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %d = array.contract "bi,ij->bj" %c, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %s = array.slice %d offsets [0, 1] : tensor<B x 4 x f32> to tensor<B x 2 x f32>
  %e = math.exp %s : tensor<B x 2 x f32>
  %f = math.sin %c : tensor<B x 4 x f32>
  func.return %b, %f, %e : tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 2 x f32>
}""")
    assert groups(module)[0] == ["array.contract", "math.tanh", "array.yield"]
    assert sum("array.contract" in group for group in groups(module)) == 1


def test_ops_that_stood_between_the_members_move():
    module = fused("""
func.func @f(%x: tensor<B x f32>, %y: tensor<3xf32>) -> (tensor<B x f32>, tensor<3xf32>) {
  %a = math.exp %x : tensor<B x f32>
  %b = math.exp %y : tensor<3xf32>
  %c = math.tanh %a : tensor<B x f32>
  func.return %c, %b : tensor<B x f32>, tensor<3xf32>
}""")
    assert groups(module) == [["math.exp", "math.tanh", "array.yield"]]


def test_maxima_over_different_dimensions_are_different_groups():
    module = fused(
        """
func.func @f(%x: tensor<B x 4 x f32>) -> (tensor<B x f32>, tensor<4xf32>) {
  %e = math.exp %x : tensor<B x 4 x f32>
  %a = array.reduce max %e dims [1] : tensor<B x 4 x f32>
  %b = array.reduce max %e dims [0] : tensor<B x 4 x f32>
  func.return %a, %b : tensor<B x f32>, tensor<4xf32>
}""",
        "fuse,lower-array",
    )
    assert not groups(module)


def net(count: int) -> str:
    """A layer of ``count`` neurons in elementwise form, and the gradient of each of its weights, summed over samples."""
    lines = []
    parts = ", ".join(f"%w{i}" for i in range(2 * count))
    lines.append("  %a, %b = array.unstack %x axis 1 : tensor<B x 2 x f32>")
    lines.append(f"  {parts} = array.unstack %w axis 0 : tensor<{2 * count}xf32>")
    for i in range(count):
        for side, source in ((0, "a"), (1, "b")):
            at = 2 * i + side
            lines.append(f"  %v{at} = array.broadcast %w{at} dims [] : tensor<f32> to tensor<B x f32>")
            lines.append(f"  %p{at} = arith.mulf %{source}, %v{at} : tensor<B x f32>")
        lines.append(f"  %z{i} = arith.addf %p{2 * i}, %p{2 * i + 1} : tensor<B x f32>")
        lines.append(f"  %n{i} = math.tanh %z{i} : tensor<B x f32>")
        for side, source in ((0, "a"), (1, "b")):
            at = 2 * i + side
            lines.append(f"  %g{at} = arith.mulf %n{i}, %{source} : tensor<B x f32>")
            lines.append(f"  %d{at} = array.reduce sum %g{at} dims [0] : tensor<B x f32>")
    outputs, gradients = (", ".join(f"%{c}{i}" for i in range(n)) for c, n in (("n", count), ("d", 2 * count)))
    lines.append(f"  %y = array.stack {outputs} axis 1 : {', '.join(['tensor<B x f32>'] * count)}")
    lines.append(f"  %dw = array.stack {gradients} axis 0 : {', '.join(['tensor<f32>'] * (2 * count))}")
    y, dw = f"tensor<B x {count} x f32>", f"tensor<{2 * count}xf32>"
    head = f"func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<{2 * count}xf32>) -> ({y}, {dw}) {{"
    return "\n".join([head, *lines, f"  func.return %y, %dw : {y}, {dw}", "}"])


def test_a_net_drawn_as_neurons_is_one_loop_over_the_samples():
    module = fused(net(14), "fuse,lower-array")
    loops = [op for op in module.walk() if isinstance(op, For)]
    assert len(loops) == 2, "one clears the gradients, the other is everything else"
    assert not any(op.name == "loop.alloc" for op in module.walk())


def test_the_gradients_of_a_shared_weight_are_one_sum():
    module = fused("""
func.func @f(%x: tensor<B x f32>, %y: tensor<B x f32>) -> tensor<1xf32> {
  %a = array.reduce sum %x dims [0] : tensor<B x f32>
  %b = array.reduce sum %y dims [0] : tensor<B x f32>
  %c = arith.addf %a, %b : tensor<f32>
  %d = array.stack %c axis 0 : tensor<f32>
  func.return %d : tensor<1xf32>
}""")
    assert groups(module) == [["arith.addf", "array.reduce", "array.stack", "array.yield"]]


@pytest.mark.parametrize("count", [3, 40])
def test_the_result_is_the_same_every_time(count):
    first, second = (print_module(fused(net(count))) for _ in range(2))
    assert first == second


def test_running_it_twice_changes_nothing():
    module = fused(net(3))
    text = print_module(module)
    PassManager(parse_pipeline("fuse")).run(module)
    assert print_module(module) == text


DAG = """
func.func @f(%x: tensor<B x 1 x f32>, %w: tensor<1xf32>, %dy: tensor<B x 1 x f32>, %o: tensor<2xi32> {{irc.data = dense<[0, 1]> : tensor<2xi32>}},
    %i: tensor<1xi32> {{irc.data = dense<0> : tensor<1xi32>}}, %n: tensor<1xi32> {{irc.data = dense<-1> : tensor<1xi32>}},
    %g: tensor<1x3xi32> {{irc.data = dense<[[0, 1, 0]]> : tensor<1x3xi32>}}, %q: tensor<1xi32> {{irc.data = dense<1> : tensor<1xi32>}})
    -> (tensor<B x 1 x f32>, tensor<1xf32>) {{
  %y = array.dag %x, %w, %o, %i, %i, %n, %g, %q kinds [#array.kind<tanh, sum>] : {types}
  %c = arith.mulf %{cotangent}, %{cotangent} : tensor<B x 1 x f32>
  %r:3 = array.dag_grad %x, %w, %o, %i, %i, %n, %g, %q, %c kinds [#array.kind<tanh, sum>] : {types}, tensor<B x 1 x f32>
  func.return %y, %r#2 : tensor<B x 1 x f32>, tensor<1xf32>
}}
"""
TYPES = "tensor<B x 1 x f32>, tensor<1xf32>, tensor<2xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<1x3xi32>, tensor<1xi32>"


@pytest.mark.parametrize(("cotangent", "dags"), [("dy", 0), ("y", 1)])
def test_a_dag_takes_the_value_that_its_gradient_computes_unless_that_needs_it(cotangent, dags):
    module = fused(DAG.format(cotangent=cotangent, types=TYPES), "fuse,dce")
    assert sum(op.name == "array.dag" for op in module.walk()) == dags


def test_a_sum_is_in_the_group_of_what_it_adds_up():
    """Not in the one behind it, though that has its space, too."""
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>, %w: tensor<4x4xf32>) -> (tensor<4xf32>, tensor<B x 4 x f32>) {
  %a = arith.negf %x : tensor<B x 4 x f32>
  %s = array.reduce sum %a dims [0] : tensor<B x 4 x f32>
  %c = array.contract "bi,ij->bj" %a, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %d = math.tanh %c : tensor<B x 4 x f32>
  func.return %s, %d : tensor<4xf32>, tensor<B x 4 x f32>
}""")
    assert groups(module) == [
        ["arith.negf", "array.reduce", "array.yield"],
        ["array.contract", "math.tanh", "array.yield"],
    ]


def test_contractions_that_have_nothing_in_common_are_in_groups_of_their_own():
    """What is next to them in no group is in a third one, with copies of what it shares."""
    module = fused("""
func.func @f(%x: tensor<B x 4 x f32>, %u: tensor<4x4xf32>, %v: tensor<4x4xf32>, %b: tensor<4xf32>) -> (tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>) {
  %0 = array.contract "bi,ij->bj" %x, %u : tensor<B x 4 x f32>, tensor<4x4xf32>
  %1 = array.contract "bi,ij->bj" %x, %v : tensor<B x 4 x f32>, tensor<4x4xf32>
  %c = array.broadcast %b dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %2 = arith.addf %0, %c : tensor<B x 4 x f32>
  %3 = arith.addf %1, %c : tensor<B x 4 x f32>
  %4 = arith.mulf %x, %c : tensor<B x 4 x f32>
  %5 = math.exp %4 : tensor<B x 4 x f32>
  func.return %2, %3, %5 : tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>
}""")
    product = ["array.contract", "array.broadcast", "arith.addf", "array.yield"]
    assert sorted(groups(module)) == sorted(
        [product, product, ["array.broadcast", "arith.mulf", "math.exp", "array.yield"]]
    )


EXTREMUM = """
func.func @f(%x: tensor<B x f32>) -> (tensor<B x f32>, tensor<B x f32>) {
  %c = array.full LIMIT : f32 to tensor<B x f32>
  %0 = arith.negf %x : tensor<B x f32>
  %y = arith.KIND %c, %0 : tensor<B x f32>
  %p = arith.cmpf COMPARED, %c, %0 : tensor<B x f32>
  %d = arith.select %p, %c, %x : tensor<B x i1>, tensor<B x f32>
  func.return %y, %d : tensor<B x f32>, tensor<B x f32>
}"""


@pytest.mark.parametrize("limit", ["0.0", "-0.0", "-2.0"])
@pytest.mark.parametrize(
    ("kind", "compared", "changes"),
    [
        ("maximumf", "oge", True),
        ("minimumf", "ole", True),
        ("maximumf", "ogt", False),
        ("minimumf", "oge", False),
        ("maxnumf", "oge", False),
    ],
)
def test_a_comparison_is_with_the_larger_number_where_that_says_the_same(limit, kind, compared, changes):
    """c >= x is c >= max(c, x), with zeros of both signs and NaN too; c > x is not c > max(c, x)."""
    text = EXTREMUM.replace("LIMIT", limit).replace("KIND", kind).replace("COMPARED", compared)
    before, after = parse_module(text), fused(text)
    (comparison,) = [op for op in after.walk() if op.name == "arith.cmpf"]
    assert (comparison.operands[1].defining_op().name == f"arith.{kind}") is changes
    x = np.array([1, -1, -2, 2, 3, 0.0, -0.0, np.nan, np.inf, -np.inf], np.float32)
    for wanted, found in zip(*(Interpreter(module).call("f", [x]) for module in (before, after)), strict=True):
        np.testing.assert_array_equal(np.asarray(found).view(np.int32), np.asarray(wanted).view(np.int32))


def test_what_is_read_otherwise_is_compared_as_it_is():
    """It is kept in any case."""
    text = EXTREMUM.replace("LIMIT", "0.0").replace("KIND", "maximumf").replace("COMPARED", "oge")
    module = fused(text.replace("%c, %x : tensor<B x i1>", "%c, %0 : tensor<B x i1>"))
    (comparison,) = [op for op in module.walk() if op.name == "arith.cmpf"]
    assert comparison.operands[1].defining_op().name == "arith.negf"
