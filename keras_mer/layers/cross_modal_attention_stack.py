"""Several steps of attention from one modality to another, as Foal-Net fuses."""

from typing import Any, Literal

import keras

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._attention import LookingLayer
from keras_mer.layers._weighted import built, seed_of
from keras_mer.layers.cross_modal_attention import CrossModalAttention


@keras.saving.register_keras_serializable(package="keras_mer")
class CrossModalAttentionStack(LookingLayer):
    """Lets one modality look at another again and again, the other staying as it is.

        q_0 = query
        q_n = LayerNorm(q_n-1 + Dropout(W_o MultiHead(W_q q_n-1, W_k source, W_v source)))

    and the output is the last q. There is no feed-forward part and no code of positions.

    Args:
        num_layers: how often the query looks.
        num_heads: heads of each attention; the width of the query must be divisible by it.
        dropout: rate of dropout on what a look adds.
        epsilon: the epsilon of the layer normalisations.
        use_bias: whether the maps have biases.
        seed: seed of the dropouts.
        missing_source: what a row without a real source step sees, as in
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
        `return_attention_scores` a tuple of it and a list of the scores of each look, as
        `CrossModalAttention` gives them.

    Raises:
        ValueError: if there is no layer to stack, or the heads do not divide the width of
            the query.

    Example:

    >>> import numpy as np
    >>> audio, video = np.ones((2, 5, 8), "float32"), np.ones((2, 7, 6), "float32")
    >>> tuple(CrossModalAttentionStack(num_layers=2, num_heads=4)(audio, video).shape)
    (2, 5, 8)

    Reference:
        Foal-Net, arXiv 2408.09438, Interspeech 2024, and its released code.
    """

    def __init__(
        self,
        num_layers: int = 2,
        num_heads: int = 4,
        dropout: float = 0.1,
        epsilon: float = 1e-5,
        use_bias: bool = True,
        seed: int | None = None,
        missing_source: Literal["nothing", "even"] = "nothing",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_layers < 1:
            raise ValueError(
                f"CrossModalAttentionStack needs 1 layer or more; received num_layers={num_layers}"
            )
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.dropout = dropout
        self.epsilon = epsilon
        self.use_bias = use_bias
        self.seed = seed
        self.missing_source = missing_source

    def build(self, query_shape: Shape, source_shape: Shape) -> None:
        """Builds the attentions for a query (batch, time, dim)."""
        looks = [self._look(i) for i in range(self.num_layers)]
        self.looks = [built(look, query_shape, source_shape) for look in looks]
        self.built = True

    def _look(self, i: int) -> CrossModalAttention:
        return CrossModalAttention(
            self.num_heads,
            self.dropout,
            self.epsilon,
            self.use_bias,
            seed_of(self.seed, i),
            self.missing_source,
            dtype=self.dtype_policy,
            name=f"look_{i}",
            **self.weight_options(),
        )

    def call(
        self,
        query: Tensor,
        source: Tensor,
        query_mask: Tensor | None = None,
        source_mask: Tensor | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
    ) -> Any:
        """Returns the query with all that it saw; see the class."""
        masks = {"query_mask": query_mask, "source_mask": source_mask}
        asked = {"return_attention_scores": True} if return_attention_scores else {}
        scores = []
        for look in self.looks:
            query = look(query, source, **masks, training=training, **asked)
            if return_attention_scores:
                query, seen = query
                scores.append(seen)
        return (query, scores) if return_attention_scores else query

    def compute_output_shape(self, query_shape: Shape, source_shape: Shape) -> Shape:
        """The shape of the query."""
        return tuple(query_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "use_bias": self.use_bias,
            "seed": self.seed,
            "missing_source": self.missing_source,
        }
