"""Raw text, sound and video become the features a model asks for."""

from keras_mer.features._media import MediaError
from keras_mer.features.audio_encoder import AudioEncoder
from keras_mer.features.contractions import restore_contractions
from keras_mer.features.extract import Extraction, extract
from keras_mer.features.preset_text_encoder import PresetTextEncoder
from keras_mer.features.read_frames import read_frames
from keras_mer.features.read_sound import read_sound
from keras_mer.features.text_adapters import TextAdapters
from keras_mer.features.text_encoder import TextEncoder
from keras_mer.features.video_encoder import VideoEncoder

__all__ = [
    "AudioEncoder",
    "Extraction",
    "MediaError",
    "PresetTextEncoder",
    "TextAdapters",
    "TextEncoder",
    "VideoEncoder",
    "extract",
    "read_frames",
    "read_sound",
    "restore_contractions",
]
