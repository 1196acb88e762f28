"""Published systems as functional Keras models."""

from keras_mer.models.cmmsf import CMMSF
from keras_mer.models.deepmsimer import DeepMSIMER
from keras_mer.models.foal_net import FoalNet
from keras_mer.models.mcihn import MCIHN
from keras_mer.models.msrg import MSRG

__all__ = [
    "CMMSF",
    "MCIHN",
    "MSRG",
    "DeepMSIMER",
    "FoalNet",
]
