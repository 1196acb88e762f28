"""`keras-mer evaluate`: the figures of an entry on data."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from keras_mer._quiet import quiet_start
from keras_mer.cli._command import Debug, Entry, command
from keras_mer.cli._tables import show, subset_table


class Split(StrEnum):
    """The parts of a data set."""

    train = "train"
    valid = "valid"
    test = "test"


@command
def evaluate(
    name: Entry,
    data: Annotated[Path, typer.Option(help="The folder or file with the data.")],
    split: Annotated[Split, typer.Option(help="The part to score.")] = Split.test,
    debug: Debug = False,
) -> None:
    """Score an entry on data, with every subset of its modalities."""
    with quiet_start():
        from keras_mer import zoo
        from keras_mer.training import entry_data, evaluate_subsets
        from keras_mer.zoo.resolve import resolve

    entry = resolve(name)
    dataset = entry_data(name, data, progress=True)
    protocol = entry.metadata["protocol"]
    trained = entry.metadata["trained_modalities"]
    with quiet_start():  # Keras looks for TensorFlow on every backend when it reads a model
        model = zoo.load(name)
    table = evaluate_subsets(model, dataset, split.value, protocol, trained)
    figures = next(value for value in table.values() if value)
    title = f"{entry.name}: {split.value} part, {dataset.counts[split.value]} rows, {protocol}"
    show(subset_table(title, figures, table, lambda subset, f: f"{(table[subset] or {})[f]:.4f}"))
