"""Low-rank fusion: a linear map of the tensor fusion, never spread out."""

from typing import Any

import keras
from keras import ops

from keras_mer._types import Config, Shape, Shapes, Tensor, Tensors
from keras_mer.layers._masking import with_one
from keras_mer.layers._modalities import check_modalities, check_same_modalities, in_order
from keras_mer.layers._weighted import WeightedLayer, fresh


@keras.saving.register_keras_serializable(package="keras_mer")
class LowRankFusion(WeightedLayer):
    """A linear map of the outer product of all modalities, its weights of low rank.

        output = sum_r w_r prod_m ([1; h_m] F_m,r) + b

    The cost grows with the sum of the widths, where that of `TensorFusion` grows with
    their product. Drop it in where a model concatenates modalities and maps the result.

    Args:
        units: width of the output.
        rank: how many products are added up.
        **kwargs: initializers, regularizers and constraints of the factors F and weights w
            (`kernel_...`) and of b (`bias_...`), named as in `keras.layers.Dense`, and the
            arguments of every Keras layer.

    Call arguments:
        inputs: a dict of two or more modalities, each (batch, dim) or (batch, time, dim)
            float; the dims may differ.
        present: an optional dict of bool tensors, one per modality, of the inputs' shapes
            without the last axis: False where the modality is missing. Only its one is
            left of it then.

    Output:
        (batch, units), or (batch, time, units).

    Raises:
        ValueError: if the inputs are not a dict of two or more modalities, or not those
            the layer was built for.

    Example:

    >>> import numpy as np
    >>> inputs = {"text": np.ones((2, 4), "float32"), "audio": np.ones((2, 3), "float32")}
    >>> tuple(LowRankFusion(8, rank=3)(inputs).shape)
    (2, 8)

    Reference:
        Liu et al., Efficient low-rank multimodal fusion with modality-specific factors,
        ACL 2018, section 3. The weights w of the ranks are those of the authors' code.
    """

    def __init__(
        self, units: int, rank: int = 4, kernel_initializer: Any = "glorot_normal", **kwargs: Any
    ) -> None:
        super().__init__(kernel_initializer=kernel_initializer, **kwargs)
        for name, value in (("units", units), ("rank", rank)):
            if value < 1:
                raise ValueError(f"LowRankFusion needs {name} of 1 or more; received {value}")
        self.units = units
        self.rank = rank

    def build(self, inputs_shape: Shapes) -> None:
        """Creates the factors of every modality; row 0 of each multiplies the one."""
        check_modalities(inputs_shape, "LowRankFusion")
        self.factors = {
            m: self._kernel(f"factor_{m}", (shape[-1] + 1, self.rank * self.units))
            for m, shape in in_order(inputs_shape).items()
        }
        self.rank_weights = self._kernel("rank_weights", (self.rank, 1))
        self.bias = self.add_weight(
            (self.units,),
            name="bias",
            initializer=fresh(self.bias_initializer),
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )
        self.built = True

    def _kernel(self, name: str, shape: Shape) -> Any:
        return self.add_weight(
            shape,
            name=name,
            initializer=fresh(self.kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def call(self, inputs: Tensors, present: Tensors | None = None) -> Tensor:
        """Returns the fusion; see the class."""
        check_modalities(inputs, "LowRankFusion")
        check_same_modalities(inputs, self.factors, "LowRankFusion")
        present = present or {}
        product: Tensor = 1.0
        for m, factor in self.factors.items():
            product = product * ops.matmul(with_one(inputs[m], present.get(m)), factor)
        by_rank = ops.reshape(product, (*ops.shape(product)[:-1], self.rank, self.units))
        return ops.sum(by_rank * self.rank_weights, axis=-2) + self.bias

    def compute_output_shape(self, inputs_shape: Shapes) -> Shape:
        """(..., units)."""
        return (*next(iter(inputs_shape.values()))[:-1], self.units)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units, "rank": self.rank}
