"""Objectives beside the prediction's own, as Keras losses."""

from keras_mer.losses.label_alignment_loss import LabelAlignmentLoss
from keras_mer.losses.multi_kernel_mmd import MultiKernelMMD

__all__ = ["LabelAlignmentLoss", "MultiKernelMMD"]
