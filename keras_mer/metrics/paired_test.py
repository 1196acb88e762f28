"""Whether one system is better than another by more than chance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_mer.metrics._groups import GroupSums, batch_size, counts, group_sums


def paired_test(
    y_true: Any,
    runs: Sequence[Any],
    others: Sequence[Any],
    groups: Any,
    protocol: str,
    figure: str | None = None,
    resamples: int = 9999,
    seed: int = 0,
) -> float:
    """The p value of a two-sided permutation test of two systems on the same utterances.

    If neither is better, the predictions of any group of utterances might as well have come
    from the other system. So both systems' predictions of whole groups (videos, dialogues or
    speakers, as utterances in one are not independent) change places, at random or, for few
    groups, in every way there is; the p value is the share of these whose figures, each
    averaged over the runs, lie at least as far apart as the real ones. With `n` groups it is
    never less than 2 / 2**n.

    Args:
        y_true: labels, as in `report`.
        runs: predictions of one system as in `report`, one array per run.
        others: predictions of the other, as many.
        groups: (n,) the group of each utterance, numbers or strings.
        protocol: as in `report`.
        figure: one of the protocol's; the first by default.
        resamples: how many ways are drawn if there are more than that.
        seed: of the draws.

    Returns:
        The p value, not corrected for other tests; see `holm`.

    Raises:
        ValueError: if the systems have different numbers of runs; if there are none, or fewer
            than two groups; or as `report`.

    Example:

    >>> import numpy as np
    >>> from keras_mer.metrics import paired_test
    >>> labels = np.tile([0, 1], 20)
    >>> paired_test(labels, [labels], [np.zeros(40)], np.arange(40) // 8, "classes", "wa")
    0.0625
    """
    from scipy.stats import permutation_test

    if len(runs) != len(others):
        raise ValueError(
            f"as many runs of both systems are expected; received {len(runs)} and {len(others)}"
        )
    sums, other = (group_sums(y_true, each, groups, protocol, figure) for each in (runs, others))
    number = len(sums.rows)
    both = GroupSums(np.concatenate([sums.rows, other.rows]), sums.figure)

    def difference(one: np.ndarray, two: np.ndarray, axis: int = -1) -> np.ndarray:
        """Of the systems that have the predictions of these groups, numbered through both."""
        drawn = (np.moveaxis(each, axis, -1).astype(int) for each in (one, two))
        first, second = (both.score(counts(each, 2 * number)) for each in drawn)
        return first - second

    own = np.arange(number)
    result = permutation_test(
        (own, own + number),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=batch_size(2 * number),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
