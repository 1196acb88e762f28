"""Every system as the program that a backend makes of it when nobody says otherwise."""

import keras
import numpy as np
import pytest
from layer_test import check_finite, predicted, to_numpy
from small_systems import SYSTEMS, small_inputs, small_system

pytestmark = pytest.mark.traced


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_predicts_what_its_layers_give_and_learns(name):
    model, inputs = small_system(name), small_inputs(name)
    expected = predicted(model, inputs)
    found = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    before = [to_numpy(weight).copy() for weight in model.trainable_weights]
    probabilities = name == "DeepMSIMER"
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not probabilities)
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(inputs, np.zeros(found.shape[:-1], "int32"), batch_size=3, epochs=2, verbose=0)
    after = [to_numpy(weight) for weight in model.trainable_weights]
    check_finite(after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
