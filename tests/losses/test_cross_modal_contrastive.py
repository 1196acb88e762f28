import numpy as np
import pytest
from keras import ops

from keras_mer.losses import cross_modal_contrastive

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 0, 2, 1, 0])
ANCHORS = RNG.normal(size=(6, 4)).astype("float32")
OTHERS = RNG.normal(size=(6, 4)).astype("float32")


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def expected(labels, anchors, others, temperature):
    """Pair by pair, as the paper sums."""
    s = np.exp(unit(anchors) @ unit(others).T / temperature)
    total = 0.0
    for i in range(len(labels)):
        negatives = sum(s[i, k] for k in range(len(labels)) if labels[k] != labels[i])
        for j in range(len(labels)):
            if j != i and labels[j] == labels[i]:
                total -= np.log(s[i, j] / (s[i, j] + negatives))
    return total / len(labels) / (len(labels) - 1)


@pytest.mark.parametrize("temperature", [0.5, 0.07])
def test_equation(temperature):
    found = cross_modal_contrastive(LABELS, ANCHORS, OTHERS, temperature)
    np.testing.assert_allclose(
        float(found), expected(LABELS, ANCHORS, OTHERS, temperature), rtol=1e-5
    )


def test_a_sample_that_lacks_a_modality_has_no_part():
    present = np.array([True, True, True, False, True, False])
    others = np.where(present[:, None], OTHERS, 0.0).astype("float32")
    found = cross_modal_contrastive(LABELS, ANCHORS, others, present=ops.convert_to_tensor(present))
    rows = np.flatnonzero(present)
    wanted = expected(LABELS[rows], ANCHORS[rows], OTHERS[rows], 0.5)
    np.testing.assert_allclose(float(found), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    "labels", [[0, 1, 2, 3, 4, 5], [1] * 6], ids=["no positive", "no negative"]
)
def test_next_to_nothing_without_positives_or_negatives(labels):
    assert 0 <= float(cross_modal_contrastive(np.array(labels), ANCHORS, OTHERS)) < 1e-6


def test_one_sample_and_none_present():
    one = (LABELS[:1], ANCHORS[:1], OTHERS[:1])
    assert float(cross_modal_contrastive(*one)) < 1e-7
    none = ops.zeros((6,), dtype="bool")
    assert float(cross_modal_contrastive(LABELS, ANCHORS, OTHERS, present=none)) < 1e-7
