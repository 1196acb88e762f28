"""`keras-mer explain`: the numbers and the pictures that the command promises."""

import csv
import json

import numpy as np
import pytest
from minilm import need_minilm
from tiny_predictor import CharacterEncoder, sums_model
from typer.testing import CliRunner

import keras_mer.predictor
from keras_mer.cli import app
from keras_mer.models import CMMSF, MSRG, DialogueModel
from keras_mer.predictor import Predictor

pytest.importorskip("matplotlib")

EMOTIONS = {"label_names": ["joy", "fear", "anger"]}
WIDTHS = {"text": 4, "audio": 3}


class SpellingEncoder(CharacterEncoder):
    def tokens(self, texts):
        return [list(text or "") for text in texts]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs the command with a model in place of the entry, and reads its numbers."""
    monkeypatch.chdir(tmp_path)

    def run(model, metadata, *arguments):
        predictor = Predictor(model, text_encoder=SpellingEncoder(), metadata=metadata)
        monkeypatch.setattr(keras_mer.predictor, "Predictor", lambda name: predictor)
        result = CliRunner().invoke(app, ["explain", "tiny", "--out", "n.json", *arguments])
        if result.exit_code:
            return result.stderr
        return json.loads((tmp_path / "n.json").read_text())

    return run


def test_letters_of_a_sum_have_their_own_part(run, tmp_path):
    found = run(sums_model(), {"label_range": [-3, 3]}, "--text", "ab", "--text", "c")
    assert found["what"] == "steps"
    text = [r for r in found["records"] if r["modality"] == "text"]
    assert [(r["row"], r["step"], r["name"]) for r in text] == [
        (1, 1, "a"),
        (1, 2, "b"),
        (2, 1, "c"),
    ]
    assert [r["adds"] for r in text] == pytest.approx([0.04, 0.08, 0.12])
    assert {path.name for path in tmp_path.glob("*.png")} == {"steps-1.png", "steps-2.png"}


def test_modalities_of_rows_in_a_file(run, tmp_path):
    rows = [{"text": "ab", "audio": [1, 1, 1]}, {"text": None, "audio": [[1, 1, 1]] * 2}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = run(sums_model(), {}, "--input", "rows.jsonl", "--what", "modalities")
    adds = {(r["row"], r["modality"]): r["adds"] for r in found["records"]}
    expected = {(1, "text"): 0.12, (1, "audio"): 3, (2, "text"): 0, (2, "audio"): 6}
    assert adds == pytest.approx(expected)
    assert (tmp_path / "modalities.png").is_file()


def test_a_class_may_be_chosen(run):
    model = CMMSF(WIDTHS, units=4, num_heads=2, outputs=3, activation="softmax")
    arguments = ("--text", "ab", "--what", "modalities")
    found = run(model, EMOTIONS, *arguments, "--label", "fear")
    assert {r["quantity"] for r in found["records"]} == {"probability of fear"}
    said = run(model, EMOTIONS, *arguments)["records"][0]
    assert said["prediction"] >= found["records"][0]["prediction"]
    assert "knows joy, fear, anger; received --label hope" in run(
        model, EMOTIONS, *arguments, "--label", "hope"
    )
    scores = run(sums_model(), {}, *arguments, "--label", "joy")
    assert "gives scores and no labels" in scores


def test_gates_of_classes_are_the_default_where_there_are_some(run, tmp_path):
    model = CMMSF(WIDTHS, units=4, num_heads=2, outputs=3, activation="softmax")
    found = run(model, EMOTIONS, "--text", "ab", "--picture", "deep/own.svg")
    assert found["what"] == "gates"
    assert [r["share"] for r in found["records"]] == pytest.approx([1, 0])
    assert (tmp_path / "deep" / "own.svg").is_file()


def test_attention_needs_two_modalities(run, tmp_path):
    model = CMMSF(WIDTHS, units=4, num_heads=2, outputs=3, activation="softmax")
    assert "row 1: no modality has another" in run(
        model, EMOTIONS, "--text", "ab", "--what", "attention"
    )
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": "abc", "audio": [[1, 1, 1]] * 2}))
    found = run(model, EMOTIONS, "--input", "rows.jsonl", "--what", "attention")
    weights = [r["weight"] for r in found["records"] if (r["modality"], r["name"]) == ("text", "b")]
    assert len(weights) == 2
    assert sum(weights) == pytest.approx(1)
    assert len(list(tmp_path.glob("attention-*.png"))) == 2


def test_gates_of_msrg_by_modality_and_step(run, tmp_path):
    model = MSRG(WIDTHS, steps=3, encoder_units=4, encoder_depth=1, units=4, memory_units=4)
    found = run(model, {}, "--text", "ab", "--text", "c", "--what", "gates")
    parts = [r for r in found["records"] if r["modality"]]
    assert [r["row"] for r in parts[:2]] == [1, 1]
    assert [r["share"] for r in parts[:2]] == pytest.approx([1, 0])
    assert [r["openness"] for r in parts[:2]] == pytest.approx([1, 0])
    steps = [r for r in found["records"] if r["direction"] == "backward"]
    assert [(r["row"], r["step"]) for r in steps] == [(n, s) for n in (1, 2) for s in (1, 2, 3)]
    assert all(0 < r["learns"] < 1 and -1 < r["remembers"] < 1 for r in steps)
    seen = run(model, {}, "--text", "ab", "--what", "attention")["records"]
    assert {(r["modality"], r["looks_at"]) for r in seen} == {("text", "text"), ("text", "joint")}
    assert max(r["other_feature"] for r in seen) == 4
    assert (tmp_path / "attention-text-joint.png").is_file()


def test_the_last_line_of_each_dialogue_is_explained_by_all(run, tmp_path):
    model = DialogueModel(WIDTHS, "DeepMSIMER", units=4, context_units=3, outputs=3)
    (tmp_path / "scenes.csv").write_text("text,scene\na,x\nb,x\nc,y\n")
    rows = ("--input", "scenes.csv", "--dialogue-column", "scene", "--text-column", "text")
    found = run(model, EMOTIONS, *rows, "--what", "steps")
    assert [(r["row"], r["name"]) for r in found["records"]] == [(2, "a"), (2, "b"), (3, "c")]
    assert {r["quantity"].split()[0] for r in found["records"]} == {"logit"}
    first = run(model, EMOTIONS, *rows, "--what", "steps", "--row", "1")
    assert [(r["row"], r["name"]) for r in first["records"]] == [(1, "a"), (1, "b")]
    parts = run(model, EMOTIONS, *rows, "--what", "modalities")
    assert [r["row"] for r in parts["records"]] == [2, 2, 3, 3]


def test_what_cannot_be_explained_is_said_in_one_line(run):
    model = sums_model()
    assert "row 2: the text is empty" in run(model, {}, "--text", "a", "--text", " ")
    assert "the rows 1 to 1; received --row 2" in run(model, {}, "--text", "a", "--row", "2")
    assert "no gates to read" in run(model, {}, "--text", "a", "--what", "gates")
    assert "give rows with" in run(model, {})
    assert "must end in .json or .csv" in run(model, {}, "--text", "a", "--out", "n.txt")


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "texts", "what", "names"),
    [
        ("msrg_mosi", ["It wasn't bad."], "steps", ["[CLS]", "it", "wasn", "'", "t", "bad", "."]),
        ("deepmsi_meld", ["Hi.", "I am so happy!"], "steps", ["Hi.", "I am so happy!"]),
    ],
)
def test_a_packaged_entry_explains_a_text(name, texts, what, names, tmp_path):
    need_minilm()
    given = [part for text in texts for part in ("--text", text)]
    out, picture = tmp_path / "numbers.csv", tmp_path / "steps.png"
    result = CliRunner().invoke(
        app, ["explain", name, *given, "--out", str(out), "--picture", str(picture)]
    )
    assert result.exit_code == 0, result.stderr
    with open(out, newline="") as file:
        records = [r for r in csv.DictReader(file) if r["modality"] == "text"]
    assert [r["name"] for r in records][: len(names)] == names
    assert np.isfinite([float(r["adds"]) for r in records]).all()
    assert picture.read_bytes().startswith(b"\x89PNG")
