"""One step of attention from one modality to another."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._attention import LookingLayer, multi_head, visible_steps
from keras_mer.layers._masking import presence, zero_masked
from keras_mer.layers._weighted import built, fresh

MISSING_SOURCE = ("nothing", "even")


@keras.saving.register_keras_serializable(package="keras_mer")
class CrossModalAttention(LookingLayer):
    """Lets the steps of one modality look at those of another, and adds what they see.

        A = W_o MultiHead(W_q query, W_k source, W_v source)
        output = LayerNorm(query + Dropout(A))

    A row whose source is missing keeps its query: nothing is added to it. Query and source
    may differ in width; the layer works in the width of the query.

    Args:
        num_heads: number of heads; the width of the query must be divisible by it.
        dropout: rate of dropout on A.
        epsilon: the epsilon of the layer normalisation.
        use_bias: whether the maps have biases.
        seed: seed of the dropout.
        missing_source: what a row without a real source step sees: `"nothing"`, or
            `"even"`, the mean of W_v 0 over its steps. The latter is what code does that
            replaces the scores of masked steps by one large negative number.
        look_initializer: initializer of the kernel of W_o; `None` for that of all kernels.
            With `"zeros"` the layer begins as if nothing were seen.
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
        `return_attention_scores` a tuple of it and the scores (batch, num_heads, time,
        source_time), which sum to 1 over the source; zeros for a row without a source.

    Raises:
        ValueError: if the heads do not divide the width of the query, or `missing_source`
            is neither of the two.

    Example:

    >>> import numpy as np
    >>> text, audio = np.ones((2, 5, 8), "float32"), np.ones((2, 7, 3), "float32")
    >>> tuple(CrossModalAttention(num_heads=2)(text, audio).shape)
    (2, 5, 8)

    Reference:
        Vaswani et al., Attention is all you need, 2017; between modalities, Tsai et al.,
        Multimodal transformer for unaligned multimodal language sequences, ACL 2019.
    """

    def __init__(
        self,
        num_heads: int = 4,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        use_bias: bool = True,
        seed: int | None = None,
        missing_source: Literal["nothing", "even"] = "nothing",
        look_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if missing_source not in MISSING_SOURCE:
            raise ValueError(
                f"CrossModalAttention knows {MISSING_SOURCE} for a missing source; "
                f"received {missing_source!r}"
            )
        self.num_heads = num_heads
        self.dropout = dropout
        self.epsilon = epsilon
        self.use_bias = use_bias
        self.seed = seed
        self.missing_source = missing_source
        self.look_initializer = keras.initializers.get(look_initializer)

    def build(self, query_shape: Shape, source_shape: Shape) -> None:
        """Builds the four maps for a query (batch, time, dim)."""
        dim = query_shape[-1]
        if dim is None or dim % self.num_heads:
            raise ValueError(
                f"CrossModalAttention with {self.num_heads} heads needs a query whose width "
                f"is divisible by them; received the shape {tuple(query_shape)}"
            )
        bias = {"use_bias": self.use_bias}
        self.query_map = self.built_dense("query", dim, query_shape, **bias)
        self.key_map = self.built_dense("key", dim, source_shape, **bias)
        self.value_map = self.built_dense("value", dim, source_shape, **bias)
        first = fresh(self.look_initializer or self.kernel_initializer)
        self.output_map = self.built_dense(
            "output", dim, query_shape, kernel_initializer=first, **bias
        )
        self.drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
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
        """Returns the query with what it saw; see the class."""
        query, source = zero_masked(query, query_mask), zero_masked(source, source_mask)
        visible = there = None
        if source_mask is not None:
            # A row without a real step looks everywhere, finitely, and is dropped below.
            visible, there = visible_steps(source_mask), presence(source_mask)[:, None]
        asked = self.query_map(query)
        if self.missing_source == "even":
            # A query of zeros scores every step alike, in any precision.
            asked, there = zero_masked(asked, there), None
        looked = (self.key_map(source), self.value_map(source), self.num_heads, visible)
        if not return_attention_scores:
            return self._added(query, multi_head(asked, *looked), there, training)
        seen, scores = multi_head(asked, *looked, return_scores=True)
        if there is not None:
            scores = ops.where(there[..., None, None], scores, ops.zeros((), scores.dtype))
        return self._added(query, seen, there, training), scores

    def _added(self, query: Tensor, seen: Tensor, there: Tensor | None, training: bool) -> Tensor:
        seen = zero_masked(self.output_map(seen), there)
        return self.norm(query + self.drop(seen, training=training))

    def compute_output_shape(self, query_shape: Shape, source_shape: Shape) -> Shape:
        """The shape of the query."""
        return tuple(query_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "use_bias": self.use_bias,
            "seed": self.seed,
            "missing_source": self.missing_source,
            "look_initializer": keras.saving.serialize_keras_object(self.look_initializer),
        }
