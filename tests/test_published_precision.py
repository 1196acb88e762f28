"""The published weights in half precision and in int8, beside float32."""

import numpy as np
import pytest
from layer_test import predicted
from model_inputs import random_clips

from keras_mer import zoo

# Beside outputs from -3 to 3; docs/precision.md has what it does to figures.
NEAR = {"mixed_float16": 0.02, "float16": 0.02, "mixed_bfloat16": 0.15, "int8": 0.3}


def few_rows(name):
    """Noise for the modalities that the entry was trained on; the last row has the first alone."""
    metadata = zoo.metadata(name)
    widths = {m: said["dimension"] for m, said in metadata["features"].items()}
    together = zoo.load(name, weights=False).reads_dialogues
    arrays = random_clips(np.random.default_rng(0), 4, widths, dict.fromkeys(widths, 3))
    for place, m in enumerate(widths):
        mask = arrays[f"{m}_mask"]
        if together:
            mask |= arrays["text_mask"]
        mask[-1:] &= not place
        mask &= m in metadata["trained_modalities"]
    return arrays


@pytest.mark.once
@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_every_entry_is_near_itself(name):
    arrays = few_rows(name)
    model = zoo.load(name)
    expected = predicted(model, arrays)
    found = {p: predicted(zoo.load(name, dtype=p), arrays) for p in NEAR if p != "int8"}
    model.quantize("int8")
    found["int8"] = predicted(model, arrays)
    for precision, each in found.items():
        assert each.dtype == "float32"
        np.testing.assert_allclose(each, expected, atol=NEAR[precision], err_msg=precision)
        assert (each != expected).any(), precision
