"""lower-array keeps the meaning of every array op, alone and fused: array level and loop level agree within their bounds."""

# ruff: noqa: E501 (IR is written as it is printed)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from irc.backend.jit import compile_library
from irc.calling import callables
from irc.checking import compare
from irc.dialects.func import FuncOp
from irc.dialects.loop import For, Store
from irc.interpreter import Buffer, Interpreter, error_of, value_of
from irc.ir.builder import Builder
from irc.ir.constraints import TENSOR
from irc.ir.diagnostics import Error
from irc.ir.operation import Operation
from irc.ir.spec import operand, result
from irc.ir.traits import PURE
from irc.ir.verifier import verify
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module


def lowered(text: str, pipeline: str = "lower-array"):
    """The module before and after, which must mean the same."""
    before, after = parse_module(text), parse_module(text)
    verify(before)
    PassManager(parse_pipeline(pipeline)).run(after)
    assert not any(op.name.startswith("array.") for op in after.walk())
    mismatch = compare(before, after)
    assert mismatch is None, str(mismatch)
    return after


def body(signature: str, ops: str) -> str:
    return f"func.func @f({signature} {{\n{ops}\n}}\n"


CASES = {
    "elementwise": body(
        "%x: tensor<B x 3 x f32>, %y: tensor<B x 3 x f32>) -> tensor<B x 3 x f32>",
        """
  %a = arith.addf %x, %y : tensor<B x 3 x f32>
  %t = math.tanh %a : tensor<B x 3 x f32>
  %m = arith.mulf %t, %x : tensor<B x 3 x f32>
  func.return %m : tensor<B x 3 x f32>""",
    ),
    "select of a comparison, and a constant": body(
        "%x: tensor<B x f32>) -> tensor<B x f32>",
        """
  %z = array.full 0.0 : f32 to tensor<B x f32>
  %c = arith.cmpf ogt, %x, %z : tensor<B x f32>
  %k = arith.constant dense<2.0> : tensor<f32>
  %b = array.broadcast %k dims [] : tensor<f32> to tensor<B x f32>
  %d = arith.divf %x, %b : tensor<B x f32>
  %r = arith.select %c, %x, %d : tensor<B x i1>, tensor<B x f32>
  func.return %r : tensor<B x f32>""",
    ),
    "no dimensions": body(
        "%x: tensor<f32>) -> tensor<f32>",
        """
  %a = math.exp %x : tensor<f32>
  %m = arith.mulf %a, %x : tensor<f32>
  func.return %m : tensor<f32>""",
    ),
    "bias": body(
        "%x: tensor<B x 5 x f32>, %b: tensor<5xf32>, %s: f32) -> tensor<B x 5 x f32>",
        """
  %a = array.broadcast %b dims [1] : tensor<5xf32> to tensor<B x 5 x f32>
  %c = array.broadcast %s dims [] : f32 to tensor<B x 5 x f32>
  %d = arith.addf %x, %a : tensor<B x 5 x f32>
  %e = arith.mulf %d, %c : tensor<B x 5 x f32>
  func.return %e : tensor<B x 5 x f32>""",
    ),
    "softmax": body(
        "%x: tensor<B x 5 x f32>) -> tensor<B x 5 x f32>",
        """
  %m = array.reduce max %x dims [1] : tensor<B x 5 x f32>
  %mb = array.broadcast %m dims [0] : tensor<B x f32> to tensor<B x 5 x f32>
  %d = arith.subf %x, %mb : tensor<B x 5 x f32>
  %e = math.exp %d : tensor<B x 5 x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x 5 x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x 5 x f32>
  %r = arith.divf %e, %sb : tensor<B x 5 x f32>
  func.return %r : tensor<B x 5 x f32>""",
    ),
    "transpose and slice as views": body(
        "%x: tensor<B x 5 x f32>, %y: tensor<3 x B x f32>) -> tensor<B x 3 x f32>",
        """
  %s = array.slice %x offsets [0, 1] : tensor<B x 5 x f32> to tensor<B x 3 x f32>
  %t = array.transpose %y permutation [1, 0] : tensor<3 x B x f32>
  %r = arith.mulf %s, %t : tensor<B x 3 x f32>
  func.return %r : tensor<B x 3 x f32>""",
    ),
    "unstack and stack": body(
        "%x: tensor<B x 2 x f32>, %w: tensor<3xf32>) -> tensor<B x 3 x f32>",
        """
  %a, %b = array.unstack %x axis 1 : tensor<B x 2 x f32>
  %u, %v, %q = array.unstack %w axis 0 : tensor<3xf32>
  %ub = array.broadcast %u dims [] : tensor<f32> to tensor<B x f32>
  %n = arith.mulf %a, %ub : tensor<B x f32>
  %o = arith.addf %n, %b : tensor<B x f32>
  %z = array.full 0.5 : f32 to tensor<B x f32>
  %y = array.stack %o, %a, %z axis 1 : tensor<B x f32>, tensor<B x f32>, tensor<B x f32>
  func.return %y : tensor<B x 3 x f32>""",
    ),
    "sums stacked with a constant": body(
        "%x: tensor<B x 2 x f32>) -> (tensor<3xf32>, tensor<B x f32>)",
        """
  %a, %b = array.unstack %x axis 1 : tensor<B x 2 x f32>
  %p = arith.mulf %a, %b : tensor<B x f32>
  %s = array.reduce sum %p dims [0] : tensor<B x f32>
  %t = array.reduce sum %b dims [0] : tensor<B x f32>
  %z = array.full 0.25 : f32 to tensor<f32>
  %y = array.stack %s, %z, %t axis 0 : tensor<f32>, tensor<f32>, tensor<f32>
  func.return %y, %p : tensor<3xf32>, tensor<B x f32>""",
    ),
    "mean": body(
        "%x: tensor<B x 2 x f32>) -> tensor<f32>",
        """
  %s = array.reduce sum %x dims [0, 1] : tensor<B x 2 x f32>
  %n = array.size "2*B" : index
  %i = arith.index_cast %n : index to i64
  %f = arith.sitofp %i : i64 to f32
  %v = array.broadcast %f dims [] : f32 to tensor<f32>
  %r = arith.divf %s, %v : tensor<f32>
  func.return %r : tensor<f32>""",
    ),
    "reshape": body(
        "%x: tensor<B x 2 x 6 x f32>) -> (tensor<2*B x 6 x f32>, tensor<B x 4 x 3 x f32>, tensor<12*B x f32>)",
        """
  %a = array.reshape %x : tensor<B x 2 x 6 x f32> to tensor<2*B x 6 x f32>
  %b = array.reshape %x : tensor<B x 2 x 6 x f32> to tensor<B x 4 x 3 x f32>
  %c = array.reshape %x : tensor<B x 2 x 6 x f32> to tensor<12*B x f32>
  func.return %a, %b, %c : tensor<2*B x 6 x f32>, tensor<B x 4 x 3 x f32>, tensor<12*B x f32>""",
    ),
    "concat and pad": body(
        "%x: tensor<B x 2 x f32>, %y: tensor<B x 3 x f32>) -> (tensor<B x 5 x f32>, tensor<2*B x 2 x f32>, tensor<B + 1 x 5 x f32>)",
        """
  %a = array.concat %x, %y axis 1 : tensor<B x 2 x f32>, tensor<B x 3 x f32>
  %b = array.concat %x, %x axis 0 : tensor<B x 2 x f32>, tensor<B x 2 x f32>
  %c = array.pad %x low [1, 1] high [0, 2] : tensor<B x 2 x f32>
  func.return %a, %b, %c : tensor<B x 5 x f32>, tensor<2*B x 2 x f32>, tensor<B + 1 x 5 x f32>""",
    ),
    "gather and scatter_add": body(
        "%x: tensor<B x 4 x f32>) -> (tensor<B x 3 x f32>, tensor<B x 4 x f32>)",
        """
  %i = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %a = array.gather %x, %i axis 1 : tensor<B x 4 x f32>, tensor<3xi32>
  %b = array.scatter_add %a, %i axis 1 : tensor<B x 3 x f32>, tensor<3xi32> to tensor<B x 4 x f32>
  func.return %a, %b : tensor<B x 3 x f32>, tensor<B x 4 x f32>""",
    ),
    "gather of rows": body(
        "%x: tensor<4 x 6 x f32>) -> (tensor<3 x 6 x f32>, tensor<4 x 6 x f32>)",
        """
  %i = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %a = array.gather %x, %i axis 0 : tensor<4x6xf32>, tensor<3xi32>
  %b = array.scatter_add %a, %i axis 0 : tensor<3x6xf32>, tensor<3xi32> to tensor<4x6xf32>
  func.return %a, %b : tensor<3x6xf32>, tensor<4x6xf32>""",
    ),
    "argmax, iota, cast": body(
        "%x: tensor<B x 4 x f32>) -> (tensor<B x i32>, tensor<B x 4 x i32>, tensor<B x 4 x f64>, tensor<B x 4 x i1>)",
        """
  %a = array.argmax %x axis 1 : tensor<B x 4 x f32>
  %i = array.iota axis 1 : tensor<B x 4 x i32>
  %b = array.broadcast %a dims [0] : tensor<B x i32> to tensor<B x 4 x i32>
  %h = arith.cmpi eq, %i, %b : tensor<B x 4 x i32>
  %d = array.cast %x : tensor<B x 4 x f32> to tensor<B x 4 x f64>
  func.return %a, %i, %d, %h : tensor<B x i32>, tensor<B x 4 x i32>, tensor<B x 4 x f64>, tensor<B x 4 x i1>""",
    ),
    "the same result twice, an argument, a number": body(
        "%x: tensor<B x f32>, %s: f32) -> (tensor<B x f32>, tensor<B x f32>, tensor<B x f32>, f32)",
        """
  %a = math.exp %x : tensor<B x f32>
  %t = arith.mulf %s, %s : f32
  func.return %a, %a, %x, %t : tensor<B x f32>, tensor<B x f32>, tensor<B x f32>, f32""",
    ),
    "call": """
func.func private @g(%x: tensor<B x f32>, %s: f32) -> (tensor<B x f32>, f32) {
  %c = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]> : tensor<17xf32>
  %r = array.reduce sum %c dims [0] : tensor<17xf32>
  %b = array.broadcast %r dims [] : tensor<f32> to tensor<B x f32>
  %y = arith.mulf %x, %b : tensor<B x f32>
  func.return %y, %s : tensor<B x f32>, f32
}
func.func @f(%x: tensor<B x f32>, %s: f32) -> (tensor<B x f32>, f32) {
  %y, %t = func.call @g(%x, %s) : (tensor<B x f32>, f32) -> (tensor<B x f32>, f32)
  %z, %u = func.call @g(%y, %t) : (tensor<B x f32>, f32) -> (tensor<B x f32>, f32)
  func.return %z, %u : tensor<B x f32>, f32
}
""",
}


@pytest.mark.parametrize("pipeline", ["lower-array", "fuse,lower-array"])
@pytest.mark.parametrize("case", CASES)
def test_agrees(case, pipeline):
    lowered(CASES[case], pipeline)


def natively(text: str, prepare: str = "", batch: int = 37) -> None:
    """Compile the functions, with and without vectors, and compare what they give with array level."""
    before = parse_module(text)
    PassManager(parse_pipeline(prepare)).run(before)
    for loops in ("plan-memory", "canonicalize,cse,vectorize,licm,cse,dce,plan-memory"):
        module = parse_module(text)
        PassManager(parse_pipeline(f"{prepare},fuse,lower-array,{loops}".lstrip(","))).run(module)
        with compile_library(module) as library:
            for function in callables(before):
                inputs = function.inputs(1, batch, "ordinary")
                native = library.function(function.name)
                arguments = zip(inputs, native.signature.by_role("input"), strict=True)
                results = native.call([np.asarray(value, argument.dtype) for value, argument in arguments])
                for expected, found in zip(function.bounded(inputs), results, strict=True):
                    allowed = 0.0 if error_of(expected) is None else 2 * np.asarray(error_of(expected))
                    assert (np.abs(value_of(expected) - found.astype(np.float64)) <= allowed).all(), function.name


@pytest.mark.parametrize("case", CASES)
def test_agrees_natively(case):
    natively(CASES[case])


@pytest.mark.parametrize("kind", ["sum", "product", "max", "min"])
@pytest.mark.parametrize("dims", ["0", "1", "2", "0, 2", "1, 2", "0, 1, 2"])
@pytest.mark.parametrize("element", ["f32", "i32"])
def test_reduce(kind, dims, element):
    lowered(reduction(kind, dims, element))


@pytest.mark.parametrize("kind", ["max", "min"])
def test_the_greater_of_two_bits_is_true(kind):
    lowered(reduction(kind, "1", "i1"))


def reduction(kind: str, dims: str, element: str) -> str:
    kept = [d for at, d in enumerate(("B", "3", "2")) if str(at) not in dims]
    result = f"tensor<{' x '.join([*kept, element])}>"
    source = f"tensor<B x 3 x 2 x {element}>"
    text = f"%r = array.reduce {kind} %x dims [{dims}] : {source}\n func.return %r : {result}"
    return body(f"%x: {source}) -> {result}", text)


@pytest.mark.parametrize(
    "equation",
    ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->nm", "mn,mn->mn", "mn,mn->", "mk,k->m", "k,kn->n", "m,n->mn"]
    + ["bmk,bkn->bmn", "bmk,bnk->bmn", "bmk,bkn->nmb", "mkl,lkn->mn", "bm,bn->mn", "mb,nb->bmn", ",->"],
)
def test_contract(equation):
    sizes = {"b": "B", "m": "11", "n": "9", "k": "4", "l": "3"}
    inputs, out = equation.split("->")

    def type_of(letters: str) -> str:
        return f"tensor<{' x '.join([*(sizes[c] for c in letters), 'f32'])}>"

    a, b = (type_of(part) for part in inputs.split(","))
    text = f'%r = array.contract "{equation}" %x, %y : {a}, {b}\n func.return %r : {type_of(out)}'
    module = body(f"%x: {a}, %y: {b}) -> {type_of(out)}", text)
    lowered(module)
    natively(module)


def test_an_op_without_a_strategy_is_an_error():
    """A tensor may come out of no op of another level."""
    text = body(
        "%x: tensor<B x 2 x f32>) -> tensor<B x 2 x f32>",
        """
  %y = math.tanh %x : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>""",
    )

    class Unknown(Operation):
        """An op that lower-array has never heard of."""

        name = "array.unknown"
        x = operand(TENSOR)
        y = result(TENSOR)
        traits = frozenset({PURE})

    module = parse_module(text)
    (old,) = [op for op in module.walk() if op.name == "math.tanh"]
    Builder.before(old).insert(new := Unknown(old.operands, [old.result.type], location=old.location))
    old.replace_by(new.results)
    with pytest.raises(Error, match=r"<string>:3:3: error: 'array.unknown' is left over after lower-array"):
        PassManager(parse_pipeline("lower-array"), verify_each=False).run(module)


def test_results_are_written_where_the_caller_wants_them():
    after = lowered(CASES["elementwise"], "fuse,lower-array")
    assert not any(op.name == "loop.alloc" for op in after.walk())
    function = after.function("f")
    assert isinstance(function, FuncOp)
    assert [a.name_hint for a in function.arguments] == ["B", "x", "y", "m"]


def test_one_group_is_one_nest_with_one_vectorised_loop():
    after = lowered(CASES["bias"], "fuse,lower-array")
    loops = [op for op in after.walk() if isinstance(op, For)]
    assert [("parallel" in op.attributes, "vectorize" in op.attributes) for op in loops] == [
        (True, True),
        (True, False),
    ]
    assert sum(isinstance(op, Store) for op in after.walk()) == 1


def test_recursion_is_an_error():
    text = """
func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = func.call @f(%x) : (tensor<B x f32>) -> tensor<B x f32>
  func.return %y : tensor<B x f32>
}"""
    with pytest.raises(Error, match="@f calls itself"):
        PassManager(parse_pipeline("lower-array")).run(parse_module(text))


def test_a_group_over_two_spaces_is_an_error():
    text = body(
        "%x: tensor<B x 2 x f32>, %y: tensor<7 x 9 x f32>) -> (tensor<B x f32>, tensor<7xf32>)",
        """
  %r:2 = array.fused(%a = %x : tensor<B x 2 x f32>, %b = %y : tensor<7x9xf32>) -> (tensor<B x f32>, tensor<7xf32>) {
    %s = array.reduce sum %a dims [1] : tensor<B x 2 x f32>
    %t = array.reduce sum %b dims [1] : tensor<7x9xf32>
    array.yield %s, %t : tensor<B x f32>, tensor<7xf32>
  }
  func.return %r#0, %r#1 : tensor<B x f32>, tensor<7xf32>""",
    )
    with pytest.raises(Error, match="runs over"):
        PassManager(parse_pipeline("lower-array")).run(parse_module(text))


# -- irregular nets --------------------------------------------------------------------------------------------------

AGGREGATIONS = ("sum", "mean", "product", "max", "min", "maxabs", "median")
ACTIVATIONS = ("tanh", "relu", "sigmoid", "relu_leaky")


def random_net(seed: int, kinds: list[tuple[str, str]], inputs: int = 3, rows: int = 7) -> str:
    """The topology arguments of a random net, as bound arguments in text, and its kinds."""
    generator = np.random.default_rng(seed)
    offsets, sources, segments = [0], [], []
    for row in range(rows):
        fan_in = int(generator.integers(1, 4))
        sources += generator.integers(0, inputs + row, fan_in).tolist()
        offsets.append(len(sources))
        segments.append([row, row + 1, int(generator.integers(0, len(kinds)))])
    edges = len(sources)
    parameters = edges + rows
    weights = [int(p) if generator.random() < 0.8 else -1 for p in generator.integers(0, parameters, edges)]
    biases = [int(p) if generator.random() < 0.7 else -1 for p in generator.integers(0, parameters, rows)]
    outputs = [inputs + rows - 1, inputs + rows - 2, 0, inputs + rows - 1]
    topology = {"offsets": offsets, "sources": sources, "weights": weights, "biases": biases, "segments": segments}
    topology["outputs"] = outputs
    arguments, types = [], []
    for name, values in topology.items():
        shape = "x".join(map(str, np.shape(values)))
        types.append(f"tensor<{shape}xi32>")
        arguments.append(f"%{name}: {types[-1]} {{irc.data = dense<{values}> : {types[-1]}}}")
    shown = ", ".join(f"#array.kind<{activation}, {aggregation}>" for activation, aggregation in kinds)
    names = ", ".join(f"%{name}" for name in topology)
    x, w, y = f"tensor<B x {inputs} x f32>", f"tensor<{parameters}xf32>", f"tensor<B x {len(outputs)} x f32>"
    typed = ", ".join([x, w, *types])
    return f"""
func.func @f(%x: {x}, %w: {w}, {", ".join(arguments)}) -> {y} {{
  %y = array.dag %x, %w, {names} kinds [{shown}] : {typed}
  func.return %y : {y}
}}
"""


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_dag_of_one_kind(activation, aggregation):
    lowered(random_net(1, [(activation, aggregation)]))


@pytest.mark.parametrize("seed", range(4))
def test_dag_of_many_kinds_and_its_gradient(seed):
    kinds = [(ACTIVATIONS[(seed + i) % len(ACTIVATIONS)], a) for i, a in enumerate(AGGREGATIONS)]
    text = random_net(seed, kinds)
    lowered(text, "autodiff,fuse,lower-array")
    natively(text, "autodiff")


def test_a_trained_layer_net_with_its_loss():
    text = (Path(__file__).parent.parent / "ir" / "mlp.mlir").read_text()
    lowered(text, "autodiff,fuse,lower-array")
    natively(text, "autodiff")


def test_buffers_of_a_loop_level_function_are_filled():
    after = lowered(CASES["elementwise"])
    x = np.ones((2, 3), np.float32)
    out = Buffer(np.zeros((2, 3), np.float32))
    Interpreter(after).call("f", [2, x, x, out])
    assert np.allclose(out.value, np.tanh(2.0))
