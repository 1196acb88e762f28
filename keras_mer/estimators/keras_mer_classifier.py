"""A system that tells classes apart, for scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from keras_mer.data import Dataset
from keras_mer.estimators._estimator import Estimator, checked_weights


class KerasMERClassifier(ClassifierMixin, Estimator):
    """A system that tells classes apart, as a scikit-learn estimator.

    For tables of utterance vectors and for sequences, in pipelines, `cross_val_score` and
    `GridSearchCV`. A fitted estimator can be pickled, for any backend; its model comes back
    uncompiled.

    Args:
        system: a name in `keras_mer.training.SYSTEMS`, whose arguments then suit the data, or a
            class of `keras_mer.models`, with its own defaults.
        arguments: of the system's class, such as `{"dropout": 0.5}`.
        modalities: how many columns of a table are of which modality, in the order of the
            columns, such as `{"text": 384, "audio": 73}`. Without, the halves of a table are
            taken for two modalities, which tells nothing where they are not. `Utterances` have
            their own.
        standardize: whether features are standardised on the rows that are trained on.
        epochs: at most.
        batch_size: rows per batch.
        learning_rate: of AdamW.
        validation_fraction: of the rows, or of the groups if there are any, that early stopping
            holds out.
        patience: after how many epochs without a lower loss on these training stops and goes
            back to the best epoch; `None` for no early stopping and nothing held out.
        entry: an entry of the zoo to train further in place of a `system`: its name, folder or
            address. Its weights are kept, but for the head if its labels are not those of `y`; so
            is its scaling, whatever `standardize` says. The features must be those it reads
            (`keras-mer extract --entry`); `arguments` may change what has no shape.
        freeze_epochs: in how many of the epochs the head learns alone, before everything does.
            Only with an entry.
        trunk_rate: at what share of the learning rate everything learns after them. The
            patience counts from there.
        class_weight: "balanced", or a weight per class.
        random_state: of weights, batches, dropouts and held-out rows. An int gives the same
            model each time on one machine and backend.
        verbose: as for `keras.Model.fit`.

    Attributes:
        classes_: the classes, sorted.
        model_: the trained `keras.Model`.
        preprocessor_: the `Preprocessor` with the scaling of its features.
        modalities_: the width of each modality.
        history_: figures of every epoch, by name.
        n_features_in_: the widths together.

    Example:

    >>> import numpy as np
    >>> X = np.random.default_rng(1).normal(size=(60, 5))
    >>> X[0, :3] = np.nan  # this row has no text
    >>> y = np.where(X[:, 4] > 0, "joy", "anger")
    >>> classifier = KerasMERClassifier(modalities={"text": 3, "audio": 2}, random_state=1)
    >>> classifier.fit(X, y).predict_proba(X[:4]).shape
    (4, 2)
    >>> classifier.classes_.tolist()
    ['anger', 'joy']
    """

    loss = "sparse_categorical_crossentropy"

    def __init__(
        self,
        system: str = "late-fusion",
        arguments: Mapping[str, Any] | None = None,
        modalities: Mapping[str, int] | None = None,
        standardize: bool = True,
        epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        entry: str | None = None,
        freeze_epochs: int = 0,
        trunk_rate: float = 0.1,
        class_weight: Any = None,
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.system = system
        self.arguments = arguments
        self.modalities = modalities
        self.standardize = standardize
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.entry = entry
        self.freeze_epochs = freeze_epochs
        self.trunk_rate = trunk_rate
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Trains the system anew.

        Args:
            X: (n, columns) numbers, or `Utterances`. Where all columns of a modality are NaN,
                the row does not have it.
            y: (n,) the class of each row, of any kind that scikit-learn takes.
            sample_weight: (n,) the weight of each row.
            groups: (n,) whoever early stopping must not tear apart, such as speakers;
                `Utterances` have their own.

        Raises:
            ValueError: if something does not fit, or there is one class alone.
        """
        dataset, labels = self._read(X, y, numeric=False)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"two classes or more are expected in y; received one class, {self.classes_[0]!r}"
            )
        weights = None if sample_weight is None else checked_weights(dataset, sample_weight)
        if self.class_weight is not None:
            balance = compute_sample_weight(self.class_weight, labels)
            weights = balance if weights is None else weights * balance
        self._fit(dataset, codes.astype("int32"), self._names(dataset), weights, groups)
        return self

    def _names(self, dataset: Dataset) -> list[str]:
        """What the classes are called: numbers of a data set's labels by its own names."""
        known = dataset.description["label_names"] or []
        if self.classes_.tolist() == list(range(len(known))):
            return list(known)
        return [str(name) for name in self.classes_]

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, classes) float32 probabilities in the order of `classes_`."""
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """(n,) the most probable class of each row, as in `y`."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]
