"""One run of a recipe: a model trained from one seed, resumable, its log on disk."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mer import metrics, models
from keras_mer._files import written_aside
from keras_mer._quiet import quiet_start
from keras_mer._version import __version__
from keras_mer.data import Dataset, Preprocessor
from keras_mer.training.checkpoint import (
    load_state,
    restore,
    save_state,
    snapshot,
)
from keras_mer.training.evaluate import evaluate
from keras_mer.training.prepare import complete, fit_preprocessor, read_data, workers_for
from keras_mer.training.recipe import Recipe

STATE, LOG, RESULT, WEIGHTS = "state.npz", "log.jsonl", "result.json", "best.weights.h5"

Report = Callable[[int, dict[str, Any]], None]
"""Called after every epoch with its number and its figures."""


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
    """

    model: keras.Model
    preprocessor: Preprocessor
    seed: int
    epochs: list[dict[str, Any]]
    best_epoch: int
    valid: dict[str, float]
    folder: Path


def train(
    recipe: Recipe | str | Path,
    data: str | Path | Dataset,
    seed: int = 1,
    folder: str | Path | None = None,
    on_epoch: Report | None = None,
) -> Run:
    """Trains the model of a recipe, and keeps its best epoch on the validation part.

    After every epoch the whole state is on disk: the same call goes on after a kill, with the
    result of an uninterrupted run. The test part is not looked at.

    Args:
        recipe: a recipe, or the path of a recipe.toml.
        data: the folder or file that the recipe's reader takes, or a data set. A data set is
            taken as read, before any preprocessing.
        seed: of the initial weights, the order of the batches and the dropouts.
        folder: for the log, TensorBoard files and state; `runs/<name>/seed_<seed>` by default.
        on_epoch: called after every epoch with its number and figures.

    Returns:
        A `Run`.

    Raises:
        ValueError: if the recipe and the data do not fit, or `folder` holds a run of another
            recipe.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    folder = Path(folder or f"runs/{recipe.name}/seed_{seed}").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    dataset = read_data(recipe, data)
    preprocessor = fit_preprocessor(recipe, dataset)
    with quiet_start():  # it imports TensorFlow, if that is there, to seed it too
        keras.utils.set_random_seed(seed)
    model = build_model(recipe, preprocessor, seed)
    dataset = complete(preprocessor.apply(dataset), model.config["features"])
    follow = _Follow(model, recipe, dataset, folder, _fingerprint(recipe, dataset, seed), on_epoch)
    follow.resume()
    _fit(model, recipe, dataset, seed, follow)
    restore(model.weights, follow.best)
    with written_aside(folder / WEIGHTS) as aside:
        model.save_weights(aside)
    best = follow.epochs[follow.best_epoch - 1]
    run = Run(model, preprocessor, seed, follow.epochs, best["epoch"], best["valid"], folder)
    _write_result(run)
    return run


def build_model(recipe: Recipe, preprocessor: Preprocessor, seed: int) -> keras.Model:
    """The compiled model of a recipe, with fresh weights.

    The dropouts get a seed of their own: without one, PyTorch draws from a state that is no
    variable, and a resumed run would not go on as the one before.

    Modalities that only the recipe's `features` names stay untrained; the widths of the others
    are those of the data.
    """
    name = recipe.model["class"]
    if name not in models.__all__:
        raise ValueError(f"there is no model {name!r}; there are {', '.join(models.__all__)}")
    arguments = {"seed": seed, **recipe.model["arguments"]}
    widths = {m: given["dimension"] for m, given in preprocessor.specification.items()}
    arguments["features"] = {**arguments.get("features", {}), **widths}
    model = getattr(models, name)(**arguments)
    model.compile(make_optimizer(recipe.training), recipe.training["loss"])
    return model


def make_optimizer(training: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe's [training]."""
    options: dict[str, Any] = {"learning_rate": training["learning_rate"]}
    if training["weight_decay"]:
        options["weight_decay"] = training["weight_decay"]
    if training["clipnorm"]:
        options["global_clipnorm"] = training["clipnorm"]
    if training["ema_momentum"]:
        options |= {"use_ema": True, "ema_momentum": training["ema_momentum"]}
    config = {"class_name": training["optimizer"], "config": options}
    return keras.optimizers.get(config)


def _fit(model: keras.Model, recipe: Recipe, dataset: Dataset, seed: int, follow: _Follow) -> None:
    if follow.finished:
        return
    batches = dataset.batches(
        "train",
        recipe.training["batch_size"],
        shuffle=True,
        seed=seed,
        workers=workers_for(dataset),
    )
    follow.batches = batches
    model.fit(
        batches,
        epochs=recipe.training["epochs"],
        initial_epoch=len(follow.epochs),
        callbacks=[follow, *_tensorboard(follow.folder)],
        shuffle=False,
        verbose=0,
    )


def _tensorboard(folder: Path) -> list[keras.callbacks.Callback]:
    """TensorBoard files, if TensorFlow is there to write them."""
    with quiet_start():
        try:
            import tensorflow  # noqa: F401
        except ImportError:
            return []
        return [keras.callbacks.TensorBoard(str(folder / "tensorboard"))]


class _Follow(keras.callbacks.Callback):
    """Validates after every epoch, remembers the best one, writes log and state, and stops."""

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        dataset: Dataset,
        folder: Path,
        fingerprint: str,
        on_epoch: Report | None,
    ) -> None:
        super().__init__()
        self.trained = model
        self.recipe = recipe
        self.dataset = dataset
        self.folder = folder
        self.fingerprint = fingerprint
        self.on_epoch = on_epoch
        self.batches: Any = None
        self.epochs: list[dict[str, Any]] = []
        self.best: list[np.ndarray] = []
        self.best_epoch = 0
        figures = metrics.PROTOCOLS[recipe.evaluation["protocol"]].figures
        select = recipe.evaluation["select"]
        chosen = [f for f in figures if f.name == select]
        if not chosen:
            raise ValueError(
                f"select = {select!r} is no figure of the protocol; it has "
                + ", ".join(f.name for f in figures)
            )
        self.sign = 1 if chosen[0].higher_is_better else -1

    def resume(self) -> None:
        """Goes on from the state on disk, if there is one."""
        self.trained.optimizer.build(self.trained.trainable_variables)
        path = self.folder / STATE
        if not path.exists():
            (self.folder / LOG).unlink(missing_ok=True)
            return
        self.best, progress = load_state(path, self.trained)
        if progress["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"{self.folder} holds a run of another recipe, data set, seed or backend: "
                "remove it, or choose another folder"
            )
        self.epochs, self.best_epoch = progress["epochs"], progress["best_epoch"]
        self._write_log()

    @property
    def finished(self) -> bool:
        """Whether the last epoch was reached or the patience is spent."""
        training = self.recipe.training
        done = len(self.epochs)
        waited = done - self.best_epoch
        return done >= training["epochs"] or (done > 0 and waited >= training["patience"])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Takes up the order of this epoch's batches, which a resumed run must not miss."""
        self.batches.epoch = epoch
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Validates, and writes everything down."""
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise ValueError(
                f"the loss is {loss} in epoch {epoch + 1}: lower the learning rate, or "
                "set clipnorm in [training]"
            )
        model, raw = self.trained, snapshot(self.trained.trainable_variables)
        if model.optimizer.use_ema:
            model.optimizer.finalize_variable_values(model.trainable_variables)
            # Copies: what two variables share on JAX, a prediction gives away under both.
            restore(model.trainable_variables, snapshot(model.trainable_variables))
        valid = evaluate(model, self.dataset, "valid", self.recipe.evaluation["protocol"])
        record: dict[str, Any] = {"epoch": epoch + 1, "loss": loss, "valid": valid}
        self.epochs.append(record)
        if self._is_best():
            self.best, self.best_epoch = snapshot(model.weights), epoch + 1
        restore(model.trainable_variables, raw)
        record["seconds"] = round(time.monotonic() - self.started, 2)
        self._write(logs)
        if self.on_epoch:
            self.on_epoch(epoch + 1, record)
        if self.finished:
            model.stop_training = True

    def _is_best(self) -> bool:
        scores = [self.sign * e["valid"][self.recipe.evaluation["select"]] for e in self.epochs]
        return not self.best_epoch or scores[-1] > scores[self.best_epoch - 1]

    def _write(self, logs: Any) -> None:
        if isinstance(logs, dict):  # TensorBoard draws what it finds here
            logs.update({f"val_{k}": v for k, v in self.epochs[-1]["valid"].items()})
        progress = {
            "fingerprint": self.fingerprint,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
        }
        save_state(self.folder / STATE, self.trained, self.best, progress)
        self._write_log()

    def _write_log(self) -> None:
        with written_aside(self.folder / LOG) as aside:
            aside.write_text("".join(json.dumps(e) + "\n" for e in self.epochs))


def _fingerprint(recipe: Recipe, dataset: Dataset, seed: int) -> str:
    """What must be the same for a run to be resumed."""
    content = hashlib.sha256(repr((recipe, seed, keras.backend.backend())).encode())
    content.update(np.ascontiguousarray(dataset.labels).data)
    for rows in dataset.features.values():
        for part in rows.identity():
            content.update(part)
    return content.hexdigest()


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
