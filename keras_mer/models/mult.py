"""MulT, the multimodal transformer."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer.layers import CrossModalTransformer, MaskedValidConvolution1D
from keras_mer.layers._masking import last_step
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config, per_modality

MMSA_INPUT_DROPOUT = {"text": 0.5, "audio": 0.0, "video": 0.0}
MMSA_ATTENTION_DROPOUT = {"text": 0.3, "audio": 0.2, "video": 0.0}


@keras.saving.register_keras_serializable(package="keras_mer")
class MulT(MultimodalModel):
    """Multimodal transformer over two or more modalities, aligned or not.

    A convolution brings each modality to one width; a `CrossModalTransformer` per ordered
    pair lets each modality look at each other; what a modality became beside all others is
    joined and goes through a stack of self-attention, its memory. The memories at their
    last real steps make the prediction through a residual block.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        units: the width inside the model. A modality of this width has no convolution.
        num_heads: heads of every attention; they divide `units`.
        num_layers: layers of a crossmodal stack.
        memory_layers: layers of a memory; `None` for `num_layers`, but three at least.
        kernel_size: steps that a convolution sees; one number, or one per modality.
        causal: whether attention is kept from looking ahead.
        positions: whether positions are added before every stack, as the paper does and
            the MMSA framework does not.
        input_dropout: rate of dropout on the features; one number, or one per modality.
        embedding_dropout: rate of dropout on what enters a stack.
        attention_dropout: rate of dropout on the attention weights, by the modality that
            is looked at; one number, or one per modality.
        memory_dropout: rate of dropout on the attention weights of the memories.
        hidden_dropout: rate of dropout inside the feed-forward parts.
        residual_dropout: rate of dropout on what each part adds.
        output_dropout: rate of dropout inside the last residual block.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout; the others
        look past it, and its own memory is zeros.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, a width is no positive integer,
            an argument leaves a modality out, or the heads do not divide the width.

    Example:

    >>> import numpy as np
    >>> model = MulT(
    ...     {"text": 8, "audio": 5}, units=4, num_heads=2, num_layers=1, memory_layers=1
    ... )
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Tsai et al., Multimodal transformer for unaligned multimodal language sequences,
        ACL 2019. Equations and sizes are those of the MMSA framework for CMU-MOSI (Mao et
        al., ACL 2022 demonstrations; its `config_regression.json`). There attention sees
        padded steps and the last step is the last of the padding; here they do not exist.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        units: int = 50,
        num_heads: int = 10,
        num_layers: int = 4,
        memory_layers: int | None = None,
        kernel_size: int | Mapping[str, int] = 5,
        causal: bool = True,
        positions: bool = False,
        input_dropout: float | Mapping[str, float] = MMSA_INPUT_DROPOUT,
        embedding_dropout: float = 0.2,
        attention_dropout: float | Mapping[str, float] = MMSA_ATTENTION_DROPOUT,
        memory_dropout: float = 0.3,
        hidden_dropout: float = 0.0,
        residual_dropout: float = 0.0,
        output_dropout: float = 0.5,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "MulT")
        kernels = per_modality(kernel_size, inputs, "kernel_size", "MulT")
        input_rates = per_modality(input_dropout, inputs, "input_dropout", "MulT")
        look_rates = per_modality(attention_dropout, inputs, "attention_dropout", "MulT")
        pairs = [(m, n) for m in inputs for n in inputs if n != m]

        # layers
        drop_inputs = {
            m: keras.layers.Dropout(rate, seed=seed_of(seed, i), dtype=dtype)
            for i, (m, rate) in enumerate(input_rates.items())
        }
        convolutions = {
            m: MaskedValidConvolution1D(units, kernels[m], dtype=dtype, name=f"convolution_{m}")
            for m in inputs
            if features[m] != units
        }

        def stack(name: str, place: int, layers: int, rate: float) -> CrossModalTransformer:
            return CrossModalTransformer(
                layers,
                num_heads,
                causal=causal,
                positions=positions,
                dropout=residual_dropout,
                attention_dropout=rate,
                hidden_dropout=hidden_dropout,
                input_dropout=embedding_dropout,
                seed=seed_of(seed, 1000 * (place + 1)),
                dtype=dtype,
                name=name,
            )

        looks = {
            (m, n): stack(f"{m}_with_{n}", i, num_layers, look_rates[n])
            for i, (m, n) in enumerate(pairs)
        }
        depth = memory_layers or max(num_layers, 3)
        memories = {
            m: stack(f"{m}_memory", len(pairs) + i, depth, memory_dropout)
            for i, m in enumerate(inputs)
        }
        width = len(pairs) * units
        hidden = keras.layers.Dense(width, activation="relu", dtype=dtype, name="hidden")
        drop = keras.layers.Dropout(output_dropout, seed=seed_of(seed, 99), dtype=dtype)
        residual = keras.layers.Dense(width, dtype=dtype, name="residual")
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        x, real = {}, {}
        for m in inputs:
            x[m], real[m] = drop_inputs[m](inputs[m]), masks[m]
            if m in convolutions:
                x[m] = convolutions[m](x[m], mask=masks[m])
                real[m] = convolutions[m].windows(masks[m])
        last = []
        for m in inputs:
            seen = [
                looks[m, n](x[m], x[n], query_mask=real[m], source_mask=real[n])
                for n in inputs
                if n != m
            ]
            beside = ops.concatenate(seen, axis=-1) if len(seen) > 1 else seen[0]
            last.append(last_step(memories[m](beside, query_mask=real[m]), real[m]))
        joined = ops.concatenate(last, axis=-1)
        prediction = output_layer(residual(drop(hidden(joined))) + joined)
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.convolutions = convolutions
        self.looks = {f"{m}_with_{n}": look for (m, n), look in looks.items()}
        self.memories = memories
        self.residual_block = [hidden, residual]
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "units": units,
            "num_heads": num_heads,
            "num_layers": num_layers,
            "memory_layers": memory_layers,
            "kernel_size": as_config(kernel_size),
            "causal": causal,
            "positions": positions,
            "input_dropout": as_config(input_dropout),
            "embedding_dropout": embedding_dropout,
            "attention_dropout": as_config(attention_dropout),
            "memory_dropout": memory_dropout,
            "hidden_dropout": hidden_dropout,
            "residual_dropout": residual_dropout,
            "output_dropout": output_dropout,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }
