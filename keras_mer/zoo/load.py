"""A model of the zoo, ready to predict or to be trained further."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from keras_mer.models._multimodal_model import named_labels
from keras_mer.zoo.config import from_config
from keras_mer.zoo.entry import (
    CONFIG,
    PREPROCESSOR,
    RECIPE,
    TEXT_ADAPTERS,
    WEIGHTS,
    Entry,
    read_json,
)
from keras_mer.zoo.needs import needs_of, needs_sentence
from keras_mer.zoo.resolve import Name, entry_file, resolve

if TYPE_CHECKING:
    from keras_mer.data import Preprocessor
    from keras_mer.features import TextAdapters

# What metadata.json says that another head makes untrue.
OF_THE_HEAD = ("task", "label_names", "label_range", "protocol", "metrics", "paper")

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def load(
    name: Name,
    weights: bool = True,
    head: int | Sequence[str] | None = None,
    dtype: str | None = None,
    source: Name | None = None,
) -> keras.Model:
    """Loads a model of the zoo.

    Args:
        name: the name of an entry, such as `"cmmsf_mosi"` (`list_models()` names all); or the
            folder of one of your own, with a slash in it (`"./my_entry"`); or the address of
            one, such as `"hf://organisation/repository/cmmsf_mosi"`.
        weights: `False` for the same architecture with fresh weights.
        head: the units of a new head, for labels of your own, or the names of the labels; the
            trunk keeps its weights.
        dtype: the Keras dtype policy to build the model under, such as `"mixed_float16"`;
            `"float16"` and `"bfloat16"` for predictions alone. For int8, call the loaded
            model's `quantize("int8")`.
        source: the one place to look for the entry: a folder of entries, or a mirror's
            address. By default KERAS_MER_HOME/entries, the installed package, the cache and
            the mirrors, in this order.

    Returns:
        A `keras.Model` that is not compiled; `predict` works at once. Its attribute `entry` is
        a dict, the metadata of the entry; with a new head, without what it says of the old one.

    Raises:
        FileNotFoundError: if there is no such entry, or it has no weights yet; the message
            names the nearest, or the command that trains it.
        ConnectionError: if it could not be fetched.
        ValueError: if a file is damaged, or names anything but a model of keras_mer.

    Example:

    ```python
    model = keras_mer.zoo.load("cmmsf_mosi")
    scores = model.predict(inputs)
    model = keras_mer.zoo.load("cmmsf_mosi", head=["calm", "sad", "angry"])  # of your own
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ```
    """
    names = None if head is None else named_labels(head)
    entry = resolve(name, source)
    if weights and not entry.pretrained:
        raise FileNotFoundError(_how_to_train(entry))
    config = read_json(entry_file(entry, CONFIG))
    if not weights and isinstance(config.get("config"), dict):
        config["config"].pop("quantized", None)  # fresh weights are there to learn
    try:
        model = from_config(config, dtype, fresh=not weights)
    except ValueError as error:
        raise ValueError(f"the entry {entry.name} ({entry.folder}): {error}") from error
    if weights:
        _load_weights(model, entry)
    if head is None:
        model.entry = entry.metadata
        return model
    model = model.new_head(head, activation=None)
    model.entry = {k: v for k, v in entry.metadata.items() if k not in OF_THE_HEAD}
    if names:
        model.entry |= {"task": "classification", "label_names": list(names)}
    return model


def metadata(name: Name, source: Name | None = None) -> dict[str, Any]:
    """What an entry says of itself: data, protocol, metrics, features, licence and so on.

    Args:
        name: as in `load`.
        source: as in `load`.
    """
    return resolve(name, source).metadata


def preprocessor(name: Name, source: Name | None = None) -> "Preprocessor | None":
    """The scaling of features that an entry was trained with; `None` if there was none.

    Args:
        name: as in `load`.
        source: as in `load`.
    """
    from keras_mer.data import Preprocessor

    entry = resolve(name, source)
    if PREPROCESSOR not in entry.files:
        return None
    path = entry_file(entry, PREPROCESSOR)
    try:
        return Preprocessor.from_json(read_json(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def text_adapters(name: Name, source: Name | None = None) -> "TextAdapters | None":
    """What tuning has changed in an entry's text encoder; `None` if it is the published one.

    `Predictor` uses them by itself. For features alone:
    `keras_mer.features.TextEncoder.from_specification(keras_mer.zoo.metadata(name)["features"]
    ["text"], adapters=keras_mer.zoo.text_adapters(name))`.

    Args:
        name: as in `load`.
        source: as in `load`.

    Raises:
        ValueError: if the file is damaged.
        ImportError: if the entry has adapters and safetensors is not installed.
    """
    from keras_mer.features import TextAdapters

    entry = resolve(name, source)
    if TEXT_ADAPTERS not in entry.files:
        return None
    return TextAdapters.load(entry_file(entry, TEXT_ADAPTERS))


def verify(name: Name, source: Name | None = None) -> None:
    """Checks the size and sha256 of every file of an entry, fetching those that are not here.

    Args:
        name: as in `load`.
        source: as in `load`.

    Raises:
        ValueError: if a file is damaged; the message names it.
        FileNotFoundError: if a file is nowhere to be found.
    """
    entry = resolve(name, source)
    for file in entry.files:
        entry_file(entry, file)


def _load_weights(model: keras.Model, entry: Entry) -> None:
    path = entry_file(entry, WEIGHTS)
    expected, parameters = entry.metadata["parameters"], model.count_params()
    if expected != parameters:
        raise ValueError(
            f"the entry {entry.name} ({entry.folder}) has {expected:,} parameters, and its "
            f"config.json describes a model of {parameters:,}: upgrade keras-mer, or write the "
            "entry again"
        )
    with path.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise ValueError(
                f"{path} holds no arrays, it is not an HDF5 file: write it with "
                "model.save_weights, or the entry with keras_mer.zoo.save_entry"
            )
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            model.load_weights(path)
        except Exception as error:  # Keras and h5py raise many kinds
            raise _do_not_fit(path, _mismatch(error)) from error
    skipped = [str(item.message) for item in heard if "Skipping" in str(item.message)]
    if skipped:  # Keras only warns that these layers keep fresh weights
        raise _do_not_fit(path, skipped[0])


def _do_not_fit(path: Path, reason: str) -> ValueError:
    return ValueError(
        f"the weights in {path} do not fit the model that its config.json describes ({reason}): "
        "upgrade keras-mer, or write the entry again with keras_mer.zoo.save_entry"
    )


def _mismatch(error: Exception) -> str:
    """The weight and both shapes, from Keras's much longer message."""
    shapes = re.search(
        r"variable\.shape=\((?P<model>[^)]*)\), Received: value\.shape=\D*(?P<file>[\d, ]*)"
        r".*Target variable: <Variable path=(?P<path>[^,]*),",
        str(error),
    )
    if shapes:
        return (
            f"{shapes['path']} is ({shapes['model']}) in the model, ({shapes['file']}) in the file"
        )
    paragraphs = str(error).split("\n\n")
    return " ".join(paragraphs[min(1, len(paragraphs) - 1)].split())


def _how_to_train(entry: Entry) -> str:
    untrained = "or pass weights=False for the model with fresh weights"
    if needs := needs_of(entry.metadata):
        return (
            f"the entry {entry.name} has a recipe but no weights, as its features may not be "
            f"passed on: {needs_sentence(needs)}, {untrained}"
        )
    if RECIPE not in entry.files:
        return f"the entry {entry.name} has no weights: train it and save it again, {untrained}"
    recipe = entry.folder / RECIPE
    if recipe.is_relative_to(Path.cwd()):
        recipe = recipe.relative_to(Path.cwd())
    return (
        f"the entry {entry.name} has a recipe but no weights yet: train it with "
        f"`keras-mer train {recipe} --data DIR`, {untrained}"
    )
