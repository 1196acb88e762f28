import itertools

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from keras_mer.data import generate
from keras_mer.data.generate import SHAPES

pytestmark = pytest.mark.once


@pytest.mark.parametrize("like", list(SHAPES))
def test_the_shapes_are_those_of_the_corpus(like):
    data = generate(like, rows=60)
    shape = SHAPES[like]
    assert len(data) == 60
    for name, (most, dim) in shape.steps.items():
        assert data.features[name].dim == dim
        assert data.features[name].lengths.min() >= 1
        assert data.features[name].lengths.max() <= most
    assert all(data.counts.values())
    assert data.description["protocol"] == shape.protocol
    assert data.description["name"] == f"generated, like {like}"
    assert "nothing in them was ever said" in data.description["terms"]
    if shape.label_names:
        assert len(np.unique(data.labels)) == len(shape.label_names)
        assert data.columns["session"].shape == (60,)
    else:
        assert data.description["label_range"] == list(shape.label_range)


def test_as_many_rows_as_the_corpus_has():
    data = generate("meld", rows=None)
    assert data.counts == {"train": 9989, "valid": 1109, "test": 2610}
    assert np.bincount(data.labels).argmax() == 0


def test_the_seed_decides():
    first, again, other = (generate("mosi", 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.features["text"].values, again.features["text"].values)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)


def test_a_modality_may_be_missing():
    lengths = generate("mosi", 200, missing=0.5).features["audio"].lengths
    assert 0.3 < (lengths == 0).mean() < 0.7
    assert lengths.max() > 0


def probe(features, labels, held_out):
    model = RidgeCV(np.logspace(-2, 4, 13)).fit(features[~held_out], labels[~held_out])
    return r2_score(labels[held_out], model.predict(features[held_out]))


@pytest.mark.parametrize("like", ["mosi", "sims"])
def test_each_modality_and_their_interaction_can_be_learned(like):
    data = generate(like, rows=900, seed=3)
    held_out = data.splits == "test"
    cues = {}
    for name, rows in data.features.items():
        means = np.stack([row.mean(axis=0) for row in rows])
        assert probe(means, data.labels, held_out) > 0.08
        component = np.linalg.svd(means - means.mean(0), full_matrices=False)[0][:, 0]
        cues[name] = component / component.std()
    alone = np.stack(list(cues.values()), axis=1)
    products = [cues[a] * cues[b] for a, b in itertools.combinations(cues, 2)]
    together = np.column_stack([alone, *products])
    gained = probe(together, data.labels, held_out) - probe(alone, data.labels, held_out)
    assert probe(alone, data.labels, held_out) > 0.4
    assert gained > 0.1


def test_odd_wishes_are_refused():
    with pytest.raises(ValueError, match=r"like must be one of mosi, mosei, .*; received 'moud'"):
        generate("moud")
    with pytest.raises(ValueError, match="at least 6 rows; received 5"):
        generate(rows=5)
    with pytest.raises(ValueError, match="a share from 0 to 1; received 2"):
        generate(missing=2)
