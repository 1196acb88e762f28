"""What users rely on where something was killed: no half of a file, and no rubbish for ever."""

import os
import time

import pytest

from keras_mer._files import folder_written_aside, is_leftover, written_aside

pytestmark = pytest.mark.once
NAME = f".{'0' * 32}-corpus"


def test_what_fails_leaves_nothing(tmp_path):
    def fail(writer):
        with writer(tmp_path / "corpus") as aside:
            assert is_leftover(aside)
            raise RuntimeError

    for writer in (written_aside, folder_written_aside):
        with pytest.raises(RuntimeError):
            fail(writer)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("hours", "stays"), [(30, False), (1, True)])
def test_a_killed_writers_folder_goes_after_a_day(tmp_path, hours, stays):
    left = tmp_path / NAME
    left.mkdir()
    (left / "values.text.npy").write_bytes(b"half")
    begun, written = time.time() - 90 * 3600, time.time() - hours * 3600
    os.utime(left / "values.text.npy", (written, written))
    os.utime(left, (begun, begun))  # a folder's own time is when its files were made
    with folder_written_aside(tmp_path / "corpus") as aside:
        (aside / "whole").touch()
    assert left.exists() == stays
    assert (tmp_path / "corpus" / "whole").exists()
