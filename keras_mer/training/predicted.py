"""The predictions of a test part, kept with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_mer._files import written_aside
from keras_mer.data import Dataset
from keras_mer.training.evaluate import predictions

PREDICTIONS = "predictions.npz"


@dataclass(frozen=True)
class Predicted:
    """What a model made of n rows of a test part.

    Attributes:
        ids: (n,) the names of the rows.
        labels: (n, ...) what they are.
        predictions: (n, outputs) what the model says, as it says it.
    """

    ids: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray

    @classmethod
    def of(cls, model: keras.Model, dataset: Dataset) -> Predicted:
        """The predictions of the test part of a data set that is prepared for the model."""
        y_pred, rows = predictions(model, dataset, "test")
        return cls(rows.ids, rows.labels, y_pred)

    @classmethod
    def read(cls, path: str | Path) -> Predicted:
        """Those of a file that `save` wrote.

        Raises:
            FileNotFoundError: if it is not there.
            ValueError: if it holds something else.
        """
        with np.load(path, allow_pickle=False) as file:
            if missing := sorted({"ids", "labels", "predictions"} - set(file.files)):
                raise ValueError(
                    f"{path} lacks {', '.join(missing)}: expected the file that train_seeds "
                    f"writes as {PREDICTIONS}"
                )
            return cls(file["ids"], file["labels"], file["predictions"])

    def save(self, path: str | Path) -> None:
        """Writes them as plain arrays, without pickles."""
        with written_aside(path) as aside:
            np.savez_compressed(
                aside,
                ids=self.ids.astype(str),
                labels=self.labels,
                predictions=self.predictions,
            )
