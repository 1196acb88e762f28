"""The same weights give the same predictions on every backend."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_mer import zoo

PREDICT = """
import sys
import numpy as np
import keras_mer

name, path = sys.argv[1:]
model = keras_mer.zoo.load(name)
rng = np.random.default_rng(0)
inputs = {}
for i, (modality, width) in enumerate(model.config["features"].items()):
    lengths = rng.integers(0 if i else 1, 12, size=(16, 1))
    inputs[modality] = rng.normal(size=(16, 12, width)).astype("float32")
    inputs[f"{modality}_mask"] = np.arange(12) < lengths
np.save(path, model.predict(inputs, verbose=0))
"""


@pytest.mark.once
@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_the_entry_predicts_the_same(name, tmp_path):
    backends = [b for b in ("tensorflow", "jax", "torch") if importlib.util.find_spec(b)]
    if len(backends) < 2:
        pytest.skip(f"needs two backends, {', '.join(backends)} is installed")
    predictions = {}
    for backend in backends:
        path = tmp_path / f"{backend}.npy"
        subprocess.run(
            [sys.executable, "-c", PREDICT, name, path],
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "KERAS_BACKEND": backend},
            capture_output=True,
        )
        predictions[backend] = np.load(path)
    first = predictions.pop(backends[0])
    assert np.ptp(first) > 0.1
    for backend, prediction in predictions.items():
        np.testing.assert_allclose(prediction, first, atol=1e-5, err_msg=backend)
