import pickle

import numpy as np
import pytest

from keras_mer.data import LeakError, load_pickle, read, read_mmsa, read_mult
from keras_mer.data._pickled_splits import CORPORA

pytestmark = pytest.mark.once

ROWS = {"train": 3, "valid": 2, "test": 2}
CLASSES = np.array([0, 1, 2])
NAMES = np.array(["Negative", "Neutral", "Positive"])


def padded(generator, rows, time, dim, lengths, front=False):
    """Steps without a zero among them, with zeros after or before the real ones."""
    array = generator.uniform(1, 2, (rows, time, dim)).astype("float32")
    for row, length in zip(array, lengths, strict=True):
        row[: time - length if front else 0] = 0
        row[time if front else length :] = 0
    return array


def mmsa(aligned, single=False, name="v{0}$_${1}"):
    """A feature file of MMSA; row `r` has `r + 1` real steps, in audio and video twice as many."""
    generator = np.random.default_rng(0)
    content = {}
    for split, rows in ROWS.items():
        lengths = np.arange(rows) + 1
        mask = (np.arange(6) < lengths[:, np.newaxis]).astype("float32")
        classes = CLASSES[np.arange(rows) % 3]
        part = {
            "raw_text": np.array([f"said {r}" for r in range(rows)]),
            "id": [name.format(split, r) for r in range(rows)],
            "text": padded(generator, rows, 6, 8, lengths),
            "text_bert": np.stack([mask, mask, 0 * mask], axis=1),
            "annotations": NAMES[classes].tolist(),
            "classification_labels": classes.astype("float32"),
            "regression_labels": classes.astype("float32") - 1,
        }
        steps = 1 if aligned else 2
        for modality, dim in (("audio", 4), ("vision", 5)):
            part[modality] = padded(generator, rows, 6 * steps, dim, steps * lengths)
            if not aligned:
                part[f"{modality}_lengths"] = (steps * lengths).tolist()
        if single:
            part |= {f"regression_labels_{letter}": np.full(rows, 0.2) for letter in "TAV"}
        content[split] = part
    return content


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "features.pkl"
        path.write_bytes(pickle.dumps(content, 4))
        return path

    return save


def test_text_beyond_its_tokens_is_padding_whatever_stands_there(saved):
    content = mmsa(True)
    for part in content.values():
        part["text"] += 1
    data = read_mmsa(saved(content), corpus="mosi")
    assert data.features["text"].lengths.tolist() == [1, 2, 3, 1, 2, 1, 2]


@pytest.mark.parametrize("aligned", [True, False])
def test_aligned_and_unaligned_files(saved, aligned):
    data = read_mmsa(saved(mmsa(aligned)), corpus="mosi")
    assert data.modalities == ["text", "audio", "video"]
    assert data.counts == ROWS
    lengths = np.array([1, 2, 3, 1, 2, 1, 2])
    assert data.features["text"].lengths.tolist() == lengths.tolist()
    for name, dim in (("audio", 4), ("video", 5)):
        assert data.features[name].lengths.tolist() == (lengths * (1 if aligned else 2)).tolist()
        assert data.features[name].dim == dim
        assert data.features[name].values.all()
    assert data.labels.tolist() == [-1, 0, 1, -1, 0, -1, 0]
    assert data.ids[1] == "vtrain_1"
    assert set(data.groups) == {"vtrain", "vvalid", "vtest"}
    assert data.transcripts[0] == "said 0"
    assert (data.description["name"], data.description["protocol"]) == ("CMU-MOSI", "mosi")


def test_padding_in_front_goes_too(saved):
    content = mmsa(True)
    for part in content.values():
        rows = len(part["id"])
        generator = np.random.default_rng(1)
        del part["text_bert"]
        for modality in ("text", "audio", "vision"):
            lengths = np.arange(rows) + 1
            part[modality] = padded(generator, rows, 6, 3, lengths, front=True)
        part["vision"][0] = 0
    data = read_mmsa(saved(content), corpus="mosei")
    assert data.features["text"].lengths.tolist() == [1, 2, 3, 1, 2, 1, 2]
    assert data.features["text"].values.all()
    assert data.features["video"].lengths.tolist() == [0, 2, 3, 0, 2, 0, 2]


def test_classes_and_the_labels_of_single_modalities(saved):
    path = saved(mmsa(False, single=True, name="{0}/{1}"))
    data = read(path, task="classification", corpus="sims")
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert data.description["label_names"] == ["negative", "neutral", "positive"]
    scores = read_mmsa(path, corpus="sims")
    assert scores.columns["label_text"].tolist() == pytest.approx([0.2] * 7)
    assert set(scores.columns) == {"label_text", "label_audio", "label_video"}
    assert "by clip" in scores.description["cautions"][0]


def test_a_split_that_shares_videos_is_refused_unless_the_caller_insists(saved):
    path = saved(mmsa(True, name="video_0001/{0}{1}"))
    with pytest.raises(LeakError, match=r"'video_0001' in test, train, valid.*allow_leaks=True"):
        read_mmsa(path, corpus="sims")
    assert len(read_mmsa(path, corpus="sims", allow_leaks=True)) == 7


def test_the_corpus_is_told_by_its_size(saved, monkeypatch):
    path = saved(mmsa(True))
    with pytest.raises(ValueError, match=r"has 7 rows, which none .* \(mosi 2199, .*corpus="):
        read_mmsa(path)
    monkeypatch.setitem(CORPORA, "mosi", CORPORA["mosi"].__class__("small", 7, (-3, 3), "mosi"))
    assert read(path).description["name"] == "small"
    with pytest.raises(ValueError, match=r"corpus must be one of mosi, .*; received 'moud'"):
        read_mmsa(path, corpus="moud")


def test_infinite_values_become_zero_and_are_counted(saved):
    content = mmsa(True)
    content["test"]["audio"][0, 0, :2] = -np.inf
    data = read_mmsa(saved(content), corpus="mosi")
    assert data.description["cautions"] == [
        "2 values of audio that are NaN or infinite were set to 0"
    ]
    assert np.isfinite(data.features["audio"].values).all()


def test_other_files_are_refused(saved):
    with pytest.raises(ValueError, match=r"not of this format: expected train, .*; it has the key"):
        read_mmsa(saved({"train": {"labels": [1]}}))
    with pytest.raises(ValueError, match="task must be one of regression, classification"):
        read_mmsa(saved(mmsa(True)), task="ranking")
    content = mmsa(False)
    content["test"]["audio_lengths"].pop()
    with pytest.raises(
        ValueError, match=r"audio has \[3, 2, 2\] rows in its parts, but \[3, 2, 1\]"
    ):
        read_mmsa(saved(content), corpus="mosi")
    content["test"]["regression_labels"] = content["test"]["regression_labels"][:1]
    with pytest.raises(ValueError, match=r"regression_labels has the shape \(6,\) .* expected 7"):
        read_mmsa(saved(content), corpus="mosi")
    content = mmsa(True)
    content["test"]["audio"] = content["test"]["audio"][..., :3]
    with pytest.raises(ValueError, match=r"audio has the shapes .* expected the same time and dim"):
        read_mmsa(saved(content), corpus="mosi")
    del content["train"]["vision"], content["train"]["audio"], content["train"]["text"]
    with pytest.raises(ValueError, match="has none of text, audio, vision"):
        read_mmsa(saved(content), corpus="mosi")


def test_limits_are_the_callers(saved):
    path = saved(mmsa(True))
    content = load_pickle(path, max_bytes=10**6)
    path.unlink()
    assert len(read_mmsa(path, corpus="mosi", content=content)) == 7


def mult(labels, ids=True):
    generator = np.random.default_rng(0)
    return {
        split: {
            "text": padded(generator, rows, 5, 3, np.arange(rows) + 2, front=True),
            "audio": padded(generator, rows, 5, 2, np.arange(rows) + 2, front=True),
            "vision": padded(generator, rows, 5, 4, np.arange(rows) + 2, front=True),
            "labels": labels(rows),
            **({"id": [[f"{split}v".encode(), str(r), "9"] for r in range(rows)]} if ids else {}),
        }
        for split, rows in ROWS.items()
    }


def test_the_pickles_of_mult(saved):
    path = saved(mult(lambda rows: np.full((rows, 1, 1), 1.5)))
    data = read(path, corpus="mosi")
    assert data.counts == ROWS
    assert data.labels.tolist() == [1.5] * 7
    assert data.ids[1] == "trainv_1"
    assert data.groups[0] == "trainv"
    assert data.features["text"].lengths.tolist() == [2, 3, 4, 2, 3, 2, 3]


def test_the_four_yes_or_no_labels_of_mults_iemocap(saved):
    labels = np.eye(2)[np.array([[1, 0, 0, 1]])]
    data = read_mult(saved(mult(lambda rows: np.repeat(labels, rows, axis=0), ids=False)))
    assert data.labels.shape == (7, 4)
    assert data.labels[0].tolist() == [1, 0, 0, 1]
    assert data.description["label_names"] == ["neutral", "happy", "sad", "angry"]
    with pytest.raises(ValueError, match=r"labels have the shape \(7, 3\); expected \(7, 1, 1\)"):
        read_mult(saved(mult(lambda rows: np.zeros((rows, 3)))))
