import keras
import numpy as np
import pytest
from keras import ops

from keras_mer.layers import ModalityDropout

ROWS = 4000


def hidden(rate, masks, training=True):
    output = ModalityDropout(rate, seed=3)(masks, training=training)
    return {name: ops.convert_to_numpy(mask) for name, mask in output.items()}


def everything():
    return {name: np.ones((ROWS, 3), "bool") for name in ("text", "audio", "video")}


def test_config_and_json():
    layer = ModalityDropout({"text": 0.1, "audio": 0.4}, seed=1)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


def test_hides_whole_modalities_at_their_own_rates():
    masks = hidden({"text": 0.0, "audio": 0.3, "video": 0.8}, everything())
    shares = {name: 1 - mask.any(axis=1).mean() for name, mask in masks.items()}
    assert shares["text"] == 0
    assert shares["audio"] == pytest.approx(0.3, abs=0.03)
    assert shares["video"] == pytest.approx(0.8, abs=0.03)
    assert all((mask.all(axis=1) == mask.any(axis=1)).all() for mask in masks.values())


def test_never_hides_all_that_a_sample_has():
    masks = everything()
    masks["text"][: ROWS // 2] = False
    output = hidden(1.0, masks)
    left = sum(mask.any(axis=1).astype(int) for mask in output.values())
    assert (left == 1).all()
    assert not output["text"][: ROWS // 2].any()


def test_leaves_the_masks_alone_at_inference():
    masks = everything()
    output = hidden(0.9, masks, training=False)
    assert all((output[name] == masks[name]).all() for name in masks)


def test_masks_stay_bool_in_a_functional_model():
    inputs = {m: keras.Input((None,), dtype="bool", name=m) for m in ("text", "audio")}
    output = ModalityDropout(0.5)(inputs)
    assert output["text"].dtype == "bool"
    assert output["text"].shape == (None, None)


@pytest.mark.parametrize("rate", [-0.1, 1.5, {"text": 2.0}])
def test_refuses_a_rate_that_is_no_probability(rate):
    with pytest.raises(ValueError, match="from 0 to 1"):
        ModalityDropout(rate)


def test_names_a_modality_without_a_rate():
    with pytest.raises(ValueError, match="audio"):
        hidden({"text": 0.1}, {m: np.ones((2, 3), "bool") for m in ("text", "audio")})
