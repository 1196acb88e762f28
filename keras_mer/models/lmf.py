"""LMF, low-rank multimodal fusion."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_mer._serialized import serialized
from keras_mer.layers import LowRankFusion
from keras_mer.layers._masking import presence
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config
from keras_mer.models._utterance import utterance_encoders

MMSA_UNITS = {"text": 128, "audio": 16, "video": 128}


@keras.saving.register_keras_serializable(package="keras_mer")
class LMF(MultimodalModel):
    """Low-rank multimodal fusion over two or more modalities.

    Text is read by a `RecurrentEncoder`, the others are averaged by an `AveragingEncoder`;
    `LowRankFusion` maps their vectors straight to the prediction.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        hidden_units: width of each modality's network: one number, or one per modality.
        text_units: width to which the state of a recurrent modality is mapped; `None` for
            half of it.
        rank: rank of the fusion.
        dropout: rate of dropout in the networks of the averaged modalities.
        recurrent: the modalities that are read by an LSTM.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
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
    >>> model = LMF({"text": 8, "audio": 5}, hidden_units=4)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Liu et al., Efficient low-rank multimodal fusion with modality-specific factors,
        ACL 2018. Equations and sizes are those of the MMSA framework for CMU-MOSI (Mao et
        al., ACL 2022 demonstrations; its `config_regression.json`). There padded steps
        count in the averages and are read by the LSTM; here they do not exist.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        hidden_units: int | Mapping[str, int] = MMSA_UNITS,
        text_units: int | None = None,
        rank: int = 3,
        dropout: float = 0.3,
        recurrent: Sequence[str] = ("text",),
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "LMF")
        activation = keras.activations.get(activation)

        # layers
        encode = utterance_encoders(
            inputs, hidden_units, text_units, recurrent, "LMF", dropout, seed, dtype
        )
        # A prediction in half precision would lose what the metrics look at.
        fusion = LowRankFusion(outputs, rank, dtype="float32", name="fusion")

        # graph
        vectors = {m: encode[m](inputs[m], mask=masks[m]) for m in inputs}
        there = {m: presence(masks[m]) for m in inputs}
        prediction = activation(fusion(vectors, present=there))
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.encode = encode
        self.output_layer = fusion

        # config
        self.config = {
            "features": features,
            "hidden_units": as_config(hidden_units),
            "text_units": text_units,
            "rank": rank,
            "dropout": dropout,
            "recurrent": list(recurrent),
            "outputs": outputs,
            "activation": serialized(activation),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }
