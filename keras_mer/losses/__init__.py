"""Objectives beside the prediction's own, as Keras losses."""

from keras_mer.losses.cross_modal_contrastive import cross_modal_contrastive
from keras_mer.losses.label_alignment_loss import LabelAlignmentLoss
from keras_mer.losses.multi_kernel_mmd import MultiKernelMMD

__all__ = [
    "LabelAlignmentLoss",
    "MultiKernelMMD",
    "cross_modal_contrastive",
]
