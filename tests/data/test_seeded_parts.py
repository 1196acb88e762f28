"""Parts that a data set lacks."""

import numpy as np
import pytest

from keras_mer.data import Dataset, LeakError, Ragged, read
from keras_mer.data.seeded_parts import with_seeded_parts

LEAK = {"modality": "video", "groups": [f"g{i}" for i in range(8)], "reason": "made with labels"}


def spoken(**options):
    """Forty rows of ten groups, the last two of which are the test part."""
    groups = [f"g{i // 4}" for i in range(40)]
    rows = Ragged.from_list([np.full((1 + i % 3, 2), i) for i in range(40)])
    given = {
        "features": {"audio": np.ones((40, 3)), "video": rows},
        "labels": np.arange(40.0),
        "splits": ["train"] * 32 + ["test"] * 8,
        "groups": groups,
        "description": {"leaks": [LEAK], "split_name": "theirs"},
    }
    return Dataset(**{**given, **options})


@pytest.mark.once
def test_parts_are_drawn_by_group_by_speaker_or_by_class():
    labels = np.arange(60) % 3
    rows = {"audio": np.ones((60, 1))}
    speakers = [f"s{i // 5}" for i in range(60)]
    by = {
        "group": Dataset(rows, labels, ["train"] * 60, groups=speakers),
        "speaker": Dataset(rows, labels, ["train"] * 60, columns={"speaker": speakers}),
        "row": Dataset(rows, labels, ["train"] * 60),
    }
    for name, data in by.items():
        parts = with_seeded_parts(data)
        assert parts.description["split_name"] == f"valid and test drawn by {name}, seed 0"
        assert with_seeded_parts(data).splits.tolist() == parts.splits.tolist()
        assert with_seeded_parts(data, 1).splits.tolist() != parts.splits.tolist()
        held = set(np.array(speakers)[parts.splits != "train"])
        if name != "row":
            assert not held & set(np.array(speakers)[parts.splits == "train"])
            continue
        for part in ("valid", "test"):
            assert np.bincount(labels[parts.splits == part]).tolist() == [3, 3, 3]
    kept = by["row"].with_splits(["train"] * 40 + ["test"] * 20)
    parts = with_seeded_parts(kept)
    assert (parts.splits[40:] == "test").all()
    assert parts.description["split_name"] == "valid drawn by row, seed 0"
    assert with_seeded_parts(parts) is parts
    two = Dataset({}, [0.0, 1.0], ["train"] * 2, groups=["a", "b"])
    with pytest.raises(ValueError, match="too few groups to draw from: 2"):
        with_seeded_parts(two)


@pytest.mark.once
def test_what_knows_the_labels_of_drawn_rows_is_missing_there():
    data = spoken()
    parts = with_seeded_parts(data)
    video, held = parts.features["video"], parts.splits == "valid"
    assert held.sum() == 8
    assert parts.description["split_name"] == "theirs, valid drawn by group, seed 0"
    assert "video is missing in 8 rows that were drawn" in parts.description["cautions"][-1]
    assert not video.lengths[held].any()
    for row in np.flatnonzero(~held):
        np.testing.assert_array_equal(video[row], data.features["video"][row])
    assert (parts.features["audio"].lengths == 1).all()
    assert parts.description["features"]["video"] == data.description["features"]["video"]
    insisted = with_seeded_parts(spoken(allow_leaks=True))
    assert (insisted.features["video"].lengths > 0).all()


@pytest.mark.once
def test_rows_with_nothing_else_are_refused():
    with pytest.raises(LeakError, match="video must not be used with this split"):
        with_seeded_parts(spoken().without("audio"))
    words = with_seeded_parts(spoken(transcripts=["yes"] * 40).without("audio"))
    assert not words.features["video"].lengths[words.splits == "valid"].any()


@pytest.mark.once
def test_the_split_of_bc_lstm_gets_a_validation_part(real_data):
    parts = with_seeded_parts(read(real_data / "mosi", split="bclstm"))
    held = parts.splits == "valid"
    assert parts.counts == {"train": 1211, "valid": 236, "test": 752}
    assert [int(parts.features[m].lengths[held].sum()) for m in parts.modalities] == [0, 236, 0]
    assert len(parts.description["cautions"]) == 2
