"""From a folder of clips or a table of texts and a few lines of TOML to an entry that works."""

import numpy as np
import pytest
from layer_test import to_numpy
from media import tone, write_sound
from typer.testing import CliRunner

from keras_mer import Predictor, zoo
from keras_mer.cli import app
from keras_mer.data import Dataset, read
from keras_mer.training import Recipe, train
from keras_mer.training.row_weights import row_weights
from keras_mer.training.suit import suited

CLIPS = """name = "pitch"
[data]
path = "clips"
options = { columns = { label = "heard" } }
format = "clips"
[model]
class = "CMMSF"
arguments = { features = { text = 3 }, units = 8, num_heads = 2, recurrent = false }
[training]
learning_rate = 0.01
"""


@pytest.fixture
def corpus(tmp_path):
    """24 tones of six speakers, low or high, with a table and a recipe of ten lines."""
    (tmp_path / "clips").mkdir()
    lines = ["clip,heard,speaker,trust"]
    for number in range(24):
        high = number % 2
        file = tmp_path / "clips" / f"{number}.wav"
        write_sound(file, tone(440 if high else 150, 0.3 + number / 100))
        lines.append(f"{file.name},{'high' if high else 'low'},s{number // 4},{number}")
    (tmp_path / "clips" / "labels.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "my.toml").write_text(CLIPS)
    return tmp_path


def command(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test_ten_lines_make_an_entry_that_loads_predicts_and_is_passed_on(corpus, monkeypatch):
    monkeypatch.setenv("KERAS_MER_HOME", str(corpus / "home"))
    monkeypatch.chdir(corpus)
    assert CLIPS.count("\n") == 10
    said = command("train", "my.toml", "--entry", "mine")
    assert "split: valid and test drawn by speaker, seed 0" in said
    metadata = zoo.metadata("./mine")
    assert metadata["split"] == "valid and test drawn by speaker, seed 0"
    assert metadata["label_names"] == ["high", "low"]
    assert metadata["features"]["audio"]["extractor"] == "keras-mer functionals 1"
    predicted = Predictor("./mine")(audio=["clips/0.wav", "clips/1.wav"])
    assert [each.label for each in predicted] == ["low", "high"]
    assert "classes" in command("evaluate", "./mine", "--data", "clips")
    assert "high" in command("card", "./mine")
    command("push", "./mine", corpus / "server")
    again = zoo.load("pitch", source=corpus / "server")
    for a, b in zip(again.weights, zoo.load("./mine").weights, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))


@pytest.mark.once
def test_an_entry_is_trained_further_on_clips(corpus, monkeypatch):
    """The sound is made as the entry heard it, and its scaling is kept."""
    monkeypatch.chdir(corpus)
    command("train", "my.toml", "--entry", "mine")
    (corpus / "further.toml").write_text(
        'name = "further"\n[data]\npath = "clips/labels.csv"\n[model]\nentry = "./mine"\n'
        "[training]\nepochs = 2\nfreeze_epochs = 1\n"
    )
    table = (corpus / "clips" / "labels.csv").read_text().replace("heard", "label")
    (corpus / "clips" / "labels.csv").write_text(table)
    run = train("further.toml", folder="run")
    mean = zoo.preprocessor("./mine").to_json()["mean"]
    assert run.preprocessor.to_json()["mean"] == mean


@pytest.mark.once
def test_a_table_of_texts_needs_no_clips(tmp_path):
    (tmp_path / "own.csv").write_text("text,label,speaker\nyes,1,a\nno,2,b\nwell,1,c\n")
    data = read(tmp_path / "own.csv")
    assert data.transcripts.tolist() == ["yes", "no", "well"]
    assert data.columns["speaker"].tolist() == ["a", "b", "c"]
    assert data.ids.tolist() == ["row 1", "row 2", "row 3"]
    named = read(tmp_path / "own.csv", columns={"group": "speaker", "transcript": "text"})
    assert named.groups.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="columns names speaker; what may have another name"):
        read(tmp_path / "own.csv", columns={"speaker": "group"})
    (tmp_path / "own.csv").write_text("words,label\nyes,1\n")
    with pytest.raises(ValueError, match="lacks the columns clip and transcript"):
        read(tmp_path / "own.csv")


@pytest.mark.once
def test_a_recipe_that_says_only_where_texts_are_reads_them_by_the_encoder(tmp_path):
    (tmp_path / "own.csv").write_text("text,label\n" + "yes,joy\nno,fear\n" * 10)
    recipe = Recipe.from_dict({"name": "own", "model": {"class": "CMMSF"}})
    found = suited(recipe, read(tmp_path / "own.csv"))
    assert found.data["text_encoder"]["extractor"] == "all-MiniLM-L6-v2"
    assert found.data["standardize"] == []
    assert found.model["arguments"] == {"outputs": 2, "activation": "softmax"}
    assert found.training["loss"] == "sparse_categorical_crossentropy"
    assert found.evaluation == {"protocol": "classes", "select": "ua"}


@pytest.mark.once
def test_rows_count_as_the_recipe_says():
    labels = [0, 0, 0, 1]
    data = Dataset(
        {},
        labels,
        ["train"] * 4,
        description={"label_names": ["calm", "angry"]},
        columns={"trust": ["1", "0.5", "0", "2"], "place": list("abcd")},
    )

    def weights(**training):
        wanted = row_weights({"class_weight": None, "sample_weight": None, **training}, data)
        return None if wanted is None else wanted.tolist()

    assert weights() is None
    assert weights(class_weight="balanced") == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert weights(class_weight={"angry": 3}) == [1, 1, 1, 3]
    assert weights(sample_weight="trust") == [1, 0.5, 0, 2]
    assert weights(sample_weight="trust", class_weight={"angry": 3}) == [1, 0.5, 0, 6]
    for training, message in (
        ({"class_weight": "even"}, "is \"balanced\", or a table such as .* received 'even'"),
        ({"class_weight": {"joy": 1}}, "names joy; the labels are calm, angry"),
        ({"class_weight": {"calm": -1}}, "class_weight must hold numbers of 0 or more"),
        ({"class_weight": {"calm": 0, "angry": 0}}, "every row .* has the weight 0"),
        ({"sample_weight": "weight"}, "names the column 'weight'; the data set has trust, place"),
        ({"sample_weight": "place"}, "the column place must hold numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            weights(**training)
    scores = Dataset({}, [0.5, 1.0], ["train"] * 2)
    with pytest.raises(ValueError, match="for labels that are classes; these are scores"):
        row_weights({"class_weight": "balanced", "sample_weight": None}, scores)


@pytest.mark.once
def test_a_row_of_weight_zero_teaches_nothing(tmp_path):
    """The clips of weight 0 have the wrong label, and all the others the right one."""
    rng = np.random.default_rng(0)
    wrong = np.arange(60) % 2 == 0
    right = rng.integers(2, size=60)
    said = np.where(wrong, 1 - right, right)
    features = {"audio": right[:, None] * 2.0 - 1, "text": rng.normal(size=(60, 2))}
    splits = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    said[40:] = right[40:]
    data = Dataset(features, said, splits, columns={"trust": np.where(wrong, 0.0, 1.0)})
    content = {
        "name": "trust",
        "model": {"class": "CMMSF", "arguments": {"units": 8, "num_heads": 2}},
        "training": {"epochs": 6, "learning_rate": 0.01, "sample_weight": "trust"},
    }
    run = train(Recipe.from_dict(content), data, folder=tmp_path / "run")
    assert run.valid["ua"] > 0.85
