import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test

from keras_mer.layers import CrossModalTransformer, MaskedValidConvolution1D

RNG = np.random.default_rng(0)


def sequence(time, dim):
    return RNG.normal(size=(3, time, dim)).astype("float32")


def mask(time, lengths):
    return np.arange(time) < np.array(lengths)[:, None]


TWO = {
    "query": sequence(5, 4),
    "source": sequence(7, 4),
    "query_mask": mask(5, [5, 1, 3]),
    "source_mask": mask(7, [2, 7, 0]),
}
ONE = {"query": TWO["query"], "query_mask": TWO["query_mask"]}


def make(**kwargs):
    options = {"num_layers": 1, "num_heads": 2, "causal": True, "positions": True}
    return CrossModalTransformer(**{**options, **kwargs})


def test_contract():
    masked = {"query": "query_mask", "source": "source_mask"}
    run_layer_test(make, TWO, 18, masked=masked, output_mask="query_mask")


def test_self_attention_contract():
    run_layer_test(make, ONE, 18, masked={"query": "query_mask"}, output_mask="query_mask")


@pytest.mark.parametrize("inputs", [ONE, TWO])
def test_padding_changes_nothing(inputs):
    """The causal limit goes by the real lengths, so a batch may be padded by any amount."""
    padded = {
        name: np.pad(x, ((0, 0), (0, 1 + 3 * ("source" in name)), (0, 0))[: x.ndim])
        for name, x in inputs.items()
    }
    layer = make()
    np.testing.assert_allclose(call(layer, padded)[:, :5], call(layer, inputs), atol=1e-5)


def test_rows_alone_give_the_same():
    layer = make(num_layers=2)
    batch = call(layer, TWO)
    alone = call(layer, {"query": TWO["query"][:1], "source": TWO["source"][:1, :2]})
    np.testing.assert_allclose(alone, batch[:1], atol=1e-5)


def test_causal_attention_does_not_look_ahead():
    layer = make()
    inputs = {"query": sequence(5, 4), "source": sequence(7, 4)}
    before = call(layer, inputs)
    inputs["source"][:, 4, 0] += 1
    changed = abs(call(layer, inputs) - before).max(axis=(0, 2)) > 1e-6
    # Two steps longer, the source may be seen two steps ahead.
    assert changed.tolist() == [False, False, True, True, True]


def test_a_missing_source_adds_nothing():
    layer = make(bias_initializer="normal")
    before = call(layer, TWO)
    for part in layer.parts:
        part["value"].kernel.assign(np.zeros((4, 4)))
        part["value"].bias.assign(np.full(4, 7.0))
    after = call(layer, TWO)
    np.testing.assert_array_equal(before[2], after[2])
    assert abs(before[0] - after[0]).max() > 1e-3


def test_dropout_on_the_attention_weights():
    """Both ways of attending agree while nothing is dropped, and the rate drops something."""
    plain, dropping = make(), make(attention_dropout=1e-9, seed=0)
    call(plain, TWO)
    dropping.build(TWO["query"].shape)
    dropping.set_weights(plain.get_weights())
    expected = call(plain, TWO)
    np.testing.assert_allclose(call(dropping, TWO, training=True), expected, atol=1e-5)
    dropping = make(attention_dropout=0.5, seed=0)
    dropping.build(TWO["query"].shape)
    dropping.set_weights(plain.get_weights())
    assert abs(call(dropping, TWO, training=True)[0] - expected[0]).max() > 1e-3


def test_replaces_a_concatenation():
    """Two modalities in a model of the user's own."""
    image, sound = keras.Input((None, 4), name="image"), keras.Input((None, 4), name="sound")
    seen = keras.layers.GlobalAveragePooling1D()(make()(image, sound))
    model = keras.Model([image, sound], keras.layers.Dense(1)(seen))
    inputs = {"image": sequence(5, 4), "sound": sequence(3, 4)}
    check_drop_in(model, inputs, np.ones((3, 1), "float32"))


@pytest.mark.parametrize(
    ("options", "dim", "message"),
    [({"num_heads": 3}, 4, r"3 heads .* \(3, 5, 4\)"), ({}, 6, r"one width; .* \(3, 7, 6\)")],
)
def test_names_widths_that_do_not_fit(options, dim, message):
    with pytest.raises(ValueError, match=message):
        make(**options)(TWO["query"], sequence(7, dim))


def test_valid_convolution_contract():
    make = lambda **kwargs: MaskedValidConvolution1D(4, 3, **kwargs)  # noqa: E731
    inputs = {"sequence": sequence(6, 2), "mask": mask(6, [6, 2, 0])}
    run_layer_test(make, inputs, 1, masked={"sequence": "mask"})


def test_valid_convolution_of_each_row_by_itself():
    layer, x = MaskedValidConvolution1D(4, 3), sequence(6, 2)
    real = mask(6, [6, 4, 2])
    output = call(layer, {"sequence": x, "mask": real})
    windows = keras.ops.convert_to_numpy(layer.windows(real))
    assert windows.sum(axis=1).tolist() == [4, 2, 1]
    assert (output[~windows] == 0).all()
    whole = keras.ops.convert_to_numpy(layer.convolution(x))
    np.testing.assert_allclose(output[0, :4], whole[0], atol=1e-6)
    np.testing.assert_allclose(output[1, :2], whole[1, :2], atol=1e-6)
    short = np.concatenate([x[2:, :2], np.zeros((1, 1, 2), "float32")], axis=1)
    expected = keras.ops.convert_to_numpy(layer.convolution(short))
    np.testing.assert_allclose(output[2, :1], expected[0], atol=1e-6)
