"""Which modality spoke."""

from keras_mer.explain.draw_gates import draw_gates
from keras_mer.explain.fusion_reading import FusionReading, fusion_reading
from keras_mer.explain.shares import shares

__all__ = ["FusionReading", "draw_gates", "fusion_reading", "shares"]
