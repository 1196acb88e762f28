import numpy as np
import pytest
from layer_test import call, run_layer_test

from keras_mer.layers import (
    CascadedCrossModalEncoder,
    CrossModalAttention,
    CrossModalBlock,
    MaskedConvolution1D,
    ParallelExtractor,
)

RNG = np.random.default_rng(0)


def sequence(time, dim):
    return RNG.normal(size=(3, time, dim)).astype("float32")


def mask(time, lengths):
    return np.arange(time) < np.array(lengths)[:, None]


ONE = {"sequence": sequence(6, 5), "mask": mask(6, [6, 2, 0])}
TWO = {
    "query": sequence(5, 4),
    "source": sequence(7, 3),
    "query_mask": mask(5, [5, 1, 3]),
    "source_mask": mask(7, [2, 7, 0]),
}
TWO_MASKED = {"query": "query_mask", "source": "source_mask"}
MANY = {
    "inputs": {"text": sequence(5, 4), "audio": sequence(8, 4), "video": sequence(3, 4)},
    "masks": {
        "text": mask(5, [5, 2, 1]),
        "audio": mask(8, [0, 8, 3]),
        "video": mask(3, [3, 0, 0]),
    },
}


@pytest.mark.parametrize("layer_class", [MaskedConvolution1D, ParallelExtractor])
def test_one_modality_contract(layer_class):
    make = lambda **kwargs: layer_class(4, **kwargs)  # noqa: E731
    weights = 4 if layer_class is MaskedConvolution1D else 8
    run_layer_test(make, ONE, weights, masked={"sequence": "mask"}, output_mask="mask")


@pytest.mark.parametrize(
    ("layer_class", "weights"), [(CrossModalAttention, 10), (CrossModalBlock, 16)]
)
def test_two_modalities_contract(layer_class, weights):
    make = lambda **kwargs: layer_class(num_heads=2, **kwargs)  # noqa: E731
    run_layer_test(make, TWO, weights, masked=TWO_MASKED, output_mask="query_mask")


@pytest.mark.parametrize("cascade", [True, False])
def test_encoder_contract(cascade):
    make = lambda **kwargs: CascadedCrossModalEncoder(2, cascade=cascade, **kwargs)  # noqa: E731
    weights = 3 * (6 + 16 * (2 if cascade else 1))
    run_layer_test(make, MANY, weights, masked={"inputs": "masks"})


@pytest.mark.parametrize("layer", [MaskedConvolution1D(4), ParallelExtractor(4)])
def test_padding_changes_nothing(layer):
    padded = {
        "sequence": np.pad(ONE["sequence"], ((0, 0), (0, 4), (0, 0)), constant_values=np.nan),
        "mask": np.pad(ONE["mask"], ((0, 0), (0, 4))),
    }
    real = ONE["mask"]
    np.testing.assert_allclose(call(layer, padded)[:, :6][real], call(layer, ONE)[real], atol=1e-6)


def test_attention_to_a_missing_source_keeps_the_query():
    layer = CrossModalAttention(num_heads=2, bias_initializer="normal")
    output = call(layer, TWO)
    query = TWO["query"][2]
    centred = query - query.mean(axis=-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(output[2, :3], expected[:3], atol=1e-5)


def test_a_look_initialized_with_zeros_begins_without_what_it_sees():
    layer = CrossModalAttention(num_heads=2, look_initializer="zeros")
    other = {**TWO, "source": sequence(7, 3)}
    np.testing.assert_array_equal(call(layer, TWO), call(layer, other))
    encoder = CascadedCrossModalEncoder(num_heads=2, look_initializer="zeros")
    begun = call(encoder, MANY)["text"]
    inputs = {**MANY["inputs"], "audio": sequence(8, 4), "video": sequence(3, 4)}
    np.testing.assert_array_equal(call(encoder, {**MANY, "inputs": inputs})["text"], begun)


def test_attention_sees_only_the_real_steps():
    layer = CrossModalAttention(num_heads=2)
    short = {"query": TWO["query"][:1], "source": TWO["source"][:1, :2]}
    long = {**{k: v[:1] for k, v in TWO.items()}}
    del long["query_mask"]
    np.testing.assert_allclose(call(layer, short), call(layer, long), atol=1e-6)


def test_attention_names_a_width_that_its_heads_do_not_divide():
    with pytest.raises(ValueError, match=r"3 heads .* \(3, 5, 4\)"):
        CrossModalAttention(num_heads=3)(TWO["query"], TWO["source"])


@pytest.mark.parametrize("cascade", [True, False])
def test_encoder_ignores_what_a_missing_modality_holds_and_the_order(cascade):
    layer = CascadedCrossModalEncoder(2, cascade=cascade)
    output = call(layer, MANY)
    turned = {k: dict(reversed(list(v.items()))) for k, v in MANY.items()}
    for m, x in call(layer, turned).items():
        np.testing.assert_array_equal(x, output[m])
    assert (output["audio"][0] == 0).all()


@pytest.mark.parametrize(
    ("ablation", "fewer"), [("recurrent", 18), ("convolution", 36), ("cascade", 48)]
)
def test_every_ablation_removes_its_weights(ablation, fewer):
    whole, part = CascadedCrossModalEncoder(2), CascadedCrossModalEncoder(2, **{ablation: False})
    call(whole, MANY)
    call(part, MANY)
    assert len(whole.weights) - len(part.weights) == fewer


def test_encoder_names_modalities_of_different_widths():
    with pytest.raises(ValueError, match=r"text \(3, 5, 4\), audio \(3, 5, 6\)"):
        CascadedCrossModalEncoder(2)({"text": sequence(5, 4), "audio": sequence(5, 6)})
