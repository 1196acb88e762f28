"""An entry in int8: figures of both precisions, and an entry like any other."""

import pytest
from generated import dataset, train_and_publish
from typer.testing import CliRunner

from keras_mer import zoo
from keras_mer.cli import app
from keras_mer.training import entry_data, evaluate, quantize_entry

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    return train_and_publish(tmp_path_factory.mktemp("runs"), (2, 3))[1]


def test_both_figures_stand_in_the_new_entry_and_are_those_of_its_weights(entry, tmp_path):
    folder = quantize_entry(entry, tmp_path / "small", dataset())
    zoo.verify(folder)
    said, of_entry = zoo.metadata(folder), zoo.metadata(entry)
    assert said["quantized"] == "int8"
    assert said["published_seed"] == of_entry["published_seed"]
    assert said["trained_modalities"] == of_entry["trained_modalities"]
    for name, expected in (
        (entry, said["float32"]["metrics"]),
        (folder, {figure: value["mean"] for figure, value in said["metrics"].items()}),
    ):
        found = evaluate(zoo.load(name), entry_data(name, dataset()), "test", "mosi")
        assert found == pytest.approx(expected, abs=1e-6)
    assert said["float32"]["bytes"] == (entry / "model.weights.h5").stat().st_size
    assert "in float32" in str(zoo.card(folder))


def test_the_command_needs_no_data_and_keeps_what_is_there(entry, tmp_path):
    folder = tmp_path / "small"
    done = CliRunner().invoke(app, ["quantize", str(entry), str(folder)])
    assert done.exit_code == 0, done.output
    assert f"wrote {folder}" in done.output.replace("\n", "")
    assert "metrics" not in zoo.metadata(folder) or not zoo.metadata(folder)["metrics"]
    again = CliRunner().invoke(app, ["quantize", str(entry), str(folder)])
    assert again.exit_code == 1
    assert "is an entry already" in again.output.replace("\n", " ")
    twice = CliRunner().invoke(app, ["quantize", str(folder), str(tmp_path / "smaller")])
    assert twice.exit_code == 1
    assert "in int8 already" in twice.output.replace("\n", " ")
    assert not (tmp_path / "smaller").exists()
