"""A recipe trained from several seeds, and its test figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mer import metrics
from keras_mer._files import written_aside
from keras_mer.data import Dataset
from keras_mer.layers._modalities import modality_order
from keras_mer.metrics._shown import shown_summary
from keras_mer.training.evaluate import evaluate_subsets
from keras_mer.training.predicted import PREDICTIONS, Predicted
from keras_mer.training.recipe import Recipe
from keras_mer.training.suit import suit
from keras_mer.training.train import Run, train_and_prepare

Figures = dict[str, float]
Subset = tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """Runs of one recipe from several seeds, scored once on the test part.

    Attributes:
        recipe: what was trained, with all that the data and the entry have filled in.
        runs: one per seed.
        dataset: what they were trained on, as read.
        test: per seed, the figures of every subset of the modalities; `None` for a subset
            with a modality that was not trained.
        predicted: per seed, the predictions from all trained modalities.
    """

    recipe: Recipe
    runs: list[Run]
    dataset: Dataset
    test: list[dict[Subset, Figures | None]]
    predicted: list[Predicted]

    @property
    def trained(self) -> Subset:
        """The modalities that were there in training."""
        return tuple(modality_order(self.runs[0].preprocessor.specification))

    @property
    def best(self) -> Run:
        """The run that did best on the validation part."""
        select = self.recipe.evaluation["select"]
        figures = metrics.PROTOCOLS[self.recipe.evaluation["protocol"]].figures
        higher = next(f for f in figures if f.name == select).higher_is_better
        return (max if higher else min)(self.runs, key=lambda run: run.valid[select])

    def values(self, figure: str, subset: Subset | None = None) -> list[float]:
        """A figure on the test part, one value per seed."""
        found = [test[subset or self.trained] for test in self.test]
        return [figures[figure] for figures in found if figures is not None]


def train_seeds(
    recipe: Recipe | str | Path,
    data: str | Path | Dataset | None = None,
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    folder: str | Path | None = None,
    on_epoch: Callable[[int, int, dict[str, Any]], None] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Result:
    """Trains a recipe from several seeds and scores every run once on the test part.

    Args:
        recipe: a recipe, or the path of a recipe.toml.
        data: see `train`.
        seeds: one run each.
        folder: holds a folder per seed, with the predictions of its test part, and
            results.json; `runs/<name>` by default. Runs that are there already are not
            repeated, interrupted ones go on.
        on_epoch: called after every epoch with the seed, the epoch and its figures.
        callbacks: see `train`; the same ones for every seed.

    Returns:
        A `Result`.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    folder = Path(folder or f"runs/{recipe.name}").expanduser()
    recipe, dataset = suit(recipe, data)
    runs, tests, predicted = [], [], []
    protocol = recipe.evaluation["protocol"]
    for seed in seeds:
        report = None
        if on_epoch:

            def report(epoch: int, figures: dict[str, Any], seed: int = seed) -> None:
                on_epoch(seed, epoch, figures)

        place = folder / f"seed_{seed}"
        run, prepared = train_and_prepare(recipe, dataset, seed, place, report, callbacks)
        trained = tuple(run.preprocessor.specification)
        tests.append(evaluate_subsets(run.model, prepared, "test", protocol, trained))
        runs.append(run)
        predicted.append(Predicted.of(run.model, prepared))
        predicted[-1].save(run.folder / PREDICTIONS)
    result = Result(recipe, runs, dataset, tests, predicted)
    _write(result, folder / "results.json")
    return result


def _write(result: Result, path: Path) -> None:
    content = [
        {
            "seed": run.seed,
            "best_epoch": run.best_epoch,
            "valid": run.valid,
            "test": {"+".join(s): figures for s, figures in test.items()},
        }
        for run, test in zip(result.runs, result.test, strict=True)
    ]
    with written_aside(path) as aside:
        aside.write_text(json.dumps(content, indent=1) + "\n")


def summary(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample deviation over seeds; the deviation of one value is 0."""
    array = np.asarray(values, "float64")
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else 0.0


def shown(values: Sequence[float], figure: str) -> str:
    """Mean and deviation as text: shares in percent, errors and correlations as they are."""
    return shown_summary(summary(values), figure)
