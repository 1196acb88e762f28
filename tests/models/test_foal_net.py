import json
from collections import Counter

import keras
import numpy as np
import pytest
from keras import ops
from layer_test import set_weights, to_numpy
from model_inputs import lengthen, random_clips, spoil

from keras_mer.models import FoalNet

RNG = np.random.default_rng(0)
WIDTHS, TIMES = {"audio": 4, "video": 6}, {"audio": 5, "video": 4}
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
STEADY = {"dropout": 0.0, "projection_dropout": 0.0}


def small(widths=WIDTHS, **arguments):
    return FoalNet(widths, **{"num_heads": 2, "projection_units": 4, "seed": 0, **arguments})


def inputs(rows=6, rng=RNG):
    return random_clips(rng, rows, WIDTHS, TIMES)


def predict(model, arrays):
    return model.predict(arrays, verbose=0)


def nothing(y_true, y_pred):
    """A loss that moves no weight, so that only the objectives do."""
    return 0.0 * ops.sum(y_pred, axis=-1)


def moved(model, arrays, labels):
    """The parts of a model that one step of `fit` moves."""
    before = {w.path: to_numpy(w) for w in model.trainable_weights}
    model.fit(arrays, labels, batch_size=len(labels), verbose=0)
    after = {w.path: to_numpy(w) for w in model.trainable_weights}
    return {path.split("/")[0] for path in before if (before[path] != after[path]).any()}


@pytest.mark.once
def test_default_is_the_papers():
    model = FoalNet()
    assert model.count_params() == 14_321_161
    assert model.output.shape == (None, 4)
    counts = {
        "stack_audio": 7_352_320,
        "stack_video": 5_514_240,
        "projection_audio": 787_456,
        "projection_video": 656_384,
        "matching": 2_050 + 1_538,
        "prediction": 7_172,
        "alignment": 1,
    }
    found = dict.fromkeys(counts, 0)
    for weight in model.trainable_weights:
        found[weight.path.split("/")[0]] += int(np.prod(weight.shape))
    assert found == counts


def test_padding_batch_and_missing_modalities_change_nothing():
    model, arrays = small(), inputs()
    arrays["video_mask"][1], arrays["audio_mask"][2] = False, False
    arrays["audio_mask"][3] = arrays["video_mask"][3] = False
    padded = lengthen(spoil(arrays, np.inf), 3, np.nan)
    prediction = predict(model, arrays)
    assert np.isfinite(prediction).all()
    np.testing.assert_allclose(predict(model, padded), prediction, atol=1e-5)
    alone = [predict(model, {k: x[i : i + 1] for k, x in arrays.items()}) for i in range(2)]
    np.testing.assert_allclose(np.concatenate(alone), prediction[:2], atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "loss", "parts"),
    [
        ((0.0, 0.0), CROSS_ENTROPY, {"stack_audio", "stack_video", "prediction"}),
        ((1.0, 0.0), nothing, {"projection_audio", "projection_video", "alignment"}),
        ((0.0, 1.0), nothing, {"stack_audio", "stack_video", "matching"}),
    ],
)
def test_every_objective_moves_the_weights_it_should_and_no_others(weights, loss, parts):
    model = small(alignment_weight=weights[0], matching_weight=weights[1], **STEADY)
    model.compile(keras.optimizers.SGD(0.1), loss)
    assert moved(model, inputs(), np.array([0, 1, 2, 3, 0, 1])) == parts


def test_first_losses_are_the_same_on_every_backend():
    """With two clips of two labels there is one negative to draw."""
    model = small(**STEADY)
    set_weights(model)
    arrays = inputs(2, np.random.default_rng(1))
    model.compile(keras.optimizers.SGD(0.01), CROSS_ENTROPY)
    losses = model.fit(arrays, np.array([2, 0]), epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, [1.896169, 1.847732, 1.801109], atol=1e-4)


@pytest.mark.traced
def test_alignment_pulls_equal_labels_together():
    rng = np.random.default_rng(2)
    labels, arrays = np.arange(24) % 3, inputs(24, rng)
    for m, width in WIDTHS.items():
        arrays[m] += rng.normal(size=(3, 1, width)).astype("float32")[labels]
    model = small(matching_weight=0.0, **STEADY)
    set_weights(model)
    model.compile(keras.optimizers.Adam(0.02), nothing)
    alike = labels[:, None] == labels

    def closeness():
        """The mean cosine of pairs of one label, and of pairs of two."""
        sequences = {m: ops.convert_to_tensor(arrays[m]) for m in WIDTHS}
        masks = {m: ops.convert_to_tensor(arrays[f"{m}_mask"]) for m in WIDTHS}
        similarity = model.similarity(sequences, masks, ops.ones((24,), "bool"))
        cosines = to_numpy(similarity) * to_numpy(model.alignment.tau.value)
        return cosines[alike].mean(), cosines[~alike].mean()

    before = closeness()
    model.fit(arrays, labels, epochs=40, batch_size=24, verbose=0)
    after = closeness()
    assert after[0] > before[0] + 0.2
    assert after[0] > after[1] + 0.6


def told_apart(rows, seed):
    """Whether both modalities go their own fixed way in the same sense: no one of them tells."""
    rng, ways = np.random.default_rng(seed), np.random.default_rng(0)
    arrays, signs = inputs(rows, rng), rng.choice([-1, 1], size=(2, rows))
    for m, sign in zip(WIDTHS, signs, strict=True):
        way = sign[:, None, None] * ways.normal(size=WIDTHS[m])
        arrays[m] = (0.3 * arrays[m] + way).astype("float32")
    return arrays, (signs[0] == signs[1]).astype("int32")


def counted(owner, name, counts):
    """Has a method, or a callable attribute, count its calls."""
    method = getattr(owner, name)

    def counting(*arguments, **options):
        counts[name] += 1
        return method(*arguments, **options)

    setattr(owner, name, counting)


@pytest.mark.traced
def test_learns_a_small_task_that_takes_both_modalities():
    """In compiled steps, with the draw in them; on torch that would take a C++ compiler."""
    model = small(outputs=2, **STEADY)
    set_weights(model)
    compiled = keras.backend.backend() != "torch"
    adam = keras.optimizers.Adam(0.01)
    model.compile(adam, CROSS_ENTROPY, metrics=["accuracy"], jit_compile=compiled)
    state, counts = to_numpy(model.negatives.seed_generator.state.value).copy(), Counter()
    counted(model, "call", counts)
    counted(model, "compute_loss", counts)
    counted(model._sides, "_model", counts)
    model.fit(*told_apart(64, seed=1), epochs=25, batch_size=32, verbose=0)
    assert counts["call"] == counts["compute_loss"] > 0
    assert counts["_model"] == counts["call"], "the objectives ran the graph again"
    assert (to_numpy(model.negatives.seed_generator.state.value) != state).any()
    assert model.evaluate(*told_apart(64, seed=2), verbose=0)[1] >= 0.95


def objectives(model, arrays, labels):
    tensors = {k: ops.convert_to_tensor(x) for k, x in arrays.items()}
    prediction = model(tensors, training=True)
    total = model.compute_loss(tensors, ops.convert_to_tensor(labels), prediction)
    return float(to_numpy(total)) - float(to_numpy(CROSS_ENTROPY(_sparse(labels), prediction)))


def _sparse(labels):
    return labels.argmax(axis=1) if labels.ndim > 1 else labels


def test_labels_may_be_one_hot():
    arrays, labels = inputs(2), np.array([3, 1])
    values = []
    for loss, given in (
        (CROSS_ENTROPY, labels),
        (keras.losses.CategoricalCrossentropy(from_logits=True), np.eye(4)[labels]),
    ):
        keras.utils.set_random_seed(0)
        model = small(**STEADY)
        model.compile("sgd", loss)
        values.append(objectives(model, arrays, given.astype("float32")))
    assert values[0] == pytest.approx(values[1], abs=1e-5)


def test_a_clip_without_a_modality_has_no_part_in_the_objectives():
    arrays, labels = inputs(4), np.array([0, 1, 0, 1])
    arrays["video_mask"][2:] = False
    model = small(**STEADY)
    model.compile("sgd", CROSS_ENTROPY)
    expected = objectives(model, {k: x[:2] for k, x in arrays.items()}, labels[:2])
    assert objectives(model, arrays, labels) == pytest.approx(expected, abs=1e-5)
    for m in WIDTHS:
        arrays[f"{m}_mask"][:] = False
    assert objectives(model, arrays, labels) == 0


def test_modality_dropout_hides_a_modality_while_training_and_never_else():
    model, arrays, labels = small(**STEADY), inputs(4), np.array([0, 1, 0, 1])
    hiding = small(modality_dropout={"audio": 0.0, "video": 1.0}, **STEADY)
    for each in (model, hiding):
        set_weights(each)
        each.compile("sgd", CROSS_ENTROPY)
    np.testing.assert_allclose(predict(hiding, arrays), predict(model, arrays), atol=1e-6)
    lacking = {**arrays, "video_mask": np.zeros_like(arrays["video_mask"])}
    tensors = {k: ops.convert_to_tensor(x) for k, x in arrays.items()}
    np.testing.assert_allclose(
        to_numpy(hiding(tensors, training=True)), predict(model, lacking), atol=1e-6
    )
    assert objectives(hiding, arrays, labels) == 0
    assert objectives(model, arrays, labels) > 0


def test_a_batch_of_one_clip_of_one_step_trains():
    arrays = {name: x[:1, :1] for name, x in inputs(1).items()}
    model = small()
    model.compile(keras.optimizers.SGD(0.1), CROSS_ENTROPY)
    model.fit(arrays, np.array([2]), verbose=0)
    assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)
    assert np.isfinite(predict(model, arrays)).all()


def test_a_batch_of_one_label_teaches_no_wrong_match():
    arrays, labels = inputs(2), np.zeros(2, "int32")
    values = []
    for same_label in (False, True):
        keras.utils.set_random_seed(0)
        model = small(alignment_weight=0.0, same_label_negatives=same_label, **STEADY)
        model.compile("sgd", CROSS_ENTROPY)
        for head in model.matching.heads.values():
            head.bias.assign([-9.0, 9.0])
            head.kernel.assign(np.zeros(head.kernel.shape))
        values.append(objectives(model, arrays, labels))
    assert values[0] == pytest.approx(0, abs=1e-4)
    assert values[1] == pytest.approx(0.1 * 9, abs=1e-3)


def test_evaluation_reports_the_loss_of_the_task_alone():
    model, arrays, labels = small(), inputs(), np.array([0, 1, 2, 3, 0, 1])
    model.compile("adam", CROSS_ENTROPY)
    expected = float(to_numpy(CROSS_ENTROPY(labels, predict(model, arrays))))
    found = [model.evaluate(arrays, labels, batch_size=size, verbose=0) for size in (6, 3)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": float(np.log(1 / 0.07)), "missing_source": "even"},
        {"same_label_negatives": True, "num_layers": 1, "dtype": "mixed_float16"},
        {"alignment_weight": 0.0, "matching_weight": 0.0, "activation": "softmax"},
        {"modality_dropout": {"audio": 0.5, "video": 0.2}},
    ],
)
def test_every_form_trains_and_is_saved(arguments, tmp_path):
    model, arrays = small(**arguments), inputs()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(arrays, np.array([0, 1, 2, 3, 0, 1]), batch_size=3, verbose=0)
    assert all(np.isfinite(to_numpy(w)).all() for w in model.weights)
    prediction = predict(model, arrays)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predict(again, arrays), prediction, atol=1e-6)
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = FoalNet.from_config(model.get_config())
    fresh.load_weights(tmp_path / "model.weights.h5")
    for other in (again, fresh):
        for mine, theirs in zip(model.weights, other.weights, strict=True):
            np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_predicts_in_float32(policy):
    full, half, arrays = small(), small(dtype=policy), inputs()
    for model in (full, half):
        set_weights(model)
    assert half.output.dtype == "float32"
    np.testing.assert_allclose(predict(half, arrays), predict(full, arrays), atol=0.05)


def test_config_new_head_and_other_modalities():
    model = small({"text": 4, "audio": 4}, modality_dropout={"text": 0.1, "audio": 0.2})
    config = json.loads(json.dumps(model.get_config()))
    assert FoalNet.from_config(config).get_config() == model.get_config()
    arrays = {"text": np.ones((2, 3, 4), "float32"), "audio": np.ones((2, 5, 4), "float32")}
    arrays |= {f"{m}_mask": np.ones(x.shape[:2], "bool") for m, x in arrays.items()}
    assert predict(model.new_head(7, "softmax"), arrays).shape == (2, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": {"text": 4, "audio": 4, "video": 4}}, "two modalities; received 3"),
        ({"matching_weight": -0.1}, "0 or more; received .*matching_weight=-0.1"),
    ],
)
def test_names_what_makes_no_model(arguments, message):
    with pytest.raises(ValueError, match=message):
        FoalNet(**arguments)
