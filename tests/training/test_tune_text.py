"""What users of a tuned text encoder rely on: it learns, it is kept whole, and goes everywhere."""

import numpy as np
import pytest
from minilm import need_minilm

from keras_mer import zoo
from keras_mer.data import Dataset
from keras_mer.predictor import Predictor
from keras_mer.training import Recipe, publish, train_seeds

TUNING = {"first_layer": 6, "rank": 2, "epochs": 2, "batch_size": 8, "learning_rate": 0.01}
RECIPE = {
    "name": "tuned",
    "data": {"text_encoder": {"layers": [6]}},
    "text_tuning": TUNING,
    "model": {
        "class": "CMMSF",
        "arguments": {"features": {"audio": 3}, "units": 4, "num_heads": 2, "recurrent": False},
    },
    "training": {"learning_rate": 0.01, "batch_size": 8, "epochs": 1},
    "evaluation": {"protocol": "mosi"},
}
WORDS = {-2.0: "I hate this", -1.0: "rather bad", 1.0: "rather good", 2.0: "I love this"}


class KilledError(Exception):
    pass


@pytest.fixture(autouse=True)
def minilm(monkeypatch, tmp_path):
    need_minilm()
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path / "home"))


def recipe(**tuning):
    return Recipe.from_dict({**RECIPE, "text_tuning": {**TUNING, **tuning}})


def dataset():
    """24 short texts whose words say the label."""
    labels = np.array([*WORDS] * 6)
    texts = [
        f"{WORDS[label]} {'film song book'.split()[row % 3]}" for row, label in enumerate(labels)
    ]
    splits = ["train"] * 16 + ["valid"] * 4 + ["test"] * 4
    description = {"name": "generated", "protocol": "mosi", "label_range": [-3, 3]}
    return Dataset({}, labels, splits, transcripts=texts, description=description)


def test_a_tuned_entry_scores_raw_texts(tmp_path):
    data = dataset()
    result = train_seeds(recipe(), data, (1, 2), tmp_path / "runs")
    folder = publish(result, tmp_path / "tuned")
    best = result.best
    metadata = zoo.metadata(folder)
    assert metadata["files"]["text_adapters.safetensors"]["sha256"] == best.text_adapters.digest
    assert metadata["features"]["text"]["adapters"] == best.text_adapters.digest
    assert len({run.text_adapters.digest for run in result.runs}) == 2
    predictor = Predictor(str(folder))
    texts = list(data.subset("valid").transcripts)
    scores = [prediction.score for prediction in predictor(text=texts)]
    assert np.mean(np.abs(scores - data.subset("valid").labels)) == pytest.approx(
        best.valid["mae"], abs=1e-5
    )
