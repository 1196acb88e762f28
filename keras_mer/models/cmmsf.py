"""CM-MSF: parallel extractors, a cascaded cross-modal encoder, mask-gated fusion."""

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer._types import Tensor
from keras_mer.layers import (
    CascadedCrossModalEncoder,
    MaskedAveragePooling1D,
    MaskedMaxPooling1D,
    MaskedResampling1D,
    MaskGatedFusion,
    ModalityDropout,
    ParallelExtractor,
)
from keras_mer.layers._masking import presence, resampled
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config, per_modality

POOLINGS = {"average": MaskedAveragePooling1D, "max": MaskedMaxPooling1D}


@keras.saving.register_keras_serializable(package="keras_mer")
class CMMSF(MultimodalModel):
    """Cross-modal multi-level sentiment fusion over two or more modalities.

    Each modality goes through a `ParallelExtractor`, is encoded beside the others by the
    `CascadedCrossModalEncoder`, pooled over time, and joined by `MaskGatedFusion`; a
    hidden layer and an output layer make the prediction. Every size and every part that
    the paper's abstract claims is an argument.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        units: width of every modality inside the model; even.
        num_heads: heads of each cross-modal attention.
        kernel_size: steps that each convolution sees.
        dropout: rate of dropout in the encoder and before the output layer.
        input_dropout: rate of dropout on the features themselves; one number, or one per
            modality.
        modality_dropout: probability of hiding a whole modality while training; one
            number, or one per modality.
        steps: the length to which every modality is resampled, which keeps attention
            between long unaligned sequences cheap (the usual choice is 50); `None` leaves
            every modality its own length.
        mask: `"hard"`, `"soft"`, or `None` for no mask in the fusion.
        gate: whether the fusion is gated.
        cascade: whether modalities are looked at one after another, or all at once.
        recurrent: whether the encoder begins with a BiLSTM.
        convolution: whether a convolution follows each look.
        look_initializer: initializer of the maps through which a modality adds what it sees
            of the others. With `"zeros"` each begins on its own, and takes from the others
            only what training finds of use: where one of them is mostly noise, this matters.
        pooling: what is kept of the steps of each modality: their `"average"`, the `"max"`
            of each feature, or `"both"` side by side.
        hidden_units: width of the hidden layer before the output; `None` for `units`.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, a width is no positive
            integer, or `pooling` is none of the three.

    Example:

    >>> import numpy as np
    >>> model = CMMSF({"text": 8, "audio": 5}, units=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Xu and Gao, Mathematical Biosciences and Engineering 21(2), 2024, 2488-2514,
        doi 10.3934/mbe.2024110. Only the abstract was at hand: sizes and equations are a
        reading of it, not the paper's architecture.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        units: int = 128,
        num_heads: int = 4,
        kernel_size: int = 3,
        dropout: float = 0.3,
        input_dropout: float | Mapping[str, float] = 0.0,
        modality_dropout: float | Mapping[str, float] = 0.0,
        steps: int | None = None,
        mask: Literal["hard", "soft"] | None = "hard",
        gate: bool = True,
        cascade: bool = True,
        recurrent: bool = True,
        convolution: bool = True,
        look_initializer: Any = None,
        pooling: Literal["average", "max", "both"] = "average",
        hidden_units: int | None = None,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "CMMSF")
        rates = per_modality(input_dropout, inputs, "input_dropout", "CMMSF")

        # layers
        hide = ModalityDropout(modality_dropout, seed=seed, name="modality_dropout")
        drop_inputs = {
            m: keras.layers.Dropout(rates[m], seed=seed_of(seed, 1 + i), dtype=dtype)
            for i, m in enumerate(inputs)
        }
        extract = {
            m: ParallelExtractor(units, kernel_size, dtype=dtype, name=f"extractor_{m}")
            for m in inputs
        }
        resample = {m: MaskedResampling1D(steps, dtype=dtype) for m in inputs if steps}
        encode = CascadedCrossModalEncoder(
            num_heads,
            kernel_size,
            dropout,
            cascade,
            recurrent,
            convolution,
            seed=seed_of(seed, 100),
            look_initializer=look_initializer,
            dtype=dtype,
            name="encoder",
        )
        pools = [POOLINGS[name](dtype=dtype) for name in _pooling_names(pooling)]
        fusion = MaskGatedFusion(units, mask, gate, return_gates=True, dtype=dtype, name="fusion")
        hidden = keras.layers.Dense(
            hidden_units or units, activation="relu", dtype=dtype, name="hidden"
        )
        drop = keras.layers.Dropout(dropout, seed=seed_of(seed, 99), dtype=dtype)
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        visible = hide(masks)
        sequences = {}
        for m, sequence in inputs.items():
            sequences[m] = extract[m](drop_inputs[m](sequence), mask=visible[m])
            if steps:
                sequences[m] = resample[m](sequences[m], mask=visible[m])
                visible[m] = resampled(visible[m], steps)
        encoded = encode(sequences, masks=visible)
        vectors = {m: _pooled(pools, encoded[m], visible[m]) for m in encoded}
        there = {m: presence(visible[m]) for m in encoded}
        fused, gates = fusion(vectors, present=there)
        prediction = output_layer(drop(hidden(fused)))
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.fusion = fusion
        self.hidden_layer = hidden
        self.fused, self.gates = fused, gates
        self.sequences, self.visible = sequences, visible
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "units": units,
            "num_heads": num_heads,
            "kernel_size": kernel_size,
            "dropout": dropout,
            "input_dropout": as_config(input_dropout),
            "modality_dropout": modality_dropout,
            "steps": steps,
            "mask": mask,
            "gate": gate,
            "cascade": cascade,
            "recurrent": recurrent,
            "convolution": convolution,
            "look_initializer": serialized(keras.initializers.get(look_initializer)),
            "pooling": pooling,
            "hidden_units": hidden_units,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }


def _pooling_names(pooling: str) -> list[str]:
    names = {**{name: [name] for name in POOLINGS}, "both": list(POOLINGS)}
    if pooling not in names:
        raise ValueError(f"CMMSF knows the poolings {', '.join(names)}; received {pooling!r}")
    return names[pooling]


def _pooled(pools: list[Any], sequence: Tensor, mask: Tensor) -> Tensor:
    """(batch, dim of all pools)."""
    vectors = [pool(sequence, mask=mask) for pool in pools]
    return vectors[0] if len(vectors) == 1 else ops.concatenate(vectors, axis=-1)
