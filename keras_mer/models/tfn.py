"""TFN, the tensor fusion network."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer.layers import TensorFusion
from keras_mer.layers._masking import presence
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config
from keras_mer.models._utterance import utterance_encoders

MMSA_UNITS = {"text": 128, "audio": 32, "video": 128}


@keras.saving.register_keras_serializable(package="keras_mer")
class TFN(MultimodalModel):
    """Tensor fusion network over two or more modalities.

    Text is read by a `RecurrentEncoder`, the others are averaged by an `AveragingEncoder`;
    `TensorFusion` multiplies the vectors out, and three linear maps make the prediction.
    The fused width is the product of all widths plus one: choose short vectors for more
    than three modalities.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        hidden_units: width of each modality's network: one number, or one per modality.
        text_units: width to which the state of a recurrent modality is mapped.
        fusion_units: width of the two hidden layers after the fusion.
        dropout: rate of dropout in the networks of the averaged modalities.
        fusion_dropout: rate of dropout on the fused features.
        recurrent: the modalities that are read by an LSTM.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
        output_range: the range of a score, to which a sigmoid is stretched; `None` for a
            score without bounds. Only one output without an activation is a score.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout; the
        products of the others stay.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, a width is no positive integer,
            or an argument names other modalities than `features`.

    Example:

    >>> import numpy as np
    >>> model = TFN({"text": 8, "audio": 5}, hidden_units=4, text_units=4, fusion_units=8)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Zadeh et al., Tensor fusion network for multimodal sentiment analysis, EMNLP 2017.
        Equations and sizes are those of the MMSA framework for CMU-MOSI (Mao et al., ACL
        2022 demonstrations; its `config_regression.json`). There padded steps count in
        the averages and are read by the LSTM; here they do not exist.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        hidden_units: int | Mapping[str, int] = MMSA_UNITS,
        text_units: int = 32,
        fusion_units: int = 64,
        dropout: float = 0.3,
        fusion_dropout: float = 0.5,
        recurrent: Sequence[str] = ("text",),
        outputs: int = 1,
        activation: Any = None,
        output_range: tuple[float, float] | None = (-3.0, 3.0),
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "TFN")
        activation = keras.activations.get(activation)

        # layers
        encode = utterance_encoders(
            inputs, hidden_units, text_units, recurrent, "TFN", dropout, seed, dtype
        )
        fusion = TensorFusion(dtype=dtype, name="fusion")
        drop = keras.layers.Dropout(fusion_dropout, seed=seed_of(seed, 99), dtype=dtype)
        hidden = [
            keras.layers.Dense(fusion_units, activation="relu", dtype=dtype, name=f"hidden_{i}")
            for i in (1, 2)
        ]
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        vectors = {m: encode[m](inputs[m], mask=masks[m]) for m in inputs}
        there = {m: presence(masks[m]) for m in inputs}
        fused = drop(fusion(vectors, present=there))
        for linear in hidden:
            fused = linear(fused)
        prediction = output_layer(fused)
        if output_range and outputs == 1 and activation is keras.activations.linear:
            low, high = output_range
            prediction = low + (high - low) * ops.sigmoid(prediction)
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.encode = encode
        self.fusion = fusion
        self.hidden_layers = hidden
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "hidden_units": as_config(hidden_units),
            "text_units": text_units,
            "fusion_units": fusion_units,
            "dropout": dropout,
            "fusion_dropout": fusion_dropout,
            "recurrent": list(recurrent),
            "outputs": outputs,
            "activation": serialized(activation),
            "output_range": output_range and list(output_range),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }
