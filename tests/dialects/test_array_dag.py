"""array.dag and its gradient: values against one formula per neuron, gradients, bounds, and unsound graphs."""

import numpy as np
import pytest

from irc.dialects.activations import ACTIVATIONS
from irc.dialects.array import Kind, check_topology
from irc.dialects.array.kind import AGGREGATIONS
from irc.interpreter import Interpreter
from irc.ir.diagnostics import Error
from irc.ir.verifier import verify
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.gradients import check_bounds, check_vjp, differentiated, run

CONSTANTS = 1e-6
"""How far an activation is off because its constants, such as 0.1, are of type f32 in an f32 net."""
OPERANDS = {
    "x": "tensor<B x I x f32>",
    "w": "tensor<P x f32>",
    "offsets": "tensor<R + 1 x i32>",
    "sources": "tensor<E x i32>",
    "weights": "tensor<E x i32>",
    "biases": "tensor<R x i32>",
    "segments": "tensor<S x 3 x i32>",
    "outputs": "tensor<O x i32>",
}


def text_of(kinds) -> str:
    arguments = ", ".join(f"%{name}: {type}" for name, type in OPERANDS.items())
    return (
        f"func.func @f({arguments}) -> tensor<B x O x f32> {{\n"
        f"  %y = array.dag {', '.join('%' + n for n in OPERANDS)} kinds [{', '.join(map(str, kinds))}]"
        f" : {', '.join(OPERANDS.values())}\n  func.return %y : tensor<B x O x f32>\n}}"
    )


def random_dag(kinds, seed=0, inputs=3, rows=6, samples=4, parameters=9):
    """Operands for a net in which each kind has its rows; weights are shared, some are 1, some rows have a bias."""
    rng = np.random.default_rng(seed)
    offsets, sources, weights, segments = [0], [], [], []
    bounds = np.linspace(0, rows, len(kinds) + 1).astype(int)
    for number in range(len(kinds)):
        segments.append((bounds[number], bounds[number + 1], number))
    for row in range(rows):
        count = rng.integers(1, 5)
        sources += rng.integers(0, inputs + row, count).tolist()
        weights += rng.integers(-1, parameters, count).tolist()
        offsets.append(len(sources))
    return [
        rng.normal(size=(samples, inputs)),
        rng.normal(size=parameters),
        offsets,
        sources,
        weights,
        rng.integers(-1, parameters, rows),
        segments,
        [inputs + rows - 1, 0, inputs, inputs + rows - 1],
    ]


AGGREGATE = {
    "sum": np.sum,
    "product": np.prod,
    "max": np.max,
    "min": np.min,
    "mean": np.mean,
    "maxabs": lambda terms: max(terms, key=abs),
    "median": np.median,
}


def by_formula(kinds, x, w, offsets, sources, weights, biases, segments, outputs):
    """What array.dag says, neuron by neuron and sample by sample."""
    kind_of = [k for first, end, k in segments for _ in range(first, end)]
    found = []
    for sample in x:
        n = list(sample)
        for row, number in enumerate(kind_of):
            edges = range(offsets[row], offsets[row + 1])
            terms = np.array([n[sources[e]] * (w[weights[e]] if weights[e] >= 0 else 1.0) for e in edges])
            kind = kinds[number]
            z = AGGREGATE[kind.aggregation](terms)
            z += w[biases[row]] if biases[row] >= 0 else 0.0
            n.append(ACTIVATIONS[kind.activation].evaluate(np.float64(z), kind.parameter)[()])
        found.append([n[o] for o in outputs])
    return np.array(found)


MIXED = [Kind("tanh"), Kind("relu_leaky", 0.3, "max"), Kind("sigmoid", None, "product"), Kind("gelu", None, "mean")]


@pytest.mark.parametrize("kinds", [*[[Kind("tanh", None, a)] for a in AGGREGATIONS], MIXED], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_value_gradient_and_bounds(kinds, seed):
    module = differentiated(text_of(kinds))
    arguments = random_dag(kinds, seed)
    np.testing.assert_allclose(run(module, "f", arguments)[0], by_formula(kinds, *arguments), rtol=CONSTANTS)
    check_vjp(module, arguments, seed)
    check_bounds(module, "f", arguments)
    check_bounds(module, "f_vjp", [*arguments, np.random.default_rng(seed).normal(size=(4, 4))])


@pytest.mark.parametrize("name", [a.name for a in ACTIVATIONS.values() if not a.whole_layer])
def test_every_activation(name):
    module = differentiated(text_of([Kind(name)]))
    arguments = random_dag([Kind(name)], 5)
    wanted = by_formula([Kind(name)], *arguments)
    np.testing.assert_allclose(run(module, "f", arguments)[0], wanted, rtol=CONSTANTS, atol=1e-12)
    check_vjp(module, arguments)


def test_no_samples_and_no_edges():
    module = differentiated(text_of([Kind("sigmoid")]))
    graph = [[0, 0, 0], [], [], [-1, 1], [(0, 2, 0)], [1, 2]]
    (y,) = run(module, "f", [np.zeros((0, 1)), np.zeros(2), *graph])
    assert y.shape == (0, 2)
    (y, dx, dw) = run(module, "f_vjp", [np.zeros((1, 1)), np.array([5.0, 0.0]), *graph, np.ones((1, 2))])
    np.testing.assert_allclose(y, [[0.5, 0.5]])
    np.testing.assert_allclose(dx, [[0.0]])
    np.testing.assert_allclose(dw, [0.0, 0.25])


def test_ties_of_max_give_the_gradient_to_the_first_and_zeros_of_products_are_exact():
    graph = [[0, 2], [0, 1], [-1, -1], [-1], [(0, 1, 0)], [2]]
    module = differentiated(text_of([Kind("identity", None, "max")]))
    _, dx, _ = run(module, "f_vjp", [np.full((1, 2), 2.0), np.zeros(0), *graph, np.ones((1, 1))])
    np.testing.assert_array_equal(dx, [[1.0, 0.0]])
    module = differentiated(text_of([Kind("identity", None, "product")]))
    _, dx, _ = run(module, "f_vjp", [np.array([[0.0, 3.0]]), np.zeros(0), *graph, np.ones((1, 1))])
    np.testing.assert_array_equal(dx, [[3.0, 0.0]])


@pytest.mark.parametrize(
    ("how", "terms", "value", "shares"),
    [
        ("maxabs", [1.0, -3.0, 3.0], -3.0, [0, 1, 0]),  # the first of equal ones
        ("maxabs", [3.0, -3.0, 2.0], 3.0, [1, 0, 0]),
        ("median", [5.0], 5.0, [1]),
        ("median", [2.0, -4.0], -1.0, [0.5, 0.5]),
        ("median", [3.0, 1.0, 2.0], 2.0, [0, 0, 1]),
        ("median", [2.0, 2.0, 2.0], 2.0, [0, 1, 0]),  # equal ones are in the order of the edges
        ("median", [4.0, 1.0, 1.0, 9.0], 2.5, [0.5, 0, 0.5, 0]),
        ("median", [1.0, 1.0, 1.0, 1.0], 1.0, [0, 0.5, 0.5, 0]),
    ],
)
def test_what_is_chosen(how, terms, value, shares):
    n = len(terms)
    graph = [[0, n], list(range(n)), [-1] * n, [-1], [(0, 1, 0)], [n]]
    module = differentiated(text_of([Kind("identity", None, how)]))
    y, dx, _ = run(module, "f_vjp", [np.array([terms]), np.zeros(0), *graph, np.ones((1, 1))])
    assert y.tolist() == [[value]] and dx.tolist() == [shares]


def test_text_reads_back():
    module = differentiated(text_of(MIXED))
    for generic in (False, True):
        text = print_module(module, generic=generic)
        assert print_module(parse_module(text), generic=generic) == text


SOUND = {
    "offsets": [0, 1, 3],
    "sources": [0, 1, 2],
    "weights": [0, 1, -1],
    "biases": [-1, 2],
    "segments": [(0, 1, 0), (1, 2, 1)],
    "outputs": [3],
}


def check(**changes):
    check_topology(**{**SOUND, **changes}, inputs=2, parameters=3, kinds=[Kind("relu"), Kind("tanh", None, "max")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offsets": [0, 1]}, "there must be 3 offsets"),
        ({"offsets": [0, 1, 2]}, "from 0 to the number of edges, 3"),
        ({"offsets": [0, 4, 3]}, "descend, as they do after row 1"),
        ({"sources": [2, 1, 2]}, "edge 0 must come from an input or from a row before"),
        ({"sources": [0, -1, 2]}, "edge 1 must come from"),
        ({"sources": [0, 1]}, r"\(2,\) sources and \(3,\) weights"),
        ({"weights": [0, 3, -1]}, "weight of edge 1 is outside of -1 to 2"),
        ({"biases": [-2, 2]}, "bias of row 0 is outside of -1 to 2"),
        ({"segments": [(0, 1, 0), (1, 2, 2)]}, "kind of segment 1 is outside of 0 to 1"),
        ({"segments": [(0, 1, 0)]}, "cover the rows 0 to 2"),
        ({"segments": [(1, 2, 0), (0, 1, 0)]}, "cover the rows 0 to 2"),
        ({"segments": [0, 1, 2]}, "segments must be rows of"),
        ({"outputs": [4]}, "output 0 is outside of 0 to 3"),
        ({"offsets": [0, 3, 3], "sources": [0, 1, 1]}, "row 1 has no edges, which only a sum may lack"),
    ],
)
def test_unsound_graphs_are_errors(changes, message):
    check()
    with pytest.raises(Error, match=message):
        check(**changes)


def test_everything_wrong_is_reported_together():
    with pytest.raises(Error) as caught:
        check(weights=[9, 9, 9], outputs=[9])
    assert len(caught.value.diagnostics) == 2


def test_the_interpreter_checks_the_graph():
    module = parse_module(text_of([Kind("relu")]))
    arguments = random_dag([Kind("relu")])
    arguments[3] = [99] * len(arguments[3])
    with pytest.raises(Error, match="edge 0 must come from") as caught:
        Interpreter(module).call("f", arguments)
    assert caught.value.diagnostics[0].line == 2


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ("#array.kind<sinus, sum>", "there is no activation 'sinus'"),
        ("#array.kind<softmax, sum>", "acts on a whole layer"),
        ("#array.kind<relu, 0.5, sum>", "takes no parameter"),
        ("#array.kind<relu, mode>", "neither a number nor one of sum"),
        ("3 : i64", "kinds must hold"),
    ],
)
def test_wrong_kinds(kinds, message):
    with pytest.raises(Error, match=message):
        verify(parse_module(text_of([kinds])))


def test_wrong_types():
    text = text_of([Kind("relu")])
    with pytest.raises(Error, match="R is not R [+] 1"):
        parse_module(text.replace("R + 1", "R"))
    with pytest.raises(Error, match="one element type"):
        parse_module(text.replace("P x f32", "P x f64"))


def test_second_derivatives_are_refused_with_advice():
    with pytest.raises(Error, match="no second derivative of array.dag_grad; run explode-neurons before lower-neuron"):
        module = differentiated(text_of([Kind("relu")]))
        from irc.passes.autodiff import Autodiff
        from irc.passmanager import PassContext

        Autodiff(of=("f_vjp",)).run(module, PassContext())
