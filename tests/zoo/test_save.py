"""Entries of one's own."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from generated import text_adapters

from keras_mer import zoo

FEATURES = {"text": 4, "audio": 3}


def content(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_an_entry_is_complete_and_plain(tiny, tmp_path):
    recipe, log = tmp_path / "r.toml", tmp_path / "log.csv"
    recipe.write_text("seed = 1\n")
    log.write_text("epoch,loss\n")
    folder = zoo.save_entry(
        tiny(FEATURES),
        tmp_path / "entries" / "tiny_mosi",
        data="mosi",
        protocol="mosi",
        seeds=range(3),
        metrics={"mae": [0.5, 0.7, np.float32(0.6)], "acc2": 0.8},
        label_range=(-3, 3),
        licence="Apache-2.0",
        recipe=recipe,
        files={"log/seed_1.csv": log},
        extra={"leaks": []},
    )
    metadata = zoo.metadata(folder)
    assert set(metadata["files"]) == {
        *("config.json", "model.weights.h5", "recipe.toml", "log/seed_1.csv", "README.md")
    }
    assert metadata["metrics"]["mae"]["mean"] == pytest.approx(0.6)
    assert metadata["metrics"]["mae"]["deviation"] == pytest.approx(0.1)
    assert metadata["metrics"]["acc2"] == {"mean": 0.8}
    assert metadata["modalities"] == metadata["trained_modalities"] == ["text", "audio"]
    assert metadata["features"]["audio"] == {"dimension": 3}
    assert metadata["seeds"] == [0, 1, 2]
    assert metadata["parameters"] == 28
    assert metadata["versions"]["backend"] == keras.backend.backend()
    assert [path.name for path in folder.parent.iterdir()] == ["tiny_mosi"]
    zoo.verify(folder)


def test_what_the_optimizer_remembers_is_not_saved(tiny, tmp_path):
    model = tiny(FEATURES)
    fresh = zoo.save_entry(model, tmp_path / "fresh")
    model.compile("adam", "mse")
    x = {name: np.ones((2, 3, dim), "float32") for name, dim in FEATURES.items()}
    model.fit(x, np.zeros((2, 1), "float32"), verbose=0)
    trained = zoo.save_entry(model, tmp_path / "trained")
    size = {p: (p / "model.weights.h5").stat().st_size for p in (fresh, trained)}
    assert size[fresh] == size[trained]
    np.testing.assert_allclose(
        zoo.load(trained).predict(x, verbose=0), model.predict(x, verbose=0), 1e-6
    )


def test_an_entry_is_replaced_only_if_asked(tiny, tmp_path):
    folder = zoo.save_entry(tiny(FEATURES), tmp_path / "a")
    (folder / "loss.png").write_bytes(b"a picture")
    (folder / "own.py").write_text("stays, and is no part of the entry")
    before = content(folder)
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        zoo.save_entry(tiny(FEATURES), folder)
    assert content(folder) == before
    zoo.save_entry(tiny(FEATURES, units=9), folder, weights=False, overwrite=True)
    assert set(zoo.metadata(folder)["files"]) == {"config.json", "README.md", "loss.png"}
    assert not (folder / "model.weights.h5").exists()
    assert (folder / "own.py").exists()
    zoo.verify(folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "../a"}, "name of an entry"),
        ({"files": {"../a.csv": "x"}}, "could lead out"),
        ({"files": {"a.pkl": "x"}}, "no place in an entry"),
        ({"files": {"config.json": "x"}}, "writes config.json itself"),
        ({"extra": {"data": 1, "name": "x"}}, "extra names name"),
        ({"extra": {"x": object()}}, "plain JSON; received a object"),
        ({"metrics": {"mae": [0.1, float("nan")]}}, "mae needs a finite mean"),
        ({"trained_modalities": ["video"]}, "names video; the model reads text, audio"),
        ({"features": {"text": {}, "video": {}}}, "received features for text, video"),
        ({"features": {"text": {"dimension": 5}, "audio": {}}}, "text of dimension 4;"),
    ],
)
def test_what_has_no_place_in_an_entry_is_refused_and_loses_nothing(tiny, tmp_path, options, said):
    folder = zoo.save_entry(tiny(FEATURES), tmp_path / "a")
    before = content(tmp_path)
    with pytest.raises(ValueError, match=said):
        zoo.save_entry(tiny(FEATURES), folder, overwrite=True, **options)
    assert content(tmp_path) == before
    zoo.verify(folder)


def test_models_that_load_would_refuse_are_not_saved(tiny, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"received a Sequential. Save other models with"):
        zoo.save_entry(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), tmp_path / "a")
    model = tiny(FEATURES)
    model.units = 17
    with pytest.raises(ValueError, match="cannot be built again"):
        zoo.save_entry(model, tmp_path / "a")
    model.units = keras.layers.Lambda(lambda x: x)
    with pytest.raises(ValueError, match=r"plain JSON|could run code"):
        zoo.save_entry(model, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_metadata_is_read_as_it_was_written(tiny, tmp_path):
    folder = zoo.save_entry(tiny(FEATURES), tmp_path / "a", notes="Grüße", extra={"own": [1, 2]})
    text = (folder / "metadata.json").read_text(encoding="utf-8")
    assert zoo.metadata(folder) == json.loads(text)
    assert zoo.load(folder).entry["own"] == [1, 2]


def test_adapters_are_a_file_of_the_entry(tiny, tmp_path):
    adapters = text_adapters()
    features = {"text": {"adapters": adapters.digest}, "audio": {}}
    folder = zoo.save_entry(
        tiny(FEATURES), tmp_path / "a", features=features, text_adapters=adapters
    )
    assert zoo.text_adapters(folder).digest == adapters.digest
    assert zoo.metadata(folder)["files"]["text_adapters.safetensors"]["sha256"] == adapters.digest
    zoo.verify(folder)
    with (folder / "text_adapters.safetensors").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match=r"text_adapters.safetensors is damaged"):
        zoo.text_adapters(folder)
    zoo.save_entry(tiny(FEATURES), folder, overwrite=True)
    assert zoo.text_adapters(folder) is None
    assert not (folder / "text_adapters.safetensors").exists()


def test_an_entry_has_the_adapters_that_its_features_name(tiny, tmp_path):
    adapters = text_adapters()
    features = {"text": {"adapters": adapters.digest}, "audio": {}}
    for given in (None, text_adapters(seed=1)):
        with pytest.raises(ValueError, match=f"the adapters {adapters.digest}; received"):
            zoo.save_entry(tiny(FEATURES), tmp_path / "a", features=features, text_adapters=given)
    with pytest.raises(ValueError, match=r"the adapters none; received"):
        zoo.save_entry(tiny(FEATURES), tmp_path / "a", text_adapters=adapters)
    assert not (tmp_path / "a").exists()
