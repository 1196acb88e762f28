"""Raw text, sound and video become the features a model asks for."""

from keras_mer.features.contractions import restore_contractions
from keras_mer.features.text_adapters import TextAdapters
from keras_mer.features.text_encoder import TextEncoder

__all__ = ["TextAdapters", "TextEncoder", "restore_contractions"]
