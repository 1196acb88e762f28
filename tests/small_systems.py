"""The five systems and a dialogue, small, with weights that are the same on every backend."""

import keras
import numpy as np

from keras_mer.models import CMMSF, MCIHN, MSRG, DeepMSIMER, DialogueModel, FoalNet

DIMS = {"text": 6, "audio": 4}
SYSTEMS = {
    "CMMSF": lambda: CMMSF(DIMS, units=4, num_heads=2, mask="soft", outputs=3),
    "MSRG": lambda: MSRG(DIMS, steps=3, encoder_units=4, encoder_depth=1, units=4, outputs=3),
    "MCIHN": lambda: MCIHN(
        DIMS, latent_dim=4, hidden_units=4, num_heads=2, fusion_units=4, outputs=3
    ),
    "FoalNet": lambda: FoalNet(DIMS, num_heads=2, projection_units=4, outputs=3),
    "DeepMSIMER": lambda: DeepMSIMER(
        DIMS, outputs=3, projection_units=4, hidden_units=[4], activation="softmax"
    ),
    "DialogueModel": lambda: DialogueModel(
        DIMS, "MCIHN", {"latent_dim": 4, "num_heads": 2}, units=4, context_units=3, outputs=3
    ),
}


def small_system(name):
    """The system, its kernels and biases from the numbers of one generator."""
    keras.utils.set_random_seed(0)
    model = SYSTEMS[name]()
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        if "gamma" not in variable.name and len(variable.shape):  # scales stay what they are
            value = rng.normal(size=variable.shape) / np.sqrt(np.prod(variable.shape[:-1]) + 1)
            variable.assign(value.astype("float32"))
    return model


def small_inputs(name):
    """Three rows: whole, without audio, and of one step each, with NaN where there is none."""
    rng = np.random.default_rng(1)
    times = (5, 5) if name == "DialogueModel" else (5, 3)
    lengths = {"text": [5, 4, 1], "audio": [times[1], 0, 1]}
    inputs = {}
    for (m, dim), time in zip(DIMS.items(), times, strict=True):
        mask = np.arange(time) < np.array(lengths[m])[:, None]
        values = rng.normal(size=(3, time, dim)).astype("float32")
        inputs[m] = np.where(mask[..., None], values, np.float32("nan"))
        inputs[f"{m}_mask"] = mask
    return inputs
