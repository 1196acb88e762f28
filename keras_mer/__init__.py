"""Multimodal emotion recognition in Keras 3: layers, published systems, trained weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from keras_mer._backend_choice import choose_backend
from keras_mer._quiet import quiet_start
from keras_mer._version import __version__

choose_backend()

# `import keras_mer` alone must register what files saved by Keras name.
with quiet_start():
    from keras_mer import layers, losses, metrics, models

if TYPE_CHECKING:
    from keras_mer import data, estimators, explain, features, training, zoo
    from keras_mer.estimators import KerasMERClassifier, KerasMERRegressor
    from keras_mer.exporting.export import export
    from keras_mer.predictor import Prediction, Predictor

_ROOMS = ("data", "estimators", "explain", "features", "training", "zoo")

__all__ = [
    "KerasMERClassifier",
    "KerasMERRegressor",
    "Prediction",
    "Predictor",
    "__version__",
    "data",
    "estimators",
    "explain",
    "export",
    "features",
    "layers",
    "losses",
    "metrics",
    "models",
    "training",
    "zoo",
]


def __getattr__(name: str) -> Any:
    """The other rooms, imported when they are first used."""
    if name in _ROOMS:
        return import_module(f"keras_mer.{name}")
    if name in ("Prediction", "Predictor"):
        return getattr(import_module("keras_mer.predictor"), name)
    if name in ("KerasMERClassifier", "KerasMERRegressor"):
        return getattr(import_module("keras_mer.estimators"), name)
    if name == "export":
        return import_module("keras_mer.exporting").export
    raise AttributeError(f"module 'keras_mer' has no attribute {name!r}")
