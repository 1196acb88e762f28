"""An entry of the zoo in int8, with its accuracy beside that of float32."""

from __future__ import annotations

from pathlib import Path

from keras_mer import zoo
from keras_mer._quiet import quiet_start
from keras_mer.data import Dataset
from keras_mer.training.entry_data import entry_data
from keras_mer.training.evaluate import evaluate
from keras_mer.zoo.entry import RECIPE, WEIGHTS
from keras_mer.zoo.resolve import Name, entry_file, resolve
from keras_mer.zoo.save import vacant_place

KEPT = (
    *("data", "split", "protocol", "paper", "features", "trained_modalities", "task"),
    *("label_names", "label_range", "licence", "notes"),
)
"""What is said of an entry that holds in any precision."""


def quantize_entry(
    name: Name,
    folder: str | Path,
    data: str | Path | Dataset | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Writes an entry whose kernels are int8, and what that did to its figures.

    No data is needed to quantise. Given, its test part is scored by the weights as published
    and by those in int8; both stand in the new entry's metadata and on its card, the former in
    `float32`: {"name", "bytes" of the file of weights, "metrics"}.

    Args:
        name: an entry with weights, as in `keras_mer.zoo.load`.
        folder: of the new entry.
        data: what the entry's recipe reads, as in `train`.
        overwrite: whether an entry in `folder` may be replaced.
        progress: whether to show the progress of the encoding.

    Returns:
        The folder.

    Raises:
        FileExistsError: if `folder` is an entry already and `overwrite` is not set.
        FileNotFoundError: if there is no such entry, or no weights, or data was given and it
            has no recipe.
        ValueError: if the entry is in int8 already.

    Example:
        ```python
        folder = keras_mer.training.quantize_entry("cmmsf_mosi", "cmmsf_mosi_int8", "MOSI")
        model = keras_mer.zoo.load(folder)
        ```
    """
    folder = vacant_place(folder, overwrite)  # before the data are read and scored
    entry = resolve(name)
    said = entry.metadata
    with quiet_start():  # Keras looks for TensorFlow on every backend when it reads a model
        model = zoo.load(name)
    prepared = None if data is None else entry_data(name, data, progress)

    def figures() -> dict[str, float]:
        return {} if prepared is None else evaluate(model, prepared, "test", said.get("protocol"))

    full = {
        "name": entry.name,
        "bytes": entry_file(entry, WEIGHTS).stat().st_size,
        "metrics": figures(),
    }
    with quiet_start():
        model.quantize("int8")
    seed = said.get("published_seed")
    of_the_run = {} if seed is None else {"published_seed": seed}
    small = figures()
    with quiet_start():
        return zoo.save_entry(
            model,
            folder,
            **{key: said[key] for key in KEPT if key in said},
            metrics=small,
            seeds=None if seed is None else [seed],
            preprocessor=zoo.preprocessor(name),
            text_adapters=zoo.text_adapters(name),
            recipe=entry_file(entry, RECIPE) if RECIPE in entry.files else None,
            extra={**of_the_run, "float32": full},
            overwrite=overwrite,
        )
