"""A recipe: everything that turns a data set into a trained model, as a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from keras_mer._files import written_aside
from keras_mer._nearest import did_you_mean
from keras_mer._toml import to_toml
from keras_mer.metrics.protocols import find_protocol

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")

SECTIONS: dict[str, dict[str, Any]] = {
    "data": {
        "path": None,
        "format": None,
        "options": {},
        "modalities": None,
        "text_encoder": None,
        "audio_encoder": None,
        "video_encoder": None,
        "folds": None,
        "standardize_by": {},
        "standardize": None,
        "clip": None,
        "max_length": None,
    },
    "text_tuning": {
        "first_layer": 5,
        "rank": 16,
        "attention_rank": 0,
        "dropout": 0.1,
        "together": False,
        "learning_rate": 2e-3,
        "weight_decay": 0.01,
        "ema_momentum": None,
        "batch_size": 32,
        "epochs": 12,
        "patience": 4,
    },
    "model": {"class": None, "entry": None, "weights": True, "arguments": {}},
    "training": {
        "loss": None,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "clipnorm": None,
        "ema_momentum": None,
        "batch_size": 32,
        "epochs": 50,
        "patience": 8,
        "freeze_epochs": 0,
        "trunk_rate": 0.1,
        "class_weight": None,
        "sample_weight": None,
        "exchange": {},
    },
    "evaluation": {"protocol": None, "select": None},
    "search": {"training": {}, "model": {}},
}
OPTIONAL = ("text_tuning", "search")


@dataclass(frozen=True)
class Recipe:
    """What a model is trained from, and how. Made by `Recipe.read`.

    Attributes:
        name: of the entry that the recipe makes.
        data: `path`, relative to the recipe's file; `format` and `options` of the reader;
            `modalities` to train on;
            `text_encoder`, the specification of what `TextEncoder` makes of the transcripts;
            `audio_encoder` and `video_encoder`, of what `AudioEncoder` and `VideoEncoder` make of
            the clips; `folds`, the arguments of `Dataset.folds`, of which every seed takes another;
            `standardize_by`, per modality a column within whose values it is standardised, see
            `Dataset.standardized_by`; `standardize`, the modalities to standardise on the
            training part; `clip`, the limit of standardised values; `max_length` in steps.
            What follows from an entry, or where no `format` is named from the data, is filled
            in by `keras_mer.training.suit.suited`.
        text_tuning: if given, the text encoder is tuned first: from `first_layer` (2 to 6) up,
            with low-rank changes of this `rank`, and of queries, keys and values of
            `attention_rank`, if that is not 0; `dropout`; `learning_rate`, `weight_decay`,
            `ema_momentum`, `batch_size`, `epochs` and `patience` as in `training`, from which
            everything else is taken. With `together = true` not first, under a linear head, but
            with the model and by its loss; then all of `training` counts, and none of these.
        model: `class`, a name in `keras_mer.models`, and its `arguments`; or `entry`, the name,
            folder (relative to the recipe's file) or address of an entry to train further, and
            those of its arguments that are to differ. `weights = false` takes all of the entry
            but its weights.
        training: `loss`, `optimizer`, `learning_rate`, `weight_decay`, `clipnorm`,
            `ema_momentum` (validate and keep the moving average of the weights),
            `batch_size` (of a `DialogueModel`, in dialogues), `epochs`, and `patience` in epochs.
            Of an entry that is trained further, `freeze_epochs`, how many of the epochs the head
            learns alone, and `trunk_rate`, at what share of the learning rate everything learns
            after them; the patience counts from there. `class_weight`, "balanced" or a table
            by label; `sample_weight`, the column with the weight of each row; `exchange`, per
            modality the share of training rows that have it from another row, see `Batches`.
        evaluation: the `protocol` of `keras_mer.metrics.report`, by default that of the data,
            else "classes" or "scores"; and `select`, the figure of it that decides on the
            validation part which epoch is kept, by default the mean absolute error, or the
            protocol's first. The loss follows it: "mae", or cross-entropy.
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

    @property
    def tunes_text_first(self) -> bool:
        """Whether the text encoder is tuned before the model."""
        return self.tunes_text and not self.tunes_text_together

    @property
    def tunes_text_together(self) -> bool:
        """Whether the text encoder is tuned with the model, by its loss."""
        return self.tunes_text and bool((self.text_tuning or {})["together"])

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
            return cls.from_dict(content, needs_model)._beside(Path(path).parent)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def write(self, path: str | Path) -> None:
        """Writes a recipe.toml that `read` reads, with every key that is not the default."""
        content = {f.name: _said(f.name, getattr(self, f.name)) for f in fields(self)}
        with written_aside(Path(path)) as aside:
            aside.write_text(to_toml(content), encoding="utf-8")

    def _beside(self, folder: Path) -> Recipe:
        """With the paths in it taken from the folder of its file."""
        data, model = dict(self.data), dict(self.model)
        if data["path"] is not None:
            data["path"] = str((folder / Path(data["path"]).expanduser()).resolve())
        entry = model["entry"]
        if entry is not None and "://" not in entry and ("/" in entry or entry[:1] in ".~"):
            model["entry"] = str((folder / Path(entry).expanduser()).resolve())
        return replace(self, data=data, model=model)

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
        _check_model(filled["model"], needs_model)
        _check_training(filled["training"], content.get("training", {}), filled["model"])
        if "text_tuning" in filled:
            _check_tuning(filled["text_tuning"], filled["data"])
            if filled["model"]["entry"]:
                raise ValueError(
                    "[text_tuning] would change what the entry of [model] reads: leave one of "
                    "them out"
                )
        recipe = cls(content["name"], **filled)
        protocol = recipe.evaluation["protocol"]
        return recipe if protocol is None else recipe.scored_by(protocol)

    def scored_by(self, protocol: str) -> Recipe:
        """With a protocol, and loss and deciding figure as suit it, where they are not named."""
        found = find_protocol(protocol)
        scores = "mae" in [figure.name for figure in found.figures]
        loss = self.training["loss"] or ("mae" if scores else "sparse_categorical_crossentropy")
        select = self.evaluation["select"] or ("mae" if scores else found.first.name)
        return replace(
            self,
            training={**self.training, "loss": loss},
            evaluation={"protocol": protocol, "select": select},
        )


def _check_model(model: Mapping[str, Any], needed: bool) -> None:
    name, entry = model["class"], model["entry"]
    if needed and not (name or entry):
        raise ValueError(
            '[model] needs a class, such as class = "CMMSF", or an entry to train further, such '
            'as entry = "cmmsf_mosi"'
        )
    if name and entry:
        raise ValueError(f"[model] has the class {name!r} and the entry {entry!r}: give one")
    if entry is not None and not isinstance(entry, str):
        raise ValueError(f"the entry of [model] must be a name or a path; received {entry!r}")


def _check_training(
    training: Mapping[str, Any], given: Mapping[str, Any], model: Mapping[str, Any]
) -> None:
    optimizer, frozen, rate = (training[k] for k in ("optimizer", "freeze_epochs", "trunk_rate"))
    if optimizer not in OPTIMIZERS:
        raise ValueError(
            f"optimizer must be one of {', '.join(OPTIMIZERS)}; received {optimizer!r}"
        )
    if isinstance(frozen, bool) or not isinstance(frozen, int) or frozen < 0:
        raise ValueError(f"freeze_epochs must be a whole number, 0 or more; received {frozen!r}")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not rate > 0:
        raise ValueError(f"trunk_rate must be a number above 0; received {rate!r}")
    if frozen and not (model["entry"] and model["weights"]):
        raise ValueError(
            "freeze_epochs holds the trunk of an entry; here every weight is fresh: name an "
            "entry in [model], or leave freeze_epochs out"
        )
    if "trunk_rate" in given and not frozen:
        raise ValueError("trunk_rate counts after freeze_epochs: give these too, or leave it out")


def _check_tuning(tuning: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    if data["text_encoder"] is None:
        raise ValueError(
            "[text_tuning] tunes what text_encoder in [data] names, which is missing: give it, "
            "such as text_encoder = { layers = [4, 6] }"
        )
    for key, low, high in (("first_layer", 2, 6), ("rank", 1, 384), ("attention_rank", 0, 32)):
        value = tuning[key]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{key} must be a whole number, {low} to {high}; received {value!r}")
    if not isinstance(tuning["together"], bool):
        raise ValueError(f"together must be true or false; received {tuning['together']!r}")
    if tuning["together"]:
        _check_together(tuning, data)


def _check_together(tuning: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Raises a `ValueError` for what cannot be while the encoder learns with the model."""
    usual = SECTIONS["text_tuning"]
    own = [k for k in tuning if k in SECTIONS["training"] and tuning[k] != usual[k]]
    if own:
        raise ValueError(
            f"[text_tuning] has {', '.join(own)}, but with together = true those of [training] "
            "count: leave them out"
        )
    lowest, first = min(data["text_encoder"].get("layers", [6])), tuning["first_layer"]
    if lowest < first:
        raise ValueError(
            f"with together = true the model reads tuned layers alone; text_encoder has layer "
            f"{lowest} and first_layer is {first}: lower first_layer, or take the layer out"
        )
    if data["max_length"] is not None:
        raise ValueError(
            f"max_length = {data['max_length']} in [data] cuts what the encoder gives, and with "
            "together = true the encoder is in the model: leave one of them out"
        )
    if "text" in (data["standardize"] or ()) or "text" in data["standardize_by"]:
        raise ValueError(
            "text cannot be standardised with together = true, as it changes while it is learned "
            "from: take it out of standardize"
        )


def _check_keys(given: Any, known: list[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must be a table; received {given!r}")
    for key in given:
        if key not in known:
            raise ValueError(
                f"{where} has no key {key!r}; {did_you_mean(key, known)}It has {', '.join(known)}"
            )


def _said(section: str, content: Any) -> Any:
    """Of a section, the keys that say something else than their defaults."""
    if not isinstance(content, Mapping):
        return content
    return {k: v for k, v in content.items() if v != SECTIONS[section][k]}
