import pickle

import pytest

from keras_mer.data import read


def test_a_saved_data_set_is_found_out(ten_rows, tmp_path):
    ten_rows.save(tmp_path / "ten.npz")
    assert len(read(tmp_path / "ten.npz")) == 10
    assert len(read(tmp_path / "ten.npz", format="npz", allow_leaks=True)) == 10


def test_other_things_are_refused_with_the_formats_there_are(tmp_path):
    (tmp_path / "table.txt").write_text("a,b")
    with pytest.raises(
        ValueError, match=r"table\.txt is of no known format; known .* npz .*; mosi "
    ):
        read(tmp_path / "table.txt")
    with pytest.raises(ValueError, match="is of no known format"):
        read(tmp_path)
    with pytest.raises(ValueError, match="cannot be read as 'hdf5'"):
        read(tmp_path, format="hdf5")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read(tmp_path / "absent")


@pytest.mark.once
def test_options_are_those_of_the_reader(tmp_path):
    (tmp_path / "03a01Wa.wav").touch()
    assert read(tmp_path, test="03").splits.tolist() == ["test"]
    with pytest.raises(ValueError, match="emodb has no option split; it takes valid, test, allow_"):
        read(tmp_path, split="official")
    with pytest.raises(ValueError, match="cannot be read as 'emo-db'; did you mean 'emodb'"):
        read(tmp_path, format="emo-db")
    (tmp_path / "own.csv").write_text("clip,label\n03a01Wa.wav,1\n")
    with pytest.raises(ValueError, match="several data sets: emodb, clips; choose one with format"):
        read(tmp_path)


@pytest.mark.once
def test_a_pickle_of_no_known_format_is_named_by_what_it_holds(tmp_path):
    path = tmp_path / "own.pkl"
    path.write_bytes(pickle.dumps({"train": [1]}))
    with pytest.raises(ValueError, match=r"own\.pkl holds a dict and is of no known format"):
        read(path)
