"""Published systems as functional Keras models."""

from keras_mer.models.cmmsf import CMMSF
from keras_mer.models.deepmsimer import DeepMSIMER

__all__ = ["CMMSF", "DeepMSIMER"]
