"""P values of several tests, corrected for there being several."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects the p values of several tests, so that even one false alarm is as rare as said.

    Args:
        p_values: one per test, between 0 and 1.

    Returns:
        The corrected ones in the same order, each between 0 and 1.

    Raises:
        ValueError: if a value is not between 0 and 1.

    Example:

    >>> from keras_mer.metrics import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Reference:
        Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
        Statistics 6, 1979, 65-70.
    """
    values = np.asarray(p_values, "float64")
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        raise ValueError(
            f"p values lie between 0 and 1; received {values[wrong][0]} at {int(wrong.argmax())}"
        )
    order = np.argsort(values)
    remaining = len(values) - np.arange(len(values))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * remaining), 1)
    return corrected.tolist()
