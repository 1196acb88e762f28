import numpy as np
import pytest

from keras_mer.explain import draw_calibration, draw_confusion

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
