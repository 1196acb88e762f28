"""From an entry to a model."""

import json
import zipfile

import keras
import numpy as np
import pytest

from keras_mer import models, zoo
from keras_mer.data import Preprocessor

FEATURES = {"text": 4, "audio": 3}


@pytest.fixture
def entry(tiny, home):
    """The name, the model and the folder of an entry."""
    model = tiny(FEATURES, units=5, outputs=2)
    return "tiny_mosi", model, zoo.save_entry(model, home / "entries" / "tiny_mosi", data="mosi")


def inputs(features=FEATURES, masks=False):
    generator = np.random.default_rng(0)
    arrays = {m: generator.normal(size=(2, 6, d)).astype("float32") for m, d in features.items()}
    return arrays | ({f"{m}_mask": np.ones((2, 6), bool) for m in features} if masks else {})


def forged(folder, file, content):
    """Writes a file so that the metadata vouches for it."""
    from keras_mer.zoo.entry import record_of

    (folder / file).write_bytes(content)
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["files"][file] = record_of(folder / file)
    (folder / "metadata.json").write_text(json.dumps(metadata))


def forged_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    forged(folder, "config.json", json.dumps(config | changes).encode())


def test_load_gives_the_same_predictions_and_can_be_trained(entry):
    name, saved, _ = entry
    model = zoo.load(name)
    x = inputs()
    np.testing.assert_allclose(model.predict(x, verbose=0), saved.predict(x, verbose=0), 1e-6)
    assert json.loads(json.dumps(model.entry))["data"] == "mosi"
    model.compile("adam", "mse")
    model.fit(x, np.zeros((2, 2), "float32"), verbose=0)


def test_a_model_of_the_package_comes_back(tmp_path):
    features = {"text": 6, "audio": 5}
    small = {"units": 4, "num_heads": 2, "recurrent": False, "convolution": False}
    saved = models.CMMSF(features, cascade=False, **small)
    zoo.save_entry(saved, tmp_path / "mine")
    model = zoo.load(tmp_path / "mine")
    x = inputs(features, masks=True)
    np.testing.assert_allclose(model.predict(x, verbose=0), saved.predict(x, verbose=0), 1e-6)


def test_an_entry_saved_before_an_argument_came_has_its_default(tmp_path):
    model = models.MCIHN(FEATURES, 4, 4, 2)
    folder = zoo.save_entry(model, tmp_path / "before")
    config = json.loads((folder / "config.json").read_text())
    del config["config"]["modality_dropout"]
    forged(folder, "config.json", json.dumps(config).encode())
    loaded = zoo.load(folder)
    assert loaded.get_config()["modality_dropout"] == 0.0
    assert loaded.count_params() == model.count_params()


def test_without_weights_they_are_fresh(entry):
    name, saved, _ = entry
    fresh = zoo.load(name, weights=False)
    assert not np.allclose(
        fresh.get_layer("trunk").get_weights()[0], saved.get_layer("trunk").get_weights()[0]
    )


def test_a_new_head_keeps_the_trunk(entry):
    name, saved, _ = entry
    model = zoo.load(name, head=7)
    assert model.predict(inputs(), verbose=0).shape == (2, 7)
    np.testing.assert_array_equal(
        model.get_layer("trunk").get_weights()[0], saved.get_layer("trunk").get_weights()[0]
    )
    assert model.entry["name"] == name


@pytest.mark.parametrize("head", [0, -1, True, 2.5, "4", ["joy", "joy"]])
def test_a_head_is_a_number_of_units(entry, head):
    with pytest.raises(ValueError, match="number of units of a new head"):
        zoo.load(entry[0], head=head)


def test_dtype_is_the_policy_of_the_layers_and_of_no_other_model(entry):
    model = zoo.load(entry[0], dtype="mixed_float16")
    assert model.get_layer("trunk").compute_dtype == "float16"
    assert model.predict(inputs(), verbose=0).dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    with pytest.raises(ValueError, match="received 'float99'"):
        zoo.load(entry[0], dtype="float99")


def test_an_entry_without_weights_says_how_to_train_it(tiny, tmp_path, monkeypatch):
    (tmp_path / "zoo" / "new").mkdir(parents=True)
    (tmp_path / "zoo" / "new" / "recipe.toml").write_text("seed = 1\n")
    zoo.save_entry(tiny(FEATURES), tmp_path / "zoo" / "new", weights=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        zoo.load("new", source=tmp_path / "zoo")
    assert "`keras-mer train zoo/new/recipe.toml --data DIR`" in str(raised.value)
    assert zoo.load("new", weights=False, source=tmp_path / "zoo").count_params()


def test_the_preprocessor_comes_back_or_is_none(tiny, tmp_path):
    specification = {"text": {"dimension": 4, "extractor": "x"}, "audio": {"dimension": 3}}
    preprocessor = Preprocessor(specification, {"audio": [1, 2, 3]}, {"audio": [1, 1, 2]})
    zoo.save_entry(tiny(FEATURES), tmp_path / "a", preprocessor=preprocessor)
    assert zoo.preprocessor(tmp_path / "a").to_json() == preprocessor.to_json()
    assert zoo.metadata(tmp_path / "a")["features"]["text"]["extractor"] == "x"
    zoo.save_entry(tiny(FEATURES), tmp_path / "b")
    assert zoo.preprocessor(tmp_path / "b") is None


@pytest.mark.parametrize(
    ("class_name", "registered"),
    [
        ("Lambda", "keras_mer>Lambda"),
        ("Tiny", "evil>Tiny"),
        ("Functional", "Functional"),
        ("Dense", None),
        (["Tiny"], "keras_mer>Tiny"),
    ],
)
def test_only_models_of_the_package_are_built(entry, class_name, registered):
    name, _, folder = entry
    forged_config(folder, class_name=class_name, registered_name=registered)
    with pytest.raises(ValueError, match=r"only the models of keras_mer are loaded \(Tiny\)"):
        zoo.load(name)


@pytest.mark.parametrize(
    "evil",
    [
        {"module": "keras.layers", "class_name": "Lambda", "config": {}, "registered_name": None},
        {"class_name": "__lambda__", "config": {"value": "x"}},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {}},
        {"module": "os", "class_name": "system", "config": "true", "registered_name": None},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "keras", "class_name": "Model", "config": {}},
        {"module": "keras.initializers", "class_name": "Zeros", "registered_name": "evil>Zeros"},
        {"module": "keras_mer.x", "class_name": "Gone", "registered_name": "keras_mer>Gone"},
    ],
)
def test_an_argument_that_could_run_code_is_refused(entry, evil):
    name, _, folder = entry
    forged_config(folder, config={"features": FEATURES, "units": [{"deep": evil}]})
    with pytest.raises(ValueError, match=r"config.units\[0\].deep holds .* could run code"):
        zoo.load(name)


def test_arguments_of_another_version_are_one_sentence(entry):
    name, _, folder = entry
    forged_config(folder, config={"features": FEATURES, "unheard_of": 1})
    with pytest.raises(ValueError, match=r"it takes no unheard_of.*upgrade keras-mer") as raised:
        zoo.load(name)
    assert "\n" not in str(raised.value)


def test_weights_of_other_shapes_are_one_sentence(entry):
    name, _, folder = entry
    forged_config(folder, config={"features": {"text": 4, "audio": 11}, "units": 2, "outputs": 2})
    metadata = json.loads((folder / "metadata.json").read_text())
    with pytest.raises(ValueError, match=r"52 parameters, and its config.json describes .* 38"):
        zoo.load(name)
    (folder / "metadata.json").write_text(json.dumps(metadata | {"parameters": 38}))
    with pytest.raises(ValueError, match=r"is \(15, 2\) in the model, \(7, 5\) in the file") as e:
        zoo.load(name)
    assert "\n" not in str(e.value)


def test_weights_that_are_something_else_are_refused(entry, tmp_path):
    name, _, folder = entry
    archive = tmp_path / "model.keras"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", "{}")
    forged(folder, "model.weights.h5", archive.read_bytes())
    with pytest.raises(ValueError, match="not an HDF5 file"):
        zoo.load(name)
    forged(folder, "model.weights.h5", b"\x89HDF\r\n\x1a\nrest is missing")
    with pytest.raises(ValueError, match="do not fit the model"):
        zoo.load(name)
    metadata = json.loads((folder / "metadata.json").read_text())
    for file in ("model.keras", "model.pkl", "model.pt", "run.py"):
        broken = metadata | {"files": metadata["files"] | {file: metadata["files"]["config.json"]}}
        (folder / "metadata.json").write_text(json.dumps(broken))
        with pytest.raises(ValueError, match=f"{file}' has no place in an entry"):
            zoo.load(name)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (2, "has format 2 and keras-mer .* reads up to 1: pip install --upgrade"),
        (0, "should be 1 or more"),
        (None, "should be 1 or more"),
        ("1", "should be 1 or more"),
    ],
)
def test_other_formats_are_refused(entry, version, said):
    name, _, folder = entry
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | {"format_version": version}))
    with pytest.raises(ValueError, match=said):
        zoo.load(name)


@pytest.mark.parametrize("content", ["{", "[]", "\udcff", "[" * 100_000, '{"format_version": 1}'])
def test_a_damaged_metadata_is_named(entry, content):
    name, _, folder = entry
    (folder / "metadata.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"metadata\.json"):
        zoo.load(name)


def test_verify_names_the_damaged_file(entry):
    name, _, folder = entry
    zoo.verify(name)
    (folder / "README.md").write_text("changed")
    with pytest.raises(ValueError, match=r"README\.md is damaged"):
        zoo.verify(name)
