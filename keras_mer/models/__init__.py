"""Published systems as functional Keras models."""

from keras_mer.models.cmmsf import CMMSF
from keras_mer.models.deepmsimer import DeepMSIMER
from keras_mer.models.dialogue_model import DialogueModel
from keras_mer.models.early_fusion_network import EarlyFusionNetwork
from keras_mer.models.ef_lstm import EFLSTM
from keras_mer.models.foal_net import FoalNet
from keras_mer.models.late_fusion_network import LateFusionNetwork
from keras_mer.models.lmf import LMF
from keras_mer.models.mcihn import MCIHN
from keras_mer.models.msrg import MSRG
from keras_mer.models.mult import MulT
from keras_mer.models.tfn import TFN

__all__ = [
    "CMMSF",
    "EFLSTM",
    "LMF",
    "MCIHN",
    "MSRG",
    "TFN",
    "DeepMSIMER",
    "DialogueModel",
    "EarlyFusionNetwork",
    "FoalNet",
    "LateFusionNetwork",
    "MulT",
]
