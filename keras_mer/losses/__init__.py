"""Objectives beside the prediction's own, as Keras losses."""

from keras_mer.losses.label_alignment_loss import LabelAlignmentLoss

__all__ = ["LabelAlignmentLoss"]
