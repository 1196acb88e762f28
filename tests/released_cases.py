"""A small case of every public layer and model, whose files a release leaves behind."""

from typing import Any

import keras
import numpy as np
from keras import tree
from layer_test import flat_arrays, symbolic
from model_inputs import random_clips

from keras_mer import layers, models

RNG = np.random.default_rng(0)


def _noise(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def _mask(steps: int) -> np.ndarray:
    return np.arange(steps) < np.array([[steps], [steps - 2], [0]])


X = _noise(3, 5)
SEQUENCE = {"sequence": _noise(3, 6, 5), "mask": _mask(6)}
VECTORS = {
    "inputs": {"text": _noise(3, 4), "audio": _noise(3, 3)},
    "present": {"text": np.array([True, True, False]), "audio": np.array([True, False, False])},
}
QUERY = {
    "query": _noise(3, 6, 4),
    "source": _noise(3, 5, 3),
    "query_mask": _mask(6),
    "source_mask": _mask(5),
}
MANY = {
    "inputs": {"text": _noise(3, 6, 4), "audio": _noise(3, 6, 4)},
    "masks": {"text": _mask(6), "audio": _mask(6)},
}
GRID, GUIDE = {"grid": _noise(2, 6, 6, 4)}, {"guide": _noise(2, 4)}

LAYERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "AdaptiveMultimodalLinearPooling": ({"units": 3}, MANY),
    "AdversarialAutoencoder": (
        {"latent_dim": 3, "hidden_units": 4, "discriminator_units": [3, 2]},
        SEQUENCE,
    ),
    "AveragingEncoder": ({"units": 4}, SEQUENCE),
    "BidirectionalGRU": ({"units": 3}, SEQUENCE),
    "BidirectionalLSTM": ({"units": 3}, SEQUENCE),
    "CascadedCrossModalEncoder": ({"num_heads": 2}, MANY),
    "CrossModalAttention": ({"num_heads": 2}, QUERY),
    "CrossModalAttentionStack": ({"num_heads": 2}, QUERY),
    "CrossModalBlock": ({"num_heads": 2}, QUERY),
    "CrossModalGate": ({"units": 3, "discrepancy_weight": 0.0}, VECTORS),
    "CrossModalTransformer": (
        {"num_layers": 1, "num_heads": 2, "causal": True},
        {**QUERY, "source": _noise(3, 5, 4)},
    ),
    "DecisionFusion": ({"units": 2, "weighted": True}, VECTORS),
    "EarlyFusion": ({"steps": 6}, MANY),
    "EmotionAlignment": ({}, {"first": X, "second": _noise(3, 5)}),
    "EmotionMatching": ({}, {"inputs": {"audio": X, "video": _noise(3, 4)}}),
    # Two clips of two labels leave nothing to chance.
    "HardNegatives": ({}, {"similarity": _noise(2, 2), "labels": np.array([0, 1], "int32")}),
    "JointCrossAttentionFusion": ({"units": 3, "steps": 6}, MANY),
    "LevelInteraction": ({"units": 2}, {"inputs": VECTORS["inputs"]}),
    "LowRankFusion": ({"units": 3, "rank": 2}, VECTORS),
    "MaskGatedFusion": ({"units": 4}, VECTORS),
    "MaskedAveragePooling1D": ({}, SEQUENCE),
    "MaskedBatchNormalization": ({}, {"inputs": SEQUENCE["sequence"], "mask": SEQUENCE["mask"]}),
    "MaskedConvolution1D": ({"units": 4}, SEQUENCE),
    "MaskedGRU": ({"units": 3}, SEQUENCE),
    "MaskedLSTM": ({"units": 3}, SEQUENCE),
    "MaskedMaxPooling1D": ({}, SEQUENCE),
    "MaskedResampling1D": ({"steps": 4}, SEQUENCE),
    "MaskedValidConvolution1D": ({"units": 3}, SEQUENCE),
    "ModalityDropout": ({"rate": 0.5}, {"masks": MANY["masks"]}),
    "MultilayerPerceptron": ({"hidden_units": [4, 3], "units": 2}, {"x": X}),
    "ParallelExtractor": ({"units": 4}, SEQUENCE),
    "PatchEmbedding": ({"units": 4, "patch_size": 2}, {"images": _noise(2, 8, 8, 3)}),
    "PatchMerging": ({}, GRID),
    "ProjectionHead": ({"units": 4}, {"x": X}),
    "RecurrentEncoder": ({"units": 3, "output_units": 2}, SEQUENCE),
    "ResidualGatingCell": ({"units": 3}, {"inputs": X}),
    "ResidualGatingNetwork": ({"units": 3}, SEQUENCE),
    "SelectiveSwinTransformerBlock": ({"num_heads": 2, "keep": 16}, {**GRID, **GUIDE}),
    "SwinTransformerBlock": ({"num_heads": 2, "window_size": 3, "shift": 1}, GRID),
    "SwinTransformerStage": ({"depth": 2, "num_heads": 2, "window_size": 3}, GRID),
    "SwinTransformerV2": (
        {
            "embed_dim": 4,
            "depths": [1, 1],
            "num_heads": [1, 1],
            "window_size": 2,
            "patch_size": 2,
            "mlp_ratio": 1.0,
        },
        {"images": _noise(2, 2, 8, 8, 3)},
    ),
    "TemporalConvolution": ({"filters": [4, 3]}, SEQUENCE),
    "TensorFusion": ({}, VECTORS),
    "VisualSequenceCompression": ({"keep": 4}, {"tokens": _noise(2, 9, 4), **GUIDE}),
    "WindowAttention": ({"num_heads": 2, "position_units": 4}, {"windows": _noise(2, 4, 9, 4)}),
}
"""The arguments and the inputs of each public layer."""

WIDTHS = {"text": 6, "audio": 5}
TIMES = {"text": 7, "audio": 9, "video": 4}
THREE = {**WIDTHS, "video": 4}
DIALOGUE = {"text": 7, "audio": 7}

MODELS: dict[str, dict[str, Any]] = {
    "CMMSF": {"features": WIDTHS, "units": 4, "num_heads": 2},
    "DeepMSIMER": {
        "features": THREE,
        "outputs": 3,
        "filters": [4],
        "projection_units": 4,
        "hidden_units": [4],
    },
    "DialogueModel": {
        "features": WIDTHS,
        "system": "MCIHN",
        "arguments": {"latent_dim": 4, "hidden_units": 4, "num_heads": 2, "fusion_units": 4},
        "units": 4,
        "context_units": 3,
        "outputs": 3,
    },
    "EFLSTM": {"features": WIDTHS, "units": 4, "num_layers": 1, "steps": 6, "align": True},
    "EarlyFusionNetwork": {"features": WIDTHS, "hidden_units": [4]},
    "FoalNet": {"features": {"audio": 4, "video": 4}, "num_heads": 2, "projection_units": 4},
    "LMF": {"features": WIDTHS, "hidden_units": 4},
    "LateFusionNetwork": {"features": WIDTHS, "hidden_units": 4},
    "MCIHN": {
        "features": WIDTHS,
        "latent_dim": 4,
        "hidden_units": 4,
        "num_heads": 2,
        "fusion_units": 4,
        "discriminator_units": [3, 2],
    },
    "MSRG": {
        "features": WIDTHS,
        "steps": 4,
        "encoder_units": 3,
        "encoder_depth": 1,
        "units": 4,
        "attention_units": 3,
        "memory_units": 3,
        "state_units": 3,
        "hidden_units": 3,
    },
    "MulT": {"features": WIDTHS, "units": 4, "num_heads": 2, "num_layers": 1, "kernel_size": 1},
    "TFN": {"features": WIDTHS, "hidden_units": 4},
}
"""The arguments of each public model."""


def layer_model(name: str) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """A functional model around a layer, and its inputs."""
    arguments, inputs = LAYERS[name]
    layer = getattr(layers, name)(**arguments)
    flat, structured = symbolic(inputs)
    if name == "ResidualGatingCell":  # has a state, which only an RNN gives it
        sequence = keras.Input((None, 5), name="sequence")
        model = keras.Model({"sequence": sequence}, keras.layers.RNN(layer)(sequence))
        return model, {"sequence": SEQUENCE["sequence"]}
    first, *rest = structured.items()
    return keras.Model(flat, layer(first[1], **dict(rest))), flat_arrays(inputs)


def system_model(name: str) -> tuple[keras.Model, dict[str, np.ndarray]]:
    """A model, and its inputs; the last audio is missing."""
    model = getattr(models, name)(**MODELS[name])
    times = DIALOGUE if getattr(model, "reads_dialogues", False) else TIMES
    arrays = random_clips(np.random.default_rng(1), 3, MODELS[name]["features"], times)
    arrays["audio_mask"][-1] = False
    return model, arrays


def outputs_of(model: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs by their place in the structure that the model returns."""
    # Compiled as one, since JAX would compile every operation of a plain call.
    outputs = model.predict(inputs, batch_size=len(next(iter(inputs.values()))), verbose=0)
    return {"/".join(map(str, path)): x for path, x in tree.flatten_with_path(outputs)}
