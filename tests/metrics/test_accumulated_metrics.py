"""The metrics for `compile` give what `report` gives for all batches together."""

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from keras_mer.metrics import (
    BinarySentimentAccuracy,
    PearsonCorrelation,
    SevenClassAccuracy,
    UnweightedAccuracy,
    WeightedF1,
    report,
)

BATCHES = (7, 1, 32, 13)
CLASSES = 6


def score_metrics():
    return [
        BinarySentimentAccuracy(zeros="non0"),
        BinarySentimentAccuracy(zeros="has0"),
        SevenClassAccuracy(),
        SevenClassAccuracy(num_classes=5),
        PearsonCorrelation(),
    ]


def class_metrics():
    return [UnweightedAccuracy(num_classes=CLASSES), WeightedF1(num_classes=CLASSES)]


def scores():
    """Labels in fifths and predictions in halves: zeros and ties of rounding occur."""
    rng = np.random.default_rng(3)
    labels = np.round(rng.uniform(-3, 3, sum(BATCHES)) * 5) / 5
    labels[::6] = 0
    predictions = np.round((labels + rng.normal(0, 1.5, len(labels))) * 2) / 2
    return labels.astype("float32"), predictions.astype("float32")


def emotions():
    """The last class never occurs; the one before it is never predicted."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, CLASSES - 1, sum(BATCHES))
    logits = rng.normal(size=(len(labels), CLASSES)) + 2 * np.eye(CLASSES)[labels]
    logits[:, CLASSES - 2] = -9
    return labels, logits.astype("float32")


def in_batches(metric, *arrays):
    for batch in zip(*(np.split(a, np.cumsum(BATCHES)[:-1]) for a in arrays), strict=True):
        metric.update_state(*batch)
    return float(metric.result())


@pytest.mark.parametrize("metric", score_metrics(), ids=lambda metric: metric.name)
@pytest.mark.parametrize("column", ["(n,)", "(n, 1)"])
def test_scores_over_uneven_batches(metric, column):
    labels, predictions = scores()
    expected = report(labels, predictions, protocol="mosi")[metric.name]
    shaped = predictions[:, None] if column == "(n, 1)" else predictions
    assert in_batches(metric, labels, shaped) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


@pytest.mark.parametrize("metric", class_metrics(), ids=lambda metric: metric.name)
@pytest.mark.parametrize("form", ["ids", "column", "one-hot"])
def test_classes_over_uneven_batches(metric, form):
    labels, logits = emotions()
    expected = report(labels, logits, protocol="iemocap6")[metric.name]
    shaped = {"ids": labels, "column": labels[:, None], "one-hot": np.eye(CLASSES)[labels]}[form]
    assert in_batches(metric, shaped, logits) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0


def test_sample_weights():
    rng = np.random.default_rng(5)
    labels, predictions = scores()
    weights = rng.uniform(size=len(labels)).astype("float32")
    nonzero = labels != 0
    agrees = (labels > 0) == (predictions > 0)
    cov = np.cov(labels, predictions, aweights=weights)
    expected = {
        "non0_acc2": np.average(agrees[nonzero], weights=weights[nonzero]),
        "corr": cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]),
    }
    for metric in (BinarySentimentAccuracy(), PearsonCorrelation()):
        value = in_batches(metric, labels, predictions, weights)
        assert value == pytest.approx(expected[metric.name], abs=1e-6)

    labels, logits = emotions()
    weighted = {"y_true": labels, "y_pred": logits.argmax(1), "sample_weight": weights}
    expected = {
        "ua": recall_score(labels=np.unique(labels), average="macro", **weighted),
        "weighted_f1": f1_score(average="weighted", **weighted),
    }
    for metric in class_metrics():
        value = in_batches(metric, labels, logits, weights)
        assert value == pytest.approx(expected[metric.name], abs=1e-6)


def test_padded_steps_of_a_dialogue_count_for_nothing():
    labels, logits = (np.reshape(a[:50], (5, 10, *a.shape[1:])) for a in emotions())
    mask = np.arange(10) < np.array([[10], [3], [1], [7], [0]])
    for metric in class_metrics():
        metric.update_state(labels, logits, mask)
        expected = report(labels[mask], logits[mask], protocol="iemocap6")[metric.name]
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_correlation_survives_an_offset_and_knows_equal_numbers():
    labels, predictions = scores()
    value = in_batches(PearsonCorrelation(), labels + 1000, predictions - 500)
    expected = report(labels, predictions, protocol="mosi")["corr"]
    assert value == pytest.approx(expected, abs=1e-4)
    assert in_batches(PearsonCorrelation(), labels, np.full_like(labels, 0.1)) == 0


@pytest.mark.parametrize("kind", ["scores", "classes"])
def test_in_fit_and_evaluate(kind):
    """Compiled where the backend compiles; the last batch is smaller than the others."""
    labels, _ = scores() if kind == "scores" else emotions()
    inputs = np.random.default_rng(6).normal(size=(len(labels), 4)).astype("float32")
    metrics = score_metrics() if kind == "scores" else class_metrics()
    model = keras.Sequential([keras.layers.Dense(1 if kind == "scores" else CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss="mae" if kind == "scores" else loss, metrics=metrics)
    history = model.fit(inputs, labels, batch_size=16, epochs=1, verbose=0).history
    found = model.evaluate(inputs, labels, batch_size=16, verbose=0, return_dict=True)
    predictions = model.predict(inputs, verbose=0)
    expected = report(labels, predictions, protocol="mosi" if kind == "scores" else "iemocap6")
    for metric in metrics:
        assert found[metric.name] == pytest.approx(expected[metric.name], abs=1e-5)
        assert len(history[metric.name]) == 1


@pytest.mark.parametrize("metric", score_metrics() + class_metrics(), ids=lambda m: m.name)
def test_config_round_trip(metric):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(copy) is type(metric)
    assert copy.get_config() == metric.get_config()
    assert keras.saving.get_registered_name(type(metric)).startswith("keras_mer>")


def test_early_stopping_knows_that_more_is_better():
    labels, _ = scores()
    inputs = np.zeros((len(labels), 2), "float32")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mae", metrics=[PearsonCorrelation()])
    stop = keras.callbacks.EarlyStopping(monitor="corr")
    model.fit(inputs, labels, epochs=1, verbose=0, callbacks=[stop])
    assert stop.monitor_op(1.0, 0.5)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"zeros=.non0.*received 'none'"):
        BinarySentimentAccuracy(zeros="none")
    with pytest.raises(ValueError, match="num_classes of 7 or 5; received 6"):
        SevenClassAccuracy(num_classes=6)
    with pytest.raises(ValueError, match="UnweightedAccuracy expects num_classes of 2 or more"):
        UnweightedAccuracy(num_classes=1)
    with pytest.raises(ValueError, match=r"WeightedF1 expects.*\(batch, 4\).*received \(2, 3\)"):
        WeightedF1(num_classes=4).update_state([0, 1], np.zeros((2, 3)))
    with pytest.raises(ValueError, match="one label per prediction"):
        PearsonCorrelation().update_state(np.zeros(3), np.zeros((3, 2)))
