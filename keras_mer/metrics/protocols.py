"""The protocols by name: which figures a data set is reported in, and what they mean."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from keras_mer.metrics._classes import class_figures, class_sums
from keras_mer.metrics._sentiment import (
    score_figures,
    score_sums,
    seven_point_figures,
    seven_point_sums,
    unit_interval_figures,
    unit_interval_sums,
)
from keras_mer.metrics._sums import Sums


@dataclass(frozen=True)
class Figure:
    """One number of a report.

    Attributes:
        name: its key in what `keras_mer.metrics.report` returns.
        meaning: how it is computed, in a sentence.
        higher_is_better: whether a better model has more of it.
    """

    name: str
    meaning: str
    higher_is_better: bool = True


@dataclass(frozen=True)
class Rules:
    """How figures are computed from labels and predictions, which are checked.

    Attributes:
        compute: the figures by name.
        sums: the figures by name, as functions of sums over utterances.
    """

    compute: Callable[[Any, Any], dict[str, float]]
    sums: Callable[[Any, Any], dict[str, Sums]]


@dataclass(frozen=True)
class Protocol:
    """How the predictions for a data set are scored.

    Attributes:
        name: what `keras_mer.metrics.report` calls it.
        about: the data set and the source of the rules.
        figures: what is reported, the one usually given first in front.
        rules: how the figures are computed.
    """

    name: str
    about: str
    figures: tuple[Figure, ...]
    rules: Rules

    @property
    def first(self) -> Figure:
        """The figure that is reported first."""
        return self.figures[0]

    def figure(self, name: str) -> Figure:
        """The figure of that name.

        Raises:
            ValueError: if the protocol has none.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        known = ", ".join(figure.name for figure in self.figures)
        raise ValueError(f"the protocol {self.name} has no figure {name!r}; it has {known}")


MAE = Figure("mae", "mean absolute error", higher_is_better=False)
CORR = Figure("corr", "Pearson correlation of predictions and labels")

SEVEN_POINT = (
    Figure("non0_acc2", "accuracy of positive against negative, neutral labels (0) left out"),
    Figure("non0_f1", "weighted F1 of positive against negative, neutral labels (0) left out"),
    Figure("has0_acc2", "accuracy of non-negative (0 included) against negative, all utterances"),
    Figure("has0_f1", "weighted F1 of non-negative (0 included) against negative, all utterances"),
    Figure("acc7", "accuracy of the scores clipped to [-3, 3] and rounded, half to even"),
    Figure("acc5", "accuracy of the scores clipped to [-2, 2] and rounded, half to even"),
    MAE,
    CORR,
)

UNIT_INTERVAL = (
    Figure("acc2", "accuracy of two classes, [-1, 0] and (0, 1]"),
    Figure("acc3", "accuracy of three classes, cut at -0.1 and 0.1, closed on the right"),
    Figure("acc5", "accuracy of five classes, cut at -0.7, -0.1, 0.1, 0.7, closed on the right"),
    Figure("f1", "weighted F1 of the two classes of acc2"),
    MAE,
    CORR,
)

UA = Figure("ua", "unweighted accuracy: the mean recall of the classes that occur")
WA = Figure("wa", "weighted accuracy: the share of utterances classified correctly")
WEIGHTED_F1 = Figure("weighted_f1", "F1 of the classes, weighted by their share of the utterances")
MACRO_F1 = Figure("macro_f1", "mean F1 of all classes, 0 for one that never occurs")

RECALL_FIRST = (UA, WA, WEIGHTED_F1, MACRO_F1)
F1_FIRST = (WEIGHTED_F1, WA, UA, MACRO_F1)


SEVEN_POINT_RULES = Rules(seven_point_figures, seven_point_sums)
UNIT_INTERVAL_RULES = Rules(unit_interval_figures, unit_interval_sums)


def classes(num_classes: int | None) -> Rules:
    """The figures of that many classes; `None` takes as many as are predicted."""
    return Rules(
        partial(class_figures, num_classes=num_classes),
        partial(class_sums, num_classes=num_classes),
    )


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("mosi", "CMU-MOSI, sentiment as in MMSA", SEVEN_POINT, SEVEN_POINT_RULES),
        Protocol("mosei", "CMU-MOSEI, sentiment as in MMSA", SEVEN_POINT, SEVEN_POINT_RULES),
        Protocol("sims", "CH-SIMS, sentiment as in MMSA", UNIT_INTERVAL, UNIT_INTERVAL_RULES),
        Protocol("iemocap4", "IEMOCAP, four emotions", RECALL_FIRST, classes(4)),
        Protocol("iemocap6", "IEMOCAP, six emotions", F1_FIRST, classes(6)),
        Protocol("meld", "MELD, seven emotions", F1_FIRST, classes(7)),
        Protocol("emodb", "EMO-DB, seven emotions", RECALL_FIRST, classes(7)),
        Protocol("ravdess", "RAVDESS, eight emotions", RECALL_FIRST, classes(8)),
        Protocol("classes", "any classes, as many as are predicted", RECALL_FIRST, classes(None)),
        Protocol("scores", "scores of any range", (MAE, CORR), Rules(score_figures, score_sums)),
    )
}
"""Every protocol by its name."""


def protocols() -> list[str]:
    """The names that `keras_mer.metrics.report` accepts.

    Example:

    >>> from keras_mer.metrics import PROTOCOLS, protocols
    >>> protocols()[:3]
    ['mosi', 'mosei', 'sims']
    >>> PROTOCOLS["mosi"].first.name
    'non0_acc2'
    """
    return list(PROTOCOLS)


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ValueError: if there is none; the message suggests the nearest.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    nearest = difflib.get_close_matches(str(name).lower(), PROTOCOLS, n=1)
    suggestion = f'did you mean "{nearest[0]}"? ' if nearest else ""
    raise ValueError(
        f"unknown protocol {name!r}; {suggestion}The protocols are {', '.join(PROTOCOLS)}"
    )
