"""What a user who trains a published model further relies on, of every model alike."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_test import to_numpy
from model_inputs import random_clips

from keras_mer import zoo
from keras_mer.models import (
    CMMSF,
    EFLSTM,
    LMF,
    MCIHN,
    MSRG,
    TFN,
    DeepMSIMER,
    DialogueModel,
    EarlyFusionNetwork,
    FoalNet,
    LateFusionNetwork,
    MulT,
)

FEATURES = {"text": 6, "audio": 4, "video": 3}
TWO = {"audio": 4, "video": 6}
CODES = {"latent_dim": 4, "hidden_units": 4, "num_heads": 2, "discriminator_units": [4]}
PROJECTED = {"projection_units": 4, "hidden_units": [4], "filters": [4]}
LABELS = np.arange(8) % 3
MAKERS = {
    "CMMSF": lambda: CMMSF(FEATURES, units=4, num_heads=2, outputs=3, activation="softmax"),
    "MSRG": lambda: MSRG(
        FEATURES, 4, encoder_units=4, units=4, norm="batch", outputs=3, activation="softmax"
    ),
    "DeepMSIMER": lambda: DeepMSIMER(FEATURES, 3, "softmax", **PROJECTED),
    "FoalNet": lambda: FoalNet(
        TWO, num_heads=2, projection_units=4, outputs=3, activation="softmax"
    ),
    "FoalNet, matching alone": lambda: FoalNet(
        TWO,
        num_heads=2,
        projection_units=4,
        alignment_weight=0.0,
        outputs=3,
        activation="softmax",
    ),
    "MCIHN": lambda: MCIHN(
        FEATURES, **CODES, generator="alternating", outputs=3, activation="softmax"
    ),
    "DialogueModel": lambda: DialogueModel(
        FEATURES,
        "MCIHN",
        {**CODES, "fusion_units": 4},
        units=4,
        context_units=2,
        outputs=3,
        activation="softmax",
    ),
    "TFN": lambda: TFN(
        FEATURES, hidden_units=4, text_units=3, fusion_units=4, outputs=3, activation="softmax"
    ),
    "LMF": lambda: LMF(FEATURES, hidden_units=4, rank=2, outputs=3, activation="softmax"),
    "EFLSTM": lambda: EFLSTM(
        FEATURES, units=4, num_layers=1, steps=4, outputs=3, activation="softmax"
    ),
    "MulT": lambda: MulT(
        FEATURES,
        units=4,
        num_heads=2,
        num_layers=1,
        memory_layers=1,
        kernel_size=2,
        outputs=3,
        activation="softmax",
    ),
    "EarlyFusionNetwork": lambda: EarlyFusionNetwork(
        FEATURES, hidden_units=[4], outputs=3, activation="softmax"
    ),
    "LateFusionNetwork": lambda: LateFusionNetwork(
        FEATURES, hidden_units=4, outputs=3, activation="softmax"
    ),
}
# What is frozen, and which losses are added, are for Keras to say, the same on every backend:
# all of them meet models with statistics, with objectives of their own and with dialogues.
EVERYWHERE = ("CMMSF", "MSRG", "FoalNet", "MCIHN", "DialogueModel")
each_model = pytest.mark.parametrize(
    "name",
    [pytest.param(m, marks=[] if m in EVERYWHERE else pytest.mark.once) for m in MAKERS],
)


def data(model):
    """Eight rows, all steps of whose modalities are there, and their labels."""
    widths = model.config["features"]
    inputs = random_clips(np.random.default_rng(0), 8, widths, dict.fromkeys(widths, 4))
    for modality in widths:
        inputs[f"{modality}_mask"][:] = True
    labels = np.repeat(LABELS[:, None], 4, axis=1)[..., None] if model.reads_dialogues else LABELS
    return inputs, labels


def compiled(name):
    keras.utils.set_random_seed(0)
    model = MAKERS[name]()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


def moved(model):
    """The weights that a step of `fit` changes, by path; statistics are among them."""
    inputs, labels = data(model)
    before = {w.path: to_numpy(w).copy() for w in model.weights}
    model.fit(inputs, labels, verbose=0)
    return {path for w in model.weights if (before[path := w.path] != to_numpy(w)).any()}


@each_model
def test_a_frozen_trunk_keeps_everything_and_learns_again_when_it_is_let(name):
    model = compiled(name)
    head = {w.path for w in model.output_layer.trainable_weights}
    trainable = {w.path for w in model.trainable_weights}
    model.freeze_trunk()
    assert {w.path for w in model.trainable_weights} == head
    assert moved(model) <= head
    assert moved(model) & head
    model.unfreeze_trunk(rate=0.5)
    assert {w.path for w in model.trainable_weights} == trainable
    assert to_numpy(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert moved(model) - head


@each_model
def test_the_loss_of_a_frozen_trunk_is_that_of_compile_alone(name):
    model = compiled(name)
    model.freeze_trunk()
    inputs, labels = data(model)
    tensors = {k: ops.convert_to_tensor(x) for k, x in inputs.items()}
    prediction = model(tensors, training=True)
    labels = ops.convert_to_tensor(labels)
    loss = to_numpy(model.compute_loss(tensors, labels, prediction, training=True))
    plain = to_numpy(keras.losses.SparseCategoricalCrossentropy()(labels, prediction))
    if name == "LateFusionNetwork":  # whose heads learn each by itself
        assert loss > plain
    else:
        assert loss == pytest.approx(plain, rel=1e-5)


@pytest.mark.once
@pytest.mark.parametrize("name", MAKERS)
def test_a_new_head_keeps_the_trunk_and_the_names_of_its_labels(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = MAKERS[name]()
    other = model.new_head(["calm", "angry"], "softmax")
    head = {id(w) for w in model.output_layer.weights}
    for mine, theirs in zip(model.weights, other.weights, strict=True):
        if id(mine) not in head:
            np.testing.assert_array_equal(to_numpy(theirs), to_numpy(mine))
    inputs, _ = data(model)
    assert other.predict(inputs, verbose=0).shape[-1] == 2
    zoo.save_entry(other, tmp_path / "mine")
    metadata = zoo.metadata(tmp_path / "mine")
    assert (metadata["label_names"], metadata["task"]) == (["calm", "angry"], "classification")


@pytest.mark.parametrize("name", ["MCIHN", "FoalNet, matching alone", "DialogueModel"])
def test_a_frozen_model_is_frozen_when_it_is_loaded_and_goes_on(name, tmp_path):
    model = compiled(name)
    trainable = [w.trainable for w in model.weights]
    model.freeze_trunk()
    moved(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inputs, _ = data(model)
    np.testing.assert_allclose(
        again.predict(inputs, verbose=0), model.predict(inputs, verbose=0), atol=1e-6
    )
    assert again.trunk_frozen
    assert moved(again) <= {w.path for w in again.output_layer.weights}
    again.unfreeze_trunk()
    assert [w.trainable for w in again.weights] == trainable
    zoo.save_entry(model, tmp_path / "entry")
    assert not zoo.load(tmp_path / "entry").trunk_frozen


def test_compiling_anew_keeps_loss_metrics_and_settings_of_the_optimizer():
    model = MAKERS["CMMSF"]()
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model.compile(
        keras.optimizers.AdamW(decay, weight_decay=0.02, global_clipnorm=1.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    inputs, labels = data(model)
    model.freeze_trunk()
    model.fit(inputs, labels, verbose=0)
    model.unfreeze_trunk(rate=0.1)
    assert int(model.optimizer.iterations) == 0
    assert to_numpy(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert (model.optimizer.weight_decay, model.optimizer.global_clipnorm) == (0.02, 1.0)
    history = model.fit(inputs, labels, epochs=10, verbose=0).history
    assert {"loss", "accuracy"} <= set(history)
    assert to_numpy(model.optimizer.learning_rate) == pytest.approx(0.005)


def test_an_optimizer_that_scales_the_loss_is_made_again_too():
    model = CMMSF(FEATURES, units=4, num_heads=2)
    inner = keras.optimizers.Adam(0.2)
    model.compile(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0), "mae")
    model.freeze_trunk()
    model.unfreeze_trunk(rate=0.25)
    assert to_numpy(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert model.optimizer.initial_scale == 8.0


def test_what_was_not_to_learn_before_does_not_after():
    model = MAKERS["CMMSF"]()
    model.get_layer("extractor_text").trainable = False
    model.freeze_trunk()
    model.freeze_trunk()
    model.unfreeze_trunk()
    assert not model.get_layer("extractor_text").trainable_weights
    assert model.get_layer("extractor_audio").trainable_weights


@pytest.mark.parametrize("rate", [0, -1.0])
def test_a_rate_that_does_not_learn_is_refused(rate):
    with pytest.raises(ValueError, match="a rate above 0; received"):
        MAKERS["CMMSF"]().unfreeze_trunk(rate)


@pytest.mark.parametrize("units", [0, True, 2.5, "joy", [], ["joy", "joy"], ["joy", 3]])
def test_a_head_that_is_none_is_refused(units):
    with pytest.raises(ValueError, match=r"units of a new head is 1 or more, .* received"):
        MAKERS["CMMSF"]().new_head(units)
