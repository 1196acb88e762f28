"""Published systems as functional Keras models."""

from keras_mer.models.cmmsf import CMMSF

__all__ = ["CMMSF"]
