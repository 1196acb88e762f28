"""From the names of systems to recipes that agree on everything but the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keras_mer import zoo
from keras_mer._nearest import did_you_mean
from keras_mer.data import Dataset, Preprocessor
from keras_mer.training.constant_baseline import Predictions
from keras_mer.training.recipe import Recipe
from keras_mer.training.systems import SYSTEMS, System, Task
from keras_mer.training.train import build_model
from keras_mer.zoo.entry import RECIPE
from keras_mer.zoo.resolve import entry_file, resolve


@dataclass(frozen=True)
class Entrant:
    """A system that is ready to be compared.

    Attributes:
        name: of its row and its folder.
        recipe: of its runs.
        parameters: how many a network has; of a baseline they are known once it is fitted.
        baseline: what predicts without a network; `None` for one.
    """

    name: str
    recipe: Recipe
    parameters: int | None = None
    baseline: Callable[[Recipe, Dataset], tuple[Predictions, int]] | None = None


def find_systems(systems: Iterable[str | Path | Recipe]) -> list[System | Recipe]:
    """What is meant by names of systems, paths of recipes and names of entries.

    Raises:
        ValueError: if a name is unknown, or two systems have the same.
    """
    found = [_found(each) for each in systems]
    names = [each.name for each in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two systems are named {twice[0]}: leave one out, or rename its recipe")
    return found


def _found(system: str | Path | Recipe) -> System | Recipe:
    if isinstance(system, Recipe):
        return system
    if str(system) in SYSTEMS:
        return SYSTEMS[str(system)]
    if Path(system).suffix == ".toml":
        return Recipe.read(system)
    entries = zoo.list_models()
    if str(system) in entries:
        return Recipe.read(entry_file(resolve(str(system)), RECIPE))
    hint = did_you_mean(str(system).lower(), [*SYSTEMS, *entries])
    raise ValueError(
        f"there is no system {str(system)!r}; {hint}There are {', '.join(SYSTEMS)}, the recipes "
        f"of the entries {', '.join(entries)}, and recipes by their path, ending in .toml"
    )


def enter(
    systems: Sequence[System | Recipe] | None, shared: Recipe, dataset: Dataset
) -> tuple[list[Entrant], dict[str, str]]:
    """Gives every system the shared recipe, and builds it once to see that it takes the data.

    Args:
        systems: of `find_systems`; `None` for all that there are and that take the data.
        shared: whose [data], [text_tuning] and [evaluation] count for all, and whose
            [training] for those that have none of their own.
        dataset: with features of every modality.

    Returns:
        The systems, and of those left out the reason.

    Raises:
        ValueError: if a system that was asked for cannot take the data, or its recipe does not
            agree with the shared one.
    """
    task = Task.of(shared, dataset)
    entered, left_out = [], {}
    for system in SYSTEMS.values() if systems is None else systems:
        try:
            entered.append(_entered(system, shared, task))
        except (ValueError, TypeError) as error:
            if systems is not None:
                raise ValueError(f"{system.name}: {error}") from error
            if isinstance(system, System) and not system.baseline:  # "mean" is not for classes
                left_out[system.name] = str(error)
    return entered, left_out


def _entered(system: System | Recipe, shared: Recipe, task: Task) -> Entrant:
    if isinstance(system, Recipe):
        _check_agreement(system, shared)
        recipe = replace(shared, name=system.name, model=system.model, training=system.training)
        return Entrant(system.name, recipe, _size(recipe, task))
    kind = "regression" if task.classes is None else "classification"
    if system.only not in (None, kind):
        what = {"regression": "scores", "classification": "classes"}
        raise ValueError(f"it predicts {what[str(system.only)]}; the labels are {what[kind]}")
    name, arguments = system.model(task) if system.model else (system.name, {})
    recipe = replace(shared, name=system.name, model={"class": name, "arguments": arguments})
    if system.baseline:
        return Entrant(system.name, recipe, None, system.baseline)
    return Entrant(system.name, recipe, _size(recipe, task))


def _size(recipe: Recipe, task: Task) -> int:
    """The number of parameters of a recipe's model."""
    preprocessor = Preprocessor({m: {"dimension": dim} for m, dim in task.widths.items()}, {}, {})
    return int(build_model(recipe, preprocessor, seed=1).count_params())


def _check_agreement(recipe: Recipe, shared: Recipe) -> None:
    """Raises a `ValueError` that names the first key in which the recipes must agree."""
    for section in ("data", "evaluation", "text_tuning"):
        own, theirs = getattr(recipe, section) or {}, getattr(shared, section) or {}
        for key in {**own, **theirs}:
            if own.get(key) != theirs.get(key):
                raise ValueError(
                    f"its [{section}] has {key} = {own.get(key)!r} where the others have "
                    f"{theirs.get(key)!r}: what is compared must be trained on the same data and "
                    "scored alike"
                )
