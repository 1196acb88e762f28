"""A recipe: everything that turns a data set into a trained model, as a TOML file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from keras_mer._files import written_aside
from keras_mer._toml import to_toml

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")

SECTIONS: dict[str, dict[str, Any]] = {
    "data": {
        "format": None,
        "options": {},
        "modalities": None,
        "text_encoder": None,
        "audio_encoder": None,
        "video_encoder": None,
        "folds": None,
        "standardize_by": {},
        "standardize": [],
        "clip": None,
        "max_length": None,
    },
    "text_tuning": {
        "first_layer": 5,
        "rank": 16,
        "dropout": 0.1,
        "learning_rate": 2e-3,
        "weight_decay": 0.01,
        "ema_momentum": None,
        "batch_size": 32,
        "epochs": 12,
        "patience": 4,
    },
    "model": {"class": None, "arguments": {}},
    "training": {
        "loss": "mae",
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "clipnorm": None,
        "ema_momentum": None,
        "batch_size": 32,
        "epochs": 50,
        "patience": 8,
    },
    "evaluation": {"protocol": None, "select": "mae"},
    "search": {"training": {}, "model": {}},
}
OPTIONAL = ("text_tuning", "search")


@dataclass(frozen=True)
class Recipe:
    """What a model is trained from, and how. Made by `Recipe.read`.

    Attributes:
        name: of the entry that the recipe makes.
        data: `format` and `options` of the reader; `modalities` to train on;
            `text_encoder`, the specification of what `TextEncoder` makes of the transcripts;
            `audio_encoder` and `video_encoder`, of what `AudioEncoder` and `VideoEncoder` make of
            the clips; `folds`, the arguments of `Dataset.folds`, of which every seed takes another;
            `standardize_by`, per modality a column within whose values it is standardised, see
            `Dataset.standardized_by`; `standardize`, the modalities to standardise on the
            training part; `clip`, the limit of standardised values; `max_length` in steps.
        text_tuning: if given, the text encoder is tuned first: from `first_layer` (2 to 6) up,
            with low-rank changes of this `rank`; `dropout`; `learning_rate`, `weight_decay`,
            `ema_momentum`, `batch_size`, `epochs` and `patience` as in `training`, from which
            everything else is taken.
        model: `class`, a name in `keras_mer.models`, and its `arguments`.
        training: `loss`, `optimizer`, `learning_rate`, `weight_decay`, `clipnorm`,
            `ema_momentum` (validate and keep the moving average of the weights),
            `batch_size` (of a `DialogueModel`, in dialogues), `epochs`, and `patience` in epochs.
        evaluation: the `protocol` of `keras_mer.metrics.report`, and `select`, the figure of
            it that decides on the validation part which epoch is kept.
        search: what `keras_mer.training.search` chooses from, by key of `training` and by
            argument of the `model`; see there. `train` has no eye for it.
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    text_tuning: Mapping[str, Any] | None = None
    # Not shown: a run's fingerprint is made of what is.
    search: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def tunes_text(self) -> bool:
        """Whether the text encoder is tuned: it is asked for, and text is trained on."""
        modalities = self.data.get("modalities")
        return self.text_tuning is not None and (modalities is None or "text" in modalities)

    @classmethod
    def read(cls, path: str | Path, needs_model: bool = True) -> Recipe:
        """Reads a recipe.toml.

        Args:
            path: of the file.
            needs_model: whether it must name the class of a model.

        Raises:
            ValueError: if it is no TOML, or a key is unknown or missing.
        """
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path} is not valid TOML: {error}") from None
        try:
            return cls.from_dict(content, needs_model)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def write(self, path: str | Path) -> None:
        """Writes a recipe.toml that `read` reads, with every key that is not None."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        with written_aside(Path(path)) as aside:
            aside.write_text(to_toml(content), encoding="utf-8")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], needs_model: bool = True) -> Recipe:
        """A recipe from the content of a recipe.toml, its defaults filled in."""
        _check_keys(content, ["name", *SECTIONS], "the recipe")
        if not isinstance(content.get("name"), str):
            raise ValueError('the recipe needs a name, such as name = "my_model"')
        filled = {}
        for section, defaults in SECTIONS.items():
            if section in OPTIONAL and section not in content:
                continue
            given = content.get(section, {})
            _check_keys(given, list(defaults), f"[{section}]")
            filled[section] = {**defaults, **given}
        if needs_model and not filled["model"]["class"]:
            raise ValueError('[model] needs a class, such as class = "CMMSF"')
        if not filled["evaluation"]["protocol"]:
            raise ValueError('[evaluation] needs a protocol, such as protocol = "mosi"')
        optimizer = filled["training"]["optimizer"]
        if optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)}; received {optimizer!r}"
            )
        if "text_tuning" in filled:
            _check_tuning(filled["text_tuning"], filled["data"]["text_encoder"])
        return cls(content["name"], **filled)


def _check_tuning(tuning: Mapping[str, Any], text_encoder: Any) -> None:
    if text_encoder is None:
        raise ValueError(
            "[text_tuning] tunes what text_encoder in [data] names, which is missing: give it, "
            "such as text_encoder = { layers = [4, 6] }"
        )
    for key, low, high in (("first_layer", 2, 6), ("rank", 1, 384)):
        value = tuning[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{key} must be a whole number, {low} to {high}; received {value!r}")


def _check_keys(given: Any, known: list[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must be a table; received {given!r}")
    for key in given:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(f"{where} has no key {key!r}{hint} It has {', '.join(known)}")
