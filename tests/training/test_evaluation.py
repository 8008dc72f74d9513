"""How good a net is: accuracy and confusion matrix."""

import numpy as np
import pytest

import irc
from irc.training import evaluation

IDENTITY = """func.func @same(%x: tensor<B x 3 x f32>) -> tensor<B x 3 x f32> {
  func.return %x : tensor<B x 3 x f32>
}
"""


@pytest.fixture
def same():
    """A net whose outputs are its inputs: a test says what it decides."""
    with irc.compile(IDENTITY) as made:
        yield made


def counted_by_hand(true, predicted, classes):
    """The definition: element [t, p] is how often t was taken for p."""
    found = np.zeros((classes, classes), int)
    for t, p in zip(true, predicted, strict=True):
        found[t, p] += 1
    return found


@pytest.mark.parametrize("batch", [7, 1024])
def test_the_confusion_matrix_counts_pairs(same, batch):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(100, 3)).astype(np.float32), rng.integers(0, 3, 100)
    found = same.evaluate(x, labels, "softmax_cross_entropy", batch=batch)
    np.testing.assert_array_equal(found.confusion, counted_by_hand(labels, x.argmax(1), 3))
    assert found.confusion.dtype == np.int64 and found.confusion.sum() == found.rows == 100
    assert found.accuracy == np.trace(found.confusion) / 100


def test_classes_that_do_not_occur_have_rows_of_zeros(same):
    found = same.evaluate(np.eye(3, dtype=np.float32)[[1, 1]], [0, 1], "cross_entropy")
    assert found.confusion.tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(("loss", "off"), [("sigmoid_cross_entropy", 0), ("hinge", -1), ("huber_modified", -1)])
def test_bits_and_signs_have_two_classes(same, loss, off):
    """Each output counts: those that are on are class 1."""
    x = np.array([[-2, 1, 3], [-1, -1, 2]], np.float32)
    target = np.where([[0, 1, 0], [1, 0, 1]], 1, off)
    assert same.evaluate(x, target, loss).confusion.tolist() == [[2, 1], [1, 2]]


def test_losses_that_decide_nothing_have_no_confusion_matrix(same):
    assert same.evaluate(np.zeros((2, 3)), np.zeros((2, 3)), "mse").confusion is None


def test_many_classes_have_accuracy_alone(same, monkeypatch):
    """The matrix grows as their square."""
    monkeypatch.setattr(evaluation, "MOST_CLASSES", 2)
    found = same.evaluate(np.eye(3), [0, 1, 1], "softmax_cross_entropy")
    assert found.confusion is None and found.accuracy == pytest.approx(2 / 3)


def test_labels_out_of_range_are_told_with_row_label_and_range(same):
    for labels in ([0, 1, 2, 3], [0, 1, 2, -1], [[0], [1], [2], [7]]):
        last = np.ravel(labels)[-1]
        with pytest.raises(irc.Error, match=f"y: class {last} in row 3, but the net's are 0 to 2"):
            same.evaluate(np.zeros((4, 3)), np.array(labels), "softmax_cross_entropy")
