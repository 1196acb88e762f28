import numpy as np
import pytest

from keras_mer.data import Dataset


@pytest.fixture
def ten_rows():
    """Ten rows of unequal length; row 3 lacks its audio."""
    generator = np.random.default_rng(0)
    lengths = [1, 5, 2, 9, 3, 3, 7, 1, 4, 2]
    return Dataset(
        {
            "audio": [generator.normal(size=(0 if i == 3 else 2, 4)) for i in range(10)],
            "text": [generator.normal(size=(length, 3)) for length in lengths],
        },
        np.linspace(-3, 3, 10),
        ["train"] * 6 + ["valid"] * 2 + ["test"] * 2,
        ids=[f"row{i}" for i in range(10)],
        groups=[f"video{i // 2}" for i in range(10)],
        transcripts=[f"said {i}" for i in range(10)],
        description={"name": "ten", "label_range": [-3, 3], "terms": "made up"},
    )
