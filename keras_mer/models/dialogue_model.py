"""A system that reads every utterance in its dialogue."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer._types import Tensor
from keras_mer.layers import BidirectionalLSTM, MaskedLSTM
from keras_mer.layers._weighted import seed_of
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config, per_modality
from keras_mer.models._utterances import PerDialogue
from keras_mer.models.cmmsf import CMMSF
from keras_mer.models.deepmsimer import DeepMSIMER
from keras_mer.models.ef_lstm import EFLSTM
from keras_mer.models.lmf import LMF
from keras_mer.models.mcihn import MCIHN
from keras_mer.models.msrg import MSRG
from keras_mer.models.mult import MulT
from keras_mer.models.tfn import TFN

SYSTEMS: dict[str, Any] = {
    system.__name__: system for system in (CMMSF, DeepMSIMER, EFLSTM, LMF, MCIHN, MSRG, MulT, TFN)
}


@keras.saving.register_keras_serializable(package="keras_mer")
class DialogueModel(MultimodalModel):
    """Any system of `keras_mer.models`, with the dialogue around each utterance as context.

    A step is an utterance. In each modality a recurrent network reads the whole dialogue;
    beside what an utterance is by itself, the system is given what the network knew when it
    was there. Each utterance gets a prediction of its own.

    The systems are those that read vectors of one step: all but `FoalNet`. The contrastive
    objective of a `DeepMSIMER` with video is not added to the loss here.

    `Dataset.dialogue_batches` makes such inputs; `fit`, `evaluate` and the recipes of
    `keras_mer.training` use it by themselves.

    Args:
        features: width of the vectors of each modality.
        system: the name of a class of `keras_mer.models`.
        arguments: of the system, but for `features`, `outputs` and `activation`.
        units: width of what the system reads of each modality: of the projected utterance,
            and of the context added to it.
        context_units: size of the state of each direction of the recurrent networks; one
            number, or one per modality. 0 reads a modality without its context.
        depth: how many recurrent layers read one after the other.
        bidirectional: whether utterances that come later count; `False` for predictions
            while people still speak.
        input_dropout: rate of dropout on the features; one number, or one per modality.
        dropout: rate of dropout on what the recurrent networks give.
        outputs: number of labels.
        activation: activation of the output; `None` gives logits or scores.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, utterances, width) float and
        `<modality>_mask` (batch, utterances) bool, False where the modality is missing and
        after the end of the dialogue. All modalities have the same number of utterances.

    Output:
        (batch, utterances, outputs). What stands after the end of a dialogue means nothing.

    Raises:
        ValueError: if the system is none of these, or arguments of it are set here.

    Example:

    >>> import numpy as np
    >>> model = DialogueModel(
    ...     {"text": 6, "audio": 5}, "DeepMSIMER", units=4, context_units=3, outputs=7
    ... )
    >>> inputs = {
    ...     "text": np.ones((2, 9, 6), "float32"), "text_mask": np.ones((2, 9), "bool"),
    ...     "audio": np.ones((2, 9, 5), "float32"), "audio_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 9, 7)

    Reference:
        Poria et al., "Context-Dependent Sentiment Analysis in User-Generated Videos", ACL
        2017, whose contextual networks stand here in front of other systems; an addition to
        these systems' papers.
    """

    reads_dialogues = True

    def __init__(
        self,
        features: Mapping[str, int],
        system: str = "CMMSF",
        arguments: Mapping[str, Any] | None = None,
        units: int = 128,
        context_units: int | Mapping[str, int] = 128,
        depth: int = 1,
        bidirectional: bool = True,
        input_dropout: float | Mapping[str, float] = 0.0,
        dropout: float = 0.3,
        outputs: int = 1,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features, arguments = dict(features), dict(arguments or {})
        _check(system, arguments)
        inputs, masks = sequence_inputs(features, "DialogueModel")
        rates = per_modality(input_dropout, inputs, "input_dropout", "DialogueModel")
        sizes = per_modality(context_units, inputs, "context_units", "DialogueModel")
        recurrent = BidirectionalLSTM if bidirectional else MaskedLSTM

        # layers
        drop_inputs = {
            m: keras.layers.Dropout(rates[m], seed=seed_of(seed, 1 + i), dtype=dtype)
            for i, m in enumerate(inputs)
        }
        project = {m: keras.layers.Dense(units, dtype=dtype, name=f"utterance_{m}") for m in inputs}
        read = {
            m: [
                recurrent(sizes[m], return_sequences=True, dtype=dtype, name=f"dialogue_{m}_{i}")
                for i in range(depth if sizes[m] else 0)
            ]
            for m in inputs
        }
        drop = keras.layers.Dropout(dropout, seed=seed_of(seed, 50), dtype=dtype)
        context = {
            m: keras.layers.Dense(units, dtype=dtype, name=f"context_{m}")
            for m in inputs
            if sizes[m]
        }
        normalize = {
            m: keras.layers.LayerNormalization(dtype=dtype, name=f"norm_{m}") for m in inputs
        }
        fuse = SYSTEMS[system](
            features=dict.fromkeys(features, units),
            **{
                "seed": seed_of(seed, 1000),
                "dtype": dtype,
                "name": "system",
                **arguments,
                "outputs": outputs,
                "activation": activation,
            },
        )
        unfold = PerDialogue(dtype="float32", name="per_utterance")

        # graph
        real = _until_last(masks)
        rows = {}
        for m, sequence in inputs.items():
            vectors = drop_inputs[m](ops.where(masks[m][..., None], sequence, 0.0))
            utterance = known = project[m](vectors)
            for layer in read[m]:
                vectors = drop(layer(vectors, mask=real))
            if read[m]:
                known = utterance + context[m](vectors)
            rows[m] = ops.reshape(normalize[m](known), (-1, 1, units))
            rows[f"{m}_mask"] = ops.reshape(masks[m], (-1, 1))
        prediction = unfold(fuse(rows), real)
        super().__init__(inputs=named_inputs(inputs, masks), outputs=prediction, name=name)
        self.system = fuse
        self.output_layer = fuse.output_layer

        # config
        self.config = {
            "features": features,
            "system": system,
            "arguments": arguments,
            "units": units,
            "context_units": as_config(context_units),
            "depth": depth,
            "bidirectional": bidirectional,
            "input_dropout": as_config(input_dropout),
            "dropout": dropout,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }


def _check(system: str, arguments: Mapping[str, Any]) -> None:
    if system not in SYSTEMS:
        raise ValueError(
            f"DialogueModel puts a dialogue around one of {', '.join(SYSTEMS)}; received {system!r}"
        )
    own = sorted(set(arguments) & {"features", "outputs", "activation"})
    if own:
        raise ValueError(
            f"{', '.join(own)} of the system follow from those of DialogueModel: give them there"
        )


def _until_last(masks: Mapping[str, Tensor]) -> Tensor:
    """(batch, utterances) bool: True up to the last utterance that has any modality."""
    there = None
    for mask in masks.values():
        there = mask if there is None else ops.logical_or(there, mask)
    later = ops.flip(ops.cumsum(ops.flip(ops.cast(there, "int32"), axis=1), axis=1), axis=1)
    return later > 0
