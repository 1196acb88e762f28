"""Data sets: containers, batches, readers, safe loading of foreign files."""

from keras_mer.data import sources
from keras_mer.data._pickle_reader import RefusedPickleError
from keras_mer.data.batching import Batches, pad
from keras_mer.data.check import check
from keras_mer.data.clips import read_clips
from keras_mer.data.conv_emotion import read_conv_emotion
from keras_mer.data.csd import read_csd
from keras_mer.data.dataset import Dataset
from keras_mer.data.dataset_writer import DatasetWriter
from keras_mer.data.dialogue_batches import DialogueBatches
from keras_mer.data.emodb import read_emodb
from keras_mer.data.emorynlp import read_emorynlp
from keras_mer.data.find_clips import find_clips
from keras_mer.data.generate import generate
from keras_mer.data.iemocap import read_iemocap
from keras_mer.data.labels import read_labels
from keras_mer.data.leaks import LeakError
from keras_mer.data.meld import read_meld
from keras_mer.data.misa import read_misa
from keras_mer.data.mmmo import read_mmmo
from keras_mer.data.mmsa import read_mmsa
from keras_mer.data.mosi import read_mosi
from keras_mer.data.mult import read_mult
from keras_mer.data.preprocessor import Preprocessor
from keras_mer.data.ragged import Ragged
from keras_mer.data.ravdess import read_ravdess
from keras_mer.data.read import FORMATS, read
from keras_mer.data.unpickle import load_object_npz, load_pickle

__all__ = [
    "FORMATS",
    "Batches",
    "Dataset",
    "DatasetWriter",
    "DialogueBatches",
    "LeakError",
    "Preprocessor",
    "Ragged",
    "RefusedPickleError",
    "check",
    "find_clips",
    "generate",
    "load_object_npz",
    "load_pickle",
    "pad",
    "read",
    "read_clips",
    "read_conv_emotion",
    "read_csd",
    "read_emodb",
    "read_emorynlp",
    "read_iemocap",
    "read_labels",
    "read_meld",
    "read_misa",
    "read_mmmo",
    "read_mmsa",
    "read_mosi",
    "read_mult",
    "read_ravdess",
    "sources",
]
