import json

import numpy as np
import pytest

from keras_mer.data import read, read_csd

h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.once

WORDS = {"v1": [(0, 1, "so"), (1, 2, "sp"), (2, 3, "good"), (3, 4, "bye")], "v2": [(0, 2, "bad")]}
LABELS = {"v1": [((0, 3), 2.0), ((3, 4), -1.0)], "v2": [((0, 2), 0.5)]}


def write(path, root, videos):
    """A computational sequence of (features, intervals) by video."""
    with h5py.File(path, "w") as file:
        group = file.create_group(root)
        group.create_group("metadata")["root name"] = json.dumps(root)
        for video, (features, intervals) in videos.items():
            group[f"data/{video}/features"] = features
            group[f"data/{video}/intervals"] = np.array(intervals, "float64")


@pytest.fixture
def folder(tmp_path):
    """Two videos: audio every half second with the time as its value; video for v1 alone."""
    times = {video: np.arange(2 * rows[-1][1]) / 2 for video, rows in WORDS.items()}
    spans = {video: np.stack([t, t + 0.5], axis=1) for video, t in times.items()}
    spoken = {video: [row[:2] for row in rows] for video, rows in WORDS.items()}
    words = {v: np.array([[row[2].encode()] for row in rows]) for v, rows in WORDS.items()}
    vectors = {
        v: np.array([[0.0 if row[2] == "sp" else row[0] + 1] * 3 for row in rows])
        for v, rows in WORDS.items()
    }
    labels = {v: np.array([[label] for _, label in rows]) for v, rows in LABELS.items()}
    bounds = {v: [span for span, _ in rows] for v, rows in LABELS.items()}
    files = {
        "CMU_MOSI_Opinion_Labels": (labels, bounds),
        "CMU_MOSI_TimestampedWords": (words, spoken),
        "CMU_MOSI_TimestampedWordVectors": (vectors, spoken),
        "CMU_MOSI_COVAREP": ({v: np.stack([t, -t], axis=1) for v, t in times.items()}, spans),
        "CMU_MOSI_Visual_Facet_41": ({"v1": np.ones((1, 4))}, {"v1": [(0, 1)]}),
    }
    for name, (features, intervals) in files.items():
        write(tmp_path / f"{name}.csd", name, {v: (features[v], intervals[v]) for v in features})
    return tmp_path


def test_features_are_averaged_over_words(folder):
    data = read(folder, splits={"train": ["v1"], "test": ["v2"]})
    assert data.ids.tolist() == ["v1[0]", "v1[1]", "v2[0]"]
    assert data.groups.tolist() == ["v1", "v1", "v2"]
    assert data.splits.tolist() == ["train", "train", "test"]
    assert data.labels.tolist() == [2.0, -1.0, 0.5]
    assert data.transcripts.tolist() == ["so good", "bye", "bad"]
    assert data.columns["start"].tolist() == [0, 3, 0]
    assert data.features["text"][0].tolist() == [[1] * 3, [3] * 3]
    assert data.features["audio"][0].tolist() == [[0.25, -0.25], [2.25, -2.25]]
    assert data.features["video"][0].tolist() == [[1] * 4, [0] * 4]
    assert data.features["video"].lengths.tolist() == [2, 0, 0]


def test_each_modality_keeps_its_own_rate_unaligned(folder):
    data = read_csd(folder, align=False)
    assert data.counts == {"train": 3, "valid": 0, "test": 0}
    assert data.features["audio"].lengths.tolist() == [6, 2, 4]
    assert data.features["video"].lengths.tolist() == [1, 0, 0]


def test_words_may_be_told_by_their_vectors(folder):
    (folder / "CMU_MOSI_TimestampedWords.csd").unlink()
    data = read_csd(folder)
    assert data.transcripts is None
    assert data.features["audio"].lengths.tolist() == [2, 1, 1]
    (folder / "CMU_MOSI_TimestampedWordVectors.csd").unlink()
    with pytest.raises(ValueError, match="no words to align to; add their file, or pass align=F"):
        read_csd(folder)
    assert read_csd(folder, align=False).modalities == ["audio", "video"]


def test_further_labels_are_emotions_and_infinite_values_are_counted(folder):
    labels = {"v1": (np.ones((2, 7)), [(0, 3), (3, 4)])}
    write(folder / "CMU_MOSI_Opinion_Labels.csd", "All Labels", labels)
    times = np.array([(0.0, 1.0)])
    write(folder / "CMU_MOSI_COVAREP.csd", "COVAREP", {"v1": (np.array([[-np.inf]]), times)})
    data = read_csd(folder)
    assert data.columns["emotions"].shape == (2, 6)
    assert data.description["cautions"] == [
        "1 values of audio that are NaN or infinite were set to 0"
    ]


def test_splits_may_be_a_file_and_leave_videos_out(folder):
    path = folder / "splits.json"
    path.write_text(json.dumps({"valid": ["v2"]}))
    assert read_csd(folder, splits=path).counts == {"train": 0, "valid": 1, "test": 0}
    path.write_text(json.dumps({"valid": ["v3"]}))
    with pytest.raises(ValueError, match="none of the 2 labelled videos is in the splits"):
        read_csd(folder, splits=path)
    path.write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_csd(folder, splits=path)
    with pytest.raises(ValueError, match="splits must be lists of videos by train, valid"):
        read_csd(folder, splits={"part": ["v1"]})


def test_which_file_is_which_must_be_clear(folder):
    (folder / "CMU_MOSI_openSMILE.csd").write_bytes((folder / "CMU_MOSI_COVAREP.csd").read_bytes())
    with pytest.raises(ValueError, match=r"has 2 files for audio: .*choose one with files="):
        read_csd(folder)
    assert len(read_csd(folder, files={"audio": "CMU_MOSI_COVAREP.csd"})) == 3
    with pytest.raises(FileNotFoundError, match=r"absent\.csd is not there"):
        read_csd(folder, files={"audio": "absent.csd"})
    with pytest.raises(ValueError, match="files names sound; expected labels, words, text, audio"):
        read_csd(folder, files={"sound": "x.csd"})


def test_damaged_files_are_refused(folder, tmp_path):
    write(folder / "CMU_MOSI_COVAREP.csd", "C", {"v1": (np.ones((3, 2)), [(0, 1)])})
    with pytest.raises(ValueError, match=r"v1 has features \(3, 2\) for 1 intervals"):
        read_csd(folder)
    with h5py.File(folder / "CMU_MOSI_COVAREP.csd", "w") as file:
        file["d1"] = np.ones(3)
    with pytest.raises(ValueError, match="no computational sequence: expected one group with data"):
        read_csd(folder)
    (folder / "CMU_MOSI_COVAREP.csd").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="is not an HDF5 file"):
        read_csd(folder)
    (folder / "CMU_MOSI_Opinion_Labels.csd").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected \.csd files of labels and of text"):
        read_csd(folder)
