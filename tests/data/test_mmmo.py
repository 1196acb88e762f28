import shutil
import sys

import numpy as np
import pytest

from keras_mer.data import read, read_mmmo

h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.once


def test_the_public_files(real_data):
    data = read(real_data / "mmmo")
    assert data.counts == {"train": 220, "valid": 40, "test": 80}
    assert {name: rows.dim for name, rows in data.features.items()} == {
        "text": 300,
        "audio": 74,
        "video": 36,
    }
    assert data.labels.min() >= 1
    assert data.labels.max() <= 5
    assert not data.features["text"].take(data.splits == "train").lengths.any()
    assert data.features["text"].take(data.splits != "train").lengths.all()
    assert data.description["cautions"] == ["text is missing in the train part"]
    np.testing.assert_array_equal(data.features["audio"].lengths, data.features["video"].lengths)
    assert data.features["audio"].lengths.max() == 20


def test_two_classes_as_in_the_original_code(real_data):
    data = read_mmmo(real_data, "classification")
    positive = [int(data.labels[data.splits == s].sum()) for s in ("train", "valid", "test")]
    assert positive == [120, 25, 51]


def test_only_the_zeros_around_a_row_go(tmp_path):
    steps = np.zeros((1, 6, 2))
    steps[0, [1, 3]] = 1
    for split in ("train", "valid", "test"):
        for name, array in (("audio", steps), ("video", steps[:, ::-1]), ("y", np.ones(1))):
            with h5py.File(tmp_path / f"{name}_{split}.h5", "w") as file:
                file["d1"] = array
        with h5py.File(tmp_path / f"text_{split}_emb.h5", "w") as file:
            file["d1"] = steps
    data = read_mmmo(tmp_path)
    assert data.features["audio"][0].tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]
    assert data.features["video"][0].tolist() == [[0, 0], [1, 1], [0, 0], [1, 1]]


def test_without_h5py_the_extra_is_named(real_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'needed to read HDF5 files: pip install "keras-mer\[hd'):
        read_mmmo(real_data)


def test_damaged_files_are_refused(real_data, tmp_path):
    shutil.copytree(real_data / "mmmo/raw/new_data/mmmo", tmp_path, dirs_exist_ok=True)
    (tmp_path / "audio_train.h5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match=r"audio_train\.h5 is not an HDF5 file"):
        read_mmmo(tmp_path)
    shutil.copy(tmp_path / "audio_test.h5", tmp_path / "audio_train.h5")
    with pytest.raises(ValueError, match=r"train part has 220 labels and the shapes .*expected"):
        read_mmmo(tmp_path)
    with h5py.File(tmp_path / "y_test.h5", "a") as file:
        file["d2"] = np.zeros(3)
    shutil.copy(real_data / "mmmo/raw/new_data/mmmo/audio_train.h5", tmp_path)
    with pytest.raises(ValueError, match="has d1, d2; expected one array"):
        read_mmmo(tmp_path)
    (tmp_path / "y_test.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"ICT-MMMO lacks .*y_test\.h5"):
        read_mmmo(tmp_path)
    with pytest.raises(FileNotFoundError, match="no ICT-MMMO in"):
        read_mmmo(tmp_path / "absent")
