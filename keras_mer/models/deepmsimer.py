"""DeepMSI-MER: a guided Swin trunk, contrastive projections, late fusion."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._serialized import serialized
from keras_mer._types import Tensor
from keras_mer.layers import (
    MaskedAveragePooling1D,
    ModalityDropout,
    MultilayerPerceptron,
    ProjectionHead,
    SwinTransformerV2,
    TemporalConvolution,
)
from keras_mer.layers._masking import presence
from keras_mer.layers._weighted import seed_of
from keras_mer.losses import cross_modal_contrastive
from keras_mer.models._labels import label_numbers
from keras_mer.models._multimodal_model import MultimodalModel, named_inputs, sequence_inputs
from keras_mer.models._side_outputs import SideOutputs


@keras.saving.register_keras_serializable(package="keras_mer")
class DeepMSIMER(MultimodalModel):
    """Emotion recognition from frames, text and audio with guided selection of image tokens.

    Text and audio are averaged over time; joined, they guide which tokens of each frame a
    Swin Transformer V2 keeps (`visual sequence compression`). A temporal convolution reads
    the frames in turn. Each modality is projected into one space, in which a supervised
    contrastive loss draws video towards text and audio of the same label; a classifier
    reads the three projections.

    The classification loss is that of `compile`; `fit` adds `contrastive_weight` times the
    contrastive one. Labels are integers, (batch,) or (batch, 1), or one-hot, (batch, outputs).

    Args:
        features: for each modality the width of its features, and for video either that or
            the shape (height, width, channels) of raw frames. With a width, video holds
            features of frames that were extracted before; there is then no Swin trunk,
            and no guide. A modality may be left out. The default is the paper's, with
            utterance vectors as sequences of one step.
        outputs: number of labels.
        activation: activation of the output; `None` gives logits.
        embed_dim: width of the first stage of the trunk.
        depths: number of blocks of each stage.
        num_heads: heads of each stage.
        window_size: side of an attention window in tokens.
        patch_size: side of a patch in pixels.
        mlp_ratio: width of the feed-forward networks of the trunk, as a multiple.
        keep: how many tokens each plain block of the stage before the last lets pass; empty
            makes the trunk plain, without a guide.
        compress: whether tokens that are not kept are merged into those they resemble, as
            the paper says; the authors' released code drops them (`False`).
        threshold: the cosine above which a token is merged.
        alpha: how much of a kept token stays when others are merged into it.
        sort_indices: whether kept tokens stay in their order in the frame.
        weight_by_score: whether kept tokens are weighted by their scores, without which no
            gradient reaches the guide; an addition to the paper.
        shortcut: whether selecting blocks keep their input beside the attention; `False` is
            the released code.
        shift_mask: `"grid"`, or `"single"` for the mask of the released code, which blocks
            neighbours that no roll has parted.
        drop_path: rate of stochastic depth in the trunk's last block.
        guide_units: hidden layers of the guide's network.
        filters: width of each block of the temporal convolution.
        kernel_size: steps that each of its convolutions sees.
        projection_units: width of the shared space.
        hidden_units: hidden layers of the classifier.
        dropout: rate of dropout in guide, temporal convolution and classifier.
        projection_dropout: rate of dropout in the projections.
        modality_dropout: probability of hiding a whole modality while training; one
            number, or one per modality.
        contrastive_weight: weight of the contrastive loss; 0 leaves it out.
        temperature: temperature of the contrastive loss.
        seed: seed of the dropouts.
        dtype: dtype or policy of the layers; the prediction is float32 under any.
        name: name of the Keras model.

    Inputs:
        A dict with, for each modality, `<modality>` (batch, time, width) float, for raw
        frames (batch, time, height, width, channels), and `<modality>_mask` (batch, time)
        bool, True at a real step, rows right-padded. The times may differ. A missing
        modality is a mask that is False throughout; its projection counts as zeros, and
        the contrastive loss passes it over.

    Output:
        (batch, outputs).

    Raises:
        ValueError: if fewer than two modalities are named, a width is no positive integer,
            or another modality than video has a shape.

    Example:

    >>> import numpy as np
    >>> model = DeepMSIMER(
    ...     {"text": 6, "audio": 5, "video": 7}, outputs=4, filters=[8], projection_units=6
    ... )
    >>> inputs = {
    ...     "text": np.ones((2, 1, 6), "float32"), "text_mask": np.ones((2, 1), "bool"),
    ...     "audio": np.ones((2, 1, 5), "float32"), "audio_mask": np.zeros((2, 1), "bool"),
    ...     "video": np.ones((2, 3, 7), "float32"), "video_mask": np.ones((2, 3), "bool"),
    ... }
    >>> model.predict(inputs, verbose=0).shape
    (2, 4)

    Reference:
        Dai, Zheng, Yu, Zhang and Hou, DeepMSI-MER, arXiv 2502.08573, and its authors' code.
        Without `compress` and `shortcut`, and with `shift_mask="single"`, the forward pass
        is that of the code; an attention that each of its blocks builds and never uses is
        not built here.
    """

    def __init__(
        self,
        features: Mapping[str, int | Sequence[int]] | None = None,
        outputs: int = 6,
        activation: Any = None,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 8,
        patch_size: int = 4,
        mlp_ratio: float = 4.0,
        keep: Sequence[int] = (196, 144, 100),
        compress: bool = True,
        threshold: float = 0.6,
        alpha: float = 0.9,
        sort_indices: bool = False,
        weight_by_score: bool = False,
        shortcut: bool = True,
        shift_mask: Literal["grid", "single"] = "grid",
        drop_path: float = 0.2,
        guide_units: Sequence[int] = (512,),
        filters: Sequence[int] = (1024, 1024, 1024),
        kernel_size: int = 3,
        projection_units: int = 256,
        hidden_units: Sequence[int] = (512, 256, 128),
        dropout: float = 0.3,
        projection_dropout: float = 0.2,
        modality_dropout: float | Mapping[str, float] = 0.0,
        contrastive_weight: float = 0.5,
        temperature: float = 0.5,
        seed: int | None = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        features = dict(features or {"text": 1024, "audio": 768, "video": (256, 256, 3)})
        inputs, masks = sequence_inputs(features, "DeepMSIMER", frames=("video",))
        raw = not isinstance(features.get("video", 1), int)
        vectors = [m for m in inputs if m != "video"]

        # layers
        hide = ModalityDropout(modality_dropout, seed=seed, name="modality_dropout")
        pool = MaskedAveragePooling1D(dtype=dtype, name="pooling")
        guide = trunk = temporal = None
        if raw and keep:
            guide = MultilayerPerceptron(
                guide_units,
                embed_dim * 2 ** (len(depths) - 2),
                dropout,
                seed=seed_of(seed, 100),
                dtype=dtype,
                name="guide",
            )
        if raw:
            trunk = SwinTransformerV2(
                embed_dim,
                depths,
                num_heads,
                window_size,
                patch_size,
                keep,
                mlp_ratio,
                drop_path,
                shift_mask,
                shortcut,
                compress,
                threshold,
                alpha,
                sort_indices,
                weight_by_score,
                seed=seed_of(seed, 200),
                dtype=dtype,
                name="frame_encoder",
            )
        if "video" in inputs:
            temporal = TemporalConvolution(
                filters,
                kernel_size,
                dropout,
                seed=seed_of(seed, 300),
                dtype=dtype,
                name="temporal_convolution",
            )
        # The classifier of the published weights reads video first.
        order = [m for m in inputs if m == "video"] + vectors
        project = {
            m: ProjectionHead(
                projection_units,
                projection_dropout,
                seed=seed_of(seed, 400 + i),
                dtype=dtype,
                name=f"projection_{m}",
            )
            for i, m in enumerate(order)
        }
        classify = MultilayerPerceptron(
            hidden_units, None, dropout, seed=seed_of(seed, 500), dtype=dtype, name="classifier"
        )
        # A prediction in half precision would lose what the metrics look at.
        output_layer = keras.layers.Dense(
            outputs, activation=activation, dtype="float32", name="prediction"
        )

        # graph
        visible = hide(masks)
        there = {m: presence(visible[m]) for m in inputs}
        summaries = {m: pool(inputs[m], mask=visible[m]) for m in vectors}
        if temporal is not None:
            frames = inputs["video"]
            if trunk is not None:
                asked = ops.concatenate([summaries[m] for m in vectors], axis=-1)
                guidance = [] if guide is None else [guide(asked)]
                frames = trunk(frames, *guidance, mask=visible["video"])
            summaries["video"] = temporal(frames, mask=visible["video"])
        projected = {m: project[m](summaries[m]) for m in order}
        fused = ops.concatenate(
            [ops.where(there[m][:, None], projected[m], 0.0) for m in order], axis=-1
        )
        prediction = output_layer(classify(fused))
        named = named_inputs(inputs, masks)
        super().__init__(inputs=named, outputs=prediction, name=name)
        self.output_layer = output_layer
        self.contrastive_weight = contrastive_weight
        self.temperature = temperature
        sides = {
            f"{m}_{what}": x[m] for what, x in (("vector", projected), ("there", there)) for m in x
        }
        self._sides = SideOutputs(named, prediction, sides)

        # config
        self.config = {
            "features": {m: w if isinstance(w, int) else list(w) for m, w in features.items()},
            "outputs": outputs,
            "activation": serialized(keras.activations.get(activation)),
            "embed_dim": embed_dim,
            "depths": list(depths),
            "num_heads": list(num_heads),
            "window_size": window_size,
            "patch_size": patch_size,
            "mlp_ratio": mlp_ratio,
            "keep": list(keep),
            "compress": compress,
            "threshold": threshold,
            "alpha": alpha,
            "sort_indices": sort_indices,
            "weight_by_score": weight_by_score,
            "shortcut": shortcut,
            "shift_mask": shift_mask,
            "drop_path": drop_path,
            "guide_units": list(guide_units),
            "filters": list(filters),
            "kernel_size": kernel_size,
            "projection_units": projection_units,
            "hidden_units": list(hidden_units),
            "dropout": dropout,
            "projection_dropout": projection_dropout,
            "modality_dropout": modality_dropout,
            "contrastive_weight": contrastive_weight,
            "temperature": temperature,
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
        """The compiled loss and `contrastive_weight` times the contrastive one."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        wanted = self.contrastive_weight and "video" in self.config["features"]
        if y is None or not wanted or self.trunk_frozen:
            return loss
        sides = self._sides.of(y_pred, x, training)
        return loss + self.contrastive_weight * self._contrastive(label_numbers(y), sides)

    def _contrastive(self, labels: Tensor, sides: Mapping[str, Tensor]) -> Tensor:
        """The mean of the contrastive losses of video with each other modality."""
        others = [m for m in self.config["features"] if m != "video"]
        losses = [
            cross_modal_contrastive(
                labels,
                sides["video_vector"],
                sides[f"{m}_vector"],
                self.temperature,
                present=ops.logical_and(sides["video_there"], sides[f"{m}_there"]),
            )
            for m in others
        ]
        return sum(losses[1:], losses[0]) / len(losses)
