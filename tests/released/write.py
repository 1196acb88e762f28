"""Writes what the next versions have to load: the files of every layer, model and an entry.

`PYTHONPATH=. python tests/released/write.py` makes the archive of the current version, once, when
it is released; what it holds is never written again.
"""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
from released_cases import LAYERS, MODELS, layer_model, outputs_of, system_model

import keras_mer

HERE = Path(__file__).parent
ENTRY = "MCIHN"


def with_noise(model: keras.Model) -> keras.Model:
    """Other weights than an initializer's, so that no zero hides one that was not loaded."""
    rng = np.random.default_rng(2)
    for weight in model.weights:
        if weight.dtype == "float32":
            noise = 0.1 * rng.normal(size=weight.shape)
            weight.assign(keras.ops.convert_to_numpy(weight) + np.abs(noise))
    return model


def write(model: keras.Model, inputs: dict[str, np.ndarray], path: Path) -> None:
    """The .keras file, and inputs and outputs beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with_noise(model).save(path.with_suffix(".keras"))
    outputs = {f"output:{name}": x for name, x in outputs_of(model, inputs).items()}
    np.savez_compressed(
        path.with_suffix(".npz"), **{f"input:{name}": x for name, x in inputs.items()}, **outputs
    )


def write_all(folder: Path) -> None:
    """Writes the files of every layer and model, and of an entry."""
    keras.utils.set_random_seed(0)
    for name in LAYERS:
        write(*layer_model(name), folder / "layers" / name)
    for name in MODELS:
        model, inputs = system_model(name)
        write(model, inputs, folder / "models" / name)
        model.save_weights(folder / "models" / f"{name}.weights.h5")
        if name == ENTRY:
            keras_mer.zoo.save_entry(model, folder / "entry")


def main() -> None:
    """Writes the archive of the current version."""
    archive = HERE / f"{keras_mer.__version__}.zip"
    if archive.exists():
        sys.exit(f"{archive} is there already: files of a released version stay as they are")
    with tempfile.TemporaryDirectory() as work:
        write_all(Path(work))
        shutil.make_archive(str(archive.with_suffix("")), "zip", work)


if __name__ == "__main__":
    main()
