import pickle

import numpy as np
import pytest

from keras_mer.data import LeakError, read, read_conv_emotion

pytestmark = pytest.mark.once


def turns(value, counts):
    """What each dialogue has, turn by turn."""
    return {name: [value(name, turn) for turn in range(count)] for name, count in counts.items()}


IEMOCAP = {"Ses01F_impro01": 3, "Ses02M_script01": 2, "Ses05F_impro02": 2}
MELD = {0: 2, 10: 1, 2: 3}


def of_iemocap(width=4):
    def vector(name, turn):
        return np.full(width, turn, dtype="float32")

    return (
        turns(lambda name, turn: f"{name}_F{turn:03}", IEMOCAP),
        turns(lambda name, turn: "MF"[turn % 2], IEMOCAP),
        turns(lambda name, turn: turn, IEMOCAP),
        turns(vector, IEMOCAP),
        turns(vector, IEMOCAP),
        turns(vector, IEMOCAP),
        turns(lambda name, turn: f"said {turn}", IEMOCAP),
        {"Ses01F_impro01", "Ses02M_script01"},
        {"Ses05F_impro02"},
    )


def of_meld(video=False):
    speakers = turns(lambda name, turn: [0] * turn + [1] + [0] * (8 - turn), MELD)
    features = [turns(lambda name, turn: np.ones(5) * turn, MELD) for _ in range(3 if video else 2)]
    return (
        turns(lambda name, turn: turn, MELD),
        speakers,
        turns(lambda name, turn: 6 - turn, MELD),
        *features,
        turns(lambda name, turn: f"said {turn}", MELD),
        [0, 10],
        [2],
        turns(lambda name, turn: turn, MELD),
    )


def roberta(sentiments):
    layers = [turns(lambda name, turn, k=k: np.full(3, k + turn), MELD) for k in range(4)]
    emotions = turns(lambda name, turn: turn, MELD)
    return (
        turns(lambda name, turn: [0, 1], MELD),
        emotions,
        *([emotions] if sentiments else []),
        *layers,
        turns(lambda name, turn: "said", MELD),
        [0],
        [2],
        [10],
    )


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "features.pkl"
        path.write_bytes(pickle.dumps(content, 2))
        return path

    return save


def test_the_features_of_iemocap(saved):
    data = read(saved(of_iemocap()))
    assert data.modalities == ["text", "audio", "video"]
    assert data.counts == {"train": 5, "valid": 0, "test": 2}
    assert data.ids[0] == "Ses01F_impro01_F000"
    assert data.columns["speaker"][:2].tolist() == ["Ses01M", "Ses01F"]
    assert data.columns["session"].tolist() == ["Ses01"] * 3 + ["Ses02"] * 2 + ["Ses05"] * 2
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert data.features["text"][2].tolist() == [[2.0] * 4]
    assert data.description["protocol"] == "iemocap6"


def test_text_that_knows_the_training_dialogues_must_not_be_tested_on_them(saved):
    data = read(saved(of_iemocap()))
    with pytest.raises(LeakError, match=r"text must not be used with this split.*trained on the"):
        list(data.folds("session"))
    assert len(list(data.without("text").without("video").folds("session"))) == 3


@pytest.mark.parametrize("video", [False, True])
def test_the_features_of_meld(saved, video):
    path = saved(of_meld(video))
    data = read_conv_emotion(path)
    assert data.modalities == ["text", "audio", "video"][: 3 if video else 2]
    assert data.groups.tolist() == ["0", "0", "2", "2", "2", "10"]
    assert data.labels.tolist() == [6, 5, 6, 5, 4, 6]
    assert data.columns["speaker"].tolist() == ["0", "1", "0", "1", "2", "0"]
    assert data.ids[-1] == "10_0"
    sentiment = read_conv_emotion(path, labels="sentiment")
    assert sentiment.labels.tolist() == [0, 1, 0, 1, 2, 0]
    assert sentiment.description["label_names"] == ["neutral", "positive", "negative"]


@pytest.mark.parametrize("sentiments", [False, True])
def test_the_layers_of_roberta_are_averaged(saved, sentiments):
    data = read(saved(roberta(sentiments)))
    assert data.counts == {"train": 2, "valid": 1, "test": 3}
    assert data.features["text"][1].tolist() == [[2.5] * 3]


def test_other_contents_are_refused(saved):
    with pytest.raises(ValueError, match="holds a list of 2; conv-emotion writes one of"):
        read_conv_emotion(saved([1, 2]))
    broken = list(of_iemocap())
    broken[3]["Ses02M_script01"].pop()
    with pytest.raises(ValueError, match="'Ses02M_script01' has 1 text for 2 emotions"):
        read_conv_emotion(saved(broken))
    odd = of_iemocap()
    odd[2]["Ses02M_script01"] = None
    with pytest.raises(ValueError, match="layout of this format, but not the values: TypeError"):
        read_conv_emotion(saved(odd))
    with pytest.raises(TypeError, match="unexpected keyword argument 'split'"):
        read_conv_emotion(saved(odd), split="official")
    uneven = of_iemocap()
    uneven[3]["Ses02M_script01"][0] = np.ones(9)
    with pytest.raises(ValueError, match="text is of different widths"):
        read_conv_emotion(saved(uneven))
    with pytest.raises(ValueError, match="labels must be one of emotion, sentiment"):
        read_conv_emotion(saved(of_meld()), labels="joy")
