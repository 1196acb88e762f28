"""A model fitted to a data set: validated and written down after every epoch, resumable."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_mer import metrics
from keras_mer._files import written_aside
from keras_mer._quiet import quiet_start
from keras_mer.data import Dataset
from keras_mer.training.checkpoint import (
    load_state,
    read_progress,
    restore,
    save_state,
    snapshot,
)
from keras_mer.training.evaluate import evaluate
from keras_mer.training.prepare import batches_for, rows_for
from keras_mer.training.recipe import Recipe
from keras_mer.training.row_weights import row_weights

STATE, LOG = "state.npz", "log.jsonl"

Report = Callable[[int, dict[str, Any]], None]
"""Called after every epoch with its number and its figures."""


def fit(
    model: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    folder: Path,
    on_epoch: Report | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    tensorboard: bool = True,
) -> Follow:
    """Fits a compiled model as a recipe's [training] says, and gives it its best weights.

    With `freeze_epochs` the head learns alone in these, and thereafter everything.

    Args:
        model: its `config` names the widths of its `features`.
        recipe: whose [training] and [evaluation] count.
        dataset: as the model takes it.
        seed: of the order of the batches.
        folder: for log and state; what was interrupted in it goes on.
        on_epoch: called after every epoch.
        callbacks: of the user.
        tensorboard: whether to write files for TensorBoard, if it can be.
    """
    dataset = rows_for(model, dataset)
    follow = Follow(model, recipe, dataset, folder, fingerprint(recipe, dataset, seed), on_epoch)
    follow.resume()
    if not follow.finished:
        weights = row_weights(recipe.training, dataset.subset("train"))
        exchange = recipe.training["exchange"]
        options = {"shuffle": True, "seed": seed, "sample_weights": weights, "exchange": exchange}
        size = recipe.training["batch_size"]
        follow.batches = batches_for(model, dataset, "train", size, **options)
    while not follow.finished:
        follow.begin_phase(len(follow.epochs))
        model.fit(
            follow.batches,
            epochs=follow.end_of_phase,
            initial_epoch=len(follow.epochs),
            callbacks=[follow, *(_tensorboard(folder) if tensorboard else ()), *callbacks],
            shuffle=False,
            verbose=0,
        )
        if model.stop_training:
            break
        follow.resume()  # `fit` ends with averaged weights; those to go on from are on disk
    restore(model.weights, follow.best)
    return follow


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


def _tensorboard(folder: Path) -> list[keras.callbacks.Callback]:
    """TensorBoard files, if TensorFlow is there to write them."""
    with quiet_start():
        try:
            import tensorflow  # noqa: F401
        except ImportError:
            return []
        return [keras.callbacks.TensorBoard(str(folder / "tensorboard"))]


class Follow(keras.callbacks.Callback):
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
        self.unfrozen = False
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
        path = self.folder / STATE
        if not path.exists():
            (self.folder / LOG).unlink(missing_ok=True)
            self.begin_phase(0)
            return
        progress = read_progress(path)
        if progress["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"{self.folder} holds a run of another recipe, data set, seed or backend: "
                "remove it, or choose another folder"
            )
        self.epochs, self.best_epoch = progress["epochs"], progress["best_epoch"]
        # The state is that after the last epoch, with the optimizer of its phase.
        self.begin_phase(len(self.epochs) - 1)
        self.best = load_state(path, self.trained)
        self._write_log()

    def begin_phase(self, done: int) -> None:
        """Lets learn what does in the epoch after so many."""
        model, frozen = self.trained, self.recipe.training["freeze_epochs"]
        if done < frozen:
            model.freeze_trunk()
        elif frozen and (model.trunk_frozen or not self.unfrozen):
            model.unfreeze_trunk(self.recipe.training["trunk_rate"])
            self.unfrozen = True
        model.optimizer.build(model.trainable_variables)

    @property
    def end_of_phase(self) -> int:
        """The number of the epoch after which something else learns, or nothing more."""
        training = self.recipe.training
        frozen = training["freeze_epochs"]
        return min(frozen, training["epochs"]) if len(self.epochs) < frozen else training["epochs"]

    @property
    def finished(self) -> bool:
        """Whether the last epoch was reached or the patience is spent."""
        training = self.recipe.training
        done, frozen = len(self.epochs), training["freeze_epochs"]
        waited = done - max(self.best_epoch, frozen if frozen < training["epochs"] else 0)
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


def fingerprint(recipe: Recipe, dataset: Dataset, seed: int) -> str:
    """What must be the same for a run to be resumed."""
    recipe = replace(recipe, data={**recipe.data, "path": None})  # what is there is told below
    content = hashlib.sha256(repr((recipe, seed, keras.backend.backend())).encode())
    content.update(np.ascontiguousarray(dataset.labels).data)
    for modality, rows in dataset.features.items():
        # Of a tuned encoder computed anew, which may differ in the last digit.
        adapters = dataset.description["features"][modality].get("adapters")
        parts = [rows.lengths.data, adapters.encode()] if adapters else rows.identity()
        for part in parts:
            content.update(part)
    return content.hexdigest()
