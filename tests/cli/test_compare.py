"""`keras-mer compare`: the table, the files, and errors in a line."""

import json

import numpy as np
import pytest
from generated import RECIPE, dataset, toml
from typer.testing import CliRunner

from keras_mer.cli import app

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data and a recipe without a model."""
    folder = tmp_path_factory.mktemp("compare")
    data = dataset()
    data.groups = np.array([f"video {row // 4}" for row in range(len(data))])
    data.save(folder / "data.npz")
    recipe = {name: part for name, part in RECIPE.items() if name != "model"}
    recipe["training"] = {**recipe["training"], "epochs": 1}
    (folder / "recipe.toml").write_text(toml(recipe))
    return folder


def run(place, *arguments):
    given = ["compare", "--data", place / "data.npz", "--runs", place / "runs", *arguments]
    return CliRunner().invoke(app, [str(argument) for argument in given])


def test_a_table_and_two_files(place):
    recipe = ("--recipe", place / "recipe.toml")
    systems = ("--systems", "mean, linear,early-fusion", "--seeds", 2)
    result = run(place, *systems, *recipe, "--against", "mean", "--out", place / "out")
    assert result.exit_code == 0, result.stderr
    names = [line.split()[0] for line in result.stdout.splitlines() if "–" in line]
    assert names == ["mean", "linear", "early-fusion"]
    assert "generated, generated, text + audio: test part, 24 utterances in 6 groups" in (
        result.stdout
    )
    assert "- 6 test groups are few" in result.stdout
    content = json.loads((place / "out" / "comparison.json").read_text())
    assert content["against"] == "mean"
    assert [len(system["runs"]) for system in content["systems"]] == [1, 1, 2]
    assert (place / "out" / "comparison.md").read_text(encoding="utf-8").startswith("# generated")
    again = run(place, *systems, *recipe, "--against", "mean")
    assert again.stdout.splitlines()[-4:] == result.stdout.splitlines()[-5:-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--systems", "linear,lenear"], "there is no system 'lenear'; did you mean 'linear'?"),
        (["--systems", "linear,foalnet"], "foalnet: it predicts classes; the labels are scores"),
        (["--split", "official"], "npz has no option split"),
        (["--recipe", "x.toml", "--format", "npz"], "leave out --format, --split and --option"),
        (["--modalities", "text,video"], "received the modalities text, video"),
    ],
)
def test_errors_are_a_line(place, arguments, message):
    result = run(place, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
