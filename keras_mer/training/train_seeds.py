"""A recipe trained from several seeds, its test figures, and the entry they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_mer import metrics, zoo
from keras_mer._files import written_aside
from keras_mer._widths import specification_of
from keras_mer.data import Dataset
from keras_mer.layers._modalities import modality_order
from keras_mer.training.evaluate import evaluate_subsets
from keras_mer.training.prepare import read_data
from keras_mer.training.recipe import Recipe
from keras_mer.training.train import LOG, RESULT, TUNING, Run, train_and_prepare

Figures = dict[str, float]
Subset = tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """Runs of one recipe from several seeds, scored once on the test part.

    Attributes:
        recipe: what was trained.
        runs: one per seed.
        dataset: what they were trained on, as read.
        test: per seed, the figures of every subset of the modalities; `None` for a subset
            with a modality that was not trained.
    """

    recipe: Recipe
    runs: list[Run]
    dataset: Dataset
    test: list[dict[Subset, Figures | None]]

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
    data: str | Path | Dataset,
    seeds: Sequence[int] = (1, 2, 3, 4, 5),
    folder: str | Path | None = None,
    on_epoch: Callable[[int, int, dict[str, Any]], None] | None = None,
) -> Result:
    """Trains a recipe from several seeds and scores every run once on the test part.

    Args:
        recipe: a recipe, or the path of a recipe.toml.
        data: see `train`.
        seeds: one run each.
        folder: holds a folder per seed and results.json; `runs/<name>` by default. Runs that
            are there already are not repeated, interrupted ones go on.
        on_epoch: called after every epoch with the seed, the epoch and its figures.

    Returns:
        A `Result`.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    folder = Path(folder or f"runs/{recipe.name}").expanduser()
    dataset = read_data(recipe, data)
    runs, tests = [], []
    protocol = recipe.evaluation["protocol"]
    for seed in seeds:
        report = None
        if on_epoch:

            def report(epoch: int, figures: dict[str, Any], seed: int = seed) -> None:
                on_epoch(seed, epoch, figures)

        run, prepared = train_and_prepare(recipe, dataset, seed, folder / f"seed_{seed}", report)
        trained = tuple(run.preprocessor.specification)
        tests.append(evaluate_subsets(run.model, prepared, "test", protocol, trained))
        runs.append(run)
    result = Result(recipe, runs, dataset, tests)
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


def publish(result: Result, folder: str | Path, **about: Any) -> Path:
    """Writes the run that did best on the validation part as an entry of the zoo.

    The figures on its card are of all seeds. A `notes.md` beside the recipe is put on the
    card, the logs of all seeds are copied, those of tuned text encoders among them.

    Args:
        result: of `train_seeds`.
        folder: the entry's folder; its recipe.toml and notes.md stay.
        **about: further arguments of `keras_mer.zoo.save_entry`.
    """
    folder, best, description = Path(folder), result.best, result.dataset.description
    figures = [f.name for f in metrics.PROTOCOLS[result.recipe.evaluation["protocol"]].figures]
    notes = folder / "notes.md"
    text = notes.read_text(encoding="utf-8") if notes.exists() else ""
    files = {
        f"log/seed_{run.seed}{Path(name).suffix}": run.folder / name
        for run in result.runs
        for name in (LOG, RESULT)
    }
    if best.text_adapters is not None:
        files |= {
            f"log/seed_{run.seed}_{TUNING}.jsonl": run.folder / TUNING / LOG for run in result.runs
        }
    options = {
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
        "notes": f"{text}\n\n{subsets_table(result)}".strip(),
        "files": files,
        "extra": {"published_seed": best.seed, "test_by_modalities": _by_subset(result)},
        "overwrite": True,
    }
    return zoo.save_entry(best.model, folder, **{**options, **about})


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


def subsets_table(result: Result) -> str:
    """Markdown: the figures of every subset of the modalities, as mean and deviation."""
    names = [f.name for f in metrics.PROTOCOLS[result.recipe.evaluation["protocol"]].figures]
    lines = [
        "## Modalities at test time",
        "",
        f"The same weights with modalities left out; mean ± deviation over {_over(result)}.",
        "",
        f"| modalities | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for subset, figures in result.test[0].items():
        cells = ["not trained"] + ["–"] * (len(names) - 1)
        if figures:
            cells = [shown(result.values(name, subset), name) for name in names]
        lines.append(f"| {' + '.join(subset)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _over(result: Result) -> str:
    folds = result.recipe.data["folds"]
    if folds is None:
        return "the seeds"
    return f"the seeds, each trained and tested on another fold by {folds.get('by', 'groups')}"


def summary(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample deviation over seeds; the deviation of one value is 0."""
    array = np.asarray(values, "float64")
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else 0.0


def shown(values: Sequence[float], figure: str) -> str:
    """Mean and deviation as text: shares in percent, errors and correlations as they are."""
    return shown_summary(summary(values), figure)


def shown_summary(values: tuple[float, float], figure: str) -> str:
    """As `shown`, of mean and deviation."""
    mean, deviation = values
    if figure in ("mae", "corr"):
        return f"{mean:.3f} ± {deviation:.3f}"
    return f"{100 * mean:.1f} ± {100 * deviation:.1f}"
