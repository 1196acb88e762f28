"""Early fusion: the averages of all modalities side by side, read by one network."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer.layers import MaskedAveragePooling1D, MultilayerPerceptron
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs


@keras.saving.register_keras_serializable(package="keras_mer")
class EarlyFusionNetwork(MultimodalModel):
    """Early fusion of two or more modalities: their features joined, and one network for all.

    The features of each modality are averaged over time and concatenated; a
    `MultilayerPerceptron` and an output layer make the prediction. A plain baseline, for
    features of one step above all; `EFLSTM` reads the steps of sequences.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        hidden_units: widths of the hidden layers.
        dropout: rate of dropout after each.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout; it is read
        as zeros.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, a width is no positive integer,
            or there are no hidden layers.

    Example:

    >>> import numpy as np
    >>> model = EarlyFusionNetwork({"text": 8, "audio": 5}, hidden_units=[4])
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Early fusion as in Snoek, Worring and Smeulders, Early versus late fusion in
        semantic video analysis, ACM Multimedia 2005.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        hidden_units: Sequence[int] = (128, 64),
        dropout: float = 0.3,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "EarlyFusionNetwork")

        # layers
        pool = MaskedAveragePooling1D(dtype=dtype, name="pooling")
        hidden = MultilayerPerceptron(hidden_units, None, dropout, seed=seed, dtype=dtype)
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        joined = ops.concatenate([pool(inputs[m], mask=masks[m]) for m in inputs], axis=-1)
        prediction = output_layer(hidden(joined))
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.hidden_layers = hidden
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "hidden_units": list(hidden_units),
            "dropout": dropout,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }
