import shutil

import numpy as np
import pytest

from keras_mer.data import LeakError, read, read_conv_emotion, read_iemocap

pytestmark = pytest.mark.once

PICKLE = "iemocap/raw/COSMIC/feature-extraction/iemocap/iemocap.pkl"


@pytest.fixture(scope="module")
def joined(real_data):
    with np.load(real_data / "iemocap/iemocap_6way.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_six_emotions_with_all_that_is_known_of_the_utterances(real_data, joined):
    data = read_iemocap(real_data / "iemocap")
    assert data.counts == {"train": 5163, "valid": 647, "test": 1623}
    np.testing.assert_array_equal(data.ids, joined["ids"])
    np.testing.assert_array_equal(data.labels, joined["emotion"])
    np.testing.assert_array_equal(data.splits, joined["split"])
    np.testing.assert_array_equal(data.features["audio"].values, joined["audio"])
    assert data.transcripts.tolist() == joined["text"].tolist()
    assert len(np.unique(data.groups)) == 151
    for column, name in {
        "dialogue": "dialogue",
        "position": "position",
        "speaker": "speaker_id",
        "start": "start",
        "end": "end",
        "emotion": "emotion_release",
        "vad": "vad",
    }.items():
        np.testing.assert_array_equal(data.columns[column], joined[name])
    assert data.description["protocol"] == "iemocap6"


def test_whole_dialogues_hold_what_has_no_such_label_too(real_data, joined):
    data = read_iemocap(real_data, context=True)
    assert data.counts == {"train": 6994, "valid": 875, "test": 2170}
    known = dict(zip(joined["ids"].tolist(), joined["emotion"].tolist(), strict=True))
    assert data.labels.tolist() == [known.get(name, -1) for name in data.ids.tolist()]
    assert data.only_labelled().counts == {"train": 5163, "valid": 647, "test": 1623}
    for name in np.unique(data.groups):
        rows = data.columns["dialogue"] == name
        assert data.columns["position"][rows].tolist() == list(range(rows.sum()))
        assert (np.diff(data.columns["start"][rows]) >= 0).all()
    assert read_iemocap(real_data, labels="vad", context=True).labels.shape == (10039, 3)


def test_four_emotions_and_scores(real_data):
    four = read(real_data / "iemocap", labels="emotion4")
    assert len(four) == 5531
    assert np.bincount(four.labels).tolist() == [1636, 1084, 1708, 1103]
    vad = read_iemocap(real_data, labels="vad")
    assert vad.counts == {"train": 6994, "valid": 875, "test": 2170}
    assert vad.labels.shape == (10039, 3)
    assert vad.description["task"] == "regression"
    with pytest.raises(ValueError, match="labels must be one of emotion6, emotion4, vad; rec"):
        read_iemocap(real_data, labels="joy")


def test_one_session_or_one_speaker_is_left_out(real_data):
    data = read_iemocap(real_data)
    folds = list(data.folds("session"))
    assert [fold.counts["test"] for fold in folds][4] == 1623
    assert all(
        set(f.columns["session"][f.splits == "test"]) == {f"Ses0{i}"}
        for i, f in enumerate(folds, 1)
    )
    with pytest.raises(LeakError, match="lie in more than one split"):
        next(data.folds("speaker"))
    speakers = list(data.folds("speaker", allow_leaks=True))
    assert len(speakers) == 10
    assert sum(fold.counts["test"] for fold in speakers) == 7433


def test_validation_that_shares_speakers_is_said(real_data):
    assert "share their speakers" in read_iemocap(real_data).description["cautions"][0]


def test_files_that_do_not_belong_together_are_refused(real_data, tmp_path):
    root = tmp_path / "iemocap"
    shutil.copytree(real_data / "iemocap/raw", root)
    np.save(root / "data/feat_ws_3.npy", np.zeros((5, 47)))
    with pytest.raises(ValueError, match=r"shape \(5, 47\); expected \(10039, 47\)"):
        read_iemocap(root)
    (root / "data/feat_ws_3.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match="not an array of numbers"):
        read_iemocap(root)
    (root / "MERBench/dataset/iemocap-process/label_4way.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"IEMOCAP lacks .*label_4way"):
        read_iemocap(root, "emotion4")
    with pytest.raises(FileNotFoundError, match="no IEMOCAP in"):
        read_iemocap(tmp_path / "absent")


def test_the_dialogues_of_conv_emotion(real_data, joined):
    data = read(real_data / PICKLE)
    assert data.counts == {"train": 5163, "valid": 647, "test": 1623}
    assert data.modalities == []
    np.testing.assert_array_equal(data.labels, joined["emotion"])
    np.testing.assert_array_equal(data.columns["speaker"], joined["speaker_id"])
    np.testing.assert_array_equal(data.columns["dialogue"], joined["dialogue"])
    assert set(data.columns["session"]) == {f"Ses0{i}" for i in range(1, 6)}
    with pytest.raises(ValueError, match="has emotions alone; received labels='sentiment'"):
        read_conv_emotion(real_data / PICKLE, labels="sentiment")
