"""What the cards of the published entries promise."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from minilm import need_minilm

from keras_mer import Predictor, zoo
from keras_mer.data import read_emodb, read_meld
from keras_mer.training import Recipe, evaluate, score_card
from keras_mer.training.suit import read_data
from keras_mer.zoo.resolve import entry_file, resolve

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", zoo.list_models())
def test_every_card_is_what_its_files_say(name, tmp_path):
    """Nobody has changed notes, figures or a picture and forgotten the card."""
    folder = Path(shutil.copytree(resolve(name).folder, tmp_path / name))
    zoo.verify(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    zoo.refresh_card(folder)
    assert {path: path.read_bytes() for path in before} == before
    for file in zoo.metadata(folder)["files"]:
        assert not file.endswith(".png") or f"]({file})" in str(zoo.card(folder))


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
    recipe = Recipe.read(entry_file(resolve("foalnet_ravdess"), "recipe.toml"))
    dataset = read_data(recipe, real_data / "ravdess/raw/au_mfcc.pkl")
    dataset = zoo.preprocessor("foalnet_ravdess").apply(dataset)
    figures = evaluate(zoo.load("foalnet_ravdess"), dataset, "test", metadata["protocol"])
    for name, given in metadata["metrics"].items():
        assert figures[name] == pytest.approx(given["values"][run], abs=1e-6), name


def test_classes_and_calibration_are_those_of_the_published_weights(real_data, tmp_path):
    before = zoo.metadata("foalnet_ravdess")["test_part"]
    folder = Path(shutil.copytree(resolve("foalnet_ravdess").folder, tmp_path / "a"))
    score_card(folder, data=real_data / "ravdess/raw/au_mfcc.pkl")
    after = zoo.metadata(folder)["test_part"]
    # The card has all seeds, whose weights but one are gone; theirs are among the clips.
    assert (np.array(after["confusion"]) <= np.array(before["confusion"])).all()
    assert np.sum(after["confusion"]) * len(zoo.metadata(folder)["seeds"]) == np.sum(
        before["confusion"]
    )
    accuracy = np.trace(after["confusion"]) / after["clips"]
    metadata = zoo.metadata(folder)
    run = metadata["seeds"].index(metadata["published_seed"])
    assert accuracy == pytest.approx(metadata["metrics"]["wa"]["values"][run], abs=1e-6)


def test_lines_in_their_scenes_score_as_the_card_says(real_data):
    """From raw text through the tuned encoder and the dialogue, as a user would."""
    need_minilm()
    metadata = zoo.metadata("deepmsi_meld")
    run = metadata["seeds"].index(metadata["published_seed"])
    test = read_meld(real_data / "meld").subset("test")
    predictions = Predictor("deepmsi_meld")(
        text=list(test.transcripts), dialogue=list(test.columns["dialogue"])
    )
    names = metadata["label_names"]
    right = [names.index(p.label) == y for p, y in zip(predictions, test.labels, strict=True)]
    assert np.mean(right) == pytest.approx(metadata["metrics"]["wa"]["values"][run], abs=2e-3)
