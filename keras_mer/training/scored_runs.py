"""The runs of the systems that are compared, each kept with what it said of the test part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mer import metrics
from keras_mer._files import written_aside
from keras_mer.data import Dataset
from keras_mer.training.entrants import Entrant
from keras_mer.training.evaluate import predictions
from keras_mer.training.fit import STATE
from keras_mer.training.predicted import PREDICTIONS
from keras_mer.training.prepare import encode_text, fold_of
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import TUNING, train_and_prepare
from keras_mer.training.tune_text import tune_text

OnEpoch = Callable[[str, int, int, dict[str, Any]], None]
"""Called after every epoch with the system, the seed, the epoch and its figures."""

OnRun = Callable[[str, int, dict[str, float], int, int], None]
"""Called after every run with the system, the seed, its validation figures, how many runs are
done, and how many there are."""


@dataclass(frozen=True)
class Scored:
    """A run and what it says of the test part.

    Attributes:
        record: `seed`, figures of `valid` and `test`, `best_epoch`, `epochs`, `seconds` and
            `parameters`.
        ids: (n,) of the test part.
        labels: (n,).
        groups: (n,).
        predicted: (n, outputs) or (n,).
    """

    record: dict[str, Any]
    ids: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    predicted: np.ndarray


def score_all(
    entrants: Sequence[Entrant],
    shared: Recipe,
    dataset: Dataset,
    seeds: Sequence[int],
    folder: Path,
    on_epoch: OnEpoch | None,
    on_run: OnRun | None,
) -> dict[str, list[Scored]]:
    """Trains every system from every seed and scores it once on the test part.

    Args:
        entrants: the systems. A baseline without chance is run from the first seed alone.
        shared: their recipe.
        dataset: as `read_data` gives it.
        seeds: of the runs.
        folder: for a folder per system and seed; what is finished there is not repeated.
        on_epoch: called after every epoch.
        on_run: called after every run.

    Returns:
        The runs of each system, by its name.
    """
    identity = _identity(dataset)

    features = lru_cache(maxsize=1)(
        lambda seed: _with_text(shared, dataset, seed, folder / TUNING / f"seed_{seed}", on_epoch)
    )
    varies = shared.tunes_text_first or shared.data["folds"] is not None
    todo = [
        (entrant, seed)
        for seed in seeds
        for entrant in entrants
        if entrant.baseline is None or varies or seed == seeds[0]
    ]
    scored: dict[str, list[Scored]] = {entrant.name: [] for entrant in entrants}
    for done, (entrant, seed) in enumerate(todo, 1):
        place = folder / entrant.name / f"seed_{seed}"
        stamp = _stamp(entrant, seed, identity)
        run = _kept(place, stamp)
        if run is None:
            report = _told(on_epoch, entrant.name, seed)
            run = _scored(entrant, features(seed), seed, place, report)
            _keep(run, place, stamp)
            (place / STATE).unlink(missing_ok=True)  # several times the weights, for going on
        scored[entrant.name].append(run)
        if on_run:
            on_run(entrant.name, seed, run.record["valid"], done, len(todo))
    return scored


def _with_text(
    shared: Recipe, dataset: Dataset, seed: int, folder: Path, on_epoch: OnEpoch | None
) -> Dataset:
    """With text features, where the encoder is tuned before the systems, anew for every seed."""
    if not shared.tunes_text_first or "text" in dataset.features:
        return dataset
    folder.mkdir(parents=True, exist_ok=True)
    report = _told(on_epoch, "text encoder", seed)
    adapters = tune_text(shared, fold_of(shared, dataset, seed), seed, folder, report)
    return encode_text(shared, dataset, adapters, cache=False)


def _told(
    on_epoch: OnEpoch | None, system: str, seed: int
) -> Callable[[int, dict[str, Any]], None] | None:
    if on_epoch is None:
        return None
    return lambda epoch, figures: on_epoch(system, seed, epoch, figures)


def _scored(
    entrant: Entrant,
    dataset: Dataset,
    seed: int,
    folder: Path,
    report: Callable[[int, dict[str, Any]], None] | None,
) -> Scored:
    """Trains a system from a seed, and lets it predict the test part."""
    protocol = entrant.recipe.evaluation["protocol"]
    together = entrant.recipe.tunes_text_together and "text" not in dataset.features
    if entrant.baseline:
        if together:  # there is nothing to tune it by
            dataset = encode_text(entrant.recipe, dataset)
        dataset = fold_of(entrant.recipe, dataset, seed).only_labelled()
        found, parameters = entrant.baseline(entrant.recipe, dataset)
        valid = metrics.report(dataset.subset("valid").labels, found["valid"], protocol)
        predicted, test = np.asarray(found["test"]), dataset.subset("test")
        record = {"valid": valid, "parameters": parameters}
    else:
        recipe = entrant.recipe
        if not together:  # what was tuned is in the features already
            recipe = replace(recipe, text_tuning=None)
        run, dataset = train_and_prepare(recipe, dataset, seed, folder, report)
        predicted, test = predictions(run.model, dataset, "test")
        record = {
            "valid": run.valid,
            "parameters": entrant.parameters,
            "best_epoch": run.best_epoch,
            "epochs": len(run.epochs),
            "seconds": round(sum(epoch["seconds"] for epoch in run.epochs), 1),
        }
    figures = metrics.report(test.labels, predicted, protocol)
    record = {"seed": seed, "test": figures, **record}
    return Scored(record, test.ids, test.labels, test.groups, predicted)


def _identity(dataset: Dataset) -> str:
    """What tells a data set, as it is before any preprocessing, from others."""
    content = hashlib.sha256(repr(dataset.description).encode())
    for values in (dataset.labels, dataset.splits, dataset.ids, dataset.groups):
        content.update(np.ascontiguousarray(values).data.cast("B"))
    content.update(
        repr(None if dataset.transcripts is None else list(dataset.transcripts)).encode()
    )
    for rows in dataset.features.values():
        content.update(rows.lengths.data.cast("B"))
        for part in rows.identity():
            content.update(part)
    return content.hexdigest()


def _stamp(entrant: Entrant, seed: int, identity: str) -> str:
    """What must be the same for a run to be kept."""
    content = repr((entrant.recipe, seed, keras.backend.backend(), identity))
    return hashlib.sha256(content.encode()).hexdigest()


def _keep(run: Scored, folder: Path, stamp: str) -> None:
    with written_aside(folder / PREDICTIONS) as aside:
        np.savez_compressed(
            aside,
            stamp=np.array(stamp),
            record=np.array(json.dumps(run.record)),
            ids=run.ids,
            labels=run.labels,
            groups=run.groups,
            predicted=run.predicted,
        )


def _kept(folder: Path, stamp: str) -> Scored | None:
    """A finished run, if there is one.

    Raises:
        ValueError: if there is one of something else.
    """
    path = folder / PREDICTIONS
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        if str(file["stamp"]) != stamp:
            raise ValueError(
                f"{folder} holds a run of another recipe, data set, seed or backend: remove it, "
                "or choose another folder"
            )
        arrays = [file[name] for name in ("ids", "labels", "groups", "predicted")]
        return Scored(json.loads(str(file["record"])), *arrays)
