import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_mer.metrics import PROTOCOLS, class_report, protocols, report


def test_zero_counts_as_positive_or_not_at_all():
    figures = report([0.0, -0.0, 1.0, -1.0], [-0.1, 0.0, 0.0, -0.2], protocol="mosi")
    assert figures["has0_acc2"] == 0.75
    assert figures["non0_acc2"] == 0.5


def test_seven_classes_round_half_to_even_after_clipping():
    labels = [2.0, 4.0, 0.0, -2.0]
    assert report(labels, [2.5, 3.4, 0.5, -1.5], protocol="mosei")["acc7"] == 1.0
    assert report(labels, [2.6, 2.4, 0.51, -1.4], protocol="mosei")["acc7"] == 0.0
    assert report(labels, [9.0, 2.0, 0.0, -9.0], protocol="mosei")["acc5"] == 1.0


def test_sims_cuts_are_closed_on_the_right_and_compared_in_float32():
    labels = np.array([0.1, 0.1, -0.1, 0.7, 0.0], "float32")
    inside = np.array([-0.05, 0.1, -0.7, 0.2, -1.0])
    figures = report(labels, inside, protocol="sims")
    assert figures["acc3"] == 0.8
    assert figures["acc5"] == 0.6
    assert figures["acc2"] == 0.8


def test_sims_clips_before_every_figure():
    figures = report([1.0, -1.0, 0.2], [7.0, -3.0, 0.2], protocol="sims")
    assert figures["mae"] == 0.0
    assert figures["corr"] == pytest.approx(1.0)


def test_unweighted_accuracy_leaves_out_classes_without_a_label():
    figures = report([0, 0, 1, 1], [0, 2, 1, 1], protocol="iemocap4")
    assert figures["ua"] == 0.75
    assert figures["wa"] == 0.75
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1) / 4)
    assert figures["weighted_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_classes_come_as_ids_columns_probabilities_or_tensors():
    labels, probabilities = [0, 2, 1], np.eye(3)[[0, 2, 2]] * 0.8 + 0.05
    expected = report(labels, [0, 2, 2], protocol="classes")
    assert report(np.reshape(labels, (3, 1)), probabilities, protocol="classes") == expected
    assert report(np.eye(3)[labels], probabilities, protocol="classes") == expected
    tensors = keras.ops.convert_to_tensor(labels), keras.ops.convert_to_tensor(probabilities)
    assert report(*tensors, protocol="classes") == expected


def test_scores_come_as_columns_or_tensors_with_gradients():
    labels, scores = np.array([1.0, -2.0, 0.5]), keras.Variable([[0.5], [-1.0], [0.0]])
    expected = report(labels, [0.5, -1.0, 0.0], protocol="mosi")
    assert report(labels[:, None], scores.value, protocol="mosi") == expected
    assert report(labels, scores, protocol="mosi") == expected


def test_undefined_figures_are_zero():
    assert report([1.0, -1.0], [0.1, 0.1], protocol="mosi")["corr"] == 0.0
    figures = report([0.0, 0.0], [0.5, 0.6], protocol="mosi")
    assert (figures["corr"], figures["non0_acc2"], figures["non0_f1"]) == (0.0, 0.0, 0.0)


def test_the_report_holds_the_figures_of_the_protocol_in_its_order():
    assert protocols() == list(PROTOCOLS)
    for name, protocol in PROTOCOLS.items():
        figures = report([1, 0, 1], [1, 0, 0], protocol=name)
        assert list(figures) == [figure.name for figure in protocol.figures]
        assert all(type(value) is float for value in figures.values())
        assert protocol.first.name == next(iter(figures))
        assert [f.name for f in protocol.figures if not f.higher_is_better] in ([], ["mae"])


@pytest.mark.parametrize(
    ("y_true", "y_pred", "protocol", "message"),
    [
        ([1.0], [1.0], "mossi", r'unknown protocol .mossi.; did you mean "mosi"\?'),
        ([1.0], [1.0], "SIMS", r'did you mean "sims"\?'),
        ([], [], "mosi", "y_true is empty"),
        ([1.0, 2.0], [1.0], "mosi", "y_true holds 2 utterances and y_pred 1"),
        ([1.0, 2.0], [[1.0, 2.0]] * 2, "mosi", r"y_pred has the shape \(2, 2\)"),
        ([1.0, 2.0], [1.0, np.nan], "sims", r"y_pred holds NaN or infinity in 1 places.*\(1,\)"),
        (["a"], [1.0], "mosi", "y_true must be an array of numbers"),
        ([[1.0], [1.0, 2.0]], [1.0, 1.0], "mosi", "y_true must be an array of numbers"),
        (1.0, [1.0], "mosi", "y_true is a single number"),
        ([4], [0], "iemocap4", "y_true holds 4 at row 0; expected class ids.*from 0 to 3"),
        ([0, -1], [0, 0], "classes", "y_true holds -1 at row 1"),
        ([0], [0.5], "meld", r"y_pred holds 0.5 at row 0"),
        ([0], [[0.5, 0.5]], "iemocap6", "y_pred has 2 columns; expected one for each of the 6"),
        ([0], [[[0]]], "meld", r"y_pred has the shape \(1, 1, 1\)"),
    ],
)
def test_bad_input_is_refused_by_name(y_true, y_pred, protocol, message):
    with pytest.raises(ValueError, match=message):
        report(y_true, y_pred, protocol=protocol)


def test_class_report_covers_classes_that_never_occur():
    figures = class_report([0, 0, 1], [0, 1, 1], num_classes=3)
    assert figures["support"].tolist() == [2, 1, 0]
    assert figures["recall"].tolist() == [0.5, 1.0, 0.0]
    assert figures["precision"].tolist() == [1.0, 0.5, 0.0]
    assert figures["confusion"].tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.once
def test_scikit_learn_is_imported_only_when_something_is_scored():
    code = "import keras_mer.metrics, sys; assert 'sklearn.metrics' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
