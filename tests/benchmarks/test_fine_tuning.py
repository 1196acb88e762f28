import numpy as np
import pytest

from benchmarks.fine_tuning import fraction_of, nested_rows, report
from keras_mer.data import Dataset

pytestmark = pytest.mark.once


def test_fractions_are_nested_stratified_and_of_their_seed():
    labels = np.repeat([0, 1, 2], [100, 40, 3])
    small, large, other = (nested_rows(labels, *drawn) for drawn in ((5, 1), (20, 1), (20, 2)))
    assert set(small) < set(large)
    assert np.bincount(labels[small]).tolist() == [5, 2, 1]
    assert np.bincount(labels[large]).tolist() == [20, 8, 1]
    assert set(large) != set(other)
    assert nested_rows(labels, 100, 1).tolist() == list(range(143))


def test_validation_and_test_part_stay_whole():
    splits = ["valid"] * 6 + ["train"] * 40 + ["test"] * 4
    data = Dataset({"audio": np.ones((50, 1))}, np.arange(50) % 2, splits)
    part = fraction_of(data, 10, 1)
    assert part.counts == {"train": 4, "valid": 6, "test": 4}
    assert set(part.ids) < set(data.ids)


def test_the_gain_is_that_of_each_seed(capsys):
    def runs(*values):
        return [{"test": {"ua": value}, "rows": 7} for value in values]

    table = report({"5": {"further": runs(0.5, 0.7), "scratch": runs(0.4, 0.6)}}, ["ua"])
    assert table["5"]["ua"]["gain"] == {"mean": pytest.approx(0.1), "deviation": pytest.approx(0)}
    assert "5 % of the training part, 7 rows" in capsys.readouterr().out
