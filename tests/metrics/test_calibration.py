import numpy as np
import pytest

from keras_mer.metrics import calibration_error, reliability, score_calibration

pytestmark = pytest.mark.once


def sure_by(confidence, rows):
    """Rows that put this probability on class 0 and the rest on class 1."""
    return np.tile([confidence, 1 - confidence], (rows, 1))


def test_a_model_that_is_right_as_often_as_it_is_sure_has_no_error():
    labels = np.array([0] * 8 + [1] * 2)
    assert calibration_error(labels, sure_by(0.8, 10)) == pytest.approx(0)
    assert calibration_error(labels, sure_by(0.95, 10)) == pytest.approx(0.15)


def test_bins_weigh_by_their_share():
    """Six rows of .9 that are always right, and two of .6 that never are."""
    y_pred = np.concatenate([sure_by(0.9, 6), sure_by(0.6, 2)])
    labels = np.array([0] * 6 + [1] * 2)
    assert calibration_error(labels, y_pred) == pytest.approx(0.75 * 0.1 + 0.25 * 0.6)
    table = reliability(labels, y_pred)
    np.testing.assert_allclose(table["confidence"], [0.6, 0.9])
    np.testing.assert_allclose(table["accuracy"], [0, 1])
    np.testing.assert_allclose(table["share"], [0.25, 0.75])
    assert calibration_error(labels, y_pred, bins=1) == pytest.approx(0.825 - 0.75)


def test_bins_are_closed_on_the_right():
    table = reliability([0, 0, 0], [[0.5, 0.5], [0.51, 0.49], [1.0, 0.0]], bins=2)
    np.testing.assert_allclose(table["share"], [1 / 3, 2 / 3])
    assert table["confidence"].tolist() == pytest.approx([0.5, 0.755])


def test_labels_may_be_one_hot():
    y_pred = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    assert calibration_error(np.eye(3)[[0, 1]], y_pred) == calibration_error([0, 1], y_pred)


@pytest.mark.parametrize(
    ("y_pred", "bins", "message"),
    [
        ([[2.0, -1.0]], 15, r"row 0 of y_pred, \[2.0, -1.0\], is no distribution"),
        ([[0.4, 0.4]], 15, "sum to 1: of logits, take keras.ops.softmax"),
        ([0.4], 15, r"shape \(1,\); expected one probability per class"),
        ([[np.nan, 1.0]], 15, "NaN"),
        ([[0.5, 0.5]], 0, "1 bin or more; received bins=0"),
    ],
)
def test_what_is_no_probability_is_named(y_pred, bins, message):
    with pytest.raises(ValueError, match=message):
        calibration_error([0], y_pred, bins)


def test_the_line_through_labels_over_scores_is_found():
    scores = np.linspace(-3, 3, 31)
    found = score_calibration(0.5 * scores + 0.25, scores, bins=3)
    assert found["slope"] == pytest.approx(0.5)
    assert found["intercept"] == pytest.approx(0.25)
    assert found["count"].tolist() == [11, 10, 10]
    np.testing.assert_allclose(found["label"], 0.5 * found["score"] + 0.25)
    assert found["score"][0] == pytest.approx(scores[:11].mean())


def test_scores_that_are_all_equal_have_no_slope():
    found = score_calibration([1.0, 3.0], [0.5, 0.5])
    assert (found["slope"], found["intercept"]) == (0.0, 2.0)
    assert found["count"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="received bins=0"):
        score_calibration([1.0], [1.0], bins=0)
