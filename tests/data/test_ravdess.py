import pickle

import numpy as np
import pytest

from keras_mer.data import LeakError, read, read_ravdess

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def means(real_data):
    return read(real_data / "ravdess/raw/au_mfcc.pkl")


def test_the_vectors_of_all_clips(real_data, means):
    with np.load(real_data / "ravdess/ravdess_av.npz", allow_pickle=False) as joined:
        np.testing.assert_array_equal(means.ids, joined["ids"])
        np.testing.assert_array_equal(means.labels, joined["emotion"])
        for name in ("actor", "intensity", "statement", "repetition"):
            np.testing.assert_array_equal(means.columns[name], joined[name])
        np.testing.assert_array_equal(means.features["video"].values, joined["au"])
        audio = means.features["audio"]
        assert (audio.lengths == 259).all()
        np.testing.assert_array_equal(audio.values.reshape(1440, 259), joined["audio"])
    assert len(means) == 1440
    assert np.bincount(means.labels).tolist() == [96] + [192] * 7
    assert len(means.description["label_names"]) == 8
    assert means.transcripts[0] == "Kids are talking by the door"
    assert means.columns["sex"][:2].tolist() == ["male", "female"]


def test_the_audio_in_steps_of_several_values(real_data, means):
    path = real_data / "ravdess/raw/au_mfcc.pkl"
    audio = read(path, audio_width=37).features["audio"]
    assert audio.dim == 37
    assert (audio.lengths == 7).all()
    np.testing.assert_array_equal(audio.values.ravel(), means.features["audio"].values.ravel())
    with pytest.raises(ValueError, match="audio_width = 10 does not divide the 259 values"):
        read(path, audio_width=10)


def test_clips_with_the_same_features_are_named(means):
    assert "01-01-03-01-02-01-07 and 01-01-03-01-02-02-07" in means.description["cautions"][1]


def test_whole_actors_are_held_out(real_data, means):
    folds = list(means.folds(n_splits=6))
    assert [fold.counts["test"] for fold in folds] == [240] * 6
    with pytest.raises(LeakError, match="24 of 24 groups lie in more than one split"):
        means.with_splits(np.where(np.arange(1440) < 1000, "train", "test"))
    path = real_data / "ravdess/raw/sample_data"
    data = read_ravdess(path, valid=[4], test=["5"])
    assert data.counts == {"train": 180, "valid": 60, "test": 60}
    with pytest.raises(ValueError, match="test names the actors 99; there are 1, 2, 3, 4, 5"):
        read_ravdess(path, test=[99])


def test_action_units_frame_by_frame(real_data):
    data = read(real_data / "ravdess/raw/sample_data")
    with np.load(real_data / "ravdess/ravdess_au_frames_actor01_05.npz") as joined:
        np.testing.assert_array_equal(data.ids, joined["ids"])
        np.testing.assert_array_equal(data.labels, joined["emotion"])
        video = data.features["video"]
        np.testing.assert_array_equal(video.lengths, joined["length"])
        for row, expected, length in zip(video, joined["au_seq"], joined["length"], strict=True):
            np.testing.assert_array_equal(row, expected[:length])
    assert len(data) == 300


def test_clips_are_an_index(tmp_path):
    for name in ("03-01-06-02-01-02-24.wav", "03-01-01-01-02-01-07.wav", "notes.txt"):
        (tmp_path / name).touch()
    data = read(tmp_path, test=[24])
    assert data.modalities == []
    assert data.columns["file"].tolist() == [str(tmp_path / f"{name}.wav") for name in data.ids]
    assert data.labels.tolist() == [0, 5]
    assert data.splits.tolist() == ["train", "test"]
    (tmp_path / "03-01-01-01-02-01-08.csv").write_text("AU01_r\n1\n")
    with pytest.raises(ValueError, match="holds both clips and tables"):
        read_ravdess(tmp_path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "au_mfcc.pkl"
    path.write_bytes(pickle.dumps({"03-01-06-02-01-02-24": np.zeros(3)}))
    with pytest.raises(ValueError, match=r"02-24 has the shape \(3,\); expected \(294,\), 35"):
        read_ravdess(path)
    path.write_bytes(pickle.dumps({"clip": np.zeros(294)}))
    with pytest.raises(ValueError, match="no dict with a vector for each clip"):
        read_ravdess(path)
    with pytest.raises(ValueError, match="has no clips of RAVDESS: expected names such as"):
        read_ravdess(tmp_path)
    (tmp_path / "03-01-01-01-02-01-08.csv").write_text("AU01_r;AU02_r\n1;2\n")
    with pytest.raises(ValueError, match="has 2 action units; expected 35"):
        read_ravdess(tmp_path)
