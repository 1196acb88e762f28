"""A system that predicts scores, for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from keras_mer.estimators._estimator import Estimator, checked_weights


class KerasMERRegressor(RegressorMixin, Estimator):
    """A system that predicts scores, as a scikit-learn estimator.

    For tables of utterance vectors and for sequences, in pipelines, `cross_val_score` and
    `GridSearchCV`. All arguments are as those of `KerasMERClassifier`, but:

    Args:
        system: see `KerasMERClassifier`, as for all but `loss`.
        arguments: of the system's class.
        modalities: the columns of each modality.
        standardize: whether features are standardised on the rows that are trained on.
        loss: any of Keras's, such as "mse" or "mae". Scores are trained on as they are: those
            of hundreds want `sklearn.compose.TransformedTargetRegressor`.
        epochs: at most.
        batch_size: rows per batch.
        learning_rate: of AdamW.
        validation_fraction: of the rows, or groups, for early stopping.
        patience: epochs without a lower loss before it stops; `None` for no early stopping.
        entry: an entry of the zoo to train further. It keeps its head if its range of scores is
            that of the data set behind `Utterances`.
        freeze_epochs: in how many of the epochs the head learns alone.
        trunk_rate: at what share of the learning rate everything learns after them.
        random_state: of weights, batches, dropouts and held-out rows.
        verbose: as for `keras.Model.fit`.

    Attributes:
        model_: the trained `keras.Model`.
        preprocessor_: the `Preprocessor` with the scaling of its features.
        modalities_: the width of each modality.
        history_: figures of every epoch, by name.
        n_features_in_: the widths together.

    Example:

    >>> import keras_mer
    >>> X = keras_mer.estimators.Utterances(keras_mer.data.generate("mosi", rows=60), "train")
    >>> regressor = KerasMERRegressor(epochs=1, random_state=1).fit(X, X.labels)
    >>> regressor.predict(X[:3]).shape
    (3,)
    """

    def __init__(
        self,
        system: str = "late-fusion",
        arguments: Mapping[str, Any] | None = None,
        modalities: Mapping[str, int] | None = None,
        standardize: bool = True,
        loss: Any = "mse",
        epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        entry: str | None = None,
        freeze_epochs: int = 0,
        trunk_rate: float = 0.1,
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.system = system
        self.arguments = arguments
        self.modalities = modalities
        self.standardize = standardize
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.entry = entry
        self.freeze_epochs = freeze_epochs
        self.trunk_rate = trunk_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Trains the system anew.

        Args:
            X: (n, columns) numbers or `Utterances`, see `KerasMERClassifier.fit`.
            y: (n,) the score of each row.
            sample_weight: (n,) the weight of each row.
            groups: (n,) whoever early stopping must not tear apart.
        """
        dataset, scores = self._read(X, y, numeric=True)
        weights = None if sample_weight is None else checked_weights(dataset, sample_weight)
        self._fit(dataset, np.asarray(scores, "float32"), None, weights, groups)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """(n,) float32 scores of rows as `fit` takes them."""
        return self._outputs(X)[:, 0]
