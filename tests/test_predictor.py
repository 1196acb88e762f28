"""What users of the Predictor rely on: right results, bad rows named, good rows never lost."""

import re
import sys

import keras
import numpy as np
import pytest
from media import tone, write_sound
from tiny_predictor import DIMS, CharacterEncoder, sums_model

from keras_mer import _scoring
from keras_mer.data import Preprocessor
from keras_mer.features import AudioEncoder
from keras_mer.predictor import Predictor


@pytest.fixture(autouse=True)
def shares(monkeypatch):
    """Each modality's number of steps, as a share: what `explain` says is tested there."""

    def by_length(predict, inputs, whole):
        steps = {name: inputs[f"{name}_mask"].sum(axis=1) for name in DIMS if name in inputs}
        total = np.maximum(sum(steps.values()), 1)
        return {name: count / total for name, count in steps.items()}

    monkeypatch.setattr(_scoring, "shares_of", by_length)


@pytest.fixture
def predictor():
    return Predictor(
        sums_model(), text_encoder=CharacterEncoder(), metadata={"label_range": [-3, 3]}
    )


def audio(total, steps=2):
    return np.full((steps, 3), total / (3 * steps), "float32")


def test_scores_labels_and_shares(predictor):
    predictions = predictor(
        text=["ab", None, "a"], audio=[None, audio(-1.5), audio(0.2, steps=3).tolist()]
    )
    np.testing.assert_allclose(
        [prediction.score for prediction in predictions], [0.12, -1.5, 0.24], atol=1e-6
    )
    assert [prediction.label for prediction in predictions] == ["positive", "negative", "positive"]
    assert [prediction.decided_by for prediction in predictions] == ["text", "audio", "audio"]
    assert predictions[2].shares == {"text": 0.25, "audio": 0.75}
    assert all(prediction.error is None for prediction in predictions)


def test_a_single_vector_is_one_step(predictor):
    (prediction,) = predictor(audio=np.full((1, 3), 0.5))
    assert prediction.score == pytest.approx(1.5)


def test_scores_stay_in_the_range_of_the_labels(predictor):
    predictions = predictor(audio=[audio(50.0), audio(-50.0), audio(0.0)])
    assert [prediction.score for prediction in predictions] == [3.0, -3.0, 0.0]
    assert predictions[2].label == "neutral"


def test_padding_and_company_change_nothing(predictor):
    rows = [{"text": "a" * length, "audio": audio(0.5)} for length in (1, 30, 9, 2, 17)]
    together = list(predictor.predict_many(rows))
    apart = [next(predictor.predict_many([row])) for row in rows]
    np.testing.assert_allclose(
        [prediction.score for prediction in together],
        [prediction.score for prediction in apart],
        rtol=1e-5,
    )


BAD = {
    "": "the text is empty",
    " \t\u200b": "the text is empty",
    7: r"text: expected a text, or an array of numbers, \(time, 4\).*received int 7",
    "nan": r"audio: the value at step 1, dimension 2 is nan; expected finite",
    "huge": r"audio: the value at step 0, dimension 0 is inf",
    "wide": r"audio: expected an array of numbers, \(time, 3\) or \(3,\); .*shape \(2, 5\)",
    "deep": r"audio: .*received the shape \(1, 2, 3\)",
    "no steps": r"audio: .*received the shape \(0, 3\)",
    "words": r"audio: .*received list \['loud'\]",
    "other": "the model reads text and audio, not vision",
    "nothing": "nothing to score, text and audio are all missing",
    "no row": "expected a dict of text and audio; received list",
    "unread": "the file ends here",
}


def bad_row(kind):
    holed = audio(1.0)
    holed[1, 2] = np.nan
    return {
        "nan": {"text": "a", "audio": holed},
        "huge": {"audio": [1e300, 0.0, 0.0]},
        "wide": {"audio": np.zeros((2, 5))},
        "deep": {"audio": np.zeros((1, 2, 3))},
        "no steps": {"audio": np.zeros((0, 3))},
        "words": {"audio": ["loud"]},
        "other": {"vision": [1.0]},
        "nothing": {"text": None},
        "no row": ["a"],
        "unread": ValueError("the file ends here"),
    }.get(kind, {"text": kind})


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_is_named_and_the_others_are_scored(predictor, kind):
    rows = [{"text": "a"}, bad_row(kind), {"text": "b"}]
    first, bad, last = predictor.predict_many(rows, first_row=1)
    assert [first.score, last.score] == pytest.approx([0.04, 0.08])
    assert bad.score is None
    assert bad.label is None
    assert bad.shares == {}
    assert re.match(f"row 2: {BAD[kind]}", bad.error)


def test_one_error_names_all_bad_rows(predictor):
    with pytest.raises(ValueError, match=r"2 of 3 rows cannot be scored: row 0: .*; row 2: "):
        predictor(text=["", "fine", " "])
    with pytest.raises(ValueError, match=r"30 of 30 .*; and 20 more"):
        predictor(text=[""] * 30)
    reported = predictor(text=["", "fine", " "], errors="report")
    assert [prediction.error is None for prediction in reported] == [False, True, False]


def test_columns_are_checked_before_anything_is_computed(predictor):
    with pytest.raises(TypeError, match=r"text must be a list.*Wrap"):
        predictor(text="a lone text")
    with pytest.raises(ValueError, match="received 2 of text, 1 of audio"):
        predictor(text=["a", "b"], audio=[None])
    with pytest.raises(ValueError, match="reads text and audio, not video"):
        predictor(text=["a"], video=[[1.0]])
    with pytest.raises(ValueError, match="nothing to score"):
        predictor()
    with pytest.raises(ValueError, match='"raise" or "report"'):
        predictor(text=["a"], errors="ignore")
    assert predictor.encoders["text"].encoded == []
    assert predictor(text=[]) == []
    assert len(predictor(text=["a"], video=[None])) == 1


def test_a_modality_the_model_was_not_trained_on_is_refused():
    predictor = Predictor(
        sums_model(), text_encoder=CharacterEncoder(), metadata={"trained_modalities": ["text"]}
    )
    with pytest.raises(ValueError, match=r"trained on text alone.*leave audio out"):
        predictor(text=["a"], audio=[audio(1.0)])
    assert predictor(text=["a"])[0].score == pytest.approx(0.04)


def test_a_stream_is_read_batch_by_batch(predictor):
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield {"text": "a"}

    stream = predictor.predict_many(endless(), batch_size=4)
    for _ in range(5):
        next(stream)
    assert len(read) == 8


def test_looking_ahead_scores_like_lengths_together_and_waits_for_no_clip(predictor, monkeypatch):
    rows = [{"text": "a" * (1 + 7 * row % 40)} for row in range(32)]
    rows[5] = {"text": ""}
    expected = list(predictor.predict_many(rows))
    steps, predict = [], predictor._scoring._run

    def noted(inputs):
        steps.append(inputs["text"].shape[1])
        return predict(inputs)

    monkeypatch.setattr(predictor._scoring, "_run", noted)
    found = list(predictor.predict_many(rows, batch_size=8, look_ahead=4))
    assert [p.score for p in found] == pytest.approx([p.score for p in expected])
    assert found[5].error == expected[5].error
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]

    read = []
    clips = ({"audio": "none.wav"} for _ in iter(lambda: read.append(0), 1))
    assert next(predictor.predict_many(clips, batch_size=2, look_ahead=4)).error
    assert len(read) == 2
    with pytest.raises(ValueError, match="`look_ahead` must be 1 or more; received 2 and 0"):
        next(predictor.predict_many(rows, batch_size=2, look_ahead=0))


@pytest.mark.parametrize("rows", [1, 3, 18])
def test_inputs_have_as_many_rows_as_are_given(predictor, rows):
    inputs = predictor.inputs(audio=[audio(1.0)] * rows)
    assert {len(values) for values in inputs.values()} == {rows}


def test_batches_have_few_shapes(predictor, monkeypatch):
    shapes = []
    predict = predictor._scoring._run

    def noted(inputs):
        shapes.append(tuple(values.shape for values in inputs.values()))
        return predict(inputs)

    monkeypatch.setattr(predictor._scoring, "_run", noted)
    rows = [{"text": "a" * (1 + row % 40)} for row in range(200)]
    list(predictor.predict_many(rows, batch_size=16))
    assert len(shapes) == 13
    assert len(set(shapes)) <= 5


NAMES = ["angry", "happy", "sad"]
CLASSES = {"task": "classification", "label_names": NAMES}


@pytest.mark.parametrize("end", ["logits", "softmax", "softmax in another dtype"])
def test_classes_and_their_probabilities(end):
    model = sums_model(units=3, dims={"audio": 3})
    if end != "logits":
        model = keras.Model(model.input, keras.layers.Softmax()(model.output))
    if end == "softmax in another dtype":
        last = keras.layers.Activation("linear", dtype="float32")
        model = keras.Model(model.input, last(model.output))
    first, second = Predictor(model, metadata=CLASSES)(audio=[audio(2.0), audio(-3.0)])
    assert (first.label, second.label) == ("angry", "happy")
    assert first.score is None
    small = 1 / (np.exp(2) + 2)
    assert first.probabilities == pytest.approx(
        {"angry": 1 - 2 * small, "happy": small, "sad": small}, rel=1e-5
    )


def test_one_output_gives_two_classes():
    model = sums_model(dims={"audio": 3})
    metadata = {"task": "classification", "label_names": ["calm", "upset"]}
    (prediction,) = Predictor(model, metadata=metadata)(audio=[audio(1.0)])
    assert prediction.label == "upset"
    assert prediction.probabilities["upset"] == pytest.approx(1 / (1 + np.exp(-1)), rel=1e-5)


def test_metadata_that_does_not_fit_the_model_is_refused():
    model = sums_model(units=3, dims={"audio": 3})
    with pytest.raises(ValueError, match="3 classes; label_names has 2: angry, happy"):
        Predictor(model, metadata={**CLASSES, "label_names": NAMES[:2]})
    with pytest.raises(ValueError, match="says regression, and the model has 3 outputs"):
        Predictor(model, metadata={"task": "regression"})
    model.entry = {"name": "scaled", "files": {"preprocessor.json": {}}}
    with pytest.raises(ValueError, match='trained on scaled features: pass the name "scaled"'):
        Predictor(model)


def test_a_preprocessor_scales_what_the_model_reads():
    specification = {"text": {"dimension": 4, "extractor": "characters"}, "audio": {"dimension": 3}}
    preprocessor = Preprocessor(
        specification,
        {name: np.zeros(dim) for name, dim in DIMS.items()},
        {name: np.full(dim, 0.5) for name, dim in DIMS.items()},
    )
    predictor = Predictor(sums_model(), preprocessor, CharacterEncoder())
    both, missing = predictor(text=["a", "a"], audio=[audio(1.0), None])
    assert both.score == pytest.approx(2.08)
    assert missing.score == pytest.approx(0.08)
    specification["text"]["extractor"] = "words"
    preprocessor = Preprocessor(specification, preprocessor.mean, preprocessor.deviation)
    with pytest.raises(ValueError, match=r"extractor words; the text encoder has .* characters"):
        Predictor(sums_model(), preprocessor, CharacterEncoder())


def test_text_features_stand_in_for_an_encoder():
    predictor = Predictor(sums_model())
    given, refused = predictor(text=[np.full((2, 4), 0.1), "a text"], errors="report")
    assert given.score == pytest.approx(0.8)
    assert refused.error is not None
    assert "give arrays of them, or a text_encoder" in refused.error


def test_an_encoder_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="reads text of 5 dimensions; the text encoder gives 4"):
        Predictor(sums_model(dims={"text": 5}), text_encoder=CharacterEncoder())
    metadata = {"features": {"text": {"extractor": "characters", "max_tokens": 50}}}
    with pytest.raises(ValueError, match="max_tokens 50; the text encoder has max_tokens 128"):
        Predictor(sums_model(), text_encoder=CharacterEncoder(), metadata=metadata)
    metadata = {"features": {"text": {"extractor": "characters", "adapters": "0123"}}}
    with pytest.raises(ValueError, match="adapters 0123; the text encoder has adapters None"):
        Predictor(sums_model(), text_encoder=CharacterEncoder(), metadata=metadata)
    metadata["features"]["text"]["extractor"] = "all-MiniLM-L6-v2"
    with pytest.raises(
        ValueError, match="all-MiniLM-L6-v2 text features of a tuned encoder and no"
    ):
        Predictor(sums_model(), metadata=metadata)(text=["a"])


@pytest.mark.once
def test_without_safetensors_a_tuned_entry_reads_features_alone(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    predictor = Predictor("cmmsf_mosi")
    (given,) = predictor(text=[np.ones((4, 384), "float32")])
    assert given.score is not None
    with pytest.raises(ImportError, match=r'safetensors is needed .* "keras-mer\[text\]"'):
        predictor(text=["a text"])


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="the name of an entry, or a functional model"):
        Predictor(keras.Sequential([keras.layers.Dense(1)]))


def test_a_model_that_gives_no_finite_score_says_so(monkeypatch, predictor):
    monkeypatch.setattr(predictor._scoring, "_run", lambda inputs: np.full((1, 1), np.nan))
    (prediction,) = predictor(text=["a"], errors="report")
    assert prediction.error == "row 0: the model gave no finite result"


@pytest.fixture
def listener():
    """A model of the sound of clips, whose entry says where its features come from."""
    encoder = AudioEncoder("descriptors")
    metadata = {**CLASSES, "features": {"audio": encoder.specification}}
    return Predictor(sums_model(units=3, dims={"audio": encoder.dimension}), metadata=metadata)


def test_clips_are_scored_as_their_features_are(listener, tmp_path):
    clip = write_sound(tmp_path / "tone.wav", tone())
    rows = listener.encoders["audio"].encode([clip])
    named, given = listener(audio=[clip, rows[0]])
    assert named.probabilities == pytest.approx(given.probabilities)
    assert named.error is None


def test_a_clip_that_cannot_be_used_costs_its_own_row(listener, tmp_path):
    clip = write_sound(tmp_path / "tone.wav", tone())
    (tmp_path / "empty.wav").touch()
    rows = [str(clip), tmp_path / "absent.wav", tmp_path / "empty.wav", clip]
    first, absent, empty, last = listener(audio=rows, errors="report")
    assert first.label is not None
    assert first.probabilities == last.probabilities
    assert absent.error == f"row 1: there is no clip {tmp_path / 'absent.wav'}"
    assert empty.error == f"row 2: {tmp_path / 'empty.wav'} is an empty file"


def test_features_of_elsewhere_cannot_be_made_of_clips(predictor):
    (refused,) = predictor(audio=["clip.wav"], errors="report")
    assert refused.error == (
        "row 0: the model reads 3 audio features and no clips; give arrays of them, or an "
        "audio_encoder"
    )


def test_clips_may_be_encoded_by_an_encoder_of_ones_own():
    model = sums_model(dims={"audio": AudioEncoder("log-mel").dimension})
    assert "audio" not in Predictor(model).encoders
    predictor = Predictor(model, audio_encoder=AudioEncoder("log-mel"))
    assert predictor(audio=[np.zeros((3, 64))])[0].error is None
    with pytest.raises(ValueError, match="reads audio of 64 dimensions; the audio encoder gives"):
        Predictor(model, audio_encoder=AudioEncoder("descriptors"))
