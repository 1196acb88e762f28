import shutil

import numpy as np
import pytest

from keras_mer.data import LeakError, read, read_mosi

AUDIO = "bc-LSTM/data/audio/audio_test0.csv"
WORDS = "bc-LSTM/data/transcripts.csv"
INDEX = "bc-LSTM/data/text_test.csv"
LABELS = "MERBench/dataset/cmumosi-process/label.npz"


@pytest.fixture(scope="module")
def joined(real_data):
    with np.load(real_data / "mosi/mosi_utt.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def check_rows(data, joined):
    np.testing.assert_array_equal(data.ids, joined["ids"])
    np.testing.assert_array_equal(data.groups, joined["video_id"])
    np.testing.assert_array_equal(data.labels, joined["sentiment"])
    assert data.transcripts.tolist() == joined["transcript"].tolist()
    for name, rows in data.features.items():
        assert (rows.lengths == 1).all()
        np.testing.assert_allclose(rows.values, joined[name], rtol=1e-6)


def test_the_official_split_comes_with_audio(real_data, joined):
    data = read_mosi(real_data / "mosi")
    check_rows(data, joined)
    assert data.modalities == ["audio"]
    assert data.counts == {"train": 1284, "valid": 229, "test": 686}
    np.testing.assert_array_equal(
        data.splits, np.where(joined["split_mmsa"] == "val", "valid", joined["split_mmsa"])
    )
    assert data.description["protocol"] == "mosi"


def test_the_bclstm_split_comes_with_everything(real_data, joined):
    data = read(real_data / "mosi", split="bclstm")
    check_rows(data, joined)
    assert data.modalities == ["text", "audio", "video"]
    assert data.counts == {"train": 1447, "valid": 0, "test": 752}
    np.testing.assert_array_equal(data.splits, joined["split_bclstm"])


@pytest.mark.parametrize("modality", ["text", "video"])
def test_features_that_know_the_labels_are_refused(real_data, modality):
    with pytest.raises(LeakError, match=f"{modality} must not be used.*753 of the 915"):
        read_mosi(real_data, modalities=[modality])
    insisted = read_mosi(real_data, modalities=[modality], allow_leaks=True)
    assert insisted.modalities == [modality]


def test_a_validation_part_of_the_known_videos_is_refused_too(real_data):
    data = read_mosi(real_data, "bclstm")
    first = data.groups == data.groups[data.splits == "train"][0]
    with pytest.raises(LeakError, match="text must not be used"):
        data.with_splits(np.where(first, "valid", data.splits))
    test = data.subset("test")
    folds = np.where(test.groups == test.groups[0], "test", "train")
    assert test.with_splits(folds, "first video held out").counts["test"] > 0


@pytest.fixture
def broken(real_data, tmp_path):
    shutil.copytree(real_data / "mosi/raw", tmp_path / "mosi")
    return tmp_path / "mosi"


def drop_line(path):
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            lambda root: (root / AUDIO).unlink(),
            FileNotFoundError,
            "lacks .*audio_test0.csv",
        ),
        (lambda root: drop_line(root / AUDIO), ValueError, "751 rows for 752"),
        (lambda root: (root / AUDIO).write_text("a,b"), ValueError, "not a table of numbers"),
        (lambda root: (root / AUDIO).write_text("1,2"), ValueError, "2 columns; expected 74"),
        (lambda root: drop_line(root / WORDS), ValueError, "row numbers from 0 to 2197"),
        (lambda root: (root / WORDS).write_text("a_1,b"), ValueError, "line 1 has not the four"),
        (lambda root: (root / LABELS).unlink(), FileNotFoundError, "lacks .*label.npz"),
        (lambda root: np.savez(root / LABELS, x=1), ValueError, "expected train_corpus"),
        (lambda root: drop_line(root / INDEX), ValueError, "name 2198 rows; expected each"),
        (lambda root: (root / INDEX).write_text(""), ValueError, "text_test.csv is empty"),
    ],
)
def test_an_odd_file_is_one_clear_sentence(broken, damage, error, message):
    damage(broken)
    with pytest.raises(error, match=message):
        read_mosi(broken)


def test_wrong_names_are_refused(tmp_path, real_data):
    with pytest.raises(FileNotFoundError, match="no CMU-MOSI in"):
        read_mosi(tmp_path)
    with pytest.raises(ValueError, match="official and bclstm; received 'mine'"):
        read_mosi(real_data, "mine")
    with pytest.raises(ValueError, match="text, audio and video; received vision"):
        read_mosi(real_data, modalities=["vision"])
