"""One look of a modality at another, followed by a convolution over its surroundings."""

from typing import Any

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._attention import LookingLayer
from keras_mer.layers._weighted import built, fresh, seed_of
from keras_mer.layers.cross_modal_attention import CrossModalAttention
from keras_mer.layers.masked_convolution_1d import MaskedConvolution1D


@keras.saving.register_keras_serializable(package="keras_mer")
class CrossModalBlock(LookingLayer):
    """Cross-modal attention and a residual convolution, a step of CM-MSF's cascade.

        Z = LayerNorm(query + MultiHead(query, source, source))
        output = LayerNorm(Z + Conv1D(GELU(Conv1D(Z))))

    Args:
        num_heads: heads of the attention.
        kernel_size: steps that each convolution sees.
        dropout: rate of dropout on what the attention and the convolution add.
        convolution: whether the convolution follows the attention.
        epsilon: the epsilon of the layer normalisations.
        seed: seed of the dropouts.
        look_initializer: initializer of the map through which the attention is added; see
            `CrossModalAttention`.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        query: (batch, time, dim) float, the modality that looks.
        source: (batch, source_time, source_dim) float, the modality that is looked at.
        query_mask: (batch, time) bool, True at a real step; `None` means all.
        source_mask: (batch, source_time) bool, likewise.
        training: whether to drop out.
        return_attention_scores: whether to return what was looked at beside the output.

    Output:
        (batch, time, dim). A masked step holds numbers without meaning. With
        `return_attention_scores` a tuple of it and the scores, as `CrossModalAttention` gives
        them.

    Example:

    >>> import numpy as np
    >>> text, audio = np.ones((2, 5, 8), "float32"), np.ones((2, 7, 3), "float32")
    >>> tuple(CrossModalBlock(num_heads=2)(text, audio).shape)
    (2, 5, 8)

    Reference:
        Xu and Gao, Mathematical Biosciences and Engineering 21(2), 2024, 2488-2514; a
        reading of the abstract, see `CascadedCrossModalEncoder`.
    """

    def __init__(
        self,
        num_heads: int = 4,
        kernel_size: int = 3,
        dropout: float = 0.0,
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
        self.convolution = convolution
        self.epsilon = epsilon
        self.seed = seed
        self.look_initializer = keras.initializers.get(look_initializer)

    def build(self, query_shape: Shape, source_shape: Shape) -> None:
        """Builds the attention and the convolution for a query (batch, time, dim)."""
        options = {**self.weight_options(), "dtype": self.dtype_policy}
        self.attention = built(
            CrossModalAttention(
                self.num_heads,
                self.dropout,
                self.epsilon,
                seed=self.seed,
                look_initializer=fresh(self.look_initializer),
                **options,
            ),
            query_shape,
            source_shape,
        )
        if self.convolution:
            options = {**self.weight_options(), "dtype": self.dtype_policy}
            convolved = MaskedConvolution1D(query_shape[-1], self.kernel_size, **options)
            self.convolved = built(convolved, query_shape)
            seed = seed_of(self.seed, 1)
            self.drop = keras.layers.Dropout(self.dropout, seed=seed, dtype=self.dtype_policy)
            norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
            self.norm = built(norm, query_shape)
        self.built = True

    def call(
        self,
        query: Tensor,
        source: Tensor,
        query_mask: Tensor | None = None,
        source_mask: Tensor | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
    ) -> Any:
        """Returns the query after one step; see the class."""
        masks = {"query_mask": query_mask, "source_mask": source_mask}
        if not return_attention_scores:
            z = self.attention(query, source, **masks, training=training)
            return self._convolved(z, query_mask, training)
        z, scores = self.attention(
            query, source, **masks, training=training, return_attention_scores=True
        )
        return self._convolved(z, query_mask, training), scores

    def _convolved(self, z: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        if not self.convolution:
            return z
        return self.norm(z + self.drop(self.convolved(z, mask=mask), training=training))

    def compute_output_shape(self, query_shape: Shape, source_shape: Shape) -> Shape:
        """The shape of the query."""
        return tuple(query_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "kernel_size": self.kernel_size,
            "dropout": self.dropout,
            "convolution": self.convolution,
            "epsilon": self.epsilon,
            "seed": self.seed,
            "look_initializer": keras.saving.serialize_keras_object(self.look_initializer),
        }
