"""The maximum mean discrepancy between two sets of vectors."""

from keras import ops

from keras_mer._types import Tensor


def mean_discrepancy(
    source: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    kernels: int = 5,
    factor: float = 2.0,
) -> Tensor:
    """MMD^2 with a sum of Gaussian kernels, 0 where all rows are equal.

        D_ij = |x_i - x_j|^2 over the rows of source and target together, n of them
        b = sum_ij D_ij / (n^2 - n) / factor^(kernels // 2)        no gradient
        K_ij = sum_k exp( -D_ij / (b factor^k) ),  k = 0 .. kernels - 1
        MMD^2 = mean( K_ss + K_tt - K_st - K_ts )

    Args:
        source: (batch, dim) float.
        target: (batch, dim) float.
        weight: (batch,) how much each row counts in both; 0 or False leaves it out,
            whatever it holds.
        kernels: number of kernels.
        factor: ratio between the widths of neighbouring kernels.

    Returns:
        A float32 scalar; 0 where no row counts.
    """
    x = ops.cast(ops.concatenate([source, target], axis=0), "float32")
    if weight is None:
        weight = ops.ones_like(x[: ops.shape(source)[0], 0])
    weight = ops.cast(ops.concatenate([weight, weight], axis=0), "float32")
    x = ops.where(ops.expand_dims(weight > 0, -1), x, 0.0)
    total = ops.maximum(ops.sum(weight), 1e-12)
    share = weight / total
    # Distances do not change with the origin, but their rounding does.
    centre = ops.stop_gradient(ops.einsum("i,id->d", share, x))
    scale = ops.einsum("i,id->", share, ops.square(x))
    x = x - centre
    squares = ops.sum(ops.square(x), axis=-1)
    distance = squares[:, None] + squares[None, :] - 2 * ops.matmul(x, ops.transpose(x))
    pairs = weight[:, None] * weight[None, :]
    others = ops.maximum(ops.square(total) - ops.sum(ops.square(weight)), 1e-12)
    width = ops.sum(distance * pairs) / others / factor ** (kernels // 2)
    # Rows that differ by rounding alone are equal.
    width = ops.stop_gradient(ops.maximum(width, 1e-10 * scale + 1e-30))
    kernel = sum(ops.exp(-distance / (width * factor**k)) for k in range(kernels))
    sign = ops.concatenate([ops.ones_like(source[:, 0]), -ops.ones_like(target[:, 0])], axis=0)
    sign = 2 * share * ops.cast(sign, "float32")
    return ops.einsum("i,ij,j->", sign, kernel, sign)
