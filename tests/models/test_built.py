"""A model is whole when it is made: else Keras runs its layers one by one on JAX, every time."""

import pytest
from small_systems import SYSTEMS, small_system


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_part_is_left_to_be_built(name):
    assert [part.name for part in small_system(name)._flatten_layers() if not part.built] == []
