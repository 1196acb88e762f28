"""TFN, LMF, MulT, EF-LSTM and the plain fusions: what the six owe alike."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_test import to_numpy
from model_inputs import lengthen, spoil

from keras_mer.models import EFLSTM, LMF, TFN, EarlyFusionNetwork, LateFusionNetwork, MulT

FEATURES = {"text": 4, "audio": 3, "video": 2}
STEPS = 6
ROWS = 48

QUIET = {"input_dropout": 0.0, "embedding_dropout": 0.0, "output_dropout": 0.0}
MAKERS = {
    "TFN": lambda **k: TFN(
        **{"features": FEATURES, "hidden_units": 4, "text_units": 3, "fusion_units": 8, **k},
        dropout=0.0,
        fusion_dropout=0.0,
    ),
    "LMF": lambda **k: LMF(
        **{"features": FEATURES, "hidden_units": 4, "rank": 2, **k}, dropout=0.0
    ),
    "EFLSTM": lambda **k: EFLSTM(
        **{"features": FEATURES, "units": 4, "num_layers": 2, "steps": STEPS, **k}, dropout=0.0
    ),
    "MulT": lambda **k: MulT(
        **{"features": FEATURES, "units": 4, "num_heads": 2, "num_layers": 1, **k},
        memory_layers=1,
        kernel_size=2,
        attention_dropout=0.0,
        memory_dropout=0.0,
        **QUIET,
    ),
    "EarlyFusionNetwork": lambda **k: EarlyFusionNetwork(
        **{"features": FEATURES, "hidden_units": [8, 4], "dropout": 0.0, **k}
    ),
    "LateFusionNetwork": lambda **k: LateFusionNetwork(
        **{"features": FEATURES, "hidden_units": 4, "dropout": 0.0, **k}
    ),
}
each_model = pytest.mark.parametrize("name", MAKERS)


def task(features=FEATURES, rows=ROWS, steps=STEPS):
    """Rows of all lengths, some without a modality, and a score that text and audio tell."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, steps + 1, size=rows)
    inputs = {}
    for m, width in features.items():
        inputs[m] = rng.normal(size=(rows, steps, width)).astype("float32")
        inputs[f"{m}_mask"] = np.arange(steps) < lengths[:, None]
    inputs["video_mask"][::3] = False
    level = rng.uniform(-1, 1, size=(rows, 1)).astype("float32")
    inputs["text"][..., 0] += 2 * level
    inputs["audio"][..., 0] -= 2 * level
    return inputs, level


def fill(model, seed=0):
    """Weights that are the same on every backend."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(scale=0.3, size=weight.shape)
        if weight.path.endswith(("gamma", "moving_variance")):
            value = 1 + abs(value)
        elif weight.path.endswith("bias"):
            value = abs(value)  # few hidden units are all below zero by chance
        weight.assign(value.astype("float32"))
    return model


def predict(model, inputs):
    """The prediction, computed at once and without compiling."""
    return to_numpy(model({k: ops.convert_to_tensor(x) for k, x in inputs.items()}))


@pytest.fixture(scope="module")
def models():
    return {name: fill(make()) for name, make in MAKERS.items()}


@each_model
def test_what_is_masked_has_no_influence(models, name):
    inputs, _ = task(rows=5)
    expected = predict(models[name], inputs)
    assert np.isfinite(expected).all()
    spoiled = spoil(inputs)
    np.testing.assert_allclose(predict(models[name], spoiled), expected, atol=1e-6)
    padded = lengthen(spoiled, 3)
    np.testing.assert_allclose(predict(models[name], padded), expected, atol=1e-5)


@each_model
def test_any_modality_may_be_missing(models, name):
    """All six answer, differently for each that is left out, and finitely for none."""
    inputs, _ = task(rows=1)
    answers = []
    for missing in ([], ["text"], ["audio"], ["text", "audio"], ["text", "audio", "video"]):
        none = {f"{m}_mask": np.zeros((1, STEPS), "bool") for m in missing}
        video = {"video_mask": inputs["text_mask"]}
        answers.append(predict(models[name], {**inputs, **video, **none}).item())
    assert np.isfinite(answers).all()
    assert len({round(a, 5) for a in answers}) == len(answers)


@each_model
def test_one_step_is_enough(models, name):
    inputs, _ = task(rows=1, steps=1)
    assert np.isfinite(predict(models[name], inputs)).all()


# The first three losses from the weights of `fill`. MulT's output sums 24 normalised features
# by weights of 0.3, hence the height of its first.
LOSSES = {
    "TFN": [0.801377, 0.652806, 0.547962],
    "LMF": [0.310751, 0.309762, 0.308836],
    "EFLSTM": [0.302830, 0.293511, 0.285044],
    "MulT": [4.307289, 3.125885, 1.231185],
    "EarlyFusionNetwork": [0.775266, 0.717716, 0.663723],
    "LateFusionNetwork": [0.644959, 0.634689, 0.625736],
}


@pytest.mark.traced
@each_model
def test_trains_alike_on_every_backend(name):
    """The numbers are of one backend; the tests hold the three to them."""
    model = fill(MAKERS[name]())
    inputs, labels = task()
    before = {w.path: to_numpy(w) for w in model.trainable_weights}
    model.compile(keras.optimizers.Adam(0.005), "mse")
    options = {"batch_size": ROWS, "shuffle": False, "verbose": 0}
    losses = model.fit(inputs, labels, epochs=70, **options).history["loss"]
    np.testing.assert_allclose(losses[:3], LOSSES[name], rtol=1e-4)
    assert losses[-1] < 0.3 * losses[0]
    still = {w.path for w in model.trainable_weights if (to_numpy(w) == before[w.path]).all()}
    # A bias of keys moves no softmax.
    assert {path for path in still if not ("key_" in path and path.endswith("bias"))} == set()


@each_model
def test_a_modality_that_is_missing_throughout_is_not_trained(name):
    """What reads it keeps its weights; the rest of the model learns."""
    model = fill(MAKERS[name](features={"text": 4, "audio": 3}))
    inputs, labels = task({"text": 4, "audio": 3, "video": 1}, rows=8)
    inputs = {k: x for k, x in inputs.items() if not k.startswith("video")}
    inputs["audio_mask"][:] = False
    before = {w.path: to_numpy(w) for w in model.weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(inputs, labels, batch_size=8, verbose=0)
    moved = {w.path for w in model.weights if not (to_numpy(w) == before[w.path]).all()}
    joined = {"EFLSTM": None, "EarlyFusionNetwork": None}  # one network reads all modalities
    reader = {"MulT": "audio_memory", **joined}.get(name, "encoder_audio")
    assert moved
    assert not [path for path in moved if reader and reader in path]
    if name == "EFLSTM":
        kernel, *_ = model.readers[0].forward_weights
        assert (to_numpy(kernel)[4:] == before[kernel.path][4:]).all()


@each_model
def test_config_and_files(models, name, tmp_path):
    model = models[name]
    inputs, _ = task(rows=3)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_allclose(predict(again, inputs), predict(model, inputs), atol=1e-6)
    fresh = type(model).from_config(model.get_config())
    model.save_weights(tmp_path / "model.weights.h5")
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(predict(fresh, inputs), predict(model, inputs), atol=1e-6)


@each_model
def test_new_head_keeps_the_trunk(models, name):
    model = models[name]
    classes = model.new_head(3, "softmax")
    inputs, _ = task(rows=3)
    found = predict(classes, inputs)
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    head = {id(w) for w in classes.output_layer.weights}
    for mine, theirs in zip(model.weights, classes.weights, strict=True):
        if id(theirs) not in head:
            np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))


@each_model
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_predicts_in_float32(name, policy):
    inputs, _ = task(rows=2)
    found = fill(MAKERS[name](dtype=policy))(
        {k: ops.convert_to_tensor(x) for k, x in inputs.items()}
    )
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert np.isfinite(to_numpy(found)).all()


@each_model
def test_other_modalities_than_the_usual_three(name):
    features = {"physiology": 3, "audio": 2, "text": 4, "gaze": 2}
    model = MAKERS[name](features=features)
    assert [m for m in model.input if not m.endswith("_mask")] == [
        "text",
        "audio",
        "gaze",
        "physiology",
    ]
    inputs = {
        k: np.ones((2, 3, *x.shape[2:]), "bool" if k.endswith("_mask") else "float32")
        for k, x in model.input.items()
    }
    assert np.isfinite(predict(model, inputs)).all()


def transformer(dim, layers):
    """Weights of a stack: four maps, the feed-forward part, two norms, the last norm."""
    return layers * (4 * (dim + 1) * dim + (8 * dim + 5) * dim + 4 * dim) + 2 * dim


def averaging(dim, units):
    return 4 * dim + (dim + 1) * units + 2 * (units + 1) * units


def lstm(dim, units):
    return 4 * units * (dim + units + 1)


def test_default_sizes_are_those_of_mmsa_for_mosi():
    """Counted from the equations; a PyTorch LSTM has its bias twice, four `units` more."""
    encoders = averaging(5, 32) + averaging(20, 128) + lstm(768, 128) + 129 * 32
    fused = 33 * 33 * 129
    assert TFN().count_params() == encoders + fused * 64 + 64 + 65 * 64 + 65

    encoders = averaging(5, 16) + averaging(20, 128) + lstm(768, 128) + 129 * 64
    assert LMF().count_params() == encoders + 3 * (65 + 17 + 129) + 3 + 1

    assert EFLSTM().count_params() == (
        4 * 50 + lstm(793, 128) + 3 * lstm(128, 128) + 129 * 128 + 129
    )
    assert MulT().count_params() == (
        5 * 50 * 793 + 6 * transformer(50, 4) + 3 * transformer(100, 4) + 2 * 301 * 300 + 301
    )


def test_a_score_of_tfn_stays_in_its_range():
    inputs, _ = task(rows=4)
    far = {k: 1e3 * x if k in FEATURES else x for k, x in inputs.items()}
    assert abs(predict(fill(MAKERS["TFN"]()), far)).max() <= 3
    assert abs(predict(fill(MAKERS["TFN"](output_range=None)), far)).max() > 3


def test_ef_lstm_aligns_what_is_not():
    """A sequence that says everything twice has the same bins, where no bin cuts a step."""
    inputs, _ = task(rows=4)
    for m in FEATURES:
        inputs[f"{m}_mask"] = np.arange(STEPS) < np.array([[6], [3], [2], [0]])
    longer = {k: np.repeat(x, 2, axis=1) for k, x in inputs.items() if k.startswith("audio")}
    aligned = fill(MAKERS["EFLSTM"](align=True))
    expected = predict(aligned, inputs)
    np.testing.assert_allclose(predict(aligned, {**inputs, **longer}), expected, atol=1e-5)


def test_ef_lstm_aligns_the_real_steps_alone():
    inputs, _ = task(rows=4)
    aligned = fill(MAKERS["EFLSTM"](align=True))
    for i, expected in enumerate(predict(aligned, inputs)):
        row = {}
        for m in FEATURES:
            mask = inputs[f"{m}_mask"][i : i + 1]
            steps = max(mask.sum(), 1)
            row |= {m: inputs[m][i : i + 1, :steps], f"{m}_mask": mask[:, :steps]}
        np.testing.assert_allclose(predict(aligned, row)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TFN({"image": 3, "text": 4}), "hidden_units for text, image, .* none for image"),
        (lambda: LMF({"text": 4}), "LMF expects 2 or more modalities; received 1: text"),
        (lambda: LMF({"image": 3, "audio": 4}, 4), "image; received recurrent naming text"),
        (lambda: MulT({"text": 4, "image": 3}), "input_dropout for text, image"),
        (lambda: MulT(FEATURES, units=9, num_heads=2), "2 heads needs a query whose width"),
        (lambda: EFLSTM(num_layers=0), "num_layers of 1 or more; received 0"),
    ],
)
def test_names_what_does_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_late_fusion_trains_its_networks_apart():
    """What text learns is the same beside audio as beside noise in its place."""
    moved = []
    for scale in (1, 5):
        model = fill(MAKERS["LateFusionNetwork"](features={"text": 4, "audio": 3}))
        inputs, labels = task({"text": 4, "audio": 3, "video": 1}, rows=8)
        inputs = {k: x for k, x in inputs.items() if not k.startswith("video")}
        inputs["audio"] *= scale
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(inputs, labels, batch_size=8, verbose=0)
        text = [model.encode["text"], model.output_layer.heads["text"]]
        moved.append([to_numpy(w) for layer in text for w in layer.weights])
    for one, two in zip(*moved, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_late_fusion_averages_what_is_there():
    model = fill(MAKERS["LateFusionNetwork"](outputs=3, activation="softmax", weighted=False))
    inputs, _ = task(rows=2)
    inputs = {k: np.ones_like(x) if k.endswith("mask") else x for k, x in inputs.items()}
    nothing = {f"{m}_mask": np.zeros((2, STEPS), "bool") for m in FEATURES}
    alone = [
        predict(model, {**inputs, **nothing, f"{m}_mask": inputs[f"{m}_mask"]}) for m in FEATURES
    ]
    np.testing.assert_allclose(predict(model, inputs), np.mean(alone, axis=0), atol=1e-6)
    pair = {**inputs, "video_mask": nothing["video_mask"]}
    np.testing.assert_allclose(predict(model, pair), np.mean(alone[:2], axis=0), atol=1e-6)


def test_late_fusion_learns_whom_to_trust():
    model = fill(MAKERS["LateFusionNetwork"](features={"text": 4, "audio": 3}))
    inputs, labels = task({"text": 4, "audio": 3, "video": 1})
    inputs = {k: x for k, x in inputs.items() if not k.startswith("video")}
    inputs["audio"] = np.random.default_rng(0).normal(size=inputs["audio"].shape)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(inputs, labels, batch_size=ROWS, epochs=60, verbose=0)
    text, audio = to_numpy(model.output_layer.shares)
    assert text > audio + 0.5
