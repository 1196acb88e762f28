import itertools

import keras
import numpy as np
import pytest
from layer_test import set_weights, to_numpy
from model_inputs import lengthen, spoil

from keras_mer.models import DeepMSIMER

RNG = np.random.default_rng(0)
SAMPLES, CLASSES = 12, 3
LABELS = np.arange(SAMPLES) % CLASSES
FRAMES = {"text": 5, "audio": 4, "video": (24, 24, 3)}
"""Raw frames; the trunk then has grids of 6 x 6, 4 x 4 and 2 x 2 tokens."""
VECTORS = {"text": 5, "audio": 4, "video": 6}
"""Features of frames instead, which leaves trunk and guide out."""
SMALL = {
    "embed_dim": 4,
    "depths": [2, 1],
    "num_heads": [2, 2],
    "window_size": 3,
    "mlp_ratio": 1.0,
    "keep": [16],
    "drop_path": 0.0,
    "guide_units": [5],
    "filters": [6],
    "projection_units": 6,
    "hidden_units": [8],
    "dropout": 0.0,
    "projection_dropout": 0.0,
}


def model(features=FRAMES, **options):
    keras.utils.set_random_seed(0)
    return DeepMSIMER(features, CLASSES, **{**SMALL, **options})


def inputs(features=FRAMES, samples=SAMPLES, seed=0):
    """Noise around a pattern for each label; rows of different lengths, the last audio missing."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for m, steps in (("text", 1), ("audio", 3), ("video", 2)):
        shape = np.atleast_1d(features[m])
        patterns = rng.normal(size=(CLASSES, 1, *shape))
        noise = rng.normal(size=(samples, steps, *shape))
        labels = np.arange(samples) % CLASSES
        arrays[m] = (patterns[labels] + 0.3 * noise).astype("float32")
        lengths = np.arange(samples) % steps + 1
        arrays[f"{m}_mask"] = np.arange(steps) < lengths[:, None]
    arrays["audio_mask"][-1] = False
    return arrays


def weights_of(made):
    return {w.path: to_numpy(w).copy() for w in made.trainable_weights}


def moved(before, after):
    """The names of the layers whose weights moved."""
    return {path.split("/")[0] for path, w in before.items() if abs(w - after[path]).max() > 1e-7}


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(scope="module")
def trained():
    """A model of raw frames before and after a fit, with its history; compiled once for all."""
    made = model(weight_by_score=True)
    set_weights(made)
    before = weights_of(made)
    made.compile(keras.optimizers.Adam(0.01), cross_entropy(), metrics=["accuracy"])
    counts = count_training_calls(made)
    options = {"batch_size": SAMPLES, "shuffle": False, "verbose": 0}
    given = {name: x[:SAMPLES] for name, x in inputs(samples=2 * SAMPLES).items()}
    history = made.fit(given, LABELS, epochs=40, **options).history
    return made, before, history, counts


def count_training_calls(made):
    """How often the model was called for training, and how often its graph ran for that."""
    counts = {"calls": 0, "runs": 0}
    call, run = made.call, made._sides._model

    def counted_call(given, training=None, **options):
        counts["calls"] += bool(training)
        return call(given, training=training, **options)

    def counted_run(given, training=None):
        counts["runs"] += bool(training)
        return run(given, training=training)

    made.call, made._sides._model = counted_call, counted_run
    return counts


def test_first_losses_are_the_same_on_every_backend(trained):
    _, _, history, _ = trained
    np.testing.assert_allclose(history["loss"][:3], [1.634268, 1.406254, 1.271155], atol=1e-4)


def test_learns_a_small_task(trained):
    made, _, history, _ = trained
    assert history["accuracy"][-1] == 1.0
    held_out = {name: x[SAMPLES:] for name, x in inputs(samples=2 * SAMPLES).items()}
    assert (made.predict(held_out, verbose=0).argmax(axis=1) == LABELS).mean() >= 0.9


def test_training_moves_every_weight_and_runs_the_graph_once_a_call(trained):
    made, before, _, counts = trained
    after = weights_of(made)
    assert [path for path, w in before.items() if abs(w - after[path]).max() < 1e-7] == []
    assert counts["runs"] == counts["calls"] > 0


def test_every_pattern_of_missing_modalities_gives_a_prediction(trained):
    made = trained[0]
    given = inputs(samples=8)
    patterns = np.array(list(itertools.product([False, True], repeat=3)))
    for pattern, m in zip(patterns.T, FRAMES, strict=True):
        given[f"{m}_mask"] &= pattern[:, None]
    spoiled = spoil(given)
    predictions = made.predict(given, verbose=0)
    assert np.isfinite(predictions).all()
    np.testing.assert_allclose(made.predict(spoiled, verbose=0), predictions, atol=1e-5)
    assert len(np.unique(predictions[1:].round(4), axis=0)) == 7


def test_padding_and_batch_do_not_change_a_prediction(trained):
    made = trained[0]
    given = inputs()
    longer = lengthen(given, 1)
    expected = made.predict(given, verbose=0)
    np.testing.assert_allclose(made.predict(longer, verbose=0), expected, atol=1e-5)
    part = made.predict({name: x[:8] for name, x in given.items()}, verbose=0)
    np.testing.assert_allclose(part, expected[:8], atol=1e-5)


def test_saves_and_loads(trained, tmp_path):
    made = trained[0]
    given = {name: x[:2] for name, x in inputs().items()}
    expected = made.predict(given, verbose=0)
    made.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == made.get_config()
    np.testing.assert_allclose(again.predict(given, verbose=0), expected, atol=1e-5)
    made.save_weights(tmp_path / "model.weights.h5")
    fresh = DeepMSIMER.from_config(made.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    for mine, theirs in zip(made.weights, fresh.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))


def step(features=VECTORS, given=None, labels=LABELS, loss_weight=1.0, **options):
    """One step of gradient descent: the loss, the weights before and after."""
    made = model(features, **options)
    set_weights(made)
    before = weights_of(made)
    loss = (
        keras.losses.CategoricalCrossentropy(from_logits=True)
        if np.ndim(labels) == 2
        else cross_entropy()
    )
    made.compile(keras.optimizers.SGD(0.1), loss, loss_weights=[loss_weight])
    given = inputs(features) if given is None else given
    history = made.fit(given, labels, batch_size=SAMPLES, verbose=0).history
    return history["loss"][0], before, weights_of(made)


TRUNK = {"temporal_convolution", "projection_text", "projection_audio", "projection_video"}
HEAD = {"classifier", "prediction"}


def test_each_objective_moves_the_weights_it_should():
    contrastive, before, after = step(loss_weight=0.0)
    assert moved(before, after) == TRUNK
    task, before, after = step(contrastive_weight=0.0)
    assert moved(before, after) == TRUNK | HEAD
    both, before, after = step()
    assert moved(before, after) == TRUNK | HEAD
    np.testing.assert_allclose(both, contrastive + task, atol=1e-5)
    one_hot, *_ = step(labels=np.eye(CLASSES, dtype="float32")[LABELS])
    np.testing.assert_allclose(one_hot, both, atol=1e-5)


def test_masked_steps_have_no_influence_on_training():
    given = inputs(VECTORS)
    given["text_mask"][0] = False
    spoiled = spoil(given)
    (loss, _, clean), (other, _, dirty) = (step(given=g) for g in (given, spoiled))
    np.testing.assert_allclose(loss, other, atol=1e-6)
    for mine, theirs in zip(clean.values(), dirty.values(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_a_batch_of_one_sample_of_one_step_trains():
    given = {name: x[:1, :1] for name, x in inputs(VECTORS).items()}
    loss, _, after = step(given=given, labels=LABELS[:1])
    assert np.isfinite(loss)
    assert all(np.isfinite(w).all() for w in after.values())


def test_evaluates_the_loss_that_it_trains():
    made = model(VECTORS)
    made.compile("sgd", cross_entropy())
    given = inputs(VECTORS)
    loss = made.evaluate(given, LABELS, batch_size=SAMPLES, verbose=0)
    task = to_numpy(cross_entropy()(LABELS, made.predict(given, verbose=0)))
    assert loss > task + 1e-3
    # Away from a step it runs the model for what it needs.
    tensors = {name: keras.ops.convert_to_tensor(x) for name, x in given.items()}
    y_pred = made(keras.tree.map_structure(keras.ops.copy, tensors))
    made(tensors)
    again = made.compute_loss(tensors, keras.ops.convert_to_tensor(LABELS), y_pred, training=False)
    np.testing.assert_allclose(to_numpy(again), loss, atol=1e-5)
    with pytest.raises(ValueError, match="needs the inputs of the model, x"):
        made.compute_loss(y=keras.ops.convert_to_tensor(LABELS), y_pred=y_pred)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_predicts_in_float32(policy):
    made = model(dtype=policy)
    given = {name: x[:2] for name, x in inputs().items()}
    assert made.output.dtype == "float32"
    assert np.isfinite(made.predict(given, verbose=0)).all()


def test_a_new_head_keeps_the_trunk():
    made = model(VECTORS)
    other = made.new_head(5, "softmax")
    assert other.output_shape == (None, 5)
    same = [
        np.array_equal(to_numpy(a), to_numpy(b))
        for a, b in zip(made.weights, other.weights, strict=False)
        if a.shape == b.shape
    ]
    assert all(same)
    assert len(same) == len(made.weights) - 2


@pytest.mark.parametrize("left_out", ["text", "audio", "video"])
def test_a_modality_may_be_left_out(left_out):
    features = {m: width for m, width in VECTORS.items() if m != left_out}
    made = model(features)
    given = {name: x for name, x in inputs(VECTORS).items() if not name.startswith(left_out)}
    made.compile("sgd", cross_entropy())
    assert np.isfinite(made.evaluate(given, LABELS, verbose=0))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"text": 5}, "2 or more modalities; received 1: text"),
        ({"text": (8, 8, 3), "video": 6}, r"received \(8, 8, 3\) for text"),
        ({"text": 5, "video": (8, 8)}, r"shape \(height, width, channels\) of video; received"),
        ({"text": 5, "video": 0}, "received 0 for video"),
    ],
)
def test_refuses_features_by_name(features, message):
    with pytest.raises(ValueError, match=message):
        model(features)


def count(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


@pytest.mark.once
def test_parameters_are_those_of_the_paper():
    """The released code holds 57,829,626: it builds weights in each block that it never uses."""
    made = DeepMSIMER()
    parts = {layer.name: count(layer.trainable_weights) for layer in made.layers if layer.weights}
    assert parts.pop("classifier") + parts.pop("prediction") == 560_518
    assert parts == {
        "guide": 1_116_032,
        "frame_encoder": 27_587_562,
        "temporal_convolution": 18_887_680,
        "projection_video": 328_704,
        "projection_text": 328_704,
        "projection_audio": 263_168,
    }
    assert count(made.trainable_weights) == 49_072_368
    unused = 0
    for stage in made.get_layer("frame_encoder").stages:
        for block in stage.blocks:
            dim = block.attention.output_map.units
            # A second attention; in both, biases of query and value beside that of qkv;
            # and a norm for the selection where nothing is selected.
            unused += count(block.attention.weights) + 2 * 2 * dim
            unused += 0 if hasattr(block, "compression_norm") else 2 * dim
    assert 27_587_562 + unused == 36_344_820
    assert count(made.trainable_weights) + unused == 57_829_626
