import numpy as np
import pytest
from layer_test import call, run_layer_test

from keras_mer.layers import MaskedAveragePooling1D, MaskedMaxPooling1D, MaskedResampling1D

RNG = np.random.default_rng(0)
MASK = np.arange(6) < np.array([6, 1, 4, 0])[:, None]
SEQUENCE = RNG.normal(size=(4, 6, 3)).astype("float32")
INPUTS = {"sequence": SEQUENCE, "mask": MASK}


@pytest.mark.parametrize(
    "make",
    [MaskedAveragePooling1D, MaskedMaxPooling1D, lambda **k: MaskedResampling1D(4, **k)],
)
def test_contract(make):
    run_layer_test(make, INPUTS, weights=0, masked={"sequence": "mask"})


def test_average_is_over_the_real_steps():
    output = call(MaskedAveragePooling1D(), INPUTS)
    np.testing.assert_allclose(output[2], SEQUENCE[2, :4].mean(axis=0), atol=1e-6)
    assert (output[3] == 0).all()
    np.testing.assert_allclose(
        call(MaskedAveragePooling1D(), {"sequence": SEQUENCE}), SEQUENCE.mean(axis=1), atol=1e-6
    )


def test_maximum_is_over_the_real_steps():
    output = call(MaskedMaxPooling1D(), INPUTS)
    np.testing.assert_array_equal(output[2], SEQUENCE[2, :4].max(axis=0))
    assert (output[3] == 0).all()
    everywhere = call(MaskedMaxPooling1D(), {"sequence": SEQUENCE})
    np.testing.assert_array_equal(everywhere, SEQUENCE.max(axis=1))


@pytest.mark.parametrize("length", [1, 3, 4, 6])
def test_resampling_is_adaptive_pooling_of_each_row(length):
    steps = 4
    mask = np.arange(6) < np.full((4, 1), length)
    output = call(MaskedResampling1D(steps), {"sequence": SEQUENCE, "mask": mask})
    for j in range(steps):
        start, stop = j * length // steps, -(-(j + 1) * length // steps)
        expected = SEQUENCE[:, start:stop].mean(axis=1)
        np.testing.assert_allclose(output[:, j], expected, atol=1e-5)


def test_resampling_to_the_same_length_changes_nothing():
    output = call(MaskedResampling1D(6), {"sequence": SEQUENCE})
    np.testing.assert_allclose(output, SEQUENCE, atol=1e-6)
