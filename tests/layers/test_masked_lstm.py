import keras
import numpy as np
import pytest
from layer_test import call, run_layer_test, to_numpy

from keras_mer.layers import MaskedLSTM

RNG = np.random.default_rng(0)
MASK = np.arange(7) < np.array([7, 1, 4, 0])[:, None]
SEQUENCE = RNG.normal(size=(4, 7, 5)).astype("float32")
INPUTS = {"sequence": SEQUENCE, "mask": MASK}


@pytest.mark.parametrize("return_sequences", [True, False])
def test_contract(return_sequences):
    make = lambda **kwargs: MaskedLSTM(3, return_sequences, **kwargs)  # noqa: E731
    run_layer_test(make, INPUTS, weights=3, masked={"sequence": "mask"})


@pytest.mark.parametrize("masked", [True, False])
def test_equals_the_stock_layer(masked):
    layer = MaskedLSTM(3, bias_initializer="normal")
    theirs = keras.layers.LSTM(3, return_sequences=True)
    layer.build(SEQUENCE.shape)
    theirs.build(SEQUENCE.shape)
    theirs.set_weights([to_numpy(w) for w in layer.weights])
    inputs = INPUTS if masked else {"sequence": SEQUENCE}
    real = MASK if masked else np.ones_like(MASK)
    expected, found = call(theirs, inputs), call(layer, inputs)
    np.testing.assert_allclose(found[real], expected[real], atol=1e-6)
    assert (found[~real] == 0).all()
    layer.return_sequences = False
    last = np.maximum(real.sum(axis=1) - 1, 0)
    expected = found[np.arange(4), last]
    np.testing.assert_allclose(call(layer, inputs), expected, atol=1e-6)


def test_padding_changes_nothing():
    layer = MaskedLSTM(3, return_sequences=False)
    padded = np.pad(SEQUENCE, ((0, 0), (0, 6), (0, 0)), constant_values=np.inf)
    longer = call(layer, {"sequence": padded, "mask": np.pad(MASK, ((0, 0), (0, 6)))})
    np.testing.assert_allclose(longer, call(layer, INPUTS), atol=1e-6)
    assert (longer[3] == 0).all()
