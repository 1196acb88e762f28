"""Draws, for each clip of a batch, one of another emotion that looks like it."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers.emotion_alignment import NO_PAIR


@keras.saving.register_keras_serializable(package="keras_mer")
class HardNegatives(keras.layers.Layer):
    """Draws a partner with another label for every clip, the likelier the more alike.

    The partner of row i is drawn from softmax_j(S_ij) over the clips j of another label,
    that of column j from softmax_i(S_ij) likewise. No gradient goes through the draw.

    Args:
        same_label: whether a clip keeps a partner of its own label where its batch holds no
            other, as the released code does. It is drawn anyhow, so that shapes stay
            fixed; this decides whether it counts as drawn.
        seed: seed of the draw.
        **kwargs: arguments of every Keras layer, such as `name`.

    Call arguments:
        similarity: (batch, batch) float, such as the output of `EmotionAlignment`; pairs of
            -1e9 or less are never drawn.
        labels: (batch,) numbers.

    Output:
        A dict of three tensors (batch,): `columns` int32, the column drawn for each row;
        `rows` int32, the row drawn for each column; `found` bool, whether there was any to
        be drawn.

    Example:

    >>> import numpy as np
    >>> drawn = HardNegatives()(np.zeros((3, 3), "float32"), np.array([0, 0, 1]))
    >>> np.array(drawn["columns"])[:2].tolist(), np.array(drawn["found"]).tolist()
    ([2, 2], [True, True, True])

    Reference:
        Foal-Net, arXiv 2408.09438, emotion matching, and its released code.
    """

    def __init__(self, same_label: bool = False, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.same_label = same_label
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, similarity_shape: Shape) -> None:
        """Has no weights to make."""
        self.built = True

    def call(self, similarity: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Returns who was drawn; see the class."""
        scores, candidates = self.scores(similarity, labels)
        return {
            "columns": self._draw(scores),
            "rows": self._draw(ops.transpose(scores)),
            "found": ops.any(candidates, axis=1),
        }

    def scores(self, similarity: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """What the draw sees.

        Args:
            similarity: (batch, batch) float.
            labels: (batch,) numbers.

        Returns:
            (batch, batch) float32, of which the softmax along either axis is drawn from,
            and (batch, batch) bool, the pairs that may count as drawn.
        """
        similarity = ops.stop_gradient(ops.cast(similarity, "float32"))
        labels = ops.convert_to_tensor(labels)
        real = similarity > NO_PAIR
        other = ops.logical_and(labels[:, None] != labels[None, :], real)
        scores = ops.where(other, similarity, NO_PAIR)
        if not self.same_label:
            return scores, other
        # Where no other label is left, every real pair is as likely as the next.
        none = ops.logical_and(ops.logical_not(ops.any(other, axis=1, keepdims=True)), real)
        return ops.where(none, 0.0, scores), ops.logical_or(other, none)

    def _draw(self, scores: Tensor) -> Tensor:
        """(batch,) int32, one column per row."""
        return keras.random.categorical(scores, 1, dtype="int32", seed=self.seed_generator)[:, 0]

    def compute_output_shape(self, similarity_shape: Shape) -> dict[str, Shape]:
        """(batch,) each."""
        return dict.fromkeys(("columns", "rows", "found"), (similarity_shape[0],))

    def compute_output_spec(self, similarity: Tensor, labels: Tensor) -> dict[str, Any]:
        """Two int32 tensors and a bool one, whatever the layer's dtype."""
        dtypes = {"columns": "int32", "rows": "int32", "found": "bool"}
        shape = (similarity.shape[0],)
        return {k: keras.KerasTensor(shape, dtype=dtype) for k, dtype in dtypes.items()}

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "same_label": self.same_label, "seed": self.seed}
