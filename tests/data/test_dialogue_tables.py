import shutil

import numpy as np
import pytest

from keras_mer.data import LeakError, read, read_emorynlp, read_meld

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def joined(real_data):
    with np.load(real_data / "meld/meld_text.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("labels", ["emotion", "sentiment"])
def test_meld(real_data, joined, labels):
    data = read_meld(real_data / "meld", labels)
    assert data.counts == {"train": 9989, "valid": 1109, "test": 2610}
    dialogues = [len(np.unique(data.groups[data.splits == s])) for s in ("train", "valid", "test")]
    assert dialogues == [1038, 114, 280]
    names = np.array(data.description["label_names"])
    np.testing.assert_array_equal(names[data.labels], joined[f"{labels}_names"][joined[labels]])
    assert data.transcripts.tolist() == joined["text"].tolist()
    for name, column in (("speaker", "speaker"), ("utterance_id", "position")):
        np.testing.assert_array_equal(data.columns[column], joined[name])
    for name in ("season", "episode", "start", "end"):
        np.testing.assert_allclose(data.columns[name], joined[name])


def test_meld_says_that_its_parts_share_people(real_data):
    data = read(real_data / "meld", "meld")
    assert data.description["protocol"] == "meld"
    assert "characters" in data.description["cautions"][0]
    with pytest.raises(LeakError, match="lie in more than one split"):
        next(data.folds("speaker", n_splits=5))


def test_emorynlp(real_data):
    data = read_emorynlp(real_data)
    assert data.counts == {"train": 7551, "valid": 954, "test": 984}
    scenes = [len(np.unique(data.groups[data.splits == s])) for s in ("train", "valid", "test")]
    assert scenes == [659, 89, 79]
    assert len(data.description["label_names"]) == 7
    assert data.columns["speaker"][0] == "Monica Geller"
    assert "Chandler Bing, Joey Tribbiani" in data.columns["speaker"]


def test_a_folder_of_both_asks_which(real_data):
    with pytest.raises(ValueError, match="several data sets: meld, emorynlp; choose one with form"):
        read(real_data / "meld")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Dialogue_ID", "Dialogue", "dev_sent_emo.csv lacks the columns Dialogue_ID; it has Sr No"),
        (",neutral,neutral,", ",bored,neutral,", "dev.* has the Emotion 'bored'; expected one of"),
        (",Phoebe,", ",Phoebe,,,", r"line \d+ has not the 11 cells"),
        (",0,0,4,7,", ",0,zero,4,7,", "Utterance_ID must be whole numbers"),
    ],
)
def test_an_odd_file_is_one_clear_sentence(real_data, tmp_path, old, new, message):
    shutil.copytree(real_data / "meld/raw/data/MELD", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "dev_sent_emo.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_meld(tmp_path)


def test_missing_and_undecodable_files(real_data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no MELD in .*expected train_sent_emo"):
        read_meld(tmp_path)
    with pytest.raises(FileNotFoundError, match="no EmoryNLP in"):
        read_emorynlp(tmp_path)
    with pytest.raises(ValueError, match="labels must be one of emotion, sentiment"):
        read_meld(real_data, "joy")
    (tmp_path / "train_sent_emo.csv").write_bytes(b"Utterance,Speaker\n\xff\xfe,x\n")
    with pytest.raises(ValueError, match="not a CSV file in UTF-8"):
        read_meld(tmp_path)
