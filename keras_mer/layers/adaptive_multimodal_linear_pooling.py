"""Adaptive multimodal linear pooling, the joint feature of MSRG."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shapes, Tensor, Tensors
from keras_mer.layers._masking import union, zero_masked
from keras_mer.layers._modalities import (
    check_modalities,
    check_same_modalities,
    in_order,
    modality_order,
)
from keras_mer.layers._precision import wide
from keras_mer.layers._weighted import WeightedLayer

NORMS = ("sample", "batch")
LENGTHS = ("features", "time", None)


@keras.saving.register_keras_serializable(package="keras_mer")
class AdaptiveMultimodalLinearPooling(WeightedLayer):
    """Adds modalities up, each weighted by its own strength.

    With X_m the steps of modality m:

        V_m = W_m X_m + b_m                           of width 2 * units
        n_m = ||V_m||                                 over the steps and features
        E = Dropout( sum_m n_m / (sum_k n_k) V_m )
        G_i = E_(2i) + E_(2i + 1)                     neighbouring features, width units

    and the output is G at unit length. A missing modality has the strength 0.

    Args:
        units: width of the output; `None` for that of the inputs.
        norm: whether the strengths n_m are those of each `"sample"` by itself, or of the
            whole `"batch"`, as the released code has it; a prediction then depends on
            what else is in its batch.
        unit_length: what has length one in the output: the `"features"` of each step;
            each feature over the `"time"`, as the released code has it, which makes a
            sequence of one step +1 or -1; `None` leaves G as it is.
        dropout: rate of dropout on E.
        return_weights: whether to return the weights n_m / sum_k n_k beside the output.
        seed: seed of the dropout.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, time, dim) float with the
            same time, or each (batch, dim); the dims may differ where `units` is given.
        masks: an optional dict of bool masks of the inputs' shapes without the last
            axis, True where the modality is there.
        training: whether to drop out.

    Output:
        (batch, time, units) or (batch, units), zeros where no modality is there. With
        `return_weights=True` a tuple of it and a dict of the weights, each (batch,).

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, not those the
            layer was built for, or of several widths where `units` is not given.

    Example:

    >>> import numpy as np
    >>> pooling = AdaptiveMultimodalLinearPooling(return_weights=True)
    >>> inputs = {"text": np.ones((2, 5, 8), "float32"), "audio": np.ones((2, 5, 8), "float32")}
    >>> masks = {"text": np.ones((2, 5), "bool"), "audio": np.zeros((2, 5), "bool")}
    >>> joint, weights = pooling(inputs, masks=masks)
    >>> tuple(joint.shape), keras.ops.convert_to_numpy(weights["text"]).tolist()
    ((2, 5, 8), [1.0, 1.0])

    Reference:
        Wang et al., Neural Networks 188, 2025, 107483, AMLP. The strength of each sample
        by itself, and features of unit length, are readings of what was meant.
    """

    def __init__(
        self,
        units: int | None = None,
        norm: Literal["sample", "batch"] = "sample",
        unit_length: Literal["features", "time"] | None = "features",
        dropout: float = 0.1,
        return_weights: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        name = "AdaptiveMultimodalLinearPooling"
        if units is not None and units < 1:
            raise ValueError(f"{name} needs units of 1 or more; received {units}")
        if norm not in NORMS:
            raise ValueError(f"{name} knows the norms {NORMS}; received {norm!r}")
        if unit_length not in LENGTHS:
            raise ValueError(f"{name} knows unit lengths of {LENGTHS}; received {unit_length!r}")
        self.units = units
        self.norm = norm
        self.unit_length = unit_length
        self.dropout = dropout
        self.return_weights = return_weights
        self.seed = seed
        self.drop = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, inputs_shape: Shapes) -> None:
        """Builds one map per modality."""
        check_modalities(inputs_shape, "AdaptiveMultimodalLinearPooling")
        shapes = in_order(inputs_shape)
        self.modalities = list(shapes)
        if self.unit_length == "time" and any(len(shape) < 3 for shape in shapes.values()):
            raise ValueError(
                "AdaptiveMultimodalLinearPooling with unit_length='time' expects inputs "
                f"(batch, time, dim); received {_described(shapes)}"
            )
        units = self._width(shapes)
        self.maps = {m: self.built_dense(f"map_{m}", 2 * units, s) for m, s in shapes.items()}
        self.drop.build((*shapes[self.modalities[0]][:-1], 2 * units))
        self.built = True

    def _width(self, shapes: Shapes) -> int:
        widths = {shape[-1] for shape in shapes.values()}
        if self.units is None and len(widths) > 1:
            raise ValueError(
                "AdaptiveMultimodalLinearPooling needs units where the modalities differ in "
                f"width; received {_described(shapes)}"
            )
        return self.units or widths.pop()

    def call(self, inputs: Tensors, masks: Tensors | None = None, training: bool = False) -> Any:
        """Returns the joint feature; see the class."""
        check_modalities(inputs, "AdaptiveMultimodalLinearPooling")
        check_same_modalities(inputs, self.modalities, "AdaptiveMultimodalLinearPooling")
        masks = {m: (masks or {}).get(m) for m in self.modalities}
        pooled, weights = self.pool(inputs, masks, training)
        joint = zero_masked(self._at_unit_length(pooled), union(masks.values()))
        return (joint, weights) if self.return_weights else joint

    def pool(
        self, inputs: Tensors, masks: Tensors, training: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """G before it is brought to unit length, and the weights of the modalities."""
        mapped = {
            m: zero_masked(self.maps[m](zero_masked(inputs[m], masks[m])), masks[m])
            for m in self.modalities
        }
        strengths = ops.stack([self._strength(mapped[m]) for m in self.modalities])
        weights = strengths / ops.maximum(ops.sum(strengths, axis=0, keepdims=True), 1e-12)
        weights = ops.cast(weights, self.compute_dtype)
        joint = 0
        for weight, v in zip(
            ops.unstack(weights, len(self.modalities)), mapped.values(), strict=True
        ):
            joint = joint + ops.reshape(weight, (-1, *[1] * (len(v.shape) - 1))) * v
        joint = self.drop(joint, training=training)
        pooled = joint[..., 0::2] + joint[..., 1::2]
        return pooled, {m: weights[i] for i, m in enumerate(self.modalities)}

    def _strength(self, v: Tensor) -> Tensor:
        """(batch,), the same for all if it is that of the batch."""
        squares = ops.sum(ops.square(wide(v)), axis=tuple(range(1, len(v.shape))))
        if self.norm == "batch":
            squares = ops.sum(squares) + ops.zeros_like(squares)
        return _root(squares)

    def _at_unit_length(self, pooled: Tensor) -> Tensor:
        if self.unit_length is None:
            return pooled
        axis = -1 if self.unit_length == "features" else 1
        x = wide(pooled)
        length = _root(ops.sum(ops.square(x), axis=axis, keepdims=True))
        # Zeros stay zeros, and get no gradient: a division by next to nothing would blow up.
        there = length > 1e-12
        unit = ops.where(there, x / ops.where(there, length, 1), 0)
        return ops.cast(unit, pooled.dtype)

    def compute_output_shape(self, inputs_shape: Shapes) -> Any:
        """(..., units), with the shapes of the weights if they are returned."""
        leading = tuple(next(iter(inputs_shape.values()))[:-1])
        joint = (*leading, self._width(inputs_shape))
        if not self.return_weights:
            return joint
        return joint, dict.fromkeys(modality_order(inputs_shape), leading[:1])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "norm": self.norm,
            "unit_length": self.unit_length,
            "dropout": self.dropout,
            "return_weights": self.return_weights,
            "seed": self.seed,
        }


def _root(x: Tensor) -> Tensor:
    """The square root, with a gradient of 0 at 0."""
    positive = x > 0
    return ops.where(positive, ops.sqrt(ops.where(positive, x, 1)), 0)


def _described(shapes: Shapes) -> str:
    return ", ".join(f"{m} {tuple(s)}" for m, s in shapes.items())
