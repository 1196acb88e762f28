"""Several systems and plain baselines under one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mer import metrics
from keras_mer._quiet import quiet_start
from keras_mer._version import __version__
from keras_mer.data import Dataset, Ragged, read
from keras_mer.data.seeded_parts import with_seeded_parts
from keras_mer.training.comparison import ComparedSystem, Comparison, notes_on
from keras_mer.training.entrants import Entrant, enter, find_systems
from keras_mer.training.recipe import Recipe
from keras_mer.training.scored_runs import OnEpoch, OnRun, Scored, score_all
from keras_mer.training.shared_recipe import shared_recipe
from keras_mer.training.suit import read_parts, suited, with_features
from keras_mer.training.systems import MOST_STEPS


def compare(
    data: str | Path | Dataset,
    systems: Iterable[str | Path | Recipe] | None = None,
    recipe: Recipe | str | Path | None = None,
    modalities: Iterable[str] | None = None,
    protocol: str | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    folder: str | Path | None = None,
    against: str | None = None,
    on_epoch: OnEpoch | None = None,
    on_run: OnRun | None = None,
) -> Comparison:
    """Trains several systems and baselines under one protocol, and compares them.

    All see the same features, made once, and the same parts of the data. The validation part
    chooses the epoch of every network, the settings of the linear baseline and the reference;
    every run is scored once on the test part; a part that the data set lacks is drawn from the
    training part, see `keras_mer.data.seeded_parts`. The figures come with a bootstrap interval
    (`keras_mer.metrics.confidence_interval`) and the p value of a paired test against the
    reference (`keras_mer.metrics.paired_test`), corrected by `keras_mer.metrics.holm`, all over
    whole groups of utterances, since those of a video or a speaker are not independent.

    Args:
        data: a folder, a file, or a data set as read.
        systems: names in `SYSTEMS`, such as "linear", "late-fusion", "tfn" or "cmmsf"; paths
            of recipes, or names of entries of the zoo, whose [model] and [training] then count
            and whose other sections must agree; all names that take the data by default.
        recipe: whose [data], [text_tuning], [training] and [evaluation] count for all, and that
            needs no [model]; by default that of the first system that has one, or one that suits
            the data set.
        modalities: to train on, in place of those of the recipe.
        protocol: how figures are computed, if there is no recipe; by default that of the data.
        seeds: one run each. With folds in the recipe, seed s is tested on fold s.
        folder: for runs and predictions, `runs/compare` by default. What is finished there is
            not repeated, what was interrupted goes on.
        against: the reference of the paired tests; by default the system that is best on the
            validation part.
        on_epoch: called after every epoch.
        on_run: called after every run.

    Returns:
        A `Comparison`. The predictions of every run are in its folder, in `predictions.npz`.

    Raises:
        ValueError: if a system is unknown, cannot take the data or does not agree with the
            others; if there is no training part; or if `folder` holds runs of something else.

    Example:
        ```python
        data = keras_mer.data.generate("meld")
        done = keras_mer.training.compare(data, ["linear", "late-fusion", "cmmsf"], seeds=[1, 2])
        print(done.to_markdown())
        ```
    """
    with quiet_start():  # it imports TensorFlow, if that is there
        keras.utils.set_random_seed(0)
    found = None if systems is None else find_systems(systems)
    shared, raw = _shared(data, found, recipe, modalities, protocol)
    shared = suited(shared, raw)
    dataset = with_features(shared, raw)
    if modalities is not None and found is not None:
        own = {"modalities": shared.data["modalities"]}
        found = [replace(s, data={**s.data, **own}) if isinstance(s, Recipe) else s for s in found]
    if found is not None:
        found = [suited(s, raw) if isinstance(s, Recipe) else s for s in found]
    seeds = list(seeds)
    _check(dataset, shared, seeds)
    entrants, left_out = enter(found, shared, _with_stand_in(shared, dataset))
    _check_reference(against, entrants)
    folder = Path(folder or "runs/compare").expanduser()
    scored = score_all(entrants, shared, dataset, seeds, folder, on_epoch, on_run)
    return _compared(entrants, scored, shared, dataset, seeds, against, left_out)


def _shared(
    data: str | Path | Dataset,
    systems: Sequence[Any] | None,
    recipe: Recipe | str | Path | None,
    modalities: Iterable[str] | None,
    protocol: str | None,
) -> tuple[Recipe, Dataset]:
    """The recipe that all systems share, and its data as read."""
    recipes = [system for system in systems or [] if isinstance(system, Recipe)]
    if recipe is None and recipes:
        recipe = recipes[0]
    if recipe is None:
        dataset = with_seeded_parts(data if isinstance(data, Dataset) else read(data))
        return shared_recipe(dataset, modalities, protocol), dataset
    if not isinstance(recipe, Recipe):
        recipe = Recipe.read(recipe, needs_model=False)
    if protocol is not None and recipe.evaluation["protocol"] is None:
        recipe = recipe.scored_by(protocol)
    if protocol not in (None, recipe.evaluation["protocol"]):
        raise ValueError(
            f"the recipe has the protocol {recipe.evaluation['protocol']!r}; received {protocol!r}"
        )
    if modalities is not None:
        recipe = replace(recipe, data={**recipe.data, "modalities": list(modalities)})
    return recipe, read_parts(recipe, data)


def _check(dataset: Dataset, shared: Recipe, seeds: list[int]) -> None:
    """Raises a `ValueError` unless there is what every system needs."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"one seed or more are expected, all different; received {seeds}")
    if dataset.labels.ndim != 1:
        raise ValueError(
            f"one label per utterance is expected, (n,); the labels are {dataset.labels.shape}"
        )
    if shared.data["folds"] is not None:
        folds = len(list(dataset.folds(**shared.data["folds"])))
        often = np.bincount([(seed - 1) % folds for seed in seeds])
        if len(set(often[often > 0])) > 1:
            raise ValueError(
                f"each of the {folds} folds must count alike: pass {folds} seeds, or a multiple; "
                f"received {len(seeds)}"
            )
        return
    if not dataset.counts["train"]:
        rows = ", ".join(f"{name} {count}" for name, count in dataset.counts.items())
        raise ValueError(
            f"the data set has no train part ({rows}): choose another split, or name folds in the "
            "[data] of a recipe"
        )


def _with_stand_in(shared: Recipe, dataset: Dataset) -> Dataset:
    """The data set with a stand-in for the text features of an encoder that is yet to be tuned."""
    if not shared.tunes_text or "text" in dataset.features:
        return dataset
    from keras_mer.features._encoders import encoder_of

    width = encoder_of("text", shared.data["text_encoder"]).specification["dimension"]
    offsets = np.full(len(dataset) + 1, MOST_STEPS)
    offsets[0] = 0
    return dataset.with_features("text", Ragged(np.zeros((MOST_STEPS, width)), offsets))


def _check_reference(against: str | None, entrants: Sequence[Entrant]) -> None:
    names = [entrant.name for entrant in entrants]
    if len(names) < 2:
        raise ValueError(f"two systems or more are compared; received {', '.join(names) or 'none'}")
    if against is not None and against not in names:
        raise ValueError(f"against must be one of {', '.join(names)}; received {against!r}")


def _compared(
    entrants: Sequence[Entrant],
    scored: dict[str, list[Scored]],
    shared: Recipe,
    dataset: Dataset,
    seeds: list[int],
    against: str | None,
    left_out: dict[str, str],
) -> Comparison:
    """Intervals, tests and the table."""
    protocol, select = shared.evaluation["protocol"], shared.evaluation["select"]
    reference = against or _best(scored, shared)
    ids, labels, groups, rounds = _rounds(scored, len(seeds))
    p = {
        name: metrics.paired_test(labels, runs, rounds[reference], groups, protocol)
        for name, runs in rounds.items()
        if name != reference
    }
    corrected = dict(zip(p, metrics.holm(list(p.values())), strict=True))
    systems = [
        ComparedSystem(
            entrant.name,
            entrant.recipe.model["class"],
            scored[entrant.name][0].record["parameters"],
            [run.record for run in scored[entrant.name]],
            metrics.confidence_interval(labels, rounds[entrant.name], groups, protocol),
            p.get(entrant.name),
            corrected.get(entrant.name),
        )
        for entrant in entrants
    ]
    about = _about(shared, dataset) | {"groups": len(np.unique(groups))}
    about["rows"] = {**dataset.counts, "test": len(ids)}
    versions = {
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "keras_mer": __version__,
    }
    bare = Comparison(
        about, protocol, select, seeds, reference, systems, left_out, versions=versions
    )
    notes = notes_on(bare, shared.data["folds"], dataset.description["cautions"])
    return replace(bare, notes=notes)


def _about(shared: Recipe, dataset: Dataset) -> dict[str, Any]:
    """What was trained on."""
    folds = shared.data["folds"]
    by = f"folds by {folds.get('by', 'groups')}" if folds else dataset.description["split_name"]
    return {
        "name": dataset.description["name"],
        "split": by,
        "modalities": list(shared.data["modalities"] or dataset.modalities),
    }


def _best(scored: dict[str, list[Scored]], shared: Recipe) -> str:
    """The system that did best on the validation part, on average over its runs."""
    figure = metrics.PROTOCOLS[shared.evaluation["protocol"]].figure(shared.evaluation["select"])
    means = {
        name: np.mean([run.record["valid"][figure.name] for run in runs])
        for name, runs in scored.items()
    }
    return (max if figure.higher_is_better else min)(means, key=lambda name: float(means[name]))


def _rounds(
    scored: dict[str, list[Scored]], seeds: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, list[np.ndarray]]]:
    """Ids, labels and groups of all that was tested, and by system its predictions, by round.

    A round is a run; with folds it is the runs of different folds together. A system without
    chance is in every round the same.
    """
    rounds: dict[str, list[np.ndarray]] = {}
    for name, runs in scored.items():
        parts: dict[bytes, list[Scored]] = {}
        for run in runs:
            parts.setdefault(run.ids.tobytes(), []).append(run)
        folds = list(parts.values())
        ids, labels, groups = (
            np.concatenate([getattr(fold[0], what) for fold in folds])
            for what in ("ids", "labels", "groups")
        )
        times = len(folds[0])
        joined = [np.concatenate([fold[i].predicted for fold in folds]) for i in range(times)]
        rounds[name] = joined if len(runs) == seeds else joined * seeds
    return ids, labels, groups, rounds
