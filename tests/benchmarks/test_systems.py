"""The benchmark command, on two rows of a few steps; what it measures is not looked at."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.interleaved import TOLERANCE  # noqa: E402
from benchmarks.scaling import exponent  # noqa: E402


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.mark.once
@pytest.mark.slow
def test_every_form_of_a_system_gives_what_plain_pytorch_gives(tmp_path):
    """A benchmark of two networks that are not the same would say nothing."""
    options = ["--quick", "--systems", "cmmsf", "--backends", "torch", "--rounds", 1]
    done = run(*options, "--out", tmp_path)
    assert not done.returncode, done.stderr
    written = json.loads((tmp_path / "speed.json").read_text())
    assert written["complete"]
    (found,) = written["results"]
    assert found["label"]["system"] == "cmmsf"
    assert set(found["differences"]) == {"plain PyTorch", "torch"}
    assert max(found["differences"].values()) <= TOLERANCE
    for contender in found["contenders"].values():
        assert set(contender["times"]) == {"train", "predict"}
        assert all(len(seconds) == 1 for seconds in contender["times"].values())
        assert contender["memory"]["peak"] >= contender["memory"]["before"] > 0
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.once
def test_an_unknown_system_is_named_beside_the_known_ones():
    done = run("--systems", "cmmsf,emonet")
    assert done.returncode == 2
    assert "--systems knows cmmsf, msrg" in done.stderr
    assert "received emonet" in done.stderr


@pytest.mark.once
def test_the_exponent_is_the_slope_of_the_logarithms_where_the_constant_cost_is_small():
    values = [1, 2, 4, 8]
    assert exponent(values, [3 * v**2 for v in values]) == pytest.approx(2)
    assert exponent(values, [9, 9, 18, 36]) == pytest.approx(1)
    assert exponent(values, [1, 1, 0, 1]) is None
    assert exponent([4], np.array([1.0])) is None
