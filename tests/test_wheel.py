"""The built wheel, alone in an empty environment."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.once
@pytest.mark.slow
def test_the_wheel_loads_its_entry_and_predicts(tmp_path):
    """What a stranger gets from pip: no source tree, the zoo inside, an entry that predicts."""
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / ("Scripts" if os.name == "nt" else "bin") / "python"
    constraints = ["-c", ROOT / "constraints.txt"]
    install = [python, "-m", "pip", "install", "--quiet", *constraints, f"{wheel}[jax]"]
    subprocess.run(install, check=True, capture_output=True)
    program = (
        "import keras_mer, keras, numpy as np\n"
        "assert keras.backend.backend() == 'jax'\n"
        "print(keras_mer.zoo.list_models())\n"
        "predictor = keras_mer.Predictor('cmmsf_mosi')\n"
        "width = predictor.model.config['features']['text']\n"
        "(prediction,) = predictor(text=[np.ones((4, width), 'float32')])\n"
        "print(-3 <= prediction.score <= 3, prediction.decided_by)\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KERAS")}
    environment["KERAS_MER_OFFLINE"] = "1"
    environment["KERAS_MER_HOME"] = str(tmp_path / "home")
    done = subprocess.run(
        [python, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "cmmsf_mosi" in done.stdout
    assert "True text" in done.stdout
    assert "jax backend (tensorflow is not installed)" in done.stderr
