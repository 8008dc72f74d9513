"""What ops cost by definition: operations and bytes as formulas of the sizes."""

from __future__ import annotations

import numpy as np
import pytest

from irc.costs import moved_bytes, operations
from irc.frontends.activation import Activation
from irc.frontends.build import graph_to_module
from irc.frontends.graph import Graph
from irc.ir.dimensions import parse_dimension
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module


def op_of(body: str, arguments: str, name: str):
    """The op of this name in a function."""
    module = parse_module(f"func.func @f({arguments}) {{\n{body}\nfunc.return\n}}")
    return next(op for op in module.walk() if op.name == name)


X, W, V = "%x: tensor<B x 8 x f32>", "%w: tensor<16x8xf32>", "%v: tensor<100xf64>"


@pytest.mark.parametrize(
    ("body", "name", "wanted", "moved"),
    [
        # a multiply-add for each b, i, o; both operands and the result once
        ('%0 = array.contract "bi,oi->bo" %x, %w : tensor<B x 8 x f32>, tensor<16x8xf32>', "array.contract",
         "256*B", "4*(8*B + 128 + 16*B)"),
        ("%0 = math.tanh %x : tensor<B x 8 x f32>", "math.tanh", "8*B", "64*B"),
        ("%0 = math.fma %x, %x, %x : tensor<B x 8 x f32>", "math.fma", "16*B", "64*B"),
        ("%0 = array.reduce sum %x dims [0] : tensor<B x 8 x f32>", "array.reduce", "8*B", "32*B + 32"),
        ("%0 = array.reshape %w : tensor<16x8xf32> to tensor<128xf32>", "array.reshape", "0", "1024"),
        # a part costs what it holds, not what it is cut from; double precision is eight bytes
        ("%0 = array.slice %v offsets [10] : tensor<100xf64> to tensor<5xf64>", "array.slice", "0", "80"),
        ("""%0 = array.fused(%a = %x : tensor<B x 8 x f32>, %p = %v : tensor<100xf64>) -> tensor<5xf64> {
           %1 = array.slice %p offsets [10] : tensor<100xf64> to tensor<5xf64>
           %2 = arith.mulf %1, %1 : tensor<5xf64>
           array.yield %2 : tensor<5xf64>
         }""", "array.fused", "5", "32*B + 80"),
    ],
)  # fmt: skip
def test_operations_and_bytes(body, name, wanted, moved):
    op = op_of(body, f"{X}, {W}, {V}", name)
    assert operations(op) == parse_dimension(wanted)
    assert moved_bytes(op) == parse_dimension(moved)


def test_a_step_costs_as_often_as_it_runs():
    scan = """%0, %1 = array.scan carry (%h = %x : tensor<B x 8 x f32>) over (%p = %xs : tensor<T x B x 8 x f32>)
        with () -> (tensor<B x 8 x f32>, tensor<T x B x 8 x f32>) {
      %2 = arith.addf %h, %p : tensor<B x 8 x f32>
      array.yield %2, %2 : tensor<B x 8 x f32>, tensor<B x 8 x f32>
    }"""
    op = op_of(scan, f"{X}, %xs: tensor<T x B x 8 x f32>", "array.scan")
    assert operations(op) == parse_dimension("8*B*T")


def test_a_call_costs_what_is_called():
    module = parse_module("""
      func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
        %0 = math.exp %x : tensor<4xf32>
        func.return %0 : tensor<4xf32>
      }
      func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
        func.return %0 : tensor<4xf32>
      }""")
    call = next(op for op in module.walk() if op.name == "func.call")
    assert (operations(call), moved_bytes(call)) == (4, 32)


def test_an_irregular_net_costs_by_its_edges():
    graph = Graph.from_edges(
        4,
        np.array([0, 1, 0, 2]),
        np.array([2, 2, 3, 3]),
        activations=(Activation("relu"),),
        activation=np.zeros(4, int),
        is_input=np.arange(4) < 2,
    )
    module = graph_to_module(graph)
    PassManager(parse_pipeline("group-neurons,lower-neuron,autodiff")).run(module)
    cost = {op.name: operations(op) for op in module.walk() if op.name.startswith("array.dag")}
    assert cost["array.dag"] == parse_dimension("2*B*E + 2*B*R")  # edges and rows, two operations each
    assert cost["array.dag_grad"] == parse_dimension("6*B*E + 4*B*R")
