import keras
import numpy as np
from keras import ops
from layer_test import to_numpy

from keras_mer.losses import LabelAlignmentLoss

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 0, 2])
SIMILARITY = RNG.normal(size=(4, 4)).astype("float32")


def loss(similarity, labels, **arguments):
    return to_numpy(LabelAlignmentLoss(**arguments)(labels, similarity))


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def test_equation():
    alike = LABELS[:, None] == LABELS
    forth = (alike * log_softmax(SIMILARITY)).sum(axis=1)
    back = (alike * log_softmax(SIMILARITY.T)).sum(axis=1)
    rows = -(forth + back) / 2
    np.testing.assert_allclose(loss(SIMILARITY, LABELS, reduction=None), rows, rtol=1e-5)
    np.testing.assert_allclose(loss(SIMILARITY, LABELS[:, None]), rows.mean(), rtol=1e-5)


def test_pairs_that_are_not_there_are_left_out():
    present = np.array([True, True, True, False])
    similarity = np.where(present[:, None] & present, SIMILARITY, -1e9).astype("float32")
    rows = loss(similarity, LABELS, reduction=None)
    expected = loss(SIMILARITY[:3, :3], LABELS[:3], reduction=None)
    np.testing.assert_allclose(rows, [*expected, 0], rtol=1e-5)


def test_config():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(LabelAlignmentLoss(reduction="sum"))
    )
    assert isinstance(again, LabelAlignmentLoss)
    assert again.reduction == "sum"
    assert np.isfinite(to_numpy(again(LABELS, ops.convert_to_tensor(SIMILARITY))))
