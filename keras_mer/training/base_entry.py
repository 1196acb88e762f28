"""An entry of the zoo that a recipe trains further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from keras_mer import zoo
from keras_mer._nearest import did_you_mean
from keras_mer.data import Dataset, Preprocessor
from keras_mer.data._specification import differing_setting
from keras_mer.data.preprocessor import APART
from keras_mer.features import TextAdapters
from keras_mer.features._encoders import is_ours
from keras_mer.layers._modalities import modality_order
from keras_mer.models._multimodal_model import copy_weights
from keras_mer.training.recipe import Recipe
from keras_mer.zoo.config import from_config
from keras_mer.zoo.entry import CONFIG, PREPROCESSOR, TEXT_ADAPTERS, WEIGHTS, Entry, read_json
from keras_mer.zoo.resolve import entry_file, resolve


@dataclass(frozen=True)
class BaseEntry:
    """What training further starts from.

    Attributes:
        name: as the recipe has it.
        entry: where its files are.
        config: the content of its config.json.
    """

    name: str
    entry: Entry
    config: Mapping[str, Any]

    @classmethod
    def of(cls, recipe: Recipe) -> BaseEntry | None:
        """That of a recipe; `None` if it names none."""
        name = recipe.model.get("entry")
        if name is None:
            return None
        entry = resolve(name)
        return cls(name, entry, read_json(entry_file(entry, CONFIG)))

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """What it reads of each modality that it was trained on."""
        trained = modality_order(self.entry.metadata["trained_modalities"])
        return {m: self.entry.metadata["features"][m] for m in trained}

    @property
    def sha256(self) -> dict[str, str]:
        """Of the files that decide what comes of training further."""
        files = (CONFIG, WEIGHTS, PREPROCESSOR, TEXT_ADAPTERS)
        return {f: self.entry.files[f]["sha256"] for f in files if f in self.entry.files}

    @property
    def adapters(self) -> TextAdapters | None:
        """What tuning has changed in its text encoder."""
        return zoo.text_adapters(self.name)

    def encoder(self, modality: str) -> dict[str, Any] | None:
        """What makes the features of a modality, if it is an encoder of keras-mer."""
        wanted = self.features.get(modality, {})
        return wanted if is_ours(modality, wanted) else None

    def answers(self, dataset: Dataset) -> bool:
        """Whether its head says what the labels of a data set are."""
        known, given = self.entry.metadata, dataset.description
        key = "label_range" if given["task"] == "regression" else "label_names"
        alike = known.get(key) is not None and list(known[key]) == given[key]
        return bool(known.get("task") == given["task"] and alike)

    def model(self, recipe: Recipe, seed: int) -> keras.Model:
        """Its model with the arguments of a recipe, with its weights if the recipe says so.

        Raises:
            ValueError: if an argument is unknown, or changes the shapes of weights that are
                to be kept.
        """
        given, own = recipe.model["arguments"], self.config["config"]
        for name in given:
            if name not in own:
                raise ValueError(
                    f"the {self.config['class_name']} of the entry {self.name} has no argument "
                    f"{name!r}; {did_you_mean(name, own)}It has {', '.join(own)}"
                )
        model = from_config({**self.config, "config": _merged({**own, "seed": seed}, given)})
        if not recipe.model["weights"]:
            return model
        try:
            copy_weights(zoo.load(self.name), model, head=recipe.model["keep_head"])
        except ValueError as error:
            raise ValueError(
                f"the arguments of [model] change weights of the entry {self.name} ({error}): give "
                "only those that change no shape, such as dropouts, or weights = false"
            ) from None
        return model

    def preprocessor(self, recipe: Recipe, dataset: Dataset) -> Preprocessor:
        """Its scaling, but of the modalities that the recipe standardises anew.

        Raises:
            ValueError: if the data set has other features than the entry reads.
        """
        chosen = recipe.data["modalities"]
        anew = [m for m in recipe.data["standardize"] or [] if m in chosen]
        self._check(dataset, chosen)
        own = zoo.preprocessor(self.name) or Preprocessor(self.features, {}, {})
        fitted = Preprocessor.fit(dataset, anew, anew, own.clip) if anew else None
        kept = [m for m in chosen if m not in anew]
        return Preprocessor(
            {m: own.specification[m] for m in kept} | (fitted.specification if fitted else {}),
            {m: own.mean[m] for m in kept if m in own.mean} | (fitted.mean if fitted else {}),
            {m: own.deviation[m] for m in kept if m in own.mean}
            | (fitted.deviation if fitted else {}),
            own.clip if recipe.data["clip"] is None else recipe.data["clip"],
        )

    def _check(self, dataset: Dataset, modalities: Sequence[str]) -> None:
        for modality in modalities:
            if modality not in self.features:
                raise ValueError(
                    f"the entry {self.name} was trained on {', '.join(self.features)}; the recipe "
                    f"has {modality} too: name the modalities to train on in [data]"
                )
            if modality not in dataset.features:
                raise ValueError(
                    f"the data set has no features of {modality}, and none can be made of it: "
                    "name the modalities to train on in [data]"
                )
            given, wanted = dataset.description["features"][modality], self.features[modality]
            difference = _difference(given, wanted)
            if difference:
                others = [m for m in modalities if m != modality]
                example = ", ".join(f'"{m}"' for m in others) or '"text"'
                raise ValueError(
                    f"{modality} {difference}, as the entry {self.name} reads it: train on the "
                    f"others with modalities = [{example}] in [data], or extract {modality} anew "
                    f"(keras-mer extract CLIPS --out FILE --entry {self.name})"
                )


def _difference(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """How features differ from what an entry reads, in words; `None` if they do not."""
    for key in ("dimension", "extractor", "standardized_by"):
        mine, theirs = given.get(key), wanted.get(key)
        unsaid = key == "extractor" and None in (mine, theirs)
        if mine != theirs and not unsaid:
            return f"has the {key} {mine}; expected {theirs}"
    setting = differing_setting(given, wanted, APART)
    if setting is None:
        return None
    return f"has the {setting} {given.get(setting)}; expected {wanted.get(setting)}"


def _merged(own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with those given in place of the own; tables are merged."""
    both = {
        name: _merged(own[name], value)
        if isinstance(value, Mapping) and isinstance(own.get(name), Mapping)
        else value
        for name, value in given.items()
    }
    return {**own, **both}
