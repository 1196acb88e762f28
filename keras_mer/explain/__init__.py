"""Which modality and which time step spoke, and pictures of what a model does."""

from keras_mer.explain.ablation import Ablation, ablation
from keras_mer.explain.ablation_table import AblationTable, ablation_table
from keras_mer.explain.attention_reading import AttentionReading, attention_reading
from keras_mer.explain.draw_attention import draw_attention
from keras_mer.explain.draw_calibration import draw_calibration
from keras_mer.explain.draw_class_errors import draw_class_errors
from keras_mer.explain.draw_confusion import draw_confusion
from keras_mer.explain.draw_gates import draw_gates
from keras_mer.explain.draw_shapley import draw_shapley
from keras_mer.explain.draw_time_steps import draw_time_steps
from keras_mer.explain.fusion_reading import FusionReading, fusion_reading
from keras_mer.explain.integrated_gradients import TimeSteps, integrated_gradients
from keras_mer.explain.shapley_values import ShapleyValues, shapley_values
from keras_mer.explain.shares import shares

__all__ = [
    "Ablation",
    "AblationTable",
    "AttentionReading",
    "FusionReading",
    "ShapleyValues",
    "TimeSteps",
    "ablation",
    "ablation_table",
    "attention_reading",
    "draw_attention",
    "draw_calibration",
    "draw_class_errors",
    "draw_confusion",
    "draw_gates",
    "draw_shapley",
    "draw_time_steps",
    "fusion_reading",
    "integrated_gradients",
    "shapley_values",
    "shares",
]
