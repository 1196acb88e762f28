"""Trained runs as an entry of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_mer import metrics, zoo
from keras_mer._widths import specification_of
from keras_mer.training.card_figures import card_figures, card_pictures
from keras_mer.training.train import LOG, RESULT, TUNING
from keras_mer.training.train_seeds import Result, summary
from keras_mer.zoo.about import about_entry


def publish(result: Result, folder: str | Path, **about: Any) -> Path:
    """Writes the run that did best on the validation part as an entry of the zoo.

    The figures on its card are of all seeds, its pictures among them, if matplotlib is
    installed. notes.md and about.toml in the folder are put on the card, as
    `keras_mer.zoo.refresh_card` describes; the logs of all seeds are copied, those of tuned
    text encoders among them.

    Args:
        result: of `train_seeds`.
        folder: the entry's folder; its recipe.toml, notes.md and about.toml stay.
        **about: further arguments of `keras_mer.zoo.save_entry`.
    """
    folder, best = Path(folder), result.best
    options = {**_described(result), **about_entry(folder), **about}
    classes = options["task"] == "classification"
    predicted = {run.seed: each for run, each in zip(result.runs, result.predicted, strict=True)}
    folds, model = result.recipe.data["folds"], result.recipe.model
    part = card_figures(predicted, options["label_names"], classes)
    with card_pictures(predicted, part, options["name"]) as pictures:
        options["files"] = {**_logs(result), **pictures, **about.get("files", {})}
        options["extra"] = {
            "published_seed": best.seed,
            **({"folds": folds} if folds else {}),
            **({"base": _base(model)} if model.get("entry") else {}),
            "test_by_modalities": _by_subset(result),
            "test_part": part,
            **about.get("extra", {}),
        }
        return zoo.save_entry(best.model, folder, **options)


def _described(result: Result) -> dict[str, Any]:
    """The arguments of `save_entry` that the runs and the data set tell."""
    best, description = result.best, result.dataset.description
    figures = [f.name for f in metrics.PROTOCOLS[result.recipe.evaluation["protocol"]].figures]
    return {
        "name": result.recipe.name,
        "data": description["name"],
        "split": description["split_name"],
        "protocol": result.recipe.evaluation["protocol"],
        "seeds": [run.seed for run in result.runs],
        "features": {
            **{m: specification_of(w) for m, w in best.model.config["features"].items()},
            **best.preprocessor.specification,
        },
        "metrics": {name: result.values(name) for name in figures},
        "trained_modalities": result.trained,
        "task": description["task"],
        "label_names": description["label_names"],
        "label_range": description["label_range"],
        "preprocessor": best.preprocessor,
        "text_adapters": best.text_adapters,
        "overwrite": True,
    }


def _base(model: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says of the one that it was made from."""
    return {key: model[key] for key in ("entry", "weights", "sha256")}


def _logs(result: Result) -> dict[str, Path]:
    files = {
        f"log/seed_{run.seed}{Path(name).suffix}": run.folder / name
        for run in result.runs
        for name in (LOG, RESULT)
    }
    if result.recipe.tunes_text_first:
        files |= {
            f"log/seed_{run.seed}_{TUNING}.jsonl": run.folder / TUNING / LOG for run in result.runs
        }
    return files


def _by_subset(result: Result) -> dict[str, dict[str, dict[str, float]] | None]:
    table: dict[str, Any] = {}
    for subset, figures in result.test[0].items():
        table["+".join(subset)] = figures and {
            name: dict(
                zip(("mean", "deviation"), summary(result.values(name, subset)), strict=True)
            )
            for name in figures
        }
    return table
