"""Exports that work are compared in their runtime; the others are refused before any work."""

import json

import keras
import numpy as np
import pytest
from exported import tiny_models

import keras_mer
from keras_mer import zoo
from keras_mer.exporting import _writers
from keras_mer.exporting._formats import BACKENDS, FORMATS, system_of, working_backends
from keras_mer.exporting._runtimes import RUNTIMES
from keras_mer.exporting._signature import random_inputs, signature_of

BACKEND = keras.backend.backend()
QUICK = ["MCIHN"]
CELLS = [
    pytest.param(format, name, marks=() if name in QUICK else pytest.mark.slow)
    for format, known in FORMATS.items()
    if BACKEND in known.backends
    for name in tiny_models()
]


def made(name="MCIHN"):
    keras.utils.set_random_seed(0)
    return tiny_models()[name]()


def file_of(format, folder):
    return folder / f"model{FORMATS[format].suffix}"


def sizes(format):
    return {} if FORMATS[format].dynamic else {"batch_size": 2, "steps": 7}


def need(format):
    pytest.importorskip(FORMATS[format].runtime)


@pytest.mark.parametrize(("format", "name"), CELLS)
def test_the_runtime_gives_what_the_model_gives(format, name, tmp_path):
    """Slow ones protect the cells of docs/export.md; `check` compares at several sizes."""
    need(format)
    model = made(name)
    path = file_of(format, tmp_path)
    if BACKEND not in working_backends(format, system_of(model)):
        with pytest.raises(ValueError, match=r"KERAS_BACKEND=|it can to"):
            keras_mer.export(model, path, format, **sizes(format))
        return
    assert keras_mer.export(model, path, format, **sizes(format)) == path
    signature = signature_of(model, *(sizes(format).values() or (None, None)))
    arrays = random_inputs(signature, batch=4, time=9, seed=5)
    received = RUNTIMES[format](path, signature)(arrays)
    np.testing.assert_allclose(received, model.predict(arrays, verbose=0), atol=1e-4)


@pytest.mark.parametrize("format", [f for f in FORMATS if BACKEND not in FORMATS[f].backends])
def test_what_does_not_work_is_refused_with_what_does(format, tmp_path, monkeypatch):
    monkeypatch.setattr(_writers, "WRITERS", {})  # none is asked
    with pytest.raises(ValueError, match=f"KERAS_BACKEND={FORMATS[format].backends[0]}"):
        keras_mer.export(made(), file_of(format, tmp_path), format, **sizes(format))
    assert not list(tmp_path.iterdir())


QUICKEST = {"tensorflow": "saved_model", "jax": "litert", "torch": "torch"}[BACKEND]


def test_a_difference_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    need(QUICKEST)
    real = RUNTIMES[QUICKEST]
    off = lambda *given: lambda arrays: real(*given)(arrays) + 1e-3  # noqa: E731
    monkeypatch.setitem(RUNTIMES, QUICKEST, off)
    with pytest.raises(ValueError, match=r"differ by 0\.001"):
        keras_mer.export(made(), file_of(QUICKEST, tmp_path), QUICKEST, **sizes(QUICKEST))
    assert not list(tmp_path.iterdir())


def test_an_entry_is_described_beside_its_file(tmp_path):
    need(QUICKEST)
    folder = zoo.save_entry(
        keras_mer.models.MCIHN({"text": 4, "audio": 3}, 4, 4, 2, outputs=2),
        tmp_path / "mine",
        task="classification",
        label_names=["low", "high"],
    )
    path = file_of(QUICKEST, tmp_path)
    keras_mer.export(folder, path, QUICKEST, **sizes(QUICKEST))
    described = json.loads(path.with_suffix(".json").read_text())
    assert [i["name"] for i in described["inputs"]] == ["text", "text_mask", "audio", "audio_mask"]
    assert described["label_names"] == ["low", "high"]
    assert described["output"]["name"] == "prediction"


@pytest.mark.once
def test_arguments_that_cannot_be(tmp_path):
    model = made()
    with pytest.raises(ValueError, match=r"formats saved_model, onnx.*received 'coreml'"):
        keras_mer.export(model, tmp_path / "model", "coreml")
    with pytest.raises(ValueError, match=r"named \*\.onnx; received"):
        keras_mer.export(model, tmp_path / "model.tflite", "onnx")
    with pytest.raises(ValueError, match="batch_size is 1 or more"):
        keras_mer.export(model, tmp_path / "model.onnx", "onnx", batch_size=0)
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="dict such as text, text_mask; received Sequential"):
        keras_mer.export(plain, tmp_path / "model.onnx", "onnx")
    half = keras_mer.models.MCIHN({"text": 4, "audio": 3}, 4, 4, 2, dtype="mixed_bfloat16")
    with pytest.raises(ValueError, match="float32"):
        keras_mer.export(half, tmp_path / "model.onnx", "onnx")
    model.quantize("int8")
    with pytest.raises(ValueError, match="this one is in int8: export the model that was quanti"):
        keras_mer.export(model, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_the_table_names_known_backends():
    assert all(set(known.backends) <= set(BACKENDS) for known in FORMATS.values())
