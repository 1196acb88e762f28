"""Mask-gated fusion, the MGF module of CM-MSF."""

from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._masking import zero_masked
from keras_mer.layers._modalities import (
    check_modalities,
    check_same_modalities,
    in_order,
    modality_order,
)
from keras_mer.layers._weighted import WeightedLayer, fresh

MASKS = ("hard", "soft", None)


@keras.saving.register_keras_serializable(package="keras_mer")
class MaskGatedFusion(WeightedLayer):
    """Joins modalities after letting a mask and a gate decide what passes of each.

    With U_m the vector of modality m and c = [U_1; U_2; ...]:

        g_m = sigmoid(W_g,m c + b_g,m)                     the gate, which sees all
        p_m = sigmoid(W_k,m U_m + b_k,m)                   how likely a feature is kept
        k_m = 1[p_m > 0.5] + p_m - stop_gradient(p_m)      the mask, straight-through
        F_m = k_m * g_m * tanh(W_m U_m + b_m)

    and the output is [F_1; F_2; ...]. The soft mask is k_m = p_m. Drop it in where a
    model concatenates modalities.

    Args:
        units: features per modality in the output.
        mask: `"hard"`, `"soft"`, or `None` for no mask (k_m = 1).
        gate: whether to gate; without it g_m = 1.
        return_gates: whether to return the gates and masks beside the fusion.
        mask_bias_initializer: initializer of b_k. The default opens every hard mask at
            the start: a feature has to be found useless before it is shut.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, dim) or
            (batch, time, dim) float; the dims may differ.
        present: an optional dict of bool tensors, one per modality, of the inputs' shapes
            without the last axis: False where the modality is missing. It then adds
            nothing, whatever the input holds.

    Output:
        (batch, modalities * units), or (batch, time, modalities * units), in the order
        text, audio, video, then by the alphabet. With `return_gates=True` a tuple of it
        and a dict {modality: {"gate": g_m, "mask": k_m}}, each (..., units).

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, or not those
            the layer was built for.

    Example:

    >>> import numpy as np
    >>> fusion = MaskGatedFusion(8)
    >>> inputs = {"text": np.ones((2, 4), "float32"), "audio": np.ones((2, 3), "float32")}
    >>> tuple(fusion(inputs).shape)
    (2, 16)

    Reference:
        Xu and Gao, Mathematical Biosciences and Engineering 21(2), 2024, 2488-2514. The
        paper's abstract names masking and gating vectors; these equations are a reading
        of the abstract.
    """

    def __init__(
        self,
        units: int,
        mask: Literal["hard", "soft"] | None = "hard",
        gate: bool = True,
        return_gates: bool = False,
        mask_bias_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"MaskGatedFusion needs units of 1 or more; received {units}")
        if mask not in MASKS:
            raise ValueError(f"MaskGatedFusion knows the masks {MASKS}; received {mask!r}")
        self.units = units
        self.mask = mask
        self.gate = gate
        self.return_gates = return_gates
        self.mask_bias_initializer = keras.initializers.get(mask_bias_initializer)

    def build(self, inputs_shape: Shapes) -> None:
        """Builds the maps of every modality."""
        check_modalities(inputs_shape, "MaskGatedFusion")
        shapes = in_order(inputs_shape)
        self.modalities = list(shapes)
        self.transform = {m: self._map(f"transform_{m}", s) for m, s in shapes.items()}
        self.keep = {
            m: self._map(f"keep_{m}", s, bias_initializer=fresh(self.mask_bias_initializer))
            for m, s in shapes.items()
            if self.mask is not None
        }
        joined = (None, sum(s[-1] for s in shapes.values()))
        self.gates = {m: self._map(f"gate_{m}", joined) for m in self.modalities if self.gate}
        self.built = True

    def _map(self, name: str, shape: Shape, **options: Any) -> Any:
        return self.built_dense(name, self.units, shape, **options)

    def call(self, inputs: Tensors, present: Tensors | None = None) -> Any:
        """Returns the fusion; see the class."""
        check_modalities(inputs, "MaskGatedFusion")
        check_same_modalities(inputs, self.modalities, "MaskGatedFusion")
        present = present or {}
        vectors = {m: zero_masked(inputs[m], present.get(m)) for m in self.modalities}
        joined = ops.concatenate(list(vectors.values()), axis=-1)
        gates = {m: self._gates(m, joined, vectors[m]) for m in self.modalities}
        parts = []
        for m, vector in vectors.items():
            part = ops.tanh(self.transform[m](vector))
            for factor in gates[m].values():
                part = part * factor
            parts.append(zero_masked(part, present.get(m)))
        fused = ops.concatenate(parts, axis=-1)
        return (fused, gates) if self.return_gates else fused

    def _gates(self, modality: str, joined: Tensor, vector: Tensor) -> dict[str, Tensor]:
        """The gate and the mask of a modality, those of them that are in use."""
        gates = {}
        if self.gate:
            gates["gate"] = ops.sigmoid(self.gates[modality](joined))
        if self.mask is not None:
            kept = ops.sigmoid(self.keep[modality](vector))
            if self.mask == "hard":
                step = ops.cast(kept > 0.5, kept.dtype)
                kept = ops.stop_gradient(step - kept) + kept
            gates["mask"] = kept
        return gates

    def compute_output_shape(self, inputs_shape: Shapes) -> Any:
        """(..., modalities * units), with the shapes of the gates if they are returned."""
        leading = tuple(next(iter(inputs_shape.values()))[:-1])
        fused = (*leading, len(inputs_shape) * self.units)
        if not self.return_gates:
            return fused
        used = [name for name, on in (("gate", self.gate), ("mask", self.mask)) if on]
        each = dict.fromkeys(used, (*leading, self.units))
        return fused, {m: dict(each) for m in modality_order(inputs_shape)}

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "mask": self.mask,
            "gate": self.gate,
            "return_gates": self.return_gates,
            "mask_bias_initializer": keras.saving.serialize_keras_object(
                self.mask_bias_initializer
            ),
        }
