import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import TemporalConvolution

RNG = np.random.default_rng(0)
MASK = np.arange(6) < np.array([6, 1, 4, 0])[:, None]
SEQUENCE = RNG.normal(size=(4, 6, 3)).astype("float32")
INPUTS = {"sequence": SEQUENCE, "mask": MASK}


@pytest.mark.parametrize("return_sequences", [True, False])
def test_contract(return_sequences):
    make = lambda **kwargs: TemporalConvolution(  # noqa: E731
        [4, 4], 2, return_sequences=return_sequences, **kwargs
    )
    # Two blocks of two convolutions of g, v and bias, and one map where the width changes.
    run_layer_test(
        make,
        INPUTS,
        weights=14,
        masked={"sequence": "mask"},
        output_mask="mask" if return_sequences else None,
    )


def test_each_step_sees_the_past_within_its_reach():
    """Two blocks of two convolutions of size 2: 1 + 2 (1 + 2) = 7 steps, none to come."""
    layer = TemporalConvolution([4, 4], 2, return_sequences=True)
    x = np.abs(RNG.normal(size=(1, 12, 3))).astype("float32")
    changed = x.copy()
    changed[0, 2] += 1.0
    difference = abs(call(layer, {"sequence": changed}) - call(layer, {"sequence": x}))[0]
    reached = difference.max(axis=-1) > 1e-6
    assert not reached[:2].any()
    assert reached[2]
    assert not reached[9:].any()


def test_the_last_real_step_is_that_of_the_row_alone():
    layer = TemporalConvolution([4, 5], 3)
    output = call(layer, INPUTS)
    for row, x, mask in zip(output, SEQUENCE, MASK, strict=True):
        if mask.any():
            alone = call(layer, {"sequence": x[None, mask]})[0]
            np.testing.assert_allclose(row, alone, atol=1e-5)
        else:
            assert (row == 0).all()


def test_the_length_of_a_kernel_begins_as_that_of_its_direction():
    layer = TemporalConvolution([4], 3)
    layer.build((None, None, 3))
    for convolution in layer.convolutions[0]:
        norms = np.sqrt((to_numpy(convolution.direction) ** 2).sum(axis=(0, 1)))
        np.testing.assert_allclose(to_numpy(convolution.length), norms, rtol=1e-5)


def test_replaces_a_concatenation_of_steps():
    steps = keras.Input((6, 3), name="steps")
    present = keras.Input((6,), dtype="bool", name="present")
    read = TemporalConvolution([4], 2)(steps, mask=present)
    model = keras.Model([steps, present], keras.layers.Dense(1)(read))
    check_drop_in(model, {"steps": SEQUENCE, "present": MASK}, np.ones((4, 1), "float32"))


def test_refuses_no_blocks():
    with pytest.raises(ValueError, match="one block or more"):
        TemporalConvolution([])
