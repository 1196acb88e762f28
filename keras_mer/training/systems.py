"""The systems that `compare` knows by name, with arguments that suit the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import Any

from keras_mer.data import Dataset
from keras_mer.training.constant_baseline import Predictions, constant_baseline
from keras_mer.training.linear_baseline import linear_baseline
from keras_mer.training.prepare import number_of_classes
from keras_mer.training.recipe import Recipe

MOST_STEPS = 50


@dataclass(frozen=True)
class Task:
    """What a system is asked to do.

    Attributes:
        widths: of the features of each modality.
        steps: the most that an utterance has in each modality.
        classes: how many there are; `None` for scores.
        label_range: of scores, if it is known.
    """

    widths: Mapping[str, int]
    steps: Mapping[str, int]
    classes: int | None
    label_range: tuple[float, float] | None

    @classmethod
    def of(cls, recipe: Recipe, dataset: Dataset) -> Task:
        """The task of a recipe's data, as `read_data` gives it.

        Raises:
            ValueError: if the data set has not all of the recipe's modalities.
        """
        chosen = recipe.data["modalities"] or dataset.modalities
        if not set(chosen) <= set(dataset.modalities):
            raise ValueError(
                f"the modalities {', '.join(chosen)} are asked for; the data set has features of "
                f"{', '.join(dataset.modalities) or 'none'}"
            )
        rows = {m: dataset.features[m] for m in chosen}
        classes = dataset.description["task"] == "classification"
        limits = dataset.description["label_range"]
        return cls(
            {m: each.dim for m, each in rows.items()},
            {m: int(each.lengths.max()) for m, each in rows.items()},
            number_of_classes(dataset) if classes else None,
            limits and tuple(limits),
        )

    @property
    def head(self) -> dict[str, Any]:
        """The arguments of a model's output."""
        if self.classes is None:
            return {"outputs": 1}
        return {"outputs": self.classes, "activation": "softmax"}

    @property
    def sequences(self) -> list[str]:
        """The modalities of several steps."""
        return [m for m, steps in self.steps.items() if steps > 1]

    @property
    def longest(self) -> int:
        """The most steps of any modality, or `MOST_STEPS` if there are more."""
        return min(max(self.steps.values()), MOST_STEPS)


Model = tuple[str, dict[str, Any]]
"""The class and the arguments of a model, as in a recipe's [model]."""


@dataclass(frozen=True)
class System:
    """Something to compare.

    Attributes:
        name: by which it is asked for.
        about: what it is, in a few words.
        model: what a network is for a task; `None` for a baseline.
        baseline: what predicts without a network; `None` for one.
        only: "regression" or "classification", if it does one alone.
    """

    name: str
    about: str
    model: Callable[[Task], Model] | None = None
    baseline: Callable[[Recipe, Dataset], tuple[Predictions, int]] | None = None
    only: str | None = None


def _model(name: str, task: Task) -> Model:
    """A model that suits any task as it is."""
    return name, task.head


def _by_utterance(name: str, task: Task) -> Model:
    """TFN, LMF and late fusion: text is read where it has steps, everything else is averaged."""
    units = {"text": 128, "video": 128}
    return name, {
        **task.head,
        "hidden_units": {m: units.get(m, 32) for m in task.widths},
        "recurrent": [m for m in task.sequences if m == "text"],
    }


def _tfn(task: Task) -> Model:
    name, arguments = _by_utterance("TFN", task)
    limits = task.label_range if task.classes is None else None
    return name, {**arguments, "output_range": limits and list(limits)}


def _mult(task: Task) -> Model:
    rates = {"text": (0.5, 0.3), "audio": (0.0, 0.2), "video": (0.0, 0.0)}
    return "MulT", {
        **task.head,
        "input_dropout": {m: rates.get(m, (0.0, 0.0))[0] for m in task.widths},
        "attention_dropout": {m: rates.get(m, (0.0, 0.0))[1] for m in task.widths},
        # A convolution over more steps than there are would read zeros.
        "kernel_size": {m: min(5, max(steps, 1)) for m, steps in task.steps.items()},
    }


def _ef_lstm(task: Task) -> Model:
    return "EFLSTM", {**task.head, "align": True, "steps": task.longest}


def _cmmsf(task: Task) -> Model:
    long = max(task.steps.values()) > MOST_STEPS
    return "CMMSF", {**task.head, "steps": MOST_STEPS if long else None}


def _foal_net(task: Task) -> Model:
    shared = gcd(*task.widths.values())
    heads = max(heads for heads in range(1, 9) if shared % heads == 0)
    return "FoalNet", {**task.head, "num_heads": heads}


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System("mean", "always the training mean", None, constant_baseline, "regression"),
        System(
            "majority", "always the most frequent class", None, constant_baseline, "classification"
        ),
        System("linear", "ridge or logistic regression, pooled features", None, linear_baseline),
        System("early-fusion", "EarlyFusionNetwork", partial(_model, "EarlyFusionNetwork")),
        System("late-fusion", "LateFusionNetwork", partial(_by_utterance, "LateFusionNetwork")),
        System("tfn", "TFN", _tfn),
        System("lmf", "LMF", partial(_by_utterance, "LMF")),
        System("mult", "MulT", _mult),
        System("eflstm", "EFLSTM", _ef_lstm),
        System("cmmsf", "CMMSF", _cmmsf),
        System("msrg", "MSRG", partial(_model, "MSRG")),
        System("mcihn", "MCIHN", partial(_model, "MCIHN")),
        System("foalnet", "FoalNet", _foal_net, None, "classification"),
        System("deepmsimer", "DeepMSIMER", partial(_model, "DeepMSIMER"), None, "classification"),
    )
}
"""Every system by its name."""
