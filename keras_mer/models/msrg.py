"""MSRG: joint cross-attention on pooled joint features, and residual gating over time."""

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer._types import Tensor
from keras_mer.layers import (
    AdaptiveMultimodalLinearPooling,
    BidirectionalGRU,
    BidirectionalLSTM,
    JointCrossAttentionFusion,
    LevelInteraction,
    MaskedGRU,
    MaskedResampling1D,
    ModalityDropout,
    ResidualGatingNetwork,
)
from keras_mer.layers._masking import resampled, union
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import per_modality

FITS = ("resample", "cut")


@keras.saving.register_keras_serializable(package="keras_mer")
class MSRG(MultimodalModel):
    """Multimodal sentiment from two levels, with residual gating, over two or more modalities.

    Each modality is read by a stack of GRUs that ends in both directions. A joint feature
    of all (`AdaptiveMultimodalLinearPooling`) guides what each modality keeps
    (`JointCrossAttentionFusion`); step by step the modalities are joined and read by a
    bidirectional LSTM and a `ResidualGatingNetwork`, whose last states give the intensity
    of the time steps. The last states of the first readers, joined, give the intensity of
    the utterance, and `LevelInteraction` weighs the two.

    Args:
        features: the width of each modality. The default is CMU-MOSI in the paper's form:
            GloVe, COVAREP and FACET features.
        steps: the number of time steps inside the model, which the attention fixes.
        fit_steps: how sequences of any length come to it: `"resample"` averages the real
            steps of a row into as many bins; `"cut"` drops what is beyond, or pads.
        encoder_units: width of the GRUs before the bidirectional one; one number, or one
            per modality. The default is 190 for text and 95 for any other modality.
        encoder_depth: number of GRUs before the bidirectional one.
        units: width of every modality after it; even.
        attention: whether modalities are fused by joint cross-attention; otherwise each
            stays as it was read.
        attention_units: hidden width of the attention.
        norm: whether the strength of a modality in the joint feature is that of the
            `"sample"`, or of the whole `"batch"`, as the released code has it.
        unit_length: whether the joint feature has unit length over the `"features"`, or
            over the `"time"`, as the released code has it.
        joint_of: whose joint a modality uses in the attention in place of its own;
            `{"video": "audio"}` is what the released code does.
        memory_units: width of each direction of the LSTM.
        state_units: width of the state of the residual gating network.
        direction: which way it reads: `"forward"`, `"backward"` or `"both"`.
        hidden_units: width of the hidden layer before the intensity of the time steps.
        utterance_level: whether the intensity of the utterance is added.
        input_dropout: rate of dropout on the features themselves.
        dropout: rate of dropout in the joint feature.
        modality_dropout: probability of hiding a whole modality while training; one
            number, or one per modality.
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
            integer, or an argument is none of the values named.

    Example:

    >>> import numpy as np
    >>> model = MSRG({"text": 8, "audio": 5}, steps=4, encoder_units=6, units=4)
    >>> inputs = {
    ...     "text": np.ones((2, 6, 8), "float32"), "text_mask": np.ones((2, 6), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 1)

    Reference:
        Wang et al., Neural Networks 188, 2025, 107483, doi 10.1016/j.neunet.2025.107483.
        Everything up to the intensity of the time steps follows the released code, whose
        faults are avoided: recurrent layers run over time, the attention keeps its
        weights, states start at zero. The intensity of the utterance and the interaction
        are in the abstract but not in that code; they are a reading of the abstract.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        steps: int = 20,
        fit_steps: Literal["resample", "cut"] = "resample",
        encoder_units: int | Mapping[str, int] | None = None,
        encoder_depth: int = 2,
        units: int = 128,
        attention: bool = True,
        attention_units: int = 32,
        norm: Literal["sample", "batch"] = "sample",
        unit_length: Literal["features", "time"] = "features",
        joint_of: Mapping[str, str] | None = None,
        memory_units: int = 128,
        state_units: int = 128,
        direction: Literal["forward", "backward", "both"] = "both",
        hidden_units: int = 32,
        utterance_level: bool = True,
        input_dropout: float = 0.0,
        dropout: float = 0.1,
        modality_dropout: float | Mapping[str, float] = 0.0,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 300, "audio": 5, "video": 20})
        inputs, masks = sequence_inputs(features, "MSRG")
        widths = _encoder_widths(inputs, encoder_units)
        _check(steps, fit_steps, units)

        # layers
        hide = ModalityDropout(modality_dropout, seed=seed, name="modality_dropout")
        drop_inputs = keras.layers.Dropout(input_dropout, seed=seed_of(seed, 1), dtype=dtype)
        resample = MaskedResampling1D(steps, dtype=dtype, name="resampling")
        encoders = {}
        for m in inputs:
            encoders[m] = [
                MaskedGRU(widths[m], dtype=dtype, name=f"gru_{m}_{i}") for i in range(encoder_depth)
            ]
            last = BidirectionalGRU(units // 2, return_state=True, dtype=dtype, name=f"bigru_{m}")
            encoders[m].append(last)
        pooling = AdaptiveMultimodalLinearPooling(
            units, norm, unit_length, dropout, seed=seed_of(seed, 2), dtype=dtype, name="pooling"
        )
        fuse = JointCrossAttentionFusion(
            attention_units, steps, joint_of, dtype=dtype, name="attention"
        )
        memory = BidirectionalLSTM(memory_units, dtype=dtype, name="memory")
        gating = ResidualGatingNetwork(state_units, direction, dtype=dtype, name="gating")
        hidden = keras.layers.Dense(hidden_units, dtype=dtype, name="hidden")
        # A prediction in half precision would lose what the metrics look at.
        output_layer = LevelInteraction(outputs, activation, dtype="float32", name="prediction")

        # graph
        visible = hide(masks)
        read, utterance = {}, []
        for m, sequence in inputs.items():
            x = drop_inputs(sequence)
            if fit_steps == "resample":
                x = resample(x, mask=visible[m])
                visible[m] = resampled(visible[m], steps)
            else:
                x, visible[m] = _cut(x, steps), _cut(visible[m], steps)
            for gru in encoders[m][:-1]:
                x = gru(x, mask=visible[m])
            read[m], last_states = encoders[m][-1](x, mask=visible[m])
            utterance.append(last_states)
        encoded = read
        if attention:
            read = fuse(encoded, joint=pooling(encoded, masks=visible), masks=visible)
        anywhere = union(visible.values())
        # Modality by modality: a backend may return a dict in another order of its keys.
        joined = memory(ops.concatenate([read[m] for m in inputs], axis=-1), mask=anywhere)
        state = gating(joined, mask=anywhere)
        levels = {"steps": keras.activations.leaky_relu(hidden(state), negative_slope=0.01)}
        if utterance_level:
            levels["utterance"] = ops.concatenate(utterance, axis=-1)
        prediction = output_layer(levels)
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.encoders = encoders
        self.pooling = pooling if attention else None
        self.attention = fuse if attention else None
        self.sequences, self.visible = encoded, visible
        self.joined, self.anywhere = joined, anywhere
        self.memory = memory
        self.gating = gating
        self.hidden = hidden
        self.output_layer = output_layer

        # config
        self.config = {
            "features": features,
            "steps": steps,
            "fit_steps": fit_steps,
            "encoder_units": widths,
            "encoder_depth": encoder_depth,
            "units": units,
            "attention": attention,
            "attention_units": attention_units,
            "norm": norm,
            "unit_length": unit_length,
            "joint_of": dict(joint_of or {}),
            "memory_units": memory_units,
            "state_units": state_units,
            "direction": direction,
            "hidden_units": hidden_units,
            "utterance_level": utterance_level,
            "input_dropout": input_dropout,
            "dropout": dropout,
            "modality_dropout": modality_dropout,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }


def _encoder_widths(
    modalities: Mapping[str, Any], units: int | Mapping[str, int] | None
) -> dict[str, int]:
    """The width of the GRUs of each modality."""
    if units is None:
        return {m: 190 if m == "text" else 95 for m in modalities}
    return per_modality(units, modalities, "encoder_units", "MSRG")


def _check(steps: int, fit_steps: str, units: int) -> None:
    if steps < 1:
        raise ValueError(f"MSRG needs steps of 1 or more; received {steps}")
    if fit_steps not in FITS:
        raise ValueError(f"MSRG knows fit_steps {', '.join(FITS)}; received {fit_steps!r}")
    if units < 2 or units % 2:
        raise ValueError(f"MSRG needs even units, half for each direction; received {units}")


def _cut(x: Tensor, steps: int) -> Tensor:
    """The first `steps` of (batch, time, ...), with zeros or False where there are fewer."""
    beyond = ops.zeros_like(x[:, :1])
    return ops.concatenate([x, ops.repeat(beyond, steps, axis=1)], axis=1)[:, :steps]
