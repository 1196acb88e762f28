"""Foal-Net: cross-attention between two modalities, aligned and matched by label."""

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer._types import Tensor, Tensors
from keras_mer.layers import (
    CrossModalAttentionStack,
    EmotionAlignment,
    EmotionMatching,
    HardNegatives,
    MaskedAveragePooling1D,
    ModalityDropout,
    ProjectionHead,
)
from keras_mer.layers._masking import presence
from keras_mer.layers._weighted import built, seed_of
from keras_mer.losses import LabelAlignmentLoss
from keras_mer.models._labels import label_numbers
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._per_modality import as_config
from keras_mer.models._side_outputs import SideOutputs


@keras.saving.register_keras_serializable(package="keras_mer")
class FoalNet(MultimodalModel):
    """Fusion of two modalities, trained to align and to match them by emotion.

    Each modality looks at the other through a `CrossModalAttentionStack`; the means over
    time are joined and classified. Under `fit`, two objectives are added to the loss that
    `compile` was given, from the labels of the batch:

        loss + alignment_weight * L_align + matching_weight * L_match

    L_align is the `LabelAlignmentLoss` of the projected means of the features, L_match the
    cross-entropy of `EmotionMatching` on the true pairs and on those of `HardNegatives`. A
    clip without one of its modalities has a prediction, but no part in the two. `evaluate`
    reports the loss of `compile` alone, which does not depend on who shares a batch.

    Args:
        features: the widths of two modalities. The default is the paper's: WavLM-large
            and CLIP-large features.
        num_layers: how often each modality looks at the other.
        num_heads: heads of each attention; they divide both widths.
        projection_units: width of the space in which the modalities are aligned.
        dropout: rate of dropout in the attention and before the output layer.
        projection_dropout: rate of dropout in the projections.
        modality_dropout: probability of hiding a whole modality while training; one
            number, or one per modality. A clip that lost one this way has no part in the
            two objectives of that step.
        temperature: the learned divisor of the similarities at its start. The paper's is
            0.07; the released code starts it at log(1 / 0.07) = 2.659.
        alignment_weight: weight of L_align; 0 leaves the objective out.
        matching_weight: weight of L_match; 0 leaves the objective out.
        same_label_negatives: whether a batch of one label alone still gives negatives, as
            in the released code; they then teach that a match is none.
        missing_source: what a modality sees of one that is missing, as in
            `CrossModalAttention`; the released code's is `"even"`.
        outputs: the number of labels.
        activation: activation of the output; without one it gives logits.
        seed: seed of the dropouts and of the draw.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float and
        `<modality>_mask` (batch, time) bool, True at a real step, rows right-padded. The
        times may differ. A missing modality is a mask that is False throughout.

    Output:
        (batch, outputs). The labels are integers (batch,) or (batch, 1), or one-hot
        (batch, outputs).

    Raises:
        ValueError: if not two modalities are named, a width is no positive integer, or a
            weight is negative.

    Example:

    >>> import numpy as np
    >>> model = FoalNet({"audio": 8, "video": 4}, num_heads=2, projection_units=4)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", loss)
    >>> inputs = {
    ...     "audio": np.ones((2, 6, 8), "float32"), "audio_mask": np.ones((2, 6), "bool"),
    ...     "video": np.ones((2, 9, 4), "float32"), "video_mask": np.zeros((2, 9), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 4)

    Reference:
        Li et al., Foal-Net, Interspeech 2024, 4663-4667, arXiv 2408.09438, and its
        released code. The features are given here; the paper also tunes WavLM.
    """

    def __init__(
        self,
        features: Mapping[str, int] | None = None,
        num_layers: int = 2,
        num_heads: int = 4,
        projection_units: int = 512,
        dropout: float = 0.1,
        projection_dropout: float = 0.5,
        modality_dropout: float | Mapping[str, float] = 0.0,
        temperature: float = 0.07,
        alignment_weight: float = 1.0,
        matching_weight: float = 0.1,
        same_label_negatives: bool = False,
        missing_source: Literal["nothing", "even"] = "nothing",
        outputs: int = 4,
        activation: Any = None,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"audio": 1024, "video": 768})
        _check(features, alignment_weight, matching_weight)
        inputs, masks = sequence_inputs(features, "FoalNet")

        # layers
        hide = ModalityDropout(modality_dropout, seed=seed, name="modality_dropout")
        stacks = {
            m: CrossModalAttentionStack(
                num_layers,
                num_heads,
                dropout,
                seed=seed_of(seed, 100 * (i + 1)),
                missing_source=missing_source,
                dtype=dtype,
                name=f"stack_{m}",
            )
            for i, m in enumerate(inputs)
        }
        pool = MaskedAveragePooling1D(dtype=dtype, name="pooling")
        drop = keras.layers.Dropout(dropout, seed=seed_of(seed, 0), dtype=dtype)
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        visible = hide(masks)
        vectors = _fused(stacks, pool, inputs, inputs, visible, visible)
        prediction = output_layer(drop(ops.concatenate(list(vectors.values()), axis=-1)))
        named = named_inputs(inputs, masks)
        super().__init__(inputs=named, outputs=prediction, name=name)
        self.stacks, self.pool = stacks, pool
        self.output_layer = output_layer
        pieces = {"sequences": inputs, "masks": visible, "vectors": vectors}
        self._sides = SideOutputs(named, prediction, pieces)

        # objectives
        self.objective_weights = {"alignment": alignment_weight, "matching": matching_weight}
        if alignment_weight or matching_weight:
            self.projections = {
                m: built(
                    ProjectionHead(
                        projection_units,
                        projection_dropout,
                        use_bias=False,
                        seed=seed_of(seed, 1 + i),
                        dtype=dtype,
                        name=f"projection_{m}",
                    ),
                    (None, features[m]),
                )
                for i, m in enumerate(inputs)
            }
            embedded = (None, projection_units)
            self.alignment = built(
                EmotionAlignment(temperature, dtype=dtype, name="alignment"), embedded, embedded
            )
            # Without its loss the alignment only says from whom the negatives are drawn.
            for layer in (*self.projections.values(), self.alignment):
                layer.trainable = bool(alignment_weight)
        if matching_weight:
            self.negatives = built(
                HardNegatives(same_label_negatives, seed_of(seed, 3)), (None, None)
            )
            self.matching = built(
                EmotionMatching(dtype="float32", name="matching"),
                {m: (None, features[m]) for m in inputs},
            )

        # config
        self.config = {
            "features": features,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "projection_units": projection_units,
            "dropout": dropout,
            "projection_dropout": projection_dropout,
            "modality_dropout": as_config(modality_dropout),
            "temperature": temperature,
            "alignment_weight": alignment_weight,
            "matching_weight": matching_weight,
            "same_label_negatives": same_label_negatives,
            "missing_source": missing_source,
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "seed": seed,
            "dtype": keras.dtype_policies.get(dtype).name,
        }

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Tensor:
        """Returns the prediction alone; see the class."""
        return self._sides.call(inputs, training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the loss of `compile`, and while training the two objectives added."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training=training)
        wanted = any(self.objective_weights.values()) and not self.trunk_frozen
        if not training or not wanted:
            return loss
        pieces = self._sides.of(y_pred, x, training)
        for name, value in self.objectives(pieces, label_numbers(y)).items():
            loss = loss + self.objective_weights[name] * value
        return loss

    def objectives(
        self, pieces: Mapping[str, Tensors], labels: Tensor, drawn: Tensors | None = None
    ) -> dict[str, Tensor]:
        """The objectives that are in use, without their weights.

        Args:
            pieces: `sequences`, `masks` and fused `vectors` of the batch, by modality.
            labels: (batch,) numbers.
            drawn: the partners of a wrong match, as `HardNegatives` gives them; by
                default they are drawn.

        Returns:
            Scalars by name: `alignment`, `matching`.
        """
        present = ops.logical_and(*(presence(mask) for mask in pieces["masks"].values()))
        similarity = self.similarity(pieces["sequences"], pieces["masks"], present)
        values = {}
        if self.objective_weights["alignment"]:
            loss = LabelAlignmentLoss(reduction="mean_with_sample_weight")
            values["alignment"] = loss(labels, similarity, sample_weight=present)
        if self.objective_weights["matching"]:
            drawn = drawn or self.negatives(similarity, labels)
            logits = self.matching_logits(pieces, drawn)
            values["matching"] = _matching_loss(logits, present, drawn["found"])
        return values

    def similarity(self, sequences: Tensors, masks: Tensors, present: Tensor) -> Tensor:
        """How alike the clips of a batch are, by the mean of one modality and of the other.

        Args:
            sequences: the features by modality, (batch, time, width).
            masks: their masks, (batch, time) bool.
            present: (batch,) bool, False for a clip that lacks a modality.

        Returns:
            (batch, batch) float32, as `EmotionAlignment` gives it.
        """
        first, second = (
            self.projections[m](self.pool(sequences[m], mask=masks[m]), training=True)
            for m in self.stacks
        )
        return self.alignment(first, second, present=present)

    def matching_logits(self, pieces: Mapping[str, Tensors], drawn: Tensors) -> dict[str, Tensor]:
        """Whether the true pairs match, and then the drawn ones.

        Args:
            pieces: `sequences`, `masks` and fused `vectors` of the batch, by modality.
            drawn: the partners, as `HardNegatives` gives them.

        Returns:
            Logits (2 * batch, 2) by modality, as `EmotionMatching` gives them.
        """
        true, masks = pieces["vectors"], pieces["masks"]
        # The first modality meets the drawn columns, the second the drawn rows.
        first, second = self.stacks
        partner = {second: drawn["columns"], first: drawn["rows"]}
        sources = {m: ops.take(pieces["sequences"][m], partner[m], axis=0) for m in partner}
        source_masks = {m: ops.take(masks[m], partner[m], axis=0) for m in partner}
        wrong = _fused(
            self.stacks, self.pool, pieces["sequences"], sources, masks, source_masks, training=True
        )
        pairs = {m: ops.concatenate([true[m], wrong[m]], axis=0) for m in true}
        return self.matching(pairs)


def _matching_loss(logits: Tensors, present: Tensor, found: Tensor) -> Tensor:
    """The cross-entropy over the true pairs that are present and the drawn that were found."""
    match = ops.concatenate([ops.ones_like(present), ops.zeros_like(found)], axis=0)
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    there = ops.concatenate([present, found], axis=0)
    losses = [loss(match, x, sample_weight=there) for x in logits.values()]
    return sum(losses[1:], losses[0]) / len(losses)


def _fused(
    stacks: Mapping[str, Any],
    pool: Any,
    queries: Tensors,
    sources: Tensors,
    query_masks: Tensors,
    source_masks: Tensors,
    **options: Any,
) -> dict[str, Tensor]:
    """For each modality, the mean of what it made of the other one."""
    fused = {}
    for m, stack in stacks.items():
        (other,) = (name for name in stacks if name != m)
        seen = stack(
            queries[m],
            sources[other],
            query_mask=query_masks[m],
            source_mask=source_masks[other],
            **options,
        )
        fused[m] = pool(seen, mask=query_masks[m])
    return fused


def _check(features: Mapping[str, int], alignment_weight: float, matching_weight: float) -> None:
    if len(features) != 2:
        raise ValueError(
            f"FoalNet fuses two modalities; received {len(features)}: {', '.join(features)}"
        )
    if alignment_weight < 0 or matching_weight < 0:
        raise ValueError(
            "FoalNet needs weights of its objectives of 0 or more; received "
            f"alignment_weight={alignment_weight}, matching_weight={matching_weight}"
        )
