"""Intervals and tests by groups: what they promise, on data made to know the answer."""

from itertools import product

import numpy as np
import pytest

from keras_mer.metrics import PROTOCOLS, confidence_interval, holm, paired_test, report
from keras_mer.metrics._groups import counts, group_sums

pytestmark = pytest.mark.once


def predictions(protocol, rows=60, seed=0):
    """Labels and the predictions of two runs, better than chance."""
    rng = np.random.default_rng(seed)
    if "mae" in [figure.name for figure in PROTOCOLS[protocol].figures]:
        y_true = np.round(rng.uniform(-1.2, 1.2, rows), 1).astype("float32")
        return y_true, [(y_true + rng.normal(size=rows)).astype("float32") for _ in range(2)]
    y_true = rng.integers(0, 3, rows)
    probabilities = rng.uniform(size=(2, rows, 8 if protocol == "ravdess" else 4))
    probabilities[:, np.arange(rows), y_true] += 0.4
    return y_true, list(probabilities)


@pytest.mark.parametrize("protocol", ["mosi", "sims", "iemocap4", "ravdess", "classes", "scores"])
def test_figures_of_sums_are_those_of_the_report(protocol):
    y_true, runs = predictions(protocol)
    groups = np.arange(60) // 10
    drawn = np.array([[0, 1, 2, 3, 4, 5], [0, 0, 3, 3, 3, 5], [2, 2, 2, 2, 2, 2]])
    for figure in PROTOCOLS[protocol].figures:
        sums = group_sums(y_true, runs, groups, protocol, figure.name)
        for chosen, score in zip(drawn, sums.score(counts(drawn, 6)), strict=True):
            rows = np.concatenate([np.flatnonzero(groups == group) for group in chosen])
            each = [report(y_true[rows], run[rows], protocol)[figure.name] for run in runs]
            assert score == pytest.approx(np.mean(each), abs=1e-6)


def test_undefined_figures_are_zero_as_in_the_report():
    still = np.zeros(4, "float32")
    for figure in ("non0_acc2", "non0_f1", "corr"):
        sums = group_sums(still, [still], [0, 0, 1, 1], "mosi", figure)
        assert sums.score(np.ones(2)) == report(still, still, "mosi")[figure] == 0


def correct_in_groups(rng, groups, mean, spread=15):
    """Labels and guesses that are right more often in some groups than in others."""
    sizes = rng.integers(8, 40, groups)
    share = rng.beta(mean * spread, (1 - mean) * spread, groups)
    group = np.repeat(np.arange(groups), sizes)
    y_true = rng.integers(0, 2, len(group))
    hit = rng.uniform(size=len(group)) < share[group]
    return y_true, np.where(hit, y_true, 1 - y_true), group


@pytest.mark.parametrize("groups", [10, 30])
def test_intervals_hold_what_they_say(groups):
    """Some 95 of 100 hold the truth; by utterances, as if these were independent, far fewer."""
    rng = np.random.default_rng(1)
    held, naive = [], []
    for _ in range(200):
        y_true, guess, group = correct_in_groups(rng, groups, 0.8)
        for kept, by in ((held, group), (naive, np.arange(len(group)))):
            low, high = confidence_interval(
                y_true, [guess], by, "classes", "wa", resamples=400, seed=len(kept)
            )
            kept.append(low < 0.8 < high)
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean(naive) < np.mean(held) - 0.05


def test_intervals_of_several_runs_are_of_their_mean():
    y_true, runs = predictions("mosi")
    low, high = confidence_interval(y_true, runs, np.arange(60) // 3, "mosi", "mae")
    assert low < np.mean([report(y_true, run, "mosi")["mae"] for run in runs]) < high
    wider = confidence_interval(y_true, runs, np.arange(60) // 3, "mosi", "mae", level=0.99)
    assert wider[0] < low
    assert wider[1] > high


def test_few_groups_are_enumerated():
    """All 2**6 ways of changing places, gone through by hand with the report."""
    y_true, runs = predictions("iemocap4", rows=30)
    others = predictions("iemocap4", rows=30, seed=7)[1]
    groups = np.array(list("abcdef")).repeat(5)

    def apart(swapped):
        rows = np.repeat(swapped, 5)[:, None]
        first = [np.where(rows, o, r) for r, o in zip(runs, others, strict=True)]
        second = [np.where(rows, r, o) for r, o in zip(runs, others, strict=True)]
        scores = [
            np.mean([report(y_true, run, "iemocap4")["ua"] for run in each])
            for each in (first, second)
        ]
        return scores[0] - scores[1]

    every = np.array([apart(np.array(way)) for way in product([False, True], repeat=6)])
    expected = np.mean(np.abs(every) >= abs(every[0]) - 1e-9)
    found = paired_test(y_true, runs, others, groups, "iemocap4")
    assert found == pytest.approx(expected)
    assert found == paired_test(y_true, others, runs, groups, "iemocap4")


def test_p_is_uniform_if_nobody_is_better():
    rng = np.random.default_rng(2)
    found = []
    for trial in range(300):
        y_true, guess, group = correct_in_groups(rng, 20, 0.7)
        other = np.where(rng.uniform(size=len(group)) < 0.8, guess, 1 - guess)
        swapped = (rng.uniform(size=20) < 0.5)[group]
        pair = [[np.where(swapped, other, guess)], [np.where(swapped, guess, other)]]
        found.append(paired_test(y_true, *pair, group, "classes", "wa", 199, trial))
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.07)


def test_a_better_system_is_found_and_the_same_one_is_not():
    rng = np.random.default_rng(3)
    y_true, guess, group = correct_in_groups(rng, 30, 0.8)
    worse = np.where(rng.uniform(size=len(group)) < 0.9, guess, 1 - guess)
    assert paired_test(y_true, [guess], [worse], group, "classes", "wa") < 0.01
    assert paired_test(y_true, [guess], [guess], group, "classes", "wa") == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


RUNS = [np.array([0, 1, 1])]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confidence_interval([0, 1, 1], [], "abc", "classes"), "one run or more"),
        (
            lambda: confidence_interval([0, 1, 1], RUNS, [1, 2], "classes"),
            r"one group for each of the 3 .* shape \(2,\)",
        ),
        (
            lambda: confidence_interval([0, 1, 1], RUNS, list("aaa"), "classes"),
            "two groups or more .* in 'a'",
        ),
        (
            lambda: confidence_interval([0, 1, 1], RUNS, list("aab"), "classes", "f1"),
            "no figure 'f1'; it has ua, wa",
        ),
        (
            lambda: confidence_interval([0, 1, 1], RUNS, list("aab"), "classes", level=95),
            "between 0 and 1; received 95",
        ),
        (
            lambda: paired_test([0, 1, 1], RUNS, RUNS * 2, list("aab"), "classes"),
            "received 1 and 2",
        ),
        (lambda: holm([0.5, 2]), "between 0 and 1; received 2.0 at 1"),
    ],
)
def test_names_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
