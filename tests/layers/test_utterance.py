import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import (
    AveragingEncoder,
    EarlyFusion,
    MaskedBatchNormalization,
    RecurrentEncoder,
)

RNG = np.random.default_rng(0)
MASK = np.arange(6) < np.array([6, 2, 4, 0])[:, None]
SEQUENCE = RNG.normal(2, 3, size=(4, 6, 3)).astype("float32")
ONE = {"sequence": SEQUENCE, "mask": MASK}
MANY = {
    "inputs": {"text": SEQUENCE, "audio": RNG.normal(size=(4, 6, 2)).astype("float32")},
    "masks": {"text": MASK, "audio": MASK[::-1].copy()},
}


@pytest.mark.parametrize(
    ("make", "weights"),
    [
        (lambda **kwargs: AveragingEncoder(4, depth=2, **kwargs), 6),
        (lambda **kwargs: RecurrentEncoder(4, 2, **kwargs), 5),
    ],
)
def test_encoder_contract(make, weights):
    layer = run_layer_test(make, ONE, weights, masked={"sequence": "mask"})
    assert (call(layer, ONE)[3] == 0).all()


@pytest.mark.parametrize("steps", [None, 4])
def test_normalization_contract(steps):
    make = lambda **kwargs: MaskedBatchNormalization(steps, **kwargs)  # noqa: E731
    run_layer_test(make, {"inputs": SEQUENCE, "mask": MASK}, 2, masked={"inputs": "mask"})


def test_early_fusion_contract():
    make = lambda **kwargs: EarlyFusion(6, **kwargs)  # noqa: E731
    run_layer_test(make, MANY, 2, masked={"inputs": "masks"})


@pytest.mark.parametrize(("steps", "axis"), [(None, -1), (6, 1)])
def test_normalization_equals_the_stock_layer_where_all_is_real(steps, axis):
    ours = MaskedBatchNormalization(steps)
    theirs = keras.layers.BatchNormalization(axis, momentum=0.9, epsilon=1e-5)
    for training in (True, True, False):
        found, expected = (to_numpy(x(SEQUENCE, training=training)) for x in (ours, theirs))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(to_numpy(mine), to_numpy(other), atol=1e-5)


def test_statistics_are_of_the_real_entries():
    layer = MaskedBatchNormalization(momentum=0.0)
    call(layer, {"inputs": SEQUENCE, "mask": MASK}, training=True)
    real = SEQUENCE[MASK]
    np.testing.assert_allclose(to_numpy(layer.moving_mean), real.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(to_numpy(layer.moving_variance), real.var(axis=0), rtol=1e-5)


def test_a_statistic_without_a_real_entry_stays_as_it_was():
    layer = MaskedBatchNormalization(steps=8, momentum=0.0)
    call(layer, {"inputs": SEQUENCE[1:2], "mask": MASK[1:2]}, training=True)
    mean, variance = to_numpy(layer.moving_mean), to_numpy(layer.moving_variance)
    np.testing.assert_allclose(mean[:2], SEQUENCE[1, :2].mean(axis=-1), rtol=1e-5)
    assert (mean[2:] == 0).all()
    assert (variance[2:] == 1).all()


def test_steps_beyond_the_last_share_its_statistic():
    layer = MaskedBatchNormalization(steps=2, momentum=0.0)
    call(layer, {"inputs": SEQUENCE}, training=True)
    expected = [SEQUENCE[:, 0].mean(), SEQUENCE[:, 1:].mean()]
    np.testing.assert_allclose(to_numpy(layer.moving_mean), expected, rtol=1e-5)


def test_early_fusion_joins_in_order_and_leaves_zeros_for_what_is_missing():
    layer = EarlyFusion(steps=None)
    joined = call(layer, MANY)
    np.testing.assert_array_equal(joined[0, :, :3], SEQUENCE[0])
    assert (joined[0, :, 3:] == 0).all()
    turned = {k: dict(reversed(list(v.items()))) for k, v in MANY.items()}
    np.testing.assert_array_equal(call(layer, turned), joined)


def test_early_fusion_names_modalities_that_are_not_aligned():
    with pytest.raises(ValueError, match="text with 6 steps, audio with 5 steps"):
        EarlyFusion()({"text": SEQUENCE, "audio": SEQUENCE[:, :5]})


def test_replaces_a_concatenation():
    """Two modalities in a model of the user's own."""
    image, sound = keras.Input((None, 3), name="image"), keras.Input((None, 2), name="sound")
    vector = AveragingEncoder(4)(EarlyFusion(5)({"image": image, "sound": sound}))
    model = keras.Model([image, sound], keras.layers.Dense(1)(vector))
    inputs = {"image": SEQUENCE, "sound": MANY["inputs"]["audio"]}
    check_drop_in(model, inputs, np.ones((4, 1), "float32"))
