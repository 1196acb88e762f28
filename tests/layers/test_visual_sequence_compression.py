import keras
import numpy as np
import pytest
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import VisualSequenceCompression

RNG = np.random.default_rng(0)
TOKENS = RNG.normal(size=(2, 12, 5)).astype("float32")
GUIDE = RNG.normal(size=(2, 5)).astype("float32")
INPUTS = {"tokens": TOKENS, "guide": GUIDE}


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_contract():
    make = lambda **kwargs: VisualSequenceCompression(  # noqa: E731
        4, threshold=0.1, weight_by_score=True, **kwargs
    )
    run_layer_test(make, INPUTS, weights=0)


def test_equations():
    """Token by token, as the paper's algorithm goes."""
    layer = VisualSequenceCompression(4, threshold=0.1, return_selection=True)
    output, selection = call(layer, INPUTS)
    for z, g, found, order in zip(TOKENS, GUIDE, output, selection["index"], strict=True):
        closeness = unit(z) @ unit(z.mean(axis=0) + g)
        assert list(order) == list(np.argsort(-closeness)[:4])
        kept, rest = z[order], np.delete(z, order, axis=0)
        cosines = unit(rest) @ unit(kept).T
        shares = np.exp(cosines) / np.exp(cosines).sum(axis=1, keepdims=True)
        expected = kept.copy()
        for j in range(4):
            near = [i for i in range(len(rest)) if cosines[i, j] > 0.1]
            if near:
                expected[j] = 0.9 * kept[j] + 0.1 * sum(shares[i, j] * rest[i] for i in near)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (selection["merged"] > 0).any()


def test_sorted_tokens_keep_their_order():
    sorted_, plain = (
        call(VisualSequenceCompression(4, sort_indices=on, return_selection=True), INPUTS)
        for on in (True, False)
    )
    index = sorted_[1]["index"]
    assert (np.diff(index) > 0).all()
    order = np.argsort(plain[1]["index"], axis=1)
    np.testing.assert_array_equal(np.take_along_axis(plain[1]["index"], order, 1), index)
    expected = np.take_along_axis(plain[0], order[:, :, None], 1)
    np.testing.assert_allclose(sorted_[0], expected, atol=1e-6)


def test_equal_tokens_and_all_tokens():
    """A black frame has equal tokens: the first are kept, finitely, on every backend."""
    tokens = np.zeros((1, 6, 5), "float32")
    layer = VisualSequenceCompression(2, return_selection=True)
    output, selection = call(layer, {"tokens": tokens, "guide": GUIDE[:1]})
    assert list(selection["index"][0]) == [0, 1]
    assert (output == 0).all()
    everything = call(VisualSequenceCompression(12, sort_indices=True), INPUTS)
    np.testing.assert_allclose(everything, TOKENS, atol=1e-6)


def test_one_token_of_one_and_of_many():
    layer = VisualSequenceCompression(1, threshold=-1.0)
    np.testing.assert_allclose(call(layer, {"tokens": TOKENS[:, :1]}), TOKENS[:, :1], atol=1e-6)
    output = call(layer, INPUTS)
    assert output.shape == (2, 1, 5)
    best = call(VisualSequenceCompression(1, compress=False), INPUTS)
    rest = TOKENS.sum(axis=1, keepdims=True) - best
    np.testing.assert_allclose(output, 0.9 * best + 0.1 * rest, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
@pytest.mark.parametrize("weight_by_score", [True, False])
def test_replaces_a_concatenation_and_trains_its_guide_if_weighted(weight_by_score):
    """Patches chosen by a caption, where a model joined them all with it."""
    patches = keras.Input((12, 5), name="patches")
    caption = keras.Input((3,), name="caption")
    asked = keras.layers.Dense(5, name="asked")(caption)
    kept = VisualSequenceCompression(4, weight_by_score=weight_by_score)(patches, asked)
    model = keras.Model([patches, caption], keras.layers.Dense(1)(keras.layers.Flatten()(kept)))
    before = to_numpy(model.get_layer("asked").kernel).copy()
    captions = RNG.normal(size=(2, 3)).astype("float32")
    check_drop_in(model, {"patches": TOKENS, "caption": captions}, np.ones((2, 1), "float32"))
    moved = abs(to_numpy(model.get_layer("asked").kernel) - before).max()
    assert (moved > 1e-5) == weight_by_score


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VisualSequenceCompression(0), "received 0"),
        (lambda: VisualSequenceCompression(2, merge="mean"), "received 'mean'"),
        (lambda: VisualSequenceCompression(13)(TOKENS), "cannot keep 13 tokens of 12"),
        (lambda: VisualSequenceCompression(3)(TOKENS, GUIDE[:, :2]), "received 2 beside 5"),
    ],
)
def test_refuses_what_does_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
