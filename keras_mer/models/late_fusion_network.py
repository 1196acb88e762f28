"""Late fusion: one network per modality, and the mean of their predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer._types import Tensor
from keras_mer.layers import DecisionFusion
from keras_mer.layers._masking import presence
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config
from keras_mer.models._side_outputs import SideOutputs
from keras_mer.models._utterance import utterance_encoders


@keras.saving.register_keras_serializable(package="keras_mer")
class LateFusionNetwork(MultimodalModel):
    """Late fusion of two or more modalities: each predicts by itself, and the mean counts.

    Text is read by a `RecurrentEncoder`, the others are averaged by an `AveragingEncoder`;
    `DecisionFusion` maps each vector to a prediction and averages those of the modalities
    that are there, by shares that are learned or equal. In training the networks know nothing
    of each other:

        loss = mean_m L(y, prediction_m) + L(y, mean), L the loss of `compile`

    where a missing modality adds nothing, and the second part moves the shares alone.
    `evaluate` reports the loss of the mean. A plain baseline of decision-level fusion.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        hidden_units: width of each modality's network: one number, or one per modality.
        text_units: width to which the state of a recurrent modality is mapped; `None` for
            half of it.
        dropout: rate of dropout in the networks of the averaged modalities.
        recurrent: the modalities that are read by an LSTM.
        weighted: whether the shares of the modalities are learned; without, all count alike.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the predictions, such as `"softmax"` for classes.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout; the mean is
        over the others.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, a width is no positive integer,
            or an argument names other modalities than `features`.

    Example:

    >>> import numpy as np
    >>> model = LateFusionNetwork({"text": 8, "audio": 5}, hidden_units=4)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Late fusion with averaged scores, as in Snoek, Worring and Smeulders, Early versus
        late fusion in semantic video analysis, ACM Multimedia 2005. The networks are those
        of TFN and LMF.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        hidden_units: int | Mapping[str, int] = 64,
        text_units: int | None = None,
        dropout: float = 0.3,
        recurrent: Sequence[str] = ("text",),
        weighted: bool = True,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "LateFusionNetwork")

        # layers
        encode = utterance_encoders(
            inputs,
            hidden_units,
            text_units,
            recurrent,
            "LateFusionNetwork",
            dropout,
            seed,
            dtype,
        )
        # A prediction in half precision would lose what the metrics look at.
        fusion = DecisionFusion(
            outputs, activation, weighted, apart=True, dtype="float32", name="prediction"
        )

        # graph
        vectors = {m: encode[m](inputs[m], mask=masks[m]) for m in inputs}
        there = {m: presence(masks[m]) for m in inputs}
        prediction, each = fusion(vectors, present=there)
        named = named_inputs(inputs, masks)
        super().__init__(inputs=named, outputs=prediction, name=name)
        self.encode = encode
        self.output_layer = fusion
        self._sides = SideOutputs(named, prediction, {"each": each, "there": there})

        # config
        self.config = {
            "features": features,
            "hidden_units": as_config(hidden_units),
            "text_units": text_units,
            "dropout": dropout,
            "recurrent": list(recurrent),
            "weighted": weighted,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:
        """Returns the prediction; see the class."""
        return self._sides.call(inputs, training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the loss of `compile`; while training, also that of each modality."""
        if y is None or not training:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        weighted = self.config["weighted"]
        loss = super().compute_loss(x, y, y_pred, sample_weight, training) if weighted else 0.0
        sides = self._sides.of(y_pred, x, training)
        losses = []
        for m, prediction in sides["each"].items():
            weight = ops.cast(sides["there"][m], prediction.dtype)
            if sample_weight is not None:
                weight = weight * ops.reshape(sample_weight, ops.shape(weight))
            losses.append(super().compute_loss(x, y, prediction, weight, training))
        return loss + sum(losses[1:], losses[0]) / len(losses)
