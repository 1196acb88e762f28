"""MCIHN: adversarial autoencoders, cross-modal gates, attention over what they made."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer.layers import (
    AdversarialAutoencoder,
    CrossModalAttention,
    CrossModalGate,
    ModalityDropout,
)
from keras_mer.layers._masking import presence, zero_masked
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config, per_modality


@keras.saving.register_keras_serializable(package="keras_mer")
class MCIHN(MultimodalModel):
    """Multipath cross-modal interaction over two or more modalities.

    Each modality is encoded into one code by an `AdversarialAutoencoder`; a
    `CrossModalGate` makes an interaction feature of every pair of codes; attention among
    features and codes, a hidden layer and an output layer make the prediction:

        I_p = gate_p(s_i, s_j) for every pair p of modalities
        Z = LayerNorm(T + MultiHead(T, T, T)),  T = [I_p ...; s_m ...]
        prediction = W_o Dropout(ReLU(W_h flatten(Z) + b_h)) + b_o

    Under `fit` the layers add their losses to that of `compile`, for each modality m:

        loss + reconstruction_weight * L_rec,m + discriminator_weight * L_disc,m,
        the encoder's answer to it with generator_weight,
        and discrepancy_weight * L_mmd,p for each pair p

    `evaluate` reports the loss of `compile` alone.

    Args:
        features: the width of each modality. The default is that of BERT-base,
            wav2vec2-base and CLIP ViT-L/14; ViT-B/32 has 512.
        latent_dim: width of the codes and of the interaction features.
        hidden_units: width between the two maps of each encoder and decoder.
        num_heads: heads of the attention; they divide `latent_dim`.
        fusion_units: width of the hidden layer before the output.
        dropout: rate of dropout in the attention and before the output layer.
        input_dropout: rate of dropout on the features themselves; one number, or one per
            modality. What is dropped is not reconstructed.
        modality_dropout: probability of hiding a whole modality while training; one
            number, or one per modality. A modality hidden from a clip has no part in the
            layers' losses for that clip.
        discriminator_units: widths of the discriminators' hidden layers.
        reconstruction_weight: weight of the mean squared error of each autoencoder.
        discriminator_weight: weight of each discriminator's loss; 0 leaves the adversary
            out, with a `generator_weight` of 0.
        generator_weight: weight of each encoder's answer to its discriminator.
        discrepancy_weight: weight of the discrepancy between each pair.
        generator: `"reversal"`, `"non_saturating"` or `"alternating"`, as in
            `AdversarialAutoencoder`.
        gate: whether to make interaction features and to lessen the discrepancy; without
            it the codes alone are fused.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
        seed: seed of the dropouts and of the draws.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, or a width is no positive
            integer, or a weight is negative.

    Example:

    >>> import numpy as np
    >>> model = MCIHN({"text": 8, "audio": 5}, latent_dim=4, num_heads=2)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        MCIHN, ACM Multimedia Asia 2025, arXiv 2510.24827. Only the abstract and summaries
        were at hand: sizes, weights and equations are a reading of them, not the paper's
        architecture.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        latent_dim: int = 128,
        hidden_units: int = 256,
        num_heads: int = 4,
        fusion_units: int = 128,
        dropout: float = 0.1,
        input_dropout: float | Mapping[str, float] = 0.0,
        modality_dropout: float | Mapping[str, float] = 0.0,
        discriminator_units: Sequence[int] = (128, 64),
        reconstruction_weight: float = 0.1,
        discriminator_weight: float = 1.0,
        generator_weight: float = 0.05,
        discrepancy_weight: float = 0.1,
        generator: Literal["reversal", "non_saturating", "alternating"] = "reversal",
        gate: bool = True,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 768, "video": 768})
        inputs, masks = sequence_inputs(features, "MCIHN")
        rates = per_modality(input_dropout, inputs, "input_dropout", "MCIHN")

        # layers
        hide = ModalityDropout(modality_dropout, seed=seed, name="modality_dropout")
        drop_inputs = {
            m: keras.layers.Dropout(
                rates[m], seed=seed_of(seed, 100 + i), dtype=dtype, name=f"drop_{m}"
            )
            for i, m in enumerate(inputs)
        }
        autoencoders = {
            m: AdversarialAutoencoder(
                latent_dim,
                hidden_units,
                discriminator_units,
                reconstruction_weight,
                discriminator_weight,
                generator_weight,
                generator,
                seed=seed_of(seed, 2 + i),
                dtype=dtype,
                name=f"autoencoder_{m}",
            )
            for i, m in enumerate(inputs)
        }
        gates = {
            pair: CrossModalGate(
                latent_dim, discrepancy_weight, dtype=dtype, name="gate_{}_{}".format(*pair)
            )
            for pair in combinations(inputs, 2)
            if gate
        }
        attend = CrossModalAttention(
            num_heads, dropout, seed=seed_of(seed, 0), dtype=dtype, name="attention"
        )
        hidden = keras.layers.Dense(fusion_units, activation="relu", dtype=dtype, name="hidden")
        drop = keras.layers.Dropout(dropout, seed=seed_of(seed, 1), dtype=dtype)
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        visible = hide(masks)
        codes = {m: autoencoders[m](drop_inputs[m](x), mask=visible[m]) for m, x in inputs.items()}
        there = {m: presence(visible[m]) for m in inputs}
        tokens, real = [], []
        for pair, join in gates.items():
            present = {m: there[m] for m in pair}
            tokens.append(join({m: codes[m] for m in pair}, present=present))
            real.append(ops.logical_or(*present.values()))
        tokens, real = [*tokens, *codes.values()], [*real, *there.values()]
        tokens, real = ops.stack(tokens, axis=1), ops.stack(real, axis=1)
        fused = zero_masked(attend(tokens, tokens, query_mask=real, source_mask=real), real)
        flat = ops.reshape(fused, (-1, fused.shape[1] * latent_dim))
        hidden_vector = hidden(flat)
        prediction = output_layer(drop(hidden_vector))
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.autoencoders = autoencoders
        self.gates = list(gates.values())
        self.codes, self.there = codes, there
        self.hidden_layer = hidden
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "latent_dim": latent_dim,
            "hidden_units": hidden_units,
            "num_heads": num_heads,
            "fusion_units": fusion_units,
            "dropout": dropout,
            "input_dropout": as_config(input_dropout),
            "modality_dropout": as_config(modality_dropout),
            "discriminator_units": list(discriminator_units),
            "reconstruction_weight": reconstruction_weight,
            "discriminator_weight": discriminator_weight,
            "generator_weight": generator_weight,
            "discrepancy_weight": discrepancy_weight,
            "generator": generator,
            "gate": gate,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }
