"""A graph that comes to ``array.dag`` through a call: checked where it is bound, in all calls, before native code."""

from __future__ import annotations

import re

import numpy as np
import pytest

import irc
from irc.passes.pipelines import INFERENCE

CALLS_STAY = ",".join(name for name in INFERENCE.split(",") if name != "inline")
SMALL = "N 6\n0\n1\n2 3 0,1\n3 2 0,1\n4 3 2,3\n5 1 2,3\n"
NAMES = "offsets sources weights biases segments outputs".split()


@pytest.fixture(scope="module")
def parts() -> tuple[str, str]:
    """A function that gets its graph from its callers, and one that binds a graph and calls it."""
    text = irc.compile(SMALL).dump(after="lower-neuron", elide=False)
    (body,) = re.findall(r"  func\.func @net\(.*?\n  }\n", text, re.S)
    types = re.findall(r"%(\w+): (tensor<[^>]*>)", body.partition(") -> ")[0])
    free = re.sub(r" attributes \{.*\} \{\n", " {\n", body)
    free = re.sub(r" \{irc\.[^}]*\}", "", free).replace("@net", "private @dag")
    head = body[: body.index("    %y = array.dag")]
    arguments = ", ".join(f"%{name}" for name, _ in types)
    given = ", ".join(type for _, type in types)
    call = f"    %y = func.call @dag({arguments}) : ({given}) -> tensor<B x O x f32>\n"
    return free, f"{head}{call}    func.return %y : tensor<B x O x f32>\n  }}\n"


def bound(caller: str, name: str, value: str) -> str:
    """The caller with another value for an array."""
    text, count = re.subn(rf"(%{name}: tensor<[^>]*> {{irc.data = dense<).*?(> : tensor<)", rf"\g<1>{value}\2", caller)
    assert count == 1
    return text


def test_the_call_is_followed(parts):
    callee, caller = parts
    net, wanted = irc.compile(callee + caller), irc.compile(SMALL)
    net.params.flat[...] = wanted.params.flat
    x, dy = np.random.default_rng(0).normal(size=(5, 2)), np.ones((5, 2))
    np.testing.assert_array_equal(net.run(x), wanted.run(x))
    np.testing.assert_allclose(net.vjp(x, dy)[1].x, wanted.vjp(x, dy)[1].x, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sources", "99", "edge 0 must come from an input or from a row before its own"),
        ("weights", "8", "the weight of edge 0 is outside of 0 to 7"),
        ("outputs", "-1", "output 0 is outside of 0 to 5"),
    ],
)
def test_what_the_caller_binds_is_checked(parts, name, value, message):
    callee, caller = parts
    with pytest.raises(irc.Error, match=message):
        irc.compile(callee + bound(caller, name, value))


def test_a_caller_that_binds_nothing(parts):
    callee, caller = parts
    free = re.sub(r" \{irc.data = dense<.*?> : tensor<[0-9xi]*>\}", "", caller).replace("@net", "@other")
    with pytest.raises(irc.Error, match="its offsets are not known: .* of this function or of all that call it"):
        irc.compile(callee + caller + free, entry="net")
    with pytest.raises(irc.Error, match="the number of its inputs, I, is not known: give I in irc.symbols"):
        irc.compile(callee + caller.replace("I = 2 : i64, ", ""))


def test_callers_that_bind_different_graphs(parts):
    """Each graph may be sound, but where calls stay the code is one."""
    callee, caller = parts
    other = bound(caller, "outputs", "[5, 4]").replace("@net", "@other")
    with pytest.raises(irc.Error, match="its outputs are not the same in all calls"):
        irc.compile(callee + caller + other, entry="net", passes=CALLS_STAY)
    x = np.ones((1, 2))
    one, two = (irc.compile(callee + caller + other, entry=entry) for entry in ("net", "other"))
    np.testing.assert_array_equal(one.run(x)[:, ::-1], two.run(x))
    wider = caller.replace("I = 2", "I = 3").replace("@net", "@other")
    with pytest.raises(irc.Error, match="the number of its inputs, I, differs from call to call: 2, 3"):
        irc.compile(callee + caller + wider, entry="net", passes=CALLS_STAY)


def test_a_call_does_not_go_around_the_graph_that_its_callee_binds(parts):
    """What was checked was the callee's own graph, but native code ran on the caller's, unchecked."""
    _, caller = parts
    body = irc.compile(SMALL).dump(after="lower-neuron", elide=False)
    (callee,) = re.findall(r"  func\.func @net\(.*?\n  }\n", body, re.S)
    with pytest.raises(irc.Error, match="its sources are not the same in all calls"):
        irc.compile(callee.replace("@net", "private @dag") + bound(caller, "sources", "99"), passes=CALLS_STAY)
