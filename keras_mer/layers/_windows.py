"""Square windows on a grid of tokens, as shifted-window attention needs them."""

import numpy as np
from keras import ops

from keras_mer._types import Tensor


def to_windows(grid: Tensor, window: int) -> Tensor:
    """(batch, height, width, dim) to (batch, windows, window * window, dim), row by row."""
    _, height, width, dim = grid.shape
    rows, columns = height // window, width // window
    x = ops.reshape(grid, (-1, rows, window, columns, window, dim))
    return ops.reshape(
        ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, rows * columns, window * window, dim)
    )


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """(batch, windows, window * window, dim) back to (batch, height, width, dim)."""
    _, _, tokens, dim = windows.shape
    side = round(tokens**0.5)
    x = ops.reshape(windows, (-1, height // side, width // side, side, side, dim))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, dim))


def shift_zones(height: int, width: int, window: int, shift: int) -> np.ndarray:
    """Which tokens were neighbours before a grid was rolled by `shift`.

    Returns:
        (windows, window * window) int32. Tokens of a window that differ in their zone come
        from opposite sides of the roll and must not see one another.
    """

    def zones(side: int) -> np.ndarray:
        return np.digitize(np.arange(side), [side - window, side - shift])

    grid = 3 * zones(height)[:, None] + zones(width)[None, :]
    grid = grid.reshape(height // window, window, width // window, window)
    return grid.transpose(0, 2, 1, 3).reshape(-1, window * window).astype("int32")


def blocked_pairs(zones: Tensor) -> Tensor:
    """(windows, tokens, tokens) bool from zones (windows, tokens): True where they differ."""
    return ops.not_equal(ops.expand_dims(zones, 2), ops.expand_dims(zones, 1))


def log_coordinates(window: int) -> np.ndarray:
    """Every difference of places in a window, on the logarithmic scale of Swin V2.

    Returns:
        (2 * window - 1, 2 * window - 1, 2) float32: of rows and of columns.
    """
    steps = np.arange(1 - window, window, dtype="float32") / max(window - 1, 1) * window
    table = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    return (np.sign(table) * np.log2(1 + np.abs(table)) / np.log2(8)).astype("float32")


def relative_index(window: int) -> np.ndarray:
    """(tokens, tokens) int32: the row of `log_coordinates`, flattened, for every two tokens."""
    places = np.stack(np.divmod(np.arange(window * window), window), axis=-1)
    row, column = np.moveaxis(places[:, None] - places[None, :] + window - 1, -1, 0)
    return (row * (2 * window - 1) + column).astype("int32")
