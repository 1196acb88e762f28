"""An entry of one's own, written so that `load` reads it back."""

import json
import math
import os
import platform
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_mer._version import __version__
from keras_mer._widths import specification_of
from keras_mer.layers._modalities import check_same_modalities, modality_order
from keras_mer.zoo.card import card_text
from keras_mer.zoo.config import from_config, to_config
from keras_mer.zoo.entry import (
    CARD,
    CONFIG,
    FORMAT_VERSION,
    METADATA,
    ORIGIN,
    PREPROCESSOR,
    RECIPE,
    TEXT_ADAPTERS,
    WEIGHTS,
    check_file_name,
    check_name,
    read_metadata,
    record_of,
)

if TYPE_CHECKING:
    from keras_mer.data import Preprocessor
    from keras_mer.features import TextAdapters

OWN_FILES = (METADATA, CONFIG, WEIGHTS, PREPROCESSOR, TEXT_ADAPTERS, CARD)

Metric = float | Sequence[float] | Mapping[str, float]


def save_entry(
    model: keras.Model,
    folder: str | Path,
    *,
    name: str | None = None,
    weights: bool = True,
    data: str | None = None,
    split: str | None = None,
    protocol: str | None = None,
    seeds: Iterable[int] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    paper: Mapping[str, Any] | None = None,
    speed: Mapping[str, Any] | None = None,
    features: Mapping[str, Mapping[str, Any]] | None = None,
    trained_modalities: Iterable[str] | None = None,
    task: str | None = None,
    label_names: Iterable[str] | None = None,
    label_range: tuple[float, float] | None = None,
    licence: str | None = None,
    notes: str | None = None,
    preprocessor: "Preprocessor | None" = None,
    text_adapters: "TextAdapters | None" = None,
    recipe: str | Path | None = None,
    files: Mapping[str, str | Path] | None = None,
    extra: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a model as an entry: configuration, weights, metadata and card.

    Plain files that the folder holds already, such as a recipe, logs and pictures, stay and
    become part of the entry. metadata.json is written last: if the writing breaks off,
    `load` refuses what does not belong together.

    Args:
        model: a model of keras_mer.models. What the optimizer remembers is not saved.
        folder: the entry's folder; it is made if need be.
        name: of the entry; that of the folder by default.
        weights: `False` for an entry that is a recipe alone.
        data: what the model was trained on, such as `"mosi"`.
        split: which rows were trained, validated and tested on, such as `"standard"`.
        protocol: how the metrics were computed, as in `keras_mer.metrics.report`.
        seeds: of the runs that the metrics come from.
        metrics: for each the value, or one value per seed, of which mean and (sample)
            deviation are kept, or `{"mean": ..., "deviation": ...}`.
        paper: what the paper reports, such as `{"title": ..., "url": ..., "metrics": {...}}`,
            and in `why` a sentence on why its figures differ.
        speed: `{"about": ..., "ratios": {"training step": {"jax": 0.9}}}`: what was measured, and
            for each task the time over that of plain PyTorch, by backend.
        features: per modality `extractor`, `dimension`, `normalisation`; by default what the
            preprocessor specifies, else the dimensions that the model reads.
        trained_modalities: those that were present in training; all by default.
        task: `"regression"` or `"classification"`.
        label_names: of the classes, in the order of the head's units; by default those that
            `new_head` was given. The task is then a classification.
        label_range: the least and greatest label of a regression, such as `(-3, 3)`.
        licence: of the weights, as an SPDX identifier such as `"Apache-2.0"`, or a sentence.
        notes: Markdown for the card: what the model is for, and its limits.
        preprocessor: the scaling that the model was trained with.
        text_adapters: what tuning has changed in the text encoder that the model was trained
            with, if it was tuned.
        recipe: the recipe.toml that trains it.
        files: further files to copy, by their place in the entry, such as
            `{"log/seed_1.csv": "runs/1.csv"}`.
        extra: further fields of metadata.json.
        overwrite: whether an entry in `folder` may be replaced.

    Returns:
        The folder.

    Raises:
        FileExistsError: if `folder` is an entry already and `overwrite` is not set.
        ValueError: if the model is none of keras_mer.models, cannot be built again from its
            configuration, or if a field or file has no place in an entry.

    Example:

    ```python
    keras_mer.zoo.save_entry(
        model, "entries/my_mosi", data="mosi", protocol="mosi", seeds=[1, 2, 3],
        metrics={"mae": [0.71, 0.73, 0.72]}, licence="Apache-2.0",
    )
    model = keras_mer.zoo.load("entries/my_mosi")
    ```
    """
    folder = vacant_place(folder, overwrite)
    config = to_config(model)
    copy = _rebuilt(model, config)
    if label_names is None and getattr(model, "label_names", None):
        label_names, task = model.label_names, task or "classification"
    if features is None and preprocessor is not None:
        features = preprocessor.specification
    described = _described_features(features, config)
    _check_adapters(described.get("text", {}), text_adapters)
    fields = {
        "format_version": FORMAT_VERSION,
        "name": check_name(name or folder.resolve().name),
        # A DialogueModel is listed with the system that it puts a dialogue around.
        "system": config["config"].get("system", config["class_name"]),
        "data": data,
        "modalities": modality_order(described),
        "trained_modalities": modality_order(
            described if trained_modalities is None else trained_modalities
        ),
        "task": task,
        "label_names": None if label_names is None else list(label_names),
        "label_range": label_range,
        "parameters": model.count_params(),
        "quantized": getattr(model, "quantized", None),
        "features": described,
        "split": split,
        "protocol": protocol,
        "seeds": None if seeds is None else list(seeds),
        "metrics": {metric: _summary(metric, value) for metric, value in (metrics or {}).items()},
        "paper": paper,
        "speed": speed,
        "licence": licence,
        "notes": notes,
        "versions": _versions(),
    }
    fields = {key: value for key, value in fields.items() if value is not None}
    _check_modalities(fields)
    fields |= _additional(extra, fields)
    copied = further_files(files)
    if recipe is not None:
        tomllib.loads(Path(recipe).read_text(encoding="utf-8"))
        copied[RECIPE] = Path(recipe)
    with workplace(folder) as work:
        _write_json(work / CONFIG, config)
        if weights:
            copy.save_weights(work / WEIGHTS)
        if preprocessor is not None:
            _write_json(work / PREPROCESSOR, preprocessor.to_json())
        if text_adapters is not None:
            text_adapters.save(work / TEXT_ADAPTERS)
        copy_into(work, copied)
        describe(work, folder, fields)
        of_the_replaced = {WEIGHTS, PREPROCESSOR, TEXT_ADAPTERS, ORIGIN} - set(_files(work))
        put_in_place(work, folder)
        for file in of_the_replaced:
            (folder / file).unlink(missing_ok=True)
    return folder


def vacant_place(folder: str | Path, overwrite: bool) -> Path:
    """The folder that an entry may be written to; a `FileExistsError` if it holds one."""
    folder = Path(folder).expanduser()
    if (folder / METADATA).exists() and not overwrite:
        raise FileExistsError(
            f"{folder} is an entry already: pass overwrite=True (--overwrite) to replace it, or "
            "another folder"
        )
    return folder


def _rebuilt(model: keras.Model, config: Mapping[str, Any]) -> keras.Model:
    """A copy made as `load` will make it: it proves that `load` can, and has no optimizer."""
    copy = from_config(json.loads(_json(config)))
    shapes = [tuple(weight.shape) for weight in model.weights]
    if shapes != [tuple(weight.shape) for weight in copy.weights]:
        raise ValueError(
            f"this {type(model).__name__} cannot be built again from its get_config(), which "
            "gives weights of other shapes: make it with its constructor or new_head, and do "
            "not replace its layers"
        )
    copy.set_weights(model.get_weights())
    return copy


def _described_features(
    features: Mapping[str, Mapping[str, Any]] | None, config: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """What is said of each modality's features, with the dimension that the model reads."""
    system, read = config["class_name"], config["config"].get("features")
    if not isinstance(read, Mapping):
        if features is None:
            raise ValueError(
                f"the modalities of this {system} are not in its configuration: give features, "
                'such as {"text": {"dimension": 768}}'
            )
        return {name: dict(features[name]) for name in modality_order(features)}
    given = {name: {} for name in read} if features is None else features
    check_same_modalities(given, read, system, "features")
    described = {
        name: {**specification_of(read[name]), **given[name]} for name in modality_order(read)
    }
    for name, said in described.items():
        expected = specification_of(read[name])["dimension"]
        if said["dimension"] != expected:
            raise ValueError(
                f"the model reads {name} of dimension {expected}; the features or the "
                f"preprocessor give {said['dimension']}"
            )
    return described


def _check_adapters(text: Mapping[str, Any], adapters: "TextAdapters | None") -> None:
    named, given = text.get("adapters"), adapters and adapters.digest
    if named != given:
        raise ValueError(
            f"the text features come from an encoder with the adapters {named or 'none'}; "
            f"received text_adapters {given or 'none'}: pass those that the model was trained "
            "with, and the preprocessor or the features that name them"
        )


def _check_modalities(fields: Mapping[str, Any]) -> None:
    unknown = set(fields["trained_modalities"]) - set(fields["modalities"])
    if unknown:
        raise ValueError(
            f"trained_modalities names {', '.join(sorted(unknown))}; the model reads "
            f"{', '.join(fields['modalities'])}"
        )


def _summary(metric: str, value: Metric) -> dict[str, Any]:
    if isinstance(value, Mapping):
        summary: dict[str, Any] = dict(value)
    else:
        values = np.atleast_1d(np.asarray(value, "float64"))
        summary = {"mean": float(values.mean())}
        if len(values) > 1:
            summary |= {"deviation": float(values.std(ddof=1)), "values": values.tolist()}
    if not math.isfinite(summary.get("mean", math.nan)):
        raise ValueError(f"the metric {metric} needs a finite mean; received {value!r}")
    return summary


def _additional(extra: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    if taken := sorted(set(extra or {}) & {*fields, "files"}):
        raise ValueError(f"extra names {', '.join(taken)}, which save_entry fills in itself")
    return extra or {}


def _versions() -> dict[str, str]:
    backend = keras.backend.backend()
    versions = {
        "keras_mer": __version__,
        "keras": keras.__version__,
        "python": platform.python_version(),
        "backend": backend,
    }
    for package in (backend, "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # such as tensorflow-cpu
            continue
    return versions


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder`, so that its files can be renamed into it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        yield Path(work)


def further_files(files: Mapping[str, str | Path] | None) -> dict[str, Path]:
    """The files to copy by their place in the entry, once each has one."""
    copied = {check_file_name(file): Path(path) for file, path in (files or {}).items()}
    if taken := sorted(set(copied) & set(OWN_FILES)):
        raise ValueError(f"save_entry writes {', '.join(taken)} itself; leave it out of files")
    return copied


def copy_into(work: Path, files: Mapping[str, Path]) -> None:
    """Copies files to their places in the entry."""
    for file, path in files.items():
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, work / file)


def describe(
    work: Path, folder: Path, fields: Mapping[str, Any], replaced: Iterable[str] = OWN_FILES
) -> None:
    """Writes card and metadata for the new files in `work` and those that stay in `folder`.

    Args:
        work: holds the new files.
        folder: the entry's.
        fields: of metadata.json, but for `files`.
        replaced: the files of `folder` that do not stay.
    """
    stay = {file: path for file, path in _files(folder).items() if file not in replaced}
    records = {
        file: record_of(path)
        for file, path in sorted({**stay, **_files(work)}.items())
        if _belongs(file)
    }
    (work / CARD).write_text(card_text({**fields, "files": records}), encoding="utf-8")
    records[CARD] = record_of(work / CARD)
    _write_json(work / METADATA, {**fields, "files": records})
    read_metadata(work / METADATA)


def put_in_place(work: Path, folder: Path) -> None:
    """Renames the files of `work` into `folder`, metadata.json last."""
    folder.mkdir(exist_ok=True)
    new = _files(work)
    for file in sorted(new, key=lambda file: file == METADATA):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(new[file], folder / file)


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }


def _belongs(file: str) -> bool:
    try:
        check_file_name(file)
    except ValueError:  # hidden, or not plain data
        return False
    return True


def _json(content: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if hasattr(value, "tolist"):  # NumPy's numbers and arrays
            return value.tolist()
        raise ValueError(f"an entry holds plain JSON; received a {type(value).__name__}: {value!r}")

    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=plain)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(_json(content) + "\n", encoding="utf-8")
