import numpy as np
import pytest

from keras_mer.data import Ragged


def rows():
    return Ragged.from_list([np.full((2, 3), 1.0), None, np.full(3, 2.0), np.full((4, 3), 3.0)])


def test_rows_come_back_as_they_went_in():
    ragged = rows()
    assert len(ragged) == 4
    assert ragged.dim == 3
    assert ragged.lengths.tolist() == [2, 0, 1, 4]
    assert ragged.values.dtype == np.float32
    assert ragged[1].shape == (0, 3)
    np.testing.assert_array_equal(ragged[-1], np.full((4, 3), 3.0))
    assert np.shares_memory(ragged[0], ragged.values)


@pytest.mark.parametrize("indices", [[3, 0, 3], [False, True, True, False], []])
def test_take_matches_one_by_one(indices):
    ragged = rows()
    chosen = np.arange(4)[np.array(indices, dtype=bool if True in indices else int)]
    taken = ragged.take(np.array(indices, dtype=bool if True in indices else int))
    assert len(taken) == len(chosen)
    for new, old in enumerate(chosen):
        np.testing.assert_array_equal(taken[new], ragged[old])


def test_truncated_keeps_the_first_steps():
    ragged = Ragged.from_list([np.arange(5.0)[:, None], np.arange(2.0)[:, None]])
    assert ragged.truncated(3).values[:, 0].tolist() == [0, 1, 2, 0, 1]


def test_only_missing_rows_need_a_width():
    assert Ragged.from_list([None, np.zeros((0, 0))], dim=7).dim == 7
    assert Ragged.from_list([np.zeros((0, 5)), None]).dim == 5
    with pytest.raises(ValueError, match="every row is missing: pass dim"):
        Ragged.from_list([None, None])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Ragged.from_list([np.ones((1, 3)), np.ones((2, 4))]),
            "row 1 is 4 wide; expected 3",
        ),
        (lambda: Ragged.from_list([np.ones((1, 2, 3))]), r"row 0 has the shape \(1, 2, 3\)"),
        (lambda: Ragged(np.ones((3, 2)), [0, 2]), "offsets that rise from 0 to the 3 steps"),
        (lambda: Ragged(np.ones((3, 2)), [0, 2, 1, 3]), "offsets that rise"),
        (lambda: Ragged(np.ones(3), [0, 3]), r"values of shape \(total_steps, dim\)"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
