import numpy as np
import pytest

from keras_mer.data import Dataset, DatasetWriter, LeakError

ROW = ({"text": np.ones((2, 3))}, 0.5, "train")


@pytest.mark.once
def test_rows_one_by_one_are_the_data_set_at_once(ten_rows, tmp_path):
    columns = {"speaker": list("abcdefghij"), "start": np.linspace(0, 9, 10)}
    whole = Dataset(
        ten_rows.features,
        ten_rows.labels,
        ten_rows.splits,
        ten_rows.ids,
        ten_rows.groups,
        ten_rows.transcripts,
        ten_rows.description,
        columns=columns,
    )
    description = dict(whole.description)
    with DatasetWriter(tmp_path / "corpus", {"audio": 4, "text": 3}, description) as writer:
        for i in range(10):
            features = {name: rows[i] for name, rows in whole.features.items() if len(rows[i])}
            writer.add(
                features,
                whole.labels[i],
                whole.splits[i],
                id=whole.ids[i],
                group=whole.groups[i],
                transcript=whole.transcripts[i],
                columns={name: values[i] for name, values in whole.columns.items()},
            )
        assert len(writer) == 10
        assert not (tmp_path / "corpus").exists()
    written = Dataset.load(tmp_path / "corpus")
    assert written.description == whole.description
    assert written.transcripts.tolist() == whole.transcripts.tolist()
    for name in ("labels", "splits", "ids", "groups"):
        np.testing.assert_array_equal(getattr(written, name), getattr(whole, name))
    for name in columns:
        np.testing.assert_array_equal(written.columns[name], whole.columns[name])
    for name, rows in whole.features.items():
        np.testing.assert_array_equal(written.features[name].values, rows.values)
        np.testing.assert_array_equal(written.features[name].lengths, rows.lengths)


@pytest.mark.once
def test_a_modality_that_no_row_has(tmp_path):
    with DatasetWriter(tmp_path / "corpus", {"text": 3, "audio": 7}) as writer:
        writer.add(*ROW)
        writer.add({}, 1, "test")
    written = Dataset.load(tmp_path / "corpus")
    assert written.features["audio"].lengths.tolist() == [0, 0]
    assert written.arrays("train")[0]["audio"].shape == (1, 1, 7)
    assert written.labels.dtype == np.float32


@pytest.mark.once
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": {"text": [[1, np.nan, 1]]}}, "text of 'odd' holds 1 values that are NaN"),
        ({"features": {"text": np.ones((2, 4))}}, "text of 'odd': row 0 is 4 wide; expected 3"),
        ({"features": {"video": np.ones(3)}}, "row 'odd' has video; this data set is of text"),
        ({"label": np.inf}, "the label of 'odd' is inf"),
        ({"label": "good"}, "the label of 'odd' is 'good'; expected finite numbers"),
        ({"split": "dev"}, "the split of 'odd' is 'dev'; expected train, valid or test"),
        ({"id": "0"}, "ids must differ; '0' occurs twice"),
        ({"transcript": "yes"}, "row 'odd' has transcript; expected no columns"),
        ({"columns": {"speaker": "a"}}, "has speaker; expected no columns, as the first row has"),
    ],
)
def test_a_refused_row_leaves_no_trace(tmp_path, changes, message):
    with DatasetWriter(tmp_path / "corpus", {"text": 3}) as writer:
        writer.add(*ROW)
        row = {"features": {"text": np.ones((1, 3))}, "label": 0.0, "split": "train", "id": "odd"}
        with pytest.raises(ValueError, match=message):
            writer.add(**(row | changes))
        writer.add(*ROW)
    assert Dataset.load(tmp_path / "corpus").ids.tolist() == ["0", "1"]


def write(folder, *rows, error=None):
    with DatasetWriter(folder, {"text": 3}) as writer:
        for row in rows:
            writer.add(**dict(zip(("features", "label", "split"), ROW, strict=True)) | row)
        if error:
            raise error
    return writer


@pytest.mark.once
def test_a_failed_writer_leaves_what_was_there(tmp_path):
    folder = tmp_path / "corpus"
    writer = write(folder, {})
    with pytest.raises(KeyError):
        write(folder, {}, {}, error=KeyError())
    with pytest.raises(LeakError):
        write(folder, {"group": "a"}, {"group": "a", "split": "test"})
    with pytest.raises(ValueError, match="at least one row"):
        write(folder)
    assert len(Dataset.load(folder)) == 1
    assert list(tmp_path.iterdir()) == [folder]
    with pytest.raises(RuntimeError, match="add rows within the with block"):
        writer.add(*ROW)
