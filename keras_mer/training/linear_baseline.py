"""The linear baseline: ridge or logistic regression on features pooled over time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_mer import metrics
from keras_mer.data import Dataset, Ragged
from keras_mer.training.constant_baseline import Predictions
from keras_mer.training.prepare import fit_preprocessor, number_of_classes
from keras_mer.training.recipe import Recipe

ALPHAS = 10.0 ** np.arange(0, 5.5, 0.5)
COSTS = 10.0 ** np.arange(-4, 1)


def linear_baseline(recipe: Recipe, dataset: Dataset) -> tuple[Predictions, int]:
    """Fits scikit-learn's ridge regression to scores, or its logistic regression to classes.

    The features of each modality are averaged over the steps of an utterance, joined and
    standardised on the training part; a missing modality is its mean. The validation part
    chooses how strongly the weights are held back, whether the deviation over the steps is
    looked at too, and for classes whether the rare ones count as much as the frequent ones.

    Args:
        recipe: whose [data] and [evaluation] count.
        dataset: with labels (n,), before any preprocessing.

    Returns:
        What is predicted for "valid" and "test", and the number of weights.
    """
    dataset = fit_preprocessor(recipe, dataset).apply(dataset)
    protocol = metrics.PROTOCOLS[recipe.evaluation["protocol"]]
    select = protocol.figure(recipe.evaluation["select"])
    truth = dataset.subset("valid").labels
    best: tuple[float, Predictions, int] | None = None
    for pooled in _pooled(dataset):
        for model in _candidates(dataset, pooled["train"]):
            predicted = _predicted(model, pooled["valid"], dataset)
            score = metrics.report(truth, predicted, protocol.name)[select.name]
            score = score if select.higher_is_better else -score
            if best is None or score > best[0]:
                tested = _predicted(model, pooled["test"], dataset)
                size = model.coef_.size + np.size(model.intercept_)
                best = score, {"valid": predicted, "test": tested}, int(size)
    assert best is not None
    return best[1], best[2]


def _pooled(dataset: Dataset) -> Iterator[dict[str, np.ndarray]]:
    """(n, dim) by split: the means, and where there are several steps, also their deviations."""
    from sklearn.preprocessing import StandardScaler

    means = [_by_row(rows, np.mean) for rows in dataset.features.values()]
    several = [rows for rows in dataset.features.values() if rows.lengths.max() > 1]
    deviations = [_by_row(rows, np.std) for rows in several]
    for columns in [means, means + deviations] if deviations else [means]:
        joined = np.concatenate(columns, axis=1)
        scaler = StandardScaler().fit(joined[dataset.splits == "train"])
        # What is missing is still NaN, and its mean is now 0.
        joined = np.nan_to_num(scaler.transform(joined))
        yield {part: joined[dataset.splits == part] for part in ("train", "valid", "test")}


def _by_row(rows: Ragged, statistic: Any) -> np.ndarray:
    """A statistic of the steps of each row, (n, dim); NaN for a row without any."""
    values = np.full((len(rows), rows.dim), np.nan)
    for row in np.flatnonzero(rows.lengths).tolist():
        values[row] = statistic(rows[row], axis=0, dtype="float64")
    return values


def _candidates(dataset: Dataset, features: np.ndarray) -> Iterator[Any]:
    """Fitted models; each is to be used before the next is asked for."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    labels = dataset.subset("train").labels
    if dataset.description["task"] == "regression":
        for alpha in ALPHAS:
            yield Ridge(alpha).fit(features, labels)
        return
    for weight in (None, "balanced"):
        model = LogisticRegression(class_weight=weight, max_iter=300, warm_start=True)
        for cost in COSTS:
            with warnings.catch_warnings():
                # Stopped early is held back more; the validation part says whether it is worse.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.set_params(C=cost).fit(features, labels)
            yield model


def _predicted(model: Any, features: np.ndarray, dataset: Dataset) -> np.ndarray:
    if dataset.description["task"] == "regression":
        return model.predict(features)
    probabilities = np.zeros((len(features), number_of_classes(dataset)))
    probabilities[:, model.classes_] = model.predict_proba(features)
    return probabilities
