"""What half precision promises, for every system: near predictions, exact masks, training."""

import keras
import numpy as np
import pytest
from layer_test import check_finite, predicted, to_numpy
from small_systems import SYSTEMS, small_inputs, small_system

MIXED = ["mixed_float16", "mixed_bfloat16"]
# Of predictions around 1; float16 has three bits more than bfloat16.
NEAR = {"float16": 5e-3, "bfloat16": 5e-2}

each_system = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture
def under():
    """Makes a system under a policy, as `keras.config.set_dtype_policy` has it."""

    def make(name, policy):
        keras.config.set_dtype_policy(policy)
        return SYSTEMS[name]()

    yield make
    keras.config.set_dtype_policy("float32")


@each_system
@pytest.mark.parametrize("policy", [*MIXED, "float16", "bfloat16"])
def test_predictions_are_near_those_of_float32_and_see_no_masked_step(name, policy, under):
    full, arrays = small_system(name), small_inputs(name)
    half = under(name, policy)  # pure policies draw their weights too, in spite of no QR
    check_finite([to_numpy(w) for w in half.weights])
    half.set_weights([to_numpy(w) for w in full.weights])
    found = predicted(half, arrays)
    assert half.output.dtype == "float32"
    atol = NEAR[policy.removeprefix("mixed_")]
    np.testing.assert_allclose(found, predicted(full, arrays), atol=atol)
    otherwise = {k: np.nan_to_num(x, nan=7.0) for k, x in arrays.items()}
    np.testing.assert_array_equal(predicted(half, otherwise), found)


@each_system
@pytest.mark.parametrize("policy", MIXED)
def test_mixed_policies_train_every_weight_and_are_saved(name, policy, under, tmp_path):
    model, arrays = under(name, policy), small_inputs(name)
    model.set_weights([to_numpy(w) for w in small_system(name).weights])
    labels = np.zeros((*model(arrays).shape[:-1], 3), "float32")
    model.compile("adam", "mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (
        policy == "mixed_float16"
    )
    before = [to_numpy(w).copy() for w in model.trainable_weights]
    # The loss scale begins at 2^15 and halves until no gradient overflows.
    epochs = 5 if policy == "mixed_float16" else 2
    history = model.fit(arrays, labels, epochs=epochs, verbose=0).history["loss"]
    after = [to_numpy(w) for w in model.trainable_weights]
    check_finite([np.array(history), *after])
    still = [
        w.path
        for w, old, new in zip(model.trainable_weights, before, after, strict=True)
        if (old == new).all()
    ]
    # A bias of all keys changes no attention.
    assert not [path for path in still if not path.endswith("key/bias")]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config()["dtype"] == policy
    np.testing.assert_array_equal(predicted(again, arrays), predicted(model, arrays))
