import pytest

from keras_mer.data import LeakError, read, read_clips

pytestmark = pytest.mark.once


@pytest.fixture
def corpus(tmp_path):
    """Writes a table, and the clips a.mp4 to d.mp4 that it may name."""
    for name in "abcd":
        (tmp_path / f"{name}.mp4").touch()

    def write(text):
        (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
        return tmp_path

    return write


FULL = """clip,label,split,group,transcript,place
a.mp4,joy,train,anna,"yes, please",home
b.mp4,grief,train,anna,no,home
c.mp4,joy,dev,bert,ja,work
d.mp4,joy,test,cleo,非常好,work
"""


def test_a_table_with_everything(corpus):
    folder = corpus(FULL)
    data = read(folder)
    assert data.counts == {"train": 2, "valid": 1, "test": 1}
    assert data.description["label_names"] == ["grief", "joy"]
    assert data.labels.tolist() == [1, 0, 1, 1]
    assert data.groups.tolist() == ["anna", "anna", "bert", "cleo"]
    assert data.transcripts.tolist() == ["yes, please", "no", "ja", "非常好"]
    assert data.columns["file"][0] == str(folder / "a.mp4")
    assert data.columns["place"].tolist() == ["home", "home", "work", "work"]
    assert data.modalities == []


def test_numbers_are_scores_unless_they_are_said_to_be_classes(corpus):
    folder = corpus("clip,label\na.mp4,1\nb.mp4,3\n")
    assert read_clips(folder).description["task"] == "regression"
    classes = read_clips(folder / "labels.csv", task="classification")
    assert classes.description["label_names"] == ["1", "3"]
    assert classes.labels.tolist() == [0, 1]


def test_in_a_dialogue_an_utterance_may_have_no_label(corpus):
    data = read_clips(corpus("clip,label,dialogue\na.mp4,joy,x\nb.mp4,,x\nc.mp4,grief,y\n"))
    assert data.description["label_names"] == ["grief", "joy"]
    assert data.labels.tolist() == [1, -1, 0]
    assert data.dialogues.tolist() == ["x", "x", "y"]


def test_groups_are_held_out_where_the_table_has_no_splits(corpus):
    folder = corpus("clip,label,group\na.mp4,1,x\nb.mp4,2,y\nc.mp4,3,z\n")
    assert read_clips(folder, valid=["y"], test=["z"]).splits.tolist() == ["train", "valid", "test"]
    assert len(list(read_clips(folder).folds())) == 3
    with pytest.raises(ValueError, match="test names the groups w; there are x, y, z"):
        read_clips(folder, test=["w"])
    with pytest.raises(ValueError, match="has its own splits; valid and test are for"):
        read_clips(corpus(FULL), test=["anna"])


def test_a_speaker_in_two_parts_is_refused_unless_the_caller_insists(corpus):
    folder = corpus(FULL.replace("bert", "anna"))
    with pytest.raises(LeakError, match="'anna' in train, valid"):
        read(folder)
    assert len(read(folder, allow_leaks=True)) == 4


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("clip,label\na.mp4,joy\ne.mp4,joy\n", {}, r"names 1 clips that are not there.*e\.mp4"),
        ("clip,label\na.mp4,1\nb.mp4,\n", {}, "line 3: the label is empty"),
        ("clip,label\na.mp4,joy\nb.mp4,\n", {}, "label is empty.*with a column dialogue: give"),
        ("clip,label,dialogue\na.mp4,1,x\nb.mp4,,x\n", {}, "line 3: the label is empty"),
        ("clip,label\na.mp4,1\nb.mp4,x\n", {"task": "regression"}, "line 3: the label 'x' is not"),
        ("clip,label,split\na.mp4,1,part\n", {}, "line 2: the split is 'part'; expected train,"),
        ("clip,label\na.mp4,1\n", {"task": "ranking"}, "regression or classification; received"),
        ("clip,score\na.mp4,1\n", {}, "lacks the columns label; it has clip, score"),
        ("clip,label\na.mp4,1,2\n", {}, "line 2 has not the 2 cells"),
        ("clip,label\na.mp4,1\na.mp4,2\n", {}, r"ids must differ; 'a\.mp4' occurs twice"),
    ],
)
def test_odd_tables_are_one_clear_sentence(corpus, text, options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_clips(corpus(text), **options)


def test_which_table_must_be_clear(corpus):
    folder = corpus(FULL)
    (folder / "other.csv").write_text("a,b\n")
    with pytest.raises(FileNotFoundError, match="has 2 CSV files; expected one with"):
        read_clips(folder)
    assert len(read_clips(folder / "labels.csv")) == 4
