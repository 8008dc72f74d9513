"""The array dialect, op by op: types and their errors, values against NumPy, derivatives, error bounds, folds, text."""

from pathlib import Path

import numpy as np
import pytest

from irc.dialects.array.contract import parse_equation
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.passes.autodiff import Autodiff
from irc.passes.canonicalize import Canonicalize
from irc.passmanager import PassContext
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.gradients import check_bounds, check_vjp, differentiated, run
from support.mlir import accepts

rng = np.random.default_rng(1)


def function(arguments: str, results: str, body: str) -> str:
    """The text of a function @f."""
    return f"func.func @f({arguments}) -> {results} {{\n{body}\n}}"


def unary(operation: str, source: str, target: str) -> str:
    """@f of one tensor, by one op; ``operation`` leaves out the types."""
    free = ("array.broadcast", "array.reshape", "array.slice", "array.cast")  # whose result types do not follow
    to = f" to {target}" if operation.startswith(free) else ""
    return function(f"%x: {source}", target, f"%y = {operation} : {source}{to}\nfunc.return %y : {target}")


X = "tensor<B x 4 x f32>"
x = rng.normal(size=(3, 4))
REAL = [
    ("array.broadcast %x dims [0, 2]", X, "tensor<B x 2 x 4 x f32>", lambda a: np.broadcast_to(a[:, None], (3, 2, 4))),
    ("array.reshape %x", X, "tensor<2 x 2*B x f32>", lambda a: a.reshape(2, 6)),
    ("array.transpose %x permutation [1, 0]", X, "tensor<4 x B x f32>", lambda a: a.T),
    ("array.slice %x offsets [0, 1]", X, "tensor<B x 2 x f32>", lambda a: a[:, 1:3]),
    ("array.pad %x low [1, 0] high [\"B\", 2]", X, "tensor<2*B + 1 x 6 x f32>", lambda a: np.pad(a, ((1, 3), (0, 2)))),
    ("array.cast %x", X, "tensor<B x 4 x f64>", lambda a: a),
    ("array.reduce sum %x dims [0]", X, "tensor<4xf32>", lambda a: a.sum(0)),
    ("array.reduce sum %x dims [0, 1]", X, "tensor<f32>", lambda a: a.sum()),
    ("array.reduce product %x dims [1]", X, "tensor<B x f32>", lambda a: a.prod(1)),
    ("array.reduce max %x dims [1]", X, "tensor<B x f32>", lambda a: a.max(1)),
    ("array.reduce max %x dims [0]", X, "tensor<4xf32>", lambda a: a.max(0)),
    ("array.reduce min %x dims [0, 1]", X, "tensor<f32>", lambda a: a.min()),
    ("array.stack %x axis 2", X, "tensor<B x 4 x 1 x f32>", lambda a: a[..., None]),
    ("array.concat %x axis 1", X, X, lambda a: a),
]  # fmt: skip
SEVERAL = [
    (
        "concat",
        function("%a: tensor<B x 2 x f32>, %b: tensor<B x 3 x f32>", "tensor<B x 5 x f32>",
                 "%y = array.concat %a, %b axis 1 : tensor<B x 2 x f32>, tensor<B x 3 x f32>\n"
                 "func.return %y : tensor<B x 5 x f32>"),
        [rng.normal(size=(3, 2)), rng.normal(size=(3, 3))],
        lambda a, b: [np.concatenate([a, b], 1)],
    ),
    (
        "concat along sizes that are symbols",
        function("%a: tensor<B x f32>, %b: tensor<T x f32>", "tensor<B + T x f32>",
                 "%y = array.concat %a, %b axis 0 : tensor<B x f32>, tensor<T x f32>\n"
                 "func.return %y : tensor<B + T x f32>"),
        [rng.normal(size=3), rng.normal(size=2)],
        lambda a, b: [np.concatenate([a, b])],
    ),
    (
        "stack",
        function("%a: tensor<B x f32>, %b: tensor<B x f32>", "tensor<B x 2 x f32>",
                 "%y = array.stack %a, %b axis 1 : tensor<B x f32>, tensor<B x f32>\n"
                 "func.return %y : tensor<B x 2 x f32>"),
        [rng.normal(size=3), rng.normal(size=3)],
        lambda a, b: [np.stack([a, b], 1)],
    ),
    (
        "unstack, one part unused",
        function("%a: tensor<B x 3 x f32>", "(tensor<B x f32>, tensor<B x f32>)",
                 "%p, %q, %r = array.unstack %a axis 1 : tensor<B x 3 x f32>\n"
                 "func.return %r, %p : tensor<B x f32>, tensor<B x f32>"),
        [rng.normal(size=(4, 3))],
        lambda a: [a[:, 2], a[:, 0]],
    ),
    (
        "gather with repetition",
        function("%a: tensor<B x 5 x f32>, %i: tensor<2x3xi32>", "tensor<B x 2 x 3 x f32>",
                 "%y = array.gather %a, %i axis 1 : tensor<B x 5 x f32>, tensor<2x3xi32>\n"
                 "func.return %y : tensor<B x 2 x 3 x f32>"),
        [rng.normal(size=(3, 5)), np.array([[0, 4, 0], [1, 1, 2]])],
        lambda a, i: [a[:, i]],
    ),
    (
        "scatter_add with repetition",
        function("%u: tensor<3 x B x f32>, %i: tensor<3xi32>", "tensor<4 x B x f32>",
                 "%y = array.scatter_add %u, %i axis 0 : tensor<3 x B x f32>, tensor<3xi32> to tensor<4 x B x f32>\n"
                 "func.return %y : tensor<4 x B x f32>"),
        [rng.normal(size=(3, 2)), np.array([3, 1, 3])],
        lambda u, i: [np.stack([0 * u[0], u[1], 0 * u[0], u[0] + u[2]])],
    ),
    (
        "contract",
        function("%a: tensor<B x 4 x f32>, %b: tensor<2x4xf32>", "tensor<B x 2 x f32>",
                 '%y = array.contract "mk,nk->mn" %a, %b : tensor<B x 4 x f32>, tensor<2x4xf32>\n'
                 'func.return %y : tensor<B x 2 x f32>'),
        [rng.normal(size=(3, 4)), rng.normal(size=(2, 4))],
        lambda a, b: [a @ b.T],
    ),
    (
        "batched contract with an outer product",
        function("%a: tensor<B x 4 x f32>, %b: tensor<B x 2 x f32>", "tensor<2 x B x 4 x f32>",
                 '%y = array.contract "bi,bj->jbi" %a, %b : tensor<B x 4 x f32>, tensor<B x 2 x f32>\n'
                 'func.return %y : tensor<2 x B x 4 x f32>'),
        [rng.normal(size=(3, 4)), rng.normal(size=(3, 2))],
        lambda a, b: [np.einsum("bi,bj->jbi", a, b)],
    ),
    (
        "a number to a tensor and back",
        function("%s: f32, %a: tensor<B x f32>", "f32",
                 "%v = array.broadcast %s dims [] : f32 to tensor<B x f32>\n%m = arith.mulf %v, %a : tensor<B x f32>\n"
                 "%t = array.reduce sum %m dims [0] : tensor<B x f32>\n%y = array.item %t : tensor<f32>\n"
                 "func.return %y : f32"),
        [1.5, rng.normal(size=3)],
        lambda s, a: [(s * a).sum()],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "source", "target", "expected"), REAL, ids=[r[0] for r in REAL])
def test_one_operand(operation, source, target, expected):
    module = differentiated(unary(operation, source, target))
    (result,) = run(module, "f", [x])
    np.testing.assert_allclose(result, expected(x), rtol=1e-14)
    check_vjp(module, [x])
    for name, arguments in (("f", [x]), ("f_vjp", [x, rng.normal(size=result.shape)])):
        check_bounds(module, name, arguments)


@pytest.mark.parametrize(("text", "arguments", "expected"), [s[1:] for s in SEVERAL], ids=[s[0] for s in SEVERAL])
def test_several_operands(text, arguments, expected):
    module = differentiated(text)
    results = run(module, "f", arguments)
    for result, want in zip(results, expected(*arguments), strict=True):
        np.testing.assert_allclose(result, want, rtol=1e-14)
    check_vjp(module, arguments)
    check_bounds(module, "f", arguments)
    check_bounds(module, "f_vjp", [*arguments, *(rng.normal(size=np.shape(r)) for r in results)])


def twice_differentiated(text):
    """A module with @f, @f_vjp and @f_vjp_vjp."""
    module = differentiated(text)
    Autodiff(of=("f_vjp",)).run(module, PassContext())
    verify(module)
    return module


@pytest.mark.parametrize(("operation", "source", "target", "expected"), REAL, ids=[r[0] for r in REAL])
def test_second_derivatives_of_one_operand(operation, source, target, expected):
    module = twice_differentiated(unary(operation, source, target))
    check_vjp(module, [x, rng.normal(size=np.shape(expected(x)))], name="f_vjp")


@pytest.mark.parametrize(("text", "arguments", "expected"), [s[1:] for s in SEVERAL], ids=[s[0] for s in SEVERAL])
def test_second_derivatives_of_several_operands(text, arguments, expected):
    cotangents = [rng.normal(size=np.shape(r)) for r in expected(*arguments)]
    check_vjp(twice_differentiated(text), [*arguments, *cotangents], name="f_vjp")


def test_bounds_cover_a_maximum_that_rounding_decides():
    text = function(
        "%x: tensor<B x f32>, %c: tensor<B x f32>",
        "tensor<f32>",
        "%p = arith.mulf %x, %c : tensor<B x f32>\n%y = array.reduce max %p dims [0] : tensor<B x f32>\n"
        "func.return %y : tensor<f32>",
    )
    third = np.float32(1) / np.float32(3)
    check_bounds(differentiated(text), "f_vjp", [np.array([third, 1.0]), np.array([3.0, 1.0]), 1.0])


def test_derivative_of_a_product_with_zeros():
    module = differentiated(unary("array.reduce product %x dims [1]", X, "tensor<B x f32>"))
    values = np.array([[2.0, 3.0, 5.0, 7.0], [2.0, 0.0, 5.0, 7.0], [0.0, 3.0, 0.0, 7.0]])
    _, dx = run(module, "f_vjp", [values, np.ones(3)])
    others = np.stack([np.delete(values, i, 1).prod(1) for i in range(4)], 1)
    np.testing.assert_allclose(dx, others)


@pytest.mark.parametrize("kind", ["max", "min"])
def test_ties_give_the_gradient_to_the_first(kind):
    module = differentiated(unary(f"array.reduce {kind} %x dims [0, 1]", X, "tensor<f32>"))
    _, dx = run(module, "f_vjp", [np.full((2, 4), 3.0), 1.0])
    assert dx[0, 0] == 1.0 and dx.sum() == 1.0


def test_neutral_elements_where_nothing_is_reduced():
    for kind, expected in (("sum", 0.0), ("product", 1.0), ("max", -np.inf), ("min", np.inf)):
        module = parse_module(unary(f"array.reduce {kind} %x dims [0]", X, "tensor<4xf32>"))
        np.testing.assert_array_equal(run(module, "f", [np.zeros((0, 4))])[0], np.full(4, expected))


def test_sizes_iota_and_argmax():
    module = parse_module(
        "func.func @f(%x: tensor<B x 3 x f32>) -> (tensor<B x i32>, tensor<B x 3 x i64>, index) {\n"
        "  %a = array.argmax %x axis 1 : tensor<B x 3 x f32>\n"
        "  %i = array.iota axis 1 : tensor<B x 3 x i64>\n"
        '  %n = array.size "2*B + 1" : index\n'
        "  func.return %a, %i, %n : tensor<B x i32>, tensor<B x 3 x i64>, index\n}"
    )
    best, numbers, size = run(module, "f", [[[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]]])
    np.testing.assert_array_equal(best, [1, 0])
    np.testing.assert_array_equal(numbers, [[0, 1, 2]] * 2)
    assert size == 5


def test_cast_rounds_to_the_declared_type():
    module = parse_module(
        "func.func @f(%x: tensor<B x f64>) -> (tensor<B x bf16>, tensor<B x i32>) {\n"
        "  %h = array.cast %x : tensor<B x f64> to tensor<B x bf16>\n"
        "  %i = array.cast %x : tensor<B x f64> to tensor<B x i32>\n"
        "  func.return %h, %i : tensor<B x bf16>, tensor<B x i32>\n}"
    )
    half, whole = run(module, "f", [[1.00390625, -2.75]], "declared")
    np.testing.assert_array_equal(half, [1.0, -2.75])
    np.testing.assert_array_equal(whole, [1, -2])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%y = array.broadcast %x dims [1] : tensor<B x 4 x f32> to tensor<B x 4 x f32>", "dims must name 2"),
        ("%y = array.broadcast %x dims [0, 1] : tensor<B x 4 x f32> to tensor<B x 5 x f32>", "5 is not 4"),
        ("%y = array.broadcast %x dims [1, 0] : tensor<B x 4 x f32> to tensor<4 x B x f32>", "ascending"),
        ("%y = array.reshape %x : tensor<B x 4 x f32> to tensor<2*B + 1 x 2 x f32>", r"4\*B \+ 2 is not 4\*B"),
        ("%y = array.transpose %x permutation [0, 0] : tensor<B x 4 x f32>", "no permutation"),
        ("%y = array.concat %x, %c axis 0 : tensor<B x 4 x f32>, tensor<5 x C x f32>", "C is not 4"),
        ("%y = array.slice %x offsets [0, 2] : tensor<B x 4 x f32> to tensor<B x 3 x f32>", "from 2 to 5 may leave 0"),
        ("%y = array.slice %x offsets [1, 0] : tensor<B x 4 x f32> to tensor<B x 4 x f32>", "from 1 to B [+] 1"),
        ("%y = array.pad %x low [0, -1] high [0, 0] : tensor<B x 4 x f32>", "must not be negative"),
        ("%y = array.stack %x, %c axis 0 : tensor<B x 4 x f32>, tensor<5 x C x f32>", "must have one type"),
        ("%y:2 = array.unstack %x axis 0 : tensor<B x 4 x f32>", "dimension 0 of .* must be a number"),
        ("%y = array.reduce median %x dims [0] : tensor<B x 4 x f32>", "there is no reduction"),
        ("%y = array.reduce sum %x dims [2] : tensor<B x 4 x f32>", "ascending dimensions"),
        ('%y = array.contract "bi,jo->bo" %x, %c : tensor<B x 4 x f32>, tensor<5 x C x f32>', "'i' .* at least two"),
        ('%y = array.contract "bi,oi->bo" %x, %c : tensor<B x 4 x f32>, tensor<5 x C x f32>', "'i' .* is 4 .* C"),
        ("%y = array.argmax %x axis 2 : tensor<B x 4 x f32>", "there is no axis 2"),
        ("%y = array.item %x : tensor<B x 4 x f32>", "without dimensions"),
        ('%y = array.size "B +" : index', "expected a number, a symbol"),
        ("%y = array.full 1.0 : f64 to tensor<B x f32>", "the number is of type f64, the elements of f32"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error_that_names_it(body, message):
    with pytest.raises(Error, match=message) as caught:
        verify(parse_module(function("%x: tensor<B x 4 x f32>, %c: tensor<5 x C x f32>", "()", body + "\nfunc.return")))
    assert caught.value.diagnostics[0].line == 2


@pytest.mark.parametrize(
    ("equation", "message"),
    [("ab,bc", "no equation"), ("ab->a", "no equation"), ("aab,b->a", "stands twice"), ("a1,b->a", "no equation")],
)
def test_equations_that_are_none(equation, message):
    with pytest.raises(ValueError, match=message):
        parse_equation(equation)


def test_an_index_outside_is_an_error():
    text = SEVERAL[4][1]
    with pytest.raises(Error, match="index 5 is outside of 0 to 4"):
        Interpreter(parse_module(text)).call("f", [np.zeros((3, 5)), np.array([[0, 1, 2], [3, 4, 5]])])


def simplified(body: str, result: str) -> str:
    """@f of %x and the scalar %s after canonicalize, without its first and last line."""
    module = parse_module(function("%x: tensor<B x 4 x f32>, %s: f32", result, body))
    Canonicalize().run(module, PassContext())
    verify(module)
    return "\n".join(line.strip() for line in print_module(module).split("\n")[2:-3])


@pytest.mark.parametrize(
    ("body", "result", "expected"),
    [
        ("%a = array.reshape %x : tensor<B x 4 x f32> to tensor<4*B x f32>\n"
         "%y = array.reshape %a : tensor<4*B x f32> to tensor<B x 4 x f32>\nfunc.return %y : tensor<B x 4 x f32>",
         X, "func.return %x : tensor<B x 4 x f32>"),
        ("%a = array.transpose %x permutation [1, 0] : tensor<B x 4 x f32>\n"
         "%y = array.transpose %a permutation [1, 0] : tensor<4 x B x f32>\nfunc.return %y : tensor<B x 4 x f32>",
         X, "func.return %x : tensor<B x 4 x f32>"),
        ("%y = array.broadcast %x dims [0, 1] : tensor<B x 4 x f32> to tensor<B x 4 x f32>\n"
         "func.return %y : tensor<B x 4 x f32>", X, "func.return %x : tensor<B x 4 x f32>"),
        ("%a = array.broadcast %s dims [] : f32 to tensor<B x f32>\n"
         "%y = array.broadcast %a dims [0] : tensor<B x f32> to tensor<B x 4 x f32>\n"
         "func.return %y : tensor<B x 4 x f32>", X,
         "%y = array.broadcast %s dims [] : f32 to tensor<B x 4 x f32>\nfunc.return %y : tensor<B x 4 x f32>"),
        ("%a = array.slice %x offsets [0, 1] : tensor<B x 4 x f32> to tensor<B x 3 x f32>\n"
         "%y = array.slice %a offsets [0, 1] : tensor<B x 3 x f32> to tensor<B x 1 x f32>\n"
         "func.return %y : tensor<B x 1 x f32>", "tensor<B x 1 x f32>",
         "%y = array.slice %x offsets [0, 2] : tensor<B x 4 x f32> to tensor<B x 1 x f32>\n"
         "func.return %y : tensor<B x 1 x f32>"),
        ("%i = arith.constant dense<[0, 1, 2, 3]> : tensor<4xi32>\n"
         "%y = array.gather %x, %i axis 1 : tensor<B x 4 x f32>, tensor<4xi32>\nfunc.return %y : tensor<B x 4 x f32>",
         X, "func.return %x : tensor<B x 4 x f32>"),
        ("%p:4 = array.unstack %x axis 1 : tensor<B x 4 x f32>\n"
         "%y = array.stack %p#0, %p#1, %p#2, %p#3 axis 1 : tensor<B x f32>, "
         "tensor<B x f32>, tensor<B x f32>, tensor<B x f32>\n"
         "func.return %y : tensor<B x 4 x f32>", X, "func.return %x : tensor<B x 4 x f32>"),
        ("%n = array.size \"2 + 3\" : index\nfunc.return %n : index", "index",
         "%n = arith.constant 5 : index\nfunc.return %n : index"),
    ],
)  # fmt: skip
def test_folds(body, result, expected):
    assert simplified(body, result) == expected


def test_constants_move_through_shape_ops():
    text = simplified(
        "%c = array.full 2.0 : f32 to tensor<4 x B x f32>\n"
        "%t = array.transpose %c permutation [1, 0] : tensor<4 x B x f32>\n"
        "%r = array.reshape %t : tensor<B x 4 x f32> to tensor<4*B x f32>\nfunc.return %r : tensor<4*B x f32>",
        "tensor<4*B x f32>",
    )
    assert text.startswith("%r = array.full 2.000000e+00 : f32 to tensor<4*B x f32>")


def test_stock_mlir_accepts_the_generic_form():
    directory = Path(__file__).parents[1]
    for path in (directory / "filecheck" / "dialects" / "array.mlir", directory / "ir" / "mlp.mlir"):
        module = differentiated(path.read_text()) if path.stem == "mlp" else parse_module(path.read_text())
        text = print_module(module, generic=True)
        assert print_module(parse_module(accepts(text)), generic=True).count(" = ") == text.count(" = ")


def test_fused_means_what_its_ops_mean():
    text = function(
        "%x: tensor<B x f32>",
        "(tensor<B x f32>, tensor<f32>)",
        "%y:2 = array.fused(%a = %x : tensor<B x f32>) -> (tensor<B x f32>, tensor<f32>) {\n"
        "  %t = math.tanh %a : tensor<B x f32>\n  %s = array.reduce sum %t dims [0] : tensor<B x f32>\n"
        "  array.yield %t, %s : tensor<B x f32>, tensor<f32>\n}\nfunc.return %y#0, %y#1 : tensor<B x f32>, tensor<f32>",
    )
    module = parse_module(text)
    assert print_module(parse_module(print_module(module))) == print_module(module)
    values, total = run(module, "f", [x[0]])
    np.testing.assert_allclose(values, np.tanh(x[0]))
    np.testing.assert_allclose(total, np.tanh(x[0]).sum())
    check_bounds(module, "f", [x[0]])
    with pytest.raises(Error, match=r"array.fused has no derivative: run autodiff before fuse"):
        differentiated(text)
