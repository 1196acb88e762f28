"""Classifier and regressor on tables and sequences, in what scikit-learn does with them."""

import pickle
import random

import numpy as np
import pytest
from generated import WIDTHS, dataset
from layer_test import to_numpy
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import keras_mer
from keras_mer.data import Dataset, Preprocessor, generate
from keras_mer.data.leaks import LeakError
from keras_mer.estimators import KerasMERClassifier, KerasMERRegressor, Utterances
from keras_mer.models import CMMSF, DialogueModel
from keras_mer.zoo import load, preprocessor, save_entry

TWO = {"text": 4, "audio": 3}
SMALL = {"arguments": {"hidden_units": 8, "recurrent": []}, "random_state": 1, "epochs": 2}


def table(rows=60):
    """Two modalities, and a class that follows from the second."""
    X = np.random.default_rng(3).normal(size=(rows, 7))
    return X, np.where(X[:, 5] > 0, "joy", "anger")


def sequences(like="mosi", rows=60):
    data = generate(like, rows=rows)
    return Utterances(data.without("video") if "video" in data.modalities else data)


def classifier(**changed):
    return KerasMERClassifier(**{"modalities": TWO, **SMALL, **changed})


@pytest.mark.traced
def test_classes_are_learned_by_name():
    X, y = table(200)
    fitted = classifier(epochs=20, learning_rate=0.02).fit(X[:150], y[:150])
    assert fitted.classes_.tolist() == ["anger", "joy"]
    assert fitted.score(X[150:], y[150:]) > 0.8
    shares = fitted.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert set(fitted.predict(X)) == {"anger", "joy"}
    assert fitted.modalities_ == TWO


def test_a_random_state_gives_the_same_model_and_leaves_the_generators_alone():
    X, y = table()
    random.seed(7)
    np.random.seed(7)
    states = random.getstate(), np.random.get_state()[1].tolist()
    first = classifier().fit(X, y).predict_proba(X)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states
    np.testing.assert_array_equal(classifier().fit(X, y).predict_proba(X), first)
    other = classifier(random_state=2).fit(X, y).predict_proba(X)
    assert np.abs(other - first).max() > 1e-3


def test_a_fitted_estimator_can_be_pickled_and_a_clone_is_not_fitted():
    X, y = table()
    fitted = classifier().fit(X, y)
    read = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(read.predict_proba(X), fitted.predict_proba(X), rtol=1e-6)
    assert not hasattr(clone(fitted), "model_")
    assert clone(fitted).get_params() == fitted.get_params()


def test_any_number_of_rows_is_predicted_in_batches_of_one_shape(monkeypatch):
    X = sequences()
    fitted = KerasMERRegressor(**{**SMALL, "epochs": 1}).fit(X, X.labels)
    shapes, predict = set(), fitted.model_.predict_on_batch

    def seen(inputs):
        shapes.add(tuple(np.shape(inputs[name]) for name in sorted(inputs)))
        return predict(inputs)

    monkeypatch.setattr(fitted.model_, "predict_on_batch", seen)
    together = fitted.predict(X)
    apart = [fitted.predict(X[[row]])[0] for row in range(5)]
    np.testing.assert_allclose(apart, together[:5], rtol=1e-5, atol=1e-6)
    fitted.predict(X[:40])
    assert len(shapes) == 1


def test_sequences_are_cross_validated_by_speaker():
    X = sequences("meld", 80)
    y = np.array(X.dataset.description["label_names"])[X.labels]
    groups = X.groups("speaker")
    estimator = KerasMERClassifier(**{**SMALL, "epochs": 1})
    scores = cross_val_score(estimator, X, y, groups=groups, cv=GroupKFold(2))
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()
    held_out = next(GroupKFold(2).split(X, y, groups))[1]
    assert len(X[held_out]) == len(held_out)
    assert X[held_out].dataset.ids.tolist() == X.dataset.ids[held_out].tolist()


@pytest.mark.once
def test_arguments_are_searched_in_a_pipeline():
    X, y = table()
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=1))
    grid = {"kerasmerclassifier__learning_rate": [1e-3, 0.5]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["kerasmerclassifier__learning_rate"] in (1e-3, 0.5)
    assert search.predict(X[:3]).shape == (3,)


@pytest.mark.once
def test_a_modality_is_missing_where_all_of_it_is_nan():
    X, y = table()
    X[:10, :4] = np.nan
    fitted = classifier().fit(X, y)
    hidden = X.copy()
    hidden[:, :4] = np.nan
    assert np.isfinite(fitted.predict_proba(hidden)).all()
    X[12, 1] = np.nan
    with pytest.raises(ValueError, match=r"text is NaN in some columns of 1 rows, .* row 12"):
        fitted.predict(X)


@pytest.mark.once
def test_sequences_of_which_some_are_missing():
    data = generate("mosi", rows=40, missing=0.3).without("video")
    X = Utterances(data, "train")
    fitted = KerasMERRegressor(**SMALL).fit(X, X.labels)
    assert np.isfinite(fitted.predict(Utterances(data, "test"))).all()
    assert fitted.n_features_in_ == 768 + 5


@pytest.mark.once
def test_early_stopping_holds_out_whole_groups(monkeypatch):
    seen = {}

    def kept(self, labels, classes, groups, seed):
        seen["groups"], seen["splits"] = groups, splits(self, labels, classes, groups, seed)
        return seen["splits"]

    splits = KerasMERClassifier._splits
    monkeypatch.setattr(KerasMERClassifier, "_splits", kept)
    X, y = table()
    speakers = np.arange(60) // 6
    stopped = classifier(patience=1, epochs=30, learning_rate=0.3, validation_fraction=0.2)
    stopped.fit(X, y, groups=speakers)
    held_out = set(seen["groups"][seen["splits"] == "valid"])
    assert len(held_out) == 2
    assert not held_out & set(seen["groups"][seen["splits"] == "train"])
    assert len(stopped.history_["val_loss"]) < 30
    with pytest.raises(ValueError, match="whole groups, of which there is one"):
        stopped.fit(X, y, groups=np.zeros(60))


@pytest.mark.once
def test_weights_of_rows_and_classes_count():
    X = np.zeros((40, 7))
    y = np.repeat([0, 1], [30, 10])
    quick = {"standardize": False, "epochs": 30, "learning_rate": 0.05}
    plain = classifier(**quick).fit(X, y).predict_proba(X[:1])[0, 1]
    balanced = classifier(class_weight="balanced", **quick).fit(X, y).predict_proba(X[:1])[0, 1]
    weighted = classifier(**quick).fit(X, y, np.where(y == 1, 9.0, 1.0)).predict_proba(X[:1])[0, 1]
    assert plain == pytest.approx(0.25, abs=0.1)
    assert balanced == pytest.approx(0.5, abs=0.1)
    assert weighted == pytest.approx(0.75, abs=0.1)


@pytest.mark.once
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"system": "late-fusoin"}, "did you mean 'late-fusion'"),
        ({"system": "majority"}, "is no network"),
        ({"system": "DialogueModel"}, "is unknown"),
        ({"modalities": {"text": 7}}, "two modalities or more"),
        ({"modalities": {"text": 4, "audio": 4}}, "share out the 7 columns"),
        ({"learning_rate": 1e30, "epochs": 9}, "lower learning_rate"),
    ],
)
def test_what_cannot_be_is_named(changed, message):
    X, y = table()
    estimator = classifier(**{"arguments": None, **changed})
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


@pytest.mark.once
def test_what_scores_and_classes_are_for_is_named():
    X = np.zeros((6, 4))
    with pytest.raises(ValueError, match="'foalnet' is for classification alone"):
        KerasMERRegressor(system="foalnet").fit(X, np.arange(6.0))
    with pytest.raises(ValueError, match="received one class"):
        KerasMERClassifier().fit(X, np.ones(6))


@pytest.mark.once
def test_a_class_of_models_and_arguments_of_its_own():
    X, y = table()
    fitted = classifier(system="TFN", arguments={"hidden_units": 4, "recurrent": []}).fit(X, y)
    assert isinstance(fitted.model_, keras_mer.models.TFN)
    suited = classifier(system="lmf", arguments={"rank": 2}).fit(X, y)
    assert suited.model_.config["rank"] == 2
    assert suited.model_.config["hidden_units"] == {"text": 128, "audio": 32}


@pytest.mark.once
def test_utterances_are_indexed_as_scikit_learn_does():
    X = sequences()
    train, test = train_test_split(X, test_size=0.25, random_state=0)
    assert (len(train), len(test)) == (45, 15)
    assert len(X[X.labels > 0]) == (X.labels > 0).sum()
    assert len(X[3]) == 1
    assert X.groups().tolist() == X.dataset.groups.tolist()
    with pytest.raises(ValueError, match="no column 'actor'"):
        X.groups("actor")


@pytest.mark.once
def test_features_made_with_the_labels_are_refused():
    leak = {"modality": "text", "groups": ["1"], "reason": "made with the labels of training"}
    data = Dataset(
        {"text": np.ones((3, 2)), "audio": np.ones((3, 2))},
        [0, 1, 0],
        ["train"] * 3,
        description={"leaks": [leak]},
    )
    with pytest.raises(LeakError, match="made with the labels of training"):
        Utterances(data)
    assert len(Utterances(data.without("text"))) == 3
    assert len(Utterances(data, allow_leaks=True)[:2]) == 2


@pytest.mark.once
def test_estimators_stand_at_the_door():
    assert keras_mer.KerasMERClassifier is KerasMERClassifier
    assert keras_mer.estimators.KerasMERRegressor is keras_mer.KerasMERRegressor


@pytest.fixture
def entry(tmp_path):
    """A small one that tells two emotions apart and knows of a modality that no data here have."""
    model = CMMSF({**WIDTHS, "video": 3}, units=4, num_heads=2, outputs=2, activation="softmax")
    raw = dataset(seed=3)
    return save_entry(
        model,
        tmp_path / "emotions",
        preprocessor=Preprocessor.fit(raw),
        features={**raw.description["features"], "video": {"dimension": 3}},
        trained_modalities=list(WIDTHS),
        task="classification",
        label_names=["anger", "joy"],
    )


def weights_of(model, but=()):
    left = {id(w) for w in but}
    return [np.array(w) for w in map(to_numpy, (w for w in model.weights if id(w) not in left))]


@pytest.mark.parametrize("names", [("anger", "joy"), ("bored", "joy")])
def test_an_entry_is_trained_further(entry, names):
    X = Utterances(dataset())
    y = np.where(X.labels > 0, *names[::-1])
    further = KerasMERClassifier(entry=str(entry), epochs=1, freeze_epochs=1, learning_rate=1e-9)
    fitted = further.fit(X, y)
    assert np.abs(fitted.preprocessor_.mean["audio"] - preprocessor(entry).mean["audio"]).max() == 0
    published = load(entry)
    for mine, theirs in zip(
        weights_of(fitted.model_, fitted.model_.output_layer.weights),
        weights_of(published, published.output_layer.weights),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)
    heads = [to_numpy(m.output_layer.kernel) for m in (fitted.model_, published)]
    assert (np.abs(heads[0] - heads[1]).max() < 1e-6) == (names[0] == "anger")
    read = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(read.predict_proba(X), fitted.predict_proba(X), rtol=1e-5)


@pytest.mark.once
def test_after_the_head_everything_learns_at_its_rate(entry):
    X = Utterances(dataset().without("audio"))
    further = {"entry": str(entry), "epochs": 3, "random_state": 1, "patience": 5}
    fitted = KerasMERRegressor(**further, freeze_epochs=2, trunk_rate=0.5).fit(X, X.labels)
    assert len(fitted.history_["loss"]) == len(fitted.history_["val_loss"]) == 3
    assert not fitted.model_.trunk_frozen
    assert float(to_numpy(fitted.model_.optimizer.learning_rate)) == pytest.approx(5e-4)
    changed = zip(weights_of(fitted.model_), weights_of(load(entry)), strict=True)
    assert any(a.shape == b.shape and np.abs(a - b).max() > 1e-5 for a, b in changed)
    assert fitted.predict(X).shape == (96,)


@pytest.mark.once
def test_a_table_may_be_what_an_entry_reads(entry):
    X = np.random.default_rng(0).normal(size=(40, 10))
    y = np.where(X[:, 8] > 0, "joy", "calm")
    further = KerasMERClassifier(entry=str(entry), modalities=WIDTHS, epochs=2)
    assert clone(further).fit(X, y).predict_proba(X).shape == (40, 2)
    with pytest.raises(ValueError, match="text has the dimension 5; expected 6"):
        further.set_params(modalities={"text": 5, "audio": 5}).fit(X, y)
    with pytest.raises(ValueError, match="features of first, second: extract what the entry reads"):
        further.set_params(modalities=None).fit(X, y)
    with pytest.raises(ValueError, match="freeze_epochs holds the trunk of an entry"):
        KerasMERClassifier(freeze_epochs=1).fit(X, y)


@pytest.mark.once
def test_an_entry_that_reads_dialogues_is_refused(tmp_path):
    model = DialogueModel(WIDTHS, "MCIHN", units=4, context_units=3, outputs=2)
    folder = save_entry(model, tmp_path / "scenes", task="classification")
    X = Utterances(dataset())
    with pytest.raises(ValueError, match="reads dialogues, while the rows of an estimator"):
        KerasMERClassifier(entry=str(folder)).fit(X, X.labels > 0)
