"""Files that earlier versions wrote are loaded by this one, with the same outputs."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from released_cases import outputs_of

import keras_mer
from keras_mer import layers, models, zoo

HERE = Path(__file__).parent
FILES = [
    (archive.stem, name)
    for archive in sorted(HERE.glob("*.zip"))
    for name in sorted(zipfile.ZipFile(archive).namelist())
]
ARCHIVED = [(version, name) for version, name in FILES if name.endswith(".keras")]
WEIGHTS = [
    (version, name) for version, name in FILES if name.startswith("models/") and ".h5" in name
]
VERSIONS = sorted({version for version, _ in FILES})


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """A folder with one of each version."""
    folder = tmp_path_factory.mktemp("released")
    for version in VERSIONS:
        with zipfile.ZipFile(HERE / f"{version}.zip") as archive:
            archive.extractall(folder / version)
    return folder


def check(model, path):
    """The outputs are those that the writing version gave."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    parts = {"input": {}, "output": {}}
    for key, x in arrays.items():
        kind, _, name = key.partition(":")
        parts[kind][name] = x
    received = outputs_of(model, parts["input"])
    assert received.keys() == parts["output"].keys()
    for name, x in parts["output"].items():
        np.testing.assert_allclose(received[name], x, atol=1e-5, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(("version", "name"), ARCHIVED)
def test_a_keras_file(version, name, unpacked):
    path = unpacked / version / name
    check(keras.saving.load_model(path), path.with_suffix(".npz"))


@pytest.mark.parametrize(("version", "name"), WEIGHTS)
def test_a_weights_file(version, name, unpacked):
    """Into a model with fresh weights, made from the config in the .keras file."""
    path = unpacked / version / name.replace(".weights.h5", ".keras")
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    model = keras.saving.deserialize_keras_object(config)
    model.load_weights(unpacked / version / name)
    check(model, path.with_suffix(".npz"))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_entry(version, unpacked):
    folder = unpacked / version / "entry"
    system = json.loads((folder / "metadata.json").read_text())["system"]
    check(zoo.load(folder), unpacked / version / "models" / f"{system}.npz")


@pytest.mark.once
def test_every_layer_and_model_has_files():
    """A layer or model that is new gets them when its version is released."""
    current = {name for version, name in FILES if version == keras_mer.__version__}
    expected = {f"layers/{name}{s}" for name in layers.__all__ for s in (".keras", ".npz")}
    for name in models.__all__:
        expected |= {f"models/{name}{suffix}" for suffix in (".keras", ".npz", ".weights.h5")}
    assert expected <= current, "run tests/released/write.py for the new version"
