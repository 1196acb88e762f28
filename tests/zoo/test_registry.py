"""What list_models finds."""

from pathlib import Path

import pytest

import keras_mer
from keras_mer import zoo
from keras_mer.zoo import registry


@pytest.fixture
def entries(home, write_entry):
    folder = home / "entries"
    write_entry(folder / "cmmsf_mosi", system="CMMSF", data="mosi")
    write_entry(folder / "msrg_meld", system="MSRG", data="meld", modalities=["text", "video"])
    recipe = {"config.json": b"{}", "recipe.toml": b""}
    write_entry(folder / "cmmsf_iemocap", recipe, system="CMMSF", data="iemocap")
    (folder / "no_entry").mkdir()
    (folder / ".hidden").mkdir()
    return folder


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["cmmsf_iemocap", "cmmsf_mosi", "msrg_meld"]),
        ({"pattern": "*MOSI*"}, ["cmmsf_mosi"]),
        ({"pattern": "mosi"}, []),
        ({"pretrained": True}, ["cmmsf_mosi", "msrg_meld"]),
        ({"pretrained": False}, ["cmmsf_iemocap"]),
        ({"system": "cmmsf"}, ["cmmsf_iemocap", "cmmsf_mosi"]),
        ({"data": "meld"}, ["msrg_meld"]),
        ({"modalities": "video"}, ["msrg_meld"]),
        ({"modalities": ["text"]}, ["cmmsf_iemocap", "cmmsf_mosi", "msrg_meld"]),
        ({"modalities": ["audio", "video"]}, []),
    ],
)
def test_filters(entries, options, names):
    assert zoo.list_models(**options) == names


def test_one_damaged_entry_does_not_hide_the_others(entries):
    (entries / "msrg_meld" / "metadata.json").write_text("{")
    with pytest.warns(UserWarning, match="left out of the list: .*msrg_meld.* not valid JSON"):
        assert zoo.list_models() == ["cmmsf_iemocap", "cmmsf_mosi"]


def test_a_folder_of_the_callers(tmp_path, write_entry):
    write_entry(tmp_path / "mine" / "a")
    assert zoo.list_models() == []
    assert zoo.list_models(source=tmp_path / "mine") == ["a"]
    assert zoo.list_models(source=tmp_path / "absent") == []


def test_the_entries_of_the_package_are_found(monkeypatch):
    monkeypatch.undo()
    package = Path(keras_mer.__file__).parent
    assert registry.installed() in (None, package / "entries", package.parent / "zoo")
