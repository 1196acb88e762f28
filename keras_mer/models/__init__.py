"""Published systems as functional Keras models."""

from keras_mer.models.cmmsf import CMMSF
from keras_mer.models.ef_lstm import EFLSTM
from keras_mer.models.lmf import LMF
from keras_mer.models.mult import MulT
from keras_mer.models.tfn import TFN

__all__ = ["CMMSF", "EFLSTM", "LMF", "TFN", "MulT"]
