"""What is timed are rows that the command really scores."""

import sys
from pathlib import Path

import pytest

from keras_mer import Predictor
from keras_mer.data import read

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.throughput import exponent, sentences, utterances

pytestmark = pytest.mark.once


def test_sentences_are_lines_that_differ(tmp_path):
    lines = sentences(tmp_path / "lines", 50, "cmmsf_mosi").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 50


def test_utterances_are_scored_without_an_error(tmp_path):
    folder = utterances(tmp_path / "corpus", 3, "cmmsf_mosi")
    predictor = Predictor("cmmsf_mosi")
    rows = predictor.rows_of(read(folder))
    assert [p.error for p in predictor.predict_many(rows)] == [None] * 3


def test_the_exponent_of_time_in_proportion_is_one():
    found = [{"rows": rows, "processor_seconds": 0.1 * rows} for rows in (10, 1000)]
    assert exponent(found) == pytest.approx(1)
