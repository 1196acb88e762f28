"""Makes an interaction feature of two modalities through a gate, as in MCIHN."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._discrepancy import mean_discrepancy
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import TellingLayer


@keras.saving.register_keras_serializable(package="keras_mer")
class CrossModalGate(TellingLayer):
    """Weighs two modalities against each other, feature by feature, and draws them together.

        g = sigmoid(W_g [s_1; s_2] + b_g)
        I = g * tanh(W_1 s_1 + b_1) + (1 - g) * tanh(W_2 s_2 + b_2)
        L_mmd = MMD^2(s_1, s_2)

    While training the layer adds discrepancy_weight * L_mmd to the losses, over the clips
    that have both; it moves whatever made s_1 and s_2. Where one modality is missing, I is
    the other's tanh alone; where both are, zeros. Drop it in where a model concatenates
    two vectors.

    Args:
        units: features of the output; `None` for the width of the first modality.
        discrepancy_weight: weight of L_mmd; 0 leaves it out.
        kernels: Gaussian kernels in L_mmd, as in `MultiKernelMMD`.
        factor: ratio between the widths of neighbouring kernels.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two modalities, each (batch, dim) float. The dims may differ only
            with a `discrepancy_weight` of 0.
        present: an optional dict of bool tensors (batch,), False where the modality is
            missing, whatever its input holds.
        training: whether to add the loss. A layer that is not trainable adds none.
        return_gates: whether to return the gate beside the output.

    Output:
        (batch, units). With `return_gates` a tuple of it and a dict {modality: its weight}, each
        (batch, units): g of the first and 1 - g of the second, in the order text, audio, video,
        then by the alphabet; 1 where the other is missing, 0 where it is missing itself.

    Raises:
        ValueError: if the inputs are not a dict of two modalities, or of other ones than
            the layer was built for, or differ in width and have a discrepancy.

    Example:

    >>> import numpy as np
    >>> inputs = {"text": np.ones((2, 4), "float32"), "audio": np.zeros((2, 4), "float32")}
    >>> gate = CrossModalGate(units=8)
    >>> tuple(gate(inputs, training=True).shape), len(gate.losses)
    ((2, 8), 1)

    Reference:
        MCIHN, arXiv 2510.24827, whose abstract names a cross-modal gate mechanism that
        reduces the discrepancy between modalities and makes interaction features; these
        equations are a reading of it. The gate is the gated multimodal unit of Arevalo et
        al., 2017.
    """

    def __init__(
        self,
        units: int | None = None,
        discrepancy_weight: float = 0.1,
        kernels: int = 5,
        factor: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if discrepancy_weight < 0:
            raise ValueError(
                "CrossModalGate needs a discrepancy_weight of 0 or more; "
                f"received {discrepancy_weight}"
            )
        self.units = units
        self.discrepancy_weight = discrepancy_weight
        self.kernels = kernels
        self.factor = factor

    tells = "return_gates"

    def build(self, inputs_shape: Shapes) -> None:
        """Builds the gate and both maps."""
        check_modalities(inputs_shape, "CrossModalGate")
        shapes = in_order(inputs_shape)
        dims = [shape[-1] or 0 for shape in shapes.values()]
        received = ", ".join(f"{m} {tuple(s)}" for m, s in shapes.items())
        if len(dims) > 2:
            raise ValueError(f"CrossModalGate joins two modalities; received {received}")
        if self.discrepancy_weight and dims[0] != dims[1]:
            raise ValueError(
                "CrossModalGate compares modalities of one width, or none with "
                f"discrepancy_weight=0; received {received}"
            )
        units = self.units or dims[0]
        self.gate = self.built_dense("gate", units, (None, sum(dims)), activation="sigmoid")
        self.transform = {
            m: self.built_dense(f"transform_{m}", units, shape, activation="tanh")
            for m, shape in shapes.items()
        }
        self.built = True

    def call(
        self,
        inputs: Tensors,
        present: Tensors | None = None,
        training: bool = False,
        return_gates: bool = False,
    ) -> Any:
        """Returns the interaction feature; see the class."""
        check_same_modalities(inputs, self.transform, "CrossModalGate")
        there = [_column((present or {}).get(m), inputs[m]) for m in self.transform]
        first, second = (
            zero_masked(ops.convert_to_tensor(inputs[m]), mask[:, 0])
            for m, mask in zip(self.transform, there, strict=True)
        )
        if training and self.trainable and self.discrepancy_weight:
            both = ops.logical_and(*there)[:, 0]
            loss = mean_discrepancy(first, second, both, self.kernels, self.factor)
            self.add_loss(self.discrepancy_weight * loss)
        gate = self.gate(ops.concatenate([first, second], axis=-1))
        # The one that is there takes the whole gate; a missing one is multiplied by zero.
        gate = ops.where(there[1], gate, ops.ones((), gate.dtype))
        gate = ops.where(there[0], gate, ops.zeros((), gate.dtype))
        one, other = self.transform.values()
        joined = gate * one(first) + (1 - gate) * other(second)
        joined = zero_masked(joined, ops.logical_or(*there)[:, 0])
        if not return_gates:
            return joined
        weights = zip(self.transform, (gate, 1 - gate), there, strict=True)
        return joined, {m: zero_masked(weight, mask[:, 0]) for m, weight, mask in weights}

    def compute_output_shape(self, inputs_shape: Shapes) -> Shape:
        """(batch, units)."""
        first = next(iter(in_order(inputs_shape).values()))
        return (first[0], self.units or first[-1])

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "discrepancy_weight": self.discrepancy_weight,
            "kernels": self.kernels,
            "factor": self.factor,
        }


def _column(present: Tensor | None, x: Tensor) -> Tensor:
    """(batch, 1) bool, True throughout if nothing is said."""
    return ops.ones_like(x[:, :1], "bool") if present is None else present[:, None]
