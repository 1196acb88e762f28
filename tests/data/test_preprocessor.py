import json

import numpy as np
import pytest

from keras_mer.data import Dataset, Preprocessor, Ragged


def data(**changes):
    generator = np.random.default_rng(1)
    audio = generator.normal(5, 3, size=(9, 4, 3)).astype("float32")
    audio[:, :, 1] = 0.1  # constant, and not exact in float32
    audio[6:] += 100  # beyond the training part
    description = {"features": {"audio": {"extractor": "openSMILE"}}}
    return Dataset(
        {"audio": audio, "text": generator.normal(size=(9, 2))},
        np.zeros(9),
        ["train"] * 6 + ["valid"] + ["test"] * 2,
        description=description,
        **changes,
    )


def test_statistics_come_from_the_training_part_alone():
    raw = data()
    fitted = Preprocessor.fit(raw, standardize=["audio"])
    train = raw.features["audio"].take(range(6)).values
    np.testing.assert_allclose(fitted.mean["audio"], train.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        fitted.deviation["audio"][[0, 2]], train.std(axis=0)[[0, 2]], rtol=1e-5
    )
    assert list(fitted.mean) == ["audio"]


def test_apply():
    raw = data()
    applied = Preprocessor.fit(raw, standardize=["audio"], clip=4, max_length=2).apply(raw)
    audio = applied.features["audio"]
    assert set(audio.lengths) == {2}
    assert audio.values.dtype == np.float32
    np.testing.assert_allclose(audio.take(range(6)).values[:, [0, 2]].mean(axis=0), 0, atol=1e-5)
    assert audio.values.max() == 4
    np.testing.assert_array_equal(applied.features["text"].values, raw.features["text"].values)
    assert applied.description["features"]["audio"] == {
        "extractor": "openSMILE",
        "dimension": 3,
        "standardized": True,
        "max_length": 2,
    }
    assert Preprocessor.fit(raw, ["audio"]).apply(raw).modalities == ["audio"]


def test_json_keeps_every_bit():
    fitted = Preprocessor.fit(data(), clip=5.0, max_length=3)
    again = Preprocessor.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.specification == fitted.specification
    assert again.clip == fitted.clip
    for name in fitted.mean:
        np.testing.assert_array_equal(again.mean[name], fitted.mean[name])
        np.testing.assert_array_equal(again.deviation[name], fitted.deviation[name])


def test_transform_gives_back_the_kind_it_got():
    raw = data()
    fitted = Preprocessor.fit(raw, max_length=3)
    ragged = fitted.transform("audio", raw.features["audio"])
    assert isinstance(ragged, Ragged)
    array = fitted.transform("audio", raw.features["audio"][4].astype("float64"))
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, ragged[4])
    assert fitted.transform("text", np.zeros(2)).shape == (2,)
    assert fitted.transform("audio", np.zeros((0, 3))).shape == (0, 3)


def test_leaks_stay_with_the_transformed_features():
    leak = {"modality": "audio", "groups": ["0"], "reason": "made with the labels"}
    raw = data()
    raw.description["leaks"] = [leak]
    assert Preprocessor.fit(raw).apply(raw).description["leaks"] == [leak]


@pytest.mark.parametrize(
    ("modality", "array", "message"),
    [
        (
            "audio",
            np.zeros((2, 5)),
            r"audio of u7 has the shape \(2, 5\); expected \(time, 3\)",
        ),
        ("audio", np.zeros((1, 2, 3)), "expected"),
        ("audio", [[0, 0, 0], [0, np.inf, 0]], r"1 values that .*\(inf\) in column 1 of step 1"),
        ("video", np.zeros(3), "video is not expected; the modalities are text, audio"),
    ],
)
def test_odd_rows_are_refused_by_name(modality, array, message):
    fitted = Preprocessor.fit(data())
    with pytest.raises(ValueError, match=message):
        fitted.check(modality, array, row="u7")


def test_apply_refuses_other_features():
    raw = data()
    fitted = Preprocessor.fit(raw)
    with pytest.raises(ValueError, match="text is standardised already"):
        fitted.apply(fitted.apply(raw))
    with pytest.raises(ValueError, match="no such features"):
        fitted.apply(raw.without("text"))
    other = raw.with_features("audio", raw.features["audio"], {"extractor": "COVAREP"})
    with pytest.raises(ValueError, match="audio comes from COVAREP; expected openSMILE"):
        fitted.apply(other)
    tuned = {"extractor": "openSMILE", "adapters": "0123"}
    other = raw.with_features("audio", raw.features["audio"], tuned)
    with pytest.raises(ValueError, match="extracted with adapters 0123; expected None, which"):
        fitted.apply(other)
    with pytest.raises(ValueError, match="extracted with adapters None; expected 0123, which"):
        Preprocessor.fit(other).apply(raw)


def test_fit_refuses_what_it_cannot_measure():
    raw = data()
    with pytest.raises(ValueError, match="video is not among them"):
        Preprocessor.fit(raw, standardize=["video"])
    silent = raw.with_features("audio", [None] * 6 + [np.ones(3)] * 3)
    with pytest.raises(ValueError, match="no row of the training part has audio"):
        Preprocessor.fit(silent)
    with pytest.raises(ValueError, match="text is standardised already"):
        Preprocessor.fit(Preprocessor.fit(raw).apply(raw))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": {}}, "mean is for none, deviation for text, audio"),
        ({"specification": {"audio": {}}}, "specification of audio has no dimension"),
        ({"clip": -1}, "clip must be more than 0"),
        ({"deviation": {"text": [1, 1], "audio": [1, 0, 1]}}, "audio must be finite, and no"),
        ({"mean": {"text": [0, 0], "audio": [0]}}, r"shapes \(1,\) and \(3,\); expected \(3,\)"),
    ],
)
def test_damaged_json_is_refused(change, message):
    written = Preprocessor.fit(data()).to_json()
    with pytest.raises(ValueError, match=message):
        Preprocessor.from_json(written | change)
    with pytest.raises(ValueError, match="not a preprocessor"):
        Preprocessor.from_json({"mean": {}})
