import numpy as np
import pytest

from keras_mer.data import Dataset, Ragged

pytestmark = pytest.mark.once


def dataset():
    rng = np.random.default_rng(0)
    rows = [rng.normal(3 * (i % 2), 1 + i % 2, size=(4 if i != 5 else 0, 3)) for i in range(12)]
    for row in rows:
        row[:, 2] = 0.1
    return Dataset(
        {"audio": Ragged.from_list(rows)},
        [0, 1] * 6,
        ["train"] * 8 + ["test"] * 4,
        columns={"speaker": ["a", "b"] * 6},
    )


def test_every_speaker_has_mean_0_and_deviation_1():
    data = dataset().standardized_by("speaker", "audio")
    assert data.description["features"]["audio"]["standardized_by"] == "speaker"
    assert data.features["audio"].lengths.tolist() == dataset().features["audio"].lengths.tolist()
    for speaker in "ab":
        steps = data.subset(data.columns["speaker"] == speaker).features["audio"].values
        np.testing.assert_allclose(steps[:, :2].mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(steps[:, :2].std(axis=0), 1, atol=1e-6)
        assert not steps[:, 2].any()  # what never changes


def test_the_order_of_a_speakers_steps_stays():
    data = dataset()
    before, after = (
        data.features["audio"],
        data.standardized_by("speaker", "audio").features["audio"],
    )
    for row in range(12):
        if len(before[row]):
            np.testing.assert_allclose(
                np.corrcoef(before[row][:, 0], after[row][:, 0])[0, 1], 1, atol=1e-6
            )


def test_an_unknown_column_is_named():
    with pytest.raises(ValueError, match="no column 'actor'; it has speaker"):
        dataset().standardized_by("actor", "audio")
