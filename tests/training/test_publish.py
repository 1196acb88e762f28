import json

import numpy as np
import pytest
from generated import dataset, train_and_publish

from keras_mer import zoo
from keras_mer.training import (
    Predicted,
    evaluate,
    score_card,
)
from keras_mer.training.card_figures import card_figures

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs, their folder, and the entry that they make."""
    folder = tmp_path_factory.mktemp("runs")
    result, entry = train_and_publish(folder, (1, 2))
    return result, folder / "runs", entry


def test_seeds_make_an_entry_that_loads(runs):
    result, _, folder = runs
    model = zoo.load(folder)
    figures = evaluate(model, zoo.preprocessor(folder).apply(dataset()), "test", "mosi")
    published = result.runs.index(result.best)
    assert figures["mae"] == pytest.approx(result.values("mae")[published], abs=1e-6)
    metadata = zoo.metadata(folder)
    assert metadata["trained_modalities"] == ["text", "audio"]
    assert metadata["modalities"] == ["text", "audio", "video"]
    assert metadata["metrics"]["mae"]["mean"] == pytest.approx(np.mean(result.values("mae")))
    assert (folder / "log" / "seed_1.jsonl").exists()
    assert "not trained" in str(zoo.card(folder))
    zoo.verify(folder)


def test_the_predictions_of_every_seed_are_kept(runs):
    result, folder, _ = runs
    test = dataset().subset("test")
    for seed, run in zip((1, 2), result.predicted, strict=True):
        kept = Predicted.read(folder / f"seed_{seed}" / "predictions.npz")
        np.testing.assert_array_equal(kept.ids, test.ids)
        np.testing.assert_array_equal(kept.labels, test.labels)
        np.testing.assert_array_equal(kept.predictions, run.predictions)
        error = abs(kept.predictions.reshape(-1) - kept.labels.reshape(-1)).mean()
        assert error == pytest.approx(result.values("mae")[seed - 1], abs=1e-6)
    np.savez(folder / "other.npz", ids=[1])
    with pytest.raises(ValueError, match="lacks labels, predictions"):
        Predicted.read(folder / "other.npz")


def test_a_card_is_made_again_from_the_kept_predictions(runs):
    result, kept, folder = runs
    pytest.importorskip("matplotlib")
    part = zoo.metadata(folder)["test_part"]
    assert part["seeds"] == [1, 2]
    assert part["clips"] == len(dataset().subset("test"))
    assert (folder / "calibration.png").read_bytes().startswith(b"\x89PNG")
    score_card(folder, data=dataset())
    alone = zoo.metadata(folder)["test_part"]
    assert alone["seeds"] == [result.best.seed]
    assert "deviation" not in alone["calibration"]["slope"]
    assert f"the published seed ({result.best.seed}) alone" in str(zoo.card(folder))
    score_card(folder, runs=kept)
    again = zoo.metadata(folder)["test_part"]
    assert again.pop("command") == "keras-mer card zoo/generated --refresh --runs DIR"
    assert json.dumps(again) == json.dumps(part)
    zoo.verify(folder)


def test_predictions_of_something_else_are_refused(runs, tmp_path):
    _, kept, folder = runs
    other = dataset(seed=1)
    before = (folder / "metadata.json").read_bytes()
    with pytest.raises(ValueError, match=r"of seed \d have a .*; the card says"):
        score_card(folder, data=other)
    with pytest.raises(FileNotFoundError, match=r"seed_1.predictions.npz, .*seed_2"):
        score_card(folder, runs=tmp_path)
    with pytest.raises(ValueError, match=r"either data, .* or runs"):
        score_card(folder)
    with pytest.raises(ValueError, match=r"either data, .* or runs"):
        score_card(folder, data=other, runs=kept)
    assert (folder / "metadata.json").read_bytes() == before
    own = zoo.save_entry(zoo.load(folder), tmp_path / "own")
    with pytest.raises(ValueError, match="lacks published_seed, seeds, protocol"):
        score_card(own, data=other)


def test_figures_of_classes_are_over_seeds_and_the_confusion_is_of_all():
    ids, labels = np.array(["a", "b", "c", "d"]), np.array([0, 0, 1, 1])
    right, wrong = np.eye(2)[labels], np.eye(2)[1 - labels]
    part = card_figures(
        {1: Predicted(ids, labels, right), 2: Predicted(ids, labels, wrong)}, ["no", "yes"], True
    )
    assert part["clips"] == 4
    assert part["confusion"] == [[2, 2], [2, 2]]
    no = part["classes"][0]
    assert (no["class"], no["support"]) == ("no", 2)
    assert no["recall"] == {"mean": 0.5, "deviation": pytest.approx(np.sqrt(0.5))}
    assert part["calibration"]["error"]["mean"] == pytest.approx(0.5)
    assert part["calibration"]["bins"] == [{"confidence": 1.0, "accuracy": 0.5, "share": 1.0}]


def test_every_clip_of_the_folds_counts_once():
    folds = {
        seed: Predicted(np.array([f"{seed}a", f"{seed}b"]), np.array([0, 1]), np.eye(2))
        for seed in (1, 2, 3)
    }
    part = card_figures(folds, None, True)
    assert part["clips"] == 6
    assert [(each["class"], each["support"]) for each in part["classes"]] == [("0", 3), ("1", 3)]


def test_logits_are_turned_into_probabilities_first():
    logits = np.log([[0.8, 0.2], [0.3, 0.7]]) + 5
    run = Predicted(np.array(["a", "b"]), np.array([0, 1]), logits)
    part = card_figures({1: run}, None, True)
    assert part["calibration"]["error"] == {"mean": pytest.approx(0.25)}


def test_scores_of_several_outputs_have_no_calibration():
    run = Predicted(np.array(["a"]), np.zeros((1, 2)), np.zeros((1, 2)))
    assert "calibration" not in card_figures({1: run}, None, False)
