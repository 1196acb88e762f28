"""What a search chooses from, as in a recipe's [search]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from keras_mer._nearest import did_you_mean
from keras_mer.training.recipe import SECTIONS, Recipe

RANGE = ("low", "high", "step", "log")
FIXED = ("epochs", "patience")  # the validation part decides when a trial ends


def check_space(recipe: Recipe) -> None:
    """Raises a `ValueError` unless a recipe's [search] says what to choose from."""
    for section, keys in (recipe.search or {}).items():
        if not isinstance(keys, Mapping):
            raise ValueError(f"{section} in [search] must be a table; received {keys!r}")
    space = dict(each_of(recipe))
    if not space:
        raise ValueError(
            f"the recipe {recipe.name} has nothing to search: give it a table, such as "
            "[search.training] with learning_rate = { low = 1e-4, high = 1e-2, log = true }"
        )
    known = [key for key in SECTIONS["training"] if key not in FIXED]
    for (section, key), given in space.items():
        if section == "training" and key not in known:
            raise ValueError(
                f"[search.training] cannot choose {key!r}; {did_you_mean(key, known)}It may "
                f"choose {', '.join(known)}"
            )
        _check_choice(f"{section}.{key}", given)


def choose(recipe: Recipe, hp: Any) -> Recipe:
    """The recipe with the values that a tuner chooses.

    Args:
        recipe: with a [search].
        hp: keras-tuner's `HyperParameters`.
    """
    chosen: dict[str, dict[str, Any]] = {"training": {}, "model": {}}
    for (section, key), given in each_of(recipe):
        chosen[section][key] = _chosen(hp, f"{section}.{key}", given)
    arguments = {**recipe.model["arguments"], **chosen["model"]}
    return replace(
        recipe,
        training={**recipe.training, **chosen["training"]},
        model={**recipe.model, "arguments": arguments},
        search=None,
    )


def each_of(recipe: Recipe) -> Iterator[tuple[tuple[str, str], Any]]:
    """Section and key, and what to choose from."""
    for section, keys in (recipe.search or {}).items():
        for key, given in keys.items():
            yield (section, key), given


def _check_choice(name: str, given: Any) -> None:
    if isinstance(given, Mapping):
        _check_range(name, given)
        return
    kinds = {type(value) for value in given} if isinstance(given, list) else set()
    if len(kinds) != 1 or not kinds <= {bool, int, float, str}:
        raise ValueError(
            f"{name} in [search] must be a list of values of one kind, or a range such as "
            f"{{ low = 0.0, high = 0.5 }}; received {given!r}"
        )


def _check_range(name: str, given: Mapping[str, Any]) -> None:
    numbers: list[Any] = [given.get(key) for key in ("low", "high")] + [given.get("step", 1)]
    good = all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers)
    if not good or set(given) - set(RANGE) or not numbers[0] < numbers[1]:
        raise ValueError(
            f"{name} in [search] must be a range from low to a higher high, maybe with a step, or "
            f"log = true; received {dict(given)!r}"
        )
    if given.get("log") and (not numbers[0] > 0 or "step" in given):
        raise ValueError(
            f"{name} in [search] is drawn on a logarithmic scale: low must be more than 0, and "
            f"there is no step; received {dict(given)!r}"
        )


def _chosen(hp: Any, name: str, given: Any) -> Any:
    if isinstance(given, list):
        return hp.Choice(name, given)
    low, high, step = given["low"], given["high"], given.get("step")
    sampling = "log" if given.get("log") else "linear"
    if all(isinstance(n, int) for n in (low, high, step or 1)):
        return hp.Int(name, low, high, step=step, sampling=sampling)
    return hp.Float(name, float(low), float(high), step=step, sampling=sampling)
