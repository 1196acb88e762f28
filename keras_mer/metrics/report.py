"""The figures of a protocol for a set of predictions."""

from typing import Any

from keras_mer.metrics.protocols import find_protocol


def report(y_true: Any, y_pred: Any, protocol: str) -> dict[str, float]:
    """Scores predictions by the rules of a data set.

    The sentiment protocols follow MMSA to the last digit, without its rounding to four
    decimals; `PROTOCOLS` says what each figure means. A figure that is undefined is
    reported as 0.0: the correlation if the labels or the predictions are all equal, the
    non-zero figures if every label is zero, the F1 of a class that never occurs.

    Args:
        y_true: labels. Sentiment scores (n,) or (n, 1) float; or class ids (n,) or (n, 1),
            or one-hot rows (n, classes).
        y_pred: predictions, in the same forms; for classes also probabilities or logits
            (n, classes), of which the largest counts.
        protocol: one of `protocols()`. `"classes"` takes as many classes as `y_pred` has
            columns; of class ids alone, as many as the highest id tells.

    Returns:
        The figures by name, in the order in which they are usually given.

    Raises:
        ValueError: if the protocol is unknown; if the arrays are empty, of different
            lengths or of another shape, or hold NaN, infinity or an id that is no class.

    Example:

    >>> from keras_mer.metrics import report
    >>> figures = report([2.0, -1.0, 0.0], [1.6, -0.4, 0.2], protocol="mosi")
    >>> figures["non0_acc2"], figures["acc7"]
    (1.0, 0.6666666666666666)
    >>> report([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], protocol="classes")["ua"]
    0.75

    Reference:
        MMSA, https://github.com/thuiar/MMSA, for the sentiment protocols.
    """
    found = find_protocol(protocol)
    figures = found.rules.compute(y_true, y_pred)
    return {figure.name: figures[figure.name] for figure in found.figures}
