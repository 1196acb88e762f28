"""A data set in a folder is the data set in memory, read bit by bit."""

import os
import pickle
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from generated import dataset

from keras_mer.data import Dataset, DatasetWriter, Preprocessor, Ragged, check, read
from keras_mer.data._folder import ROWS


@pytest.fixture
def pair(tmp_path):
    """The same data set in memory and mapped, with missing rows and all that a row may have."""
    plain = dataset(rows=200, missing=0.1)
    number = [str(i) for i in range(200)]
    plain = Dataset(
        plain.features,
        plain.labels,
        plain.splits,
        [f"row {i}" for i in number],
        number,
        [f"said {i}" for i in number],
        plain.description,
        columns={"speaker": [f"s{i % 4}" for i in range(200)], "a/b": np.ones((200, 2))},
    )
    plain.save(tmp_path / "corpus")
    return plain, Dataset.load(tmp_path / "corpus")


def assert_same(a, b):
    for name in ("ids", "groups", "splits", "labels"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.description == b.description
    assert (a.transcripts is None) == (b.transcripts is None)
    if a.transcripts is not None:
        assert a.transcripts.tolist() == b.transcripts.tolist()
    assert list(a.columns) == list(b.columns)
    for name, values in a.columns.items():
        np.testing.assert_array_equal(values, b.columns[name])
    assert a.modalities == b.modalities
    for name, rows in a.features.items():
        np.testing.assert_array_equal(rows.values, b.features[name].values)
        np.testing.assert_array_equal(rows.offsets, b.features[name].offsets)


def assert_same_batches(a, b, split="train", epochs=3, **options):
    a = a.batches(split, 16, **options)
    b = b.batches(split, 16, **options)
    assert len(a) == len(b)
    for epoch in range(epochs):
        a.epoch = b.epoch = epoch
        for i in range(len(a)):
            assert_equal_batch(a[i], b[i])


def assert_equal_batch(a, b):
    for name, array in a[0].items():
        np.testing.assert_array_equal(array, b[0][name])
        assert array.dtype == b[0][name].dtype
    np.testing.assert_array_equal(a[1], b[1])


def test_a_folder_keeps_everything(pair, tmp_path):
    plain, mapped = pair
    assert mapped.mapped
    assert not plain.mapped
    assert_same(plain, mapped)
    assert_same(plain, read(tmp_path / "corpus"))
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
    assert repr(mapped) == repr(plain)
    with np.load(tmp_path / "corpus" / ROWS, allow_pickle=False) as members:
        assert all(members[name].dtype.kind != "O" for name in members.files)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": True},
        {"shuffle": True, "bucket": False, "max_length": 3},
        {"shuffle": True, "seed": 5, "round_to": 2, "modalities": ["audio"]},
    ],
)
def test_batches_are_those_in_memory(pair, options):
    assert_same_batches(*pair, **options)
    for plain, mapped in zip(pair[0].arrays("test"), pair[1].arrays("test"), strict=True):
        for name in plain if isinstance(plain, dict) else ():
            np.testing.assert_array_equal(plain[name], mapped[name])


def test_so_are_those_of_parts_of_it(pair):
    plain, mapped = pair
    rows = np.random.default_rng(0).permutation(200)[:90]
    splits = np.repeat(["test", "train"], 100)
    ways = [
        lambda data: data.subset(rows),
        lambda data: data.subset(rows).subset("train"),
        lambda data: data.without("audio"),
        lambda data: data.with_splits(splits),
        lambda data: next(data.folds("speaker", valid=False, allow_leaks=True)),
        lambda data: data.with_features("video", np.ones((200, 2))),
    ]
    for way in ways:
        assert way(mapped).mapped
        assert_same(way(plain), way(mapped))
        assert_same_batches(way(plain), way(mapped), epochs=1, shuffle=True)


def test_what_a_preprocessor_makes_of_it(pair, tmp_path):
    plain, mapped = pair
    fitted = [Preprocessor.fit(data, None, ["audio"], 2.0, 4) for data in pair]
    np.testing.assert_array_equal(fitted[0].mean["audio"], fitted[1].mean["audio"])
    np.testing.assert_array_equal(fitted[0].deviation["audio"], fitted[1].deviation["audio"])
    plain, mapped = (fitted[0].apply(data) for data in pair)
    assert mapped.mapped
    assert_same(plain, mapped)
    assert_same_batches(plain, mapped, shuffle=True)
    np.testing.assert_array_equal(plain.features["audio"][7], mapped.features["audio"][7])
    mapped.save(tmp_path / "scaled")
    assert_same(plain, Dataset.load(tmp_path / "scaled"))


def test_statistics_do_not_depend_on_the_chunks(monkeypatch):
    data = dataset(rows=300)
    whole = Preprocessor.fit(data)
    monkeypatch.setattr("keras_mer.data.ragged.CHUNK_BYTES", 200)
    chunks = list(data.features["text"].take(range(9, 300)).chunks())
    assert len(chunks) > 100
    np.testing.assert_array_equal(
        np.concatenate(chunks), data.features["text"].take(range(9, 300)).values
    )
    parts = Preprocessor.fit(data)
    for name in whole.mean:
        np.testing.assert_allclose(parts.mean[name], whole.mean[name], rtol=1e-6)
        np.testing.assert_allclose(parts.deviation[name], whole.deviation[name], rtol=1e-6)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(pair, workers):
    for data in pair:
        alone = data.batches("train", 8, shuffle=True)
        helped = data.batches("train", 8, shuffle=True, workers=workers, max_queue_size=2)
        for epoch in range(2):
            alone.epoch = helped.epoch = epoch
            for i in (0, 1, 0, *range(len(alone)), 3, -1):
                assert_equal_batch(alone[i], helped[i])


def test_an_error_in_a_worker_is_heard(pair, monkeypatch):
    batches = pair[1].batches("train", 8, workers=2)
    batches.labels = batches.labels[:20]
    assert len(batches[0][1]) == 8
    with pytest.raises(IndexError):
        [batches[i] for i in range(len(batches))]
    with pytest.raises(ValueError, match="workers must be 0 or more; received -1"):
        pair[1].batches("train", 8, workers=-1)


def test_a_pickle_holds_the_path_alone(pair):
    mapped = pair[1]
    pickled = pickle.dumps(mapped.features)
    assert len(pickled) < mapped.features["text"].values.nbytes
    for name, rows in pickle.loads(pickled).items():
        assert rows.mapped
        np.testing.assert_array_equal(rows.values, mapped.features[name].values)
    batches = mapped.batches("train", 8, shuffle=True, workers=2)
    batches[0]
    assert_equal_batch(batches[3], pickle.loads(pickle.dumps(batches))[3])


def test_a_map_of_ones_own_is_left_in_its_file(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    np.save(tmp_path / "own.npy", values)
    offsets = np.arange(0, 51, 5)
    rows = Ragged(np.load(tmp_path / "own.npy", mmap_mode="r"), offsets)
    assert rows.mapped
    assert rows.take([3]).mapped
    data = Dataset({"audio": rows}, np.arange(10.0), ["train"] * 10)
    assert_same(data, Dataset({"audio": Ragged(values, offsets)}, data.labels, data.splits))
    part = Ragged(np.load(tmp_path / "own.npy", mmap_mode="r")[5:], offsets[:-1])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part))[0], values[5:10])
    changing = np.load(tmp_path / "own.npy", mmap_mode="c")
    changing[:] = 1
    rows = Ragged(changing, offsets)
    assert not rows.mapped
    rows.take([4, 2]).values  # noqa: B018
    assert (rows[4] == 1).all()
    values[33, 1] = np.nan
    np.save(tmp_path / "own.npy", values)
    rows = Ragged(np.load(tmp_path / "own.npy", mmap_mode="r"), offsets)
    with pytest.raises(ValueError, match=r"audio holds 1 values .* the first of them '6'"):
        Dataset({"audio": rows}, np.arange(10.0), ["train"] * 10)


WIDTH, STEPS = 256, 20


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """200 MB: 10000 rows of 20 steps."""
    folder = tmp_path_factory.mktemp("large") / "corpus"
    rows = np.random.default_rng(0).normal(size=(STEPS, WIDTH)).astype("float32")
    with DatasetWriter(folder, {"text": WIDTH}) as writer:
        for row in range(10000):
            writer.add({"text": rows}, float(row % 7), "train" if row % 5 else "test")
    assert (folder / "values.text.npy").stat().st_size > 200e6
    yield folder
    for file in folder.iterdir():
        file.unlink()


def test_memory_does_not_grow_with_the_corpus(large):
    """What numpy allocates: at most a chunk, for what holds 205 MB."""
    tracemalloc.start()
    try:
        data = Dataset.load(large)
        held_by_rows = tracemalloc.get_traced_memory()[0]
        train = Preprocessor.fit(data).apply(data).subset("train")
        fitting = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        batches = train.batches("train", 32, shuffle=True, workers=2, max_queue_size=4)
        for i in range(len(batches)):
            batches[i]
        iterating = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    batch = 32 * STEPS * WIDTH * 4
    assert held_by_rows < 1000 * len(data)
    assert fitting < 200e6
    assert iterating < held_by_rows + 16 * batch + 100 * len(data)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
def test_what_was_read_is_given_back(large):
    def resident():
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("RssFile")).split()[1])

    data = Dataset.load(large)
    before = resident()
    for batch in data.batches("train", 32, shuffle=True):
        del batch
    assert resident() - before < 50e6


KILLED = """
import os, signal, sys
import numpy as np
from keras_mer.data import DatasetWriter
with DatasetWriter(sys.argv[1], {"text": 3}) as writer:
    for row in range(100):
        writer.add({"text": np.ones((4, 3))}, 0.0, "train")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.once
def test_a_killed_writer_leaves_nothing_that_loads(tmp_path):
    folder = tmp_path / "corpus"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)],
        check=False,
        env=os.environ | {"KERAS_BACKEND": "numpy"},
    )
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    (left,) = tmp_path.iterdir()
    with pytest.raises(FileNotFoundError, match="no data set at"):
        Dataset.load(left)


@pytest.mark.once
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), r"not a whole data set: values\.text\.npy: .*No such file"),
        (lambda file: os.truncate(file, 200), r"not a whole data set: values\.text\.npy: "),
        (lambda file: file.write_bytes(b"no"), r"not a whole data set: values\.text\.npy: "),
        (
            lambda file: np.save(file, np.ones((3, 6), "float32")),
            "offsets that rise from 0 to the 3 steps",
        ),
        (
            lambda file: np.save(file, np.load(file).astype("float64")),
            "must hold float32, row by row; received float64",
        ),
        (
            lambda file: np.save(file, np.array([{"a": 1}]), allow_pickle=True),
            "not a whole data set",
        ),
    ],
)
def test_a_damaged_folder_is_one_clear_error(pair, tmp_path, damage, message):
    damage(tmp_path / "corpus" / "values.text.npy")
    with pytest.raises(ValueError, match=message):
        Dataset.load(tmp_path / "corpus")


@pytest.mark.once
def test_a_folder_of_another_version_or_without_a_member_is_refused(pair, tmp_path):
    path = tmp_path / "corpus" / ROWS
    with np.load(path) as file:
        members = {name: file[name] for name in file.files}
    np.savez(path, **(members | {"format": "keras-mer dataset folder 9"}))
    with pytest.raises(ValueError, match="it says 'keras-mer dataset folder 9', expected"):
        Dataset.load(tmp_path / "corpus")
    del members["sha256.text"]
    np.savez(path, **members)
    with pytest.raises(ValueError, match=r"'sha256\.text' is missing in it"):
        Dataset.load(tmp_path / "corpus")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"not a data set that Dataset\.save wrote"):
        Dataset.load(tmp_path / "corpus")


@pytest.mark.once
def test_only_a_data_set_is_replaced(pair, tmp_path):
    plain, mapped = pair
    with pytest.raises(FileExistsError, match="holds no saved data set"):
        plain.save(tmp_path)
    mapped.subset("test").save(tmp_path / "corpus")
    assert_same(plain.subset("test"), Dataset.load(tmp_path / "corpus"))
    assert_same(plain.subset("test"), mapped.subset("test"))
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match=r"saved as a \.npz file, or as a folder"):
        plain.save(tmp_path / "corpus.h5")


@pytest.mark.once
def test_check_names_the_folder_once(pair, tmp_path):
    (finding,) = check(tmp_path)
    assert (finding.verdict, finding.format) == ("read", "folder")
    assert finding.path == tmp_path / "corpus"
