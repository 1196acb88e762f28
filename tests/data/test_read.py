import pytest

from keras_mer.data import read


def test_a_saved_data_set_is_found_out(ten_rows, tmp_path):
    ten_rows.save(tmp_path / "ten.npz")
    assert len(read(tmp_path / "ten.npz")) == 10
    assert len(read(tmp_path / "ten.npz", format="npz", allow_leaks=True)) == 10


def test_other_things_are_refused_with_the_formats_there_are(tmp_path):
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(
        ValueError, match=r"table\.csv is of no known format; known .* npz .*; mosi "
    ):
        read(tmp_path / "table.csv")
    with pytest.raises(ValueError, match="is of no known format"):
        read(tmp_path)
    with pytest.raises(ValueError, match="cannot be read as 'hdf5'"):
        read(tmp_path, format="hdf5")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read(tmp_path / "absent")
