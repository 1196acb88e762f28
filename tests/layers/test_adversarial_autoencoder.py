import keras
import numpy as np
import pytest
from keras import ops
from layer_test import call, check_drop_in, run_layer_test, to_numpy

from keras_mer.layers import AdversarialAutoencoder

RNG = np.random.default_rng(0)
SEQUENCE = RNG.normal(size=(6, 5, 4)).astype("float32")
MASK = np.arange(5) < np.array([5, 3, 1, 0, 4, 2])[:, None]
INPUTS = {"sequence": SEQUENCE, "mask": MASK}
SMALL = {"latent_dim": 4, "hidden_units": 8, "discriminator_units": (8,), "seed": 0}


def small(**arguments):
    return AdversarialAutoencoder(**{**SMALL, **arguments})


def trained(layer, steps, rate=0.05):
    """Trains the layer by its own losses alone; returns their means of up to ten steps each."""
    x, mask = keras.Input((5, 4), name="sequence"), keras.Input((5,), dtype="bool", name="mask")
    model = keras.Model([x, mask], layer(x, mask=mask))
    model.compile(keras.optimizers.SGD(rate), lambda y, code: 0.0 * ops.sum(code, axis=-1))
    batches = min(steps, 10)
    arrays = [np.tile(SEQUENCE, (8 * batches, 1, 1)), np.tile(MASK, (8 * batches, 1))]
    options = {"batch_size": 48, "shuffle": False, "verbose": 0}
    fit = model.fit(arrays, np.zeros(48 * batches), epochs=steps // batches, **options)
    return fit.history["loss"]


def values(layer):
    """The weights by the part of the layer they belong to."""
    parts = {
        "encoder": [*layer.encoder, layer.norm],
        "decoder": layer.decoder,
        "discriminator": layer.discriminator,
    }
    return {k: [to_numpy(w) for part in v for w in part.weights] for k, v in parts.items()}


def moved(layer, **arguments):
    before = values(layer)
    trained(layer, 1, **arguments)
    after = values(layer)
    return {
        k for k in before if any((a != b).any() for a, b in zip(before[k], after[k], strict=True))
    }


@pytest.mark.parametrize("generator", ["reversal", "non_saturating", "alternating"])
def test_contract(generator):
    run_layer_test(
        lambda **kwargs: small(generator=generator, **kwargs),
        INPUTS,
        14,
        masked={"sequence": "mask"},
    )


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ((1.0, 0.0, 0.0), {"encoder", "decoder"}),
        ((0.0, 1.0, 0.0), {"discriminator"}),
        ((0.0, 1.0, 0.5), {"encoder", "discriminator"}),
        ((1.0, 1.0, 0.5), {"encoder", "decoder", "discriminator"}),
    ],
)
@pytest.mark.parametrize("generator", ["reversal", "non_saturating"])
def test_every_loss_moves_the_weights_it_should_and_no_others(weights, parts, generator):
    names = ("reconstruction_weight", "discriminator_weight", "generator_weight")
    layer = small(generator=generator, **dict(zip(names, weights, strict=True)))
    layer.build(SEQUENCE.shape)
    assert moved(layer) == parts


def test_discriminator_and_encoder_take_turns_when_alternating():
    layer = small(generator="alternating", reconstruction_weight=0.0)
    layer.build(SEQUENCE.shape)
    turns = [moved(layer) for _ in range(3)]
    assert turns == [{"discriminator"}, {"encoder"}, {"discriminator"}]


def test_the_discriminator_learns_against_the_encoder():
    """Alone it tells codes from the Gaussian; the encoder, answering, makes that harder."""
    losses = {}
    for weight in (0.0, 1.0):
        keras.utils.set_random_seed(0)
        layer = small(reconstruction_weight=0.0, generator_weight=weight)
        losses[weight] = np.array(trained(layer, 150, rate=0.3))
    at_chance = 2 * np.log(2)
    assert losses[0.0][-2:].mean() < at_chance - 0.3
    assert losses[1.0][-2:].mean() > losses[0.0][-2:].mean() + 0.1


@pytest.mark.parametrize("generator", ["reversal", "non_saturating"])
def test_the_encoder_moves_to_where_the_discriminator_is_fooled(generator):
    layer = small(reconstruction_weight=0.0, generator=generator, generator_weight=1.0)
    layer.build(SEQUENCE.shape)
    judge = small()
    judge.build(SEQUENCE.shape)
    for mine, theirs in zip(judge.discriminator, layer.discriminator, strict=True):
        mine.set_weights([to_numpy(w) for w in theirs.weights])
    before = to_numpy(judge.discriminate(layer(SEQUENCE, mask=MASK))).mean()
    trained(layer, 1)
    assert to_numpy(judge.discriminate(layer(SEQUENCE, mask=MASK))).mean() > before


def test_reconstruction_learns():
    layer = small(reconstruction_weight=1.0, discriminator_weight=0.0, generator_weight=0.0)
    losses = trained(layer, 150, rate=0.3)
    assert losses[-1] < losses[0] / 2


def test_losses_count_the_clips_that_are_there():
    layer = small(discriminator_weight=0.0, generator_weight=0.0)
    call(layer, INPUTS, training=True)
    (loss,) = (float(to_numpy(loss)) for loss in layer.losses)
    decoded = to_numpy(layer.decode(layer.encode(ops.convert_to_tensor(SEQUENCE))))
    error = ((decoded - SEQUENCE) ** 2).mean(axis=-1)
    rows = [error[i][MASK[i]].mean() for i in range(6) if MASK[i].any()]
    assert loss == pytest.approx(0.1 * np.mean(rows), rel=1e-4)
    assert (call(layer, INPUTS)[3] == 0).all()


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_losses_are_finite_with_nothing_there_and_in_half_precision(dtype):
    layer = small(dtype=dtype)
    call(layer, {"sequence": SEQUENCE, "mask": np.zeros_like(MASK)}, training=True)
    assert [float(to_numpy(loss)) for loss in layer.losses] == [0.0, 0.0]
    call(layer, INPUTS, training=True)
    assert np.isfinite([float(to_numpy(loss)) for loss in layer.losses]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generator": "least_squares"}, "received 'least_squares'"),
        ({"generator_weight": -1.0}, "0 or more; .*generator_weight=-1.0"),
        ({"discriminator_weight": 0.0}, "does not learn; received generator_weight=0.05"),
    ],
)
def test_names_what_cannot_be_trained(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_says_that_it_has_no_decoder():
    layer = small(reconstruction_weight=0.0)
    layer.build(SEQUENCE.shape)
    with pytest.raises(ValueError, match="reconstruction_weight=0"):
        layer.decode(np.ones((2, 4), "float32"))


def test_replaces_an_average():
    x, mask = keras.Input((None, 4), name="x"), keras.Input((None,), dtype="bool", name="mask")
    model = keras.Model([x, mask], keras.layers.Dense(1)(small()(x, mask=mask)))
    check_drop_in(model, {"x": SEQUENCE, "mask": MASK}, np.ones((6, 1), "float32"))
