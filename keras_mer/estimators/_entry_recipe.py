"""From an entry of the zoo to the recipe that trains it further."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_mer import models
from keras_mer.data import Dataset
from keras_mer.training.base_entry import BaseEntry
from keras_mer.training.recipe import Recipe
from keras_mer.training.suit import suited
from keras_mer.training.systems import Task


def entry_recipe(
    entry: str,
    arguments: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    rows: Dataset,
    task: Task,
) -> Recipe:
    """A recipe that trains an entry further on rows.

    Args:
        entry: its name, folder or address.
        arguments: of its model that are to differ.
        training: of the recipe.
        rows: to train on, with what describes them.
        task: what it is asked to do.

    Raises:
        ValueError: if it reads dialogues, or other features than these.
    """
    own = dict(arguments or {})
    content = {"name": "estimator", "training": training}
    recipe = Recipe.from_dict({**content, "model": {"entry": str(entry), "arguments": own}})
    base = BaseEntry.of(recipe)
    assert base is not None  # it is named
    if getattr(models, base.config["class_name"]).reads_dialogues:
        raise ValueError(
            f"the entry {entry} reads dialogues, while the rows of an estimator stand alone: name "
            "an entry that reads utterances"
        )
    if not _gives(base.config["config"], task):  # such as logits: predict_proba could not say them
        own = {"outputs": 1, "activation": None, **task.head, **own}
        recipe = Recipe.from_dict({**content, "model": {"entry": str(entry), "arguments": own}})
    return suited(recipe, rows)


def _gives(config: Mapping[str, Any], task: Task) -> bool:
    """Whether a model's outputs are the probabilities, or the score, that an estimator returns."""
    if task.classes is None:
        return bool(config["outputs"] == 1)
    return bool((config["outputs"], config["activation"]) == (task.classes, "softmax"))
