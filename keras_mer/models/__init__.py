"""Published systems as functional Keras models."""

from keras_mer.models.cmmsf import CMMSF
from keras_mer.models.msrg import MSRG

__all__ = ["CMMSF", "MSRG"]
