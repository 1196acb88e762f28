"""The maximum mean discrepancy, as a loss."""

from typing import Any

import keras

from keras_mer._types import Config, Tensor
from keras_mer.layers._discrepancy import mean_discrepancy


@keras.saving.register_keras_serializable(package="keras_mer")
class MultiKernelMMD(keras.losses.Loss):
    """How different the distributions are of which two sets of vectors are samples.

        D_ij = |x_i - x_j|^2 over the rows of both sets together, n of them
        b = sum_ij D_ij / (n^2 - n) / factor^(kernels // 2)        no gradient
        K_ij = sum_k exp( -D_ij / (b factor^k) ),  k = 0 .. kernels - 1
        loss = mean( K_ss + K_tt - K_st - K_ts )

    It is 0, with a gradient of 0, where all rows are equal.

    Args:
        kernels: number of Gaussian kernels.
        factor: ratio between the widths of neighbouring kernels.
        name: name of the loss.
        dtype: kept for Keras; the loss is computed in float32.

    Call arguments:
        y_true: (batch, dim) float, one set.
        y_pred: (batch, dim) float, the other.
        sample_weight: (batch,) how much each row counts, in both sets alike; 0 leaves it
            out. The loss is that of the weighted sets, not a weighted sum.

    Output:
        A scalar.

    Example:

    >>> import numpy as np
    >>> x = np.arange(6.0, dtype="float32").reshape(3, 2)
    >>> loss = MultiKernelMMD()
    >>> abs(float(loss(x, x))) < 1e-6, float(loss(x, x + 9)) > 0.5
    (True, True)

    Reference:
        Gretton et al., JMLR 13, 2012; with several kernels, Long et al., ICML 2015.
    """

    def __init__(
        self,
        kernels: int = 5,
        factor: float = 2.0,
        name: str = "multi_kernel_mmd",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction="none", dtype=dtype)
        if kernels < 1 or not factor > 0:
            raise ValueError(
                "MultiKernelMMD needs 1 kernel or more and a factor above 0; received "
                f"kernels={kernels}, factor={factor}"
            )
        self.kernels = kernels
        self.factor = factor

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Any = None) -> Tensor:
        """Returns the loss; see the class."""
        y_true = keras.ops.convert_to_tensor(y_true)
        y_pred = keras.ops.convert_to_tensor(y_pred)
        if sample_weight is not None:
            sample_weight = keras.ops.reshape(keras.ops.convert_to_tensor(sample_weight), (-1,))
        return mean_discrepancy(y_true, y_pred, sample_weight, self.kernels, self.factor)

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {"kernels": self.kernels, "factor": self.factor, "name": self.name}
