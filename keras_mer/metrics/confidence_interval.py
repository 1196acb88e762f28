"""How far a figure would move with other videos, dialogues or speakers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_mer.metrics._groups import batch_size, group_sums


def confidence_interval(
    y_true: Any,
    runs: Sequence[Any],
    groups: Any,
    protocol: str,
    figure: str | None = None,
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
) -> tuple[float, float]:
    """A bootstrap interval of a figure, averaged over runs, by groups of utterances.

    Utterances of one video, dialogue or speaker resemble each other, so whole groups are drawn,
    with replacement. The quantiles are the expanded ones of Hesterberg, since the plain ones are
    too narrow for few groups. The runs are taken as they are: what other seeds would give is not
    in the interval.

    Args:
        y_true: labels, as in `report`.
        runs: predictions as in `report`, one array per run.
        groups: (n,) the group of each utterance, numbers or strings.
        protocol: as in `report`.
        figure: one of the protocol's; the first by default.
        level: of confidence, between 0 and 1.
        resamples: how many times the groups are drawn.
        seed: of the draws.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: if there are no runs or fewer than two groups, `level` is not between 0 and
            1, or `resamples` is less than 1; or as `report`.

    Example:

    >>> import numpy as np
    >>> from keras_mer.metrics import confidence_interval
    >>> labels = np.tile([0, 1], 50)
    >>> guesses = np.where(np.arange(100) % 5, labels, 1 - labels)
    >>> low, high = confidence_interval(labels, [guesses], np.arange(100) // 4, "classes", "wa")
    >>> bool(low < 0.8 < high)
    True

    Reference:
        Hesterberg, What teachers should know about the bootstrap, The American Statistician
        69, 2015, 371-386, section 5.3.
    """
    from scipy.stats import norm, t

    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1; received {level}")
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more; received {resamples}")
    sums = group_sums(y_true, runs, groups, protocol, figure)
    number, rng = len(sums.rows), np.random.default_rng(seed)
    scores = []
    for start in range(0, resamples, batch_size(number)):
        size = min(batch_size(number), resamples - start)
        drawn = rng.multinomial(number, np.full(number, 1 / number), size=size)
        scores.append(sums.score(drawn.astype("float64")))
    widened = t.ppf((1 - level) / 2, number - 1) * np.sqrt(number / (number - 1))
    tail = norm.cdf(widened)
    low, high = np.quantile(np.concatenate(scores), [tail, 1 - tail])
    return float(low), float(high)
