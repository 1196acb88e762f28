"""One run of a recipe: a model trained from one seed, resumable, its log on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_mer import models
from keras_mer._files import written_aside
from keras_mer._quiet import quiet_start
from keras_mer._version import __version__
from keras_mer._widths import width_of
from keras_mer.data import Dataset, Preprocessor
from keras_mer.features import TextAdapters
from keras_mer.training.base_entry import BaseEntry
from keras_mer.training.fit import LOG, Report, fit, make_optimizer
from keras_mer.training.prepare import complete, encode_text, fit_preprocessor, fold_of
from keras_mer.training.recipe import Recipe
from keras_mer.training.suit import suit
from keras_mer.training.tune_text import tune_text

__all__ = ["LOG", "RESULT", "TUNING", "Run", "build_model", "train", "train_and_prepare"]

RESULT, WEIGHTS, TUNING = "result.json", "best.weights.h5", "text_tuning"


@dataclass(frozen=True)
class Run:
    """What a run left: the model with the weights of its best epoch, and how it got there.

    Attributes:
        model: the trained model.
        preprocessor: the scaling that it was trained with.
        seed: that it was trained from.
        epochs: figures of every epoch, as in the log.
        best_epoch: the epoch whose weights the model has, counted from 1.
        valid: figures of the model on the validation part.
        folder: where the log and the weights are.
        text_adapters: what tuning has changed in the text encoder, if the recipe tunes it, or
            trains an entry further whose encoder was tuned.
    """

    model: keras.Model
    preprocessor: Preprocessor
    seed: int
    epochs: list[dict[str, Any]]
    best_epoch: int
    valid: dict[str, float]
    folder: Path
    text_adapters: TextAdapters | None = None


def train(
    recipe: Recipe | str | Path,
    data: str | Path | Dataset | None = None,
    seed: int = 1,
    folder: str | Path | None = None,
    on_epoch: Report | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """Trains the model of a recipe, and keeps its best epoch on the validation part.

    After every epoch the whole state is on disk: the same call goes on after a kill, with the
    result of an uninterrupted run. The test part is not looked at. A recipe with a
    [text_tuning] tunes the text encoder first, from the same seed, in the folder `text_tuning`,
    or together with the model.
    One with an entry in [model] trains that entry further: see `Recipe`. Where TensorFlow is
    installed, whatever the backend, `tensorboard --logdir runs` shows loss and figures.

    Args:
        recipe: a recipe, or the path of a recipe.toml.
        data: the folder or file that the recipe's reader takes, or a data set; by default the
            recipe's `path`. A data set is taken as read, before any preprocessing.
        seed: of the initial weights, the order of the batches and the dropouts.
        folder: for the log, TensorBoard files and state; `runs/<name>/seed_<seed>` by default.
        on_epoch: called after every epoch with its number and figures; while the text encoder
            is tuned, they have the `stage` "text_tuning".
        callbacks: of Keras, given to `fit` beside ours; in `logs` they find `loss` and, as
            `val_...`, the figures of the validation part. While the trunk is frozen and after
            it, `fit` is called once each. What they remember is not part of the state on disk.

    Returns:
        A `Run`.

    Raises:
        ValueError: if the recipe and the data do not fit, or `folder` holds a run of another
            recipe.

    Example:

    ```python
    run = keras_mer.training.train("my.toml", callbacks=[keras.callbacks.TerminateOnNaN()])
    run.model.predict(inputs)
    ```
    """
    return train_and_prepare(recipe, data, seed, folder, on_epoch, callbacks)[0]


def train_and_prepare(
    recipe: Recipe | str | Path,
    data: str | Path | Dataset | None,
    seed: int,
    folder: str | Path | None,
    on_epoch: Report | None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[Run, Dataset]:
    """As `train`; the run, and the whole data set as its model takes it."""
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    folder = Path(folder or f"runs/{recipe.name}/seed_{seed}").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    recipe, dataset = suit(recipe, data)
    dataset = fold_of(recipe, dataset, seed)
    with quiet_start():  # it imports TensorFlow, if that is there, to seed it too
        keras.utils.set_random_seed(seed)
    adapters: TextAdapters | None
    if recipe.tunes_text_together:
        from keras_mer.training.tune_together import tune_together  # which builds as we do

        model, adapters, follow = tune_together(recipe, dataset, seed, folder, on_epoch, callbacks)
        dataset = encode_text(recipe, dataset, adapters, cache=False)
        preprocessor = fit_preprocessor(recipe, dataset)
        dataset = complete(preprocessor.apply(dataset), model.config["features"])
    else:
        adapters, dataset = _with_text(recipe, dataset, seed, folder, on_epoch)
        preprocessor = fit_preprocessor(recipe, dataset)
        model = build_model(recipe, preprocessor, seed)
        dataset = complete(preprocessor.apply(dataset), model.config["features"])
        follow = fit(model, recipe, dataset, seed, folder, on_epoch, callbacks)
    with written_aside(folder / WEIGHTS) as aside:
        model.save_weights(aside)
    best = follow.epochs[follow.best_epoch - 1]
    epoch, valid = best["epoch"], best["valid"]
    run = Run(model, preprocessor, seed, follow.epochs, epoch, valid, folder, adapters)
    _write_result(run)
    return run, dataset


def _with_text(
    recipe: Recipe, dataset: Dataset, seed: int, folder: Path, on_epoch: Report | None
) -> tuple[TextAdapters | None, Dataset]:
    """What has changed the text encoder, here or in an entry, and what it gives."""
    if recipe.tunes_text_first:
        adapters = tune_text(recipe, dataset, seed, folder / TUNING, on_epoch)
        dataset = encode_text(recipe, dataset, adapters, cache=False)  # it serves this run alone
        keras.utils.set_random_seed(seed)
        return adapters, dataset
    base = BaseEntry.of(recipe)
    reads = base is not None and "text" in recipe.data["modalities"]
    return base.adapters if base is not None and reads else None, dataset


def build_model(recipe: Recipe, preprocessor: Preprocessor, seed: int) -> keras.Model:
    """The compiled model of a recipe, with fresh weights or those of its entry.

    The dropouts get a seed of their own: without one, PyTorch draws from a state that is no
    variable, and a resumed run would not go on as the one before.

    Modalities that only the recipe's `features` names stay untrained; the widths of the others
    are those of the data.
    """
    base = BaseEntry.of(recipe)
    if base is not None:
        model = base.model(recipe, seed)
        model.compile(make_optimizer(recipe.training), recipe.training["loss"])
        return model
    name = recipe.model["class"]
    if name not in models.__all__:
        raise ValueError(f"there is no model {name!r}; there are {', '.join(models.__all__)}")
    arguments = {"seed": seed, **recipe.model["arguments"]}
    widths = {m: width_of(given) for m, given in preprocessor.specification.items()}
    arguments["features"] = {**arguments.get("features", {}), **widths}
    model = getattr(models, name)(**arguments)
    model.compile(make_optimizer(recipe.training), recipe.training["loss"])
    return model


def _write_result(run: Run) -> None:
    content = {
        "seed": run.seed,
        "best_epoch": run.best_epoch,
        "epochs": len(run.epochs),
        "valid": run.valid,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "keras_mer": __version__,
    }
    with written_aside(run.folder / RESULT) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n")
