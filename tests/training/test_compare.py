"""What a comparison promises: one protocol, nothing twice, the test part once, named errors."""

import json
from dataclasses import replace

import numpy as np
import pytest
from generated import RECIPE, dataset

from keras_mer.data import Dataset
from keras_mer.metrics import confidence_interval, holm, paired_test, report
from keras_mer.training import Recipe, compare, train
from keras_mer.training.constant_baseline import constant_baseline
from keras_mer.training.entrants import find_systems
from keras_mer.training.linear_baseline import linear_baseline
from keras_mer.training.shared_recipe import shared_recipe

pytestmark = pytest.mark.once

SHARED = Recipe.from_dict(
    {
        **RECIPE,
        "training": {**RECIPE["training"], "epochs": 2},
        "data": {"standardize": ["text", "audio"], "clip": 5.0},
    }
)


def grouped(rows=96, **options):
    """The generated data, four utterances to a video."""
    data = dataset(rows, **options)
    data.groups = np.array([f"video {row // 4:02}" for row in range(rows)])
    return data


def classes(rows=120, groups=True):
    """Three classes that a linear model tells apart, one step to an utterance."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, rows)
    middle = rng.normal(size=(3, 5)) * 3
    return Dataset(
        {"audio": middle[labels] + rng.normal(size=(rows, 5)), "video": rng.normal(size=(rows, 4))},
        labels,
        np.repeat(["train", "valid", "test"], rows // 3),
        groups=np.arange(rows) // 4 if groups else None,
        description={"name": "classes", "label_names": ["a", "b", "c"]},
    )


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A comparison, its folder and what it told."""
    folder, told = tmp_path_factory.mktemp("runs"), []
    done = compare(
        grouped(),
        ["mean", "linear", "early-fusion", SHARED],
        SHARED,
        seeds=(1, 2),
        folder=folder,
        on_epoch=lambda *report: told.append(report),
    )
    return done, folder, told


def test_every_system_has_its_runs_and_the_table_says_so(compared):
    done, _, told = compared
    assert [s.name for s in done.systems] == ["mean", "linear", "early-fusion", "generated"]
    assert [len(s.runs) for s in done.systems] == [1, 1, 2, 2]
    assert {(system, seed) for system, seed, *_ in told} == {
        (system, seed) for system in ("early-fusion", "generated") for seed in (1, 2)
    }
    table = done.to_markdown()
    for system in done.systems:
        assert f"| {system.name} | {system.parameters:,} | " in table
    assert done.systems[0].parameters == 1
    # Means and deviations of 10 features, and the intercept.
    assert done.systems[1].parameters in (11, 21)
    assert "24 utterances in 6 groups" in done.title
    assert "6 test groups are few" in table


def test_figures_are_those_of_the_predictions_on_disk(compared):
    done, folder, _ = compared
    kept = {}
    for system in done.systems:
        for run in system.runs:
            with np.load(folder / system.name / f"seed_{run['seed']}" / "predictions.npz") as file:
                figures = report(file["labels"], file["predicted"], "mosi")
                kept.setdefault(system.name, []).append(file["predicted"])
                labels, groups = file["labels"], file["groups"]
            assert figures == run["test"]
    runs = {name: each if len(each) == 2 else each * 2 for name, each in kept.items()}
    others = [system for system in done.systems if system.name != done.against]
    p = [paired_test(labels, runs[s.name], runs[done.against], groups, "mosi") for s in others]
    assert [system.p for system in others] == p
    assert [system.p_holm for system in others] == holm(p)
    for system in done.systems:
        assert system.interval == confidence_interval(labels, runs[system.name], groups, "mosi")


def test_the_reference_is_the_best_on_the_validation_part(compared):
    done, _, _ = compared
    valid = {system.name: np.mean(system.values("mae", "valid")) for system in done.systems}
    assert done.against == min(valid, key=valid.get)


def test_a_run_is_that_of_train(compared, tmp_path):
    done, _, _ = compared
    alone = train(SHARED, grouped(), seed=2, folder=tmp_path)
    assert done.systems[-1].runs[1]["valid"] == alone.valid


def test_what_is_finished_is_not_repeated_and_what_was_killed_goes_on(compared):
    done, folder, _ = compared

    def never(*report):
        raise AssertionError("trained again")

    arguments = (grouped(), ["mean", "linear", "early-fusion", SHARED], SHARED)
    again = compare(*arguments, seeds=(1, 2), folder=folder, on_epoch=never)
    assert again == done
    with pytest.raises(ValueError, match="seed_1 holds a run of another recipe, data set"):
        compare(grouped(seed=1), *arguments[1:], seeds=(1, 2), folder=folder)
    (folder / "early-fusion" / "seed_2" / "predictions.npz").unlink()
    assert compare(*arguments, seeds=(1, 2), folder=folder).to_markdown() == done.to_markdown()


def test_a_killed_run_goes_on(tmp_path):
    class KilledError(Exception):
        pass

    def kill(system, seed, epoch, figures):
        raise KilledError

    arguments = (grouped(), ["mean", "early-fusion"], SHARED)
    with pytest.raises(KilledError):
        compare(*arguments, seeds=[1], folder=tmp_path, on_epoch=kill)
    epochs = []
    compare(*arguments, seeds=[1], folder=tmp_path, on_epoch=lambda *r: epochs.append(r[2]))
    assert epochs == [2]


def test_the_test_part_chooses_nothing(tmp_path):
    data, other = grouped(), grouped()
    other.labels[other.splits == "test"] *= -1
    done = [
        compare(each, ["linear", "mean"], SHARED, seeds=[1], folder=tmp_path / str(i))
        for i, each in enumerate((data, other))
    ]
    for one, two in zip(*(each.systems for each in done), strict=True):
        assert one.values("mae", "valid") == two.values("mae", "valid")
        assert one.values("corr") == pytest.approx([-x for x in two.values("corr")], abs=1e-6)


def test_json_holds_every_run(compared, tmp_path):
    done, _, _ = compared
    folder = done.write(tmp_path / "out")
    content = json.loads((folder / "comparison.json").read_text())
    assert content["systems"][3]["runs"][1]["test"] == done.systems[3].runs[1]["test"]
    assert content["data"]["groups"] == 6
    assert content["versions"]["keras"]
    assert (folder / "comparison.md").read_text(encoding="utf-8") == done.to_markdown()


def test_without_a_recipe_the_data_say_what_is_done(tmp_path):
    data = classes()
    done = compare(data, ["majority", "linear"], seeds=[1], folder=tmp_path)
    assert done.protocol == "classes"
    assert done.select == "ua"
    assert done.against == "linear"
    majority, linear = done.systems
    assert majority.values("ua") == [pytest.approx(1 / 3)]
    assert linear.values("ua")[0] > 0.9
    assert "One seed says nothing" in done.to_markdown()
    shared = shared_recipe(data)
    assert shared.training["loss"] == "sparse_categorical_crossentropy"
    assert shared.data["standardize"] == ["audio", "video"]


def test_transcripts_are_read_by_the_text_encoder_where_there_are_no_features():
    data = Dataset({"audio": np.ones((3, 2))}, [0.0, 1, 2], ["train"] * 3, transcripts=list("abc"))
    shared = shared_recipe(data, protocol="mosi")
    assert shared.data["modalities"] == ["text", "audio"]
    assert shared.data["text_encoder"]["extractor"] == "all-MiniLM-L6-v2"
    assert shared.data["standardize"] == ["audio"]
    assert shared_recipe(data, ["audio"], "mosi").data["text_encoder"] is None


def test_folds_are_pooled_and_counted_alike(tmp_path):
    data = grouped()
    folded = replace(SHARED, data={**SHARED.data, "folds": {"by": "groups", "n_splits": 4}})
    done = compare(data, ["mean", "linear"], folded, seeds=(1, 2, 3, 4), folder=tmp_path)
    assert [len(system.runs) for system in done.systems] == [4, 4]
    assert done.data["rows"]["test"] == len(data)
    assert done.data["groups"] == 24
    low, high = done.systems[1].interval
    assert low < np.mean(done.systems[1].values("non0_acc2")) < high
    with pytest.raises(ValueError, match=r"each of the 4 folds must count alike: .* received 5"):
        compare(data, ["mean", "linear"], folded, seeds=range(1, 6), folder=tmp_path)


def test_constant_baseline_by_hand():
    data = classes()
    found, size = constant_baseline(SHARED, data)
    most = np.bincount(data.subset("train").labels).argmax()
    assert (found["test"].argmax(axis=1) == most).all()
    assert (found["test"].shape, size) == ((40, 3), 1)
    scores = dataset()
    found, _ = constant_baseline(SHARED, scores)
    np.testing.assert_allclose(found["valid"], scores.subset("train").labels.mean(), rtol=1e-6)


def test_linear_baseline_looks_at_deviations_and_past_what_is_missing():
    """Labels that are told by the deviation of text alone, with half of the audio missing."""
    rng = np.random.default_rng(0)
    labels = rng.uniform(-3, 3, 90).astype("float32")
    text = [rng.choice([-1, 1], (40, 1)) * (4 + label) for label in labels]
    audio = [rng.normal(size=(row % 2, 2)) for row in range(90)]
    splits = np.repeat(["train", "valid", "test"], 30)
    data = Dataset({"text": text, "audio": audio}, labels, splits)
    found, size = linear_baseline(SHARED, data)
    assert report(labels[splits == "test"], found["test"], "mosi")["corr"] > 0.99
    assert size == 3 + 1 + 1


PLAIN = Recipe.from_dict({**RECIPE, "name": "plain"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"systems": ["linear", "lnear"]}, "no system 'lnear'; did you mean 'linear'"),
        ({"systems": ["linear", "foalnet"]}, "foalnet: it predicts classes; the labels are scores"),
        ({"systems": ["linear", "linear"]}, "two systems are named linear"),
        ({"systems": ["linear"]}, "two systems or more are compared; received linear"),
        ({"systems": ["linear", PLAIN]}, r"plain: its \[data\] has standardize = \['audio'\]"),
        ({"against": "cmmsf"}, "against must be one of linear, mean; received 'cmmsf'"),
        ({"modalities": ["text", "gaze"]}, "text, gaze are asked for; the data set has"),
        ({"seeds": [1, 1]}, r"all different; received \[1, 1\]"),
        ({"protocol": "sims"}, "the recipe has the protocol 'mosi'; received 'sims'"),
        (
            {"modalities": ["text"], "systems": ["linear", "tfn"]},
            "tfn: .* expects 2 or more modalities",
        ),
    ],
)
def test_says_what_does_not_fit(change, message, tmp_path):
    options = {"systems": ["linear", "mean"], "recipe": SHARED, **change}
    with pytest.raises(ValueError, match=message):
        compare(grouped(), folder=tmp_path, **options)


def test_a_part_that_is_missing_is_drawn_and_named(tmp_path):
    data = grouped()
    whole = data.with_splits(np.where(data.splits == "valid", "train", data.splits))
    done = compare(whole, ["linear", "mean"], SHARED, folder=tmp_path)
    assert "valid drawn by group, seed 0" in done.title
    assert done.data["rows"]["valid"] > 0
    tested = data.with_splits(["test"] * len(data))
    with pytest.raises(ValueError, match=r"no train part .*train 0, valid 0"):
        compare(tested, ["linear", "mean"], SHARED, folder=tmp_path / "none")
    with pytest.raises(ValueError, match="received the modalities video"):
        compare(data, ["linear", "mean"], modalities=["video"], folder=tmp_path)


def test_entries_and_recipes_are_systems_too(tmp_path):
    (tmp_path / "own.toml").write_text(
        'name = "own"\nmodel.class = "TFN"\nevaluation.protocol = "mosi"'
    )
    found = find_systems(["cmmsf_mosi", tmp_path / "own.toml", "tfn"])
    assert [each.name for each in found] == ["cmmsf_mosi", "own", "tfn"]
    assert found[0].model["class"] == "CMMSF"


def test_warnings_of_few_and_of_lonely_groups(tmp_path):
    lonely = compare(
        classes(groups=False), ["majority", "linear"], seeds=[1], folder=tmp_path / "lonely"
    )
    assert "Every test utterance is a group of its own" in lonely.to_markdown()
    few = classes()
    few.groups = np.repeat([f"speaker {n}" for n in range(12)], 10)
    done = compare(few, ["majority", "linear"], seeds=[1], folder=tmp_path / "few")
    assert "With 4 test groups p is never less than 0.125" in done.to_markdown()
