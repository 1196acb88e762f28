"""The supervised contrastive loss between modalities of DeepMSI-MER."""

import math

from keras import ops

from keras_mer._types import Tensor
from keras_mer.layers._vectors import unit_length

NO_POSITIVE = 1e-8
NO_NEGATIVE = 1e-8
MASKED = -1e30


def cross_modal_contrastive(
    labels: Tensor,
    anchors: Tensor,
    others: Tensor,
    temperature: float = 0.5,
    present: Tensor | None = None,
) -> Tensor:
    """Draws vectors of two modalities together where their samples share a label.

    With s_ij = cos(anchor_i, other_j) / temperature, the positives P(i) of a sample, which
    are the other samples of its label, and its negatives N(i), those of another label:

        L = mean over i of 1 / (B - 1) sum over j in P(i) of
            -log( exp(s_ij) / (exp(s_ij) + sum over k in N(i) of exp(s_ik)) )

    A sample's own pair is neither positive nor negative.

    Args:
        labels: (batch,) class labels.
        anchors: (batch, dim) float, vectors of one modality.
        others: (batch, dim) float, vectors of the other.
        temperature: divisor of the cosines.
        present: (batch,) bool, False for a sample that lacks one of the modalities and has
            no part in the loss; `None` means that all have both.

    Returns:
        A float32 scalar; the constant 1e-8 if no two samples share a label.

    Example:

    >>> import numpy as np
    >>> vectors = np.eye(4, dtype="float32")
    >>> float(cross_modal_contrastive(np.array([0, 1, 2, 3]), vectors, vectors)) < 1e-7
    True

    Reference:
        DeepMSI-MER, arXiv 2502.08573, its inter-modality contrastive loss.
    """
    anchors, others = unit_length(anchors), unit_length(others)
    similarity = ops.matmul(anchors, ops.transpose(others)) / temperature
    labels = ops.reshape(ops.convert_to_tensor(labels), (-1,))
    same = ops.equal(labels[:, None], labels[None, :])
    if present is None:
        present = ops.ones_like(labels, dtype="bool")
    pair = ops.logical_and(present[:, None], present[None, :])
    rows = ops.arange(ops.shape(labels)[0])
    own = ops.equal(rows[:, None], rows[None, :])
    positive = ops.cast(pair & same & ops.logical_not(own), "float32")
    negative = pair & ops.logical_not(same)

    # -log(e^s / (e^s + n)) is softplus(log n - s), which never leaves the range of floats.
    negatives = ops.logsumexp(ops.where(negative, similarity, MASKED), axis=1)
    negatives = ops.where(ops.any(negative, axis=1), negatives, math.log(NO_NEGATIVE))
    each = ops.softplus(negatives[:, None] - similarity)

    count = ops.sum(ops.cast(present, "float32"))
    total = ops.sum(positive * each) / (ops.maximum(count, 1.0) * ops.maximum(count - 1.0, 1.0))
    return ops.where(ops.any(positive > 0), total, NO_POSITIVE)
