"""Native code that is kept on disk is the code that would be made; without a pass, without LLVM's compiler."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import irc
from irc.backend import object_cache
from irc.backend.jit import Library
from irc.backend.object_cache import ObjectCache
from irc.backend.target import TARGETS
from irc.graph_program import SHARED
from irc.passmanager import PassManager
from irc.text.parser import parse_module
from support import ROOT

NETS = ROOT / "examples" / "nets"
SOURCES = {
    "graph": (NETS / "nn00.nal", {}),
    "float64": (NETS / "nn00.nal", {"dtype": "float64"}),
    "recovered": (NETS / "nn00.nal", {"structure": "recover"}),
    "code": (NETS / "nn00.nal", {"structure": "code"}),
    "layers": (NETS / "small.mdl", {}),
    "over time": ("N 03\noutputs 02\n00 01 w=1.0\n01 01 w=0.5 delay=1\n01 02 w=1.0\n01 : tanh\n", {}),
    "own passes": (NETS / "nn02.nam", {"passes": "lower-neuron,autodiff,lower-array,plan-memory"}),
    "population": ([NETS / "nn00.nal", NETS / "nn00.nal"], {}),
}


@pytest.fixture(autouse=True)
def known_compiler(monkeypatch):
    """The source may be changing while its tests run; then nothing would be kept."""
    monkeypatch.setattr(object_cache, "compiler_identity", lambda: "this one")
    SHARED.clear()


@pytest.fixture
def cache(tmp_path):
    return ObjectCache(tmp_path / "cache")


def results(source, **options):
    """What a net gives in both directions, as a process does that begins; and how many modules that compiled."""
    SHARED.clear()
    before = Library.compiled
    with irc.compile(source, **options) as net:
        if isinstance(source, list):
            x = np.random.default_rng(0).standard_normal((5, 4))
            y = net.run(x)
            found = [*y, *(g.params.flat for g in net.vjp(x, y)[1])]
        else:
            x = np.random.default_rng(0).standard_normal((5, net.input_size))
            y = net.run(x)
            found = [y, net.vjp(x, np.ones_like(y))[1].params.flat]
    return found, Library.compiled - before


@pytest.mark.parametrize("name", SOURCES)
def test_kept_code_gives_the_same_bits(cache, name):
    source, options = SOURCES[name]
    plain, _ = results(source, cache=None, **options)
    made, compiled = results(source, cache=cache, **options)
    kept, again = results(source, cache=cache, **options)
    assert compiled > 0 and again == 0
    for one, two, three in zip(plain, made, kept, strict=True):
        assert np.array_equal(one, two) and np.array_equal(one, three)


def test_no_pass_runs_for_kept_code(cache, monkeypatch):
    results(NETS / "small.mdl", cache=cache)
    monkeypatch.setattr(PassManager, "run", None)
    assert results(NETS / "small.mdl", cache=cache)[1] == 0


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "population"])
def test_the_signatures_of_kept_code_are_those_of_its_functions(cache, name):
    source, options = SOURCES[name]
    results(source, cache=cache, **options)
    SHARED.clear()
    with irc.compile(source, cache=None, **options) as made, irc.compile(source, cache=cache, **options) as kept:
        for training in (False, True):
            one, two = (net.program.library(training).signatures for net in (made, kept))
            assert list(one) == list(two)
            for mine, its in zip(one.values(), two.values(), strict=True):
                assert (mine.name, mine.symbols, mine.workspace) == (its.name, its.symbols, its.workspace)
                for a, b in zip(mine.arguments, its.arguments, strict=True):
                    np.testing.assert_equal(vars(a), vars(b))


def test_learning_takes_kept_code(cache):
    found = []
    for wanted in (2, 0):
        SHARED.clear()
        before = Library.compiled
        with irc.compile(NETS / "small.mdl", cache=cache) as net:
            x = np.random.default_rng(1).standard_normal((20, net.input_size))
            net.fit(x, np.full((20, net.output_size), 0.25), loss="mse", epochs=3, verbose=0)
            value, gradients = net.value_and_grad(x, np.zeros((20, net.output_size)), "mse")
            found.append([net.params.flat.copy(), value, gradients.params.flat])
        assert Library.compiled - before == wanted
    assert all(np.array_equal(one, two) for one, two in zip(*found, strict=True))


def test_other_losses_and_optimisers_are_other_code(cache):
    x = np.ones((4, 4))
    for optimizer, loss in [(irc.SGD(0.1), "mse"), (irc.Adam(0.1), "mse"), (irc.SGD(0.1), "huber")]:
        with irc.compile(NETS / "nn00.nal", cache=cache) as kept, irc.compile(NETS / "nn00.nal", cache=None) as made:
            for net in (kept, made):
                net.fit(x, np.zeros((4, 2)), optimizer=optimizer, loss=loss, verbose=0)
            assert np.array_equal(kept.params.flat, made.params.flat)


def test_one_code_does_not_answer_for_another(cache):
    """What differs in anything that the code depends on is compiled by itself, and runs as it would have."""
    others = [
        ("N 03\n00\n01\n02 02 00,01\n", {}),
        ("N 03\n00\n01\n02 03 00,01\n", {}),
        ("N 03\n00\n01\n02 02 00,01\n", {"dtype": "float64"}),
        ("N 03\n00\n01\n02 02 00,01\n", {"structure": "code"}),
    ]
    others += [(others[0][0], {"target": n}) for n in ("avx2", "generic") if TARGETS[n].runs_here]
    for source, options in others:
        plain, _ = results(source, cache=None, **options)
        made, compiled = results(source, cache=cache, **options)
        assert compiled == 2
        assert all(np.array_equal(one, two) for one, two in zip(plain, made, strict=True))


def test_names_that_no_text_can_hold_are_kept(cache):
    """Text makes names unique and of its own alphabet; parameters go by the names themselves."""
    text = """
      func.func @f(%x: tensor<2 x f32>, %a: tensor<2 x f32> {irc.param = "a"}, %b: tensor<2 x f32> {irc.param = "b"})
          -> tensor<2 x f32> {
        %0 = arith.mulf %a, %x : tensor<2 x f32>
        %1 = arith.addf %b, %0 : tensor<2 x f32>
        func.return %1 : tensor<2 x f32>
      }
    """
    for names in (("w", "w_0"), ("w", "w"), ("größe", "a b"), ("größe", "a b"), ("groesse", "a b"), (None, "arg0")):
        module = parse_module(text)
        for argument, name in zip(module.function("f").arguments[1:], names, strict=True):
            argument.name_hint = name
        with irc.compile(module, cache=cache) as kept, irc.compile(module, cache=None) as made:
            assert list(kept.params) == list(made.params)
            assert [a.name for a in kept.forward.arguments] == [a.name for a in made.forward.arguments]


def test_warnings_come_each_time(cache):
    source = ROOT / "examples" / "nets" / "nn00.nal"
    told = []
    for _ in range(2):
        SHARED.clear()
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            irc.compile(source, cache=cache, structure="recover", outputs=["n0b"]).close()
        told.append([str(w.message) for w in found])
    assert told[0] == told[1] and told[0]


def test_what_is_kept_can_be_looked_at(cache):
    for source in (NETS / "nn00.nal", NETS / "small.mdl"):
        results(source, cache=cache)
        SHARED.clear()
        with irc.compile(source, cache=cache) as kept, irc.compile(source, cache=None) as made:
            for backward in (False, True):
                assert kept.llvm(backward) == made.llvm(backward)
                assert kept.assembly(backward) == made.assembly(backward)
            assert kept.dump(after="all") == made.dump(after="all")


def test_damaged_entries_are_compiled_again(cache):
    plain, compiled = results(NETS / "nn00.nal", cache=cache)
    for path in cache.directory.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    again, anew = results(NETS / "nn00.nal", cache=cache)
    assert anew == compiled and all(np.array_equal(one, two) for one, two in zip(plain, again, strict=True))
    assert results(NETS / "nn00.nal", cache=cache)[1] == 0


def test_checked_passes_run_each_time(cache):
    """``check`` compares what passes make; kept machine code has nothing to compare."""
    runs = []
    for _ in range(2):
        with irc.compile("N 03\n00\n01\n02 02 00,01\n", check=True, cache=cache) as net:
            runs.append(net.program.library(False).heads.to_text())
    assert runs[0] == runs[1] and "loop." in runs[1]


def test_nets_with_and_without_a_cache_live_side_by_side(cache):
    """``cache=None`` neither reads nor writes, whatever other nets of the process do."""
    results(NETS / "nn00.nal", cache=None)
    assert cache.size() == (0, 0)
    with irc.compile(NETS / "nn00.nal", cache=None), irc.compile(NETS / "nn00.nal", cache=cache):
        assert cache.size()[0] == 1


def test_a_net_hands_its_cache_to_the_nets_made_of_it(cache):
    with irc.compile(NETS / "nn00.nal", cache=cache) as net, net.with_graph(NETS / "nn02.nam") as other:
        assert other.program.cache == cache
    with irc.compile(NETS / "nn00.nal", cache=False) as net, net.with_graph(NETS / "nn02.nam") as other:
        assert other.program.cache is None


def test_saved_nets_take_kept_code(cache, tmp_path):
    with irc.compile(NETS / "nn00.nal", cache=cache) as net:
        net.save(tmp_path / "a.net")
    SHARED.clear()
    before = Library.compiled
    irc.load(tmp_path / "a.net", cache=cache).close()
    assert Library.compiled == before


@pytest.mark.parametrize("given", [3, b"directory", 1.5])
def test_what_is_no_cache_is_an_error(given):
    with pytest.raises(irc.Error, match="cache must be True, False, a directory or an ObjectCache"):
        irc.compile(NETS / "nn00.nal", cache=given)


def test_a_directory_that_cannot_be_one_is_an_error_only_if_it_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "irc-compiler").write_text("")
    with pytest.raises(irc.Error, match="cannot be a cache"):
        irc.compile(NETS / "nn00.nal", cache=tmp_path / "irc-compiler")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with irc.compile(NETS / "nn00.nal") as net:
        assert net.program.cache is None


PROCESS = """
import sys
import numpy as np
from irc.backend import object_cache
object_cache.compiler_identity = lambda: "this one"
import irc
from irc.backend.jit import Library
with irc.compile(sys.argv[1]) as net:
    y, gradients = net.vjp(np.ones((3, 4)), np.ones((3, 2)))
print(Library.compiled, y.tobytes().hex(), gradients.params.flat.tobytes().hex())
"""


def test_the_second_process_compiles_nothing(tmp_path, monkeypatch):
    """Unless told otherwise, nets have the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    command = [sys.executable, "-c", PROCESS, str(NETS / "nn00.nal")]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first.split()[0] == "1" and second.split()[0] == "0"
    assert first.split()[1:] == second.split()[1:]
    assert [path.name for path in tmp_path.iterdir()] == ["irc-compiler"]
