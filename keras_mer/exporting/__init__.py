"""Models in the formats of other runtimes."""

from keras_mer.exporting.export import export

__all__ = ["export"]
