"""Which modality spoke, and pictures of what a model does."""

from keras_mer.explain.draw_calibration import draw_calibration
from keras_mer.explain.draw_confusion import draw_confusion
from keras_mer.explain.draw_gates import draw_gates
from keras_mer.explain.fusion_reading import FusionReading, fusion_reading
from keras_mer.explain.shares import shares

__all__ = [
    "FusionReading",
    "draw_calibration",
    "draw_confusion",
    "draw_gates",
    "fusion_reading",
    "shares",
]
