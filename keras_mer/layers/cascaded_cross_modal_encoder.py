"""The cascaded cross-modal encoder of CM-MSF."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._attention import LookingLayer
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import built, fresh, seed_of
from keras_mer.layers.bidirectional_lstm import BidirectionalLSTM
from keras_mer.layers.cross_modal_block import CrossModalBlock


@keras.saving.register_keras_serializable(package="keras_mer")
class CascadedCrossModalEncoder(LookingLayer):
    """Lets every modality look at the others in turn, each look followed by a convolution.

    For the modality m, with the others n in the order text, audio, video:

        R_m = BiLSTM(H_m)
        Z = R_m
        for each other modality n:
            Z = LayerNorm(Z + MultiHead(query=Z, key=R_n, value=R_n))
            Z = LayerNorm(Z + Conv1D(GELU(Conv1D(Z))))

    A missing modality adds nothing where it is looked at.

    Args:
        num_heads: heads of each attention.
        kernel_size: steps that each convolution sees.
        dropout: rate of dropout on what an attention and a convolution add.
        cascade: whether the others are looked at one after another; otherwise at once,
            side by side along time.
        recurrent: whether to begin with the BiLSTM; otherwise R_m = H_m.
        convolution: whether a convolution follows each look.
        epsilon: the epsilon of the layer normalisations.
        seed: seed of the dropouts.
        look_initializer: initializer of the maps through which a modality adds what it
            sees; see `CrossModalAttention`.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, time, dim) float with the
            same even dim; the times may differ. Rows are right-padded.
        masks: an optional dict of bool masks (batch, time), True at a real step.
        training: whether to drop out.
        return_attention_scores: whether to return what was looked at beside the output.

    Output:
        A dict of the inputs' shapes, zeros at masked steps. With `return_attention_scores` a
        tuple of it and a dict {modality: {other: scores}}, (batch, num_heads, time of the
        modality, time of the other). They sum to 1 over the other, or over all others if they
        are looked at at once.

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities of one width.

    Example:

    >>> import numpy as np
    >>> inputs = {"text": np.ones((2, 5, 8), "float32"), "audio": np.ones((2, 9, 8), "float32")}
    >>> encoded = CascadedCrossModalEncoder(num_heads=2)(inputs)
    >>> tuple(encoded["audio"].shape)
    (2, 9, 8)

    Reference:
        Xu and Gao, Mathematical Biosciences and Engineering 21(2), 2024, 2488-2514. The
        abstract names a cascaded cross-modal encoder of BiLSTM and Conv1D; these equations
        are a reading of it.
    """

    def __init__(
        self,
        num_heads: int = 4,
        kernel_size: int = 3,
        dropout: float = 0.0,
        cascade: bool = True,
        recurrent: bool = True,
        convolution: bool = True,
        epsilon: float = 1e-5,
        seed: int | None = None,
        look_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.cascade = cascade
        self.recurrent = recurrent
        self.convolution = convolution
        self.epsilon = epsilon
        self.seed = seed
        self.look_initializer = keras.initializers.get(look_initializer)

    def build(self, inputs_shape: Shapes) -> None:
        """Builds one recurrent layer and one cascade per modality."""
        check_modalities(inputs_shape, "CascadedCrossModalEncoder")
        shapes = in_order(inputs_shape)
        dims = {shape[-1] for shape in shapes.values()}
        if len(dims) > 1 or next(iter(dims)) % 2:
            raise ValueError(
                "CascadedCrossModalEncoder expects modalities of one even width; received "
                + ", ".join(f"{m} {tuple(s)}" for m, s in shapes.items())
            )
        self.modalities = list(shapes)
        self.readers = {
            m: built(self._reader(m, s[-1]), s) for m, s in shapes.items() if self.recurrent
        }
        self.blocks = {
            m: [built(self._block(m, i), s, s) for i in range(self._looks())]
            for m, s in shapes.items()
        }
        self.built = True

    def _looks(self) -> int:
        return len(self.modalities) - 1 if self.cascade else 1

    def _reader(self, modality: str, dim: int) -> BidirectionalLSTM:
        options = {**self.weight_options(), "dtype": self.dtype_policy}
        return BidirectionalLSTM(dim // 2, name=f"reader_{modality}", **options)

    def _block(self, modality: str, look: int) -> CrossModalBlock:
        place = 2 * (self._looks() * self.modalities.index(modality) + look)
        return CrossModalBlock(
            self.num_heads,
            self.kernel_size,
            self.dropout,
            self.convolution,
            self.epsilon,
            seed_of(self.seed, place),
            fresh(self.look_initializer),
            dtype=self.dtype_policy,
            name=f"block_{modality}_{look}",
            **self.weight_options(),
        )

    def call(
        self,
        inputs: Tensors,
        masks: Tensors | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
    ) -> Any:
        """Returns the encoded modalities; see the class."""
        check_modalities(inputs, "CascadedCrossModalEncoder")
        check_same_modalities(inputs, self.modalities, "CascadedCrossModalEncoder")
        masks = {m: (masks or {}).get(m) for m in self.modalities}
        read = {m: self._read(m, inputs[m], masks[m]) for m in self.modalities}
        asked = {"return_attention_scores": True} if return_attention_scores else {}
        encoded, scores = {}, {}
        for m in self.modalities:
            z, looks = read[m], []
            sources = self._sources(m, read, masks)
            for block, (source, source_mask) in zip(self.blocks[m], sources, strict=True):
                given = {"query_mask": masks[m], "source_mask": source_mask}
                z = block(z, source, **given, training=training, **asked)
                if return_attention_scores:
                    z, look = z
                    looks.append(look)
            encoded[m] = zero_masked(z, masks[m])
            if return_attention_scores:
                scores[m] = self._by_source(m, looks, read)
        return (encoded, scores) if return_attention_scores else encoded

    def _by_source(self, modality: str, looks: list[Tensor], read: Tensors) -> dict[str, Tensor]:
        """The scores of a modality's looks, by the modality that was looked at."""
        others = [m for m in self.modalities if m != modality]
        if not self.cascade:
            joined, start, parts = looks[0], 0, []
            for m in others:
                stop = start + ops.shape(read[m])[1]
                parts.append(joined[..., start:stop])
                start = stop
            looks = parts
        return dict(zip(others, looks, strict=True))

    def _read(self, modality: str, x: Tensor, mask: Tensor | None) -> Tensor:
        if not self.recurrent:
            return zero_masked(x, mask)
        return self.readers[modality](x, mask=mask)

    def _sources(
        self, modality: str, read: Tensors, masks: Tensors
    ) -> list[tuple[Tensor, Tensor | None]]:
        """What a modality looks at: the others one by one, or joined along time."""
        others = [m for m in self.modalities if m != modality]
        if self.cascade:
            return [(read[m], masks[m]) for m in others]
        joined = ops.concatenate([read[m] for m in others], axis=1)
        if all(masks[m] is None for m in others):
            return [(joined, None)]
        steps = [_all_real(read[m]) if masks[m] is None else masks[m] for m in others]
        return [(joined, ops.concatenate(steps, axis=1))]

    def compute_output_shape(self, inputs_shape: Shapes) -> dict[str, Shape]:
        """The shapes of the inputs."""
        return {m: tuple(s) for m, s in in_order(inputs_shape).items()}

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "kernel_size": self.kernel_size,
            "dropout": self.dropout,
            "cascade": self.cascade,
            "recurrent": self.recurrent,
            "convolution": self.convolution,
            "epsilon": self.epsilon,
            "seed": self.seed,
            "look_initializer": keras.saving.serialize_keras_object(self.look_initializer),
        }


def _all_real(x: Tensor) -> Tensor:
    return ops.ones_like(x[:, :, 0], dtype="bool")
