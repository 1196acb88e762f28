import pickle

import numpy as np
import pytest

from keras_mer.data import read, read_misa

pytestmark = pytest.mark.once

FILE = "mosi_word_dev/raw/phase1/data/MOSI/dev.pkl"


def test_the_public_validation_part(real_data):
    data = read(real_data / FILE)
    assert data.counts == {"train": 0, "valid": 229, "test": 0}
    assert len(np.unique(data.groups)) == 10
    assert {name: rows.dim for name, rows in data.features.items()} == {"audio": 74, "video": 47}
    with np.load(real_data / "mosi_word_dev/mosi_word_dev.npz", allow_pickle=False) as joined:
        np.testing.assert_array_equal(data.ids, joined["segment"])
        np.testing.assert_array_equal(data.groups, joined["video_id"])
        np.testing.assert_array_equal(data.labels, joined["sentiment"])
        for name, key in (("audio", "acoustic"), ("video", "visual")):
            np.testing.assert_array_equal(data.features[name].lengths, joined["length"])
            for row, padded in zip(data.features[name], joined[key], strict=True):
                np.testing.assert_array_equal(row, padded[: len(row)])
        words = [
            " ".join(row[:n]) for row, n in zip(joined["words"], joined["length"], strict=True)
        ]
    assert data.transcripts.tolist() == words
    assert "valid part are standardised with its own" in data.description["cautions"][0]


def segments(video, count, words=True, emotions=False):
    generator = np.random.default_rng(0)
    made = []
    for place in range(count):
        n = place + 1
        first = generator.normal(size=(n, 6)) if words else np.arange(n)
        label = np.full((1, 7 if emotions else 1), 0.5)
        features = (first, np.ones((n, 3)), np.ones((n, 2)), ["w"] * n)
        made.append((features, label, f"{video}[{place}]"))
    return made


def test_a_folder_and_a_dict_of_all_parts(tmp_path):
    parts = {"train": segments("a", 3), "dev": segments("b", 2), "test": segments("c", 1)}
    for name, part in parts.items():
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(part))
    data = read(tmp_path)
    assert data.counts == {"train": 3, "valid": 2, "test": 1}
    assert data.modalities == ["text", "audio", "video"]
    assert data.groups.tolist() == ["a"] * 3 + ["b"] * 2 + ["c"]
    (tmp_path / "all.pkl").write_bytes(pickle.dumps(parts))
    assert read_misa(tmp_path / "all.pkl").ids.tolist() == data.ids.tolist()


def test_the_emotions_of_mosei_are_kept(tmp_path):
    (tmp_path / "test.pkl").write_bytes(pickle.dumps(segments("a", 2, False, emotions=True)))
    data = read_misa(tmp_path / "test.pkl")
    assert data.columns["emotions"].shape == (2, 6)
    assert data.modalities == ["audio", "video"]
    assert data.description["protocol"] == "mosei"


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "part1.pkl"
    path.write_bytes(pickle.dumps(segments("a", 2)))
    with pytest.raises(ValueError, match="part1 names no split; expected train, dev and test"):
        read_misa(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="not of this format: expected a list of"):
        read_misa(path)
    with pytest.raises(FileNotFoundError, match=r"none of train\.pkl, dev\.pkl and test\.pkl"):
        read_misa(tmp_path)
