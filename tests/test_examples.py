"""The examples run as they are, in a short form, and reach what they say."""

import contextlib
import gzip
import io
import re
import runpy
import struct
import sys
from importlib import import_module

import numpy as np
import pytest

from support import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


def output(name, *arguments):
    """What an example prints."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        import_module(name).main([str(argument) for argument in arguments])
    return text.getvalue()


def number_behind(text, words):
    return float(re.search(re.escape(words) + r"\s+([\d.]+)", text)[1])


def number_before(text, words):
    return float(re.search(r"([\d.]+)\s+" + re.escape(words), text)[1])


def test_memory_is_used():
    """After 6 of 40 epochs the error is far below that of the best answer that follows from a step alone."""
    text = output("memory", "--epochs", 6)
    assert number_behind(text, "new streams:") < number_behind(text, "without memory:") / 4


@pytest.mark.slow
def test_memory_reaches_what_the_readme_shows():
    assert number_behind(output("memory"), "new streams:") < 2e-3


def test_without_memory_nothing_is_better_than_said():
    """The best answers from a step alone: the number and the mean of another at a mark, elsewhere two means."""
    memory = import_module("memory")
    x, target = memory.adding(2000, 64, seed=5)
    number, mark = x[200:, :, 0], x[200:, :, 1]  # at the first steps there are not two numbers yet
    best = np.where(mark, number + 0.5, 1.0)
    np.testing.assert_allclose(np.mean((best - target[200:, :, 0]) ** 2), memory.without_memory(), rtol=0.02)


def test_the_sum_is_that_of_the_two_numbers_marked_last():
    memory = import_module("memory")
    x, target = memory.adding(50, 3, seed=1)
    for stream in range(3):
        for t in range(50):
            marked = [number for number, mark in x[: t + 1, stream] if mark]
            np.testing.assert_allclose(target[t, stream, 0], sum(marked[-2:]), rtol=1e-6)


def test_the_curve_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    output("memory", "--epochs", 1, "--figure", tmp_path / "curve.svg")
    assert "best without memory" in (tmp_path / "curve.svg").read_text()


def test_letters_are_foreseen_better_than_by_pairs():
    text = output("characters", "--epochs", 5)
    bits = [number_before(text, words) for words in ("the net after", "by how often it", "by how often each")]
    assert bits == sorted(bits) and bits[2] < number_before(text, "the net before")
    assert len(text.partition("made up: ")[2].split(", ")) == 12


def test_names_are_cut_into_streams_of_letters_and_their_successors(monkeypatch):
    characters = import_module("characters")
    monkeypatch.setattr(characters, "STREAMS", 2)
    letters, following = characters.streams_of(["ab", "c"])
    shown = ["".join(characters.LETTERS[i] for i in stream) for stream in (*letters.T, *following.T)]
    assert shown == [".a", "b.", "ab", ".c"]


def test_the_committed_names_are_letters():
    names = (EXAMPLES / "data" / "names.txt").read_text().split("\n")
    assert names.pop() == "" and len(names) == 4005
    assert all(re.fullmatch("[a-z]{2,15}", name) for name in names)


def write_idx(path, array):
    """A file of unsigned bytes as MNIST has them, packed with gzip."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()))


@pytest.fixture
def digits(tmp_path):
    """A directory like that of MNIST: ten patterns of 28x28 cells with noise, 640 to learn and 100 to test."""
    generator = np.random.default_rng(0)
    patterns = 255 * generator.integers(2, size=(10, 28, 28))
    for part, count in (("train", 640), ("t10k", 100)):
        labels = np.arange(count) % 10
        images = 0.5 * patterns[labels] + generator.integers(128, size=(count, 28, 28))
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", labels)
    return tmp_path


@pytest.mark.parametrize("net", ["mnist", "mnist-mlp"])
def test_images_are_told_apart(digits, net):
    text = output("mnist", digits, "--epochs", 2, "--net", EXAMPLES / "nets" / f"{net}.network")
    assert number_behind(text, "test images read right:") > 95
    confusion = np.array([[int(word) for word in line.split()[1:]] for line in text.splitlines()[-10:]])
    assert np.array_equal(confusion.sum(axis=1), [10] * 10)
    assert np.trace(confusion) == number_behind(text, "test images read right:")


def refusal(capsys, name, *arguments):
    """What an example says on standard error when it ends at once, as misuse."""
    with pytest.raises(SystemExit) as stopped:
        output(name, *arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_images_that_are_not_there_are_misuse(tmp_path, capsys):
    assert "train-images-idx3-ubyte': No such file" in refusal(capsys, "mnist", tmp_path)


def labels_file(sizes, data):
    return gzip.compress(bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "cut off or damaged"),
        (lambda data: b"hello", "an idx file begins with 00 00"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-1]), "99 are there"),
        (lambda data: labels_file([10, 10], bytes(100)), "of 2 dimensions, .10, 10., not of 1"),
        (lambda data: labels_file([99], bytes(99)), "different numbers of rows"),
        (lambda data: labels_file([100], bytes([10] * 100)), "class"),
    ],
)
def test_damaged_files_of_images_are_misuse(digits, capsys, damage, message):
    path = digits / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    assert re.search(message, refusal(capsys, "mnist", digits, "--epochs", 1))


@pytest.mark.parametrize("net", ["none", "xor"])
def test_nets_that_read_no_images_are_misuse(digits, capsys, net):
    message = {"none": "No such file", "xor": "x: expected 2 dimensions"}[net]
    assert message in refusal(capsys, "mnist", digits, "--net", EXAMPLES / "nets" / f"{net}.network")


@pytest.mark.parametrize("text", [None, "", "ann bea", "x1 " * 1000, b"\xff\xfe"])
def test_files_without_names_are_misuse(tmp_path, capsys, text):
    path = tmp_path / "names.txt"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert f"'{path}'" in refusal(capsys, "characters", path)


@pytest.mark.parametrize("example", ["xor", "fizzbuzz", "sequences", "memory", "characters"])
def test_numbers_and_pictures_that_cannot_be_are_misuse(example, tmp_path, capsys):
    """They are refused before anything is learnt."""
    option = "--starts" if example == "xor" else "--epochs"
    for number in ("0", "-1", "x", "1.5", "9" * 30):
        assert f"argument {option}: must be an integer from 1 on" in refusal(capsys, example, option, number)
    if example != "characters":
        for path in (tmp_path / "none" / "a.svg", tmp_path / "a.txt"):
            assert "argument --figure: " in refusal(capsys, example, "--figure", path)
    refusal(capsys, example, "--no-such-option")


@pytest.mark.slow
def test_mnist_reaches_what_its_page_says():
    directory = ROOT.parent / "shared" / "data" / "mnist"
    if not directory.is_dir():
        pytest.skip("the images of MNIST are not here")
    assert number_behind(output("mnist", directory), "test images read right:") >= 98.9


def test_exclusive_or_is_learnt_from_one_of_some_starts():
    text = output("xor")
    assert "100% of the corners right" in text
    answers = [float(line.split()[2]) for line in text.partition("answer\n")[2].splitlines()]
    assert np.array_equal(np.round(answers), [0, 1, 1, 0])


def test_the_starts_of_exclusive_or_are_as_many_as_asked_for_at_most():
    assert output("xor", "--starts", 1).count("start ") == 1


def test_fizzbuzz_is_right_for_numbers_that_were_not_learnt():
    text = output("fizzbuzz")
    assert number_behind(text, "right answers for 1 to 100:") >= 95
    wrong = text.partition("wrong:")[2].split()
    given = next(line for line in text.splitlines() if line.startswith("1 2 "))
    for number, answer in enumerate(given.split(), 1):
        right = "fizz" * (number % 3 == 0) + "buzz" * (number % 5 == 0) or str(number)
        assert (answer == right) == (str(number) not in wrong)


def test_sequences_are_told_apart_at_every_length():
    """Also at one that was not learnt, where it is less sure."""
    text = output("sequences", "--epochs", 5)
    assert all(number_behind(text, f"{length} numbers:") > 90 for length in (3, 4, 5, 6))
    assert number_behind(text, "8 numbers:") > 80


@pytest.mark.parametrize("length", [2, 3, 7])
def test_sequences_are_of_the_kind_that_is_said(length):
    x, kinds = import_module("sequences").sequences(200, length, np.random.default_rng(0))
    assert set(kinds) == {0, 1, 2}
    steps = np.sign(np.diff(x[..., 0], axis=1)).sum(axis=1)
    assert np.all(steps[kinds == 0] == length - 1) and np.all(steps[kinds == 1] == 1 - length)
    if length > 2:  # two numbers always rise or fall
        assert np.all(np.abs(steps[kinds == 2]) < length - 1)


@pytest.mark.parametrize("example", ["xor", "fizzbuzz", "sequences"])
def test_the_losses_are_drawn(example, tmp_path):
    pytest.importorskip("matplotlib")
    output(example, *(["--starts", 1] if example == "xor" else ["--epochs", 1]), "--figure", tmp_path / "losses.png")
    assert (tmp_path / "losses.png").stat().st_size > 1000


def test_demo_shows_every_level_and_learns(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["demo.py"])
    with contextlib.redirect_stdout(io.StringIO()) as text:
        runpy.run_path(str(EXAMPLES / "demo.py"), run_name="__main__")
    shown = text.getvalue()
    for level in ("neuron.net", "array.dag_grad", "loop.for", "define ", ".globl", "error: "):
        assert level in shown
    reached = re.findall(r"mean squared error ([\d.]+)", shown)
    assert float(reached[-1]) < number_behind(shown, "could not be less than") / 4
