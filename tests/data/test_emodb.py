import csv

import numpy as np
import pytest

from keras_mer.data import read, read_emodb

pytestmark = pytest.mark.once


def test_the_index_of_all_recordings(real_data):
    data = read(real_data / "emodb")
    with open(real_data / "emodb/index.csv", encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    assert len(data) == 535
    names = data.description["label_names"]
    for column, key in (("speaker", "speaker"), ("sex", "speaker_sex"), ("sentence", "text_code")):
        assert data.columns[column].tolist() == [row[key] for row in rows]
    assert [names[label] for label in data.labels] == [row["emotion"] for row in rows]
    for column in ("recognised", "natural"):
        expected = [float(row[f"{column}_pct"] or "nan") for row in rows]
        np.testing.assert_allclose(data.columns[column], expected)
    counts = dict(zip(names, np.bincount(data.labels).tolist(), strict=True))
    assert counts == {
        "anger": 127,
        "boredom": 81,
        "disgust": 46,
        "fear": 69,
        "happiness": 71,
        "sadness": 62,
        "neutral": 79,
    }
    assert data.columns["file"][0].endswith("03a01Fa.wav")
    assert data.modalities == []


def test_speakers_are_held_out(real_data):
    data = read_emodb(real_data, valid=["15"], test=["16"])
    assert data.counts == {"train": 535 - 56 - 71, "valid": 56, "test": 71}
    folds = list(data.folds("speaker"))
    assert [f.counts["test"] for f in folds] == [49, 58, 43, 38, 55, 35, 61, 69, 56, 71]
    with pytest.raises(ValueError, match="test names the speakers 17; there are 03, 08"):
        read_emodb(real_data, test=["17"])


def test_the_listeners_table_is_not_needed(tmp_path):
    (tmp_path / "03a01Wa.wav").touch()
    assert set(read_emodb(tmp_path).columns) == {"file", "speaker", "sex", "sentence", "version"}
    (tmp_path / "erkennung.txt").write_text("Nr.\tSatz\terkannt\tnatuerlich\n", encoding="latin-1")
    assert np.isnan(read_emodb(tmp_path).columns["natural"]).all()
    with pytest.raises(FileNotFoundError, match=r"no EMO-DB in .*03a01Wa"):
        read_emodb(tmp_path / "absent")
