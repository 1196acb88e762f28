import csv

import numpy as np
import pytest

from keras_mer.data import LeakError, load_pickle, read, read_labels

pytestmark = pytest.mark.once

FOLDER = "labels/raw/MERBench/dataset"
COUNTS = {
    "cmumosei": {"train": 16326, "valid": 1871, "test": 4659},
    "sims": {"train": 1368, "valid": 456, "test": 457},
    "simsv2": {"train": 2722, "valid": 647, "test": 1034},
}


@pytest.mark.parametrize("name", list(COUNTS))
def test_labels_of_folders_and_tables_are_the_same(real_data, name):
    leaky = name != "cmumosei"
    folder = read(real_data / FOLDER / f"{name}-process", allow_leaks=leaky)
    table = read(real_data / "labels" / f"{name}.csv", "labels", allow_leaks=leaky)
    assert folder.counts == table.counts == COUNTS[name]
    with open(real_data / f"labels/{name}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for data in (folder, table):
        assert data.ids.tolist() == [row["name"] for row in rows]
        np.testing.assert_allclose(data.labels, [float(row["sentiment"]) for row in rows], 1e-6)
        assert (data.transcripts is None) == (not leaky)
    assert table.description["protocol"] == ("sims" if leaky else "mosei")


def test_mosei_is_split_by_video(real_data):
    data = read_labels(real_data / FOLDER / "cmumosei-process")
    videos = [len(np.unique(data.groups[data.splits == s])) for s in ("train", "valid", "test")]
    assert videos == [2249, 300, 676]


@pytest.mark.parametrize(("name", "videos"), [("sims", 60), ("simsv2", None)])
def test_sims_shares_its_videos_between_parts(real_data, name, videos):
    folder = real_data / FOLDER / f"{name}-process"
    with pytest.raises(LeakError, match=f"{videos or ''}.*groups lie in more than one split"):
        read_labels(folder)
    data = read_labels(folder, allow_leaks=True, language="chinese")
    assert "by clip" in data.description["cautions"][0]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in data.transcripts[0])
    fold = next(data.folds(n_splits=5))
    assert not set(fold.groups[fold.splits == "test"]) & set(fold.groups[fold.splits == "train"])


def test_the_times_of_mosei_are_plain_pickles(real_data):
    counts = {"train": 16327, "valid": 1871, "test": 4662}
    videos = {"train": 2249, "valid": 300, "test": 676}
    for split, count in counts.items():
        times = load_pickle(real_data / f"labels/raw/data/d_{split}.pkl")
        assert len(times) == count
        assert all(segment.endswith("]") and end > start for segment, start, end in times.values())
        assert len({row[0].partition("[")[0] for row in times.values()}) == videos[split]


def test_mosi_has_the_official_split(real_data):
    data = read_labels(real_data / "mosi/cmumosi.csv")
    assert data.counts == {"train": 1284, "valid": 229, "test": 686}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,split,sentiment\na_1,train,good\n", "line 2: the sentiment 'good' is not a number"),
        ("name,split,sentiment\na_1,part,1\n", "has the split 'part'; expected train, valid or"),
        ("name,split,sentiment\na_1,train,1\na_1,test,0\n", "2 rows with 1 names"),
        ("name,sentiment\na_1,1\n", "lacks the columns split; it has name, sentiment"),
        ("name,split,sentiment\n", "there are no rows under its header"),
    ],
)
def test_odd_tables_are_refused(tmp_path, text, message):
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_labels(path, corpus="mosi")
    with pytest.raises(ValueError, match="does not say whose labels it has; pass corpus="):
        read_labels(path)


def test_other_label_files_are_refused(tmp_path):
    folder = tmp_path / "sims-process"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"lacks label\.npz"):
        read_labels(folder)
    np.savez(folder / "label.npz", train_corpus=np.array({"a_1": {"emo": 0}}, dtype=object))
    with pytest.raises(ValueError, match="expected train_corpus with the field val"):
        read_labels(folder)
    np.savez(folder / "label.npz", whole_corpus=np.array({}, dtype=object))
    with pytest.raises(ValueError, match="none of train_corpus, val_corpus and test_corpus"):
        read_labels(folder)
