"""`keras-mer export`: an entry on its way to another runtime, by the command line."""

import json

import pytest
from typer.testing import CliRunner

from keras_mer import models, zoo
from keras_mer.cli import app

pytestmark = pytest.mark.once


@pytest.fixture
def entry(tmp_path):
    model = models.MCIHN({"text": 4, "audio": 3}, 4, 4, 2, outputs=2)
    return zoo.save_entry(model, tmp_path / "mine", task="classification", label_names=["a", "b"])


def test_the_file_and_what_it_is_are_written_and_named(entry, tmp_path):
    path = tmp_path / "mine.pt2"
    done = CliRunner().invoke(app, ["export", str(entry), str(path), "--format", "torch"])
    assert done.exit_code == 0, done.output
    assert f"wrote {path}" in done.output.replace("\n", "")
    assert path.is_file()
    assert json.loads(path.with_suffix(".json").read_text())["label_names"] == ["a", "b"]


def test_what_cannot_be_is_one_sentence_and_leaves_nothing(entry, tmp_path):
    path = tmp_path / "mine.tflite"
    done = CliRunner().invoke(app, ["export", str(entry), str(path), "--format", "litert"])
    assert done.exit_code == 1
    assert "KERAS_BACKEND=tensorflow" in done.output
    assert not path.exists()
