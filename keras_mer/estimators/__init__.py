"""The systems as scikit-learn estimators."""

from keras_mer.estimators.keras_mer_classifier import KerasMERClassifier
from keras_mer.estimators.keras_mer_regressor import KerasMERRegressor
from keras_mer.estimators.utterances import Utterances

__all__ = ["KerasMERClassifier", "KerasMERRegressor", "Utterances"]
