"""What the cards of the published entries promise."""

import json

import numpy as np
import pytest

from keras_mer import Predictor, zoo
from keras_mer.data import read_emodb, read_ravdess
from keras_mer.training import evaluate
from keras_mer.zoo.entry import CONFIG
from keras_mer.zoo.resolve import entry_file, resolve

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", ["foalnet_ravdess", "mcihn_mosi"])
def test_an_entry_saved_before_an_argument_came_has_its_default(name):
    entry = resolve(name)
    assert "modality_dropout" not in json.loads(entry_file(entry, CONFIG).read_text())["config"]
    model = zoo.load(entry.folder)
    assert model.get_config()["modality_dropout"] == 0.0
    assert model.count_params() == entry.metadata["parameters"]


def test_raw_recordings_of_unheard_speakers_score_as_the_card_says(real_data):
    metadata = zoo.metadata("cmmsf_emodb")
    run = metadata["published_seed"] - 1
    fold = list(read_emodb(real_data / "emodb").folds("speaker", 5))[run].subset("test")
    predictions = Predictor("cmmsf_emodb")(audio=list(fold.columns["file"]))
    names = metadata["label_names"]
    right = [names.index(p.label) == y for p, y in zip(predictions, fold.labels, strict=True)]
    assert np.mean(right) == pytest.approx(metadata["metrics"]["wa"]["values"][run], abs=1e-6)


def test_unseen_actors_score_as_the_card_says(real_data):
    metadata = zoo.metadata("foalnet_ravdess")
    run = metadata["published_seed"] - 1
    dataset = read_ravdess(real_data / "ravdess/raw/au_mfcc.pkl", audio_width=259)
    fold = zoo.preprocessor("foalnet_ravdess").apply(list(dataset.folds("actor", 5))[run])
    figures = evaluate(zoo.load("foalnet_ravdess"), fold, "test", metadata["protocol"])
    for name, given in metadata["metrics"].items():
        assert figures[name] == pytest.approx(given["values"][run], abs=1e-6), name
