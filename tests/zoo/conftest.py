import hashlib
import importlib
import json
from pathlib import Path

import pytest
from mirror import Mirror

from keras_mer import _download


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of the test's own, no mirrors, and no entries but those of the test."""
    from keras_mer.zoo import registry, resolve

    for variable in ("KERAS_MER_MIRRORS", "KERAS_MER_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KERAS_MER_HOME", str(tmp_path / "home"))
    for module in (registry, resolve):
        monkeypatch.setattr(module, "installed", lambda: None)
    return tmp_path / "home"


@pytest.fixture
def tiny(monkeypatch):
    """A model that keras_mer.models exports, with a trunk and a head."""
    import keras

    @keras.saving.register_keras_serializable(package="keras_mer")
    class Tiny(keras.Model):
        def __init__(self, features, units=3, outputs=1, **kwargs):
            inputs, means = {}, []
            for name, dim in features.items():
                inputs[name] = keras.Input((None, dim), name=name)
                means.append(keras.layers.GlobalAveragePooling1D()(inputs[name]))
            trunk = keras.layers.Dense(units, name="trunk")(keras.layers.Concatenate()(means))
            super().__init__(
                inputs, keras.layers.Dense(outputs, name="head", dtype="float32")(trunk), **kwargs
            )
            self.features, self.units, self.outputs_ = dict(features), units, outputs

        def get_config(self):
            return {
                "features": dict(self.features),
                "units": self.units,
                "outputs": self.outputs_,
                "name": self.name,
            }

        def new_head(self, units, activation=None):
            model = Tiny(self.features, self.units, units)
            model.get_layer("trunk").set_weights(self.get_layer("trunk").get_weights())
            return model

    models = importlib.import_module("keras_mer.models")
    monkeypatch.setattr(models, "__all__", ["Tiny"], raising=False)
    monkeypatch.setattr(models, "Tiny", Tiny, raising=False)
    return Tiny


def entry_metadata(name, files, **fields):
    """The metadata.json of an entry whose files are given as bytes."""
    records = {
        file: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for file, content in files.items()
    }
    basic = {"system": "Tiny", "modalities": ["text", "audio"], "parameters": 1}
    return {"format_version": 1, "name": name, **basic, "files": records, **fields}


@pytest.fixture
def write_entry():
    """Writes an entry of arbitrary bytes, for what needs no model."""

    def write(folder, files=None, **fields):
        folder = Path(folder)
        files = {"config.json": b"{}", "model.weights.h5": b"w" * 3000} if files is None else files
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        metadata = entry_metadata(folder.name, files, **fields)
        (folder / "metadata.json").write_text(json.dumps(metadata))
        return folder

    return write


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror that KERAS_MER_MIRRORS names."""
    (tmp_path / "mirror").mkdir()
    monkeypatch.setattr(_download, "PAUSE", 0)
    with Mirror(tmp_path / "mirror") as mirror:
        monkeypatch.setenv("KERAS_MER_MIRRORS", mirror.address)
        yield mirror
