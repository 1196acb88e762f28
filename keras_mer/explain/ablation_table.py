"""What each modality is worth to a model on a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import keras

from keras_mer.data import Dataset
from keras_mer.explain._subsets import exact_shapley

Figures = dict[str, float]


@dataclass(frozen=True)
class AblationTable:
    """The figures of a model with and without each modality.

    Attributes:
        whole: the figures with all modalities that the data set has.
        without: per modality the figures with it hidden in every row.
        nothing: the figures where every modality is hidden; the model then says the same of
            every row, and a figure such as a correlation is not a number.
        shapley: per modality what it adds to each figure, averaged over all orders of the
            modalities. They sum to `whole` less `nothing`.
    """

    whole: Figures
    without: dict[str, Figures]
    nothing: Figures
    shapley: dict[str, Figures]


def ablation_table(
    model: keras.Model,
    dataset: Dataset,
    split: str = "test",
    protocol: str | None = None,
    trained: Iterable[str] | None = None,
) -> AblationTable:
    """Leaves each modality out, and shares the figures among the modalities.

    Args:
        model: a model of `keras_mer.models`.
        dataset: preprocessed as in training; for an entry of the zoo by
            `keras_mer.zoo.preprocessor(name).apply(dataset)`.
        split: "train", "valid" or "test".
        protocol: how figures are computed, see `keras_mer.metrics.report`; by default that
            of the data set.
        trained: the modalities that the model was trained on, an entry's
            `trained_modalities`; by default all.

    Raises:
        ValueError: if the data set names no protocol, or has none of the modalities.

    Example:
        ```python
        table = keras_mer.explain.ablation_table(model, dataset)
        table.shapley["audio"]["weighted_f1"]  # what sound adds to the weighted F1
        ```
    """
    from keras_mer.training.evaluate import evaluate, evaluate_subsets

    found = evaluate_subsets(model, dataset, split, protocol, trained)
    figures = {frozenset(subset): values for subset, values in found.items() if values is not None}
    names = [m for m in model.config["features"] if frozenset([m]) in figures]
    if not names:
        raise ValueError(
            f"the model reads {', '.join(model.config['features'])}; the data set has "
            f"{', '.join(dataset.modalities) or 'no modality'}, none that the model was trained on"
        )
    figures[frozenset()] = evaluate(model, dataset, split, protocol, ())
    whole = frozenset(names)
    shares = {name: _share(figures, name, names) for name in figures[whole]}
    return AblationTable(
        figures[whole],
        {m: figures[whole - {m}] for m in names},
        figures[frozenset()],
        {m: {name: shares[name][m] for name in shares} for m in names},
    )


def _share(
    figures: Mapping[frozenset[str], Figures], name: str, modalities: Iterable[str]
) -> dict[str, float]:
    """What each modality adds to one figure."""
    return exact_shapley({s: values[name] for s, values in figures.items()}, modalities)
