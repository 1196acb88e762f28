"""Generated data with a signal to learn in each modality, for the tests."""

import json

import numpy as np

from keras_mer.data import Dataset

WIDTHS = {"text": 6, "audio": 4}


def dataset(rows=96, seed=0, widths=WIDTHS, missing=0.0):
    """Scores from -3 to 3 whose sign and size are in the mean of every modality's steps."""
    rng = np.random.default_rng(seed)
    labels = np.round(rng.uniform(-3, 3, rows), 1).astype("float32")
    features = {}
    for modality, width in widths.items():
        direction = rng.normal(size=width)
        features[modality] = [
            np.zeros((0, width))
            if rng.uniform() < missing
            else rng.normal(scale=0.5, size=(rng.integers(2, 9), width)) + label * direction / 2
            for label in labels
        ]
    splits = np.repeat(["train", "valid", "test"], [rows // 2, rows // 4, rows - 3 * rows // 4])
    description = {
        "name": "generated",
        "protocol": "mosi",
        "label_range": [-3, 3],
        "split_name": "generated",
    }
    return Dataset(features, labels, splits, description=description)


RECIPE = {
    "name": "generated",
    "data": {"standardize": ["audio"], "clip": 5.0},
    "model": {
        "class": "CMMSF",
        "arguments": {
            "features": {"video": 3},
            "units": 8,
            "num_heads": 2,
            "dropout": 0.1,
            "modality_dropout": {"text": 0.1, "audio": 0.2, "video": 0.0},
        },
    },
    "training": {
        "learning_rate": 0.01,
        "weight_decay": 0.01,
        "clipnorm": 1.0,
        "ema_momentum": 0.8,
        "batch_size": 16,
        "epochs": 4,
        "patience": 3,
    },
    "evaluation": {"protocol": "mosi"},
}


def text_adapters(seed=0, layers=(5, 6), rank=2):
    """Changes of all kernels of some layers, large enough to be felt."""
    from keras_mer.features import TextAdapters, _minilm

    rng = np.random.default_rng(seed)
    arrays = {}
    for layer in layers:
        for part, shape in _minilm.KERNELS.items():
            first, second = (*shape[:-1], rank), (rank, shape[-1])
            arrays[f"layer_{layer}.{part}.lora_a"] = rng.uniform(-0.1, 0.1, first)
            arrays[f"layer_{layer}.{part}.lora_b"] = rng.uniform(-0.1, 0.1, second)
    return TextAdapters({name: array.astype("float32") for name, array in arrays.items()})


def toml(value, top=True):
    """A recipe as the text of a recipe.toml."""
    if isinstance(value, dict):
        pairs = [f"{key} = {toml(part, top=False)}" for key, part in value.items()]
        return "\n".join(pairs) if top else f"{{ {', '.join(pairs)} }}"
    return json.dumps(value)


def train_and_publish(folder, seeds):
    """What runs of one epoch came to, and the entry that they make; the runs are in `runs`."""
    from keras_mer.training import Recipe, publish, train_seeds

    content = {**RECIPE, "training": {**RECIPE["training"], "epochs": 1}}
    entry = folder / "generated"
    entry.mkdir()
    (entry / "recipe.toml").write_text(toml(content))
    result = train_seeds(Recipe.from_dict(content), dataset(), seeds, folder / "runs")
    return result, publish(result, entry)


WORDS = {-2.0: "I hate this", -1.0: "rather bad", 1.0: "rather good", 2.0: "I love this"}


def worded(classes=False):
    """24 short texts whose words say the label."""
    labels = np.array([*WORDS] * 6)
    texts = [
        f"{WORDS[label]} {'film song book'.split()[row % 3]}" for row, label in enumerate(labels)
    ]
    splits = ["train"] * 16 + ["valid"] * 4 + ["test"] * 4
    description = {"name": "generated", "protocol": "mosi", "label_range": [-3, 3]}
    if classes:
        labels = np.arange(24) % 4
        description = {"name": "generated", "label_names": ["hate", "bad", "good", "love"]}
    return Dataset({}, labels, splits, transcripts=texts, description=description)
