"""Objectives beside the task's own."""

from keras_mer.losses.cross_modal_contrastive import cross_modal_contrastive

__all__ = ["cross_modal_contrastive"]
