"""The systems that a comparison knows by name."""

import pytest

from keras_mer.data import generate
from keras_mer.training import SYSTEMS
from keras_mer.training.entrants import enter
from keras_mer.training.shared_recipe import shared_recipe


@pytest.mark.parametrize("like", ["mosi", "iemocap"])
def test_all_systems_take_data_of_these_shapes(like):
    data = generate(like, rows=30)
    two = [m for m in data.modalities if m != "video"]
    entered, left_out = enter(None, shared_recipe(data, two), data)
    scores = like == "mosi"
    absent = {"foalnet", "deepmsimer"} if scores else set()
    assert set(left_out) == absent
    assert {e.name for e in entered} == set(SYSTEMS) - absent - {"majority" if scores else "mean"}
    assert all(e.parameters for e in entered if not e.baseline)
    _, left_out = enter(None, shared_recipe(data), data)
    assert ("it predicts classes" if scores else "two modalities") in left_out["foalnet"]
