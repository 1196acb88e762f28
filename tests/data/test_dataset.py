import numpy as np
import pytest

from keras_mer.data import Dataset, LeakError, Ragged


def small(**changes):
    arguments = {
        "features": {"text": np.ones((4, 2, 3))},
        "labels": [0.0, 1.0, 2.0, 3.0],
        "splits": ["train", "train", "valid", "test"],
    } | changes
    return Dataset(**arguments)


def test_arrays_are_right_padded_and_masked(ten_rows):
    inputs, labels = ten_rows.arrays("train")
    assert list(inputs) == ["text", "text_mask", "audio", "audio_mask"]
    assert inputs["text"].shape == (6, 9, 3)
    assert inputs["text"].dtype == np.float32
    assert inputs["text_mask"].dtype == bool
    assert inputs["text_mask"].sum(axis=1).tolist() == [1, 5, 2, 9, 3, 3]
    np.testing.assert_array_equal(inputs["text"][2, :2], ten_rows.features["text"][2])
    assert not inputs["text"][~inputs["text_mask"]].any()
    assert not inputs["audio_mask"][3].any()
    assert not inputs["audio"][3].any()
    np.testing.assert_array_equal(labels, ten_rows.labels[:6])


def test_max_length_keeps_the_first_steps(ten_rows):
    inputs, _ = ten_rows.arrays("train", max_length=4, modalities=["text"])
    assert list(inputs) == ["text", "text_mask"]
    np.testing.assert_array_equal(inputs["text"][3], ten_rows.features["text"][3][:4])


def test_a_modality_missing_everywhere_still_has_a_step():
    data = small(features={"text": np.ones((4, 2)), "audio": Ragged.from_list([None] * 4, 5)})
    inputs, _ = data.arrays(None)
    assert inputs["audio"].shape == (4, 1, 5)
    assert not inputs["audio_mask"].any()


def test_save_and_load_keep_everything(ten_rows, tmp_path):
    path = tmp_path / "ten.npz"
    ten_rows.save(path)
    loaded = Dataset.load(path)
    assert loaded.description == ten_rows.description
    assert loaded.transcripts.tolist() == ten_rows.transcripts.tolist()
    for name in ("ids", "groups", "splits", "labels"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(ten_rows, name))
    for name, rows in ten_rows.features.items():
        np.testing.assert_array_equal(loaded.features[name].values, rows.values)
        np.testing.assert_array_equal(loaded.features[name].offsets, rows.offsets)
    assert [file.name for file in tmp_path.iterdir()] == ["ten.npz"]
    with np.load(path, allow_pickle=False) as members:
        assert all(members[name].dtype.kind != "O" for name in members.files)


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: b"", lambda data: b"no"])
def test_a_damaged_file_is_one_clear_error(ten_rows, tmp_path, damage):
    path = tmp_path / "ten.npz"
    ten_rows.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"not a data set that Dataset\.save wrote"):
        Dataset.load(path)


def test_a_foreign_or_incomplete_npz_is_refused(ten_rows, tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, labels=np.ones(3))
    with pytest.raises(ValueError, match="not a data set that this version reads"):
        Dataset.load(path)
    ten_rows.save(path)
    with np.load(path) as file:
        members = {name: file[name] for name in file.files if name != "labels"}
    np.savez(path, **members)
    with pytest.raises(ValueError, match="'labels' is missing"):
        Dataset.load(path)
    with pytest.raises(FileNotFoundError, match="no data set at"):
        Dataset.load(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0.0, 1.0]}, "4 splits for 2 labels"),
        ({"labels": ["a"] * 4}, "labels must be numbers"),
        ({"labels": [0.0, 1.0, np.nan, 3.0]}, "labels holds 1 values that are NaN.*the first.*'2'"),
        (
            {"splits": ["train", "train", "dev", "test"]},
            "must be train, valid or test; received dev",
        ),
        ({"ids": ["a", "b", "a", "c"]}, "ids must differ; 'a' occurs twice"),
        ({"groups": ["a"]}, "1 groups for 4 labels"),
        ({"transcripts": ["a", None, "b", "c"]}, "transcripts must be 4 strings"),
        ({"features": {"text": np.ones((3, 2))}}, "text has 3 rows; the labels have 4"),
        ({"features": {"text": [[1.0], [1.0, 2.0], [1.0], [1.0]]}}, "text: row 1 is 2 wide"),
        ({"description": {"task": "ranking"}}, "task is 'ranking'"),
        ({"description": {"label_range": [-1, 1]}}, "2 labels lie outside the label_range"),
        ({"description": {"note": object()}}, "must be plain JSON"),
        ({"description": {"features": {"video": {}}}}, "names features for video"),
        ({"description": {"features": {"text": {"dimension": 5}}}}, "5 dimensions.*have 3"),
        ({"description": {"task": "classification"}}, "classification expects int labels"),
        (
            {"labels": [0, 1, 2, 0], "description": {"label_names": ["sad", "happy"]}},
            "class labels must be 0 to 1, or -1 for a row without one; received 0 to 2",
        ),
        ({"labels": [0, 1, -2, 0]}, "class labels must be 0 to any, or -1 .*; received -2 to 1"),
        ({"description": {"leaks": [{"modality": "text"}]}}, "a leak is a record of modality"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)


def test_numbers_that_are_not_are_refused_by_name():
    values = np.ones((4, 2, 3))
    values[2, 1, 0] = np.nan
    values[3, 0] = np.inf
    with pytest.raises(
        ValueError, match=r"text holds 4 values .* in 2 rows, the first of them 'c'"
    ):
        small(features={"text": values}, ids=list("abcd"))


def test_int_labels_are_classes():
    assert small(labels=[0, 1, 1, 0]).description["task"] == "classification"
    assert small(labels=[0, 1, 1, 0]).labels.dtype == np.int32
    assert small().description["task"] == "regression"


def test_groups_must_not_cross_splits():
    groups = ["a", "b", "b", "c"]
    with pytest.raises(LeakError, match="1 of 3 groups lie in more than one split, such as 'b'"):
        small(groups=groups)
    assert small(groups=groups, allow_leaks=True).counts["valid"] == 1


LEAK = {"modality": "text", "groups": ["a"], "reason": "made with the labels"}


def test_features_made_with_labels_are_for_training_only(tmp_path):
    description = {"leaks": [LEAK]}
    groups = ["a", "a", "b", "c"]
    clean = small(groups=groups, description=description)
    with pytest.raises(LeakError, match=r"text must not be .*made with the labels, and 2 of the 3"):
        clean.with_splits(["valid", "valid", "test", "train"])
    held_out = ["test", "test", "train", "train"]
    insisted = small(groups=groups, splits=held_out, description=description, allow_leaks=True)
    insisted.save(tmp_path / "leaky.npz")
    with pytest.raises(LeakError):
        Dataset.load(tmp_path / "leaky.npz")
    assert len(Dataset.load(tmp_path / "leaky.npz", allow_leaks=True)) == 4


def test_leaks_go_with_the_features_they_speak_of():
    clean = small(groups=["a", "a", "b", "c"], description={"leaks": [LEAK]})
    held_out = ["test", "test", "train", "train"]
    fresh = clean.with_features("text", np.zeros((4, 6)), {"extractor": "fresh"})
    assert fresh.with_splits(held_out).description["features"]["text"]["dimension"] == 6
    scaled = clean.with_features("text", clean.features["text"], derived=True)
    with pytest.raises(LeakError):
        scaled.with_splits(held_out)


def test_subset_and_without(ten_rows):
    valid = ten_rows.subset("valid")
    assert valid.ids.tolist() == ["row6", "row7"]
    assert valid.transcripts.tolist() == ["said 6", "said 7"]
    np.testing.assert_array_equal(valid.features["text"][0], ten_rows.features["text"][6])
    assert ten_rows.subset(ten_rows.labels > 0).counts == {"train": 1, "valid": 2, "test": 2}
    assert ten_rows.without("audio").modalities == ["text"]
    assert ten_rows.modalities == ["text", "audio"]
    with pytest.raises(ValueError, match="has the modalities text, audio; asked for video"):
        ten_rows.without("video")
    with pytest.raises(ValueError, match=r"'dev' has no rows; this data set has train 6"):
        ten_rows.arrays("dev")


def test_summary_prints_what_is_there(ten_rows, capsys):
    assert ten_rows.summary() is None
    printed = capsys.readouterr().out
    for word in ("ten: 10 rows, regression", "text", "1, 3, 9", "train", "valid"):
        assert word in printed


def test_a_class_of_minus_one_is_no_label(capsys):
    data = small(labels=[1, -1, 0, -1], description={"label_names": ["sad", "happy"]})
    assert data.labelled.tolist() == [True, False, True, False]
    assert data.only_labelled().ids.tolist() == ["0", "2"]
    assert data.only_labelled().labels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="a subset needs at least one row"):
        data.subset("test").only_labelled()
    data.summary()
    assert "unlabelled 1, happy 1" in capsys.readouterr().out
    scores = small(labels=[1, -1, 0, -1], description={"task": "regression"})
    assert scores.labelled.all()
    assert scores.only_labelled() is scores


COLUMNS = {"speaker": ["a", "a", "b", "c"], "vad": np.ones((4, 3)), "start": [0.0, np.nan, 1, 2]}


def test_columns_go_with_the_rows(tmp_path):
    data = small(columns=COLUMNS)
    data.save(tmp_path / "columns.npz")
    loaded = Dataset.load(tmp_path / "columns.npz").subset([3, 0])
    assert loaded.columns["speaker"].tolist() == ["c", "a"]
    assert loaded.columns["vad"].shape == (2, 3)
    assert loaded.columns["start"].tolist() == [2.0, 0.0]
    with pytest.raises(ValueError, match="column 'speaker' must be 4 numbers or strings"):
        small(columns={"speaker": ["a"]})
    with pytest.raises(ValueError, match=r"column 'x' must be 4 numbers or strings.*object"):
        small(columns={"x": [None, 1, 2, 3]})


@pytest.fixture
def spoken():
    """Twelve rows of four speakers in two sessions."""
    speakers = np.repeat(["Ses1F", "Ses1M", "Ses2F", "Ses2M"], 3)
    return Dataset(
        {"text": np.ones((12, 2))},
        [0, 1, 2] * 4,
        ["train"] * 12,
        groups=speakers,
        columns={"speaker": speakers, "session": [s[:4] for s in speakers]},
    )


def test_one_speaker_is_left_out_and_the_next_one_validates(spoken):
    folds = list(spoken.folds("speaker"))
    assert [fold.description["split_name"] for fold in folds][:2] == [
        "speaker Ses1F held out",
        "speaker Ses1M held out",
    ]
    for fold in folds:
        assert fold.counts == {"train": 6, "valid": 3, "test": 3}
        assert len(set(fold.groups[fold.splits == "test"])) == 1
    assert set(folds[0].groups[folds[0].splits == "valid"]) == {"Ses1M"}
    assert set(folds[3].groups[folds[3].splits == "valid"]) == {"Ses1F"}


def test_one_session_is_left_out(spoken):
    first, second = spoken.folds("session", valid=False)
    assert first.splits.tolist() == ["test"] * 6 + ["train"] * 6
    assert second.splits.tolist() == ["train"] * 6 + ["test"] * 6
    with pytest.raises(ValueError, match="2 folds of 2 values of session: expected 3 to 2"):
        next(spoken.folds("session"))


@pytest.mark.parametrize("labels", [[0, 1, 2] * 4, np.linspace(-1, 1, 12)])
def test_a_few_folds_hold_whole_groups_and_every_row_once(spoken, labels):
    data = Dataset(spoken.features, labels, spoken.splits, groups=spoken.groups)
    folds = list(data.folds(n_splits=2, valid=False))
    assert folds[0].description["split_name"] == "fold 1 of 2 by groups"
    tested = np.concatenate([fold.ids[fold.splits == "test"] for fold in folds])
    assert sorted(tested) == sorted(data.ids)


def test_folds_that_leak_or_do_not_exist_are_refused(spoken):
    inside = spoken.columns | {"half": [0, 1] * 6}
    data = Dataset(
        spoken.features, spoken.labels, spoken.splits, groups=spoken.groups, columns=inside
    )
    with pytest.raises(LeakError, match="lie in more than one split"):
        next(data.folds("half", valid=False))
    assert len(list(data.folds("half", valid=False, allow_leaks=True))) == 2
    with pytest.raises(ValueError, match="'actor': expected one of groups, speaker, session, half"):
        next(data.folds("actor"))


def test_frames_keep_their_shape(tmp_path):
    frames = [np.arange(24.0).reshape(2, 12), np.zeros((0, 12)), np.ones((1, 12))]
    described = {"features": {"video": {"shape": [2, 2, 3]}}}
    data = Dataset({"video": frames}, [0.0, 1.0, 2.0], ["train"] * 3, description=described)
    data.save(tmp_path / "frames")
    for each in (data, Dataset.load(tmp_path / "frames")):
        inputs, _ = each.arrays("train")
        assert inputs["video"].shape == (3, 2, 2, 2, 3)
        assert inputs["video"][0, 1, 1, 0].tolist() == [18, 19, 20]
        assert each.batches("train", 2)[0][0]["video"].shape == (2, 2, 2, 2, 3)
    described["features"]["video"]["shape"] = [2, 2, 4]
    with pytest.raises(ValueError, match=r"\[2, 2, 4\], which is 16 values; the features have 12"):
        Dataset({"video": frames}, [0.0, 1.0, 2.0], ["train"] * 3, description=described)
