"""Multimodal emotion recognition in Keras 3: layers, published systems, trained weights."""

from keras_mer._backend_choice import choose_backend

choose_backend()

from keras_mer import layers, metrics, models  # noqa: E402
from keras_mer._version import __version__  # noqa: E402

__all__ = ["__version__", "layers", "metrics", "models"]
