"""The crossmodal transformer of MulT."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._attention import multi_head, visible_steps
from keras_mer.layers._masking import presence, zero_masked
from keras_mer.layers._weighted import WeightedLayer, built, seed_of


@keras.saving.register_keras_serializable(package="keras_mer")
class CrossModalTransformer(WeightedLayer):
    """A stack in which one modality keeps looking at another, normalised before each part.

        x = sqrt(dim) query,  s = sqrt(dim) source
        for each layer:
            x = x + W_o MultiHead(LN_1(x), LN_1(s), LN_1(s))
            x = x + W_2 relu(W_1 LN_2(x))
        output = LN(x)

    The source stays the same in all layers. Without a source the stack looks at itself: s
    is the current x. A row whose source is missing is looked at by nobody and adds nothing.

    Args:
        num_layers: number of layers.
        num_heads: number of heads; they divide the width.
        hidden_units: width of the feed-forward part; `None` for four times the width.
        causal: whether step i sees only the source steps up to i + |L_query - L_source|,
            L being the real lengths of the row.
        positions: whether sines and cosines of the position are added to query and source.
        dropout: rate of dropout on what each part adds.
        attention_dropout: rate of dropout on the attention weights.
        hidden_dropout: rate of dropout inside the feed-forward part.
        input_dropout: rate of dropout on the scaled query and source.
        epsilon: the epsilon of the layer normalisations.
        seed: seed of the dropouts.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        query: (batch, time, dim) float, the modality that looks. Rows are right-padded.
        source: (batch, source_time, dim) float, the modality that is looked at; `None` for
            the query itself.
        query_mask: (batch, time) bool, True at a real step; `None` means all.
        source_mask: (batch, source_time) bool, likewise; not used without a source.
        training: whether to drop out.

    Output:
        (batch, time, dim), zeros at masked steps.

    Raises:
        ValueError: if query and source differ in width, or the heads do not divide it.

    Example:

    >>> import numpy as np
    >>> text, audio = np.ones((2, 5, 8), "float32"), np.ones((2, 7, 8), "float32")
    >>> stack = CrossModalTransformer(num_layers=2, num_heads=2, causal=True)
    >>> tuple(stack(text, audio).shape)
    (2, 5, 8)

    Reference:
        Tsai et al., Multimodal transformer for unaligned multimodal language sequences,
        ACL 2019, section 3.2. The paper adds positions, the MMSA framework's stack runs
        without; both run with one LN_1 for query and source.
    """

    def __init__(
        self,
        num_layers: int = 4,
        num_heads: int = 10,
        hidden_units: int | None = None,
        causal: bool = False,
        positions: bool = False,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        input_dropout: float = 0.0,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.hidden_units = hidden_units
        self.causal = causal
        self.positions = positions
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.hidden_dropout = hidden_dropout
        self.input_dropout = input_dropout
        self.epsilon = epsilon
        self.seed = seed

    def build(self, query_shape: Shape, source_shape: Shape | None = None) -> None:
        """Builds the layers for a query (batch, time, dim)."""
        dim = query_shape[-1]
        if dim is None or dim % self.num_heads:
            raise ValueError(
                f"CrossModalTransformer with {self.num_heads} heads needs a query whose width "
                f"is divisible by them; received the shape {tuple(query_shape)}"
            )
        if source_shape is not None and source_shape[-1] != dim:
            raise ValueError(
                "CrossModalTransformer expects query and source of one width; received the "
                f"shapes {tuple(query_shape)} and {tuple(source_shape)}"
            )
        self.drop_input = self._drop(self.input_dropout, 0)
        self.parts = [self._build_layer(i, query_shape, dim) for i in range(self.num_layers)]
        self.norm = self._norm("norm", query_shape)
        self.built = True

    def _build_layer(self, i: int, shape: Shape, dim: int) -> dict[str, Any]:
        hidden = self.hidden_units or 4 * dim
        hidden_shape = (*shape[:-1], hidden)
        maps = dict.fromkeys(("query", "key", "value", "output"), dim)
        layer = {m: self.built_dense(f"{m}_{i}", units, shape) for m, units in maps.items()}
        widen = self.built_dense(f"widen_{i}", hidden, shape, activation="relu")
        narrow = self.built_dense(f"narrow_{i}", dim, hidden_shape)
        rates = (self.attention_dropout, self.dropout, self.hidden_dropout, self.dropout)
        drops = [self._drop(rate, 1 + 4 * i + place) for place, rate in enumerate(rates)]
        return {
            **layer,
            "widen": widen,
            "narrow": narrow,
            "norm_1": self._norm(f"norm_1_{i}", shape),
            "norm_2": self._norm(f"norm_2_{i}", shape),
            **dict(zip(("weights", "seen", "hidden", "fed"), drops, strict=True)),
        }

    def _norm(self, name: str, shape: Shape) -> Any:
        norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )
        return built(norm, shape)

    def _drop(self, rate: float, place: int) -> Any:
        seed = seed_of(self.seed, place)
        return keras.layers.Dropout(rate, seed=seed, dtype=self.dtype_policy)

    def call(
        self,
        query: Tensor,
        source: Tensor | None = None,
        query_mask: Tensor | None = None,
        source_mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Returns what the query became; see the class."""
        x = self._embed(query, query_mask, training)
        s = None
        if source is None:
            source, source_mask = query, query_mask
        else:
            s = self._embed(source, source_mask, training)
        visible = self._visible(query, source, query_mask, source_mask)
        there = None if source_mask is None else presence(source_mask)[:, None]
        for layer in self.parts:
            normed = layer["norm_1"](x)
            looked_at = normed if s is None else layer["norm_1"](s)
            seen = self._look(layer, normed, looked_at, visible, training)
            x = x + zero_masked(layer["seen"](seen, training=training), there)
            hidden = layer["hidden"](layer["widen"](layer["norm_2"](x)), training=training)
            x = x + layer["fed"](layer["narrow"](hidden), training=training)
        return zero_masked(self.norm(x), query_mask)

    def _embed(self, x: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        x = zero_masked(x, mask) * math.sqrt(x.shape[-1])
        if self.positions:
            x = x + ops.cast(_positions(ops.shape(x)[1], x.shape[-1]), x.dtype)
        return self.drop_input(x, training=training)

    def _look(
        self,
        layer: dict[str, Any],
        query: Tensor,
        source: Tensor,
        visible: Tensor | None,
        training: bool,
    ) -> Tensor:
        drop = layer["weights"] if training and self.attention_dropout else None
        seen = multi_head(
            layer["query"](query),
            layer["key"](source),
            layer["value"](source),
            self.num_heads,
            visible,
            drop and (lambda weights: drop(weights, training=True)),
        )
        return layer["output"](seen)

    def _visible(
        self,
        query: Tensor,
        source: Tensor,
        query_mask: Tensor | None,
        source_mask: Tensor | None,
    ) -> Tensor | None:
        """Where a query may look, broadcast to (batch, heads, time, source_time)."""
        visible = None if source_mask is None else visible_steps(source_mask)
        if not self.causal:
            return visible
        ahead = ops.abs(_lengths(query, query_mask) - _lengths(source, source_mask))
        i = ops.reshape(ops.arange(ops.shape(query)[1], dtype="int32"), (1, -1, 1))
        j = ops.reshape(ops.arange(ops.shape(source)[1], dtype="int32"), (1, 1, -1))
        past = ops.expand_dims(j <= i + ops.reshape(ahead, (-1, 1, 1)), 1)
        return past if visible is None else ops.logical_and(visible, past)

    def compute_output_shape(self, query_shape: Shape, source_shape: Shape | None = None) -> Shape:
        """The shape of the query."""
        return tuple(query_shape)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "hidden_units": self.hidden_units,
            "causal": self.causal,
            "positions": self.positions,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "hidden_dropout": self.hidden_dropout,
            "input_dropout": self.input_dropout,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }


def _lengths(x: Tensor, mask: Tensor | None) -> Tensor:
    """(batch or 1,) int: how many real steps each row has."""
    if mask is None:
        return ops.reshape(ops.cast(ops.shape(x)[1], "int32"), (1,))
    return ops.sum(ops.cast(mask, "int32"), axis=1)


def _positions(time: Any, dim: int) -> Tensor:
    """(time, dim): sines, then cosines, of the positions from 1, their periods rising."""
    half = dim // 2
    rates = np.exp(np.arange(half) * -(math.log(10000) / max(half - 1, 1)))
    rates = ops.convert_to_tensor(rates, dtype="float32")
    angles = (1 + ops.arange(time, dtype="float32"))[:, None] * rates[None]
    return ops.concatenate([ops.sin(angles), ops.cos(angles)] + [angles[:, :1] * 0] * (dim % 2), -1)
