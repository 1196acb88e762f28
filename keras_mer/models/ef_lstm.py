"""EF-LSTM: early fusion read by an LSTM."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_mer._serialized import serialized
from keras_mer.layers import EarlyFusion, MaskedLSTM, MaskedResampling1D
from keras_mer.layers._masking import resampled, union
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs


@keras.saving.register_keras_serializable(package="keras_mer")
class EFLSTM(MultimodalModel):
    """Early fusion of two or more aligned modalities, read by a stack of LSTMs.

    The features of each step are joined and normalised by `EarlyFusion`; the state of the
    last `MaskedLSTM` at the last real step goes through a hidden and an output layer. A
    step is real where any modality is.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the form of
            Mao et al.: BERT, COVAREP and FACET features.
        units: size of the state of every LSTM, and width of the hidden layer.
        num_layers: number of LSTMs.
        steps: how many steps have a normalisation of their own.
        align: whether to resample every modality to `steps` steps, for features that are
            not aligned.
        dropout: rate of dropout after every LSTM and after the hidden layer.
        outputs: size of the prediction: 1 for a score, the number of labels for classes.
        activation: activation of the output, such as `"softmax"` for classes.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded; all
        of one time unless `align` is set. A missing modality is a mask that is False
        throughout; it is read as the mean of every feature.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, or a width is no positive
            integer.

    Example:

    >>> import numpy as np
    >>> model = EFLSTM({"text": 8, "audio": 5}, units=4, num_layers=2, steps=6)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 6, 5), "float32"), "audio_mask": np.zeros((2, 6), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Williams et al., Recognizing emotions in video using multimodal DNN feature fusion,
        Challenge-HML at ACL 2018. Equations and sizes, the normalisation per time step
        among them, are those of the MMSA framework for CMU-MOSI (Mao et al., ACL 2022
        demonstrations; its `config_regression.json`). There the LSTM reads on through the
        padding; here it stops at the last real step.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        units: int = 128,
        num_layers: int = 4,
        steps: int = 50,
        align: bool = False,
        dropout: float = 0.5,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 768, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "EFLSTM")
        if num_layers < 1:
            raise ValueError(f"EFLSTM needs num_layers of 1 or more; received {num_layers}")

        # layers
        resample = MaskedResampling1D(steps, dtype=dtype, name="resample")
        fusion = EarlyFusion(steps, dtype=dtype, name="fusion")
        readers = [
            MaskedLSTM(units, i + 1 < num_layers, dtype=dtype, name=f"reader_{i + 1}")
            for i in range(num_layers)
        ]
        drops = [
            keras.layers.Dropout(dropout, seed=seed_of(seed, i), dtype=dtype)
            for i in range(num_layers + 1)
        ]
        hidden = keras.layers.Dense(units, activation="relu", dtype=dtype, name="hidden")
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        sequences, real = dict(inputs), dict(masks)
        if align:
            sequences = {m: resample(inputs[m], mask=masks[m]) for m in inputs}
            real = {m: resampled(masks[m], steps) for m in inputs}
        x, any_real = fusion(sequences, masks=real), union(real.values())
        for reader, drop in zip(readers, drops, strict=False):
            x = drop(reader(x, mask=any_real))
        prediction = output_layer(drops[-1](hidden(x)))
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.fusion = fusion
        self.readers = readers
        self.hidden_layer = hidden
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "units": units,
            "num_layers": num_layers,
            "steps": steps,
            "align": align,
            "dropout": dropout,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }
