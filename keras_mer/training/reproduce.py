"""An entry of the zoo trained again, its figures beside the published ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_mer import metrics
from keras_mer.data import Dataset
from keras_mer.training.recipe import Recipe
from keras_mer.training.train_seeds import Result, summary, train_seeds
from keras_mer.zoo.entry import RECIPE
from keras_mer.zoo.resolve import Name, entry_file, resolve


@dataclass(frozen=True)
class ReproducedFigure:
    """One figure of the test part, published and reproduced.

    Attributes:
        figure: its name in the protocol.
        published: mean and deviation over the published runs.
        reproduced: mean and deviation over the new ones.
    """

    figure: str
    published: tuple[float, float]
    reproduced: tuple[float, float]

    @property
    def distance(self) -> float | None:
        """How far the means lie apart, in published deviations; None if there was a single run."""
        deviation = self.published[1]
        return (self.reproduced[0] - self.published[0]) / deviation if deviation else None


@dataclass(frozen=True)
class Reproduction:
    """What came of training an entry again.

    Attributes:
        result: the new runs.
        figures: every figure of the protocol, on all the modalities that were trained.
    """

    result: Result
    figures: list[ReproducedFigure]


def reproduce(
    name: Name,
    data: str | Path | Dataset,
    seeds: Sequence[int] | None = None,
    folder: str | Path | None = None,
    on_epoch: Callable[[int, int, dict[str, Any]], None] | None = None,
) -> Reproduction:
    """Trains an entry again by its own recipe, and sets the figures beside the published ones.

    On the processor and the backend that the entry was trained with, the same seeds give the
    same runs; on another, runs that differ by rounding and then by chance.

    Args:
        name: an entry, as in `keras_mer.zoo.load`.
        data: what its recipe reads, as in `train`.
        seeds: those of the published runs by default.
        folder: for the runs, `runs/<name>` by default. Runs that are there already are not
            repeated.
        on_epoch: called after every epoch with the seed, the epoch and its figures.

    Raises:
        FileNotFoundError: if there is no such entry, or it has no recipe.
        ValueError: if it has no published figures to compare with.

    Example:
        ```python
        done = keras_mer.training.reproduce("cmmsf_emodb", "EMODB")
        for each in done.figures:
            print(each.figure, each.published, each.reproduced, each.distance)
        ```
    """
    entry = resolve(name)
    recipe = Recipe.read(entry_file(entry, RECIPE))
    published = entry.metadata.get("metrics") or {}
    protocol = recipe.evaluation["protocol"] or entry.metadata["protocol"]
    names = [f.name for f in metrics.PROTOCOLS[protocol].figures]
    missing = [figure for figure in names if figure not in published]
    if missing:
        raise ValueError(
            f"{entry.name} has no published {', '.join(missing)} to compare with; "
            "train_seeds trains its recipe without comparing"
        )
    if seeds is None:
        seeds = entry.metadata["seeds"]
    result = train_seeds(recipe, data, seeds, folder, on_epoch)
    return Reproduction(
        result,
        [
            ReproducedFigure(
                figure,
                (published[figure]["mean"], published[figure].get("deviation", 0.0)),
                summary(result.values(figure)),
            )
            for figure in names
        ],
    )
