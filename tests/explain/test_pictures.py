import numpy as np
import pytest

from keras_mer.explain import (
    ShapleyValues,
    draw_attention,
    draw_calibration,
    draw_class_errors,
    draw_confusion,
    draw_shapley,
    draw_time_steps,
)
from keras_mer.explain._words import together

pytestmark = pytest.mark.once
NAMES = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib")


def drawn(path):
    """Whether it is a picture that has its place on a card: small, and some columns wide."""
    content = path.read_bytes()
    width = int.from_bytes(content[16:20], "big")
    return content.startswith(b"\x89PNG") and len(content) < 60_000 and 300 < width < 1000


def test_a_confusion_is_drawn_with_a_class_that_never_occurs(tmp_path):
    counts = RNG.integers(0, 40, (8, 8))
    counts[3] = 0
    assert drawn(draw_confusion(counts, NAMES, tmp_path / "confusion.png", "five runs"))
    assert drawn(draw_confusion([[3, 1], [0, 2]], ["no", "yes"], tmp_path / "two.png"))


@pytest.mark.parametrize("confusion", [np.ones((2, 3)), np.ones((3, 3)), []])
def test_a_confusion_has_a_row_and_a_column_per_name(tmp_path, confusion):
    with pytest.raises(ValueError, match="for 2 label names; expected one row"):
        draw_confusion(confusion, ["no", "yes"], tmp_path / "confusion.png")


def test_calibration_is_drawn_of_probabilities_and_of_scores(tmp_path):
    probabilities = RNG.dirichlet([1] * 8, size=90)
    labels = RNG.integers(0, 8, 90)
    assert drawn(draw_calibration(labels, probabilities, tmp_path / "a.png", "RAVDESS"))
    scores = RNG.normal(size=(90, 1))
    assert drawn(draw_calibration(scores + 1, scores, tmp_path / "b.png"))
    assert drawn(draw_calibration([1.0], [0.5], tmp_path / "one.png"))
    with pytest.raises(ValueError, match="is no distribution"):
        draw_calibration(labels, RNG.normal(size=(90, 8)), tmp_path / "c.png")


def letters(path):
    """What is written in a .svg, whose letters stay letters."""
    import re

    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


PIECES = ["[CLS]", "it", "did", "##n", "'", "t", "move", "me", "[SEP]"]


def test_words_stand_beside_the_sum_of_their_pieces(tmp_path):
    values = {"text": np.arange(9) / 10, "audio": np.ones(200), "video": [0.5]}
    path = draw_time_steps(
        values,
        tmp_path / "steps.svg",
        names={"text": PIECES},
        seconds={"audio": 0.01},
        quantity="probability of joy",
        sums=(1.0, 205.0),
        title="a title",
    )
    written = letters(path)
    assert {"didn't", "+1.40", "[SEP]", "time, s", "whole clip", "a title"} <= set(written)
    assert "adds to the probability of joy" in written
    assert "no features 1.00, all bars +204.10, not accounted for \N{MINUS SIGN}0.10" in written


def test_of_many_words_those_that_matter_are_shown_in_their_order(tmp_path):
    names = [f"word{place}" for place in range(60)]
    path = draw_time_steps({"text": np.arange(60.0)}, tmp_path / "s.svg", {"text": names})
    written = letters(path)
    assert "text, 40 of 60 words" in written
    assert [name for name in written if name.startswith("word")] == names[20:]


def test_steps_without_a_name_each_or_without_any_step_are_refused(tmp_path):
    with pytest.raises(ValueError, match="text has 2 steps and 1 names"):
        draw_time_steps({"text": [1, 2]}, tmp_path / "s.png", {"text": ["a"]})
    with pytest.raises(ValueError, match="no step to draw"):
        draw_time_steps({"text": []}, tmp_path / "s.png")


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ("i ' ve said ' no '", ["i've", "said", "'", "no", "'"]),
        ("do ##gs ' toys", ["dogs", "'", "toys"]),
        ("##s first", ["##s", "first"]),
        ("", []),
    ],
)
def test_words_are_put_together(pieces, words):
    found = together(pieces.split())
    assert [word for word, _ in found] == words
    assert [place for _, places in found for place in places] == list(range(len(pieces.split())))


def test_a_prediction_is_split_among_modalities(tmp_path):
    values = {"text": np.array([0.5, 0.0]), "audio": np.array([-0.25, 0.3])}
    found = ShapleyValues(values, np.array([0.1, 0.1]), np.array([0.35, 0.4]), np.array([0, 1]))
    quantities = ["probability of joy", "probability of fear"]
    written = letters(draw_shapley(["one", "two"], found, tmp_path / "s.svg", quantities))
    assert {"+0.50", "\N{MINUS SIGN}0.25", "0.35", "nothing", "probability"} <= set(written)
    assert set(quantities) <= set(written)
    with pytest.raises(ValueError, match=r"shape \(2,\) for 1 labels"):
        draw_shapley(["one"], found, tmp_path / "s.png")


def test_attention_is_drawn_with_words(tmp_path):
    table = RNG.dirichlet(np.ones(4), 3)
    written = letters(draw_attention(table, tmp_path / "a.svg", ["a", "b", "c"]))
    assert {"a", "b", "c", "steps of text", "attention, %"} <= set(written)
    assert drawn(draw_attention(RNG.dirichlet(np.ones(17), 60), tmp_path / "long.png"))
    features = draw_attention(table - 0.5, tmp_path / "f.svg", between="features")
    assert {"features of text", "features of audio", "correlation, %"} <= set(letters(features))
    with pytest.raises(ValueError, match="3 steps have 2 names"):
        draw_attention(table, tmp_path / "a.png", ["a", "b"])
    with pytest.raises(ValueError, match=r"received the shape \(4,\)"):
        draw_attention(np.ones(4), tmp_path / "a.png")


def test_errors_of_each_class_are_drawn_even_of_one_that_never_occurs(tmp_path):
    counts = [[9, 1, 0], [2, 8, 0], [0, 0, 0]]
    written = letters(draw_class_errors(counts, ["no", "yes", "never"], tmp_path / "c.svg"))
    assert {"no (10)", "never (0)", "precision", "recall", "F1"} <= set(written)
    with pytest.raises(ValueError, match="for 2 label names"):
        draw_class_errors(counts, ["no", "yes"], tmp_path / "c.png")
