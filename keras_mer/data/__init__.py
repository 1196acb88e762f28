"""Data sets: containers, batches, readers, safe loading of foreign files."""

from keras_mer.data import sources
from keras_mer.data._pickle_reader import RefusedPickleError
from keras_mer.data.batching import Batches, pad
from keras_mer.data.dataset import Dataset
from keras_mer.data.leaks import LeakError
from keras_mer.data.mosi import read_mosi
from keras_mer.data.preprocessor import Preprocessor
from keras_mer.data.ragged import Ragged
from keras_mer.data.read import read
from keras_mer.data.unpickle import load_object_npz, load_pickle

__all__ = [
    "Batches",
    "Dataset",
    "LeakError",
    "Preprocessor",
    "Ragged",
    "RefusedPickleError",
    "load_object_npz",
    "load_pickle",
    "pad",
    "read",
    "read_mosi",
    "sources",
]
