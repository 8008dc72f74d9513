"""The interpreter: calls, sizes, modes, and what it refuses."""

import numpy as np
import pytest

from irc.binding import bind_symbols
from irc.dialects.builtin import ModuleOp
from irc.dialects.func import FuncOp, ReturnOp
from irc.interpreter import Bounded, Interpreter, error_of, in_order, value_of
from irc.ir.builder import Builder
from irc.ir.constraints import ANY
from irc.ir.diagnostics import Error
from irc.ir.dimensions import parse_dimension, symbol
from irc.ir.operation import Block, Operation, Region
from irc.ir.spec import operand, operands, region, result
from irc.ir.traits import GRAPH_REGION, MOVEMENT, TERMINATOR
from irc.ir.types import TensorType, f32, index
from irc.text.parser import parse_module

B = symbol("B")


def test_calls_and_sizes():
    module = parse_module(
        """
        func.func @g(%x: tensor<B x f32>) -> tensor<B x f32> {
          %y = arith.addf %x, %x : tensor<B x f32>
          return %y : tensor<B x f32>
        }
        func.func @f(%x: tensor<B x f32>, %z: tensor<B x f32>) -> (tensor<B x f32>, tensor<B x f32>) {
          %a = func.call @g(%x) : (tensor<B x f32>) -> tensor<B x f32>
          %b = arith.mulf %a, %z : tensor<B x f32>
          return %b, %a : tensor<B x f32>, tensor<B x f32>
        }"""
    )
    interpreter = Interpreter(module)
    b, a = interpreter.call("f", [[1, 2, 3], np.arange(3)])
    assert (b.tolist(), a.tolist(), b.dtype) == ([0, 4, 12], [2, 4, 6], np.float32)
    assert [len(v) for v in interpreter.call("f", [[], []])] == [0, 0]
    assert interpreter.symbols == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([[1.0, 2.0]], "@f takes 2 arguments, got 1"),
        ([[1.0, 2.0], [1.0]], "%z: dimension 0 is 1, expected 2 = B (B = 2 by %x dimension 0)"),
        ([[[1.0]], [1.0]], "%x has 2 dimensions, its type has 1"),
        ([[1j], [1.0]], "%x: dtype complex128 is not supported"),
        ([[[1.0], [1.0, 2.0]], [1.0]], "%x: the rows have different lengths"),
        ([["a"], [1.0]], "%x: dtype"),
    ],
)
def test_wrong_arguments(arguments, message):
    module = parse_module(
        """func.func @f(%x: tensor<B x f32>, %z: tensor<B x f32>) -> tensor<B x f32> {
          return %x : tensor<B x f32>
        }"""
    )
    with pytest.raises(Error) as caught:
        Interpreter(module).call("f", arguments)
    assert message in str(caught.value)


def test_unknown_function():
    with pytest.raises(Error, match="there is no function @h"):
        Interpreter(ModuleOp.of()).call("h", [])
    with pytest.raises(ValueError, match="mode must be one of declared, float64, bounded"):
        Interpreter(mode="fast")


def test_bound_arguments_and_symbols():
    module = parse_module(
        """func.func @f(%x: tensor<B x f32>, %k: tensor<N x i32> {irc.data = dense<[3, 4]> : tensor<2xi32>})
            -> (tensor<B x f32>, tensor<N x i32>) attributes {irc.symbols = {N = 2}} {
          %m = arith.addi %k, %k : tensor<N x i32>
          return %x, %m : tensor<B x f32>, tensor<N x i32>
        }"""
    )
    assert Interpreter(module).call("f", [[1.0]])[1].tolist() == [6, 8]
    assert Interpreter(module).call("f", [[1.0], [1, 2]])[1].tolist() == [2, 4]
    with pytest.raises(Error, match="N = 2 by definition"):
        Interpreter(module).call("f", [[1.0], [1, 2, 3]])


def test_size_arguments():
    module = parse_module(
        """func.func @f(%n: index, %x: tensor<N x f32>) -> index attributes {irc.symbols_args = ["N"]} {
          %d = arith.addi %n, %n : index
          return %d : index
        }"""
    )
    assert Interpreter(module).call("f", [3, np.ones(3)]) == [6]
    with pytest.raises(Error, match="dimension 0 is 2, expected 3"):
        Interpreter(module).call("f", [3, np.ones(2)])


def test_sizes_are_solved_from_formulas():
    dims = [parse_dimension(t) for t in ("R + 1", "2*B", "B*T", "(T + 3) floordiv 2")]
    arguments = [("a", (dims[0], dims[2]), (5, 12)), ("b", (dims[1], dims[3]), (6, 3))]
    assert bind_symbols(arguments, {}) == {"R": 4, "B": 3, "T": 4}
    with pytest.raises(Error, match=r"b: dimension 0 is 7, expected 6 = 2\*B"):
        bind_symbols([("a", (B,), (3,)), ("b", (2 * B,), (7,))], {})
    assert bind_symbols([("b", (2 * B,), (7,))], {}) == {}
    assert bind_symbols([("a", (B * B,), (9,))], {"K": 1}) == {"K": 1}


def test_a_size_that_nothing_determines():
    module = parse_module(
        """func.func @f() -> tensor<B x f32> {
          %z = array.full 0.0 : f32 to tensor<B x f32>
          return %z : tensor<B x f32>
        }"""
    )
    with pytest.raises(Error, match="the size B in tensor<B x f32> does not follow from the arguments"):
        Interpreter(module).call("f", [])
    assert Interpreter(module, symbols={"B": 2}).call("f", [])[0].tolist() == [0, 0]


class Wrong(Operation):
    """Gives something that its type does not allow."""

    name = "test.wrong"
    source = operand(ANY)
    output = result(ANY)
    wrong = staticmethod(lambda x: x)

    @classmethod
    def infer(cls, operand_types, attributes):
        return [operand_types[0]]

    def eval(self, context, source):
        return [self.wrong(source)]


def module_with(cls, type, **options):
    function = FuncOp.of("f", [type], [type])
    builder = Builder.at_end(function.entry)
    builder.create(ReturnOp, [builder.value(cls, function.arguments[0], **options)])
    return ModuleOp.of([function])


@pytest.mark.parametrize(
    ("type", "wrong", "message"),
    [
        (TensorType((B,), f32), lambda x: x[1:], r"test.wrong gave shape \(2,\) for tensor<B x f32>, which is \(3,\)"),
        (TensorType((B,), f32), lambda x: x.astype(int), "test.wrong gave int64 for tensor<B x f32>"),
        (TensorType((B,), f32), lambda x: x.astype(float), "float64 for tensor<B x f32>, which is held as float32"),
        (f32, lambda x: np.ones(2, np.float32), "gave an array of shape"),
        (f32, lambda x: np.float64(x), "gave float64 for f32"),
    ],
)
def test_results_that_contradict_the_types_are_found(type, wrong, message, monkeypatch):
    monkeypatch.setattr(Wrong, "wrong", staticmethod(wrong))
    with pytest.raises(Error, match=message):
        Interpreter(module_with(Wrong, type)).call("f", [np.ones(3) if type is not f32 else 1.0])


def test_missing_rules_are_named(monkeypatch):
    with pytest.raises(Error, match="test.wrong has no rule for error bounds"):
        Interpreter(module_with(Wrong, f32), "bounded").call("f", [1.0])

    def refuse(x):
        raise ValueError("no such value")

    monkeypatch.setattr(Wrong, "wrong", staticmethod(refuse))
    with pytest.raises(Error, match="test.wrong: no such value"):
        Interpreter(module_with(Wrong, f32)).call("f", [1.0])


def test_index_is_an_int_and_numbers_are_scalars():
    module = parse_module(
        """func.func @f(%n: index, %x: f32, %t: i1) -> (index, f32, i1) {
          return %n, %x, %t : index, f32, i1
        }"""
    )
    n, x, t = Interpreter(module).call("f", [np.int32(3), 0.1, 1])
    assert (type(n), type(x), type(t)) == (int, np.float32, np.bool_)
    assert type(Interpreter(module, "float64").call("f", [3, 0.1, True])[1]) is np.float64


class Reverse(Operation):
    """Moves elements."""

    name = "test.reverse"
    source = operand(ANY)
    output = result(ANY)
    traits = frozenset({MOVEMENT})

    @classmethod
    def infer(cls, operand_types, attributes):
        return [operand_types[0]]

    def eval(self, context, source):
        return [source[::-1]]


def test_errors_move_with_the_data():
    module = module_with(Reverse, TensorType((B,), f32))
    given = Bounded(np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    (held,) = Interpreter(module, "bounded").call("f", [given])
    assert (value_of(held).tolist(), error_of(held).tolist()) == ([2.0, 1.0], [0.0, 0.5])
    assert error_of(Interpreter(module, "bounded").call("f", [[1.0, 2.0]])[0]) is None


class Graph(Operation):
    """Runs a graph."""

    name = "test.graph"
    source = operand(ANY)
    output = result(ANY)
    body = region()
    traits = frozenset({GRAPH_REGION})

    def eval(self, context, source):
        return context.run(self.body, [source])


class Sum(Operation):
    """Adds."""

    name = "test.sum"
    terms = operands(ANY)
    output = result(ANY)

    def eval(self, context, *terms):
        return [np.sum(terms, dtype=np.float32)]


class End(Operation):
    """Ends a graph."""

    name = "test.end"
    values = operands(ANY)
    traits = frozenset({TERMINATOR})


def test_graphs_run_in_the_order_of_their_edges():
    block = Block([f32])
    builder = Builder.at_end(block)
    late = Sum([], [f32])
    early = builder.create(Sum, [block.arguments[0], late.result], result_types=[f32])
    builder.insert(late)
    late.operands = [block.arguments[0]]
    builder.create(End, [early.result])
    graph = module_with(Graph, f32, result_types=[f32], regions=[Region([block])])
    assert Interpreter(graph).call("f", [2.0]) == [4.0]
    assert in_order(block)[:2] == [late, early]
    late.operands = [early.result]
    with pytest.raises(Error, match="test.sum depends on itself"):
        Interpreter(graph).call("f", [2.0])


def test_a_chain_of_many_ops_needs_no_recursion():
    block = Block([f32])
    builder = Builder.at_end(block)
    ops = [builder.create(Sum, [block.arguments[0]], result_types=[f32]) for _ in range(5000)]
    for op, following in zip(ops, ops[1:], strict=False):
        op.operands = [following.result]
    builder.create(End, [ops[0].result])
    graph = module_with(Graph, f32, result_types=[f32], regions=[Region([block])])
    assert Interpreter(graph).call("f", [2.0]) == [2.0]


def test_batched_values_have_leading_axes():
    module = module_with(Wrong, f32)
    block = module.function("f").entry
    interpreter = Interpreter()
    with interpreter.batched(3):
        (held,) = interpreter.run_block(block, [np.ones(3, np.float32)])
    assert held.shape == (3,)
    with pytest.raises(Error, match="gave an array of shape"):
        interpreter.run_block(block, [np.ones(3, np.float32)])


def test_no_warnings(recwarn):
    module = parse_module(
        """func.func @f(%x: f32, %i: i32) -> (f32, i32) {
          %y = arith.divf %x, %x : f32
          %j = arith.muli %i, %i : i32
          return %y, %j : f32, i32
        }"""
    )
    y, j = Interpreter(module).call("f", [0.0, 2**31 - 1])
    assert np.isnan(y)
    assert j == 1
    assert not recwarn.list


def test_index_type_of_results():
    assert Interpreter().dtype(index) == np.int64
    assert Interpreter(mode="float64").dtype(f32) == np.float64
    assert Interpreter().unit(f32) == 2.0**-24
